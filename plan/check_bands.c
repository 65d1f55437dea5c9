// Verification of a run in bands: that it can be one, that it comes to an end, and that the buffers which hold some rows of
// images only hold all that are touched.
#include "plan/bands.h"
#include "plan/check.h"

// A variant, its run, and the buffer that is being checked.
struct run {
    const struct plan *plan;
    const struct plan_variant_info *info;
    const struct plan_buffer *buffers;
    struct plan_bands bands;
};

static bool has_windows(const struct run *r) {
    for (uint32_t i = 0; i < r->info->buffer_count; i++) {
        if (r->buffers[i].rows > 0) return true;
    }
    return false;
}

// Without an end, a step would not return.
static bool check_progress(struct run *r, struct error *err) {
    struct plan_bands *b = &r->bands;
    for (int backward = 0; backward < 2; backward++) {
        plan_bands_start(b, backward);
        while (plan_bands_next(b)) continue;
        for (uint32_t k = 0; k < b->count; k++) {
            if (b->done[k] == b->ops[k].height) continue;
            return error_set(err, ERROR_INPUT, "operator %u of the run does %u of %u rows", k, b->done[k],
                             b->ops[k].height);
        }
    }
    return true;
}

// Operators take turns: what one of them touches is in use until the last one is done.
static bool check_alive(const struct run *r, struct error *err) {
    uint32_t first = r->info->band_first, last = first + r->info->band_count - 1;
    for (uint32_t k = 0; k < r->bands.count; k++) {
        const struct plan_band_op *op = &r->bands.ops[k];
        for (uint32_t i = 0; i <= op->in_count; i++) {
            uint32_t buffer = i < op->in_count ? op->in[i].buffer : op->out;
            if (buffer == PLAN_NONE) continue;
            const struct plan_buffer *b = &r->buffers[buffer];
            if (b->first_op > first || b->last_op < last)
                return error_set(err, ERROR_INPUT,
                                 "buffer %u is alive from operator %u to %u, the run goes from %u to %u",
                                 buffer, b->first_op, b->last_op, first, last);
        }
    }
    return true;
}

static bool check_run(struct run *r, const struct plan_program *g, enum plan_variant v, struct error *err) {
    const struct plan_variant_info *i = r->info;
    if (i->band_count == 0 || i->band_count > PLAN_MAX_BAND_OPS || i->band_first >= i->op_count ||
        i->band_count > i->op_count - i->band_first)
        return error_set(err, ERROR_INPUT, "%u operators from operator %u on, of %u, at most %d",
                         i->band_count, i->band_first, i->op_count, PLAN_MAX_BAND_OPS);
    if (!plan_bands_of(r->plan, g, v, &r->bands))
        return error_set(err, ERROR_INPUT, "an operator that cannot work on some rows of an image");
    const struct plan_band_op *first = &r->bands.ops[0];
    if (i->band_rows % first->tile != 0 || first->height / i->band_rows >= PLAN_MAX_BANDS)
        return error_set(err, ERROR_INPUT,
                         "%u of %u rows at a time, expected a multiple of %u, at most %d parts", i->band_rows,
                         first->height, first->tile, PLAN_MAX_BANDS);
    return check_alive(r, err) && check_progress(r, err);
}

// ---- windows

// Rows of all frames, and all views alike: they slide together.
static bool check_view(const struct plan_view *v, const struct plan_view *first, const struct plan_buffer *b,
                       struct error *err) {
    if (v->offset == 0 && v->height == first->height && v->frames == first->frames &&
        v->row_stride == first->row_stride && v->frame_stride == b->rows * v->row_stride &&
        b->bytes == v->frames * v->frame_stride * sizeof(float) &&
        (v->width - 1) * v->pixel_stride + (v->channels - 1) * v->channel_stride < v->row_stride)
        return true;
    return error_set(err, ERROR_INPUT, "a view is not made of its %u rows of each frame", b->rows);
}

// The views of operator `op` of the variant on a buffer, as far as there are; all are verified already.
static bool check_op_views(const struct run *r, uint32_t op, uint32_t buffer, const struct plan_view **first,
                           bool *written, struct error *err) {
    const struct plan_op *o = &r->plan->ops[r->info->first_op + op];
    const uint32_t views[] = {o->in[0], o->in[1], o->in[2], o->scratch, o->out}; // the last one is written
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        const struct plan_view *v = plan_get_view(r->plan, views[i]);
        if (v == NULL || v->space != PLAN_ARENA || v->index != buffer) continue;
        if (op < r->info->band_first || op - r->info->band_first >= r->info->band_count)
            return error_set(err, ERROR_INPUT, "operator %u is not in the run", op);
        if (i + 1 == sizeof views / sizeof *views) *written = true;
        else if (!*written) return error_set(err, ERROR_INPUT, "operator %u reads what none has written", op);
        if (*first == NULL) *first = v;
        if (!check_view(v, *first, &r->buffers[buffer], err)) return false;
    }
    return true;
}

static bool check_window(struct run *r, uint32_t buffer, struct error *err) {
    const struct plan_buffer *b = &r->buffers[buffer];
    const struct plan_view *first = NULL;
    bool written = false;
    for (uint32_t op = 0; op < r->info->op_count; op++) {
        if (!check_op_views(r, op, buffer, &first, &written, err)) return false;
    }
    // Walking through the run takes a while: a plan of a few bytes could ask for it ten thousand times.
    if (first == NULL) return error_set(err, ERROR_INPUT, "%u rows, and no operator touches them", b->rows);
    uint32_t capacity = plan_bands_capacity(&r->bands, buffer);
    return capacity <= b->rows || error_set(err, ERROR_INPUT, "%u rows, %u are needed", b->rows, capacity);
}

bool plan_check_bands(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                      struct error *err) {
    const struct plan_variant_info *i = &g->variant[v];
    struct run r = {.plan = p, .info = i, .buffers = p->buffers + i->first_buffer};
    if (i->band_rows == 0) {
        if (i->band_first == 0 && i->band_count == 0 && !has_windows(&r)) return true;
        return error_set(err, ERROR_INPUT, "variant %d: bands without rows", v);
    }
    if (!check_run(&r, g, v, err)) return error_prefix(err, "variant %d: bands", v);
    for (uint32_t k = 0; k < i->buffer_count; k++) {
        if (r.buffers[k].rows > 0 && !check_window(&r, k, err))
            return error_prefix(err, "variant %d: bands: buffer %u", v, k);
    }
    return true;
}
