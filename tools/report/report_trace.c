// The memory plan as a trace for chrome://tracing and Perfetto: a process for each variant of each latent size. One
// operator takes one microsecond there. A counter has the bytes alive, the first thread the operators, and the others the
// buffers, each over the operators during which it is alive.
#include "tools/report/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIRST_THREAD = 1000
}; // above the numbers of processes: a thread of its process's number is its main one

static json_t *whole(uint64_t n) { return json_integer((json_int_t)n); }

static void name_process(json_t *events, int pid, const struct report_program *g,
                         const struct report_variant *v) {
    json_array_append_new(
        events,
        json_pack("{s:s, s:s, s:i, s:{s:o}}", "ph", "M", "name", "process_name", "pid", pid, "args", "name",
                  json_sprintf("%s step, latents of %ux%u", v->name, g->latent_height, g->latent_width)));
}

// Row 0 is on top.
static void name_row(json_t *events, int pid, uint32_t row, const char *name) {
    json_t *tid = whole((uint64_t)FIRST_THREAD + row);
    json_array_append_new(events, json_pack("{s:s, s:s, s:i, s:O, s:{s:s}}", "ph", "M", "name", "thread_name",
                                            "pid", pid, "tid", tid, "args", "name", name));
    json_array_append_new(events,
                          json_pack("{s:s, s:s, s:i, s:o, s:{s:o}}", "ph", "M", "name", "thread_sort_index",
                                    "pid", pid, "tid", tid, "args", "sort_index", whole(row)));
}

static void name_lane(json_t *events, int pid, uint32_t lane) {
    char name[32];
    snprintf(name, sizeof name, "buffers %u", lane);
    name_row(events, pid, lane + 1, name);
}

static void add_slice(json_t *events, int pid, uint32_t row, const char *name, const char *category,
                      uint32_t from, uint32_t to, json_t *args) {
    json_array_append_new(events,
                          json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o}", "ph", "X", "name", name,
                                    "cat", category, "pid", pid, "tid", whole((uint64_t)FIRST_THREAD + row),
                                    "ts", whole(from), "dur", whole((uint64_t)to - from + 1), "args", args));
}

static void add_counter(json_t *events, int pid, uint32_t at, uint64_t bytes) {
    json_array_append_new(events, json_pack("{s:s, s:s, s:i, s:o, s:{s:o}}", "ph", "C", "name", "live bytes",
                                            "pid", pid, "ts", whole(at), "args", "bytes", whole(bytes)));
}

static void trace_variant(json_t *events, int pid, const struct report_program *g,
                          const struct report_variant *v) {
    name_process(events, pid, g, v);
    name_row(events, pid, 0, "operators");
    for (uint32_t i = 0; i < v->lane_count; i++) name_lane(events, pid, i);
    for (uint32_t i = 0; i < v->op_count; i++) {
        const struct report_op *op = &v->ops[i];
        add_counter(events, pid, i, op->live_bytes);
        add_slice(events, pid, 0, op->name, op->kind, i, i,
                  json_pack("{s:o, s:s, s:s, s:s}", "operator", whole(i), "kind", op->kind, "detail",
                            op->detail, "shape", op->out_shape));
    }
    add_counter(events, pid, v->op_count, 0);
    for (uint32_t i = 0; i < v->buffer_count; i++) {
        const struct report_buffer *b = &v->buffers[i];
        add_slice(events, pid, b->lane + 1, b->name, "buffer", b->first_op, b->last_op,
                  json_pack("{s:o, s:o, s:o, s:o}", "buffer", whole(i), "offset", whole(b->offset), "bytes",
                            whole(b->bytes), "rows", b->rows > 0 ? whole(b->rows) : json_null()));
    }
}

bool report_trace(const struct report *r, struct strbuf *out) {
    json_t *events = json_array();
    int pid = 0;
    for (uint32_t p = 0; p < r->program_count; p++) {
        for (int v = 0; v < PLAN_VARIANTS; v++) {
            const struct report_variant *variant = &r->programs[p].variant[v];
            if (variant->present) trace_variant(events, ++pid, &r->programs[p], variant);
        }
    }
    json_t *root = json_pack("{s:s, s:o}", "displayTimeUnit", "ns", "traceEvents", events);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    if (text != NULL) strbuf_printf(out, "%s\n", text);
    free(text);
    json_decref(root);
    return text != NULL;
}
