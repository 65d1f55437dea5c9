// The convolution that keeps its own history, with a norm in front and a residual behind, over several steps.
//
// A step's plan is the convolution, behind a copy where the residual is what it overwrites, and a copy of the
// cache's floats around the history, which nobody may write. The reference is a loop in double precision over
// all frames of the sequence; it knows neither steps nor histories.
#include "plan/winograd.h"
#include "tests/op/harness.h"
#include "wan/wan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GUARD = 32, MAX_STEPS = 8, MAX_FRAMES = 64 };
// The reference is slow under sanitizers: one output of so many will do there, of all channels in turn.
#ifdef __SANITIZE_ADDRESS__
enum { SAMPLE = 11 };
#else
enum { SAMPLE = 1 };
#endif

// What an algorithm may lose to rounding, as a part of the largest sum of all products' magnitudes; a norm in
// front loses some more.
static const double tolerance[PLAN_CONV_ALGORITHMS] = {
    [PLAN_CONV_WINOGRAD2] = 2e-7,
    [PLAN_CONV_WINOGRAD4] = 7e-7,
    [PLAN_CONV_WINOGRAD2_TIME2] = 2e-7,
    [PLAN_CONV_WINOGRAD4_TIME2] = 6e-7,
    [PLAN_CONV_WINOGRAD4_TIME4] = 1.2e-6,
    [PLAN_CONV_PRODUCT] = 2e-7,
    [PLAN_CONV_PRODUCT_TIME2] = 2e-7,
    [PLAN_CONV_PRODUCT_TIME4] = 7e-7,
    [PLAN_CONV_IM2COL] = 2e-7,
};
static const double norm_tolerance = 2e-7;
// A value near the middle between two numbers of 16 bits may go to either of them, after a norm that is rounded.
static const double ties[PLAN_CACHE_TYPES] = {[PLAN_F16] = 2e-6, [PLAN_BF16] = 2e-5};

enum residual { NO_RESIDUAL, APART, IN_PLACE };

struct stream {
    const char *name;
    uint32_t height, width, in, out; // of the image in front of an enlargement
    uint32_t frames, taps, steps;    // of a later step; the first has one frame and one tap
    uint32_t pad[4];                 // top, left, bottom, right
    uint32_t prologue;
    enum residual residual;
    bool gamma, bias, clamp;
    uint32_t gap; // floats between pixels, of all views
    struct {
        uint32_t kernel_t, interleave, upsample, first_frames, first_taps; // 0: 3, 1, 1, 1, 1
        uint32_t kernel;                                                   // 0: 3
        uint32_t type;                                                     // of the history
        uint32_t sample; // every so many outputs are compared; 0: all
    } rare;
};

static uint32_t or (uint32_t value, uint32_t otherwise) { return value == 0 ? otherwise : value; }

// What the convolutions of both variants share.
struct setting {
    const struct stream *k;
    uint32_t kernel_t, kernel, interleave, upsample, out_height, out_width, rows;
    uint32_t frames[PLAN_VARIANTS], taps[PLAN_VARIANTS];
    struct plan_view in, out, residual, history; // of a later step
    size_t latent, output, guards;               // floats; guards: where they are in the output
    float *weight, *bias, *gamma;
    float *latents[MAX_STEPS];
    double *images[MAX_FRAMES]; // the window's frames, from frame 0 on
    double *kept[MAX_FRAMES];   // as the history keeps them
};

static enum plan_variant variant_of(size_t step) { return step == 0 ? PLAN_FIRST : PLAN_STEADY; }

static size_t first_frame(const struct setting *s, size_t step) {
    return step == 0 ? 0 : s->frames[PLAN_FIRST] + (step - 1) * s->frames[PLAN_STEADY];
}

// ---- what is given

static struct plan_view image_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels,
                                   uint32_t gap, uint64_t offset) {
    struct plan_view v = dense_view(frames, height, width, channels + gap);
    v.channels = channels;
    v.offset = offset;
    return v;
}

// With the room that a history asks for, and a little more where there are gaps.
static struct plan_view history_view(const struct setting *s) {
    const struct stream *k = s->k;
    struct plan_view v = image_view(s->kernel_t - 1, k->height, k->width, k->in, k->gap, 0);
    v.row_stride = (k->width + 1) * v.pixel_stride + k->gap;
    v.frame_stride = (k->height + 1) * v.row_stride + k->gap;
    v.offset = GUARD + v.row_stride + v.pixel_stride;
    return v;
}

