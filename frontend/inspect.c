#include "frontend/inspect.h"

#include "frontend/importer.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DTYPES = 24 };

// ---- inputs and outputs

static struct onnx_dim dim_of(const Onnx__TensorShapeProto__Dimension *d, struct arena *arena) {
    struct onnx_dim dim = {.name = ""};
    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0)
        dim.size = d->dim_value;
    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && d->dim_param != NULL)
        dim.name = clean_copy(arena, d->dim_param);
    return dim;
}

static struct onnx_port port_of(const Onnx__ValueInfoProto *info, struct arena *arena) {
    struct onnx_port p = {.name = clean_copy(arena, info->name), .rank = -1, .role = ONNX_ROLE_OTHER};
    const Onnx__TypeProto *type = info->type;
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return p;
    p.type = arena_strdup(arena, onnx_type_name(type->tensor_type->elem_type));
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (shape == NULL) return p;
    p.rank = (int)shape->n_dim;
    p.dims = arena_array(arena, shape->n_dim + 1, sizeof *p.dims);
    for (size_t i = 0; i < shape->n_dim; i++) p.dims[i] = dim_of(shape->dim[i], arena);
    return p;
}

static struct onnx_port *ports_of(size_t *count, Onnx__ValueInfoProto *const *infos,
                                  const struct name_map *skip, const struct import_ports *roles,
                                  struct arena *arena) {
    struct onnx_port *ports = arena_array(arena, *count + 1, sizeof *ports);
    size_t total = *count;
    *count = 0;
    for (size_t i = 0; i < total; i++) {
        if (skip != NULL && name_map_find(skip, infos[i]->name) != NULL) continue;
        struct onnx_port *p = &ports[(*count)++];
        *p = port_of(infos[i], arena);
        if (roles == NULL || roles->videos == 0) continue; // nobody knows
        if (roles->latents != NULL && strcmp(infos[i]->name, roles->latents) == 0)
            p->role = ONNX_ROLE_LATENTS;
        else if (roles->flag != NULL && strcmp(infos[i]->name, roles->flag) == 0) p->role = ONNX_ROLE_FLAG;
        else if (p->rank == 5) p->role = ONNX_ROLE_CACHE;
    }
    return ports;
}

static void gather_ports(const struct onnx_model *model, struct onnx_facts *f, struct arena *arena) {
    const Onnx__GraphProto *g = model->proto->graph;
    struct arena scratch = {0};
    struct name_map initializers = initializers_of(g, &scratch);
    struct import_ports roles = {0};
    struct error nobody_asked = {0};
    if (!import_ports_of(model, &roles, &nobody_asked)) roles.videos = 0;
    f->time_axis = roles.time_axis;
    f->input_count = g->n_input;
    f->inputs = ports_of(&f->input_count, g->input, &initializers, &roles, arena);
    f->output_count = g->n_output;
    f->outputs = ports_of(&f->output_count, g->output, NULL, NULL, arena);
    arena_free(&scratch);
}

const char *onnx_role_name(enum onnx_role role) {
    static const char *const names[] = {"latents", "cache", "flag", "other"};
    return names[role];
}

// ---- operators

struct histogram {
    struct arena *arena;
    struct name_map types; // to positions in the list, from 1
    struct onnx_count *list;
    size_t count, capacity, nodes;
};

static void count_nodes(struct histogram *h, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        void **slot = name_map_add(&h->types, n->op_type);
        if (*slot == NULL) {
            h->list = arena_grow(h->arena, h->list, h->count, &h->capacity, sizeof *h->list);
            h->list[h->count++] = (struct onnx_count){.name = clean_copy(h->arena, n->op_type)};
            *slot = (void *)(uintptr_t)h->count;
        }
        h->list[(uintptr_t)*slot - 1].count++;
        h->nodes++;
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL) count_nodes(h, n->attribute[k]->g);
        }
    }
}

static int more_often(const void *a, const void *b) {
    const struct onnx_count *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void gather_operators(const struct onnx_model *model, struct onnx_facts *f, struct arena *arena) {
    struct histogram h = {.arena = arena};
    h.types.arena = arena;
    count_nodes(&h, model->proto->graph);
    if (h.count > 0) qsort(h.list, h.count, sizeof *h.list, more_often);
    f->operators = h.list;
    f->operator_count = h.count;
    f->node_count = h.nodes;
}

// ---- weights

static void gather_weights(const struct onnx_model *model, struct onnx_facts *f, struct arena *arena) {
    const Onnx__GraphProto *g = model->proto->graph;
    uint64_t bytes[MAX_DTYPES] = {0};
    f->weight_count = g->n_initializer;
    for (size_t i = 0; i < g->n_initializer; i++) {
        struct onnx_tensor t = onnx_tensor_of(g->initializer[i]);
        if (t.type >= 0 && t.type < MAX_DTYPES) bytes[t.type] += t.bytes;
        f->weight_bytes += t.bytes;
    }
    f->weights = arena_array(arena, MAX_DTYPES, sizeof *f->weights);
    for (int i = 0; i < MAX_DTYPES; i++) {
        if (bytes[i] != 0)
            f->weights[f->weight_types++] =
                (struct onnx_count){arena_strdup(arena, onnx_type_name(i)), bytes[i]};
    }
    size_t capacity = 0;
    for (const struct onnx_external *e = model->external; e != NULL; e = e->next) {
        f->external = arena_grow(arena, f->external, f->external_count, &capacity, sizeof *f->external);
        f->external[f->external_count++] = (struct onnx_count){clean_copy(arena, e->location), e->map.size};
    }
}

// ---- all of it

struct onnx_facts onnx_inspect(const struct onnx_model *model, struct arena *arena) {
    const Onnx__ModelProto *p = model->proto;
    struct onnx_facts f = {
        .path = clean_copy(arena, model->path), .ir_version = p->ir_version, .opset = model->opset};
    bool by = p->producer_name != NULL && p->producer_name[0] != '\0';
    f.producer = clean_copy(arena, by ? p->producer_name : "unknown");
    f.producer_version = clean_copy(arena, p->producer_version ? p->producer_version : "");
    gather_ports(model, &f, arena);
    gather_operators(model, &f, arena);
    gather_weights(model, &f, arena);
    f.missing = unsupported_list(model, arena, &f.missing_count);
    return f;
}
