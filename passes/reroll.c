// reroll: a decoder traced at a fixed number of latent frames becomes the one step that it repeats.
//
// Tracing `for i in range(T): out = cat([out, step(z[:, :, i:i+1], caches)])` writes the step T times. This pass finds
// the copies, proves that those behind the first are one and the same graph, and keeps two:
//
//     graph @full(%z: f32[1,8,3,4,6]) {                           graph @first(%z: f32[1,8,1,4,6]) {
//       %z0 = slice %z {axis=2, end=1}                              %y0 = causal_conv %z, @w {cache=@c0, ..}
//       %y0 = conv %z0, @w {pads=[2,1,1,0,1,1], ..}                 return %y0
//       %z1 = slice %z {axis=2, start=1, end=2}                   }
//       %c1 = concat %z0, %z1 {axis=2}                            graph @steady(%z: f32[1,8,1,4,6]) {
//       %y1 = conv %c1, @w {pads=[1,1,1,0,1,1], ..}         ->      %y2 = causal_conv %z, @w {cache=@c0, ..}
//       %z2 = slice %z {axis=2, start=2, end=3}                     return %y2
//       %c2 = concat %z0, %z1, %z2 {axis=2}                       }
//       %y2 = conv %c2, @w {pads=[0,1,1,0,1,1], ..}
//       %y = concat %y0, %y1, %y2 {axis=2}
//       return %y
//     }
//
// 1. Cut. What works on all frames alike before the loop (post_quant_conv, denormalisation) and behind it (clamp,
//    permutations, unpatchify) is pulled into the steps (passes/frame_part.h): z is then read in slices of one latent
//    frame, and the result is a concat of one part for each step.
// 2. Label each value with the last latent frame that it depends on. A part must carry the label of its step.
// 3. Match. Walking back from the parts of step i and step i - 1 at once, operators, attributes, weights and operands
//    must agree. The only way out of a step leads through a convolution over time: of the frames that it reads, the
//    last are new, all frames of one value of the step. This is done for every i >= 2, so that all steps but the first
//    are one graph.
// 4. Caches. The other frames that a convolution reads must be the last kernel - 1 of all new frames that it (its
//    partner in each earlier step, and in the first step the convolution of the same weights) has read so far, with
//    zeros before them. That is the rule of a cache which starts at zero, checked for every step of the file, the
//    second included.
// 5. Copy step 0 and the last step, with causal_conv for the convolutions over time.
//
// A file of two latent frames has no two later steps to compare: its one later step is checked by rule 4 alone.
// A graph that never reads z frame by frame is the whole-sequence form at a fixed length, and left to `retarget_latents`.
// What is not proven is an error that names the node.
#include "passes/causal_conv.h"
#include "passes/frame_list.h"
#include "passes/frame_part.h"
#include "passes/match.h"
#include "passes/pass.h"

enum { NO_LABEL = -1, MAX_STEPS = 400 };

struct stream { // one convolution over time: its partners in all steps
    struct ir_node **conv;
    struct ir_cache *cache;
};

struct roll {
    struct ir_graph *g;
    struct arena scratch;
    int axis, steps;           // time in the latents, and their length
    struct ir_value **parts;   // results of the steps
    int *label;                // by value->mark
    struct ir_value **partner; // of a value of step i: the one of step i - 1
    struct stream *streams;
    int stream_count;
    size_t capacity;
    struct error *err;
};

static bool refuse(struct roll *r, const struct ir_node *n, int step, const char *why) {
    return error_set(r->err, ERROR_UNSUPPORTED, "node '%s' (%s) in step %d of the unrolled graph: %s",
                     n->name, ir_info(n)->name, step, why);
}

// ---- 1. cut

