// The operators on constants that compute each element from those of the operands at its place.
#include "passes/eval_tensor.h"

#include <math.h>
#include <stdlib.h>

// Whether an integer is one of this type. Lengths that depend on T are of no narrow type.
bool eval_fits(struct ir_dim x, enum ir_dtype dtype) {
    int64_t n = x.first;
    if (dtype == IR_I64 || !dim_is_const(x)) return true;
    if (dtype == IR_I32) return n >= INT32_MIN && n <= INT32_MAX;
    if (dtype == IR_U8) return n >= 0 && n <= UINT8_MAX;
    if (dtype == IR_I8) return n >= INT8_MIN && n <= INT8_MAX;
    return n == 0 || n == 1;
}

// ---- one element

static bool int_mod(const struct ir_node *n, struct ir_dim a, struct ir_dim b, struct ir_dim *r) {
    if (!dim_is_const(a) || !dim_is_const(b) || b.first == 0 || b.first == -1) return false;
    int64_t rest = a.first % b.first; // of the sign of a; without fmod that of b
    bool adjust = !ir_attr_int(n, IR_KEY_FMOD, 0) && rest != 0 && (rest < 0) != (b.first < 0);
    *r = dim_const(adjust ? rest + b.first : rest);
    return true;
}

static bool int_abs(struct ir_dim a, struct ir_dim *r) {
    if (!dim_is_const(a) || a.first == INT64_MIN) return false;
    *r = dim_const(llabs(a.first));
    return true;
}

bool eval_int_op(const struct ir_node *n, enum ir_op op, struct ir_dim a, struct ir_dim b, struct ir_dim *r) {
    int less = dim_less(a, b), more = dim_less(b, a);
    bool constant = dim_is_const(a) && dim_is_const(b);
    switch (op) {
    case IR_ADD: return dim_add(a, b, r);
    case IR_SUB: return dim_sub(a, b, r);
    case IR_MUL: return dim_mul(a, b, r);
    case IR_DIV: return dim_div(a, b, r);
    case IR_NEG: return dim_sub(dim_const(0), a, r);
    case IR_ABS: return int_abs(a, r);
    case IR_ONNX_SIGN: *r = dim_const((a.first > 0) - (a.first < 0)); return constant;
    case IR_ONNX_MOD: return int_mod(n, a, b, r);
    case IR_ONNX_EQUAL: *r = dim_const(dim_equal(a, b)); return dim_equal(a, b) || less == 1 || more == 1;
    case IR_ONNX_LESS: *r = dim_const(less == 1); return less >= 0;
    case IR_ONNX_GREATER_EQUAL: *r = dim_const(less == 0); return less >= 0;
    case IR_ONNX_GREATER: *r = dim_const(more == 1); return more >= 0;
    case IR_ONNX_LESS_EQUAL: *r = dim_const(more == 0); return more >= 0;
    case IR_ONNX_MIN: *r = less == 1 ? a : b; return less >= 0;
    case IR_ONNX_MAX: *r = less == 1 ? b : a; return less >= 0;
    case IR_ONNX_AND: *r = dim_const(a.first && b.first); return constant;
    case IR_ONNX_OR: *r = dim_const(a.first || b.first); return constant;
    case IR_ONNX_XOR: *r = dim_const(!a.first != !b.first); return constant;
    case IR_ONNX_NOT: *r = dim_const(!a.first); return constant;
    default: return false;
    }
}

static double float_mod(const struct ir_node *n, double a, double b) {
    double rest = fmod(a, b);
    bool adjust = !ir_attr_int(n, IR_KEY_FMOD, 0) && rest != 0 && (rest < 0) != (b < 0);
    if (rest == 0 && !ir_attr_int(n, IR_KEY_FMOD, 0)) return copysign(0, b);
    return adjust ? rest + b : rest;
}

static double least(double a, double b) { return isnan(a) || isnan(b) ? NAN : fmin(a, b); }
static double most(double a, double b) { return isnan(a) || isnan(b) ? NAN : fmax(a, b); }

static bool is_inf(const struct ir_node *n, double a) {
    return isinf(a) && ir_attr_int(n, a < 0 ? IR_KEY_NEGATIVE : IR_KEY_POSITIVE, 1);
}

static bool binary_float_op(const struct ir_node *n, double a, double b, double *r) {
    switch (n->op) {
    case IR_ADD: *r = a + b; return true;
    case IR_SUB: *r = a - b; return true;
    case IR_MUL: *r = a * b; return true;
    case IR_DIV: *r = a / b; return true;
    case IR_ONNX_MIN: *r = least(a, b); return true;
    case IR_ONNX_MAX: *r = most(a, b); return true;
    case IR_ONNX_MOD: *r = float_mod(n, a, b); return true;
    default: return false;
    }
}

