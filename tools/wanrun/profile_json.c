// The profile as JSON, and the operators' times as a trace that chrome://tracing and Perfetto read.
#include "tools/wanrun/profile.h"

#include "tools/json/file.h"

enum { PROFILE_VERSION = 1 };
static const char *const variant_names[2] = {"first", "steady"};

static json_t *operator_json(const struct profile_operator *o) {
    return json_pack("{s:s?, s:s, s:s, s:[i,i,i,i], s:I, s:f, s:f, s:f, s:f, s:f}", "name", o->op.name,
                     "kind", o->op.kind, "algorithm", o->op.algorithm, "shape", (int)o->op.frames,
                     (int)o->op.height, (int)o->op.width, (int)o->op.channels, "calls", (json_int_t)o->calls,
                     "seconds", o->seconds, "product_seconds", o->product_seconds, "gflop",
                     1e-9 * o->op.flops, "product_gflop", 1e-9 * o->op.product_flops, "bytes", o->op.bytes);
}

static json_t *variant_json(const struct profile_variant *v) {
    json_t *steps = json_array(), *ops = json_array();
    struct profile_total t = profile_total(v);
    for (size_t i = 0; i < v->step_count; i++) json_array_append_new(steps, json_real(v->steps[i]));
    for (size_t i = 0; i < v->count; i++) json_array_append_new(ops, operator_json(&v->ops[i]));
    return json_pack("{s:o, s:f, s:f, s:f, s:f, s:f, s:o}", "step_seconds", steps, "seconds", t.seconds,
                     "product_seconds", t.product_seconds, "outside_seconds", t.outside, "gflop",
                     1e-9 * t.flops, "product_gflop", 1e-9 * t.product_flops, "operators", ops);
}

bool profile_write_json(const struct profile *p, const char *plan, const char *path, struct error *err) {
    json_t *root = json_pack("{s:i, s:s?, s:s, s:i, s:f}", "version", PROFILE_VERSION, "plan", plan, "wan",
                             wan_version(), "threads", (int)p->threads, "peak_gflops", p->peak_gflops);
    for (int v = 0; root != NULL && v < 2; v++)
        json_object_set_new(root, variant_names[v], variant_json(&p->variant[v]));
    return json_file_write(root, path, err);
}

// Times are microseconds since the first event.
static json_t *event_json(const struct profile *p, const struct profile_event *e) {
    const struct wan_operator *o = &p->variant[e->steady != 0].ops[e->index].op;
    char shape[64];
    snprintf(shape, sizeof shape, "%ux%ux%ux%u", o->frames, o->height, o->width, o->channels);
    return json_pack("{s:s?, s:s, s:s, s:i, s:i, s:f, s:f, s:{s:s, s:s, s:f, s:f}}", "name", o->name, "cat",
                     o->kind, "ph", "X", "pid", 1, "tid", 1, "ts",
                     1e-3 * (double)(e->begin_ns - p->events[0].begin_ns), "dur",
                     1e-3 * (double)(e->end_ns - e->begin_ns), "args", "shape", shape, "algorithm",
                     o->algorithm, "gflop", 1e-9 * o->flops, "product_gflop", 1e-9 * o->product_flops);
}

// A step lasts from its first operator to its last.
static json_t *step_json(const struct profile *p, const struct profile_event *first,
                         const struct profile_event *last) {
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f}", "name", variant_names[first->steady != 0], "cat",
                     "step", "ph", "X", "pid", 1, "tid", 0, "ts",
                     1e-3 * (double)(first->begin_ns - p->events[0].begin_ns), "dur",
                     1e-3 * (double)(last->end_ns - first->begin_ns));
}

bool profile_write_trace(const struct profile *p, const char *path, struct error *err) {
    json_t *events = json_array();
    for (size_t i = 0, first = 0; i < p->event_count; i++) {
        if (p->events[i].index == 0) first = i;
        json_array_append_new(events, event_json(p, &p->events[i]));
        bool last = i + 1 == p->event_count || p->events[i + 1].index == 0;
        if (last) json_array_append_new(events, step_json(p, &p->events[first], &p->events[i]));
    }
    return json_file_write(json_pack("{s:o, s:s}", "traceEvents", events, "displayTimeUnit", "ms"), path,
                           err);
}
