// Which convolutions Winograd's algorithms compute, and the sizes of what they work on.
#include "plan/winograd.h"

#include "base/size.h"

#include <string.h>

enum {
    LEAST_BYTES = 4 << 20,   // of a block's workspace: smaller ones are not faster, and have larger halos
    THREAD_BYTES = 16 << 20, // at most, for each thread,
    SHARED_BYTES = 64 << 20, // or for all together, if that is more
    GEMM_ROWS = 7,           // XNNPACK computes so many rows together with AVX-512, no more elsewhere
    SKEW = 80,               // floats between elements, or a tile's would compete for few sets of the cache
};

static const struct {
    const char *name;
    uint32_t kernel, tile, time; // kernel: its extent in space; outputs per tile in space and in time
} algorithms[PLAN_CONV_ALGORITHMS] = {
    [PLAN_CONV_DIRECT] = {"direct", 0, 1, 1},
    [PLAN_CONV_WINOGRAD2] = {"winograd2", 3, 2, 1},
    [PLAN_CONV_WINOGRAD4] = {"winograd4", 3, 4, 1},
    [PLAN_CONV_WINOGRAD2_TIME2] = {"winograd2_time2", 3, 2, 2},
    [PLAN_CONV_WINOGRAD4_TIME2] = {"winograd4_time2", 3, 4, 2},
    [PLAN_CONV_WINOGRAD4_TIME4] = {"winograd4_time4", 3, 4, 4},
    [PLAN_CONV_PRODUCT] = {"product", 1, 1, 1},
    [PLAN_CONV_PRODUCT_TIME2] = {"product_time2", 1, 1, 2},
    [PLAN_CONV_PRODUCT_TIME4] = {"product_time4", 1, 1, 4},
    [PLAN_CONV_IM2COL] = {"im2col", 3, 1, 1},
};

const char *plan_conv_algorithm_name(uint32_t algorithm) {
    return algorithm < PLAN_CONV_ALGORITHMS ? algorithms[algorithm].name : "unknown";
}

uint32_t plan_conv_algorithm_find(const char *name) {
    for (uint32_t i = 0; i < PLAN_CONV_ALGORITHMS; i++) {
        if (strcmp(algorithms[i].name, name) == 0) return i;
    }
    return PLAN_NONE;
}

static bool has_pads(const struct plan_conv *p) {
    return p->pad_top != 0 || p->pad_left != 0 || p->pad_bottom != 0 || p->pad_right != 0;
}

bool plan_winograd_applies(const struct plan_conv *p, uint32_t algorithm) {
    if (algorithm == PLAN_CONV_DIRECT || algorithm >= PLAN_CONV_ALGORITHMS) return false;
    uint32_t kernel = algorithms[algorithm].kernel;
    if (p->kernel_h != kernel || p->kernel_w != kernel || p->stride_h != 1 || p->stride_w != 1) return false;
    if (algorithms[algorithm].time > 1 && p->taps != 3) return false;
    if (kernel == 1) return p->upsample == 1 && !has_pads(p);
    if (p->upsample == 1) return true;
    // An odd pad puts the kernel's middle on the first pixel of an enlarged pair, as the transform takes it.
    return p->upsample == 2 && algorithm != PLAN_CONV_IM2COL && algorithms[algorithm].time == 1 &&
           p->pad_top % 2 == 1 && p->pad_left % 2 == 1;
}

static struct plan_winograd_axis axis(uint32_t outputs) {
    if (outputs == 1) return (struct plan_winograd_axis){1, 1, 1, 1};
    return (struct plan_winograd_axis){outputs + 2, outputs + 2, outputs, outputs};
}

// Enlarged pixels have two phases, each with a kernel of two taps of its own: F(2,2) takes three products for each
// phase of two pixels, F(4,2) five for each phase of four.
static struct plan_winograd_axis upsampled(uint32_t pixels) {
    return (struct plan_winograd_axis){pixels + 2, 2 * (pixels + 1), 2 * pixels, pixels};
}

