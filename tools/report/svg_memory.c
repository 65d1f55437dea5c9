// A picture of memory. For each variant the scratch arena: operators from left to right, addresses from top to bottom,
// each buffer a rectangle. Beside them the caches and both arenas as columns of one scale.
#include "tools/report/markup.h"

#include <stdio.h>
#include <string.h>

enum {
    LEFT = 74,
    TOP = 40,
    PLOT_WIDTH = 860,
    PLOT_HEIGHT = 300,
    PANEL_HEIGHT = PLOT_HEIGHT + 88,
    COLUMNS_LEFT = LEFT + PLOT_WIDTH + 90,
    COLUMN_WIDTH = 62,
    COLUMN_GAP = 26,
    WIDTH = COLUMNS_LEFT + 3 * (COLUMN_WIDTH + COLUMN_GAP) + 10,
};

static const char *const colours[] = {"#a8c8ec", "#f6cfa2", "#b9dfb4", "#f2b8bb", "#d0c1e6",
                                      "#e3d0bd", "#f0cde2", "#cdd3da", "#e6e3a1", "#aadfe4"};
enum { COLOURS = sizeof colours / sizeof *colours };

// Where one arena is drawn.
struct panel {
    const struct report_variant *v;
    double top, per_op, per_byte;
};

static double x_of(const struct panel *p, double op) { return LEFT + op * p->per_op; }
static double y_of(const struct panel *p, double bytes) { return p->top + bytes * p->per_byte; }

static void rectangle(struct strbuf *out, double x, double y, double width, double height, const char *more) {
    strbuf_printf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" %s", x, y, width, height,
                  more);
}

static void text_at(struct strbuf *out, double x, double y, const char *more, const char *text) {
    strbuf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    markup_text(out, text);
    strbuf_add(out, "</text>\n");
}

// ---- axes

// A power of two that divides `bytes` into at most `most` steps.
static uint64_t tick_bytes(uint64_t bytes, uint64_t most) {
    uint64_t tick = 64;
    while (bytes / tick > most) tick *= 2;
    return tick;
}

static void draw_addresses(const struct panel *p, struct strbuf *out) {
    char text[32];
    uint64_t tick = tick_bytes(p->v->arena_bytes, 8);
    for (uint64_t at = 0; at <= p->v->arena_bytes; at += tick) {
        double y = y_of(p, (double)at);
        strbuf_printf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#dfe4ea\"/>\n",
                      LEFT - 4, LEFT + PLOT_WIDTH, y, y);
        text_at(out, LEFT - 8, y + 4, "text-anchor=\"end\" fill=\"#52606d\"", format_bytes(text, at));
    }
}

static void draw_operators(const struct panel *p, struct strbuf *out) {
    static const uint32_t steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000, 1000000};
    uint32_t step = 1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && p->v->op_count / step > 24; i++) step = steps[i];
    for (uint32_t at = 0; at < p->v->op_count; at += step) {
        char text[16];
        snprintf(text, sizeof text, "%u", at);
        text_at(out, x_of(p, at + 0.5), p->top + PLOT_HEIGHT + 15, "text-anchor=\"middle\" fill=\"#52606d\"",
                text);
    }
}

// Stages are bands behind the buffers, with the shape of their results.
static void draw_stages(const struct panel *p, struct strbuf *out) {
    for (uint32_t i = 0; i < p->v->stage_count; i++) {
        const struct report_run *s = &p->v->stages[i];
        double x = x_of(p, s->first_op), width = s->op_count * p->per_op;
        rectangle(out, x, p->top, width, PLOT_HEIGHT,
                  i % 2 ? "fill=\"#eef1f4\"/>\n" : "fill=\"#f8f9fb\"/>\n");
        strbuf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#52606d\">",
                      x + width / 2, p->top + PLOT_HEIGHT + 30);
        markup_short(out, s->out_shape, (uint32_t)(width / 6.5));
        strbuf_add(out, "</text>\n");
    }
}

// ---- buffers

