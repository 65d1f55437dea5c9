// Attention of one head over the positions of each frame.
//
// K and V of a frame are packed as the weights of fully connected operators, in blocks that stay in L2:
// blocks of positions for K, of channels for V. Queries pass through in blocks of rows, so that of the matrix
// of scores, positions x positions, only `query_block` rows exist at a time.
#include "runtime/kernels/kernels.h"

#include <math.h>
#include <stdlib.h>

// Measured at 6240 positions of 384 channels: 1.3 times the speed of whole K and V.
enum { KEY_BLOCK = 480, VALUE_BLOCK = 32 };

struct attention {
    size_t positions, channels, key_blocks, value_blocks;
    float *gathered; // one block of K or V
    xnn_operator_t softmax;
    xnn_operator_t blocks[]; // of K, then of V
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

bool rt_attention_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    (void)s;
    size_t positions = op->out.height * op->out.width, channels = op->out.channels;
    size_t keys = (positions + KEY_BLOCK - 1) / KEY_BLOCK,
           values = (channels + VALUE_BLOCK - 1) / VALUE_BLOCK;
    struct attention *a = op->state = calloc(1, sizeof *a + (keys + values) * sizeof *a->blocks);
    if (a == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    a->positions = positions;
    a->channels = channels;
    a->key_blocks = keys;
    a->value_blocks = values;
    size_t key_floats = smaller(KEY_BLOCK, positions) * channels;
    size_t value_floats = smaller(VALUE_BLOCK, channels) * positions;
    a->gathered = malloc((key_floats > value_floats ? key_floats : value_floats) * sizeof(float));
    if (a->gathered == NULL) return error_set(err, ERROR_MEMORY, "out of memory for a block of K or V");
    return rt_xnn(xnn_create_softmax_nc_f32(0, &a->softmax), "create softmax", err);
}

// Copies rows x columns floats from positions `pixel_stride` apart, times `factor`.
struct gather {
    const float *in;
    size_t pixel_stride, columns;
    float factor, *out;
};

static void gather_row(void *context, size_t row) {
    const struct gather *g = context;
    const float *in = g->in + row * g->pixel_stride;
    float *out = g->out + row * g->columns;
    for (size_t c = 0; c < g->columns; c++) out[c] = in[c] * g->factor;
}

static void gather_rows(struct rt_session *s, const struct gather *g, size_t rows) {
    pthreadpool_parallelize_1d(s->pool, gather_row, (void *)g, rows, RT_POOL_FLAGS);
}

// Scores of some keys: the weights are rows of K times the attention's scale.
static bool pack_keys(struct rt_session *s, const struct rt_op *op, const float *k, size_t block,
                      struct error *err) {
    struct attention *a = op->state;
    size_t first = block * KEY_BLOCK, count = smaller(KEY_BLOCK, a->positions - first),
           stride = op->in[1].pixel_stride;
    struct gather g = {k + first * stride, stride, a->channels, op->plan->params.attention.scale,
                       a->gathered};
    gather_rows(s, &g, count);
    return rt_xnn(xnn_create_fully_connected_nc_f32(a->channels, count, op->in[0].pixel_stride, a->positions,
                                                    a->gathered, NULL, -INFINITY, INFINITY, 0, NULL, NULL,
                                                    &a->blocks[block]),
                  "create fully connected (K)", err);
}

// Sums of some channels of V, weighted with the softmax of the scores.
static bool pack_values(struct rt_session *s, const struct rt_op *op, const float *v, size_t block,
                        struct error *err) {
    struct attention *a = op->state;
    size_t first = block * VALUE_BLOCK, count = smaller(VALUE_BLOCK, a->channels - first);
    struct gather g = {v + first, op->in[2].pixel_stride, count, 1, a->gathered};
    gather_rows(s, &g, a->positions);
    return rt_xnn(xnn_create_fully_connected_nc_f32(
                      a->positions, count, a->positions, op->out.pixel_stride, a->gathered, NULL, -INFINITY,
                      INFINITY, XNN_FLAG_TRANSPOSE_WEIGHTS, NULL, NULL, &a->blocks[a->key_blocks + block]),
                  "create fully connected (V)", err);
}

static bool pack_frame(struct rt_session *s, const struct rt_op *op, size_t t, struct error *err) {
    struct attention *a = op->state;
    const float *k = op->in[1].data + t * op->in[1].frame_stride,
                *v = op->in[2].data + t * op->in[2].frame_stride;
    bool ok = true;
    for (size_t i = 0; i < a->key_blocks && ok; i++) ok = pack_keys(s, op, k, i, err);
    for (size_t i = 0; i < a->value_blocks && ok; i++) ok = pack_values(s, op, v, i, err);
    return ok;
}

static void unpack_frame(struct attention *a) {
    for (size_t i = 0; i < a->key_blocks + a->value_blocks; i++) {
        if (a->blocks[i] != NULL) xnn_delete_operator(a->blocks[i]);
        a->blocks[i] = NULL;
    }
}

static bool reshape_blocks(struct rt_session *s, struct attention *a, size_t queries, struct error *err) {
    bool ok = rt_xnn(
        xnn_reshape_softmax_nc_f32(a->softmax, a->positions, a->positions, a->positions, queries, s->pool),
        "reshape softmax", err);
    for (size_t i = 0; i < a->key_blocks + a->value_blocks && ok; i++) {
        ok = rt_xnn(xnn_reshape_fully_connected_nc_f32(a->blocks[i], queries, s->pool),
                    "reshape fully connected", err);
    }
    return ok;
}

static bool run_product(struct rt_session *s, xnn_operator_t block, const float *in, float *out,
                        struct error *err) {
    uint64_t begin = rt_products_begin(s);
    bool ok = rt_xnn(xnn_setup_fully_connected_nc_f32(block, in, out), "set up fully connected", err) &&
              rt_xnn(xnn_run_operator(block, s->pool), "run fully connected", err);
    rt_products_end(s, begin, 1);
    return ok;
}

// One block of queries.
static bool run_queries(struct rt_session *s, const struct rt_op *op, const float *q, float *out,
                        struct error *err) {
    const struct attention *a = op->state;
    float *scores = op->scratch.data;
    bool ok = true;
    for (size_t i = 0; i < a->key_blocks && ok; i++) {
        ok = run_product(s, a->blocks[i], q, scores + i * KEY_BLOCK, err);
    }
    ok = ok && rt_xnn(xnn_setup_softmax_nc_f32(a->softmax, scores, scores), "set up softmax", err) &&
         rt_xnn(xnn_run_operator(a->softmax, s->pool), "run softmax", err);
    for (size_t i = 0; i < a->value_blocks && ok; i++) {
        ok = run_product(s, a->blocks[a->key_blocks + i], scores, out + i * VALUE_BLOCK, err);
    }
    return ok;
}

static bool run_frame(struct rt_session *s, const struct rt_op *op, size_t t, struct error *err) {
    struct attention *a = op->state;
    const float *q = op->in[0].data + t * op->in[0].frame_stride;
    float *out = op->out.data + t * op->out.frame_stride;
    size_t block = op->plan->params.attention.query_block, shaped = 0;
    for (size_t i = 0; i < a->positions; i += block) {
        size_t queries = smaller(block, a->positions - i);
        if (queries != shaped && !reshape_blocks(s, a, queries, err)) return false;
        shaped = queries;
        if (!run_queries(s, op, q + i * op->in[0].pixel_stride, out + i * op->out.pixel_stride, err))
            return false;
    }
    return true;
}

bool rt_attention_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    bool ok = true;
    for (size_t t = 0; t < op->out.frames && ok; t++) {
        ok = pack_frame(s, op, t, err) && run_frame(s, op, t, err);
        unpack_frame(op->state);
    }
    return ok;
}

void rt_attention_destroy(struct rt_op *op) {
    struct attention *a = op->state;
    if (a == NULL) return;
    unpack_frame(a);
    if (a->softmax != NULL) xnn_delete_operator(a->softmax);
    free(a->gathered);
    free(a);
    op->state = NULL;
}
