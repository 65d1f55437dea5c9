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
    enum ir_dtype type = (enum ir_dtype)ir_attr_int(e->n, IR_KEY_TO, IR_I64);
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
    out->dtype = integer ? type : IR_F32;
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
    *out = (struct eval_tensor){
        .rank = 1, .dims = {n}, .count = (size_t)n, .dtype = e->in[0].dtype, .ints = ints};
    return true;
}

// An integer as one of another type: what does not fit keeps its low bits, as in ONNX.
static bool cast_int(struct ir_dim x, enum ir_dtype to, struct ir_dim *out) {
    *out = x;
    if (to == IR_BOOL) {
        int zero = dim_is(x, 0), more = dim_less(dim_const(0), x), less = dim_less(x, dim_const(0));
        *out = dim_const(!zero);
        return zero || more == 1 || less == 1;
    }
    if (eval_fits(x, to) || !dim_is_const(x)) return true;
    int64_t n = x.first;
    *out = dim_const(to == IR_I32 ? (int32_t)n : to == IR_U8 ? (uint8_t)n : to == IR_I8 ? (int8_t)n : n);
    return true;
}

static bool cast_float(double x, enum ir_dtype to, struct ir_dim *out) {
    if (to == IR_BOOL) {
        *out = dim_const(x != 0);
        return true;
    }
    if (!(fabs(x) < 9e18)) return false;
    *out = dim_const((int64_t)x);
    return eval_fits(*out, to);
}

static bool eval_cast(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t to = ir_attr_int(e->n, IR_KEY_TO, IR_F32);
    if (to < 0 || to >= IR_DTYPES) return false; // from text
    *out = *in;
    out->dtype = (enum ir_dtype)to;
    bool to_float = ir_dtype_is_float(out->dtype);
    if (to_float && in->floats != NULL) return true;
    struct ir_dim *ints = arena_array(e->scratch, in->count + 1, sizeof *ints);
    double *floats = arena_array(e->scratch, in->count + 1, sizeof *floats);
    for (size_t i = 0; i < in->count; i++) {
        if (to_float && !dim_is_const(in->ints[i])) return false;
        if (to_float) floats[i] = (double)in->ints[i].first;
        else if (in->ints != NULL ? !cast_int(in->ints[i], out->dtype, &ints[i])
                                  : !cast_float(in->floats[i], out->dtype, &ints[i]))
            return false;
    }
    out->ints = to_float ? NULL : ints;
    out->floats = to_float ? floats : NULL;
    return true;
}

// ---- dispatch

// Operators with operands that may be absent in front of others.
static bool may_be_absent(enum ir_op op, int index) {
    return index > 0 && (op == IR_ONNX_CLIP || op == IR_ONNX_PAD || op == IR_ONNX_SLICE);
}

static bool compute(struct eval *e, struct eval_tensor *out) {
    switch (e->n->op) {
    case IR_ONNX_TRANSPOSE: return eval_transpose(e, out);
    case IR_ONNX_SLICE: return eval_slice(e, out);
    case IR_ONNX_GATHER: return eval_gather(e, out);
    case IR_ONNX_GATHER_ELEMENTS: return eval_gather_elements(e, out);
    case IR_ONNX_GATHER_ND: return eval_gather_nd(e, out);
    case IR_ONNX_SCATTER_ND: return eval_scatter_nd(e, out);
    case IR_ONNX_RESHAPE: return eval_reshape(e, out);
    case IR_ONNX_FLATTEN: return eval_flatten(e, out);
    case IR_ONNX_SQUEEZE: return eval_squeeze(e, out);
    case IR_ONNX_UNSQUEEZE: return eval_unsqueeze(e, out);
    case IR_ONNX_EXPAND: return eval_expand(e, out);
    case IR_ONNX_TILE: return eval_tile(e, out);
    case IR_ONNX_PAD: return eval_pad(e, out);
    case IR_CONCAT: return eval_concat(e, out);
    case IR_ONNX_CONSTANT_OF_SHAPE: return eval_constant_of_shape(e, out);
    case IR_ONNX_RANGE: return eval_range(e, out);
    case IR_ONNX_CAST: return eval_cast(e, out);
    case IR_ONNX_REDUCE: return eval_reduce(e, out);
    case IR_ONNX_CLIP: return eval_clip(e, out);
    case IR_ONNX_WHERE: return eval_where(e, out);
    case IR_POW: return eval_pow(e, out);
    case IR_ONNX_IDENTITY: *out = e->in[0]; return true;
    default: return eval_elementwise(e, out);
    }
}

// The parts of a Split: slices, each with its own output.
static bool compute_parts(struct eval *e) {
    struct eval_tensor *parts = arena_array(e->scratch, (size_t)e->n->output_count, sizeof *parts);
    if (!eval_split(e, parts)) return false;
    for (int i = 0; i < e->n->output_count; i++) store(e, i, &parts[i]);
    return true;
}

static bool compute_one(struct eval *e) {
    struct eval_tensor out = {0};
    if (e->n->output_count != 1 || !compute(e, &out)) return false;
    store(e, 0, &out);
    return true;
}

static bool load_all(struct eval *e) {
    e->in = arena_array(e->scratch, (size_t)e->n->input_count + 1, sizeof *e->in);
    for (int i = 0; i < e->n->input_count; i++) {
        const struct ir_value *v = ir_in(e->n, i);
        bool absent = v == NULL && may_be_absent(e->n->op, i);
        if (!absent && (v == NULL || !load(e, v, &e->in[i]))) return false;
        e->in_count++;
    }
    return e->in_count >= 1;
}

bool eval_node(struct ir_node *n) {
    struct arena scratch = {0};
    struct eval e = {.n = n, .scratch = &scratch};
    bool ok = n->op != IR_RETURN && n->output_count > 0;
    if (ok && n->op == IR_ONNX_SHAPE) ok = eval_shape(&e);
    else if (ok && n->op == IR_ONNX_SIZE) ok = eval_size(&e);
    else if (ok) ok = load_all(&e) && (n->op == IR_ONNX_SPLIT ? compute_parts(&e) : compute_one(&e));
    arena_free(&scratch);
    return ok;
}
