// The sections of the HTML page on shapes, caches and memory.
#include "tools/report/html.h"

#include <stdio.h>

static const char *table_id(char text[32], uint32_t p, const char *name) {
    snprintf(text, 32, "p%u-%s", p, name);
    return text;
}

// ---- shapes

static void shape_row(const struct report_shape *s, uint32_t p, uint32_t i, struct strbuf *out) {
    strbuf_add(out, "<tr>");
    html_string(out, "td", s->op, "programs.%u.shapes.%u.operator", p, i);
    html_string(out, "td", s->symbolic, "programs.%u.shapes.%u.symbolic", p, i);
    html_string(out, "td", s->in[PLAN_FIRST], "programs.%u.shapes.%u.first_in", p, i);
    html_string(out, "td", s->out[PLAN_FIRST], "programs.%u.shapes.%u.first", p, i);
    html_string(out, "td", s->in[PLAN_STEADY], "programs.%u.shapes.%u.steady_in", p, i);
    html_string(out, "td", s->out[PLAN_STEADY], "programs.%u.shapes.%u.steady", p, i);
    if (s->cache == PLAN_NONE) strbuf_add(out, "<td class=\"n\"></td>");
    else html_count(out, "td", s->cache, "programs.%u.shapes.%u.cache", p, i);
    html_string(out, "td", s->node, "programs.%u.shapes.%u.node", p, i);
    strbuf_add(out, "</tr>\n");
}

static void causal_row(const struct report_causal *c, uint32_t p, uint32_t i, struct strbuf *out) {
    strbuf_add(out, "<tr>");
    if (c->cache == PLAN_NONE) strbuf_add(out, "<td class=\"n\"></td>");
    else html_count(out, "td", c->cache, "programs.%u.causal_convolutions.%u.cache", p, i);
    html_count(out, "td", c->kernel_t, "programs.%u.causal_convolutions.%u.kernel_frames", p, i);
    for (uint32_t k = 0; k < REPORT_STEPS; k++) {
        if (k >= c->step_count || !c->steps[k].runs) {
            strbuf_add(out, "<td class=\"n\"></td><td class=\"n\"></td><td class=\"n\"></td>");
            continue;
        }
        html_count(out, "td", c->steps[k].padding, "programs.%u.causal_convolutions.%u.steps.%u.padding", p,
                   i, k);
        html_count(out, "td", c->steps[k].cache, "programs.%u.causal_convolutions.%u.steps.%u.cache", p, i,
                   k);
        html_count(out, "td", c->steps[k].frames, "programs.%u.causal_convolutions.%u.steps.%u.frames", p, i,
                   k);
    }
    html_string(out, "td", c->node, "programs.%u.causal_convolutions.%u.node", p, i);
    strbuf_add(out, "</tr>\n");
}

void html_shapes(const struct report_program *g, uint32_t p, struct strbuf *out) {
    static const char *const heads[] = {"operator",   "model", "first: in", "out",
                                        "steady: in", "out",   "#cache",    "node"};
    static const char *const causal[] = {
        "#cache", "#kernel", "#step 0: padding", "#cache", "#frames", "#step 1: padding",
        "#cache", "#frames", "#step 2: padding", "#cache", "#frames", "node"};
    char id[32];
    strbuf_printf(out,
                  "<h2 id=\"p%u-shapes\">Shapes</h2>\n<p>The operators of the model with the shapes that "
                  "they have in the "
                  "first step and in every later one (frames x height x width x channels; of the new frames, "
                  "without those of a cache), and the shape in the model itself, where T is the number of "
                  "latent frames.</p>\n",
                  p);
    html_begin_table(out, table_id(id, p, "table-shapes"), "Shapes", heads, COUNT(heads), g->shape_count);
    for (uint32_t i = 0; i < g->shape_count; i++) shape_row(&g->shapes[i], p, i, out);
    html_end_table(out);
    if (g->causal_count == 0) return;
    strbuf_add(
        out, "<h3>Causal convolutions, step by step</h3>\n<p>What PyTorch's log of the model shows: "
             "the zero frames put in "
             "front (padding), the frames that the cache holds of earlier steps, and the frames that "
             "the step gives. Empty: "
             "the step does not run it. Zero frames that PyTorch's decoder itself stores in a cache count as "
             "padding here, and as cached in its log: so it is in the first temporal upsampling of "
             "Wan's.</p>\n");
    html_begin_table(out, table_id(id, p, "table-causal"), "Causal convolutions", causal, COUNT(causal),
                     g->causal_count);
    for (uint32_t i = 0; i < g->causal_count; i++) causal_row(&g->causal[i], p, i, out);
    html_end_table(out);
}

