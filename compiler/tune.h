// wanc compile --tune: the times of convolutions, measured here instead of expected by the cost model.
#ifndef WANC_COMPILER_TUNE_H
#define WANC_COMPILER_TUNE_H

#include "compiler/timing_cache.h"
#include "passes/conv_choice.h"

// Seconds that one convolution takes.
typedef bool tune_run(void *context, const struct plan_conv_shape *s, uint32_t algorithm, double *seconds,
                      struct error *err);

struct tune {
    double budget;              // seconds for all measurements; 0: only what the cache knows
    unsigned threads;           // for which they hold
    struct timing_cache *cache; // NULL: none
    tune_run *run;
    double (*clock)(void); // seconds
    void *context;         // of run
    // Counts of shapes that have a choice; set while it goes on.
    unsigned measured, cached, modelled;
    unsigned before; // measured before tune_restart
    double spent;    // seconds
};

// Another compilation of the same shapes begins: those that were measured are in the cache now, and stay counted as measured.
void tune_restart(struct tune *t);

// Runs the convolution by the runtime, as a decoder would (tools/measure); `context` is the struct tune.
tune_run tune_run_here;

// A conv_measure, with a struct tune: times from the cache, then measured ones for as long as the budget lasts, of the
// shapes that cost the most first; the others stay the model's, in proportion to those that were measured.
conv_measure tune_measure;

#endif
