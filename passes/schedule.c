// schedule: an order of the operators in which little is alive at once.
//
// Three orders are compared by their largest sum of live bytes: the exporter's own, and two depth-first
// orders that compute each value just before its first reader, with the reader's operands taken left to right
// or right to left. The best wins; the exporter's own wins ties. A shortcut convolution, for instance, which
// the exporter computes at the top of its residual block, moves to the addition at the end when its result is
// larger than its input.
//
// Pushes into caches follow what they push at once, so that a window does not stay alive for them. Views and
// in-place results (plan_memory) are not modelled here: sizes are those of the values. docs/passes.md shows that for our
// decoders no order is better.
#include "passes/pass.h"

#include <string.h>

struct order {
    struct ir_node **nodes;
    int count;
};

static int64_t bytes_of(const struct ir_value *v) {
    int64_t count;
    return v->constant == NULL && v->def != NULL && ir_type_count(&v->type, &count) ? 4 * count : 0;
}

// The largest sum of live values when the nodes run in this order. `mark` of a value: its remaining readers.
static int64_t peak(const struct order *o) {
    int64_t live = 0, most = 0;
    for (int i = 0; i < o->count; i++) {
        struct ir_node *n = o->nodes[i];
        for (int k = 0; k < n->output_count; k++) {
            n->outputs[k]->mark = ir_use_count(n->outputs[k]);
            live += bytes_of(n->outputs[k]);
        }
        if (live > most) most = live;
        for (int k = 0; k < n->input_count; k++) {
            struct ir_value *v = ir_in(n, k);
            if (v != NULL && v->def != NULL && --v->mark == 0) live -= bytes_of(v);
        }
    }
    return most;
}

// A node whose operands, then pushes, are being placed. Graphs are as deep as they have nodes: no recursion.
struct visit {
    struct ir_node *node;
    int operand, output; // that come next
    struct ir_use *use;  // of the output
};

static struct ir_use *uses_of(const struct ir_node *n, int output) {
    return output < n->output_count ? n->outputs[output]->uses : NULL;
}

// What is to be placed next, in front of the node or behind it; NULL: nothing is left.
static struct ir_node *next_of(struct visit *v, bool reverse, struct order *o) {
    struct ir_node *n = v->node;
    while (v->operand < n->input_count) {
        int i = v->operand++;
        struct ir_value *in = ir_in(n, reverse ? n->input_count - 1 - i : i);
        if (in != NULL && in->def != NULL) return in->def;
    }
    if (v->operand++ == n->input_count) {
        o->nodes[o->count++] = n;
        v->use = uses_of(n, 0);
    }
    for (; v->output < n->output_count; v->use = uses_of(n, ++v->output)) {
        while (v->use != NULL) {
            struct ir_node *user = v->use->user;
            v->use = v->use->next;
            if (user->op == IR_CACHE_PUSH) return user;
        }
    }
    v->operand = n->input_count + 1; // it is placed, whatever comes
    return NULL;
}

// Post-order from `n`: operands first, and pushes right behind what they push. `mark` of a node: already
// placed. `visits` has room for all nodes.
static void place(struct ir_node *n, bool reverse, struct visit *visits, struct order *o) {
    int depth = 0;
    for (struct ir_node *next = n; next != NULL || depth > 0;) {
        if (next == NULL) depth--;
        else if (!next->mark) {
            next->mark = 1;
            visits[depth++] = (struct visit){.node = next};
        }
        next = depth > 0 ? next_of(&visits[depth - 1], reverse, o) : NULL;
    }
}

static void depth_first(struct ir_graph *g, bool reverse, struct visit *visits, struct order *o) {
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) n->mark = 0;
    o->count = 0;
    struct ir_node *last = ir_return_of(g);
    place(last, reverse, visits, o);
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next)
        place(n, reverse, visits, o);    // effects nobody waits for
    for (int i = 0; i < o->count; i++) { // the return stays the last
        if (o->nodes[i] != last) continue;
        memmove(o->nodes + i, o->nodes + i + 1, (size_t)(o->count - i - 1) * sizeof *o->nodes);
        o->nodes[o->count - 1] = last;
        break;
    }
}

static bool schedule_graph(struct ir_graph *g) {
    struct arena scratch = {0};
    struct order best = {0}, other = {0};
    int count = 0;
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) count++;
    best.nodes = arena_array(&scratch, (size_t)count + 1, sizeof *best.nodes);
    other.nodes = arena_array(&scratch, (size_t)count + 1, sizeof *other.nodes);
    struct visit *visits = arena_array(&scratch, (size_t)count + 1, sizeof *visits);
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) best.nodes[best.count++] = n;
    bool changed = false;
    for (int reverse = 0; reverse < 2; reverse++) {
        depth_first(g, reverse, visits, &other);
        if (peak(&other) >= peak(&best)) continue;
        struct order t = best;
        best = other;
        other = t;
        changed = true;
    }
    for (int i = 0; changed && i < best.count; i++) ir_node_move(best.nodes[i], &g->body, NULL);
    arena_free(&scratch);
    return changed;
}

bool pass_schedule(struct ir_module *m, bool *progress, struct error *err) {
    (void)err;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        if (g->buffer_count == 0 && schedule_graph(g)) *progress = true; // not after plan_memory
    }
    return true;
}
