// Verification of what the passes of the compiler left, when the programs are verified.
#include "plan/check.h"

static bool check_variant(const struct plan *p, uint32_t i, enum plan_variant v, struct error *err) {
    const struct plan_pass *s = &p->passes[i];
    bool present = p->programs[s->program].variant[v].op_count > 0;
    bool nothing = s->nodes[v] == 0 && s->value_bytes[v] == 0 && s->flops[v] == 0;
    if (!present && !nothing)
        return error_set(err, ERROR_INPUT, "pass %u: %u nodes of variant %d, which is absent", i, s->nodes[v],
                         v);
    return (s->value_bytes[v] <= PLAN_MAX_COUNT && s->flops[v] <= PLAN_MAX_COUNT) ||
           error_set(err, ERROR_INPUT, "pass %u: variant %d: %llu bytes, %llu operations", i, v,
                     (unsigned long long)s->value_bytes[v], (unsigned long long)s->flops[v]);
}

static bool check_pass(const struct plan *p, uint32_t i, struct error *err) {
    const struct plan_pass *s = &p->passes[i];
    if (s->program >= p->program_count || (i > 0 && s->program < s[-1].program))
        return error_set(err, ERROR_INPUT, "pass %u: program %u of %u, or not behind the one before", i,
                         s->program, p->program_count);
    if (!plan_check_string(p, s->name, "pass", i, err)) return false;
    if (s->changed > 1 || s->reserved != 0)
        return error_set(err, ERROR_INPUT, "pass %u: changed is %u, expected 0 or 1; or reserved %u is not 0",
                         i, s->changed, s->reserved);
    return check_variant(p, i, PLAN_FIRST, err) && check_variant(p, i, PLAN_STEADY, err);
}

bool plan_check_passes(const struct plan *p, struct error *err) {
    for (uint32_t i = 0; i < p->pass_count; i++) {
        if (!check_pass(p, i, err)) return false;
    }
    return true;
}
