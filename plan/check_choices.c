// Verification of the candidates of each convolution, when its operators are verified.
#include "plan/check.h"
#include "plan/conv_shape.h"

#include <math.h>

static bool follows(const struct plan_choice *before, const struct plan_choice *c) {
    return before->op < c->op || (before->op == c->op && before->algorithm < c->algorithm);
}

static bool check_choice(const struct plan *p, uint32_t i, struct error *err) {
    const struct plan_choice *c = &p->choices[i];
    if (c->op >= p->op_count || p->ops[c->op].kind != PLAN_OP_CONV)
        return error_set(err, ERROR_INPUT, "choice %u: operator %u of %u, expected a convolution", i, c->op,
                         p->op_count);
    if (i > 0 && !follows(c - 1, c))
        return error_set(err, ERROR_INPUT, "choice %u: operator %u, algorithm %u: not behind the one before",
                         i, c->op, c->algorithm);
    const struct plan_op *op = &p->ops[c->op];
    struct plan_conv_shape s = plan_conv_shape(&op->params.conv, &p->views[op->in[0]], &p->views[op->out]);
    if (c->algorithm >= PLAN_CONV_ALGORITHMS || !plan_conv_shape_allows(&s, c->algorithm))
        return error_set(err, ERROR_INPUT, "choice %u: algorithm %u does not compute operator %u", i,
                         c->algorithm, c->op);
    bool numbers = c->seconds >= 0 && isfinite(c->seconds) && c->error >= 0 && isfinite(c->error);
    return (numbers && c->source < PLAN_TIME_SOURCES) ||
           error_set(err, ERROR_INPUT, "choice %u: %g seconds by source %u, error %g", i, (double)c->seconds,
                     c->source, (double)c->error);
}

// What an operator has is one of its candidates.
static bool check_taken(const struct plan *p, uint32_t first, uint32_t end, struct error *err) {
    uint32_t op = p->choices[first].op;
    for (uint32_t i = first; i < end; i++) {
        if (p->choices[i].algorithm == p->ops[op].params.conv.algorithm) return true;
    }
    return error_set(err, ERROR_INPUT, "choice %u: operator %u has algorithm %u, which is no candidate",
                     first, op, p->ops[op].params.conv.algorithm);
}

bool plan_check_choices(const struct plan *p, struct error *err) {
    for (uint32_t i = 0; i < p->choice_count; i++) {
        if (!check_choice(p, i, err)) return false;
    }
    for (uint32_t first = 0, end; first < p->choice_count; first = end) {
        for (end = first; end < p->choice_count && p->choices[end].op == p->choices[first].op;) end++;
        if (!check_taken(p, first, end, err)) return false;
    }
    return true;
}
