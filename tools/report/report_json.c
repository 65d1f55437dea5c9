// The report as JSON: docs/report.md names the fields.
#include "tools/report/report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

// ---- values

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }
// Counts that are summed as doubles.
static json_t *whole(double n) { return n < 9e15 ? json_integer((json_int_t)n) : json_real(n); }
static json_t *index_or_null(uint32_t i) { return i == PLAN_NONE ? json_null() : number(i); }
static json_t *real_or_null(double n) { return n > 0 && isfinite(n) ? json_real(n) : json_null(); }
static json_t *text_or_null(const char *s) { return s[0] ? json_string(s) : json_null(); }

static json_t *numbers(const uint32_t *list, uint32_t count) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++) json_array_append_new(array, number(list[i]));
    return array;
}

static json_t *size_json(uint32_t channels, uint32_t height, uint32_t width) {
    return json_pack("{s:o, s:o, s:o}", "channels", number(channels), "height", number(height), "width",
                     number(width));
}

// ---- shapes

static json_t *step_json(const struct report_causal_step *s, uint32_t step) {
    return json_pack("{s:o, s:b, s:o, s:o, s:o}", "step", number(step), "runs", s->runs, "frames",
                     number(s->frames), "cache", number(s->cache), "padding", number(s->padding));
}

static json_t *causal_json(const struct report_program *g) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < g->causal_count; i++) {
        const struct report_causal *c = &g->causal[i];
        json_t *steps = json_array();
        for (uint32_t k = 0; k < c->step_count; k++) json_array_append_new(steps, step_json(&c->steps[k], k));
        json_array_append_new(array,
                              json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "node", c->node, "cache",
                                        index_or_null(c->cache), "kernel_frames", number(c->kernel_t),
                                        "first_operator", index_or_null(c->op[PLAN_FIRST]), "steady_operator",
                                        index_or_null(c->op[PLAN_STEADY]), "steps", steps));
    }
    return array;
}

static json_t *shapes_json(const struct report_program *g) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < g->shape_count; i++) {
        const struct report_shape *s = &g->shapes[i];
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "operator", s->op, "node", s->node,
                             "symbolic", text_or_null(s->symbolic), "first_in",
                             text_or_null(s->in[PLAN_FIRST]), "first", text_or_null(s->out[PLAN_FIRST]),
                             "steady_in", text_or_null(s->in[PLAN_STEADY]), "steady",
                             text_or_null(s->out[PLAN_STEADY]), "cache", index_or_null(s->cache)));
    }
    return array;
}

// ---- caches

static json_t *slot_json(const struct report_cache *c, uint32_t slot) {
    return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o}", "slot",
                     number(slot), "name", c->name, "node", c->producer, "frames", number(c->frames),
                     "height", number(c->height), "width", number(c->width), "channels", number(c->channels),
                     "type", c->type, "layout", text_or_null(c->layout), "shape", c->shape, "offset",
                     number(c->offset), "bytes", number(c->bytes), "number_bytes", number(c->number_bytes));
}

static json_t *resolution_json(const struct report_resolution *s) {
    bool ok = s->why_not[0] == 0;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "frame_height", number(s->frame_height),
                     "frame_width", number(s->frame_width), "latent_height",
                     s->latent_height ? number(s->latent_height) : json_null(), "latent_width",
                     s->latent_width ? number(s->latent_width) : json_null(), "bytes",
                     ok ? number(s->bytes) : json_null(), "number_bytes",
                     ok ? number(s->number_bytes) : json_null(), "why_not", text_or_null(s->why_not));
}

static json_t *caches_json(const struct report_program *g) {
    json_t *slots = json_array(), *sizes = json_array();
    for (uint32_t i = 0; i < g->cache_count; i++) json_array_append_new(slots, slot_json(&g->caches[i], i));
    for (int i = 0; i < REPORT_RESOLUTIONS; i++)
        json_array_append_new(sizes, resolution_json(&g->resolutions[i]));
    return json_pack("{s:o, s:o, s:o, s:o}", "bytes", number(g->cache_bytes), "number_bytes",
                     number(g->cache_number_bytes), "slots", slots, "resolutions", sizes);
}

// ---- memory

static json_t *buffers_json(const struct report_variant *v) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < v->buffer_count; i++) {
        const struct report_buffer *b = &v->buffers[i];
        json_array_append_new(
            array, json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "index", number(i), "name", b->name,
                             "offset", number(b->offset), "bytes", number(b->bytes), "first_operator",
                             number(b->first_op), "last_operator", number(b->last_op), "rows",
                             b->rows ? number(b->rows) : json_null(), "lane", number(b->lane)));
    }
    return array;
}

