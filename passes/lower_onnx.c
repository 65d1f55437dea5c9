// ONNX carries parameters in operands (the shape of Reshape, the bounds of Slice ...) and has many operators
// that only move elements. Here each becomes its canonical form: parameters as attributes, movements as
// `rearrange`, `slice`, `concat` and `pad`.
//
//     %y = onnx.reshape %x, @shape          ->  %y = rearrange %x {pattern="a b c -> a (b c)"}
//     %y = onnx.slice %x, @1, @max, @2, @1  ->  %y = slice %x {axis=2, start=1, end=1, steady_end=1}
//
// What is left: operators that only matter for shape arithmetic on real tensors (Where, Equal, ...): no
// decoder has them.
#include "passes/lower_onnx.h"

#include "ir/rearrange.h"
#include "passes/match.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool refuse(const struct ir_node *n, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(const struct ir_node *n, struct error *err, const char *format, ...) {
    char why[512];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return error_set(err, ERROR_UNSUPPORTED, "node '%s' (%s): %s", n->name, ir_info(n)->name, why);
}

static void replace(struct ir_node *n, struct ir_value *with) {
    if (with != NULL && with->def != NULL && with->def->output_count == 1 && with->def->name == n->name) {
        with->name = ir_out(n)->name; // the result keeps the ONNX name
    }
    with->declared = with->declared.rank < 0 ? ir_out(n)->declared : with->declared;
    ir_node_replace(n, with);
}

// A parameter operand as constant integers; *count -1 when it is absent.
static bool int_list(const struct ir_node *n, int input, int64_t *list, int *count, struct error *err) {
    const struct ir_value *v = ir_in(n, input);
    *count = -1;
    if (v == NULL) return true;
    if (!ir_is_int_constant(v) || v->constant->count > IR_MAX_RANK * 2) {
        return refuse(n, err, "input %d must be a short list of integers that is known when compiling",
                      input);
    }
    *count = (int)v->constant->count;
    for (int i = 0; i < *count; i++) {
        if (!dim_is_const(v->constant->ints[i]))
            return refuse(n, err, "input %d depends on the number of frames", input);
        list[i] = v->constant->ints[i].first;
    }
    return true;
}

// Axes from an operand, else from the attribute; negative ones counted from the end of `rank`. -1 when
// absent.
static bool axes_list(const struct ir_node *n, int input, int rank, int64_t *axes, int *count,
                      struct error *err) {
    if (!int_list(n, input, axes, count, err)) return false;
    int attr_count;
    const int64_t *attr = ir_attr_ints(n, IR_KEY_AXES, &attr_count);
    if (*count < 0 && attr != NULL && attr_count <= IR_MAX_RANK) {
        memcpy(axes, attr, (size_t)attr_count * sizeof *axes);
        *count = attr_count;
    }
    for (int i = 0; i < *count; i++) {
        if (axes[i] < 0) axes[i] += rank;
        if (axes[i] < 0 || axes[i] >= rank)
            return refuse(n, err, "axis %lld does not exist", (long long)axes[i]);
    }
    return true;
}

static bool one_axis(const struct ir_node *n, int64_t otherwise, int rank, int *axis, struct error *err) {
    int64_t a = ir_attr_int(n, IR_KEY_AXIS, otherwise);
    if (a < 0) a += rank;
    *axis = (int)a;
    return (a >= 0 && a < rank) || refuse(n, err, "axis %lld does not exist", (long long)a);
}

static bool replace_by_rearrange(struct ir_node *n, const struct ir_rearrange *r) {
    replace(n, match_rearrange(n, ir_in(n, 0), r));
    return true;
}

// ---- reshapes

static bool reshape_to(struct ir_node *n, struct ir_value *x, int rank, const struct ir_dim *dims,
                       struct error *err) {
    struct ir_rearrange r;
    if (rearrange_reshape(&x->type, rank, dims, &r)) {
        replace(n, match_rearrange(n, x, &r));
        return true;
    }
    struct strbuf from = {0}, to = {0};
    struct ir_type t = ir_type_make(x->type.dtype, rank, dims);
    ir_type_print(&x->type, &from);
    ir_type_print(&t, &to);
    refuse(n, err, "reshape from %s to %s cuts across axes or time", strbuf_text(&from), strbuf_text(&to));
    strbuf_free(&from);
    strbuf_free(&to);
    return false;
}

