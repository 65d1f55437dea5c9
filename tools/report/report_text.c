// The report for people, as tables of text. Of a plan for several latent sizes a table of what each takes, then the same
// for each.
#include "tools/report/report.h"
#include "tools/report/table.h"

#include <stdio.h>
#include <string.h>

enum { CELL = 96, MOST_NAMED = 6 };

static const char *or_dash(const char *text) { return text[0] ? text : "-"; }

// ---- shapes

enum { SHAPE_COLUMNS = 5, SHAPE_TEXT = 160 };

struct shape_row {
    char text[PLAN_VARIANTS][SHAPE_TEXT];
    const char *cells[SHAPE_COLUMNS];
};

static void shape_cells(const void *rows, uint32_t i, void *out) {
    const struct report_shape *s = (const struct report_shape *)rows + i;
    struct shape_row *r = out;
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (s->out[v][0] == 0) strcpy(r->text[v], "-");
        else if (s->in[v][0] == 0) snprintf(r->text[v], SHAPE_TEXT, "%s", s->out[v]);
        else snprintf(r->text[v], SHAPE_TEXT, "%s -> %s", s->in[v], s->out[v]);
    }
    const char *const cells[] = {s->op, or_dash(s->symbolic), r->text[PLAN_FIRST], r->text[PLAN_STEADY],
                                 s->node};
    memcpy(r->cells, cells, sizeof cells);
}

enum { CAUSAL_COLUMNS = 7 };

struct text_row {
    char text[16][CELL];
    const char *cells[16];
};

static void causal_cells(const void *rows, uint32_t i, void *out) {
    const struct report_causal *c = (const struct report_causal *)rows + i;
    struct text_row *r = out;
    for (int k = 0; k < CAUSAL_COLUMNS; k++) r->cells[k] = r->text[k];
    if (c->cache == PLAN_NONE) strcpy(r->text[0], "-");
    else snprintf(r->text[0], CELL, "%u", c->cache);
    snprintf(r->text[1], CELL, "%u", c->kernel_t);
    for (uint32_t k = 0; k < REPORT_STEPS; k++) {
        const struct report_causal_step *s = &c->steps[k];
        if (k < c->step_count && s->runs)
            snprintf(r->text[2 + k], CELL, "%u, %u, %u", s->padding, s->cache, s->frames);
        else strcpy(r->text[2 + k], "-");
    }
    r->cells[5] = c->node;
}

static void text_causal(const struct report_program *g, struct strbuf *out) {
    static const char *const head[] = {"slot", "kernel", "step 0", "step 1", "step 2", "node"};
    struct text_row r;
    if (g->causal_count == 0) return;
    strbuf_printf(
        out,
        "\nCausal convolutions: %u; in each step the zero frames in front, the cached and the new frames\n",
        g->causal_count);
    strbuf_add(
        out,
        "(zero frames that PyTorch's decoder itself stores in a cache are in front here, and cached in its "
        "log)\n");
    table_print(head, 6, g->causal, g->causal_count, causal_cells, &r, r.cells, out);
}

static void text_shapes(const struct report_program *g, struct strbuf *out) {
    static const char *const head[SHAPE_COLUMNS] = {"operator", "model", "first", "steady", "node"};
    struct shape_row r;
    strbuf_printf(out,
                  "\nShapes: %u operators, in the first step and in every later one\n"
                  "(new frames x height x width x channels; model: as in the file, with T latent frames)\n",
                  g->shape_count);
    table_print(head, SHAPE_COLUMNS, g->shapes, g->shape_count, shape_cells, &r, r.cells, out);
    text_causal(g, out);
}

// ---- caches

static void cache_cells(const void *rows, uint32_t i, void *out) {
    const struct report_cache *c = (const struct report_cache *)rows + i;
    struct text_row *r = out;
    snprintf(r->text[0], CELL, "%llu", (unsigned long long)c->offset);
    format_bytes(r->text[1], c->bytes);
    const char *const cells[] = {c->name, c->shape, r->text[1], c->type, r->text[0], c->layout, c->producer};
    memcpy(r->cells, cells, sizeof cells);
}

