// pair_caches: a step with explicit caches becomes a streaming one, proven from the data flow.
//
//     graph @steady(%z, %cache_in, ..) {                      graph @steady(%z) {
//       %w = concat %cache_in, %x {axis=2}                      %y = causal_conv %x, @w {cache=@c0, ..}
//       %y = conv %w, @w {pads=[0,1,1,0,1,1], ..}      ->       ...
//       %l = slice %cache_in {axis=2, start=1, end=2}           return %frames
//       %n = concat %l, %x {axis=2}                           }
//       return %frames, %n, ..
//
// Steady graph: every input but the latents must be a cache. An input c is one when one convolution reads
// concat(c, x) along time with c of kernel - 1 frames and no padding in time, and when exactly one output is
// the next cache: the last kernel - 1 frames of concat(c, x). Both sides are written as lists of frames
// (passes/frame_list.h) and compared: neither names nor positions matter.
//
// First graph, if there is one: its caches are empty, so that its convolutions read kernel - 1 frames of zeros. Each
// is the same convolution as the one of the steady graph with the same weights (constants are shared by now; weights
// that two convolutions use would prove nothing), and must return the last frames of what it reads as that cache;
// zeros in front may be left out. Caches that no convolution of the first graph feeds stay zero, and if the graph
// returns them all the same, then as zeros. Where both graphs are one file, a cache must have the same place among the
// results in both.
//
// In a model whose first step gives as many frames as the later ones, convolutions are fed frames that the reference
// decoder does not have. It is compiled as it is, with a warning, and of the first step's frames the last one counts.
//
// What is not proven is an error that names the input or output: a wrong cache must never be compiled.
#include "passes/causal_conv.h"
#include "passes/frame_list.h"
#include "passes/match.h"
#include "passes/pass.h"

#include <string.h>

// The position among the graph's results, of those not taken, of the first that is exactly these frames; -1 if there
// is none. Two results with the same frames are the same cache, whichever is which. `short_ones`: zeros in front may
// be left out.
static int find_result(const struct ir_graph *g, const struct frame_list *wanted, const bool *taken,
                       bool short_ones) {
    const struct ir_node *results = ir_return_of(g);
    struct frame_list f;
    for (int i = 0; i < results->input_count; i++) {
        if (taken[i]) continue;
        frame_list_of(ir_in(results, i), &f);
        if (short_ones && f.count >= 0 && f.count < wanted->count)
            frame_list_pad(&f, wanted->count - f.count);
        if (frame_list_equal(&f, wanted)) return i;
    }
    return -1;
}

static bool is_graph_input(const struct ir_value *v) { return v && v->def == NULL && v->constant == NULL; }

struct conv {                                // one streaming convolution of the steady graph
    struct ir_node *node, *first;            // and its partner in the first graph, NULL if it has none
    struct ir_value *cache_in, *x, *first_x; // what it reads: the cache, and the new frames
    int result, dropped; // its next cache, and how many frames of it are zeros in place of older ones
    struct ir_cache *cache;
};

struct pairing {
    struct ir_graph *first, *steady;                // first: NULL for a step alone
    bool *first_taken, *steady_taken, *input_taken; // results and inputs that are caches
    struct conv *convs;
    int count;
    bool one_file; // both graphs are made of one file
    struct error *err;
};

static bool steps_of_one(const struct ir_node *conv) {
    int count;
    return ir_attr_ints(conv, IR_KEY_STRIDES, &count)[0] == 1;
}

// The cache input whose frames, all of them, come first in the list.
static struct ir_value *cache_frames(const struct frame_list *f, int64_t kept) {
    struct ir_value *c = f->count > kept ? (struct ir_value *)f->at[0].value : NULL;
    if (!is_graph_input(c) || !dim_is(c->type.dims[FRAME_AXIS], kept)) return NULL;
    for (int64_t i = 0; i < kept; i++) {
        if (f->at[i].value != c || f->at[i].index != i) return NULL;
    }
    return c;
}

// The next cache is the last frames that were read. Some models keep fewer and put zeros in their place: where a step
// has one new frame, that is a kernel whose first taps always meet zeros.
static bool match_next_cache(struct pairing *p, struct conv *c, struct frame_list *last) {
    bool one_frame = dim_is(c->x->type.dims[FRAME_AXIS], 1);
    for (int zeros = 0; zeros < last->count; zeros++) {
        if (zeros > 0) last->at[zeros - 1] = (struct frame){NULL, 0};
        if (zeros > 0 && !one_frame) return false;
        c->result = find_result(p->steady, last, p->steady_taken, false);
        c->dropped = zeros;
        if (c->result >= 0) return true;
    }
    return false;
}

