#include "runtime/kernels/panels.h"

#if defined(__x86_64__) && defined(__GNUC__)

enum { LANES = 16, MOST_ROWS = 7, LINE_BYTES = 64 };

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define AVX512 __attribute__((target("avx512f,fma")))

// What is fetched meanwhile: `step` bytes further on for each k.
struct fetch {
    const char *from;
    size_t step;
};

// Some rows of one panel. The accumulators stay in registers: `rows` is known where this is inlined.
static inline __attribute__((always_inline)) AVX512 void multiply_rows(const struct rt_panels *p,
                                                                       const float *x, const float *w,
                                                                       float *y, struct fetch next,
                                                                       const size_t rows) {
    vec sum[MOST_ROWS][2];
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = *(const vec *)w;
        sum[r][1] = *(const vec *)(w + LANES);
    }
    for (size_t k = 0; k < p->depth; k++) {
        w += RT_PANEL_COLUMNS;
        vec left = *(const vec *)w, right = *(const vec *)(w + LANES);
        __builtin_prefetch(next.from + k * next.step);
#pragma GCC unroll 7
        for (size_t r = 0; r < rows; r++) {
            float v = x[r * p->x_row + k];
            sum[r][0] += v * left;
            sum[r][1] += v * right;
        }
    }
#pragma GCC unroll 7
    for (size_t r = 0; r < rows; r++) {
        *(anywhere *)(y + r * p->y_row) = sum[r][0];
        *(anywhere *)(y + r * p->y_row + LANES) = sum[r][1];
    }
}

typedef void rows_fn(const struct rt_panels *p, const float *x, const float *w, float *y, struct fetch next);

#define ROWS(n)                                                                                              \
    AVX512 static void multiply_##n(const struct rt_panels *p, const float *x, const float *w, float *y,     \
                                    struct fetch next) {                                                     \
        multiply_rows(p, x, w, y, next, n);                                                                  \
    }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)
ROWS(5)
ROWS(6)
ROWS(7)
static rows_fn *const multiply_some[MOST_ROWS + 1] = {0,          multiply_1, multiply_2, multiply_3,
                                                      multiply_4, multiply_5, multiply_6, multiply_7};

// Part `i` of `all` of the rows that are read next.
static void fetch_rows(const struct rt_panels *p, size_t i, size_t all) {
    size_t lines = p->rows * p->x_row * sizeof *p->x / LINE_BYTES;
    const char *x = (const char *)p->next_x;
    for (size_t line = lines * i / all; line < lines * (i + 1) / all; line++)
        __builtin_prefetch(x + line * LINE_BYTES);
}

// All rows of one panel, in chunks of nearly one size, which share the fetching of the panel behind it.
static void multiply_panel(const struct rt_panels *p, size_t column, const float *w, const float *next) {
    size_t chunks = (p->rows + MOST_ROWS - 1) / MOST_ROWS, all = p->runs * chunks;
    size_t bytes = rt_panel_floats(p->depth) * sizeof *w, step = RT_PANEL_COLUMNS * sizeof *w / all;
    size_t panels = p->columns / RT_PANEL_COLUMNS, number = column / RT_PANEL_COLUMNS;
    for (size_t i = 0; i < all; i++) {
        fetch_rows(p, number * all + i, panels * all);
        size_t run = i / chunks, chunk = i % chunks;
        size_t first = p->rows * chunk / chunks, end = p->rows * (chunk + 1) / chunks;
        multiply_some[end - first](p, p->x + run * p->x_run + first * p->x_row, w,
                                   p->y + run * p->y_run + first * p->y_row + column,
                                   (struct fetch){(const char *)next + bytes * i / all, step});
    }
}

void rt_panels_multiply(const struct rt_panels *p) {
    size_t panel = rt_panel_floats(p->depth);
    const float *w = p->w;
    for (size_t column = 0; column < p->columns; column += RT_PANEL_COLUMNS, w += panel) {
        bool last = column + RT_PANEL_COLUMNS == p->columns;
        multiply_panel(p, column, w, last ? p->next_w : w + panel);
    }
}

bool rt_panels_supported(void) { return __builtin_cpu_supports("avx512f"); }

#else

bool rt_panels_supported(void) { return false; }

void rt_panels_multiply(const struct rt_panels *p) { (void)p; }

#endif
