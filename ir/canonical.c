#include "ir/canonical.h"

#include "base/size.h"
#include "ir/rearrange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- hashes: of what a value computes, without names

static const uint64_t HASH_START = 0xcbf29ce484222325u;

WRAPS static uint64_t mix(uint64_t h, const void *data, size_t size) {
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

static uint64_t mix_int(uint64_t h, int64_t i) { return mix(h, &i, sizeof i); }
static uint64_t mix_text(uint64_t h, const char *s) { return mix(h, s, strlen(s)); }

static uint64_t mix_type(uint64_t h, const struct ir_type *t) {
    struct strbuf text = {0};
    ir_type_print(t, &text);
    h = mix_text(h, strbuf_text(&text));
    strbuf_free(&text);
    return h;
}

static uint64_t constant_hash(const struct ir_value *v) {
    uint64_t h = mix_type(HASH_START, &v->type);
    const struct ir_constant *c = v->constant;
    for (size_t i = 0; i < c->count && (c->ints || c->data); i++) {
        float f = c->ints ? 0 : (float)ir_constant_float(c, i);
        h = c->ints ? mix(h, &c->ints[i], sizeof c->ints[i]) : mix(h, &f, sizeof f);
    }
    return h;
}

static uint64_t mix_attr(uint64_t h, const struct ir_attr *a) {
    struct strbuf text = {0};
    h = mix_int(h, a->key);
    switch (a->kind) {
    case IR_ATTR_INT: return mix_int(h, a->i);
    case IR_ATTR_FLOAT: return mix(h, &a->f, sizeof a->f);
    case IR_ATTR_INTS: return mix(h, a->ints, (size_t)a->count * sizeof *a->ints);
    case IR_ATTR_STRING: return mix_text(h, a->string);
    case IR_ATTR_CACHE: return mix_type(h, &a->cache->type);
    case IR_ATTR_REARRANGE:
        rearrange_print(a->rearrange, &text);
        h = mix_text(h, strbuf_text(&text));
        strbuf_free(&text);
        return h;
    }
    return h;
}

// Kept in value->mark, computed in the order of the nodes.
static uint64_t hash_of(const struct ir_value *v) { return v ? (uint64_t)v->mark : 1; }

static void order_operands(struct ir_node *n) {
    if (!(ir_info(n)->flags & IR_COMMUTATIVE) || n->input_count != 2) return;
    struct ir_value *a = ir_in(n, 0), *b = ir_in(n, 1);
    if (hash_of(a) <= hash_of(b)) return;
    ir_node_set_input(n, 0, b);
    ir_node_set_input(n, 1, a);
}

static void round_attrs(struct ir_node *n) {
    char text[32];
    for (struct ir_attr *a = n->attrs; a != NULL; a = a->next) {
        if (a->kind != IR_ATTR_FLOAT) continue;
        snprintf(text, sizeof text, "%.6g", a->f);
        a->f = strtod(text, NULL);
    }
}

static void hash_node(struct ir_node *n) {
    uint64_t h = mix_int(HASH_START, n->op);
    order_operands(n);
    round_attrs(n);
    for (int i = 0; i < n->input_count; i++) h = mix_int(h, (int64_t)hash_of(ir_in(n, i)));
    for (const struct ir_attr *a = n->attrs; a != NULL; a = a->next) h = mix_attr(h, a);
    for (int i = 0; i < n->output_count; i++) n->outputs[i]->mark = (int64_t)mix_int(h, i);
}

// ---- order

struct order {
    struct ir_graph *g;
    struct arena scratch;
    struct ir_node **stack;
    size_t count, capacity;
    struct ir_node *placed; // the last node that has its place
    int64_t next_value;
    int *next_cache;
};

static void push(struct order *o, struct ir_node *n) {
    o->stack = arena_grow(&o->scratch, o->stack, o->count, &o->capacity, sizeof(struct ir_node *));
    o->stack[o->count++] = n;
}

static void place(struct order *o, struct ir_node *n) {
    struct ir_cache *c = ir_attr_cache(n);
    ir_node_move(n, &o->g->body, NULL); // behind all that have their place; the others are in front by then
    n->mark = 1;
    n->name = "";
    for (int i = 0; i < n->output_count; i++)
        n->outputs[i]->name = arena_printf(&o->g->module->arena, "v%lld", (long long)o->next_value++);
    if (c != NULL && c->offset == -2) c->offset = (*o->next_cache)++;
}

// Depth first, operands from left to right, without recursion: a node goes when all that it needs has gone.
static void place_tree(struct order *o, struct ir_node *root) {
    push(o, root);
    while (o->count > 0) {
        struct ir_node *n = o->stack[o->count - 1];
        struct ir_node *missing = NULL;
        for (int i = 0; i < n->input_count && missing == NULL; i++) {
            struct ir_node *def = ir_in(n, i) ? ir_in(n, i)->def : NULL;
            if (def != NULL && !def->mark) missing = def;
        }
        if (missing != NULL) push(o, missing);
        else {
            if (!n->mark) place(o, n);
            o->count--;
        }
    }
}

// What has an effect beside the result: pushes, in the order of their caches.
static struct ir_node *next_effect(const struct order *o) {
    struct ir_node *found = NULL;
    for (struct ir_node *n = o->g->body.head; n != NULL; n = n->next) {
        if (n->mark || n->op == IR_RETURN || !(ir_info(n)->flags & IR_EFFECT)) continue;
        const struct ir_cache *c = ir_attr_cache(n), *best = found ? ir_attr_cache(found) : NULL;
        if (found == NULL || (c && best && (uint64_t)c->offset < (uint64_t)best->offset)) found = n;
    }
    return found;
}

static void order_graph(struct ir_graph *g, int *next_cache) {
    struct order o = {.g = g, .next_cache = next_cache};
    struct ir_node *results = ir_return_of(g), *effect;
    for (int i = 0; i < g->input_count; i++) {
        g->inputs[i]->name = arena_printf(&g->module->arena, "in%d", i);
        g->inputs[i]->mark = 2 + i;
        g->inputs[i]->declared.rank = -1;
    }
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        n->mark = 0;
        hash_node(n);
    }
    for (int i = 0; i < results->input_count; i++) {
        if (ir_in(results, i)->def != NULL) place_tree(&o, ir_in(results, i)->def);
    }
    while ((effect = next_effect(&o)) != NULL) place_tree(&o, effect);
    for (struct ir_node *n = g->body.head, *next; n != NULL; n = next) { // what nobody needs stands in front
        next = n->next;
        if (!n->mark && n != results) place_tree(&o, n);
    }
    ir_node_move(results, &g->body, NULL);
    arena_free(&o.scratch);
}