// A window that happens to be all frames there are has lost its slices: they are made again, and joined.
static void cut_window(struct roll *r, struct ir_node *conv) {
    struct ir_value *z = r->g->inputs[0], *x = ir_in(conv, 0);
    int axis = FRAME_AXIS;
    int64_t frames = z->type.dims[r->axis].first;
    if (frame_source(x, &axis) != z || axis != r->axis || !dim_is(x->type.dims[FRAME_AXIS], frames) || x == z)
        return;
    struct ir_value **parts = arena_array(&r->g->module->arena, (size_t)frames, sizeof *parts);
    for (int64_t i = 0; i < frames; i++) parts[i] = frame_part(conv, x, FRAME_AXIS, i, i + 1);
    struct ir_node *join = ir_insert(conv, IR_CONCAT, (int)frames, parts);
    ir_attr_set_int(join, IR_KEY_AXIS, FRAME_AXIS);
    ir_infer_node(join, NULL);
    ir_node_set_input(conv, 0, ir_out(join));
}

// Pulls slices of latent frames up through what stands in front of the loop. False: z is not read frame by frame.
static bool cut_latents(struct roll *r) {
    struct ir_value *z = r->g->inputs[0];
    bool sliced = false;
    for (struct ir_node *n = r->g->body.head, *next; n != NULL; n = next) {
        next = n->next;
        if (n->op != IR_SLICE) continue;
        int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0), there = axis;
        int64_t start = ir_attr_int(n, IR_KEY_START, 0), end = ir_attr_int(n, IR_KEY_END, 0);
        if (end - start != 1 || frame_source(ir_in(n, 0), &there) != z) continue;
        if (r->axis >= 0 && there != r->axis) continue;
        if (!dim_is(ir_in(n, 0)->type.dims[axis], z->type.dims[there].first)) continue;
        r->axis = there;
        sliced = true;
        if (ir_in(n, 0) != z) ir_node_replace(n, frame_part(n, ir_in(n, 0), axis, start, end));
    }
    return sliced;
}

// ---- 2. labels

static void number_values(struct roll *r) {
    int64_t count = ir_number_values(r->g);
    r->label = arena_array(&r->scratch, (size_t)count, sizeof *r->label);
    r->partner = arena_array(&r->scratch, (size_t)count, sizeof *r->partner);
}

static int label_of(const struct roll *r, const struct ir_value *v) {
    return v == NULL || v->constant ? NO_LABEL : r->label[v->mark];
}

// The frames of the latents become inputs of their own, 1 .. T, behind the latents as a whole. What still reads several
// of them (a convolution whose window happens to be all there is) reads them joined.
static void split_latents(struct roll *r) {
    struct ir_module *m = r->g->module;
    struct ir_value *z = r->g->inputs[0], **frames = arena_array(&m->arena, (size_t)r->steps, sizeof *frames);
    struct ir_type t = z->type;
    t.dims[r->axis] = dim_const(1);
    for (int i = 0; i < r->steps; i++) frames[i] = ir_graph_add_input(r->g, ir_fresh_name(m, z->name), t);
    for (struct ir_node *n = r->g->body.head, *next; n != NULL; n = next) {
        next = n->next;
        bool slice = n->op == IR_SLICE && ir_in(n, 0) == z && ir_attr_int(n, IR_KEY_AXIS, 0) == r->axis;
        int64_t start = slice ? ir_attr_int(n, IR_KEY_START, 0) : 0;
        if (slice && dim_is(ir_out(n)->type.dims[r->axis], 1)) ir_node_replace(n, frames[start]);
    }
    struct ir_node *all = ir_node_new(&r->g->body, r->g->body.head, IR_CONCAT, z->name, r->steps, frames, 1);
    ir_attr_set_int(all, IR_KEY_AXIS, r->axis);
    ir_infer_node(all, NULL);
    ir_replace_uses(z, ir_out(all));
}

static void label_values(struct roll *r) {
    for (int i = 1; i < r->g->input_count; i++) r->label[i] = i - 1;
    for (struct ir_node *n = r->g->body.head; n != NULL; n = n->next) {
        int label = NO_LABEL;
        for (int i = 0; i < n->input_count; i++) {
            int l = label_of(r, ir_in(n, i));
            label = l > label ? l : label;
        }
        for (int i = 0; i < n->output_count; i++) r->label[n->outputs[i]->mark] = label;
    }
}