// conv(concat(cache, x)) of the steady graph, and the result that is its next cache.
static bool match_steady(struct pairing *p, struct ir_node *n, struct conv *c) {
    int64_t kept = conv_kernel_frames(n) - 1;
    struct frame_list read;
    frame_list_of_conv(n, &read);
    *c = (struct conv){.node = n, .cache_in = cache_frames(&read, kept), .x = frame_list_rest(&read, kept)};
    if (c->cache_in == NULL || c->x == NULL || !steps_of_one(n)) {
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "steady graph: node '%s' must convolve concat(cache, x) over time with a "
                         "cache of %lld frames and no padding in time",
                         n->name, (long long)kept);
    }
    frame_list_keep_last(&read, kept);
    if (!match_next_cache(p, c, &read)) {
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "steady graph: no output is the next value of cache input '%s' (the last %lld "
                         "frames of what node '%s' reads)",
                         c->cache_in->name, (long long)kept, n->name);
    }
    p->steady_taken[c->result] = true;
    return true;
}

// Of two next values for one input, the caller can only bring back one.
static bool check_unshared(struct pairing *p, const struct conv *c) {
    for (const struct conv *other = p->convs; other < c; other++) {
        if (other->cache_in == c->cache_in)
            return error_set(p->err, ERROR_UNSUPPORTED,
                             "steady graph: cache input '%s' is read by two convolutions, '%s' and '%s'",
                             c->cache_in->name, other->node->name, c->node->name);
    }
    return true;
}

static bool collect_steady(struct pairing *p, struct arena *scratch) {
    size_t capacity = 0;
    for (struct ir_node *n = p->steady->body.head; n != NULL; n = n->next) {
        if (!is_time_conv(n)) continue;
        p->convs = arena_grow(scratch, p->convs, (size_t)p->count, &capacity, sizeof *p->convs);
        struct conv *c = &p->convs[p->count++];
        if (!match_steady(p, n, c) || !check_unshared(p, c)) return false;
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

// A cache keeps frames of one size.
static bool same_size(const struct ir_value *a, const struct ir_value *b) {
    return dim_equal(a->type.dims[1], b->type.dims[1]) && dim_equal(a->type.dims[3], b->type.dims[3]) &&
           dim_equal(a->type.dims[4], b->type.dims[4]);
}

static bool match_first(struct pairing *p, struct ir_node *n) {
    struct conv *c = partner(p, n);
    int64_t kept = conv_kernel_frames(n) - 1;
    struct frame_list read, zeros;
    if (c == NULL)
        return error_set(
            p->err, ERROR_UNSUPPORTED,
            "first graph: not exactly one convolution of the steady graph has the weights of node '%s'",
            n->name);
    frame_list_of_conv(n, &read);
    c->first_x = frame_list_rest(&read, kept);
    zeros = read;
    if (zeros.count > kept) zeros.count = (int)kept;
    if (c->first_x == NULL || !frame_list_is_zero(&zeros) || !steps_of_one(n)) {
        return error_set(p->err, ERROR_UNSUPPORTED, "first graph: node '%s' must pad time by (%lld, 0)",
                         n->name, (long long)kept);
    }
    if (!same_size(c->first_x, c->x))
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "first graph: what node '%s' reads is of another size in later steps", n->name);
    frame_list_keep_last(&read, kept);
    zeros = read;
    zeros.count = c->dropped; // the taps that later steps leave out
    if (!frame_list_is_zero(&zeros)) {
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "first graph: the cache of node '%s' has %d frames, of which later steps keep %d",
                         n->name, (int)kept, (int)kept - c->dropped);
    }
    int result = find_result(p->first, &read, p->first_taken, true);
    if (result < 0 || (p->one_file && result != c->result)) {
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "first graph: no output is the cache of node '%s' (the last frames of its input)",
                         n->name);
    }
    p->first_taken[result] = true;
    c->first = n;
    return true;
}