static void place_views(struct setting *s) {
    const struct stream *k = s->k;
    uint32_t frames = k->frames * s->interleave;
    s->in = image_view(k->frames, k->height, k->width, k->in, k->gap, 0);
    s->out = image_view(frames, s->out_height, s->out_width, k->out, k->gap, 0);
    s->residual = s->out;
    s->residual.offset = view_end(&s->in);
    s->history = history_view(s);
    s->latent = view_end(&s->residual);
    s->guards = view_end(&s->out);
    s->output = s->guards + 2 * GUARD;
}

// The first step's frames lie where a later step has its first ones.
static struct setting make_setting(const struct stream *k) {
    struct setting s = {.k = k,
                        .kernel_t = or (k->rare.kernel_t, 3),
                        .kernel = or (k->rare.kernel, 3),
                        .interleave = or (k->rare.interleave, 1),
                        .upsample = or (k->rare.upsample, 1),
                        .frames = { or (k->rare.first_frames, 1), k->frames},
                        .taps = { or (k->rare.first_taps, 1), k->taps}};
    s.out_height = k->height * s.upsample + k->pad[0] + k->pad[2] - (s.kernel - 1);
    s.out_width = k->width * s.upsample + k->pad[1] + k->pad[3] - (s.kernel - 1);
    s.rows = k->out * s.interleave;
    place_views(&s);
    s.weight = test_random((size_t)s.rows * s.kernel * s.kernel * s.kernel_t * k->in);
    s.bias = k->bias ? test_random(s.rows) : NULL;
    s.gamma = k->gamma ? test_random(k->in) : NULL;
    for (size_t i = 0; i < k->steps; i++) s.latents[i] = test_random(s.latent);
    return s;
}

// ---- what is expected

// The norm of one pixel; an image without prologue is taken as it is.
static void norm_pixel(const struct setting *s, const float *x, double *y) {
    const struct stream *k = s->k;
    double squares = 0, scale = sqrt(k->in);
    for (size_t c = 0; c < k->in; c++) squares += (double)x[c] * x[c];
    for (size_t c = 0; c < k->in; c++) {
        y[c] = x[c];
        if (k->prologue == PLAN_PROLOGUE_NONE) continue;
        y[c] *= (double)(float)scale / fmax(sqrt(squares), (double)1e-6f);
        if (s->gamma != NULL) y[c] *= s->gamma[c];
        if (k->prologue == PLAN_PROLOGUE_NORM_SILU) y[c] /= 1 + exp(-y[c]);
    }
}

// To the nearest number with so many bits behind the first one, ties to even; below 2^least zero.
static double nearest(double x, int bits, int least) {
    int exponent;
    frexp(x, &exponent); // 2^(exponent - 1) <= |x|
    if (exponent - 1 < least) return 0;
    return ldexp(nearbyint(ldexp(x, bits + 1 - exponent)), exponent - 1 - bits);
}

static double keep(const struct setting *s, double x) {
    switch (s->k->rare.type) {
    case PLAN_F16: return nearest(fmax(fmin((double)(float)x, 65504), -65504), 10, -14);
    case PLAN_BF16: return nearest((double)(float)x, 7, -126);
    default: return x;
    }
}

static void keep_image(struct setting *s, size_t frame) {
    size_t count = (size_t)s->k->height * s->k->width * s->k->in;
    s->kept[frame] = test_alloc(count, sizeof(double));
    for (size_t i = 0; i < count; i++) s->kept[frame][i] = keep(s, s->images[frame][i]);
}

static void make_images(struct setting *s) {
    const struct stream *k = s->k;
    for (size_t step = 0; step < k->steps; step++) {
        for (size_t t = 0; t < s->frames[variant_of(step)]; t++) {
            double *image = test_alloc((size_t)k->height * k->width * k->in, sizeof *image);
            assert_true(first_frame(s, step) + t < MAX_FRAMES);
            s->images[first_frame(s, step) + t] = image;
            for (size_t i = 0; i < (size_t)k->height * k->width; i++) {
                size_t at = view_at(&s->in, t, i / k->width, i % k->width, 0);
                norm_pixel(s, s->latents[step] + at, image + i * k->in);
            }
            keep_image(s, first_frame(s, step) + t);
        }
    }
}

