// The parts of the Winograd convolution: transforms of tiles and of weights, and the products between them.
#ifndef WANC_RUNTIME_KERNELS_WINOGRAD_H
#define WANC_RUNTIME_KERNELS_WINOGRAD_H

#include "plan/winograd.h"
#include "runtime/kernels/patch.h"

#include <stdatomic.h>

// ---- tiles (winograd_tiles.c)

// One block of tiles on its way through the workspace.
//     v[element][tile of the block][row in][input channel]    transformed patch
//     m[element][tile of the block][row out][column]          products
struct rt_winograd_block {
    const struct rt_op *op;
    const struct plan_winograd *g;
    struct rt_patch patch;
    float *v, *m;
    size_t tile_row, tile_column; // the first tile, in the image
    size_t high, wide;            // tiles of the block that are in the image
};

// Called for tiles of the block, counted in rows of g->block_wide, from any thread.
typedef void rt_winograd_tile_fn(const struct rt_winograd_block *b, size_t tile);
struct rt_winograd_tiles {
    rt_winograd_tile_fn *gather;  // from the patch to v
    rt_winograd_tile_fn *scatter; // from m to the output, with bias, residual and clamp
};
const struct rt_winograd_tiles *rt_winograd_tiles(const struct plan_conv *p);

// ---- weights (winograd_weights.c)

// u[element][row][depth]: the weights of one column, transformed. Rows are `stride` floats apart, elements
// `plane`; columns beyond the output's channels and depths beyond the input's are zero.
struct rt_winograd_weights {
    const struct rt_op *op;
    const struct plan_winograd *g;
    float *u;
    size_t plane;
};
void rt_winograd_transform(const struct rt_winograd_weights *w, size_t column, size_t row);

// ---- products (winograd_products.c)

// An operator of XNNPACK, which one thread at a time may use, and its packed weights.
struct rt_winograd_product {
    xnn_operator_t operator;
    const float *packed;
    atomic_flag busy;
};

// The matrix products of all elements, each in blocks of columns.
struct rt_winograd_products {
    size_t count;                 // elements * blocks
    size_t blocks, block_columns; // operators of one element, and columns that one computes
    size_t runs;                  // of an operator in one block of tiles
    size_t rows;                  // that it computes in one run
    size_t v_row, m_row;          // floats between them
    size_t columns;               // of all operators of an element
    size_t panel_width;           // packed for panels.h, which is then used in place of the operators; or 0
    struct rt_winograd_product *products; // [element][block]
};

// Transforms and packs the weights of `op`, in parallel. What was made is freed by rt_winograd_products_free in
// any case.
bool rt_winograd_products_init(struct rt_winograd_products *w, struct rt_session *s, const struct rt_op *op,
                               const struct plan_winograd *g, struct error *err);
void rt_winograd_products_free(struct rt_winograd_products *w);
// Computes product `index` of a block of tiles, before `next`; waits while another thread has the operator.
enum xnn_status rt_winograd_multiply(const struct rt_winograd_products *w, const struct rt_winograd_block *b,
                                     size_t index, size_t next);

// ---- the operator (winograd.c)

bool rt_winograd_prepare(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_winograd_run(struct rt_session *s, struct rt_op *op, struct error *err);
void rt_winograd_destroy(struct rt_op *op);

#endif
