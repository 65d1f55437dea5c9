// The matrix products of the Winograd convolution: operators of XNNPACK, one for each element and block of columns.
//
// An operator keeps the pointers that it works on, so that it is one thread's at a time. Threads that work on blocks of
// their own start with different products and hardly ever meet; packed weights exist once, whatever the number
// of threads.
#include "runtime/kernels/panels.h"
#include "runtime/kernels/winograd.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>

static enum xnn_status run_operator(const struct rt_winograd_products *w, const struct plan_winograd *g,
                                    struct rt_winograd_product *p, const float *v, float *m) {
    enum xnn_status status = xnn_status_success;
    while (atomic_flag_test_and_set_explicit(&p->busy, memory_order_acquire)) sched_yield();
    for (size_t t = 0; t < w->runs && status == xnn_status_success; t++) {
        status = xnn_setup_fully_connected_nc_f32(p->operator, v + t * g->inputs, m + t * g->columns);
        if (status == xnn_status_success) status = xnn_run_operator(p->operator, NULL);
    }
    atomic_flag_clear_explicit(&p->busy, memory_order_release);
    return status;
}

enum xnn_status rt_winograd_multiply(const struct rt_winograd_products *w, const struct rt_winograd_block *b,
                                     size_t index, size_t next) {
    const struct plan_winograd *g = b->g;
    size_t element = index / w->blocks, column = index % w->blocks * w->block_columns,
           left = w->columns - column;
    const float *v = b->v + element * g->v_plane;
    float *m = b->m + element * g->m_plane + column;
    if (w->panel_width == 0) return run_operator(w, g, &w->products[index], v, m);
    rt_panels_multiply(&(struct rt_panels){.width = w->panel_width,
                                           .x = v,
                                           .y = m,
                                           .runs = w->runs,
                                           .rows = w->rows,
                                           .depth = g->depth,
                                           .columns = left < w->block_columns ? left : w->block_columns,
                                           .x_run = g->inputs,
                                           .x_row = w->v_row,
                                           .y_run = g->columns,
                                           .y_row = w->m_row,
                                           .w = w->products[index].packed,
                                           .next_w = w->products[next].packed,
                                           .next_x = b->v + next / w->blocks * g->v_plane});
    return xnn_status_success;
}

// ---- preparation

struct packing {
    struct rt_session *s;
    struct rt_winograd_products *products;
    struct rt_winograd_weights weights;
    struct rt_packed_weights **packed; // of each element
    size_t block, first, columns;      // of columns: the block being packed
    atomic_int status;                 // of XNNPACK: the last failure
    atomic_bool damaged;
};

static void transform_column(void *context, size_t row) {
    const struct packing *p = context;
    rt_winograd_transform(&p->weights, p->first + row, row);
}

// Of the block of columns, at one element. Time at infinity takes the last tap as it is, and so does a first step that
// has no other frames: they share their weights.
static struct plan_packed_key element_key(const struct packing *p, size_t element) {
    const struct rt_op *op = p->weights.op;
    const struct plan_winograd_axis *time = &p->weights.g->time;
    struct plan_packed_key key = rt_conv_key(op);
    bool last_tap = time->elements > 1 && element % time->elements == time->elements - 1;
    key.bias = PLAN_NONE; // added behind the transform back
    key.tile = p->weights.g->space.outputs;
    key.upsample = op->plan->params.conv.upsample;
    key.element = (uint32_t)element;
    if (last_tap) key.taps = 1;
    else if (time->elements > 1) key.time = time->outputs;
    if (last_tap) key.element = (uint32_t)(element / time->elements);
    key.first = (uint32_t)p->first;
    key.count = (uint32_t)p->columns;
    return key;
}

static enum xnn_status create(const struct packing *p, size_t element, xnn_weights_cache_t packed,
                              xnn_operator_t *op) {
    const struct rt_winograd_products *w = p->products;
    const float *u = p->weights.u + element * p->weights.plane;
    return xnn_create_fully_connected_nc_f32(p->weights.g->depth, p->columns, w->v_row, w->m_row, u, NULL,
                                             -INFINITY, INFINITY, 0, NULL, packed, op);
}

static void create_operator(void *context, size_t element) {
    struct packing *p = context;
    const struct rt_winograd_products *w = p->products;
    xnn_operator_t *op = &w->products[element * w->blocks + p->block].operator;
    if (!rt_packed_verify(p->packed[element])) atomic_store(&p->damaged, true);
    enum xnn_status status = create(p, element, &p->packed[element]->provider, op);
    if (status == xnn_status_success) status = xnn_reshape_fully_connected_nc_f32(*op, w->rows, NULL);
    if (status != xnn_status_success) atomic_store(&p->status, status);
    w->products[element * w->blocks + p->block].packed = p->packed[element]->data;
}