// The one dimension given as -1: what is left of the product.
static bool infer_missing(const struct ir_type *in, struct ir_dim *dims, int rank, int missing) {
    struct ir_dim total = dim_const(1), known = dim_const(1), time = dim_const(1);
    for (int i = 0; i < in->rank; i++) {
        if (!dim_is_const(in->dims[i])) time = in->dims[i];
        else if (!dim_mul(total, in->dims[i], &total)) return false;
    }
    for (int i = 0; i < rank; i++) {
        if (i == missing) continue;
        if (!dim_mul(known, dims[i], &known)) return false;
    }
    if (dim_is_const(time) || !dim_is_const(known)) {
        return dim_mul(total, time, &total) && dim_div(total, known, &dims[missing]);
    }
    return dim_mul(total, time, &total) && dim_div(total, known, &dims[missing]);
}

static bool lower_reshape(struct ir_node *n, struct error *err) {
    const struct ir_value *x = ir_in(n, 0), *shape = ir_in(n, 1);
    if (!ir_is_int_constant(shape) || shape->constant->count > IR_MAX_RANK) {
        return refuse(n, err, "the shape is not known when compiling");
    }
    int rank = (int)shape->constant->count, missing = -1;
    struct ir_dim dims[IR_MAX_RANK];
    bool zero_copies = !ir_attr_int(n, IR_KEY_ALLOWZERO, 0);
    for (int i = 0; i < rank; i++) {
        dims[i] = shape->constant->ints[i];
        if (dim_is(dims[i], 0) && zero_copies && i < x->type.rank) dims[i] = x->type.dims[i];
        if (dim_is(dims[i], -1)) missing = i;
    }
    if (missing >= 0 && !infer_missing(&x->type, dims, rank, missing))
        return refuse(n, err, "-1 has no solution");
    return reshape_to(n, ir_in(n, 0), rank, dims, err);
}

static bool lower_flatten(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t axis = ir_attr_int(n, IR_KEY_AXIS, 1);
    struct ir_dim dims[2] = {dim_const(1), dim_const(1)};
    if (axis < 0) axis += t->rank;
    for (int i = 0; i < t->rank; i++) {
        if (!dim_mul(dims[i >= axis], t->dims[i], &dims[i >= axis]))
            return refuse(n, err, "the shape overflows");
    }
    return reshape_to(n, ir_in(n, 0), 2, dims, err);
}

static bool lower_squeeze(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t axes[IR_MAX_RANK * 2];
    int count, rank = 0;
    unsigned mask = 0;
    struct ir_dim dims[IR_MAX_RANK];
    if (!axes_list(n, 1, t->rank, axes, &count, err)) return false;
    for (int i = 0; i < count; i++) mask |= 1u << axes[i];
    for (int i = 0; i < t->rank; i++) {
        bool unit = dim_is(t->dims[i], 1);
        if (count < 0 ? unit : mask >> i & 1) {
            if (!unit) return refuse(n, err, "axis %d is not 1", i);
        } else dims[rank++] = t->dims[i];
    }
    return reshape_to(n, ir_in(n, 0), rank, dims, err);
}

static bool lower_unsqueeze(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t axes[IR_MAX_RANK * 2];
    int count, attr_count, rank = t->rank;
    ir_attr_ints(n, IR_KEY_AXES, &attr_count);
    const struct ir_value *operand = ir_in(n, 1);
    rank += operand && operand->constant ? (int)operand->constant->count : attr_count;
    if (rank > IR_MAX_RANK) return refuse(n, err, "rank %d is too large", rank);
    if (!axes_list(n, 1, rank, axes, &count, err)) return false;
    struct ir_dim dims[IR_MAX_RANK];
    unsigned mask = 0;
    for (int i = 0; i < count; i++) mask |= 1u << axes[i];
    for (int i = 0, k = 0; i < rank; i++) {
        if (!(mask >> i & 1) && k >= t->rank) return refuse(n, err, "axes repeat");
        dims[i] = mask >> i & 1 ? dim_const(1) : t->dims[k++];
    }
    return reshape_to(n, ir_in(n, 0), rank, dims, err);
}

