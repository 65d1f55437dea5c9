#include "support/onnx_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEW(b, Type, init) ((Type *)init_message(&(b)->arena, sizeof(Type), (init)))

static void *init_message(struct arena *a, size_t size, void (*init)(void *)) {
    void *m = arena_alloc(a, size);
    init(m);
    return m;
}

// The generated functions take their own message type.
#define INIT(Type, function)                                                                                 \
    static void init_##function(void *m) { onnx__##function##__init(m); }
INIT(ModelProto, model_proto)
INIT(GraphProto, graph_proto)
INIT(NodeProto, node_proto)
INIT(FunctionProto, function_proto)
INIT(TensorProto, tensor_proto)
INIT(AttributeProto, attribute_proto)
INIT(ValueInfoProto, value_info_proto)
INIT(TypeProto, type_proto)
INIT(TypeProtoTensor, type_proto__tensor)
INIT(TensorShapeProto, tensor_shape_proto)
INIT(Dimension, tensor_shape_proto__dimension)
INIT(OperatorSetIdProto, operator_set_id_proto)
INIT(Entry, string_string_entry_proto)

// One more pointer at the end of a repeated field.
static void append(struct onnx_builder *b, void *field, size_t *count, void *item) {
    void **old = *(void ***)field, **list = arena_array(&b->arena, *count + 1, sizeof *list);
    if (*count > 0) memcpy(list, old, *count * sizeof *list);
    list[(*count)++] = item;
    *(void ***)field = list;
}

// The next part of a list separated by commas; NULL at its end.
static char *next_part(struct onnx_builder *b, const char **list) {
    if (*list == NULL || (*list)[0] == '\0') return NULL;
    size_t n = strcspn(*list, ",");
    char *part = arena_printf(&b->arena, "%.*s", (int)n, *list);
    *list += n + ((*list)[n] == ',');
    return part;
}

static Onnx__OperatorSetIdProto *new_opset(struct onnx_builder *b, int version) {
    Onnx__OperatorSetIdProto *o = NEW(b, Onnx__OperatorSetIdProto, init_operator_set_id_proto);
    o->domain = "";
    o->has_version = 1;
    o->version = version;
    return o;
}

void build_start(struct onnx_builder *b, int opset) {
    *b = (struct onnx_builder){0};
    b->model = NEW(b, Onnx__ModelProto, init_model_proto);
    b->model->has_ir_version = 1;
    b->model->ir_version = 8;
    b->model->producer_name = "builder";
    b->graph = b->model->graph = build_graph(b);
    append(b, &b->model->opset_import, &b->model->n_opset_import, new_opset(b, opset));
}

void build_free(struct onnx_builder *b) { arena_free(&b->arena); }

Onnx__GraphProto *build_graph(struct onnx_builder *b) {
    Onnx__GraphProto *g = NEW(b, Onnx__GraphProto, init_graph_proto);
    g->name = "graph";
    return g;
}

static Onnx__ValueInfoProto *value_info(struct onnx_builder *b, const char *name, int type,
                                        const char *shape) {
    Onnx__ValueInfoProto *v = NEW(b, Onnx__ValueInfoProto, init_value_info_proto);
    v->name = arena_strdup(&b->arena, name);
    if (shape == NULL) return v;
    v->type = NEW(b, Onnx__TypeProto, init_type_proto);
    v->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    Onnx__TypeProto__Tensor *t = v->type->tensor_type =
        NEW(b, Onnx__TypeProto__Tensor, init_type_proto__tensor);
    t->has_elem_type = 1;
    t->elem_type = type;
    t->shape = NEW(b, Onnx__TensorShapeProto, init_tensor_shape_proto);
    for (char *part; (part = next_part(b, &shape)) != NULL;) {
        Onnx__TensorShapeProto__Dimension *d =
            NEW(b, Onnx__TensorShapeProto__Dimension, init_tensor_shape_proto__dimension);
        char *end;
        d->dim_value = strtoll(part, &end, 10);
        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (strcmp(part, "?") == 0) d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
        else if (*end != '\0') {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = part;
        }
        append(b, &t->shape->dim, &t->shape->n_dim, d);
    }
    return v;
}

