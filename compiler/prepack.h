// wanc compile --prepack: weights packed here, by the runtime, and written into the plan.
#ifndef WANC_COMPILER_PREPACK_H
#define WANC_COMPILER_PREPACK_H

#include "plan/write.h"
#include "runtime/packed.h"

struct prepack {
    struct rt_packed *packed; // to be freed when the plan is written
};

// For struct emit_completion: opens each program of the plan, which packs its weights, and adds them to the plan.
bool prepack_add(void *context, const struct plan *plan, struct plan_writer *w, struct error *err);
void prepack_free(struct prepack *p);

#endif
