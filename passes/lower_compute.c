// ONNX operators that compute and have no operator of their own in the IR: they become several, or one that only fits a case
// of theirs. Minimum and maximum with a constant are a clamp, a power of two is a product, and attention is spelt as exporters
// spell it where they have no operator for it, which recognise_attention then finds.
#include "passes/lower.h"
#include "passes/match.h"

#include <math.h>
#include <string.h>

static struct ir_value *scalar(const struct ir_node *n, double value) {
    float f = (float)value;
    return ir_constant_floats(n->block->graph->module, "scalar", 0, NULL, &f);
}

// Replaces the node by `with`, if it could be made.
static bool finish(struct ir_node *n, struct ir_value *with, struct error *err) {
    if (with == NULL) return lower_refuse(n, err, "its operands do not fit");
    lower_replace(n, with);
    return true;
}

// Whether a constant of one value can be dropped from an elementwise operator: it must not make x larger.
static bool spreads_over(const struct ir_type *constant, const struct ir_type *x) {
    bool fits = constant->rank <= x->rank;
    for (int i = 0; fits && i < constant->rank; i++) {
        struct ir_dim d = constant->dims[i];
        fits = dim_is(d, 1) || dim_equal(d, x->dims[i + x->rank - constant->rank]);
    }
    return fits;
}

// ---- elementwise

// One tensor, and constants that are bounds.
bool lower_min_max(struct ir_node *n, struct error *err) {
    struct ir_value *x = NULL;
    double bound = NAN, value;
    for (int i = 0; i < n->input_count; i++) {
        struct ir_value *v = ir_in(n, i);
        if (match_splat(v, &value)) {
            bound = isnan(bound) ? value : n->op == IR_ONNX_MIN ? fmin(bound, value) : fmax(bound, value);
        } else if (x == NULL) x = v;
        else return lower_refuse(n, err, "it is only supported on one tensor and constants with one value");
    }
    if (x == NULL || x->type.rank < 0 || !ir_dtype_is_float(x->type.dtype)) {
        return lower_refuse(n, err, "it is only supported on a tensor of floats and constants");
    }
    for (int i = 0; i < n->input_count; i++) {
        if (!spreads_over(&ir_in(n, i)->type, &x->type))
            return lower_refuse(n, err, "a constant enlarges its tensor");
    }
    if (isnan(bound)) return finish(n, x, err);
    struct ir_node *c = ir_insert(n, IR_CLAMP, 1, &x);
    ir_attr_set_float(c, IR_KEY_MIN, n->op == IR_ONNX_MAX ? bound : -INFINITY);
    ir_attr_set_float(c, IR_KEY_MAX, n->op == IR_ONNX_MIN ? bound : INFINITY);
    return ir_infer_node(c, err) && finish(n, ir_out(c), err);
}

// The shape that all operands broadcast to, whichever axis time is.
static bool broadcast_shape(const struct ir_node *n, struct ir_type *shape) {
    *shape = ir_in(n, 0)->type;
    shape->time_axis = -1;
    for (int i = 1; i < n->input_count; i++) {
        struct ir_type next = ir_in(n, i)->type, all;
        next.time_axis = -1;
        if (!ir_broadcast(shape, &next, &all)) return false;
        *shape = all;
    }
    return true;
}

// A condition that is the same everywhere picks an operand.
bool lower_where(struct ir_node *n, struct error *err) {
    const struct ir_value *condition = ir_in(n, 0);
    struct ir_type shape;
    if (!ir_is_int_constant(condition) || condition->constant->count == 0)
        return lower_refuse(n, err, "its condition is not known when compiling");
    const struct ir_dim *ints = condition->constant->ints;
    for (size_t i = 1; i < condition->constant->count; i++) {
        if (!ints[i].first != !ints[0].first)
            return lower_refuse(n, err, "its condition picks from both tensors");
    }
    if (!broadcast_shape(n, &shape)) return lower_refuse(n, err, "its operands do not broadcast");
    return lower_expand_to(n, ir_in(n, ints[0].first ? 1 : 2), shape.rank, shape.dims, err);
}

