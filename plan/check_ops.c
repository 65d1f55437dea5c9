// Verification of the operators: which views and constants each takes, and that every view lies inside of its
// block of memory and is used while that block is alive. check_params.c has the parameters.
#include "plan/check.h"

#include "base/size.h"

#include <string.h>

typedef unsigned long long ull; // for printf

#define WORDS(params) (sizeof(struct params) / sizeof(uint32_t))
static const struct plan_op_rule rules[PLAN_OP_KINDS] = {
    //                    name        inputs scratch same block constants words
    [PLAN_OP_CONV] = {"conv", 1, 3, true, false, 3, WORDS(plan_conv)},
    [PLAN_OP_NORM] = {"norm", 1, 1, false, true, 1, WORDS(plan_norm)},
    [PLAN_OP_BINARY] = {"binary", 2, 2, false, true, 0, WORDS(plan_binary)},
    [PLAN_OP_SCALE] = {"scale", 1, 1, false, true, 2, 0},
    [PLAN_OP_UNARY] = {"unary", 1, 1, false, true, 0, WORDS(plan_unary)},
    [PLAN_OP_ATTENTION] = {"attention", 3, 3, true, false, 0, WORDS(plan_attention)},
    [PLAN_OP_UPSAMPLE] = {"upsample", 1, 1, false, false, 0, WORDS(plan_upsample)},
    [PLAN_OP_COPY] = {"copy", 1, 1, false, true, 0, 0},
};

const struct plan_op_rule *plan_op_rule(uint32_t kind) {
    return kind > 0 && kind < PLAN_OP_KINDS ? &rules[kind] : NULL;
}

const char *plan_op_name(uint32_t kind) {
    const struct plan_op_rule *rule = plan_op_rule(kind);
    return rule == NULL ? "unknown" : rule->name;
}

uint64_t plan_view_extent(const struct plan_view *v) {
    return 1 + (v->frames - 1) * v->frame_stride + (v->height - 1) * v->row_stride +
           (v->width - 1) * v->pixel_stride + (v->channels - 1) * v->channel_stride;
}

// The view of one operator that is being checked, and what to call it in a message.
struct use {
    const struct plan *plan;
    const struct plan_program *program;
    enum plan_variant variant;
    uint32_t op; // within the variant
    const char *role;
    const struct plan_view *view;
};

static bool bad_use(const struct use *u, struct error *err, const char *what, ull found, ull limit) {
    return error_set(err, ERROR_INPUT, "%s: %s (%llu, limit %llu)", u->role, what, found, limit);
}

// The buffer that a view is on, if it holds some rows of images only; or NULL.
static const struct plan_buffer *window_of(const struct use *u) {
    const struct plan_variant_info *variant = &u->program->variant[u->variant];
    if (u->view->space != PLAN_ARENA || u->view->index >= variant->buffer_count) return NULL;
    const struct plan_buffer *b = &u->plan->buffers[variant->first_buffer + u->view->index];
    return b->rows > 0 ? b : NULL;
}

// Of a view on some rows of images, only these count.
static uint32_t rows_of(const struct use *u) {
    const struct plan_buffer *window = window_of(u);
    return window != NULL && window->rows < u->view->height ? window->rows : u->view->height;
}

static bool check_extents(const struct use *u, uint64_t *floats, struct error *err) {
    const struct plan_view *v = u->view;
    const uint32_t dims[4] = {v->frames, rows_of(u), v->width, v->channels};
    const uint64_t strides[4] = {v->frame_stride, v->row_stride, v->pixel_stride, v->channel_stride};
    uint64_t end = 1, step;
    if (v->height > PLAN_MAX_DIM) return bad_use(u, err, "extent", v->height, PLAN_MAX_DIM);
    bool ok = size_add(end, v->offset, &end);
    for (int i = 0; i < 4; i++) {
        if (dims[i] == 0 || dims[i] > PLAN_MAX_DIM) return bad_use(u, err, "extent", dims[i], PLAN_MAX_DIM);
        // Of an axis of length 1 as well: kernels look ahead by strides.
        if (strides[i] > PLAN_MAX_BYTES) return bad_use(u, err, "stride", strides[i], PLAN_MAX_BYTES);
        ok = ok && size_mul(dims[i] - 1, strides[i], &step) && size_add(end, step, &end);
    }
    if (!ok) return error_set(err, ERROR_INPUT, "%s: strides overflow", u->role);
    *floats = end;
    return true;
}

