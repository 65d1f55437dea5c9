#include "tools/wanrun/verify.h"

#include "base/strbuf.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// A quarter of half a step of 8-bit video, and three times the bound that a plan has by default (3.5e-4); rounding in fp32
// stays a hundred times below it.
#define DEFAULT_TOLERANCE 1e-3
#define HALF_A_LEVEL (1.0 / 255) // of 8 bits: what a reference of bytes has lost

static size_t frame_floats(const struct verify *v) {
    return (size_t)v->shape.frame_channels * v->shape.frame_height * v->shape.frame_width;
}

// ---- the shape of the reference

static bool fits(const struct verify *v, enum verify_layout layout, const uint64_t *s) {
    const struct wan_plan_params *p = &v->shape;
    const uint64_t c = p->frame_channels, h = p->frame_height, w = p->frame_width;
    switch (layout) {
    case VERIFY_CHANNELS_FIRST: return s[0] == c && s[2] == h && s[3] == w;
    case VERIFY_FRAMES_FIRST: return s[1] == c && s[2] == h && s[3] == w;
    default: return s[1] == h && s[2] == w && s[3] == c && v->reference.type == LATENTS_U8;
    }
}

static bool wrong_shape(const struct verify *v, struct error *err) {
    const struct wan_plan_params *p = &v->shape;
    struct strbuf found = {0};
    latents_print_shape(&found, &v->reference);
    error_set(err, ERROR_INPUT,
              "%s: expected frames of shape [1, %u, F, %u, %u], [%u, F, %u, %u] or [F, %u, %u, %u], or bytes "
              "[F, %u, %u, %u], found %s%s",
              v->params->path, p->frame_channels, p->frame_height, p->frame_width, p->frame_channels,
              p->frame_height, p->frame_width, p->frame_channels, p->frame_height, p->frame_width,
              p->frame_height, p->frame_width, p->frame_channels,
              v->reference.type == LATENTS_U8 ? "bytes " : "", strbuf_text(&found));
    strbuf_free(&found);
    return false;
}

// Which layout, and how many frames.
static bool derive_layout(struct verify *v, uint64_t *frames, struct error *err) {
    const struct latents *r = &v->reference;
    bool batched = r->rank == 5 && r->shape[0] == 1;
    const uint64_t *s = r->shape + (batched ? 1 : 0);
    if (r->rank != 4 && !batched) return wrong_shape(v, err);
    while (v->layout < VERIFY_LAYOUTS && !fits(v, v->layout, s)) v->layout++;
    if (v->layout == VERIFY_LAYOUTS) return wrong_shape(v, err);
    *frames = s[v->layout == VERIFY_CHANNELS_FIRST];
    return true;
}

static bool check_frames(const struct verify *v, uint64_t frames, const struct verify_part *part,
                         struct error *err) {
    uint64_t end = part->first_frame + part->frames;
    if (frames == end || (part->ends_early && frames > end)) return true;
    return error_set(err, ERROR_INPUT, "%s: expected %" PRIu64 " frames, as the latents give, found %" PRIu64,
                     v->params->path, end, frames);
}

// ---- opening and closing

static void choose_tolerance(struct verify *v) {
    v->tolerance = v->params->tolerance;
    if (v->tolerance.absolute >= 0) return;
    v->tolerance.absolute = DEFAULT_TOLERANCE + (v->reference.type == LATENTS_U8 ? HALF_A_LEVEL : 0);
}

static bool open_reference(struct verify *v, const struct verify_part *part, struct error *err) {
    uint64_t frames = 0;
    if (!latents_open_array(&v->reference, v->params->path, err) || !derive_layout(v, &frames, err) ||
        !check_frames(v, frames, part, err))
        return false;
    choose_tolerance(v);
    size_t n = frame_floats(v);
    v->expected = malloc(n * sizeof *v->expected);
    v->found = malloc(n * sizeof *v->found);
    v->pixels = malloc(n * sizeof *v->pixels);
    return (v->expected != NULL && v->found != NULL && v->pixels != NULL) ||
           error_set(err, ERROR_MEMORY, "%s: no memory for one frame", v->params->path);
}

bool verify_open(struct verify *v, const struct verify_params *params, const struct wan_plan_params *shape,
                 const struct verify_part *part, struct error *err) {
    *v = (struct verify){
        .params = params, .shape = *shape, .first_frame = part->first_frame, .first_step = part->first_step};
    if (open_reference(v, part, err)) return true;
    verify_close(v);
    return false;
}

void verify_close(struct verify *v) {
    if (v->params != NULL) latents_close(&v->reference);
    free(v->expected);
    free(v->found);
    free(v->pixels);
    free(v->steps);
    *v = (struct verify){0};
}

// ---- comparing

