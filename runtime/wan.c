// The public interface of libwan, and the stream around the steps: one latent in, its frames out.
#include "runtime/wan.h"

#include "base/cores.h"
#include "plan/work.h"
#include "runtime/session.h"
#include "runtime/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)WAN_MAX_SIZES == (int)PLAN_MAX_PROGRAMS, "public and file limits are the same");

struct wan_plan {
    struct plan plan;
    struct rt_packed *packed;
};

struct wan_session {
    struct rt_session rt;
    bool all_frames;        // also those of the first step that are not video
    enum plan_variant next; // the variant of the next send
    uint32_t frames, taken; // of the last send
    wan_observer *observer;
    void *observer_context;
    bool failed; // a step stopped half-way: the caches are not usable
};

const char *wan_version(void) { return WAN_VERSION; }

static wan_status status_of(enum error_code code) {
    switch (code) {
    case ERROR_NONE: return WAN_OK;
    case ERROR_USAGE:
    case ERROR_INPUT: return WAN_ERROR_INPUT;
    case ERROR_UNSUPPORTED: return WAN_ERROR_UNSUPPORTED;
    case ERROR_IO: return WAN_ERROR_IO;
    case ERROR_MEMORY: return WAN_ERROR_MEMORY;
    default: return WAN_ERROR_INTERNAL;
    }
}

static wan_status fail(struct wan_error *out, wan_status status, const char *message) {
    if (out != NULL) {
        out->status = status;
        snprintf(out->message, sizeof out->message, "%s", message);
    }
    return status;
}

static wan_status report(struct wan_error *out, const struct error *err) {
    return fail(out, status_of(err->code), err->message);
}

