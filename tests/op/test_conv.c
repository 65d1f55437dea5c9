// The convolution against its formula in plan.h, computed in double precision.
#include "plan/winograd.h"
#include "tests/op/harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// What an algorithm may lose to rounding, as a part of the sum of all products' magnitudes: twice what these
// cases lose.
static const double tolerance[PLAN_CONV_ALGORITHMS] = {
    [PLAN_CONV_DIRECT] = 1e-6,          [PLAN_CONV_WINOGRAD2] = 2e-7,
    [PLAN_CONV_WINOGRAD4] = 7e-7,       [PLAN_CONV_WINOGRAD2_TIME2] = 2e-7,
    [PLAN_CONV_WINOGRAD4_TIME2] = 6e-7, [PLAN_CONV_WINOGRAD4_TIME4] = 1.2e-6,
    [PLAN_CONV_PRODUCT] = 1e-6,         [PLAN_CONV_PRODUCT_TIME2] = 1e-6,
    [PLAN_CONV_PRODUCT_TIME4] = 1e-6,   [PLAN_CONV_IM2COL] = 1e-6,
};

struct conv_case {
    const char *name;
    uint32_t frames, height, width, in, out;         // frames: of the output
    uint32_t kernel_t, kernel, taps, stride, pad[4]; // pad: top, left, bottom, right
    uint32_t interleave, upsample, block;
    uint64_t gap; // between the windows of neighbouring pixels
    bool no_bias, clamp;
};

static struct op_case make_case(const struct conv_case *k, uint32_t algorithm) {
    uint32_t in_frames = k->frames / k->interleave + k->taps - 1;
    uint32_t height = (k->height * k->upsample + k->pad[0] + k->pad[2] - k->kernel) / k->stride + 1;
    uint32_t width = (k->width * k->upsample + k->pad[1] + k->pad[3] - k->kernel) / k->stride + 1;
    uint32_t rows = k->out * k->interleave;
    struct op_case c = {.op = {.kind = PLAN_OP_CONV}};
    c.op.params.conv = (struct plan_conv){.kernel_t = k->kernel_t,
                                          .kernel_h = k->kernel,
                                          .kernel_w = k->kernel,
                                          .taps = k->taps,
                                          .stride_h = k->stride,
                                          .stride_w = k->stride,
                                          .pad_top = k->pad[0],
                                          .pad_left = k->pad[1],
                                          .pad_bottom = k->pad[2],
                                          .pad_right = k->pad[3],
                                          .interleave = k->interleave,
                                          .upsample = k->upsample,
                                          .block_channels = k->block,
                                          .min = k->clamp ? -0.25f : -INFINITY,
                                          .max = k->clamp ? 0.5f : INFINITY,
                                          .algorithm = algorithm};
    c.in[0] = window_view(in_frames, k->height, k->width, k->in, k->gap);
    c.out = k->gap > 0 ? window_view(k->frames, height, width, k->out, k->gap)
                       : dense_view(k->frames, height, width, k->out);
    if (k->upsample > 1 && algorithm == PLAN_CONV_DIRECT) {
        c.scratch = window_view(k->taps, k->height * k->upsample, k->width * k->upsample, k->in, 0);
    }
    c.constant_count[0] = rows * k->kernel * k->kernel * k->kernel_t * k->in;
    c.constant[0] = test_random(c.constant_count[0]);
    c.constant_count[1] = rows;
    c.constant[1] = k->no_bias ? NULL : test_random(rows);
    return c;
}

// The image at (y, x) after enlargement and padding: its float, or NULL for the zeros around it.
static const float *pixel(const struct op_case *c, const float *input, size_t t, long y, long x) {
    const struct plan_conv *p = &c->op.params.conv;
    const struct plan_view *v = &c->in[0];
    if (y < 0 || x < 0 || y >= (long)(v->height * p->upsample) || x >= (long)(v->width * p->upsample))
        return NULL;
    return input + view_at(v, t, (size_t)y / p->upsample, (size_t)x / p->upsample, 0);
}

static void expect_output(const struct op_case *c, const float *input, size_t frame, size_t y, size_t x,
                          size_t o, struct expected *e) {
    const struct plan_conv *p = &c->op.params.conv;
    size_t t = frame / p->interleave, row = frame % p->interleave * c->out.channels + o,
           channels = c->in[0].channels;
    double sum = c->constant[1] == NULL ? 0 : c->constant[1][row], size = fabs(sum);
    for (size_t ky = 0; ky < p->kernel_h; ky++) {
        for (size_t kx = 0; kx < p->kernel_w; kx++) {
            for (size_t dt = 0; dt < p->taps; dt++) {
                const float *in = pixel(c, input, t + dt, (long)(y * p->stride_h + ky) - p->pad_top,
                                        (long)(x * p->stride_w + kx) - p->pad_left);
                size_t column =
                    ((row * p->kernel_h + ky) * p->kernel_w + kx) * p->kernel_t + p->kernel_t - p->taps + dt;
                for (size_t i = 0; i < channels && in != NULL; i++) {
                    double product = (double)in[i] * c->constant[0][column * channels + i];
                    sum += product;
                    size += fabs(product);
                }
            }
        }
    }
    expect_at(e, view_at(&c->out, frame, y, x, o), fmin(fmax(sum, p->min), p->max), size);
}

