// fuse_conv: a convolution that works on blocks of the image does on the way what stands around it: the norm in front of
// it, the reading and writing of its cache, and the addition behind it. Whole tensors between them are never written.
//
//     %n = frame_norm %x, @gamma {silu=1, ..}
//     %v = window %n {cache=@c0}                                    # a copy of the cache, and of %n
//     %c = frame_conv %v, @w, @b {algorithm="winograd4", ..}
//     cache_push %v {cache=@c0}                                     # and one back
//     %y = add %c, %shortcut
// ->  %y = stream_conv %x, @w, @b, @gamma, %shortcut {algorithm="winograd4", cache=@c0, prologue="norm_silu", ..}
//
// The direct algorithm needs the window as a tensor: its convolutions stay as they are. A cache that a stream_conv keeps
// lies otherwise in memory than one that is copied (struct plan_conv: history), so that both graphs must agree about each
// cache. A first step that only pushes its frames does so in the new place (emit_ops.c); anything else that a graph does
// with a cache leaves it as it is. So does a later step that renews a part of the cache only, and frames that lie in
// memory otherwise than an image does, as the columns of a wider one.
#include "passes/match.h"
#include "passes/pass.h"
#include "passes/storage.h"
#include "passes/stream.h"

// What a convolution reads, and the nodes that keep it.
struct reading {
    struct ir_node *conv, *slice, *window, *push; // NULL: there is none
    struct ir_value *x; // the new frames, as they come to the convolution or its window
};

static bool works_on_blocks(const struct ir_node *conv) {
    return ir_attr_find(conv, IR_KEY_ALGORITHM) != NULL;
}

// ---- caches

static struct ir_node *push_of(const struct ir_value *v, int64_t frames) {
    struct ir_node *push = NULL;
    for (struct ir_use *u = v->uses; u != NULL; u = u->next) {
        if (u->user->op != IR_CACHE_PUSH) continue;
        if (push != NULL) return NULL; // into two caches
        push = u->user;
    }
    return push != NULL && dim_is(ir_attr_cache(push)->type.dims[0], frames) ? push : NULL;
}

// The last `taps` frames and all later ones, or all.
static struct ir_node *window_behind(struct ir_value *v, struct ir_node **slice) {
    *slice = match_op(v, IR_SLICE);
    if (*slice == NULL) return match_op(v, IR_WINDOW);
    struct ir_node *w = match_op(ir_in(*slice, 0), IR_WINDOW);
    bool last = w != NULL && ir_attr_int(*slice, IR_KEY_AXIS, 0) == 0 &&
                ir_attr_int(*slice, IR_KEY_END, 0) == ir_out(w)->type.dims[0].first;
    return last && ir_use_count(v) == 1 ? w : NULL;
}

static int64_t taps_of(const struct ir_node *conv) { return ir_attr_int(conv, IR_KEY_TAPS, 1); }

static struct reading plain_reading(struct ir_node *conv) {
    return (struct reading){.conv = conv, .x = ir_in(conv, 0)};
}

// A window has two readers: the convolution (or its slice), and the push into the cache that it comes from. Of old
// frames the convolution reads as many as its taps ask for.
static struct reading reading_of(struct ir_node *conv) {
    struct reading r = plain_reading(conv);
    int64_t kept = ir_in(conv, 1)->type.dims[2].first - 1, frames = r.x->type.dims[0].first;
    r.window = window_behind(r.x, &r.slice);
    if (r.window != NULL) {
        struct ir_value *window = ir_out(r.window);
        r.push = push_of(window, kept);
        if (r.push == NULL || ir_use_count(window) != 2 || ir_attr_cache(r.push) != ir_attr_cache(r.window))
            return plain_reading(conv);
        r.x = ir_in(r.window, 0);
    } else {
        r.slice = NULL;
        r.push = kept > 0 ? push_of(r.x, kept) : NULL;
    }
    return frames - r.x->type.dims[0].first == taps_of(conv) - 1 ? r : plain_reading(conv);
}

// The nodes of a graph that name a cache.
struct usage {
    struct ir_node *window, *push;
    int count;
};

static struct usage usage_of(const struct ir_graph *g, const struct ir_cache *c) {
    struct usage u = {0};
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (ir_attr_find(n, IR_KEY_CACHE) == NULL || ir_attr_cache(n) != c) continue;
        u.count++;
        if (n->op == IR_WINDOW) u.window = n;
        if (n->op == IR_CACHE_PUSH) u.push = n;
    }
    return u;
}

// Finds the convolution on blocks that is all that works with the cache.
static bool find_owner(const struct ir_graph *g, const struct usage *u, struct reading *r) {
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (n->op != IR_FRAME_CONV || !works_on_blocks(n)) continue;
        *r = reading_of(n);
        if (r->push != NULL && r->push == u->push && r->window == u->window)
            return u->count == (u->window != NULL ? 2 : 1) && storage_is_image(r->x);
    }
    return false;
}

// Whether all frames of the cache are new ones, or such as the convolution reads anyway.
static bool renews_all(const struct reading *r) {
    return r->x->type.dims[0].first + taps_of(r->conv) >= ir_in(r->conv, 1)->type.dims[2].first;
}

// Whether stream_convs can keep a cache: that of every later step does, and the first step can do with it.
static bool can_stream(const struct ir_module *m, const struct ir_cache *c) {
    struct ir_graph *first = ir_graph_find(m, "first"), *steady = ir_graph_find(m, "steady");
    struct reading r;
    if (first == NULL || steady == NULL) return false;
    struct usage in_first = usage_of(first, c), in_steady = usage_of(steady, c);
    if (!find_owner(steady, &in_steady, &r) || !renews_all(&r)) return false;
    bool only_pushes = in_first.count == 1 && in_first.push != NULL;
    return in_first.count == 0 || only_pushes || find_owner(first, &in_first, &r);
}

