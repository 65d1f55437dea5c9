// Memory under a limit (`wanc compile --max-memory`): the fastest plan whose forecast fits.
//
// What is given up for memory, in this order: whole images, for bands of them; then fast algorithms, whose transformed
// weights are several times as large as the weights. A byte gets a price in seconds, by which each convolution's algorithm is
// chosen; the lowest price at which the plan fits is searched for.
#ifndef WANC_COMPILER_FIT_H
#define WANC_COMPILER_FIT_H

#include "ir/ir.h"
#include "plan/plan.h"

// One compilation on the way, and what came of it.
struct fit {
    uint64_t limit;   // bytes of resident memory
    unsigned threads; // that the run will have
    enum ir_bands bands;
    double byte_price;
    bool last; // of all: the only one whose plan is written
    // results, once the plan was looked at
    bool seen;
    uint64_t peak;  // the largest forecast of all latent sizes
    double seconds; // that the convolutions of a steady step are expected to take, of the last size
};

// Looks at a plan; false, with an error, when it is not to be written: it does not fit, or it is not the last one.
bool fit_check(struct fit *f, const struct plan *plan, struct error *err);

// Compiles with f->bands and f->byte_price, up to the plan that fit_check looks at; the last one is written.
typedef bool fit_compile(void *context, struct fit *f, struct error *err);
// Finds the fastest plan that fits, and compiles it last. `cost`: by how much a step is slower than without a limit, as a
// factor.
bool fit_search(struct fit *f, fit_compile *compile, void *context, double *cost, struct error *err);

#endif
