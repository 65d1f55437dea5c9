// The sections of the HTML page on convolutions, on the network, and on what the passes made of it.
#include "tools/report/html.h"

#include <stdio.h>

// ---- convolutions

static void alternatives(const struct plan_ops_row *r, uint32_t p, uint32_t i, struct strbuf *out) {
    uint32_t others = r->candidate_count - (r->chosen != NULL);
    strbuf_add(out, "<td>");
    if (others > 0) strbuf_printf(out, "<details><summary>%u</summary>", others);
    for (uint32_t k = 0; k < r->candidate_count; k++) {
        const struct plan_choice *c = &r->candidates[k];
        char shown[48];
        if (c == r->chosen) continue;
        strbuf_printf(out, "<div>%s ", plan_conv_algorithm_name(c->algorithm));
        snprintf(shown, sizeof shown, "%.3g ms", 1e3 * (double)c->seconds);
        html_real(out, "span", (double)c->seconds, shown, "programs.%u.convolutions.%u.candidates.%u.seconds",
                  p, i, k);
        strbuf_add(out, "</div>");
    }
    strbuf_add(out, others > 0 ? "</details></td>" : "</td>");
}

static void chosen_cells(const struct plan_ops_row *r, uint32_t p, uint32_t i, struct strbuf *out) {
    char shown[32];
    if (r->chosen == NULL) {
        strbuf_add(out, "<td class=\"n\"></td><td></td><td class=\"n\"></td>");
        return;
    }
    snprintf(shown, sizeof shown, "%.3g", 1e3 * (double)r->chosen->seconds);
    html_real(out, "td", (double)r->chosen->seconds, shown, "programs.%u.convolutions.%u.chosen.seconds", p,
              i);
    html_string(out, "td", plan_time_source_name(r->chosen->source),
                "programs.%u.convolutions.%u.chosen.source", p, i);
    snprintf(shown, sizeof shown, "%.1e", (double)r->chosen->error);
    html_real(out, "td", (double)r->chosen->error, shown, "programs.%u.convolutions.%u.chosen.error", p, i);
}

static void convolution_row(const struct plan_ops_row *r, uint32_t p, uint32_t i, struct strbuf *out) {
    char text[PLAN_CONV_SHAPE_TEXT], shown[32];
    strbuf_add(out, "<tr>");
    html_string(out, "td", plan_conv_shape_text(&r->shape, text), "programs.%u.convolutions.%u.shape.text", p,
                i);
    html_count(out, "td", r->uses[PLAN_FIRST], "programs.%u.convolutions.%u.first_uses", p, i);
    html_count(out, "td", r->uses[PLAN_STEADY], "programs.%u.convolutions.%u.steady_uses", p, i);
    html_string(out, "td", plan_conv_algorithm_name(r->algorithm), "programs.%u.convolutions.%u.algorithm", p,
                i);
    chosen_cells(r, p, i, out);
    snprintf(shown, sizeof shown, "%.1f %%", 100 * r->share[PLAN_FIRST]);
    html_real(out, "td", r->share[PLAN_FIRST], shown, "programs.%u.convolutions.%u.first_share", p, i);
    snprintf(shown, sizeof shown, "%.1f %%", 100 * r->share[PLAN_STEADY]);
    html_real(out, "td", r->share[PLAN_STEADY], shown, "programs.%u.convolutions.%u.steady_share", p, i);
    html_bytes(out, "td", r->workspace, "programs.%u.convolutions.%u.workspace_bytes", p, i);
    html_string(out, "td", r->why, "programs.%u.convolutions.%u.why", p, i);
    alternatives(r, p, i, out);
    strbuf_add(out, "</tr>\n");
}

static void step_time(const struct report_variant *v, uint32_t p, uint32_t index, struct strbuf *out) {
    char shown[32];
    strbuf_printf(out, "<p><b>%s step</b>: convolutions ", v->name);
    snprintf(shown, sizeof shown, "%.4g s", v->conv_seconds);
    html_real(out, "b", v->conv_seconds, shown, "programs.%u.variants.%u.expected_seconds.convolutions", p,
              index);
    strbuf_add(out, ", other operators about ");
    snprintf(shown, sizeof shown, "%.3g s", v->other_seconds);
    html_real(out, "b", v->other_seconds, shown, "programs.%u.variants.%u.expected_seconds.others", p, index);
    strbuf_add(out, ".</p>\n");
}