// A name in a rectangle: across, or down where that has more room.
static void draw_name(double x, double y, double width, double height, const char *name, struct strbuf *out) {
    const double letter = 5.6, line = 11;
    bool down = width < letter * (double)strlen(name) + 4 && height > width;
    if ((down ? width : height) < line) return;
    if (down)
        strbuf_printf(out, "<text transform=\"translate(%.1f,%.1f) rotate(90)\"", x + width / 2 - 3.5, y + 3);
    else strbuf_printf(out, "<text x=\"%.1f\" y=\"%.1f\"", x + 3, y + (height < 24 ? height / 2 + 3.5 : 12));
    strbuf_add(out, " font-size=\"9.5\" pointer-events=\"none\">");
    double room = (down ? height : width) - 4;
    markup_end(out, name, room > 0 ? (uint32_t)(room / letter) : 0);
    strbuf_add(out, "</text>\n");
}

static void draw_buffer(const struct panel *p, uint32_t i, struct strbuf *out) {
    const struct report_buffer *b = &p->v->buffers[i];
    double x = x_of(p, b->first_op), y = y_of(p, (double)b->offset);
    double width = ((double)b->last_op - b->first_op + 1) * p->per_op,
           height = (double)b->bytes * p->per_byte;
    char more[160], size[32];
    snprintf(more, sizeof more,
             "class=\"buffer\" data-variant=\"%s\" data-buffer=\"%u\" fill=\"%s\" stroke=\"%s\" "
             "stroke-width=\"%s\">",
             p->v->name, i, colours[i % COLOURS], b->at_peak ? "#a61b1b" : "#5f6c7b",
             b->at_peak ? "1.6" : "0.6");
    rectangle(out, x, y, width, height, more);
    strbuf_printf(out, "<title>%u ", i);
    markup_text(out, b->name);
    strbuf_printf(out, ": %s at %llu, operators %u to %u", format_bytes(size, b->bytes),
                  (unsigned long long)b->offset, b->first_op, b->last_op);
    if (b->rows > 0) strbuf_printf(out, ", a window of %u rows of its images", b->rows);
    strbuf_add(out, "</title></rect>\n");
    draw_name(x, y, width, height, b->name, out);
}

// What is alive, as bytes from the top: below the arena's end by what lies unused.
static void draw_live(const struct panel *p, struct strbuf *out) {
    strbuf_add(out,
               "<path fill=\"none\" stroke=\"#102a43\" stroke-width=\"1.3\" pointer-events=\"none\" d=\"");
    for (uint32_t i = 0; i < p->v->op_count; i++)
        strbuf_printf(out, "%s%.1f,%.1fH%.1f", i ? "L" : "M", x_of(p, i),
                      y_of(p, (double)p->v->ops[i].live_bytes), x_of(p, i + 1.0));
    strbuf_add(out, "\"/>\n");
}

static void draw_peak(const struct panel *p, struct strbuf *out) {
    for (uint32_t i = 0; i < p->v->peak_op_count; i++)
        rectangle(out, x_of(p, p->v->peak_ops[i]), p->top + PLOT_HEIGHT, p->per_op, 4,
                  "fill=\"#a61b1b\"/>\n");
    double y = y_of(p, (double)p->v->lower_bound_bytes);
    strbuf_printf(
        out,
        "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#a61b1b\" stroke-dasharray=\"5 4\"/>\n",
        LEFT, LEFT + PLOT_WIDTH, y, y);
}

// A bar over the operators that take turns on bands of the image.
static void draw_bands(const struct panel *p, struct strbuf *out) {
    const struct report_variant *v = p->v;
    if (v->band_rows == 0) return;
    char text[64];
    double x = x_of(p, v->band_first), width = v->band_count * p->per_op;
    rectangle(out, x, p->top - 5, width, 4, "fill=\"#2b6cb0\"/>\n");
    snprintf(text, sizeof text, "in bands of %u rows", v->band_rows);
    text_at(out, x + width, p->top - 8, "text-anchor=\"end\" fill=\"#2b6cb0\"", text);
}

static void draw_panel(const struct report_variant *v, double top, struct strbuf *out) {
    struct panel p = {v, top, (double)PLOT_WIDTH / v->op_count, 0};
    char arena[32], bound[32], unused[32], title[256];
    p.per_byte = v->arena_bytes ? (double)PLOT_HEIGHT / (double)v->arena_bytes : 0;
    snprintf(title, sizeof title,
             "%s step: arena of %s, lower bound %s (dashed), fragmentation %s, %u buffers", v->name,
             format_bytes(arena, v->arena_bytes), format_bytes(bound, v->lower_bound_bytes),
             format_bytes(unused, v->fragmentation_bytes), v->buffer_count);
    text_at(out, LEFT, top - 10, "font-size=\"13\" font-weight=\"600\"", title);
    draw_stages(&p, out);
    draw_addresses(&p, out);
    for (int peak = 0; peak < 2; peak++) { // those of the peak above the others, so that their edges show
        for (uint32_t i = 0; i < v->buffer_count; i++) {
            if (v->buffers[i].at_peak == (peak == 1)) draw_buffer(&p, i, out);
        }
    }
    draw_bands(&p, out);
    draw_live(&p, out);
    draw_peak(&p, out);
    draw_operators(&p, out);
    text_at(out, LEFT, top + PLOT_HEIGHT + 45, "fill=\"#52606d\"",
            "operator; below it the shape that its stage gives. Line: bytes alive. Red: operators and "
            "buffers of the peak.");
}

