// Operators whose spelling has changed over the versions of ONNX: attributes that became operands, implied defaults.
#include "frontend/op_table.h"

#include <string.h>

static struct error *err_of(const struct op *o) { return o->scope->im->err; }
static int64_t opset_of(const struct op *o) { return o->scope->im->model->opset; }

const char *op_constant_name(const struct op *o, const char *what) {
    return arena_printf(&o->scope->im->scratch, "%s.%s", o->node->name, what);
}

// ---- operands out of attributes

static bool set_operand(struct op *o, int index, struct ir_value *value) {
    if (value == NULL) return false;
    while (o->node->input_count <= index) ir_node_add_input(o->node, NULL);
    if (ir_in(o->node, index) != NULL) {
        return error_set(err_of(o), ERROR_INPUT, "operand %d is given as an attribute too", index);
    }
    ir_node_set_input(o->node, index, value);
    return true;
}

// The attribute of integers, if there is one, as operand `index`.
static bool ints_to_operand(struct op *o, const char *name, int index) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, name);
    if (a == NULL) return true;
    const char *constant = op_constant_name(o, name);
    return set_operand(o, index, constant_of_ints(o->scope->im, constant, false, a->n_ints, a->ints));
}

static bool float_to_operand(struct op *o, const char *name, int index) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, name);
    if (a == NULL) return true;
    const char *constant = op_constant_name(o, name);
    return set_operand(o, index, constant_of_floats(o->scope->im, constant, true, 1, &a->f));
}

bool do_axes(struct op *o) { return ints_to_operand(o, "axes", 1); }

bool do_reduce(struct op *o) {
    ir_attr_set_string(o->node, IR_KEY_KIND, o->row->kind);
    return do_axes(o);
}

bool do_clip(struct op *o) { return float_to_operand(o, "min", 1) && float_to_operand(o, "max", 2); }
bool do_pad(struct op *o) { return ints_to_operand(o, "pads", 1) && float_to_operand(o, "value", 2); }

bool do_slice(struct op *o) {
    return ints_to_operand(o, "starts", 1) && ints_to_operand(o, "ends", 2) && ints_to_operand(o, "axes", 3);
}

// Equal parts unless said otherwise: their number is the number of outputs.
bool do_split(struct op *o) {
    if (!ints_to_operand(o, "split", 1)) return false;
    if (ir_in(o->node, 1) == NULL) ir_attr_set_int(o->node, IR_KEY_NUM_OUTPUTS, o->node->output_count);
    return true;
}

// ---- resizing

// Before version 11: nearest meant rounding down from x / scale, and the scales were operand 1 (or an
// attribute).
bool do_resize(struct op *o) {
    if (opset_of(o) >= 11) return true;
    const Onnx__AttributeProto *a = attr_find(o->onnx, "scales");
    struct ir_value *scales = ir_in(o->node, 1);
    if (scales == NULL && a != NULL) {
        scales =
            constant_of_floats(o->scope->im, op_constant_name(o, "scales"), false, a->n_floats, a->floats);
    }
    if (o->node->input_count > 1) ir_node_set_input(o->node, 1, NULL);
    ir_attr_set_string(o->node, IR_KEY_COORDINATES, "asymmetric");
    ir_attr_set_string(o->node, IR_KEY_NEAREST_MODE, "floor");
    if (scales == NULL) return error_set(err_of(o), ERROR_INPUT, "no scales");
    return set_operand(o, 2, scales);
}

// ---- types

static bool set_dtype(struct op *o, int64_t onnx_type) {
    enum ir_dtype dtype; // of the IR, which `to` holds
    int type = onnx_type >= 0 && onnx_type < 1000 ? (int)onnx_type : -1;
    if (!onnx_dtype(type, &dtype)) {
        return error_set(err_of(o), ERROR_UNSUPPORTED, "a cast to %s (%lld)", onnx_type_name(type),
                         (long long)onnx_type);
    }
    ir_attr_set_int(o->node, IR_KEY_TO, dtype);
    return true;
}

bool do_cast(struct op *o) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, "to");
    if (a == NULL) return error_set(err_of(o), ERROR_INPUT, "attribute 'to' is missing");
    return set_dtype(o, a->i);
}

