// ONNX carries parameters in operands (the shape of Reshape, the bounds of Slice ...) and has many operators
// that only move elements. Here each becomes its canonical form: parameters as attributes, movements as
// `rearrange`, `slice`, `concat` and `pad`.
//
//     %y = onnx.reshape %x, @shape          ->  %y = rearrange %x {pattern="a b c -> a (b c)"}
//     %y = onnx.slice %x, @1, @max, @2, @1  ->  %y = slice %x {axis=2, start=1, end=1, steady_end=1}
//
// What is left: operators that only matter for shape arithmetic on real tensors (Equal, And, ...): no decoder has them.
#include "passes/lower_onnx.h"

#include "passes/lower.h"
#include "passes/match.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool lower_refuse(const struct ir_node *n, struct error *err, const char *format, ...) {
    char why[512];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return error_set(err, ERROR_UNSUPPORTED, "node '%s' (%s): %s", n->name, ir_info(n)->name, why);
}

void lower_replace(struct ir_node *n, struct ir_value *with) {
    if (with->def != NULL && with->def->output_count == 1 && with->def->name == n->name) {
        with->name = ir_out(n)->name; // the result keeps the ONNX name
    }
    with->declared = with->declared.rank < 0 ? ir_out(n)->declared : with->declared;
    ir_node_replace(n, with);
}

struct ir_value *lower_insert(struct ir_node *at, enum ir_op op, struct ir_value *a, struct ir_value *b) {
    struct ir_value *inputs[] = {a, b};
    struct ir_node *n = ir_insert(at, op, b != NULL ? 2 : 1, inputs);
    return ir_infer_node(n, NULL) ? ir_out(n) : NULL;
}

// A parameter operand as constant integers; *count -1 when it is absent.
bool lower_int_list(const struct ir_node *n, int input, int64_t *list, int *count, struct error *err) {
    const struct ir_value *v = ir_in(n, input);
    *count = -1;
    if (v == NULL) return true;
    if (!ir_is_int_constant(v) || v->constant->count > IR_MAX_RANK * 2) {
        return lower_refuse(n, err, "input %d must be a short list of integers that is known when compiling",
                            input);
    }
    *count = (int)v->constant->count;
    for (int i = 0; i < *count; i++) {
        if (!dim_is_const(v->constant->ints[i]))
            return lower_refuse(n, err, "input %d depends on the number of frames", input);
        list[i] = v->constant->ints[i].first;
    }
    return true;
}

// Axes from an operand, else from the attribute; negative ones counted from the end of `rank`. -1 when
// absent.
bool lower_axes_list(const struct ir_node *n, int input, int rank, int64_t *axes, int *count,
                     struct error *err) {
    if (!lower_int_list(n, input, axes, count, err)) return false;
    int attr_count;
    const int64_t *attr = ir_attr_ints(n, IR_KEY_AXES, &attr_count);
    if (*count < 0 && attr != NULL && attr_count <= IR_MAX_RANK) {
        memcpy(axes, attr, (size_t)attr_count * sizeof *axes);
        *count = attr_count;
    }
    for (int i = 0; i < *count; i++) {
        if (axes[i] < 0) axes[i] += rank;
        if (axes[i] < 0 || axes[i] >= rank)
            return lower_refuse(n, err, "axis %lld does not exist", (long long)axes[i]);
    }
    return true;
}

bool lower_one_axis(const struct ir_node *n, int64_t otherwise, int rank, int *axis, struct error *err) {
    int64_t a = ir_attr_int(n, IR_KEY_AXIS, otherwise);
    if (a < 0) a += rank;
    *axis = (int)a;
    return (a >= 0 && a < rank) || lower_refuse(n, err, "axis %lld does not exist", (long long)a);
}

struct ir_value *lower_reshaped(struct ir_node *at, struct ir_value *x, int rank, const struct ir_dim *dims) {
    struct ir_rearrange r;
    if (!rearrange_reshape(&x->type, rank, dims, &r)) return NULL;
    return rearrange_is_identity(&r) ? x : match_rearrange(at, x, &r);
}

struct ir_value *lower_transposed(struct ir_node *at, struct ir_value *x, const int64_t *perm) {
    struct ir_rearrange r;
    if (!rearrange_transpose(&x->type, perm, &r)) return NULL;
    return rearrange_is_identity(&r) ? x : match_rearrange(at, x, &r);
}