static void add_memory(json_t *variant, const struct report_variant *v) {
    json_t *live = json_array();
    for (uint32_t i = 0; i < v->op_count; i++) json_array_append_new(live, number(v->ops[i].live_bytes));
    json_object_set_new(variant, "fragmentation_bytes", number(v->fragmentation_bytes));
    json_object_set_new(variant, "peak_live_bytes", number(v->peak_bytes));
    json_object_set_new(variant, "peak_operators", numbers(v->peak_ops, v->peak_op_count));
    json_object_set_new(variant, "peak_buffers", numbers(v->peak_buffers, v->peak_buffer_count));
    json_object_set_new(variant, "live_bytes", live);
    json_object_set_new(variant, "buffers", buffers_json(v));
}

static json_t *forecast_json(const struct report *r, const struct plan_forecast *f) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "threads", number(r->threads),
                     "weights_packed", number(f->weights_packed), "preparation", number(f->preparation),
                     "caches", number(f->caches), "arena", number(f->arena), "workspace",
                     number(f->workspace), "input_output", number(f->input_output), "base", number(f->base),
                     "total", number(f->total), "total_without_caches", number(f->without_caches));
}

// ---- convolutions

static json_t *choice_json(const struct plan_choice *c) {
    return json_pack("{s:s, s:f, s:s, s:f}", "algorithm", plan_conv_algorithm_name(c->algorithm), "seconds",
                     (double)c->seconds, "source", plan_time_source_name(c->source), "error",
                     (double)c->error);
}

static json_t *shape_json(const struct plan_conv_shape *s) {
    char text[PLAN_CONV_SHAPE_TEXT];
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "text",
                     plan_conv_shape_text(s, text), "frames", number(s->frames), "height", number(s->height),
                     "width", number(s->width), "in", number(s->in), "out", number(s->out), "kernel_frames",
                     number(s->taps), "kernel_height", number(s->kernel_h), "kernel_width",
                     number(s->kernel_w), "interleave", number(s->interleave), "upsample",
                     number(s->upsample));
}

static json_t *row_json(const struct plan_ops_row *r) {
    json_t *candidates = json_array();
    for (uint32_t i = 0; i < r->candidate_count; i++)
        json_array_append_new(candidates, choice_json(&r->candidates[i]));
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "shape", shape_json(&r->shape),
                     "algorithm", plan_conv_algorithm_name(r->algorithm), "first_uses",
                     number(r->uses[PLAN_FIRST]), "steady_uses", number(r->uses[PLAN_STEADY]), "chosen",
                     r->chosen ? choice_json(r->chosen) : json_null(), "first_share",
                     json_real(r->share[PLAN_FIRST]), "steady_share", json_real(r->share[PLAN_STEADY]),
                     "workspace_bytes", number(r->workspace), "why", r->why, "candidates", candidates);
}

static json_t *convolutions_json(const struct report_program *g) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < g->ops.count; i++) json_array_append_new(array, row_json(&g->ops.rows[i]));
    return array;
}

// ---- graph

static json_t *edge_json(const struct report_edge *e) {
    static const char *const from[] = {"operator", "input", "cache"};
    return json_pack("{s:s, s:o, s:s}", "from", from[e->from], "index", number(e->index), "shape", e->shape);
}

static json_t *op_json(const struct report_op *op, uint32_t index) {
    static const char *const to[] = {"buffer", "cache", "output"};
    json_t *edges = json_array();
    for (uint32_t i = 0; i < op->edge_count; i++) json_array_append_new(edges, edge_json(&op->edges[i]));
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "index",
                     number(index), "kind", op->kind, "name", op->name, "detail", op->detail, "in",
                     op->in_shape, "out", op->out_shape, "reads", edges, "to", to[op->to], "to_index",
                     number(op->to_index), "history", index_or_null(op->history), "stage", number(op->stage),
                     "block", number(op->block), "flops", whole(op->flops), "bytes", whole(op->bytes));
}

static json_t *run_json(const struct report_run *s, bool is_stage) {
    json_t *run = json_pack("{s:s, s:o, s:o, s:s, s:s, s:o, s:o}", "name", s->name, "first_operator",
                            number(s->first_op), "operators", number(s->op_count), "in", s->in_shape, "out",
                            s->out_shape, "caches", number(s->caches), "flops", whole(s->flops));
    if (is_stage) json_object_set_new(run, "first_block", number(s->first_block));
    if (is_stage) json_object_set_new(run, "blocks", number(s->block_count));
    return run;
}

static json_t *graph_json(const struct report_variant *v) {
    json_t *ops = json_array(), *stages = json_array(), *blocks = json_array();
    for (uint32_t i = 0; i < v->op_count; i++) json_array_append_new(ops, op_json(&v->ops[i], i));
    for (uint32_t i = 0; i < v->stage_count; i++)
        json_array_append_new(stages, run_json(&v->stages[i], true));
    for (uint32_t i = 0; i < v->block_count; i++)
        json_array_append_new(blocks, run_json(&v->blocks[i], false));
    return json_pack("{s:o, s:o, s:o}", "stages", stages, "blocks", blocks, "operators", ops);
}

