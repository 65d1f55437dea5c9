// Whether two modules compute the same, by the reference evaluator: for passes that only change how.
#ifndef WANC_TESTS_SAME_VALUES_H
#define WANC_TESTS_SAME_VALUES_H

#include "ir/ir.h"

// Runs the graphs in their order, @steady several times, each on inputs that look random. The error says what differs, or what
// the reference cannot compute.
bool same_values(const struct ir_module *before, const struct ir_module *after, struct error *err);

#endif