// One element of the kernel: adds to the sum and to the sum of magnitudes.
static void add_products(const struct setting *s, const double *image, const float *weight, long y, long x,
                         double sum[2]) {
    const struct stream *k = s->k;
    if (y < 0 || x < 0 || y >= (long)(k->height * s->upsample) || x >= (long)(k->width * s->upsample)) return;
    const double *pixel = image + ((size_t)y / s->upsample * k->width + (size_t)x / s->upsample) * k->in;
    for (size_t i = 0; i < k->in; i++) {
        sum[0] += pixel[i] * weight[i];
        sum[1] += fabs(pixel[i] * weight[i]);
    }
}

// Row `row` of the weights at (y, x) of the output, of the window that ends with `frame`. Frames in front of `begin` are
// those of earlier steps.
static void convolve(const struct setting *s, size_t begin, size_t frame, size_t taps, size_t y, size_t x,
                     size_t row, double sum[2]) {
    const struct stream *k = s->k;
    for (size_t back = 0; back < taps && back <= frame; back++) {
        const double *image = frame - back < begin ? s->kept[frame - back] : s->images[frame - back];
        size_t elements = s->kernel * s->kernel;
        for (size_t e = 0; e < elements; e++) {
            const float *weight =
                s->weight + ((row * elements + e) * s->kernel_t + s->kernel_t - 1 - back) * k->in;
            add_products(s, image, weight, (long)(y + e / s->kernel) - k->pad[0],
                         (long)(x + e % s->kernel) - k->pad[1], sum);
        }
    }
}

static void expect_output(const struct setting *s, size_t step, size_t t, size_t y, size_t x, size_t c,
                          struct expected *e) {
    const struct stream *k = s->k;
    size_t row = t % s->interleave * k->out + c;
    double sum[2] = {0, 0};
    if (s->bias != NULL) sum[0] = s->bias[row];
    if (k->residual != NO_RESIDUAL) sum[0] += s->latents[step][view_at(&s->residual, t, y, x, c)];
    sum[1] = fabs(sum[0]);
    convolve(s, first_frame(s, step), first_frame(s, step) + t / s->interleave, s->taps[variant_of(step)], y,
             x, row, sum);
    double value = k->clamp ? fmin(fmax(sum[0], -0.25), 0.5) : sum[0];
    expect_at(e, view_at(&s->out, t, y, x, c), value, sum[1]);
}

// Slack is the sum of magnitudes, until an algorithm is chosen. What is not compared has any value.
static struct expected expect_step(const struct setting *s, size_t step) {
    struct expected e = {s->output, test_alloc(s->output, sizeof(double)),
                         test_alloc(s->output, sizeof(double))};
    size_t frames = (size_t)s->frames[variant_of(step)] * s->interleave,
           sample = or (s->k->rare.sample, SAMPLE);
    size_t count = frames * s->out_height * s->out_width * s->k->out;
    for (size_t i = 0; i < count; i++) {
        size_t c = i % s->k->out, pixel = i / s->k->out;
        size_t x = pixel % s->out_width, row = pixel / s->out_width;
        size_t y = row % s->out_height, t = row / s->out_height;
        if (i % sample == 0) expect_output(s, step, t, y, x, c, &e);
        else expect_at(&e, view_at(&s->out, t, y, x, c), 0, INFINITY);
    }
    return e;
}

static struct expected allow(const struct setting *s, const struct expected *all, uint32_t algorithm) {
    struct expected e = {all->count, all->value, test_alloc(all->count, sizeof *e.slack)};
    double largest = 0, part = tolerance[algorithm];
    if (s->k->prologue != PLAN_PROLOGUE_NONE) part += norm_tolerance;
    part += ties[s->k->rare.type];
    for (size_t i = 0; i < e.count; i++) {
        if (isfinite(all->slack[i])) largest = fmax(largest, all->slack[i]);
    }
    for (size_t i = 0; i < e.count; i++) {
        e.slack[i] = all->slack[i] == 0 ? 0 : isfinite(all->slack[i]) ? part * largest + 1e-7 : all->slack[i];
    }
    return e;
}

// ---- the plan

static uint32_t add_view(struct plan_writer *w, struct plan_view v, enum plan_space space, uint32_t frames) {
    v.space = space;
    v.frames = frames;
    return plan_writer_view(w, v);
}

