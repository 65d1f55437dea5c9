// A small interpreter over constants, in pairs (ir/dim.h) for integers and doubles for floats.
//
// Exporters compute shapes inside the graph: Shape, Gather, Mul, Concat, Cast, Where ... All of that is known
// once the input's shape is, though it may contain T. Two kinds of operators cover it: those that move
// elements (each output element names its source element) and those that compute elementwise with
// broadcasting.
#include "passes/eval.h"

#include "passes/eval_tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t eval_count(int rank, const int64_t *dims) {
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || (dims[i] > 0 && count > EVAL_MAX_ELEMENTS / (size_t)dims[i]))
            return EVAL_MAX_ELEMENTS + 1;
        count *= (size_t)dims[i];
    }
    return count;
}

bool eval_const_list(const struct eval_tensor *t, int64_t *list, int most) {
    if (t->ints == NULL || t->count > (size_t)most) return false;
    for (size_t i = 0; i < t->count; i++) {
        if (!dim_is_const(t->ints[i])) return false;
        list[i] = t->ints[i].first;
    }
    return true;
}

static bool load(struct eval *e, const struct ir_value *v, struct eval_tensor *t) {
    const struct ir_constant *c = v->constant;
    if (c == NULL || c->count > EVAL_MAX_ELEMENTS || (c->ints == NULL && c->data == NULL)) return false;
    *t = (struct eval_tensor){
        .rank = v->type.rank, .dtype = v->type.dtype, .count = c->count, .ints = c->ints};
    for (int i = 0; i < t->rank; i++) t->dims[i] = v->type.dims[i].first;
    if (c->ints != NULL) return true;
    double *f = arena_array(e->scratch, c->count + 1, sizeof *f);
    for (size_t i = 0; i < c->count; i++) f[i] = ir_constant_float(c, i);
    t->floats = f;
    return true;
}

static void store(struct eval *e, int output, const struct eval_tensor *t) {
    struct ir_module *m = e->n->block->graph->module;
    struct ir_dim dims[IR_MAX_RANK];
    struct ir_value *v;
    for (int i = 0; i < t->rank; i++) dims[i] = dim_const(t->dims[i]);
    if (t->ints != NULL)
        v = ir_constant_ints(m, e->n->outputs[output]->name, t->dtype, t->rank, dims, t->ints);
    else {
        float *f = arena_array(e->scratch, t->count + 1, sizeof *f);
        for (size_t i = 0; i < t->count; i++) f[i] = (float)t->floats[i];
        v = ir_constant_floats(m, e->n->outputs[output]->name, t->rank, dims, f);
    }
    ir_replace_uses(e->n->outputs[output], v);
}

// ---- operators that make elements

static bool eval_shape(struct eval *e) {
    const struct ir_type *t = &ir_in(e->n, 0)->type;
    if (t->rank < 0) return false;
    int64_t start = ir_attr_int(e->n, IR_KEY_START, 0), end = ir_attr_int(e->n, IR_KEY_END, t->rank);
    start = eval_clamp(start < 0 ? start + t->rank : start, 0, t->rank);
    end = eval_clamp(end < 0 ? end + t->rank : end, start, t->rank);
    for (int64_t i = start; i < end; i++) {
        if (dim_is(t->dims[i], -1)) return false; // not known yet
    }
    struct eval_tensor out = {.rank = 1,
                              .dims = {end - start},
                              .count = (size_t)(end - start),
                              .dtype = IR_I64,
                              .ints = t->dims + start};
    store(e, 0, &out);
    return true;
}

static bool eval_size(struct eval *e) {
    const struct ir_type *t = &ir_in(e->n, 0)->type;
    struct ir_dim product = dim_const(1);
    for (int i = 0; i < t->rank; i++) {
        if (dim_is(t->dims[i], -1) || !dim_mul(product, t->dims[i], &product)) return false;
    }
    struct eval_tensor out = {.count = 1, .dtype = IR_I64, .ints = &product};
    if (t->rank < 0) return false;
    store(e, 0, &out);
    return true;
}

