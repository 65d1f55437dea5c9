// The report as one picture: memory, or the graph. Those of several latent sizes stand below each other.
#include "tools/report/markup.h"

enum { GAP = 24, HEAD = 34 };

static void place(uint32_t x, uint32_t y, struct strbuf *out) {
    strbuf_printf(out, "<g transform=\"translate(%u,%u)\">\n", x, y);
}

static void head(const struct report *r, const struct report_program *g, struct strbuf *out) {
    strbuf_add(out, "<text x=\"12\" y=\"22\" font-size=\"15\" font-weight=\"600\">");
    markup_text(out, r->model);
    strbuf_add(out, " (");
    markup_text(out, r->form);
    strbuf_printf(out, "): latents of %ux%u, frames of %ux%u</text>\n", g->latent_height, g->latent_width,
                  g->frame_height, g->frame_width);
}

// Both variants beside each other.
static struct svg_size graphs_size(const struct report_program *g) {
    struct svg_size all = {0};
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (!g->variant[v].present) continue;
        struct svg_size s = svg_graph_size(&g->variant[v], 0, g->variant[v].op_count);
        all.width += s.width + GAP;
        all.height = s.height + HEAD > all.height ? s.height + HEAD : all.height;
    }
    return all;
}

static void graphs(const struct report_program *g, struct strbuf *out) {
    uint32_t x = 0;
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        const struct report_variant *i = &g->variant[v];
        if (!i->present) continue;
        place(x, HEAD, out);
        strbuf_printf(out, "<text x=\"12\" y=\"-8\" font-size=\"14\" font-weight=\"600\">%s step</text>\n",
                      i->name);
        svg_graph(g, i, 0, i->op_count, out);
        strbuf_add(out, "</g>\n");
        x += svg_graph_size(i, 0, i->op_count).width + GAP;
    }
}

static struct svg_size picture_size(const struct report_program *g, unsigned section) {
    return section == REPORT_GRAPH ? graphs_size(g) : svg_memory_size(g);
}

void report_svg(const struct report *r, unsigned section, struct strbuf *out) {
    struct svg_size all = {0};
    for (uint32_t i = 0; i < r->program_count; i++) {
        struct svg_size s = picture_size(&r->programs[i], section);
        all.width = s.width > all.width ? s.width : all.width;
        all.height += s.height + HEAD + GAP;
    }
    markup_begin_svg(out, all, section == REPORT_GRAPH ? "Graph of a decoder" : "Memory of a decoder");
    strbuf_add(out, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    strbuf_add(out, svg_graph_marker);
    for (uint32_t i = 0, y = 0; i < r->program_count; i++) {
        const struct report_program *g = &r->programs[i];
        place(0, y, out);
        head(r, g, out);
        place(0, HEAD, out);
        if (section == REPORT_GRAPH) graphs(g, out);
        else svg_memory(g, out);
        strbuf_add(out, "</g></g>\n");
        y += picture_size(g, section).height + HEAD + GAP;
    }
    strbuf_add(out, "</svg>\n");
}
