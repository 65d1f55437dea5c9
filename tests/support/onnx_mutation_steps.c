// Mutations of unrolled and flagged models, and of names and orders.
#include "support/onnx_mutation.h"

#include <string.h>

// ---- weights

static bool same_dims(const Onnx__TensorProto *a, const Onnx__TensorProto *b) {
    return a != b && a->n_dims == b->n_dims && memcmp(a->dims, b->dims, a->n_dims * sizeof *a->dims) == 0;
}

// Where weights are used in several steps, those of the first step are left alone: it may have weights of its own.
static struct list weighted_convs(struct mutation *m, const struct onnx_scope *s) {
    struct list all = {0}, later = {0};
    for (size_t i = 0; i < s->g->n_node; i++) {
        struct onnx_value *w = conv_weights(s, s->g->node[i]);
        if (w == NULL) continue;
        list_add(m, w->mark++ ? &later : &all, s->g->node[i]);
    }
    return later.count > 0 ? later : all;
}

void swap_weights(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        struct list l = weighted_convs(m, s);
        for (size_t i = 0; i < l.count; i++) {
            Onnx__NodeProto *a = l.at[i], *b = NULL;
            for (size_t k = i + 1; k < l.count && b == NULL; k++) {
                Onnx__NodeProto *n = l.at[k];
                bool like = same_dims(conv_weights(s, a)->constant, conv_weights(s, n)->constant);
                if (like && n->n_input == a->n_input) b = n;
            }
            if (b == NULL || !mutation_here(m)) continue;
            mutation_swap(&a->input[1], &b->input[1]);
            if (a->n_input == 3) mutation_swap(&a->input[2], &b->input[2]);
        }
    }
}

// ---- steps

#define HEADS "Add Cast Clip Div Identity Max Min Mul Reshape Squeeze Sub Transpose Unsqueeze"

// The inputs of a concat of concats, in order.
static void collect_parts(struct mutation *m, const struct onnx_scope *s, Onnx__NodeProto *join,
                          struct list *parts) {
    for (size_t i = 0; i < join->n_input; i++) {
        Onnx__NodeProto *inner = onnx_in(s, join, i)->producer;
        bool same =
            onnx_is(inner, "Concat") && onnx_attr_int(inner, "axis", 0) == onnx_attr_int(join, "axis", 0);
        if (same) collect_parts(m, s, inner, parts);
        else list_add(m, parts, &join->input[i]);
    }
}

void step_order(struct mutation *m) {
    const struct onnx_scope *s = m->main;
    if (s->g->n_output != 1) return;
    struct onnx_value *v = onnx_before(s, onnx_find(s, s->g->output[0]->name), HEADS);
    if (v == NULL || !onnx_is(v->producer, "Concat")) return;
    struct list parts = {0};
    collect_parts(m, s, v->producer, &parts);
    for (size_t i = 1; i < parts.count; i++) {
        if (mutation_here(m)) mutation_swap(parts.at[i - 1], parts.at[i]);
    }
}

// Marks what works on all latent frames alike: everything in front of slices and of convolutions over time.
// Nothing is marked in a graph of several inputs: that is a step.
static void mark_latents(const struct onnx_scope *s) {
    size_t inputs = 0;
    for (size_t i = 0; i < s->g->n_input; i++) {
        struct onnx_value *v = onnx_find(s, s->g->input[i]->name);
        v->mark = v->input != NULL && inputs++ == 0;
    }
    if (inputs != 1) return;
    for (size_t i = 0; i < s->g->n_node; i++) {
        const Onnx__NodeProto *n = s->g->node[i];
        const struct onnx_value *x = onnx_in(s, n, 0);
        bool stops = onnx_is(n, "Concat Gather Shape Slice Split") || is_time_conv(s, n);
        if (x != NULL && x->mark && !stops) onnx_out(s, n)->mark = 1;
    }
}

void wrong_latent(struct mutation *m) {
    const struct onnx_scope *s = m->main;
    mark_latents(s);
    for (size_t i = 0; i < s->g->n_node; i++) {
        Onnx__NodeProto *n = s->g->node[i], *before = NULL;
        struct onnx_value *x = onnx_is(n, "Slice Gather") ? onnx_in(s, n, 0) : NULL;
        if (x == NULL || !x->mark) continue;
        for (struct onnx_use *u = x->uses; u != NULL && u->node != n; u = u->next) {
            if (strcmp(u->node->op_type, n->op_type) == 0) before = u->node;
        }
        if (before == NULL) continue;
        for (int later = 0; later < 2;
             later++) { // a later frame for the earlier step, or the other way round
            const struct onnx_value *v = onnx_out(s, later ? before : n);
            if (!mutation_here(m)) continue;
            for (const struct onnx_use *u = v->uses; u != NULL; u = u->next)
                u->node->input[u->input] = later ? n->output[0] : before->output[0];
        }
    }
}

