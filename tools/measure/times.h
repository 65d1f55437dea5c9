// Times and other measured values, in order.
#ifndef WANC_TOOLS_MEASURE_TIMES_H
#define WANC_TOOLS_MEASURE_TIMES_H

#include <stddef.h>

// Ascending.
void measure_sort(double *values, size_t count);

#endif
