// Building and editing: modules, graphs, constants, nodes and the use lists between them.
#include "ir/rearrange.h"

#include "base/half.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ir_op_info ir_op_info[IR_OPS] = {
#define OP(id, name, min_in, max_in, outputs, level, flags)                                                  \
    [IR_##id] = {name, min_in, max_in, outputs, level, flags},
#include "ir/ops.def"
#undef OP
};

// ---- modules and graphs

struct ir_module *ir_module_new(void) {
    struct arena arena = {0};
    struct ir_module *m = arena_alloc(&arena, sizeof *m);
    m->arena = arena;
    m->model_name = m->form = "";
    return m;
}

void ir_module_free(struct ir_module *m) {
    if (m == NULL) return;
    strbuf_free(&m->notes);
    struct arena arena = m->arena; // the module lives in its own arena
    arena_free(&arena);
}

struct ir_graph *ir_graph_new(struct ir_module *m, const char *name) {
    struct ir_graph *g = arena_alloc(&m->arena, sizeof *g), **end = &m->graphs;
    g->name = arena_strdup(&m->arena, name);
    g->module = m;
    g->body.graph = g;
    while (*end != NULL) end = &(*end)->next;
    return *end = g;
}

void ir_graph_remove(struct ir_graph *g) {
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        for (int i = 0; i < n->input_count; i++) ir_node_set_input(n, i, NULL);
    }
    struct ir_graph **p = &g->module->graphs;
    while (*p != g) p = &(*p)->next;
    *p = g->next;
}

void ir_set_steps(struct ir_module *m, struct ir_graph *first, struct ir_graph *steady) {
    m->graphs = first;
    first->next = steady;
    steady->next = NULL;
}

int64_t ir_number_values(struct ir_graph *g) {
    int64_t count = 0;
    for (int i = 0; i < g->input_count; i++) g->inputs[i]->mark = count++;
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        for (int i = 0; i < n->output_count; i++) n->outputs[i]->mark = count++;
    }
    return count;
}

struct ir_graph *ir_graph_find(const struct ir_module *m, const char *name) {
    struct ir_graph *g = m->graphs;
    while (g != NULL && strcmp(g->name, name) != 0) g = g->next;
    return g;
}

struct ir_block *ir_block_new(struct ir_graph *g) {
    struct ir_block *b = arena_alloc(&g->module->arena, sizeof *b);
    b->graph = g;
    return b;
}

struct ir_node *ir_return_of(const struct ir_graph *g) {
    return g->body.tail;
}

int ir_base_name(const char *name) { return (int)strcspn(name, "~"); }

const char *ir_fresh_name(struct ir_module *m, const char *hint) {
    return arena_printf(&m->arena, "%.*s~%u", ir_base_name(hint), hint, m->next_id++);
}

// Rearrangements that cannot be composed leave a value whose axes nobody knows: it gets a name of its own.
void ir_take_name(struct ir_value *to, const struct ir_value *from, const struct ir_rearrange *r) {
    struct ir_module *m = to->def->block->graph->module;
    struct ir_rearrange *all = arena_alloc(&m->arena, sizeof *all);
    to->name = from->name;
    to->to_model = from->to_model;
    if (r == NULL) return;
    if (from->to_model == NULL) *all = *r;
    else if (!rearrange_compose(r, from->to_model, all)) to->name = ir_fresh_name(m, from->name);
    to->to_model = all;
}

static struct ir_value *new_value(struct ir_module *m, const char *name, struct ir_type type) {
    struct ir_value *v = arena_alloc(&m->arena, sizeof *v);
    v->name = name;
    v->type = type;
    v->declared.rank = -1;
    return v;
}

struct ir_value *ir_graph_add_input(struct ir_graph *g, const char *name, struct ir_type type) {
    struct arena *a = &g->module->arena;
    struct ir_value **inputs = arena_array(a, (size_t)g->input_count + 1, sizeof *inputs);
    if (g->input_count > 0) memcpy(inputs, g->inputs, (size_t)g->input_count * sizeof *inputs);
    g->inputs = inputs;
    return inputs[g->input_count++] = new_value(g->module, arena_strdup(a, name), type);
}

