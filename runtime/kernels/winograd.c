// The Winograd convolution (plan/winograd.h has the idea and the sizes).
//
// The image goes through the workspace in blocks of tiles. For each block all threads fill its patch, transform the
// tiles, multiply their elements, and transform the products back; each of the four is one parallel loop. A
// matrix product is one task, computed by an operator of XNNPACK on the thread that has the task: its weights
// are read once per block by one core, operators and workspace exist once whatever the number of threads, and
// no result depends on how the tasks were divided.
#include "runtime/kernels/winograd.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct winograd {
    struct plan_winograd g;
    struct rt_window window;
    const struct rt_winograd_tiles *tiles;
    size_t blocks;              // operators of one element
    size_t block_columns;       // that one operator computes
    size_t runs;                // of an operator in one block of tiles
    size_t rows;                // that an operator computes in one run
    size_t v_row, m_row;        // floats between them
    xnn_operator_t operators[]; // [element][block]
};

// ---- the work of one step

// The part of the input that is this block's alone, in rows (or columns) of its patch: under the middle of the kernel.
struct own {
    size_t first, end;
};

struct work {
    const struct winograd *w;
    struct rt_winograd_block block;
    struct own rows, columns; // of the patch: what the block writes to the history
    atomic_int status;        // of XNNPACK: the last failure
};

static void fill_row(void *context, size_t row) {
    const struct work *work = context;
    rt_patch_fill_row(&work->block.patch, row);
}

// Tasks are the tiles of the block that are in the image.
static size_t tile_of_task(const struct rt_winograd_block *b, size_t task) {
    return task / b->wide * b->g->block_wide + task % b->wide;
}

static struct own own_part(ptrdiff_t patch, size_t extent, size_t first, size_t count, size_t all,
                           size_t step, size_t image) {
    ptrdiff_t begin = first == 0 ? 0 : patch + 1, end = patch + 1 + (ptrdiff_t)(count * step);
    if (first + count == all || end > (ptrdiff_t)image) end = (ptrdiff_t)image;
    if (begin < 0) begin = 0;
    size_t limit = (size_t)(end - patch) < extent ? (size_t)(end - patch) : extent;
    return (struct own){(size_t)(begin - patch), limit};
}

static void gather_or_keep(void *context, size_t task) {
    const struct work *work = context;
    const struct rt_winograd_block *b = &work->block;
    size_t tiles = b->high * b->wide;
    if (task < tiles) work->w->tiles->gather(b, tile_of_task(b, task));
    else
        rt_patch_keep_row(&b->patch, work->rows.first + task - tiles, work->columns.first, work->columns.end);
}

static void scatter_tile(void *context, size_t task) {
    const struct work *work = context;
    work->w->tiles->scatter(&work->block, tile_of_task(&work->block, task));
}

static enum xnn_status multiply(const struct winograd *w, size_t index, const float *v, float *m) {
    xnn_operator_t op = w->operators[index];
    enum xnn_status status = xnn_status_success;
    for (size_t t = 0; t < w->runs && status == xnn_status_success; t++) {
        status = xnn_setup_fully_connected_nc_f32(op, v + t * w->g.inputs, m + t * w->g.columns);
        if (status == xnn_status_success) status = xnn_run_operator(op, NULL);
    }
    return status;
}

