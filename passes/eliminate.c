// eliminate_common and eliminate_dead: nothing is computed twice, and nothing for nobody.
//
//     %a = silu %x                ->  %a = silu %x
//     %b = silu %x                    %c = add %a, %a
//     %c = add %a, %b
//
// Nodes are equal when operator, inputs (by identity) and attributes are; operators with effects are neither
// merged nor removed, unless they are dead causal convolutions: their cache would be fed by nobody who
// matters. It does matter when the other variant reads the cache: y = conv(x)[1:] needs nothing of y in the
// first step, but the frame of x that the convolution keeps. And where there is no other variant, in a decoder of
// one latent frame, nothing needs to be kept at all: pushes to caches that no window reads are dead.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"

#include <string.h>

bool match_attr_equal(const struct ir_attr *a, const struct ir_attr *b) {
    if (a->key != b->key || a->kind != b->kind) return false;
    switch (a->kind) {
    case IR_ATTR_INT: return a->i == b->i;
    case IR_ATTR_FLOAT: return a->f == b->f;
    case IR_ATTR_INTS:
        return a->count == b->count && memcmp(a->ints, b->ints, (size_t)a->count * sizeof *a->ints) == 0;
    case IR_ATTR_STRING: return strcmp(a->string, b->string) == 0;
    case IR_ATTR_CACHE: return a->cache == b->cache;
    case IR_ATTR_REARRANGE: return rearrange_equal(a->rearrange, b->rearrange);
    }
    return false;
}

static bool node_equal(const struct ir_node *a, const struct ir_node *b) {
    if (a->op != b->op || a->input_count != b->input_count || a->output_count != 1 || b->output_count != 1)
        return false;
    for (int i = 0; i < a->input_count; i++) {
        if (ir_in(a, i) != ir_in(b, i)) return false;
    }
    const struct ir_attr *x = a->attrs, *y = b->attrs;
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        if (!match_attr_equal(x, y)) return false;
    }
    return x == NULL && y == NULL;
}

// An equal node must use the same first input, so only that value's users are candidates.
static struct ir_node *find_equal(const struct ir_node *n) {
    for (const struct ir_use *u = ir_in(n, 0)->uses; u != NULL; u = u->next) {
        if (u->user != n && u->user->block == n->block && u->user->mark < n->mark && node_equal(u->user, n))
            return u->user;
    }
    return NULL;
}

bool pass_eliminate_common(struct ir_module *m, bool *progress, struct error *err) {
    (void)err;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        int64_t order = 0;
        for (struct ir_node *n = g->body.head; n != NULL; n = n->next) n->mark = order++;
        for (struct ir_node *n = g->body.head, *next; n != NULL; n = next) {
            next = n->next;
            bool candidate = n->input_count > 0 && ir_in(n, 0) && !ir_in(n, 0)->constant &&
                             !(ir_info(n)->flags & IR_EFFECT);
            struct ir_node *same = candidate ? find_equal(n) : NULL;
            if (same == NULL) continue;
            ir_node_replace(n, ir_out(same));
            *progress = true;
        }
    }
    return true;
}

// Whether a convolution of another graph, whose result is used, works with the cache of this one.
static bool feeds_another_graph(const struct ir_node *n) {
    const struct ir_graph *own = n->block->graph;
    for (const struct ir_graph *g = own->module->graphs; g != NULL; g = g->next) {
        for (const struct ir_node *other = g != own ? g->body.head : NULL; other != NULL;
             other = other->next) {
            if (other->op == IR_CAUSAL_CONV && ir_attr_cache(other) == ir_attr_cache(n) &&
                ir_out(other)->uses != NULL)
                return true;
        }
    }
    return false;
}

// In a decoder of one latent frame there is no later step for which to keep anything.
static bool is_read(const struct ir_module *m, const struct ir_cache *c) {
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            bool reads = n->op == IR_WINDOW ? ir_out(n)->uses != NULL
                                            : n->op == IR_STREAM_CONV && ir_attr_find(n, IR_KEY_CACHE);
            if (reads && ir_attr_cache(n) == c) return true;
        }
    }
    return false;
}

static bool is_dead(const struct ir_node *n) {
    if (n->op == IR_CACHE_PUSH) {
        const struct ir_module *m = n->block->graph->module;
        return ir_graph_find(m, "steady") == NULL && !is_read(m, ir_attr_cache(n));
    }
    if ((ir_info(n)->flags & IR_EFFECT) && n->op != IR_CAUSAL_CONV) return false;
    for (int i = 0; i < n->output_count; i++) {
        if (n->outputs[i]->uses != NULL) return false;
    }
    return n->op != IR_CAUSAL_CONV || !feeds_another_graph(n);
}

static bool remove_dead(struct ir_module *m) {
    bool removed = false;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (struct ir_node *n = g->body.tail, *before; n != NULL;
             n = before) { // users stand behind what they use
            before = n->prev;
            if (!is_dead(n)) continue;
            ir_node_remove(n);
            removed = true;
        }
    }
    return removed;
}

bool pass_eliminate_dead(struct ir_module *m, bool *progress, struct error *err) {
    (void)err;
    while (remove_dead(m)) *progress = true; // a push may stand behind a window that dies
    return true;
}