static struct expected expect_all(const struct op_case *c, const float *input) {
    struct expected e = make_expected(c);
    for (size_t t = 0; t < c->out.frames; t++) {
        for (size_t y = 0; y < c->out.height; y++) {
            for (size_t x = 0; x < c->out.width; x++) {
                for (size_t o = 0; o < c->out.channels; o++) expect_output(c, input, t, y, x, o, &e);
            }
        }
    }
    return e;
}

// From the magnitudes of all sums to the differences that an algorithm may make. A tile's outputs share its
// products: the error of a small sum is that of the largest beside it.
static struct expected allow(const struct expected *all, uint32_t algorithm) {
    struct expected e = {all->count, all->value, test_alloc(all->count, sizeof *e.slack)};
    double largest = 0;
    for (size_t i = 0; i < e.count; i++) largest = fmax(largest, all->slack[i]);
    for (size_t i = 0; i < e.count; i++) {
        double size = algorithm == PLAN_CONV_DIRECT ? all->slack[i] : largest;
        e.slack[i] = all->slack[i] == 0 ? 0 : tolerance[algorithm] * size + 1e-7;
    }
    return e;
}

static void run_case(const struct conv_case *k) {
    struct op_case direct = make_case(k, PLAN_CONV_DIRECT);
    float *input = make_input(&direct);
    struct expected all = expect_all(&direct, input);
    for (uint32_t algorithm = 0; algorithm < PLAN_CONV_ALGORITHMS; algorithm++) {
        const struct plan_conv *p = &direct.op.params.conv;
        if (algorithm != PLAN_CONV_DIRECT && !plan_winograd_applies(p, algorithm)) continue;
        struct op_case c = make_case(k, algorithm);
        struct expected e = allow(&all, algorithm);
        char name[128];
        snprintf(name, sizeof name, "%s, %s", k->name, plan_conv_algorithm_name(algorithm));
        memcpy(c.constant, direct.constant, sizeof c.constant);
        check_case(name, &c, input, &e);
    }
}

