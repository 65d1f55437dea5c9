// The rows of one panel by vectors of LANES floats, MOST_ROWS at a time at most, with the instructions of TARGET: included
// by panels.c once for each width of panels. Two vectors are a row of the panel; the accumulators stay in registers.
#define NAME2(name, lanes) name##_##lanes
#define NAME1(name, lanes) NAME2(name, lanes)
#define NAME(name) NAME1(name, LANES)
#define VEC NAME(vec)

typedef float VEC __attribute__((vector_size(4 * LANES)));
typedef float NAME(anywhere) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

// `rows` is known where this is inlined.
static inline __attribute__((always_inline)) TARGET void NAME(multiply_rows)(const struct rt_panels *p,
                                                                             const float *x, const float *w,
                                                                             float *y, struct fetch next,
                                                                             const size_t rows) {
    VEC sum[MOST_ROWS][2];
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = *(const VEC *)w;
        sum[r][1] = *(const VEC *)(w + LANES);
    }
    for (size_t k = 0; k < p->depth; k++) {
        w += 2 * LANES;
        VEC left = *(const VEC *)w, right = *(const VEC *)(w + LANES);
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
        *(NAME(anywhere) *)(y + r * p->y_row) = sum[r][0];
        *(NAME(anywhere) *)(y + r * p->y_row + LANES) = sum[r][1];
    }
}

TARGET static void NAME(multiply)(const struct rt_panels *p, const float *x, const float *w, float *y,
                                  struct fetch next, size_t rows) {
    switch (rows) {
    case 1: NAME(multiply_rows)(p, x, w, y, next, 1); break;
    case 2: NAME(multiply_rows)(p, x, w, y, next, 2); break;
    case 3: NAME(multiply_rows)(p, x, w, y, next, 3); break;
    case 4: NAME(multiply_rows)(p, x, w, y, next, 4); break;
    case 5: NAME(multiply_rows)(p, x, w, y, next, 5); break;
    case 6: NAME(multiply_rows)(p, x, w, y, next, 6); break;
#if MOST_ROWS == 7
    case 7: NAME(multiply_rows)(p, x, w, y, next, 7); break;
#endif
    }
}

#undef NAME2
#undef NAME1
#undef NAME
#undef VEC
#undef LANES
#undef MOST_ROWS
#undef TARGET