// ---- caches

static void cache_row(const struct report_cache *c, uint32_t p, uint32_t i, struct strbuf *out) {
    strbuf_add(out, "<tr>");
    html_count(out, "td", i, "programs.%u.caches.slots.%u.slot", p, i);
    html_string(out, "td", c->name, "programs.%u.caches.slots.%u.name", p, i);
    html_string(out, "td", c->shape, "programs.%u.caches.slots.%u.shape", p, i);
    html_string(out, "td", c->type, "programs.%u.caches.slots.%u.type", p, i);
    html_bytes(out, "td", c->bytes, "programs.%u.caches.slots.%u.bytes", p, i);
    html_count(out, "td", c->offset, "programs.%u.caches.slots.%u.offset", p, i);
    html_string(out, "td", c->layout, "programs.%u.caches.slots.%u.layout", p, i);
    html_string(out, "td", c->producer, "programs.%u.caches.slots.%u.node", p, i);
    strbuf_add(out, "</tr>\n");
}

static void resolution_row(const struct report_resolution *s, uint32_t p, uint32_t i, struct strbuf *out) {
    strbuf_add(out, "<tr><td>");
    html_count(out, "span", s->frame_height, "programs.%u.caches.resolutions.%u.frame_height", p, i);
    strbuf_add(out, "x");
    html_count(out, "span", s->frame_width, "programs.%u.caches.resolutions.%u.frame_width", p, i);
    strbuf_add(out, "</td>");
    if (s->latent_height) strbuf_printf(out, "<td>%ux%u</td>", s->latent_height, s->latent_width);
    else strbuf_add(out, "<td></td>");
    if (s->why_not[0]) {
        strbuf_add(out, "<td class=\"n\"></td><td class=\"n\"></td>");
    } else {
        html_bytes(out, "td", s->bytes, "programs.%u.caches.resolutions.%u.bytes", p, i);
        html_bytes(out, "td", s->number_bytes, "programs.%u.caches.resolutions.%u.number_bytes", p, i);
    }
    html_string(out, "td", s->why_not, "programs.%u.caches.resolutions.%u.why_not", p, i);
    strbuf_add(out, "</tr>\n");
}

void html_caches(const struct report_program *g, uint32_t p, struct strbuf *out) {
    static const char *const heads[] = {"#slot",  "cache",   "shape",  "type",
                                        "#bytes", "#offset", "layout", "input of"};
    static const char *const sizes[] = {"frames", "latents", "#caches", "#without room around images",
                                        "remark"};
    char id[32];
    strbuf_printf(out, "<h2 id=\"p%u-caches\">Caches</h2>\n<p>", p);
    if (g->cache_count == 0) {
        strbuf_add(out, "None: nothing is kept from step to step.</p>\n");
        return;
    }
    strbuf_printf(out, "%u caches, ", g->cache_count);
    html_bytes(out, "b", g->cache_bytes, "programs.%u.caches.bytes", p);
    strbuf_add(out, " together: the last frames of the input of each causal convolution, kept from step to "
                    "step. They begin as "
                    "zeros.</p>\n");
    html_begin_table(out, table_id(id, p, "table-caches"), "Caches", heads, COUNT(heads), g->cache_count);
    for (uint32_t i = 0; i < g->cache_count; i++) cache_row(&g->caches[i], p, i, out);
    html_end_table(out);
    strbuf_add(out, "<h3>At other sizes</h3>\n<p>The caches of this plan, each scaled with the latents and "
                    "laid out as here.</p>\n");
    html_begin_table(out, table_id(id, p, "table-sizes"), "Caches at other sizes", sizes, COUNT(sizes),
                     REPORT_RESOLUTIONS);
    for (uint32_t i = 0; i < REPORT_RESOLUTIONS; i++) resolution_row(&g->resolutions[i], p, i, out);
    html_end_table(out);
}

