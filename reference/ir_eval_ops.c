// Sums over positions: each function is the definition of its operator in docs/ir.md, section 5.2.
#include "reference/ir_eval_ops.h"

#include <math.h>
#include <string.h>

static struct ir_tensor like(const struct ir_eval_call *c, const struct ir_tensor *t) {
    return ir_tensor_new(c->arena, t->rank, t->dims);
}

// ---- matrices

// Where matrix `index` of the broadcast batch lies in t.
static const double *matrix_at(const struct ir_tensor *t, int rank, const int64_t *index) {
    size_t at = 0;
    for (int i = 0; i < t->rank - 2; i++) {
        int64_t x = t->dims[i] == 1 ? 0 : index[i + rank - t->rank];
        at = at * (size_t)t->dims[i] + (size_t)x;
    }
    return t->data + at * (size_t)(t->dims[t->rank - 2] * t->dims[t->rank - 1]);
}

static bool matmul_dims(const struct ir_tensor *a, const struct ir_tensor *b, int *rank, int64_t *dims) {
    *rank = a->rank > b->rank ? a->rank : b->rank;
    if (a->rank < 2 || b->rank < 2 || a->dims[a->rank - 1] != b->dims[b->rank - 2]) return false;
    for (int i = 0; i < *rank - 2; i++) {
        int ia = i - (*rank - a->rank), ib = i - (*rank - b->rank);
        int64_t x = ia < 0 ? 1 : a->dims[ia], y = ib < 0 ? 1 : b->dims[ib];
        if (x != y && x != 1 && y != 1) return false;
        dims[i] = x == 1 ? y : x;
    }
    dims[*rank - 2] = a->dims[a->rank - 2];
    dims[*rank - 1] = b->dims[b->rank - 1];
    return true;
}

static void multiply(const double *a, const double *b, double *out, int64_t rows, int64_t inner,
                     int64_t columns) {
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double sum = 0;
            for (int64_t k = 0; k < inner; k++) sum += a[i * inner + k] * b[k * columns + j];
            out[i * columns + j] = sum;
        }
    }
}

struct ir_tensor ir_eval_matmul(const struct ir_eval_call *c) {
    const struct ir_tensor *a = c->in[0], *b = c->in[1];
    int64_t dims[IR_MAX_RANK], index[IR_MAX_RANK] = {0};
    int rank;
    if (!matmul_dims(a, b, &rank, dims)) return ir_eval_unfit();
    struct ir_tensor t = ir_tensor_new(c->arena, rank, dims);
    int64_t rows = dims[rank - 2], columns = dims[rank - 1], inner = a->dims[a->rank - 1];
    size_t matrix = (size_t)(rows * columns);
    for (size_t at = 0; at < t.count; at += matrix) {
        multiply(matrix_at(a, rank, index), matrix_at(b, rank, index), t.data + at, rows, inner, columns);
        for (int i = rank - 3; i >= 0 && ++index[i] == dims[i]; i--) index[i] = 0;
    }
    return t;
}

static struct ir_tensor transpose_last(struct arena *a, const struct ir_tensor *t) {
    int64_t dims[IR_MAX_RANK], rows = t->dims[t->rank - 2], columns = t->dims[t->rank - 1];
    memcpy(dims, t->dims, sizeof dims);
    dims[t->rank - 2] = columns;
    dims[t->rank - 1] = rows;
    struct ir_tensor out = ir_tensor_new(a, t->rank, dims);
    for (size_t i = 0; i < t->count; i++) {
        size_t matrix = i / (size_t)(rows * columns) * (size_t)(rows * columns), k = i - matrix;
        out.data[matrix + k % (size_t)columns * (size_t)rows + k / (size_t)columns] = t->data[i];
    }
    return out;
}

// ---- along an axis

struct lines { // element `i` of line `l` of an axis: line_start(l) + i * stride
    size_t count, length, stride;
};

static struct lines lines_of(const struct ir_tensor *t, int axis) {
    struct lines l = {.length = (size_t)t->dims[axis], .stride = 1};
    for (int i = axis + 1; i < t->rank; i++) l.stride *= (size_t)t->dims[i];
    l.count = l.length ? t->count / l.length : 0;
    return l;
}

static size_t line_start(const struct lines *l, size_t line) {
    return line / l->stride * l->stride * l->length + line % l->stride;
}

static void softmax_along(const struct ir_tensor *in, struct ir_tensor *out, int axis) {
    struct lines l = lines_of(in, axis);
    for (size_t k = 0; k < l.count; k++) {
        const double *x = in->data + line_start(&l, k);
        double *y = out->data + line_start(&l, k), top = -INFINITY, sum = 0;
        for (size_t i = 0; i < l.length; i++) top = fmax(top, x[i * l.stride]);
        for (size_t i = 0; i < l.length; i++) sum += y[i * l.stride] = exp(x[i * l.stride] - top);
        for (size_t i = 0; i < l.length; i++) y[i * l.stride] /= sum;
    }
}