void html_ops(const struct report *r, const struct report_program *g, uint32_t p, struct strbuf *out) {
    static const char *const heads[] = {
        "convolution", "#first",          "#steady",          "algorithm",  "#ms", "by",
        "#error",      "#share of first", "#share of steady", "#workspace", "why", "alternatives"};
    char id[32];
    strbuf_printf(out,
                  "<h2 id=\"p%u-ops\">Operators</h2>\n<p>How each shape of convolution is computed, how "
                  "often a step does it, "
                  "and the time and error to expect of one; its shares are of the time of all convolutions. ",
                  p);
    if (r->time_threads > 0)
        strbuf_printf(out, "Times: with %u threads on the machine that compiled.</p>\n", r->time_threads);
    else
        strbuf_add(out,
                   "Times: by the cost model, for two cores of the machine that it was fitted on.</p>\n");
    for (uint32_t v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) step_time(&g->variant[v], p, v, out);
    }
    snprintf(id, sizeof id, "p%u-table-ops", p);
    html_begin_table(out, id, "Convolutions", heads, COUNT(heads), g->ops.count);
    for (uint32_t i = 0; i < g->ops.count; i++) convolution_row(&g->ops.rows[i], p, i, out);
    html_end_table(out);
}

// ---- stages

static void flow(const struct report_variant *v, uint32_t p, uint32_t index, struct strbuf *out) {
    strbuf_add(out, "<div class=\"flow\">");
    for (uint32_t i = 0; i < v->stage_count; i++) {
        const struct report_run *s = &v->stages[i];
        strbuf_printf(out, "<span>%s \xe2\x86\x92</span><a href=\"#p%u-%s-s%u\"><b>stage %u</b>", s->in_shape,
                      p, v->name, i, i);
        markup_short(out, s->name, 44);
        strbuf_printf(out, "<br/>%u operators, %u cache%s, ", s->op_count, s->caches,
                      s->caches == 1 ? "" : "s");
        html_flops(out, "span", s->flops, "programs.%u.variants.%u.graph.stages.%u.flops", p, index, i);
        strbuf_add(out, "</a>");
    }
    if (v->stage_count > 0)
        strbuf_printf(out, "<span>\xe2\x86\x92 %s</span>", v->stages[v->stage_count - 1].out_shape);
    strbuf_add(out, "</div>\n");
}

static void summary(const struct report_run *s, const char *kind, uint32_t number, struct strbuf *out) {
    strbuf_printf(out, "<summary><b>%s %u</b> ", kind, number);
    markup_text(out, s->name);
    strbuf_printf(out, " <span class=\"soft\">%s \xe2\x86\x92 %s; operators %u to %u, %u cache%s, ",
                  s->in_shape, s->out_shape, s->first_op, s->first_op + s->op_count - 1, s->caches,
                  s->caches == 1 ? "" : "s");
}

static void stage(const struct report_program *g, const struct report_variant *v, uint32_t p, uint32_t index,
                  uint32_t i, struct strbuf *out) {
    const struct report_run *s = &v->stages[i];
    strbuf_printf(out, "<details id=\"p%u-%s-s%u\">", p, v->name, i);
    summary(s, "stage", i, out);
    strbuf_printf(out, "%u blocks</span></summary>\n", s->block_count);
    for (uint32_t k = s->first_block; k < s->first_block + s->block_count; k++) {
        const struct report_run *b = &v->blocks[k];
        strbuf_add(out, "<details>");
        summary(b, "block", k, out);
        html_flops(out, "span", b->flops, "programs.%u.variants.%u.graph.blocks.%u.flops", p, index, k);
        strbuf_add(out, "</span></summary>\n<figure>\n");
        svg_graph(g, v, b->first_op, b->op_count, out);
        strbuf_add(out, "</figure></details>\n");
    }
    strbuf_add(out, "</details>\n");
}

