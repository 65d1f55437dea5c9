// Weights of the Winograd convolution: each kernel is transformed along its rows, its columns and, where time
// is an axis, its temporal taps, in double precision: what is rounded here is an error in every step.
#include "runtime/kernels/winograd.h"

#include <math.h>
#include <string.h>

enum { LANES = PLAN_WINOGRAD_LANES, TAPS = 3, MOST = 10 };

// The matrix G of one axis: element = G * taps.
typedef double matrix[MOST][TAPS];

// F(m,3) evaluates polynomials in m + 1 points and at infinity. Element i is the kernel's value at point i,
// divided by the product of its distances to the other points; the last element is the leading coefficient.
static void point_matrix(const double *points, size_t count, matrix g) {
    for (size_t i = 0; i < count; i++) {
        double distances = 1;
        for (size_t j = 0; j < count; j++) distances *= i == j ? 1 : points[i] - points[j];
        for (size_t k = 0; k < TAPS; k++) g[i][k] = pow(points[i], (double)k) / distances;
    }
    for (size_t k = 0; k < TAPS; k++) g[count][k] = k + 1 == TAPS;
}

// Enlarged pixels come in pairs, and two taps that meet one pixel act as their sum.
static void upsampled2_matrix(matrix g) {
    static const double rows[6][TAPS] = {{1, 0, 0}, {1, 1, 1}, {0, 1, 1}, {1, 1, 0}, {1, 1, 1}, {0, 0, 1}};
    memcpy(g, rows, sizeof rows);
}

// F(4,2) of the even phase, with taps 0 and 1+2, then of the odd one, with 0+1 and 2.
static void upsampled4_matrix(matrix g) {
    static const double points[] = {0.5, -0.5, 1.5, -1.5};
    matrix two; // its third column is not used: the kernel has two taps
    point_matrix(points, 4, two);
    for (size_t i = 0; i < 4; i++) {
        g[i][0] = g[i + 5][0] = g[i + 5][1] = two[i][0];
        g[i][1] = g[i][2] = g[i + 5][2] = two[i][1];
    }
    memcpy(g[4], (const double[TAPS]){0, 1, 1}, sizeof g[4]);
    memcpy(g[9], (const double[TAPS]){0, 0, 1}, sizeof g[9]);
}

static void axis_matrix(const struct plan_winograd_axis *a, matrix g) {
    static const double points2[] = {0, 1, -1};
    // The usual 0, 1, -1, 2, -2 lose three to four times as much to rounding.
    static const double points4[] = {0, M_SQRT1_2, -M_SQRT1_2, M_SQRT2, -M_SQRT2};
    if (a->step != a->outputs && a->step == 2) upsampled2_matrix(g);
    else if (a->step != a->outputs) upsampled4_matrix(g);
    else if (a->outputs == 2) point_matrix(points2, 3, g);
    else if (a->outputs == 4) point_matrix(points4, 5, g);
    else g[0][0] = 1; // one tap, as it is
}

// A few channels of one column.
struct piece {
    const struct rt_winograd_weights *w;
    const float *weight;        // [ky][kx][kernel_t][channel], at the first tap used and the first channel
    size_t tap, pixel;          // floats from one temporal tap, and from one kernel element, to the next
    size_t taps, lanes, kernel; // kernel: of its extent in both directions
    float *u;                   // at element 0
};

// x[taps][LANES] of kernel element (ky, kx), for a factor that depends on it, added up.
RT_INLINE void add_taps(const struct piece *p, size_t element, double factor, double (*x)[LANES]) {
    for (size_t t = 0; t < p->taps; t++) {
        const float *w = p->weight + element * p->pixel + t * p->tap;
        for (size_t i = 0; i < p->lanes; i++) x[t][i] += factor * (double)w[i];
    }
}

