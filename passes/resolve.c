// resolve: from the exporter's spelling to canonical operators with known shapes.
//
// One walk in execution order, or more where a cache has lengths that a later node tells. An operator on constants
// is evaluated (passes/eval.c): that covers the shape arithmetic, symbolic in T. An `If` whose condition is then
// known is replaced by the branch taken. Any other onnx.* operator has all its parameters by now and is lowered
// (passes/lower_onnx.c); canonical ones get their types inferred. Every float is fp32 from here on: half-precision
// weights stay as they are stored and are widened exactly when they are read.
//
//     %1 = onnx.shape %x {start=2, end=3}        # [1|1]
//     %2 = mul %1, @four                         # [4|4]
//     %3 = onnx.concat ...
//     %y = onnx.reshape %x, %3               ->  %y = rearrange %x {pattern="..."}
//
// Shapes that the file declares and that contradict the inferred ones are noted for the user; ours are used.
// What is left: nothing named onnx.* remains.
#include "passes/eval.h"
#include "passes/lower_onnx.h"
#include "passes/pass.h"

#include <limits.h>
#include <string.h>

static void widen_floats(struct ir_module *m) {
    for (struct ir_value *v = m->constants; v != NULL; v = v->next) {
        if (ir_dtype_is_float(v->type.dtype)) v->type.dtype = IR_F32;
    }
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (int i = 0; i < g->input_count; i++) {
            if (ir_dtype_is_float(g->inputs[i]->type.dtype)) g->inputs[i]->type.dtype = IR_F32;
        }
    }
}

// Moves the nodes of the branch taken in front of the If and connects its results.
static bool splice_branch(struct ir_node *n, struct error *err) {
    const struct ir_value *condition = ir_in(n, 0);
    if (!ir_is_int_constant(condition) || condition->constant->count != 1) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "node '%s': If on a condition that is not known when compiling", n->name);
    }
    struct ir_block *taken = n->blocks[condition->constant->ints[0].first ? 0 : 1];
    struct ir_node *results = taken ? taken->tail : NULL;
    if (results == NULL || results->input_count != n->output_count) {
        return error_set(err, ERROR_INPUT, "node '%s': the branch does not give %d results", n->name,
                         n->output_count);
    }
    for (int i = 0; i < n->output_count; i++) ir_replace_uses(n->outputs[i], ir_in(results, i));
    ir_node_remove(results);
    while (taken->head != NULL) ir_node_move(taken->head, n->block, n);
    return true;
}

// The branch not taken must not keep its operands alive.
static void drop_block(struct ir_block *b) {
    while (b != NULL && b->tail != NULL) {
        for (int i = 0; i < 2; i++) drop_block(b->tail->blocks[i]);
        ir_node_remove(b->tail);
    }
}

static void check_declared(struct ir_value *v) {
    struct ir_type *d = &v->declared, *t = &v->type;
    bool same = d->rank < 0 || d->rank == t->rank;
    for (int i = 0; same && i < d->rank; i++) {
        same = !dim_is_const(t->dims[i]) || dim_equal(d->dims[i], t->dims[i]);
    }
    if (!same) {
        struct strbuf text = {0};
        ir_type_print(d, &text);
        strbuf_add(&text, " but it is ");
        ir_type_print(t, &text);
        ir_note(v->def->block->graph->module, "warning: the file declares '%s' as %s", v->name,
                strbuf_text(&text));
        strbuf_free(&text);
    }
    d->rank = -1;
}

static bool is_empty_list(const struct ir_value *v) { return v && v->constant && v->constant->count == 0; }

static void drop_empty_operands(struct ir_node *n) { // concat with a list of nothing
    for (int i = n->input_count - 1; i >= 0 && n->input_count > 1; i--) {
        if (is_empty_list(ir_in(n, i))) ir_node_drop_input(n, i);
    }
}

static bool resolve_node(struct ir_node *n, struct error *err) {
    if (n->op == IR_CONCAT || n->op == IR_SOFTMAX) {
        int64_t axis = ir_attr_int(n, IR_KEY_AXIS, 0);
        int rank = ir_in(n, 0) ? ir_in(n, 0)->type.rank : 0;
        if (axis < 0 && rank > 0) ir_attr_set_int(n, IR_KEY_AXIS, axis + rank);
    }
    if (n->op == IR_CONCAT) drop_empty_operands(n);
    if (eval_node(n)) {
        ir_node_remove(n);
        return true;
    }
    if (n->op == IR_ONNX_IF) {
        if (!splice_branch(n, err)) return false;
        for (int i = 0; i < 2; i++) drop_block(n->blocks[i]);
        ir_node_remove(n);
        return true;
    }
    if (ir_info(n)->level == IR_LEVEL_ONNX) return lower_onnx_node(n, err);
    return lower_canonical_node(n, err);
}

