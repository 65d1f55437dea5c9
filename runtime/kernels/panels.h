// Matrix products on the weights that XNNPACK packs for AVX-512, panels of 32 columns:
//
//     y[row][column] = bias[column] + sum over k of x[row][k] * w[k][column]      panel: 32 biases, then 32 weights for each k
//
// The sums of XNNPACK's own kernel in its order, so with the same bits; but all rows pass a panel while it lies in the L1
// cache, and meanwhile the next one is fetched. XNNPACK's passes all panels for every 7 rows, and waits for memory where
// the weights of a convolution are larger than the caches: 164 GFLOP/s on one core where this has 238 (39 rows, 192
// columns, depth 192, 216 elements).
#ifndef WANC_RUNTIME_KERNELS_PANELS_H
#define WANC_RUNTIME_KERNELS_PANELS_H

#include <stdbool.h>
#include <stddef.h>

enum { RT_PANEL_COLUMNS = 32 };

static inline size_t rt_panel_floats(size_t depth) { return RT_PANEL_COLUMNS * (depth + 1); }

// `runs` matrices of `rows` rows each; strides in floats.
struct rt_panels {
    const float *x;
    float *y;
    size_t runs, rows, depth, columns; // columns: a multiple of 32
    size_t x_run, x_row, y_run, y_row;
    const float *w, *next_w; // weights, and those that are needed afterwards
    const float *next_x;     // likewise
};

// Whether this CPU has the instructions.
bool rt_panels_supported(void);
void rt_panels_multiply(const struct rt_panels *p);

#endif
