// Shape inference: one rule per operator, from the inputs' types and the attributes to the outputs' types.
//
// The rules work on pairs, so they hold for the streaming graph and for the static variants alike. Operators
// named onnx.* have no rule: the pass `resolve` replaces each of them as soon as its operands are known.
#include "ir/rearrange.h"

#include <stdio.h>
#include <string.h>

static bool fail(const struct ir_node *n, struct error *err, const char *what, int index) {
    struct strbuf text = {0};
    for (int i = 0; i < n->input_count; i++) {
        if (i) strbuf_add(&text, ", ");
        if (ir_in(n, i) != NULL) ir_type_print(&ir_in(n, i)->type, &text);
        else strbuf_add(&text, "_");
    }
    error_set(err, ERROR_INPUT, "node '%s' (%s): %s (input or axis %d); inputs are %s", n->name,
              ir_info(n)->name, what, index, strbuf_text(&text));
    strbuf_free(&text);
    return false;
}

static void set_out(struct ir_node *n, const struct ir_type *t) { ir_out(n)->type = *t; }

static bool infer_same(struct ir_node *n, struct error *err) {
    (void)err;
    set_out(n, &ir_in(n, 0)->type);
    return true;
}

bool ir_broadcast(const struct ir_type *a, const struct ir_type *b, struct ir_type *out) {
    const struct ir_type *longer = a->rank >= b->rank ? a : b, *shorter = longer == a ? b : a;
    int shift = longer->rank - shorter->rank;
    *out = *longer;
    for (int i = 0; i < shorter->rank; i++) {
        struct ir_dim x = longer->dims[i + shift], y = shorter->dims[i];
        if (!dim_equal(x, y) && !dim_is(x, 1) && !dim_is(y, 1)) return false;
        if (dim_is(x, 1)) out->dims[i + shift] = y;
    }
    if (out->time_axis < 0 && shorter->time_axis >= 0) out->time_axis = shorter->time_axis + shift;
    if (longer->time_axis >= 0 && shorter->time_axis >= 0)
        return longer->time_axis == shorter->time_axis + shift;
    return true;
}

static bool infer_elementwise(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    for (int i = 1; i < n->input_count; i++) {
        const struct ir_type *other = &ir_in(n, i)->type;
        struct ir_type out;
        if (other->dtype != t.dtype) return fail(n, err, "element types differ", i);
        if (!ir_broadcast(&t, other, &out)) return fail(n, err, "shapes do not broadcast", i);
        t = out;
    }
    set_out(n, &t);
    return true;
}

static bool infer_matmul(struct ir_node *n, struct error *err) {
    struct ir_type a = ir_in(n, 0)->type, b = ir_in(n, 1)->type, out;
    if (a.rank < 2 || b.rank < 2) return fail(n, err, "matrices are needed", a.rank < 2 ? 0 : 1);
    struct ir_dim rows = a.dims[a.rank - 2], columns = b.dims[b.rank - 1];
    if (!dim_equal(a.dims[a.rank - 1], b.dims[b.rank - 2])) return fail(n, err, "inner dimensions differ", 1);
    if (a.time_axis >= a.rank - 2 || b.time_axis >= b.rank - 2) {
        return fail(n, err, "frames are mixed (attention over time cannot be streamed)", a.time_axis);
    }
    a.dims[a.rank - 2] = a.dims[a.rank - 1] = b.dims[b.rank - 2] = b.dims[b.rank - 1] = dim_const(1);
    if (!ir_broadcast(&a, &b, &out)) return fail(n, err, "batch dimensions do not broadcast", 1);
    out.dims[out.rank - 2] = rows;
    out.dims[out.rank - 1] = columns;
    set_out(n, &out);
    return true;
}

static bool axis_of(const struct ir_node *n, const struct ir_type *t, int *axis) {
    int64_t a = ir_attr_int(n, IR_KEY_AXIS, t->rank); // required
    *axis = (int)a;
    return a >= 0 && a < t->rank;
}

// dims that are not known yet (cache inputs of a step graph, -1) take those of the other operands.
static bool unify(struct ir_dim *a, struct ir_dim *b) {
    if (dim_is(*a, -1)) *a = *b;
    if (dim_is(*b, -1)) *b = *a;
    return dim_equal(*a, *b);
}

