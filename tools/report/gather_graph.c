// The graph of a variant: a plan lists operators over memory, and who reads whose result is found from that memory. Of
// each buffer the operators that wrote it are kept, with what they wrote; a reader takes the latest that wrote what it
// reads.
#include "tools/report/report.h"

#include "plan/check.h"
#include "plan/work.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_WRITERS = 64 }; // that are looked at for one view

// An operator that wrote into a buffer.
struct writer {
    uint32_t op;
    bool copies;
    const struct plan_view *view;
    struct writer *before;
};

struct graph {
    struct report *r;
    const struct plan *p;
    const struct plan_program *program;
    struct writer **last; // of each buffer
    struct report_variant *out;
};

const char *report_shape_text(struct report *r, const uint64_t size[4]) {
    return arena_printf(&r->arena, "%" PRIu64 "x%" PRIu64 "x%" PRIu64 "x%" PRIu64, size[0], size[1], size[2],
                        size[3]);
}

const char *report_view_shape(struct report *r, const struct plan_view *v) {
    return report_shape_text(r, (const uint64_t[]){v->frames, v->height, v->width, v->channels});
}

uint32_t report_conv_frames(const struct plan *p, const struct plan_op *op) {
    return p->views[op->out].frames / op->params.conv.interleave;
}

// ---- what two views of one buffer have in common

// The dimensions of a view by descending stride: where it begins in each, and how far it goes.
struct box {
    uint64_t stride[4], begin[4], end[4];
    int axis[4]; // of the view: frames, height, width, channels
};

static struct box box_of(const struct plan_view *v) {
    struct box b = {.stride = {v->frame_stride, v->row_stride, v->pixel_stride, v->channel_stride},
                    .end = {v->frames, v->height, v->width, v->channels},
                    .axis = {0, 1, 2, 3}};
    for (int i = 1; i < 4; i++) { // sorted by insertion
        for (int k = i; k > 0 && b.stride[k] > b.stride[k - 1]; k--) {
            uint64_t stride = b.stride[k], end = b.end[k];
            int axis = b.axis[k];
            b.stride[k] = b.stride[k - 1], b.end[k] = b.end[k - 1], b.axis[k] = b.axis[k - 1];
            b.stride[k - 1] = stride, b.end[k - 1] = end, b.axis[k - 1] = axis;
        }
    }
    uint64_t rest = v->offset;
    for (int i = 0; i < 4; i++) {
        b.begin[i] = b.stride[i] ? rest / b.stride[i] : 0;
        rest -= b.begin[i] * b.stride[i];
        b.end[i] += b.begin[i];
    }
    return b;
}

struct relation {
    bool overlap, covers; // a covers b
};

// Exact for views of equal strides; of others, from their first to their last element.
static struct relation relate(const struct plan_view *a, const struct plan_view *b) {
    struct box x = box_of(a), y = box_of(b);
    struct relation r = {true, true};
    if (memcmp(x.stride, y.stride, sizeof x.stride) != 0) {
        uint64_t a_end = a->offset + plan_view_extent(a), b_end = b->offset + plan_view_extent(b);
        r.overlap = a->offset < b_end && b->offset < a_end;
        uint64_t count = (uint64_t)a->frames * a->height * a->width * a->channels;
        r.covers = a->offset <= b->offset && b_end <= a_end && count == plan_view_extent(a);
        return r;
    }
    for (int i = 0; i < 4; i++) {
        r.overlap = r.overlap && x.begin[i] < y.end[i] && y.begin[i] < x.end[i];
        r.covers = r.covers && x.begin[i] <= y.begin[i] && y.end[i] <= x.end[i];
    }
    return r;
}

// ---- edges

// What a reader takes of a writer's elements: where the views have equal strides, that is exact. Of others the writer knows
// the shape, unless its view is that of a copy, a loop nest.
static const char *flow_shape(struct report *r, const struct writer *w, const struct plan_view *to) {
    struct box x = box_of(w->view), y = box_of(to);
    uint64_t size[4];
    if (memcmp(x.stride, y.stride, sizeof x.stride) != 0)
        return report_view_shape(r, w->copies ? to : w->view);
    for (int i = 0; i < 4; i++) {
        uint64_t begin = x.begin[i] > y.begin[i] ? x.begin[i] : y.begin[i];
        size[y.axis[i]] = (x.end[i] < y.end[i] ? x.end[i] : y.end[i]) - begin;
    }
    return report_shape_text(r, size);
}

static void add_edge(struct report_edge *edges, uint32_t *count, struct report_edge e) {
    for (uint32_t i = 0; i < *count; i++) {
        if (edges[i].from == e.from && edges[i].index == e.index && strcmp(edges[i].shape, e.shape) == 0)
            return;
    }
    edges[(*count)++] = e;
}

static void add_writers(struct graph *g, const struct plan_view *v, struct report_edge *edges,
                        uint32_t *count) {
    int looked = 0;
    for (const struct writer *w = g->last[v->index]; w != NULL && looked < MOST_WRITERS;
         w = w->before, looked++) {
        struct relation r = relate(w->view, v);
        if (r.overlap)
            add_edge(edges, count, (struct report_edge){REPORT_FROM_OP, w->op, flow_shape(g->r, w, v)});
        if (r.covers) return;
    }
}

// A history that the step only writes: with one tap a convolution reads no frame before its own.
static bool is_unread(const struct plan_op *op, int input) {
    return op->kind == PLAN_OP_CONV && input == PLAN_CONV_HISTORY && op->params.conv.taps == 1;
}

