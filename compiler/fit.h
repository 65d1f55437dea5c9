// Memory under a limit (`wanc compile --max-memory`): the fastest plan of one latent size whose forecast fits.
//
// What is given up for memory, in this order: whole images, for bands of them; then fast algorithms, whose transformed
// weights are several times as large as the weights. A byte gets a price in seconds, by which the algorithms of all
// convolutions are chosen (passes/conv_choice.h); the lowest price at which the plan fits is searched for. What is left of the
// limit then goes to the algorithms that save the most time in it.
#ifndef WANC_COMPILER_FIT_H
#define WANC_COMPILER_FIT_H

#include "ir/ir.h"
#include "plan/plan.h"

// How a size is compiled.
struct fit_setting {
    enum ir_bands bands;
    const char *conv; // as conv_choice_options has it
    double byte_price, byte_slack;
    unsigned threads; // for which workspaces are priced
};

// What came of a setting.
struct fit_plan {
    struct fit_setting setting;
    uint64_t peak;  // bytes: the forecast
    double seconds; // that the convolutions of a steady step are expected to take
};

struct fit {
    uint64_t limit;   // bytes of resident memory
    unsigned threads; // that the run will have
    bool write;       // a plan that fits is to be written; or it is only looked at
    // results, once a plan was looked at
    bool seen;
    uint64_t peaks[PLAN_MAX_PROGRAMS]; // of each size,
    uint64_t peak;                     // and of the one that takes the most memory,
    double seconds;                    // and its time
};

// Looks at a plan; false, with an error, when it is not to be written.
bool fit_check(struct fit *f, const struct plan *plan, struct error *err);

// Compiles up to the plan that fit_check looks at.
typedef bool fit_compile(void *context, struct fit *f, const struct fit_setting *s, struct error *err);
// Finds the fastest plan that fits: `asked` are the bands and algorithms that may be taken. `slower`: by how much a step is
// slower than without a limit, as a factor. An error: nothing fits, with the least that does, or a compilation failed.
bool fit_search(struct fit *f, const struct fit_setting *asked, fit_compile *compile, void *context,
                struct fit_plan *found, double *slower, struct error *err);

#endif
