// The parts of the Winograd convolution: transforms of tiles and of weights, and the products between them.
#ifndef WANC_RUNTIME_KERNELS_WINOGRAD_H
#define WANC_RUNTIME_KERNELS_WINOGRAD_H

#include "plan/winograd.h"
#include "runtime/kernels/patch.h"

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

// Called for tiles of the block, counted in rows of g->block_wide, from any thread. (winograd_tiles.c)
typedef void rt_winograd_tile_fn(const struct rt_winograd_block *b, size_t tile);
struct rt_winograd_tiles {
    rt_winograd_tile_fn *gather;  // from the patch to v
    rt_winograd_tile_fn *scatter; // from m to the output, with bias, residual and clamp
};
const struct rt_winograd_tiles *rt_winograd_tiles(const struct plan_conv *p);

// u[element][row][depth]: the weights of one column, transformed. Rows are `stride` floats apart, elements
// `plane`; columns beyond the output's channels and depths beyond the input's are zero. (winograd_weights.c)
struct rt_winograd_weights {
    const struct rt_op *op;
    const struct plan_winograd *g;
    float *u;
    size_t plane;
};
void rt_winograd_transform(const struct rt_winograd_weights *w, size_t column, size_t row);

bool rt_winograd_prepare(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_winograd_run(struct rt_session *s, struct rt_op *op, struct error *err);
void rt_winograd_destroy(struct rt_op *op);

#endif
