// Some frames of a value, computed without the others: slices move up through operators that treat each frame alike.
#ifndef WANC_PASSES_FRAME_PART_H
#define WANC_PASSES_FRAME_PART_H

#include "ir/ir.h"

// Elements [start, end) of `v` along `axis`. New nodes are put in front of `at`, which must stand behind v's own. The
// slice goes up through elementwise operators, movements, concat and whatever else works on each element of that
// axis alone, and is written where it can go no further.
struct ir_value *frame_part(struct ir_node *at, struct ir_value *v, int axis, int64_t start, int64_t end);

// The value that the slice would come to: the first one, going up, that is no such operator or joins several values
// along the axis. *axis is that axis in `v`, then the same one there.
struct ir_value *frame_source(struct ir_value *v, int *axis);

#endif