static bool infer_concat(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    int axis;
    if (!axis_of(n, &t, &axis)) return fail(n, err, "no such axis", 0);
    for (int i = 1; i < n->input_count; i++) {
        struct ir_type *other = &ir_in(n, i)->type;
        if (other->rank != t.rank || other->dtype != t.dtype)
            return fail(n, err, "ranks or element types differ", i);
        for (int d = 0; d < t.rank; d++) {
            if (d == axis) {
                if (!dim_add(t.dims[d], other->dims[d], &t.dims[d]))
                    return fail(n, err, "the length overflows", i);
            } else if (!unify(&t.dims[d], &other->dims[d])) return fail(n, err, "shapes differ", i);
        }
        if (t.time_axis < 0) t.time_axis = other->time_axis;
        if (other->time_axis >= 0 && other->time_axis != t.time_axis)
            return fail(n, err, "time axes differ", i);
    }
    for (int i = 0; i < n->input_count; i++) { // what the last operand knew, the first ones learn
        for (int d = 0; d < t.rank; d++) {
            if (d != axis && dim_is(ir_in(n, i)->type.dims[d], -1)) ir_in(n, i)->type.dims[d] = t.dims[d];
        }
    }
    set_out(n, &t);
    return true;
}

static bool infer_slice(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    int axis;
    if (!axis_of(n, &t, &axis)) return fail(n, err, "no such axis", 0);
    struct ir_dim start = dim_const(ir_attr_int(n, IR_KEY_START, 0));
    struct ir_dim end = {ir_attr_int(n, IR_KEY_END, 0), ir_attr_int(n, IR_KEY_STEADY_END, 0)};
    if (start.first < 0 || dim_less(end, start) != 0 || dim_less(t.dims[axis], end) != 0) {
        return fail(n, err, "the slice leaves its axis", axis);
    }
    dim_sub(end, start, &t.dims[axis]);
    set_out(n, &t);
    return true;
}

static bool infer_pad(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count);
    if (count != 2 * t.rank) return fail(n, err, "two pads for each axis are needed", count);
    for (int i = 0; i < t.rank; i++) {
        if (!dim_add(t.dims[i], dim_const(pads[i]), &t.dims[i]) ||
            !dim_add(t.dims[i], dim_const(pads[i + t.rank]), &t.dims[i]))
            return fail(n, err, "pads overflow", i);
    }
    set_out(n, &t);
    return true;
}

static bool infer_rearrange(struct ir_node *n, struct error *err) {
    const struct ir_rearrange *r = ir_attr_rearrange(n);
    struct ir_type in, out;
    if (r == NULL) return fail(n, err, "no pattern", 0);
    if (!rearrange_in_type(r, ir_in(n, 0)->type.dtype, &in) || !ir_type_equal(&in, &ir_in(n, 0)->type)) {
        return fail(n, err, "the pattern does not fit the input", 0);
    }
    if (!rearrange_out_type(r, in.dtype, &out)) return fail(n, err, "time is mixed with another axis", 0);
    set_out(n, &out);
    return true;
}

static bool infer_reduce(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    int count;
    const int64_t *axes = ir_attr_ints(n, IR_KEY_AXES, &count);
    for (int i = 0; i < count; i++) {
        if (axes[i] < 0 || axes[i] >= t.rank) return fail(n, err, "no such axis", (int)axes[i]);
        if (axes[i] == t.time_axis)
            return fail(n, err, "a reduction over time cannot be streamed", (int)axes[i]);
        t.dims[axes[i]] = dim_const(1);
    }
    set_out(n, &t);
    return true;
}

static bool infer_softmax(struct ir_node *n, struct error *err) {
    int axis;
    if (!axis_of(n, &ir_in(n, 0)->type, &axis)) return fail(n, err, "no such axis", 0);
    if (axis == ir_in(n, 0)->type.time_axis)
        return fail(n, err, "a softmax over time cannot be streamed", axis);
    return infer_same(n, err);
}