static void multiply_element(void *context, size_t index) {
    struct work *work = context;
    const struct winograd *w = work->w;
    size_t element = index / w->blocks, column = index % w->blocks * w->block_columns;
    enum xnn_status status = multiply(w, index, work->block.v + element * w->g.v_plane,
                                      work->block.m + element * w->g.m_plane + column);
    if (status != xnn_status_success) atomic_store(&work->status, status);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Sets up block (row, column) of the image.
static void place_block(struct work *work, size_t row, size_t column) {
    struct rt_winograd_block *b = &work->block;
    const struct plan_winograd *g = b->g;
    const struct plan_conv *p = &b->op->plan->params.conv;
    const struct rt_tensor *in = &b->op->in[0];
    b->tile_row = row * g->block_high;
    b->tile_column = column * g->block_wide;
    b->high = smaller(g->block_high, g->tiles_high - b->tile_row);
    b->wide = smaller(g->block_wide, g->tiles_wide - b->tile_column);
    // A pad of an enlarged image is half as wide in the image.
    size_t top = p->upsample == 2 ? p->pad_top / 2 + 1 : p->pad_top,
           left = p->upsample == 2 ? p->pad_left / 2 + 1 : p->pad_left;
    b->patch.top = (ptrdiff_t)(b->tile_row * g->space.step) - (ptrdiff_t)top;
    b->patch.left = (ptrdiff_t)(b->tile_column * g->space.step) - (ptrdiff_t)left;
    b->patch.height = (b->high - 1) * g->space.step + g->space.inputs;
    b->patch.width = (b->wide - 1) * g->space.step + g->space.inputs;
    if (work->w->window.history.data == NULL) return;
    work->rows = own_part(b->patch.top, b->patch.height, b->tile_row, b->high, g->tiles_high, g->space.step,
                          in->height);
    work->columns = own_part(b->patch.left, b->patch.width, b->tile_column, b->wide, g->tiles_wide,
                             g->space.step, in->width);
}

static void run_block(struct rt_session *s, struct work *work) {
    const uint32_t flags = PTHREADPOOL_FLAG_DISABLE_DENORMALS;
    const struct rt_winograd_block *b = &work->block;
    size_t tiles = b->high * b->wide, kept = work->rows.end - work->rows.first;
    pthreadpool_parallelize_1d(s->pool, fill_row, work, b->patch.height, flags);
    pthreadpool_parallelize_1d(s->pool, gather_or_keep, work, tiles + kept, flags);
    pthreadpool_parallelize_1d(s->pool, multiply_element, work, b->g->elements * work->w->blocks, flags);
    pthreadpool_parallelize_1d(s->pool, scatter_tile, work, tiles, flags);
}

// At odd steps from the last block to the first: see the history of struct plan_conv.
bool rt_winograd_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    const struct winograd *w = op->state;
    const struct plan_winograd *g = &w->g;
    struct work work = {.w = w, .block = {.op = op, .g = g, .v = (float *)s->workspace.data}};
    work.block.m = work.block.v + g->elements * g->v_plane;
    work.block.patch = (struct rt_patch){.window = &w->window,
                                         .data = work.block.m + g->elements * g->m_plane,
                                         .frames = g->patch_frames,
                                         .channels = g->inputs,
                                         .odd = s->steps % 2 == 1};
    size_t wide = (g->tiles_wide + g->block_wide - 1) / g->block_wide,
           count = wide * ((g->tiles_high + g->block_high - 1) / g->block_high);
    for (size_t i = 0; i < count; i++) {
        size_t index = work.block.patch.odd ? count - 1 - i : i;
        place_block(&work, index / wide, index % wide);
        run_block(s, &work);
    }
    return rt_xnn(atomic_load(&work.status), "run fully connected", err);
}

// ---- preparation

struct packing {
    struct winograd *w;
    struct rt_winograd_weights weights;
    size_t block, first, columns; // of columns: the block being packed
    atomic_int status;
};

static void transform_column(void *context, size_t row) {
    const struct packing *p = context;
    rt_winograd_transform(&p->weights, p->first + row, row);
}

static enum xnn_status create(struct packing *p, size_t element, xnn_operator_t *op) {
    const struct winograd *w = p->w;
    const float *u = p->weights.u + element * p->weights.plane;
    enum xnn_status status = xnn_create_fully_connected_nc_f32(w->g.depth, p->columns, w->v_row, w->m_row, u,
                                                               NULL, -INFINITY, INFINITY, 0, NULL, NULL, op);
    return status == xnn_status_success ? xnn_reshape_fully_connected_nc_f32(*op, w->rows, NULL) : status;
}

