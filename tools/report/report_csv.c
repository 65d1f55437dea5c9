// The report as comma-separated values (RFC 4180): one table, of one section, with a head. Every row begins with the
// latent size that it is of. Lines end with a line feed.
#include "tools/report/report.h"

#include <string.h>

typedef unsigned long long ull; // for printf

// ---- cells

// A text that a spreadsheet would take for a formula gets an apostrophe in front.
static void cell(struct strbuf *out, const char *text) {
    bool formula = text[0] != 0 && strchr("=+-@", text[0]) != NULL;
    strbuf_add(out, formula ? ",\"'" : ",\"");
    for (const char *c = text; *c != 0;) {
        size_t plain = strcspn(c, "\"");
        strbuf_printf(out, "%.*s%s", (int)plain, c, c[plain] ? "\"\"" : "");
        c += plain + (c[plain] != 0);
    }
    strbuf_add(out, "\"");
}

static void number(struct strbuf *out, uint64_t n) { strbuf_printf(out, ",%llu", (ull)n); }
static void real(struct strbuf *out, double n) { strbuf_printf(out, ",%.9g", n); }
static void nothing(struct strbuf *out) { strbuf_add(out, ","); }

static void index_cell(struct strbuf *out, uint32_t i) {
    if (i == PLAN_NONE) nothing(out);
    else number(out, i);
}

static void begin_row(struct strbuf *out, const struct report_program *g) {
    strbuf_printf(out, "%ux%u", g->latent_height, g->latent_width);
}

// ---- tables

static void csv_steps(const struct report_causal *c, struct strbuf *out) {
    for (uint32_t s = 0; s < REPORT_STEPS; s++) {
        bool runs = c != NULL && s < c->step_count && c->steps[s].runs;
        if (!runs) {
            strbuf_add(out, ",,,");
            continue;
        }
        number(out, c->steps[s].padding);
        number(out, c->steps[s].cache);
        number(out, c->steps[s].frames);
    }
}

static void csv_shapes(const struct report_program *g, struct strbuf *out) {
    for (uint32_t i = 0; i < g->shape_count; i++) {
        const struct report_shape *s = &g->shapes[i];
        const char *const texts[] = {s->op,
                                     s->node,
                                     s->symbolic,
                                     s->in[PLAN_FIRST],
                                     s->out[PLAN_FIRST],
                                     s->in[PLAN_STEADY],
                                     s->out[PLAN_STEADY]};
        begin_row(out, g);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) cell(out, texts[k]);
        index_cell(out, s->cache);
        csv_steps(s->causal, out);
        strbuf_add(out, "\n");
    }
}

static void csv_caches(const struct report_program *g, struct strbuf *out) {
    for (uint32_t i = 0; i < g->cache_count; i++) {
        const struct report_cache *c = &g->caches[i];
        const uint64_t numbers[] = {c->frames, c->height, c->width,       c->channels,
                                    c->offset, c->bytes,  c->number_bytes};
        begin_row(out, g);
        number(out, i);
        cell(out, c->name);
        cell(out, c->producer);
        cell(out, c->type);
        cell(out, c->layout);
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) number(out, numbers[k]);
        strbuf_add(out, "\n");
    }
}

static void csv_buffers(const struct report_program *g, const struct report_variant *v, struct strbuf *out) {
    for (uint32_t i = 0; i < v->buffer_count; i++) {
        const struct report_buffer *b = &v->buffers[i];
        begin_row(out, g);
        cell(out, v->name);
        number(out, i);
        cell(out, b->name);
        number(out, b->offset);
        number(out, b->bytes);
        number(out, b->first_op);
        number(out, b->last_op);
        if (b->rows > 0) number(out, b->rows);
        else nothing(out);
        cell(out, v->ops[b->first_op].name);
        cell(out, v->ops[b->last_op].name);
        strbuf_add(out, "\n");
    }
}

static void csv_memory(const struct report_program *g, struct strbuf *out) {
    for (int v = 0; v < PLAN_VARIANTS; v++) csv_buffers(g, &g->variant[v], out);
}

static void csv_choice(const struct plan_choice *c, struct strbuf *out) {
    if (c == NULL) {
        strbuf_add(out, ",,,,");
        return;
    }
    cell(out, plan_conv_algorithm_name(c->algorithm));
    real(out, (double)c->seconds);
    cell(out, plan_time_source_name(c->source));
    real(out, (double)c->error);
}

static void csv_ops(const struct report_program *g, struct strbuf *out) {
    char text[PLAN_CONV_SHAPE_TEXT];
    for (uint32_t i = 0; i < g->ops.count; i++) {
        const struct plan_ops_row *r = &g->ops.rows[i];
        begin_row(out, g);
        cell(out, plan_conv_shape_text(&r->shape, text));
        number(out, r->uses[PLAN_FIRST]);
        number(out, r->uses[PLAN_STEADY]);
        cell(out, plan_conv_algorithm_name(r->algorithm));
        csv_choice(r->chosen, out);
        real(out, r->share[PLAN_FIRST]);
        real(out, r->share[PLAN_STEADY]);
        number(out, r->workspace);
        csv_choice(r->runner_up, out);
        cell(out, r->why);
        strbuf_add(out, "\n");
    }
}

static void csv_operators(const struct report_program *g, const struct report_variant *v,
                          struct strbuf *out) {
    for (uint32_t i = 0; i < v->op_count; i++) {
        const struct report_op *op = &v->ops[i];
        begin_row(out, g);
        cell(out, v->name);
        number(out, i);
        cell(out, op->kind);
        cell(out, op->name);
        cell(out, op->detail);
        cell(out, op->in_shape);
        cell(out, op->out_shape);
        number(out, op->stage);
        number(out, op->block);
        real(out, op->flops);
        real(out, op->bytes);
        number(out, op->live_bytes);
        strbuf_add(out, "\n");
    }
}

static void csv_graph(const struct report_program *g, struct strbuf *out) {
    for (int v = 0; v < PLAN_VARIANTS; v++) csv_operators(g, &g->variant[v], out);
}

static const struct {
    enum report_section section;
    const char *head;
    void (*rows)(const struct report_program *g, struct strbuf *out);
} tables[] = {
    {REPORT_SHAPES,
     "latent,operator,node,symbolic,first_in,first,steady_in,steady,cache,step0_padding,step0_cache,step0_"
     "frames,"
     "step1_padding,step1_cache,step1_frames,step2_padding,step2_cache,step2_frames\n",
     csv_shapes},
    {REPORT_CACHES,
     "latent,slot,name,node,type,layout,frames,height,width,channels,offset,bytes,number_bytes\n",
     csv_caches},
    {REPORT_MEMORY,
     "latent,variant,buffer,name,offset,bytes,first_operator,last_operator,rows,first_operator_name,last_"
     "operator_"
     "name\n",
     csv_memory},
    {REPORT_OPS,
     "latent,convolution,first_uses,steady_uses,algorithm,chosen,seconds,source,error,first_share,steady_"
     "share,"
     "workspace_bytes,runner_up,runner_up_seconds,runner_up_source,runner_up_error,why\n",
     csv_ops},
    {REPORT_GRAPH, "latent,variant,operator,kind,name,detail,in,out,stage,block,flops,bytes,live_bytes\n",
     csv_graph},
};

void report_csv(const struct report *r, unsigned section, struct strbuf *out) {
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        if (tables[t].section != section) continue;
        strbuf_add(out, tables[t].head);
        for (uint32_t i = 0; i < r->program_count; i++) tables[t].rows(&r->programs[i], out);
    }
}
