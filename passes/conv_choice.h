// By which algorithm each convolution of a decoder is computed: the fastest ones that keep the error of a decode below a
// limit. Convolutions of one shape are chosen together. docs/choice.md explains it.
#ifndef WANC_PASSES_CONV_CHOICE_H
#define WANC_PASSES_CONV_CHOICE_H

#include "base/arena.h"
#include "plan/conv_shape.h"

// The default of max_error. The root mean square of an error is at most its largest value, so that 3.5e-4 means at
// least 75 dB as well: 20 log10(2 / 3.5e-4), the frames being in [-1, 1].
#define CONV_MAX_ERROR 3.5e-4

// Seconds of one convolution by an algorithm.
typedef bool conv_seconds(void *context, const struct plan_conv_shape *s, uint32_t algorithm, double *seconds,
                          struct error *err);

// May replace the seconds of candidates, with all shapes at hand, and says so in their `source`.
struct conv_choice;
typedef bool conv_measure(void *context, struct conv_choice *c, struct error *err);

struct conv_choice_options {
    // direct, im2col, winograd2, winograd4, or blocks: all but direct, where there is another. NULL: all algorithms.
    const char *conv;
    double max_error;      // of a decode's frames in [-1, 1], absolute; 0: CONV_MAX_ERROR
    double byte_price;     // seconds of a step that a byte of memory is worth; 0: as fast as can be
    double byte_slack;     // with a price: bytes that are left over, for what saves the most time in them
    unsigned threads;      // of a run, for workspaces; 0: CONV_COST_THREADS
    conv_seconds *seconds; // NULL: the cost model (conv_cost.h)
    conv_measure *measure; // NULL: it stays with `seconds`
    void *context;         // of both
};

enum conv_verdict {
    CONV_CHOSEN,
    CONV_SLOWER,    // than what is chosen
    CONV_TOO_ROUGH, // as fast or faster, but the decode would be above its limit, or its memory
};

struct conv_candidate { // one algorithm that computes a shape, and that the user allows
    uint32_t algorithm; // enum plan_conv_algorithm
    double seconds;     // of one convolution
    double bytes;       // that it keeps in memory (conv_bytes)
    double workspace;   // that it needs while it runs (conv_workspace)
    double error;       // conv_error
    enum plan_time_source source;
    enum conv_verdict verdict;
};

struct conv_shape_choice {
    struct plan_conv_shape shape;
    uint32_t uses[PLAN_VARIANTS];                           // convolutions of this shape
    struct conv_candidate candidates[PLAN_CONV_ALGORITHMS]; // ascending by algorithm
    uint32_t candidate_count, chosen;
};

// What is asked, and what is chosen; of a module, in its arena (ir_module.choice).
struct conv_choice {
    struct conv_choice_options options;
    struct conv_shape_choice *shapes; // in the order in which the decoder has them
    size_t shape_count, shape_room;
    unsigned time_threads;       // for which the seconds are; 0: those of the cost model
    double fixed[PLAN_VARIANTS]; // squared errors of convolutions that were chosen before
    bool streams;                // there are later steps
    double workspace;            // that candidates may have; infinite: any
};

// NULL: by default.
static inline double conv_choice_limit(const struct conv_choice *c) {
    return c != NULL && c->options.max_error > 0 ? c->options.max_error : CONV_MAX_ERROR;
}

struct conv_choice *conv_choice_new(struct arena *a, const struct conv_choice_options *o);
// Adds one convolution of a shape; when all are there, conv_choice_decide chooses. An error: the limit cannot be kept, or
// `seconds` failed.
void conv_choice_add(struct conv_choice *c, struct arena *a, const struct plan_conv_shape *s,
                     enum plan_variant v);
bool conv_choice_decide(struct conv_choice *c, struct error *err);
// A convolution whose algorithm is not open any more.
void conv_choice_fix(struct conv_choice *c, const struct plan_conv_shape *s, uint32_t algorithm,
                     enum plan_variant v);
// NULL: no convolution of this shape was added.
const struct conv_shape_choice *conv_choice_find(const struct conv_choice *c,
                                                 const struct plan_conv_shape *s);
// The algorithm that was chosen for a shape that was added.
uint32_t conv_choice_of(const struct conv_choice *c, const struct plan_conv_shape *s);
// What these choices make of the error of a decode.
double conv_choice_error(const struct conv_choice *c, enum plan_variant v);

#endif
