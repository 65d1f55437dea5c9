// Stages and blocks of a variant, found from its structure. A stage is a run of operators on images of one size; where
// all are of one size, a run whose names begin alike. A block of a stage is a run whose names (of a module path, as
// "/up.0/resnets.1/conv1/Conv") begin alike; where names have no paths, it ends with the addition of a shortcut.
#include "tools/report/report.h"

#include "plan/check.h"

#include <string.h>

struct stages {
    struct report *r;
    const struct plan *p;
    const struct plan_program *program;
    const struct plan_op *plan_ops;
    struct report_variant *v;
    bool has_paths;
};

// ---- names

// The module path of an operator's name: what stands in front of its last '/'.
static size_t path_length(const char *name) {
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

// How much of two paths is equal, in whole parts.
static size_t common_path(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t n = 0, whole = 0;
    for (; n < a_length && n < b_length && a[n] == b[n]; n++) {
        if (a[n] == '/') whole = n;
    }
    bool ends = (n == a_length || a[n] == '/') && (n == b_length || b[n] == '/');
    return ends ? n : whole;
}

static size_t common_prefix(const struct stages *s, uint32_t first, uint32_t count) {
    const char *name = s->v->ops[first].name;
    size_t length = path_length(name);
    for (uint32_t i = first + 1; i < first + count; i++)
        length = common_path(name, length, s->v->ops[i].name, path_length(s->v->ops[i].name));
    return length;
}

static bool names_have_paths(const struct report_variant *v) {
    uint32_t with = 0;
    for (uint32_t i = 0; i < v->op_count; i++) with += path_length(v->ops[i].name) > 0;
    return 2 * with > v->op_count;
}

// ---- where a run ends

// The image that an operator works on; that of attention and of what only moves elements has other dimensions.
static const struct plan_view *image_of(const struct stages *s, uint32_t i) {
    const struct plan_op *op = &s->plan_ops[i];
    bool other = op->kind == PLAN_OP_ATTENTION || op->kind == PLAN_OP_COPY;
    return other ? NULL : &s->p->views[op->out];
}

static bool same_size(const struct plan_view *a, const struct plan_view *b) {
    return (a->height == b->height && a->width == b->width) ||
           (uint64_t)a->height * a->width == (uint64_t)b->height * b->width;
}

// The first operator behind `i` that works on images of another size.
static uint32_t end_by_size(const struct stages *s, uint32_t i, uint32_t end) {
    const struct plan_view *size = NULL;
    for (; i < end; i++) {
        const struct plan_view *image = image_of(s, i);
        if (image == NULL) continue;
        if (size != NULL && !same_size(size, image)) return i;
        size = image;
    }
    return end;
}

// Behind names that share no more than `outer` of their paths; names whose path is just that belong together.
static uint32_t end_by_path(const struct stages *s, uint32_t i, uint32_t end, size_t outer) {
    const char *name = s->v->ops[i].name;
    size_t length = path_length(name);
    for (uint32_t k = i + 1; k < end; k++) {
        size_t common = common_path(name, length, s->v->ops[k].name, path_length(s->v->ops[k].name));
        bool both_outer = length == outer && path_length(s->v->ops[k].name) == outer;
        if (common <= outer && !both_outer) return k;
        length = common;
    }
    return end;
}

static bool adds_shortcut(const struct stages *s, uint32_t i) {
    const struct plan_op *op = &s->plan_ops[i];
    if (op->kind == PLAN_OP_CONV) return op->in[PLAN_CONV_RESIDUAL] != PLAN_NONE;
    return op->kind == PLAN_OP_BINARY && op->params.binary.op == PLAN_ADD;
}

static uint32_t end_by_shortcut(const struct stages *s, uint32_t i, uint32_t end) {
    while (i < end && !adds_shortcut(s, i)) i++;
    return i < end ? i + 1 : end;
}

// ---- what flows into a run and out of it

static const char *shape_of(const struct stages *s, uint32_t frames, uint32_t height, uint32_t width,
                            uint32_t channels) {
    return report_shape_text(s->r, (const uint64_t[]){frames, height, width, channels});
}

// What an operator on images is given: new frames, without those of a cache in front of them.
static const char *given_to(const struct stages *s, uint32_t i) {
    const struct plan_op *op = &s->plan_ops[i];
    const struct plan_view *in = &s->p->views[op->in[0]];
    uint32_t frames = op->kind == PLAN_OP_CONV ? report_conv_frames(s->p, op) : in->frames;
    return shape_of(s, frames, in->height, in->width, in->channels);
}

// In front of operator i. The view of what only moves elements is a loop nest and no image; its reader knows better.
static const char *shape_at(const struct stages *s, uint32_t i) {
    const struct plan_program *g = s->program;
    if (i == 0) return shape_of(s, 1, g->latent_height, g->latent_width, g->latent_channels);
    if (i < s->v->op_count) {
        const struct plan_view *before = image_of(s, i - 1);
        if (before != NULL) return report_view_shape(s->r, before);
        while (i < s->v->op_count && image_of(s, i) == NULL) i++;
        if (i < s->v->op_count) return given_to(s, i);
    }
    return shape_of(s, s->v->frames, g->frame_height, g->frame_width, g->frame_channels);
}

// ---- runs

// Each cache is written once in a step: by the convolution whose history it is, or by a copy.
static uint32_t count_caches(const struct report_variant *v, uint32_t first, uint32_t count) {
    uint32_t caches = 0;
    for (uint32_t i = first; i < first + count; i++)
        caches += v->ops[i].history != PLAN_NONE || v->ops[i].to == REPORT_TO_CACHE;
    return caches;
}

// What the names of a run have in common; where that is nothing, its first and its last.
static const char *run_name(const struct stages *s, uint32_t first, uint32_t count) {
    const struct report_op *from = &s->v->ops[first], *to = &s->v->ops[first + count - 1];
    size_t prefix = s->has_paths ? common_prefix(s, first, count) : 0;
    int rooted = from->name[0] == '/';
    if (prefix > (size_t)rooted)
        return arena_printf(&s->r->arena, "%.*s", (int)prefix - rooted, from->name + rooted);
    if (strcmp(from->name, to->name) == 0) return from->name;
    return arena_printf(&s->r->arena, "%s .. %s", from->name, to->name);
}

static struct report_run make_run(const struct stages *s, uint32_t first, uint32_t count) {
    const struct report_op *ops = s->v->ops;
    struct report_run run = {.first_op = first,
                             .op_count = count,
                             .name = run_name(s, first, count),
                             .in_shape = shape_at(s, first),
                             .out_shape = shape_at(s, first + count),
                             .caches = count_caches(s->v, first, count)};
    for (uint32_t i = first; i < first + count; i++) run.flops += ops[i].flops;
    return run;
}

static void add_blocks(struct stages *s, struct report_run *stage) {
    uint32_t end = stage->first_op + stage->op_count;
    size_t outer = common_prefix(s, stage->first_op, stage->op_count);
    stage->first_block = s->v->block_count;
    bool by_path = s->has_paths && end_by_path(s, stage->first_op, end, outer) < end;
    for (uint32_t i = stage->first_op, next; i < end; i = next) {
        next = by_path ? end_by_path(s, i, end, outer) : end_by_shortcut(s, i, end);
        for (uint32_t k = i; k < next; k++) s->v->ops[k].block = s->v->block_count;
        s->v->blocks[s->v->block_count++] = make_run(s, i, next - i);
    }
    stage->block_count = s->v->block_count - stage->first_block;
}

void report_gather_stages(struct report *r, const struct plan *p, const struct plan_program *g,
                          enum plan_variant v, struct report_variant *out) {
    struct stages s = {r, p, g, p->ops + g->variant[v].first_op, out, names_have_paths(out)};
    out->stages = arena_array(&r->arena, (size_t)out->op_count + 1, sizeof *out->stages);
    out->blocks = arena_array(&r->arena, (size_t)out->op_count + 1, sizeof *out->blocks);
    bool one_size = end_by_size(&s, 0, out->op_count) == out->op_count;
    for (uint32_t i = 0, next; i < out->op_count; i = next) {
        next = one_size && s.has_paths
                   ? end_by_path(&s, i, out->op_count, common_prefix(&s, 0, out->op_count))
                   : end_by_size(&s, i, out->op_count);
        for (uint32_t k = i; k < next; k++) out->ops[k].stage = out->stage_count;
        struct report_run *stage = &out->stages[out->stage_count++];
        *stage = make_run(&s, i, next - i);
        add_blocks(&s, stage);
    }
}