static bool lower_transpose(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int count;
    const int64_t *perm = ir_attr_ints(n, IR_KEY_PERM, &count);
    int64_t reversed[IR_MAX_RANK];
    for (int i = 0; i < t->rank; i++) reversed[i] = t->rank - 1 - i;
    struct ir_rearrange r;
    if ((count != 0 && count != t->rank) || !rearrange_transpose(t, count ? perm : reversed, &r)) {
        return refuse(n, err, "the permutation is wrong");
    }
    return replace_by_rearrange(n, &r);
}

// ---- repeats

// Repeats axis by axis. `inner`: x0 x0 x1 x1, else x0 x1 x0 x1.
static bool repeat_axes(struct ir_node *n, struct ir_value *x, const int64_t *factors, bool inner,
                        struct error *err) {
    struct ir_rearrange all, one, both;
    struct ir_type t = x->type;
    rearrange_identity(&t, &all);
    for (int i = 0; i < x->type.rank; i++) {
        if (factors[i] == 1) continue;
        if (!rearrange_repeat(&t, i, factors[i], inner, &one) || !rearrange_compose(&all, &one, &both) ||
            !rearrange_out_type(&both, t.dtype, &t))
            return refuse(n, err, "axis %d cannot be repeated", i);
        all = both;
    }
    replace(n, match_rearrange(n, x, &all));
    return true;
}

static bool lower_expand(struct ir_node *n, struct error *err) {
    const struct ir_value *shape = ir_in(n, 1);
    struct ir_value *x = ir_in(n, 0);
    if (!ir_is_int_constant(shape) || shape->constant->count > IR_MAX_RANK)
        return refuse(n, err, "the shape is not known");
    int wanted = (int)shape->constant->count, rank = wanted > x->type.rank ? wanted : x->type.rank;
    struct ir_dim dims[IR_MAX_RANK];
    int64_t factors[IR_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int a = i - (rank - x->type.rank), b = i - (rank - wanted);
        dims[i] = a >= 0 ? x->type.dims[a] : dim_const(1);
        struct ir_dim want = b >= 0 ? shape->constant->ints[b] : dim_const(1);
        bool grow = dim_is(dims[i], 1) && !dim_is(want, 1);
        if (!grow && !dim_equal(want, dims[i]) && !dim_is(want, 1))
            return refuse(n, err, "axis %d does not broadcast", i);
        if (grow && !dim_is_const(want)) return refuse(n, err, "a value is broadcast over time");
        factors[i] = grow ? want.first : 1;
    }
    struct ir_rearrange r;
    if (!rearrange_reshape(&x->type, rank, dims, &r)) return refuse(n, err, "the shape does not broadcast");
    if (!rearrange_is_identity(&r)) x = match_rearrange(n, x, &r);
    return repeat_axes(n, x, factors, false, err);
}

static bool lower_tile(struct ir_node *n, struct error *err) {
    int64_t factors[IR_MAX_RANK * 2];
    int count;
    if (!int_list(n, 1, factors, &count, err)) return false;
    if (count != ir_in(n, 0)->type.rank) return refuse(n, err, "one repeat for each axis is needed");
    return repeat_axes(n, ir_in(n, 0), factors, false, err);
}

// The source index of output index i under ONNX Resize's rules for mode nearest; -1 for a rule we do not
// know.
static int64_t nearest_source(const struct ir_node *n, int64_t i, int64_t in, int64_t out) {
    const char *coordinates = ir_attr_string(n, IR_KEY_COORDINATES, "half_pixel");
    const char *round_mode = ir_attr_string(n, IR_KEY_NEAREST_MODE, "round_prefer_floor");
    double scale = (double)out / (double)in, x;
    if (strcmp(coordinates, "asymmetric") == 0) x = (double)i / scale;
    else if (strcmp(coordinates, "half_pixel") == 0) x = ((double)i + 0.5) / scale - 0.5;
    else if (strcmp(coordinates, "pytorch_half_pixel") == 0)
        x = out > 1 ? ((double)i + 0.5) / scale - 0.5 : 0;
    else return -1;
    if (strcmp(round_mode, "floor") == 0) x = floor(x);
    else if (strcmp(round_mode, "ceil") == 0) x = ceil(x);
    else if (strcmp(round_mode, "round_prefer_floor") == 0) x = ceil(x - 0.5);
    else if (strcmp(round_mode, "round_prefer_ceil") == 0) x = floor(x + 0.5);
    else return -1;
    return x < 0 ? 0 : x > (double)(in - 1) ? in - 1 : (int64_t)x;
}