static void variant_graph(const struct report_program *g, uint32_t p, uint32_t index, struct strbuf *out) {
    const struct report_variant *v = &g->variant[index];
    strbuf_printf(out, "<h3>%s step: ", v->name);
    html_count(out, "span", v->op_count, "programs.%u.variants.%u.operators", p, index);
    strbuf_add(out, " operators, ");
    html_flops(out, "span", v->flops, "programs.%u.variants.%u.flops", p, index);
    strbuf_add(out, "</h3>\n");
    flow(v, p, index, out);
    strbuf_printf(
        out,
        "<div class=\"tools\"><button type=\"button\" data-open=\"yes\" data-within=\"p%u-%s-stages\">Open "
        "all</button>"
        "<button type=\"button\" data-open=\"no\" data-within=\"p%u-%s-stages\">Close all</button></div>\n"
        "<div id=\"p%u-%s-stages\">\n",
        p, v->name, p, v->name, p, v->name);
    for (uint32_t i = 0; i < v->stage_count; i++) stage(g, v, p, index, i, out);
    strbuf_add(out, "</div>\n");
}

// ---- passes

#define NO_SIZE "\xe2\x80\x93" // a dash: lengths are still symbols

static void pass_row(const struct report_program *g, const struct report_pass *s, uint32_t p, uint32_t i,
                     struct strbuf *out) {
    strbuf_add(out, s->changed ? "<tr>" : "<tr class=\"same\">");
    html_count(out, "td", i, "programs.%u.passes.%u.index", p, i);
    html_string(out, "td", s->name, "programs.%u.passes.%u.name", p, i);
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        const char *name = g->variant[v].name;
        bool has_sizes = report_pass_has_sizes(s, v);
        char bytes[32] = NO_SIZE, flops[32] = NO_SIZE;
        if (!g->variant[v].present) continue;
        if (has_sizes) format_bytes(bytes, s->value_bytes[v]);
        if (has_sizes) snprintf(flops, sizeof flops, "%.5g", (double)s->flops[v] * 1e-9);
        html_count(out, "td", s->nodes[v], "programs.%u.passes.%u.%s.nodes", p, i, name);
        html_number(out, "td", s->value_bytes[v], bytes, "programs.%u.passes.%u.%s.value_bytes", p, i, name);
        html_number(out, "td", s->flops[v], flops, "programs.%u.passes.%u.%s.flops", p, i, name);
    }
    strbuf_add(out, "</tr>\n");
}

static void passes(const struct report_program *g, uint32_t p, struct strbuf *out) {
    static const char *const heads[] = {"#",      "pass left",      "#first: nodes",     "#bytes of results",
                                        "#GFLOP", "#steady: nodes", "#bytes of results", "#GFLOP"};
    char id[32];
    if (g->pass_count == 0) return;
    snprintf(id, sizeof id, "p%u-table-passes", p);
    strbuf_printf(
        out,
        "<h3 id=\"p%u-passes\">What each pass of the compiler left</h3>\n<p>The first row is what "
        "was imported. Bytes "
        "are those of the results of all nodes of one step; operations those of convolutions, "
        "matrix products and "
        "attention; a dash: lengths are symbols yet. Nodes of the IR may be views, which are no operator "
        "of the plan, or take several. Grey: the pass changed nothing.</p>\n",
        p);
    html_begin_table(out, id, "Passes", heads, g->has_steady ? COUNT(heads) : 5, g->pass_count);
    for (uint32_t i = 0; i < g->pass_count; i++) pass_row(g, &g->passes[i], p, i, out);
    html_end_table(out);
}

void html_graph(const struct report_program *g, uint32_t p, struct strbuf *out) {
    strbuf_printf(out,
                  "<h2 id=\"p%u-graph\">Graph</h2>\n<p>The network in stages of one image size; a stage "
                  "opens into blocks, a "
                  "block into its operators with the shapes between them. Yellow: caches, the latent, and "
                  "the frames.</p>\n",
                  p);
    for (uint32_t v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) variant_graph(g, p, v, out);
    }
    passes(g, p, out);
}
