#include "support/onnx_mutation.h"

#include <string.h>

#define MOVES "Cast Identity Pad Reshape Resize Squeeze Transpose Unsqueeze"

// ---- for all of them

bool mutation_here(struct mutation *m) {
    if (m->done || m->seen++ != m->wanted) return false;
    return m->done = true;
}

void mutation_swap(char **a, char **b) {
    char *c = *a;
    *a = *b;
    *b = c;
}

void list_add(struct mutation *m, struct list *l, void *item) {
    l->at = arena_grow(&m->b.arena, l->at, l->count, &l->capacity, sizeof *l->at);
    l->at[l->count++] = item;
}

struct onnx_value *conv_weights(const struct onnx_scope *s, const Onnx__NodeProto *conv) {
    struct onnx_value *w =
        onnx_is(conv, "Conv") ? onnx_before(s, onnx_in(s, conv, 1), "Cast Identity") : NULL;
    return w != NULL && w->constant != NULL ? w : NULL;
}

bool is_time_conv(const struct onnx_scope *s, const Onnx__NodeProto *n) {
    const struct onnx_value *w = conv_weights(s, n);
    return w != NULL && w->constant->n_dims == 5 && w->constant->dims[2] > 1;
}

bool is_time_concat(const Onnx__NodeProto *n) {
    int64_t axis = onnx_is(n, "Concat") && n->n_input > 1 ? onnx_attr_int(n, "axis", 0) : 0;
    return axis == 2 || axis == -3;
}

static Onnx__NodeProto *conv_of(const struct onnx_scope *s, const struct onnx_value *v, const char *through,
                                bool over_time) {
    for (const struct onnx_use *u = v ? v->uses : NULL; u != NULL; u = u->next) {
        if (u->input == 0 && onnx_is(u->node, "Conv") && (!over_time || is_time_conv(s, u->node)))
            return u->node;
        bool follow = u->input == 0 && onnx_is(u->node, through);
        Onnx__NodeProto *n = follow ? conv_of(s, onnx_out(s, u->node), through, over_time) : NULL;
        if (n != NULL) return n;
    }
    return NULL;
}

Onnx__NodeProto *conv_behind(const struct onnx_scope *s, const struct onnx_value *v, const char *through) {
    return conv_of(s, v, through, true);
}

// A node that the caller fills in, in front of another.
static Onnx__NodeProto *insert(struct mutation *m, struct onnx_scope *s, const Onnx__NodeProto *before,
                               const char *op, const char *inputs, const char *output) {
    Onnx__NodeProto *n = build_node(&m->b, s->g, op, inputs, output);
    size_t i = s->g->n_node - 1;
    if (before == NULL) return n;
    for (; i > 0 && s->g->node[i] != before; i--) s->g->node[i] = s->g->node[i - 1];
    s->g->node[i] = n;
    s->g->node[i + 1] = (Onnx__NodeProto *)before;
    return n;
}

// ---- frames made at once

static Onnx__NodeProto *part_of(const struct onnx_scope *s, const Onnx__NodeProto *stack, size_t i) {
    struct onnx_value *v = onnx_before(s, onnx_in(s, stack, i), "Cast Identity Reshape Squeeze Unsqueeze");
    return v != NULL && onnx_is(v->producer, "Gather Slice Split") ? v->producer : NULL;
}

// Two parts of one value, stacked along a new axis.
static bool is_interleave(const struct onnx_scope *s, const Onnx__NodeProto *n) {
    if (!onnx_is(n, "Concat") || n->n_input != 2 || onnx_attr_int(n, "axis", 0) < 1 || is_time_concat(n))
        return false;
    const Onnx__NodeProto *a = part_of(s, n, 0), *b = part_of(s, n, 1);
    return a != NULL && b != NULL && strcmp(a->input[0], b->input[0]) == 0;
}

// Marks what may have several frames in a step: all that is computed from an interleave.
static bool has_several(const struct onnx_scope *s, const struct onnx_scope *all, const Onnx__NodeProto *n) {
    bool several = is_interleave(s, n);
    for (size_t i = 0; i < n->n_input; i++) several = several || (onnx_in(s, n, i) && onnx_in(s, n, i)->mark);
    for (; all != NULL && onnx_is(n, "If"); all = all->next) {
        bool branch = onnx_attr(n, "then_branch")->g == all->g || onnx_attr(n, "else_branch")->g == all->g;
        for (size_t i = 0; branch && i < all->g->n_node; i++)
            several = several || has_several(all, all, all->g->node[i]);
    }
    return several;
}

