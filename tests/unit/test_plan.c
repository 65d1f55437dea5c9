// The plan file: what is written is read back, and nothing damaged or inconsistent is accepted.
//
// Damage without a matching checksum must always be refused; for mutations "by a hostile author" the test
// repairs the checksums, and then the verification of the contents has to refuse, or the change is harmless.
#include "tests/op/harness.h"
#include "tests/support/plan_repair.h"
#include "tests/unit/plan_example.h"

#include "tools/report/report.h"
#include "wan/wan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTIONS = PLAN_SECTION_KINDS - 1 };

static struct arena arena;
static unsigned char
    *good; // the bytes of a plan of two programs with one operator of most kinds in each variant
static size_t good_size;

// Writes a plan and takes its bytes back, in memory that `free` returns.
static unsigned char *bytes_of(struct plan_writer *w, size_t *size) {
    struct error err = {0};
    const char *path = test_path();
    if (!plan_writer_save(w, path, &err)) fail_msg("%s", err.message);
    struct file_map map;
    assert_true(file_map_open(&map, path, 0, &err));
    unsigned char *data = malloc(map.size);
    assert_non_null(data);
    memcpy(data, map.data, *size = map.size);
    file_map_close(&map);
    return data;
}

// The report as text, and by the other writers too; the page has the JSON and both pictures in it.
static void add_report(const struct plan *p, struct strbuf *out) {
    struct report r;
    struct strbuf page = {0};
    assert_true(report_gather(&r, p, 2));
    report_text(&r, REPORT_ALL, out);
    assert_true(report_html(&r, &page) && strstr(strbuf_text(&page), "</html>") != NULL);
    report_free(&r);
    strbuf_free(&page);
}

static int setup(void **state) {
    test_setup(state);
    struct plan_writer *w = make_plan(&arena, 2, true);
    plan_writer_note(w, "warning: a note");
    plan_writer_note(w, "warning: another note");
    plan_writer_note(w, "warning: a note");
    plan_writer_info(w)->first_kept = 1;
    good = bytes_of(w, &good_size);
    return 0;
}

static int teardown(void **state) {
    free(good);
    arena_free(&arena);
    return test_teardown(state);
}

static void test_round_trip(void **state) {
    (void)state;
    struct plan p;
    struct error err = {0};
    if (!plan_check(&p, good, good_size, &err)) fail_msg("%s", err.message);
    assert_int_equal(p.program_count, 2);
    assert_int_equal(p.op_count, 4 * OPS);
    assert_int_equal(p.programs[0].variant[PLAN_STEADY].first_op, OPS);
    assert_int_equal(p.programs[1].variant[PLAN_FIRST].first_op, 2 * OPS);
    assert_int_equal(p.programs[1].variant[PLAN_STEADY].first_op, 3 * OPS);
    assert_int_equal(p.programs[1].first_cache, CACHES);
    assert_int_equal(p.programs[1].first_shape, 1);
    assert_int_equal(p.programs[1].latent_width, W2);
    assert_int_equal(p.cache_count, 2 * CACHES);
    assert_int_equal(p.pass_count, 4);
    assert_int_equal(p.passes[3].program, 1);
    assert_string_equal(plan_string(&p, p.passes[3].name), "fold");
    assert_int_equal(p.constant_count, 2); // once for both programs
    assert_int_equal(p.info->weight_bytes, sizeof(float) * (C * 27 * C + C));
    assert_string_equal(plan_string(&p, p.info->model_name), "model.onnx");
    assert_string_equal(plan_string(&p, p.caches[1].name), "c0");
    assert_int_equal(p.note_count, 2); // equal ones are said once
    assert_string_equal(plan_string(&p, p.notes[1]), "warning: another note");
    const float *gamma = (const float *)(p.weights + p.constants[1].offset);
    assert_true(gamma[5] == 5 * 1e-3f);
    assert_true(p.view_count < 4 * OPS); // variants share equal views
}

static struct plan_section *section(unsigned char *data, uint32_t kind) {
    return (struct plan_section *)(data + sizeof(struct plan_header)) + kind - 1;
}

static void repair_checksums(unsigned char *data) { plan_repair_checksums(data, good_size); }

