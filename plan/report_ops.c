// The text of the report on operators.
#include "plan/report_ops.h"

#include "base/cores.h"
#include "plan/table.h"

#include <stdio.h>
#include <string.h>

static const char *const sources[PLAN_TIME_SOURCES] = {
    [PLAN_TIME_MODEL] = "model", [PLAN_TIME_MEASURED] = "measured", [PLAN_TIME_CACHED] = "timing cache"};

const char *plan_time_source_name(uint32_t source) {
    return source < PLAN_TIME_SOURCES ? sources[source] : "unknown";
}

enum { COLUMNS = 11, CELL = 64 };
static const char *const head[COLUMNS] = {"convolution", "first", "steady",    "algorithm", "ms", "share",
                                          "by",          "error", "workspace", "runner-up", "why"};

struct text_row {
    char shape[PLAN_CONV_SHAPE_TEXT], text[COLUMNS][CELL];
    const char *cells[COLUMNS];
};

static void time_cells(const struct plan_ops_row *r, struct text_row *t) {
    for (int i = 4; i < 8; i++) strcpy(t->text[i], "-");
    if (r->chosen == NULL) return;
    snprintf(t->text[4], CELL, "%.3g", 1e3 * (double)r->chosen->seconds);
    snprintf(t->text[5], CELL, "%.1f %%",
             100 * r->share[r->uses[PLAN_STEADY] > 0 ? PLAN_STEADY : PLAN_FIRST]);
    snprintf(t->text[6], CELL, "%s", plan_time_source_name(r->chosen->source));
    snprintf(t->text[7], CELL, "%.1e", (double)r->chosen->error);
}

static void runner_up_cell(const struct plan_choice *c, char text[CELL]) {
    if (c == NULL) {
        strcpy(text, "-");
        return;
    }
    snprintf(text, CELL, "%s %.3g ms (%s)", plan_conv_algorithm_name(c->algorithm), 1e3 * (double)c->seconds,
             plan_time_source_name(c->source));
}

static void row_cells(const struct plan_ops_row *r, struct text_row *t) {
    for (int i = 0; i < COLUMNS; i++) t->cells[i] = t->text[i];
    t->cells[0] = plan_conv_shape_text(&r->shape, t->shape);
    snprintf(t->text[1], CELL, "%u", r->uses[PLAN_FIRST]);
    snprintf(t->text[2], CELL, "%u", r->uses[PLAN_STEADY]);
    t->cells[3] = plan_conv_algorithm_name(r->algorithm);
    time_cells(r, t);
    t->cells[8] = format_bytes(t->text[8], r->workspace);
    runner_up_cell(r->runner_up, t->text[9]);
    t->cells[10] = r->why;
}

static void report_rows(const struct plan_ops_table *table, struct strbuf *out) {
    size_t widths[COLUMNS] = {0};
    struct text_row t;
    table_widen(widths, head, COLUMNS);
    for (uint32_t i = 0; i < table->count; i++) {
        row_cells(&table->rows[i], &t);
        table_widen(widths, t.cells, COLUMNS);
    }
    table_row(out, head, widths, COLUMNS);
    for (uint32_t i = 0; i < table->count; i++) {
        row_cells(&table->rows[i], &t);
        table_row(out, t.cells, widths, COLUMNS);
    }
}

static void report_step(const struct plan_ops_table *t, enum plan_variant v, struct strbuf *out) {
    static const char *const names[PLAN_VARIANTS] = {"first", "steady"};
    double convs = t->conv_seconds[v], others = t->other_seconds[v];
    strbuf_printf(out, "  %-6s  %.4g s: convolutions %.4g s, other operators about %.3g s\n", names[v],
                  convs + others, convs, others);
}

static void report_program(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    struct plan_ops_table table;
    if (!plan_ops_table(p, g, cores_available(), &table)) {
        strbuf_add(out, "out of memory\n");
        return;
    }
    strbuf_printf(out,
                  "\nLatent %ux%u: how often in each step; of one convolution the time and error to expect\n",
                  g->latent_height, g->latent_width);
    report_rows(&table, out);
    strbuf_add(out, "\nTime of a step to expect\n");
    report_step(&table, PLAN_FIRST, out);
    if (plan_has_steady(g)) report_step(&table, PLAN_STEADY, out);
    plan_ops_table_free(&table);
}

void plan_report_ops(const struct plan *p, struct strbuf *out) {
    strbuf_printf(out, "%s (%s), plan version %u\n", plan_string(p, p->info->model_name),
                  plan_string(p, p->info->form), p->header->version);
    if (p->info->time_threads > 0)
        strbuf_printf(out, "times: with %u threads on the machine that compiled\n", p->info->time_threads);
    else strbuf_add(out, "times: by the cost model, for two cores of the machine that it was fitted on\n");
    if (p->info->error_bound > 0)
        strbuf_printf(out, "error bound of a decode: %.2e (limit %.2e)\n", (double)p->info->error_bound,
                      (double)p->info->error_limit);
    for (uint32_t k = 0; k < p->program_count; k++) report_program(p, &p->programs[k], out);
}