// The cache that a view is on, or NULL.
static const struct plan_cache *cache_of(const struct use *u) {
    if (u->view->space != PLAN_CACHE || u->view->index >= u->program->cache_count) return NULL;
    return &u->plan->caches[u->program->first_cache + u->view->index];
}

// The numbers that the block of the view has room for; false for an index out of range.
static bool block_numbers(const struct use *u, uint64_t *count) {
    const struct plan_program *g = u->program;
    const struct plan_variant_info *variant = &g->variant[u->variant];
    const struct plan_cache *cache = cache_of(u);
    uint32_t index = u->view->index, blocks = 1;
    switch (u->view->space) {
    case PLAN_ARENA:
        blocks = variant->buffer_count;
        if (index < blocks) *count = u->plan->buffers[variant->first_buffer + index].bytes / sizeof(float);
        break;
    case PLAN_CACHE:
        if (cache == NULL) return false;
        *count = cache->bytes / plan_cache_number_bytes(cache->type);
        return true;
    case PLAN_INPUT: *count = plan_latent_floats(g); break;
    case PLAN_OUTPUT: *count = variant->frames * plan_frame_floats(g); break;
    default: blocks = 0;
    }
    return index < blocks;
}

static bool check_alive(const struct use *u, struct error *err) {
    if (u->view->space != PLAN_ARENA) return true;
    const struct plan_variant_info *variant = &u->program->variant[u->variant];
    const struct plan_buffer *b = &u->plan->buffers[variant->first_buffer + u->view->index];
    if (b->first_op <= u->op && u->op <= b->last_op) return true;
    return error_set(err, ERROR_INPUT, "%s: buffer %u is alive from operator %u to %u only", u->role,
                     u->view->index, b->first_op, b->last_op);
}

// Threads write different elements at the same time, so that no two of them may be at one address: sorted by
// stride, each dimension must step over the whole of the smaller ones.
static bool check_writable(const struct use *u, struct error *err) {
    const struct plan_view *v = u->view;
    struct {
        uint64_t dim, stride;
    } d[4] = {{v->frames, v->frame_stride},
              {rows_of(u), v->row_stride},
              {v->width, v->pixel_stride},
              {v->channels, v->channel_stride}};
    if (v->space == PLAN_INPUT) return error_set(err, ERROR_INPUT, "%s: writes to the input", u->role);
    uint64_t span = 1; // of the dimensions done
    for (int done = 0; done < 4; done++) {
        int next = -1;
        for (int i = 0; i < 4; i++) {
            if (d[i].dim > 1 && (next < 0 || d[i].stride < d[next].stride)) next = i;
        }
        if (next < 0) break;
        if (d[next].stride < span) return bad_use(u, err, "elements overlap: stride", d[next].stride, span);
        span += (d[next].dim - 1) * d[next].stride;
        d[next].dim = 1;
    }
    return true;
}

// `u` is complete but for its role and view.
static bool check_use(struct use u, const char *role, uint32_t view, struct error *err) {
    if (view >= u.plan->view_count)
        return error_set(err, ERROR_INPUT, "%s: view %u of %u", role, view, u.plan->view_count);
    u.role = role;
    u.view = &u.plan->views[view];
    uint64_t room = 0, numbers = 0;
    if (!block_numbers(&u, &room)) {
        return error_set(err, ERROR_INPUT, "%s: view %u: no block %u in space %u", role, view, u.view->index,
                         u.view->space);
    }
    if (!check_extents(&u, &numbers, err)) return false;
    if (numbers > room) return bad_use(&u, err, "numbers past its block", numbers, room);
    if (!check_alive(&u, err)) return false;
    return role[0] == 'i' || check_writable(&u, err);
}

