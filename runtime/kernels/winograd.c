// The Winograd convolution (plan/winograd.h has the idea and the sizes).
//
// The image goes through the workspace in blocks of tiles. Of each block, the patch is filled, the tiles are transformed,
// their elements multiplied, and the products transformed back. Either each thread has a block of its own, so
// that its data stay in the caches of one core and nobody waits; or, where blocks are few and weights large, all
// threads work on one block, in four parallel loops. Products are XNNPACK's. No result depends on how the work was
// divided.
#include "runtime/kernels/winograd.h"

#include "base/size.h"

#include <sched.h>
#include <stdlib.h>

struct winograd {
    struct plan_winograd g;
    struct rt_window window; // of the whole image
    const struct rt_winograd_tiles *tiles;
    struct rt_winograd_products products;
    size_t blocks_wide;
    atomic_bool *filled; // of each block, in the order in which they are taken: its patch is complete
};

// One call of the operator, and what its threads share.
struct work {
    const struct winograd *w;
    struct rt_session *s;
    const struct rt_op *op;
    struct rt_window window;
    size_t first_tile, end_tile; // rows of tiles
    size_t blocks;
    bool odd;           // the step: blocks are taken from the last to the first
    atomic_size_t next; // block to be taken
    atomic_int status;  // of XNNPACK: the last failure
};

// The part of the input that is a block's alone, in rows (or columns) of its patch: under the middle of the kernel.
struct own {
    size_t first, end;
};

// A block on one or all threads.
struct task {
    struct work *work;
    struct rt_winograd_block block;
    struct own rows, columns; // what the block writes to the history
    size_t first_product;     // threads begin at different ones
    bool backwards;           // every second block takes its products from the last to the first
    size_t complete;          // so many blocks, the first ones, are known to have filled patches
};

// ---- where a block lies

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Of `extent` rows of a patch that begins at row `patch` of the image; `count` tiles, from tile `first` of `all` on.
static struct own own_part(ptrdiff_t patch, size_t extent, size_t first, size_t count, size_t all,
                           const struct plan_winograd_axis *a, size_t image) {
    ptrdiff_t inner = patch + (a->inputs - a->step) / 2; // without the halo
    ptrdiff_t begin = first == 0 ? 0 : inner, end = inner + (ptrdiff_t)(count * a->step);
    if (first + count == all || end > (ptrdiff_t)image) end = (ptrdiff_t)image;
    if (begin < 0) begin = 0;
    if (begin >= end) return (struct own){0, 0}; // it lies in the pads
    return (struct own){(size_t)(begin - patch), smaller((size_t)(end - patch), extent)};
}

static void place_block(struct task *t, size_t row, size_t column) {
    struct rt_winograd_block *b = &t->block;
    const struct plan_winograd *g = b->g;
    const struct plan_conv *p = &b->op->plan->params.conv;
    const struct rt_tensor *in = &b->op->in[0];
    size_t step = g->space.step;
    b->tile_row = t->work->first_tile + row * g->block_high;
    b->tile_column = column * g->block_wide;
    b->high = smaller(g->block_high, t->work->end_tile - b->tile_row);
    b->wide = smaller(g->block_wide, g->tiles_wide - b->tile_column);
    // A pad of an enlarged image is half as wide in the image.
    size_t top = p->upsample == 2 ? p->pad_top / 2 + 1 : p->pad_top,
           left = p->upsample == 2 ? p->pad_left / 2 + 1 : p->pad_left;
    b->patch.top = (ptrdiff_t)(b->tile_row * step) - (ptrdiff_t)top;
    b->patch.left = (ptrdiff_t)(b->tile_column * step) - (ptrdiff_t)left;
    b->patch.height = (b->high - 1) * step + g->space.inputs;
    b->patch.width = (b->wide - 1) * step + g->space.inputs;
    if (t->work->window.history.frames == 0) return;
    t->rows =
        own_part(b->patch.top, b->patch.height, b->tile_row, b->high, g->tiles_high, &g->space, in->height);
    t->columns =
        own_part(b->patch.left, b->patch.width, b->tile_column, b->wide, g->tiles_wide, &g->space, in->width);
}

static struct task new_task(struct work *work, size_t workspace) {
    const struct winograd *w = work->w;
    const struct plan_winograd *g = &w->g;
    float *data = (float *)work->s->workspace.data + workspace * plan_winograd_block_floats(g);
    struct task t = {.work = work,
                     .block = {.op = work->op, .g = g, .v = data},
                     .first_product = w->products.count / g->workspaces * workspace};
    t.block.m = data + g->elements * g->v_plane;
    t.block.patch = (struct rt_patch){.window = &work->window,
                                      .data = t.block.m + g->elements * g->m_plane,
                                      .frames = g->patch_frames,
                                      .channels = g->inputs,
                                      .odd = work->odd};
    return t;
}

// ---- the four loops of a block

static void fill_row(void *context, size_t row) {
    const struct task *t = context;
    rt_patch_fill_row(&t->block.patch, row);
}

// Tasks are the tiles of the block that are in the image, then the rows that it writes to the history.
static size_t tile_of(const struct rt_winograd_block *b, size_t index) {
    return index / b->wide * b->g->block_wide + index % b->wide;
}

static void gather_or_keep(void *context, size_t index) {
    const struct task *t = context;
    const struct rt_winograd_block *b = &t->block;
    size_t tiles = b->high * b->wide;
    if (index < tiles) t->work->w->tiles->gather(b, tile_of(b, index));
    else rt_patch_keep_row(&b->patch, t->rows.first + index - tiles, t->columns.first, t->columns.end);
}