// The whole factor by which Resize enlarges axis i, from `scales` or `sizes`; 0 if it is not whole.
static int64_t resize_factor(const struct ir_node *n, int i) {
    const struct ir_value *x = ir_in(n, 0), *scales = ir_in(n, 2), *sizes = ir_in(n, 3);
    struct ir_dim d;
    if (sizes && ir_is_int_constant(sizes) && (int)sizes->constant->count == x->type.rank) {
        return dim_div(sizes->constant->ints[i], x->type.dims[i], &d) && dim_is_const(d) ? d.first : 0;
    }
    if (!ir_is_float_constant(scales) || (int)scales->constant->count != x->type.rank) return 0;
    double s = ir_constant_float(scales->constant, (size_t)i);
    return s >= 1 && s < 1024 && s == floor(s) ? (int64_t)s : 0;
}

static bool lower_resize(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t factors[IR_MAX_RANK];
    if (strcmp(ir_attr_string(n, IR_KEY_MODE, "nearest"), "nearest") != 0)
        return refuse(n, err, "only mode nearest is supported");
    for (int i = 0; i < t->rank; i++) {
        factors[i] = resize_factor(n, i);
        if (factors[i] == 0)
            return refuse(n, err, "axis %d is not enlarged by a whole factor known when compiling", i);
        if (factors[i] == 1) continue;
        if (!dim_is_const(t->dims[i])) return refuse(n, err, "time is resized");
        int64_t in = t->dims[i].first, out = in * factors[i];
        for (int64_t k = 0; k < out; k++) { // whatever the rule is called, it must repeat each element
            if (nearest_source(n, k, in, out) != k / factors[i])
                return refuse(n, err, "it does not repeat each element in place");
        }
    }
    return repeat_axes(n, ir_in(n, 0), factors, true, err);
}

// ---- parts

static struct ir_value *insert_slice(struct ir_node *at, struct ir_value *x, int axis, int64_t start,
                                     struct ir_dim end) {
    if (start == 0 && dim_equal(end, x->type.dims[axis])) return x;
    struct ir_node *s = ir_insert(at, IR_SLICE, 1, &x);
    ir_attr_set_int(s, IR_KEY_AXIS, axis);
    ir_attr_set_int(s, IR_KEY_START, start);
    ir_attr_set_int(s, IR_KEY_END, end.first);
    if (end.steady != 0) ir_attr_set_int(s, IR_KEY_STEADY_END, end.steady);
    return ir_infer_node(s, NULL) ? ir_out(s) : NULL;
}

// A bound of ONNX Slice on an axis of length d: negative from the end, clamped to [0, d].
static bool slice_bound(struct ir_dim bound, struct ir_dim d, struct ir_dim *out) {
    if (bound.first < 0 && bound.steady == 0 && bound.first > -(1ll << 40) && !dim_add(bound, d, &bound))
        return false;
    int negative = dim_less(bound, dim_const(0)),
        beyond = dim_is_const(bound) && bound.first > (1ll << 40) ? 1 : dim_less(d, bound);
    if (negative < 0 || beyond < 0) return false;
    *out = negative ? dim_const(0) : beyond ? d : bound;
    return true;
}