bool plan_check_tap_view(const struct plan *p, const struct plan_program *g, enum plan_variant v, uint32_t op,
                         uint32_t view, struct error *err) {
    struct use u = {.plan = p, .program = g, .variant = v, .op = op};
    if (!check_use(u, "its view", view, err)) return false;
    return p->views[view].space == PLAN_ARENA || p->views[view].space == PLAN_OUTPUT ||
           error_set(err, ERROR_INPUT, "its view: space %u, expected the arena or the output",
                     p->views[view].space);
}

// Kernels take floats; what is narrower is converted by a copy, or by the convolution whose history it is.
static bool check_types(const struct use *u, const struct plan_op *op, struct error *err) {
    const uint32_t views[] = {op->in[0], op->in[1], op->in[2], op->out, op->scratch};
    int narrow = 0;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        if (views[i] == PLAN_NONE || (op->kind == PLAN_OP_CONV && i == PLAN_CONV_HISTORY)) continue;
        struct use one = *u;
        one.view = &u->plan->views[views[i]];
        const struct plan_cache *cache = cache_of(&one);
        narrow += cache != NULL && cache->type != PLAN_F32;
    }
    if (narrow <= (op->kind == PLAN_OP_COPY)) return true;
    return error_set(err, ERROR_INPUT, "a cache of 16 bits can only be copied from and to floats");
}

static bool same_block(const struct plan *p, uint32_t a, uint32_t b) {
    return a != PLAN_NONE && b != PLAN_NONE && p->views[a].space == p->views[b].space &&
           p->views[a].index == p->views[b].index;
}

// By the addresses from first to last element: interleaved views count as overlapping, equal ones do not.
static bool overlap(const struct plan *p, uint32_t a, uint32_t b) {
    const struct plan_view *x = &p->views[a], *y = &p->views[b];
    if (memcmp(x, y, sizeof *x) == 0) return false;
    return x->offset < y->offset + plan_view_extent(y) && y->offset < x->offset + plan_view_extent(x);
}

// What an element of the output is made of lies at the same place in the input.
static bool is_pointwise(const struct plan_op *op, uint32_t input) {
    return rules[op->kind].same_block || (op->kind == PLAN_OP_CONV && input == PLAN_CONV_RESIDUAL);
}

// A convolution reads neighbours of a pixel while others are being written. A history is written too.
static bool check_apart(const struct plan *p, const struct plan_op *op, struct error *err) {
    const struct plan_op_rule *rule = &rules[op->kind];
    bool apart = !same_block(p, op->out, op->scratch), conv = op->kind == PLAN_OP_CONV;
    for (uint32_t i = 0; i < rule->most_inputs; i++) {
        if (is_pointwise(op, i)) continue;
        apart = apart && !same_block(p, op->in[i], op->out) && !same_block(p, op->in[i], op->scratch);
    }
    for (uint32_t i = 0; conv && i < rule->most_inputs; i++) {
        apart = apart && (i == PLAN_CONV_HISTORY || !same_block(p, op->in[i], op->in[PLAN_CONV_HISTORY]));
    }
    if (!apart) return error_set(err, ERROR_INPUT, "reads and writes the same block");
    // Pointwise operators may work in place: element by element, so that the views are the same or disjoint.
    for (uint32_t i = 0; i < rule->most_inputs && op->kind != PLAN_OP_COPY; i++) {
        if (!is_pointwise(op, i)) continue;
        if (same_block(p, op->in[i], op->out) && overlap(p, op->in[i], op->out)) {
            return error_set(err, ERROR_INPUT, "input %u: overlaps the output without being the same", i);
        }
    }
    return true;
}

