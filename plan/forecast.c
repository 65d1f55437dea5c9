// What a run of a plan will take in memory. The runtime allocates what is counted here, and XNNPACK its
// packed weights and indirection buffers; tests compare the sum with the measured peak.
#include "plan/check.h"

#include "base/size.h"
#include "plan/bands.h"
#include "plan/winograd.h"

enum {
    // XNNPACK packs output channels in tiles: 32 wide with AVX-512, 16 with AVX2, 8 elsewhere.
    TILE_CHANNELS = 32,
    // wanrun with a plan of one pixel: 30 MB, of which the video libraries take 26; with larger ones, stacks and tables, up
    // to 37. The memory of a video encoder comes on top of it.
    BASE_BYTES = 32 << 20,
};

static uint64_t max(uint64_t a, uint64_t b) { return a > b ? a : b; }

// Per tile: a bias and, for every kernel element, a weight for each channel of the tile.
static uint64_t packed_conv(const struct plan *p, const struct plan_op *op) {
    const struct plan_conv *c = &op->params.conv;
    uint64_t outputs = p->views[op->out].channels, inputs = p->views[op->in[0]].channels;
    uint64_t column = 1 + (uint64_t)c->kernel_h * c->kernel_w * c->taps * inputs;
    uint64_t block = c->block_channels < outputs ? c->block_channels : outputs;
    uint64_t tiled =
        outputs / block * size_align(block, TILE_CHANNELS) + size_align(outputs % block, TILE_CHANNELS);
    return c->interleave * tiled * column * sizeof(float);
}

// One pointer per kernel element and output pixel; 1x1 kernels need none.
static uint64_t direct_workspace(const struct plan *p, const struct plan_op *op) {
    const struct plan_conv *c = &op->params.conv;
    const struct plan_view *out = &p->views[op->out];
    if (c->kernel_h * c->kernel_w == 1) return 0;
    return size_times(sizeof(void *) * (uint64_t)out->height * out->width,
                      (uint64_t)c->kernel_h * c->kernel_w);
}

static struct plan_winograd geometry(const struct plan *p, const struct plan_op *op, uint32_t rows,
                                     uint32_t threads) {
    return plan_winograd(&op->params.conv, &p->views[op->in[0]], &p->views[op->out], rows, threads);
}

uint64_t plan_conv_workspace(const struct plan *p, const struct plan_op *op, uint32_t rows,
                             uint32_t threads) {
    if (op->params.conv.algorithm == PLAN_CONV_DIRECT) return direct_workspace(p, op);
    struct plan_winograd g = geometry(p, op, rows, threads);
    return plan_winograd_workspace_bytes(&g);
}

// K and V packed, and one block of each being gathered.
static uint64_t attention_workspace(const struct plan *p, const struct plan_op *op) {
    const struct plan_view *k = &p->views[op->in[1]];
    uint64_t positions = (uint64_t)k->height * k->width;
    return 2 * size_align(positions, TILE_CHANNELS) * size_align(k->channels, TILE_CHANNELS) * sizeof(float);
}

// ---- weights that operators share, see struct plan_packed_key

static bool have_last_tap(const struct plan *p, const struct plan_op *a, const struct plan_op *b) {
    const struct plan_conv *x = &a->params.conv, *y = &b->params.conv;
    if (x->algorithm == PLAN_CONV_DIRECT || y->algorithm == PLAN_CONV_DIRECT || x->taps != 1) return false;
    struct plan_winograd g = geometry(p, a, 1, 1), h = geometry(p, b, 1, 1);
    return g.time.elements == 1 && h.time.elements > 1 && g.space.elements == h.space.elements;
}

// Whether b packs all that a packs.
static bool packs_all_of(const struct plan *p, const struct plan_op *a, const struct plan_op *b) {
    const struct plan_conv *x = &a->params.conv, *y = &b->params.conv;
    if (b->kind != PLAN_OP_CONV || a->constant[0] != b->constant[0] || a->constant[1] != b->constant[1] ||
        x->upsample != y->upsample || x->block_channels != y->block_channels)
        return false;
    return (x->algorithm == y->algorithm && x->taps == y->taps) || have_last_tap(p, a, b);
}

static bool is_shared(const struct plan *p, const struct plan_program *g, uint32_t index) {
    const struct plan_op *ops = &p->ops[g->variant[PLAN_FIRST].first_op];
    for (uint32_t i = index + 1; i < plan_program_ops(g); i++) {
        if (packs_all_of(p, &ops[index], &ops[i])) return true;
    }
    return false;
}

// ---- operators

static void add_conv(const struct plan *p, const struct plan_op *op, uint32_t rows, uint32_t threads,
                     bool shared, struct plan_forecast *f) {
    const struct plan_conv *c = &op->params.conv;
    if (c->algorithm == PLAN_CONV_DIRECT) {
        f->workspace = max(f->workspace, direct_workspace(p, op));
        f->weights_packed += shared ? 0 : packed_conv(p, op);
        return;
    }
    struct plan_winograd g = geometry(p, op, rows, threads);
    f->workspace = max(f->workspace, plan_winograd_workspace_bytes(&g));
    f->preparation = max(f->preparation, plan_winograd_transformed_bytes(&g, c->block_channels));
    f->weights_packed += shared ? 0 : plan_winograd_packed_bytes(&g, c->block_channels);
}

void plan_forecast(const struct plan *plan, const struct plan_program *g, uint32_t threads,
                   struct plan_forecast *f) {
    *f = (struct plan_forecast){.base = BASE_BYTES, .caches = g->cache_bytes};
    uint64_t attention = 0;
    for (uint32_t i = 0; i < plan_program_ops(g); i++) {
        const struct plan_op *op = &plan->ops[g->variant[PLAN_FIRST].first_op + i];
        uint32_t first = g->variant[PLAN_FIRST].op_count;
        if (op->kind == PLAN_OP_CONV) {
            uint32_t rows = i < first ? plan_rows_at_once(plan, g, PLAN_FIRST, i)
                                      : plan_rows_at_once(plan, g, PLAN_STEADY, i - first);
            add_conv(plan, op, rows, threads, is_shared(plan, g, i), f);
        } else if (op->kind == PLAN_OP_ATTENTION) {
            attention = max(attention, attention_workspace(plan, op));
        }
    }
    f->workspace = size_plus(f->workspace, attention);
    uint32_t frames = 0;
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        f->arena = max(f->arena, g->variant[v].arena_bytes);
        frames = g->variant[v].frames > frames ? g->variant[v].frames : frames;
    }
    f->input_output = sizeof(float) * (frames * plan_frame_floats(g) + plan_latent_floats(g));
    // Opening a plan reads all of it once, but for packed weights, before anything else is allocated.
    uint64_t step = size_plus(f->arena + f->input_output, f->workspace),
             opened = plan->header->file_size - plan->packed_data_size;
    f->without_caches =
        size_plus(max(size_plus(f->weights_packed, max(f->preparation, step)), opened), f->base);
    step = size_plus(f->caches, step);
    f->prepares = f->preparation > step;
    f->total = size_plus(max(size_plus(f->weights_packed, max(f->preparation, step)), opened), f->base);
}
