// Verification of what operators leave, when all operators are verified.
#include "plan/check.h"

#include "base/size.h"

// The program and variant of an operator in OPS.
static const struct plan_program *owner_of(const struct plan *p, uint32_t op, enum plan_variant *v) {
    const struct plan_program *g = p->programs;
    while (op >= g->variant[PLAN_FIRST].first_op + plan_program_ops(g)) g++;
    *v = op >= g->variant[PLAN_FIRST].first_op + g->variant[PLAN_FIRST].op_count ? PLAN_STEADY : PLAN_FIRST;
    return g;
}

// The product of `used` numbers, behind which there are zeros only; false if that is not so.
static bool product(const uint32_t *numbers, uint32_t used, uint64_t *out) {
    *out = 1;
    for (uint32_t i = 0; i < PLAN_MAX_RANK; i++) {
        if (i >= used ? numbers[i] != 0 : numbers[i] == 0 || !size_mul(*out, numbers[i], out)) return false;
    }
    return true;
}

// The tensor has as many elements as the view, and no loop leaves it.
static bool check_loops(const struct plan_tap *t, const struct plan_view *v, struct error *err) {
    uint64_t count = (uint64_t)v->frames * v->height, elements, steps, last = 0;
    bool ok = t->rank <= PLAN_MAX_RANK && t->part_count <= PLAN_MAX_RANK &&
              size_mul(count, v->width, &count) && size_mul(count, v->channels, &count) &&
              product(t->shape, t->rank, &elements) && product(t->extent, t->part_count, &steps) &&
              elements == count && steps == count;
    for (uint32_t i = 0; ok && i < PLAN_MAX_RANK; i++) {
        last += i < t->part_count ? (uint64_t)(t->extent[i] - 1) * t->stride[i] : 0;
        ok = (i < t->part_count || t->stride[i] == 0) && last < count;
    }
    return ok || error_set(err, ERROR_INPUT, "%u dimensions in %u parts are not those of its view", t->rank,
                           t->part_count);
}

static bool check_tap(const struct plan *p, uint32_t i, struct error *err) {
    const struct plan_tap *t = &p->taps[i];
    enum plan_variant v;
    if (t->op >= p->op_count || (i > 0 && t->op <= t[-1].op))
        return error_set(err, ERROR_INPUT, "tap %u: operator %u of %u, or not behind the one before", i,
                         t->op, p->op_count);
    const struct plan_program *g = owner_of(p, t->op, &v);
    return plan_check_string(p, t->name, "tap", i, err) &&
           ((plan_check_tap_view(p, g, v, t->op - g->variant[v].first_op, t->view, err) &&
             check_loops(t, &p->views[t->view], err)) ||
            error_prefix(err, "tap %u", i));
}

bool plan_check_taps(const struct plan *p, struct error *err) {
    for (uint32_t i = 0; i < p->tap_count; i++) {
        if (!check_tap(p, i, err)) return false;
    }
    return true;
}

const struct plan_tap *plan_tap_of(const struct plan *p, uint32_t op) {
    uint32_t low = 0, high = p->tap_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->taps[middle].op < op) low = middle + 1;
        else high = middle;
    }
    return low < p->tap_count && p->taps[low].op == op ? &p->taps[low] : NULL;
}
