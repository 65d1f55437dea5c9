// The ONNX operators that only move elements: Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Expand, Tile, Resize (nearest),
// Slice, Split and Gather with constant indices. See lower_onnx.c for what they become.
#include "passes/lower.h"
#include "passes/match.h"

#include <math.h>
#include <string.h>

static bool replace_by_rearrange(struct ir_node *n, const struct ir_rearrange *r) {
    lower_replace(n, match_rearrange(n, ir_in(n, 0), r));
    return true;
}

// ---- reshapes

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
    return dim_mul(total, time, &total) && dim_div(total, known, &dims[missing]);
}

bool lower_reshape(struct ir_node *n, struct error *err) {
    const struct ir_value *x = ir_in(n, 0), *shape = ir_in(n, 1);
    if (!ir_is_int_constant(shape) || shape->constant->count > IR_MAX_RANK) {
        return lower_refuse(n, err, "the shape is not known when compiling");
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
        return lower_refuse(n, err, "-1 has no solution");
    return lower_reshape_to(n, ir_in(n, 0), rank, dims, err);
}

bool lower_flatten(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t axis = ir_attr_int(n, IR_KEY_AXIS, 1);
    struct ir_dim dims[2] = {dim_const(1), dim_const(1)};
    if (axis < 0) axis += t->rank;
    if (axis < 0 || axis > t->rank) return lower_refuse(n, err, "axis %lld does not exist", (long long)axis);
    for (int i = 0; i < t->rank; i++) {
        if (!dim_mul(dims[i >= axis], t->dims[i], &dims[i >= axis]))
            return lower_refuse(n, err, "the shape overflows");
    }
    return lower_reshape_to(n, ir_in(n, 0), 2, dims, err);
}

bool lower_squeeze(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t axes[IR_MAX_RANK * 2];
    int count, rank = 0;
    unsigned mask = 0;
    struct ir_dim dims[IR_MAX_RANK];
    if (!lower_axes_list(n, 1, t->rank, axes, &count, err)) return false;
    for (int i = 0; i < count; i++) mask |= 1u << axes[i];
    for (int i = 0; i < t->rank; i++) {
        bool unit = dim_is(t->dims[i], 1);
        if (count < 0 ? unit : mask >> i & 1) {
            if (!unit) return lower_refuse(n, err, "axis %d is not 1", i);
        } else dims[rank++] = t->dims[i];
    }
    return lower_reshape_to(n, ir_in(n, 0), rank, dims, err);
}

bool lower_unsqueeze(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t axes[IR_MAX_RANK * 2];
    int count, attr_count, rank = t->rank;
    ir_attr_ints(n, IR_KEY_AXES, &attr_count);
    const struct ir_value *operand = ir_in(n, 1);
    rank += operand && operand->constant ? (int)operand->constant->count : attr_count;
    if (rank > IR_MAX_RANK) return lower_refuse(n, err, "rank %d is too large", rank);
    if (!lower_axes_list(n, 1, rank, axes, &count, err)) return false;
    struct ir_dim dims[IR_MAX_RANK];
    unsigned mask = 0;
    for (int i = 0; i < count; i++) mask |= 1u << axes[i];
    for (int i = 0, k = 0; i < rank; i++) {
        if (!(mask >> i & 1) && k >= t->rank) return lower_refuse(n, err, "axes repeat");
        dims[i] = mask >> i & 1 ? dim_const(1) : t->dims[k++];
    }
    return lower_reshape_to(n, ir_in(n, 0), rank, dims, err);
}

bool lower_transpose(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int count;
    const int64_t *perm = ir_attr_ints(n, IR_KEY_PERM, &count);
    int64_t reversed[IR_MAX_RANK];
    for (int i = 0; i < t->rank; i++) reversed[i] = t->rank - 1 - i;
    struct ir_rearrange r;
    if ((count != 0 && count != t->rank) || !rearrange_transpose(t, count ? perm : reversed, &r)) {
        return lower_refuse(n, err, "the permutation is wrong");
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
            return lower_refuse(n, err, "axis %d cannot be repeated", i);
        all = both;
    }
    lower_replace(n, match_rearrange(n, x, &all));
    return true;
}

bool lower_expand_to(struct ir_node *n, struct ir_value *x, int wanted, const struct ir_dim *shape,
                     struct error *err) {
    int rank = wanted > x->type.rank ? wanted : x->type.rank;
    struct ir_dim dims[IR_MAX_RANK];
    int64_t factors[IR_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int a = i - (rank - x->type.rank), b = i - (rank - wanted);
        dims[i] = a >= 0 ? x->type.dims[a] : dim_const(1);
        struct ir_dim want = b >= 0 ? shape[b] : dim_const(1);
        bool grow = dim_is(dims[i], 1) && !dim_is(want, 1);
        if (!grow && !dim_equal(want, dims[i]) && !dim_is(want, 1))
            return lower_refuse(n, err, "axis %d does not broadcast", i);
        if (grow && !dim_is_const(want)) return lower_refuse(n, err, "a value is broadcast over time");
        factors[i] = grow ? want.first : 1;
    }
    struct ir_rearrange r;
    if (!rearrange_reshape(&x->type, rank, dims, &r))
        return lower_refuse(n, err, "the shape does not broadcast");
    if (!rearrange_is_identity(&r)) x = match_rearrange(n, x, &r);
    return repeat_axes(n, x, factors, false, err);
}

bool lower_expand(struct ir_node *n, struct error *err) {
    const struct ir_value *shape = ir_in(n, 1);
    if (!ir_is_int_constant(shape) || shape->constant->count > IR_MAX_RANK)
        return lower_refuse(n, err, "the shape is not known");
    return lower_expand_to(n, ir_in(n, 0), (int)shape->constant->count, shape->constant->ints, err);
}

// Too large to be written out (eval.c does the small ones): one element, repeated.
bool lower_constant_of_shape(struct ir_node *n, struct error *err) {
    int64_t factors[IR_MAX_RANK * 2];
    struct ir_dim ones[IR_MAX_RANK];
    int count;
    const struct ir_attr *value = ir_attr_find(n, IR_KEY_VALUE);
    float fill = (float)ir_attr_float(n, IR_KEY_VALUE, 0);
    if (!lower_int_list(n, 0, factors, &count, err)) return false;
    if (count > IR_MAX_RANK || (value != NULL && value->kind != IR_ATTR_FLOAT)) {
        return lower_refuse(n, err, "only floats of at most %d axes are filled in", IR_MAX_RANK);
    }
    for (int i = 0; i < count; i++) ones[i] = dim_const(1);
    struct ir_value *x = ir_constant_floats(n->block->graph->module, "fill", count, ones, &fill);
    return repeat_axes(n, x, factors, false, err);
}

bool lower_tile(struct ir_node *n, struct error *err) {
    int64_t factors[IR_MAX_RANK * 2];
    int count;
    if (!lower_int_list(n, 1, factors, &count, err)) return false;
    if (count != ir_in(n, 0)->type.rank) return lower_refuse(n, err, "one repeat for each axis is needed");
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

enum { MAX_FACTOR = 1024, MAX_ENLARGED = 1 << 20 }; // every element of an axis is looked at

// Where axis i stands in the list of axes that are resized: itself where there is no list; -1 if it stays.
static int resize_entry(const struct ir_node *n, int i) {
    int count;
    const int64_t *axes = ir_attr_ints(n, IR_KEY_AXES, &count);
    for (int k = 0; k < count; k++) {
        if (axes[k] == i || axes[k] + ir_in(n, 0)->type.rank == i) return k;
    }
    return axes == NULL ? i : -1;
}

// The whole factor by which Resize enlarges axis i, from `scales` or `sizes`; 0 if it is not whole.
static int64_t resize_factor(const struct ir_node *n, int i) {
    const struct ir_value *x = ir_in(n, 0), *scales = ir_in(n, 2), *sizes = ir_in(n, 3);
    int count, entry = resize_entry(n, i);
    struct ir_dim d, product;
    if (ir_attr_ints(n, IR_KEY_AXES, &count) == NULL) count = x->type.rank;
    if (entry < 0) return 1;
    if (sizes && ir_is_int_constant(sizes) && (int)sizes->constant->count == count) {
        struct ir_dim size = sizes->constant->ints[entry];
        bool whole = dim_div(size, x->type.dims[i], &d) && dim_is_const(d) &&
                     dim_mul(d, x->type.dims[i], &product) && dim_equal(product, size);
        return whole && d.first > 0 && d.first < MAX_FACTOR ? d.first : 0;
    }
    if (!ir_is_float_constant(scales) || (int)scales->constant->count != count) return 0;
    double s = ir_constant_float(scales->constant, (size_t)entry);
    return s >= 1 && s < MAX_FACTOR && s == floor(s) ? (int64_t)s : 0;
}

bool lower_resize(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int64_t factors[IR_MAX_RANK];
    if (strcmp(ir_attr_string(n, IR_KEY_MODE, "nearest"), "nearest") != 0)
        return lower_refuse(n, err, "only mode nearest is supported");
    for (int i = 0; i < t->rank; i++) {
        factors[i] = resize_factor(n, i);
        if (factors[i] == 0)
            return lower_refuse(n, err, "axis %d is not enlarged by a whole factor known when compiling", i);
        if (factors[i] == 1) continue;
        if (!dim_is_const(t->dims[i])) return lower_refuse(n, err, "time is resized");
        if (t->dims[i].first > MAX_ENLARGED / factors[i])
            return lower_refuse(n, err, "axis %d becomes too long", i);
        int64_t in = t->dims[i].first, out = in * factors[i];
        for (int64_t k = 0; k < out; k++) { // whatever the rule is called, it must repeat each element
            if (nearest_source(n, k, in, out) != k / factors[i])
                return lower_refuse(n, err, "it does not repeat each element in place");
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

bool lower_slice(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    const struct ir_value *starts = ir_in(n, 1), *ends = ir_in(n, 2);
    int64_t axes[IR_MAX_RANK * 2], steps[IR_MAX_RANK * 2];
    int axis_count, step_count;
    if (!ir_is_int_constant(starts) || !ir_is_int_constant(ends) ||
        starts->constant->count != ends->constant->count || starts->constant->count > IR_MAX_RANK)
        return lower_refuse(n, err, "the bounds are not known when compiling");
    if (!lower_axes_list(n, 3, x->type.rank, axes, &axis_count, err) ||
        !lower_int_list(n, 4, steps, &step_count, err))
        return false;
    int count = (int)starts->constant->count;
    unsigned seen = 0;
    if ((axis_count >= 0 && axis_count != count) || (step_count >= 0 && step_count != count) ||
        count > x->type.rank) {
        return lower_refuse(n, err, "starts, ends, axes and steps differ in length");
    }
    for (int i = 0; i < count; i++) {
        int axis = axis_count < 0 ? i : (int)axes[i];
        struct ir_dim d = x->type.dims[axis], start, end;
        if (seen >> axis & 1) return lower_refuse(n, err, "axis %d is sliced twice", axis);
        seen |= 1u << axis;
        if (step_count >= 0 && steps[i] != 1)
            return lower_refuse(n, err, "step %lld is not supported", (long long)steps[i]);
        if (!slice_bound(starts->constant->ints[i], d, &start) ||
            !slice_bound(ends->constant->ints[i], d, &end)) {
            return lower_refuse(n, err, "whether the slice of axis %d fits depends on the number of frames",
                                axis);
        }
        if (!dim_is_const(start))
            return lower_refuse(n, err, "it keeps frames counted from the end of the whole video");
        if (dim_less(end, start) != 0) return lower_refuse(n, err, "the slice of axis %d is empty", axis);
        x = insert_slice(n, x, axis, start.first, end);
        if (x == NULL) return lower_refuse(n, err, "the slice of axis %d leaves its axis", axis);
    }
    lower_replace(n, x);
    return true;
}

bool lower_split(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    int64_t sizes[IR_MAX_RANK * 2];
    int axis, count;
    if (!lower_one_axis(n, 0, x->type.rank, &axis, err) || !lower_int_list(n, 1, sizes, &count, err))
        return false;
    if (!dim_is_const(x->type.dims[axis])) return lower_refuse(n, err, "time is split");
    int64_t length = x->type.dims[axis].first, at = 0,
            even = (length + n->output_count - 1) / n->output_count;
    int attr_count;
    const int64_t *attr = ir_attr_ints(n, IR_KEY_SPLIT, &attr_count);
    for (int i = 0; i < n->output_count; i++) {
        int64_t size = count > i            ? sizes[i]
                       : attr_count > i     ? attr[i]
                       : length - at < even ? length - at
                                            : even;
        if (size < 0 || size > length - at) return lower_refuse(n, err, "the parts do not add up");
        struct ir_value *part = insert_slice(n, x, axis, at, dim_const(at + size));
        if (part == NULL) return lower_refuse(n, err, "the parts do not add up");
        ir_replace_uses(n->outputs[i], part);
        at += size;
    }
    if (at != length) return lower_refuse(n, err, "the parts do not add up");
    ir_node_remove(n);
    return true;
}

// Gather with one index is a slice without its axis; with 0 0 1 1 2 2 ... it is a nearest-neighbour
// enlargement; with consecutive indices a slice.
bool lower_gather(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0), *index = ir_in(n, 1);
    int axis;
    if (!lower_one_axis(n, 0, x->type.rank, &axis, err)) return false;
    if (!ir_is_int_constant(index) || index->type.rank > 1 || index->constant->count == 0) {
        return lower_refuse(n, err, "the indices are not a constant list");
    }
    struct ir_dim d = x->type.dims[axis];
    const struct ir_dim *ints = index->constant->ints;
    int64_t count = (int64_t)index->constant->count, first = ints[0].first;
    if (first < 0 && dim_is_const(d)) first += d.first;
    if (index->type.rank == 0) {
        struct ir_value *s = first >= 0 && dim_is_const(ints[0])
                                 ? insert_slice(n, x, axis, first, dim_const(first + 1))
                                 : NULL;
        if (s == NULL)
            return lower_refuse(n, err, "the index leaves its axis or depends on the number of frames");
        struct ir_dim dims[IR_MAX_RANK];
        for (int i = 0, k = 0; i < s->type.rank; i++) {
            if (i != axis) dims[k++] = s->type.dims[i];
        }
        return lower_reshape_to(n, s, s->type.rank - 1, dims, err);
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
    if (s == NULL) return lower_refuse(n, err, "the indices are neither consecutive nor a repetition");
    lower_replace(n, s);
    return true;
}

// Indices of a whole grid over the first axes that repeat each element: a nearest-neighbour enlargement, as
// one exporter spells nearest-exact.
bool lower_gather_nd(struct ir_node *n, struct error *err) {
    const struct ir_value *x = ir_in(n, 0), *index = ir_in(n, 1);
    const struct ir_type *t = &x->type, *grid = &index->type;
    int axes = grid->rank - 1;
    int64_t factors[IR_MAX_RANK], at[IR_MAX_RANK] = {0};
    if (!ir_is_int_constant(index) || axes < 1 || axes > t->rank || !dim_is(grid->dims[axes], axes) ||
        index->constant->count == 0)
        return lower_refuse(n, err, "the indices are not a constant grid over the first axes");
    for (int i = 0; i < t->rank; i++) {
        factors[i] = 1;
        if (i >= axes) continue;
        int64_t in = t->dims[i].first, out = grid->dims[i].first;
        if (!dim_is_const(t->dims[i])) return lower_refuse(n, err, "the indices select frames");
        if (in < 1 || out % in != 0)
            return lower_refuse(n, err, "axis %d is not enlarged by a whole factor", i);
        factors[i] = out / in;
    }
    const struct ir_dim *ints = index->constant->ints;
    for (size_t k = 0; k < index->constant->count; k += (size_t)axes) {
        for (int i = 0; i < axes; i++) {
            if (!dim_is(ints[k + (size_t)i], at[i] / factors[i]))
                return lower_refuse(n, err, "the indices do not repeat each element in place");
        }
        for (int i = axes - 1; i >= 0 && ++at[i] == grid->dims[i].first; i--) at[i] = 0;
    }
    return repeat_axes(n, ir_in(n, 0), factors, true, err);
}
