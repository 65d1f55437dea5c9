// choose_bands: operators at the end of a step, where images are largest, take turns on bands of the image.
//
// In a decoder each stage doubles height and width, and the last one holds most of the scratch arena: at 480x832 two
// tensors of 585 MiB, where the caches have 3.5 GiB. A run of operators that works in bands (plan/bands.h) holds a few rows
// of each instead. No row is computed twice and each is computed as before, so frames stay the same bits.
//
//     %a = stream_conv %x, .. {algorithm="winograd4", ..}
//     %b = stream_conv %a, .. {algorithm="winograd4", ..}
//     return %b
// ->  %a = stream_conv %x, .. {algorithm="winograd4", band=32, ..}
//     %b = stream_conv %a, .. {algorithm="winograd4", band=32, ..}
//     return %b
//
// The run ends with the last operator that can be in one, and begins where the arena gets smallest. What bands cost:
// convolutions read all weights for each block of tiles, and threads wait for each other at the end of a band. So a band has
// many blocks for each of them: with 16 threads, at 480x832, a steady step took 1.05 times as long on bands of 24 blocks as on
// whole images, and no longer on bands of 96. Of those bands that leave an arena of an eighth of the caches, the highest is
// taken, and else the one with the smallest arena. A run that would save little is none. With `--bands=least` the smallest
// arena counts alone.
#include "base/size.h"
#include "passes/bands.h"
#include "passes/conv_node.h"
#include "passes/memory.h"
#include "passes/pass.h"

enum {
    BLOCKS = 6,        // of tiles, at least, for each thread, in what a convolution computes at a time
    THREADS = 4,       // at least: a plan is for these too, wherever it was made
    CACHE_PART = 8,    // of the caches: an arena of this part is small
    LEAST_SAVING = 16, // of the arena: less is not worth it
    MOST_BANDS = 64,
};

struct choice {
    struct ir_graph *g;
    uint32_t threads;
    bool least;            // arena, whatever the time
    struct ir_node *first; // of the run; NULL: none
    int count;
    int64_t rows;
    uint64_t bytes, enough; // of the arena
    uint64_t tries;         // that are left
};

// Each try plans memory anew, in a time that grows with the square of the nodes: of a decoder of 250 there may be 3,000, of a
// model of 100,000 there is none.
static const uint64_t most_work = 200000000;

// ---- what a band costs

static int64_t height_of(const struct ir_node *n) { return ir_out(n)->type.dims[1].first; }

// The fewest rows of its result that a node computes in enough blocks.
static int64_t least_rows(const struct ir_node *n, uint32_t threads) {
    if (n->op != IR_FRAME_CONV && n->op != IR_STREAM_CONV) return 0;
    struct plan_winograd g = conv_node_winograd(n, threads);
    return (int64_t)(size_divide_up((uint64_t)BLOCKS * threads * g.block, g.tiles_wide) * g.space.outputs);
}

// The fewest of its first node's rows that a run computes in enough blocks everywhere; other nodes have rows in proportion.
static int64_t least_efficient(const struct choice *c) {
    struct ir_node *n = c->first;
    uint64_t least = 0, height = (uint64_t)height_of(n);
    for (int i = 0; i < c->count; i++, n = n->next) {
        uint64_t rows = size_divide_up((uint64_t)least_rows(n, c->threads) * height, (uint64_t)height_of(n));
        if (rows > least) least = rows;
    }
    return (int64_t)least;
}

// ---- the choice

static bool is_better(const struct choice *best, uint64_t bytes, int64_t rows) {
    if (best->bytes <= best->enough && bytes <= best->enough) return rows > best->rows;
    return bytes < best->bytes;
}

static void try_rows(struct choice *best, struct choice c, int64_t rows) {
    if (best->tries == 0) return;
    best->tries--;
    bands_mark(c.first, c.count, rows);
    uint64_t bytes = memory_needed(c.g);
    bands_mark(c.first, c.count, 0);
    if (!is_better(best, bytes, rows)) return;
    c.rows = rows;
    c.bytes = bytes;
    c.tries = best->tries;
    *best = c;
}

static void try_run(struct choice *best, struct choice c) {
    int64_t tile = bands_tile(c.first), height = height_of(c.first), last = 0;
    int64_t least = c.least ? 0 : least_efficient(&c);
    for (int64_t bands = 2; bands <= MOST_BANDS; bands++) {
        int64_t rows = (height + bands - 1) / bands;
        rows = (rows + tile - 1) / tile * tile;
        if (rows < least) return;
        if (rows < height && rows != last) try_rows(best, c, rows);
        last = rows;
    }
}

// The last run of nodes that can be in bands, and how many they are.
static struct ir_node *last_run(struct ir_graph *g, int *count) {
    struct ir_node *first = NULL, *last = NULL;
    int length = 0;
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (bands_tile(n) == 0) first = NULL;
        else if (first == NULL) first = last = n, length = 1;
        else length++;
        if (first != NULL) *count = length;
    }
    return last;
}

static bool choose(struct ir_graph *g, const struct ir_module *m) {
    int count = 0;
    uint64_t nodes = 1;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) nodes++;
    bool least = m->bands == IR_BANDS_LEAST;
    struct choice best = {.g = g,
                          .threads = m->threads > THREADS ? m->threads : THREADS,
                          .least = least,
                          .tries = nodes < 100000 ? most_work / (nodes * nodes) : 0,
                          .enough = least ? 0 : m->cache_bytes / CACHE_PART},
                  c = best;
    c.first = last_run(g, &count);
    uint64_t whole = best.bytes = memory_needed(g);
    for (; c.first != NULL && count > 1; c.first = c.first->next, count--) {
        c.count = count;
        if (count <= PLAN_MAX_BAND_OPS) try_run(&best, c);
    }
    if (best.first == NULL || (!least && best.bytes > whole - whole / LEAST_SAVING)) return false;
    bands_mark(best.first, best.count, best.rows);
    return true;
}

static bool is_planned(const struct ir_graph *g) {
    bool marked = false;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next)
        marked = marked || ir_attr_find(n, IR_KEY_BAND) != NULL;
    return marked || g->buffer_count > 0;
}

bool pass_choose_bands(struct ir_module *m, bool *progress, struct error *err) {
    (void)err;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        if (m->bands != IR_BANDS_NONE && !is_planned(g) && choose(g, m)) *progress = true;
    }
    return true;
}