static void mark_several(const struct mutation *m, const struct onnx_scope *s) {
    for (size_t i = 0; i < s->g->n_node; i++) {
        const Onnx__NodeProto *n = s->g->node[i];
        bool several = has_several(s, m->main, n);
        for (size_t k = 0; several && k < n->n_output; k++) onnx_find(s, n->output[k])->mark = 1;
    }
}

// ---- convolutions over time

// The concats of earlier and new frames that a convolution over time reads.
static struct list cache_concats(struct mutation *m, const struct onnx_scope *s) {
    struct list l = {0};
    for (size_t i = 0; i < s->g->n_node; i++) {
        Onnx__NodeProto *n = s->g->node[i];
        if (is_time_concat(n) && conv_behind(s, onnx_out(s, n), "Pad")) list_add(m, &l, n);
    }
    return l;
}

void swap_taps(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->g->n_node; i++) {
            Onnx__NodeProto *n = s->g->node[i];
            bool read = is_time_concat(n) && conv_of(s, onnx_out(s, n), MOVES, false) != NULL;
            if (read && mutation_here(m)) mutation_swap(&n->input[0], &n->input[n->n_input - 1]);
        }
    }
}

static const Onnx__TensorProto *weights_behind(const struct onnx_scope *s, const Onnx__NodeProto *concat) {
    return conv_weights(s, conv_behind(s, onnx_out(s, concat), "Pad"))->constant;
}

// The next value of a cache depends on the old one where a step has fewer new frames than a kernel. Where it does not,
// two caches that are inputs could change their names: nothing in the file says which is which.
static bool is_carried(const struct onnx_scope *s, const Onnx__NodeProto *concat) {
    const struct onnx_value *cache = onnx_before(s, onnx_in(s, concat, 0), "Cast Identity");
    return cache->producer != NULL || !onnx_in(s, concat, 1)->mark;
}

static bool like_caches(const struct onnx_scope *s, const Onnx__NodeProto *a, const Onnx__NodeProto *b) {
    const struct onnx_value *x = onnx_in(s, a, 0), *y = onnx_in(s, b, 0);
    if (x == NULL || y == NULL || x == y) return false;
    if (weights_behind(s, a)->dims[1] != weights_behind(s, b)->dims[1]) return false;
    if (!is_carried(s, a) && !is_carried(s, b)) return false;
    return (x->info == NULL && y->info == NULL) || onnx_same_shape(x->info, y->info);
}

void swap_caches(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        struct list l = cache_concats(m, s);
        mark_several(m, s);
        for (size_t i = 0; i < l.count; i++) {
            Onnx__NodeProto *a = l.at[i], *b = NULL;
            for (size_t k = i + 1; k < l.count && b == NULL; k++)
                b = like_caches(s, a, l.at[k]) ? l.at[k] : NULL;
            if (b != NULL && mutation_here(m)) mutation_swap(&a->input[0], &b->input[0]);
        }
    }
}

// Whether a convolution over time reads this input in front of new frames.
static bool is_cache_input(struct mutation *m, const struct onnx_value *v) {
    for (const struct onnx_scope *s = m->main; s != NULL && v->input != NULL; s = s->next) {
        struct list l = cache_concats(m, s);
        for (size_t i = 0; i < l.count; i++) {
            if (onnx_before(s, onnx_in(s, l.at[i], 0), "Cast Identity") == v) return true;
        }
    }
    return false;
}

static void drop_input(Onnx__GraphProto *g, const Onnx__ValueInfoProto *input) {
    size_t kept = 0;
    for (size_t i = 0; i < g->n_input; i++) {
        if (g->input[i] != input) g->input[kept++] = g->input[i];
    }
    g->n_input = kept;
}

// The next cache input behind input i that could be taken for it.
static struct onnx_value *other_input(struct mutation *m, size_t i) {
    const struct onnx_scope *s = m->main;
    const struct onnx_value *v = onnx_find(s, s->g->input[i]->name);
    if (!is_cache_input(m, v)) return NULL;
    for (size_t k = i + 1; k < s->g->n_input; k++) {
        struct onnx_value *other = onnx_find(s, s->g->input[k]->name);
        if (onnx_same_shape(v->info, other->info) && is_cache_input(m, other)) return other;
    }
    return NULL;
}