struct ir_tensor ir_eval_softmax(const struct ir_eval_call *c) {
    struct ir_tensor t = like(c, c->in[0]);
    softmax_along(c->in[0], &t, (int)ir_attr_int(c->node, IR_KEY_AXIS, 0));
    return t;
}

struct ir_tensor ir_eval_norm(const struct ir_eval_call *c, const struct ir_tensor *x,
                              const struct ir_tensor *gamma, int axis) {
    double epsilon = ir_attr_float(c->node, IR_KEY_EPSILON, 0),
           scale = ir_attr_float(c->node, IR_KEY_SCALE, 1);
    struct ir_tensor t = like(c, x);
    struct lines l = lines_of(&t, axis);
    if (gamma != NULL && gamma->count != l.length) return ir_eval_unfit();
    for (size_t k = 0; k < l.count; k++) {
        size_t start = line_start(&l, k);
        double squares = 0;
        for (size_t i = 0; i < l.length; i++) squares += pow(x->data[start + i * l.stride], 2);
        for (size_t i = 0; i < l.length; i++) {
            double y = x->data[start + i * l.stride] * scale / fmax(sqrt(squares), epsilon);
            t.data[start + i * l.stride] = gamma ? y * gamma->data[i] : y;
        }
    }
    return t;
}

struct ir_tensor ir_eval_rms_norm(const struct ir_eval_call *c) {
    const struct ir_tensor *gamma = c->node->input_count > 1 ? c->in[1] : NULL;
    return ir_eval_norm(c, c->in[0], gamma, (int)ir_attr_int(c->node, IR_KEY_AXIS, 0));
}

struct ir_tensor ir_eval_reduce(const struct ir_eval_call *c) {
    const struct ir_tensor *in = c->in[0];
    int count;
    const int64_t *axes = ir_attr_ints(c->node, IR_KEY_AXES, &count);
    int64_t dims[IR_MAX_RANK], x[IR_MAX_RANK] = {0};
    memcpy(dims, in->dims, sizeof dims);
    for (int i = 0; i < count; i++) dims[axes[i]] = 1;
    struct ir_tensor t = ir_tensor_new(c->arena, in->rank, dims);
    bool squares = c->node->op == IR_REDUCE_L2;
    for (size_t i = 0; i < in->count; i++) {
        size_t at = 0;
        for (int d = 0; d < in->rank; d++) at = at * (size_t)dims[d] + (size_t)(dims[d] == 1 ? 0 : x[d]);
        t.data[at] += squares ? in->data[i] * in->data[i] : in->data[i];
        for (int d = in->rank - 1; d >= 0 && ++x[d] == in->dims[d]; d--) x[d] = 0;
    }
    double each = (double)in->count / (double)t.count;
    for (size_t i = 0; i < t.count; i++) {
        if (squares) t.data[i] = sqrt(t.data[i]);
        if (c->node->op == IR_REDUCE_MEAN) t.data[i] /= each;
    }
    return t;
}

struct ir_tensor ir_eval_attention(const struct ir_eval_call *c) {
    struct ir_tensor kt = transpose_last(c->arena, c->in[1]);
    const struct ir_tensor *product[] = {c->in[0], &kt}, *sum[2];
    struct ir_eval_call call = {.eval = c->eval, .arena = c->arena, .node = c->node, .in = product};
    struct ir_tensor scores = ir_eval_matmul(&call);
    if (scores.rank < 0) return scores;
    for (size_t i = 0; i < scores.count; i++) scores.data[i] *= ir_attr_float(c->node, IR_KEY_SCALE, 1);
    struct ir_tensor weights = like(c, &scores);
    softmax_along(&scores, &weights, scores.rank - 1);
    sum[0] = &weights;
    sum[1] = c->in[2];
    call.in = sum;
    return ir_eval_matmul(&call);
}

// ---- convolutions

struct window { // a convolution: its spatial axes, and what one output element reads
    const struct ir_tensor *x, *w;
    int spatial;
    int64_t pads[IR_MAX_RANK], strides[IR_MAX_RANK];
};

static double sum_window(const struct window *c, int64_t batch, int64_t out_channel, const int64_t *at) {
    const struct ir_tensor *x = c->x, *w = c->w;
    int64_t k[IR_MAX_RANK] = {0}, taps = 1;
    double sum = 0;
    for (int i = 0; i < c->spatial; i++) taps *= w->dims[i + 2];
    for (int64_t channel = 0; channel < x->dims[1]; channel++) {
        for (int64_t tap = 0; tap < taps; tap++) {
            int64_t from = batch * x->dims[1] + channel;
            bool inside = true;
            for (int i = 0; i < c->spatial; i++) {
                int64_t p = at[i] * c->strides[i] + k[i] - c->pads[i];
                inside = inside && p >= 0 && p < x->dims[i + 2];
                from = from * x->dims[i + 2] + p;
            }
            if (inside) sum += x->data[from] * w->data[(out_channel * x->dims[1] + channel) * taps + tap];
            for (int i = c->spatial - 1; i >= 0 && ++k[i] == w->dims[i + 2]; i--) k[i] = 0;
        }
    }
    return sum;
}