// ---- columns

static void draw_column(double x, double top, double height, const char *name, uint64_t bytes,
                        struct strbuf *out) {
    char size[32];
    rectangle(out, x, top, COLUMN_WIDTH, height, "fill=\"#e4e9ef\" stroke=\"#5f6c7b\"/>\n");
    text_at(out, x + COLUMN_WIDTH / 2.0, top - 20, "text-anchor=\"middle\" font-weight=\"600\"", name);
    text_at(out, x + COLUMN_WIDTH / 2.0, top - 6, "text-anchor=\"middle\" fill=\"#52606d\"",
            format_bytes(size, bytes));
}

static void draw_slots(const struct report_program *g, double x, double top, double per_byte,
                       struct strbuf *out) {
    for (uint32_t i = 0; i < g->cache_count; i++) {
        const struct report_cache *c = &g->caches[i];
        double y = top + (double)c->offset * per_byte, height = (double)c->bytes * per_byte;
        char more[96], size[32];
        snprintf(more, sizeof more,
                 "class=\"slot\" data-slot=\"%u\" fill=\"%s\" stroke=\"#5f6c7b\" stroke-width=\"0.6\">", i,
                 colours[i % COLOURS]);
        rectangle(out, x, y, COLUMN_WIDTH, height, more);
        strbuf_printf(out, "<title>cache %u ", i);
        markup_text(out, c->name);
        strbuf_printf(out, ": %s of %s at %llu</title></rect>\n", format_bytes(size, c->bytes), c->shape,
                      (unsigned long long)c->offset);
        if (height < 10) continue;
        strbuf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"9.5\" pointer-events=\"none\">", x + 4,
                      y + height / 2 + 3.5);
        markup_short(out, c->name, (COLUMN_WIDTH - 6) / 6);
        strbuf_add(out, "</text>\n");
    }
}

static void draw_columns(const struct report_program *g, double height, struct strbuf *out) {
    uint64_t most = g->cache_bytes;
    for (int v = 0; v < PLAN_VARIANTS; v++)
        most = g->variant[v].arena_bytes > most ? g->variant[v].arena_bytes : most;
    double per_byte = most ? height / (double)most : 0, x = COLUMNS_LEFT;
    draw_column(x, TOP, (double)g->cache_bytes * per_byte, "caches", g->cache_bytes, out);
    draw_slots(g, x, TOP, per_byte, out);
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (!g->variant[v].present) continue;
        x += COLUMN_WIDTH + COLUMN_GAP;
        draw_column(x, TOP, (double)g->variant[v].arena_bytes * per_byte,
                    v == PLAN_FIRST ? "first arena" : "steady arena", g->variant[v].arena_bytes, out);
    }
    text_at(out, COLUMNS_LEFT, TOP + height + 18, "fill=\"#52606d\"", "all to one scale");
}

struct svg_size svg_memory_size(const struct report_program *g) {
    return (struct svg_size){WIDTH, (g->has_steady ? 2 : 1) * PANEL_HEIGHT + TOP - 20};
}

void svg_memory(const struct report_program *g, struct strbuf *out) {
    int panels = g->has_steady ? 2 : 1;
    char label[96];
    snprintf(label, sizeof label, "Memory of the scratch arena over the operators, latents of %ux%u",
             g->latent_height, g->latent_width);
    markup_begin_svg(out, svg_memory_size(g), label);
    for (int v = 0, i = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) draw_panel(&g->variant[v], TOP + i++ * PANEL_HEIGHT, out);
    }
    draw_columns(g, (panels - 1) * PANEL_HEIGHT + PLOT_HEIGHT, out);
    strbuf_add(out, "</svg>\n");
}
