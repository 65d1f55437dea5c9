#include "passes/emit_constants.h"

#include <string.h>

static void fill_plain(const void *context, uint64_t first, uint64_t count, float *out) {
    const struct emit_fill *f = context;
    for (uint64_t i = 0; i < count; i++) {
        double v = ir_constant_float(f->c, f->c->count == 1 ? 0 : first + i);
        out[i] = (float)(f->reciprocal != 0 ? f->reciprocal / v : v * f->scale);
    }
}

// [out][in][t][y][x] -> [out][y][x][t][in].
static void fill_weight(const void *context, uint64_t first, uint64_t count, float *out) {
    const struct emit_fill *f = context;
    uint64_t kernel = f->taps * f->height * f->width, i = first % f->in, rest = first / f->in;
    uint64_t t = rest % f->taps, yx = rest / f->taps % (f->height * f->width), o = rest / kernel;
    for (uint64_t n = 0; n < count; n++) {
        out[n] = (float)ir_constant_float(f->c, ((o * f->in + i) * f->taps + t) * f->height * f->width + yx);
        if (++i < f->in) continue;
        i = 0;
        if (++t < f->taps) continue;
        t = 0;
        if (++yx < f->height * f->width) continue;
        yx = 0;
        o++;
    }
}

struct emit_written {
    struct emit_fill fill;
    uint64_t count;
    uint32_t index;
    struct emit_written *next;
};

// Modules of one model read the same mapped weights; what was folded in each is equal but lies elsewhere.
static bool same_data(const struct ir_constant *a, const struct ir_constant *b) {
    if (a->count != b->count || a->stored != b->stored) return false;
    return a->data == b->data || memcmp(a->data, b->data, a->count * ir_dtype_size(a->stored)) == 0;
}

static bool same_fill(const struct emit_fill *a, const struct emit_fill *b) {
    return a->out == b->out && a->in == b->in && a->taps == b->taps && a->height == b->height &&
           a->width == b->width && a->scale == b->scale && a->reciprocal == b->reciprocal &&
           same_data(a->c, b->c);
}

uint32_t emit_constant(struct emit_constants *e, const struct ir_value *v, struct emit_fill fill,
                       uint64_t count) {
    for (const struct emit_written *w = e->written; w != NULL; w = w->next) {
        if (w->count == count && same_fill(&w->fill, &fill)) return w->index;
    }
    struct emit_written *w = arena_alloc(e->arena, sizeof *w);
    *w = (struct emit_written){.fill = fill, .count = count, .next = e->written};
    w->index =
        plan_writer_constant(e->w, v->name, (uint32_t)count, fill.out ? fill_weight : fill_plain, &w->fill);
    e->written = w;
    return w->index;
}

uint32_t emit_vector(struct emit_constants *e, const struct ir_value *v, uint64_t count) {
    return emit_constant(e, v, (struct emit_fill){.c = v->constant, .scale = 1}, count);
}

uint32_t emit_weight(struct emit_constants *e, const struct ir_value *v) {
    const struct ir_dim *d = v->type.dims;
    struct emit_fill f = {.c = v->constant,
                          .out = (uint64_t)d[0].first,
                          .in = (uint64_t)d[1].first,
                          .taps = (uint64_t)d[2].first,
                          .height = (uint64_t)d[3].first,
                          .width = (uint64_t)d[4].first,
                          .scale = 1};
    return emit_constant(e, v, f, v->constant->count);
}
