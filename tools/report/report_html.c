// The report as one HTML page that needs nothing else: style, script, pictures and the JSON are in it.
#include "tools/report/html.h"

#include "report_page.h" // page_css and page_js, made by embed.sh

#include <stdio.h>
#include <string.h>

// ---- the JSON in the page

// In JSON these characters stand in strings only; escaped, they end no script and begin no markup.
static void add_json(const char *text, struct strbuf *out) {
    while (*text != 0) {
        size_t plain = strcspn(text, "<>&");
        strbuf_printf(out, "%.*s", (int)plain, text);
        text += plain;
        if (*text != 0) strbuf_printf(out, "\\u%04x", (unsigned)*text++);
    }
}

static bool embed_json(const struct report *r, struct strbuf *out) {
    struct strbuf json = {0};
    bool ok = report_json(r, REPORT_ALL, &json);
    strbuf_add(out, "<script type=\"application/json\" id=\"report\">");
    add_json(strbuf_text(&json), out);
    strbuf_add(out, "</script>\n");
    strbuf_free(&json);
    return ok;
}

// ---- the head of the page

static void begin_card(struct strbuf *out, const char *name) {
    strbuf_printf(out, "<div class=\"card\"><span>%s</span>", name);
}

static void end_card(struct strbuf *out) { strbuf_add(out, "</div>\n"); }

static void bytes_card(struct strbuf *out, const char *name, uint64_t bytes, const char *path, uint32_t p) {
    char text[96];
    snprintf(text, sizeof text, path, p);
    begin_card(out, name);
    html_bytes(out, "b", bytes, "%s", text);
    end_card(out);
}

static void size_card(struct strbuf *out, const char *name, const char *key, uint32_t p,
                      const uint32_t size[3]) {
    static const char *const parts[] = {"channels", "height", "width"};
    begin_card(out, name);
    strbuf_add(out, "<b>");
    for (int i = 0; i < 3; i++) {
        html_count(out, "span", size[i], "programs.%u.%s.%s", p, key, parts[i]);
        if (i < 2) strbuf_add(out, "\xc3\x97");
    }
    strbuf_add(out, "</b>");
    end_card(out);
}

static void variant_cards(const struct report_variant *v, uint32_t p, uint32_t index, struct strbuf *out) {
    char name[64];
    snprintf(name, sizeof name, "frames of the %s step", v->name);
    begin_card(out, name);
    html_count(out, "b", v->frames, "programs.%u.variants.%u.frames", p, index);
    end_card(out);
    snprintf(name, sizeof name, "work of the %s step", v->name);
    begin_card(out, name);
    html_flops(out, "b", v->flops, "programs.%u.variants.%u.flops", p, index);
    end_card(out);
    snprintf(name, sizeof name, "arena of the %s step", v->name);
    begin_card(out, name);
    html_bytes(out, "b", v->arena_bytes, "programs.%u.variants.%u.arena_bytes", p, index);
    end_card(out);
}

static void program_cards(const struct report_program *g, uint32_t p, struct strbuf *out) {
    strbuf_add(out, "<div class=\"cards\">\n");
    size_card(out, "latent frame", "latent", p,
              (const uint32_t[]){g->latent_channels, g->latent_height, g->latent_width});
    size_card(out, "video frame", "frame", p,
              (const uint32_t[]){g->frame_channels, g->frame_height, g->frame_width});
    bytes_card(out, "peak memory to expect", g->forecast.total, "programs.%u.forecast.total", p);
    bytes_card(out, "caches", g->cache_bytes, "programs.%u.caches.bytes", p);
    for (uint32_t v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) variant_cards(&g->variant[v], p, v, out);
    }
    strbuf_add(out, "</div>\n");
}

static void facts(const struct report *r, struct strbuf *out) {
    char shown[64];
    strbuf_add(out, "<header>\n<h1>");
    html_string(out, "span", r->model, "model");
    strbuf_add(out, "</h1>\n<p class=\"soft\">form ");
    html_string(out, "span", r->form, "form");
    strbuf_add(out, ", plan version ");
    html_count(out, "span", r->plan_version, "plan_version");
    strbuf_add(out, ", ");
    html_bytes(out, "span", r->file_bytes, "file_bytes");
    strbuf_add(out, " with ");
    html_bytes(out, "span", r->weight_bytes, "weight_bytes");
    strbuf_add(out, " of weights; ");
    html_string(out, "span", r->build, "build");
    if (r->latent_scale != NULL) strbuf_add(out, "; latents are denormalised inside");
    if (r->error_bound > 0) {
        strbuf_add(out, "; the error of a decode is bounded by ");
        snprintf(shown, sizeof shown, "%.2e", r->error_bound);
        html_real(out, "span", r->error_bound, shown, "error_bound");
    }
    if (r->error_limit > 0) {
        strbuf_add(out, ", limited to ");
        snprintf(shown, sizeof shown, "%.2e", r->error_limit);
        html_real(out, "span", r->error_limit, shown, "error_limit");
    }
    if (r->first_kept != r->programs->variant[PLAN_FIRST].frames) {
        strbuf_add(out, "; of the first step's frames the last ");
        html_count(out, "span", r->first_kept, "first_kept");
        strbuf_add(out, " belong to the video");
    }
    strbuf_add(out, "</p>\n");
    if (r->note_count > 0) strbuf_add(out, "<p><b>Notes of the compiler</b></p>\n<ul>\n");
    for (uint32_t i = 0; i < r->note_count; i++) {
        html_string(out, "li", r->notes[i], "notes.%u", i);
        strbuf_add(out, "\n");
    }
    if (r->note_count > 0) strbuf_add(out, "</ul>\n");
    strbuf_add(out, "</header>\n");
}

