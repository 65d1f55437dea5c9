// Matrix products on the weights that XNNPACK packs for AVX2, panels of 16 columns, and for AVX-512, of 32:
//
//     y[row][column] = bias[column] + sum over k of x[row][k] * w[k][column]      panel: a row of biases, then one of weights for each k
//
// The sums of XNNPACK's own kernels in their order, so with the same bits; but all rows pass a panel while it lies near,
// and meanwhile the next one is fetched. XNNPACK's pass all panels for every 7 rows, and wait for memory where the weights
// of a convolution are larger than the caches; and as GCC compiles it, the one for AVX2 has one accumulator in memory, for
// which all others wait. docs/kernels.md has figures.
#ifndef WANC_RUNTIME_KERNELS_PANELS_H
#define WANC_RUNTIME_KERNELS_PANELS_H

#include <stdbool.h>
#include <stddef.h>

enum { RT_PANEL_LEAST = 16, RT_PANEL_MOST = 32 }; // columns

static inline size_t rt_panel_floats(size_t width, size_t depth) { return width * (depth + 1); }

// `runs` matrices of `rows` rows each; strides in floats.
struct rt_panels {
    size_t width; // of a panel, in columns
    const float *x;
    float *y;
    size_t runs, rows, depth, columns; // columns: a multiple of the width
    size_t x_run, x_row, y_run, y_row;
    const float *w, *next_w; // weights, and those that are needed afterwards
    const float *next_x;     // likewise
};

// Whether this CPU has the instructions for panels of this width.
bool rt_panels_supported(size_t width);
void rt_panels_multiply(const struct rt_panels *p);

#endif