// Written like an output. Only the first step may leave frames of it as they are: later ones are not zero.
static bool check_history(const struct use *u, const struct plan_op *op, struct error *err) {
    if (op->kind != PLAN_OP_CONV || op->in[PLAN_CONV_HISTORY] == PLAN_NONE) return true;
    const struct plan_view *in = &u->plan->views[op->in[0]],
                           *history = &u->plan->views[op->in[PLAN_CONV_HISTORY]];
    if (history->space != PLAN_CACHE) return error_set(err, ERROR_INPUT, "history: is not in a cache");
    if (u->variant != PLAN_FIRST && (uint64_t)in->frames + op->params.conv.taps - 1 < history->frames) {
        return error_set(err, ERROR_INPUT, "history: keeps %u frames, and a later step gives %u with %u taps",
                         history->frames, in->frames, op->params.conv.taps);
    }
    return check_use(*u, "history", op->in[PLAN_CONV_HISTORY], err);
}

static bool check_views(const struct use *u, const struct plan_op *op, struct error *err) {
    const struct plan_op_rule *rule = &rules[op->kind];
    static const char *const roles[3] = {"input 0", "input 1", "input 2"};
    for (uint32_t k = 0; k < 3; k++) {
        bool taken = k < rule->inputs || (k < rule->most_inputs && op->in[k] != PLAN_NONE);
        if (taken && !check_use(*u, roles[k], op->in[k], err)) return false;
        if (k >= rule->most_inputs && op->in[k] != PLAN_NONE) {
            return error_set(err, ERROR_INPUT, "%s: takes %u inputs", roles[k], rule->most_inputs);
        }
    }
    if (!check_history(u, op, err)) return false;
    if (!check_use(*u, "output", op->out, err)) return false;
    if (op->scratch != PLAN_NONE && !rule->scratch) return error_set(err, ERROR_INPUT, "scratch: takes none");
    if (op->scratch != PLAN_NONE && !check_use(*u, "scratch", op->scratch, err)) return false;
    return check_types(u, op, err) && check_apart(u->plan, op, err);
}

static bool check_constants(const struct plan *p, const struct plan_op *op, struct error *err) {
    for (uint32_t k = 0; k < 3; k++) {
        uint32_t c = op->constant[k];
        if (c == PLAN_NONE) continue;
        if (k >= rules[op->kind].constants || c >= p->constant_count) {
            return error_set(err, ERROR_INPUT, "constant %u: %u of %u; takes at most %u", k, c,
                             p->constant_count, rules[op->kind].constants);
        }
    }
    return true;
}

static bool check_reserved(const struct plan_op *op, struct error *err) {
    bool zero = true;
    for (uint32_t i = rules[op->kind].param_words; i < PLAN_PARAM_WORDS; i++)
        zero = zero && op->params.words[i] == 0;
    return zero || error_set(err, ERROR_INPUT, "unused parameters are not zero");
}

static bool check_op(const struct use *u, const struct plan_op *op, struct error *err) {
    return check_views(u, op, err) && check_constants(u->plan, op, err) && check_reserved(op, err) &&
           plan_check_params(u->plan, op, err);
}

static bool check_variant_ops(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                              struct error *err) {
    const struct plan_variant_info *info = &g->variant[v];
    for (uint32_t i = 0; i < info->op_count; i++) {
        const struct plan_op *op = &p->ops[info->first_op + i];
        if (plan_op_rule(op->kind) == NULL) {
            return error_set(err, ERROR_INPUT, "variant %d: operator %u: kind %u is unknown", v, i, op->kind);
        }
        if (op->name >= p->strings_size) {
            return error_set(err, ERROR_INPUT,
                             "variant %d: operator %u: name at %u, the strings have %u bytes", v, i, op->name,
                             p->strings_size);
        }
        if (!check_op(&(struct use){.plan = p, .program = g, .variant = v, .op = i}, op, err)) {
            return error_prefix(err, "variant %d: operator %u (%s %s)", v, i, plan_op_name(op->kind),
                                plan_string(p, op->name));
        }
    }
    return true;
}

bool plan_check_ops(const struct plan *p, const struct plan_program *g, struct error *err) {
    return check_variant_ops(p, g, PLAN_FIRST, err) && check_variant_ops(p, g, PLAN_STEADY, err);
}