// ---- the result, as parts that are joined

struct join { // operands of a concat, and of those that are its first operand: concat(concat(a, b), c)
    struct ir_value **part;
    int count, axis;
};

static void collect_parts(struct roll *r, struct ir_node *concat, struct join *j) {
    struct ir_node *n;
    int all = 0;
    for (n = concat; n != NULL && ir_attr_int(n, IR_KEY_AXIS, -1) == j->axis;
         n = match_op(ir_in(n, 0), IR_CONCAT))
        all += n->input_count;
    j->part = arena_array(&r->scratch, (size_t)all + 1, sizeof *j->part);
    int at = j->count = all;
    for (n = concat; n != NULL && ir_attr_int(n, IR_KEY_AXIS, -1) == j->axis;
         n = match_op(ir_in(n, 0), IR_CONCAT)) {
        at += at < j->count; // what the one before has as its first operand is replaced by these
        for (int i = n->input_count - 1; i >= 0; i--) j->part[--at] = ir_in(n, i);
    }
    j->part += at;
    j->count -= at;
}

// The frames that a step gives: parts with its label, from *next on.
static int64_t frames_of_step(const struct roll *r, const struct join *j, int step, int *next) {
    int64_t frames = 0;
    while (*next < j->count && label_of(r, j->part[*next]) == step)
        frames += j->part[(*next)++]->type.dims[j->axis].first;
    return frames;
}

// The axis of the result along which steps are joined: the one whose slices come to a concat of later and later labels.
// Not the last two: steps side by side are one picture, and what a stream gives are pictures.
static bool find_join(struct roll *r, struct ir_value *result, int *axis, struct join *j) {
    for (*axis = 0; *axis < result->type.rank - 2; (*axis)++) {
        j->axis = *axis;
        struct ir_node *concat = match_op(frame_source(result, &j->axis), IR_CONCAT);
        if (concat == NULL || ir_attr_int(concat, IR_KEY_AXIS, -1) != j->axis) continue;
        collect_parts(r, concat, j);
        if (label_of(r, j->part[0]) == 0 && label_of(r, j->part[j->count - 1]) == r->steps - 1) return true;
    }
    return false;
}

// Replaces the result by one for each step.
static bool cut_result(struct roll *r) {
    struct ir_node *ret = ir_return_of(r->g);
    if (ret->input_count != 1) return refuse(r, ret, 0, "more than one result");
    struct ir_value *result = ir_in(ret, 0);
    struct join j = {0};
    int axis, next = 0;
    if (!find_join(r, result, &axis, &j))
        return refuse(r, ret, 0, "the result is not joined from one part for each latent frame");
    int64_t total = 0, length = result->type.dims[axis].first, at = 0;
    for (int i = 0; i < j.count; i++) total += j.part[i]->type.dims[j.axis].first;
    if (total < 1 || length % total != 0) return refuse(r, ret, 0, "the result does not keep its frames");
    int64_t unit = length / total;
    ir_node_drop_input(ret, 0);
    for (int step = 0; step < r->steps; step++) {
        int64_t frames = frames_of_step(r, &j, step, &next);
        if (frames == 0) return refuse(r, ret, step, "the step gives no frames, or not in its turn");
        ir_node_add_input(ret, frame_part(ret, result, axis, at * unit, (at + frames) * unit));
        at += frames;
    }
    return next == j.count || refuse(r, ret, r->steps - 1, "frames follow those of the last step");
}

// ---- 3. match

struct pair {
    struct ir_value *a, *b; // of one step and the step before
};
struct work {
    struct pair *list;
    size_t count, capacity;
};

