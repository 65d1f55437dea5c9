// Rearrangements from textual IR to frames: the passes from assign_layout on, the plan, and libwan, against loops
// written from the definitions. Convolutions in these graphs pick channels (one weight is 1), so that every result
// is exact.
#include "base/strbuf.h"
#include "passes/emit.h"
#include "passes/pass.h"
#include "tests/op/harness.h"
#include "wan/wan.h"

#include <stdio.h>
#include <string.h>

enum { HEIGHT = 3, WIDTH = 5, LATENT = 6 };

// [channels][frames][height][width]
struct tensor {
    size_t c, t, h, w;
    float *x;
};

static struct tensor tensor(size_t c, size_t t, size_t h, size_t w) {
    return (struct tensor){c, t, h, w, test_alloc(c * t * h * w, sizeof(float))};
}

static float *at(const struct tensor *a, size_t c, size_t t, size_t y, size_t x) {
    assert_true(c < a->c && t < a->t && y < a->h && x < a->w);
    return a->x + ((c * a->t + t) * a->h + y) * a->w + x;
}

#define EACH(a)                                                                                              \
    for (size_t c = 0; c < (a).c; c++)                                                                       \
        for (size_t t = 0; t < (a).t; t++)                                                                   \
            for (size_t y = 0; y < (a).h; y++)                                                               \
                for (size_t x = 0; x < (a).w; x++)

// ---- references

static size_t picked(size_t o, size_t in) { return (3 * o + 1) % in; }

static struct tensor pick(const struct tensor *in, size_t channels) {
    struct tensor out = tensor(channels, in->t, in->h, in->w);
    EACH(out) * at(&out, c, t, y, x) = *at(in, picked(c, in->c), t, y, x);
    return out;
}

// DupUp3D of diffusers: channels repeated, then split into (out, time, rows, columns); `drop` leading frames.
static struct tensor dup_up(const struct tensor *in, size_t out_channels, size_t ft, size_t fs, size_t drop) {
    struct tensor out = tensor(out_channels, in->t * ft - drop, in->h * fs, in->w * fs);
    size_t repeats = out_channels * ft * fs * fs / in->c;
    EACH(out) {
        size_t f = t + drop, channel = ((c * ft + f % ft) * fs + y % fs) * fs + x % fs;
        *at(&out, c, t, y, x) = *at(in, channel / repeats, f / ft, y / fs, x / fs);
    }
    return out;
}

// unpatchify of diffusers, patches of 2x2: view(b, c, 2, 2, f, h, w).permute(0, 1, 4, 5, 3, 6, 2).
static struct tensor unpatchify(const struct tensor *in) {
    struct tensor out = tensor(in->c / 4, in->t, in->h * 2, in->w * 2);
    EACH(out) * at(&out, c, t, y, x) = *at(in, 4 * c + 2 * (x % 2) + y % 2, t, y / 2, x / 2);
    return out;
}

// Two halves of the channels become frames.
static struct tensor interleave(const struct tensor *in) {
    struct tensor out = tensor(in->c / 2, in->t * 2, in->h, in->w);
    EACH(out) * at(&out, c, t, y, x) = *at(in, t % 2 * out.c + c, t / 2, y, x);
    return out;
}

static struct tensor sum(const struct tensor *a, const struct tensor *b) {
    struct tensor out = tensor(a->c, a->t, a->h, a->w);
    EACH(out) * at(&out, c, t, y, x) = *at(a, c, t, y, x) + *at(b, c, t, y, x);
    return out;
}

static void clamp(struct tensor *a, float low, float high) {
    for (size_t i = 0; i < a->c * a->t * a->h * a->w; i++) {
        a->x[i] = a->x[i] < low ? low : a->x[i] > high ? high : a->x[i];
    }
}

// ---- graphs

static void add_weight(struct strbuf *b, const char *name, size_t out, size_t in) {
    strbuf_printf(b, "const @%s: f32[%zu,%zu,1,1,1] = [", name, out, in);
    for (size_t i = 0; i < out * in; i++)
        strbuf_printf(b, "%s%s", i ? "," : "", picked(i / in, in) == i % in ? "1.0" : "0.0");
    strbuf_add(b, "]\n");
}

static void begin_graph(struct strbuf *b, const char *name) {
    strbuf_printf(b, "graph @%s(%%z: f32[1,%d,1,%d,%d]) {\n", name, LATENT, HEIGHT, WIDTH);
}

static void add_conv(struct strbuf *b, const char *result, const char *x, const char *weight) {
    strbuf_printf(b, "  %%%s = conv %%%s, @%s {pads=[0,0,0,0,0,0], strides=[1,1,1]}\n", result, x, weight);
}

static void add_move(struct strbuf *b, const char *result, const char *x, const char *pattern) {
    strbuf_printf(b, "  %%%s = rearrange %%%s {pattern=\"%s\"}\n", result, x, pattern);
}

