// States of sessions, as the public interface has them.
#include "runtime/api.h"

#include "base/versioned.h"
#include "runtime/state.h"

uint64_t wan_session_steps(const struct wan_session *s) { return s->rt.steps; }

static const char *unfit_to_save(const struct wan_session *s) {
    if (s->failed) return "an earlier step failed: there is no state to save";
    if (s->rt.steps == 0) return "no latent was decoded yet: there is no state to save";
    return wan_session_pending(s) != 0 ? "frames of the previous latent were not received yet" : NULL;
}

wan_status wan_session_save(const struct wan_session *s, const char *path, struct wan_error *error) {
    struct error err = {0};
    if (unfit_to_save(s) != NULL) return api_fail(&s->listener, error, WAN_ERROR_STATE, unfit_to_save(s));
    return rt_state_save(&s->rt, path, &err) ? WAN_OK : api_report(&s->listener, error, &err);
}

wan_status wan_session_save_to(const struct wan_session *s, wan_write *write, void *context,
                               struct wan_error *error) {
    struct error err = {0};
    if (unfit_to_save(s) != NULL) return api_fail(&s->listener, error, WAN_ERROR_STATE, unfit_to_save(s));
    return rt_state_save_to(&s->rt, write, context, &err) ? WAN_OK : api_report(&s->listener, error, &err);
}

// What follows a load, whatever was before.
static wan_status finish_load(struct wan_session *s, bool ok, struct wan_error *error,
                              const struct error *err) {
    if (!ok) return api_report(&s->listener, error, err);
    s->next = PLAN_STEADY;
    s->frames = s->taken = 0;
    s->failed = false;
    return WAN_OK;
}

wan_status wan_session_load(struct wan_session *s, const char *path, struct wan_error *error) {
    struct error err = {0};
    return finish_load(s, rt_state_load(&s->rt, path, &err), error, &err);
}

wan_status wan_session_load_from(struct wan_session *s, wan_read *read, void *context,
                                 struct wan_error *error) {
    struct error err = {0};
    return finish_load(s, rt_state_load_from(&s->rt, read, context, &err), error, &err);
}

wan_status wan_state_read(const char *path, struct wan_state *state, struct wan_error *error) {
    struct error err = {0};
    struct rt_state_header h;
    if (!rt_state_read_header(path, &h, &err)) return api_report(NULL, error, &err);
    const struct wan_state known = {
        .latent_height = h.latent_height, .latent_width = h.latent_width, .steps = h.steps};
    if (versioned_give(state, sizeof known, &known, sizeof known)) return WAN_OK;
    return api_fail(NULL, error, WAN_ERROR_ARGUMENT, "wan_state.size: expected its sizeof, found less");
}