struct ir_cache *ir_cache_new(struct ir_module *m, const char *name, struct ir_type type,
                              const char *producer) {
    struct ir_cache *c = arena_alloc(&m->arena, sizeof *c), **end = &m->caches;
    c->name = arena_strdup(&m->arena, name);
    c->type = type;
    c->producer = arena_strdup(&m->arena, producer);
    c->index = m->cache_count++;
    c->offset = -1;
    while (*end != NULL) end = &(*end)->next;
    return *end = c;
}

void ir_symbol_add(struct ir_module *m, const char *value, const char *shape, const char *graph) {
    struct ir_symbol *s = arena_alloc(&m->arena, sizeof *s);
    s->value = arena_printf(&m->arena, "%.*s", ir_base_name(value), value);
    s->shape = arena_strdup(&m->arena, shape);
    s->graph = graph ? arena_strdup(&m->arena, graph) : NULL;
    if (m->last_symbol == NULL) m->symbols = s;
    else m->last_symbol->next = s;
    m->last_symbol = s;
}

const char *ir_symbol_find(const struct ir_module *m, const char *value_name, const char *graph) {
    size_t n = (size_t)ir_base_name(value_name);
    for (const struct ir_symbol *s = m->symbols; s != NULL; s = s->next) {
        bool there = s->graph == NULL || strcmp(s->graph, graph) == 0;
        if (there && strncmp(s->value, value_name, n) == 0 && s->value[n] == 0) return s->shape;
    }
    return "";
}

void ir_note(struct ir_module *m, const char *format, ...) {
    va_list args;
    va_start(args, format);
    strbuf_printf(&m->notes, "%s\n", arena_vprintf(&m->arena, format, args));
    va_end(args);
}

// ---- constants

struct ir_value *ir_constant_new(struct ir_module *m, const char *name, struct ir_type type) {
    struct ir_value *v = new_value(m, arena_strdup(&m->arena, name), type);
    v->constant = arena_alloc(&m->arena, sizeof *v->constant);
    int64_t count = 0;
    ir_type_count(&type, &count);
    v->constant->count = (size_t)count;
    v->constant->stored = type.dtype;
    if (m->constants_end == NULL) m->constants_end = &m->constants;
    *m->constants_end = v;
    m->constants_end = &v->next;
    return v;
}

struct ir_value *ir_constant_ints(struct ir_module *m, const char *name, enum ir_dtype dtype, int rank,
                                  const struct ir_dim *dims, const struct ir_dim *ints) {
    struct ir_value *v = ir_constant_new(m, ir_fresh_name(m, name), ir_type_make(dtype, rank, dims));
    size_t count = v->constant->count;
    v->constant->ints = arena_array(&m->arena, count ? count : 1, sizeof *ints);
    if (count > 0) memcpy(v->constant->ints, ints, count * sizeof *ints);
    return v;
}

struct ir_value *ir_constant_floats(struct ir_module *m, const char *name, int rank,
                                    const struct ir_dim *dims, const float *values) {
    struct ir_value *v = ir_constant_new(m, ir_fresh_name(m, name), ir_type_make(IR_F32, rank, dims));
    size_t bytes = v->constant->count * sizeof *values;
    void *data = arena_alloc(&m->arena, bytes ? bytes : 1);
    if (bytes > 0) memcpy(data, values, bytes);
    v->constant->data = data;
    return v;
}

double ir_constant_float(const struct ir_constant *c, size_t i) {
    uint16_t half;
    double d;
    float f;
    switch (c->stored) {
    case IR_F16: memcpy(&half, (const char *)c->data + 2 * i, 2); return half_to_float(half);
    case IR_BF16: memcpy(&half, (const char *)c->data + 2 * i, 2); return bfloat_to_float(half);
    case IR_F64: memcpy(&d, (const char *)c->data + 8 * i, 8); return d;
    default: memcpy(&f, (const char *)c->data + 4 * i, 4); return f;
    }
}

bool ir_is_float_constant(const struct ir_value *v) { return v && v->constant && v->constant->data; }
bool ir_is_int_constant(const struct ir_value *v) { return v && v->constant && v->constant->ints; }

// ---- uses

static void unlink_use(struct ir_use *u) {
    if (u->value == NULL) return;
    *u->link = u->next;
    if (u->next != NULL) u->next->link = u->link;
    u->value = NULL;
}