bool lower_reshape_to(struct ir_node *n, struct ir_value *x, int rank, const struct ir_dim *dims,
                      struct error *err) {
    struct ir_rearrange r;
    if (rearrange_reshape(&x->type, rank, dims, &r)) {
        lower_replace(n, match_rearrange(n, x, &r));
        return true;
    }
    struct strbuf from = {0}, to = {0};
    struct ir_type t = ir_type_make(x->type.dtype, rank, dims);
    ir_type_print(&x->type, &from);
    ir_type_print(&t, &to);
    lower_refuse(n, err, "reshape from %s to %s cuts across axes or time", strbuf_text(&from),
                 strbuf_text(&to));
    strbuf_free(&from);
    strbuf_free(&to);
    return false;
}

// ---- operators with parameters

static bool lower_pad(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    int64_t list[IR_MAX_RANK * 2], axes[IR_MAX_RANK * 2], pads[IR_MAX_RANK * 2] = {0};
    int count, axis_count, rank = x->type.rank;
    double value = 0;
    if (strcmp(ir_attr_string(n, IR_KEY_MODE, "constant"), "constant") != 0)
        return lower_refuse(n, err, "only mode constant is supported");
    if (ir_in(n, 2) != NULL && (!match_splat(ir_in(n, 2), &value) || value != 0))
        return lower_refuse(n, err, "only zero padding is supported");
    if (!lower_int_list(n, 1, list, &count, err) || !lower_axes_list(n, 3, rank, axes, &axis_count, err))
        return false;
    int covered = axis_count < 0 ? rank : axis_count;
    if (count != 2 * covered) return lower_refuse(n, err, "two pads for each axis are needed");
    for (int i = 0; i < covered; i++) {
        int axis = axis_count < 0 ? i : (int)axes[i];
        pads[axis] = list[i];
        pads[axis + rank] = list[i + covered];
        if (list[i] < 0 || list[i + covered] < 0)
            return lower_refuse(n, err, "negative pads are not supported");
    }
    struct ir_node *p = ir_insert(n, IR_PAD, 1, &x);
    ir_attr_set_ints(p, IR_KEY_PADS, 2 * rank, pads);
    if (!ir_infer_node(p, err)) return false;
    lower_replace(n, ir_out(p));
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
    if (spatial < 1) return lower_refuse(n, err, "the input has no spatial axes");
    if (ir_attr_int(n, IR_KEY_GROUP, 1) != 1)
        return lower_refuse(n, err, "grouped convolutions are not supported");
    if (!all_ones(dilations, dilation_count))
        return lower_refuse(n, err, "dilated convolutions are not supported");
    if (strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0)
        return lower_refuse(n, err, "auto_pad %s is not supported", auto_pad);
    if ((pad_count != 0 && pad_count != 2 * spatial) || (stride_count != 0 && stride_count != spatial)) {
        return lower_refuse(n, err, "pads or strides do not fit %d spatial axes", spatial);
    }
    struct ir_value *inputs[] = {ir_in(n, 0), ir_in(n, 1), ir_in(n, 2)};
    struct ir_node *c = ir_insert(n, IR_CONV, inputs[2] ? 3 : 2, inputs);
    ir_attr_set_ints(c, IR_KEY_PADS, 2 * spatial, pad_count ? pads : zeros);
    ir_attr_set_ints(c, IR_KEY_STRIDES, spatial, stride_count ? strides : ones);
    if (!ir_infer_node(c, err)) return false;
    lower_replace(n, ir_out(c));
    return true;
}

static bool lower_clip(struct ir_node *n, struct error *err) {
    double low = ir_attr_float(n, IR_KEY_MIN, -INFINITY), high = ir_attr_float(n, IR_KEY_MAX, INFINITY);
    if (ir_in(n, 1) && !match_splat(ir_in(n, 1), &low))
        return lower_refuse(n, err, "the lower bound is not a constant");
    if (ir_in(n, 2) && !match_splat(ir_in(n, 2), &high))
        return lower_refuse(n, err, "the upper bound is not a constant");
    if (low > high) low = high; // as ONNX has it
    struct ir_value *x = ir_in(n, 0);
    if (!ir_dtype_is_float(x->type.dtype)) return lower_refuse(n, err, "a tensor of integers is clipped");
    struct ir_node *c = ir_insert(n, IR_CLAMP, 1, &x);
    ir_attr_set_float(c, IR_KEY_MIN, low);
    ir_attr_set_float(c, IR_KEY_MAX, high);
    if (!ir_infer_node(c, err)) return false;
    lower_replace(n, ir_out(c));
    return true;
}

