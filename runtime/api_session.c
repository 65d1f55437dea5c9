// Sessions, as the public interface has them: one latent in, its frames out.
#include "runtime/api.h"

#include "base/cores.h"
#include "base/finite.h"
#include "base/strbuf.h"
#include "base/versioned.h"
#include "plan/work.h"
#include "runtime/check.h"
#include "runtime/image.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t least_params = offsetof(struct wan_session_params, check_places); // what follows is newer

// ---- opening

static const struct plan_program *find_program(const struct plan *p, const struct wan_session_params *params,
                                               struct error *err) {
    if (params->latent_height == 0 && params->latent_width == 0) return p->programs;
    const struct plan_program *found = plan_find_program(p, params->latent_height, params->latent_width);
    if (found != NULL) return found;
    char sizes[512] = ""; // as many as fit
    for (uint32_t i = 0, used = 0; i < p->program_count && used < sizeof sizes; i++) {
        const struct plan_program *g = &p->programs[i];
        used += (uint32_t)snprintf(sizes + used, sizeof sizes - used, "%s%ux%u", i ? ", " : "",
                                   g->latent_height, g->latent_width);
    }
    error_set(err, ERROR_INPUT, "latents of %ux%u: the plan has %s", params->latent_height,
              params->latent_width, sizes);
    return NULL;
}

static void observe(void *context, enum plan_variant variant, size_t index, uint64_t begin_ns,
                    uint64_t end_ns, uint64_t product_ns) {
    const struct wan_session *s = context;
    s->observer(s->observer_context, variant == PLAN_STEADY, index, begin_ns, end_ns, product_ns);
}

static bool take_params(struct wan_session *s, const struct wan_plan *plan,
                        const struct wan_session_params *given, struct wan_session_params *params,
                        struct error *err) {
    if (!versioned_take(params, sizeof *params, least_params, given, "wan_session_params", err)) return false;
    if (params->log != NULL) s->listener = (struct api_listener){params->log, params->log_context};
    if (params->huge_pages != 0 && params->cache_folder != NULL)
        return error_set(err, ERROR_USAGE, "caches are in a folder or in huge pages, not both");
    s->allocator = plan->allocator;
    s->all_frames = params->all_frames != 0;
    s->observer = params->observer;
    s->observer_context = params->observer_context;
    return params->allocator == NULL || api_take_allocator(&s->allocator, params->allocator, err);
}

static uint64_t forecast(const struct wan_plan *plan, const struct plan_program *g,
                         const struct wan_session_params *p) {
    struct plan_forecast f;
    unsigned threads =
        p->pool != NULL ? (unsigned)pthreadpool_get_threads_count(p->pool->threads) : p->threads;
    plan_forecast(&plan->plan, g, threads ? threads : cores_available(), &f);
    return p->cache_folder != NULL || p->huge_pages != 0 ? f.without_caches : f.total;
}

static bool within_limit(const struct wan_plan *plan, const struct plan_program *g,
                         const struct wan_session_params *p, struct error *err) {
    char expected[32], limit[32];
    if (p->limit_memory == 0) return true;
    const uint64_t needed = forecast(plan, g, p);
    return needed <= p->limit_memory ||
           error_set(err, ERROR_MEMORY, "a session is expected to take %s, the limit is %s",
                     format_bytes(expected, needed), format_bytes(limit, p->limit_memory));
}

uint64_t wan_session_forecast(const struct wan_plan *plan, const struct wan_session_params *given) {
    struct wan_session_params params = {0};
    if (given != NULL && !versioned_take(&params, sizeof params, least_params, given, "", NULL)) return 0;
    const struct plan_program *g = find_program(&plan->plan, &params, NULL);
    return g == NULL || params.threads > WAN_MAX_THREADS ? 0 : forecast(plan, g, &params);
}

