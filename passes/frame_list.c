#include "passes/frame_list.h"

#include <string.h>

enum { MAX_DEPTH = 4096 }; // of slices and joins behind each other; no exporter comes near it

bool value_is_zero(const struct ir_value *v) {
    for (int depth = 0; v != NULL && v->constant == NULL && depth < MAX_DEPTH; depth++) {
        bool moved = v->def != NULL && (v->def->op == IR_REARRANGE || v->def->op == IR_SLICE);
        v = moved ? ir_in(v->def, 0) : NULL;
    }
    if (v == NULL || !ir_is_float_constant(v)) return false;
    for (size_t i = 0; i < v->constant->count; i++) {
        if (ir_constant_float(v->constant, i) != 0) return false;
    }
    return true;
}

static void add_frames(struct frame_list *f, const struct ir_value *v, int64_t from, int64_t to) {
    if (f->count < 0 || to - from > FRAME_LIST_MAX - f->count) {
        f->count = -1;
        return;
    }
    for (int64_t i = from; i < to; i++) f->at[f->count++] = (struct frame){v, v ? i : 0};
}

static void append(struct frame_list *f, const struct ir_value *v, int64_t from, int64_t to, int depth);

static void append_concat(struct frame_list *f, const struct ir_node *n, int64_t from, int64_t to,
                          int depth) {
    int64_t at = 0;
    for (int i = 0; i < n->input_count; i++) {
        int64_t length = ir_in(n, i)->type.dims[FRAME_AXIS].first;
        int64_t a = from > at ? from : at, b = to < at + length ? to : at + length;
        if (a < b) append(f, ir_in(n, i), a - at, b - at, depth);
        at += length;
    }
}

// Pads of other axes too would make other frames of them: then the padded value is one of its own.
static bool pads_time_only(const struct ir_node *n, int64_t *begin) {
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count);
    for (int i = 0; i < count; i++) {
        if (i % (count / 2) != FRAME_AXIS && pads[i] != 0) return false;
    }
    *begin = pads[FRAME_AXIS];
    return true;
}

static void append_pad(struct frame_list *f, const struct ir_node *n, int64_t from, int64_t to, int64_t begin,
                       int depth) {
    int64_t end = begin + ir_in(n, 0)->type.dims[FRAME_AXIS].first;
    int64_t a = from > begin ? from : begin, b = to < end ? to : end;
    if (from < begin) add_frames(f, NULL, from, to < begin ? to : begin);
    if (a < b) append(f, ir_in(n, 0), a - begin, b - begin, depth);
    if (to > end) add_frames(f, NULL, from > end ? from : end, to);
}

static void append(struct frame_list *f, const struct ir_value *v, int64_t from, int64_t to, int depth) {
    const struct ir_node *n = depth < MAX_DEPTH ? v->def : NULL;
    bool in_time = n && ir_attr_int(n, IR_KEY_AXIS, -1) == FRAME_AXIS;
    int64_t begin;
    if (f->count < 0 || to - from > FRAME_LIST_MAX - f->count) f->count = -1;
    else if (n && n->op == IR_SLICE && in_time) {
        int64_t start = ir_attr_int(n, IR_KEY_START, 0);
        append(f, ir_in(n, 0), start + from, start + to, depth + 1);
    } else if (n && n->op == IR_CONCAT && in_time) append_concat(f, n, from, to, depth + 1);
    else if (n && n->op == IR_PAD && pads_time_only(n, &begin)) append_pad(f, n, from, to, begin, depth + 1);
    else add_frames(f, value_is_zero(v) ? NULL : v, from, to);
}

void frame_list_of(const struct ir_value *v, struct frame_list *f) {
    f->count = v->type.rank == 5 && dim_is_const(v->type.dims[FRAME_AXIS]) ? 0 : -1;
    if (f->count == 0) append(f, v, 0, v->type.dims[FRAME_AXIS].first, 0);
}

void frame_list_pad(struct frame_list *f, int64_t count) {
    if (f->count < 0 || count > FRAME_LIST_MAX - f->count) {
        f->count = -1;
        return;
    }
    memmove(f->at + count, f->at, (size_t)f->count * sizeof *f->at);
    for (int64_t i = 0; i < count; i++) f->at[i] = (struct frame){NULL, 0};
    f->count += (int)count;
}

void frame_list_of_conv(const struct ir_node *conv, struct frame_list *f) {
    int count;
    const int64_t *pads = ir_attr_ints(conv, IR_KEY_PADS, &count);
    frame_list_of(ir_in(conv, 0), f);
    if (pads[3] != 0) f->count = -1;
    frame_list_pad(f, pads[0]);
}

void frame_list_keep_last(struct frame_list *f, int64_t count) {
    if (f->count <= count) return;
    memmove(f->at, f->at + (f->count - count), (size_t)count * sizeof *f->at);
    f->count = (int)count;
}

struct ir_value *frame_list_rest(const struct frame_list *f, int64_t kept) {
    struct ir_value *x = f->count > kept ? (struct ir_value *)f->at[f->count - 1].value : NULL;
    if (x == NULL || x->type.rank != 5 || !dim_is(x->type.dims[FRAME_AXIS], f->count - kept)) return NULL;
    for (int64_t i = kept; i < f->count; i++) {
        if (f->at[i].value != x || f->at[i].index != i - kept) return NULL;
    }
    return x;
}

bool frame_list_equal(const struct frame_list *a, const struct frame_list *b) {
    if (a->count != b->count || a->count < 0) return false;
    for (int i = 0; i < a->count; i++) {
        if (a->at[i].value != b->at[i].value || a->at[i].index != b->at[i].index) return false;
    }
    return true;
}

bool frame_list_is_zero(const struct frame_list *f) {
    for (int i = 0; i < f->count; i++) {
        if (f->at[i].value != NULL) return false;
    }
    return f->count >= 0;
}
