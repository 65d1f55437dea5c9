#include "support/onnx_index.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

// ---- reading

static void *allocate(void *arena, size_t size) { return arena_alloc(arena, size); }
static void release(void *arena, void *block) { (void)arena, (void)block; }

bool onnx_read(struct onnx_builder *b, const char *path) {
    struct file_map map;
    *b = (struct onnx_builder){0};
    ProtobufCAllocator allocator = {.alloc = allocate, .free = release, .allocator_data = &b->arena};
    if (!file_map_open(&map, path, (uint64_t)1 << 31, NULL)) return false;
    b->model = onnx__model_proto__unpack(&allocator, map.size, map.data);
    b->graph = b->model ? b->model->graph : NULL;
    file_map_close(&map);
    return b->graph != NULL;
}

// ---- the index

static size_t hash(const char *s) {
    size_t h = 5381;
    for (; *s != '\0'; s++) h = h * 33 + (unsigned char)*s;
    return h;
}

static struct onnx_value *find_here(const struct onnx_scope *s, const char *name) {
    struct onnx_value *v = s->buckets[hash(name) % s->bucket_count];
    while (v != NULL && strcmp(v->name, name) != 0) v = v->next;
    return v;
}

struct onnx_value *onnx_find(const struct onnx_scope *s, const char *name) {
    struct onnx_value *v = NULL;
    for (; s != NULL && v == NULL; s = s->outer) v = find_here(s, name);
    return v;
}

static struct onnx_value *value(struct onnx_builder *b, struct onnx_scope *s, const char *name) {
    struct onnx_value *v = find_here(s, name), **bucket = &s->buckets[hash(name) % s->bucket_count];
    if (v != NULL) return v;
    v = arena_alloc(&b->arena, sizeof *v);
    *v = (struct onnx_value){.name = name, .next = *bucket};
    return *bucket = v;
}

static void index_values(struct onnx_builder *b, struct onnx_scope *s) {
    const Onnx__GraphProto *g = s->g;
    for (size_t i = 0; i < g->n_input; i++) {
        struct onnx_value *v = value(b, s, g->input[i]->name);
        v->input = v->info = g->input[i];
    }
    for (size_t i = 0; i < g->n_value_info; i++) value(b, s, g->value_info[i]->name)->info = g->value_info[i];
    for (size_t i = 0; i < g->n_output; i++) value(b, s, g->output[i]->name)->info = g->output[i];
    for (size_t i = 0; i < g->n_initializer; i++) {
        struct onnx_value *v = value(b, s, g->initializer[i]->name);
        v->constant = g->initializer[i];
        v->input = NULL; // weights may be inputs too
    }
}

static void index_node(struct onnx_builder *b, struct onnx_scope *s, Onnx__NodeProto *n) {
    for (size_t i = 0; i < n->n_output; i++) value(b, s, n->output[i])->producer = n;
    const Onnx__AttributeProto *a = onnx_is(n, "Constant") ? onnx_attr(n, "value") : NULL;
    if (a != NULL) value(b, s, n->output[0])->constant = a->t;
    for (size_t i = 0; i < n->n_input; i++) {
        struct onnx_value *v = n->input[i][0] != '\0' ? onnx_find(s, n->input[i]) : NULL;
        if (v == NULL) continue;
        struct onnx_use *u = arena_alloc(&b->arena, sizeof *u);
        *u = (struct onnx_use){.node = n, .input = i};
        if (v->last != NULL) v->last->next = u;
        else v->uses = u;
        v->last = u;
    }
}

static struct onnx_scope *index_graph(struct onnx_builder *b, Onnx__GraphProto *g, struct onnx_scope *outer,
                                      struct onnx_scope **end) {
    struct onnx_scope *s = arena_alloc(&b->arena, sizeof *s);
    *s = (struct onnx_scope){.g = g, .outer = outer, .bucket_count = 2 * g->n_node + g->n_initializer + 16};
    s->buckets = arena_array(&b->arena, s->bucket_count, sizeof(struct onnx_value *));
    if (*end != NULL) (*end)->next = s;
    *end = s;
    index_values(b, s);
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_output; k++) value(b, s, g->node[i]->output[k]);
    }
    for (size_t i = 0; i < g->n_node; i++) index_node(b, s, g->node[i]);
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_attribute; k++) {
            if (g->node[i]->attribute[k]->g != NULL) index_graph(b, g->node[i]->attribute[k]->g, s, end);
        }
    }
    return s;
}

struct onnx_scope *onnx_index(struct onnx_builder *b) {
    struct onnx_scope *end = NULL;
    return index_graph(b, b->graph, NULL, &end);
}

// ---- questions

struct onnx_value *onnx_in(const struct onnx_scope *s, const Onnx__NodeProto *n, size_t i) {
    return n == NULL || i >= n->n_input || n->input[i][0] == '\0' ? NULL : onnx_find(s, n->input[i]);
}

struct onnx_value *onnx_out(const struct onnx_scope *s, const Onnx__NodeProto *n) {
    return onnx_find(s, n->output[0]);
}

bool onnx_is(const Onnx__NodeProto *n, const char *ops) {
    if (n == NULL) return false;
    size_t length = strlen(n->op_type);
    for (const char *p = ops; (p = strstr(p, n->op_type)) != NULL; p += length) {
        bool whole = (p == ops || p[-1] == ' ') && (p[length] == ' ' || p[length] == '\0');
        if (whole) return true;
    }
    return false;
}

Onnx__AttributeProto *onnx_attr(const Onnx__NodeProto *n, const char *name) {
    for (size_t i = 0; i < n->n_attribute; i++) {
        if (strcmp(n->attribute[i]->name, name) == 0) return n->attribute[i];
    }
    return NULL;
}

int64_t onnx_attr_int(const Onnx__NodeProto *n, const char *name, int64_t otherwise) {
    const Onnx__AttributeProto *a = onnx_attr(n, name);
    return a ? a->i : otherwise;
}

struct onnx_value *onnx_before(const struct onnx_scope *s, struct onnx_value *v, const char *ops) {
    while (v != NULL && onnx_is(v->producer, ops)) v = onnx_in(s, v->producer, 0);
    return v;
}

bool onnx_same_shape(const Onnx__ValueInfoProto *a, const Onnx__ValueInfoProto *b) {
    if (a == NULL || b == NULL || a->type == NULL || b->type == NULL) return false;
    if (a->type->tensor_type == NULL || b->type->tensor_type == NULL) return false;
    const Onnx__TensorShapeProto *x = a->type->tensor_type->shape, *y = b->type->tensor_type->shape;
    if (x == NULL || y == NULL || x->n_dim != y->n_dim) return false;
    for (size_t i = 0; i < x->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *p = x->dim[i], *q = y->dim[i];
        if (p->value_case != q->value_case) return false; // the names of open ones say nothing
        bool number = p->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (number && p->dim_value != q->dim_value) return false;
    }
    return true;
}

bool onnx_constant_int(const struct onnx_value *v, size_t i, int64_t *out) {
    const Onnx__TensorProto *t = v ? v->constant : NULL;
    if (t == NULL || t->data_type != ONNX_INT64) return false;
    bool raw = (i + 1) * sizeof *out <= t->raw_data.len;
    if (raw) memcpy(out, t->raw_data.data + i * sizeof *out, sizeof *out);
    else if (i < t->n_int64_data) *out = t->int64_data[i];
    return raw || i < t->n_int64_data;
}
