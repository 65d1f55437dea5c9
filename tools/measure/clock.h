// The clock of all that is measured.
#ifndef WANC_TOOLS_MEASURE_CLOCK_H
#define WANC_TOOLS_MEASURE_CLOCK_H

#include <time.h>

// Seconds since some time in the past; not moved when the date is set.
static inline double measure_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