void merge_caches(struct mutation *m) {
    Onnx__GraphProto *g = m->main->g;
    for (size_t i = 0; i < g->n_input; i++) {
        struct onnx_value *gone = other_input(m, i);
        if (gone == NULL || !mutation_here(m)) continue;
        for (struct onnx_use *u = gone->uses; u != NULL; u = u->next)
            u->node->input[u->input] = g->input[i]->name;
        drop_input(g, gone->input);
        return;
    }
}

// ---- results

static void exchange_values(struct onnx_value *a, struct onnx_value *b) {
    char **x = a->producer->output, **y = b->producer->output;
    while (strcmp(*x, a->name) != 0) x++;
    while (strcmp(*y, b->name) != 0) y++;
    mutation_swap(x, y);
    for (struct onnx_use *u = a->uses; u != NULL; u = u->next) u->node->input[u->input] = (char *)b->name;
    for (struct onnx_use *u = b->uses; u != NULL; u = u->next) u->node->input[u->input] = (char *)a->name;
}

static bool is_cache_result(const struct onnx_scope *s, const Onnx__ValueInfoProto *o) {
    const Onnx__TensorShapeProto *shape =
        o->type && o->type->tensor_type ? o->type->tensor_type->shape : NULL;
    return shape != NULL && shape->n_dim == 5 && onnx_find(s, o->name)->producer != NULL;
}

// The next result that could be taken for result i.
static Onnx__ValueInfoProto *other_result(const struct onnx_scope *s, size_t i) {
    const Onnx__ValueInfoProto *o = s->g->output[i];
    if (!is_cache_result(s, o)) return NULL;
    for (size_t k = i + 1; k < s->g->n_output; k++) {
        if (is_cache_result(s, s->g->output[k]) && onnx_same_shape(o, s->g->output[k]))
            return s->g->output[k];
    }
    return NULL;
}

static void swap_results(struct mutation *m, const struct onnx_scope *s) {
    for (size_t i = 0; i < s->g->n_output; i++) {
        const Onnx__ValueInfoProto *o = other_result(s, i);
        if (o != NULL && mutation_here(m))
            exchange_values(onnx_find(s, s->g->output[i]->name), onnx_find(s, o->name));
    }
}

void swap_outputs(struct mutation *m) { swap_results(m, m->main); }

void swap_branch_outputs(struct mutation *m) {
    for (const struct onnx_scope *s = m->main->next; s != NULL; s = s->next) swap_results(m, s);
}

// Whoever reads `v` inside goes on to do so; as a result, `other` is returned under its name.
static void return_instead(struct mutation *m, struct onnx_scope *s, struct onnx_value *v,
                           const char *other) {
    char **o = v->producer->output;
    while (strcmp(*o, v->name) != 0) o++;
    *o = arena_printf(&m->b.arena, "%s.inside", v->name);
    for (struct onnx_use *u = v->uses; u != NULL; u = u->next) u->node->input[u->input] = *o;
    insert(m, s, NULL, "Identity", other, v->name);
}

void double_output(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->g->n_output; i++) {
            const Onnx__ValueInfoProto *o = other_result(s, i);
            if (o != NULL && mutation_here(m))
                return_instead(m, s, onnx_find(s, s->g->output[i]->name), o->name);
        }
    }
}

// ---- updates of caches

// The cache that a convolution reads in front of the frames `x`; NULL if none does.
static struct onnx_value *cache_in_front_of(const struct onnx_scope *s, const struct onnx_value *x) {
    for (const struct onnx_use *u = x ? x->uses : NULL; u != NULL; u = u->next) {
        bool concat = u->input == 1 && is_time_concat(u->node) && conv_behind(s, onnx_out(s, u->node), "Pad");
        if (concat) return onnx_before(s, onnx_in(s, u->node, 0), "Cast Identity");
    }
    return NULL;
}

#define CUTS "Cast Gather Identity Slice Split Unsqueeze"

// The cache input that the result `v` is the next value of.
static struct onnx_value *cache_before(const struct onnx_scope *s, struct onnx_value *v) {
    v = onnx_before(s, v, "Cast Identity");
    Onnx__NodeProto *n = v->producer;
    struct onnx_value *x = onnx_before(s, is_time_concat(n) ? onnx_in(s, n, 1) : v, CUTS);
    struct onnx_value *cache = cache_in_front_of(s, x);
    return cache != NULL && cache->input != NULL ? cache : NULL;
}