static bool lower_slice(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    const struct ir_value *starts = ir_in(n, 1), *ends = ir_in(n, 2);
    int64_t axes[IR_MAX_RANK * 2], steps[IR_MAX_RANK * 2];
    int axis_count, step_count;
    if (!ir_is_int_constant(starts) || !ir_is_int_constant(ends) ||
        starts->constant->count != ends->constant->count || starts->constant->count > IR_MAX_RANK)
        return refuse(n, err, "the bounds are not known when compiling");
    if (!axes_list(n, 3, x->type.rank, axes, &axis_count, err) || !int_list(n, 4, steps, &step_count, err))
        return false;
    int count = (int)starts->constant->count;
    if ((axis_count >= 0 && axis_count != count) || (step_count >= 0 && step_count != count) ||
        count > x->type.rank) {
        return refuse(n, err, "starts, ends, axes and steps differ in length");
    }
    for (int i = 0; i < count; i++) {
        int axis = axis_count < 0 ? i : (int)axes[i];
        struct ir_dim d = x->type.dims[axis], start, end;
        if (step_count >= 0 && steps[i] != 1)
            return refuse(n, err, "step %lld is not supported", (long long)steps[i]);
        if (!slice_bound(starts->constant->ints[i], d, &start) ||
            !slice_bound(ends->constant->ints[i], d, &end)) {
            return refuse(n, err, "whether the slice of axis %d fits depends on the number of frames", axis);
        }
        if (!dim_is_const(start))
            return refuse(n, err, "it keeps frames counted from the end of the whole video");
        if (dim_less(end, start) != 0) return refuse(n, err, "the slice of axis %d is empty", axis);
        x = insert_slice(n, x, axis, start.first, end);
        if (x == NULL) return refuse(n, err, "the slice of axis %d leaves its axis", axis);
    }
    replace(n, x);
    return true;
}

static bool lower_split(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    int64_t sizes[IR_MAX_RANK * 2];
    int axis, count;
    if (!one_axis(n, 0, x->type.rank, &axis, err) || !int_list(n, 1, sizes, &count, err)) return false;
    if (!dim_is_const(x->type.dims[axis])) return refuse(n, err, "time is split");
    int64_t length = x->type.dims[axis].first, at = 0,
            even = (length + n->output_count - 1) / n->output_count;
    int attr_count;
    const int64_t *attr = ir_attr_ints(n, IR_KEY_SPLIT, &attr_count);
    for (int i = 0; i < n->output_count; i++) {
        int64_t size = count > i            ? sizes[i]
                       : attr_count > i     ? attr[i]
                       : length - at < even ? length - at
                                            : even;
        if (size < 0 || size > length - at) return refuse(n, err, "the parts do not add up");
        struct ir_value *part = insert_slice(n, x, axis, at, dim_const(at + size));
        if (part == NULL) return refuse(n, err, "the parts do not add up");
        ir_replace_uses(n->outputs[i], part);
        at += size;
    }
    if (at != length) return refuse(n, err, "the parts do not add up");
    ir_node_remove(n);
    return true;
}

// Gather with one index is a slice without its axis; with 0 0 1 1 2 2 ... it is a nearest-neighbour
// enlargement; with consecutive indices a slice.
static bool lower_gather(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0), *index = ir_in(n, 1);
    int axis;
    if (!one_axis(n, 0, x->type.rank, &axis, err)) return false;
    if (!ir_is_int_constant(index) || index->type.rank > 1 || index->constant->count == 0) {
        return refuse(n, err, "the indices are not a constant list");
    }
    struct ir_dim d = x->type.dims[axis];
    const struct ir_dim *ints = index->constant->ints;
    int64_t count = (int64_t)index->constant->count, first = ints[0].first;
    if (first < 0 && dim_is_const(d)) first += d.first;
    if (index->type.rank == 0) {
        struct ir_value *s = first >= 0 && dim_is_const(ints[0])
                                 ? insert_slice(n, x, axis, first, dim_const(first + 1))
                                 : NULL;
        if (s == NULL) return refuse(n, err, "the index leaves its axis or depends on the number of frames");
        struct ir_dim dims[IR_MAX_RANK];
        for (int i = 0, k = 0; i < s->type.rank; i++) {
            if (i != axis) dims[k++] = s->type.dims[i];
        }
        return reshape_to(n, s, s->type.rank - 1, dims, err);
    }
    int64_t factor = dim_is_const(d) && d.first > 0 && count % d.first == 0 ? count / d.first : 0;
    bool repeats = factor > 0, consecutive = true;
    for (int64_t i = 0; i < count; i++) {
        repeats = repeats && dim_is(ints[i], i / factor);
        consecutive = consecutive && dim_is(ints[i], first + i);
    }
    int64_t factors[IR_MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) factors[i] = i == axis ? factor : 1;
    if (repeats) return repeat_axes(n, x, factors, true, err);
    struct ir_value *s = consecutive ? insert_slice(n, x, axis, first, dim_const(first + count)) : NULL;
    if (s == NULL) return refuse(n, err, "the indices are neither consecutive nor a repetition");
    replace(n, s);
    return true;
}

