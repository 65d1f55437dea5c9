// The report for people: shapes in both variants, the caches, and where the memory goes. Of a plan for several
// latent sizes a table of what each takes, then the same for each.
#include "plan/check.h"

#include "base/cores.h"

#include <stdio.h>
#include <string.h>

static void pad(struct strbuf *out, const char *text, size_t width) {
    size_t n = strlen(text);
    strbuf_add(out, text);
    for (; n < width; n++) strbuf_add(out, " ");
}

static void row(struct strbuf *out, const char *const *cells, const size_t *widths, int count) {
    for (int i = 0; i < count; i++) {
        strbuf_add(out, "  ");
        if (i + 1 < count) pad(out, cells[i], widths[i]);
        else strbuf_add(out, cells[i]);
    }
    strbuf_add(out, "\n");
}

static void widen(size_t *widths, const char *const *cells, int count) {
    for (int i = 0; i < count; i++) {
        size_t n = strlen(cells[i]);
        if (n > widths[i]) widths[i] = n;
    }
}

// ---- shapes

enum { SHAPE_COLUMNS = 5, SHAPE_TEXT = 160 };

struct shape_row {
    char first[SHAPE_TEXT], steady[SHAPE_TEXT];
    const char *cells[SHAPE_COLUMNS];
};

static void arrow(char text[SHAPE_TEXT], const char *in, const char *out) {
    if (out[0] == 0) snprintf(text, SHAPE_TEXT, "-");
    else if (in[0] == 0) snprintf(text, SHAPE_TEXT, "%s", out);
    else snprintf(text, SHAPE_TEXT, "%s -> %s", in, out);
}

static void shape_cells(const struct plan *p, const struct plan_shape *s, struct shape_row *r) {
    arrow(r->first, plan_string(p, s->first_in), plan_string(p, s->first));
    arrow(r->steady, plan_string(p, s->steady_in), plan_string(p, s->steady));
    const char *symbolic = plan_string(p, s->symbolic);
    r->cells[0] = plan_string(p, s->op);
    r->cells[1] = symbolic[0] == 0 ? "-" : symbolic;
    r->cells[2] = r->first;
    r->cells[3] = r->steady;
    r->cells[4] = plan_string(p, s->node);
}

static void report_shapes(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    static const char *const head[SHAPE_COLUMNS] = {"operator", "model", "first", "steady", "node"};
    size_t widths[SHAPE_COLUMNS] = {0};
    struct shape_row r;
    widen(widths, head, SHAPE_COLUMNS);
    for (uint32_t i = 0; i < g->shape_count; i++) {
        shape_cells(p, &p->shapes[g->first_shape + i], &r);
        widen(widths, r.cells, SHAPE_COLUMNS);
    }
    strbuf_printf(out, "\nShapes: %u operators (first: step 0; steady: every later step)\n", g->shape_count);
    row(out, head, widths, SHAPE_COLUMNS);
    for (uint32_t i = 0; i < g->shape_count; i++) {
        shape_cells(p, &p->shapes[g->first_shape + i], &r);
        row(out, r.cells, widths, SHAPE_COLUMNS);
    }
}

// ---- caches

enum { CACHE_COLUMNS = 4 };

struct cache_row {
    char shape[64], bytes[32];
    const char *cells[CACHE_COLUMNS];
};

static void cache_cells(const struct plan *p, const struct plan_cache *c, struct cache_row *r) {
    snprintf(r->shape, sizeof r->shape, "%ux%ux%ux%u", c->frames, c->height, c->width, c->channels);
    r->cells[0] = plan_string(p, c->name);
    r->cells[1] = r->shape;
    r->cells[2] = format_bytes(r->bytes, c->bytes);
    r->cells[3] = plan_string(p, c->producer);
}

static void report_caches(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    static const char *const head[CACHE_COLUMNS] = {"cache", "frames x h x w x c", "bytes", "input of"};
    size_t widths[CACHE_COLUMNS] = {0};
    struct cache_row r;
    char total[32];
    widen(widths, head, CACHE_COLUMNS);
    for (uint32_t i = 0; i < g->cache_count; i++) {
        cache_cells(p, &p->caches[g->first_cache + i], &r);
        widen(widths, r.cells, CACHE_COLUMNS);
    }
    strbuf_printf(out, "\nCaches: %u, %s\n", g->cache_count, format_bytes(total, g->cache_bytes));
    row(out, head, widths, CACHE_COLUMNS);
    for (uint32_t i = 0; i < g->cache_count; i++) {
        cache_cells(p, &p->caches[g->first_cache + i], &r);
        row(out, r.cells, widths, CACHE_COLUMNS);
    }
}

// ---- memory

static void report_arenas(const struct plan_program *g, struct strbuf *out) {
    static const char *const names[PLAN_VARIANTS] = {"first", "steady"};
    strbuf_add(out, "\nScratch arena\n");
    for (int v = 0; v < (plan_has_steady(g) ? PLAN_VARIANTS : PLAN_STEADY); v++) {
        const struct plan_variant_info *i = &g->variant[v];
        char arena[32], bound[32];
        double over = i->lower_bound_bytes == 0
                          ? 0
                          : 100.0 * ((double)i->arena_bytes / (double)i->lower_bound_bytes - 1);
        strbuf_printf(out, "  %-6s  %s in %u buffers; lower bound %s (+%.1f %%)\n", names[v],
                      format_bytes(arena, i->arena_bytes), i->buffer_count,
                      format_bytes(bound, i->lower_bound_bytes), over);
    }
}