// The element type of an operand, from what it is or what the file declares; -1 when nobody knows yet.
static int known_dtype(const struct op *o, int index) {
    const struct ir_value *v = ir_in(o->node, index);
    if (v == NULL) return -1;
    if (v->type.rank >= 0) return (int)v->type.dtype;
    const Onnx__ValueInfoProto *info = name_map_find(&o->scope->im->declared, o->onnx->input[index]);
    if (info == NULL || info->type == NULL) return -1;
    if (info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return -1;
    enum ir_dtype dtype;
    return onnx_dtype(info->type->tensor_type->elem_type, &dtype) ? (int)dtype : -1;
}

// Where the wanted type is not known, a float stays what it is: passes compute in one float type anyway.
bool do_cast_like(struct op *o) {
    int from = known_dtype(o, 0), to = known_dtype(o, 1);
    if (to < 0 && from >= 0 && !ir_dtype_is_float((enum ir_dtype)from)) {
        return error_set(err_of(o), ERROR_UNSUPPORTED, "the element type of '%.100s' is not known",
                         o->onnx->n_input > 1 ? o->onnx->input[1] : "");
    }
    if (o->node->input_count > 1) ir_node_drop_input(o->node, 1);
    if (to < 0) return true;
    o->node->op = IR_ONNX_CAST;
    ir_attr_set_int(o->node, IR_KEY_TO, to);
    return true;
}

// The kind of the attribute is the type of the elements, floats are f32 whatever their width in the file; `to`
// is there for integers that are not i64.
bool do_constant_of_shape(struct op *o) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, "value");
    if (a == NULL) {
        ir_attr_set_float(o->node, IR_KEY_VALUE, 0);
        return true;
    }
    struct onnx_tensor t = onnx_tensor_of(a->t);
    if (t.count != 1) return error_set(err_of(o), ERROR_INPUT, "its value has %zu elements, not 1", t.count);
    struct ir_constant c = {.data = t.data, .stored = t.dtype, .count = 1};
    if (ir_dtype_is_float(t.dtype)) ir_attr_set_float(o->node, IR_KEY_VALUE, ir_constant_float(&c, 0));
    else ir_attr_set_int(o->node, IR_KEY_VALUE, onnx_tensor_int(&t, 0));
    if (!ir_dtype_is_float(t.dtype) && t.dtype != IR_I64) ir_attr_set_int(o->node, IR_KEY_TO, t.dtype);
    return true;
}

// ---- the rest

bool do_dropout(struct op *o) {
    const struct ir_value *training = ir_in(o->node, 2);
    bool off = training == NULL || (ir_is_int_constant(training) && training->constant->count == 1 &&
                                    dim_is(training->constant->ints[0], 0));
    if (!off) return error_set(err_of(o), ERROR_UNSUPPORTED, "it may be in training mode");
    while (o->node->input_count > 1) ir_node_drop_input(o->node, o->node->input_count - 1);
    return true;
}

static int declared_rank(const struct op *o, int index) {
    const struct ir_value *v = ir_in(o->node, index);
    if (v != NULL && v->type.rank >= 0) return v->type.rank;
    const Onnx__ValueInfoProto *info = name_map_find(&o->scope->im->declared, o->onnx->input[index]);
    if (info == NULL || info->type == NULL || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return -1;
    const Onnx__TensorShapeProto *shape = info->type->tensor_type->shape;
    return shape != NULL ? (int)shape->n_dim : -1;
}

// Before version 13 the axes from `axis` on were one, and so they are made one here.
bool do_softmax(struct op *o) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, "axis");
    bool old = opset_of(o) < 13;
    int64_t axis = a != NULL ? a->i : old ? 1 : -1;
    ir_attr_set_int(o->node, IR_KEY_AXIS, axis);
    if (!old || axis == -1) return true;
    ir_attr_set_int(o->node, IR_KEY_AXIS, -1);
    int rank = declared_rank(o, 0);
    struct ir_value *x = ir_in(o->node, 0);
    if (x == NULL || (rank >= 0 && axis == rank - 1)) return true;
    struct ir_block *block = o->scope->block;
    struct ir_node *shape = ir_node_new(block, o->node, IR_ONNX_SHAPE, "shape", 1, &x, 1);
    struct ir_node *flat = ir_node_new(block, o->node, IR_ONNX_FLATTEN, "flat", 1, &x, 1);
    ir_attr_set_int(shape, IR_KEY_START, 0);
    ir_attr_set_int(flat, IR_KEY_AXIS, axis);
    ir_node_set_input(o->node, 0, ir_out(flat));
    struct ir_value *operands[] = {ir_out(o->node), ir_out(shape)};
    struct ir_node *reshape = ir_node_new(block, NULL, IR_ONNX_RESHAPE, "reshape", 2, operands, 1);
    ir_attr_set_int(reshape, IR_KEY_ALLOWZERO, 0);
    shape->name = flat->name = reshape->name = o->node->name;
    o->node = reshape;
    return true;
}

static bool import_branch(struct op *o, int index, const char *name) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, name);
    struct importer *im = o->scope->im;
    if (a == NULL) return error_set(im->err, ERROR_INPUT, "it has no %s", name);
    if (a->g->n_output != o->onnx->n_output) {
        return error_set(im->err, ERROR_INPUT, "its %s has %zu outputs, it has %zu", name, a->g->n_output,
                         o->onnx->n_output);
    }
    struct scope inner = {.im = im, .outer = o->scope, .graph = a->g, .depth = o->scope->depth + 1};
    inner.block = o->node->blocks[index] = ir_block_new(im->graph);
    return import_block(&inner);
}

bool do_if(struct op *o) { return import_branch(o, 0, "then_branch") && import_branch(o, 1, "else_branch"); }