static bool eval_constant_of_shape(struct eval *e, struct eval_tensor *out) {
    const struct ir_attr *value = ir_attr_find(e->n, IR_KEY_VALUE);
    bool integer = value != NULL && value->kind == IR_ATTR_INT; // ONNX's default is the float 0
    if (!eval_const_list(&e->in[0], out->dims, IR_MAX_RANK)) return false;
    out->rank = (int)e->in[0].count;
    out->count = eval_count(out->rank, out->dims);
    if (out->count > EVAL_MAX_ELEMENTS) return false;
    struct ir_dim *ints = arena_array(e->scratch, out->count + 1, sizeof *ints);
    double *floats = arena_array(e->scratch, out->count + 1, sizeof *floats);
    for (size_t i = 0; i < out->count; i++) {
        if (integer) ints[i] = dim_const(value->i);
        else floats[i] = value ? value->f : 0;
    }
    out->dtype = integer ? IR_I64 : IR_F32;
    if (integer) out->ints = ints;
    else out->floats = floats;
    return true;
}

static bool eval_float_range(struct eval *e, struct eval_tensor *out) {
    double v[3];
    for (int i = 0; i < 3; i++) {
        if (e->in[i].floats == NULL || e->in[i].count != 1) return false;
        v[i] = e->in[i].floats[0];
    }
    double n = ceil((v[1] - v[0]) / v[2]);
    if (v[2] == 0 || !(n <= EVAL_MAX_ELEMENTS)) return false;
    size_t count = n > 0 ? (size_t)n : 0;
    double *floats = arena_array(e->scratch, count + 1, sizeof *floats);
    for (size_t i = 0; i < count; i++) floats[i] = v[0] + (double)i * v[2];
    *out = (struct eval_tensor){
        .rank = 1, .dims = {(int64_t)count}, .count = count, .dtype = IR_F32, .floats = floats};
    return true;
}

static bool eval_range(struct eval *e, struct eval_tensor *out) {
    if (e->in[0].floats != NULL) return eval_float_range(e, out);
    int64_t v[3];
    for (int i = 0; i < 3; i++) {
        if (!eval_const_list(&e->in[i], &v[i], 1) || e->in[i].count != 1) return false;
    }
    if (v[2] == 0) return false;
    for (int i = 0; i < 3; i++) {
        if (v[i] > (1ll << 40) || v[i] < -(1ll << 40))
            return false; // no length is so large, and nothing overflows
    }
    int64_t n = v[2] > 0 ? (v[1] - v[0] + v[2] - 1) / v[2] : (v[0] - v[1] - v[2] - 1) / -v[2];
    if (n < 0) n = 0;
    if (n > EVAL_MAX_ELEMENTS) return false;
    struct ir_dim *ints = arena_array(e->scratch, (size_t)n + 1, sizeof *ints);
    for (int64_t i = 0; i < n; i++) ints[i] = dim_const(v[0] + i * v[2]);
    *out = (struct eval_tensor){.rank = 1, .dims = {n}, .count = (size_t)n, .dtype = IR_I64, .ints = ints};
    return true;
}

static bool eval_cast(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t to = ir_attr_int(e->n, IR_KEY_TO, IR_F32);
    *out = *in;
    out->dtype = (enum ir_dtype)to;
    bool to_float = ir_dtype_is_float(out->dtype);
    if (to_float == (in->floats != NULL)) return true;
    struct ir_dim *ints = arena_array(e->scratch, in->count + 1, sizeof *ints);
    double *floats = arena_array(e->scratch, in->count + 1, sizeof *floats);
    for (size_t i = 0; i < in->count; i++) {
        if (to_float && !dim_is_const(in->ints[i])) return false;
        if (to_float) floats[i] = (double)in->ints[i].first;
        else if (!(fabs(in->floats[i]) < 9e18)) return false;
        else ints[i] = dim_const(to == IR_BOOL ? in->floats[i] != 0 : (int64_t)in->floats[i]);
    }
    out->ints = to_float ? NULL : ints;
    out->floats = to_float ? floats : NULL;
    return true;
}

// ---- elementwise

