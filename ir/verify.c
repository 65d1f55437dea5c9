// The verifier: every invariant of the IR, checked after each pass under --verify-each and before emission.
// It answers with the broken node's name, what is wrong, and the text of the graph around the node.
#include "ir/ir.h"

#include <string.h>

enum { CONTEXT_NODES = 3 }; // printed before and after the broken node

static void print_context(const struct ir_node *n, const char *complaint, struct strbuf *out) {
    const struct ir_node *from = n, *to = n;
    for (int i = 0; i < CONTEXT_NODES; i++) {
        if (from->prev) from = from->prev;
        if (to->next) to = to->next;
    }
    for (const struct ir_node *k = from;; k = k->next) {
        ir_print_node(k, out);
        if (k == n) strbuf_printf(out, "  ^^^^ %s\n", complaint);
        if (k == to) break;
    }
}

static bool complain(const struct ir_node *n, struct strbuf *context, struct error *err,
                     const char *complaint) {
    if (context != NULL) print_context(n, complaint, context);
    return error_set(err, ERROR_INTERNAL, "invalid IR in graph '%s': node '%s' (%s): %s",
                     n->block->graph->name, n->name, ir_info(n)->name, complaint);
}

static bool use_is_listed(const struct ir_use *u) { return u->link != NULL && *u->link == u; }

static bool check_arity(const struct ir_node *n, struct strbuf *context, struct error *err) {
    const struct ir_op_info *info = ir_info(n);
    if (n->input_count < info->min_in) return complain(n, context, err, "too few inputs");
    if (info->max_in >= 0 && n->input_count > info->max_in)
        return complain(n, context, err, "too many inputs");
    if (info->outputs >= 0 && n->output_count != info->outputs)
        return complain(n, context, err, "wrong number of outputs");
    for (int i = 0; i < info->min_in; i++) {
        if (ir_in(n, i) == NULL) return complain(n, context, err, "a required input is absent");
    }
    return true;
}

// `mark` of a value is set once it is defined, so that a use before its definition is found.
static bool check_inputs(const struct ir_node *n, struct strbuf *context, struct error *err) {
    for (int i = 0; i < n->input_count; i++) {
        const struct ir_value *v = ir_in(n, i);
        if (v == NULL) continue;
        if (!v->constant && v->mark != 1)
            return complain(n, context, err, "an input is used before it is defined");
        if (n->inputs[i].user != n || !use_is_listed(&n->inputs[i]))
            return complain(n, context, err, "a use list is broken");
        bool typed = ir_info(n)->level != IR_LEVEL_ONNX && n->op != IR_RETURN &&
                     (n->output_count == 0 || ir_out(n)->type.rank >= 0);
        if (typed && v->type.rank < 0 && v->def && ir_info(v->def)->level != IR_LEVEL_ONNX) {
            return complain(n, context, err, "the type of an input is unknown");
        }
    }
    return true;
}

static bool inputs_are_typed(const struct ir_node *n) {
    for (int i = 0; i < n->input_count; i++) {
        if (ir_in(n, i) != NULL && ir_in(n, i)->type.rank < 0) return false;
    }
    return true;
}

static bool check_types(struct ir_node *n, struct strbuf *context, struct error *err) {
    if (ir_info(n)->level == IR_LEVEL_ONNX || n->output_count > 1) return true;
    if (!inputs_are_typed(n)) return true; // before `resolve` has come so far
    struct error why = {0};
    if (n->output_count == 0) return ir_infer_node(n, &why) || complain(n, context, err, why.message);
    struct ir_type before = ir_out(n)->type;
    if (before.rank < 0) return true;
    if (!ir_infer_node(n, &why)) return complain(n, context, err, why.message);
    bool same = ir_type_equal(&before, &ir_out(n)->type);
    ir_out(n)->type = before;
    return same || complain(n, context, err, "its output type is not what its inputs give");
}

// Together with use_is_listed: every use is in the list of its value, and only there. Each list is walked once.
static bool check_uses(const struct ir_value *v, struct strbuf *context, struct error *err) {
    for (const struct ir_use *u = v->uses; u != NULL; u = u->next) {
        if (u->value != v || *u->link != u) return complain(u->user, context, err, "a use list is broken");
    }
    return true;
}

// What a branch defines is unknown behind it.
static void forget_results(const struct ir_block *b) {
    for (struct ir_node *n = b->head; n != NULL; n = n->next) {
        for (int i = 0; i < n->output_count; i++) n->outputs[i]->mark = 0;
        for (int i = 0; i < 2; i++) {
            if (n->blocks[i] != NULL) forget_results(n->blocks[i]);
        }
    }
}

// Marks of an earlier graph, or of values whose nodes were removed, must not count.
static void clear_marks(const struct ir_block *b) {
    for (struct ir_node *n = b->head; n != NULL; n = n->next) {
        for (int i = 0; i < n->input_count; i++) {
            if (ir_in(n, i) != NULL) ir_in(n, i)->mark = 0;
        }
        for (int i = 0; i < 2; i++) {
            if (n->blocks[i] != NULL) clear_marks(n->blocks[i]);
        }
    }
    forget_results(b);
}

static bool check_block(const struct ir_block *b, struct strbuf *context, struct error *err) {
    const struct ir_node *previous = NULL;
    for (struct ir_node *n = b->head; n != NULL; previous = n, n = n->next) {
        if (n->prev != previous || n->block != b) return complain(n, context, err, "the node list is broken");
        if (!check_arity(n, context, err) || !check_inputs(n, context, err) || !check_types(n, context, err))
            return false;
        if ((n->op == IR_RETURN) != (n->next == NULL))
            return complain(n, context, err, "a block ends in one return");
        for (int i = 0; i < 2; i++) {
            if (n->blocks[i] == NULL) continue;
            if (!check_block(n->blocks[i], context, err)) return false;
            forget_results(n->blocks[i]);
        }
        for (int i = 0; i < n->output_count; i++) {
            if (n->outputs[i]->def != n) return complain(n, context, err, "an output has another producer");
            if (!check_uses(n->outputs[i], context, err)) return false;
            n->outputs[i]->mark = 1;
        }
    }
    return b->tail == previous || error_set(err, ERROR_INTERNAL, "invalid IR: the node list is broken");
}

bool ir_verify(const struct ir_module *m, struct strbuf *context, struct error *err) {
    if (m->first_kept < 0 || m->first_kept > IR_MAX_FIRST_FRAMES)
        return error_set(err, ERROR_INTERNAL, "invalid IR: first_kept is %d", m->first_kept);
    for (const struct ir_value *v = m->constants; v != NULL; v = v->next) {
        if (!check_uses(v, context, err)) return false;
    }
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        if (g->body.tail == NULL)
            return error_set(err, ERROR_INTERNAL, "invalid IR: graph '%s' is empty", g->name);
        clear_marks(&g->body);
        for (int i = 0; i < g->input_count; i++) {
            g->inputs[i]->mark = 1;
            if (!check_uses(g->inputs[i], context, err)) return false;
        }
        if (!check_block(&g->body, context, err)) return false;
    }
    return true;
}