// One spatial axis of a convolution: (in + begin + end - kernel) / stride + 1.
static bool conv_dim(struct ir_dim in, int64_t begin, int64_t end, int64_t kernel, int64_t stride,
                     struct ir_dim *out) {
    if (begin < 0 || end < 0 || stride < 1 || kernel < 1) return false;
    if (!dim_add(in, dim_const(begin), out) || !dim_add(*out, dim_const(end), out)) return false;
    if (!dim_sub(*out, dim_const(kernel), out)) return false;
    if (!dim_is_const(*out)) return stride == 1 && dim_add(*out, dim_const(1), out);
    if (out->first < 0) return false;
    return dim_add(dim_const(out->first / stride), dim_const(1), out);
}

static bool conv_weight(const struct ir_node *n, struct error *err, struct ir_dim channels, int rank) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    if (w->rank != rank) return fail(n, err, "weight and input ranks differ", 1);
    for (int i = 0; i < rank; i++) {
        if (!dim_is_const(w->dims[i]) || w->dims[i].first < 1)
            return fail(n, err, "weight dimensions are not static", i);
    }
    if (!dim_equal(w->dims[1], channels)) return fail(n, err, "weight and input channels differ", 1);
    const struct ir_value *bias = ir_in(n, 2);
    if (bias && (bias->type.rank != 1 || !dim_equal(bias->type.dims[0], w->dims[0]))) {
        return fail(n, err, "the bias is not one value per output channel", 2);
    }
    return true;
}

static bool infer_conv(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    const struct ir_type *w = &ir_in(n, 1)->type;
    int pad_count, stride_count, spatial = t.rank - 2;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &pad_count);
    const int64_t *strides = ir_attr_ints(n, IR_KEY_STRIDES, &stride_count);
    if (spatial < 1 || pad_count != 2 * spatial || stride_count != spatial)
        return fail(n, err, "pads or strides are wrong", 0);
    if (!conv_weight(n, err, t.dims[1], t.rank)) return false;
    for (int i = 0; i < spatial; i++) {
        if (i + 2 == t.time_axis && dim_is(t.dims[i + 2], 0)) continue; // no frames give no frames
        if (!conv_dim(t.dims[i + 2], pads[i], pads[i + spatial], w->dims[i + 2].first, strides[i],
                      &t.dims[i + 2])) {
            return fail(n, err, "the kernel does not fit", i + 2);
        }
    }
    t.dims[1] = w->dims[0];
    set_out(n, &t);
    return true;
}

static bool infer_causal_conv(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    const struct ir_type *w = &ir_in(n, 1)->type;
    int pad_count, stride_count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &pad_count);
    const int64_t *strides = ir_attr_ints(n, IR_KEY_STRIDES, &stride_count);
    if (t.rank != 5 || pad_count != 4 || stride_count != 2)
        return fail(n, err, "pads or strides are wrong", 0);
    if (!conv_weight(n, err, t.dims[1], 5)) return false;
    const struct ir_cache *cache = ir_attr_cache(n);
    if (cache == NULL || !dim_is(cache->type.dims[2], w->dims[2].first - 1)) {
        return fail(n, err, "the cache must hold kernel - 1 frames", 1);
    }
    for (int i = 0; i < 2; i++) {
        if (!conv_dim(t.dims[i + 3], pads[i], pads[i + 2], w->dims[i + 3].first, strides[i],
                      &t.dims[i + 3])) {
            return fail(n, err, "the kernel does not fit", i + 3);
        }
    }
    t.dims[1] = w->dims[0];
    set_out(n, &t);
    return true;
}

static bool infer_rms_norm(struct ir_node *n, struct error *err) {
    int axis = ir_in(n, 0)->type.rank - 1;
    if (n->op == IR_RMS_NORM && !axis_of(n, &ir_in(n, 0)->type, &axis))
        return fail(n, err, "no such axis", 0);
    if (axis == ir_in(n, 0)->type.time_axis) return fail(n, err, "a norm over time cannot be streamed", axis);
    const struct ir_value *gamma = ir_in(n, 1);
    if (gamma && (gamma->type.rank != 1 || !dim_equal(gamma->type.dims[0], ir_in(n, 0)->type.dims[axis]))) {
        return fail(n, err, "gamma is not one value per channel", 1);
    }
    return infer_same(n, err);
}