// A block of columns that is whole panels, packed as such: not so for few columns, where XNNPACK has other kernels.
static bool are_panels(const struct packing *p, size_t bytes) {
    size_t width = p->products->panel_width;
    return width > 0 && p->columns % width == 0 &&
           bytes == p->columns / width * rt_panel_floats(width, p->weights.g->depth) * sizeof(float);
}

// Finds the packed weights of a block of columns, and whether some of them are still to be packed.
static bool find_packed(struct packing *p, bool *missing, struct error *err) {
    struct rt_packed_probe probe;
    xnn_operator_t none = NULL;
    rt_packed_probe(&probe);
    create(p, 0, &probe.provider, &none); // all elements are alike
    *missing = false;
    if (!are_panels(p, probe.bytes)) p->products->panel_width = 0;
    for (size_t e = 0; e < p->weights.g->elements; e++) {
        struct plan_packed_key key = element_key(p, e);
        p->packed[e] = rt_packed_weights(p->s->packed, &key, err);
        if (p->packed[e] == NULL) return false;
        if (!rt_packed_has(p->packed[e], &probe)) *missing = true;
    }
    return true;
}

static bool pack_block(struct packing *p, struct error *err) {
    size_t left = p->weights.g->columns - p->first;
    bool missing;
    p->columns = left < p->products->block_columns ? left : p->products->block_columns;
    if (!find_packed(p, &missing, err)) return false;
    if (missing) pthreadpool_parallelize_1d(p->s->pool, transform_column, p, p->columns, 0);
    pthreadpool_parallelize_1d(p->s->pool, create_operator, p, p->weights.g->elements, 0);
    if (atomic_load(&p->damaged)) return rt_packed_damaged(err);
    return rt_xnn(atomic_load(&p->status), "create fully connected", err);
}

static bool pack(struct packing *p, struct error *err) {
    struct rt_winograd_products *w = p->products;
    for (p->block = 0; p->block < w->blocks; p->block++) {
        p->first = p->block * w->block_columns;
        if (!pack_block(p, err)) return false;
    }
    // They are packed and not read again; without this, weights would be resident twice.
    const struct rt_constant *weights = &p->weights.op->constant[0];
    rt_forget(p->s->plan, weights->data, weights->count * sizeof(float));
    return true;
}

// Where the rows of a tile are rows of the matrix, one run does all of them. Folded taps overlap: the depth
// of a frame is that of its neighbour, a frame further, so that each run does one frame of all tiles.
static void divide_rows(struct rt_winograd_products *w, const struct plan_winograd *g) {
    bool overlap = g->rows_in != g->rows_out;
    w->runs = overlap ? g->rows_out : 1;
    w->rows = overlap ? g->block : g->block * g->rows_out;
    w->v_row = overlap ? g->rows_in * g->inputs : g->row;
    w->m_row = overlap ? g->rows_out * g->columns : g->columns;
}

bool rt_winograd_products_init(struct rt_winograd_products *w, struct rt_session *s, const struct rt_op *op,
                               const struct plan_winograd *g, struct error *err) {
    uint32_t block_channels = op->plan->params.conv.block_channels;
    w->blocks = plan_winograd_blocks(g, block_channels);
    w->block_columns = plan_winograd_block_columns(g, block_channels);
    w->count = g->elements * w->blocks;
    w->columns = g->columns;
    w->panel_width = rt_packed_panel_width(s->packed);
    w->products = calloc(w->count, sizeof *w->products);
    if (w->products == NULL) return error_set(err, ERROR_MEMORY, "out of memory for %zu operators", w->count);
    for (size_t i = 0; i < w->count; i++) atomic_flag_clear(&w->products[i].busy);
    divide_rows(w, g);
    struct packing p = {.s = s, .products = w, .weights = {op, g, NULL, w->block_columns * g->depth}};
    struct rt_block u = {0}; // resident only where weights have to be packed
    if (!rt_block_new(&u, s->allocator, plan_winograd_transformed_bytes(g, block_channels),
                      "transformed weights", err))
        return false;
    p.weights.u = (float *)u.data;
    p.packed = calloc(g->elements, sizeof(struct rt_packed_weights *));
    bool ok = p.packed != NULL ? pack(&p, err) : error_set(err, ERROR_MEMORY, "out of memory");
    free(p.packed);
    rt_block_free(&u);
    return ok;
}

void rt_winograd_products_free(struct rt_winograd_products *w) {
    for (size_t i = 0; w->products != NULL && i < w->count; i++) {
        if (w->products[i].operator) xnn_delete_operator(w->products[i].operator);
    }
    free(w->products);
    *w = (struct rt_winograd_products){0};
}
