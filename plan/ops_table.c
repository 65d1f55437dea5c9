// Gathers the rows of the report on operators.
//
// The time of operators that are no convolutions is not measured. Attention is counted by its operations, at the part of
// the convolutions' rate that it reaches, and the others by the bytes that they must move: so much for each operation
// that the products of convolutions take in the same time. Profiles of the full-width decoder gave both figures.
#include "plan/ops_table.h"

#include "plan/bands.h"
#include "plan/check.h"
#include "plan/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *plan_time_source_name(uint32_t source) {
    static const char *const names[PLAN_TIME_SOURCES] = {
        [PLAN_TIME_MODEL] = "model", [PLAN_TIME_MEASURED] = "measured", [PLAN_TIME_CACHED] = "timing cache"};
    return source < PLAN_TIME_SOURCES ? names[source] : "unknown";
}

// ---- rows

static struct plan_ops_row *find_row(struct plan_ops_table *t, const struct plan_conv_shape *s,
                                     uint32_t algorithm) {
    for (uint32_t i = 0; i < t->count; i++) {
        struct plan_ops_row *r = &t->rows[i];
        if (r->algorithm == algorithm && plan_conv_shape_equal(&r->shape, s)) return r;
    }
    return NULL;
}

// The candidates of an operator: they are sorted by operators.
static void find_candidates(const struct plan *p, uint32_t op, struct plan_ops_row *r) {
    uint32_t first = 0, end = p->choice_count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (p->choices[middle].op < op) first = middle + 1;
        else end = middle;
    }
    r->candidates = p->choices + first;
    while (first + r->candidate_count < p->choice_count && r->candidates[r->candidate_count].op == op)
        r->candidate_count++;
}

static void compare_candidates(struct plan_ops_row *r) {
    for (uint32_t i = 0; i < r->candidate_count; i++) {
        if (r->candidates[i].algorithm == r->algorithm) r->chosen = &r->candidates[i];
    }
    for (uint32_t i = 0; i < r->candidate_count; i++) {
        const struct plan_choice *c = &r->candidates[i];
        const struct plan_choice **best = c->seconds < r->chosen->seconds ? &r->too_rough : &r->runner_up;
        if (c != r->chosen && (*best == NULL || c->seconds < (*best)->seconds)) *best = c;
    }
}

static void add_conv(const struct plan *p, const struct plan_program *g, uint32_t op, enum plan_variant v,
                     uint32_t threads, struct plan_ops_table *t) {
    const struct plan_op *o = &p->ops[op];
    const struct plan_conv *params = &o->params.conv;
    struct plan_conv_shape s = plan_conv_shape(params, &p->views[o->in[0]], &p->views[o->out]);
    struct plan_ops_row *r = find_row(t, &s, params->algorithm);
    if (r == NULL) {
        r = &t->rows[t->count++];
        *r = (struct plan_ops_row){.shape = s, .algorithm = params->algorithm};
        find_candidates(p, op, r);
        compare_candidates(r);
        r->workspace =
            plan_conv_workspace(p, o, plan_rows_at_once(p, g, v, op - g->variant[v].first_op), threads);
    }
    r->uses[v]++;
    if (r->chosen != NULL) t->conv_seconds[v] += (double)r->chosen->seconds;
}

// ---- why

static uint32_t possible_algorithms(const struct plan_conv_shape *s) {
    uint32_t count = 0;
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) count += plan_conv_shape_allows(s, a);
    return count;
}

static void explain_only(struct plan_ops_row *r) {
    const struct plan_conv_shape *s = &r->shape;
    if (s->stride_h != 1 || s->stride_w != 1)
        snprintf(r->why, sizeof r->why, "the only algorithm for stride %ux%u", s->stride_h, s->stride_w);
    else
        snprintf(r->why, sizeof r->why, "the only algorithm for kernel %ux%ux%u, upsample %u", s->taps,
                 s->kernel_h, s->kernel_w, s->upsample);
}

static double times(const struct plan_choice *slow, const struct plan_choice *fast) {
    return fast->seconds > 0 ? (double)slow->seconds / (double)fast->seconds : 1;
}

static void explain(struct plan_ops_row *r) {
    uint32_t possible = possible_algorithms(&r->shape);
    const char *asked = r->candidate_count < possible ? "asked by --conv" : "";
    if (r->chosen == NULL) {
        snprintf(r->why, sizeof r->why, "fixed before the choice");
    } else if (possible == 1) {
        explain_only(r);
    } else if (r->too_rough != NULL) {
        snprintf(r->why, sizeof r->why, "limited by --max-error or --max-memory: %s is %.2f times faster",
                 plan_conv_algorithm_name(r->too_rough->algorithm), times(r->chosen, r->too_rough));
    } else if (r->runner_up != NULL) {
        snprintf(r->why, sizeof r->why, "%s%s%.2f times faster than %s", asked, asked[0] ? "; " : "",
                 times(r->runner_up, r->chosen), plan_conv_algorithm_name(r->runner_up->algorithm));
    } else {
        snprintf(r->why, sizeof r->why, "%s", asked);
    }
}

// ---- the others

// On two cores with AVX-512, per operation inside of the convolutions' products: what a profile of the full-width
// decoder gave.
static const double attention_rate = 1; // of the rate of these
static const double bytes_per_flop = 0.05;

static void add_others(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                       struct plan_ops_table *t) {
    const struct plan_op *ops = p->ops + g->variant[v].first_op;
    double products = 0, others = 0;
    for (uint32_t i = 0; i < g->variant[v].op_count; i++) {
        struct plan_work w = plan_work(p, g, &ops[i], 1);
        if (ops[i].kind == PLAN_OP_CONV) products += w.product_flops;
        else if (ops[i].kind == PLAN_OP_ATTENTION) others += w.flops / attention_rate;
        else others += w.bytes / bytes_per_flop;
    }
    if (products > 0) t->other_seconds[v] = t->conv_seconds[v] * others / products;
}

// ---- the table

static double weight(const struct plan_ops_row *r) {
    return r->share[PLAN_STEADY] + 1e-3 * r->share[PLAN_FIRST];
}

static int by_time(const void *a, const void *b) {
    double x = weight(a), y = weight(b);
    return (x < y) - (x > y);
}

static void finish_row(struct plan_ops_row *r, const struct plan_ops_table *t) {
    explain(r);
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (r->chosen != NULL && t->conv_seconds[v] > 0)
            r->share[v] = r->uses[v] * (double)r->chosen->seconds / t->conv_seconds[v];
    }
}

bool plan_ops_table(const struct plan *p, const struct plan_program *g, uint32_t threads,
                    struct plan_ops_table *t) {
    *t = (struct plan_ops_table){.rows = calloc(plan_program_ops(g), sizeof *t->rows)};
    if (t->rows == NULL) return false;
    for (enum plan_variant v = PLAN_FIRST; v < PLAN_VARIANTS; v++) {
        for (uint32_t i = 0; i < g->variant[v].op_count; i++) {
            uint32_t op = g->variant[v].first_op + i;
            if (p->ops[op].kind == PLAN_OP_CONV) add_conv(p, g, op, v, threads, t);
        }
        add_others(p, g, v, t);
    }
    for (uint32_t i = 0; i < t->count; i++) finish_row(&t->rows[i], t);
    qsort(t->rows, t->count, sizeof *t->rows, by_time);
    return true;
}

void plan_ops_table_free(struct plan_ops_table *t) {
    free(t->rows);
    *t = (struct plan_ops_table){0};
}
