// A small interpreter over constants, in pairs (ir/dim.h) for integers and doubles for floats.
//
// Exporters compute shapes inside the graph: Shape, Gather, Mul, Concat, Cast, Where ... All of that is known
// once the input's shape is, though it may contain T. Two kinds of operators cover it: those that move
// elements (each output element names its source element) and those that compute elementwise with
// broadcasting.
#include "passes/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ELEMENTS = 1 << 20 };

struct tensor {
    int rank;
    int64_t dims[IR_MAX_RANK];
    size_t count;
    enum ir_dtype dtype;
    const struct ir_dim *ints; // exactly one of these two
    const double *floats;
};

struct eval {
    struct ir_node *n;
    struct arena *scratch;
    struct tensor *in;
    int in_count;
};

static size_t count_of(int rank, const int64_t *dims) {
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || (dims[i] > 0 && count > MAX_ELEMENTS / (size_t)dims[i])) return MAX_ELEMENTS + 1;
        count *= (size_t)dims[i];
    }
    return count;
}

static bool load(struct eval *e, const struct ir_value *v, struct tensor *t) {
    const struct ir_constant *c = v->constant;
    if (c == NULL || c->count > MAX_ELEMENTS || (c->ints == NULL && c->data == NULL)) return false;
    *t = (struct tensor){.rank = v->type.rank, .dtype = v->type.dtype, .count = c->count, .ints = c->ints};
    for (int i = 0; i < t->rank; i++) t->dims[i] = v->type.dims[i].first;
    if (c->ints != NULL) return true;
    double *f = arena_array(e->scratch, c->count + 1, sizeof *f);
    for (size_t i = 0; i < c->count; i++) f[i] = ir_constant_float(c, i);
    t->floats = f;
    return true;
}

static void store(struct eval *e, int output, const struct tensor *t) {
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

// ---- operators that move elements

// Collects out[i] = in[source[i]].
static bool gather_elements(struct eval *e, const struct tensor *in, const size_t *source,
                            struct tensor *out) {
    out->dtype = in->dtype;
    out->count = count_of(out->rank, out->dims);
    if (out->count > MAX_ELEMENTS) return false;
    struct ir_dim *ints = in->ints ? arena_array(e->scratch, out->count + 1, sizeof *ints) : NULL;
    double *floats = in->ints ? NULL : arena_array(e->scratch, out->count + 1, sizeof *floats);
    for (size_t i = 0; i < out->count; i++) {
        size_t s = source ? source[i] : i;
        if (ints) ints[i] = in->ints[s];
        else floats[i] = in->floats[s];
    }
    out->ints = ints;
    out->floats = floats;
    return true;
}

static void strides_of(const struct tensor *t, size_t *strides) {
    size_t s = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        strides[i] = s;
        s *= (size_t)t->dims[i];
    }
}

// Walks the output shape; element at index x comes from base + sum x[i] * step[i] (steps may be negative or
// 0).
static bool strided(struct eval *e, const struct tensor *in, struct tensor *out, ptrdiff_t base,
                    const ptrdiff_t *step) {
    size_t count = count_of(out->rank, out->dims);
    if (count > MAX_ELEMENTS) return false;
    size_t *source = arena_array(e->scratch, count + 1, sizeof *source);
    int64_t x[IR_MAX_RANK] = {0};
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = base;
        for (int d = 0; d < out->rank; d++) at += (ptrdiff_t)x[d] * step[d];
        source[i] = (size_t)at;
        for (int d = out->rank - 1; d >= 0 && ++x[d] == out->dims[d]; d--) x[d] = 0;
    }
    return gather_elements(e, in, source, out);
}

static bool const_list(const struct tensor *t, int64_t *list, int most) {
    if (t->ints == NULL || t->count > (size_t)most) return false;
    for (size_t i = 0; i < t->count; i++) {
        if (!dim_is_const(t->ints[i])) return false;
        list[i] = t->ints[i].first;
    }
    return true;
}

static bool eval_transpose(struct eval *e, struct tensor *out) {
    const struct tensor *in = &e->in[0];
    int count;
    const int64_t *perm = ir_attr_ints(e->n, IR_KEY_PERM, &count);
    size_t strides[IR_MAX_RANK];
    ptrdiff_t step[IR_MAX_RANK];
    strides_of(in, strides);
    out->rank = in->rank;
    for (int i = 0; i < in->rank; i++) {
        int64_t p = count ? perm[i] : in->rank - 1 - i;
        if ((count && count != in->rank) || p < 0 || p >= in->rank) return false;
        out->dims[i] = in->dims[p];
        step[i] = (ptrdiff_t)strides[p];
    }
    return strided(e, in, out, 0, step);
}

