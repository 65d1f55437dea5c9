// What the machine could do at most: the rate of fused multiply-adds on floats.
#ifndef WANC_TOOLS_MEASURE_PEAK_H
#define WANC_TOOLS_MEASURE_PEAK_H

// GFLOP/s (two operations for each multiply-add) of `threads` threads together, on the widest vectors that this machine
// has; the best of a few short measurements, about 0.2 s in all. 0 if no thread can be started.
double measure_peak_gflops(unsigned threads);

#endif