static struct plan_op copy_op(struct plan_writer *w, uint32_t in, uint32_t out) {
    return (struct plan_op){.kind = PLAN_OP_COPY,
                            .name = plan_writer_string(w, "copy"),
                            .in = {in, PLAN_NONE, PLAN_NONE},
                            .out = out,
                            .scratch = PLAN_NONE,
                            .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
}

// Where there are fewer taps than time takes as an axis.
static const uint32_t without_time[PLAN_CONV_ALGORITHMS] = {
    [PLAN_CONV_WINOGRAD2] = PLAN_CONV_WINOGRAD2,
    [PLAN_CONV_WINOGRAD4] = PLAN_CONV_WINOGRAD4,
    [PLAN_CONV_WINOGRAD2_TIME2] = PLAN_CONV_WINOGRAD2,
    [PLAN_CONV_WINOGRAD4_TIME2] = PLAN_CONV_WINOGRAD4,
    [PLAN_CONV_WINOGRAD4_TIME4] = PLAN_CONV_WINOGRAD4,
    [PLAN_CONV_PRODUCT] = PLAN_CONV_PRODUCT,
    [PLAN_CONV_PRODUCT_TIME2] = PLAN_CONV_PRODUCT,
    [PLAN_CONV_PRODUCT_TIME4] = PLAN_CONV_PRODUCT,
    [PLAN_CONV_IM2COL] = PLAN_CONV_IM2COL,
};

static struct plan_conv conv_params(const struct setting *s, enum plan_variant v, uint32_t algorithm) {
    const struct stream *k = s->k;
    struct plan_conv p = {.kernel_t = s->kernel_t,
                          .kernel_h = s->kernel,
                          .kernel_w = s->kernel,
                          .taps = s->taps[v],
                          .stride_h = 1,
                          .stride_w = 1,
                          .pad_top = k->pad[0],
                          .pad_left = k->pad[1],
                          .pad_bottom = k->pad[2],
                          .pad_right = k->pad[3],
                          .interleave = s->interleave,
                          .upsample = s->upsample,
                          .block_channels = 64,
                          .min = k->clamp ? -0.25f : -INFINITY,
                          .max = k->clamp ? 0.5f : INFINITY,
                          .algorithm = algorithm,
                          .prologue = k->prologue,
                          .norm_scale = sqrtf((float)k->in),
                          .norm_epsilon = 1e-6f};
    if (p.taps != 3) p.algorithm = without_time[algorithm];
    return p;
}

static void add_variant(struct plan_writer *w, const struct setting *s, enum plan_variant v,
                        uint32_t algorithm, const uint32_t constants[3]) {
    uint32_t frames = s->frames[v], out_frames = frames * s->interleave;
    uint32_t out = add_view(w, s->out, PLAN_OUTPUT, out_frames), residual = PLAN_NONE;
    if (s->k->residual != NO_RESIDUAL) residual = add_view(w, s->residual, PLAN_INPUT, out_frames);
    if (s->k->residual == IN_PLACE) {
        plan_writer_op(w, v, copy_op(w, residual, out));
        residual = out;
    }
    struct plan_op conv = copy_op(w, add_view(w, s->in, PLAN_INPUT, frames), out);
    conv.kind = PLAN_OP_CONV;
    conv.in[PLAN_CONV_HISTORY] = add_view(w, s->history, PLAN_CACHE, s->kernel_t - 1);
    conv.in[PLAN_CONV_RESIDUAL] = residual;
    memcpy(conv.constant, constants, sizeof conv.constant);
    conv.params.conv = conv_params(s, v, algorithm);
    plan_writer_op(w, v, conv);
    struct plan_view guard = dense_view(2, 1, 1, GUARD), copy = guard;
    guard.frame_stride = view_end(&s->history);
    copy.offset = s->guards;
    plan_writer_op(w, v, copy_op(w, add_view(w, guard, PLAN_CACHE, 2), add_view(w, copy, PLAN_OUTPUT, 2)));
}

static const char *write_plan(const struct setting *s, uint32_t algorithm) {
    const struct stream *k = s->k;
    struct plan_writer *w = test_writer();
    struct error err = {0};
    uint64_t bytes = (view_end(&s->history) + GUARD) * plan_cache_number_bytes(k->rare.type);
    uint32_t constants[3] = {
        test_constant(w, s->weight, s->rows * s->kernel * s->kernel * s->kernel_t * k->in),
        test_constant(w, s->bias, s->rows), test_constant(w, s->gamma, k->in)};
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = 1,
                                                        .latent_height = 1,
                                                        .latent_width = (uint32_t)s->latent,
                                                        .frame_channels = 1,
                                                        .frame_height = 1,
                                                        .frame_width = (uint32_t)s->output,
                                                        .cache_bytes = bytes,
                                                        .variant = {{.frames = 1}, {.frames = 1}}};
    uint32_t name = plan_writer_string(w, "c0");
    plan_writer_cache(w, (struct plan_cache){.name = name,
                                             .producer = name,
                                             .frames = s->kernel_t - 1,
                                             .height = k->height,
                                             .width = k->width,
                                             .channels = k->in,
                                             .type = k->rare.type,
                                             .bytes = bytes});
    for (int v = 0; v < PLAN_VARIANTS; v++) add_variant(w, s, v, algorithm, constants);
    const char *path = test_path();
    if (!plan_writer_save(w, path, &err)) fail_msg("%s: %s", k->name, err.message);
    return path;
}