// Which product is number `index` on this thread.
static size_t product_of(const struct task *t, size_t index) {
    size_t count = t->work->w->products.count;
    return (t->first_product + (t->backwards ? 2 * count - 1 - index : index)) % count;
}

static void multiply(void *context, size_t index) {
    const struct task *t = context;
    enum xnn_status status = rt_winograd_multiply(&t->work->w->products, &t->block, product_of(t, index),
                                                  product_of(t, index + 1));
    if (status != xnn_status_success) atomic_store(&t->work->status, status);
}

static void scatter_tile(void *context, size_t index) {
    const struct task *t = context;
    t->work->w->tiles->scatter(&t->block, tile_of(&t->block, index));
}

// What a block writes to the history, its neighbours in front of it may still read: until they have.
static void wait_for_patches(struct task *t, size_t index) {
    for (; t->complete < index; t->complete++) {
        while (!atomic_load_explicit(&t->work->w->filled[t->complete], memory_order_acquire)) sched_yield();
    }
}

// Block `index` in the order in which they are taken, by the threads of the pool.
static void run_block(struct task *t, size_t index, pthreadpool_t pool) {
    const uint32_t flags = RT_POOL_FLAGS;
    const struct winograd *w = t->work->w;
    size_t place = t->work->odd ? t->work->blocks - 1 - index : index;
    place_block(t, place / w->blocks_wide, place % w->blocks_wide);
    size_t tiles = t->block.high * t->block.wide, kept = t->rows.end - t->rows.first;
    pthreadpool_parallelize_1d(pool, fill_row, t, t->block.patch.height, flags);
    atomic_store_explicit(&w->filled[index], true, memory_order_release);
    if (kept > 0) wait_for_patches(t, index);
    pthreadpool_parallelize_1d(pool, gather_or_keep, t, tiles + kept, flags);
    // All weights pass by in each block: taken the other way round, the last ones are still in the cache.
    t->backwards = !t->backwards;
    uint64_t begin = rt_products_begin(t->work->s);
    pthreadpool_parallelize_1d(pool, multiply, t, w->products.count, flags);
    rt_products_end(t->work->s, begin, w->g.workspaces);
    pthreadpool_parallelize_1d(pool, scatter_tile, t, tiles, flags);
}

// ---- a step

// A thread takes the next block as long as there is one.
static void run_thread(void *context, size_t workspace) {
    struct work *work = context;
    struct task t = new_task(work, workspace);
    size_t index;
    while ((index = atomic_fetch_add(&work->next, 1)) < work->blocks) run_block(&t, index, NULL);
}

static void run_shared(struct work *work) {
    struct task t = new_task(work, 0);
    for (size_t i = 0; i < work->blocks; i++) run_block(&t, i, work->s->pool);
}

static struct work new_work(struct rt_session *s, const struct rt_op *op) {
    const struct winograd *w = op->state;
    struct work work = {.w = w, .s = s, .op = op, .window = w->window, .odd = s->steps % 2 == 1};
    work.window.in = op->in[PLAN_CONV_IMAGE];
    work.first_tile = op->rows.first / w->g.space.outputs;
    work.end_tile = size_divide_up(op->rows.end, w->g.space.outputs);
    work.blocks = w->blocks_wide * size_divide_up(work.end_tile - work.first_tile, w->g.block_high);
    for (size_t i = 0; i < work.blocks; i++)
        atomic_store_explicit(&w->filled[i], false, memory_order_relaxed);
    return work;
}

bool rt_winograd_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    struct work work = new_work(s, op);
    if (work.w->g.shared) run_shared(&work);
    else pthreadpool_parallelize_1d(s->pool, run_thread, &work, work.w->g.workspaces, RT_POOL_FLAGS);
    return rt_xnn(atomic_load(&work.status), "run fully connected", err);
}

// ---- preparation

static struct plan_winograd geometry(const struct rt_session *s, const struct rt_op *op) {
    // The session's tensors are the plan's views with addresses; the geometry does not ask for these.
    const struct plan_view in = {.frames = (uint32_t)op->in[0].frames,
                                 .channels = (uint32_t)op->in[0].channels};
    const struct plan_view out = {.frames = (uint32_t)op->out.frames,
                                  .height = (uint32_t)op->out.height,
                                  .width = (uint32_t)op->out.width,
                                  .channels = (uint32_t)op->out.channels};
    return plan_winograd(&op->plan->params.conv, &in, &out, op->rows.end - op->rows.first,
                         (uint32_t)pthreadpool_get_threads_count(s->pool));
}

bool rt_winograd_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    struct winograd *w = op->state = calloc(1, sizeof *w);
    if (w == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    const struct plan_winograd *g = &w->g;
    w->g = geometry(s, op);
    w->tiles = rt_winograd_tiles(&op->plan->params.conv);
    w->blocks_wide = size_divide_up(g->tiles_wide, g->block_wide);
    size_t blocks = w->blocks_wide * size_divide_up(g->band_high, g->block_high);
    w->filled = calloc(blocks, sizeof *w->filled);
    if (w->filled == NULL) return error_set(err, ERROR_MEMORY, "out of memory for %zu blocks", blocks);
    size_t workspace = plan_winograd_workspace_bytes(g);
    if (workspace > s->workspace_bytes) s->workspace_bytes = workspace;
    return rt_window_init(&w->window, op, err) && rt_winograd_products_init(&w->products, s, op, g, err);
}

void rt_winograd_destroy(struct rt_op *op) {
    struct winograd *w = op->state;
    if (w == NULL) return;
    rt_winograd_products_free(&w->products);
    rt_window_free(&w->window);
    free(w->filled);
    free(w);
    op->state = NULL;
}
