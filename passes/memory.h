// What plan_memory would make of a graph, for passes that decide about it.
#ifndef WANC_PASSES_MEMORY_H
#define WANC_PASSES_MEMORY_H

#include "ir/ir.h"

// The lower bound of the scratch arena, in bytes; UINT64_MAX where the graph cannot be planned. The graph is left as it was.
uint64_t memory_needed(struct ir_graph *g);

#endif