// ---- lengths that are not known yet: a cache input has the length -1 until a concatenation says it (ir/shape.c). What reads the
// cache before that waits.

enum { WAITING = 1 }; // ir_node.mark

static bool is_open(const struct ir_value *v, int axis) {
    return axis < v->type.rank && dim_is(v->type.dims[axis], -1);
}

static bool is_any_open(const struct ir_value *v) {
    for (int i = 0; i < v->type.rank; i++) {
        if (is_open(v, i)) return true;
    }
    return false;
}

// Whether the operands of a concatenation do not have all lengths of its result together.
static bool leaves_open(const struct ir_node *n) {
    int rank = ir_in(n, 0)->type.rank;
    int64_t axis = ir_attr_int(n, IR_KEY_AXIS, 0);
    for (int d = 0; d < rank; d++) {
        int open = 0, known = 0;
        for (int i = 0; i < n->input_count; i++) {
            const struct ir_value *v = ir_in(n, i);
            if (v == NULL || is_open(v, d)) open++;
            else if (v->type.rank == rank && !is_empty_list(v)) known++;
        }
        if (open > 0 && (known == 0 || d == axis || d == axis + rank)) return true;
    }
    return false;
}

static bool waits(const struct ir_node *n) {
    bool any = false;
    for (int i = 0; i < n->input_count; i++) {
        const struct ir_value *v = ir_in(n, i);
        if (v != NULL && v->def != NULL && v->def->mark == WAITING) return true;
        any = any || (v != NULL && is_any_open(v));
    }
    return any && (n->op != IR_CONCAT || ir_in(n, 0) == NULL || leaves_open(n));
}

static bool refuse_open(const struct ir_node *n, struct error *err) {
    for (int i = 0; i < n->input_count; i++) {
        const struct ir_value *v = ir_in(n, i);
        for (int d = 0; v != NULL && d < v->type.rank; d++) {
            if (is_open(v, d))
                return error_set(err, ERROR_UNSUPPORTED,
                                 "node '%s': the length of axis %d of '%s' is not known: the file does not "
                                 "name it, and nothing that it is joined with has it",
                                 n->name, d, v->name);
        }
    }
    return error_set(err, ERROR_UNSUPPORTED, "node '%s': what it reads has lengths that are not known",
                     n->name);
}

// ---- the pass

static bool is_done(const struct ir_node *n) {
    return ir_info(n)->level != IR_LEVEL_ONNX && n->op != IR_RETURN && n->output_count == 1 &&
           ir_out(n)->type.rank >= 0;
}

// All nodes that do not wait. The first that waits goes to *waiting, and how many there are to *count.
static bool resolve_some(struct ir_block *b, const struct ir_node **waiting, int *count, struct error *err) {
    struct ir_node *previous = NULL; // what resolve_node inserts comes behind it
    *waiting = NULL;
    *count = 0;
    for (;;) {
        struct ir_node *n = previous ? previous->next : b->head;
        if (n == NULL) return true;
        n->mark = n->op != IR_RETURN && waits(n) ? WAITING : 0;
        if (n->mark == WAITING) {
            if ((*count)++ == 0) *waiting = n;
            previous = n;
            continue;
        }
        if (!is_done(n) && !resolve_node(n, err)) return false;
        struct ir_node *now = previous ? previous->next : b->head;
        if (now != n) continue; // replaced: look at what stands there now
        if (n->output_count == 1) check_declared(ir_out(n));
        previous = n;
    }
}

static bool resolve_block(struct ir_block *b, struct error *err) {
    const struct ir_node *waiting;
    int count = INT_MAX, before;
    do {
        before = count;
        if (!resolve_some(b, &waiting, &count, err)) return false;
    } while (count > 0 && count < before);
    return count == 0 || refuse_open(waiting, err);
}

bool pass_resolve(struct ir_module *m, bool *progress, struct error *err) {
    bool unresolved = false;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            unresolved = unresolved || ir_info(n)->level == IR_LEVEL_ONNX ||
                         (n->output_count == 1 && ir_out(n)->type.rank < 0);
        }
    }
    *progress = unresolved;
    if (!unresolved) return true;
    widen_floats(m);
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        if (!resolve_block(&g->body, err)) return false;
    }
    return true;
}
