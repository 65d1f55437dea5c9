// From planned graphs to a plan: the operators of each node (emit_ops.c), the buffers, the caches and what the programs
// have in common. Each module, one decoder at one latent size, gives a program.
#include "passes/emit.h"

#include "passes/conv_choice.h"
#include "passes/conv_error.h"
#include "passes/emit_report.h"
#include "passes/emitter.h"
#include "passes/roles.h"
#include "passes/stream.h"

#include <math.h>
#include <string.h>

// ---- graphs

// Counts the operator that a node of a run in bands has become.
static bool emit_band(struct emitter *e, const struct ir_node *n) {
    struct plan_variant_info *info = &plan_writer_program(e->w)->variant[e->variant];
    if (ir_attr_find(n, IR_KEY_BAND) == NULL) return true;
    if (info->band_count++ == 0) {
        info->band_rows = (uint32_t)ir_attr_int(n, IR_KEY_BAND, 0);
        info->band_first = e->op_index - 1;
    }
    return info->band_first + info->band_count == e->op_index ||
           emit_refuse(e, n, "a node of a run in bands is not one operator behind the one before it");
}

// Operators of a run take turns: what one of them touches is alive as long as all of them.
static void extend_to_run(struct emitter *e) {
    const struct plan_variant_info *info = &plan_writer_program(e->w)->variant[e->variant];
    if (info->band_count == 0) return;
    uint32_t first = info->band_first, last = first + (info->band_count - 1);
    for (int i = 0; i < e->g->buffer_count; i++) {
        struct plan_buffer *b = &e->buffers[i];
        if (b->first_op == UINT32_MAX || b->first_op > last || b->last_op < first) continue;
        if (b->first_op > first) b->first_op = first;
        if (b->last_op < last) b->last_op = last;
    }
}

static bool emit_graph(struct emitter *e, const char *name, enum plan_variant variant) {
    struct ir_graph *g = ir_graph_find(e->m, name);
    if (g == NULL || g->buffer_count == 0)
        return error_set(e->err, ERROR_UNSUPPORTED, "there is no planned graph '%s'", name);
    e->g = g;
    e->variant = variant;
    e->op_index = 0;
    e->buffers = arena_array(e->scratch, (size_t)g->buffer_count + 1, sizeof *e->buffers);
    for (int i = 0; i < g->buffer_count; i++) {
        const struct ir_buffer *b = &g->buffers[i];
        e->buffers[i] = (struct plan_buffer){.name = plan_writer_string(e->w, b->name),
                                             .first_op = UINT32_MAX,
                                             .rows = b->rows,
                                             .offset = b->offset,
                                             .bytes = b->bytes};
    }
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        uint32_t before = e->op_index;
        if (!emit_node(e, n) || !emit_band(e, n)) return false;
        if (e->op_index > before) emit_tap(e, n);
    }
    extend_to_run(e);
    for (int i = 0; i < g->buffer_count; i++) {
        if (e->buffers[i].first_op == UINT32_MAX) e->buffers[i].first_op = 0; // nothing touches it
        plan_writer_buffer(e->w, variant, e->buffers[i]);
    }
    struct plan_variant_info *info = &plan_writer_program(e->w)->variant[variant];
    info->arena_bytes = g->arena_bytes;
    info->lower_bound_bytes = g->lower_bound_bytes;
    return true;
}

static uint32_t cache_type(const struct ir_cache *c) {
    return c->type.dtype == IR_F16 ? PLAN_F16 : c->type.dtype == IR_BF16 ? PLAN_BF16 : PLAN_F32;
}

static bool emit_caches(struct emitter *e) {
    for (const struct ir_cache *c = e->m->caches; c != NULL; c = c->next) {
        if (c->offset < 0)
            return error_set(e->err, ERROR_UNSUPPORTED, "cache '%s' has no place: plan_caches did not run",
                             c->name);
        const struct ir_dim *d = c->type.dims;
        uint64_t count = (uint64_t)(d[0].first * d[1].first * d[2].first * d[3].first);
        if (stream_keeps(e->m, c)) count = stream_history_floats(c);
        plan_writer_cache(e->w, (struct plan_cache){.name = plan_writer_string(e->w, c->name),
                                                    .producer = plan_writer_string(e->w, c->producer),
                                                    .frames = (uint32_t)d[0].first,
                                                    .height = (uint32_t)d[1].first,
                                                    .width = (uint32_t)d[2].first,
                                                    .channels = (uint32_t)d[3].first,
                                                    .type = cache_type(c),
                                                    .offset = (uint64_t)c->offset,
                                                    .bytes = ir_dtype_size(c->type.dtype) * count});
    }
    plan_writer_program(e->w)->cache_bytes = e->m->cache_bytes;
    return true;
}

