// Runs the operators of a variant that take turns on bands of the image (plan/bands.h).
//
// Operators see whole images: the address of a tensor is moved so far to the front of its buffer that the rows which the
// buffer holds lie where they would in an image. They touch no others.
#include "runtime/session.h"

#include <string.h>

// A buffer that holds some rows, before and in this iteration.
struct slide {
    const struct plan_view *view;
    float *data;
    struct plan_rows from, to;
};

static bool is_window(const struct rt_session *s, enum plan_variant variant, const struct plan_view *v) {
    const struct plan_buffer *buffers = s->plan->buffers + s->program->variant[variant].first_buffer;
    return v->space == PLAN_ARENA && buffers[v->index].rows > 0;
}

// ---- windows

// Rows of one frame that are needed again.
static void move_frame(void *context, size_t frame) {
    const struct slide *s = context;
    uint32_t first = s->from.first > s->to.first ? s->from.first : s->to.first,
             end = s->from.end < s->to.end ? s->from.end : s->to.end;
    size_t row = s->view->row_stride;
    float *data = s->data + frame * s->view->frame_stride;
    if (first >= end || s->from.first == s->to.first) return;
    memmove(data + (first - s->to.first) * row, data + (first - s->from.first) * row,
            (end - first) * row * sizeof *data);
}

static void slide_windows(struct rt_session *s, struct slide *slides, uint32_t count,
                          const struct plan_bands *b) {
    for (uint32_t i = 0; i < count; i++) {
        struct slide *one = &slides[i];
        one->from = one->to;
        one->to = plan_bands_window(b, one->view->index);
        pthreadpool_parallelize_1d(s->pool, move_frame, one, one->view->frames, RT_POOL_FLAGS);
    }
}

// The windows of the run: each is written by an operator of it.
static uint32_t find_windows(const struct rt_session *s, enum plan_variant variant, struct slide *slides) {
    const struct plan_variant_info *info = &s->program->variant[variant];
    uint32_t count = 0;
    for (uint32_t k = 0; k < info->band_count; k++) {
        struct rt_op *op = &rt_variant_ops(s, variant)[info->band_first + k];
        const struct plan_view *v = &s->plan->views[op->plan->out];
        uint32_t known = 0;
        while (known < count && slides[known].view->index != v->index) known++;
        if (known == count && is_window(s, variant, v))
            slides[count++] = (struct slide){.view = v, .data = op->out.data};
    }
    return count;
}

// ---- operators

// The row that lies at the front of a view's buffer.
static uint32_t front_row(const struct plan_view *v, const struct slide *slides, uint32_t count) {
    for (uint32_t i = 0; i < count && v->space == PLAN_ARENA; i++) {
        if (slides[i].view->index == v->index) return slides[i].to.first;
    }
    return 0;
}

// Convolutions are told which rows to compute; for what works pixel by pixel, these are the image.
static void place(struct rt_tensor *t, const struct rt_op *op, uint32_t front) {
    uint32_t skipped = op->plan->kind == PLAN_OP_CONV ? 0 : op->rows.first;
    intptr_t rows = (intptr_t)skipped - front; // in front of the buffer, maybe
    if (t->data == NULL) return;
    t->data = (float *)((intptr_t)t->data + rows * (intptr_t)(t->row_stride * sizeof *t->data));
    if (op->plan->kind != PLAN_OP_CONV) t->height = op->rows.end - op->rows.first;
}

static struct rt_op place_op(const struct rt_session *s, const struct rt_op *op, struct plan_rows rows,
                             const struct slide *slides, uint32_t count) {
    struct rt_op here = *op;
    const struct plan_view *views = s->plan->views;
    here.rows = rows;
    for (int i = 0; i < 3; i++) {
        bool history = op->plan->kind == PLAN_OP_CONV && i == PLAN_CONV_HISTORY;
        if (op->plan->in[i] != PLAN_NONE && !history)
            place(&here.in[i], &here, front_row(&views[op->plan->in[i]], slides, count));
    }
    place(&here.out, &here, front_row(&views[op->plan->out], slides, count));
    return here;
}

bool rt_bands_run(struct rt_session *s, enum plan_variant variant, struct error *err) {
    const struct plan_variant_info *info = &s->program->variant[variant];
    struct slide slides[PLAN_MAX_BAND_OPS];
    struct plan_bands b;
    uint32_t count = find_windows(s, variant, slides);
    plan_bands_of(s->plan, s->program, variant, &b);
    plan_bands_start(&b, s->steps % 2 == 1);
    while (plan_bands_next(&b)) {
        slide_windows(s, slides, count, &b);
        for (uint32_t k = 0; k < info->band_count; k++) {
            struct plan_rows rows = plan_bands_rows(&b, k);
            uint32_t index = info->band_first + k;
            if (rows.first >= rows.end) continue;
            struct rt_op op = place_op(s, &rt_variant_ops(s, variant)[index], rows, slides, count);
            if (!rt_session_run_op(s, variant, index, &op, err)) return false;
        }
    }
    return true;
}