// Caches that no convolution of the first graph feeds may be among its results all the same: as the zeros they are.
static void take_zero_results(struct pairing *p) {
    const struct ir_node *results = ir_return_of(p->first);
    struct frame_list f;
    for (int i = 0; i < results->input_count; i++) {
        frame_list_of(ir_in(results, i), &f);
        if (!p->first_taken[i] && f.count > 0 && frame_list_is_zero(&f)) p->first_taken[i] = true;
    }
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

// A first step that gives as many frames as later ones has one frame of the video, and it is the last.
static void keep_last_frame(struct pairing *p, int first_frames, int steady_frames) {
    const struct ir_type *t = &ir_in(ir_return_of(p->first), first_frames)->type;
    bool same = ir_type_equal(t, &ir_in(ir_return_of(p->steady), steady_frames)->type);
    if (p->one_file && same && has_several_frames(t)) p->steady->module->first_kept = 1;
}

static void note_first_frames(struct pairing *p) {
    const struct conv *example = NULL;
    int odd = 0;
    for (int i = 0; i < p->count; i++) {
        const struct conv *c = &p->convs[i];
        if (c->first == NULL || dim_is(c->first_x->type.dims[FRAME_AXIS], 1)) continue;
        if (odd++ == 0) example = c;
    }
    if (odd == 0) return;
    ir_note(
        p->steady->module,
        "warning: the first step feeds %d of %d caches with frames that the reference decoder does not have "
        "(node '%s' is given %lld, expected 1): the video differs from the reference decoder's, most in its "
        "first "
        "frames",
        odd, p->count, example->first->name, (long long)example->first_x->type.dims[FRAME_AXIS].first);
}

static void note_dropped(const struct conv *c, const struct ir_node *conv) {
    ir_note(conv->block->graph->module,
            "warning: cache '%s' keeps %lld of the %lld frames that the reference decoder keeps, and zeros "
            "for the "
            "others: node '%s' forgets what came before, in every step",
            c->cache_in->name, (long long)(conv_kernel_frames(conv) - 1 - c->dropped),
            (long long)(conv_kernel_frames(conv) - 1), conv->name);
}

// What the convolution reads is asked for again: another one that has been rewritten may compute it.
static struct ir_node *stream(struct ir_node *conv, struct ir_cache *cache) {
    struct frame_list read;
    frame_list_of_conv(conv, &read);
    return causal_conv_new(conv, frame_list_rest(&read, conv_kernel_frames(conv) - 1), cache);
}

// Everything is proven: declare the caches and rewrite both graphs.
static void rewrite(struct pairing *p, int latents, int first_frames, int steady_frames) {
    struct ir_module *m = p->steady->module;
    if (p->first != NULL) {
        keep_last_frame(p, first_frames, steady_frames);
        note_first_frames(p);
    }
    for (int i = 0; i < p->count; i++) {
        struct conv *c = &p->convs[i];
        c->cache = causal_cache_new(m, c->cache_in->type, conv_kernel_frames(c->node) - 1, c->node->name);
        c->cache->input = c->cache_in->name;
        c->cache->output = p->steady->result_names ? p->steady->result_names[c->result] : NULL;
        c->cache->first = c->first ? c->first->name : NULL;
        struct ir_node *conv = stream(c->node, c->cache);
        if (c->dropped > 0) {
            ir_attr_set_int(conv, IR_KEY_TAPS, conv_kernel_frames(conv) - c->dropped);
            note_dropped(c, conv);
        }
        if (c->first != NULL) stream(c->first, c->cache);
    }
    if (p->first != NULL) keep_result(p->first, first_frames);
    keep_result(p->steady, steady_frames);
    p->steady->inputs[0] = p->steady->inputs[latents];
    p->steady->input_count = 1;
}

static bool pair_first(struct pairing *p, int *frames) {
    if (p->first->input_count != 1)
        return error_set(
            p->err, ERROR_UNSUPPORTED,
            "first graph: it has %d inputs, expected the latents alone (is the first step given first?)",
            p->first->input_count);
    for (struct ir_node *n = p->first->body.head; n != NULL; n = n->next) {
        if (is_time_conv(n) && !match_first(p, n)) return false;
    }
    take_zero_results(p);
    return only_one_left(p, p->first, "outputs", ir_return_of(p->first)->input_count, p->first_taken, frames);
}

static bool pair(struct pairing *p, struct arena *scratch) {
    int first_frames = 0, steady_frames = 0, latents = 0, results = ir_return_of(p->steady)->input_count;
    p->steady_taken = arena_array(scratch, (size_t)results + 1, sizeof(bool));
    p->input_taken = arena_array(scratch, (size_t)p->steady->input_count + 1, sizeof(bool));
    if (p->first != NULL)
        p->first_taken = arena_array(scratch, (size_t)ir_return_of(p->first)->input_count + 1, sizeof(bool));
    if (!collect_steady(p, scratch)) return false;
    for (int i = 0; i < p->count; i++) {
        for (int k = 0; k < p->steady->input_count; k++) {
            if (p->steady->inputs[k] == p->convs[i].cache_in) p->input_taken[k] = true;
        }
    }
    if ((p->first != NULL && !pair_first(p, &first_frames)) ||
        !only_one_left(p, p->steady, "inputs", p->steady->input_count, p->input_taken, &latents) ||
        !only_one_left(p, p->steady, "outputs", results, p->steady_taken, &steady_frames))
        return false;
    if (p->one_file && p->first != NULL && first_frames != steady_frames)
        return error_set(p->err, ERROR_UNSUPPORTED,
                         "first graph: its frames are output %d, those of the steady graph are output %d",
                         first_frames, steady_frames);
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
    if (p.steady == NULL || m->caches != NULL) return true; // no step with caches, or done
    p.one_file = strcmp(m->form, "pair") != 0;
    bool ok = pair(&p, &scratch) && pass_eliminate_dead(m, progress, err);
    for (int i = 0; ok && i < p.count; i++) ok = check_unread(&p.convs[i], err);
    if (ok) ir_note(m, "%s: %d caches, proven from the data flow", m->form, p.count);
    arena_free(&scratch);
    if (ok) *progress = true;
    return ok;
}