// ---- norm and addition

// The norm in front of a convolution, when nobody else reads it.
static struct ir_node *norm_of(const struct reading *r, bool streams) {
    struct ir_node *norm = match_op(r->x, IR_FRAME_NORM);
    int readers = 1 + (streams && r->window == NULL && r->push != NULL);
    return norm != NULL && ir_use_count(r->x) == readers && storage_is_image(ir_in(norm, 0)) ? norm : NULL;
}

static struct ir_value *other_operand(const struct ir_node *add, const struct ir_value *v) {
    return ir_in(add, ir_in(add, 0) == v ? 1 : 0);
}

// The addition behind a convolution, if its kernel can do it.
static struct ir_node *addition_of(const struct ir_node *conv) {
    struct ir_node *add = ir_only_user(ir_out(conv));
    if (add == NULL || add->op != IR_ADD || ir_attr_find(conv, IR_KEY_MIN) || ir_attr_find(conv, IR_KEY_MAX))
        return NULL;
    const struct ir_value *other = other_operand(add, ir_out(conv));
    bool fits = other != ir_out(conv) && other->constant == NULL &&
                ir_type_equal(&other->type, &ir_out(conv)->type) && storage_is_image(other);
    return fits ? add : NULL;
}

// ---- the rewriting

static void set_prologue(struct ir_node *n, const struct ir_node *norm) {
    ir_attr_set_string(n, IR_KEY_PROLOGUE, ir_attr_int(norm, IR_KEY_SILU, 0) ? "norm_silu" : "norm");
    ir_attr_set_float(n, IR_KEY_EPSILON, ir_attr_float(norm, IR_KEY_EPSILON, 0));
    ir_attr_set_float(n, IR_KEY_SCALE, ir_attr_float(norm, IR_KEY_SCALE, 1));
}

// The new node stands where the last of those that it replaces does.
static struct ir_node *stream_conv(const struct reading *r, struct ir_node *norm, struct ir_node *add) {
    struct ir_node *conv = r->conv;
    struct ir_value *in[STREAM_INPUTS] = {[STREAM_X] = norm ? ir_in(norm, 0) : r->x,
                                          [STREAM_WEIGHT] = ir_in(conv, 1),
                                          [STREAM_BIAS] = ir_in(conv, 2),
                                          [STREAM_GAMMA] = norm ? ir_in(norm, 1) : NULL,
                                          [STREAM_RESIDUAL] = add ? other_operand(add, ir_out(conv)) : NULL};
    int count = STREAM_INPUTS;
    while (in[count - 1] == NULL) count--;
    struct ir_node *n = ir_insert(add ? add : conv, IR_STREAM_CONV, count, in);
    n->name = conv->name;
    ir_take_name(ir_out(n), ir_out(add ? add : conv), NULL);
    ir_attr_copy_all(n, conv);
    return n;
}

static void remove_replaced(const struct reading *r, struct ir_node *norm, bool streams) {
    ir_node_remove(r->conv);
    if (streams && r->push != NULL) ir_node_remove(r->push);
    if (r->slice != NULL) ir_node_remove(r->slice);
    if (r->window != NULL) ir_node_remove(r->window);
    if (norm != NULL) ir_node_remove(norm);
}

static bool fuse(struct ir_node *conv, const bool *streamed, bool *progress, struct error *err) {
    struct reading r = reading_of(conv);
    bool streams = r.push != NULL && streamed[ir_attr_cache(r.push)->index];
    if (r.window != NULL && !streams) r = plain_reading(conv); // of a window in memory
    struct ir_node *norm = norm_of(&r, streams), *add = addition_of(conv);
    if (!streams && norm == NULL && add == NULL) return true;
    struct ir_node *n = stream_conv(&r, norm, add);
    if (streams) ir_attr_set_cache(n, ir_attr_cache(r.push));
    if (norm != NULL) set_prologue(n, norm);
    if (!ir_infer_node(n, err)) return false;
    if (add != NULL) ir_node_replace(add, ir_out(n));
    else ir_replace_uses(ir_out(conv), ir_out(n));
    remove_replaced(&r, norm, streams);
    *progress = true;
    return true;
}

static int convs_on_blocks(const struct ir_graph *g, struct ir_node **convs) {
    int count = 0;
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (n->op != IR_FRAME_CONV || !works_on_blocks(n)) continue;
        if (convs != NULL) convs[count] = n;
        count++;
    }
    return count;
}

// From the last to the first: of two convolutions that are added, the later one has the addition.
static bool fuse_graph(struct ir_graph *g, const bool *streamed, struct arena *scratch, bool *progress,
                       struct error *err) {
    int count = convs_on_blocks(g, NULL);
    struct ir_node **convs = arena_array(scratch, (size_t)count + 1, sizeof(struct ir_node *));
    convs_on_blocks(g, convs);
    while (count > 0) {
        if (!fuse(convs[--count], streamed, progress, err)) return false;
    }
    return true;
}

bool pass_fuse_conv(struct ir_module *m, bool *progress, struct error *err) {
    struct arena scratch = {0};
    bool *streamed = arena_array(&scratch, (size_t)m->cache_count + 1, sizeof *streamed), ok = true;
    for (struct ir_cache *c = m->caches; c != NULL; c = c->next) streamed[c->index] = can_stream(m, c);
    for (struct ir_graph *g = m->graphs; g != NULL && ok; g = g->next)
        ok = fuse_graph(g, streamed, &scratch, progress, err);
    arena_free(&scratch);
    return ok;
}
