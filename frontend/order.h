// The order of a graph's nodes.
#ifndef WANC_FRONTEND_ORDER_H
#define WANC_FRONTEND_ORDER_H

#include "frontend/onnx_model.h"

// An order in which each node comes after those whose outputs it (or a branch inside of it) reads: the file's
// own, as ONNX demands, wherever that is one; otherwise nodes are moved up to where they are needed. `order`
// has room for g->n_node indices. Fails when a name is produced twice, or nodes depend on themselves.
bool order_nodes(const Onnx__GraphProto *g, struct arena *scratch, size_t *order, struct error *err);

// For messages: the node's name, or that of its first output.
const char *node_label(const Onnx__NodeProto *n);

#endif
