// The scratch arena over the operators of a variant: who is alive when, and what sets the peak.
#include "tools/report/report.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

static void gather_buffers(struct report *r, const struct plan *p, const struct plan_variant_info *info,
                           struct report_variant *out) {
    out->buffers = arena_array(&r->arena, (size_t)info->buffer_count + 1, sizeof *out->buffers);
    out->buffer_count = info->buffer_count;
    for (uint32_t i = 0; i < info->buffer_count; i++) {
        const struct plan_buffer *b = &p->buffers[info->first_buffer + i];
        out->buffers[i] = (struct report_buffer){.name = report_name(r, plan_string(p, b->name)),
                                                 .first_op = b->first_op,
                                                 .last_op = b->last_op,
                                                 .rows = b->rows,
                                                 .offset = b->offset,
                                                 .bytes = b->bytes};
    }
}

// Buffers take whole multiples of the alignment, as the planner counts them. Begins add and ends subtract; the sum so
// far is what is alive.
static void sum_live(struct report *r, struct report_variant *out) {
    int64_t *change = arena_array(&r->arena, (size_t)out->op_count + 2, sizeof *change), live = 0;
    for (uint32_t i = 0; i < out->buffer_count; i++) {
        int64_t bytes = (int64_t)size_align(out->buffers[i].bytes, PLAN_ALIGNMENT);
        change[out->buffers[i].first_op] += bytes;
        change[out->buffers[i].last_op + 1] -= bytes;
    }
    for (uint32_t i = 0; i < out->op_count; i++) {
        live += change[i];
        out->ops[i].live_bytes = (uint64_t)live;
        if (out->ops[i].live_bytes > out->peak_bytes) out->peak_bytes = out->ops[i].live_bytes;
    }
}

// The operators at which most is alive, and the buffers alive during any of them.
static void find_peak(struct report *r, struct report_variant *out) {
    uint32_t *before =
        arena_array(&r->arena, (size_t)out->op_count + 1, sizeof *before); // how many of peak_ops
    out->peak_ops = arena_array(&r->arena, (size_t)out->op_count + 1, sizeof *out->peak_ops);
    out->peak_buffers = arena_array(&r->arena, (size_t)out->buffer_count + 1, sizeof *out->peak_buffers);
    for (uint32_t i = 0; i < out->op_count; i++) {
        before[i] = out->peak_op_count;
        if (out->ops[i].live_bytes == out->peak_bytes) out->peak_ops[out->peak_op_count++] = i;
    }
    before[out->op_count] = out->peak_op_count;
    for (uint32_t i = 0; i < out->buffer_count; i++) {
        struct report_buffer *b = &out->buffers[i];
        b->at_peak = before[b->last_op + 1] > before[b->first_op];
        if (b->at_peak) out->peak_buffers[out->peak_buffer_count++] = i;
    }
}

// ---- lanes

struct start {
    uint32_t op, buffer;
};

static int by_start(const void *a, const void *b) {
    const struct start *x = a, *y = b;
    if (x->op != y->op) return x->op < y->op ? -1 : 1;
    return x->buffer < y->buffer ? -1 : 1;
}

// Each buffer takes the first lane that is free when it begins.
static void assign_lanes(struct report *r, struct report_variant *out) {
    struct start *starts = arena_array(&r->arena, (size_t)out->buffer_count + 1, sizeof *starts);
    uint32_t *free_from = arena_array(&r->arena, (size_t)out->buffer_count + 1, sizeof *free_from);
    for (uint32_t i = 0; i < out->buffer_count; i++) starts[i] = (struct start){out->buffers[i].first_op, i};
    qsort(starts, out->buffer_count, sizeof *starts, by_start);
    for (uint32_t i = 0; i < out->buffer_count; i++) {
        struct report_buffer *b = &out->buffers[starts[i].buffer];
        while (free_from[b->lane] > b->first_op) b->lane++;
        free_from[b->lane] = b->last_op + 1;
        if (b->lane >= out->lane_count) out->lane_count = b->lane + 1;
    }
}

void report_gather_memory(struct report *r, const struct plan *p, const struct plan_program *g,
                          enum plan_variant v, struct report_variant *out) {
    const struct plan_variant_info *info = &g->variant[v];
    out->arena_bytes = info->arena_bytes;
    out->lower_bound_bytes = info->lower_bound_bytes;
    out->fragmentation_bytes = info->arena_bytes - info->lower_bound_bytes;
    gather_buffers(r, p, info, out);
    sum_live(r, out);
    find_peak(r, out);
    assign_lanes(r, out);
}