static int64_t clamp64(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

static bool eval_slice(struct eval *e, struct tensor *out) {
    const struct tensor *in = &e->in[0];
    int64_t starts[8], ends[8], axes[8] = {0, 1, 2, 3, 4, 5, 6, 7}, steps[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (e->in_count < 3 || !const_list(&e->in[1], starts, 8) || !const_list(&e->in[2], ends, 8)) return false;
    for (int i = 2; i < e->in_count; i++) {
        if (e->in[i].count != e->in[1].count) return false;
    }
    if (e->in_count > 3 && !const_list(&e->in[3], axes, 8)) return false;
    if (e->in_count > 4 && !const_list(&e->in[4], steps, 8)) return false;
    size_t strides[IR_MAX_RANK];
    ptrdiff_t step[IR_MAX_RANK], base = 0;
    strides_of(in, strides);
    *out = *in;
    for (int i = 0; i < in->rank; i++) step[i] = (ptrdiff_t)strides[i];
    unsigned seen = 0;
    for (size_t k = 0; k < e->in[1].count; k++) {
        int64_t a = axes[k] < 0 ? axes[k] + in->rank : axes[k];
        if (a < 0 || a >= in->rank || steps[k] == 0 || steps[k] == INT64_MIN || (seen >> a & 1)) return false;
        seen |= 1u << a;
        steps[k] = clamp64(steps[k], -in->dims[a] - 1, in->dims[a] + 1); // longer ones take one element, too
        int64_t n = in->dims[a], s = starts[k], t = ends[k], low = steps[k] > 0 ? 0 : -1;
        int64_t high = steps[k] > 0 ? n : n - 1;
        s = clamp64(s < 0 ? s + n : s, steps[k] > 0 ? 0 : 0, high);
        t = clamp64(t < 0 ? (t < -n ? -1 + (steps[k] > 0) : t + n) : t, low, n);
        int64_t length =
            steps[k] > 0 ? (t - s + steps[k] - 1) / steps[k] : (s - t - steps[k] - 1) / -steps[k];
        out->dims[a] = length < 0 || n == 0 ? 0 : length;
        base += (ptrdiff_t)s * (ptrdiff_t)strides[a];
        step[a] = (ptrdiff_t)(steps[k] * (int64_t)strides[a]);
    }
    return strided(e, in, out, base, step);
}

static bool eval_gather(struct eval *e, struct tensor *out) {
    const struct tensor *in = &e->in[0], *index = &e->in[1];
    int64_t axis = ir_attr_int(e->n, IR_KEY_AXIS, 0), list[64];
    if (axis < 0) axis += in->rank;
    if (axis < 0 || axis >= in->rank || !const_list(index, list, 64) ||
        in->rank - 1 + index->rank > IR_MAX_RANK)
        return false;
    out->rank = 0;
    for (int i = 0; i < axis; i++) out->dims[out->rank++] = in->dims[i];
    for (int i = 0; i < index->rank; i++) out->dims[out->rank++] = index->dims[i];
    for (int i = (int)axis + 1; i < in->rank; i++) out->dims[out->rank++] = in->dims[i];
    size_t outer = count_of((int)axis, in->dims), n = 0, length = (size_t)in->dims[axis];
    size_t inner = count_of(in->rank - (int)axis - 1, in->dims + axis + 1);
    if (count_of(out->rank, out->dims) > MAX_ELEMENTS) return false;
    size_t *source = arena_array(e->scratch, outer * index->count * inner + 1, sizeof *source);
    for (size_t o = 0; o < outer; o++) {
        for (size_t k = 0; k < index->count; k++) {
            int64_t at = list[k] < 0 ? list[k] + in->dims[axis] : list[k];
            if (at < 0 || at >= in->dims[axis]) return false;
            for (size_t i = 0; i < inner; i++) source[n++] = (o * length + (size_t)at) * inner + i;
        }
    }
    return gather_elements(e, in, source, out);
}

static bool eval_reshape(struct eval *e, struct tensor *out) {
    const struct tensor *in = &e->in[0];
    int64_t shape[IR_MAX_RANK];
    if (!const_list(&e->in[1], shape, IR_MAX_RANK)) return false;
    int unknown = -1;
    size_t known = 1;
    out->rank = (int)e->in[1].count;
    for (int i = 0; i < out->rank; i++) {
        bool copy = shape[i] == 0 && !ir_attr_int(e->n, IR_KEY_ALLOWZERO, 0);
        out->dims[i] = copy && i < in->rank ? in->dims[i] : shape[i];
        if (shape[i] == -1) unknown = i;
        else known *= (size_t)out->dims[i];
    }
    if (unknown >= 0) out->dims[unknown] = known ? (int64_t)(in->count / known) : 0;
    return count_of(out->rank, out->dims) == in->count && gather_elements(e, in, NULL, out);
}

// Squeeze and unsqueeze: a mask of unit axes, counted in the longer of the two shapes.
static bool eval_unit_axes(struct eval *e, struct tensor *out, bool insert) {
    const struct tensor *in = &e->in[0];
    int64_t list[IR_MAX_RANK];
    int count = 0;
    const int64_t *axes = ir_attr_ints(e->n, IR_KEY_AXES, &count);
    if (e->in_count > 1) {
        if (!const_list(&e->in[1], list, IR_MAX_RANK)) return false;
        axes = list;
        count = (int)e->in[1].count;
    }
    int rank = in->rank + (insert ? count : 0);
    unsigned mask = 0;
    if (rank > IR_MAX_RANK) return false;
    for (int i = 0; i < count; i++) {
        int64_t a = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (a < 0 || a >= rank) return false;
        mask |= 1u << a;
    }
    if (!insert && count == 0) {
        for (int i = 0; i < rank; i++) mask |= (unsigned)(in->dims[i] == 1) << i;
    }
    out->rank = 0;
    for (int i = 0, k = 0; i < rank; i++) {
        bool unit = mask >> i & 1;
        if (insert && !unit && k >= in->rank) return false; // axes repeat
        if (!insert && unit && in->dims[i] != 1) return false;
        if (insert) out->dims[out->rank++] = unit ? 1 : in->dims[k++];
        else if (!unit) out->dims[out->rank++] = in->dims[i];
    }
    return gather_elements(e, in, NULL, out);
}

static bool eval_expand(struct eval *e, struct tensor *out) {
    const struct tensor *in = &e->in[0];
    int64_t shape[IR_MAX_RANK];
    if (!const_list(&e->in[1], shape, IR_MAX_RANK)) return false;
    int wanted = (int)e->in[1].count;
    size_t strides[IR_MAX_RANK];
    ptrdiff_t step[IR_MAX_RANK];
    strides_of(in, strides);
    out->rank = wanted > in->rank ? wanted : in->rank;
    for (int i = 0; i < out->rank; i++) {
        int a = i - (out->rank - in->rank), b = i - (out->rank - wanted);
        int64_t have = a >= 0 ? in->dims[a] : 1, want = b >= 0 ? shape[b] : 1;
        if (have != want && have != 1 && want != 1) return false;
        out->dims[i] = have == 1 ? want : have;
        step[i] = a >= 0 && have != 1 ? (ptrdiff_t)strides[a] : 0;
    }
    return strided(e, in, out, 0, step);
}

static bool eval_concat(struct eval *e, struct tensor *out) {
    int64_t axis = ir_attr_int(e->n, IR_KEY_AXIS, 0);
    *out = e->in[0];
    if (axis < 0) axis += out->rank;
    if (axis < 0 || axis >= out->rank) return false;
    for (int i = 1; i < e->in_count; i++) {
        if (e->in[i].rank != out->rank || (e->in[i].ints == NULL) != (out->ints == NULL)) return false;
        for (int d = 0; d < out->rank; d++) {
            if (d != axis && e->in[i].dims[d] != out->dims[d]) return false;
        }
        out->dims[axis] += e->in[i].dims[axis];
    }
    out->count = count_of(out->rank, out->dims);
    if (out->count > MAX_ELEMENTS) return false;
    struct ir_dim *ints = arena_array(e->scratch, out->count + 1, sizeof *ints);
    double *floats = arena_array(e->scratch, out->count + 1, sizeof *floats);
    size_t outer = count_of((int)axis, out->dims), n = 0;
    for (size_t o = 0; o < outer; o++) {
        for (int i = 0; i < e->in_count; i++) {
            size_t chunk = outer ? e->in[i].count / outer : 0;
            for (size_t k = 0; k < chunk; k++, n++) {
                if (out->ints) ints[n] = e->in[i].ints[o * chunk + k];
                else floats[n] = e->in[i].floats[o * chunk + k];
            }
        }
    }
    if (out->ints) out->ints = ints;
    else out->floats = floats;
    return n == out->count;
}

// ---- operators that make elements

static bool eval_shape(struct eval *e) {
    const struct ir_type *t = &ir_in(e->n, 0)->type;
    if (t->rank < 0) return false;
    int64_t start = ir_attr_int(e->n, IR_KEY_START, 0), end = ir_attr_int(e->n, IR_KEY_END, t->rank);
    start = clamp64(start < 0 ? start + t->rank : start, 0, t->rank);
    end = clamp64(end < 0 ? end + t->rank : end, start, t->rank);
    for (int64_t i = start; i < end; i++) {
        if (dim_is(t->dims[i], -1)) return false; // not known yet
    }
    struct tensor out = {.rank = 1,
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
    struct tensor out = {.count = 1, .dtype = IR_I64, .ints = &product};
    if (t->rank < 0) return false;
    store(e, 0, &out);
    return true;
}

static bool eval_constant_of_shape(struct eval *e, struct tensor *out) {
    const struct ir_attr *value = ir_attr_find(e->n, IR_KEY_VALUE);
    bool integer = value != NULL && value->kind == IR_ATTR_INT; // ONNX's default is the float 0
    if (!const_list(&e->in[0], out->dims, IR_MAX_RANK)) return false;
    out->rank = (int)e->in[0].count;
    out->count = count_of(out->rank, out->dims);
    if (out->count > MAX_ELEMENTS) return false;
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

static bool eval_range(struct eval *e, struct tensor *out) {
    int64_t v[3];
    for (int i = 0; i < 3; i++) {
        if (!const_list(&e->in[i], &v[i], 1) || e->in[i].count != 1) return false;
    }
    if (v[2] == 0) return false;
    int64_t n = v[2] > 0 ? (v[1] - v[0] + v[2] - 1) / v[2] : (v[0] - v[1] - v[2] - 1) / -v[2];
    if (n < 0) n = 0;
    if (n > MAX_ELEMENTS) return false;
    struct ir_dim *ints = arena_array(e->scratch, (size_t)n + 1, sizeof *ints);
    for (int64_t i = 0; i < n; i++) ints[i] = dim_const(v[0] + i * v[2]);
    *out = (struct tensor){.rank = 1, .dims = {n}, .count = (size_t)n, .dtype = IR_I64, .ints = ints};
    return true;
}

static bool eval_cast(struct eval *e, struct tensor *out) {
    const struct tensor *in = &e->in[0];
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
static size_t broadcast_index(const struct tensor *t, int rank, const int64_t *x) {
    size_t at = 0;
    for (int i = 0; i < t->rank; i++) {
        int64_t k = t->dims[i] == 1 ? 0 : x[i + rank - t->rank];
        at = at * (size_t)t->dims[i] + (size_t)k;
    }
    return at;
}

static bool broadcast_shape(const struct eval *e, struct tensor *out) {
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
    out->count = count_of(out->rank, out->dims);
    return out->count <= MAX_ELEMENTS;
}

static bool eval_elementwise(struct eval *e, struct tensor *out) {
    enum ir_op op = e->n->op;
    const struct tensor *a = &e->in[0], *b = &e->in[e->in_count > 1 ? 1 : 0];
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
static bool eval_reduce(struct eval *e, struct tensor *out) {
    const struct tensor *in = &e->in[0];
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
    *out = (struct tensor){.rank = (int)ir_attr_int(e->n, IR_KEY_KEEPDIMS, 1) && in->rank,
                           .dims = {1},
                           .count = 1,
                           .dtype = in->dtype,
                           .ints = r};
    return true;
}

// ---- dispatch

static bool compute(struct eval *e, struct tensor *out) {
    switch (e->n->op) {
    case IR_ONNX_TRANSPOSE: return eval_transpose(e, out);
    case IR_ONNX_SLICE: return eval_slice(e, out);
    case IR_ONNX_GATHER: return eval_gather(e, out);
    case IR_ONNX_RESHAPE: return eval_reshape(e, out);
    case IR_ONNX_SQUEEZE: return eval_unit_axes(e, out, false);
    case IR_ONNX_UNSQUEEZE: return eval_unit_axes(e, out, true);
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
        struct tensor out = {0};
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