static void check_text(const char *text, int count, const char *const *expected) {
    for (int i = 0; i < count; i++) {
        if (strstr(text, expected[i]) == NULL) fail_msg("no \"%s\" in:\n%s", expected[i], text);
    }
}
#define CHECK_TEXT(text, ...)                                                                                \
    check_text(text, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static void test_texts(void **state) {
    (void)state;
    struct plan p;
    struct strbuf text = {0};
    assert_true(plan_check(&p, good, good_size, NULL));
    plan_dump(&p, &text);
    CHECK_TEXT(strbuf_text(&text), "model model.onnx, form full", "attention scale 0.5 query_block 7",
               "winograd2 norm scale 2 epsilon 9.99999997e-07 silu", "first_kept 1",
               "note warning: another note",
               "program 1, fold (no change): first 3 nodes, 100 bytes, 200 operations; steady 3",
               "program 0: latent 6x4x5, frame 6x4x5", "program 1: latent 6x2x3, frame 6x2x3");
    strbuf_free(&text);
    add_report(&p, &text);
    CHECK_TEXT(strbuf_text(&text), "1x6xTx4x5", "1x6xTx2x3", "peak memory to expect", "Sizes: 2", "  4x5  ",
               "---- 2x3", "\n  warning: a note\n", "1 in every later one");
    strbuf_free(&text);
}

// One size: no table of sizes, no headings.
static void test_one_program(void **state) {
    (void)state;
    struct plan p;
    struct strbuf text = {0};
    size_t size;
    unsigned char *data = bytes_of(make_plan(&arena, 1, true), &size);
    assert_true(plan_check(&p, data, size, NULL));
    assert_int_equal(p.program_count, 1);
    assert_int_equal(plan_first_kept(&p), 1);
    add_report(&p, &text);
    CHECK_TEXT(strbuf_text(&text), "latent 6x4x5 -> 1 frame in the first step, 1 in every later one");
    assert_null(strstr(strbuf_text(&text), "Sizes"));
    assert_null(strstr(strbuf_text(&text), "----"));
    assert_null(strstr(strbuf_text(&text), "Notes"));
    strbuf_free(&text);
    free(data);
}

static void test_first_only(void **state) {
    (void)state;
    struct plan p;
    struct strbuf text = {0};
    size_t size;
    unsigned char *data = bytes_of(make_plan(&arena, 2, false), &size);
    assert_true(plan_check(&p, data, size, NULL));
    assert_false(plan_has_steady(&p.programs[0]) || plan_has_steady(&p.programs[1]));
    assert_int_equal(plan_program_ops(&p.programs[1]), OPS);
    add_report(&p, &text);
    CHECK_TEXT(strbuf_text(&text), "1 frame of 6x2x3; this plan decodes one latent frame");
    assert_null(strstr(strbuf_text(&text), "\n  steady "));
    strbuf_free(&text);
    plan_dump(&p, &text);
    assert_null(strstr(strbuf_text(&text), "\nsteady"));
    strbuf_free(&text);
    ((struct plan_pass *)(data + section(data, PLAN_SECTION_PASSES)->offset))->nodes[PLAN_STEADY] = 1;
    plan_repair_checksums(data, size);
    struct error err = {0};
    assert_false(plan_check(&p, data, size, &err));
    assert_non_null(strstr(err.message, "pass 0: 1 nodes of variant 1, which is absent"));
    free(data);
}

static bool accepted(const unsigned char *data, size_t size, struct error *err) {
    *err = (struct error){0};
    struct plan p;
    bool ok = plan_check(&p, data, size, err);
    assert_true(ok == (err->code == ERROR_NONE));
    assert_true(ok || err->message[0] != 0);
    return ok;
}

static void test_truncation(void **state) {
    (void)state;
    struct error err;
    for (size_t size = 0; size < good_size; size++) {
        unsigned char *cut = malloc(size + 1); // its own block, so that a sanitizer sees a read past the end
        memcpy(cut, good, size);
        assert_false(accepted(cut, size, &err));
        free(cut);
    }
}

static unsigned char *copy_of_good(void) {
    unsigned char *data = test_alloc(1, good_size);
    return memcpy(data, good, good_size);
}

static void *element(unsigned char *data, uint32_t kind, size_t size, size_t index) {
    return data + section(data, kind)->offset + size * index;
}

// Where sections do not cover the file there is padding, which nobody reads; packed weights (test_packed.c) are
// verified when they are used.
static bool is_padding(size_t at) {
    if (at < sizeof(struct plan_header) + SECTIONS * sizeof(struct plan_section)) return false;
    for (uint32_t kind = 1; kind < PLAN_SECTION_PACKED_DATA; kind++) {
        const struct plan_section *s = section(good, kind);
        if (at >= s->offset && at < s->offset + s->size) return false;
    }
    return true;
}

static void test_every_damaged_byte(void **state) {
    (void)state;
    unsigned char *data = copy_of_good();
    struct error err;
    for (size_t i = 0; i < good_size; i++) {
        data[i] ^= 0x10;
        assert_true(accepted(data, good_size, &err) == is_padding(i));
        data[i] ^= 0x10;
    }
}

static void run_size(const struct wan_plan *plan, const struct wan_plan_params *p) {
    if (p->peak_bytes >= 256 << 20) return;
    struct wan_session_params params = {.size = sizeof params,
                                        .threads = 1,
                                        .latent_height = p->latent_height,
                                        .latent_width = p->latent_width};
    struct wan_session *s = wan_session_new(plan, &params, NULL);
    float *latent = calloc((size_t)p->latent_channels * p->latent_height * p->latent_width, sizeof *latent);
    for (int i = 0; i < 2 && s != NULL && latent != NULL; i++) {
        wan_session_send(s, latent, NULL);
        while (wan_session_receive(s) != NULL) continue;
    }
    free(latent);
    wan_session_free(s);
}

// Whatever is accepted must run: two steps at each size, when they do not need much memory.
static void run_accepted(const unsigned char *data) {
    const char *path = test_path();
    FILE *f = fopen(path, "wb");
    assert_true(f != NULL && fwrite(data, 1, good_size, f) == good_size && fclose(f) == 0);
    struct wan_plan *plan = wan_plan_open(path, NULL, NULL);
    assert_non_null(plan);
    struct wan_plan_params p = {.size = sizeof p};
    for (size_t i = 0; wan_plan_get_size(plan, i, &p); i++) run_size(plan, &p);
    wan_plan_close(plan);
}

// Every 32-bit word of the tables, replaced by values that break things: no crash, texts can still be made,
// and what is accepted runs.
static void test_every_hostile_word(void **state) {
    (void)state;
    static const uint32_t values[] = {0,          1,          2,          3,          64,        0xffff,
                                      0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x7fc00000};
    unsigned char *data = malloc(good_size);
    assert_non_null(data);
    memcpy(data, good, good_size);
    size_t end = section(good, PLAN_SECTION_WEIGHTS)->offset;
    int harmless = 0;
    for (size_t at = sizeof(struct plan_header); at + 4 <= end; at += 4) {
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            memcpy(data, good, end);
            memcpy(data + at, &values[k], sizeof *values);
            repair_checksums(data);
            struct error err = {0};
            struct plan p;
            if (!plan_check(&p, data, good_size, &err)) continue;
            struct strbuf text = {0};
            plan_dump(&p, &text);
            add_report(&p, &text);
            strbuf_free(&text);
            run_accepted(data);
            test_teardown(NULL); // removes the file
            harmless++;
        }
    }
    free(data);
    assert_true(harmless > 0);
}