static void section_links(uint32_t p, struct strbuf *out) {
    static const char *const sections[][2] = {{"shapes", "Shapes"},
                                              {"caches", "Caches"},
                                              {"memory", "Memory"},
                                              {"ops", "Operators"},
                                              {"graph", "Graph"}};
    for (int i = 0; i < COUNT(sections); i++)
        strbuf_printf(out, "<li><a href=\"#p%u-%s\">%s</a></li>\n", p, sections[i][0], sections[i][1]);
}

// To the sections, or to the latent sizes where there are several.
static void navigation(const struct report *r, struct strbuf *out) {
    strbuf_add(out, "<nav aria-label=\"Sections\"><ul>\n");
    if (r->program_count == 1) section_links(0, out);
    for (uint32_t p = 0; r->program_count > 1 && p < r->program_count; p++)
        strbuf_printf(out, "<li><a href=\"#p%u\">%ux%u</a></li>\n", p, r->programs[p].latent_height,
                      r->programs[p].latent_width);
    strbuf_add(out, "</ul></nav>\n");
}

static void size_row(const struct report_program *g, uint32_t p, struct strbuf *out) {
    const struct plan_forecast *f = &g->forecast;
    const struct {
        const char *key;
        uint64_t bytes;
    } cells[] = {{"weights_packed", f->weights_packed},
                 {"caches", f->caches},
                 {"arena", f->arena},
                 {"workspace", f->workspace},
                 {"input_output", f->input_output},
                 {"total", f->total}};
    strbuf_printf(out, "<tr><td><a href=\"#p%u\">%ux%u</a></td><td>%ux%u</td>", p, g->latent_height,
                  g->latent_width, g->frame_height, g->frame_width);
    for (int i = 0; i < COUNT(cells); i++)
        html_bytes(out, "td", cells[i].bytes, "programs.%u.forecast.%s", p, cells[i].key);
    strbuf_add(out, "</tr>\n");
}

static void sizes(const struct report *r, struct strbuf *out) {
    static const char *const heads[] = {"latent",         "frame",      "#weights, packed",   "#caches",
                                        "#scratch arena", "#workspace", "#latent and frames", "#peak memory"};
    strbuf_printf(out,
                  "<h2>Sizes</h2>\n<p>Memory of a run with %u thread%s. Each size is a run of its own; the "
                  "plan has the weights once.</p>\n",
                  r->threads, r->threads == 1 ? "" : "s");
    html_begin_table(out, "sizes", "Sizes", heads, COUNT(heads), r->program_count);
    for (uint32_t p = 0; p < r->program_count; p++) size_row(&r->programs[p], p, out);
    html_end_table(out);
}

static void program(const struct report *r, uint32_t p, struct strbuf *out) {
    const struct report_program *g = &r->programs[p];
    strbuf_printf(out, "<section id=\"p%u\">\n", p);
    if (r->program_count > 1) {
        strbuf_printf(out, "<h2>Latents of %ux%u</h2>\n<ul class=\"links\">\n", g->latent_height,
                      g->latent_width);
        section_links(p, out);
        strbuf_add(out, "</ul>\n");
    }
    program_cards(g, p, out);
    html_shapes(g, p, out);
    html_caches(g, p, out);
    html_memory(r, g, p, out);
    html_ops(r, g, p, out);
    html_graph(g, p, out);
    strbuf_add(out, "</section>\n");
}

static void begin_page(const struct report *r, struct strbuf *out) {
    strbuf_add(
        out, "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
             "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, "
             "initial-scale=1\"/>\n"
             "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
             "'unsafe-inline'; "
             "script-src 'unsafe-inline'; img-src data:\"/>\n<link rel=\"icon\" href=\"data:,\"/>\n<title>");
    markup_text(out, r->model);
    strbuf_add(out, "</title>\n<style>\n");
    strbuf_add(out, page_css);
    strbuf_add(out, "</style>\n</head>\n<body>\n<svg width=\"0\" height=\"0\" style=\"position: absolute\" "
                    "aria-hidden=\"true\" "
                    "xmlns=\"http://www.w3.org/2000/svg\">");
    strbuf_add(out, svg_graph_marker);
    strbuf_add(out, "</svg>\n");
}

bool report_html(const struct report *r, struct strbuf *out) {
    begin_page(r, out);
    facts(r, out);
    navigation(r, out);
    strbuf_add(out, "<main>\n");
    if (r->program_count > 1) sizes(r, out);
    for (uint32_t p = 0; p < r->program_count; p++) program(r, p, out);
    strbuf_add(out, "</main>\n");
    bool ok = embed_json(r, out);
    strbuf_add(out, "<script>\n//<![CDATA[\n");
    strbuf_add(out, page_js);
    strbuf_add(out, "//]]>\n</script>\n</body>\n</html>\n");
    return ok;
}