// ---- flags

// Whether the value is computed from small inputs alone, such as a flag.
static bool is_flag(const struct onnx_scope *s, struct onnx_value *v) {
    v = onnx_before(s, v, "Cast Equal Greater Identity Less Not Reshape Squeeze Unsqueeze");
    const Onnx__TypeProto *t = v && v->input ? v->input->type : NULL;
    return t != NULL && t->tensor_type != NULL && t->tensor_type->shape != NULL &&
           t->tensor_type->shape->n_dim < 2;
}

void flip_flag(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->g->n_node; i++) {
            Onnx__NodeProto *n = s->g->node[i];
            if (!onnx_is(n, "If Where") || !is_flag(s, onnx_in(s, n, 0)) || !mutation_here(m)) continue;
            if (onnx_is(n, "Where")) {
                mutation_swap(&n->input[1], &n->input[2]);
                continue;
            }
            Onnx__AttributeProto *yes = onnx_attr(n, "then_branch"), *no = onnx_attr(n, "else_branch");
            Onnx__GraphProto *g = yes->g;
            yes->g = no->g;
            no->g = g;
        }
    }
}

// ---- names and orders

struct renaming {
    struct mutation *m;
    struct list *buckets; // of pairs: an old name, its new one
    size_t bucket_count, names;
    uint64_t random;
};

static size_t draw(struct renaming *r, size_t n) {
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(r->random >> 33) % n;
}

static void shuffle(struct renaming *r, void *field, size_t n) {
    void **list = field;
    for (size_t i = n; i > 1; i--) {
        size_t k = draw(r, i);
        void *item = list[i - 1];
        list[i - 1] = list[k];
        list[k] = item;
    }
}

static void rename_one(struct renaming *r, char **name) {
    size_t h = 0;
    if (*name == NULL || (*name)[0] == '\0') return;
    for (const char *p = *name; *p != '\0'; p++) h = h * 31 + (unsigned char)*p;
    struct list *l = &r->buckets[h % r->bucket_count];
    for (size_t i = 0; i < l->count; i += 2) {
        if (strcmp(l->at[i], *name) != 0) continue;
        *name = l->at[i + 1];
        return;
    }
    list_add(r->m, l, *name);
    *name = arena_printf(&r->m->b.arena, "n%zx_%zu", draw(r, 4096), r->names++);
    list_add(r->m, l, *name);
}

// One number for all values of one name, wherever they are: branches read values of the graphs around them.
static void rename_graph(struct renaming *r, Onnx__GraphProto *g, bool outermost) {
    rename_one(r, &g->name);
    for (size_t i = 0; i < g->n_input; i++) rename_one(r, &g->input[i]->name);
    for (size_t i = 0; i < g->n_output; i++) rename_one(r, &g->output[i]->name);
    for (size_t i = 0; i < g->n_value_info; i++) rename_one(r, &g->value_info[i]->name);
    for (size_t i = 0; i < g->n_initializer; i++) rename_one(r, &g->initializer[i]->name);
    for (size_t i = 0; i < g->n_node; i++) {
        Onnx__NodeProto *n = g->node[i];
        rename_one(r, &n->name);
        for (size_t k = 0; k < n->n_input; k++) rename_one(r, &n->input[k]);
        for (size_t k = 0; k < n->n_output; k++) rename_one(r, &n->output[k]);
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL) rename_graph(r, n->attribute[k]->g, false);
        }
    }
    shuffle(r, g->node, g->n_node);
    shuffle(r, g->initializer, g->n_initializer);
    if (outermost) shuffle(r, g->input, g->n_input);
    if (outermost) shuffle(r, g->output, g->n_output); // those of a branch are those of its If, by position
}

void rename_all(struct mutation *m) {
    struct renaming r = {.m = m, .bucket_count = 65536, .random = (uint64_t)m->wanted + 1};
    r.buckets = arena_array(&m->b.arena, r.bucket_count, sizeof *r.buckets);
    rename_graph(&r, m->b.graph, true);
    m->done = true;
}