static bool open_session(struct wan_session *s, const struct wan_plan *plan,
                         const struct wan_session_params *given, struct error *err) {
    struct wan_session_params params;
    if (!take_params(s, plan, given, &params, err)) return false;
    const struct plan_program *g = find_program(&plan->plan, &params, err);
    const struct rt_session_setup setup = {.threads = params.threads,
                                           .pool = params.pool != NULL ? params.pool->threads : NULL,
                                           .packed = plan->packed,
                                           .cache_folder = params.cache_folder,
                                           .huge_pages = params.huge_pages != 0,
                                           .check_places = params.check_places,
                                           .allocator = &s->allocator};
    if (g == NULL || !within_limit(plan, g, &params, err) ||
        !rt_session_open(&s->rt, &plan->plan, g, &setup, err))
        return false;
    s->rt.observer = s->observer == NULL ? NULL : observe;
    s->rt.observer_context = s;
    s->rt.progress = params.progress;
    s->rt.progress_context = params.progress_context;
    return true;
}

struct wan_session *wan_session_new(const struct wan_plan *plan, const struct wan_session_params *params,
                                    struct wan_error *error) {
    static const struct wan_session_params defaults = {.size = sizeof defaults};
    struct error err = {0};
    struct wan_session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        api_fail(&plan->listener, error, WAN_ERROR_MEMORY, "out of memory");
        return NULL;
    }
    s->listener = plan->listener;
    if (open_session(s, plan, params == NULL ? &defaults : params, &err)) return s;
    api_report(&s->listener, error, &err);
    free(s);
    return NULL;
}

void wan_session_free(struct wan_session *session) {
    if (session == NULL) return;
    rt_session_close(&session->rt);
    free(session);
}

// ---- the stream

// One NaN in a latent would spread over the caches and spoil all later frames.
static bool check_latent(const struct plan_program *g, const float *latent, struct error *err) {
    const float *v = latent;
    for (uint32_t c = 0; c < g->latent_channels; c++) {
        for (uint32_t y = 0; y < g->latent_height; y++) {
            for (uint32_t x = 0; x < g->latent_width; x++, v++) {
                if (isfinite(*v)) continue;
                return error_set(err, ERROR_INPUT,
                                 "latent: %g at channel %u, row %u, column %u; expected a finite number",
                                 (double)*v, c, y, x);
            }
        }
    }
    return true;
}

// Finite latents can still overflow: such frames must not leave as if they were video.
static bool check_frames(const struct wan_session *s, struct error *err) {
    const struct plan_program *g = s->rt.program;
    size_t frame = plan_frame_floats(g);
    const float *v = (const float *)s->rt.output.data;
    for (uint32_t t = 0; t < g->variant[s->next].frames; t++) {
        if (!floats_are_finite(v + t * frame, frame)) {
            return error_set(err, ERROR_INPUT,
                             "frame %u of this step: NaN or infinity came out of finite latents; are they in "
                             "the decoder's range?",
                             t);
        }
    }
    return true;
}

static bool step(struct wan_session *s, const float *latent, struct error *err) {
    const struct plan_program *g = s->rt.program;
    if (!check_latent(g, latent, err)) return false;
    memcpy(s->rt.input.data, latent, plan_latent_floats(g) * sizeof(float));
    bool ok = rt_session_run(&s->rt, s->next, err) && check_frames(s, err);
    s->failed = !ok && s->rt.touched;
    return ok;
}

wan_status wan_session_send(struct wan_session *s, const float *latent, struct wan_error *error) {
    struct error err = {0};
    if (s->failed)
        return api_fail(&s->listener, error, WAN_ERROR_STATE,
                        "an earlier step failed: reset the session first");
    if (s->taken != s->frames) {
        return api_fail(&s->listener, error, WAN_ERROR_STATE,
                        "frames of the previous latent were not received yet");
    }
    if (s->next == PLAN_STEADY && !plan_has_steady(s->rt.program)) {
        return api_fail(&s->listener, error, WAN_ERROR_STATE, "this plan decodes one latent frame");
    }
    if (!step(s, latent, &err)) return api_report(&s->listener, error, &err);
    s->frames = s->rt.program->variant[s->next].frames;
    s->taken = s->next == PLAN_FIRST && !s->all_frames ? s->frames - plan_first_kept(s->rt.plan) : 0;
    s->next = PLAN_STEADY;
    return WAN_OK;
}

uint32_t wan_session_pending(const struct wan_session *s) { return s->frames - s->taken; }

static const float *next_frame(const struct wan_session *s) {
    return (const float *)s->rt.output.data + plan_frame_floats(s->rt.program) * s->taken;
}