// clang-format off
#define SAME {1, 1, 1, 1}
static const struct conv_case cases[] = {
    // name                        T  h  w  in out kt k taps stride pads     interleave, upsample, block
    {"3x3x3, all taps", 1, 6, 7, 8, 8, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"3x3x3, four frames", 4, 5, 6, 12, 40, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"3x3x3, two taps", 2, 5, 4, 6, 5, 3, 3, 2, 1, SAME, 1, 1, 32, 0, false, false},
    {"3x3x3, one tap", 1, 5, 4, 6, 5, 3, 3, 1, 1, SAME, 1, 1, 2, 0, false, false},
    {"block of 1", 1, 3, 3, 4, 3, 3, 3, 2, 1, SAME, 1, 1, 1, 0, false, false},
    {"blocks of 32 and 5", 2, 4, 5, 33, 37, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"gap between windows", 2, 4, 5, 7, 9, 3, 3, 3, 1, SAME, 1, 1, 4, 5, false, false},
    {"no bias", 1, 4, 5, 7, 9, 1, 3, 1, 1, SAME, 1, 1, 4, 0, true, false},
    {"clamp", 3, 4, 5, 7, 3, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, true},
    {"1x1", 3, 7, 9, 17, 35, 1, 1, 1, 1, {0}, 1, 1, 32, 0, false, false},
    {"1x1, gap", 2, 7, 3, 17, 35, 1, 1, 1, 1, {0}, 1, 1, 16, 3, false, false},
    {"3x1x1, interleaved", 4, 5, 6, 8, 8, 3, 1, 3, 1, {0}, 2, 1, 32, 0, false, false},
    {"3x1x1, interleaved, small blocks", 2, 5, 6, 8, 20, 3, 1, 3, 1, {0}, 2, 1, 8, 3, false, false},
    {"3x1x1, two taps", 2, 5, 6, 8, 20, 3, 1, 2, 1, {0}, 2, 1, 8, 0, false, false},
    {"interleave 3 of a 3x3", 3, 5, 6, 3, 2, 2, 3, 2, 1, SAME, 3, 1, 8, 0, false, false},
    {"upsampled 2", 2, 5, 4, 8, 6, 1, 3, 1, 1, SAME, 1, 2, 32, 0, false, false},
    {"upsampled 3, window", 2, 3, 4, 5, 6, 3, 3, 3, 1, SAME, 1, 3, 4, 2, false, false},
    {"upsampled 1x1", 1, 3, 4, 5, 6, 1, 1, 1, 1, {0}, 1, 2, 4, 0, false, false},
    {"height 1", 2, 1, 9, 8, 8, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"width 1", 2, 9, 1, 8, 8, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"one pixel", 1, 1, 1, 8, 8, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"one pixel, upsampled", 1, 1, 1, 8, 8, 1, 3, 1, 1, SAME, 1, 2, 32, 0, false, false},
    {"one channel to one", 2, 4, 5, 1, 1, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"one channel to one, 2D", 1, 4, 5, 1, 1, 1, 3, 1, 1, SAME, 1, 1, 32, 0, false, false},
    {"one channel to one, 1x1", 2, 4, 5, 1, 1, 1, 1, 1, 1, {0}, 1, 1, 32, 0, false, false},
    {"stride 2, odd image", 1, 7, 9, 6, 5, 1, 3, 1, 2, SAME, 1, 1, 32, 0, false, false},
    {"stride 2, asymmetric pads", 1, 8, 6, 6, 5, 1, 3, 1, 2, {0, 0, 1, 1}, 1, 1, 32, 0, false, false},
    {"stride 2, 1x1", 1, 8, 6, 6, 5, 1, 1, 1, 2, {0}, 1, 1, 32, 0, false, false},
    {"asymmetric pads", 1, 5, 6, 6, 5, 3, 3, 2, 1, {2, 0, 0, 1}, 1, 1, 32, 0, false, false},
    {"padded 1x1", 1, 5, 6, 6, 5, 1, 1, 1, 1, {1, 2, 0, 1}, 1, 1, 32, 0, false, false},
    {"no pads", 1, 5, 6, 6, 5, 1, 3, 1, 1, {0}, 1, 1, 32, 0, false, false},
    {"pads larger than the kernel", 1, 2, 3, 4, 5, 1, 3, 1, 1, {4, 5, 6, 3}, 1, 1, 32, 0, false, false},
    {"5x5", 1, 7, 6, 4, 5, 1, 5, 1, 1, {2, 2, 2, 2}, 1, 1, 32, 0, false, false},
    {"2x2", 1, 7, 6, 4, 5, 2, 2, 2, 1, {0, 1, 1, 0}, 1, 1, 32, 0, false, false},
    {"head: 96 to 3", 2, 9, 11, 96, 3, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, true},
    {"tiles of 4, even", 4, 8, 12, 32, 32, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"tiles of 4, one more", 5, 9, 13, 33, 31, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, true},
    {"tiles of 4, one less", 3, 7, 11, 31, 65, 3, 3, 3, 1, SAME, 1, 1, 64, 7, false, false},
    {"one row of tiles", 4, 1, 21, 16, 16, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"one column of tiles", 2, 21, 1, 16, 16, 3, 3, 3, 1, SAME, 1, 1, 32, 0, true, false},
    {"pads on one side", 2, 6, 7, 8, 8, 3, 3, 3, 1, {1, 0, 0, 1}, 1, 1, 32, 0, false, false},
    {"no pads, three taps", 2, 6, 7, 8, 8, 3, 3, 3, 1, {0}, 1, 1, 32, 0, false, false},
    {"interleaved 3x3x3", 8, 6, 7, 20, 40, 3, 3, 3, 1, SAME, 2, 1, 32, 0, false, true},
    {"upsampled 2, odd image", 3, 7, 5, 24, 40, 1, 3, 1, 1, SAME, 1, 2, 32, 0, false, false},
    {"upsampled 2, window", 2, 3, 4, 20, 6, 3, 3, 3, 1, SAME, 1, 2, 32, 3, false, true},
    {"upsampled 2, wide pads", 1, 3, 5, 8, 6, 1, 3, 1, 1, {3, 1, 2, 0}, 1, 2, 32, 0, false, false},
    {"upsampled 2, two rows", 1, 2, 1, 8, 6, 1, 3, 1, 1, SAME, 1, 2, 32, 0, false, false},
    {"several blocks of tiles", 4, 98, 101, 4, 5, 3, 3, 3, 1, SAME, 1, 1, 32, 0, false, false},
    {"larger than a tile of threads", 1, 40, 37, 16, 64, 3, 3, 1, 1, SAME, 1, 1, 32, 0, false, false},
};
// clang-format on

static void test_conv(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(&cases[i]);
        test_teardown(NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_conv, test_setup, test_teardown)};
    return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