// ---- running it

static void run_steps(const struct setting *s, struct wan_session *session, size_t steps, float *out) {
    struct wan_error error = {0};
    for (size_t i = 0; i < steps; i++) {
        if (wan_session_send(session, s->latents[i], &error) != WAN_OK) fail_msg("%s", error.message);
        const float *frame = wan_session_receive(session);
        assert_non_null(frame);
        memcpy(out + i * s->output, frame, s->output * sizeof *out);
        assert_null(wan_session_receive(session));
    }
}

// All steps, after one that a reset takes back.
static float *run_threads(const struct setting *s, const char *path, unsigned threads) {
    struct wan_error error = {0};
    struct wan_plan *plan = wan_plan_open(path, NULL, &error);
    if (plan == NULL) fail_msg("%s", error.message);
    struct wan_session *session = wan_session_new(
        plan, &(struct wan_session_params){.size = sizeof(struct wan_session_params), .threads = threads},
        &error);
    if (session == NULL) fail_msg("%s", error.message);
    float *out = test_alloc(s->k->steps * s->output, sizeof *out);
    run_steps(s, session, 1, out);
    wan_session_reset(session);
    run_steps(s, session, s->k->steps, out);
    wan_session_free(session);
    wan_plan_close(plan);
    return out;
}

static void check_algorithm(const struct setting *s, const struct expected *all, uint32_t algorithm) {
    // Threads of pthreadpool spin: where there are more than cores, they are slow, and small images have no blocks.
    static const unsigned threads[] = {1, 2, 3, 8};
    size_t runs = s->k->height * s->k->width < 400 ? 2 : 4;
    const char *path = write_plan(s, algorithm);
    const float *reference = NULL;
    for (size_t i = 0; i < runs; i++) {
        const float *out = run_threads(s, path, threads[i]);
        if (reference == NULL) reference = out;
        if (memcmp(out, reference, s->k->steps * s->output * sizeof *out) != 0) {
            fail_msg("%s, %s: other bits with %u threads", s->k->name, plan_conv_algorithm_name(algorithm),
                     threads[i]);
        }
    }
    for (size_t step = 0; step < s->k->steps; step++) {
        char name[160];
        struct expected e = allow(s, &all[step], algorithm);
        snprintf(name, sizeof name, "%s, %s, step %zu", s->k->name, plan_conv_algorithm_name(algorithm),
                 step);
        compare(name, reference + step * s->output, &e);
    }
}

static void run_stream(const struct stream *k) {
    struct setting s = make_setting(k);
    struct expected all[MAX_STEPS];
    make_images(&s);
    for (size_t i = 0; i < k->steps; i++) all[i] = expect_step(&s, i);
    for (uint32_t algorithm = 1; algorithm < PLAN_CONV_ALGORITHMS; algorithm++) {
        struct plan_conv p = conv_params(&s, PLAN_STEADY, algorithm);
        if (p.algorithm == algorithm && plan_winograd_applies(&p, algorithm)) {
            check_algorithm(&s, all, algorithm);
        }
    }
    test_teardown(NULL);
}

// ---- the cases

