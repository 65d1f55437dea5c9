// One row per ONNX operator, and the handlers of those whose spelling has changed over the versions.
#include "frontend/importer.h"
#include "frontend/order.h"

#include <string.h>

struct op {
    struct scope *scope;
    const Onnx__NodeProto *onnx;
    const struct op_row *row;
    struct ir_node *node; // already made, with the operands of the file and the attributes of the row
};

struct op_row {
    const char *type;
    enum ir_op op;
    bool (*handler)(struct op *o); // changes the node into the newest form
    int since, until;              // versions of ONNX's operators; 0: no bound
    const char *kind;              // of a reduction
    struct attr_row attrs[12];
};

static struct error *err_of(const struct op *o) { return o->scope->im->err; }
static int64_t opset_of(const struct op *o) { return o->scope->im->model->opset; }

static const char *constant_name(const struct op *o, const char *what) {
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
    const char *constant = constant_name(o, name);
    return set_operand(o, index, constant_of_ints(o->scope->im, constant, false, a->n_ints, a->ints));
}

static bool float_to_operand(struct op *o, const char *name, int index) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, name);
    if (a == NULL) return true;
    const char *constant = constant_name(o, name);
    return set_operand(o, index, constant_of_floats(o->scope->im, constant, true, 1, &a->f));
}

static bool do_axes(struct op *o) { return ints_to_operand(o, "axes", 1); }

static bool do_reduce(struct op *o) {
    ir_attr_set_string(o->node, IR_KEY_KIND, o->row->kind);
    return do_axes(o);
}

static bool do_clip(struct op *o) { return float_to_operand(o, "min", 1) && float_to_operand(o, "max", 2); }
static bool do_pad(struct op *o) { return ints_to_operand(o, "pads", 1) && float_to_operand(o, "value", 2); }

static bool do_slice(struct op *o) {
    return ints_to_operand(o, "starts", 1) && ints_to_operand(o, "ends", 2) && ints_to_operand(o, "axes", 3);
}

// Equal parts unless said otherwise: their number is the number of outputs.
static bool do_split(struct op *o) {
    if (!ints_to_operand(o, "split", 1)) return false;
    if (ir_in(o->node, 1) == NULL) ir_attr_set_int(o->node, IR_KEY_NUM_OUTPUTS, o->node->output_count);
    return true;
}

// ---- resizing