static void find_edges(struct graph *g, const struct plan_op *op, struct report_op *out) {
    struct report_edge edges[3 * MOST_WRITERS];
    uint32_t count = 0;
    for (int i = 0; i < 3; i++) {
        const struct plan_view *v = plan_get_view(g->p, op->in[i]);
        if (v == NULL || is_unread(op, i)) continue;
        if (v->space == PLAN_ARENA) {
            add_writers(g, v, edges, &count);
            continue;
        }
        struct report_edge e = {REPORT_FROM_INPUT, 0, report_view_shape(g->r, v)};
        if (v->space == PLAN_CACHE) e.from = REPORT_FROM_CACHE, e.index = v->index;
        add_edge(edges, &count, e);
    }
    struct report_edge *kept = arena_array(&g->r->arena, count + 1, sizeof *kept);
    memcpy(kept, edges, count * sizeof *kept);
    out->edges = kept;
    out->edge_count = count;
}

static void set_target(struct graph *g, const struct plan_op *op, uint32_t index, struct report_op *out) {
    const struct plan_view *v = &g->p->views[op->out];
    out->to = v->space == PLAN_ARENA   ? REPORT_TO_ARENA
              : v->space == PLAN_CACHE ? REPORT_TO_CACHE
                                       : REPORT_TO_OUTPUT;
    out->to_index = v->index;
    if (v->space != PLAN_ARENA) return;
    struct writer *w = arena_alloc(&g->r->arena, sizeof *w);
    *w = (struct writer){index, op->kind == PLAN_OP_COPY, v, g->last[v->index]};
    g->last[v->index] = w;
}

// ---- operators

static const char *conv_detail(struct report *r, const struct plan_conv *c) {
    struct strbuf text = {0};
    strbuf_printf(&text, "kernel %ux%ux%u", c->kernel_t, c->kernel_h, c->kernel_w);
    if (c->taps != c->kernel_t) strbuf_printf(&text, ", taps %u", c->taps);
    if (c->stride_h != 1 || c->stride_w != 1)
        strbuf_printf(&text, ", stride %ux%u", c->stride_h, c->stride_w);
    if (c->upsample > 1) strbuf_printf(&text, ", upsample %u", c->upsample);
    if (c->interleave > 1) strbuf_printf(&text, ", interleave %u", c->interleave);
    if (c->prologue != PLAN_PROLOGUE_NONE)
        strbuf_add(&text,
                   c->prologue == PLAN_PROLOGUE_NORM_SILU ? ", norm and SiLU in front" : ", norm in front");
    strbuf_printf(&text, ", %s", plan_conv_algorithm_name(c->algorithm));
    const char *detail = arena_strdup(&r->arena, strbuf_text(&text));
    strbuf_free(&text);
    return detail;
}

static const char *detail_of(struct report *r, const struct plan_op *op) {
    static const char *const binary[PLAN_BINARY_OPS] = {"add", "subtract", "multiply", "divide"};
    static const char *const unary[PLAN_UNARY_OPS] = {"SiLU", "sigmoid", "clamp"};
    switch (op->kind) {
    case PLAN_OP_CONV: return conv_detail(r, &op->params.conv);
    case PLAN_OP_NORM: return op->params.norm.silu ? "then SiLU" : "";
    case PLAN_OP_BINARY: return binary[op->params.binary.op];
    case PLAN_OP_UNARY: return unary[op->params.unary.op];
    case PLAN_OP_UPSAMPLE: return arena_printf(&r->arena, "%u times", op->params.upsample.factor);
    case PLAN_OP_ATTENTION:
        return arena_printf(&r->arena, "%u rows at a time", op->params.attention.query_block);
    default: return "";
    }
}

static uint32_t history_of(const struct plan *p, const struct plan_op *op) {
    bool has = op->kind == PLAN_OP_CONV && op->in[PLAN_CONV_HISTORY] != PLAN_NONE;
    return has ? p->views[op->in[PLAN_CONV_HISTORY]].index : PLAN_NONE;
}

static void gather_op(struct graph *g, const struct plan_op *op, uint32_t index, struct report_op *out) {
    struct plan_work work = plan_work(g->p, g->program, op, g->r->threads);
    *out = (struct report_op){.kind = plan_op_name(op->kind),
                              .name = report_name(g->r, plan_string(g->p, op->name)),
                              .detail = detail_of(g->r, op),
                              .in_shape = report_view_shape(g->r, &g->p->views[op->in[0]]),
                              .out_shape = report_view_shape(g->r, &g->p->views[op->out]),
                              .history = history_of(g->p, op),
                              .flops = work.flops,
                              .bytes = work.bytes};
    find_edges(g, op, out);
    set_target(g, op, index, out);
}

void report_gather_graph(struct report *r, const struct plan *p, const struct plan_program *program,
                         enum plan_variant v, struct report_variant *out) {
    const struct plan_variant_info *info = &program->variant[v];
    struct graph g = {.r = r, .p = p, .program = program, .out = out};
    g.last = arena_array(&r->arena, (size_t)info->buffer_count + 1, sizeof(struct writer *));
    out->ops = arena_array(&r->arena, (size_t)info->op_count + 1, sizeof *out->ops);
    out->op_count = info->op_count;
    for (uint32_t i = 0; i < info->op_count; i++) {
        gather_op(&g, &p->ops[info->first_op + i], i, &out->ops[i]);
        out->flops += out->ops[i].flops;
        out->bytes += out->ops[i].bytes;
    }
}
