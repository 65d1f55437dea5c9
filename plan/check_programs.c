// Verification of the programs: what each is made of, and its tables of caches, buffers and shapes.
#include "plan/check.h"

#include "base/size.h"

typedef unsigned long long ull; // for printf

// 4 * a * b * c * d, or false past PLAN_MAX_BYTES or for a zero or too large extent.
static bool float_bytes(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint64_t *out) {
    const uint32_t dims[4] = {a, b, c, d};
    *out = sizeof(float);
    for (int i = 0; i < 4; i++) {
        if (dims[i] == 0 || dims[i] > PLAN_MAX_DIM || !size_mul(*out, dims[i], out)) return false;
    }
    return *out <= PLAN_MAX_BYTES;
}

// ---- what a program is made of

static bool is_absent(const struct plan_variant_info *i) {
    return i->op_count == 0 && i->frames == 0 && i->buffer_count == 0 && i->arena_bytes == 0 &&
           i->lower_bound_bytes == 0 && i->band_rows == 0 && i->band_first == 0 && i->band_count == 0;
}

static bool check_variant(const struct plan_program *g, enum plan_variant v, struct error *err) {
    const struct plan_variant_info *i = &g->variant[v];
    uint64_t bytes;
    if (v == PLAN_STEADY && is_absent(i)) return true;
    if (!float_bytes(i->frames, g->frame_channels, g->frame_height, g->frame_width, &bytes)) {
        return error_set(err, ERROR_INPUT, "variant %d: frames of %u x %u x %u x %u floats", v, i->frames,
                         g->frame_channels, g->frame_height, g->frame_width);
    }
    if (i->op_count == 0 || i->op_count > PLAN_MAX_OPS || i->buffer_count > PLAN_MAX_BUFFERS) {
        return error_set(err, ERROR_INPUT, "variant %d: %u operators and %u buffers, at most %d and %d", v,
                         i->op_count, i->buffer_count, PLAN_MAX_OPS, PLAN_MAX_BUFFERS);
    }
    if (i->arena_bytes > PLAN_MAX_BYTES || i->lower_bound_bytes > i->arena_bytes) {
        return error_set(err, ERROR_INPUT, "variant %d: arena of %llu bytes, lower bound %llu", v,
                         (ull)i->arena_bytes, (ull)i->lower_bound_bytes);
    }
    return true;
}

static bool check_sizes(const struct plan_program *g, struct error *err) {
    uint64_t bytes;
    if (!float_bytes(1, g->latent_channels, g->latent_height, g->latent_width, &bytes)) {
        return error_set(err, ERROR_INPUT, "latents of %u x %u x %u floats", g->latent_channels,
                         g->latent_height, g->latent_width);
    }
    if (g->cache_bytes > PLAN_MAX_BYTES) {
        return error_set(err, ERROR_INPUT, "caches of %llu bytes", (ull)g->cache_bytes);
    }
    return check_variant(g, PLAN_FIRST, err) && check_variant(g, PLAN_STEADY, err);
}

// Programs are one decoder at different sizes.
static bool check_relation(const struct plan_program *a, const struct plan_program *b, struct error *err) {
    if (a->latent_height == b->latent_height && a->latent_width == b->latent_width) {
        return error_set(err, ERROR_INPUT, "latents of %u x %u again", a->latent_height, a->latent_width);
    }
    if (a->latent_channels == b->latent_channels && a->frame_channels == b->frame_channels &&
        a->variant[PLAN_FIRST].frames == b->variant[PLAN_FIRST].frames &&
        a->variant[PLAN_STEADY].frames == b->variant[PLAN_STEADY].frames)
        return true;
    return error_set(err, ERROR_INPUT, "other channels or numbers of frames than the programs before it");
}

static bool check_program(const struct plan *p, uint32_t i, struct error *err) {
    const struct plan_program *g = &p->programs[i];
    if (!check_sizes(g, err)) return false;
    for (uint32_t k = 0; k < i; k++) {
        if (!check_relation(g, &p->programs[k], err)) return false;
    }
    return true;
}

// Where the part of the next program (or variant) begins, in each table.
struct cursor {
    uint64_t cache, shape, buffer, op;
};

static bool take_part(const struct plan_program *g, struct cursor *c) {
    bool ok = g->first_cache == c->cache && g->first_shape == c->shape;
    c->cache += g->cache_count;
    c->shape += g->shape_count;
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        const struct plan_variant_info *i = &g->variant[v];
        ok = ok && i->first_op == c->op && i->first_buffer == c->buffer;
        c->op += i->op_count;
        c->buffer += i->buffer_count;
    }
    return ok;
}

bool plan_check_division(const struct plan *p, struct error *err) {
    struct cursor c = {0};
    if (p->program_count == 0 || p->program_count > PLAN_MAX_PROGRAMS) {
        return error_set(err, ERROR_INPUT, "section PROGRAMS: %u elements, expected 1 to %d",
                         p->program_count, PLAN_MAX_PROGRAMS);
    }
    for (uint32_t i = 0; i < p->program_count; i++) {
        if (!check_program(p, i, err)) return error_prefix(err, "program %u", i);
        if (take_part(&p->programs[i], &c)) continue;
        return error_set(err, ERROR_INPUT, "program %u: its parts do not begin where those before it end", i);
    }
    if (c.cache == p->cache_count && c.shape == p->shape_count && c.buffer == p->buffer_count &&
        c.op == p->op_count)
        return true;
    return error_set(err, ERROR_INPUT,
                     "the programs do not divide %u caches, %u buffers, %u operators and %u shapes",
                     p->cache_count, p->buffer_count, p->op_count, p->shape_count);
}