static const char *compile(const struct strbuf *text) {
    struct error err = {0};
    struct pass_options options = {.verify_each = true};
    struct ir_module *m = ir_parse(text->data, "test", NULL, &err);
    if (m == NULL) fail_msg("%s\n%s", err.message, text->data);
    m->form = "pair", m->model_name = "test";
    const char *path = test_path(), *passes =
                                        "assign_layout sink_rearranges fuse_silu fuse_clamp fuse_interleave "
                                        "fuse_upsample choose_convs schedule plan_caches plan_memory";
    bool ok = pass_run_named(&m, passes, &options, &err) && emit_plan(&m, 1, path, NULL, &err);
    if (!ok) fail_msg("%s\n%s", err.message, text->data);
    ir_module_free(m);
    return path;
}

// The frames of a step, [frames][channels][height][width].
static void check_step(struct wan_session *s, const struct tensor *latent, const struct tensor *expected) {
    struct wan_error error = {0};
    if (wan_session_send(s, latent->x, &error) != WAN_OK) fail_msg("%s", error.message);
    for (size_t t = 0; t < expected->t; t++) {
        const float *frame = wan_session_receive(s);
        assert_non_null(frame);
        for (size_t c = 0; c < expected->c; c++) {
            for (size_t y = 0; y < expected->h; y++) {
                for (size_t x = 0; x < expected->w; x++, frame++) {
                    if (*frame != *at(expected, c, t, y, x))
                        fail_msg("frame %zu channel %zu at %zu,%zu: %g, expected %g", t, c, y, x,
                                 (double)*frame, (double)*at(expected, c, t, y, x));
                }
            }
        }
    }
    assert_null(wan_session_receive(s));
}

static void check_plan(const char *path, const struct tensor *latent, const struct tensor *first,
                       const struct tensor *steady) {
    struct wan_error error = {0};
    struct wan_plan_params params = {.size = sizeof params};
    struct wan_plan *plan = wan_plan_open(path, NULL, &error);
    if (plan == NULL) fail_msg("%s", error.message);
    wan_plan_get_params(plan, &params);
    assert_int_equal(params.first_frames, first->t);
    assert_int_equal(params.steady_frames, steady->t);
    assert_int_equal(params.frame_channels, first->c);
    assert_int_equal(params.frame_height, first->h);
    assert_int_equal(params.frame_width, first->w);
    struct wan_session *session = wan_session_new(
        plan, &(struct wan_session_params){.size = sizeof(struct wan_session_params), .threads = 2}, &error);
    if (session == NULL) fail_msg("%s", error.message);
    check_step(session, latent, first);
    check_step(session, latent, steady);
    wan_session_free(session);
    wan_plan_close(plan);
}

static struct tensor random_latent(void) {
    struct tensor z = tensor(LATENT, 1, HEIGHT, WIDTH);
    z.x = test_random(z.c * z.h * z.w);
    for (size_t i = 0; i < z.c * z.h * z.w; i++) z.x[i] *= 2;
    return z;
}

// ---- DupUp3D beside a main path of nearest enlargement and a convolution

struct dup {
    size_t in, out, ft, fs, frames; // frames of a later step in front of it; the first step has one
};

// As exporters write it: repeat, view as 8 axes, transpose, view; in the first step the leading frames are dropped.
static void add_dup(struct strbuf *b, const struct dup *d, bool drop) {
    char pattern[128];
    size_t repeats = d->out * d->ft * d->fs * d->fs / d->in;
    snprintf(pattern, sizeof pattern, "1 a b c d -> 1 (a e:%zu) b c d", repeats);
    add_move(b, "repeated", "x", repeats > 1 ? pattern : "1 a b c d -> 1 a b c d");
    snprintf(pattern, sizeof pattern, "1 (a:%zu b:%zu c:%zu d:%zu) e f g -> 1 a b c d e f g", d->out, d->ft,
             d->fs, d->fs);
    add_move(b, "split", "repeated", pattern);
    add_move(b, "moved", "split", "1 a b c d e f g -> 1 a e b f c g d");
    snprintf(pattern, sizeof pattern, "1 a e b f c g d -> 1 a (e b) (f c) (g d)");
    add_move(b, drop ? "whole" : "shortcut", "moved", pattern);
    if (drop)
        strbuf_printf(b, "  %%shortcut = slice %%whole {axis=2, start=%zu, end=%zu}\n", d->ft - 1, d->ft);
}

static void add_dup_graph(struct strbuf *b, const struct dup *d, bool first, bool shortcut_first) {
    char pattern[128], time[32] = "";
    bool two = !first && d->frames == 2;
    begin_graph(b, first ? "first" : "steady");
    add_conv(b, two ? "both" : "x", "z", two ? "twice" : "w");
    snprintf(pattern, sizeof pattern, "1 (a:2 b:%zu) 1 c d -> 1 b a c d", d->in);
    if (two) add_move(b, "x", "both", pattern);
    add_dup(b, d, first && d->ft > 1);
    if (!first && d->ft > 1) snprintf(time, sizeof time, " e:%zu", d->ft);
    snprintf(pattern, sizeof pattern, "1 a b c d -> 1 a (b%s) (c f:%zu) (d g:%zu)", time, d->fs, d->fs);
    add_move(b, "enlarged", "x", pattern);
    add_conv(b, "main", "enlarged", "v");
    strbuf_printf(b, "  %%y = add %%%s, %%%s\n  return %%y\n}\n", shortcut_first ? "shortcut" : "main",
                  shortcut_first ? "main" : "shortcut");
}