struct wan_plan *wan_plan_open(const char *path, struct wan_error *error) {
    struct error err = {0};
    struct wan_plan *p = malloc(sizeof *p);
    if (p == NULL) {
        fail(error, WAN_ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (plan_open(&p->plan, path, &err)) {
        p->packed = rt_packed_new(&p->plan, &err);
        if (p->packed != NULL) return p;
        plan_close(&p->plan);
    }
    report(error, &err);
    free(p);
    return NULL;
}

void wan_plan_close(struct wan_plan *plan) {
    if (plan == NULL) return;
    rt_packed_free(plan->packed);
    plan_close(&plan->plan);
    free(plan);
}

int wan_plan_get_size(const struct wan_plan *plan, size_t index, struct wan_plan_params *params) {
    if (index >= plan->plan.program_count) return 0;
    const struct plan_program *g = &plan->plan.programs[index];
    struct plan_forecast forecast;
    plan_forecast(&plan->plan, g, cores_available(), &forecast);
    *params = (struct wan_plan_params){.latent_channels = g->latent_channels,
                                       .latent_height = g->latent_height,
                                       .latent_width = g->latent_width,
                                       .frame_channels = g->frame_channels,
                                       .frame_height = g->frame_height,
                                       .frame_width = g->frame_width,
                                       .first_frames = g->variant[PLAN_FIRST].frames,
                                       .first_kept = plan_first_kept(&plan->plan),
                                       .steady_frames = g->variant[PLAN_STEADY].frames,
                                       .peak_bytes = forecast.total};
    return 1;
}

void wan_plan_get_params(const struct wan_plan *plan, struct wan_plan_params *params) {
    wan_plan_get_size(plan, 0, params); // every plan has one
}

const char *wan_plan_note(const struct wan_plan *plan, size_t index) {
    const struct plan *p = &plan->plan;
    if (index < p->note_count) return plan_string(p, p->notes[index]);
    if (index > p->note_count || !rt_packed_is_foreign(plan->packed)) return NULL;
    return "the packed weights of the plan are for another CPU or another XNNPACK: weights are packed anew";
}

static const struct plan_program *find_program(const struct plan *p, const struct wan_session_params *params,
                                               struct error *err) {
    if (params->latent_height == 0 && params->latent_width == 0) return p->programs;
    const struct plan_program *found = plan_find_program(p, params->latent_height, params->latent_width);
    if (found != NULL) return found;
    struct strbuf sizes = {0};
    for (uint32_t i = 0; i < p->program_count; i++) {
        strbuf_printf(&sizes, "%s%ux%u", i ? ", " : "", p->programs[i].latent_height,
                      p->programs[i].latent_width);
    }
    error_set(err, ERROR_INPUT, "latents of %ux%u: the plan has %s", params->latent_height,
              params->latent_width, strbuf_text(&sizes));
    strbuf_free(&sizes);
    return NULL;
}

static void observe(void *context, enum plan_variant variant, size_t index, uint64_t begin_ns,
                    uint64_t end_ns, uint64_t product_ns) {
    const struct wan_session *s = context;
    s->observer(s->observer_context, variant == PLAN_STEADY, index, begin_ns, end_ns, product_ns);
}

static bool open_session(struct wan_session *s, const struct wan_plan *plan,
                         const struct wan_session_params *params, struct error *err) {
    const struct plan *p = &plan->plan;
    const struct plan_program *g = find_program(p, params, err);
    s->all_frames = params->all_frames != 0;
    if (g == NULL || !rt_session_open(&s->rt, p, g, params->threads, plan->packed, params->cache_folder, err))
        return false;
    s->observer = params->observer;
    s->observer_context = params->observer_context;
    if (s->observer != NULL) {
        s->rt.observer = observe;
        s->rt.observer_context = s;
    }
    return true;
}

struct wan_session *wan_session_new(const struct wan_plan *plan, const struct wan_session_params *params,
                                    struct wan_error *error) {
    static const struct wan_session_params defaults;
    struct error err = {0};
    struct wan_session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        fail(error, WAN_ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (open_session(s, plan, params == NULL ? &defaults : params, &err)) return s;
    report(error, &err);
    free(s);
    return NULL;
}

void wan_session_free(struct wan_session *session) {
    if (session == NULL) return;
    rt_session_close(&session->rt);
    free(session);
}

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
        float sum = 0; // NaN and infinity survive the multiplication by zero and the sum
        for (size_t i = 0; i < frame; i++) sum += 0.0f * v[t * frame + i];
        if (sum != 0 || isnan(sum)) {
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
    s->failed = !rt_session_run(&s->rt, s->next, err) || !check_frames(s, err);
    return !s->failed;
}

wan_status wan_session_send(struct wan_session *s, const float *latent, struct wan_error *error) {
    struct error err = {0};
    if (s->failed) return fail(error, WAN_ERROR_STATE, "an earlier step failed: reset the session first");
    if (s->taken != s->frames) {
        return fail(error, WAN_ERROR_STATE, "frames of the previous latent were not received yet");
    }
    if (s->next == PLAN_STEADY && !plan_has_steady(s->rt.program)) {
        return fail(error, WAN_ERROR_STATE, "this plan decodes one latent frame");
    }
    if (!step(s, latent, &err)) return report(error, &err);
    s->frames = s->rt.program->variant[s->next].frames;
    s->taken = s->next == PLAN_FIRST && !s->all_frames ? s->frames - plan_first_kept(s->rt.plan) : 0;
    s->next = PLAN_STEADY;
    return WAN_OK;
}

const float *wan_session_receive(struct wan_session *s) {
    if (s->taken == s->frames) return NULL;
    return (const float *)s->rt.output.data + plan_frame_floats(s->rt.program) * s->taken++;
}

uint64_t wan_session_steps(const struct wan_session *s) { return s->rt.steps; }

static const char *unfit_to_save(const struct wan_session *s) {
    if (s->failed) return "an earlier step failed: there is no state to save";
    if (s->rt.steps == 0) return "no latent was decoded yet: there is no state to save";
    return s->taken != s->frames ? "frames of the previous latent were not received yet" : NULL;
}

wan_status wan_session_save(const struct wan_session *s, const char *path, struct wan_error *error) {
    struct error err = {0};
    if (unfit_to_save(s) != NULL) return fail(error, WAN_ERROR_STATE, unfit_to_save(s));
    return rt_state_save(&s->rt, path, &err) ? WAN_OK : report(error, &err);
}

wan_status wan_session_load(struct wan_session *s, const char *path, struct wan_error *error) {
    struct error err = {0};
    if (!rt_state_load(&s->rt, path, &err)) return report(error, &err);
    s->next = PLAN_STEADY;
    s->frames = s->taken = 0;
    s->failed = false;
    return WAN_OK;
}

wan_status wan_state_read(const char *path, struct wan_state *state, struct wan_error *error) {
    struct error err = {0};
    struct rt_state_header h;
    if (!rt_state_read_header(path, &h, &err)) return report(error, &err);
    *state = (struct wan_state){h.latent_height, h.latent_width, h.steps};
    return WAN_OK;
}

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
    *out = (struct wan_operator){.name = plan_string(p, op->name),
                                 .kind = plan_op_name(op->kind),
                                 .algorithm = conv ? plan_conv_algorithm_name(op->params.conv.algorithm) : "",
                                 .frames = shape->frames,
                                 .height = shape->height,
                                 .width = shape->width,
                                 .channels = shape->channels,
                                 .flops = w.flops,
                                 .product_flops = w.product_flops,
                                 .bytes = w.bytes};
    return 1;
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
    *tensor = (struct wan_tensor){.name = plan_string(p, tap->name), .rank = tap->rank, .count = 1};
    for (unsigned i = 0; i < tap->rank; i++) {
        tensor->shape[i] = tap->shape[i];
        tensor->count *= tap->shape[i];
    }
    if (values != NULL) rt_session_read_tap(&s->rt, variant, tap, values);
    return 1;
}

void wan_session_reset(struct wan_session *s) {
    rt_session_reset(&s->rt);
    s->next = PLAN_FIRST;
    s->frames = s->taken = 0;
    s->failed = false;
}