// The shape of the latent frame that a step takes; the caller gives it as [channels][height][width].
static bool latent_frame(struct emitter *e, const char *name, uint32_t extent[4]) {
    const struct ir_graph *g = ir_graph_find(e->m, name);
    const struct ir_value *latents = g && g->input_count == 1 ? g->inputs[0] : NULL;
    struct ir_node *r = latents && latents->uses ? latents->uses->user : NULL;
    enum role role[IR_MAX_RANK];
    if (r == NULL || r->op != IR_REARRANGE)
        return error_set(e->err, ERROR_UNSUPPORTED, "the latents are not read as one list of frames");
    if (!roles_of_input(r, role))
        return emit_refuse(e, r, "nothing says which axes of the latents are channels, rows and columns");
    roles_extents(&latents->type, role, extent);
    return extent[ROLE_FRAMES] == 1 ||
           error_set(e->err, ERROR_UNSUPPORTED, "a step takes %u latent frames, expected one",
                     extent[ROLE_FRAMES]);
}

static bool emit_latents(struct emitter *e, bool has_steady) {
    uint32_t first[4], steady[4];
    if (!latent_frame(e, "first", first) || (has_steady && !latent_frame(e, "steady", steady))) return false;
    if (has_steady && memcmp(first, steady, sizeof first) != 0)
        return error_set(e->err, ERROR_UNSUPPORTED, "the first and the later steps take different latents");
    struct plan_program *program = plan_writer_program(e->w);
    program->latent_channels = first[ROLE_CHANNELS];
    program->latent_height = first[ROLE_ROWS];
    program->latent_width = first[ROLE_COLUMNS];
    return true;
}

// A module without a steady graph decodes one latent frame.
static bool emit_program(struct emitter *e) {
    bool has_steady = ir_graph_find(e->m, "steady") != NULL;
    if (plan_writer_add_program(e->w) == NULL)
        return error_set(e->err, ERROR_UNSUPPORTED, "more than %d latent sizes", PLAN_MAX_PROGRAMS);
    if (!emit_caches(e) || !emit_latents(e, has_steady) || !emit_graph(e, "first", PLAN_FIRST) ||
        (has_steady && !emit_graph(e, "steady", PLAN_STEADY)))
        return false;
    emit_shapes(e->m, e->w);
    emit_passes(e->m, e->w);
    return true;
}

static void emit_warnings(struct emitter *e) {
    static const char prefix[] = "warning:";
    for (const char *line = strbuf_text(&e->m->notes); *line != 0;) {
        int length = (int)strcspn(line, "\n");
        if (strncmp(line, prefix, sizeof prefix - 1) == 0)
            plan_writer_note(e->w, arena_printf(e->scratch, "%.*s", length, line));
        line += length + (line[length] != 0);
    }
}

// What the modules have in common.
static bool emit_info(struct emitter *e, bool is_first) {
    struct plan_info *info = plan_writer_info(e->w);
    uint32_t frames = plan_writer_program(e->w)->variant[PLAN_FIRST].frames,
             kept = (uint32_t)e->m->first_kept;
    if (kept > frames)
        return error_set(e->err, ERROR_INTERNAL, "first_kept %u, but the first step gives %u frames", kept,
                         frames);
    if (!is_first && kept != info->first_kept)
        return error_set(e->err, ERROR_INTERNAL, "first_kept %u at one latent size and %u at another",
                         info->first_kept, kept);
    info->first_kept = kept;
    info->error_bound = fmaxf(info->error_bound, (float)conv_error_of_module(e->m));
    info->error_limit = (float)conv_choice_limit(e->m->choice);
    if (e->m->choice != NULL && e->m->choice->time_threads > 0)
        info->time_threads = e->m->choice->time_threads;
    if (!is_first) return true;
    info->model_name = plan_writer_string(e->w, e->m->model_name);
    info->form = plan_writer_string(e->w, e->m->form);
    return true;
}

static bool emit_module(struct emitter *e, struct ir_module *m, bool is_first) {
    e->m = m;
    if (!ir_verify(m, NULL, e->err) || !emit_program(e) || !emit_info(e, is_first)) return false;
    emit_warnings(e);
    return true;
}

static bool complete(struct emitter *e, const struct emit_completion *c) {
    struct plan plan;
    if (c == NULL) return true;
    if (!plan_writer_open(e->w, &plan, e->err)) return false;
    bool ok = c->run(c->context, &plan, e->w, e->err);
    plan_close(&plan);
    return ok;
}

static bool emit_modules(struct emitter *e, struct ir_module *const *modules, int count) {
    e->w = plan_writer_new(e->scratch);
    e->constants = (struct emit_constants){.arena = e->scratch, .w = e->w};
    for (int i = 0; i < count; i++) {
        if (!emit_module(e, modules[i], i == 0)) return false;
    }
    return true;
}

bool emit_plan(struct ir_module *const *modules, int count, const char *path,
               const struct emit_completion *completion, struct error *err) {
    struct arena scratch = {0};
    struct emitter e = {.scratch = &scratch, .err = err};
    bool ok =
        emit_modules(&e, modules, count) && complete(&e, completion) && plan_writer_save(e.w, path, err);
    arena_free(&scratch);
    return ok;
}

bool emit_plan_open(struct ir_module *const *modules, int count, const struct emit_completion *completion,
                    struct plan *plan, struct error *err) {
    struct arena scratch = {0};
    struct emitter e = {.scratch = &scratch, .err = err};
    bool ok =
        emit_modules(&e, modules, count) && complete(&e, completion) && plan_writer_open(e.w, plan, err);
    arena_free(&scratch);
    return ok;
}