// The exponent, as floats: ONNX allows integers.
static bool float_exponent(struct ir_node *n) {
    const struct ir_value *v = ir_in(n, 1);
    if (!ir_is_int_constant(v) || v->constant->count > 4096) return true;
    struct arena scratch = {0};
    float *values = arena_array(&scratch, v->constant->count + 1, sizeof *values);
    bool constant = true;
    for (size_t i = 0; i < v->constant->count; i++) {
        values[i] = (float)v->constant->ints[i].first;
        constant = constant && dim_is_const(v->constant->ints[i]);
    }
    struct ir_module *m = n->block->graph->module;
    if (constant) ir_node_set_input(n, 1, ir_constant_floats(m, v->name, v->type.rank, v->type.dims, values));
    arena_free(&scratch);
    return constant;
}

bool lower_pow(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    double exponent;
    if (!float_exponent(n)) return lower_refuse(n, err, "its exponent depends on the number of frames");
    bool plain = match_splat(ir_in(n, 1), &exponent) && spreads_over(&ir_in(n, 1)->type, &x->type) &&
                 ir_dtype_is_float(x->type.dtype);
    if (plain && exponent == 1) return finish(n, x, err);
    if (plain && exponent == 2) return finish(n, lower_insert(n, IR_MUL, x, x), err);
    if (plain && exponent == 0.5) return finish(n, lower_insert(n, IR_SQRT, x, NULL), err);
    return ir_infer_node(n, err);
}

// ---- products

// Vectors are matrices of one row or one column, whose axis goes again afterwards.
bool lower_matmul(struct ir_node *n, struct error *err) {
    struct ir_value *side[2] = {ir_in(n, 0), ir_in(n, 1)};
    bool vector[2] = {side[0]->type.rank == 1, side[1]->type.rank == 1};
    if (!vector[0] && !vector[1]) return ir_infer_node(n, err);
    for (int i = 0; i < 2; i++) {
        struct ir_dim length = side[i]->type.dims[0],
                      dims[] = {i ? length : dim_const(1), i ? dim_const(1) : length};
        if (vector[i]) side[i] = lower_reshaped(n, side[i], 2, dims);
        if (side[i] == NULL) return lower_refuse(n, err, "a vector over time is multiplied");
    }
    struct ir_node *product = ir_insert(n, IR_MATMUL, 2, side);
    if (!ir_infer_node(product, err)) return false;
    const struct ir_type *t = &ir_out(product)->type;
    struct ir_dim dims[IR_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < t->rank; i++) {
        if (!(vector[0] && i == t->rank - 2) && !(vector[1] && i == t->rank - 1)) dims[rank++] = t->dims[i];
    }
    return lower_reshape_to(n, ir_out(product), rank, dims, err);
}

struct heads {
    int64_t queries, keys; // how many, of queries and of keys and values
};

static bool count_heads(const struct ir_node *n, struct heads *h, struct error *err) {
    const struct ir_type *q = &ir_in(n, 0)->type, *k = &ir_in(n, 1)->type, *v = &ir_in(n, 2)->type;
    int last = q->rank - 1;
    if ((q->rank != 3 && q->rank != 4) || k->rank != q->rank || v->rank != q->rank)
        return lower_refuse(n, err, "q, k and v must all have 3 or all have 4 axes");
    h->queries = q->rank == 4 ? q->dims[1].first : ir_attr_int(n, IR_KEY_HEADS, 0);
    h->keys = q->rank == 4 ? k->dims[1].first : ir_attr_int(n, IR_KEY_KV_HEADS, 0);
    if (h->queries < 1 || h->keys < 1 || h->queries % h->keys != 0)
        return lower_refuse(n, err, "%lld heads of queries and %lld of keys do not fit",
                            (long long)h->queries, (long long)h->keys);
    if (q->rank == 4) return true;
    bool whole = q->dims[last].first % h->queries == 0 && k->dims[last].first % h->keys == 0 &&
                 v->dims[last].first % h->keys == 0;
    return whole || lower_refuse(n, err, "the channels are not a multiple of the heads");
}