static void push(struct roll *r, struct work *w, struct ir_value *a, struct ir_value *b) {
    w->list = arena_grow(&r->scratch, w->list, w->count, &w->capacity, sizeof *w->list);
    w->list[w->count++] = (struct pair){a, b};
}

// The value whose frames, all of them, are the last that a convolution over time reads: what is new in this step.
static struct ir_value *new_frames(struct roll *r, struct ir_node *conv, int step) {
    struct frame_list f;
    frame_list_of_conv(conv, &f);
    struct ir_value *x = frame_list_rest(&f, conv_kernel_frames(conv) - 1);
    if (x != NULL && label_of(r, x) == step) return x;
    refuse(r, conv, step, "it does not read kernel - 1 earlier frames and then the new ones of this step");
    return NULL;
}

static bool same_attrs(const struct ir_node *a, const struct ir_node *b) {
    const struct ir_attr *x = a->attrs, *y = b->attrs;
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        bool pads = x->key == IR_KEY_PADS && y->key == IR_KEY_PADS && is_time_conv(a) && x->count == y->count;
        for (int i = 0; pads && i < x->count; i++)
            pads = i == 0 || x->ints[i] == y->ints[i]; // but the zeros in front
        if (!pads && !match_attr_equal(x, y)) return false;
    }
    return x == NULL && y == NULL;
}

static bool match_conv(struct roll *r, struct work *w, struct ir_node *a, struct ir_node *b, int step) {
    struct ir_value *x = new_frames(r, a, step), *y = x ? new_frames(r, b, step - 1) : NULL;
    if (y == NULL) return false;
    if (ir_in(a, 1) != ir_in(b, 1) || ir_in(a, 2) != ir_in(b, 2))
        return refuse(r, a, step, "its weights are not those of the step before");
    push(r, w, x, y);
    return true;
}

static bool match_operands(struct roll *r, struct work *w, struct ir_node *a, struct ir_node *b, int step) {
    if (is_time_conv(a)) return match_conv(r, w, a, b, step);
    for (int i = 0; i < a->input_count; i++) {
        struct ir_value *x = ir_in(a, i), *y = ir_in(b, i);
        if (x == y && (x == NULL || x->constant)) continue;
        if (x == NULL || y == NULL || x->constant || y->constant)
            return refuse(r, a, step, "a constant of it is not that of the step before");
        if (label_of(r, x) != step || label_of(r, y) != step - 1)
            return refuse(r, a, step, "it reads frames of an earlier step, but is no convolution over time");
        push(r, w, x, y);
    }
    return true;
}

static bool match_pair(struct roll *r, struct work *w, struct ir_value *a, struct ir_value *b, int step) {
    struct ir_node *x = a->def, *y = b->def;
    struct ir_value **partner = &r->partner[a->mark];
    if (x == NULL && y == NULL) return true; // latents, of the right steps by their labels
    if (*partner != NULL)
        return *partner == b || refuse(r, x, step, "it stands for two values of the step before");
    *partner = b;
    if (x == NULL || y == NULL || x->op != y->op || x->input_count != y->input_count ||
        !ir_type_equal(&a->type, &b->type))
        return refuse(r, x ? x : y, step, "the step before has another operator here");
    if (!same_attrs(x, y)) return refuse(r, x, step, "its attributes are not those of the step before");
    return match_operands(r, w, x, y, step);
}

static bool match_steps(struct roll *r) {
    struct work w = {0};
    for (int step = r->steps - 1; step >= 2; step--) {
        push(r, &w, r->parts[step], r->parts[step - 1]);
        while (w.count > 0) {
            struct pair p = w.list[--w.count];
            if (!match_pair(r, &w, p.a, p.b, step)) return false;
        }
    }
    return true;
}

// ---- 4. caches