void build_input(struct onnx_builder *b, const char *name, int type, const char *shape) {
    append(b, &b->graph->input, &b->graph->n_input, value_info(b, name, type, shape));
}

void build_output(struct onnx_builder *b, Onnx__GraphProto *g, const char *name) {
    append(b, &g->output, &g->n_output, value_info(b, name, 0, NULL));
}

void build_value_info(struct onnx_builder *b, const char *name, int type, const char *shape) {
    append(b, &b->graph->value_info, &b->graph->n_value_info, value_info(b, name, type, shape));
}

// ---- nodes

static Onnx__NodeProto *new_node(struct onnx_builder *b, const char *op, const char *inputs,
                                 const char *outputs) {
    Onnx__NodeProto *n = NEW(b, Onnx__NodeProto, init_node_proto);
    n->op_type = arena_strdup(&b->arena, op);
    for (char *part; (part = next_part(b, &inputs)) != NULL;) append(b, &n->input, &n->n_input, part);
    for (char *part; (part = next_part(b, &outputs)) != NULL;) append(b, &n->output, &n->n_output, part);
    return n;
}

Onnx__NodeProto *build_node(struct onnx_builder *b, Onnx__GraphProto *g, const char *op, const char *inputs,
                            const char *outputs) {
    Onnx__NodeProto *n = new_node(b, op, inputs, outputs);
    append(b, &g->node, &g->n_node, n);
    return n;
}

Onnx__FunctionProto *build_function(struct onnx_builder *b, const char *domain, const char *name,
                                    const char *inputs, const char *outputs, int opset) {
    Onnx__FunctionProto *f = NEW(b, Onnx__FunctionProto, init_function_proto);
    f->name = arena_strdup(&b->arena, name);
    f->domain = arena_strdup(&b->arena, domain);
    for (char *part; (part = next_part(b, &inputs)) != NULL;) append(b, &f->input, &f->n_input, part);
    for (char *part; (part = next_part(b, &outputs)) != NULL;) append(b, &f->output, &f->n_output, part);
    if (opset > 0) append(b, &f->opset_import, &f->n_opset_import, new_opset(b, opset));
    append(b, &b->model->functions, &b->model->n_functions, f);
    return f;
}

Onnx__NodeProto *build_function_node(struct onnx_builder *b, Onnx__FunctionProto *f, const char *op,
                                     const char *inputs, const char *outputs) {
    Onnx__NodeProto *n = new_node(b, op, inputs, outputs);
    append(b, &f->node, &f->n_node, n);
    return n;
}

Onnx__AttributeProto *build_attr(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int type) {
    Onnx__AttributeProto *a = NEW(b, Onnx__AttributeProto, init_attribute_proto);
    a->name = arena_strdup(&b->arena, name);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    append(b, &n->attribute, &n->n_attribute, a);
    return a;
}

void build_attr_reference(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int type,
                          const char *from) {
    build_attr(b, n, name, type)->ref_attr_name = arena_strdup(&b->arena, from);
}

