// Inside runtime/kernels: the functions behind the table rt_kernels, and what they share.
#ifndef WANC_RUNTIME_KERNELS_KERNELS_H
#define WANC_RUNTIME_KERNELS_KERNELS_H

#include "runtime/session.h"

bool rt_conv_prepare(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_conv_run(struct rt_session *s, struct rt_op *op, struct error *err);
void rt_conv_destroy(struct rt_op *op);
bool rt_norm_prepare(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_norm_run(struct rt_session *s, struct rt_op *op, struct error *err);
void rt_norm_destroy(struct rt_op *op);
bool rt_binary_run(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_scale_prepare(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_scale_run(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_unary_run(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_attention_prepare(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_attention_run(struct rt_session *s, struct rt_op *op, struct error *err);
void rt_attention_destroy(struct rt_op *op);
bool rt_upsample_run(struct rt_session *s, struct rt_op *op, struct error *err);
bool rt_copy_run(struct rt_session *s, struct rt_op *op, struct error *err);
void rt_state_free(struct rt_op *op); // for a state that is one allocation

// What of the key of its packed weights a convolution says: all but transform and rows. (conv.c)
struct plan_packed_key rt_conv_key(const struct rt_op *op);

// out[t, y, x, c] = in[t, y / factor, x / factor, c]. (upsample.c)
void rt_enlarge(pthreadpool_t pool, const struct rt_tensor *in, const struct rt_tensor *out, size_t factor);

// RMS norm of a pixel (norm.h).
struct rt_norm {
    float scale, epsilon;
    const float *gamma; // of `channels` floats
    size_t channels;
};

// A copy of the plan's gamma, or ones where it has none; NULL without memory.
float *rt_norm_gamma(const struct rt_constant *gamma, size_t channels);

// ---- loops over floats

// Compiles a function for several instruction sets; the loader picks one. Sanitizers run before that is
// possible.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RT_VECTOR __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define RT_VECTOR
#endif
// For what a vectorised function calls in its loops: it takes the caller's instruction set.
#define RT_INLINE static inline __attribute__((always_inline))

// Asks for floats that are needed soon, where the hardware does not see it coming.
RT_INLINE void rt_prefetch(const float *x, size_t count) {
    for (size_t i = 0; i < count; i += 16) __builtin_prefetch(x + i);
}

// A task's piece of work: `pixels` pixels from (t, y, x) on, within one row.
struct rt_piece {
    size_t t, y, x, pixels;
};
typedef void rt_piece_fn(const void *context, const struct rt_piece *piece);

// Calls fn for all of a tensor, in pieces of a size that depends on the shape only.
void rt_for_pieces(pthreadpool_t pool, const struct rt_tensor *shape, rt_piece_fn *fn, const void *context);

static inline size_t rt_offset(const struct rt_tensor *v, const struct rt_piece *p) {
    return p->t * v->frame_stride + p->y * v->row_stride + p->x * v->pixel_stride;
}
static inline float *rt_at(const struct rt_tensor *v, const struct rt_piece *p) {
    return v->data + rt_offset(v, p);
}

static inline bool rt_unit(const struct rt_tensor *v) { return v->channel_stride == 1 || v->channels == 1; }

// A row of it is one run of floats.
static inline bool rt_dense_row(const struct rt_tensor *v) {
    return rt_unit(v) && v->pixel_stride == v->channels;
}

#endif
