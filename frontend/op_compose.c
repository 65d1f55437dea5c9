// Operators that the IR expresses by others, which the import makes instead: Gemm is a product and a sum, a mean of
// tensors is their sum divided by their number. No pass has to know them then.
#include "frontend/op_table.h"

#include <string.h>

static struct error *err_of(const struct op *o) { return o->scope->im->err; }

// A new node in front of the operator's own, with its name.
static struct ir_node *before(struct op *o, enum ir_op op, int count, struct ir_value *const *inputs) {
    struct ir_node *n = ir_node_new(o->scope->block, o->node, op, "v", count, inputs, 1);
    n->name = o->node->name;
    return n;
}

static struct ir_value *binary_before(struct op *o, enum ir_op op, struct ir_value *a, struct ir_value *b) {
    struct ir_value *inputs[] = {a, b};
    return ir_out(before(o, op, 2, inputs));
}

// The operator's own node becomes `op` on these operands.
static bool become(struct op *o, enum ir_op op, int count, struct ir_value *const *inputs) {
    struct ir_node *n = o->node;
    n->op = op;
    while (n->input_count > count) ir_node_drop_input(n, n->input_count - 1);
    while (n->input_count < count) ir_node_add_input(n, NULL);
    for (int i = 0; i < count; i++) ir_node_set_input(n, i, inputs[i]);
    return true;
}

static bool become_binary(struct op *o, enum ir_op op, struct ir_value *a, struct ir_value *b) {
    struct ir_value *inputs[] = {a, b};
    return become(o, op, 2, inputs);
}

static struct ir_value *scalar(struct op *o, const char *what, double value) {
    float f = (float)value;
    return constant_of_floats(o->scope->im, op_constant_name(o, what), true, 1, &f);
}

static double float_attr(const struct op *o, const char *name, double otherwise) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, name);
    return a != NULL ? a->f : otherwise;
}

static int64_t int_attr(const struct op *o, const char *name, int64_t otherwise) {
    const Onnx__AttributeProto *a = attr_find(o->onnx, name);
    return a != NULL ? a->i : otherwise;
}

static bool need_operands(const struct op *o, int count) {
    for (int i = 0; i < count; i++) {
        if (ir_in(o->node, i) == NULL)
            return error_set(err_of(o), ERROR_INPUT, "its operand %d is absent", i);
    }
    return true;
}

// ---- sums

// All operands but the last, added up; NULL if there is only one.
static struct ir_value *add_all_but_last(struct op *o) {
    struct ir_value *sum = o->node->input_count > 1 ? ir_in(o->node, 0) : NULL;
    for (int i = 1; i < o->node->input_count - 1; i++) sum = binary_before(o, IR_ADD, sum, ir_in(o->node, i));
    return sum;
}

bool do_sum(struct op *o) {
    int count = o->node->input_count;
    if (!need_operands(o, count > 0 ? count : 1)) return false;
    struct ir_value *last = ir_in(o->node, count - 1), *sum = add_all_but_last(o);
    return sum != NULL ? become_binary(o, IR_ADD, sum, last) : become(o, IR_ONNX_IDENTITY, 1, &last);
}

bool do_mean(struct op *o) {
    int count = o->node->input_count;
    if (count < 2) return do_sum(o);
    if (!need_operands(o, count)) return false;
    struct ir_value *sum = binary_before(o, IR_ADD, add_all_but_last(o), ir_in(o->node, count - 1));
    return become_binary(o, IR_DIV, sum, scalar(o, "count", count));
}

bool do_reciprocal(struct op *o) {
    return need_operands(o, 1) && become_binary(o, IR_DIV, scalar(o, "one", 1), ir_in(o->node, 0));
}

bool do_relu(struct op *o) {
    return need_operands(o, 1) && become_binary(o, IR_ONNX_MAX, ir_in(o->node, 0), scalar(o, "zero", 0));
}

// x * sigmoid(alpha * x)
bool do_swish(struct op *o) {
    double alpha = float_attr(o, "alpha", 1);
    if (alpha == 1) return true;
    if (!need_operands(o, 1)) return false;
    struct ir_value *x = ir_in(o->node, 0), *scaled = binary_before(o, IR_MUL, x, scalar(o, "alpha", alpha));
    return become_binary(o, IR_MUL, x, ir_out(before(o, IR_SIGMOID, 1, &scaled)));
}

// ---- products

// alpha * A' B' + beta * C
bool do_gemm(struct op *o) {
    if (!need_operands(o, 2)) return false;
    double alpha = float_attr(o, "alpha", 1), beta = float_attr(o, "beta", 1);
    struct ir_value *a = ir_in(o->node, 0), *b = ir_in(o->node, 1), *c = ir_in(o->node, 2);
    if (int_attr(o, "transA", 0)) a = ir_out(before(o, IR_ONNX_TRANSPOSE, 1, &a));
    if (int_attr(o, "transB", 0)) b = ir_out(before(o, IR_ONNX_TRANSPOSE, 1, &b));
    if (beta == 0) c = NULL;
    if (c == NULL && alpha == 1) return become_binary(o, IR_MATMUL, a, b);
    struct ir_value *product = binary_before(o, IR_MATMUL, a, b);
    if (c == NULL) return become_binary(o, IR_MUL, product, scalar(o, "alpha", alpha));
    if (alpha != 1) product = binary_before(o, IR_MUL, product, scalar(o, "alpha", alpha));
    if (beta != 1) c = binary_before(o, IR_MUL, c, scalar(o, "beta", beta));
    return become_binary(o, IR_ADD, product, c);
}

bool do_attention(struct op *o) {
    for (int i = 3; i < o->node->input_count; i++) {
        if (ir_in(o->node, i) != NULL) {
            return error_set(err_of(o), ERROR_UNSUPPORTED, "attention with %s is not supported",
                             i == 3 ? "a mask" : "earlier keys or values");
        }
    }
    return true;
}

// ---- norms

// x / ||x||, and 0 where the norm is 0. The square of a float that is not 0 is 0 or at least 1e-45 in fp32, so no other
// norm is below 1e-30; and a scale divided by 1e-30 is still a float.
bool do_lp_normalization(struct op *o) {
    int64_t p = int_attr(o, "p", 2), axis = int_attr(o, "axis", -1);
    if (p != 1 && p != 2)
        return error_set(err_of(o), ERROR_UNSUPPORTED, "p is %lld, not 1 or 2", (long long)p);
    if (!need_operands(o, 1)) return false;
    struct ir_value *x = ir_in(o->node, 0);
    struct ir_value *axes = constant_of_ints(o->scope->im, op_constant_name(o, "axis"), false, 1, &axis);
    if (axes == NULL) return false;
    struct ir_node *norm = before(o, IR_ONNX_REDUCE, 2, (struct ir_value *[]){x, axes});
    ir_attr_set_string(norm, IR_KEY_KIND, p == 1 ? "l1" : "l2");
    ir_attr_set_int(norm, IR_KEY_KEEPDIMS, 1);
    struct ir_value *length = binary_before(o, IR_ONNX_CLIP, ir_out(norm), scalar(o, "smallest", 1e-30));
    return become_binary(o, IR_DIV, x, length);
}

bool do_rms_normalization(struct op *o) {
    if (attr_find(o->onnx, "epsilon") == NULL) ir_attr_set_float(o->node, IR_KEY_EPSILON, 1e-5f);
    return true;
}