void build_attr_int(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int64_t value) {
    Onnx__AttributeProto *a = build_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

void build_attr_float(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, float value) {
    Onnx__AttributeProto *a = build_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = value;
}

void build_attr_text(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, const char *value) {
    Onnx__AttributeProto *a = build_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s = (ProtobufCBinaryData){.len = strlen(value), .data = (uint8_t *)arena_strdup(&b->arena, value)};
}

void build_attr_ints(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int count,
                     const int64_t *values) {
    Onnx__AttributeProto *a = build_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->n_ints = (size_t)count;
    a->ints = arena_array(&b->arena, (size_t)count + 1, sizeof *a->ints);
    if (count > 0) memcpy(a->ints, values, (size_t)count * sizeof *values);
}

void build_attr_graph(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, Onnx__GraphProto *value) {
    build_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = value;
}

// ---- tensors

Onnx__TensorProto *build_tensor(struct onnx_builder *b, const char *name, int type, int rank,
                                const int64_t *dims) {
    Onnx__TensorProto *t = NEW(b, Onnx__TensorProto, init_tensor_proto);
    t->name = arena_strdup(&b->arena, name);
    t->has_data_type = 1;
    t->data_type = type;
    t->n_dims = (size_t)rank;
    t->dims = arena_array(&b->arena, (size_t)rank + 1, sizeof *t->dims);
    if (rank > 0) memcpy(t->dims, dims, (size_t)rank * sizeof *dims);
    return t;
}

void build_raw(struct onnx_builder *b, Onnx__TensorProto *t, const void *data, size_t size) {
    t->has_raw_data = 1;
    t->raw_data.len = size;
    t->raw_data.data = arena_alloc(&b->arena, size + 1);
    if (size > 0) memcpy(t->raw_data.data, data, size);
}

void build_external(struct onnx_builder *b, Onnx__TensorProto *t, const char *key, const char *value) {
    Onnx__StringStringEntryProto *e = NEW(b, Onnx__StringStringEntryProto, init_string_string_entry_proto);
    t->has_data_location = 1;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    e->key = arena_strdup(&b->arena, key);
    e->value = arena_strdup(&b->arena, value);
    append(b, &t->external_data, &t->n_external_data, e);
}

void build_initializer(struct onnx_builder *b, Onnx__GraphProto *g, Onnx__TensorProto *t) {
    append(b, &g->initializer, &g->n_initializer, t);
}

void build_ints(struct onnx_builder *b, const char *name, int count, const int64_t *values) {
    int64_t dims[] = {count};
    Onnx__TensorProto *t = build_tensor(b, name, ONNX_INT64, 1, dims);
    build_raw(b, t, values, (size_t)count * sizeof *values);
    build_initializer(b, b->graph, t);
}

// ---- models

void build_small_decoder(struct onnx_builder *b, int opset) {
    const int64_t w_dims[] = {3, 4, 1, 1, 1}, b_dims[] = {3}, pads[] = {0, 0, 0, 0, 0, 0};
    float w[12], bias[3] = {0.5f, 0.25f, 0};
    for (int i = 0; i < 12; i++) w[i] = (float)i / 8;
    build_start(b, opset);
    build_input(b, "latents", ONNX_FLOAT, "1,4,T,2,3");
    Onnx__TensorProto *t = build_tensor(b, "w", ONNX_FLOAT, 5, w_dims);
    build_raw(b, t, w, sizeof w);
    build_initializer(b, b->graph, t);
    t = build_tensor(b, "b", ONNX_FLOAT, 1, b_dims);
    t->n_float_data = 3;
    t->float_data = memcpy(arena_alloc(&b->arena, sizeof bias), bias, sizeof bias);
    build_initializer(b, b->graph, t);
    Onnx__NodeProto *conv = build_node(b, b->graph, "Conv", "latents,w,b", "conv");
    conv->name = "the conv";
    build_attr_ints(b, conv, "pads", 6, pads);
    build_node(b, b->graph, "Sigmoid", "conv", "gate");
    build_node(b, b->graph, "Mul", "conv,gate", "frames");
    build_output(b, b->graph, "frames");
    build_value_info(b, "gate", ONNX_FLOAT, "1,3,7,2,3");
}

unsigned char *build_pack(struct onnx_builder *b, size_t *size) {
    *size = onnx__model_proto__get_packed_size(b->model);
    unsigned char *data = arena_alloc(&b->arena, *size + 1);
    onnx__model_proto__pack(b->model, data);
    return data;
}

bool write_bytes(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    if (f == NULL) return false;
    bool ok = size == 0 || fwrite(data, 1, size, f) == size;
    return fclose(f) == 0 && ok;
}

bool build_write(struct onnx_builder *b, const char *path) {
    size_t size;
    const unsigned char *data = build_pack(b, &size);
    return write_bytes(path, data, size);
}
