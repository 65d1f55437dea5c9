// The variants as a graph for Graphviz: operators in boxes, stages around them, caches as cylinders, shapes on edges.
#include "tools/report/report.h"

// A quoted string: a quote and a backslash are special there.
static void quoted(struct strbuf *out, const char *text) {
    for (const char *c = text; *c != 0; c++) {
        if (*c == '"' || *c == '\\') strbuf_add(out, "\\");
        strbuf_printf(out, "%c", *c);
    }
}

// Identifiers are made of the variant and numbers.
static void dot_op(const struct report_variant *v, uint32_t p, uint32_t i, struct strbuf *out) {
    const struct report_op *op = &v->ops[i];
    strbuf_printf(out, "      p%u_%s_o%u [label=\"%u %s\\n", p, v->name, i, i, op->kind);
    quoted(out, op->name);
    if (op->detail[0]) strbuf_add(out, "\\n");
    quoted(out, op->detail);
    strbuf_add(out, "\"]\n");
}

static void dot_stage(const struct report_variant *v, uint32_t p, uint32_t s, struct strbuf *out) {
    const struct report_run *stage = &v->stages[s];
    strbuf_printf(out, "    subgraph cluster_p%u_%s_s%u {\n      label=\"", p, v->name, s);
    quoted(out, stage->name);
    strbuf_printf(out, "\\n%s to %s\"\n", stage->in_shape, stage->out_shape);
    for (uint32_t i = 0; i < stage->op_count; i++) dot_op(v, p, stage->first_op + i, out);
    strbuf_add(out, "    }\n");
}

static void dot_edges(const struct report_variant *v, uint32_t p, uint32_t i, struct strbuf *out) {
    const struct report_op *op = &v->ops[i];
    for (uint32_t k = 0; k < op->edge_count; k++) {
        const struct report_edge *e = &op->edges[k];
        strbuf_printf(out, "    p%u_%s_", p, v->name);
        if (e->from == REPORT_FROM_OP) strbuf_printf(out, "o%u", e->index);
        else if (e->from == REPORT_FROM_CACHE) strbuf_printf(out, "c%u", e->index);
        else strbuf_add(out, "input");
        strbuf_printf(out, " -> p%u_%s_o%u [label=\"%s\"]\n", p, v->name, i, e->shape);
    }
    if (op->to == REPORT_TO_CACHE || op->history != PLAN_NONE)
        strbuf_printf(out, "    p%u_%s_o%u -> p%u_%s_c%u [style=dashed]\n", p, v->name, i, p, v->name,
                      op->to == REPORT_TO_CACHE ? op->to_index : op->history);
    if (op->to == REPORT_TO_OUTPUT)
        strbuf_printf(out, "    p%u_%s_o%u -> p%u_%s_output [label=\"%s\"]\n", p, v->name, i, p, v->name,
                      op->out_shape);
}

static bool uses_cache(const struct report_variant *v, uint32_t cache) {
    for (uint32_t i = 0; i < v->op_count; i++) {
        const struct report_op *op = &v->ops[i];
        if (op->history == cache || (op->to == REPORT_TO_CACHE && op->to_index == cache)) return true;
        for (uint32_t k = 0; k < op->edge_count; k++) {
            if (op->edges[k].from == REPORT_FROM_CACHE && op->edges[k].index == cache) return true;
        }
    }
    return false;
}

static void dot_variant(const struct report_program *g, const struct report_variant *v, uint32_t p,
                        struct strbuf *out) {
    strbuf_printf(out,
                  "  subgraph cluster_p%u_%s {\n    label=\"%s step, latents of %ux%u; dashed: written for "
                  "the next step\"\n",
                  p, v->name, v->name, g->latent_height, g->latent_width);
    strbuf_printf(
        out,
        "    p%u_%s_input [label=\"latent\", shape=oval]\n    p%u_%s_output [label=\"frames\", shape=oval]\n",
        p, v->name, p, v->name);
    for (uint32_t i = 0; i < g->cache_count; i++) {
        if (!uses_cache(v, i)) continue;
        strbuf_printf(out, "    p%u_%s_c%u [shape=cylinder, label=\"", p, v->name, i);
        quoted(out, g->caches[i].name);
        strbuf_printf(out, "\\n%s %s\"]\n", g->caches[i].shape, g->caches[i].type);
    }
    for (uint32_t s = 0; s < v->stage_count; s++) dot_stage(v, p, s, out);
    for (uint32_t i = 0; i < v->op_count; i++) dot_edges(v, p, i, out);
    strbuf_add(out, "  }\n");
}

void report_dot(const struct report *r, struct strbuf *out) {
    strbuf_add(out, "digraph \"");
    quoted(out, r->model);
    strbuf_add(
        out,
        "\" {\n  node [shape=box, fontname=\"sans-serif\"]\n  edge [fontname=\"sans-serif\", fontsize=10]\n");
    for (uint32_t p = 0; p < r->program_count; p++) {
        for (int v = 0; v < PLAN_VARIANTS; v++) {
            if (r->programs[p].variant[v].present)
                dot_variant(&r->programs[p], &r->programs[p].variant[v], p, out);
        }
    }
    strbuf_add(out, "}\n");
}