static void resolution_cells(const void *rows, uint32_t i, void *out) {
    const struct report_resolution *s = (const struct report_resolution *)rows + i;
    struct text_row *r = out;
    for (int k = 0; k < 4; k++) r->cells[k] = r->text[k];
    snprintf(r->text[0], CELL, "%ux%u", s->frame_height, s->frame_width);
    if (s->latent_height) snprintf(r->text[1], CELL, "%ux%u", s->latent_height, s->latent_width);
    else strcpy(r->text[1], "-");
    if (s->why_not[0]) strcpy(r->text[2], "-");
    else format_bytes(r->text[2], s->bytes);
    if (s->why_not[0]) r->cells[3] = s->why_not;
    else format_bytes(r->text[3], s->number_bytes);
}

static void text_caches(const struct report_program *g, struct strbuf *out) {
    static const char *const head[] = {"cache",   "frames x h x w x c", "bytes", "type", "offset", "layout",
                                       "input of"};
    static const char *const sizes[] = {"frames", "latents", "caches", "without room around images"};
    struct text_row r;
    char total[32];
    strbuf_printf(out, "\nCaches: %u, %s\n", g->cache_count, format_bytes(total, g->cache_bytes));
    table_print(head, 7, g->caches, g->cache_count, cache_cells, &r, r.cells, out);
    if (g->cache_count == 0) return;
    strbuf_add(out, "\nCaches at other sizes, laid out as here\n");
    table_print(sizes, 4, g->resolutions, REPORT_RESOLUTIONS, resolution_cells, &r, r.cells, out);
}

// ---- memory

static void text_arena(const struct report_variant *v, struct strbuf *out) {
    char arena[32], bound[32];
    double over =
        v->lower_bound_bytes == 0 ? 0 : 100.0 * (double)v->fragmentation_bytes / (double)v->lower_bound_bytes;
    strbuf_printf(out, "  %-6s  %s in %u buffers; lower bound %s (+%.1f %%)\n", v->name,
                  format_bytes(arena, v->arena_bytes), v->buffer_count,
                  format_bytes(bound, v->lower_bound_bytes), over);
    if (v->band_rows > 0)
        strbuf_printf(out, "          operators %u to %u in bands of %u rows\n", v->band_first,
                      v->band_first + v->band_count - 1, v->band_rows);
}

static void text_peak(const struct report_variant *v, struct strbuf *out) {
    char text[32];
    if (v->peak_op_count == 0) return;
    strbuf_printf(out, "\nPeak of %s: %s alive at operator%s", v->name, format_bytes(text, v->peak_bytes),
                  v->peak_op_count == 1 ? "" : "s");
    for (uint32_t i = 0; i < v->peak_op_count && i < MOST_NAMED; i++) {
        const struct report_op *op = &v->ops[v->peak_ops[i]];
        strbuf_printf(out, "%s %u (%s %s)", i ? "," : "", v->peak_ops[i], op->kind, op->name);
    }
    if (v->peak_op_count > MOST_NAMED) strbuf_printf(out, " and %u more", v->peak_op_count - MOST_NAMED);
    strbuf_add(out, "; during them:\n");
    for (uint32_t i = 0; i < v->peak_buffer_count; i++) {
        const struct report_buffer *b = &v->buffers[v->peak_buffers[i]];
        strbuf_printf(out, "  %-9s at %llu, operators %u to %u, %s\n", format_bytes(text, b->bytes),
                      (unsigned long long)b->offset, b->first_op, b->last_op, b->name);
    }
}

static void text_forecast(const struct report *r, const struct plan_forecast *f, struct strbuf *out) {
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {
        {"weights, packed", f->weights_packed},
        {"weights, in preparation", f->preparation},
        {"caches", f->caches},
        {"scratch arena", f->arena},
        {"workspace of kernels", f->workspace},
        {"latent and frames", f->input_output},
        {"program and libraries", f->base},
        {"peak memory to expect", f->total},
        {".. with caches elsewhere", f->without_caches},
    };
    char text[32];
    strbuf_printf(out, "\nMemory of a run with %u thread%s (weights in the plan: %s)\n", r->threads,
                  r->threads == 1 ? "" : "s", format_bytes(text, r->weight_bytes));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        strbuf_printf(out, "  %-24s %s\n", rows[i].name, format_bytes(text, rows[i].bytes));
    strbuf_add(
        out,
        "  (packed weights, the program, and the larger of preparation and what a step needs; at least the "
        "plan, which is read once;\n   elsewhere: wanrun --cache-folder, --huge-pages)\n");
}

