// The stream of a decoder as the passes have proven it: form, caches, and the frames of each stage.
#include "tools/wanc/inspect.h"

#include "passes/retarget.h"
#include "passes/roles.h"

#include <string.h>

static const char *type_text(struct arena *a, const struct ir_type *t) {
    struct strbuf text = {0};
    ir_type_print(t, &text);
    const char *copy = arena_strdup(a, strbuf_text(&text));
    strbuf_free(&text);
    return copy;
}

static struct ir_graph *later_or_only(struct ir_module *m) { // an image has no later step
    struct ir_graph *steady = ir_graph_find(m, "steady");
    return steady ? steady : ir_graph_find(m, "first");
}

// ---- caches

static const struct ir_node *conv_of(const struct ir_graph *g, const struct ir_cache *c) {
    for (const struct ir_node *n = g ? g->body.head : NULL; n != NULL; n = n->next) {
        if (n->op == IR_CAUSAL_CONV && ir_attr_cache(n) == c) return n;
    }
    return NULL;
}

static const char *copy_or_null(struct arena *a, const char *text) {
    return text ? arena_strdup(a, text) : NULL;
}

static void gather_caches(struct inspection *in, struct ir_module *m) {
    const struct ir_graph *first = ir_graph_find(m, "first"), *later = later_or_only(m);
    struct arena *a = &in->arena;
    in->caches = arena_array(a, (size_t)m->cache_count + 1, sizeof *in->caches);
    bool read = ir_graph_find(m, "steady") != NULL; // nobody reads those of an image
    for (const struct ir_cache *c = m->caches; read && c != NULL; c = c->next) {
        const struct ir_node *feeds = conv_of(later, c), *fills = conv_of(first, c);
        struct inspected_cache *out = &in->caches[in->cache_count++];
        out->shape = type_text(a, &c->type);
        out->conv = arena_strdup(a, feeds ? feeds->name : c->producer);
        out->input = copy_or_null(a, c->input);
        out->output = copy_or_null(a, c->output);
        out->first = fills ? arena_strdup(a, fills->name) : NULL;
    }
}

// ---- stages

static bool is_conv(const struct ir_node *n) {
    return (n->op == IR_CONV || n->op == IR_CAUSAL_CONV) && ir_out(n)->type.rank >= 4;
}

struct extent {
    int64_t frames, height, width;
};

static struct extent extent_of(const struct ir_node *conv) { // [1, C, T, H, W], or [T, C, H, W]
    const struct ir_type *t = &ir_out(conv)->type;
    return (struct extent){t->dims[t->rank == 5 ? 2 : 0].first, t->dims[t->rank - 2].first,
                           t->dims[t->rank - 1].first};
}

static struct inspected_stage *find_stage(struct inspection *in, struct extent e) {
    for (size_t i = 0; i < in->stage_count; i++) {
        if (in->stages[i].height == e.height && in->stages[i].width == e.width) return &in->stages[i];
    }
    return NULL;
}

static void gather_later(struct inspection *in, const struct ir_graph *g, bool caches) {
    size_t capacity = 0;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (!is_conv(n)) continue;
        struct extent e = extent_of(n);
        struct inspected_stage *s = find_stage(in, e);
        if (s == NULL) {
            in->stages = arena_grow(&in->arena, in->stages, in->stage_count, &capacity, sizeof *in->stages);
            s = &in->stages[in->stage_count++];
            *s = (struct inspected_stage){.height = e.height, .width = e.width, .steady = e.frames};
        }
        s->convs++;
        s->caches += caches && n->op == IR_CAUSAL_CONV;
    }
}

static void gather_first(struct inspection *in, const struct ir_graph *g) {
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        struct extent e = is_conv(n) ? extent_of(n) : (struct extent){0};
        struct inspected_stage *s = is_conv(n) ? find_stage(in, e) : NULL;
        if (s != NULL && s->first == 0) s->first = e.frames;
    }
}

static void gather_stages(struct inspection *in, struct ir_module *m) {
    struct ir_graph *first = ir_graph_find(m, "first"), *steady = ir_graph_find(m, "steady");
    if (later_or_only(m) != NULL) gather_later(in, later_or_only(m), steady != NULL);
    for (size_t i = 0; steady == NULL && i < in->stage_count; i++) in->stages[i].steady = 0;
    if (first != NULL) gather_first(in, first);
}

// ---- the form