// ---- memory

static void peak(const struct report_variant *v, uint32_t p, uint32_t index, struct strbuf *out) {
    strbuf_printf(out, "<p><b>%s step</b>: ", v->name);
    html_bytes(out, "b", v->peak_bytes, "programs.%u.variants.%u.peak_live_bytes", p, index);
    strbuf_add(out, " alive at most, in an arena of ");
    html_bytes(out, "b", v->arena_bytes, "programs.%u.variants.%u.arena_bytes", p, index);
    strbuf_add(out, "; with these buffers in this order no planner could need less than ");
    html_bytes(out, "b", v->lower_bound_bytes, "programs.%u.variants.%u.lower_bound_bytes", p, index);
    strbuf_add(out, ", so ");
    html_bytes(out, "b", v->fragmentation_bytes, "programs.%u.variants.%u.fragmentation_bytes", p, index);
    strbuf_add(out, " are lost between buffers. ");
    if (v->band_rows > 0)
        strbuf_printf(out, "Operators %u to %u take turns on bands of %u rows. ", v->band_first,
                      v->band_first + v->band_count - 1, v->band_rows);
    strbuf_printf(out, "The peak is at %u operator%s:", v->peak_op_count, v->peak_op_count == 1 ? "" : "s");
    for (uint32_t i = 0; i < v->peak_op_count && i < 8; i++) {
        strbuf_printf(out, "%s%u ", i ? ", " : " ", v->peak_ops[i]);
        markup_text(out, v->ops[v->peak_ops[i]].name);
    }
    strbuf_add(out, v->peak_op_count > 8 ? ", \xe2\x80\xa6" : "");
    strbuf_add(out, v->peak_buffer_count ? ". The buffers alive then:</p>\n" : "</p>\n");
    strbuf_add(out, v->peak_buffer_count ? "<ul>\n" : "");
    for (uint32_t i = 0; i < v->peak_buffer_count; i++) {
        const struct report_buffer *b = &v->buffers[v->peak_buffers[i]];
        strbuf_add(out, "<li>");
        html_bytes(out, "b", b->bytes, "programs.%u.variants.%u.buffers.%u.bytes", p, index,
                   v->peak_buffers[i]);
        strbuf_add(out, ": buffer ");
        html_string(out, "span", b->name, "programs.%u.variants.%u.buffers.%u.name", p, index,
                    v->peak_buffers[i]);
        strbuf_printf(out, ", operators %u to %u", b->first_op, b->last_op);
        if (b->rows > 0) strbuf_printf(out, ", a window of %u rows", b->rows);
        strbuf_add(out, "</li>\n");
    }
    strbuf_add(out, v->peak_buffer_count ? "</ul>\n" : "");
}

static void buffers(const struct report_variant *v, uint32_t p, uint32_t index, struct strbuf *out) {
    static const char *const heads[] = {"#buffer",         "name",           "#bytes",         "#offset",
                                        "#first operator", "#last operator", "#rows of images"};
    char id[32];
    strbuf_printf(out, "<details><summary>All buffers of the %s step (%u)</summary>\n", v->name,
                  v->buffer_count);
    html_begin_table(out, table_id(id, p, v->name), "Buffers", heads, COUNT(heads), v->buffer_count);
    for (uint32_t i = 0; i < v->buffer_count; i++) {
        const struct report_buffer *b = &v->buffers[i];
        strbuf_add(out, "<tr>");
        html_count(out, "td", i, "programs.%u.variants.%u.buffers.%u.index", p, index, i);
        html_string(out, "td", b->name, "programs.%u.variants.%u.buffers.%u.name", p, index, i);
        html_bytes(out, "td", b->bytes, "programs.%u.variants.%u.buffers.%u.bytes", p, index, i);
        html_count(out, "td", b->offset, "programs.%u.variants.%u.buffers.%u.offset", p, index, i);
        html_count(out, "td", b->first_op, "programs.%u.variants.%u.buffers.%u.first_operator", p, index, i);
        html_count(out, "td", b->last_op, "programs.%u.variants.%u.buffers.%u.last_operator", p, index, i);
        if (b->rows == 0) strbuf_add(out, "<td class=\"n\"></td>");
        else html_count(out, "td", b->rows, "programs.%u.variants.%u.buffers.%u.rows", p, index, i);
        strbuf_add(out, "</tr>\n");
    }
    html_end_table(out);
    strbuf_add(out, "</details>\n");
}

