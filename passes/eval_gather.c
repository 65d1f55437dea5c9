// The operators on constants that pick elements by index.
#include "passes/eval_tensor.h"

// The indices as plain numbers; NULL when they are none, or depend on T.
static int64_t *read_indices(struct eval *e, const struct eval_tensor *t) {
    int64_t *list = arena_array(e->scratch, t->count + 1, sizeof *list);
    return eval_const_list(t, list, EVAL_MAX_ELEMENTS) ? list : NULL;
}

// A negative index counts from the end; -1 when it leaves its axis.
static int64_t index_in(int64_t index, int64_t length) {
    if (index < 0) index += length;
    return index >= 0 && index < length ? index : -1;
}

bool eval_gather(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0], *index = &e->in[1];
    int64_t axis = ir_attr_int(e->n, IR_KEY_AXIS, 0), *list;
    if (axis < 0) axis += in->rank;
    if (axis < 0 || axis >= in->rank || (list = read_indices(e, index)) == NULL ||
        in->rank - 1 + index->rank > IR_MAX_RANK)
        return false;
    out->rank = 0;
    for (int i = 0; i < axis; i++) out->dims[out->rank++] = in->dims[i];
    for (int i = 0; i < index->rank; i++) out->dims[out->rank++] = index->dims[i];
    for (int i = (int)axis + 1; i < in->rank; i++) out->dims[out->rank++] = in->dims[i];
    size_t outer = eval_count((int)axis, in->dims), n = 0, length = (size_t)in->dims[axis];
    size_t inner = eval_count(in->rank - (int)axis - 1, in->dims + axis + 1);
    if (eval_count(out->rank, out->dims) > EVAL_MAX_ELEMENTS) return false;
    size_t *source = arena_array(e->scratch, outer * index->count * inner + 1, sizeof *source);
    for (size_t o = 0; o < outer; o++) {
        for (size_t k = 0; k < index->count; k++) {
            int64_t at = index_in(list[k], in->dims[axis]);
            if (at < 0) return false;
            for (size_t i = 0; i < inner; i++) source[n++] = (o * length + (size_t)at) * inner + i;
        }
    }
    return eval_pick(e, in, source, out);
}

// Of the same shape as the indices; the index stands for one coordinate.
bool eval_gather_elements(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0], *index = &e->in[1];
    int64_t axis = ir_attr_int(e->n, IR_KEY_AXIS, 0), x[IR_MAX_RANK] = {0}, *list = read_indices(e, index);
    if (axis < 0) axis += in->rank;
    if (list == NULL || axis < 0 || axis >= in->rank || index->rank != in->rank) return false;
    for (int d = 0; d < in->rank; d++) {
        if (d != axis && index->dims[d] > in->dims[d]) return false;
    }
    size_t *source = arena_array(e->scratch, index->count + 1, sizeof *source);
    for (size_t i = 0; i < index->count; i++) {
        int64_t at = index_in(list[i], in->dims[axis]);
        if (at < 0) return false;
        for (int d = 0; d < in->rank; d++) {
            source[i] = source[i] * (size_t)in->dims[d] + (size_t)(d == axis ? at : x[d]);
        }
        for (int d = in->rank - 1; d >= 0 && ++x[d] == index->dims[d]; d--) x[d] = 0;
    }
    out->rank = index->rank;
    for (int d = 0; d < out->rank; d++) out->dims[d] = index->dims[d];
    return eval_pick(e, in, source, out);
}

// The last axis of the indices holds the first coordinates of a part of `in`. Where part k begins, in *begin; *size elements
// each. False when an index is wrong.
static bool find_parts(struct eval *e, const struct eval_tensor *in, const struct eval_tensor *index,
                       size_t **begin, size_t *parts, size_t *size) {
    int64_t *list = read_indices(e, index);
    int depth = index->rank > 0 ? (int)index->dims[index->rank - 1] : 0;
    if (list == NULL || depth < 1 || depth > in->rank) return false;
    *parts = index->count / (size_t)depth;
    *size = eval_count(in->rank - depth, in->dims + depth);
    *begin = arena_array(e->scratch, *parts + 1, sizeof **begin);
    for (size_t k = 0; k < *parts; k++) {
        for (int d = 0; d < depth; d++) {
            int64_t at = index_in(list[k * (size_t)depth + (size_t)d], in->dims[d]);
            if (at < 0) return false;
            (*begin)[k] = (*begin)[k] * (size_t)in->dims[d] + (size_t)at;
        }
        (*begin)[k] *= *size;
    }
    return true;
}

bool eval_gather_nd(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0], *index = &e->in[1];
    size_t *begin, parts, size, *source;
    if (!find_parts(e, in, index, &begin, &parts, &size)) return false;
    int depth = (int)index->dims[index->rank - 1];
    if (index->rank - 1 + in->rank - depth > IR_MAX_RANK) return false;
    for (int d = 0; d < index->rank - 1; d++) out->dims[out->rank++] = index->dims[d];
    for (int d = depth; d < in->rank; d++) out->dims[out->rank++] = in->dims[d];
    if (eval_count(out->rank, out->dims) > EVAL_MAX_ELEMENTS) return false;
    source = arena_array(e->scratch, parts * size + 1, sizeof *source);
    for (size_t i = 0; i < parts * size; i++) source[i] = begin[i / size] + i % size;
    return eval_pick(e, in, source, out);
}

bool eval_scatter_nd(struct eval *e, struct eval_tensor *out) {
    const struct eval_tensor *in = &e->in[0], *updates = &e->in[2];
    size_t *begin, parts, size;
    if (!find_parts(e, in, &e->in[1], &begin, &parts, &size)) return false;
    *out = *in;
    if (updates->count != parts * size || (updates->ints != NULL) != (in->ints != NULL)) return false;
    struct ir_dim *ints;
    double *floats;
    eval_room(e, in, in->count, &ints, &floats);
    for (size_t i = 0; i < in->count; i++) {
        if (ints != NULL) ints[i] = in->ints[i];
        else floats[i] = in->floats[i];
    }
    for (size_t i = 0; i < updates->count; i++) {
        size_t at = begin[i / size] + i % size;
        if (ints != NULL) ints[at] = updates->ints[i];
        else floats[at] = updates->floats[i];
    }
    out->ints = ints;
    out->floats = floats;
    return true;
}
