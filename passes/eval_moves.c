// The operators on constants that only move elements.
#include "base/size.h"
#include "passes/eval_tensor.h"

#include <stdlib.h>
#include <string.h>

void eval_room(struct eval *e, const struct eval_tensor *like, size_t count, struct ir_dim **ints,
               double **floats) {
    *ints = like->ints ? arena_array(e->scratch, count + 1, sizeof **ints) : NULL;
    *floats = like->ints ? NULL : arena_array(e->scratch, count + 1, sizeof **floats);
}

// Collects out[i] = in[source[i]].
bool eval_pick(struct eval *e, const struct eval_tensor *in, const size_t *source, struct eval_tensor *out) {
    out->dtype = in->dtype;
    out->count = eval_count(out->rank, out->dims);
    if (out->count > EVAL_MAX_ELEMENTS) return false;
    struct ir_dim *ints;
    double *floats;
    eval_room(e, in, out->count, &ints, &floats);
    for (size_t i = 0; i < out->count; i++) {
        size_t s = source ? source[i] : i;
        if (ints) ints[i] = in->ints[s];
        else floats[i] = in->floats[s];
    }
    out->ints = ints;
    out->floats = floats;
    return true;
}

static void strides_of(const struct eval_tensor *t, size_t *strides) {
    size_t s = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        strides[i] = s;
        s *= (size_t)t->dims[i];
    }
}

// Walks the output shape; element at index x comes from base + sum x[i] * step[i] (steps may be negative or
// 0).
static bool strided(struct eval *e, const struct eval_tensor *in, struct eval_tensor *out, ptrdiff_t base,
                    const ptrdiff_t *step) {
    size_t count = eval_count(out->rank, out->dims);
    if (count > EVAL_MAX_ELEMENTS) return false;
    size_t *source = arena_array(e->scratch, count + 1, sizeof *source);
    int64_t x[IR_MAX_RANK] = {0};
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = base;
        for (int d = 0; d < out->rank; d++) at += (ptrdiff_t)x[d] * step[d];
        source[i] = (size_t)at;
        for (int d = out->rank - 1; d >= 0 && ++x[d] == out->dims[d]; d--) x[d] = 0;
    }
    return eval_pick(e, in, source, out);
}