#define SAME                                                                                                 \
    { 1, 1, 1, 1 }
#define NONE PLAN_PROLOGUE_NONE
#define NORM PLAN_PROLOGUE_NORM
#define SILU PLAN_PROLOGUE_NORM_SILU
// clang-format off
static const struct stream small[] = {
    // name                          h  w  in out T taps steps pads prologue residual gamma, bias, clamp, gap
    {"history", 6, 7, 8, 8, 1, 3, 6, SAME, NONE, NO_RESIDUAL, false, false, false, 0, {0}},
    {"norm", 5, 9, 17, 20, 2, 3, 5, SAME, NORM, NO_RESIDUAL, false, true, false, 0, {0}},
    {"norm with gamma", 9, 6, 16, 32, 2, 3, 5, SAME, NORM, NO_RESIDUAL, true, false, false, 3, {0}},
    {"norm, silu", 7, 7, 33, 5, 1, 3, 5, SAME, SILU, NO_RESIDUAL, false, true, false, 0, {0}},
    {"norm with gamma, silu", 7, 8, 24, 37, 3, 3, 5, SAME, SILU, NO_RESIDUAL, true, true, false, 0, {0}},
    {"residual", 7, 8, 24, 37, 3, 3, 5, SAME, NONE, APART, false, true, false, 5, {0}},
    {"residual in place", 7, 8, 24, 47, 4, 3, 5, SAME, NONE, IN_PLACE, false, true, false, 0, {0}},
    {"residual in place, clamp", 7, 8, 12, 48, 2, 3, 5, SAME, NORM, IN_PLACE, true, false, true, 1, {0}},
    {"all", 9, 13, 20, 19, 4, 3, 6, SAME, SILU, APART, true, true, true, 2, {0}},
    {"one pixel", 1, 1, 9, 8, 2, 3, 6, SAME, SILU, IN_PLACE, true, true, false, 0, {0}},
    {"one row", 1, 23, 9, 8, 2, 3, 6, SAME, NORM, APART, true, true, false, 0, {0}},
    {"one column", 23, 1, 9, 8, 3, 3, 6, SAME, NONE, NO_RESIDUAL, false, true, false, 1, {0}},
    {"no pads", 9, 11, 9, 8, 2, 3, 6, {0}, SILU, APART, true, true, false, 0, {0}},
    {"no pads, one output", 3, 3, 9, 8, 2, 3, 6, {0}, SILU, APART, true, true, false, 0, {0}},
    {"pads of 2", 9, 11, 9, 8, 2, 3, 6, {2, 2, 2, 2}, SILU, APART, true, true, false, 0, {0}},
    {"pads on one side", 9, 11, 9, 8, 2, 3, 6, {2, 0, 0, 2}, SILU, APART, true, true, false, 0, {0}},
    {"pads on the other side", 6, 5, 9, 8, 2, 3, 6, {0, 2, 1, 0}, SILU, APART, true, true, false, 0, {0}},
    {"one channel", 8, 5, 1, 1, 2, 3, 6, SAME, SILU, APART, true, true, false, 0, {0}},
    {"two taps of three", 6, 7, 8, 9, 1, 2, 6, SAME, NONE, APART, false, true, false, 0, {0}},
    {"one tap of three", 6, 7, 8, 9, 2, 1, 6, SAME, NORM, APART, false, true, false, 0, {0}},
    {"kernel of two frames", 6, 7, 8, 9, 1, 2, 6, SAME, NONE, APART, false, true, false, 0, {.kernel_t = 2}},
    {"kernel of five frames", 6, 7, 8, 9, 1, 5, 7, SAME, NORM, APART, false, true, false, 0, {.kernel_t = 5}},
    {"three taps of five", 6, 7, 8, 9, 2, 3, 6, SAME, NORM, APART, false, true, false, 0, {.kernel_t = 5}},
    {"first step of two frames", 6, 7, 8, 9, 4, 3, 5, SAME, NORM, APART, false, true, false, 0, {.first_frames = 2, .first_taps = 2}},
    {"first step with all taps", 6, 7, 8, 9, 2, 3, 5, SAME, NORM, APART, false, true, false, 0, {.first_frames = 1, .first_taps = 3}},
    {"interleaved", 6, 7, 8, 20, 3, 3, 5, SAME, SILU, IN_PLACE, true, true, false, 0, {.interleave = 2}},
    {"enlarged", 6, 7, 8, 20, 2, 3, 5, SAME, SILU, IN_PLACE, true, true, false, 0, {.upsample = 2}},
    {"enlarged, wide pads", 5, 6, 8, 4, 2, 3, 5, {3, 1, 1, 3}, NORM, APART, true, true, false, 0, {.upsample = 2}},
    {"history of f16", 6, 7, 8, 8, 1, 3, 6, SAME, NONE, NO_RESIDUAL, false, false, false, 0, {.type = PLAN_F16}},
    {"history of f16, all", 9, 13, 20, 19, 4, 3, 6, SAME, SILU, APART, true, true, true, 2, {.type = PLAN_F16}},
    {"history of bf16", 6, 7, 8, 8, 1, 3, 6, SAME, NONE, NO_RESIDUAL, false, false, false, 0, {.type = PLAN_BF16}},
    {"history of bf16, interleaved", 6, 7, 8, 20, 3, 3, 5, SAME, SILU, IN_PLACE, true, true, false, 0, {.interleave = 2, .type = PLAN_BF16}},
    {"kernel of one pixel", 6, 7, 18, 20, 1, 3, 6, {0}, NONE, NO_RESIDUAL, true, true, false, 0, {.kernel = 1}},
    {"one pixel of the kernel, interleaved", 6, 7, 8, 20, 2, 3, 6, {0}, NONE, NO_RESIDUAL, true, true, false, 1, {.kernel = 1, .interleave = 2}},
    {"one pixel of the kernel, all", 9, 5, 20, 35, 4, 3, 6, {0}, SILU, IN_PLACE, true, true, true, 0, {.kernel = 1}},
    {"one pixel of the kernel, two taps", 1, 5, 8, 3, 2, 2, 6, {0}, NORM, APART, true, true, false, 0, {.kernel = 1}},
};

