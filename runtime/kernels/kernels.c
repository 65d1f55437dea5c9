// The table of kernels, and the division of a tensor into pieces of work.
#include "runtime/kernels/kernels.h"

#include <stdlib.h>

const struct rt_kernel rt_kernels[PLAN_OP_KINDS] = {
    [PLAN_OP_CONV] = {rt_conv_prepare, rt_conv_run, rt_conv_destroy},
    [PLAN_OP_NORM] = {rt_norm_prepare, rt_norm_run, rt_norm_destroy},
    [PLAN_OP_BINARY] = {NULL, rt_binary_run, NULL},
    [PLAN_OP_SCALE] = {rt_scale_prepare, rt_scale_run, rt_state_free},
    [PLAN_OP_UNARY] = {NULL, rt_unary_run, NULL},
    [PLAN_OP_ATTENTION] = {rt_attention_prepare, rt_attention_run, rt_attention_destroy},
    [PLAN_OP_UPSAMPLE] = {NULL, rt_upsample_run, NULL},
    [PLAN_OP_COPY] = {NULL, rt_copy_run, NULL},
};

void rt_state_free(struct rt_op *op) {
    free(op->state);
    op->state = NULL;
}

enum { PIECE_FLOATS = 16 * 1024 }; // in L2 with room for two operands, yet long enough to hide the dispatch

struct pieces {
    rt_piece_fn *fn;
    const void *context;
};

static void run_piece(void *context, size_t t, size_t y, size_t x, size_t pixels) {
    const struct pieces *p = context;
    p->fn(p->context, &(struct rt_piece){t, y, x, pixels});
}

void rt_for_pieces(pthreadpool_t pool, const struct rt_tensor *shape, rt_piece_fn *fn, const void *context) {
    struct pieces p = {fn, context};
    size_t pixels = shape->channels < PIECE_FLOATS ? PIECE_FLOATS / shape->channels : 1;
    // Denormals cost up to a hundred times a normal number; XNNPACK flushes them as well.
    pthreadpool_parallelize_3d_tile_1d(pool, run_piece, &p, shape->frames, shape->height, shape->width,
                                       pixels, RT_POOL_FLAGS);
}