static const char *title_of(struct inspection *in) {
    struct arena *a = &in->arena;
    if (in->steps > 0) return arena_printf(a, "unrolled, %d steps", in->steps);
    if (in->frames > 1)
        return arena_printf(a, "full, at a fixed number of %lld latent frames", (long long)in->frames);
    if (in->flag != NULL)
        return arena_printf(a, "flagged, the first step is '%s' = %d", in->flag, in->first_flag);
    if (strcmp(in->form, "image") == 0) return "image, one latent frame";
    return in->form;
}

static const char *prove_unrolled(struct inspection *in) {
    if (in->steps == 2)
        return arena_printf(&in->arena,
                            "step 1 has no other later step to compare it with; each of its %zu caches holds "
                            "the last frames that its convolution was given in step 0, and zeros before them",
                            in->cache_count);
    return arena_printf(
        &in->arena,
        "steps 1 to %d are one graph over the same weights; in every step each of the %zu caches holds the "
        "last frames that its convolution was given, and zeros before them",
        in->steps - 1, in->cache_count);
}

static const char *prove_full(struct inspection *in) {
    return arena_printf(
        &in->arena,
        "each of the %zu convolutions over time is padded with kernel - 1 zero frames in front and none "
        "behind, so that its last input frames are its cache; %s",
        in->cache_count,
        in->frames ? "every number in the graph that depends on the fixed length is explained by it"
                   : "all lengths follow as frames of the first and of a later step");
}

static const char *prove_step(struct inspection *in, bool first_as_is) {
    static const char steady[] =
        "each of the %zu cache inputs is read in front of new frames by one convolution, and "
        "exactly one output is the last frames of what that reads; %s";
    const char *first =
        "the convolutions of the first step are those of the same weights, and it returns the frames that "
        "they read last";
    if (strcmp(in->form, "flagged") == 0)
        first = "the first step is the value of the flag with fewer convolutions over time or fewer caches "
                "read, and it "
                "returns each cache at the same place";
    if (strcmp(in->form, "step") == 0)
        first = first_as_is ? "the first step is the step itself on caches of zeros"
                            : "the first step is not in the file, but made by the reference decoder's rule";
    return arena_printf(&in->arena, steady, in->cache_count, first);
}

static const char *proof_of(struct inspection *in, bool first_as_is) {
    if (in->steps > 0) return prove_unrolled(in);
    if (strcmp(in->form, "image") == 0)
        return "every convolution over time is given one frame, and pads time in front only: the whole model "
               "is a first "
               "step, and none follows";
    return strcmp(in->form, "full") == 0 ? prove_full(in) : prove_step(in, first_as_is);
}

// Where frames and channels of the latents are both fixed, the data flow tells which is which.
static void find_time(struct inspection *in, struct ir_module *m) {
    const struct ir_graph *g = later_or_only(m);
    int axis = g && g->input_count == 1 && g->inputs[0]->type.rank == 5 ? latents_time_axis(g) : -1;
    for (int i = 0; axis >= 0 && i < in->file_count; i++) in->files[i].time_axis = axis;
}

void inspect_stream(struct inspection *in, struct ir_module *m, bool first_as_is) {
    in->streams = true;
    in->steps = m->steps;
    in->frames = strcmp(in->form, "image") == 0 ? 1 : m->steps ? m->steps : m->frames;
    in->flag = copy_or_null(&in->arena, m->flag);
    in->first_flag = m->first_flag;
    in->first_kept = m->first_kept;
    gather_caches(in, m);
    gather_stages(in, m);
    find_time(in, m);
    const struct ir_graph *g = later_or_only(m);
    const struct ir_node *results = g ? ir_return_of(g) : NULL;
    if (results && results->input_count == 1)
        in->result_shape = type_text(&in->arena, &ir_in(results, 0)->type);
    in->title = title_of(in);
    in->proof = proof_of(in, first_as_is);
}

// ---- the result

// By the end of the pipeline a result comes from operators on frames, which tell its axes apart.
static int64_t frames_of(struct ir_module *m, const char *graph) {
    const struct ir_graph *g = ir_graph_find(m, graph);
    const struct ir_node *results = g ? ir_return_of(g) : NULL;
    enum role role[IR_MAX_RANK];
    uint32_t extents[4];
    if (results == NULL || results->input_count != 1 || !roles_of_value(ir_in(results, 0), role)) return 0;
    roles_extents(&ir_in(results, 0)->type, role, extents);
    return extents[ROLE_FRAMES];
}

void inspect_result(struct inspection *in, struct ir_module *m) {
    char text[48];
    in->result_first = frames_of(m, "first");
    in->result_steady = frames_of(m, "steady");
    int64_t kept = in->first_kept ? in->first_kept : in->result_first;
    struct ir_dim frames = {kept, in->result_steady};
    in->result_frames = arena_strdup(&in->arena, dim_format_affine(text, frames));
}