bool eval_transpose(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
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

bool eval_slice(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t starts[8], ends[8], axes[8] = {0, 1, 2, 3, 4, 5, 6, 7}, steps[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (e->in_count < 3 || !eval_const_list(&e->in[1], starts, 8) || !eval_const_list(&e->in[2], ends, 8))
        return false;
    bool has_axes = e->in_count > 3 && e->in[3].ints != NULL;
    for (int i = 2; i < e->in_count; i++) {
        if (e->in[i].count != e->in[1].count && !(i == 3 && !has_axes)) return false;
    }
    if (has_axes && !eval_const_list(&e->in[3], axes, 8)) return false;
    if (e->in_count > 4 && !eval_const_list(&e->in[4], steps, 8)) return false;
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
        steps[k] =
            eval_clamp(steps[k], -in->dims[a] - 1, in->dims[a] + 1); // longer ones take one element, too
        int64_t n = in->dims[a], s = starts[k], t = ends[k], low = steps[k] > 0 ? 0 : -1;
        int64_t high = steps[k] > 0 ? n : n - 1;
        s = eval_clamp(s < 0 ? s + n : s, 0, high);
        t = eval_clamp(t < 0 ? (t < -n ? -1 + (steps[k] > 0) : t + n) : t, low, n);
        int64_t length =
            steps[k] > 0 ? (t - s + steps[k] - 1) / steps[k] : (s - t - steps[k] - 1) / -steps[k];
        out->dims[a] = length < 0 || n == 0 ? 0 : length;
        base += (ptrdiff_t)s * (ptrdiff_t)strides[a];
        step[a] = (ptrdiff_t)(steps[k] * (int64_t)strides[a]);
    }
    return strided(e, in, out, base, step);
}

bool eval_reshape(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t shape[IR_MAX_RANK];
    if (!eval_const_list(&e->in[1], shape, IR_MAX_RANK)) return false;
    int unknown = -1;
    uint64_t known = 1;
    out->rank = (int)e->in[1].count;
    for (int i = 0; i < out->rank; i++) {
        bool copy = shape[i] == 0 && !ir_attr_int(e->n, IR_KEY_ALLOWZERO, 0);
        out->dims[i] = copy && i < in->rank ? in->dims[i] : shape[i];
        if (shape[i] == -1) unknown = i;
        else if (out->dims[i] < 0 || !size_mul(known, (uint64_t)out->dims[i], &known)) return false;
    }
    if (unknown >= 0) out->dims[unknown] = known ? (int64_t)(in->count / known) : 0;
    return eval_count(out->rank, out->dims) == in->count && eval_pick(e, in, NULL, out);
}

// Squeeze and unsqueeze: a mask of unit axes, counted in the longer of the two shapes.
static bool eval_unit_axes(struct eval *e, struct eval_tensor *out, bool insert) {
    const struct eval_tensor *in = &e->in[0];
    int64_t list[IR_MAX_RANK];
    int count = 0;
    const int64_t *axes = ir_attr_ints(e->n, IR_KEY_AXES, &count);
    if (e->in_count > 1) {
        if (!eval_const_list(&e->in[1], list, IR_MAX_RANK)) return false;
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
    return eval_pick(e, in, NULL, out);
}

bool eval_expand(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t shape[IR_MAX_RANK];
    if (!eval_const_list(&e->in[1], shape, IR_MAX_RANK)) return false;
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

bool eval_concat(struct eval *e, struct eval_tensor *out) {
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
    out->count = eval_count(out->rank, out->dims);
    if (out->count > EVAL_MAX_ELEMENTS) return false;
    struct ir_dim *ints = arena_array(e->scratch, out->count + 1, sizeof *ints);
    double *floats = arena_array(e->scratch, out->count + 1, sizeof *floats);
    size_t outer = eval_count((int)axis, out->dims), n = 0;
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

bool eval_squeeze(struct eval *e, struct eval_tensor *out) { return eval_unit_axes(e, out, false); }
bool eval_unsqueeze(struct eval *e, struct eval_tensor *out) { return eval_unit_axes(e, out, true); }

bool eval_flatten(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t axis = ir_attr_int(e->n, IR_KEY_AXIS, 1);
    if (axis < 0) axis += in->rank;
    if (axis < 0 || axis > in->rank) return false;
    out->rank = 2;
    out->dims[0] = out->dims[1] = 1;
    for (int i = 0; i < in->rank; i++) out->dims[i >= axis] *= in->dims[i];
    return eval_pick(e, in, NULL, out);
}

bool eval_tile(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t repeats[IR_MAX_RANK], x[IR_MAX_RANK] = {0};
    size_t strides[IR_MAX_RANK];
    if (!eval_const_list(&e->in[1], repeats, IR_MAX_RANK) || (int)e->in[1].count != in->rank) return false;
    strides_of(in, strides);
    out->rank = in->rank;
    for (int i = 0; i < in->rank; i++) {
        if (__builtin_mul_overflow(in->dims[i], repeats[i], &out->dims[i])) return false;
    }
    size_t count = eval_count(out->rank, out->dims);
    if (count > EVAL_MAX_ELEMENTS) return false;
    size_t *source = arena_array(e->scratch, count + 1, sizeof *source);
    for (size_t i = 0; i < count; i++) {
        for (int d = 0; d < out->rank; d++) source[i] += (size_t)(x[d] % in->dims[d]) * strides[d];
        for (int d = out->rank - 1; d >= 0 && ++x[d] == out->dims[d]; d--) x[d] = 0;
    }
    return eval_pick(e, in, source, out);
}

// Of each axis, how much is added in front; the output's lengths. Negative pads cut off.
static bool read_pads(const struct eval *e, int64_t *begins, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0], *given = e->in_count > 3 ? &e->in[3] : NULL;
    int64_t pads[IR_MAX_RANK * 2], axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    int count = in->rank;
    if (e->in_count < 2 || !eval_const_list(&e->in[1], pads, IR_MAX_RANK * 2)) return false;
    if (given != NULL && given->ints != NULL) {
        if (!eval_const_list(given, axes, IR_MAX_RANK)) return false;
        count = (int)given->count;
    }
    *out = *in;
    if (e->in[1].count != 2 * (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        int64_t a = axes[i] < 0 ? axes[i] + in->rank : axes[i], end = pads[i + count];
        if (a < 0 || a >= in->rank || llabs(pads[i]) > EVAL_MAX_ELEMENTS || llabs(end) > EVAL_MAX_ELEMENTS)
            return false;
        begins[a] = pads[i];
        out->dims[a] = in->dims[a] + pads[i] + end;
    }
    out->count = eval_count(out->rank, out->dims);
    return out->count <= EVAL_MAX_ELEMENTS;
}

bool eval_pad(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0], *value = e->in_count > 2 ? &e->in[2] : NULL;
    int64_t begins[IR_MAX_RANK] = {0}, x[IR_MAX_RANK] = {0};
    if (strcmp(ir_attr_string(e->n, IR_KEY_MODE, "constant"), "constant") != 0 || !read_pads(e, begins, out))
        return false;
    bool has_value = value != NULL && (value->ints != NULL || value->floats != NULL);
    if (has_value && (value->count != 1 || (value->ints != NULL) != (in->ints != NULL))) return false;
    struct ir_dim *ints;
    double *floats;
    eval_room(e, in, out->count, &ints, &floats);
    for (size_t i = 0; i < out->count; i++) {
        size_t at = 0;
        bool inside = true;
        for (int d = 0; d < in->rank; d++) {
            int64_t k = x[d] - begins[d];
            inside = inside && k >= 0 && k < in->dims[d];
            if (inside) at = at * (size_t)in->dims[d] + (size_t)k;
        }
        if (ints != NULL) ints[i] = inside ? in->ints[at] : has_value ? value->ints[0] : dim_const(0);
        else floats[i] = inside ? in->floats[at] : has_value ? value->floats[0] : 0;
        for (int d = out->rank - 1; d >= 0 && ++x[d] == out->dims[d]; d--) x[d] = 0;
    }
    out->ints = ints;
    out->floats = floats;
    return true;
}

bool eval_split(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0];
    int64_t axis = ir_attr_int(e->n, IR_KEY_AXIS, 0), sizes[64], at = 0;
    int count = e->n->output_count;
    if (axis < 0) axis += in->rank;
    if (axis < 0 || axis >= in->rank || count > 64) return false;
    bool given = e->in_count > 1;
    if (given && (!eval_const_list(&e->in[1], sizes, 64) || e->in[1].count != (size_t)count)) return false;
    int64_t length = in->dims[axis], even = (length + count - 1) / count;
    size_t strides[IR_MAX_RANK];
    ptrdiff_t step[IR_MAX_RANK];
    strides_of(in, strides);
    for (int i = 0; i < in->rank; i++) step[i] = (ptrdiff_t)strides[i];
    for (int i = 0; i < count; i++) {
        int64_t size = given ? sizes[i] : length - at < even ? length - at : even;
        if (size < 0 || size > length - at) return false;
        out[i] = *in;
        out[i].dims[axis] = size;
        if (!strided(e, in, &out[i], (ptrdiff_t)at * step[axis], step)) return false;
        at += size;
    }
    return at == length;
}