const float *wan_session_receive(struct wan_session *s) {
    if (wan_session_pending(s) == 0) return NULL;
    const float *frame = next_frame(s);
    s->taken++;
    return frame;
}

wan_status wan_session_receive_into(struct wan_session *s, const struct wan_image *given,
                                    struct wan_error *error) {
    struct error err = {0};
    struct wan_image image;
    if (wan_session_pending(s) == 0)
        return api_fail(&s->listener, error, WAN_ERROR_STATE, "no frame is left: send the next latent");
    if (!image_take(&image, given, s->rt.program, &err)) return api_report(&s->listener, error, &err);
    image_write(&image, s->rt.program, next_frame(s));
    s->taken++;
    return WAN_OK;
}

// ---- what it does

unsigned wan_session_threads(const struct wan_session *s) {
    return (unsigned)pthreadpool_get_threads_count(s->rt.pool);
}

int wan_session_operator(const struct wan_session *s, int steady, size_t index, struct wan_operator *out) {
    const struct plan *p = s->rt.plan;
    const struct plan_variant_info *v = &s->rt.program->variant[steady ? PLAN_STEADY : PLAN_FIRST];
    if (index >= v->op_count) return 0;
    const struct plan_op *op = &p->ops[v->first_op + index];
    const struct plan_view *shape = &p->views[op->out];
    struct plan_work w = plan_work(p, s->rt.program, op, wan_session_threads(s));
    bool conv = op->kind == PLAN_OP_CONV;
    const struct wan_operator known = {.name = plan_string(p, op->name),
                                       .kind = plan_op_name(op->kind),
                                       .algorithm =
                                           conv ? plan_conv_algorithm_name(op->params.conv.algorithm) : "",
                                       .frames = shape->frames,
                                       .height = shape->height,
                                       .width = shape->width,
                                       .channels = shape->channels,
                                       .flops = w.flops,
                                       .product_flops = w.product_flops,
                                       .bytes = w.bytes};
    return versioned_give(out, sizeof known, &known, sizeof known);
}

int wan_session_get_check(const struct wan_session *s, struct wan_check *out) {
    const struct rt_check *c = s->rt.check;
    if (c == NULL || c->calls == 0) return 0;
    const struct rt_check_worst *w = &c->worst;
    const struct wan_check known = {.operators = c->calls,
                                    .numbers = c->numbers,
                                    .error = w->error,
                                    .steady = w->variant == PLAN_STEADY,
                                    .index = w->index,
                                    .step = w->step,
                                    .frame = (uint32_t)w->at.t,
                                    .row = (uint32_t)w->at.y,
                                    .column = (uint32_t)w->at.x,
                                    .channel = (uint32_t)w->channel,
                                    .expected = w->expected,
                                    .found = w->found};
    return versioned_give(out, sizeof known, &known, sizeof known);
}

static bool is_in_bands(const struct plan_variant_info *v, size_t index) {
    return index >= v->band_first && index < v->band_first + v->band_count;
}

int wan_session_tensor(const struct wan_session *s, int steady, size_t index, struct wan_tensor *tensor,
                       float *values) {
    enum plan_variant variant = steady ? PLAN_STEADY : PLAN_FIRST;
    const struct plan *p = s->rt.plan;
    const struct plan_variant_info *v = &s->rt.program->variant[variant];
    const struct plan_tap *tap = index < v->op_count ? plan_tap_of(p, v->first_op + (uint32_t)index) : NULL;
    if (tap == NULL) return 0;
    if (is_in_bands(v, index)) return -1;
    struct wan_tensor known = {.name = plan_string(p, tap->name), .rank = tap->rank, .count = 1};
    for (unsigned i = 0; i < tap->rank; i++) {
        known.shape[i] = tap->shape[i];
        known.count *= tap->shape[i];
    }
    if (!versioned_give(tensor, sizeof known, &known, sizeof known)) return 0;
    if (values != NULL) rt_session_read_tap(&s->rt, variant, tap, values);
    return 1;
}

void wan_session_reset(struct wan_session *s) {
    rt_session_reset(&s->rt);
    s->next = PLAN_FIRST;
    s->frames = s->taken = 0;
    s->failed = false;
}
