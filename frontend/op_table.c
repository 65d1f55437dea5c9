// One row per ONNX operator: what it becomes, its attributes, and what of it is not supported.
#include "frontend/op_table.h"

#include <string.h>

#define INT(name, key)                                                                                       \
    { name, ATTR_INT, ATTR_KEEP, IR_KEY_##key, false, 0, NULL }
#define INT_OR(name, key, value)                                                                             \
    { name, ATTR_INT, ATTR_KEEP, IR_KEY_##key, true, value, NULL }
#define NEED_INT(name, key)                                                                                  \
    { name, ATTR_INT, ATTR_NEED, IR_KEY_##key, false, 0, NULL }
#define INTS(name, key)                                                                                      \
    { name, ATTR_INTS, ATTR_KEEP, IR_KEY_##key, false, 0, NULL }
#define TEXT_OR(name, key, value)                                                                            \
    { name, ATTR_STRING, ATTR_KEEP, IR_KEY_##key, true, 0, value }
#define ONLY_INT(name, value)                                                                                \
    { name, ATTR_INT, ATTR_ONLY, 0, true, value, NULL }
#define ONLY_FLOAT(name, value)                                                                              \
    { name, ATTR_FLOAT, ATTR_ONLY, 0, true, value, NULL }
#define ONLY_TEXT(name, value)                                                                               \
    { name, ATTR_STRING, ATTR_ONLY, 0, true, 0, value }
#define FLOAT(name, key)                                                                                     \
    { name, ATTR_FLOAT, ATTR_KEEP, IR_KEY_##key, false, 0, NULL }
#define HANDLED(name, kind)                                                                                  \
    { name, kind, ATTR_HANDLED, 0, false, 0, NULL }
#define IGNORE(name)                                                                                         \
    { name, ATTR_ANY, ATTR_IGNORE, 0, false, 0, NULL }
// clang-format off
#define REDUCE(type, kind, note)                                                                             \
    {type, IR_ONNX_REDUCE, do_reduce, 0, 0, kind,                                                            \
     {INT_OR("keepdims", KEEPDIMS, 1), INT_OR("noop_with_empty_axes", NOOP_WITH_EMPTY_AXES, 0),              \
      HANDLED("axes", ATTR_INTS)},                                                                           \
     note}

const struct op_row op_rows[] = {
    {.type = "Abs", .op = IR_ABS},
    {.type = "Add", .op = IR_ADD},
    {.type = "And", .op = IR_ONNX_AND, .note = "with constants only"},
    {.type = "Attention", .op = IR_ONNX_ATTENTION, .handler = do_attention, .since = 23,
     .attrs = {FLOAT("scale", SCALE), INT("q_num_heads", HEADS), INT("kv_num_heads", KV_HEADS),
               ONLY_INT("is_causal", 0), ONLY_FLOAT("softcap", 0), ONLY_INT("left_window_size", -1),
               ONLY_INT("right_window_size", -1), IGNORE("softmax_precision"), IGNORE("qk_matmul_output_mode")},
     .note = "no mask, no earlier keys or values, no causal or local form, no soft cap; one result"},
    {.type = "Cast", .op = IR_ONNX_CAST, .handler = do_cast,
     .attrs = {HANDLED("to", ATTR_INT), IGNORE("saturate"), IGNORE("round_mode")},
     .note = "of tensors between floats only, which changes nothing: all compute in fp32. No 8-bit floats, no strings"},
    {.type = "CastLike", .op = IR_ONNX_IDENTITY, .handler = do_cast_like, .since = 15,
     .attrs = {IGNORE("saturate"), IGNORE("round_mode")},
     .note = "as Cast. The type of the second operand must be known"},
    {.type = "Ceil", .op = IR_ONNX_CEIL, .note = "with constants only"},
    {.type = "Clip", .op = IR_ONNX_CLIP, .handler = do_clip,
     .attrs = {HANDLED("min", ATTR_FLOAT), HANDLED("max", ATTR_FLOAT)},
     .note = "the bounds of a tensor must be constant"},
    {.type = "Concat", .op = IR_CONCAT, .attrs = {NEED_INT("axis", AXIS)}},
    {.type = "Constant", .op = IR_ONNX_IDENTITY}, // never made: see op_import
    {.type = "ConstantOfShape", .op = IR_ONNX_CONSTANT_OF_SHAPE, .handler = do_constant_of_shape,
     .attrs = {HANDLED("value", ATTR_TENSOR)},
     .note = "more than 2^20 elements: floats only"},
    {.type = "Conv", .op = IR_ONNX_CONV,
     .attrs = {TEXT_OR("auto_pad", AUTO_PAD, "NOTSET"), INTS("dilations", DILATIONS),
               INT_OR("group", GROUP, 1), INTS("kernel_shape", KERNEL_SHAPE), INTS("pads", PADS),
               INTS("strides", STRIDES)},
     .note = "no groups, no dilation, no automatic padding"},
    {.type = "DepthToSpace", .op = IR_ONNX_DEPTH_TO_SPACE,
     .attrs = {NEED_INT("blocksize", FACTOR), TEXT_OR("mode", MODE, "DCR")}},
    {.type = "Div", .op = IR_DIV},
    {.type = "Dropout", .op = IR_ONNX_IDENTITY, .handler = do_dropout,
     .attrs = {IGNORE("ratio"), IGNORE("seed"), IGNORE("is_test")},
     .note = "not in training mode, and without the mask"},
    {.type = "Einsum", .op = IR_ONNX_EINSUM, .since = 12,
     .attrs = {{"equation", ATTR_STRING, ATTR_NEED, IR_KEY_EQUATION, false, 0, NULL}},
     .note = "one or two operands, each label once in an operand, no ellipsis"},
    {.type = "Equal", .op = IR_ONNX_EQUAL, .note = "with constants only"},
    {.type = "Erf", .op = IR_ONNX_ERF, .note = "with constants only"},
    {.type = "Exp", .op = IR_ONNX_EXP, .note = "with constants only"},
    {.type = "Expand", .op = IR_ONNX_EXPAND, .note = "not over time"},
    {.type = "Flatten", .op = IR_ONNX_FLATTEN, .attrs = {INT_OR("axis", AXIS, 1)}},
    {.type = "Floor", .op = IR_ONNX_FLOOR, .note = "with constants only"},
    {.type = "Gather", .op = IR_ONNX_GATHER, .attrs = {INT_OR("axis", AXIS, 0)},
     .note = "of tensors with constant indices: one, consecutive ones, or such that repeat each element in place"},
    {.type = "GatherElements", .op = IR_ONNX_GATHER_ELEMENTS, .since = 11, .attrs = {INT_OR("axis", AXIS, 0)},
     .note = "with constants only"},
    {.type = "GatherND", .op = IR_ONNX_GATHER_ND, .since = 11, .attrs = {ONLY_INT("batch_dims", 0)},
     .note = "of tensors with constant indices that repeat each element in place"},
    {.type = "Gemm", .op = IR_MATMUL, .handler = do_gemm,
     .attrs = {HANDLED("alpha", ATTR_FLOAT), HANDLED("beta", ATTR_FLOAT), HANDLED("transA", ATTR_INT),
               HANDLED("transB", ATTR_INT)}},
    {.type = "Greater", .op = IR_ONNX_GREATER, .note = "with constants only"},
    {.type = "GreaterOrEqual", .op = IR_ONNX_GREATER_EQUAL, .note = "with constants only"},
    {.type = "Identity", .op = IR_ONNX_IDENTITY, .note = "of tensors"},
    {.type = "If", .op = IR_ONNX_IF, .handler = do_if,
     .attrs = {HANDLED("then_branch", ATTR_GRAPH), HANDLED("else_branch", ATTR_GRAPH)},
     .note = "the condition must be known when compiling"},
    {.type = "IsInf", .op = IR_ONNX_IS_INF, .since = 10,
     .attrs = {INT_OR("detect_negative", NEGATIVE, 1), INT_OR("detect_positive", POSITIVE, 1)},
     .note = "with constants only"},
    {.type = "IsNaN", .op = IR_ONNX_IS_NAN, .since = 9, .note = "with constants only"},
    {.type = "Less", .op = IR_ONNX_LESS, .note = "with constants only"},
    {.type = "LessOrEqual", .op = IR_ONNX_LESS_EQUAL, .note = "with constants only"},
    {.type = "Log", .op = IR_ONNX_LOG, .note = "with constants only"},
    {.type = "LpNormalization", .op = IR_DIV, .handler = do_lp_normalization,
     .attrs = {HANDLED("axis", ATTR_INT), HANDLED("p", ATTR_INT)},
     .note = "p is 1 or 2. The result is 0 where the norm is 0"},
    {.type = "MatMul", .op = IR_MATMUL},
    {.type = "Max", .op = IR_ONNX_MAX,
     .note = "of a tensor and a constant with one value; otherwise with constants only"},
    {.type = "Mean", .op = IR_ADD, .handler = do_mean, .since = 8},
    {.type = "Min", .op = IR_ONNX_MIN,
     .note = "of a tensor and a constant with one value; otherwise with constants only"},
    {.type = "Mod", .op = IR_ONNX_MOD, .attrs = {INT_OR("fmod", FMOD, 0)}, .note = "with constants only"},
    {.type = "Mul", .op = IR_MUL},
    {.type = "Neg", .op = IR_NEG},
    {.type = "Not", .op = IR_ONNX_NOT, .note = "with constants only"},
    {.type = "Or", .op = IR_ONNX_OR, .note = "with constants only"},
    {.type = "Pad", .op = IR_ONNX_PAD, .handler = do_pad,
     .attrs = {TEXT_OR("mode", MODE, "constant"), HANDLED("pads", ATTR_INTS), HANDLED("value", ATTR_FLOAT)},
     .note = "with zeros; negative pads and other values with constants only"},
    {.type = "Pow", .op = IR_POW},
    {.type = "RMSNormalization", .op = IR_ONNX_RMS_NORM, .handler = do_rms_normalization, .since = 23,
     .attrs = {INT_OR("axis", AXIS, -1), FLOAT("epsilon", EPSILON), IGNORE("stash_type")},
     .note = "becomes single operators, because its epsilon stands inside of the root"},
    {.type = "Range", .op = IR_ONNX_RANGE, .attrs = {IGNORE("stash_type")}, .note = "with constants only"},
    {.type = "Reciprocal", .op = IR_DIV, .handler = do_reciprocal},
    REDUCE("ReduceL1", "l1", "not over time"),
    REDUCE("ReduceL2", "l2", "not over time"),
    REDUCE("ReduceMax", "max", "of constants only"),
    REDUCE("ReduceMean", "mean", "not over time"),
    REDUCE("ReduceMin", "min", "of constants only"),
    REDUCE("ReduceProd", "prod", "of constants only"),
    REDUCE("ReduceSum", "sum", "not over time"),
    REDUCE("ReduceSumSquare", "sum_square", "not over time"),
    {.type = "Relu", .op = IR_ONNX_MAX, .handler = do_relu},
    {.type = "Reshape", .op = IR_ONNX_RESHAPE, .attrs = {INT_OR("allowzero", ALLOWZERO, 0)},
     .note = "of tensors without cutting across unrelated factors"},
    {.type = "Resize", .op = IR_ONNX_RESIZE, .handler = do_resize, .since = 10,
     .attrs = {TEXT_OR("mode", MODE, "nearest"), INTS("axes", AXES),
               TEXT_OR("coordinate_transformation_mode", COORDINATES, "half_pixel"),
               TEXT_OR("nearest_mode", NEAREST_MODE, "round_prefer_floor"), ONLY_INT("antialias", 0),
               ONLY_TEXT("keep_aspect_ratio_policy", "stretch"), IGNORE("cubic_coeff_a"),
               IGNORE("exclude_outside"), IGNORE("extrapolation_value")},
     .note = "nearest, by whole factors, each element repeated in place"},
    {.type = "Round", .op = IR_ONNX_ROUND, .since = 11, .note = "with constants only"},
    {.type = "ScatterND", .op = IR_ONNX_SCATTER_ND, .since = 11, .attrs = {ONLY_TEXT("reduction", "none")},
     .note = "with constants only"},
    {.type = "Shape", .op = IR_ONNX_SHAPE, .attrs = {INT_OR("start", START, 0), INT("end", END)}},
    {.type = "Sigmoid", .op = IR_SIGMOID},
    {.type = "Sign", .op = IR_ONNX_SIGN, .since = 9, .note = "with constants only"},
    {.type = "Size", .op = IR_ONNX_SIZE},
    {.type = "Slice", .op = IR_ONNX_SLICE, .handler = do_slice,
     .attrs = {HANDLED("starts", ATTR_INTS), HANDLED("ends", ATTR_INTS), HANDLED("axes", ATTR_INTS)},
     .note = "of tensors with step 1, and not empty"},
    {.type = "Softmax", .op = IR_ONNX_SOFTMAX, .handler = do_softmax, .attrs = {HANDLED("axis", ATTR_INT)},
     .note = "not over time"},
    {.type = "SpaceToDepth", .op = IR_ONNX_SPACE_TO_DEPTH,
     .attrs = {NEED_INT("blocksize", FACTOR), TEXT_OR("mode", MODE, "DCR")}},
    {.type = "Split", .op = IR_ONNX_SPLIT, .handler = do_split,
     .attrs = {INT_OR("axis", AXIS, 0), INT("num_outputs", NUM_OUTPUTS), HANDLED("split", ATTR_INTS)}},
    {.type = "Sqrt", .op = IR_SQRT},
    {.type = "Squeeze", .op = IR_ONNX_SQUEEZE, .handler = do_axes, .attrs = {HANDLED("axes", ATTR_INTS)}},
    {.type = "Sub", .op = IR_SUB},
    {.type = "Sum", .op = IR_ADD, .handler = do_sum, .since = 8},
    {.type = "Swish", .op = IR_SILU, .handler = do_swish, .since = 24, .attrs = {HANDLED("alpha", ATTR_FLOAT)}},
    {.type = "Tanh", .op = IR_ONNX_TANH, .note = "with constants only"},
    {.type = "Tile", .op = IR_ONNX_TILE},
    {.type = "Transpose", .op = IR_ONNX_TRANSPOSE, .attrs = {INTS("perm", PERM)}},
    {.type = "Unsqueeze", .op = IR_ONNX_UNSQUEEZE, .handler = do_axes, .attrs = {HANDLED("axes", ATTR_INTS)}},
    {.type = "Upsample", .op = IR_ONNX_RESIZE, .handler = do_resize, .until = 9,
     .attrs = {TEXT_OR("mode", MODE, "nearest"), HANDLED("scales", ATTR_FLOATS)},
     .note = "nearest, by whole factors"},
    {.type = "Where", .op = IR_ONNX_WHERE,
     .note = "the condition must be constant, and on tensors all true or all false"},
    {.type = "Xor", .op = IR_ONNX_XOR, .note = "with constants only"},
};
// clang-format on

const size_t op_row_count = sizeof op_rows / sizeof *op_rows;

// `since` is not asked: an operator newer than the opset that the file declares has one meaning only, and exporters that
// convert a model to an older opset leave such operators behind.
const struct op_row *op_row_find(const Onnx__NodeProto *n, int64_t opset) {
    if (!onnx_domain_is_standard(n->domain)) return NULL;
    for (size_t i = 0; i < op_row_count; i++) {
        const struct op_row *row = &op_rows[i];
        if (strcmp(row->type, n->op_type) != 0) continue;
        return row->until == 0 || opset <= row->until ? row : NULL;
    }
    return NULL;
}
