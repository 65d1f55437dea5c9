#include "tests/unit/plan_example.h"

#include "tests/op/harness.h"
#include "tests/support/same_conv.h"

static void fill(const void *context, uint64_t first, uint64_t count, float *out) {
    (void)context;
    for (uint64_t i = 0; i < count; i++) out[i] = (float)(first + i) * 1e-3f;
}

static uint32_t add_buffer(struct plan_writer *w, enum plan_variant v, uint64_t bytes, uint64_t *arena_end,
                           uint32_t first, uint32_t last) {
    struct plan_buffer b = {.name = plan_writer_string(w, "value"),
                            .first_op = first,
                            .last_op = last,
                            .offset = *arena_end,
                            .bytes = bytes};
    *arena_end = (*arena_end + bytes + 63) / 64 * 64;
    return plan_writer_buffer(w, v, b);
}

static uint32_t view(struct plan_writer *w, struct plan_view v, enum plan_space space, uint32_t index) {
    v.space = space;
    v.index = index;
    return plan_writer_view(w, v);
}

static struct plan_op op(uint32_t kind, uint32_t in, uint32_t out) {
    return (struct plan_op){.kind = kind,
                            .in = {in, PLAN_NONE, PLAN_NONE},
                            .out = out,
                            .scratch = PLAN_NONE,
                            .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
}

// With a row of room in front of each frame, and a pixel in front of each row.
static struct plan_view history_view(uint32_t height, uint32_t width) {
    struct plan_view v = dense_view(2, height, width, C);
    v.row_stride = (uint64_t)(width + 1) * C;
    v.frame_stride = (height + 1) * v.row_stride;
    v.offset = v.row_stride + v.pixel_stride;
    return v;
}

// A convolution that begins with a norm, keeps two frames, and overwrites what it adds.
static struct plan_op fused_conv(struct plan_writer *w, uint32_t in, uint32_t out, uint32_t weight,
                                 uint32_t gamma) {
    const struct plan_program *g = plan_writer_program(w);
    struct plan_op fused = op(PLAN_OP_CONV, in, out);
    fused.in[PLAN_CONV_HISTORY] =
        view(w, history_view(g->latent_height, g->latent_width), PLAN_CACHE, HISTORY);
    fused.in[PLAN_CONV_RESIDUAL] = out;
    fused.constant[0] = weight;
    fused.constant[2] = gamma;
    struct plan_conv *c = &fused.params.conv;
    *c = same_conv(PLAN_CONV_WINOGRAD2, 3);
    c->prologue = PLAN_PROLOGUE_NORM_SILU;
    c->norm_scale = 2.0f;
    c->norm_epsilon = 1e-6f;
    return fused;
}

// conv (over the cache's window) -> norm -> add -> conv with its neighbours -> attention -> planar frame
static void add_variant(struct plan_writer *w, enum plan_variant v, uint32_t weight, uint32_t gamma) {
    const struct plan_program *g = plan_writer_program(w);
    uint32_t height = g->latent_height, width = g->latent_width, block = height == H ? 7 : 1;
    struct plan_view image = dense_view(1, height, width, C),
                     scores = dense_view(1, 1, block, height * width);
    uint64_t bytes = sizeof(float) * height * width * C, end = 0;
    uint32_t a = view(w, image, PLAN_ARENA, add_buffer(w, v, bytes, &end, CONV, ATTENTION));
    uint32_t b = view(w, image, PLAN_ARENA, add_buffer(w, v, bytes, &end, NORM, ATTENTION));
    uint32_t s = view(w, scores, PLAN_ARENA,
                      add_buffer(w, v, sizeof(float) * block * height * width, &end, ATTENTION, ATTENTION));
    uint32_t o = view(w, image, PLAN_ARENA, add_buffer(w, v, bytes, &end, ATTENTION, OUT));
    plan_writer_program(w)->variant[v].arena_bytes = end;

    struct plan_op conv =
        op(PLAN_OP_CONV, view(w, window_view(3, height, width, C, 0), PLAN_CACHE, WINDOW), a);
    conv.constant[0] = weight;
    conv.params.conv = same_conv(PLAN_CONV_DIRECT, 3);
    conv.params.conv.block_channels = 4;
    struct plan_op norm = op(PLAN_OP_NORM, a, b);
    norm.constant[0] = gamma;
    norm.params.norm = (struct plan_norm){2.0f, 1e-12f, 1};
    struct plan_op add = op(PLAN_OP_BINARY, a, b);
    add.in[1] = b;
    struct plan_op attention = op(PLAN_OP_ATTENTION, a, o);
    attention.in[1] = attention.in[2] = b;
    attention.scratch = s;
    attention.params.attention = (struct plan_attention){0.5f, block};
    struct plan_op out = op(PLAN_OP_COPY, o, view(w, planar_view(1, height, width, C), PLAN_OUTPUT, 0));
    const struct plan_op ops[OPS] = {conv, norm, add, fused_conv(w, b, a, weight, gamma), attention, out};
    for (int i = 0; i < OPS; i++) plan_writer_op(w, v, ops[i]);
}

static void add_program(struct plan_writer *w, uint32_t height, uint32_t width, uint32_t weight,
                        uint32_t gamma, bool has_steady) {
    uint64_t window = sizeof(float) * 3 * height * width * C, history_at = 64 + (window + 63) / 64 * 64,
             history = sizeof(float) * 2 * (height + 1) * (width + 1) * C;
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = C,
                                                        .latent_height = height,
                                                        .latent_width = width,
                                                        .frame_channels = C,
                                                        .frame_height = height,
                                                        .frame_width = width,
                                                        .variant = {{.frames = 1}, {.frames = has_steady}},
                                                        .cache_bytes = history_at + history};
    uint32_t name = plan_writer_string(w, "c0");
    plan_writer_cache(w, (struct plan_cache){name, name, 1, 1, 1, 5, PLAN_F32, 0, 0, sizeof(float) * 5});
    plan_writer_cache(w, (struct plan_cache){name, name, 3, height, width, C, PLAN_F32, 0, 64, window});
    plan_writer_cache(w,
                      (struct plan_cache){name, name, 2, height, width, C, PLAN_F32, 0, history_at, history});
    add_variant(w, PLAN_FIRST, weight, gamma);
    if (has_steady) add_variant(w, PLAN_STEADY, weight, gamma);
    uint32_t shape = plan_writer_string(w, height == H ? "1x6xTx4x5" : "1x6xTx2x3");
    for (int i = 0; i < 2; i++) {
        const uint64_t bytes = 100, flops = 200;
        plan_writer_pass(w, (struct plan_pass){.name = plan_writer_string(w, i ? "fold" : "import"),
                                               .changed = i == 0,
                                               .nodes = {3, has_steady ? 3 : 0},
                                               .value_bytes = {bytes, has_steady ? bytes : 0},
                                               .flops = {flops, has_steady ? flops : 0}});
    }
    plan_writer_shape(w, (struct plan_shape){name, name, shape, shape, shape, shape, shape, PLAN_NONE});
}

struct plan_writer *make_plan(struct arena *arena, int programs, bool has_steady) {
    struct plan_writer *w = plan_writer_new(arena);
    plan_writer_info(w)->model_name = plan_writer_string(w, "model.onnx");
    plan_writer_info(w)->form = plan_writer_string(w, "full");
    uint32_t weight = plan_writer_constant(w, "weight", C * 27 * C, fill, NULL);
    uint32_t gamma = plan_writer_constant(w, "gamma", C, fill, NULL);
    add_program(w, H, W, weight, gamma, has_steady);
    if (programs > 1) add_program(w, H2, W2, weight, gamma, has_steady);
    return w;
}
