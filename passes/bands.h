// Nodes that take turns on bands of the image (plan/bands.h), as plan_memory and choose_bands see them.
#ifndef WANC_PASSES_BANDS_H
#define WANC_PASSES_BANDS_H

#include "ir/ir.h"
#include "plan/bands.h"

// A run: consecutive nodes of a graph with the attribute `band`.
struct bands_run {
    struct ir_node *first; // NULL: there is none
    int position;          // of the first node in the graph
    struct plan_bands bands;
};

// The rows that a node of a run computes together; 0: it cannot be one. Wants no storage.
uint32_t bands_tile(const struct ir_node *n);
// The run of a graph, its operands in the buffers that plan_memory chose, whole.
void bands_find(const struct ir_graph *g, struct bands_run *run);

// Of `count` nodes from `first` on; rows 0: a run no more.
void bands_mark(struct ir_node *first, int count, int64_t rows);

#endif