static struct plan_winograd_axis space_axis(const struct plan_conv *p) {
    if (p->algorithm == PLAN_CONV_IM2COL) return (struct plan_winograd_axis){3, 1, 1, 1};
    return p->upsample == 2 ? upsampled(algorithms[p->algorithm].tile) : axis(algorithms[p->algorithm].tile);
}

uint32_t plan_winograd_tile_rows(const struct plan_conv *p) { return space_axis(p).outputs; }

// ---- blocks

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

// What the choice of a block depends on, in bytes.
struct demand {
    uint64_t tile, weights; // v and m of one tile; all transformed weights
    uint64_t tiles;         // of the image
    uint32_t threads;
};

// The tiles of a block: all weights are read once per block, so that these ask for a workspace of their own size.
static uint64_t most_tiles(const struct demand *d, uint64_t wanted, uint64_t limit, uint64_t tiles) {
    uint64_t most = smaller(larger(wanted, LEAST_BYTES), limit) / d->tile;
    return larger(smaller(most, tiles), 1);
}

// Each thread has blocks of its own, or all work on one. A block of one's own stays in the caches of one core, and
// nobody waits; a shared one needs the weights once for all threads. The fewer bytes per tile, the better: those
// of the weights, and those that go from core to core, which count twice.
static uint64_t choose_sharing(struct plan_winograd *g, const struct demand *d) {
    uint64_t all = larger(SHARED_BYTES, (uint64_t)THREAD_BYTES * d->threads);
    uint64_t own = most_tiles(d, d->weights / 2, all / d->threads, size_divide_up(d->tiles, d->threads));
    uint64_t shared = most_tiles(d, larger(d->weights, (uint64_t)LEAST_BYTES * d->threads), all, d->tiles);
    uint64_t between_cores = 2 * d->tile * (d->threads - 1) / d->threads;
    g->shared = d->threads > 1 && d->weights / shared + between_cores < d->weights / own;
    g->workspaces = g->shared ? 1 : d->threads;
    return g->shared ? shared : own;
}

static uint64_t patch_extent(const struct plan_winograd_axis *a, uint64_t tiles) {
    return (tiles - 1) * a->step + a->inputs;
}

// What the blocks of an image cost, in products of a tile's row: those that are computed, some for each pixel of a
// patch, and some for reading all weights again. Threads that have blocks of their own have equally many, or wait.
static uint64_t block_cost(const struct plan_winograd *g, uint64_t high, uint64_t wide, uint64_t most) {
    enum { PIXELS = 128 };
    uint64_t blocks = size_divide_up(g->band_high, high) * size_divide_up(g->tiles_wide, wide);
    uint64_t rows = size_align(high * wide * g->rows_out, GEMM_ROWS) / g->rows_out;
    uint64_t pixels = patch_extent(&g->space, high) * patch_extent(&g->space, wide);
    return size_align(blocks, g->workspaces) * (PIXELS * rows + pixels + PIXELS * most / 8);
}

// Blocks of nearly one size, near to squares: their halos are read twice.
static void choose_block(struct plan_winograd *g, uint32_t threads) {
    struct demand d = {.tile = g->elements * (g->rows_in * g->row + g->rows_out * g->columns) * sizeof(float),
                       .weights = g->elements * g->depth * g->columns * sizeof(float),
                       .tiles = g->band_high * g->tiles_wide,
                       .threads = threads};
    uint64_t most = choose_sharing(g, &d), least = UINT64_MAX;
    for (uint64_t parts = 1; parts <= g->tiles_wide; parts++) {
        uint64_t wide = size_divide_up(g->tiles_wide, parts);
        if (wide > most) continue;
        for (uint64_t high = smaller(most / wide, g->band_high); 2 * high * wide >= most || high == 1;
             high--) {
            uint64_t cost = block_cost(g, high, wide, most);
            if (cost < least) {
                least = cost;
                g->block_high = high;
                g->block_wide = wide;
            }
            if (high == 1) break;
        }
    }
    g->block = g->block_high * g->block_wide;
}