// ---- its tables

static bool check_caches(const struct plan *p, const struct plan_program *g, struct error *err) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < g->cache_count; i++) {
        const struct plan_cache *c = &p->caches[g->first_cache + i];
        if (!plan_check_string(p, c->name, "cache", i, err) ||
            !plan_check_string(p, c->producer, "cache", i, err)) {
            return false;
        }
        if (c->type >= PLAN_CACHE_TYPES || c->reserved != 0)
            return error_set(err, ERROR_INPUT, "cache %u: type %u is unknown, or reserved %u is not 0", i,
                             c->type, c->reserved);
        uint64_t bytes, number = plan_cache_number_bytes(c->type);
        if (!float_bytes(c->frames, c->height, c->width, c->channels, &bytes) ||
            bytes / sizeof(float) > c->bytes / number || c->bytes % number != 0) {
            return error_set(err, ERROR_INPUT, "cache %u: %u x %u x %u x %u numbers of %s in %llu bytes", i,
                             c->frames, c->height, c->width, c->channels, plan_cache_type_name(c->type),
                             (ull)c->bytes);
        }
        if (c->offset % PLAN_ALIGNMENT != 0 || c->offset < end || c->offset > g->cache_bytes ||
            c->bytes > g->cache_bytes - c->offset) {
            return error_set(
                err, ERROR_INPUT,
                "cache %u: %llu bytes at %llu do not lie between %llu and the arena's end at %llu", i,
                (ull)c->bytes, (ull)c->offset, (ull)end, (ull)g->cache_bytes);
        }
        end = c->offset + c->bytes;
    }
    return true;
}

static bool check_buffer(const struct plan *p, const struct plan_program *g, enum plan_variant v, uint32_t i,
                         struct error *err) {
    const struct plan_variant_info *info = &g->variant[v];
    const struct plan_buffer *b = &p->buffers[info->first_buffer + i];
    if (!plan_check_string(p, b->name, "buffer", i, err)) return false;
    if (b->first_op > b->last_op || b->last_op >= info->op_count) {
        return error_set(err, ERROR_INPUT, "variant %d: buffer %u: alive from operator %u to %u of %u", v, i,
                         b->first_op, b->last_op, info->op_count);
    }
    if (b->bytes == 0 || b->bytes % sizeof(float) != 0 || b->offset % PLAN_ALIGNMENT != 0 ||
        b->offset > info->arena_bytes || b->bytes > info->arena_bytes - b->offset) {
        return error_set(err, ERROR_INPUT, "variant %d: buffer %u: %llu bytes at %llu in an arena of %llu", v,
                         i, (ull)b->bytes, (ull)b->offset, (ull)info->arena_bytes);
    }
    return true;
}

static bool buffers_collide(const struct plan_buffer *a, const struct plan_buffer *b) {
    return a->first_op <= b->last_op && b->first_op <= a->last_op && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static bool check_buffers(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                          struct error *err) {
    const struct plan_variant_info *info = &g->variant[v];
    const struct plan_buffer *buffers = p->buffers + info->first_buffer;
    for (uint32_t i = 0; i < info->buffer_count; i++) {
        if (!check_buffer(p, g, v, i, err)) return false;
        for (uint32_t j = 0; j < i; j++) {
            if (!buffers_collide(&buffers[i], &buffers[j])) continue;
            return error_set(
                err, ERROR_INPUT,
                "variant %d: buffers %u and %u share memory (%llu and %llu) while both are alive", v, j, i,
                (ull)buffers[j].offset, (ull)buffers[i].offset);
        }
    }
    return true;
}

static bool check_shapes(const struct plan *p, const struct plan_program *g, struct error *err) {
    for (uint32_t i = 0; i < g->shape_count; i++) {
        const struct plan_shape *s = &p->shapes[g->first_shape + i];
        const uint32_t texts[] = {s->node,   s->op,       s->symbolic, s->first,
                                  s->steady, s->first_in, s->steady_in};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            if (!plan_check_string(p, texts[k], "shape", i, err)) return false;
        }
        if (s->cache != PLAN_NONE && s->cache >= g->cache_count) {
            return error_set(err, ERROR_INPUT, "shape %u: cache %u of %u", i, s->cache, g->cache_count);
        }
    }
    return true;
}

bool plan_check_program(const struct plan *p, uint32_t index, struct error *err) {
    const struct plan_program *g = &p->programs[index];
    return check_caches(p, g, err) && check_buffers(p, g, PLAN_FIRST, err) &&
           check_buffers(p, g, PLAN_STEADY, err) && check_shapes(p, g, err) && plan_check_ops(p, g, err) &&
           plan_check_bands(p, g, PLAN_FIRST, err) && plan_check_bands(p, g, PLAN_STEADY, err);
}