#define INFO(data) ((struct plan_info *)element(data, PLAN_SECTION_INFO, 0, 0))
#define PROGRAM(data, i)                                                                                     \
    ((struct plan_program *)element(data, PLAN_SECTION_PROGRAMS, sizeof(struct plan_program), i))
#define NOTE(data, i) ((uint32_t *)element(data, PLAN_SECTION_NOTES, sizeof(uint32_t), i))
#define CACHE(data, i) ((struct plan_cache *)element(data, PLAN_SECTION_CACHES, sizeof(struct plan_cache), i))
#define CONSTANT(data, i)                                                                                    \
    ((struct plan_constant *)element(data, PLAN_SECTION_CONSTANTS, sizeof(struct plan_constant), i))
#define BUFFER(data, i)                                                                                      \
    ((struct plan_buffer *)element(data, PLAN_SECTION_BUFFERS, sizeof(struct plan_buffer), i))
#define VIEW(data, i) ((struct plan_view *)element(data, PLAN_SECTION_VIEWS, sizeof(struct plan_view), i))
#define OP(data, i) ((struct plan_op *)element(data, PLAN_SECTION_OPS, sizeof(struct plan_op), i))
#define SHAPE(data, i) ((struct plan_shape *)element(data, PLAN_SECTION_SHAPES, sizeof(struct plan_shape), i))
#define PASS(data, i) ((struct plan_pass *)element(data, PLAN_SECTION_PASSES, sizeof(struct plan_pass), i))
#define OUT_VIEW(data, i) VIEW(data, OP(data, i)->out)
#define IN_VIEW(data, i) VIEW(data, OP(data, i)->in[0])

