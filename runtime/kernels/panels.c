#include "runtime/kernels/panels.h"

#if defined(__x86_64__) && defined(__GNUC__)

enum { LINE_BYTES = 64 };

// What is fetched meanwhile: `step` bytes further on for each k.
struct fetch {
    const char *from;
    size_t step;
};

#define LANES 16
#define MOST_ROWS 7
#define TARGET __attribute__((target("avx512f,fma")))
#include "runtime/kernels/panel_rows.h"

#define LANES 8
#define MOST_ROWS 6
#define TARGET __attribute__((target("avx2,fma")))
#include "runtime/kernels/panel_rows.h"

typedef void rows_fn(const struct rt_panels *p, const float *x, const float *w, float *y, struct fetch next,
                     size_t rows);

// How rows pass a panel of 16 or 32 columns.
struct kernel {
    size_t rows; // at a time, at most
    rows_fn *multiply;
};
static const struct kernel kernel_16 = {6, multiply_8}, kernel_32 = {7, multiply_16};

// Part `i` of `all` of the rows that are read next.
static void fetch_rows(const struct rt_panels *p, size_t i, size_t all) {
    size_t lines = p->rows * p->x_row * sizeof *p->x / LINE_BYTES;
    const char *x = (const char *)p->next_x;
    for (size_t line = lines * i / all; line < lines * (i + 1) / all; line++)
        __builtin_prefetch(x + line * LINE_BYTES);
}

// All rows of one panel, in chunks of nearly one size, which share the fetching of the panel behind it.
static void multiply_panel(const struct rt_panels *p, size_t column, const float *w, const float *next) {
    const struct kernel *kernel = p->width == 32 ? &kernel_32 : &kernel_16;
    size_t chunks = (p->rows + kernel->rows - 1) / kernel->rows, all = p->runs * chunks;
    size_t bytes = rt_panel_floats(p->width, p->depth) * sizeof *w, step = p->width * sizeof *w / all;
    size_t panels = p->columns / p->width, number = column / p->width;
    for (size_t i = 0; i < all; i++) {
        fetch_rows(p, number * all + i, panels * all);
        size_t run = i / chunks, chunk = i % chunks;
        size_t first = p->rows * chunk / chunks, end = p->rows * (chunk + 1) / chunks;
        kernel->multiply(p, p->x + run * p->x_run + first * p->x_row, w,
                         p->y + run * p->y_run + first * p->y_row + column,
                         (struct fetch){(const char *)next + bytes * i / all, step}, end - first);
    }
}

void rt_panels_multiply(const struct rt_panels *p) {
    size_t panel = rt_panel_floats(p->width, p->depth);
    const float *w = p->w;
    for (size_t column = 0; column < p->columns; column += p->width, w += panel) {
        bool last = column + p->width == p->columns;
        multiply_panel(p, column, w, last ? p->next_w : w + panel);
    }
}

bool rt_panels_supported(size_t width) {
    if (width == 32) return __builtin_cpu_supports("avx512f");
    return width == 16 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#else

bool rt_panels_supported(size_t width) {
    (void)width;
    return false;
}

void rt_panels_multiply(const struct rt_panels *p) { (void)p; }

#endif
