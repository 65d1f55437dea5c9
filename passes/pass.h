// Passes: functions from IR to IR, run in the order of passes/passes.def.
#ifndef WANC_PASSES_PASS_H
#define WANC_PASSES_PASS_H

#include "ir/ir.h"

#include <stdio.h>

struct pass_options {
    const char *skip;        // names, separated by commas, of passes not to run; NULL for none
    const char *print_after; // names, or "all"
    const char *stop_after;  // one name
    bool verify_each;        // verify, and print and parse back, after every pass
    bool timings;            // seconds of each pass on `out`
    FILE *out;               // for print_after and timings
};

// One pass. Sets *progress when it changed something; a second run must change nothing.
typedef bool pass_fn(struct ir_module *m, bool *progress, struct error *err);

struct pass {
    const char *name, *summary;
    pass_fn *run;
};
extern const struct pass passes[];
extern const int pass_count;

// Runs the pipeline, or as far as options->stop_after.
bool pass_run_all(struct ir_module **m, const struct pass_options *options, struct error *err);
// Runs the named passes (separated by commas or spaces) in the order given: for `wanc opt` and the pass
// tests.
bool pass_run_named(struct ir_module **m, const char *names, const struct pass_options *options,
                    struct error *err);

#define PASS(name, summary) pass_fn pass_##name;
#include "passes/passes.def"
#undef PASS

#endif
