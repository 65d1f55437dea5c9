#include "passes/emit_report.h"

#include <string.h>

static bool same_base(const char *a, const char *b) {
    int n = ir_base_name(a);
    return n == ir_base_name(b) && strncmp(a, b, (size_t)n) == 0;
}

static bool is_listed(const struct ir_node *n) { // the others move elements or caches
    return n->output_count == 1 && n->op != IR_REARRANGE && n->op != IR_SLICE && n->op != IR_WINDOW;
}

static bool is_conv(const struct ir_node *n) { return n->op == IR_FRAME_CONV || n->op == IR_STREAM_CONV; }

// A convolution may be fused with its neighbours in one step and not in the other.
static bool same_op(const struct ir_node *a, const struct ir_node *b) {
    return a->op == b->op || (is_conv(a) && is_conv(b));
}

// ---- a row's two nodes: those of the first and of the steady step that do the same
//
// `mark` of a steady node is its partner in the first step, `mark` of a first step's node whether it is somebody's.
typedef struct ir_node *find_fn(struct ir_graph *g, const struct ir_node *like);

// Weights and gammas match the nodes of two files, or of two steps in one, whose names differ.
static struct ir_node *find_weight(struct ir_graph *g, const struct ir_node *like) {
    bool weighted = is_conv(like) || like->op == IR_FRAME_NORM;
    const struct ir_value *w = weighted ? ir_in(like, 1) : NULL;
    for (struct ir_node *n = g->body.head; w != NULL && w->constant && n != NULL; n = n->next) {
        const struct ir_value *v = same_op(n, like) ? ir_in(n, 1) : NULL;
        if (v && v->constant && v->constant->data == w->constant->data && !n->mark) return n;
    }
    return NULL;
}

static struct ir_node *find_name(struct ir_graph *g, const struct ir_node *like) {
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        bool same = same_op(n, like) && is_listed(n) && same_base(ir_out(n)->name, ir_out(like)->name);
        if (same && !n->mark) return n;
    }
    return NULL;
}

// The listed node that computes a value, perhaps moved since.
static struct ir_node *listed_source(const struct ir_value *v) {
    while (v != NULL && v->def != NULL && !is_listed(v->def)) v = ir_in(v->def, 0);
    return v ? v->def : NULL;
}

// Others match where what they read first does.
static struct ir_node *find_reader(struct ir_graph *g, const struct ir_node *like) {
    const struct ir_node *source = listed_source(ir_in(like, 0));
    struct ir_node *there = source ? (struct ir_node *)(intptr_t)source->mark : NULL;
    for (struct ir_node *n = g->body.head; there != NULL && n != NULL; n = n->next) {
        if (same_op(n, like) && is_listed(n) && !n->mark && listed_source(ir_in(n, 0)) == there) return n;
    }
    return NULL;
}

static void clear_marks(struct ir_graph *g) {
    for (struct ir_node *n = g ? g->body.head : NULL; n != NULL; n = n->next) n->mark = 0;
}

// The surest way first, for all nodes: an operator that only the steady step has must not take another's partner.
static void find_partners(struct ir_graph *first, struct ir_graph *steady) {
    static find_fn *const find[] = {find_weight, find_name, find_reader};
    clear_marks(first);
    clear_marks(steady);
    for (size_t i = 0; i < sizeof find / sizeof *find; i++) {
        for (struct ir_node *n = steady ? steady->body.head : NULL; n != NULL; n = n->next) {
            struct ir_node *other = is_listed(n) && !n->mark ? find[i](first, n) : NULL;
            n->mark = other ? (intptr_t)other : n->mark;
            if (other) other->mark = 1;
        }
    }
}

// ---- rows

static uint32_t shape_string(struct plan_writer *w, const struct ir_value *v) {
    struct strbuf text = {0};
    for (int i = 0; v != NULL && i < v->type.rank; i++) {
        strbuf_printf(&text, "%s%lld", i ? "x" : "", (long long)v->type.dims[i].first);
    }
    uint32_t s = plan_writer_string(w, strbuf_text(&text));
    strbuf_free(&text);
    return s;
}

static uint32_t cache_of(const struct ir_node *n) {
    if (n != NULL && n->op == IR_STREAM_CONV && ir_attr_find(n, IR_KEY_CACHE))
        return (uint32_t)ir_attr_cache(n)->index;
    const struct ir_node *w = n && n->op == IR_FRAME_CONV ? ir_in(n, 0)->def : NULL;
    if (w != NULL && w->op == IR_SLICE) w = ir_in(w, 0)->def;
    return w != NULL && w->op == IR_WINDOW ? (uint32_t)ir_attr_cache(w)->index : PLAN_NONE;
}

// The new frames that a node is given, without those of a cache in front of them.
static const struct ir_value *given_to(const struct ir_node *n) {
    const struct ir_value *v = n ? ir_in(n, 0) : NULL;
    const struct ir_node *w = v ? v->def : NULL;
    if (w != NULL && w->op == IR_SLICE) w = ir_in(w, 0)->def;
    return w != NULL && w->op == IR_WINDOW ? ir_in(w, 0) : v;
}

static void add_row(const struct ir_module *m, struct plan_writer *w, const struct ir_node *first,
                    const struct ir_node *steady) {
    const struct ir_node *n = steady ? steady : first;
    plan_writer_shape(
        w, (struct plan_shape){.node = plan_writer_string(w, n->name[0] ? n->name : ir_out(n)->name),
                               .op = plan_writer_string(w, ir_info(n)->name),
                               .symbolic = plan_writer_string(
                                   w, ir_symbol_find(m, ir_out(n)->name, steady ? "steady" : "first")),
                               .first = shape_string(w, first ? ir_out(first) : NULL),
                               .steady = shape_string(w, steady ? ir_out(steady) : NULL),
                               .first_in = shape_string(w, given_to(first)),
                               .steady_in = shape_string(w, given_to(steady)),
                               .cache = cache_of(steady)});
}

// What only the first step does, from `n` to the next node that both do.
static void add_lone(const struct ir_module *m, struct plan_writer *w, const struct ir_node *n) {
    for (; n != NULL && !n->mark; n = n->next) {
        if (is_listed(n)) add_row(m, w, n, NULL);
    }
}

void emit_shapes(const struct ir_module *m, struct plan_writer *w) {
    struct ir_graph *first = ir_graph_find(m, "first"), *steady = ir_graph_find(m, "steady");
    find_partners(first, steady);
    add_lone(m, w, first->body.head);
    for (struct ir_node *n = steady ? steady->body.head : NULL; n != NULL; n = n->next) {
        const struct ir_node *other = (const struct ir_node *)(intptr_t)n->mark;
        if (is_listed(n)) add_row(m, w, other, n);
        if (other != NULL) add_lone(m, w, other->next);
    }
}

void emit_passes(const struct ir_module *m, struct plan_writer *w) {
    int variants = ir_graph_find(m, "steady") ? PLAN_VARIANTS : PLAN_STEADY;
    for (const struct ir_effect *e = m->effects; e != NULL; e = e->next) {
        struct plan_pass pass = {.name = plan_writer_string(w, e->pass), .changed = e->changed};
        for (int v = 0; v < variants; v++) {
            pass.nodes[v] = e->nodes[v];
            pass.value_bytes[v] = e->value_bytes[v];
            pass.flops[v] = e->flops[v];
        }
        plan_writer_pass(w, pass);
    }
}
