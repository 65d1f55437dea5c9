// Inside emit: what turns the nodes of a module into operators of a plan, one after the other.
#ifndef WANC_PASSES_EMITTER_H
#define WANC_PASSES_EMITTER_H

#include "ir/ir.h"
#include "passes/emit_constants.h"
#include "plan/write.h"

struct emitter {
    struct ir_module *m;
    struct ir_graph *g;
    struct plan_writer *w;
    struct arena *scratch;
    enum plan_variant variant;
    uint32_t op_index;
    struct plan_buffer *buffers; // of the current graph; first_op and last_op grow as operators are added
    struct emit_constants constants;
    struct error *err;
};

// The operators of one node, at the end of e->variant; none where its result is seen in its operand's buffer. (emit_ops.c)
bool emit_node(struct emitter *e, const struct ir_node *n);
// Which tensor of the model the last of its operators leaves, if it is one. (emit_taps.c)
void emit_tap(struct emitter *e, const struct ir_node *n);
// Where a value in a buffer lies. (emit_ops.c)
struct plan_view emit_place(const struct ir_value *v);
// False, with an error that names the node.
bool emit_refuse(struct emitter *e, const struct ir_node *n, const char *why);

#endif
