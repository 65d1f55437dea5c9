// Everything in a plan as text, for people and for tests that compare plans.
#include "plan/check.h"

#include <stdlib.h>

typedef unsigned long long ull; // for printf

static const char *const variant_names[PLAN_VARIANTS] = {"first", "steady"};
static const char *const space_names[PLAN_SPACES] = {"arena", "cache", "input", "output"};

static void dump_info(const struct plan *p, struct strbuf *out) {
    const struct plan_info *i = p->info;
    strbuf_printf(out, "plan version %u, %llu bytes, %s\n", p->header->version, (ull)p->header->file_size,
                  p->header->build);
    strbuf_printf(out, "model %s, form %s\n", plan_string(p, i->model_name), plan_string(p, i->form));
    strbuf_printf(out, "weights %llu bytes\n", (ull)i->weight_bytes);
    if (i->error_bound > 0)
        strbuf_printf(out, "error bound %.3g, limit %.3g\n", (double)i->error_bound, (double)i->error_limit);
    if (i->first_kept) strbuf_printf(out, "first_kept %u\n", i->first_kept);
    for (uint32_t k = 0; k < p->note_count; k++) strbuf_printf(out, "note %s\n", plan_string(p, p->notes[k]));
}

const char *plan_cache_type_name(uint32_t type) {
    static const char *const names[PLAN_CACHE_TYPES] = {"f32", "f16", "bf16"};
    return type < PLAN_CACHE_TYPES ? names[type] : "unknown";
}

static void dump_caches(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    strbuf_printf(out, "\ncaches: %u\n", g->cache_count);
    for (uint32_t i = 0; i < g->cache_count; i++) {
        const struct plan_cache *c = &p->caches[g->first_cache + i];
        strbuf_printf(out, "  %s: %s %ux%ux%ux%u at %llu, %llu bytes, of %s\n", plan_string(p, c->name),
                      plan_cache_type_name(c->type), c->frames, c->height, c->width, c->channels,
                      (ull)c->offset, (ull)c->bytes, plan_string(p, c->producer));
    }
}

static void dump_constants(const struct plan *p, struct strbuf *out) {
    strbuf_printf(out, "\nconstants: %u\n", p->constant_count);
    for (uint32_t i = 0; i < p->constant_count; i++) {
        const struct plan_constant *c = &p->constants[i];
        strbuf_printf(out, "  w%u: %u floats at %llu, %s\n", i, c->count, (ull)c->offset,
                      plan_string(p, c->name));
    }
}

static void dump_packed(const struct plan *p, struct strbuf *out) {
    if (p->packed_count == 0) return;
    strbuf_printf(out, "\npacked weights: %u, %llu bytes, layout %016llx\n", p->packed_count,
                  (ull)p->packed_data_size, (ull)p->info->packed_layout);
    for (uint32_t i = 0; i < p->packed_count; i++) {
        const struct plan_packed_key *k = &p->packed[i].key;
        strbuf_printf(out,
                      "  w%u: %u rows from row %u on, taps %u, tile %u, time %u, element %u: %llu bytes at "
                      "%llu\n",
                      k->weight, k->count, k->first, k->taps, k->tile, k->time, k->element,
                      (ull)p->packed[i].bytes, (ull)p->packed[i].offset);
    }
}

static void dump_view(const struct plan *p, const char *role, uint32_t index, struct strbuf *out) {
    const struct plan_view *v = plan_get_view(p, index);
    if (v == NULL) return;
    strbuf_printf(out, "      %s %s", role, space_names[v->space]);
    if (v->space <= PLAN_CACHE) strbuf_printf(out, " %u", v->index);
    strbuf_printf(out, ": %ux%ux%ux%u offset %llu strides %llu %llu %llu %llu\n", v->frames, v->height,
                  v->width, v->channels, (ull)v->offset, (ull)v->frame_stride, (ull)v->row_stride,
                  (ull)v->pixel_stride, (ull)v->channel_stride);
}