// The transformed kernel at one element in space: its temporal taps.
RT_INLINE void space_element(const struct piece *p, const double *rows, const double *columns,
                             double (*x)[LANES]) {
    memset(x, 0, p->taps * sizeof *x);
    for (size_t ky = 0; ky < p->kernel; ky++) {
        for (size_t kx = 0; kx < p->kernel; kx++) {
            double factor = rows[ky] * columns[kx];
            if (factor != 0) add_taps(p, ky * p->kernel + kx, factor, x);
        }
    }
}

RT_INLINE void round_lanes(const double *x, float *u) {
    for (size_t i = 0; i < LANES; i++) u[i] = (float)x[i];
}

// Time as an axis: the taps become elements.
RT_INLINE void time_elements(const struct piece *p, const matrix time, double (*x)[LANES], float *u) {
    for (size_t e = 0; e < p->w->g->time.elements; e++) {
        double sum[LANES] = {0};
        for (size_t t = 0; t < TAPS; t++) {
            for (size_t i = 0; i < LANES; i++) sum[i] += time[e][t] * x[t][i];
        }
        round_lanes(sum, u + e * p->w->plane);
    }
}

// Space alone: the taps stay side by side.
RT_INLINE void folded_taps(const struct piece *p, double (*x)[LANES], float *u) {
    for (size_t t = 0; t < p->taps; t++) round_lanes(x[t], u + t * p->w->g->inputs);
}

RT_VECTOR static void transform_piece(const struct piece *p) {
    const struct plan_winograd *g = p->w->g;
    matrix space, time;
    double x[p->taps][LANES];
    axis_matrix(&g->space, space);
    axis_matrix(&g->time, time);
    for (size_t e = 0; e < (size_t)g->space.elements * g->space.elements; e++) {
        space_element(p, space[e / g->space.elements], space[e % g->space.elements], x);
        float *u = p->u + e * g->time.elements * p->w->plane;
        if (g->time.elements > 1) time_elements(p, time, x, u);
        else folded_taps(p, x, u);
    }
}

static void zero_column(const struct rt_winograd_weights *w, size_t row) {
    for (size_t e = 0; e < w->g->elements; e++)
        memset(w->u + e * w->plane + row * w->g->depth, 0, w->g->depth * sizeof(float));
}

// im2col: the used taps of each kernel element, as they are.
static void copy_column(const struct rt_winograd_weights *w, const float *weight, size_t pixel, float *u) {
    const struct plan_conv *p = &w->op->plan->params.conv;
    size_t channels = w->op->in[0].channels, inputs = w->g->inputs;
    memset(u, 0, w->g->depth * sizeof *u);
    for (size_t k = 0; k < (size_t)p->kernel_h * p->kernel_w; k++) {
        for (size_t t = 0; t < p->taps; t++, u += inputs)
            memcpy(u, weight + k * pixel + t * channels, channels * sizeof *u);
    }
}

void rt_winograd_transform(const struct rt_winograd_weights *w, size_t column, size_t row) {
    const struct plan_conv *p = &w->op->plan->params.conv;
    size_t channels = w->op->in[0].channels, outputs = w->op->out.channels, o = column % w->g->outputs;
    if (o >= outputs) {
        zero_column(w, row);
        return;
    }
    size_t kernel = column / w->g->outputs * outputs + o, pixel = p->kernel_t * channels;
    const float *weight = w->op->constant[0].data + kernel * p->kernel_h * p->kernel_w * pixel +
                          (p->kernel_t - p->taps) * channels;
    if (p->algorithm == PLAN_CONV_IM2COL) {
        copy_column(w, weight, pixel, w->u + row * w->g->depth);
        return;
    }
    for (size_t c = 0; c < channels; c += LANES) {
        transform_piece(&(struct piece){.w = w,
                                        .weight = weight + c,
                                        .tap = channels,
                                        .pixel = pixel,
                                        .taps = p->taps,
                                        .lanes = channels - c < LANES ? channels - c : LANES,
                                        .kernel = p->kernel_h,
                                        .u = w->u + row * w->g->depth + c});
    }
}