// One change, with correct checksums, and what the refusal says.
#define REFUSED(text, ...)                                                                                   \
    do {                                                                                                     \
        unsigned char *data = copy_of_good();                                                                \
        __VA_ARGS__;                                                                                         \
        repair_checksums(data);                                                                              \
        struct error err;                                                                                    \
        if (accepted(data, good_size, &err)) fail_msg("accepted: %s", #__VA_ARGS__);                         \
        if (strstr(err.message, text) == NULL)                                                               \
            fail_msg("%s: \"%s\" has no \"%s\"", #__VA_ARGS__, err.message, text);                           \
    } while (0)

static void test_file_is_refused(void **state) {
    (void)state;
    REFUSED("not a plan", data[0] = 'X');
    REFUSED("newer", ((struct plan_header *)data)->version = PLAN_VERSION + 1);
    REFUSED("compile the model again", ((struct plan_header *)data)->version = 0);
    REFUSED("compile the model again", ((struct plan_header *)data)->version = 1);
    REFUSED("sections", ((struct plan_header *)data)->section_count = 9);
    REFUSED("truncated", ((struct plan_header *)data)->file_size++);
    REFUSED("NUL", memset(((struct plan_header *)data)->build, 'x', 96));
    REFUSED("kind 3", section(data, 2)->kind = 3);
    REFUSED("do not lie", section(data, PLAN_SECTION_VIEWS)->offset += 32);
    REFUSED("do not lie", section(data, PLAN_SECTION_VIEWS)->offset = 0);
    REFUSED("do not lie", section(data, PLAN_SECTION_WEIGHTS)->size = UINT64_MAX);
    REFUSED("elements", section(data, PLAN_SECTION_OPS)->count++);
    REFUSED("STRINGS", *(char *)element(data, PLAN_SECTION_STRINGS, 1, 0) = 'x');
    REFUSED("STRINGS", *((char *)element(data, PLAN_SECTION_STRINGS, 1, section(data, 2)->count - 1)) = 'x');
}

static void test_tables_are_refused(void **state) {
    (void)state;
    REFUSED("weights", INFO(data)->weight_bytes++);
    REFUSED("info 0: string", INFO(data)->model_name = UINT32_MAX);
    REFUSED("info: error bound nan", INFO(data)->error_bound = NAN);
    REFUSED("info: error bound -1", INFO(data)->error_bound = -1);
    REFUSED("limit inf; expected", INFO(data)->error_limit = INFINITY);
    REFUSED("limit -1; expected", INFO(data)->error_limit = -1);
    REFUSED("keeps 2 of the 1", INFO(data)->first_kept = 2);
    REFUSED("note 1: string", *NOTE(data, 1) = section(data, PLAN_SECTION_STRINGS)->count);
    REFUSED("cache 1", CACHE(data, 1)->bytes -= 4);
    REFUSED("cache 1: type 3 is unknown", CACHE(data, 1)->type = PLAN_CACHE_TYPES);
    REFUSED("cache 1: type 0 is unknown, or reserved 1", CACHE(data, 1)->reserved = 1);
    REFUSED("16 bits can only be copied", CACHE(data, WINDOW)->type = PLAN_F16);
    REFUSED("cache 1", CACHE(data, 1)->offset = 0);
    REFUSED("cache 1", CACHE(data, 1)->offset = UINT64_MAX - 63);
    REFUSED("cache 0: string", CACHE(data, 0)->producer = section(data, PLAN_SECTION_STRINGS)->count);
    REFUSED("constant 0", CONSTANT(data, 0)->count++);
    REFUSED("constant 1", CONSTANT(data, 1)->offset += 1u << 20);
    REFUSED("constant 1", CONSTANT(data, 1)->offset += 4);
    REFUSED("constant 1: at 0, the one before it ends at", CONSTANT(data, 1)->offset = 0);
    REFUSED("alive", BUFFER(data, 0)->last_op = OPS);
    REFUSED("alive", BUFFER(data, 0)->first_op = 4);
    REFUSED("buffer 0", BUFFER(data, 0)->bytes = UINT64_MAX - 3);
    REFUSED("buffer 0", BUFFER(data, 0)->offset = UINT64_MAX - 63);
    REFUSED("buffers 0 and 1 share memory", BUFFER(data, 1)->offset = 0);
    REFUSED("buffers 0 and 1 share memory", BUFFER(data, 9)->offset -= 64);
    REFUSED("cache 2", CACHE(data, HISTORY)->bytes = sizeof(float) * 2 * H * W * C - 4);
    REFUSED("cache 2", CACHE(data, HISTORY)->bytes -= 2);
    REFUSED("program 1: cache 1", CACHE(data, CACHES + WINDOW)->bytes -= 4);
    REFUSED("program 1: variant 1: buffers 0 and 1", BUFFER(data, 13)->offset = 0);
    REFUSED("shape 0: cache", SHAPE(data, 0)->cache = CACHES);
    REFUSED("program 1: shape 0: cache", SHAPE(data, 1)->cache = CACHES); // the section has as many again
    REFUSED("shape 0: string", SHAPE(data, 0)->steady = UINT32_MAX);
    REFUSED("pass 2: program 2 of 2", PASS(data, 2)->program = 2);
    REFUSED("pass 2: program 0 of 2, or not behind", PASS(data, 1)->program = 1; PASS(data, 2)->program = 0);
    REFUSED("pass 1: string", PASS(data, 1)->name = UINT32_MAX);
    REFUSED("pass 1: changed is 2", PASS(data, 1)->changed = 2);
    REFUSED("reserved 1 is not 0", PASS(data, 0)->reserved = 1);
    REFUSED("pass 0: variant 1: 4611686018427387905 bytes",
            PASS(data, 0)->value_bytes[1] = PLAN_MAX_COUNT + 1);
    REFUSED("pass 3: variant 0: 100 bytes, 18446744073709551615", PASS(data, 3)->flops[0] = UINT64_MAX);
}

// The run NORM, ADD, FUSED of the first variant, two rows at a time, its buffers alive; then a change.
#define RUN_REFUSED(text, ...)                                                                               \
    REFUSED(text, struct plan_variant_info *v = &PROGRAM(data, 0)->variant[PLAN_FIRST]; v->band_rows = 2;    \
            v->band_first = NORM; v->band_count = 3; __VA_ARGS__)

static void test_bands_are_refused(void **state) {
    (void)state;
    REFUSED("bands without rows", PROGRAM(data, 0)->variant[PLAN_FIRST].band_count = 1);
    REFUSED("bands without rows", BUFFER(data, 0)->rows = 2);
    REFUSED("program 1: variant 1: bands without rows",
            PROGRAM(data, 1)->variant[PLAN_STEADY].band_first = 1);
    RUN_REFUSED("0 operators from operator 1 on, of 6", v->band_count = 0);
    RUN_REFUSED("3 operators from operator 7 on, of 6", v->band_first = 7);
    RUN_REFUSED("3 operators from operator 4 on, of 6", v->band_first = 4);
    RUN_REFUSED("4294967295 operators from operator 1 on", v->band_count = UINT32_MAX);
    RUN_REFUSED("cannot work on some rows", v->band_first = CONV);          // a direct convolution
    RUN_REFUSED("cannot work on some rows", v->band_first = ATTENTION - 2); // attention
    RUN_REFUSED("3 of 4 rows at a time, expected a multiple of 2", v->band_first = FUSED; v->band_count = 1;
                v->band_rows = 3);
    RUN_REFUSED("is alive from operator 1 to 1", BUFFER(data, 1)->last_op = 1);
    // Both buffers are touched outside of the run: they cannot hold some of their rows only.
    RUN_REFUSED("buffer 0: operator 0 is not in the run", BUFFER(data, 0)->rows = 4);
    RUN_REFUSED("buffer 1: operator 4 is not in the run", BUFFER(data, 1)->rows = 4);
    // A run of all that touches it: it needs all 4 rows: two wait for the convolution.
#define WINDOW_REFUSED(text, ...)                                                                            \
    RUN_REFUSED(text, OP(data, ATTENTION)->in[1] = OP(data, ATTENTION)->in[0];                               \
                OP(data, ATTENTION)->in[2] = OP(data, ATTENTION)->in[0];                                     \
                struct plan_buffer *b = BUFFER(data, 1); struct plan_view *view = OUT_VIEW(data, NORM);      \
                view->frame_stride = 2 * W * C; b->rows = 2; b->bytes = sizeof(float) * 2 * W * C;           \
                __VA_ARGS__)
    WINDOW_REFUSED("buffer 1: 2 rows, 4 are needed", (void)b);
    WINDOW_REFUSED("not made of its 2 rows", view->frame_stride++; b->bytes += 64);
    WINDOW_REFUSED("past its block", view->offset = 6);
    WINDOW_REFUSED("not made of its 2 rows", b->bytes += 64);
    WINDOW_REFUSED("past its block", b->bytes -= 64);
    WINDOW_REFUSED("overlap", view->pixel_stride = 1);
    RUN_REFUSED("buffer 1: 4 rows, and no operator touches them", uint32_t a = OP(data, NORM)->in[0];
                OP(data, NORM)->out = OP(data, ADD)->in[1] = OP(data, ADD)->out = a;
                *OP(data, FUSED) = *OP(data, NORM);
                OP(data, ATTENTION)->in[1] = OP(data, ATTENTION)->in[2] = a; BUFFER(data, 1)->rows = 4);
    WINDOW_REFUSED("operator 2 reads what none has written", OP(data, NORM)->out = OP(data, NORM)->in[0]);
}

// Fields of the second program, so that no check stops at the first.
static void test_programs_are_refused(void **state) {
    (void)state;
    struct plan_program *g;
#define PROGRAM_REFUSED(text, change) REFUSED(text, g = PROGRAM(data, 1); change)
    REFUSED("PROGRAMS: 0 elements", struct plan_section *s = section(data, PLAN_SECTION_PROGRAMS);
            s->count = 0; s->size = 0);
    REFUSED("do not divide", struct plan_section *s = section(data, PLAN_SECTION_PROGRAMS); s->count = 1;
            s->size = sizeof(struct plan_program));
    PROGRAM_REFUSED("program 1: latents of 6 x 2 x 0", g->latent_width = 0);
    PROGRAM_REFUSED("latents of", g->latent_channels = g->latent_height = g->latent_width = 1 << 24);
    PROGRAM_REFUSED("variant 0: frames of", g->frame_width = 1u << 30);
    PROGRAM_REFUSED("program 1: latents of 4 x 5 again", g->latent_height = H; g->latent_width = W);
    PROGRAM_REFUSED("other channels", g->latent_channels++);
    PROGRAM_REFUSED("other channels", g->frame_channels++);
    PROGRAM_REFUSED("numbers of frames", g->variant[PLAN_STEADY].frames = 2);
    PROGRAM_REFUSED("caches of", g->cache_bytes = UINT64_MAX);
    PROGRAM_REFUSED("do not begin", g->first_cache--);
    PROGRAM_REFUSED("do not begin", g->first_shape = 0);
    PROGRAM_REFUSED("do not begin", g->variant[PLAN_FIRST].first_op -= OPS);
    PROGRAM_REFUSED("do not begin", g->variant[PLAN_FIRST].first_buffer = UINT32_MAX);
    PROGRAM_REFUSED("do not begin", g->variant[PLAN_FIRST].op_count--);
    PROGRAM_REFUSED("do not begin", g->variant[PLAN_FIRST].buffer_count++);
    PROGRAM_REFUSED("do not divide", g->variant[PLAN_STEADY].op_count--);
    PROGRAM_REFUSED("do not divide", g->variant[PLAN_STEADY].buffer_count--);
    PROGRAM_REFUSED("do not divide", g->cache_count = UINT32_MAX);
    PROGRAM_REFUSED("do not divide", g->shape_count = 0);
    PROGRAM_REFUSED("operators", g->variant[PLAN_STEADY].op_count = 0);
    PROGRAM_REFUSED("operators", g->variant[PLAN_FIRST].op_count = UINT32_MAX);
    PROGRAM_REFUSED("arena", g->variant[PLAN_STEADY].arena_bytes = UINT64_MAX);
    PROGRAM_REFUSED("lower bound", g->variant[PLAN_STEADY].lower_bound_bytes = UINT64_MAX);
    PROGRAM_REFUSED("program 1: variant 0: operator 0", OP(data, 2 * OPS)->in[0] = OP(data, 0)->in[0]);
    PROGRAM_REFUSED("input 1: view 13: no block 2 in space 1",
                    struct plan_section *s = section(data, PLAN_SECTION_CACHES);
                    s->count--; s->size -= sizeof(struct plan_cache); g->cache_count--);
}

static void test_views_are_refused(void **state) {
    (void)state;
    REFUSED("view", OP(data, CONV)->out = 1000);
    REFUSED("view", OP(data, CONV)->out = PLAN_NONE);
    REFUSED("no block 9 in space 0", OUT_VIEW(data, CONV)->index = 9);
    REFUSED("no block 0 in space 4", OUT_VIEW(data, CONV)->space = PLAN_SPACES);
    REFUSED("no block 1 in space 3", OUT_VIEW(data, OUT)->index = 1);
    REFUSED("writes to the input", OUT_VIEW(data, OUT)->space = PLAN_INPUT);
    REFUSED("past its block", OUT_VIEW(data, OUT)->offset++);
    REFUSED("past its block", OUT_VIEW(data, OUT)->row_stride = 1000);
    REFUSED("stride (18446744073709551615, limit", OUT_VIEW(data, OUT)->row_stride = UINT64_MAX);
    REFUSED("stride (70368744177665, limit", // of the only frame, which is never stepped over
            IN_VIEW(data, NORM)->frame_stride = PLAN_MAX_BYTES + 1);
    REFUSED("overflow", OUT_VIEW(data, OUT)->offset = UINT64_MAX);
    REFUSED("extent", OUT_VIEW(data, OUT)->width = 0);
    REFUSED("extent", IN_VIEW(data, CONV)->channels = UINT32_MAX);
    REFUSED("overlap", OUT_VIEW(data, OUT)->pixel_stride = 0);
    REFUSED("overlap", OUT_VIEW(data, OUT)->row_stride = W - 1);
    REFUSED("alive from", OP(data, OUT)->in[0] = OP(data, CONV)->out);
    REFUSED("same block", OP(data, ATTENTION)->out = OP(data, ATTENTION)->in[0]);
    REFUSED("overlaps the output", struct plan_view *out = OUT_VIEW(data, NORM); // transposed in place
            out->index = IN_VIEW(data, NORM)->index; out->row_stride = C;
            out->pixel_stride = (uint64_t)H * C);
}

static void test_operators_are_refused(void **state) {
    (void)state;
    struct plan_conv *conv;
#define CONV_REFUSED(text, change) REFUSED(text, conv = &OP(data, CONV)->params.conv; change)
    REFUSED("kind 0 is unknown", OP(data, CONV)->kind = 0);
    REFUSED("kind 9 is unknown", OP(data, OPS + CONV)->kind = PLAN_OP_KINDS);
    REFUSED("name at", OP(data, CONV)->name = UINT32_MAX);
    REFUSED("takes 1 inputs", OP(data, NORM)->in[1] = OP(data, NORM)->in[0]);
    REFUSED("takes none", OP(data, NORM)->scratch = OP(data, NORM)->out);
    REFUSED("not zero", OP(data, NORM)->params.words[15] = 1);
    REFUSED("constant 2", OP(data, NORM)->constant[2] = 0);
    REFUSED("constant 1", OP(data, NORM)->constant[1] = 0);
    REFUSED("constant 0", OP(data, NORM)->constant[0] = 2);
    REFUSED("gamma", OP(data, NORM)->constant[0] = 0);
    REFUSED("scale", OP(data, NORM)->params.norm.scale = NAN);
    REFUSED("epsilon", OP(data, NORM)->params.norm.epsilon = -1);
    REFUSED("silu", OP(data, NORM)->params.norm.silu = 2);
    REFUSED("operation", OP(data, ADD)->params.binary.op = PLAN_BINARY_OPS);
    REFUSED("query_block", OP(data, ATTENTION)->params.attention.query_block = 0);
    REFUSED("scratch", OP(data, ATTENTION)->params.attention.query_block = 8);
    REFUSED("scratch", OP(data, ATTENTION)->scratch = PLAN_NONE);
    REFUSED("weight", OP(data, CONV)->constant[0] = PLAN_NONE);
    REFUSED("weight", OP(data, CONV)->constant[0] = 1);
    REFUSED("bias", OP(data, CONV)->constant[1] = 0);
    CONV_REFUSED("kernel_h", conv->kernel_h = 0);
    CONV_REFUSED("output height", conv->kernel_h = 2);
    CONV_REFUSED("kernel", conv->kernel_w = 1000);
    CONV_REFUSED("stride_w", conv->stride_w = 0);
    CONV_REFUSED("output width", conv->stride_w = 2);
    CONV_REFUSED("pad_left", conv->pad_left = UINT32_MAX);
    CONV_REFUSED("output width", conv->pad_left = 2);
    CONV_REFUSED("taps", conv->taps = 4);
    CONV_REFUSED("taps", conv->taps = 0);
    CONV_REFUSED("input frames", conv->taps = 2);
    CONV_REFUSED("interleave", conv->interleave = 2);
    CONV_REFUSED("output height", conv->upsample = 2);
    CONV_REFUSED("algorithm", conv->algorithm = PLAN_CONV_ALGORITHMS);
    CONV_REFUSED("does not compute", conv->algorithm = PLAN_CONV_WINOGRAD4; conv->stride_h = 2);
    CONV_REFUSED("does not compute", conv->algorithm = PLAN_CONV_WINOGRAD2; conv->kernel_w = 1);
    CONV_REFUSED("does not compute", conv->algorithm = PLAN_CONV_WINOGRAD4_TIME2; conv->taps = 2);
    CONV_REFUSED("does not compute", conv->algorithm = PLAN_CONV_WINOGRAD4_TIME2; conv->upsample = 2);
    CONV_REFUSED("block_channels", conv->block_channels = 0);
    CONV_REFUSED("clamp", conv->min = INFINITY);
    CONV_REFUSED("clamp", conv->max = NAN);
    REFUSED("frame stride", IN_VIEW(data, CONV)->frame_stride = C - 1);
    REFUSED("pixel stride", IN_VIEW(data, CONV)->pixel_stride = 3 * C - 1);
    REFUSED("row stride", IN_VIEW(data, CONV)->row_stride--);
    REFUSED("channel stride", IN_VIEW(data, CONV)->channel_stride = 0);
}

// What a convolution does on the way. FIRST stands in front of STEADY, so that the checks of both see these changes.
static void test_fused_convolutions_are_refused(void **state) {
    (void)state;
    struct plan_op *fused;
    struct plan_view *history, *other;
    struct plan_conv *conv;
#define FUSED_REFUSED(text, change)                                                                          \
    REFUSED(text, fused = OP(data, FUSED); history = VIEW(data, fused->in[PLAN_CONV_HISTORY]);               \
            other = VIEW(data, OP(data, OUT)->in[0]); conv = &fused->params.conv; (void)history;             \
            (void)other; (void)conv; change)
    FUSED_REFUSED("numbers past its block", CACHE(data, history->index)->type = PLAN_F16;
                  history->offset += CACHE(data, history->index)->bytes / 2);
    FUSED_REFUSED("direct: takes no history", conv->algorithm = PLAN_CONV_DIRECT);
    REFUSED("direct: takes no history", OP(data, CONV)->params.conv.prologue = PLAN_PROLOGUE_NORM);
    REFUSED("direct: takes no history", OP(data, CONV)->in[PLAN_CONV_RESIDUAL] = OP(data, CONV)->out);
    FUSED_REFUSED("prologue", conv->prologue = PLAN_PROLOGUES);
    FUSED_REFUSED("norm_scale", conv->norm_scale = NAN);
    FUSED_REFUSED("norm_epsilon", conv->norm_epsilon = INFINITY);
    FUSED_REFUSED("norm_epsilon: -1 is negative", conv->norm_epsilon = -1);
    FUSED_REFUSED("gamma", fused->constant[2] = 0);
    FUSED_REFUSED("constant 2", fused->constant[2] = 2);
    FUSED_REFUSED("not zero", fused->params.words[sizeof *conv / 4] = 1);
    FUSED_REFUSED("view", fused->in[PLAN_CONV_HISTORY] = 1000);
    FUSED_REFUSED("history: is not in a cache", fused->in[PLAN_CONV_HISTORY] = fused->in[0]);
    FUSED_REFUSED("history: offset", history->offset--);
    FUSED_REFUSED("past its block", history->offset++);
    FUSED_REFUSED("history: frame stride", history->frame_stride--);
    FUSED_REFUSED("history: row stride", history->row_stride--);
    FUSED_REFUSED("history: elements overlap", history->frame_stride = 0);
    FUSED_REFUSED("history: elements overlap", history->pixel_stride--);
    FUSED_REFUSED("history: shape", history->width--);
    FUSED_REFUSED("history: shape", history->frames--);
    FUSED_REFUSED("input frames", fused->in[PLAN_CONV_HISTORY] = PLAN_NONE);
    FUSED_REFUSED("same block", fused->in[0] = fused->in[PLAN_CONV_HISTORY]);
    FUSED_REFUSED("same block", fused->in[PLAN_CONV_RESIDUAL] = fused->in[PLAN_CONV_HISTORY]);
    FUSED_REFUSED("same block", fused->out = fused->in[PLAN_CONV_HISTORY]);
    FUSED_REFUSED("same block", fused->out = fused->in[0]);
    FUSED_REFUSED("residual: shape", fused->in[PLAN_CONV_RESIDUAL] = OP(data, CONV)->in[0]);
    FUSED_REFUSED("residual: row stride", other->index = VIEW(data, fused->in[0])->index;
                  other->row_stride -= C; fused->in[PLAN_CONV_RESIDUAL] = OP(data, OUT)->in[0]);
    FUSED_REFUSED("overlaps the output", other->index = OUT_VIEW(data, FUSED)->index; other->frame_stride++;
                  fused->in[PLAN_CONV_RESIDUAL] = OP(data, OUT)->in[0]);
    // Frames of the history stay what they are in the first step only, when they are zero.
    REFUSED("variant 1: operator 3 (conv ): history: keeps 2 frames, and a later step gives 1 with 1 taps",
            OP(data, FUSED)->params.conv.taps = 1;
            OP(data, OPS + FUSED)->params.conv.taps = 1);
}

static void test_writer_refuses_what_the_reader_would(void **state) {
    (void)state;
    struct plan_writer *w = make_plan(&arena, 2, true);
    plan_writer_program(w)->cache_bytes = 0;
    struct error err = {0};
    const char *path = test_path();
    assert_false(plan_writer_save(w, path, &err));
    assert_int_equal(err.code, ERROR_INTERNAL);
    assert_null(fopen(path, "r")); // nothing is left behind
    err = (struct error){0};
    assert_false(plan_writer_save(make_plan(&arena, 1, true), "/nonexistent/plan.bin", &err));
    assert_int_equal(err.code, ERROR_IO);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_texts),
        TEST(test_one_program),
        TEST(test_first_only),
        TEST(test_truncation),
        TEST(test_every_damaged_byte),
        TEST(test_every_hostile_word),
        TEST(test_file_is_refused),
        TEST(test_tables_are_refused),
        TEST(test_bands_are_refused),
        TEST(test_programs_are_refused),
        TEST(test_views_are_refused),
        TEST(test_operators_are_refused),
        TEST(test_fused_convolutions_are_refused),
        TEST(test_writer_refuses_what_the_reader_would),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
