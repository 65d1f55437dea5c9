// The last step: the planned graphs, written as a plan file (docs/plan-format.md).
#ifndef WANC_PASSES_EMIT_H
#define WANC_PASSES_EMIT_H

#include "ir/ir.h"
#include "plan/write.h"

// What adds to a plan that which only the runtime makes (packed weights). `plan` is the plan so far, opened.
struct emit_completion {
    bool (*run)(void *context, const struct plan *plan, struct plan_writer *w, struct error *err);
    void *context;
};

// One module for each latent size, all of one model: a program of the plan each, with constants of equal
// contents stored once. They must have gone through the whole pipeline. A module without a graph `steady`
// decodes one latent frame. The error names the node that has no kernel. `completion` may be NULL.
bool emit_plan(struct ir_module *const *modules, int count, const char *path,
               const struct emit_completion *completion, struct error *err);
// The same, opened at once, without a file.
bool emit_plan_open(struct ir_module *const *modules, int count, const struct emit_completion *completion,
                    struct plan *plan, struct error *err);

#endif