// Marks the nodes of a step: those that its part needs, without what the caches bring.
static bool mark_step(struct roll *r, int step) {
    for (struct ir_node *n = r->g->body.head; n != NULL; n = n->next) n->mark = 0;
    if (r->parts[step]->def != NULL) r->parts[step]->def->mark = 1;
    for (struct ir_node *n = r->g->body.tail; n != NULL; n = n->prev) {
        if (n->mark == 0) continue;
        bool conv = is_time_conv(n);
        struct ir_value *x = conv ? new_frames(r, n, step) : NULL;
        if (conv && x == NULL) return false;
        for (int i = 0; i < n->input_count; i++) {
            struct ir_value *v = conv && i == 0 ? x : ir_in(n, i);
            if (v == NULL || v->constant) continue;
            if (label_of(r, v) != step)
                return refuse(r, n, step, "it reads frames of other steps, but is no convolution over time");
            if (v->def != NULL) v->def->mark = 1;
        }
    }
    return true;
}

static void add_stream(struct roll *r, struct ir_node *last) {
    r->streams =
        arena_grow(&r->scratch, r->streams, (size_t)r->stream_count, &r->capacity, sizeof *r->streams);
    struct stream *s = &r->streams[r->stream_count++];
    *s = (struct stream){.conv = arena_array(&r->scratch, (size_t)r->steps, sizeof(struct ir_node *))};
    s->conv[r->steps - 1] = last;
    for (int step = r->steps - 1; step >= 2; step--)
        s->conv[step - 1] = r->partner[ir_out(s->conv[step])->mark]->def;
}

static bool pair_with_first(struct roll *r, struct ir_node *n) {
    struct stream *found = NULL;
    for (int i = 0; i < r->stream_count; i++) {
        const struct ir_node *c = r->streams[i].conv[r->steps - 1];
        if (ir_in(c, 1) != ir_in(n, 1) || ir_in(c, 2) != ir_in(n, 2)) continue;
        if (found != NULL || r->streams[i].conv[0] != NULL)
            return refuse(r, n, 0, "its weights are used by several convolutions");
        found = &r->streams[i];
    }
    if (found == NULL) return refuse(r, n, 0, "no convolution of later steps has its weights");
    found->conv[0] = n;
    return true;
}

static bool collect_streams(struct roll *r) {
    if (!mark_step(r, r->steps - 1)) return false;
    for (struct ir_node *n = r->g->body.head; n != NULL; n = n->next) {
        if (n->mark && is_time_conv(n)) add_stream(r, n);
    }
    if (!mark_step(r, 0)) return false;
    for (struct ir_node *n = r->g->body.head; n != NULL; n = n->next) {
        if (n->mark && is_time_conv(n) && !pair_with_first(r, n)) return false;
    }
    return true;
}

// The frames before the new ones, in each step, are the last of those that were new before.
static bool check_cache(struct roll *r, const struct stream *s) {
    int64_t kept = conv_kernel_frames(s->conv[r->steps - 1]) - 1;
    struct frame_list cache = {0}, read, fresh;
    frame_list_pad(&cache, kept);
    for (int step = 0; step < r->steps; step++) {
        struct ir_node *n = s->conv[step];
        if (n == NULL) continue; // not in the first step: its cache stays zero
        frame_list_of_conv(n, &read);
        fresh = read;
        read.count = (int)kept;
        if (!frame_list_equal(&read, &cache))
            return refuse(r, n, step, "the earlier frames that it reads are not the last ones it was given");
        frame_list_keep_last(&fresh, kept);
        cache = fresh;
    }
    return true;
}

// ---- 5. copy

static struct stream *stream_of(struct roll *r, const struct ir_node *conv, int step) {
    int i = 0;
    while (r->streams[i].conv[step] != conv) i++;
    return &r->streams[i];
}

static void copy_conv(struct roll *r, struct ir_node *n, int step, struct ir_graph *to) {
    struct ir_value *x = new_frames(r, n, step)->map, *read = ir_in(n, 0), *map = read->map;
    struct stream *s = stream_of(r, n, step);
    if (s->cache == NULL)
        s->cache = causal_cache_new(to->module, x->type, conv_kernel_frames(n) - 1, n->name);
    if (step == 0) s->cache->first = n->name;
    read->map = x;
    struct ir_node *conv = causal_conv_new(ir_node_clone(n, &to->body), x, s->cache);
    read->map = map;
    ir_out(n)->map = ir_out(conv);
}

