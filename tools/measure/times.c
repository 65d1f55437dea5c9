#include "tools/measure/times.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void measure_sort(double *values, size_t count) { qsort(values, count, sizeof *values, ascending); }
