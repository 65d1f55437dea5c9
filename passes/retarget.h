// The same graph for inputs of other lengths.
//
// An exporter that was given fixed sizes writes them into the graph as numbers. By now those numbers are atoms of
// rearrangements and bounds of slices, and each belongs to an axis that can be followed back to the inputs: so they
// need not be guessed when the inputs change. Every axis of every value is a list of factors, each of which has the
// length that it had and the length that it gets. A rearrangement's atoms are matched with the factors of its input's
// axes; what it merges stays apart as factors (height times width is two of them), so that a later rearrangement can
// split it again. Where the old length of an axis is not the product of its factors, or an atom is cut across them, a
// constant is not explained by the sizes: that is an error that names the node.
#ifndef WANC_PASSES_RETARGET_H
#define WANC_PASSES_RETARGET_H

#include "ir/ir.h"

enum retarget_rule {
    RETARGET_EXACT, // all operands must fit
    RETARGET_LAST_FRAMES // where an elementwise operator meets operands of more and of fewer frames, the last ones count
};

// Retypes the graph from its inputs on: their types are already the new ones, `old_inputs` are those from before. The
// types of caches follow their convolutions. The error names the node that stands in the way.
bool retarget_graph(struct ir_graph *g, const struct ir_type *old_inputs, enum retarget_rule rule,
                    struct error *err);

// passes/retarget_latents.c
// The axis of the frames in latents [B, C, T, H, W] or [B, T, C, H, W]: not the one whose length is the input channels
// of the first convolution that it comes to. -1 if the data flow does not tell.
int latents_time_axis(const struct ir_graph *g);

#endif
