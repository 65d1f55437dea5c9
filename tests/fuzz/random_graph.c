// Random decoders (graph_text.h), each computed by the reference in double precision and by plans: one whose convolutions are
// direct and whose optimising passes are all off, one with all of them, one with all but one, one with one alone, and one whose
// caches have 16 bits. The frames must be the same but for rounding.
//
//     random_graph SEED COUNT            COUNT graphs, from SEED on; prints what is wrong, and how many of them were compiled
//     random_graph --print SEED          the text of one
//     random_graph --plan SEED FILE      its plan
#include "fuzz.h"
#include "graph_text.h"
#include "passes/conv_choice.h"
#include "passes/emit.h"
#include "passes/pass.h"
#include "reference/ir_eval.h"
#include "wan/wan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LATENTS = 4 };

// Of frames whose numbers are about 1. Winograd's algorithms round more.
static const double DIRECT_TOLERANCE = 2e-5, TOLERANCE = 5e-4, HALF_TOLERANCE = 2e-2;

// Those that only make a plan better: what they leave undone has a kernel as well.
static const char *const optimising[] = {
    "share_constants", "simplify",         "fold_rearranges", "merge_slices", "recognise_silu",
    "drop_dead_taps",  "eliminate_common", "eliminate_dead",  "fuse_silu",    "fuse_clamp",
    "fuse_interleave", "fuse_upsample",    "fuse_conv",       "schedule",     "choose_bands",
};
enum { OPTIMISING = sizeof optimising / sizeof *optimising };

struct graph {
    uint64_t seed;
    struct strbuf text;
    int latents;          // frames
    float *input;         // [latents][channels][height][width]
    double *expected;     // [channels][frames][height][width]
    int64_t dims[5];      // of what is expected
    double scale;         // of it: the largest number, at least 1
    size_t latent_floats; // of a frame
};

static double number(uint64_t *state) { return (double)fuzz_random(state) / 4294967296.0 - 0.5; }

// ---- a module

// Weights are small enough for sums to stay about 1; they depend on their name and the seed alone.
static void fill_constant(struct ir_module *m, struct ir_value *v, uint64_t seed) {
    int64_t count, fan = 1;
    uint64_t state =
        (seed + 1) * 0x2545f4914f6cdd1du ^ strtoull(v->name + 1, NULL, 10) * 0x9e3779b97f4a7c15u ^ 1;
    ir_type_count(&v->type, &count);
    for (int i = 1; i < v->type.rank; i++) fan *= v->type.dims[i].first;
    float *data = arena_array(&m->arena, (size_t)count, sizeof *data);
    for (int i = 0; i < 4; i++) fuzz_random(&state);
    for (int64_t i = 0; i < count; i++) data[i] = (float)(number(&state) * 3.4 / sqrt((double)fan));
    v->constant->data = data;
    v->constant->stored = IR_F32;
    v->constant->count = (size_t)count;
}

static struct ir_module *parse(const struct graph *g, struct error *err) {
    struct ir_module *m = ir_parse(strbuf_text(&g->text), "random", NULL, err);
    FUZZ_EXPECT(m != NULL, "seed %d: %s\n%s", (int)g->seed, err->message, strbuf_text(&g->text));
    for (struct ir_value *v = m->constants; v != NULL; v = v->next) fill_constant(m, v, g->seed);
    return m;
}

// ---- what is expected

// The latents of a video, [1, channels, frames, height, width], and the same frame by frame.
static struct ir_tensor make_latents(struct graph *g, struct arena *a, const struct ir_type *t) {
    int64_t dims[5];
    uint64_t state = (g->seed + 7) * 0x9e3779b97f4a7c15u | 1;
    for (int i = 0; i < 5; i++) dims[i] = t->dims[i].first;
    dims[2] = g->latents;
    struct ir_tensor x = ir_tensor_new(a, 5, dims);
    size_t plane = (size_t)(dims[3] * dims[4]), channels = (size_t)dims[1], frames = (size_t)g->latents;
    g->latent_floats = channels * plane;
    g->input = malloc(x.count * sizeof *g->input);
    for (size_t i = 0; i < x.count; i++) {
        size_t c = i / plane / frames, f = i / plane % frames;
        g->input[(f * channels + c) * plane + i % plane] = (float)number(&state) * 2;
        x.data[i] = g->input[(f * channels + c) * plane + i % plane];
    }
    return x;
}