// `ends` are the pads behind; those in front are in the window.
static struct ir_tensor convolve(const struct ir_eval_call *c, const struct window *win,
                                 const int64_t *ends) {
    const struct ir_tensor *x = win->x, *w = win->w, *bias = c->node->input_count > 2 ? c->in[2] : NULL;
    int64_t dims[IR_MAX_RANK] = {x->dims[0], w->dims[0]}, at[IR_MAX_RANK] = {0};
    if (w->rank != x->rank || w->dims[1] != x->dims[1]) return ir_eval_unfit();
    for (int i = 0; i < win->spatial; i++) {
        int64_t room = x->dims[i + 2] + win->pads[i] + ends[i] - w->dims[i + 2];
        dims[i + 2] = room < 0 ? 0 : room / win->strides[i] + 1;
    }
    struct ir_tensor t = ir_tensor_new(c->arena, x->rank, dims);
    size_t image = 1; // positions of one channel
    for (int i = 0; i < win->spatial; i++) image *= (size_t)dims[i + 2];
    for (size_t i = 0; i < t.count; i++) {
        int64_t plane = (int64_t)(i / image), channel = plane % dims[1];
        t.data[i] = sum_window(win, plane / dims[1], channel, at) + (bias ? bias->data[channel] : 0);
        for (int d = win->spatial - 1; d >= 0 && ++at[d] == dims[d + 2]; d--) at[d] = 0;
    }
    return t;
}

struct ir_tensor ir_eval_conv(const struct ir_eval_call *c) {
    struct window w = {.x = c->in[0], .w = c->in[1], .spatial = c->in[0]->rank - 2};
    int count;
    const int64_t *pads = ir_attr_ints(c->node, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(c->node, IR_KEY_STRIDES, &count);
    memcpy(w.pads, pads, (size_t)w.spatial * sizeof *pads);
    memcpy(w.strides, strides, (size_t)w.spatial * sizeof *strides);
    return convolve(c, &w, pads + w.spatial);
}

// a's frames, then b's; both [N,C,frames,H,W].
static struct ir_tensor join_frames(struct arena *arena, const struct ir_tensor *a,
                                    const struct ir_tensor *b) {
    int64_t dims[IR_MAX_RANK];
    memcpy(dims, b->dims, sizeof dims);
    dims[2] += a->dims[2];
    struct ir_tensor t = ir_tensor_new(arena, 5, dims);
    size_t frame = (size_t)(dims[3] * dims[4]), n = (size_t)a->dims[2] * frame,
           k = (size_t)b->dims[2] * frame;
    for (size_t plane = 0; plane < (size_t)(dims[0] * dims[1]); plane++) {
        if (n > 0) memcpy(t.data + plane * (n + k), a->data + plane * n, n * sizeof *t.data);
        if (k > 0) memcpy(t.data + plane * (n + k) + n, b->data + plane * k, k * sizeof *t.data);
    }
    return t;
}

static void keep_last_frames(struct ir_tensor *cache, const struct ir_tensor *all) {
    size_t frame = (size_t)(all->dims[3] * all->dims[4]), n = (size_t)cache->dims[2] * frame;
    size_t have = (size_t)all->dims[2] * frame;
    for (size_t plane = 0; plane < (size_t)(all->dims[0] * all->dims[1]) && n > 0; plane++) {
        memcpy(cache->data + plane * n, all->data + plane * have + have - n, n * sizeof *cache->data);
    }
}

// The attribute `taps` only says which products are zeros: here all are computed.
struct ir_tensor ir_eval_causal_conv(const struct ir_eval_call *c) {
    int count;
    const int64_t *pads = ir_attr_ints(c->node, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(c->node, IR_KEY_STRIDES, &count);
    struct ir_tensor *cache = &c->eval->caches[ir_attr_cache(c->node)->index];
    for (int i = 0; i < 5; i++) {
        if (c->in[0]->rank != 5 || cache->rank != 5 || (i != 2 && cache->dims[i] != c->in[0]->dims[i]))
            return ir_eval_unfit();
    }
    struct ir_tensor all = join_frames(c->arena, cache, c->in[0]);
    struct window w = {.x = &all,
                       .w = c->in[1],
                       .spatial = 3,
                       .pads = {0, pads[0], pads[1]},
                       .strides = {1, strides[0], strides[1]}};
    int64_t ends[] = {0, pads[2], pads[3]};
    struct ir_tensor t = convolve(c, &w, ends);
    keep_last_frames(cache, &all);
    return t;
}
