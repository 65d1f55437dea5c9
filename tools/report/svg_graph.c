// A picture of operators: boxes below each other in the order in which they run. An edge to the next operator is a line
// between the boxes; one that skips operators takes a lane on the right; what comes from operators or goes to operators
// outside of the picture ends in their number. Caches stand on the left.
#include "tools/report/markup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BOX_LEFT = 190,
    BOX_WIDTH = 350,
    BOX_HEIGHT = 44,
    PITCH = 74,
    TOP = 34,
    LANE = 16,
    MOST_LANES = 24,
    SHAPE_WIDTH = 120, // of the longest label beside a lane
    LINE_HEIGHT = 11,
    MOST_SHAPES = 6, // beside one operator
    MOST_ABOVE = 4,
};

struct picture {
    const struct report_program *g;
    const struct report_variant *v;
    uint32_t first, end;
    uint32_t free_from[MOST_LANES]; // of each lane: the first operator at which it is free
    struct strbuf *out, labels;     // labels of lanes stand above all lines
};

static double y_of(const struct picture *p, uint32_t op) { return TOP + (double)(op - p->first) * PITCH; }

static void label(struct strbuf *out, double x, double y, const char *more, const char *text) {
    strbuf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10\" fill=\"#52606d\" %s>", x, y, more);
    markup_text(out, text);
    strbuf_add(out, "</text>\n");
}

static void path(struct strbuf *out, const char *d, bool dashed) {
    strbuf_printf(out,
                  "<path d=\"%s\" fill=\"none\" stroke=\"#7b8794\" stroke-width=\"1.2\"%s "
                  "marker-end=\"url(#arrow)\"/>\n",
                  d, dashed ? " stroke-dasharray=\"4 3\"" : "");
}

// ---- edges

enum side {
    ABOVE,
    STRAIGHT,
    ASIDE,
    SIDES
}; // from an operator outside of the picture, the one before, another

static enum side side_of(const struct picture *p, const struct report_edge *e, uint32_t to) {
    return e->index < p->first ? ABOVE : e->index + 1 == to ? STRAIGHT : ASIDE;
}

static uint32_t take_lane(struct picture *p, uint32_t from, uint32_t to) {
    uint32_t lane = 0;
    while (lane + 1 < MOST_LANES && p->free_from[lane] > from) lane++;
    p->free_from[lane] = to;
    return lane;
}

static void draw_above(struct picture *p, const struct report_edge *e, uint32_t to, uint32_t slot) {
    char d[96], text[32];
    double at = BOX_LEFT + 10.0 + 74 * slot, y = y_of(p, to);
    if (slot == MOST_ABOVE) label(p->out, at, y - 8, "", "\xe2\x80\xa6");
    if (slot >= MOST_ABOVE) return;
    snprintf(d, sizeof d, "M%.1f,%.1f V%.1f", at, y - 18, y - 1);
    path(p->out, d, false);
    snprintf(text, sizeof text, "from %u", e->index);
    label(p->out, at + 4, y - 18, "", text);
    label(p->out, at + 4, y - 8, "", e->shape);
}

static void draw_straight(struct picture *p, const struct report_edge *e, uint32_t to) {
    char d[96];
    double x = BOX_LEFT + BOX_WIDTH / 2.0, y = y_of(p, to);
    snprintf(d, sizeof d, "M%.1f,%.1f V%.1f", x, y - PITCH + BOX_HEIGHT, y - 1);
    path(p->out, d, false);
    label(p->out, x + 6, y - 12, "", e->shape);
}

// The `slot`-th of `count`: arrows are spread over the box, labels over what is between it and the next ones.
static void draw_aside(struct picture *p, const struct report_edge *e, uint32_t to, uint32_t slot,
                       uint32_t count) {
    char d[160], more[32];
    double right = BOX_LEFT + BOX_WIDTH, lane = right + 14 + LANE * take_lane(p, e->index, to);
    double y = y_of(p, to) + (double)BOX_HEIGHT * (slot + 1) / (count + 1);
    snprintf(d, sizeof d, "M%.1f,%.1f H%.1f V%.1f H%.1f", right, y_of(p, e->index) + BOX_HEIGHT - 8.0, lane,
             y, right + 1);
    path(p->out, d, false);
    uint32_t shown = count < MOST_SHAPES ? count : MOST_SHAPES;
    if (slot >= shown) return;
    bool rest = slot + 1 == shown && shown < count;
    snprintf(more, sizeof more, "\xe2\x80\xa6 %u more", count - slot);
    label(&p->labels, lane + 4,
          y_of(p, to) + BOX_HEIGHT / 2.0 + LINE_HEIGHT * (slot - (shown - 1) / 2.0) + 3.5,
          "paint-order=\"stroke\" stroke=\"#ffffff\" stroke-width=\"3\"", rest ? more : e->shape);
}