static void create_operator(void *context, size_t element) {
    struct packing *p = context;
    enum xnn_status status = create(p, element, &p->w->operators[element * p->w->blocks + p->block]);
    if (status != xnn_status_success) atomic_store(&p->status, status);
}

static bool pack(struct rt_session *s, struct packing *p, struct error *err) {
    struct winograd *w = p->w;
    for (p->block = 0; p->block < w->blocks; p->block++) {
        p->first = p->block * w->block_columns;
        size_t left = w->g.columns - p->first;
        p->columns = left < w->block_columns ? left : w->block_columns;
        pthreadpool_parallelize_1d(s->pool, transform_column, p, p->columns, 0);
        pthreadpool_parallelize_1d(s->pool, create_operator, p, w->g.elements, 0);
        if (!rt_xnn(atomic_load(&p->status), "create fully connected", err)) return false;
    }
    // They are packed and not read again; without this, weights would be resident twice.
    const struct rt_constant *weights = &p->weights.op->constant[0];
    rt_forget(weights->data, weights->count * sizeof(float));
    return true;
}

// Where the rows of a tile are rows of the matrix, one run does all of them. Folded taps overlap: the depth
// of a frame is that of its neighbour, a frame further, so that each run does one frame of all tiles.
static void divide_rows(struct winograd *w) {
    const struct plan_winograd *g = &w->g;
    bool overlap = g->rows_in != g->rows_out;
    w->runs = overlap ? g->rows_out : 1;
    w->rows = overlap ? g->block : g->block * g->rows_out;
    w->v_row = overlap ? g->rows_in * g->inputs : g->inputs;
    w->m_row = overlap ? g->rows_out * g->columns : g->columns;
}

static struct winograd *new_winograd(const struct rt_session *s, const struct rt_op *op) {
    const struct plan_conv *p = &op->plan->params.conv;
    // The session's tensors are the plan's views with addresses; the geometry does not ask for these.
    const struct plan_view in = {.frames = op->in[0].frames, .channels = op->in[0].channels};
    const struct plan_view out = {.frames = op->out.frames,
                                  .height = op->out.height,
                                  .width = op->out.width,
                                  .channels = op->out.channels};
    struct plan_winograd g = plan_winograd(p, &in, &out, (uint32_t)pthreadpool_get_threads_count(s->pool));
    size_t blocks = plan_winograd_blocks(&g, p->block_channels);
    struct winograd *w = calloc(1, sizeof *w + g.elements * blocks * sizeof *w->operators);
    if (w == NULL) return NULL;
    w->g = g;
    w->tiles = rt_winograd_tiles(p);
    w->blocks = blocks;
    w->block_columns = plan_winograd_block_columns(&g, p->block_channels);
    divide_rows(w);
    return w;
}

bool rt_winograd_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    struct winograd *w = op->state = new_winograd(s, op);
    if (w == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    if (!rt_window_init(&w->window, op, err)) return false;
    size_t workspace = plan_winograd_workspace_bytes(&w->g);
    if (workspace > s->workspace_bytes) s->workspace_bytes = workspace;
    struct packing p = {.w = w, .weights = {op, &w->g, NULL, w->block_columns * w->g.depth}};
    struct rt_block u = {0};
    if (!rt_block_new(&u, plan_winograd_transformed_bytes(&w->g, op->plan->params.conv.block_channels),
                      "transformed weights", err))
        return false;
    p.weights.u = (float *)u.data;
    bool ok = pack(s, &p, err);
    rt_block_free(&u);
    return ok;
}

void rt_winograd_destroy(struct rt_op *op) {
    struct winograd *w = op->state;
    if (w == NULL) return;
    for (size_t i = 0; i < w->g.elements * w->blocks; i++) {
        if (w->operators[i] != NULL) xnn_delete_operator(w->operators[i]);
    }
    rt_window_free(&w->window);
    free(w);
    op->state = NULL;
}