static bool unary_float_op(const struct ir_node *n, double a, double *r) {
    switch (n->op) {
    case IR_SQRT: *r = sqrt(a); return true;
    case IR_NEG: *r = -a; return true;
    case IR_ABS: *r = fabs(a); return true;
    case IR_SIGMOID: *r = 1 / (1 + exp(-a)); return true;
    case IR_SILU: *r = a / (1 + exp(-a)); return true;
    case IR_ONNX_FLOOR: *r = floor(a); return true;
    case IR_ONNX_CEIL: *r = ceil(a); return true;
    case IR_ONNX_ROUND: *r = rint(a); return true; // halves to the even neighbour, as ONNX does
    case IR_ONNX_SIGN: *r = isnan(a) ? a : (a > 0) - (a < 0); return true;
    case IR_ONNX_EXP: *r = exp(a); return true;
    case IR_ONNX_LOG: *r = log(a); return true;
    case IR_ONNX_ERF: *r = erf(a); return true;
    case IR_ONNX_TANH: *r = tanh(a); return true;
    default: return false;
    }
}

// Questions about floats.
static bool float_truth(const struct ir_node *n, double a, double b, struct ir_dim *truth) {
    switch (n->op) {
    case IR_ONNX_EQUAL: *truth = dim_const(a == b); return true;
    case IR_ONNX_LESS: *truth = dim_const(a < b); return true;
    case IR_ONNX_LESS_EQUAL: *truth = dim_const(a <= b); return true;
    case IR_ONNX_GREATER: *truth = dim_const(a > b); return true;
    case IR_ONNX_GREATER_EQUAL: *truth = dim_const(a >= b); return true;
    case IR_ONNX_IS_INF: *truth = dim_const(is_inf(n, a)); return true;
    case IR_ONNX_IS_NAN: *truth = dim_const(isnan(a) != 0); return true;
    default: return false;
    }
}

static bool is_truth(enum ir_op op) {
    return op == IR_ONNX_EQUAL || op == IR_ONNX_LESS || op == IR_ONNX_LESS_EQUAL || op == IR_ONNX_GREATER ||
           op == IR_ONNX_GREATER_EQUAL || op == IR_ONNX_IS_INF || op == IR_ONNX_IS_NAN;
}

// ---- broadcasting

// Index of the element of `t` that meets output index x of a shape of rank `rank`.
static size_t broadcast_index(const struct eval_tensor *t, int rank, const int64_t *x) {
    size_t at = 0;
    for (int i = 0; i < t->rank; i++) {
        int64_t k = t->dims[i] == 1 ? 0 : x[i + rank - t->rank];
        at = at * (size_t)t->dims[i] + (size_t)k;
    }
    return at;
}

// The shape of all operands that are present, and room for the result's elements.
static bool broadcast_shape(const struct eval *e, struct eval_tensor *out) {
    out->rank = 0;
    for (int i = 0; i < e->in_count; i++) out->rank = e->in[i].rank > out->rank ? e->in[i].rank : out->rank;
    for (int d = 0; d < out->rank; d++) {
        out->dims[d] = 1;
        for (int i = 0; i < e->in_count; i++) {
            int k = d - (out->rank - e->in[i].rank);
            int64_t n = k < 0 ? 1 : e->in[i].dims[k];
            if (n != 1 && out->dims[d] != 1 && n != out->dims[d]) return false;
            if (n != 1) out->dims[d] = n;
        }
    }
    out->count = eval_count(out->rank, out->dims);
    return out->count <= EVAL_MAX_ELEMENTS;
}

// A tensor over the output shape, element by element: either *ints or *floats is filled.
static void spread(struct eval *e, const struct eval_tensor *t, const struct eval_tensor *shape,
                   struct ir_dim **ints, double **floats) {
    int64_t x[IR_MAX_RANK] = {0};
    eval_room(e, t, shape->count, ints, floats);
    for (size_t i = 0; i < shape->count; i++) {
        size_t at = broadcast_index(t, shape->rank, x);
        if (t->ints) (*ints)[i] = t->ints[at];
        else (*floats)[i] = t->floats[at];
        for (int d = shape->rank - 1; d >= 0 && ++x[d] == shape->dims[d]; d--) x[d] = 0;
    }
}

// ---- operators