static void draw_edges(struct picture *p, uint32_t i) {
    const struct report_op *op = &p->v->ops[i];
    uint32_t count[SIDES] = {0}, slot[SIDES] = {0};
    for (uint32_t k = 0; k < op->edge_count; k++) {
        if (op->edges[k].from == REPORT_FROM_OP) count[side_of(p, &op->edges[k], i)]++;
    }
    for (uint32_t k = 0; k < op->edge_count; k++) {
        const struct report_edge *e = &op->edges[k];
        if (e->from != REPORT_FROM_OP) continue;
        enum side side = side_of(p, e, i);
        if (side == ABOVE) draw_above(p, e, i, slot[side]);
        else if (side == STRAIGHT) draw_straight(p, e, i);
        else draw_aside(p, e, i, slot[side], count[side]);
        slot[side]++;
    }
}

// Of an operator outside of the picture that reads one inside.
static void note_reader(struct picture *p, uint32_t reader, uint32_t *written) {
    const struct report_op *op = &p->v->ops[reader];
    for (uint32_t k = 0; k < op->edge_count; k++) {
        const struct report_edge *e = &op->edges[k];
        if (e->from != REPORT_FROM_OP || e->index < p->first || e->index >= p->end) continue;
        uint32_t at = e->index - p->first;
        char text[32];
        if (written[at] < 3) {
            snprintf(text, sizeof text, written[at] == 2 ? "\xe2\x80\xa6" : "to %u", reader);
            label(p->out, BOX_LEFT + BOX_WIDTH - 46.0 * (written[at] + 1),
                  y_of(p, e->index) + BOX_HEIGHT + 12, "", text);
        }
        written[at]++;
    }
}

// ---- caches, latent and frames

// Something beside an operator: what it reads comes in at the left, what it writes goes out there.
static void draw_beside(struct picture *p, uint32_t i, uint32_t row, const char *name, const char *shape,
                        bool in, bool out) {
    double y = y_of(p, i) + 2 + 22 * row;
    char d[96];
    strbuf_printf(p->out,
                  "<rect x=\"8\" y=\"%.1f\" width=\"140\" height=\"20\" rx=\"9\" fill=\"#fff3d6\" "
                  "stroke=\"#b7791f\"/>\n",
                  y);
    strbuf_printf(p->out, "<text x=\"14\" y=\"%.1f\" font-size=\"10\">", y + 14);
    markup_end(p->out, name, 8);
    strbuf_add(p->out, "</text>\n");
    label(p->out, 144, y + 14, "text-anchor=\"end\"", shape);
    snprintf(d, sizeof d, "M148,%.1f H%d", y + (in && out ? 6 : 10), BOX_LEFT - 1);
    if (in) path(p->out, d, false);
    snprintf(d, sizeof d, "M%d,%.1f H149", BOX_LEFT, y + (in && out ? 14 : 10));
    if (out) path(p->out, d, true);
}

static void draw_memory(struct picture *p, uint32_t i) {
    const struct report_op *op = &p->v->ops[i];
    uint32_t row = 0, history = op->history; // PLAN_NONE once it is drawn
    for (uint32_t k = 0; k < op->edge_count; k++) {
        const struct report_edge *e = &op->edges[k];
        if (e->from == REPORT_FROM_INPUT) draw_beside(p, i, row++, "latent", e->shape, true, false);
        if (e->from != REPORT_FROM_CACHE) continue;
        draw_beside(p, i, row++, p->g->caches[e->index].name, e->shape, true, history == e->index);
        if (history == e->index) history = PLAN_NONE;
    }
    if (history != PLAN_NONE)
        draw_beside(p, i, row++, p->g->caches[history].name, p->g->caches[history].shape, false, true);
    if (op->to == REPORT_TO_CACHE)
        draw_beside(p, i, row++, p->g->caches[op->to_index].name, op->out_shape, false, true);
    if (op->to == REPORT_TO_OUTPUT) draw_beside(p, i, row++, "frames", op->out_shape, false, true);
}