static struct tensor dup_reference(const struct dup *d, const struct tensor *z, bool first) {
    bool two = !first && d->frames == 2;
    struct tensor x = pick(z, two ? 2 * d->in : d->in);
    if (two) x = interleave(&x);
    struct tensor shortcut = dup_up(&x, d->out, d->ft, d->fs, first ? d->ft - 1 : 0);
    // A nearest enlargement is the DupUp3D that keeps all channels.
    struct tensor enlarged = dup_up(&x, d->in, first ? 1 : d->ft, d->fs, 0), main = pick(&enlarged, d->out);
    return sum(&main, &shortcut);
}

static void check_dup(const struct dup *d, bool shortcut_first) {
    struct strbuf b = {0};
    struct tensor z = random_latent();
    add_weight(&b, "w", d->in, LATENT);
    add_weight(&b, "twice", 2 * d->in, LATENT);
    add_weight(&b, "v", d->out, d->in);
    add_dup_graph(&b, d, true, shortcut_first);
    add_dup_graph(&b, d, false, shortcut_first);
    const char *path = compile(&b);
    struct tensor first = dup_reference(d, &z, true), steady = dup_reference(d, &z, false);
    check_plan(path, &z, &first, &steady);
    strbuf_free(&b);
}

static void test_dup_up(void **state) {
    (void)state;
    static const struct dup cases[] = {{8, 8, 2, 2, 1},  {8, 8, 2, 2, 2}, {8, 4, 2, 2, 1},  {8, 4, 2, 2, 2},
                                       {8, 4, 1, 2, 1},  {8, 4, 1, 2, 2}, {4, 2, 2, 2, 1},  {4, 2, 2, 2, 2},
                                       {16, 2, 2, 2, 2}, {4, 8, 2, 2, 2}, {12, 6, 2, 2, 2}, {8, 2, 1, 2, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_dup(&cases[i], false);
        check_dup(&cases[i], true);
    }
}

// ---- unpatchify, and a result with its axes in any order

static const char *const orders[] = {NULL, // [1, channels, frames, height, width]
                                     "1 a b c d -> 1 b a c d",
                                     "1 a b c d -> b c d a",
                                     "1 a b c d -> b a c d",
                                     "1 a b c d -> a b c d",
                                     "1 a b c d -> b d c a",
                                     "1 a b c d -> 1 c 1 d a b 1"};

static void add_unpatchify_graph(struct strbuf *b, bool first, const char *order, bool clamp_last) {
    begin_graph(b, first ? "first" : "steady");
    add_conv(b, first ? "x" : "both", "z", first ? "w" : "twice");
    if (!first) add_move(b, "frames", "both", "1 (a:2 b:12) 1 c d -> 1 b a c d");
    if (!first) add_conv(b, "x", "frames", "v");
    add_move(b, "patches", "x", "1 (a:3 b:2 c:2) d e f -> 1 a b c d e f");
    add_move(b, "moved", "patches", "1 a b c d e f -> 1 a d e c f b");
    add_move(b, "video", "moved", "1 a d e c f b -> 1 a d (e c) (f b)");
    if (!clamp_last) strbuf_add(b, "  %result = clamp %video {min=-0.5, max=0.75}\n");
    if (order) add_move(b, "ordered", clamp_last ? "video" : "result", order);
    const char *last = order ? "ordered" : clamp_last ? "video" : "result";
    if (clamp_last) strbuf_printf(b, "  %%clamped = clamp %%%s {min=-0.5, max=0.75}\n", last);
    strbuf_printf(b, "  return %%%s\n}\n", clamp_last ? "clamped" : last);
}

static void check_unpatchify(const char *order, bool clamp_last) {
    struct strbuf b = {0};
    struct tensor z = random_latent();
    add_weight(&b, "w", 12, LATENT);
    add_weight(&b, "twice", 24, LATENT);
    add_weight(&b, "v", 12, 12);
    add_unpatchify_graph(&b, true, order, clamp_last);
    add_unpatchify_graph(&b, false, order, clamp_last);
    const char *path = compile(&b);
    struct tensor x = pick(&z, 12), both = pick(&z, 24), frames = interleave(&both), last = pick(&frames, 12);
    struct tensor first = unpatchify(&x), steady = unpatchify(&last);
    clamp(&first, -0.5f, 0.75f);
    clamp(&steady, -0.5f, 0.75f);
    check_plan(path, &z, &first, &steady);
    strbuf_free(&b);
}

static void test_unpatchify(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        check_unpatchify(orders[i], false);
        check_unpatchify(orders[i], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dup_up, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_unpatchify, test_setup, test_teardown),
    };
    return cmocka_run_group_tests_name("rearrange", tests, NULL, NULL);
}