static void report_forecast(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    struct plan_forecast f;
    plan_forecast(p, g, cores_available(), &f);
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {
        {"weights, packed", f.weights_packed},
        {"weights, in preparation", f.preparation},
        {"caches", f.caches},
        {"scratch arena", f.arena},
        {"workspace of kernels", f.workspace},
        {"latent and frames", f.input_output},
        {"program and libraries", f.base},
        {"peak memory to expect", f.total},
    };
    char text[32];
    strbuf_printf(out, "\nMemory of a run with %u threads (weights in the plan: %s)\n", cores_available(),
                  format_bytes(text, p->info->weight_bytes));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strbuf_printf(out, "  %-24s %s\n", rows[i].name, format_bytes(text, rows[i].bytes));
    }
}

static void report_program(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    report_shapes(p, g, out);
    report_caches(p, g, out);
    report_arenas(g, out);
    report_forecast(p, g, out);
}

// ---- several sizes

enum { SIZE_COLUMNS = 8 };

struct size_row {
    char text[SIZE_COLUMNS][32];
    const char *cells[SIZE_COLUMNS];
};

static void size_cells(const struct plan *p, const struct plan_program *g, struct size_row *r) {
    struct plan_forecast f;
    plan_forecast(p, g, cores_available(), &f);
    const uint64_t bytes[] = {f.weights_packed, f.caches, f.arena, f.workspace, f.input_output, f.total};
    snprintf(r->text[0], sizeof r->text[0], "%ux%u", g->latent_height, g->latent_width);
    snprintf(r->text[1], sizeof r->text[1], "%ux%u", g->frame_height, g->frame_width);
    for (int i = 0; i < 6; i++) format_bytes(r->text[2 + i], bytes[i]);
    for (int i = 0; i < SIZE_COLUMNS; i++) r->cells[i] = r->text[i];
}

static void report_sizes(const struct plan *p, struct strbuf *out) {
    static const char *const head[SIZE_COLUMNS] = {"latent",  "frame",   "weights",           "caches",
                                                   "scratch", "kernels", "latent and frames", "peak memory"};
    size_t widths[SIZE_COLUMNS] = {0};
    struct size_row r;
    widen(widths, head, SIZE_COLUMNS);
    for (uint32_t i = 0; i < p->program_count; i++) {
        size_cells(p, &p->programs[i], &r);
        widen(widths, r.cells, SIZE_COLUMNS);
    }
    strbuf_printf(out, "\nSizes: %u, each a run of its own; the plan has the weights once\n",
                  p->program_count);
    row(out, head, widths, SIZE_COLUMNS);
    for (uint32_t i = 0; i < p->program_count; i++) {
        size_cells(p, &p->programs[i], &r);
        row(out, r.cells, widths, SIZE_COLUMNS);
    }
}

// ---- the whole

static void report_stream(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    uint32_t first = g->variant[PLAN_FIRST].frames;
    strbuf_printf(out, "latent %ux%ux%u -> ", g->latent_channels, g->latent_height, g->latent_width);
    if (plan_has_steady(g)) {
        strbuf_printf(out, "%u frame%s in the first step, %u in every later one, of %ux%ux%u\n", first,
                      first == 1 ? "" : "s", g->variant[PLAN_STEADY].frames, g->frame_channels,
                      g->frame_height, g->frame_width);
    } else {
        strbuf_printf(out, "%u frame%s of %ux%ux%u; this plan decodes one latent frame\n", first,
                      first == 1 ? "" : "s", g->frame_channels, g->frame_height, g->frame_width);
    }
    if (plan_first_kept(p) != first)
        strbuf_printf(out, "of the first step's %u frames the last %u belong to the video\n", first,
                      plan_first_kept(p));
}

static void report_error(const struct plan *p, struct strbuf *out) {
    if (p->info->error_bound == 0) return;
    strbuf_printf(out, "error bound of a decode: %.2e (limit %.2e), of frames in [-1, 1]\n",
                  (double)p->info->error_bound, (double)p->info->error_limit);
}

static void report_notes(const struct plan *p, struct strbuf *out) {
    if (p->note_count > 0) strbuf_add(out, "\nNotes of the compiler\n");
    for (uint32_t i = 0; i < p->note_count; i++) strbuf_printf(out, "  %s\n", plan_string(p, p->notes[i]));
}

void plan_report(const struct plan *p, struct strbuf *out) {
    const struct plan_info *i = p->info;
    strbuf_printf(out, "%s (%s), plan version %u, %s\n", plan_string(p, i->model_name),
                  plan_string(p, i->form), p->header->version, p->header->build);
    if (p->program_count == 1) report_stream(p, p->programs, out);
    report_error(p, out);
    report_notes(p, out);
    if (p->program_count > 1) report_sizes(p, out);
    for (uint32_t k = 0; k < p->program_count; k++) {
        const struct plan_program *g = &p->programs[k];
        if (p->program_count > 1) {
            strbuf_printf(out, "\n---- %ux%u\n", g->latent_height, g->latent_width);
            report_stream(p, g, out);
        }
        report_program(p, g, out);
    }
}
