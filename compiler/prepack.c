#include "compiler/prepack.h"

#include "runtime/session.h"

static bool pack_programs(struct rt_packed *packed, const struct plan *plan, struct error *err) {
    for (uint32_t i = 0; i < plan->program_count; i++) {
        const struct rt_session_setup setup = {.packed = packed};
        struct rt_session s;
        if (!rt_session_open(&s, plan, &plan->programs[i], &setup, err)) return false;
        rt_session_close(&s);
    }
    return true;
}

static bool add_weights(void *context, const struct rt_packed_weights *w, struct error *err) {
    (void)err;
    plan_writer_packed(context, (struct plan_packed){.key = w->key, .seed = w->seed, .bytes = w->bytes},
                       w->data);
    return true;
}

bool prepack_add(void *context, const struct plan *plan, struct plan_writer *w, struct error *err) {
    struct prepack *p = context;
    p->packed = rt_packed_new(plan, NULL, err);
    return p->packed != NULL && pack_programs(p->packed, plan, err) &&
           rt_packed_layout(&plan_writer_info(w)->packed_layout, err) &&
           rt_packed_each(p->packed, add_weights, w, err);
}

void prepack_free(struct prepack *p) { rt_packed_free(p->packed); }
