// Damaged files: whatever happens to the bytes, the frontend answers with a graph or an error. Run under
// sanitizers.
#include "fixture.h"

enum { FLIP_RUNS = 4000 };

// A function with a branch, called twice, whose attribute comes from the call.
static void add_function(struct onnx_builder *b) {
    Onnx__FunctionProto *f = build_function(b, "pkg", "Maybe", "c,a", "r", 9);
    Onnx__NodeProto *soft = build_function_node(b, f, "Softmax", "a", "s");
    build_attr_reference(b, soft, "axis", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, "dim");
    Onnx__NodeProto *branch = build_function_node(b, f, "If", "c", "r");
    for (int i = 0; i < 2; i++) {
        Onnx__GraphProto *g = build_graph(b);
        build_node(b, g, i ? "Neg" : "Abs", "s", "out");
        build_output(b, g, "out");
        build_attr_graph(b, branch, i ? "else_branch" : "then_branch", g);
    }
    for (int i = 0; i < 2; i++) {
        Onnx__NodeProto *call =
            build_node(b, b->graph, "Maybe", i ? "flag,once" : "flag,part", i ? "called" : "once");
        call->domain = "pkg";
        build_attr_int(b, call, "dim", 4);
    }
}

// A model with one of everything that the reader looks into: branches, functions, tensors of all forms, old
// spellings.
static void start(struct fixture *f) {
    *f = (struct fixture){.options = {.latent_height = 2, .latent_width = 3}};
    build_small_decoder(&f->b, 9);
    struct onnx_builder *b = &f->b;
    const int64_t dims[] = {1}, list[] = {0, 1};
    Onnx__TensorProto *flag = build_tensor(b, "flag", ONNX_BOOL, 1, dims);
    build_raw(b, flag, "\1", 1);
    build_initializer(b, b->graph, flag);
    build_ints(b, "ints", 2, list);
    build_input(b, "cache", ONNX_FLOAT, "batch,4,?,2*height,3");
    Onnx__NodeProto *concat = build_node(b, b->graph, "Concat", "cache,latents", "joined");
    build_attr_int(b, concat, "axis", 2);
    Onnx__NodeProto *slice = build_node(b, b->graph, "Slice", "joined", "part");
    build_attr_ints(b, slice, "starts", 2, list);
    build_attr_ints(b, slice, "ends", 2, list);
    add_function(b);
    Onnx__GraphProto *branches[2];
    for (int i = 0; i < 2; i++) {
        branches[i] = build_graph(b);
        build_node(b, branches[i], i ? "Identity" : "Sigmoid", "called", "inner");
        build_output(b, branches[i], "inner");
    }
    Onnx__NodeProto *branch = build_node(b, b->graph, "If", "flag", "chosen");
    build_attr_graph(b, branch, "then_branch", branches[0]);
    build_attr_graph(b, branch, "else_branch", branches[1]);
    build_attr_text(b, build_node(b, b->graph, "Upsample", "chosen,ints", "big"), "mode", "nearest");
    build_attr_float(b, build_node(b, b->graph, "Clip", "big", "clipped"), "min", -1);
    build_output(b, b->graph, "clipped");
}

static bool survive(const void *data, size_t size) {
    const char *path = test_path("damaged.onnx");
    const struct import_options options = {.latent_height = 2, .latent_width = 3};
    const struct onnx_limits limits = {.memory_bytes = 16 << 20, .tensor_bytes = 16 << 20};
    struct error err = {0};
    struct strbuf text = {0};
    struct ir_graph *g = NULL;
    assert_true(write_bytes(path, data, size));
    struct onnx_model *model = onnx_model_open(path, &limits, &err);
    assert_true(model != NULL || err.code != ERROR_NONE);
    if (model == NULL) return false;
    struct ir_module *m = ir_module_new();
    struct arena arena = {0};
    struct onnx_facts facts = onnx_inspect(model, &arena);
    onnx_facts_print(&facts, &text);
    arena_free(&arena);
    bool ok = import_graph(m, model, "full", &options, &g, &err);
    assert_true(ok ? g != NULL : err.code != ERROR_NONE && err.code != ERROR_INTERNAL);
    if (ok) ir_print(m, &text);
    strbuf_free(&text);
    ir_module_free(m);
    onnx_model_close(model);
    return ok;
}

static void whole_model_is_accepted(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    size_t size;
    const unsigned char *data = build_pack(&f.b, &size);
    assert_true(survive(data, size));
    fixture_free(&f);
}

static void truncated_at_every_byte(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    size_t size;
    const unsigned char *data = build_pack(&f.b, &size);
    for (size_t n = 0; n < size; n++) survive(data, n);
    fixture_free(&f);
}

static uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void random_damage(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    size_t size;
    const unsigned char *data = build_pack(&f.b, &size);
    unsigned char *damaged = arena_alloc(&f.b.arena, size);
    uint32_t random = 20240607;
    for (int run = 0; run < FLIP_RUNS; run++) {
        memcpy(damaged, data, size);
        for (uint32_t i = 1 + next_random(&random) % 4; i > 0; i--) {
            size_t at = next_random(&random) % size;
            if (next_random(&random) % 2) damaged[at] ^= (unsigned char)(1u << next_random(&random) % 8);
            else damaged[at] = (unsigned char)next_random(&random);
        }
        survive(damaged, size);
    }
    fixture_free(&f);
}

// Pieces of the file in the wrong place: lengths stay plausible more often than with flipped bits.
static void random_splices(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    size_t size;
    const unsigned char *data = build_pack(&f.b, &size);
    unsigned char *damaged = arena_alloc(&f.b.arena, size);
    uint32_t random = 7;
    for (int run = 0; run < FLIP_RUNS / 4; run++) {
        memcpy(damaged, data, size);
        size_t n = 1 + next_random(&random) % 40, from = next_random(&random) % (size - n);
        memcpy(damaged + next_random(&random) % (size - n), data + from, n);
        survive(damaged, size);
    }
    fixture_free(&f);
}

// Sixteen bytes of file must not become gigabytes: two-byte messages, each of which unpacks to hundreds of
// bytes.
static void small_messages_in_great_number(void **state) {
    (void)state;
    enum { NODES = 2 * 1000 * 1000 };
    unsigned char *data = malloc(2 * NODES + 16), *p = data;
    *p++ = 0x08, *p++ = 8; // IR version
    *p++ = 0x3a;           // graph
    for (unsigned length = 2 * NODES; length > 0; length >>= 7) *p++ = (unsigned char)(length | 0x80);
    p[-1] &= 0x7f;
    for (int i = 0; i < NODES; i++) *p++ = 0x0a, *p++ = 0; // a node
    const char *path = test_path("many.onnx");
    assert_true(write_bytes(path, data, (size_t)(p - data)));
    struct error err = {0};
    assert_null(onnx_model_open(path, NULL, &err));
    expect_error(&err, ERROR_MEMORY, "many.onnx", "limit", NULL);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_model_is_accepted),
        cmocka_unit_test(truncated_at_every_byte),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(random_splices),
        cmocka_unit_test(small_messages_in_great_number),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