// One operand of Max, or of a unary operator, meets itself.
bool eval_elementwise(struct eval *e, struct eval_tensor *out) {
    const struct ir_node *n = e->n;
    bool truth = is_truth(n->op), of_ints = e->in[0].ints != NULL;
    struct ir_dim *r, *other_ints;
    double *f, *other;
    if (!broadcast_shape(e, out)) return false;
    out->dtype = truth ? IR_BOOL : e->in[0].dtype;
    spread(e, &e->in[0], out, &r, &f);
    if (truth && !of_ints) r = arena_array(e->scratch, out->count + 1, sizeof *r);
    for (int k = e->in_count > 1; k < e->in_count; k++) {
        const struct eval_tensor *b = &e->in[k];
        if ((b->ints != NULL) != of_ints) return false;
        spread(e, b, out, &other_ints, &other);
        for (size_t i = 0; i < out->count; i++) {
            if (of_ints ? !eval_int_op(n, n->op, r[i], other_ints[i], &r[i])
                : truth ? !float_truth(n, f[i], other[i], &r[i])
                        : !binary_float_op(n, f[i], other[i], &f[i]) && !unary_float_op(n, f[i], &f[i]))
                return false;
            if (of_ints && !eval_fits(r[i], out->dtype)) return false;
        }
    }
    out->ints = of_ints || truth ? r : NULL;
    out->floats = of_ints || truth ? NULL : f;
    return true;
}

bool eval_where(struct eval *e, struct eval_tensor *out) {
    struct ir_dim *condition, *x_ints, *y_ints;
    double *none, *x, *y;
    bool of_ints = e->in[1].ints != NULL;
    if (e->in[0].ints == NULL || (e->in[2].ints != NULL) != of_ints || !broadcast_shape(e, out)) return false;
    spread(e, &e->in[0], out, &condition, &none);
    spread(e, &e->in[1], out, &x_ints, &x);
    spread(e, &e->in[2], out, &y_ints, &y);
    for (size_t i = 0; i < out->count; i++) {
        if (condition[i].first) continue;
        if (of_ints) x_ints[i] = y_ints[i];
        else x[i] = y[i];
    }
    out->dtype = e->in[1].dtype;
    out->ints = x_ints;
    out->floats = x;
    return true;
}

// The bounds are scalars; either may be absent. Where they cross, the upper one wins.
bool eval_clip(struct eval *e, struct eval_tensor *out) {
    bool of_ints = e->in[0].ints != NULL;
    *out = e->in[0];
    for (int k = 1; k < e->in_count; k++) {
        const struct eval_tensor *bound = &e->in[k];
        if (bound->ints == NULL && bound->floats == NULL) continue; // absent
        if (bound->count != 1 || (bound->ints != NULL) != of_ints) return false;
        struct ir_dim *r;
        double *f;
        spread(e, out, &e->in[0], &r, &f);
        for (size_t i = 0; i < out->count; i++) {
            enum ir_op op = k == 1 ? IR_ONNX_MAX : IR_ONNX_MIN;
            if (of_ints && !eval_int_op(e->n, op, r[i], bound->ints[0], &r[i])) return false;
            if (!of_ints) f[i] = k == 1 ? most(f[i], bound->floats[0]) : least(f[i], bound->floats[0]);
        }
        out->ints = r;
        out->floats = f;
    }
    return true;
}

// Either operand may be of integers; the result is of the type of the first.
bool eval_pow(struct eval *e, struct eval_tensor *out) {
    enum { LARGEST = 1ll << 52 }; // integers are computed as doubles
    struct ir_dim *ints[2];
    double *floats[2], v[2];
    if (e->in_count != 2 || !broadcast_shape(e, out)) return false;
    bool of_ints = e->in[0].ints != NULL;
    for (int k = 0; k < 2; k++) spread(e, &e->in[k], out, &ints[k], &floats[k]);
    for (size_t i = 0; i < out->count; i++) {
        for (int k = 0; k < 2; k++) {
            if (ints[k] != NULL && !dim_is_const(ints[k][i])) return false;
            v[k] = ints[k] != NULL ? (double)ints[k][i].first : floats[k][i];
        }
        double r = pow(v[0], v[1]);
        if (!of_ints) floats[0][i] = r;
        else if (!(fabs(r) < (double)LARGEST) || !eval_fits(dim_const((int64_t)r), e->in[0].dtype))
            return false;
        else ints[0][i] = dim_const((int64_t)r);
    }
    out->dtype = e->in[0].dtype;
    out->ints = ints[0];
    out->floats = floats[0];
    return true;
}