// Before version 11: nearest meant rounding down from x / scale, and the scales were operand 1 (or an
// attribute).
static bool do_resize(struct op *o) {
    if (opset_of(o) >= 11) return true;
    const Onnx__AttributeProto *a = attr_find(o->onnx, "scales");
    struct ir_value *scales = ir_in(o->node, 1);
    if (scales == NULL && a != NULL) {
        scales = constant_of_floats(o->scope->im, constant_name(o, "scales"), false, a->n_floats, a->floats);
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

static bool do_cast(struct op *o) {
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
static bool do_cast_like(struct op *o) {
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

// The kind of the attribute is the type of the elements: integers are i64, floats f32, whatever their width
// in the file.
static bool do_constant_of_shape(struct op *o) {
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
    return true;
}

// ---- the rest

static bool do_dropout(struct op *o) {
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
static bool do_softmax(struct op *o) {
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

static bool do_if(struct op *o) {
    return import_branch(o, 0, "then_branch") && import_branch(o, 1, "else_branch");
}

// ---- the table

#define INT(name, key) {name, ATTR_INT, ATTR_KEEP, IR_KEY_##key, false, 0, NULL}
#define INT_OR(name, key, value) {name, ATTR_INT, ATTR_KEEP, IR_KEY_##key, true, value, NULL}
#define NEED_INT(name, key) {name, ATTR_INT, ATTR_NEED, IR_KEY_##key, false, 0, NULL}
#define INTS(name, key) {name, ATTR_INTS, ATTR_KEEP, IR_KEY_##key, false, 0, NULL}
#define TEXT_OR(name, key, value) {name, ATTR_STRING, ATTR_KEEP, IR_KEY_##key, true, 0, value}
#define ONLY_INT(name, value) {name, ATTR_INT, ATTR_ONLY, 0, true, value, NULL}
#define ONLY_FLOAT(name, value) {name, ATTR_FLOAT, ATTR_ONLY, 0, true, value, NULL}
#define ONLY_TEXT(name, value) {name, ATTR_STRING, ATTR_ONLY, 0, true, 0, value}
#define HANDLED(name, kind) {name, kind, ATTR_HANDLED, 0, false, 0, NULL}
#define IGNORE(name) {name, ATTR_ANY, ATTR_IGNORE, 0, false, 0, NULL}
#define REDUCE(type, kind)                                                                                   \
    {                                                                                                        \
        type, IR_ONNX_REDUCE, do_reduce, 0, 0, kind, {                                                       \
            INT_OR("keepdims", KEEPDIMS, 1), INT_OR("noop_with_empty_axes", NOOP_WITH_EMPTY_AXES, 0),        \
                HANDLED("axes", ATTR_INTS)                                                                   \
        }                                                                                                    \
    }

// clang-format off
static const struct op_row op_rows[] = {
    {.type = "Abs", .op = IR_ABS},
    {.type = "Add", .op = IR_ADD},
    {.type = "And", .op = IR_ONNX_AND},
    {.type = "Cast", .op = IR_ONNX_CAST, .handler = do_cast,
     .attrs = {HANDLED("to", ATTR_INT), IGNORE("saturate"), IGNORE("round_mode")}},
    {.type = "CastLike", .op = IR_ONNX_IDENTITY, .handler = do_cast_like, .since = 15,
     .attrs = {IGNORE("saturate"), IGNORE("round_mode")}},
    {.type = "Ceil", .op = IR_ONNX_CEIL},
    {.type = "Clip", .op = IR_ONNX_CLIP, .handler = do_clip,
     .attrs = {HANDLED("min", ATTR_FLOAT), HANDLED("max", ATTR_FLOAT)}},
    {.type = "Concat", .op = IR_CONCAT, .attrs = {NEED_INT("axis", AXIS)}},
    {.type = "Constant", .op = IR_ONNX_IDENTITY}, // never made: see op_import
    {.type = "ConstantOfShape", .op = IR_ONNX_CONSTANT_OF_SHAPE, .handler = do_constant_of_shape,
     .attrs = {HANDLED("value", ATTR_TENSOR)}},
    {.type = "Conv", .op = IR_ONNX_CONV,
     .attrs = {TEXT_OR("auto_pad", AUTO_PAD, "NOTSET"), INTS("dilations", DILATIONS),
               INT_OR("group", GROUP, 1), INTS("kernel_shape", KERNEL_SHAPE), INTS("pads", PADS),
               INTS("strides", STRIDES)}},
    {.type = "Div", .op = IR_DIV},
    {.type = "Dropout", .op = IR_ONNX_IDENTITY, .handler = do_dropout,
     .attrs = {IGNORE("ratio"), IGNORE("seed"), IGNORE("is_test")}},
    {.type = "Equal", .op = IR_ONNX_EQUAL},
    {.type = "Expand", .op = IR_ONNX_EXPAND},
    {.type = "Flatten", .op = IR_ONNX_FLATTEN, .attrs = {INT_OR("axis", AXIS, 1)}},
    {.type = "Floor", .op = IR_ONNX_FLOOR},
    {.type = "Gather", .op = IR_ONNX_GATHER, .attrs = {INT_OR("axis", AXIS, 0)}},
    {.type = "GatherND", .op = IR_ONNX_GATHER_ND, .since = 11, .attrs = {ONLY_INT("batch_dims", 0)}},
    {.type = "Greater", .op = IR_ONNX_GREATER},
    {.type = "GreaterOrEqual", .op = IR_ONNX_GREATER_EQUAL},
    {.type = "Identity", .op = IR_ONNX_IDENTITY},
    {.type = "If", .op = IR_ONNX_IF, .handler = do_if,
     .attrs = {HANDLED("then_branch", ATTR_GRAPH), HANDLED("else_branch", ATTR_GRAPH)}},
    {.type = "Less", .op = IR_ONNX_LESS},
    {.type = "LessOrEqual", .op = IR_ONNX_LESS_EQUAL},
    {.type = "MatMul", .op = IR_MATMUL},
    {.type = "Max", .op = IR_ONNX_MAX},
    {.type = "Min", .op = IR_ONNX_MIN},
    {.type = "Mod", .op = IR_ONNX_MOD, .attrs = {ONLY_INT("fmod", 0)}},
    {.type = "Mul", .op = IR_MUL},
    {.type = "Neg", .op = IR_NEG},
    {.type = "Not", .op = IR_ONNX_NOT},
    {.type = "Or", .op = IR_ONNX_OR},
    {.type = "Pad", .op = IR_ONNX_PAD, .handler = do_pad,
     .attrs = {TEXT_OR("mode", MODE, "constant"), HANDLED("pads", ATTR_INTS), HANDLED("value", ATTR_FLOAT)}},
    {.type = "Pow", .op = IR_POW},
    {.type = "Range", .op = IR_ONNX_RANGE, .attrs = {IGNORE("stash_type")}},
    REDUCE("ReduceL2", "l2"),
    REDUCE("ReduceMax", "max"),
    REDUCE("ReduceMean", "mean"),
    REDUCE("ReduceMin", "min"),
    REDUCE("ReduceProd", "prod"),
    REDUCE("ReduceSum", "sum"),
    {.type = "Reshape", .op = IR_ONNX_RESHAPE, .attrs = {INT_OR("allowzero", ALLOWZERO, 0)}},
    {.type = "Resize", .op = IR_ONNX_RESIZE, .handler = do_resize, .since = 10,
     .attrs = {TEXT_OR("mode", MODE, "nearest"), INTS("axes", AXES),
               TEXT_OR("coordinate_transformation_mode", COORDINATES, "half_pixel"),
               TEXT_OR("nearest_mode", NEAREST_MODE, "round_prefer_floor"), ONLY_INT("antialias", 0),
               ONLY_TEXT("keep_aspect_ratio_policy", "stretch"), IGNORE("cubic_coeff_a"),
               IGNORE("exclude_outside"), IGNORE("extrapolation_value")}},
    {.type = "Shape", .op = IR_ONNX_SHAPE, .attrs = {INT_OR("start", START, 0), INT("end", END)}},
    {.type = "Sigmoid", .op = IR_SIGMOID},
    {.type = "Size", .op = IR_ONNX_SIZE},
    {.type = "Slice", .op = IR_ONNX_SLICE, .handler = do_slice,
     .attrs = {HANDLED("starts", ATTR_INTS), HANDLED("ends", ATTR_INTS), HANDLED("axes", ATTR_INTS)}},
    {.type = "Softmax", .op = IR_ONNX_SOFTMAX, .handler = do_softmax, .attrs = {HANDLED("axis", ATTR_INT)}},
    {.type = "Split", .op = IR_ONNX_SPLIT, .handler = do_split,
     .attrs = {INT_OR("axis", AXIS, 0), INT("num_outputs", NUM_OUTPUTS), HANDLED("split", ATTR_INTS)}},
    {.type = "Sqrt", .op = IR_SQRT},
    {.type = "Squeeze", .op = IR_ONNX_SQUEEZE, .handler = do_axes, .attrs = {HANDLED("axes", ATTR_INTS)}},
    {.type = "Sub", .op = IR_SUB},
    {.type = "Swish", .op = IR_SILU, .since = 24, .attrs = {ONLY_FLOAT("alpha", 1)}},
    {.type = "Tile", .op = IR_ONNX_TILE},
    {.type = "Transpose", .op = IR_ONNX_TRANSPOSE, .attrs = {INTS("perm", PERM)}},
    {.type = "Unsqueeze", .op = IR_ONNX_UNSQUEEZE, .handler = do_axes, .attrs = {HANDLED("axes", ATTR_INTS)}},
    {.type = "Upsample", .op = IR_ONNX_RESIZE, .handler = do_resize, .until = 9,
     .attrs = {TEXT_OR("mode", MODE, "nearest"), HANDLED("scales", ATTR_FLOATS)}},
    {.type = "Where", .op = IR_ONNX_WHERE},
};
// clang-format on

const struct op_row *op_row_find(const Onnx__NodeProto *n, int64_t opset) {
    if (n->domain != NULL && n->domain[0] != '\0' && strcmp(n->domain, "ai.onnx") != 0) return NULL;
    for (size_t i = 0; i < sizeof op_rows / sizeof *op_rows; i++) {
        const struct op_row *row = &op_rows[i];
        if (strcmp(row->type, n->op_type) != 0) continue;
        return opset >= row->since && (row->until == 0 || opset <= row->until) ? row : NULL;
    }
    return NULL;
}

// ---- nodes

static struct ir_value *import_constant(struct scope *s, const Onnx__NodeProto *n) {
    struct importer *im = s->im;
    const char *name = n->n_output == 1 ? n->output[0] : "";
    const Onnx__AttributeProto *a = n->n_attribute == 1 ? n->attribute[0] : NULL;
    const char *form = a != NULL ? a->name : "";
    if (name[0] == '\0') error_set(im->err, ERROR_INPUT, "it has no output");
    else if (strcmp(form, "value") == 0 && a->t != NULL) return constant_of_tensor(im, a->t, name);
    else if (strcmp(form, "value_float") == 0) return constant_of_floats(im, name, true, 1, &a->f);
    else if (strcmp(form, "value_floats") == 0)
        return constant_of_floats(im, name, false, a->n_floats, a->floats);
    else if (strcmp(form, "value_int") == 0) return constant_of_ints(im, name, true, 1, &a->i);
    else if (strcmp(form, "value_ints") == 0) return constant_of_ints(im, name, false, a->n_ints, a->ints);
    else error_set(im->err, ERROR_UNSUPPORTED, "a constant given by '%.60s'", form);
    return NULL;
}

static bool count_outputs(const Onnx__NodeProto *n, enum ir_op op, int *count, struct error *err) {
    int fixed = ir_op_info[op].outputs;
    *count = fixed >= 0 ? fixed : (int)n->n_output;
    if (n->n_output < 1 || n->n_output < (size_t)*count)
        return error_set(err, ERROR_INPUT, "it has no output");
    for (size_t i = (size_t)*count; i < n->n_output; i++) {
        if (n->output[i][0] == '\0' || strcmp(n->op_type, "Dropout") == 0)
            continue; // the mask of what is kept
        return error_set(err, ERROR_UNSUPPORTED, "its output '%.100s' is one too many", n->output[i]);
    }
    return true;
}

static bool check_operands(const struct ir_node *node, struct error *err) {
    const struct ir_op_info *info = ir_info(node);
    if (node->input_count < info->min_in || (info->max_in >= 0 && node->input_count > info->max_in)) {
        return error_set(err, ERROR_INPUT, "it has %d operands, %s %d are expected", node->input_count,
                         node->input_count < info->min_in ? "at least" : "at most",
                         node->input_count < info->min_in ? info->min_in : info->max_in);
    }
    for (int i = 0; i < node->input_count; i++) {
        bool needed = i < info->min_in || info->max_in < 0;
        if (needed && ir_in(node, i) == NULL)
            return error_set(err, ERROR_INPUT, "its operand %d is absent", i);
    }
    return true;
}

static const char *name_of_node(struct importer *im, const Onnx__NodeProto *n) {
    bool named = n->name != NULL && n->name[0] != '\0';
    const char *name = named ? n->name : arena_printf(&im->scratch, "%s_%.150s", n->op_type, node_label(n));
    return unique_name(&im->node_names, name);
}

struct ir_node *op_import(struct scope *s, const Onnx__NodeProto *n, int input_count,
                          struct ir_value **inputs, struct ir_value **value) {
    struct importer *im = s->im;
    struct op o = {.scope = s, .onnx = n, .row = op_row_find(n, im->model->opset)};
    int outputs;
    *value = NULL;
    if (o.row == NULL) {
        error_set(im->err, ERROR_INTERNAL, "an unsupported operator was overlooked");
        return NULL;
    }
    if (strcmp(n->op_type, "Constant") == 0) {
        *value = import_constant(s, n);
        return NULL;
    }
    if (!count_outputs(n, o.row->op, &outputs, im->err)) return NULL;
    o.node = ir_node_new(s->block, NULL, o.row->op, "v", input_count, inputs, outputs);
    o.node->name = name_of_node(im, n);
    bool ok = attrs_import(o.node, n, o.row->attrs, im->err) && (!o.row->handler || o.row->handler(&o)) &&
              check_operands(o.node, im->err);
    return ok ? o.node : NULL;
}