static const struct stream large[] = {
    {"several blocks", 70, 93, 5, 3, 1, 3, 6, SAME, SILU, IN_PLACE, true, true, false, 0, {0}},
    {"several blocks, four frames", 93, 70, 3, 2, 4, 3, 5, SAME, NORM, APART, true, true, false, 0, {0}},
    {"several blocks, five frames", 81, 81, 2, 3, 5, 3, 5, SAME, NONE, NO_RESIDUAL, true, true, false, 1, {0}},
    {"several blocks, no pads", 131, 64, 3, 3, 2, 3, 6, {0}, NONE, APART, false, true, false, 0, {0}},
    {"several blocks, pads of 2", 67, 99, 3, 3, 2, 3, 6, {2, 2, 2, 2}, SILU, IN_PLACE, false, true, false, 0, {0}},
    {"a row of blocks", 1, 700, 4, 2, 3, 3, 5, SAME, NORM, APART, true, true, false, 0, {0}},
    {"a column of blocks", 700, 1, 4, 2, 3, 3, 5, SAME, NORM, APART, true, true, false, 0, {0}},
    {"several blocks, enlarged", 45, 51, 3, 2, 2, 3, 5, SAME, SILU, IN_PLACE, true, true, false, 0, {.upsample = 2}},
    {"several blocks, kernel of one pixel", 90, 61, 35, 33, 4, 3, 4, {0}, SILU, IN_PLACE, false, true, false, 0, {.kernel = 1, .sample = 7}},
    {"blocks outside of the image", 2, 3, 3, 2, 2, 3, 5, {70, 90, 80, 60}, SILU, NO_RESIDUAL, true, true, false, 0, {0}},
};
// clang-format on

static void test_small(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) run_stream(&small[i]);
}

static void test_large(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) run_stream(&large[i]);
}

// Groups of frames that are full, and that are not.
static void test_numbers_of_frames(void **state) {
    (void)state;
    for (uint32_t frames = 1; frames <= 5; frames++) {
        char name[32];
        snprintf(name, sizeof name, "%u frames", frames);
        run_stream(&(struct stream){
            name, 10, 9, 12, 18, frames, 3, 7, SAME, SILU, IN_PLACE, true, true, false, 0, {0}});
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)
    const struct CMUnitTest tests[] = {TEST(test_small), TEST(test_numbers_of_frames), TEST(test_large)};
    return cmocka_run_group_tests_name("stream_conv", tests, NULL, NULL);
}
