// pair_caches: the two step graphs of a pair become one stream, proven from the data flow.
//
//     graph @steady(%z, %cache_in, ..) {                      graph @steady(%z) {
//       %w = concat %cache_in, %x {axis=2}                      %y = causal_conv %x, @w {cache=@c0, ..}
//       %y = conv %w, @w {pads=[0,1,1,0,1,1], ..}      ->       ...
//       %l = slice %cache_in {axis=2, start=1, end=2}           return %frames
//       %n = concat %l, %x {axis=2}                           }
//       return %frames, %n, ..
//
// Steady graph: every input but the latents must be a cache. An input c is one when a convolution reads
// concat(c, x) along time with c of kernel - 1 frames and no padding in time, and when exactly one output is
// the next cache: the last kernel - 1 frames of concat(c, x). Both sides are written as lists of (value,
// frame) pairs, looking through concat and slice, and compared: neither names nor positions matter.
//
// First graph: it has no cache inputs; its convolutions pad time by kernel - 1 zero frames. Each is the same
// convolution as the one of the steady graph with the same weights (constants are shared by now;
// weights that two convolutions use would prove nothing), and must return the last frames of its input as that
// cache. Caches that no convolution of the first graph feeds stay zero.
//
// What is not proven is an error that names the input or output: a wrong cache must never be compiled.
#include "passes/causal_conv.h"
#include "passes/match.h"
#include "passes/pass.h"

enum { MAX_FRAMES = 64, TIME = 2 };

struct frame {
    const struct ir_value *value;
    int64_t index;
};
struct frames {
    int count; // -1: too many, or unknown
    struct frame at[MAX_FRAMES];
};

static void append(struct frames *f, const struct ir_value *v, int64_t from, int64_t to) {
    const struct ir_node *n = v->def;
    int64_t at = 0;
    if (f->count < 0 || to - from > MAX_FRAMES - f->count) {
        f->count = -1;
        return;
    }
    if (n && n->op == IR_SLICE && ir_attr_int(n, IR_KEY_AXIS, 0) == TIME) {
        int64_t start = ir_attr_int(n, IR_KEY_START, 0);
        append(f, ir_in(n, 0), start + from, start + to);
    } else if (n && n->op == IR_CONCAT && ir_attr_int(n, IR_KEY_AXIS, 0) == TIME) {
        for (int i = 0; i < n->input_count; i++) {
            int64_t length = ir_in(n, i)->type.dims[TIME].first;
            int64_t a = from > at ? from : at, b = to < at + length ? to : at + length;
            if (a < b) append(f, ir_in(n, i), a - at, b - at);
            at += length;
        }
    } else {
        for (int64_t i = from; i < to; i++) f->at[f->count++] = (struct frame){v, i};
    }
}

static void frames_of(const struct ir_value *v, struct frames *f) {
    f->count = v->type.rank == 5 && dim_is_const(v->type.dims[TIME]) ? 0 : -1;
    if (f->count == 0) append(f, v, 0, v->type.dims[TIME].first);
}

static void keep_last(struct frames *f, int64_t n) {
    for (int skip = f->count - (int)n, i = 0; skip > 0 && i < (int)n; i++) f->at[i] = f->at[i + skip];
    if (f->count > n) f->count = (int)n;
}

static bool same_frames(const struct frames *a, const struct frames *b) {
    if (a->count != b->count || a->count < 0) return false;
    for (int i = 0; i < a->count; i++) {
        if (a->at[i].value != b->at[i].value || a->at[i].index != b->at[i].index) return false;
    }
    return true;
}

// The position among the graph's results of the value that is exactly these frames; -1 if there is none or
// several.
static int find_result(const struct ir_graph *g, const struct frames *wanted) {
    const struct ir_node *results = ir_return_of(g);
    int found = -1;
    struct frames f;
    for (int i = 0; i < results->input_count; i++) {
        frames_of(ir_in(results, i), &f);
        if (!same_frames(&f, wanted)) continue;
        if (found >= 0) return -1;
        found = i;
    }
    return found;
}

static bool is_graph_input(const struct ir_value *v) { return v->def == NULL && v->constant == NULL; }