static bool infer_attention(struct ir_node *n, struct error *err) {
    const struct ir_type *q = &ir_in(n, 0)->type, *k = &ir_in(n, 1)->type, *v = &ir_in(n, 2)->type;
    bool fits = q->rank >= 2 && ir_type_equal(q, k) && v->rank == q->rank && v->dtype == q->dtype &&
                v->time_axis == q->time_axis;
    for (int i = 0; fits && i < q->rank - 1; i++) fits = dim_equal(v->dims[i], q->dims[i]);
    if (!fits) return fail(n, err, "q, k and v do not fit", 1);
    if (q->time_axis >= q->rank - 2)
        return fail(n, err, "attention over time cannot be streamed", q->time_axis);
    set_out(n, v);
    return true;
}

// A convolution of frames, in front of which there are `old` more.
static bool infer_conv_of_frames(struct ir_node *n, int64_t old, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    const struct ir_type *w = &ir_in(n, 1)->type;
    int pad_count, stride_count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &pad_count);
    const int64_t *strides = ir_attr_ints(n, IR_KEY_STRIDES, &stride_count);
    int64_t taps = ir_attr_int(n, IR_KEY_TAPS, 1), interleave = ir_attr_int(n, IR_KEY_INTERLEAVE, 1);
    int64_t enlarge = ir_attr_int(n, IR_KEY_UPSAMPLE, 1);
    if (t.rank != 4 || pad_count != 4 || stride_count != 2 || interleave < 1 || enlarge < 1) {
        return fail(n, err, "attributes are wrong", 0);
    }
    if (!conv_weight(n, err, t.dims[3], 5)) return false;
    if (taps < 1 || taps > w->dims[2].first || w->dims[0].first % interleave != 0)
        return fail(n, err, "taps do not fit", 1);
    for (int i = 0; i < 2; i++) {
        if (!dim_mul(t.dims[i + 1], dim_const(enlarge), &t.dims[i + 1]) ||
            !conv_dim(t.dims[i + 1], pads[i], pads[i + 2], w->dims[i + 3].first, strides[i],
                      &t.dims[i + 1])) {
            return fail(n, err, "the kernel does not fit", i + 1);
        }
    }
    struct ir_dim frames;
    bool counted = dim_add(dim_const(t.dims[0].first), dim_const(old), &frames);
    if (counted && frames.first < taps) return fail(n, err, "fewer frames than taps", 0);
    if (!counted || !dim_mul(dim_const(frames.first - taps + 1), dim_const(interleave), &t.dims[0]))
        return fail(n, err, "the number of frames is too large", 0);
    t.dims[3] = dim_const(w->dims[0].first / interleave);
    set_out(n, &t);
    return true;
}

static bool infer_frame_conv(struct ir_node *n, struct error *err) { return infer_conv_of_frames(n, 0, err); }

static bool check_stream_cache(const struct ir_node *n, struct error *err) {
    const struct ir_cache *c = ir_attr_cache(n);
    const struct ir_type *x = &ir_in(n, 0)->type;
    if (c == NULL || c->type.rank != 4 || !dim_is(c->type.dims[0], ir_in(n, 1)->type.dims[2].first - 1))
        return fail(n, err, "the cache must hold kernel - 1 frames", 1);
    for (int i = 1; i < 4; i++) {
        if (!dim_equal(c->type.dims[i], x->dims[i])) return fail(n, err, "the cache has another shape", i);
    }
    return true;
}

static bool check_stream_prologue(const struct ir_node *n, struct error *err) {
    const char *prologue = ir_attr_string(n, IR_KEY_PROLOGUE, NULL);
    const struct ir_value *gamma = ir_in(n, 3);
    if (prologue != NULL && strcmp(prologue, "norm") != 0 && strcmp(prologue, "norm_silu") != 0)
        return fail(n, err, "there is no such prologue", 3);
    if (gamma == NULL) return true;
    if (prologue == NULL) return fail(n, err, "gamma without a norm", 3);
    return (gamma->type.rank == 1 && dim_equal(gamma->type.dims[0], ir_in(n, 0)->type.dims[3])) ||
           fail(n, err, "gamma is not one value per channel", 3);
}

static bool infer_stream_conv(struct ir_node *n, struct error *err) {
    const struct ir_value *residual = ir_in(n, 4);
    bool has_cache = ir_attr_find(n, IR_KEY_CACHE) != NULL;
    if (!infer_conv_of_frames(n, has_cache ? ir_attr_int(n, IR_KEY_TAPS, 1) - 1 : 0, err)) return false;
    if ((has_cache && !check_stream_cache(n, err)) || !check_stream_prologue(n, err)) return false;
    return residual == NULL || ir_type_equal(&residual->type, &ir_out(n)->type) ||
           fail(n, err, "the residual has another shape than the result", 4);
}

