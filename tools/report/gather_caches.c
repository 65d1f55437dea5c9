// The caches of a program, how they lie in memory, and what they take at other sizes of the frames.
#include "tools/report/report.h"

#include "base/size.h"
#include "plan/check.h"

#include <string.h>

// ---- layout

// Which view on each cache says how it lies: a history first, else any.
static const struct plan_view **views_of(struct report *r, const struct plan *p,
                                         const struct plan_program *g) {
    const struct plan_view **views = arena_array(&r->arena, (size_t)g->cache_count + 1, sizeof *views);
    for (uint32_t i = 0; i < plan_program_ops(g); i++) {
        const struct plan_op *op = &p->ops[g->variant[PLAN_FIRST].first_op + i];
        const uint32_t used[] = {op->in[0], op->in[1], op->in[2], op->out};
        for (int k = 0; k < 4; k++) {
            const struct plan_view *v = plan_get_view(p, used[k]);
            if (v == NULL || v->space != PLAN_CACHE) continue;
            bool history = op->kind == PLAN_OP_CONV && k == PLAN_CONV_HISTORY;
            if (views[v->index] == NULL || history) views[v->index] = v;
        }
    }
    return views;
}

// The dimensions from the outermost to the innermost, by stride; room is said where the block has it.
static const char *layout_text(struct report *r, const struct plan_view *v, bool room) {
    static const char *const names[4] = {"frames", "height", "width", "channels"};
    const uint64_t stride[4] = {v->frame_stride, v->row_stride, v->pixel_stride, v->channel_stride};
    int order[4] = {0, 1, 2, 3};
    for (int i = 1; i < 4; i++) {
        for (int k = i; k > 0 && stride[order[k]] > stride[order[k - 1]]; k--) {
            int higher = order[k];
            order[k] = order[k - 1], order[k - 1] = higher;
        }
    }
    struct strbuf text = {0};
    for (int i = 0; i < 4; i++)
        strbuf_printf(&text, "[%s%s]", names[order[i]],
                      room && (order[i] == 1 || order[i] == 2) ? " + 1" : "");
    const char *layout = arena_strdup(&r->arena, strbuf_text(&text));
    strbuf_free(&text);
    return layout;
}

static uint64_t numbers(uint64_t frames, uint64_t height, uint64_t width, uint64_t channels) {
    return frames * height * width * channels;
}

static void gather_cache(struct report *r, const struct plan *p, const struct plan_cache *c,
                         const struct plan_view *v, struct report_cache *out) {
    uint64_t size = plan_cache_number_bytes(c->type);
    *out = (struct report_cache){.name = report_name(r, plan_string(p, c->name)),
                                 .producer = report_name(r, plan_string(p, c->producer)),
                                 .type = plan_cache_type_name(c->type),
                                 .frames = c->frames,
                                 .height = c->height,
                                 .width = c->width,
                                 .channels = c->channels,
                                 .offset = c->offset,
                                 .bytes = c->bytes,
                                 .number_bytes = size * numbers(c->frames, c->height, c->width, c->channels)};
    out->shape = arena_printf(&r->arena, "%ux%ux%ux%u", c->frames, c->height, c->width, c->channels);
    bool room = c->bytes == size * numbers(c->frames, c->height + 1, c->width + 1, c->channels);
    out->kind = c->bytes == out->number_bytes ? REPORT_DENSE : room ? REPORT_HISTORY : REPORT_OTHER_LAYOUT;
    out->layout = v == NULL ? "" : layout_text(r, v, out->kind == REPORT_HISTORY);
}

// ---- other sizes

static bool scale(uint32_t extent, uint32_t from, uint32_t to, uint32_t *out) {
    uint64_t product = (uint64_t)extent * to;
    *out = (uint32_t)(product / from);
    return product % from == 0 && product / from <= PLAN_MAX_DIM;
}

static bool scale_cache(struct report *r, const struct report_program *g, const struct report_cache *c,
                        struct report_resolution *s) {
    uint32_t height, width;
    if (c->kind == REPORT_OTHER_LAYOUT) {
        s->why_not =
            arena_printf(&r->arena, "cache %s has more bytes than its numbers, for no known reason", c->name);
        return false;
    }
    if (!scale(c->height, g->latent_height, s->latent_height, &height) ||
        !scale(c->width, g->latent_width, s->latent_width, &width)) {
        s->why_not = arena_printf(&r->arena, "cache %s of %ux%u does not scale with latents of %ux%u",
                                  c->name, c->height, c->width, g->latent_height, g->latent_width);
        return false;
    }
    if ((double)c->frames * height * width * c->channels > (double)PLAN_MAX_BYTES) {
        s->why_not = arena_printf(&r->arena, "cache %s would be too large", c->name);
        return false;
    }
    uint64_t size = c->number_bytes / numbers(c->frames, c->height, c->width, c->channels);
    uint64_t room = c->kind == REPORT_HISTORY;
    s->bytes = size_align(s->bytes, PLAN_ALIGNMENT) +
               size * numbers(c->frames, height + room, width + room, c->channels);
    s->number_bytes += size * numbers(c->frames, height, width, c->channels);
    return true;
}

// The latents of frames of this size, from how much larger frames are than latents in this program.
static bool scale_latents(struct report *r, const struct report_program *g, struct report_resolution *s) {
    bool whole = scale(s->frame_height, g->frame_height, g->latent_height, &s->latent_height);
    whole = scale(s->frame_width, g->frame_width, g->latent_width, &s->latent_width) && whole;
    if (whole && s->latent_height > 0 && s->latent_width > 0) return true;
    s->why_not = arena_printf(&r->arena, "no whole latents: frames of %ux%u are of latents of %ux%u",
                              g->frame_height, g->frame_width, g->latent_height, g->latent_width);
    s->latent_height = s->latent_width = 0;
    return false;
}

static void gather_resolution(struct report *r, const struct report_program *g, struct report_resolution *s) {
    bool ok = scale_latents(r, g, s);
    for (uint32_t i = 0; i < g->cache_count && ok; i++) ok = scale_cache(r, g, &g->caches[i], s);
    if (!ok) s->bytes = s->number_bytes = 0;
    s->bytes = size_align(s->bytes, PLAN_ALIGNMENT);
}

void report_gather_caches(struct report *r, const struct plan *p, const struct plan_program *g,
                          struct report_program *out) {
    static const uint32_t usual[REPORT_RESOLUTIONS][2] = {{240, 416}, {480, 832}, {720, 1280}, {1080, 1920}};
    const struct plan_view **views = views_of(r, p, g);
    out->caches = arena_array(&r->arena, (size_t)g->cache_count + 1, sizeof *out->caches);
    out->cache_count = g->cache_count;
    out->cache_bytes = g->cache_bytes;
    for (uint32_t i = 0; i < g->cache_count; i++) {
        gather_cache(r, p, &p->caches[g->first_cache + i], views[i], &out->caches[i]);
        out->cache_number_bytes += out->caches[i].number_bytes;
    }
    for (int i = 0; i < REPORT_RESOLUTIONS; i++) {
        out->resolutions[i] = (struct report_resolution){
            .frame_height = usual[i][0], .frame_width = usual[i][1], .why_not = ""};
        gather_resolution(r, out, &out->resolutions[i]);
    }
}
