// What the runtime ignores and `wanc report` shows: the rows of the shape report, and what each pass left.
#ifndef WANC_PASSES_EMIT_REPORT_H
#define WANC_PASSES_EMIT_REPORT_H

#include "ir/ir.h"
#include "plan/write.h"

// One row for each operator of either variant, in the order of the steady one.
void emit_shapes(const struct ir_module *m, struct plan_writer *w);
void emit_passes(const struct ir_module *m, struct plan_writer *w);

#endif