struct conv {                     // one streaming convolution of the steady graph
    struct ir_node *node, *first; // and its partner in the first graph, NULL if it has none
    struct ir_node *concat;       // of the cache and the new frames
    struct ir_value *cache_in;
    int result;
    struct ir_cache *cache;
};

struct pairing {
    struct ir_graph *first, *steady;
    struct conv *convs;
    int count;
    struct error *err;
};

static int64_t kernel_frames(const struct ir_node *conv) { return ir_in(conv, 1)->type.dims[2].first; }

static bool time_pads_are(const struct ir_node *conv, int64_t begin) {
    int count;
    const int64_t *pads = ir_attr_ints(conv, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(conv, IR_KEY_STRIDES, &count);
    return pads[0] == begin && pads[3] == 0 && strides[0] == 1;
}

static bool is_time_conv(const struct ir_node *n) {
    return n->op == IR_CONV && ir_in(n, 0)->type.rank == 5 && ir_in(n, 1)->constant && kernel_frames(n) > 1;
}

// conv(concat(cache, x)) of the steady graph, and the result that is its next cache.
static bool match_steady(struct pairing *p, struct ir_node *n, struct conv *c) {
    struct ir_node *concat = match_op(ir_in(n, 0), IR_CONCAT);
    bool fits = concat && concat->input_count == 2 && ir_attr_int(concat, IR_KEY_AXIS, 0) == TIME &&
                is_graph_input(ir_in(concat, 0)) &&
                dim_is(ir_in(concat, 0)->type.dims[TIME], kernel_frames(n) - 1);
    if (!fits || !time_pads_are(n, 0)) {
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "steady graph: node '%s' must convolve concat(cache, x) over time with a "
                         "cache of %lld frames and no padding in time",
                         n->name, (long long)kernel_frames(n) - 1);
    }
    *c = (struct conv){.node = n, .concat = concat, .cache_in = ir_in(concat, 0)};
    struct frames next;
    frames_of(ir_out(concat), &next);
    keep_last(&next, kernel_frames(n) - 1);
    c->result = find_result(p->steady, &next);
    if (c->result >= 0) return true;
    return error_set(p->err, ERROR_UNSUPPORTED,
                     "steady graph: no output is the next value of cache input '%s' (the last %lld "
                     "frames of what node '%s' reads)",
                     c->cache_in->name, (long long)kernel_frames(n) - 1, n->name);
}

static bool collect_steady(struct pairing *p, struct arena *scratch) {
    size_t capacity = 0;
    for (struct ir_node *n = p->steady->body.head; n != NULL; n = n->next) {
        if (!is_time_conv(n)) continue;
        p->convs = arena_grow(scratch, p->convs, (size_t)p->count, &capacity, sizeof *p->convs);
        if (!match_steady(p, n, &p->convs[p->count++])) return false;
    }
    return true;
}

// The first graph's convolution belongs to the one steady convolution with the same weights and bias.
static struct conv *partner(struct pairing *p, const struct ir_node *n) {
    struct conv *found = NULL;
    for (int i = 0; i < p->count; i++) {
        struct conv *c = &p->convs[i];
        if (ir_in(c->node, 1) != ir_in(n, 1) || ir_in(c->node, 2) != ir_in(n, 2)) continue;
        if (found != NULL || c->first != NULL) return NULL; // weights used twice do not tell which is which
        found = c;
    }
    return found;
}

static bool match_first(struct pairing *p, struct ir_node *n, bool *is_cache) {
    struct conv *c = partner(p, n);
    if (c == NULL)
        return error_set(
            p->err, ERROR_UNSUPPORTED,
            "first graph: not exactly one convolution of the steady graph has the weights of node '%s'",
            n->name);
    if (!time_pads_are(n, kernel_frames(n) - 1)) {
        return error_set(p->err, ERROR_UNSUPPORTED, "first graph: node '%s' must pad time by (%lld, 0)",
                         n->name, (long long)kernel_frames(n) - 1);
    }
    struct frames kept;
    frames_of(ir_in(n, 0), &kept);
    keep_last(&kept, kernel_frames(n) - 1);
    int result = find_result(p->first, &kept);
    if (result < 0) {
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "first graph: no output is the cache of node '%s' (the last frames of its input)",
                         n->name);
    }
    is_cache[result] = true;
    c->first = n;
    return true;
}

