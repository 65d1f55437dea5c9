// What each pass did to the graphs, recorded in the module while passes run, for the report.
#ifndef WANC_PASSES_PASS_EFFECT_H
#define WANC_PASSES_PASS_EFFECT_H

#include "ir/ir.h"

enum { EFFECT_FIRST, EFFECT_STEADY, EFFECT_STEPS };

// Counts the nodes of all graphs, the bytes of their results and their operations, and adds a row to m->effects.
void pass_effect_record(struct ir_module *m, const char *pass, bool changed);

// The floating-point operations of a node in a step, as struct plan_work counts them: of convolutions, matrix products and
// attention; 0 where shapes are not known yet.
double pass_effect_flops(const struct ir_node *n, int step);

#endif
