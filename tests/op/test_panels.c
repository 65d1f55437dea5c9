// Products on panels against their formula, in double precision.
#include "runtime/kernels/panels.h"
#include "tests/op/harness.h"

#include <math.h>

static size_t width;

static float *panels_of(const float *w, const float *bias, size_t depth, size_t columns) {
    float *p = test_alloc(columns / width * rt_panel_floats(width, depth) + 16, sizeof *p);
    p += (64 - (size_t)p % 64) % 64 / sizeof *p;
    for (size_t c = 0; c < columns; c++) {
        float *panel = p + c / width * rt_panel_floats(width, depth) + c % width;
        panel[0] = bias[c];
        for (size_t k = 0; k < depth; k++) panel[(k + 1) * width] = w[c * depth + k];
    }
    return p;
}

static void check(size_t runs, size_t rows, size_t depth, size_t columns, size_t gap) {
    size_t x_row = depth + gap, y_row = columns + gap, x_run = rows * x_row + gap, y_run = rows * y_row + gap;
    float *x = test_random(runs * x_run), *w = test_random(columns * depth), *bias = test_random(columns);
    float *y = test_alloc(runs * y_run, sizeof *y), *p = panels_of(w, bias, depth, columns);
    for (size_t i = 0; i < runs * y_run; i++) y[i] = 7; // between the rows it stays
    rt_panels_multiply(&(struct rt_panels){.width = width,
                                           .x = x,
                                           .y = y,
                                           .runs = runs,
                                           .rows = rows,
                                           .depth = depth,
                                           .columns = columns,
                                           .x_run = x_run,
                                           .x_row = x_row,
                                           .y_run = y_run,
                                           .y_row = y_row,
                                           .w = p,
                                           .next_w = p,
                                           .next_x = x});
    for (size_t i = 0; i < runs * y_run; i++) {
        size_t run = i / y_run, row = i % y_run / y_row, c = i % y_run % y_row;
        double sum = 7, size = 0;
        if (row < rows && c < columns) {
            sum = bias[c];
            for (size_t k = 0; k < depth; k++) {
                double product = (double)x[run * x_run + row * x_row + k] * w[c * depth + k];
                sum += product;
                size += fabs(product);
            }
        }
        if (fabs(y[i] - sum) > 1e-7 * (1 + size) * sqrt((double)depth))
            fail_msg("%zu runs of %zu rows, depth %zu, %zu columns: float %zu is %g, expected %g", runs, rows,
                     depth, columns, i, (double)y[i], sum);
    }
}

static void multiply(size_t columns) {
    width = columns;
    if (!rt_panels_supported(width)) skip();
    for (size_t rows = 1; rows <= 23; rows++) check(1, rows, 19, 64, 0);
    check(3, 8, 33, 96, 5);
    check(2, 1, 1, 32, 0);
    check(1, 40, 200, 32, 16);
    check(4, 15, 7, 160, 1);
    if (width == 16) check(2, 13, 21, 48, 3);
}

static void test_16(void **state) { multiply(16), (void)state; }
static void test_32(void **state) { multiply(32), (void)state; }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_16, test_setup, test_teardown),
                                       cmocka_unit_test_setup_teardown(test_32, test_setup, test_teardown)};
    return cmocka_run_group_tests_name("panels", tests, NULL, NULL);
}
