// Reductions of constants: the number of elements of a shape, mostly.
#include "passes/eval_tensor.h"

#include <math.h>
#include <string.h>

static const struct kind {
    const char *name;
    enum ir_op op; // that joins two elements
    bool absolute, square;
    double empty; // of no elements
} kinds[] = {
    {"sum", IR_ADD, false, false, 0},
    {"mean", IR_ADD, false, false, 0},
    {"l1", IR_ADD, true, false, 0},
    {"l2", IR_ADD, false, true, 0},
    {"sum_square", IR_ADD, false, true, 0},
    {"prod", IR_MUL, false, false, 1},
    {"max", IR_ONNX_MAX, false, false, -INFINITY},
    {"min", IR_ONNX_MIN, false, false, INFINITY},
};

static const struct kind *find_kind(const struct ir_node *n) {
    const char *name = ir_attr_string(n, IR_KEY_KIND, "");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    }
    return NULL;
}

// Which axes are reduced, a bit for each: those of the operand or attribute, else all of them.
static bool find_axes(const struct eval *e, unsigned *mask) {
    int64_t list[IR_MAX_RANK];
    int count, rank = e->in[0].rank;
    const int64_t *axes = ir_attr_ints(e->n, IR_KEY_AXES, &count);
    if (e->in_count > 1) {
        if (!eval_const_list(&e->in[1], list, IR_MAX_RANK)) return false;
        axes = list;
        count = (int)e->in[1].count;
    }
    bool all = count == 0 && !ir_attr_int(e->n, IR_KEY_NOOP_WITH_EMPTY_AXES, 0);
    *mask = all ? (1u << rank) - 1 : 0;
    for (int i = 0; i < count; i++) {
        int64_t a = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (a < 0 || a >= rank) return false;
        *mask |= 1u << a;
    }
    return true;
}

// For each element of the input, which element of the output it goes to.
static size_t target(const struct eval_tensor *in, unsigned mask, const int64_t *x) {
    size_t at = 0;
    for (int d = 0; d < in->rank; d++) {
        if (!(mask >> d & 1)) at = at * (size_t)in->dims[d] + (size_t)x[d];
    }
    return at;
}

static bool join_ints(const struct eval *e, const struct kind *k, struct ir_dim x, bool is_first,
                      struct ir_dim *sum) {
    if (k->absolute && !eval_int_op(e->n, IR_ABS, x, x, &x)) return false;
    if (k->square && !dim_mul(x, x, &x)) return false;
    if (!is_first && !eval_int_op(e->n, k->op, *sum, x, &x)) return false;
    *sum = x;
    return eval_fits(x, e->in[0].dtype);
}

static void join_floats(const struct kind *k, double x, double *sum) {
    if (k->absolute) x = fabs(x);
    if (k->square) x *= x;
    if (k->op == IR_ADD) *sum += x;
    else if (k->op == IR_MUL) *sum *= x;
    else if (isnan(x) || isnan(*sum)) *sum = NAN;
    else *sum = k->op == IR_ONNX_MAX ? fmax(*sum, x) : fmin(*sum, x);
}

static bool join_all(struct eval *e, const struct kind *k, unsigned mask, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    struct ir_dim *ints;
    double *floats;
    eval_room(e, in, out->count, &ints, &floats);
    char *begun = arena_alloc(e->scratch, out->count + 1);
    for (size_t i = 0; i < out->count && floats != NULL; i++) floats[i] = k->empty;
    int64_t x[IR_MAX_RANK] = {0};
    for (size_t i = 0; i < in->count; i++) {
        size_t at = target(in, mask, x);
        if (ints != NULL && !join_ints(e, k, in->ints[i], !begun[at], &ints[at])) return false;
        if (floats != NULL) join_floats(k, in->floats[i], &floats[at]);
        begun[at] = 1;
        for (int d = in->rank - 1; d >= 0 && ++x[d] == in->dims[d]; d--) x[d] = 0;
    }
    for (size_t i = 0; i < out->count && ints != NULL; i++) {
        bool has_least = in->dtype == IR_BOOL && k->op == IR_ONNX_MAX; // false is less than nothing
        if (!begun[i] && !isfinite(k->empty) && !has_least) return false;
        if (!begun[i]) ints[i] = dim_const(has_least ? 0 : (int64_t)k->empty);
    }
    out->ints = ints;
    out->floats = floats;
    double each = out->count ? (double)in->count / (double)out->count : 1;
    for (size_t i = 0; i < out->count && floats != NULL; i++) {
        if (strcmp(k->name, "l2") == 0) floats[i] = sqrt(floats[i]);
        if (strcmp(k->name, "mean") == 0) floats[i] /= each;
    }
    return true;
}

bool eval_reduce(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    const struct kind *k = find_kind(e->n);
    unsigned mask = 0;
    if (k == NULL || !find_axes(e, &mask)) return false;
    bool rounds = strcmp(k->name, "mean") == 0 || strcmp(k->name, "l2") == 0;
    if ((in->ints != NULL && rounds) || (mask == 0 && in->rank > 0 && (k->absolute || k->square)))
        return false;
    out->dtype = in->dtype;
    for (int d = 0; d < in->rank; d++) {
        bool reduced = mask >> d & 1;
        if (!reduced || ir_attr_int(e->n, IR_KEY_KEEPDIMS, 1))
            out->dims[out->rank++] = reduced ? 1 : in->dims[d];
    }
    out->count = eval_count(out->rank, out->dims);
    return out->count <= EVAL_MAX_ELEMENTS && join_all(e, k, mask, out);
}