// ---- operators with parameters

static bool lower_pad(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    int64_t list[IR_MAX_RANK * 2], axes[IR_MAX_RANK * 2], pads[IR_MAX_RANK * 2] = {0};
    int count, axis_count, rank = x->type.rank;
    double value = 0;
    if (strcmp(ir_attr_string(n, IR_KEY_MODE, "constant"), "constant") != 0)
        return refuse(n, err, "only mode constant is supported");
    if (ir_in(n, 2) != NULL && (!match_splat(ir_in(n, 2), &value) || value != 0))
        return refuse(n, err, "only zero padding is supported");
    if (!int_list(n, 1, list, &count, err) || !axes_list(n, 3, rank, axes, &axis_count, err)) return false;
    int covered = axis_count < 0 ? rank : axis_count;
    if (count != 2 * covered) return refuse(n, err, "two pads for each axis are needed");
    for (int i = 0; i < covered; i++) {
        int axis = axis_count < 0 ? i : (int)axes[i];
        pads[axis] = list[i];
        pads[axis + rank] = list[i + covered];
        if (list[i] < 0 || list[i + covered] < 0) return refuse(n, err, "negative pads are not supported");
    }
    struct ir_node *p = ir_insert(n, IR_PAD, 1, &x);
    ir_attr_set_ints(p, IR_KEY_PADS, 2 * rank, pads);
    if (!ir_infer_node(p, err)) return false;
    replace(n, ir_out(p));
    return true;
}

static bool all_ones(const int64_t *list, int count) {
    for (int i = 0; i < count; i++) {
        if (list[i] != 1) return false;
    }
    return true;
}

static bool lower_conv(struct ir_node *n, struct error *err) {
    int spatial = ir_in(n, 0)->type.rank - 2, pad_count, stride_count, dilation_count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &pad_count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &stride_count);
    const int64_t *dilations = ir_attr_ints(n, IR_KEY_DILATIONS, &dilation_count);
    const char *auto_pad = ir_attr_string(n, IR_KEY_AUTO_PAD, "NOTSET");
    static const int64_t zeros[IR_MAX_RANK * 2] = {0}, ones[IR_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (spatial < 1) return refuse(n, err, "the input has no spatial axes");
    if (ir_attr_int(n, IR_KEY_GROUP, 1) != 1) return refuse(n, err, "grouped convolutions are not supported");
    if (!all_ones(dilations, dilation_count)) return refuse(n, err, "dilated convolutions are not supported");
    if (strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0)
        return refuse(n, err, "auto_pad %s is not supported", auto_pad);
    if ((pad_count != 0 && pad_count != 2 * spatial) || (stride_count != 0 && stride_count != spatial)) {
        return refuse(n, err, "pads or strides do not fit %d spatial axes", spatial);
    }
    struct ir_value *inputs[] = {ir_in(n, 0), ir_in(n, 1), ir_in(n, 2)};
    struct ir_node *c = ir_insert(n, IR_CONV, inputs[2] ? 3 : 2, inputs);
    ir_attr_set_ints(c, IR_KEY_PADS, 2 * spatial, pad_count ? pads : zeros);
    ir_attr_set_ints(c, IR_KEY_STRIDES, spatial, stride_count ? strides : ones);
    if (!ir_infer_node(c, err)) return false;
    replace(n, ir_out(c));
    return true;
}

static bool lower_clip(struct ir_node *n, struct error *err) {
    double low = ir_attr_float(n, IR_KEY_MIN, -INFINITY), high = ir_attr_float(n, IR_KEY_MAX, INFINITY);
    if (ir_in(n, 1) && !match_splat(ir_in(n, 1), &low))
        return refuse(n, err, "the lower bound is not a constant");
    if (ir_in(n, 2) && !match_splat(ir_in(n, 2), &high))
        return refuse(n, err, "the upper bound is not a constant");
    struct ir_value *x = ir_in(n, 0);
    struct ir_node *c = ir_insert(n, IR_CLAMP, 1, &x);
    ir_attr_set_float(c, IR_KEY_MIN, low);
    ir_attr_set_float(c, IR_KEY_MAX, high);
    if (!ir_infer_node(c, err)) return false;
    replace(n, ir_out(c));
    return true;
}