static void link_use(struct ir_use *u, struct ir_node *user, struct ir_value *value) {
    u->user = user;
    u->value = value;
    if (value == NULL) return;
    u->next = value->uses;
    u->link = &value->uses;
    if (u->next != NULL) u->next->link = &u->next;
    value->uses = u;
}

void ir_node_set_input(struct ir_node *n, int index, struct ir_value *value) {
    unlink_use(&n->inputs[index]);
    link_use(&n->inputs[index], n, value);
}

static void resize_inputs(struct ir_node *n, int count, int skip) {
    struct ir_use *old = n->inputs;
    struct ir_use *inputs = arena_array(&n->block->graph->module->arena, (size_t)count + 1, sizeof *inputs);
    for (int i = 0, to = 0; i < n->input_count; i++) {
        struct ir_value *v = old[i].value;
        unlink_use(&old[i]);
        if (i != skip) link_use(&inputs[to++], n, v);
    }
    n->inputs = inputs;
    n->input_count = count;
}

void ir_node_add_input(struct ir_node *n, struct ir_value *value) {
    resize_inputs(n, n->input_count + 1, -1);
    link_use(&n->inputs[n->input_count - 1], n, value);
}

void ir_node_drop_input(struct ir_node *n, int index) { resize_inputs(n, n->input_count - 1, index); }

void ir_replace_uses(struct ir_value *old, struct ir_value *with) {
    while (old->uses != NULL) {
        struct ir_use *u = old->uses;
        ir_node_set_input(u->user, (int)(u - u->user->inputs), with);
    }
}

int ir_use_count(const struct ir_value *v) {
    int count = 0;
    for (const struct ir_use *u = v->uses; u != NULL; u = u->next) count++;
    return count;
}

struct ir_node *ir_only_user(const struct ir_value *v) {
    return v->uses != NULL && v->uses->next == NULL ? v->uses->user : NULL;
}

// ---- nodes

static void insert_node(struct ir_node *n, struct ir_block *block, struct ir_node *at) {
    n->block = block;
    n->next = at;
    n->prev = at ? at->prev : block->tail;
    *(n->prev ? &n->prev->next : &block->head) = n;
    *(at ? &at->prev : &block->tail) = n;
}

static void unlink_node(struct ir_node *n) {
    *(n->prev ? &n->prev->next : &n->block->head) = n->next;
    *(n->next ? &n->next->prev : &n->block->tail) = n->prev;
}

struct ir_node *ir_node_new(struct ir_block *block, struct ir_node *at, enum ir_op op, const char *hint,
                            int input_count, struct ir_value *const *inputs, int output_count) {
    struct ir_module *m = block->graph->module;
    struct ir_node *n = arena_alloc(&m->arena, sizeof *n);
    n->op = op;
    n->name = "";
    n->inputs = arena_array(&m->arena, (size_t)input_count + 1, sizeof *n->inputs);
    n->input_count = input_count;
    for (int i = 0; i < input_count; i++) link_use(&n->inputs[i], n, inputs[i]);
    n->outputs = arena_array(&m->arena, (size_t)output_count + 1, sizeof(struct ir_value *));
    n->output_count = output_count;
    for (int i = 0; i < output_count; i++) {
        n->outputs[i] = new_value(m, ir_fresh_name(m, hint), (struct ir_type){.rank = -1, .time_axis = -1});
        n->outputs[i]->def = n;
    }
    insert_node(n, block, at);
    return n;
}

struct ir_node *ir_insert(struct ir_node *at, enum ir_op op, int input_count,
                          struct ir_value *const *inputs) {
    const char *hint = at->output_count > 0 ? ir_out(at)->name : "v";
    struct ir_node *n = ir_node_new(at->block, at, op, hint, input_count, inputs, ir_op_info[op].outputs);
    n->name = at->name;
    return n;
}

void ir_node_remove(struct ir_node *n) {
    for (int i = 0; i < n->input_count; i++) ir_node_set_input(n, i, NULL);
    unlink_node(n);
}

void ir_node_move(struct ir_node *n, struct ir_block *block, struct ir_node *at) {
    unlink_node(n);
    insert_node(n, block, at);
}

void ir_node_replace(struct ir_node *n, struct ir_value *with) {
    ir_replace_uses(ir_out(n), with);
    ir_node_remove(n);
}
