#include "passes/conv_cost.h"

#include "base/size.h"
#include "plan/winograd.h"

const char *const conv_work_name[CONV_WORK_KINDS] = {
    [CONV_WORK_PRODUCTS] = "products", [CONV_WORK_NARROW] = "narrow", [CONV_WORK_POINTERS] = "pointers",
    [CONV_WORK_WEIGHTS] = "weights",   [CONV_WORK_PATCH] = "patch",   [CONV_WORK_RESULTS] = "results",
    [CONV_WORK_INVERSE] = "inverse",
};

// What one core of the reference machine (AMD Zen 5 server, AVX-512, 265 GFLOP/s of fused multiply-adds) does in a
// second: a least-squares fit of the relative errors over the shapes of bench/cost_shapes.txt, all algorithms, one
// thread. `bench/kernels --work` prints counts and times, bench/fit_cost.py fits.
static const double per_second[CONV_WORK_KINDS] = {
    [CONV_WORK_PRODUCTS] = 237e9, [CONV_WORK_NARROW] = 28e9,  [CONV_WORK_POINTERS] = 1.01e9,
    [CONV_WORK_WEIGHTS] = 97e9,   [CONV_WORK_PATCH] = 2.59e9, [CONV_WORK_RESULTS] = 9.3e9,
    [CONV_WORK_INVERSE] = 229e9,
};

enum {
    ROWS = 7,     // of a product that XNNPACK computes together, with AVX-512
    COLUMNS = 32, // and columns
    NARROW = 16,  // fewer output channels than these are computed two at a time
    NARROW_COLUMNS = 2,
};

static struct conv_work direct_work(const struct plan_conv_case *c, uint32_t threads) {
    const struct plan_conv *p = &c->params;
    struct conv_work w = {0};
    double pixels =
        (double)c->out.height * c->out.width * c->out.frames / threads; // of all operators' results
    double taps = (double)p->kernel_h * p->kernel_w;
    double depth = taps * p->taps * c->in.channels;
    uint32_t channels = c->out.channels;
    bool narrow = channels < NARROW;
    double columns = (double)size_align(channels, narrow ? NARROW_COLUMNS : COLUMNS);
    w.count[narrow ? CONV_WORK_NARROW : CONV_WORK_PRODUCTS] = 2 * pixels * depth * columns;
    if (taps > 1) w.count[CONV_WORK_POINTERS] = pixels * taps * size_divide_up(channels, p->block_channels);
    w.count[CONV_WORK_WEIGHTS] = sizeof(float) * depth * channels * c->out.frames;
    return w;
}

// Products of one element in one block of tiles: folded taps overlap in memory, so that frames are apart there.
static double product_rows(const struct plan_winograd *g) {
    if (g->rows_in != g->rows_out) return (double)(g->rows_out * size_align(g->block, ROWS));
    return (double)size_align(g->block * g->rows_out, ROWS);
}

static struct conv_work block_work(const struct plan_winograd *g) {
    struct conv_work w = {0};
    double elements = (double)g->elements, weights = (double)(g->depth * g->columns),
           results = (double)(g->block * g->rows_out * g->columns);
    w.count[CONV_WORK_PRODUCTS] = 2 * elements * product_rows(g) * weights;
    w.count[CONV_WORK_WEIGHTS] = sizeof(float) * elements * weights;
    w.count[CONV_WORK_PATCH] = (double)g->patch;
    w.count[CONV_WORK_RESULTS] = elements * results;
    w.count[CONV_WORK_INVERSE] = elements * results * g->space.elements;
    if (g->space.elements < g->space.inputs) // im2col: pixels are copied
        w.count[CONV_WORK_RESULTS] += (double)(g->block * g->rows_in * g->row);
    return w;
}

static struct conv_work winograd_work(const struct plan_conv_case *c, uint32_t threads) {
    struct plan_winograd g = plan_winograd(&c->params, &c->in, &c->out, c->out.height, threads);
    double blocks = size_divide_up(g.tiles_high, g.block_high) * size_divide_up(g.tiles_wide, g.block_wide);
    // Threads share a block, or the last ones wait for those that have one more.
    double most = g.shared ? blocks / threads : size_divide_up((uint64_t)blocks, threads);
    struct conv_work w = block_work(&g);
    for (int i = 0; i < CONV_WORK_KINDS; i++) w.count[i] *= most;
    return w;
}

struct conv_work conv_work(const struct plan_conv_shape *s, uint32_t algorithm, uint32_t threads) {
    struct plan_conv_case c = plan_conv_case(s, algorithm);
    return algorithm == PLAN_CONV_DIRECT ? direct_work(&c, threads) : winograd_work(&c, threads);
}

// By profiles of the full-width decoder: 2.1e9 floats a second and thread.
double conv_window_cost(const struct plan_conv_shape *s, uint32_t algorithm) {
    double floats = 2.0 * (s->taps - 1) * s->height * s->width * s->in;
    return algorithm == PLAN_CONV_DIRECT ? floats / (2.1e9 * CONV_COST_THREADS) : 0;
}

double conv_cost(const struct plan_conv_shape *s, uint32_t algorithm) {
    struct conv_work w = conv_work(s, algorithm, CONV_COST_THREADS);
    double seconds = conv_window_cost(s, algorithm);
    for (int i = 0; i < CONV_WORK_KINDS; i++) seconds += w.count[i] / per_second[i];
    return seconds;
}

double conv_bytes(const struct plan_conv_shape *s, uint32_t algorithm) {
    struct plan_conv_case c = plan_conv_case(s, algorithm);
    if (algorithm == PLAN_CONV_DIRECT) {
        double weights = (double)s->kernel_h * s->kernel_w * s->taps * s->in * s->out * s->interleave,
               window =
                   s->kernel_h == 1 && s->taps == 1 ? 0 : (double)c.in.frames * s->height * s->width * s->in;
        return sizeof(float) * (weights + window);
    }
    struct plan_winograd g = plan_winograd(&c.params, &c.in, &c.out, c.out.height, CONV_COST_THREADS);
    return (double)plan_winograd_packed_bytes(&g, c.params.block_channels);
}

double conv_workspace(const struct plan_conv_shape *s, uint32_t algorithm, uint32_t threads) {
    struct plan_conv_case c = plan_conv_case(s, algorithm);
    if (algorithm == PLAN_CONV_DIRECT) {
        double elements = (double)s->kernel_h * s->kernel_w;
        return elements > 1 ? sizeof(void *) * elements * c.out.height * c.out.width : 0;
    }
    struct plan_winograd g = plan_winograd(&c.params, &c.in, &c.out, c.out.height, threads);
    return (double)plan_winograd_workspace_bytes(&g);
}
