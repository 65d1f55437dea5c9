// One text for graphs that compute the same in the same way, whatever the names and the order in the file were.
#ifndef WANC_IR_CANONICAL_H
#define WANC_IR_CANONICAL_H

#include "ir/ir.h"

// Renames and reorders a module whose graphs have no inner blocks: values are v0, v1, .. in the depth-first order in
// which the results need them, constants are named after their contents, caches c0, c1, .. after the order of their
// first reader in @steady, operands of commutative operators are ordered, names of nodes are gone, and float attributes
// have six digits (exporters round a scale of 1/sqrt(C) in different ways). Two modules with the same text after this are
// the same network. Large constants are read in full.
void ir_canonical(struct ir_module *m);

#endif