// The axes that are reduced, all of them where none are named.
static bool reduced_axes(const struct ir_node *n, int64_t *axes, int *count, struct error *err) {
    int rank = ir_in(n, 0)->type.rank;
    if (!lower_axes_list(n, 1, rank, axes, count, err)) return false;
    if (*count > 0 || ir_attr_int(n, IR_KEY_NOOP_WITH_EMPTY_AXES, 0)) return true;
    for (*count = 0; *count < rank; ++*count) axes[*count] = *count;
    return true;
}

static const struct reduction {
    const char *kind;
    enum ir_op op;
    bool square, absolute;
} reductions[] = {{"l2", IR_REDUCE_L2, false, false},
                  {"sum", IR_REDUCE_SUM, false, false},
                  {"mean", IR_REDUCE_MEAN, false, false},
                  {"sum_square", IR_REDUCE_SUM, true, false},
                  {"l1", IR_REDUCE_SUM, false, true}};

static const struct reduction *find_reduction(const char *kind) {
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++) {
        if (strcmp(reductions[i].kind, kind) == 0) return &reductions[i];
    }
    return NULL;
}

// Replaces the node by `reduced`, without its axes of 1 where the node drops them.
static bool finish_reduction(struct ir_node *n, struct ir_value *reduced, const int64_t *axes, int count,
                             struct error *err) {
    struct ir_dim dims[IR_MAX_RANK];
    unsigned mask = 0;
    int rank = 0;
    if (ir_attr_int(n, IR_KEY_KEEPDIMS, 1)) {
        lower_replace(n, reduced);
        return true;
    }
    for (int k = 0; k < count; k++) mask |= 1u << axes[k];
    for (int i = 0; i < reduced->type.rank; i++) {
        if (!(mask >> i & 1)) dims[rank++] = reduced->type.dims[i];
    }
    return lower_reshape_to(n, reduced, rank, dims, err);
}

static bool lower_reduce(struct ir_node *n, struct error *err) {
    const char *kind = ir_attr_string(n, IR_KEY_KIND, "");
    const struct reduction *r = find_reduction(kind);
    struct ir_value *x = ir_in(n, 0);
    int64_t axes[IR_MAX_RANK * 2];
    int count;
    if (r == NULL) return lower_refuse(n, err, "reduction '%s' of a tensor is not supported", kind);
    if (!ir_dtype_is_float(x->type.dtype)) return lower_refuse(n, err, "a tensor of integers is reduced");
    if (!reduced_axes(n, axes, &count, err)) return false;
    if (count <= 0 && x->type.rank > 0) { // no axes, and the node says that this means none
        if (r->square || r->absolute || r->op == IR_REDUCE_L2)
            return lower_refuse(n, err, "a reduction over no axes");
        ir_node_replace(n, x);
        return true;
    }
    struct ir_value *summed = r->square     ? lower_insert(n, IR_MUL, x, x)
                              : r->absolute ? lower_insert(n, IR_ABS, x, NULL)
                                            : x;
    struct ir_node *sum = ir_insert(n, r->op, 1, &summed);
    ir_attr_set_ints(sum, IR_KEY_AXES, count > 0 ? count : 0, axes);
    return ir_infer_node(sum, err) && finish_reduction(n, ir_out(sum), axes, count, err);
}

static bool lower_softmax(struct ir_node *n, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    int axis;
    if (!lower_one_axis(n, -1, x->type.rank, &axis, err)) return false;
    struct ir_node *s = ir_insert(n, IR_SOFTMAX, 1, &x);
    ir_attr_set_int(s, IR_KEY_AXIS, axis);
    if (!ir_infer_node(s, err)) return false;
    lower_replace(n, ir_out(s));
    return true;
}

// To whole numbers, which stay floats: only the result of a graph is ever rounded.
static bool lower_round(struct ir_node *n, const char *mode, struct error *err) {
    struct ir_value *x = ir_in(n, 0);
    if (!ir_dtype_is_float(x->type.dtype)) return lower_refuse(n, err, "its operand is not of floats");
    struct ir_node *r = ir_insert(n, IR_ROUND, 1, &x);
    ir_attr_set_string(r, IR_KEY_MODE, mode);
    if (!ir_infer_node(r, err)) return false;
    ir_out(r)->declared = (struct ir_type){.rank = -1};
    ir_node_replace(n, ir_out(r));
    return true;
}

