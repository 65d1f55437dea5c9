// Plans, as the public interface has them.
#include "runtime/api.h"

#include "base/cores.h"
#include "base/versioned.h"
#include "plan/work.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)WAN_MAX_SIZES == (int)PLAN_MAX_PROGRAMS, "public and file limits are the same");
_Static_assert((int)WAN_PLAN_ALIGNMENT == (int)PLAN_ALIGNMENT, "public and file limits are the same");

// Where a plan comes from.
struct source {
    const char *path; // NULL: the memory
    const void *data;
    size_t bytes;
};

static bool take_params(struct wan_plan *p, const struct wan_open_params *given, struct error *err) {
    struct wan_open_params params = {0};
    if (given != NULL &&
        !versioned_take(&params, sizeof params, sizeof params, given, "wan_open_params", err))
        return false;
    p->listener = (struct api_listener){params.log, params.log_context};
    return api_take_allocator(&p->allocator, params.allocator, err);
}

static bool open_memory(struct plan *plan, const struct source *from, struct error *err) {
    if (from->data == NULL || (uintptr_t)from->data % WAN_PLAN_ALIGNMENT != 0)
        return error_set(err, ERROR_USAGE,
                         "plan in memory: expected an address that is a multiple of %d, found %p",
                         WAN_PLAN_ALIGNMENT, from->data);
    return plan_check(plan, from->data, from->bytes, err) || error_prefix(err, "plan in memory");
}

static bool open_source(struct wan_plan *p, const struct source *from, struct error *err) {
    bool ok = from->path != NULL ? plan_open(&p->plan, from->path, err) : open_memory(&p->plan, from, err);
    if (!ok) return false;
    p->packed = rt_packed_new(&p->plan, &p->allocator, err);
    if (p->packed == NULL) plan_close(&p->plan);
    return p->packed != NULL;
}

static void log_notes(const struct wan_plan *p) {
    const char *note;
    for (size_t i = 0; p->listener.log != NULL && (note = wan_plan_note(p, i)) != NULL; i++)
        p->listener.log(p->listener.context, WAN_LOG_WARNING, note);
}

static struct wan_plan *open_plan(const struct source *from, const struct wan_open_params *params,
                                  struct wan_error *error) {
    struct error err = {0};
    struct wan_plan *p = calloc(1, sizeof *p);
    if (p == NULL) {
        api_fail(NULL, error, WAN_ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (take_params(p, params, &err) && open_source(p, from, &err)) {
        log_notes(p);
        return p;
    }
    api_report(&p->listener, error, &err);
    free(p);
    return NULL;
}

struct wan_plan *wan_plan_open(const char *path, const struct wan_open_params *params,
                               struct wan_error *error) {
    return open_plan(&(struct source){.path = path}, params, error);
}

struct wan_plan *wan_plan_open_memory(const void *data, size_t bytes, const struct wan_open_params *params,
                                      struct wan_error *error) {
    return open_plan(&(struct source){.data = data, .bytes = bytes}, params, error);
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
    const struct wan_plan_params known = {.latent_channels = g->latent_channels,
                                          .latent_height = g->latent_height,
                                          .latent_width = g->latent_width,
                                          .frame_channels = g->frame_channels,
                                          .frame_height = g->frame_height,
                                          .frame_width = g->frame_width,
                                          .first_frames = g->variant[PLAN_FIRST].frames,
                                          .first_kept = plan_first_kept(&plan->plan),
                                          .steady_frames = g->variant[PLAN_STEADY].frames,
                                          .peak_bytes = forecast.total};
    return versioned_give(params, sizeof known, &known, sizeof known);
}

int wan_plan_get_params(const struct wan_plan *plan, struct wan_plan_params *params) {
    return wan_plan_get_size(plan, 0, params); // every plan has one
}

int wan_plan_denormalizes(const struct wan_plan *plan, float *scale, float *shift) {
    const struct plan_program *g = plan->plan.programs;
    size_t n = g->latent_channels;
    float *values = malloc(2 * n * sizeof *values);
    if (values == NULL) return 0;
    int found = plan_denormalizes(&plan->plan, g, values, values + n);
    if (scale != NULL) memcpy(scale, values, n * sizeof *scale);
    if (shift != NULL) memcpy(shift, values + n, n * sizeof *shift);
    free(values);
    return found;
}

const char *wan_plan_note(const struct wan_plan *plan, size_t index) {
    const struct plan *p = &plan->plan;
    if (index < p->note_count) return plan_string(p, p->notes[index]);
    if (index > p->note_count || !rt_packed_is_foreign(plan->packed)) return NULL;
    return "the packed weights of the plan are for another CPU or another XNNPACK: weights are packed anew";
}
