// The report for people: shapes in both variants, the caches, and where the memory goes.
#include "plan/check.h"

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

static void report_shapes(const struct plan *p, struct strbuf *out) {
    static const char *const head[SHAPE_COLUMNS] = {"operator", "model", "first", "steady", "node"};
    size_t widths[SHAPE_COLUMNS] = {0};
    struct shape_row r;
    widen(widths, head, SHAPE_COLUMNS);
    for (uint32_t i = 0; i < p->shape_count; i++) {
        shape_cells(p, &p->shapes[i], &r);
        widen(widths, r.cells, SHAPE_COLUMNS);
    }
    strbuf_printf(out, "\nShapes: %u operators (first: step 0; steady: every later step)\n", p->shape_count);
    row(out, head, widths, SHAPE_COLUMNS);
    for (uint32_t i = 0; i < p->shape_count; i++) {
        shape_cells(p, &p->shapes[i], &r);
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

static void report_caches(const struct plan *p, struct strbuf *out) {
    static const char *const head[CACHE_COLUMNS] = {"cache", "frames x h x w x c", "bytes", "input of"};
    size_t widths[CACHE_COLUMNS] = {0};
    struct cache_row r;
    char total[32];
    widen(widths, head, CACHE_COLUMNS);
    for (uint32_t i = 0; i < p->cache_count; i++) {
        cache_cells(p, &p->caches[i], &r);
        widen(widths, r.cells, CACHE_COLUMNS);
    }
    strbuf_printf(out, "\nCaches: %u, %s\n", p->cache_count, format_bytes(total, p->info->cache_bytes));
    row(out, head, widths, CACHE_COLUMNS);
    for (uint32_t i = 0; i < p->cache_count; i++) {
        cache_cells(p, &p->caches[i], &r);
        row(out, r.cells, widths, CACHE_COLUMNS);
    }
}

// ---- memory

static void report_arenas(const struct plan *p, struct strbuf *out) {
    static const char *const names[PLAN_VARIANTS] = {"first", "steady"};
    strbuf_add(out, "\nScratch arena\n");
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        const struct plan_variant_info *i = &p->info->variant[v];
        char arena[32], bound[32];
        double over = i->lower_bound_bytes == 0
                          ? 0
                          : 100.0 * ((double)i->arena_bytes / (double)i->lower_bound_bytes - 1);
        strbuf_printf(out, "  %-6s  %s in %u buffers; lower bound %s (+%.1f %%)\n", names[v],
                      format_bytes(arena, i->arena_bytes), i->buffer_count,
                      format_bytes(bound, i->lower_bound_bytes), over);
    }
}

static void report_forecast(const struct plan *p, struct strbuf *out) {
    struct plan_forecast f;
    plan_forecast(p, &f);
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
    strbuf_printf(out, "\nMemory of a run (weights in the plan: %s)\n",
                  format_bytes(text, p->info->weight_bytes));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strbuf_printf(out, "  %-24s %s\n", rows[i].name, format_bytes(text, rows[i].bytes));
    }
}

void plan_report(const struct plan *p, struct strbuf *out) {
    const struct plan_info *i = p->info;
    strbuf_printf(out, "%s (%s), plan version %u, %s\n", plan_string(p, i->model_name),
                  plan_string(p, i->form), p->header->version, p->header->build);
    strbuf_printf(out, "latent %ux%ux%u -> %u frame in the first step, %u in every later one, of %ux%ux%u\n",
                  i->latent_channels, i->latent_height, i->latent_width, i->variant[PLAN_FIRST].frames,
                  i->variant[PLAN_STEADY].frames, i->frame_channels, i->frame_height, i->frame_width);
    report_shapes(p, out);
    report_caches(p, out);
    report_arenas(p, out);
    report_forecast(p, out);
}
