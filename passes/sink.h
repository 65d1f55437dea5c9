// The parts of sink_rearranges.
#ifndef WANC_PASSES_SINK_H
#define WANC_PASSES_SINK_H

#include "ir/ir.h"

// Moves what is in front of a slice, or of a concat, behind it. Sets *progress if it did.
bool sink_slice(struct ir_node *slice, bool *progress, struct error *err);
bool sink_concat(struct ir_node *concat, bool *progress, struct error *err);

#endif