static void stale_result(struct mutation *m, struct onnx_scope *s, struct onnx_value *v) {
    const struct onnx_value *cache = cache_before(s, v);
    Onnx__NodeProto *update = onnx_before(s, v, "Cast Identity")->producer;
    if (cache == NULL) return;
    if (mutation_here(m)) return_instead(m, s, v, cache->name);
    if (!is_time_concat(update)) return;
    if (mutation_here(m)) update->input[1] = update->input[0];
    else if (mutation_here(m)) mutation_swap(&update->input[0], &update->input[1]);
}

// A step of an unrolled model reads what the convolution of the same weights read in the step before.
static void stale_step(struct mutation *m, struct onnx_scope *s) {
    struct list l = cache_concats(m, s);
    for (size_t i = 0; i < l.count; i++) {
        Onnx__NodeProto *n = l.at[i];
        for (size_t k = i; k-- > 0;) {
            Onnx__NodeProto *before = l.at[k];
            if (weights_behind(s, before) != weights_behind(s, n)) continue;
            if (mutation_here(m)) n->input[0] = before->input[0];
            break;
        }
    }
}

void stale_cache(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->g->n_output; i++) {
            struct onnx_value *v = onnx_find(s, s->g->output[i]->name);
            if (v->producer != NULL) stale_result(m, s, v);
        }
        stale_step(m, s);
    }
}

// ---- zeros

// Entry i of the amounts, as long as they are numbers: a constant, or made of the list that PyTorch takes, which says
// of the last axis first how much is in front and behind.
static bool pad_amount(const struct onnx_scope *s, struct onnx_value *pads, size_t front_or_behind,
                       int64_t *out) {
    struct onnx_value *v = onnx_before(s, pads, "Cast Identity");
    if (onnx_constant_int(v, front_or_behind == 0 ? 2 : 7, out)) return true;
    v = onnx_before(s, v, "Cast Identity Reshape Slice Transpose");
    return v != NULL && onnx_is(v->producer, "Concat") &&
           onnx_constant_int(onnx_in(s, v->producer, 0), 4 + front_or_behind, out);
}

static bool pads_in_front(const struct onnx_scope *s, const Onnx__NodeProto *n) {
    int64_t front, behind;
    struct onnx_value *pads = onnx_in(s, n, 1);
    if (!onnx_is(n, "Pad") || conv_behind(s, onnx_out(s, n), "Pad") == NULL || onnx_in(s, n, 3) != NULL)
        return false;
    return pad_amount(s, pads, 0, &front) && pad_amount(s, pads, 1, &behind) && front != behind;
}

static void turn_pads(struct mutation *m, struct onnx_scope *s, Onnx__NodeProto *n) {
    static const int64_t order[] = {0, 1, 7, 3, 4, 5, 6, 2, 8, 9};
    build_ints(&m->b, "mutation.order", 10, order);
    insert(m, s, n, "Gather", arena_printf(&m->b.arena, "%s,mutation.order", n->input[1]), "mutation.pads");
    n->input[1] = "mutation.pads";
}

void pad_side(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->g->n_node; i++) {
            Onnx__NodeProto *n = s->g->node[i];
            Onnx__AttributeProto *own = is_time_conv(s, n) ? onnx_attr(n, "pads") : NULL;
            bool differ = own != NULL && own->n_ints == 6 && own->ints[0] != own->ints[3];
            if (pads_in_front(s, n) && mutation_here(m)) turn_pads(m, s, n);
            if (!differ || !mutation_here(m)) continue;
            int64_t front = own->ints[0];
            own->ints[0] = own->ints[3];
            own->ints[3] = front;
        }
    }
}

void reverse_interleave(struct mutation *m) {
    for (struct onnx_scope *s = m->main; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->g->n_node; i++) {
            Onnx__NodeProto *n = s->g->node[i];
            if (!is_interleave(s, n)) continue;
            Onnx__NodeProto *a = part_of(s, n, 0), *b = part_of(s, n, 1);
            if (mutation_here(m)) mutation_swap(&n->input[0], &n->input[1]);
            if (a == b && mutation_here(m)) mutation_swap(&a->output[0], &a->output[1]);
            if (a != b && onnx_is(a, "Gather") && mutation_here(m)) mutation_swap(&a->input[1], &b->input[1]);
        }
    }
}