struct plan_winograd plan_winograd(const struct plan_conv *p, const struct plan_view *in,
                                   const struct plan_view *out, uint32_t rows, uint32_t threads) {
    uint64_t frames = out->frames / p->interleave;
    struct plan_winograd g = {.space = space_axis(p),
                              .time = axis(algorithms[p->algorithm].time),
                              .inputs = size_align(in->channels, PLAN_WINOGRAD_LANES),
                              .outputs = size_align(out->channels, PLAN_WINOGRAD_COLUMNS)};
    bool folded = g.time.outputs == 1;
    g.elements = (uint64_t)g.space.elements * g.space.elements * g.time.elements;
    g.tiles_wide = size_divide_up(out->width, g.space.outputs);
    g.tiles_high = size_divide_up(out->height, g.space.outputs);
    g.band_high = size_divide_up(rows, g.space.outputs);
    g.rows_out = size_divide_up(frames, g.time.outputs);
    g.patch_frames = folded ? frames + p->taps - 1 : patch_extent(&g.time, g.rows_out);
    g.row = g.inputs;
    g.rows_in = folded ? g.patch_frames : g.rows_out;
    g.depth = (folded ? p->taps : 1) * g.inputs;
    if (p->algorithm == PLAN_CONV_IM2COL) { // frames share no floats
        g.row = g.depth *= p->kernel_h * p->kernel_w;
        g.rows_in = g.rows_out;
    }
    g.columns = p->interleave * g.outputs;
    choose_block(&g, threads);
    g.patch_height = patch_extent(&g.space, g.block_high);
    g.patch_width = patch_extent(&g.space, g.block_wide);
    g.v_plane = g.block * g.rows_in * g.row + SKEW;
    g.m_plane = g.block * g.rows_out * g.columns + SKEW;
    g.patch = g.patch_height * g.patch_width * g.patch_frames * g.inputs;
    return g;
}

// XNNPACK's kernel streams all packed weights of an operator past each few rows.
uint32_t plan_block_channels(const struct plan_conv *p, uint32_t inputs) {
    enum { DIRECT_BYTES = 1400 << 10, WINOGRAD_BYTES = 640 << 10 };
    bool direct = p->algorithm == PLAN_CONV_DIRECT, whole = direct || p->algorithm == PLAN_CONV_IM2COL;
    bool folded = algorithms[p->algorithm].time == 1;
    uint64_t depth = (uint64_t)inputs * (folded ? p->taps : 1) * (whole ? p->kernel_h * p->kernel_w : 1);
    uint64_t block = (direct ? DIRECT_BYTES : WINOGRAD_BYTES) / (sizeof(float) * (depth + 1));
    block = block / PLAN_WINOGRAD_COLUMNS * PLAN_WINOGRAD_COLUMNS;
    return block < PLAN_WINOGRAD_COLUMNS ? PLAN_WINOGRAD_COLUMNS : (uint32_t)block;
}

uint64_t plan_winograd_block_columns(const struct plan_winograd *g, uint32_t block_channels) {
    uint64_t columns = size_align(block_channels, PLAN_WINOGRAD_COLUMNS);
    return columns < g->columns ? columns : g->columns;
}

uint64_t plan_winograd_blocks(const struct plan_winograd *g, uint32_t block_channels) {
    return size_divide_up(g->columns, plan_winograd_block_columns(g, block_channels));
}

uint64_t plan_winograd_packed_bytes(const struct plan_winograd *g, uint32_t block_channels) {
    enum { OPERATOR_BYTES = 1536 }; // XNNPACK's own structure, with what malloc adds
    uint64_t weights = g->columns * (g->depth + 1) * sizeof(float); // one more: the bias, which is zero
    return g->elements * (weights + plan_winograd_blocks(g, block_channels) * OPERATOR_BYTES);
}

uint64_t plan_winograd_transformed_bytes(const struct plan_winograd *g, uint32_t block_channels) {
    return g->elements * plan_winograd_block_columns(g, block_channels) * g->depth * sizeof(float);
}

uint64_t plan_winograd_block_floats(const struct plan_winograd *g) {
    return size_align(g->elements * (g->v_plane + g->m_plane) + g->patch, PLAN_ALIGNMENT);
}

uint64_t plan_winograd_workspace_bytes(const struct plan_winograd *g) {
    return g->workspaces * plan_winograd_block_floats(g) * sizeof(float);
}