static bool int_op(enum ir_op op, struct ir_dim a, struct ir_dim b, struct ir_dim *r) {
    int less = dim_less(a, b), more = dim_less(b, a);
    switch (op) {
    case IR_ADD: return dim_add(a, b, r);
    case IR_SUB: return dim_sub(a, b, r);
    case IR_MUL: return dim_mul(a, b, r);
    case IR_DIV: return dim_div(a, b, r);
    case IR_NEG: return dim_sub(dim_const(0), a, r);
    case IR_ABS:
        if (!dim_is_const(a) || a.first == INT64_MIN) return false;
        *r = dim_const(llabs(a.first));
        return true;
    case IR_ONNX_MOD:
        if (!dim_is_const(a) || !dim_is_const(b) || b.first == 0 || b.first == -1) return false;
        *r = dim_const((a.first % b.first + b.first) % b.first);
        return true;
    case IR_ONNX_EQUAL: *r = dim_const(dim_equal(a, b)); return dim_equal(a, b) || less == 1 || more == 1;
    case IR_ONNX_LESS: *r = dim_const(less == 1); return less >= 0;
    case IR_ONNX_GREATER_EQUAL: *r = dim_const(less == 0); return less >= 0;
    case IR_ONNX_GREATER: *r = dim_const(more == 1); return more >= 0;
    case IR_ONNX_LESS_EQUAL: *r = dim_const(more == 0); return more >= 0;
    case IR_ONNX_MIN: *r = less == 1 ? a : b; return less >= 0;
    case IR_ONNX_MAX: *r = less == 1 ? b : a; return less >= 0;
    case IR_ONNX_AND: *r = dim_const(a.first && b.first); return dim_is_const(a) && dim_is_const(b);
    case IR_ONNX_OR: *r = dim_const(a.first || b.first); return dim_is_const(a) && dim_is_const(b);
    case IR_ONNX_NOT: *r = dim_const(!a.first); return dim_is_const(a);
    default: return false;
    }
}

// Results of comparisons go to *truth, others to *r.
static bool float_op(enum ir_op op, double a, double b, double *r, struct ir_dim *truth) {
    switch (op) {
    case IR_ADD: *r = a + b; return true;
    case IR_SUB: *r = a - b; return true;
    case IR_MUL: *r = a * b; return true;
    case IR_DIV: *r = a / b; return true;
    case IR_POW: *r = pow(a, b); return true;
    case IR_SQRT: *r = sqrt(a); return true;
    case IR_NEG: *r = -a; return true;
    case IR_ABS: *r = fabs(a); return true;
    case IR_ONNX_FLOOR: *r = floor(a); return true;
    case IR_ONNX_CEIL: *r = ceil(a); return true;
    case IR_ONNX_MIN: *r = fmin(a, b); return true;
    case IR_ONNX_MAX: *r = fmax(a, b); return true;
    case IR_ONNX_EQUAL: *truth = dim_const(a == b); return true;
    case IR_ONNX_LESS: *truth = dim_const(a < b); return true;
    case IR_ONNX_LESS_EQUAL: *truth = dim_const(a <= b); return true;
    case IR_ONNX_GREATER: *truth = dim_const(a > b); return true;
    case IR_ONNX_GREATER_EQUAL: *truth = dim_const(a >= b); return true;
    default: return false;
    }
}

static bool is_comparison(enum ir_op op) {
    return op == IR_ONNX_EQUAL || op == IR_ONNX_LESS || op == IR_ONNX_LESS_EQUAL || op == IR_ONNX_GREATER ||
           op == IR_ONNX_GREATER_EQUAL;
}

// Index of the element of `t` that meets output index x of a shape of rank `rank`.
static size_t broadcast_index(const struct eval_tensor *t, int rank, const int64_t *x) {
    size_t at = 0;
    for (int i = 0; i < t->rank; i++) {
        int64_t k = t->dims[i] == 1 ? 0 : x[i + rank - t->rank];
        at = at * (size_t)t->dims[i] + (size_t)k;
    }
    return at;
}

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

