// The Winograd convolution (plan/winograd.h has the idea and the sizes).
//
// The image goes through the workspace in blocks of tiles. For each block all threads transform its tiles,
// then multiply its elements, then transform the products back; each of the three is one parallel loop. A
// matrix product is one task, computed by an operator of XNNPACK on the thread that has the task: its weights
// are read once per block by one core, operators and workspace exist once whatever the number of threads, and
// no result depends on how the tasks were divided.
#include "runtime/kernels/winograd.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct winograd {
    struct plan_winograd g;
    const struct rt_winograd_tiles *tiles;
    size_t blocks;              // operators of one element
    size_t block_columns;       // that one operator computes
    size_t runs;                // of an operator in one block of tiles
    size_t rows;                // that an operator computes in one run
    size_t v_row, m_row;        // floats between them
    xnn_operator_t operators[]; // [element][block]
};

// ---- the work of one step

struct work {
    const struct winograd *w;
    struct rt_winograd_block block;
    atomic_int status; // of XNNPACK: the last failure
};

static void gather_tile(void *context, size_t tile) {
    const struct work *work = context;
    work->w->tiles->gather(&work->block, tile);
}

static void scatter_tile(void *context, size_t tile) {
    const struct work *work = context;
    work->w->tiles->scatter(&work->block, tile);
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

bool rt_winograd_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    const uint32_t flags = PTHREADPOOL_FLAG_DISABLE_DENORMALS;
    const struct winograd *w = op->state;
    const struct plan_winograd *g = &w->g;
    struct work work = {.w = w, .block = {.op = op, .g = g, .v = (float *)s->workspace.data}};
    work.block.m = work.block.v + g->elements * g->v_plane;
    for (size_t first = 0; first < g->tiles; first += g->block) {
        work.block.first = first;
        work.block.count = g->tiles - first < g->block ? g->tiles - first : g->block;
        pthreadpool_parallelize_1d(s->pool, gather_tile, &work, work.block.count, flags);
        pthreadpool_parallelize_1d(s->pool, multiply_element, &work, g->elements * w->blocks, flags);
        pthreadpool_parallelize_1d(s->pool, scatter_tile, &work, work.block.count, flags);
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

static struct winograd *new_winograd(const struct rt_op *op) {
    const struct plan_conv *p = &op->plan->params.conv;
    // The session's tensors are the plan's views with addresses; the geometry does not ask for these.
    const struct plan_view in = {.frames = op->in[0].frames, .channels = op->in[0].channels};
    const struct plan_view out = {.frames = op->out.frames,
                                  .height = op->out.height,
                                  .width = op->out.width,
                                  .channels = op->out.channels};
    struct plan_winograd g = plan_winograd(p, &in, &out);
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
    struct winograd *w = op->state = new_winograd(op);
    if (w == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
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
    free(w);
    op->state = NULL;
}
