// The last step: the two planned graphs, written as a plan file (docs/plan-format.md).
#ifndef WANC_PASSES_EMIT_H
#define WANC_PASSES_EMIT_H

#include "ir/ir.h"

// The module must have gone through the whole pipeline. The error names the node that has no kernel.
bool emit_plan(struct ir_module *m, const char *path, struct error *err);

#endif