static void forecast(const struct report *r, const struct plan_forecast *f, uint32_t p, struct strbuf *out) {
    bool prepares = f->prepares;
    const struct {
        const char *name, *key, *colour;
        uint64_t bytes;
        bool at_peak; // of what needs the most
    } parts[] = {
        {"weights, packed", "weights_packed", "#8fb8e8", f->weights_packed, true},
        {"weights, in preparation", "preparation", "#c3d9f2", f->preparation, prepares},
        {"caches", "caches", "#f0c48a", f->caches, !prepares},
        {"scratch arena", "arena", "#a9d7a3", f->arena, !prepares},
        {"workspace of kernels", "workspace", "#eda8ac", f->workspace, !prepares},
        {"latent and frames", "input_output", "#c8b6e2", f->input_output, !prepares},
        {"program and libraries", "base", "#d4dae0", f->base, true},
    };
    strbuf_add(out, "<h3>Memory of a run with ");
    html_count(out, "span", r->threads, "threads");
    strbuf_add(out, " threads</h3>\n<div class=\"parts\" aria-hidden=\"true\">");
    for (int i = 0; i < COUNT(parts); i++)
        if (parts[i].at_peak)
            strbuf_printf(out, "<i style=\"flex: %.0f 0 0; background: %s\" title=\"%s\"></i>",
                          (double)parts[i].bytes, parts[i].colour, parts[i].name);
    strbuf_add(out, "</div>\n<table style=\"width: auto\"><tbody>\n");
    for (int i = 0; i < COUNT(parts); i++) {
        strbuf_printf(out, "<tr><td><span style=\"color: %s\">\xe2\x96\xa0</span> %s</td>", parts[i].colour,
                      parts[i].name);
        html_bytes(out, "td", parts[i].bytes, "programs.%u.forecast.%s", p, parts[i].key);
        strbuf_add(out, "</tr>\n");
    }
    strbuf_add(out, "<tr><th scope=\"row\">peak memory to expect</th>");
    html_bytes(out, "td", f->total, "programs.%u.forecast.total", p);
    strbuf_add(out, "</tr>\n<tr><td>.. with caches in a folder or in reserved huge pages</td>");
    html_bytes(out, "td", f->without_caches, "programs.%u.forecast.total_without_caches", p);
    strbuf_add(out,
               "</tr>\n</tbody></table>\n<p class=\"soft\">Weights in preparation are gone before the "
               "first step; the larger of "
               "them and what a step needs counts, with packed weights and the program. The plan is read "
               "once: its size is the least.</p>\n");
}

void html_memory(const struct report *r, const struct report_program *g, uint32_t p, struct strbuf *out) {
    strbuf_printf(
        out,
        "<h2 id=\"p%u-memory\">Memory</h2>\n<figure class=\"memory\" data-program=\"%u\" tabindex=\"0\" "
        "aria-label=\"Memory; arrow keys go from buffer to buffer\">\n",
        p, p);
    svg_memory(g, out);
    strbuf_add(out, "<output aria-live=\"polite\">A click on a buffer, or the arrow keys, show what it "
                    "is.</output></figure>\n");
    for (uint32_t v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) peak(&g->variant[v], p, v, out);
    }
    for (uint32_t v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) buffers(&g->variant[v], p, v, out);
    }
    forecast(r, &g->forecast, p, out);
}
