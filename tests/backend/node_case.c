#include "backend/node_case.h"

#include "base/file.h"
#include "frontend/importer.h"
#include "frontend/wire.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool case_open(struct node_case *c, const char *root, const char *name, struct error *err) {
    *c = (struct node_case){0};
    c->folder = arena_printf(&c->arena, "%s/%s", root, name);
    c->name = arena_strdup(&c->arena, name);
    c->model = onnx_model_open(arena_printf(&c->arena, "%s/model.onnx", c->folder), NULL, err);
    if (c->model == NULL) {
        arena_free(&c->arena);
        return false;
    }
    const Onnx__GraphProto *g = c->model->proto->graph;
    c->operator_name = g->n_node == 1 ? g->node[0]->op_type : "(several)";
    return true;
}

bool case_is_claimed(const struct node_case *c) {
    struct arena scratch = {0};
    size_t count;
    unsupported_list(c->model, &scratch, &count);
    arena_free(&scratch);
    return count == 0;
}

void case_close(struct node_case *c) {
    onnx_model_close(c->model);
    arena_free(&c->arena);
}

bool case_has_data_set(const struct node_case *c, int index) {
    char path[4096];
    snprintf(path, sizeof path, "%s/test_data_set_%d", c->folder, index);
    return access(path, R_OK) == 0;
}

// ---- tensors

static bool convert(struct node_case *c, Onnx__TensorProto *proto, struct case_tensor *out,
                    struct error *err) {
    if (!onnx_tensor_normalise(c->model, proto, "a tensor of the data set", err)) return false;
    struct onnx_tensor t = onnx_tensor_of(proto);
    struct ir_constant constant = {.data = t.data, .stored = t.dtype, .count = t.count};
    *out = (struct case_tensor){.dtype = t.dtype, .onnx_type = t.type};
    out->tensor = ir_tensor_new(&c->arena, t.rank, t.dims);
    for (size_t i = 0; i < t.count; i++) {
        bool is_float = ir_dtype_is_float(t.dtype);
        out->tensor.data[i] = is_float ? ir_constant_float(&constant, i) : (double)onnx_tensor_int(&t, i);
    }
    return true;
}

// Older data stores bfloat16 as what its bits are as an integer.
static void retype(Onnx__TensorProto *proto, int declared) {
    if (declared == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 &&
        proto->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT16) {
        proto->data_type = declared;
    }
}

static bool read_tensor(struct node_case *c, const char *path, int declared, struct case_tensor *out,
                        struct error *err) {
    struct file_map map;
    if (!file_map_open(&map, path, 1u << 30, err)) return false;
    bool ok = wire_check(&onnx__tensor_proto__descriptor, map.data, map.size, 8, err);
    Onnx__TensorProto *proto = ok ? onnx__tensor_proto__unpack(NULL, map.size, map.data) : NULL;
    if (proto != NULL) {
        // the unpacked message owns its own bytes: raw_data may point elsewhere after it was normalised
        ProtobufCBinaryData own = proto->raw_data;
        retype(proto, declared);
        ok = convert(c, proto, out, err);
        proto->raw_data = own;
        onnx__tensor_proto__free_unpacked(proto, NULL);
    } else ok = error_set(err, ERROR_INPUT, "not a tensor");
    file_map_close(&map);
    return ok;
}

static bool read_ports(struct node_case *c, int set, const char *kind, size_t count,
                       Onnx__ValueInfoProto *const *infos, struct case_tensor *list, struct error *err) {
    if (count > CASE_MAX_PORTS) return error_set(err, ERROR_UNSUPPORTED, "%zu %ss", count, kind);
    for (size_t i = 0; i < count; i++) {
        const Onnx__TypeProto *type = infos[i]->type;
        if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
            return error_set(err, ERROR_UNSUPPORTED, "%s '%s' is not a tensor", kind, infos[i]->name);
        }
        const char *path = arena_printf(&c->arena, "%s/test_data_set_%d/%s_%zu.pb", c->folder, set, kind, i);
        if (!read_tensor(c, path, type->tensor_type->elem_type, &list[i], err))
            return error_prefix(err, "%s %zu", kind, i);
    }
    return true;
}

static bool is_initialized(const Onnx__GraphProto *g, const char *name) {
    for (size_t i = 0; i < g->n_initializer; i++) {
        if (strcmp(g->initializer[i]->name, name) == 0) return true;
    }
    return false;
}

bool case_read_data_set(struct node_case *c, int index, struct error *err) {
    const Onnx__GraphProto *g = c->model->proto->graph;
    Onnx__ValueInfoProto **inputs = arena_array(&c->arena, g->n_input + 1, sizeof *inputs);
    size_t count = 0;
    for (size_t i = 0; i < g->n_input; i++) {
        if (!is_initialized(g, g->input[i]->name)) inputs[count++] = g->input[i];
    }
    c->input_count = (int)count;
    c->output_count = (int)g->n_output;
    return read_ports(c, index, "input", count, inputs, c->inputs, err) &&
           read_ports(c, index, "output", g->n_output, g->output, c->outputs, err);
}