static void dump_conv(const struct plan_conv *c, struct strbuf *out) {
    strbuf_printf(out, " kernel %ux%ux%u taps %u stride %ux%u pad %u,%u,%u,%u", c->kernel_t, c->kernel_h,
                  c->kernel_w, c->taps, c->stride_h, c->stride_w, c->pad_top, c->pad_left, c->pad_bottom,
                  c->pad_right);
    strbuf_printf(out, " interleave %u upsample %u block %u clamp [%g, %g]", c->interleave, c->upsample,
                  c->block_channels, (double)c->min, (double)c->max);
    strbuf_printf(out, " %s", plan_conv_algorithm_name(c->algorithm));
    if (c->prologue == PLAN_PROLOGUE_NONE) return;
    strbuf_printf(out, " norm scale %.9g epsilon %.9g%s", (double)c->norm_scale, (double)c->norm_epsilon,
                  c->prologue == PLAN_PROLOGUE_NORM_SILU ? " silu" : "");
}

static void dump_params(const struct plan_op *op, struct strbuf *out) {
    static const char *const binary[] = {"add", "sub", "mul", "div"};
    static const char *const unary[] = {"silu", "sigmoid", "clamp"};
    switch (op->kind) {
    case PLAN_OP_CONV: dump_conv(&op->params.conv, out); break;
    case PLAN_OP_NORM:
        strbuf_printf(out, " scale %.9g epsilon %.9g%s", (double)op->params.norm.scale,
                      (double)op->params.norm.epsilon, op->params.norm.silu ? " silu" : "");
        break;
    case PLAN_OP_BINARY: strbuf_printf(out, " %s", binary[op->params.binary.op]); break;
    case PLAN_OP_UNARY:
        strbuf_printf(out, " %s", unary[op->params.unary.op]);
        if (op->params.unary.op != PLAN_CLAMP) break;
        strbuf_printf(out, " [%g, %g]", (double)op->params.unary.min, (double)op->params.unary.max);
        break;
    case PLAN_OP_ATTENTION:
        strbuf_printf(out, " scale %.9g query_block %u", (double)op->params.attention.scale,
                      op->params.attention.query_block);
        break;
    case PLAN_OP_UPSAMPLE: strbuf_printf(out, " factor %u", op->params.upsample.factor); break;
    default: break;
    }
}

static void dump_op(const struct plan *p, uint32_t i, const struct plan_op *op, struct strbuf *out) {
    static const char *const roles[3] = {"in0", "in1", "in2"};
    strbuf_printf(out, "  %u: %s", i, plan_op_name(op->kind));
    dump_params(op, out);
    for (int k = 0; k < 3; k++) {
        if (op->constant[k] != PLAN_NONE) strbuf_printf(out, " w%u", op->constant[k]);
    }
    strbuf_printf(out, " // %s\n", plan_string(p, op->name));
    for (int k = 0; k < 3; k++) dump_view(p, roles[k], op->in[k], out);
    dump_view(p, "scratch", op->scratch, out);
    dump_view(p, "out", op->out, out);
}

static void dump_choices(const struct plan *p, struct strbuf *out) {
    if (p->info->time_threads > 0) strbuf_printf(out, "\nchoices, with %u threads", p->info->time_threads);
    else strbuf_add(out, "\nchoices");
    strbuf_printf(out, ": %u\n", p->choice_count);
    for (uint32_t i = 0; i < p->choice_count; i++) {
        const struct plan_choice *c = &p->choices[i];
        strbuf_printf(out, "  operator %u: %s %.6g s (%s), error %.3g\n", c->op,
                      plan_conv_algorithm_name(c->algorithm), (double)c->seconds,
                      plan_time_source_name(c->source), (double)c->error);
    }
}

