// Times the matrix products of Winograd convolutions on one core: XNNPACK's operator, and ours on the same panels.
//
//     products [--repeats N] ROWSxDEPTHxCOLUMNS,ELEMENTS ...
//     products 39x192x192,216 65x384x384,144
//
// One product for each element, on weights and rows of its own, as a convolution does for a block of tiles. A pass over
// all elements by XNNPACK and one by ours take turns, N times (9); the median of each is printed, and the largest
// difference of their results, which are the same sums in the same order. Next to them the peak of fused
// multiply-adds of this core, measured before and after.
#include "runtime/kernels/panels.h"
#include "tools/measure/clock.h"
#include "tools/measure/conv.h"
#include "tools/measure/peak.h"
#include "tools/measure/times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>

enum { MAX_REPEATS = 99 };

struct bench {
    size_t width; // of panels
    size_t rows, depth, columns, elements;
    float *x, *w, *panels, *y[2]; // y: XNNPACK's, ours
    xnn_operator_t *operators;
};

static void check(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "products: %s\n", what);
    exit(1);
}

static float *floats(size_t count) {
    float *p = aligned_alloc(64, (count * sizeof(float) + 127) / 64 * 64);
    check(p != NULL, "out of memory");
    for (size_t i = 0; i < count; i++) p[i] = (float)(i * 37 % 101) / 50 - 1;
    return p;
}

// ---- both ways

static void pack_panels(const struct bench *b, size_t element) {
    const float *w = b->w + element * b->columns * b->depth;
    float *to = b->panels + element * b->columns / b->width * rt_panel_floats(b->width, b->depth);
    for (size_t c = 0; c < b->columns; c++) {
        float *panel = to + c / b->width * rt_panel_floats(b->width, b->depth) + c % b->width;
        panel[0] = 0;
        for (size_t k = 0; k < b->depth; k++) panel[(k + 1) * b->width] = w[c * b->depth + k];
    }
}

static void create(struct bench *b, size_t element) {
    xnn_operator_t *op = &b->operators[element];
    size_t x = element * b->rows * b->depth, y = element * b->rows * b->columns;
    enum xnn_status status = xnn_create_fully_connected_nc_f32(b->depth, b->columns, b->depth, b->columns,
                                                               b->w + element * b->columns * b->depth, NULL,
                                                               -INFINITY, INFINITY, 0, NULL, NULL, op);
    if (status == xnn_status_success) status = xnn_reshape_fully_connected_nc_f32(*op, b->rows, NULL);
    if (status == xnn_status_success) status = xnn_setup_fully_connected_nc_f32(*op, b->x + x, b->y[0] + y);
    check(status == xnn_status_success, "XNNPACK refused a product");
}

static void run_xnnpack(const struct bench *b) {
    for (size_t e = 0; e < b->elements; e++) xnn_run_operator(b->operators[e], NULL);
}

static void run_panels(const struct bench *b) {
    size_t weights = b->columns / b->width * rt_panel_floats(b->width, b->depth);
    for (size_t e = 0; e < b->elements; e++) {
        size_t next = (e + 1) % b->elements;
        rt_panels_multiply(&(struct rt_panels){.width = b->width,
                                               .x = b->x + e * b->rows * b->depth,
                                               .y = b->y[1] + e * b->rows * b->columns,
                                               .runs = 1,
                                               .rows = b->rows,
                                               .depth = b->depth,
                                               .columns = b->columns,
                                               .x_row = b->depth,
                                               .y_row = b->columns,
                                               .w = b->panels + e * weights,
                                               .next_w = b->panels + next * weights,
                                               .next_x = b->x + next * b->rows * b->depth});
    }
}

// ---- one line

static void set_up(struct bench *b) {
    size_t columns = b->elements * b->columns;
    b->x = floats(b->elements * b->rows * b->depth);
    b->w = floats(columns * b->depth);
    b->panels = floats(columns / b->width * rt_panel_floats(b->width, b->depth));
    for (int i = 0; i < 2; i++) b->y[i] = floats(b->rows * columns);
    b->operators = calloc(b->elements, sizeof(xnn_operator_t));
    check(b->operators != NULL, "out of memory");
    for (size_t e = 0; e < b->elements; e++) {
        pack_panels(b, e);
        create(b, e);
    }
}

static void tear_down(struct bench *b) {
    for (size_t e = 0; e < b->elements; e++) xnn_delete_operator(b->operators[e]);
    free(b->operators);
    free(b->x);
    free(b->w);
    free(b->panels);
    for (int i = 0; i < 2; i++) free(b->y[i]);
}

static double seconds_of(const struct bench *b, void (*run)(const struct bench *)) {
    double begin = measure_now();
    run(b);
    return measure_now() - begin;
}

static float difference(const struct bench *b) {
    float most = 0;
    for (size_t i = 0; i < b->rows * b->elements * b->columns; i++)
        most = fmaxf(most, fabsf(b->y[0][i] - b->y[1][i]));
    return most;
}

static void measure(struct bench *b, unsigned repeats) {
    double times[2][MAX_REPEATS], rate[2],
        operations = 2e-9 * (double)b->rows * (double)b->depth * (double)b->columns * (double)b->elements;
    set_up(b);
    run_xnnpack(b);
    run_panels(b);
    for (unsigned i = 0; i < repeats; i++) {
        times[0][i] = seconds_of(b, run_xnnpack);
        times[1][i] = seconds_of(b, run_panels);
    }
    for (int i = 0; i < 2; i++) {
        measure_sort(times[i], repeats);
        rate[i] = operations / times[i][repeats / 2];
    }
    printf("%4zux%4zux%4zu %8zu %8.1f %8.1f %9.2f %11.1g\n", b->rows, b->depth, b->columns, b->elements,
           rate[0], rate[1], rate[1] / rate[0], (double)difference(b));
    tear_down(b);
}

int main(int argc, char **argv) {
    unsigned repeats = 9;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--repeats") == 0) repeats = (unsigned)atoi(argv[2]), first = 3;
    check(argc > first && repeats > 0 && repeats <= MAX_REPEATS,
          "usage: products [--repeats N] ROWSxDEPTHxCOLUMNS,ELEMENTS ...");
    size_t width = rt_panels_supported(RT_PANEL_MOST) ? RT_PANEL_MOST : RT_PANEL_LEAST;
    check(rt_panels_supported(width), "this CPU has no AVX2: products are XNNPACK's");
    check(xnn_initialize(NULL) == xnn_status_success, "XNNPACK does not run on this machine");
    double before = measure_peak_gflops(1);
    printf("%14s %8s %8s %8s %9s %11s\n", "product", "elements", "XNNPACK", "panels", "ratio", "difference");
    for (int i = first; i < argc; i++) {
        struct bench b = {.width = width};
        check(sscanf(argv[i], "%zux%zux%zu,%zu", &b.rows, &b.depth, &b.columns, &b.elements) == 4 &&
                  b.rows * b.depth * b.columns * b.elements > 0 && b.columns % width == 0,
              "a product is ROWSxDEPTHxCOLUMNS,ELEMENTS, columns a multiple of 32");
        measure(&b, repeats);
    }
    double after = measure_peak_gflops(1);
    printf("GFLOP/s of one core; its peak of fused multiply-adds: %.1f\n", before > after ? before : after);
    return 0;
}