static struct ir_graph *copy_step(struct roll *r, int step, const char *name) {
    mark_step(r, step); // cannot fail: collect_streams has been through both steps that are copied
    struct ir_graph *g = ir_graph_new(r->g->module, name);
    struct ir_value *frame = r->g->inputs[1 + step];
    frame->map = ir_graph_add_input(g, r->g->inputs[0]->name, frame->type);
    for (struct ir_node *n = r->g->body.head; n != NULL; n = n->next) {
        if (!n->mark) continue;
        if (is_time_conv(n)) copy_conv(r, n, step, g);
        else ir_node_clone(n, &g->body);
    }
    struct ir_value *result = r->parts[step]->map;
    ir_node_new(&g->body, NULL, IR_RETURN, "", 1, &result, 0);
    return g;
}

// The last step first: caches are declared in the order of its convolutions, all of which it has.
static void copy_steps(struct roll *r) {
    struct ir_graph *steady = copy_step(r, r->steps - 1, "steady"), *first = copy_step(r, 0, "first");
    ir_graph_remove(r->g);
    ir_set_steps(r->g->module, first, steady);
}

// ---- the pass

static bool prove(struct roll *r, bool *found) {
    bool progress = false;
    struct error *err = r->err;
    struct ir_module *m = r->g->module;
    *found = cut_latents(r);
    if (!*found) return true;
    int64_t steps = r->g->inputs[0]->type.dims[r->axis].first;
    if (steps < 2 || steps > MAX_STEPS)
        return error_set(err, ERROR_UNSUPPORTED, "the unrolled graph has %lld steps, expected 2 to %d",
                         (long long)steps, MAX_STEPS);
    r->steps = (int)steps;
    for (struct ir_node *n = r->g->body.head; n != NULL; n = n->next) {
        if (is_time_conv(n)) cut_window(r, n);
    }
    if (!pass_eliminate_common(m, &progress, err) || !pass_eliminate_dead(m, &progress, err)) return false;
    split_latents(r);
    number_values(r);
    label_values(r);
    if (!cut_result(r) || !pass_fold_rearranges(m, &progress, err) || !pass_simplify(m, &progress, err) ||
        !pass_eliminate_common(m, &progress, err) || !pass_eliminate_dead(m, &progress, err) ||
        !pass_share_constants(m, &progress, err))
        return false;
    number_values(r); // what was cut has new nodes
    label_values(r);
    r->parts = arena_array(&r->scratch, (size_t)r->steps, sizeof *r->parts);
    for (int i = 0; i < r->steps; i++) r->parts[i] = ir_in(ir_return_of(r->g), i);
    if (!match_steps(r) || !collect_streams(r)) return false;
    for (int i = 0; i < r->stream_count; i++) {
        if (!check_cache(r, &r->streams[i])) return false;
    }
    return true;
}

bool pass_reroll(struct ir_module *m, bool *progress, struct error *err) {
    struct ir_graph *full = ir_graph_find(m, "full");
    if (full == NULL || full->input_count != 1 || full->inputs[0]->type.time_axis >= 0) return true;
    struct roll r = {.g = full, .axis = -1, .err = err};
    bool found = false, ok = prove(&r, &found);
    if (ok && found) {
        copy_steps(&r);
        m->form = "unrolled";
        m->steps = r.steps;
        ir_note(m,
                r.steps > 2 ? "unrolled: %d steps, all but the first the same; %d caches proven in every step"
                            : "unrolled: %d steps; %d caches proven in the second",
                r.steps, r.stream_count);
        *progress = true;
    }
    arena_free(&r.scratch);
    return ok;
}
