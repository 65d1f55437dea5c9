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
// convolutions read all weights for each block of tiles, and threads wait for each other at the end of a band. So a band
// has many blocks for each of them; of those bands that leave an arena of an eighth of the caches, the highest is taken, and
// else the one with the smallest arena. A run that would save little is none. With `--bands=least` the smallest arena counts
// alone.
#include "passes/bands.h"
#include "passes/conv_node.h"
#include "passes/memory.h"
#include "passes/pass.h"
#include "plan/winograd.h"

enum {
    BLOCKS = 24,       // of tiles, at least, in what a convolution computes at a time
    THREADS = 2,       // on which blocks are as large as that
    CACHE_PART = 8,    // of the caches: an arena of this part is small
    LEAST_SAVING = 16, // of the arena: less is not worth it
    MOST_BANDS = 64,
};

struct choice {
    struct ir_graph *g;
    bool least;            // arena, whatever the time
    struct ir_node *first; // of the run; NULL: none
    int count;
    int64_t rows;
    uint64_t bytes, enough; // of the arena
};

// ---- what a band costs

static bool has_blocks(const struct ir_node *n, uint32_t rows) {
    struct plan_conv c = conv_node_params(n);
    const struct ir_dim *x = ir_in(n, 0)->type.dims, *y = ir_out(n)->type.dims;
    struct plan_view in = {.frames = (uint32_t)x[0].first, .channels = (uint32_t)x[3].first},
                     out = {.frames = (uint32_t)y[0].first,
                            .height = (uint32_t)y[1].first,
                            .width = (uint32_t)y[2].first,
                            .channels = (uint32_t)y[3].first};
    struct plan_winograd g = plan_winograd(&c, &in, &out, out.height, THREADS);
    return rows / g.space.outputs * g.tiles_wide >= BLOCKS * g.block;
}

// Rows in proportion to those of the first node.
static bool is_efficient(const struct choice *c, int64_t rows) {
    struct ir_node *n = c->first;
    int64_t height = ir_out(n)->type.dims[1].first;
    for (int i = 0; i < c->count; i++, n = n->next) {
        bool conv = n->op == IR_FRAME_CONV || n->op == IR_STREAM_CONV;
        if (conv && !has_blocks(n, (uint32_t)(rows * ir_out(n)->type.dims[1].first / height))) return false;
    }
    return true;
}

// ---- the choice

static bool is_better(const struct choice *best, uint64_t bytes, int64_t rows) {
    if (best->bytes <= best->enough && bytes <= best->enough) return rows > best->rows;
    return bytes < best->bytes;
}

static void try_rows(struct choice *best, struct choice c, int64_t rows) {
    if (!c.least && !is_efficient(&c, rows)) return;
    bands_mark(c.first, c.count, rows);
    uint64_t bytes = memory_needed(c.g);
    bands_mark(c.first, c.count, 0);
    if (!is_better(best, bytes, rows)) return;
    c.rows = rows;
    c.bytes = bytes;
    *best = c;
}

static void try_run(struct choice *best, struct choice c) {
    int64_t tile = bands_tile(c.first), height = ir_out(c.first)->type.dims[1].first, last = 0;
    for (int64_t bands = 2; bands <= MOST_BANDS; bands++) {
        int64_t rows = (height + bands - 1) / bands;
        rows = (rows + tile - 1) / tile * tile;
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
    bool least = m->bands == IR_BANDS_LEAST;
    struct choice best = {.g = g, .least = least, .enough = least ? 0 : m->cache_bytes / CACHE_PART},
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
