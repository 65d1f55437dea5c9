#include "plan_use.h"

#include "fuzz.h"
#include "plan/plan.h"
#include "plan/work.h"
#include "tools/report/report.h"
#include "wan/wan.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

// Of what is run. Everything that is accepted is as safe to run; what is larger only takes longer.
#define MOST_MEMORY ((uint64_t)8 << 20)
#define MOST_WORK 1e7
enum { MOST_OPERATORS = 256, MOST_COLUMNS = 1 << 12, STEPS = 2, REPORT_ONE_OF = 4 };

static double work_of(const struct plan *p, const struct plan_program *g, uint32_t index) {
    const struct plan_op *op = &p->ops[g->variant[PLAN_FIRST].first_op + index];
    struct plan_work w = plan_work(p, g, op, 1);
    return w.flops + w.product_flops + w.bytes;
}

// Each operator of XNNPACK takes time to make: a convolution has one for each block of its columns.
static double columns_of(const struct plan *p, const struct plan_program *g, uint32_t index) {
    const struct plan_op *op = &p->ops[g->variant[PLAN_FIRST].first_op + index];
    return op->kind == PLAN_OP_CONV ? (double)p->views[op->out].channels * op->params.conv.interleave : 1;
}

static bool is_small(const struct plan *p) {
    const struct plan_program *g = &p->programs[0];
    struct plan_forecast f;
    plan_forecast(p, g, 1, &f);
    double work = 0, columns = 0;
    if (f.total - f.base > MOST_MEMORY || plan_program_ops(g) > MOST_OPERATORS) return false;
    for (uint32_t i = 0; i < plan_program_ops(g); i++) {
        work += work_of(p, g, i);
        columns += columns_of(p, g, i);
    }
    return work <= MOST_WORK && columns <= MOST_COLUMNS;
}

static void print_reports(const struct plan *p) {
    struct report r;
    struct strbuf out = {0};
    plan_dump(p, &out);
    if (report_gather(&r, p, 1)) {
        report_text(&r, REPORT_ALL, &out);
        report_json(&r, REPORT_ALL, &out);
        report_csv(&r, REPORT_SHAPES, &out);
        report_dot(&r, &out);
        report_trace(&r, &out);
        report_html(&r, &out);
        report_svg(&r, REPORT_MEMORY, &out);
        report_svg(&r, REPORT_GRAPH, &out);
    }
    report_free(&r);
    strbuf_free(&out);
}

static void look_at_tensors(const struct wan_session *s, int steady) {
    struct wan_operator op = {.size = sizeof op};
    struct wan_tensor t = {.size = sizeof t};
    for (size_t i = 0; wan_session_operator(s, steady, i, &op); i++) {
        if (wan_session_tensor(s, steady, i, &t, NULL) != 1) continue;
        float *values = malloc(t.count * sizeof *values);
        FUZZ_EXPECT(wan_session_tensor(s, steady, i, &t, values) == 1, "a tensor is not there any more");
        free(values);
    }
}

static void run_session(const struct wan_plan *plan, const struct plan_program *g) {
    struct wan_error error;
    struct wan_session_params params = {.size = sizeof params, .threads = 1, .check_places = 2};
    struct wan_session *s = wan_session_new(plan, &params, &error);
    float *latent = calloc(plan_latent_floats(g), sizeof *latent);
    for (size_t i = 0; s != NULL && i < plan_latent_floats(g); i++)
        latent[i] = (float)(i % 7) * 0.25f - 0.75f;
    for (int step = 0; s != NULL && step < STEPS; step++) {
        if (wan_session_send(s, latent, &error) != WAN_OK) break;
        look_at_tensors(s, step > 0);
        while (wan_session_receive(s) != NULL) continue;
    }
    wan_session_free(s);
    free(latent);
}

static void use(const unsigned char *data, size_t size) {
    struct plan p;
    struct error err = {0};
    bool accepted = plan_check(&p, data, size, &err);
    FUZZ_EXPECT(accepted || (err.code != ERROR_NONE && err.code != ERROR_INTERNAL), "%s", err.message);
    if (!accepted) return;
    if (XXH3_64bits(data, size) % REPORT_ONE_OF == 0) print_reports(&p);
    if (!is_small(&p)) return;
    struct wan_error error;
    struct wan_plan *plan = wan_plan_open_memory(data, size, NULL, &error);
    FUZZ_EXPECT(plan != NULL, "a plan that is accepted cannot be opened: %s", error.message);
    wan_plan_denormalizes(plan, NULL, NULL);
    run_session(plan, &p.programs[0]);
    wan_plan_close(plan);
}

void plan_use(const uint8_t *data, size_t size) {
    unsigned char *copy = fuzz_copy(data, size, WAN_PLAN_ALIGNMENT);
    use(copy, size);
    free(copy);
}