static bool only_one_left(const struct pairing *p, const struct ir_graph *g, const char *what, int total,
                          const bool *taken, int *which) {
    int left = 0;
    for (int i = 0; i < total; i++) {
        if (!taken[i]) *which = i, left++;
    }
    if (left == 1) return true;
    return error_set(p->err, ERROR_UNSUPPORTED, "%s graph: %d of its %d %s are not caches, expected one",
                     g->name, left, total, what);
}

static void keep_result(struct ir_graph *g, int which) {
    struct ir_node *r = ir_return_of(g);
    struct ir_value *v = ir_in(r, which);
    while (r->input_count > 0) ir_node_drop_input(r, r->input_count - 1);
    ir_node_add_input(r, v);
}

// Everything is proven: declare the caches and rewrite both graphs.
static void rewrite(struct pairing *p, int latents, int first_frames, int steady_frames) {
    struct ir_module *m = p->steady->module;
    for (int i = 0; i < p->count; i++) {
        struct conv *c = &p->convs[i];
        c->cache = causal_cache_new(m, c->cache_in->type, kernel_frames(c->node) - 1, c->node->name);
        causal_conv_new(c->node, ir_in(c->concat, 1), c->cache);
        if (c->first != NULL) causal_conv_new(c->first, ir_in(c->first, 0), c->cache);
    }
    keep_result(p->first, first_frames);
    keep_result(p->steady, steady_frames);
    p->steady->inputs[0] = p->steady->inputs[latents];
    p->steady->input_count = 1;
}

static bool pair(struct pairing *p, struct arena *scratch) {
    struct ir_node *first_results = ir_return_of(p->first), *steady_results = ir_return_of(p->steady);
    bool *first_taken = arena_array(scratch, (size_t)first_results->input_count + 1, sizeof(bool));
    bool *steady_taken = arena_array(scratch, (size_t)steady_results->input_count + 1, sizeof(bool));
    bool *input_taken = arena_array(scratch, (size_t)p->steady->input_count + 1, sizeof(bool));
    int first_frames = 0, steady_frames = 0, latents = 0;
    if (p->first->input_count != 1)
        return error_set(
            p->err, ERROR_UNSUPPORTED,
            "first graph: it has %d inputs, expected the latents alone (is the first step given first?)",
            p->first->input_count);
    if (!collect_steady(p, scratch)) return false;
    for (int i = 0; i < p->count; i++) {
        steady_taken[p->convs[i].result] = true;
        for (int k = 0; k < p->steady->input_count; k++) {
            if (p->steady->inputs[k] == p->convs[i].cache_in) input_taken[k] = true;
        }
    }
    for (struct ir_node *n = p->first->body.head; n != NULL; n = n->next) {
        if (is_time_conv(n) && !match_first(p, n, first_taken)) return false;
    }
    if (!only_one_left(p, p->steady, "inputs", p->steady->input_count, input_taken, &latents) ||
        !only_one_left(p, p->steady, "outputs", steady_results->input_count, steady_taken, &steady_frames) ||
        !only_one_left(p, p->first, "outputs", first_results->input_count, first_taken, &first_frames))
        return false;
    rewrite(p, latents, first_frames, steady_frames);
    return true;
}

// A cache input is gone now, so nothing but its convolution and its update may have read it.
static bool check_unread(const struct conv *c, struct error *err) {
    const struct ir_use *u = c->cache_in->uses;
    return u == NULL ||
           error_set(err, ERROR_UNSUPPORTED, "steady graph: cache input '%s' is also read by node '%s' (%s)",
                     c->cache_in->name, u->user->name, ir_info(u->user)->name);
}

bool pass_pair_caches(struct ir_module *m, bool *progress, struct error *err) {
    struct pairing p = {.first = ir_graph_find(m, "first"), .steady = ir_graph_find(m, "steady"), .err = err};
    struct arena scratch = {0};
    if (p.first == NULL || p.steady == NULL || m->caches != NULL) return true; // not a pair, or done
    bool ok = pair(&p, &scratch) && pass_eliminate_dead(m, progress, err);
    for (int i = 0; ok && i < p.count; i++) ok = check_unread(&p.convs[i], err);
    arena_free(&scratch);
    if (ok) *progress = true;
    return ok;
}