static void expect(struct graph *g) {
    struct error err = {0};
    struct ir_eval e;
    struct ir_tensor y;
    struct arena a = {0};
    struct ir_module *m = parse(g, &err);
    const struct ir_graph *full = ir_graph_find(m, "full");
    struct ir_tensor x = make_latents(g, &a, &full->inputs[0]->type);
    ir_eval_start(&e, m, g->latents);
    FUZZ_EXPECT(ir_eval_run(&e, full, &x, &y, &err), "seed %d: the reference: %s", (int)g->seed, err.message);
    memcpy(g->dims, y.dims, sizeof g->dims);
    g->expected = malloc(y.count * sizeof *g->expected);
    memcpy(g->expected, y.data, y.count * sizeof *g->expected);
    g->scale = 1;
    for (size_t i = 0; i < y.count; i++) g->scale = fmax(g->scale, fabs(y.data[i]));
    ir_eval_end(&e);
    arena_free(&a);
    ir_module_free(m);
}

// ---- plans

struct way {
    const char *name, *conv;
    char skip[512]; // passes
    double tolerance;
    enum ir_bands bands;
    enum ir_dtype cache; // of its numbers
};

static bool compile(const struct graph *g, const struct way *way, struct plan *plan, struct error *err) {
    struct ir_module *m = parse(g, err);
    const struct pass_options options = {.skip = way->skip, .verify_each = true};
    m->bands = way->bands;
    m->cache_dtype = way->cache;
    m->choice = conv_choice_new(&m->arena, &(struct conv_choice_options){.conv = way->conv});
    bool ok = pass_run_all(&m, &options, err) && emit_plan_open(&m, 1, NULL, plan, err);
    ir_module_free(m);
    return ok;
}

// What is wrong, and of which graph; the run goes on with the next one.
static int failures;

#define WRONG(g, way, ...)                                                                                   \
    (complain(g, way), printf(__VA_ARGS__), printf("\n%s\n", strbuf_text(&(g)->text)), false)

static void complain(const struct graph *g, const struct way *way) {
    failures++;
    printf("seed %d, %s (without: %s): ", (int)g->seed, way->name, way->skip);
}

static bool compare_frame(const struct graph *g, const struct way *way, int64_t frame, const float *found) {
    size_t plane = (size_t)(g->dims[3] * g->dims[4]);
    if (frame >= g->dims[2]) return WRONG(g, way, "more than %d frames", (int)g->dims[2]);
    for (size_t i = 0; i < (size_t)g->dims[1] * plane; i++) {
        double want = g->expected[(i / plane * (size_t)g->dims[2] + (size_t)frame) * plane + i % plane];
        if (fabs(found[i] - want) <= way->tolerance * g->scale) continue;
        return WRONG(g, way, "frame %d, number %d: expected %.9g, found %.9g", (int)frame, (int)i, want,
                     (double)found[i]);
    }
    return true;
}

static bool run_session(const struct graph *g, const struct way *way, struct wan_session *s) {
    struct wan_error error;
    int64_t frames = 0;
    for (int t = 0; t < g->latents; t++) {
        if (wan_session_send(s, g->input + (size_t)t * g->latent_floats, &error) != WAN_OK)
            return WRONG(g, way, "%s", error.message);
        for (const float *frame; (frame = wan_session_receive(s)) != NULL;) {
            if (!compare_frame(g, way, frames++, frame)) return false;
        }
    }
    return frames == g->dims[2] || WRONG(g, way, "%d frames, expected %d", (int)frames, (int)g->dims[2]);
}

static void decode(const struct graph *g, const struct way *way, const struct plan *made) {
    struct wan_error error;
    const struct wan_session_params params = {.size = sizeof params, .threads = g->seed % 16 == 0 ? 3 : 1};
    struct wan_plan *plan = wan_plan_open_memory(made->map.data, made->map.size, NULL, &error);
    struct wan_session *s = plan != NULL ? wan_session_new(plan, &params, &error) : NULL;
    if (s == NULL) (void)WRONG(g, way, "%s", error.message);
    else run_session(g, way, s);
    wan_session_free(s);
    wan_plan_close(plan);
}