static bool infer_upsample(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    struct ir_dim factor = dim_const(ir_attr_int(n, IR_KEY_FACTOR, 0));
    if (t.rank != 4 || factor.first < 1 || !dim_mul(t.dims[1], factor, &t.dims[1]) ||
        !dim_mul(t.dims[2], factor, &t.dims[2]))
        return fail(n, err, "the factor is wrong", 0);
    set_out(n, &t);
    return true;
}

static bool infer_frame_pad(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    struct ir_dim start = dim_const(ir_attr_int(n, IR_KEY_START, 0)),
                  end = dim_const(ir_attr_int(n, IR_KEY_END, 0));
    if (t.rank != 4 || start.first < 0 || end.first < 0 || !dim_add(t.dims[0], start, &t.dims[0]) ||
        !dim_add(t.dims[0], end, &t.dims[0]))
        return fail(n, err, "the pads are wrong", 0);
    set_out(n, &t);
    return true;
}

static bool infer_cache_push(struct ir_node *n, struct error *err) {
    const struct ir_cache *c = ir_attr_cache(n);
    const struct ir_type *t = &ir_in(n, 0)->type;
    if (c == NULL || t->rank != 4 || c->type.rank != 4)
        return fail(n, err, "frames and a cache of frames are needed", 0);
    for (int i = 1; i < 4; i++) {
        if (!dim_equal(c->type.dims[i], t->dims[i])) return fail(n, err, "the cache has another shape", i);
    }
    return true;
}

static bool infer_window(struct ir_node *n, struct error *err) {
    struct ir_type t = ir_in(n, 0)->type;
    if (!infer_cache_push(n, err)) return false;
    if (!dim_add(t.dims[0], ir_attr_cache(n)->type.dims[0], &t.dims[0]))
        return fail(n, err, "the number of frames is too large", 0);
    set_out(n, &t);
    return true;
}

typedef bool rule_fn(struct ir_node *n, struct error *err);

static rule_fn *rule_of(enum ir_op op) {
    switch (op) {
    case IR_MATMUL: return infer_matmul;
    case IR_CONCAT: return infer_concat;
    case IR_SLICE: return infer_slice;
    case IR_PAD: return infer_pad;
    case IR_REARRANGE: return infer_rearrange;
    case IR_REDUCE_L2:
    case IR_REDUCE_SUM:
    case IR_REDUCE_MEAN: return infer_reduce;
    case IR_SOFTMAX: return infer_softmax;
    case IR_CONV: return infer_conv;
    case IR_CAUSAL_CONV: return infer_causal_conv;
    case IR_RMS_NORM:
    case IR_FRAME_NORM: return infer_rms_norm;
    case IR_ATTENTION:
    case IR_FRAME_ATTENTION: return infer_attention;
    case IR_FRAME_CONV: return infer_frame_conv;
    case IR_STREAM_CONV: return infer_stream_conv;
    case IR_FRAME_UPSAMPLE: return infer_upsample;
    case IR_FRAME_PAD: return infer_frame_pad;
    case IR_WINDOW: return infer_window;
    case IR_CACHE_PUSH: return infer_cache_push;
    default: return ir_op_info[op].flags & IR_ELEMENTWISE ? infer_elementwise : infer_same;
    }
}

bool ir_infer_node(struct ir_node *n, struct error *err) {
    if (ir_info(n)->level == IR_LEVEL_ONNX || n->op == IR_RETURN) return true; // no types
    for (int i = 0; i < n->input_count || i < ir_info(n)->min_in; i++) {
        bool needed = i < ir_info(n)->min_in || (ir_info(n)->flags & IR_ELEMENTWISE);
        if (ir_in(n, i) == NULL && needed) return fail(n, err, "an input is missing", i);
        if (ir_in(n, i) != NULL && ir_in(n, i)->type.rank < 0)
            return fail(n, err, "the shape of an input is unknown", i);
    }
    return rule_of(n->op)(n, err);
}