static bool eval_elementwise(struct eval *e, struct eval_tensor *out) {
    enum ir_op op = e->n->op;
    const struct eval_tensor *a = &e->in[0], *b = &e->in[e->in_count > 1 ? 1 : 0];
    bool ints = a->ints != NULL, where = op == IR_ONNX_WHERE;
    if (where) a = &e->in[1], b = &e->in[2], ints = a->ints != NULL;
    if ((b->ints != NULL) != ints || e->in_count > 2 + where || (where && e->in[0].ints == NULL) ||
        !broadcast_shape(e, out))
        return false;
    struct ir_dim *r = arena_array(e->scratch, out->count + 1, sizeof *r);
    double *f = arena_array(e->scratch, out->count + 1, sizeof *f);
    int64_t x[IR_MAX_RANK] = {0};
    for (size_t i = 0; i < out->count; i++) {
        size_t ia = broadcast_index(a, out->rank, x), ib = broadcast_index(b, out->rank, x);
        if (where) {
            struct ir_dim c = e->in[0].ints[broadcast_index(&e->in[0], out->rank, x)];
            if (ints) r[i] = c.first ? a->ints[ia] : b->ints[ib];
            else f[i] = c.first ? a->floats[ia] : b->floats[ib];
        } else if (ints ? !int_op(op, a->ints[ia], b->ints[ib], &r[i])
                        : !float_op(op, a->floats[ia], b->floats[ib], &f[i], &r[i]))
            return false;
        for (int d = out->rank - 1; d >= 0 && ++x[d] == out->dims[d]; d--) x[d] = 0;
    }
    bool truth = is_comparison(op);
    out->dtype = truth ? IR_BOOL : a->dtype;
    if (ints || truth) out->ints = r;
    else out->floats = f;
    return true;
}

// Reductions of a whole integer list: the number of elements of a shape, mostly.
static bool eval_reduce(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    const char *kind = ir_attr_string(e->n, IR_KEY_KIND, "");
    if (in->ints == NULL || in->rank > 1 || in->count == 0) return false;
    enum ir_op op = strcmp(kind, "prod") == 0  ? IR_MUL
                    : strcmp(kind, "sum") == 0 ? IR_ADD
                    : strcmp(kind, "max") == 0 ? IR_ONNX_MAX
                    : strcmp(kind, "min") == 0 ? IR_ONNX_MIN
                                               : IR_RETURN;
    struct ir_dim *r = arena_alloc(e->scratch, sizeof *r);
    *r = in->ints[0];
    for (size_t i = 1; i < in->count; i++) {
        if (!int_op(op, *r, in->ints[i], r)) return false;
    }
    if (op == IR_RETURN) return false;
    *out = (struct eval_tensor){.rank = (int)ir_attr_int(e->n, IR_KEY_KEEPDIMS, 1) && in->rank,
                                .dims = {1},
                                .count = 1,
                                .dtype = in->dtype,
                                .ints = r};
    return true;
}

// ---- dispatch

static bool compute(struct eval *e, struct eval_tensor *out) {
    switch (e->n->op) {
    case IR_ONNX_TRANSPOSE: return eval_transpose(e, out);
    case IR_ONNX_SLICE: return eval_slice(e, out);
    case IR_ONNX_GATHER: return eval_gather(e, out);
    case IR_ONNX_RESHAPE: return eval_reshape(e, out);
    case IR_ONNX_SQUEEZE: return eval_squeeze(e, out);
    case IR_ONNX_UNSQUEEZE: return eval_unsqueeze(e, out);
    case IR_ONNX_EXPAND: return eval_expand(e, out);
    case IR_CONCAT: return eval_concat(e, out);
    case IR_ONNX_CONSTANT_OF_SHAPE: return eval_constant_of_shape(e, out);
    case IR_ONNX_RANGE: return eval_range(e, out);
    case IR_ONNX_CAST: return eval_cast(e, out);
    case IR_ONNX_REDUCE: return eval_reduce(e, out);
    case IR_ONNX_IDENTITY: *out = e->in[0]; return true;
    default: return eval_elementwise(e, out);
    }
}

bool eval_node(struct ir_node *n) {
    struct arena scratch = {0};
    struct eval e = {.n = n, .scratch = &scratch};
    bool ok = n->output_count == 1 && n->op != IR_RETURN;
    if (ok && n->op == IR_ONNX_SHAPE) ok = eval_shape(&e);
    else if (ok && n->op == IR_ONNX_SIZE) ok = eval_size(&e);
    else if (ok) {
        struct eval_tensor out = {0};
        ok = n->input_count >= 1;
        e.in = arena_array(&scratch, (size_t)n->input_count + 1, sizeof *e.in);
        for (int i = 0; ok && i < n->input_count; i++) {
            ok = ir_in(n, i) != NULL && load(&e, ir_in(n, i), &e.in[e.in_count++]);
        }
        ok = ok && compute(&e, &out);
        if (ok) store(&e, 0, &out);
    }
    arena_free(&scratch);
    return ok;
}