static void text_memory(const struct report *r, const struct report_program *g, struct strbuf *out) {
    strbuf_add(out, "\nScratch arena\n");
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) text_arena(&g->variant[v], out);
    }
    for (int v = 0; v < PLAN_VARIANTS; v++) text_peak(&g->variant[v], out);
    text_forecast(r, &g->forecast, out);
}

// ---- several sizes

enum { SIZE_COLUMNS = 8 };

static void size_cells(const void *rows, uint32_t i, void *out) {
    const struct report_program *g = (const struct report_program *)rows + i;
    const struct plan_forecast *f = &g->forecast;
    struct text_row *r = out;
    const uint64_t bytes[] = {f->weights_packed, f->caches,       f->arena,
                              f->workspace,      f->input_output, f->total};
    snprintf(r->text[0], CELL, "%ux%u", g->latent_height, g->latent_width);
    snprintf(r->text[1], CELL, "%ux%u", g->frame_height, g->frame_width);
    for (int k = 0; k < 6; k++) format_bytes(r->text[2 + k], bytes[k]);
    for (int k = 0; k < SIZE_COLUMNS; k++) r->cells[k] = r->text[k];
}

static void text_sizes(const struct report *r, struct strbuf *out) {
    static const char *const head[SIZE_COLUMNS] = {"latent",  "frame",   "weights",           "caches",
                                                   "scratch", "kernels", "latent and frames", "peak memory"};
    struct text_row row;
    strbuf_printf(out, "\nSizes: %u, each a run of its own; the plan has the weights once\n",
                  r->program_count);
    table_print(head, SIZE_COLUMNS, r->programs, r->program_count, size_cells, &row, row.cells, out);
}

// ---- the whole

static void text_stream(const struct report *r, const struct report_program *g, struct strbuf *out) {
    uint32_t first = g->variant[PLAN_FIRST].frames;
    strbuf_printf(out, "latent %ux%ux%u -> ", g->latent_channels, g->latent_height, g->latent_width);
    if (g->has_steady) {
        strbuf_printf(out, "%u frame%s in the first step, %u in every later one, of %ux%ux%u\n", first,
                      first == 1 ? "" : "s", g->variant[PLAN_STEADY].frames, g->frame_channels,
                      g->frame_height, g->frame_width);
    } else {
        strbuf_printf(out, "%u frame%s of %ux%ux%u; this plan decodes one latent frame\n", first,
                      first == 1 ? "" : "s", g->frame_channels, g->frame_height, g->frame_width);
    }
    if (r->first_kept != first)
        strbuf_printf(out, "of the first step's %u frames the last %u belong to the video\n", first,
                      r->first_kept);
}

static void text_head(const struct report *r, struct strbuf *out) {
    strbuf_printf(out, "%s (%s), plan version %u, %s\n", r->model, r->form, r->plan_version, r->build);
    if (r->program_count == 1) text_stream(r, r->programs, out);
    if (r->latent_scale != NULL)
        strbuf_printf(out,
                      "the decoder denormalises its latents itself: z * %.6g %+.6g in channel 0, and so on\n",
                      (double)r->latent_scale[0], (double)r->latent_shift[0]);
    if (r->error_bound > 0)
        strbuf_printf(out, "error bound of a decode: %.2e (limit %.2e), of frames in [-1, 1]\n",
                      r->error_bound, r->error_limit);
    if (r->note_count > 0) strbuf_add(out, "\nNotes of the compiler\n");
    for (uint32_t i = 0; i < r->note_count; i++) strbuf_printf(out, "  %s\n", r->notes[i]);
}

static void text_program(const struct report *r, const struct report_program *g, unsigned sections,
                         struct strbuf *out) {
    if (sections & REPORT_SHAPES) text_shapes(g, out);
    if (sections & REPORT_CACHES) text_caches(g, out);
    if (sections & REPORT_MEMORY) text_memory(r, g, out);
    if (sections & REPORT_OPS) report_text_ops(r, g, out);
    if (sections & REPORT_GRAPH) report_text_graph(g, out);
}

void report_text(const struct report *r, unsigned sections, struct strbuf *out) {
    text_head(r, out);
    if (r->program_count > 1 && (sections & REPORT_MEMORY)) text_sizes(r, out);
    for (uint32_t i = 0; i < r->program_count; i++) {
        const struct report_program *g = &r->programs[i];
        if (r->program_count > 1) {
            strbuf_printf(out, "\n---- %ux%u\n", g->latent_height, g->latent_width);
            text_stream(r, g, out);
        }
        text_program(r, g, sections, out);
    }
}