static bool lower_reduce(struct ir_node *n, struct error *err) {
    static const struct {
        const char *kind;
        enum ir_op op;
    } kinds[] = {{"l2", IR_REDUCE_L2}, {"sum", IR_REDUCE_SUM}, {"mean", IR_REDUCE_MEAN}};
    const char *kind = ir_attr_string(n, IR_KEY_KIND, "");
    struct ir_value *x = ir_in(n, 0);
    int64_t axes[IR_MAX_RANK * 2];
    int count, which = 0;
    while (which < 3 && strcmp(kinds[which].kind, kind) != 0) which++;
    if (which == 3) return refuse(n, err, "reduction '%s' of a tensor is not supported", kind);
    if (!axes_list(n, 1, x->type.rank, axes, &count, err)) return false;
    if (count <= 0) return refuse(n, err, "a reduction over all axes is not supported");
    struct ir_node *r = ir_insert(n, kinds[which].op, 1, &x);
    ir_attr_set_ints(r, IR_KEY_AXES, count, axes);
    if (!ir_infer_node(r, err)) return false;
    if (ir_attr_int(n, IR_KEY_KEEPDIMS, 1)) {
        replace(n, ir_out(r));
        return true;
    }
    struct ir_dim dims[IR_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->type.rank; i++) {
        bool reduced = false;
        for (int k = 0; k < count; k++) reduced = reduced || axes[k] == i;
        if (!reduced) dims[rank++] = x->type.dims[i];
    }
    return reshape_to(n, ir_out(r), rank, dims, err);
}

static bool lower_softmax(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    int axis;
    if (!one_axis(n, -1, x->type.rank, &axis, err)) return false;
    struct ir_node *s = ir_insert(n, IR_SOFTMAX, 1, &x);
    ir_attr_set_int(s, IR_KEY_AXIS, axis);
    if (!ir_infer_node(s, err)) return false;
    replace(n, ir_out(s));
    return true;
}

// All float types compute in fp32 here, so a cast between them changes nothing (weights are widened exactly).
static bool lower_cast(struct ir_node *n, struct error *err) {
    int64_t to = ir_attr_int(n, IR_KEY_TO, IR_F32);
    if (!ir_dtype_is_float((enum ir_dtype)to) || !ir_dtype_is_float(ir_in(n, 0)->type.dtype)) {
        return refuse(n, err, "a tensor is converted to or from integers");
    }
    ir_node_replace(n, ir_in(n, 0));
    return true;
}

bool lower_onnx_node(struct ir_node *n, struct error *err) {
    if (ir_in(n, 0) == NULL || ir_in(n, 0)->type.rank < 0)
        return refuse(n, err, "the shape of its input is not known");
    switch (n->op) {
    case IR_ONNX_CAST: return lower_cast(n, err);
    case IR_ONNX_CLIP: return lower_clip(n, err);
    case IR_ONNX_CONV: return lower_conv(n, err);
    case IR_ONNX_EXPAND: return lower_expand(n, err);
    case IR_ONNX_FLATTEN: return lower_flatten(n, err);
    case IR_ONNX_GATHER: return lower_gather(n, err);
    case IR_ONNX_IDENTITY: ir_node_replace(n, ir_in(n, 0)); return true;
    case IR_ONNX_PAD: return lower_pad(n, err);
    case IR_ONNX_REDUCE: return lower_reduce(n, err);
    case IR_ONNX_RESHAPE: return lower_reshape(n, err);
    case IR_ONNX_RESIZE: return lower_resize(n, err);
    case IR_ONNX_SLICE: return lower_slice(n, err);
    case IR_ONNX_SOFTMAX: return lower_softmax(n, err);
    case IR_ONNX_SPLIT: return lower_split(n, err);
    case IR_ONNX_SQUEEZE: return lower_squeeze(n, err);
    case IR_ONNX_TILE: return lower_tile(n, err);
    case IR_ONNX_TRANSPOSE: return lower_transpose(n, err);
    case IR_ONNX_UNSQUEEZE: return lower_unsqueeze(n, err);
    default: return refuse(n, err, "it computes on tensors, where only shape arithmetic was expected");
    }
}