// ---- boxes

static const char *fill_of(const char *kind) {
    return strcmp(kind, "conv") == 0        ? "#dbe9f9"
           : strcmp(kind, "attention") == 0 ? "#e6dcf4"
           : strcmp(kind, "copy") == 0      ? "#f3f4f6"
           : strcmp(kind, "norm") == 0      ? "#e0f2e1"
                                            : "#fbe9dc";
}

static void draw_box(struct picture *p, uint32_t i) {
    const struct report_op *op = &p->v->ops[i];
    double y = y_of(p, i);
    strbuf_printf(p->out, "<g class=\"op\" data-operator=\"%u\"><title>%u %s ", i, i, op->kind);
    markup_text(p->out, op->name);
    strbuf_printf(p->out, ": %s to %s; %s; %.4g MFLOP</title>\n", op->in_shape, op->out_shape, op->detail,
                  op->flops * 1e-6);
    strbuf_printf(
        p->out,
        "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"%s\" stroke=\"#52606d\"/>\n",
        BOX_LEFT, y, BOX_WIDTH, BOX_HEIGHT, fill_of(op->kind));
    strbuf_printf(p->out, "<text x=\"%d\" y=\"%.1f\"><tspan font-weight=\"600\">%u %s</tspan> ", BOX_LEFT + 8,
                  y + 17, i, op->kind);
    markup_end(p->out, op->name, 38);
    strbuf_printf(p->out, "</text>\n<text x=\"%d\" y=\"%.1f\" font-size=\"10\" fill=\"#52606d\">",
                  BOX_LEFT + 8, y + 33);
    markup_short(p->out, op->detail, 64);
    strbuf_add(p->out, "</text></g>\n");
}

static void draw_stage_heads(struct picture *p) {
    for (uint32_t s = 0; s < p->v->stage_count; s++) {
        const struct report_run *stage = &p->v->stages[s];
        if (stage->first_op < p->first || stage->first_op >= p->end) continue;
        double y = y_of(p, stage->first_op) - 28;
        strbuf_printf(p->out,
                      "<line x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#9aa5b1\" "
                      "stroke-dasharray=\"2 4\"/>\n",
                      y, y);
        strbuf_printf(p->out, "<text x=\"4\" y=\"%.1f\" font-weight=\"600\">stage %u</text>\n", y + 14, s);
    }
}

const char svg_graph_marker[] =
    "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
    "markerHeight=\"7\" "
    "orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" fill=\"#7b8794\"/></marker></defs>\n";

struct svg_size svg_graph_size(const struct report_variant *v, uint32_t first, uint32_t count) {
    struct picture p = {.v = v, .first = first, .end = first + count};
    uint32_t lanes = 0;
    for (uint32_t i = first; i < p.end; i++) {
        for (uint32_t k = 0; k < v->ops[i].edge_count; k++) {
            const struct report_edge *e = &v->ops[i].edges[k];
            if (e->from != REPORT_FROM_OP || side_of(&p, e, i) != ASIDE) continue;
            uint32_t lane = take_lane(&p, e->index, i);
            lanes = lane + 1 > lanes ? lane + 1 : lanes;
        }
    }
    return (struct svg_size){BOX_LEFT + BOX_WIDTH + LANE * lanes + SHAPE_WIDTH, TOP + count * PITCH};
}

void svg_graph(const struct report_program *g, const struct report_variant *v, uint32_t first, uint32_t count,
               struct strbuf *out) {
    uint32_t *written = calloc((size_t)count + 1, sizeof *written);
    struct picture p = {.g = g, .v = v, .first = first, .end = first + count, .out = out};
    char text[128];
    if (written == NULL) return;
    snprintf(text, sizeof text, "Operators %u to %u of the %s step", first, first + count - 1, v->name);
    markup_begin_svg(out, svg_graph_size(v, first, count), text);
    draw_stage_heads(&p);
    for (uint32_t i = first; i < p.end; i++) draw_edges(&p, i);
    strbuf_add(out, strbuf_text(&p.labels));
    for (uint32_t i = first; i < p.end; i++) draw_box(&p, i);
    for (uint32_t i = first; i < p.end; i++) draw_memory(&p, i);
    for (uint32_t i = p.end; i < v->op_count; i++) note_reader(&p, i, written);
    strbuf_add(out, "</svg>\n");
    strbuf_free(&p.labels);
    free(written);
}
