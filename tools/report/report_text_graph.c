// The text of the sections on operators: how convolutions are computed, the stages of the network, and what each pass of
// the compiler made of it.
#include "tools/report/report.h"
#include "tools/report/table.h"

#include <stdio.h>

// ---- convolutions

enum { COLUMNS = 11, CELL = 96 };
static const char *const head[COLUMNS] = {"convolution", "first", "steady",    "algorithm", "ms", "share",
                                          "by",          "error", "workspace", "runner-up", "why"};

struct ops_row {
    char shape[PLAN_CONV_SHAPE_TEXT], text[COLUMNS][CELL];
    const char *cells[COLUMNS];
};

static void time_cells(const struct plan_ops_row *r, struct ops_row *t) {
    for (int i = 4; i < 8; i++) snprintf(t->text[i], CELL, "-");
    if (r->chosen == NULL) return;
    snprintf(t->text[4], CELL, "%.3g", 1e3 * (double)r->chosen->seconds);
    snprintf(t->text[5], CELL, "%.1f %%",
             100 * r->share[r->uses[PLAN_STEADY] > 0 ? PLAN_STEADY : PLAN_FIRST]);
    snprintf(t->text[6], CELL, "%s", plan_time_source_name(r->chosen->source));
    snprintf(t->text[7], CELL, "%.1e", (double)r->chosen->error);
}

static void runner_up_cell(const struct plan_choice *c, char text[CELL]) {
    if (c == NULL) snprintf(text, CELL, "-");
    else
        snprintf(text, CELL, "%s %.3g ms (%s)", plan_conv_algorithm_name(c->algorithm),
                 1e3 * (double)c->seconds, plan_time_source_name(c->source));
}

static void row_cells(const void *rows, uint32_t i, void *out) {
    const struct plan_ops_row *r = (const struct plan_ops_row *)rows + i;
    struct ops_row *t = out;
    for (int k = 0; k < COLUMNS; k++) t->cells[k] = t->text[k];
    t->cells[0] = plan_conv_shape_text(&r->shape, t->shape);
    snprintf(t->text[1], CELL, "%u", r->uses[PLAN_FIRST]);
    snprintf(t->text[2], CELL, "%u", r->uses[PLAN_STEADY]);
    t->cells[3] = plan_conv_algorithm_name(r->algorithm);
    time_cells(r, t);
    t->cells[8] = format_bytes(t->text[8], r->workspace);
    runner_up_cell(r->runner_up, t->text[9]);
    t->cells[10] = r->why;
}

void report_text_ops(const struct report *r, const struct report_program *g, struct strbuf *out) {
    struct ops_row row;
    strbuf_printf(out,
                  "\nConvolutions at latents of %ux%u: how often in each step; of one the time and error to "
                  "expect, of all the "
                  "share of the time of convolutions\n",
                  g->latent_height, g->latent_width);
    if (r->time_threads > 0)
        strbuf_printf(out, "times: with %u threads on the machine that compiled\n", r->time_threads);
    else strbuf_add(out, "times: by the cost model, for two cores of the machine that it was fitted on\n");
    table_print(head, COLUMNS, g->ops.rows, g->ops.count, row_cells, &row, row.cells, out);
    strbuf_add(out, "\nTime of a step to expect\n");
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        const struct report_variant *i = &g->variant[v];
        if (i->present)
            strbuf_printf(out, "  %-6s  %.4g s: convolutions %.4g s, other operators about %.3g s\n", i->name,
                          i->conv_seconds + i->other_seconds, i->conv_seconds, i->other_seconds);
    }
}

// ---- stages

static void run_cells(const struct report_run *s, bool is_block, char text[4][CELL], const char *cells[6]) {
    for (int i = 0; i < 4; i++) cells[i] = text[i];
    snprintf(text[0], CELL, "%s%u to %u", is_block ? "  " : "", s->first_op, s->first_op + s->op_count - 1);
    snprintf(text[1], CELL, "%.5g", s->flops * 1e-9);
    snprintf(text[2], CELL, "%u", s->caches);
    snprintf(text[3], CELL, "%s -> %s", s->in_shape, s->out_shape);
    cells[4] = s->name;
}

static void text_variant(const struct report_variant *v, struct strbuf *out) {
    static const char *const columns[] = {"operators", "GFLOP", "caches", "shapes", "name"};
    size_t widths[5] = {0};
    char text[4][CELL];
    const char *cells[6];
    strbuf_printf(out, "\nStages of %s: %u operators in %u stages, %u blocks; %.5g GFLOP\n", v->name,
                  v->op_count, v->stage_count, v->block_count, v->flops * 1e-9);
    table_widen(widths, columns, 5);
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) table_row(out, columns, widths, 5);
        for (uint32_t i = 0; i < v->stage_count; i++) {
            for (uint32_t k = 0; k <= v->stages[i].block_count; k++) {
                bool is_block = k > 0;
                run_cells(is_block ? &v->blocks[v->stages[i].first_block + k - 1] : &v->stages[i], is_block,
                          text, cells);
                if (pass == 0) table_widen(widths, cells, 5);
                else table_row(out, cells, widths, 5);
            }
        }
    }
}

// ---- passes

static void text_pass(const struct report_program *g, const struct report_pass *s, struct strbuf *out) {
    char bytes[32];
    strbuf_printf(out, "  %-20s", s->name);
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (!g->variant[v].present) continue;
        if (!report_pass_has_sizes(s, v)) strbuf_printf(out, "  %6u %9s %10s", s->nodes[v], "-", "-");
        else
            strbuf_printf(out, "  %6u %9s %10.5g", s->nodes[v], format_bytes(bytes, s->value_bytes[v]),
                          (double)s->flops[v] * 1e-9);
    }
    strbuf_add(out, s->changed ? "\n" : "  (no change)\n");
}

static void text_passes(const struct report_program *g, struct strbuf *out) {
    if (g->pass_count == 0) return;
    strbuf_add(out, "\nWhat each pass of the compiler left: nodes of the IR, views too; bytes of their "
                    "results; GFLOP; -: not "
                    "known yet\n");
    strbuf_printf(out, "  %-20s", "");
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) strbuf_printf(out, "  %-27s", g->variant[v].name);
    }
    strbuf_add(out, "\n");
    for (uint32_t i = 0; i < g->pass_count; i++) text_pass(g, &g->passes[i], out);
}

void report_text_graph(const struct report_program *g, struct strbuf *out) {
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) text_variant(&g->variant[v], out);
    }
    text_passes(g, out);
}