// All float types compute in fp32 here, so a cast between them changes nothing (weights are widened exactly).
static bool lower_cast(struct ir_node *n, struct error *err) {
    int64_t to = ir_attr_int(n, IR_KEY_TO, IR_F32);
    if (to < 0 || to >= IR_DTYPES)
        return lower_refuse(n, err, "there is no element type %lld", (long long)to);
    if (to == IR_U8 && ir_dtype_is_float(ir_in(n, 0)->type.dtype)) return lower_round(n, "zero", err);
    if (!ir_dtype_is_float((enum ir_dtype)to) || !ir_dtype_is_float(ir_in(n, 0)->type.dtype)) {
        return lower_refuse(n, err, "a tensor is converted to or from integers");
    }
    ir_node_replace(n, ir_in(n, 0));
    return true;
}

bool lower_onnx_node(struct ir_node *n, struct error *err) {
    for (int i = 0; i < n->input_count; i++) {
        if (i < ir_info(n)->min_in && (ir_in(n, i) == NULL || ir_in(n, i)->type.rank < 0))
            return lower_refuse(n, err, "the shape of its input %d is not known", i);
    }
    switch (n->op) {
    case IR_ONNX_ATTENTION: return lower_attention(n, err);
    case IR_ONNX_CAST: return lower_cast(n, err);
    case IR_ONNX_CLIP: return lower_clip(n, err);
    case IR_ONNX_CONSTANT_OF_SHAPE: return lower_constant_of_shape(n, err);
    case IR_ONNX_CONV: return lower_conv(n, err);
    case IR_ONNX_DEPTH_TO_SPACE: return lower_depth_to_space(n, err);
    case IR_ONNX_EINSUM: return lower_einsum(n, err);
    case IR_ONNX_EXPAND: return lower_expand(n, err);
    case IR_ONNX_FLATTEN: return lower_flatten(n, err);
    case IR_ONNX_GATHER: return lower_gather(n, err);
    case IR_ONNX_GATHER_ND: return lower_gather_nd(n, err);
    case IR_ONNX_IDENTITY: ir_node_replace(n, ir_in(n, 0)); return true;
    case IR_ONNX_MAX:
    case IR_ONNX_MIN: return lower_min_max(n, err);
    case IR_ONNX_FLOOR: return lower_round(n, "floor", err);
    case IR_ONNX_CEIL: return lower_round(n, "ceil", err);
    case IR_ONNX_ROUND: return lower_round(n, "even", err);
    case IR_ONNX_PAD: return lower_pad(n, err);
    case IR_ONNX_REDUCE: return lower_reduce(n, err);
    case IR_ONNX_RESHAPE: return lower_reshape(n, err);
    case IR_ONNX_RESIZE: return lower_resize(n, err);
    case IR_ONNX_RMS_NORM: return lower_rms_norm(n, err);
    case IR_ONNX_SLICE: return lower_slice(n, err);
    case IR_ONNX_SOFTMAX: return lower_softmax(n, err);
    case IR_ONNX_SPACE_TO_DEPTH: return lower_space_to_depth(n, err);
    case IR_ONNX_SPLIT: return lower_split(n, err);
    case IR_ONNX_SQUEEZE: return lower_squeeze(n, err);
    case IR_ONNX_TILE: return lower_tile(n, err);
    case IR_ONNX_TRANSPOSE: return lower_transpose(n, err);
    case IR_ONNX_UNSQUEEZE: return lower_unsqueeze(n, err);
    case IR_ONNX_WHERE: return lower_where(n, err);
    default: return lower_refuse(n, err, "it computes on tensors, where only shape arithmetic was expected");
    }
}

// Canonical operators that ONNX gives operands which the IR does not take.
bool lower_canonical_node(struct ir_node *n, struct error *err) {
    for (int i = 0; i < n->input_count; i++) {
        if (ir_in(n, i) == NULL || ir_in(n, i)->type.rank < 0) return ir_infer_node(n, err); // which says so
    }
    if (n->op == IR_POW) return lower_pow(n, err);
    if (n->op == IR_MATMUL) return lower_matmul(n, err);
    return ir_infer_node(n, err);
}