static void dump_passes(const struct plan *p, struct strbuf *out) {
    strbuf_printf(out, "\npasses: %u\n", p->pass_count);
    for (uint32_t i = 0; i < p->pass_count; i++) {
        const struct plan_pass *s = &p->passes[i];
        strbuf_printf(out, "  program %u, %s%s:", s->program, plan_string(p, s->name),
                      s->changed ? "" : " (no change)");
        for (int v = 0; v < PLAN_VARIANTS; v++)
            strbuf_printf(out, "%s %s %u nodes, %llu bytes, %llu operations", v ? ";" : "", variant_names[v],
                          s->nodes[v], (ull)s->value_bytes[v], (ull)s->flops[v]);
        strbuf_add(out, "\n");
    }
}

static void dump_taps(const struct plan *p, struct strbuf *out) {
    strbuf_printf(out, "\ntaps: %u\n", p->tap_count);
    for (uint32_t i = 0; i < p->tap_count; i++) {
        const struct plan_tap *t = &p->taps[i];
        strbuf_printf(out, "  operator %u: %s [", t->op, plan_string(p, t->name));
        for (uint32_t k = 0; k < t->rank; k++) strbuf_printf(out, "%s%u", k ? "," : "", t->shape[k]);
        strbuf_add(out, "]:");
        for (uint32_t k = 0; k < t->part_count; k++) strbuf_printf(out, " %u*%u", t->extent[k], t->stride[k]);
        dump_view(p, "", t->view, out);
    }
}

static void dump_variant(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                         struct strbuf *out) {
    const struct plan_variant_info *i = &g->variant[v];
    strbuf_printf(out, "\n%s: %u frames, arena %llu bytes, lower bound %llu\n", variant_names[v], i->frames,
                  (ull)i->arena_bytes, (ull)i->lower_bound_bytes);
    strbuf_printf(out, " buffers: %u\n", i->buffer_count);
    for (uint32_t k = 0; k < i->buffer_count; k++) {
        const struct plan_buffer *b = &p->buffers[i->first_buffer + k];
        strbuf_printf(out, "  %u: %llu bytes at %llu, operators %u to %u, %s", k, (ull)b->bytes,
                      (ull)b->offset, b->first_op, b->last_op, plan_string(p, b->name));
        if (b->rows > 0) strbuf_printf(out, ", %u rows", b->rows);
        strbuf_add(out, "\n");
    }
    if (i->band_rows > 0)
        strbuf_printf(out, " bands: operators %u to %u, %u rows\n", i->band_first,
                      i->band_first + i->band_count - 1, i->band_rows);
    strbuf_printf(out, " operators: %u\n", i->op_count);
    for (uint32_t k = 0; k < i->op_count; k++) dump_op(p, k, &p->ops[i->first_op + k], out);
}

static void dump_denormalization(const struct plan *p, const struct plan_program *g, struct strbuf *out) {
    float *values = calloc(2 * (size_t)g->latent_channels, sizeof *values);
    uint32_t n = g->latent_channels;
    if (values != NULL && plan_denormalizes(p, g, values, values + n)) {
        strbuf_add(out, "\nlatents are denormalised:");
        for (uint32_t c = 0; c < n; c++)
            strbuf_printf(out, " *%.6g%+.6g", (double)values[c], (double)values[n + c]);
        strbuf_add(out, "\n");
    }
    free(values);
}

static void dump_program(const struct plan *p, uint32_t i, struct strbuf *out) {
    const struct plan_program *g = &p->programs[i];
    strbuf_printf(out, "\nprogram %u: latent %ux%ux%u, frame %ux%ux%u, caches %llu bytes\n", i,
                  g->latent_channels, g->latent_height, g->latent_width, g->frame_channels, g->frame_height,
                  g->frame_width, (ull)g->cache_bytes);
    dump_denormalization(p, g, out);
    dump_caches(p, g, out);
    dump_variant(p, g, PLAN_FIRST, out);
    if (plan_has_steady(g)) dump_variant(p, g, PLAN_STEADY, out);
}

void plan_dump(const struct plan *p, struct strbuf *out) {
    dump_info(p, out);
    dump_constants(p, out);
    dump_packed(p, out);
    for (uint32_t i = 0; i < p->program_count; i++) dump_program(p, i, out);
    dump_choices(p, out);
    dump_passes(p, out);
    dump_taps(p, out);
}