// ---- the module

static void name_constants(struct ir_module *m) {
    for (struct ir_value *v = m->constants; v != NULL; v = v->next) {
        if (v->uses == NULL) continue;
        v->mark = (int64_t)constant_hash(v);
        v->name = arena_printf(&m->arena, "k%016llx", (unsigned long long)v->mark);
    }
}

static void order_caches(struct ir_module *m) {
    struct ir_cache *sorted = NULL;
    while (m->caches != NULL) {
        struct ir_cache *c = m->caches, **at = &sorted;
        m->caches = c->next;
        while (*at != NULL && (uint64_t)(*at)->offset <= (uint64_t)c->offset) at = &(*at)->next;
        c->next = *at;
        *at = c;
    }
    m->caches = sorted;
    int i = 0;
    for (struct ir_cache *c = sorted; c != NULL; c = c->next, i++) {
        c->name = arena_printf(&m->arena, "c%d", i);
        c->producer = "";
        c->offset = -1;
        c->index = i;
    }
}

// Constants that are equal print once; where two uses had one of two equal ones, now they have the same.
static void merge_constants(struct ir_module *m) {
    for (struct ir_value *v = m->constants; v != NULL; v = v->next) {
        for (struct ir_value *w = v->next; v->uses != NULL && w != NULL; w = w->next) {
            if (w->uses != NULL && w->mark == v->mark) ir_replace_uses(w, v);
        }
    }
}

static int by_name(const struct ir_value *a, const struct ir_value *b) { return strcmp(a->name, b->name); }

static void order_constants(struct ir_module *m) {
    struct ir_value *sorted = NULL, **end = &m->constants;
    while (m->constants != NULL) {
        struct ir_value *v = m->constants, **at = &sorted;
        m->constants = v->next;
        while (*at != NULL && (v->uses == NULL || ((*at)->uses != NULL && by_name(*at, v) <= 0)))
            at = &(*at)->next;
        v->next = *at;
        *at = v;
    }
    m->constants = sorted;
    while (*end != NULL) end = &(*end)->next;
    m->constants_end = end;
}

void ir_canonical(struct ir_module *m) {
    static const char *const graphs[] = {"steady", "first", "full"};
    int next_cache = 0;
    name_constants(m);
    merge_constants(m);
    order_constants(m);
    for (struct ir_cache *c = m->caches; c != NULL; c = c->next) c->offset = -2; // no number yet
    for (int i = 0; i < 3; i++) {
        struct ir_graph *g = ir_graph_find(m, graphs[i]);
        if (g != NULL) order_graph(g, &next_cache);
    }
    order_caches(m);
    m->symbols = m->last_symbol = NULL;
    m->form = m->model_name = "";
}