// False: refused, as something that is not supported.
static bool run_way(const struct graph *g, const struct way *way) {
    struct error err = {0};
    struct plan plan;
    if (compile(g, way, &plan, &err)) {
        decode(g, way, &plan);
        plan_close(&plan);
        return true;
    }
    if (err.code != ERROR_UNSUPPORTED) return WRONG(g, way, "%s", err.message);
    if (getenv("RANDOM_GRAPH_REASONS") != NULL)
        printf("seed %d, %s: %s\n", (int)g->seed, way->name, err.message);
    return false;
}

// ---- the ways of a graph

static void skip(struct way *way, int only, int but) {
    for (int i = 0; i < OPTIMISING; i++) {
        if ((only >= 0 && i != only) || i == but) continue;
        snprintf(way->skip + strlen(way->skip), sizeof way->skip - strlen(way->skip), "%s,", optimising[i]);
    }
}

enum { WAYS = 5 };

static void run_graph(uint64_t seed, int compiled[WAYS]) {
    struct graph g = {.seed = seed, .latents = 1 + (int)(seed % MOST_LATENTS)};
    struct way ways[WAYS] = {{"plain", "direct", "", DIRECT_TOLERANCE, IR_BANDS_NONE, IR_F32},
                             {"optimised", NULL, "", TOLERANCE, IR_BANDS_AUTO, IR_F32},
                             {"all but one", NULL, "", TOLERANCE, IR_BANDS_LEAST, IR_F32},
                             {"one alone", "winograd4", "", TOLERANCE, IR_BANDS_LEAST, IR_F32},
                             {"caches of 16 bits", "im2col", "", HALF_TOLERANCE, IR_BANDS_AUTO, IR_F16}};
    int chosen = (int)(seed / MOST_LATENTS % OPTIMISING);
    skip(&ways[0], -1, -1);
    skip(&ways[2], chosen, -1);
    skip(&ways[3], -1, chosen);
    graph_text(seed, &g.text);
    expect(&g);
    for (int i = 0; i < WAYS; i++) compiled[i] += run_way(&g, &ways[i]);
    free(g.input);
    free(g.expected);
    strbuf_free(&g.text);
}

static int run_graphs(uint64_t seed, int count) {
    int compiled[WAYS] = {0};
    for (int i = 0; i < count; i++) run_graph(seed + (uint64_t)i, compiled);
    printf("%d graphs; compiled: plain %d, optimised %d, all but one %d, one alone %d\n", count, compiled[0],
           compiled[1], compiled[2], compiled[3]);
    return failures > 0 || compiled[1] == 0;
}

// ---- one graph

static int print_text(uint64_t seed) {
    struct strbuf text = {0};
    graph_text(seed, &text);
    fputs(strbuf_text(&text), stdout);
    strbuf_free(&text);
    return 0;
}

// Of all kinds, for those who look at plans.
static int write_plan(uint64_t seed, const char *path) {
    const struct way way = {.name = "plan",
                            .conv = seed % 2 ? "direct" : NULL,
                            .cache = seed % 4 == 2 ? IR_F16 : IR_F32,
                            .skip = ""};
    struct graph g = {.seed = seed};
    struct error err = {0};
    struct plan plan;
    graph_text(seed, &g.text);
    bool ok = compile(&g, &way, &plan, &err);
    if (ok) {
        ok = file_save(path, plan.map.data, plan.map.size, &err);
        plan_close(&plan);
    }
    if (!ok) fprintf(stderr, "random_graph: seed %d: %s\n", (int)seed, err.message);
    strbuf_free(&g.text);
    return !ok;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--print") == 0) return print_text(strtoull(argv[2], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "--plan") == 0) return write_plan(strtoull(argv[2], NULL, 10), argv[3]);
    if (argc == 3) return run_graphs(strtoull(argv[1], NULL, 10), atoi(argv[2]));
    fprintf(stderr, "usage: random_graph SEED COUNT | --print SEED | --plan SEED FILE\n");
    return 2;
}