// Bytes, [height][width][channels] from 0 to 255, as [channels][height][width] in [-1, 1].
static void planes_of_bytes(const struct verify *v) {
    size_t channels = v->shape.frame_channels, plane = frame_floats(v) / channels;
    bool last = v->layout == VERIFY_CHANNELS_LAST;
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < plane; i++) {
            size_t at = last ? i * channels + c : c * plane + i;
            v->expected[c * plane + i] = v->pixels[at] / 127.5f - 1;
        }
    }
}

static bool read_frame(struct verify *v, uint64_t frame, struct error *err) {
    struct latents *r = &v->reference;
    bool bytes = r->type == LATENTS_U8;
    size_t n = frame_floats(v), plane = n / v->shape.frame_channels;
    float *out = bytes ? v->pixels : v->expected;
    bool ok = true;
    if (v->layout != VERIFY_CHANNELS_FIRST) ok = latents_read_numbers(r, frame * n, n, out, err);
    uint64_t frames = r->shape[r->rank - 3];
    for (uint32_t c = 0; ok && v->layout == VERIFY_CHANNELS_FIRST && c < v->shape.frame_channels; c++)
        ok = latents_read_numbers(r, (c * frames + frame) * plane, plane, out + c * plane, err);
    if (ok && bytes) planes_of_bytes(v);
    return ok;
}

// Bytes have no numbers outside of [-1, 1].
static const float *comparable(const struct verify *v, const float *frame) {
    if (v->reference.type != LATENTS_U8) return frame;
    for (size_t i = 0; i < frame_floats(v); i++)
        v->found[i] = frame[i] < -1 ? -1 : frame[i] > 1 ? 1 : frame[i];
    return v->found;
}

static struct verify_step *step_at(struct verify *v, uint64_t step) {
    size_t index = (size_t)(step - v->first_step);
    if (index >= v->step_capacity) {
        size_t capacity = 2 * index + 16;
        struct verify_step *steps = realloc(v->steps, capacity * sizeof *steps);
        if (steps == NULL) return NULL;
        memset(steps + v->step_capacity, 0, (capacity - v->step_capacity) * sizeof *steps);
        v->steps = steps;
        v->step_capacity = capacity;
    }
    if (index >= v->step_count) v->step_count = index + 1;
    return &v->steps[index];
}

bool verify_frame(struct verify *v, uint64_t step, const float *frame, struct error *err) {
    struct verify_step *s = step_at(v, step);
    if (s == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", v->params->path);
    if (!read_frame(v, v->first_frame + v->frames, err)) return false;
    comparison_add(&s->all, comparable(v, frame), v->expected, frame_floats(v), &v->tolerance);
    s->frames++;
    v->frames++;
    return true;
}

// ---- what was found

struct comparison verify_total(const struct verify *v) {
    struct comparison total = {0};
    for (size_t i = 0; i < v->step_count; i++) comparison_merge(&total, &v->steps[i].all);
    return total;
}

size_t verify_first_bad(const struct verify *v) {
    size_t i = 0;
    while (i < v->step_count && v->steps[i].all.outside == 0) i++;
    return i;
}

struct verify_place verify_place(const struct verify *v, uint64_t number) {
    const struct wan_plan_params *p = &v->shape;
    uint64_t frame = number / frame_floats(v), step = 0, before = 0, rest = number % frame_floats(v);
    while (step + 1 < v->step_count && before + v->steps[step].frames <= frame)
        before += v->steps[step++].frames;
    uint64_t plane = (uint64_t)p->frame_height * p->frame_width;
    return (struct verify_place){.frame = v->first_frame + frame,
                                 .step = v->first_step + step,
                                 .channel = (uint32_t)(rest / plane),
                                 .y = (uint32_t)(rest % plane / p->frame_width),
                                 .x = (uint32_t)(rest % p->frame_width)};
}

static bool too_far(const struct verify *v, const struct comparison *all, struct error *err) {
    struct verify_place at = verify_place(v, all->worst);
    return error_set(err, ERROR_INPUT,
                     "%s: frame %" PRIu64 " (step %" PRIu64 "), channel %u, y %u, x %u: expected %.9g, found "
                     "%.9g, a difference of %.3g; %" PRIu64 " of %" PRIu64
                     " numbers are outside of %g + %g * |expected|",
                     v->params->path, at.frame, at.step, at.channel, at.y, at.x, all->expected, all->found,
                     all->largest, all->outside, all->count, v->tolerance.absolute, v->tolerance.relative);
}

bool verify_finish(const struct verify *v, struct error *err) {
    struct comparison all = verify_total(v);
    if (!v->params->json) verify_print(v);
    else if (!verify_print_json(v, err)) return false;
    return all.outside == 0 || too_far(v, &all, err);
}