static json_t *passes_json(const struct report_program *g) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < g->pass_count; i++) {
        const struct report_pass *s = &g->passes[i];
        json_t *pass =
            json_pack("{s:o, s:s, s:b}", "index", number(i), "name", s->name, "changed", s->changed);
        for (int v = 0; v < PLAN_VARIANTS; v++) {
            if (!g->variant[v].present) continue;
            json_object_set_new(pass, g->variant[v].name,
                                json_pack("{s:o, s:o, s:o}", "nodes", number(s->nodes[v]), "value_bytes",
                                          number(s->value_bytes[v]), "flops", number(s->flops[v])));
        }
        json_array_append_new(array, pass);
    }
    return array;
}

// ---- the whole

static json_t *bands_json(const struct report_variant *v) {
    if (v->band_rows == 0) return json_null();
    return json_pack("{s:o, s:o, s:o}", "first_operator", number(v->band_first), "operators",
                     number(v->band_count), "rows", number(v->band_rows));
}

static json_t *variant_json(const struct report_variant *v, unsigned sections) {
    json_t *variant =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", v->name, "frames", number(v->frames),
                  "operators", number(v->op_count), "flops", whole(v->flops), "bytes_moved", whole(v->bytes),
                  "arena_bytes", number(v->arena_bytes), "lower_bound_bytes", number(v->lower_bound_bytes));
    json_object_set_new(variant, "bands", bands_json(v));
    if (sections & REPORT_MEMORY) add_memory(variant, v);
    if (sections & REPORT_OPS)
        json_object_set_new(
            variant, "expected_seconds",
            json_pack("{s:f, s:f}", "convolutions", v->conv_seconds, "others", v->other_seconds));
    if (sections & REPORT_GRAPH) json_object_set_new(variant, "graph", graph_json(v));
    return variant;
}

static json_t *program_json(const struct report *r, const struct report_program *g, unsigned sections) {
    json_t *variants = json_array();
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].present) json_array_append_new(variants, variant_json(&g->variant[v], sections));
    }
    json_t *program = json_pack(
        "{s:o, s:o, s:o}", "latent", size_json(g->latent_channels, g->latent_height, g->latent_width),
        "frame", size_json(g->frame_channels, g->frame_height, g->frame_width), "variants", variants);
    if (sections & REPORT_SHAPES) {
        json_object_set_new(program, "shapes", shapes_json(g));
        json_object_set_new(program, "causal_convolutions", causal_json(g));
    }
    if (sections & REPORT_CACHES) json_object_set_new(program, "caches", caches_json(g));
    if (sections & REPORT_MEMORY) json_object_set_new(program, "forecast", forecast_json(r, &g->forecast));
    if (sections & REPORT_OPS) json_object_set_new(program, "convolutions", convolutions_json(g));
    if (sections & REPORT_GRAPH) json_object_set_new(program, "passes", passes_json(g));
    return program;
}

static json_t *denormalization_json(const struct report *r) {
    json_t *scale = json_array(), *shift = json_array();
    for (uint32_t c = 0; r->latent_scale != NULL && c < r->latent_channels; c++) {
        json_array_append_new(scale, json_real((double)r->latent_scale[c]));
        json_array_append_new(shift, json_real((double)r->latent_shift[c]));
    }
    json_t *both = json_pack("{s:o, s:o}", "scale", scale, "shift", shift);
    if (r->latent_scale != NULL) return both;
    json_decref(both);
    return json_null();
}

static json_t *report_object(const struct report *r, unsigned sections) {
    json_t *notes = json_array(), *programs = json_array();
    for (uint32_t i = 0; i < r->note_count; i++) json_array_append_new(notes, json_string(r->notes[i]));
    for (uint32_t i = 0; i < r->program_count; i++)
        json_array_append_new(programs, program_json(r, &r->programs[i], sections));
    return json_pack(
        "{s:i, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "wanc_report",
        REPORT_VERSION, "model", r->model, "form", r->form, "plan_version", number(r->plan_version), "build",
        r->build, "file_bytes", number(r->file_bytes), "weight_bytes", number(r->weight_bytes),
        "packed_bytes", number(r->packed_bytes), "threads", number(r->threads), "time_threads",
        r->time_threads ? number(r->time_threads) : json_null(), "error_bound", real_or_null(r->error_bound),
        "error_limit", real_or_null(r->error_limit), "first_kept", number(r->first_kept), "denormalization",
        denormalization_json(r), "notes", notes, "programs", programs);
}

bool report_json(const struct report *r, unsigned sections, struct strbuf *out) {
    json_t *root = report_object(r, sections);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    if (text != NULL) strbuf_add(out, text);
    if (text != NULL) strbuf_add(out, "\n");
    free(text);
    json_decref(root);
    return text != NULL;
}