// [.., positions, heads * channels] to [.., heads, positions, channels], and each head as often as `repeat` says.
static struct ir_value *split_heads(struct ir_node *n, struct ir_value *x, int64_t heads, int64_t repeat) {
    const struct ir_type *t = &x->type;
    struct ir_rearrange r;
    if (t->rank == 3 && heads * repeat > 1) {
        struct ir_dim dims[] = {t->dims[0], t->dims[1], dim_const(heads),
                                dim_const(t->dims[2].first / heads)};
        x = lower_reshaped(n, x, 4, dims);
        x = x != NULL ? lower_transposed(n, x, (const int64_t[]){0, 2, 1, 3}) : NULL;
    }
    if (x == NULL || repeat == 1) return x;
    return rearrange_repeat(&x->type, 1, repeat, true, &r) ? match_rearrange(n, x, &r) : NULL;
}

static struct ir_value *attend(struct ir_node *n, struct ir_value *q, struct ir_value *k,
                               struct ir_value *v) {
    int rank = q->type.rank;
    double channels = (double)q->type.dims[rank - 1].first;
    double scale = ir_attr_float(n, IR_KEY_SCALE, 1 / sqrt(channels > 0 ? channels : 1));
    int64_t perm[] = {0, 1, 2, 3};
    perm[rank - 2] = rank - 1;
    perm[rank - 1] = rank - 2;
    struct ir_value *kt = lower_transposed(n, k, perm),
                    *scaled = lower_insert(n, IR_MUL, q, scalar(n, scale));
    struct ir_value *scores = kt != NULL && scaled != NULL ? lower_insert(n, IR_MATMUL, scaled, kt) : NULL;
    if (scores == NULL) return NULL;
    struct ir_node *softmax = ir_insert(n, IR_SOFTMAX, 1, &scores);
    ir_attr_set_int(softmax, IR_KEY_AXIS, rank - 1);
    return ir_infer_node(softmax, NULL) ? lower_insert(n, IR_MATMUL, ir_out(softmax), v) : NULL;
}

bool lower_attention(struct ir_node *n, struct error *err) {
    struct heads h = {0};
    if (!count_heads(n, &h, err)) return false;
    struct ir_value *x[3];
    for (int i = 0; i < 3; i++) {
        bool query = i == 0;
        x[i] = split_heads(n, ir_in(n, i), query ? h.queries : h.keys, query ? 1 : h.queries / h.keys);
        if (x[i] == NULL) return lower_refuse(n, err, "its heads cannot be separated");
    }
    struct ir_value *out = attend(n, x[0], x[1], x[2]);
    if (out == NULL) return lower_refuse(n, err, "q, k and v do not fit, or frames are mixed");
    if (ir_in(n, 0)->type.rank == 4 || out->type.rank == 3) return finish(n, out, err);
    out = lower_transposed(n, out, (const int64_t[]){0, 2, 1, 3});
    if (out == NULL) return lower_refuse(n, err, "its heads cannot be joined");
    const struct ir_dim *d = out->type.dims;
    struct ir_dim dims[] = {d[0], d[1], dim_const(d[2].first * d[3].first)};
    return lower_reshape_to(n, out, 3, dims, err);
}

// ---- norms

// x / sqrt(mean(x * x) + epsilon) * scale. The IR's rms_norm has its epsilon outside of the root, so it is none.
bool lower_rms_norm(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0), *scale = ir_in(n, 1);
    int64_t axes[IR_MAX_RANK];
    int axis;
    if (!lower_one_axis(n, -1, x->type.rank, &axis, err)) return false;
    if (scale->type.rank > x->type.rank - axis)
        return lower_refuse(n, err, "its scale has more axes than are normalised");
    struct ir_value *squares = lower_insert(n, IR_MUL, x, x);
    for (int i = axis; i < x->type.rank; i++) axes[i - axis] = i;
    struct ir_node *mean = ir_insert(n, IR_REDUCE_MEAN, 1, &squares);
    ir_attr_set_ints(mean, IR_KEY_AXES, x->type.rank - axis, axes);
    if (!ir_infer_node(mean, err)) return false;
    struct ir_value *sum =
        lower_insert(n, IR_ADD, ir_out(mean), scalar(n, ir_attr_float(n, IR_KEY_EPSILON, 1e-5)));
    struct ir_value *unit = lower_insert(n, IR_DIV, x, lower_insert(n, IR_SQRT, sum, NULL));
    return finish(n, lower_insert(n, IR_MUL, unit, scale), err);
}
