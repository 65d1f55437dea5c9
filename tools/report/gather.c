// Gathers a report: what is of the plan as a whole, and the parts of each program in their order.
#include "tools/report/report.h"

#include <string.h>

static const char *const variant_names[PLAN_VARIANTS] = {"first", "steady"};

static void gather_variant(struct report *r, const struct plan *p, const struct plan_program *g,
                           enum plan_variant v, struct report_variant *out) {
    out->name = variant_names[v];
    out->present = g->variant[v].op_count > 0;
    out->frames = g->variant[v].frames;
    out->band_rows = g->variant[v].band_rows;
    out->band_first = g->variant[v].band_first;
    out->band_count = g->variant[v].band_count;
    report_gather_graph(r, p, g, v, out);
    report_gather_stages(r, p, g, v, out);
    report_gather_memory(r, p, g, v, out);
}

static bool gather_ops(struct report *r, const struct plan *p, const struct plan_program *g,
                       struct report_program *out) {
    if (!plan_ops_table(p, g, r->threads, &out->ops)) return false;
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        out->variant[v].conv_seconds = out->ops.conv_seconds[v];
        out->variant[v].other_seconds = out->ops.other_seconds[v];
    }
    return true;
}

// The rows of a program follow each other.
static void gather_passes(struct report *r, const struct plan *p, uint32_t program,
                          struct report_program *out) {
    out->passes = arena_array(&r->arena, (size_t)p->pass_count + 1, sizeof *out->passes);
    for (uint32_t i = 0; i < p->pass_count; i++) {
        const struct plan_pass *s = &p->passes[i];
        if (s->program != program) continue;
        struct report_pass *pass = &out->passes[out->pass_count++];
        *pass = (struct report_pass){.name = report_name(r, plan_string(p, s->name)), .changed = s->changed};
        for (int v = 0; v < PLAN_VARIANTS; v++) {
            pass->nodes[v] = s->nodes[v];
            pass->value_bytes[v] = s->value_bytes[v];
            pass->flops[v] = s->flops[v];
        }
    }
}

static bool gather_program(struct report *r, const struct plan *p, const struct plan_program *g,
                           struct report_program *out) {
    *out = (struct report_program){.latent_channels = g->latent_channels,
                                   .latent_height = g->latent_height,
                                   .latent_width = g->latent_width,
                                   .frame_channels = g->frame_channels,
                                   .frame_height = g->frame_height,
                                   .frame_width = g->frame_width,
                                   .has_steady = plan_has_steady(g)};
    for (int v = 0; v < PLAN_VARIANTS; v++) gather_variant(r, p, g, v, &out->variant[v]);
    report_gather_caches(r, p, g, out);
    report_gather_shapes(r, p, g, out);
    gather_passes(r, p, (uint32_t)(g - p->programs), out);
    plan_forecast(p, g, r->threads, &out->forecast);
    return gather_ops(r, p, g, out);
}

static void gather_notes(struct report *r, const struct plan *p) {
    r->notes = arena_array(&r->arena, p->note_count + 1, sizeof *r->notes);
    r->note_count = p->note_count;
    for (uint32_t i = 0; i < p->note_count; i++) r->notes[i] = report_name(r, plan_string(p, p->notes[i]));
}

static void gather_info(struct report *r, const struct plan *p) {
    const struct plan_info *i = p->info;
    r->model = report_name(r, plan_string(p, i->model_name));
    r->form = report_name(r, plan_string(p, i->form));
    r->build = report_name(r, p->header->build);
    r->plan_version = p->header->version;
    r->time_threads = i->time_threads;
    r->first_kept = plan_first_kept(p);
    r->file_bytes = p->header->file_size;
    r->weight_bytes = i->weight_bytes;
    for (uint32_t k = 0; k < p->packed_count; k++) r->packed_bytes += p->packed[k].bytes;
    r->error_bound = (double)i->error_bound;
    r->error_limit = (double)i->error_limit;
}

static void gather_denormalization(struct report *r, const struct plan *p) {
    r->latent_channels = p->programs->latent_channels;
    float *values = arena_array(&r->arena, 2 * (size_t)r->latent_channels, sizeof *values);
    if (!plan_denormalizes(p, p->programs, values, values + r->latent_channels)) return;
    r->latent_scale = values;
    r->latent_shift = values + r->latent_channels;
}

bool report_gather(struct report *r, const struct plan *p, uint32_t threads) {
    *r = (struct report){.threads = threads};
    gather_info(r, p);
    gather_notes(r, p);
    gather_denormalization(r, p);
    r->programs = arena_array(&r->arena, p->program_count, sizeof *r->programs);
    bool ok = true;
    for (uint32_t i = 0; i < p->program_count && ok; i++) {
        ok = gather_program(r, p, &p->programs[i], &r->programs[i]);
        r->program_count++;
    }
    if (!ok) report_free(r);
    return ok;
}

void report_free(struct report *r) {
    for (uint32_t i = 0; i < r->program_count; i++) plan_ops_table_free(&r->programs[i].ops);
    arena_free(&r->arena);
    *r = (struct report){0};
}
