// Inside the runtime: a session, its operators, and what a kernel has to provide.
#ifndef WANC_RUNTIME_SESSION_H
#define WANC_RUNTIME_SESSION_H

#include "plan/bands.h"
#include "runtime/memory.h"
#include "runtime/packed.h"

#include <pthreadpool.h>
#include <stdatomic.h>
#include <time.h>
#include <xnnpack.h>

// A view with its address resolved: a session's memory does not move.
struct rt_tensor {
    float *data; // NULL where the operator has no such view, and on a cache of another type
    size_t frames, height, width, channels;                        // frames 0: no such view
    size_t frame_stride, row_stride, pixel_stride, channel_stride; // in floats, or numbers of `type`
    uint32_t type;                                                 // enum plan_cache_type
    uint16_t *narrow;                                              // of 16 bits; else NULL
};

// A view's shape and strides. `base` is where its buffer begins, `type` what is there.
static inline struct rt_tensor rt_tensor_of(const struct plan_view *v, void *base, uint32_t type) {
    return (struct rt_tensor){.data = type == PLAN_F32 ? (float *)base + v->offset : NULL,
                              .narrow = type == PLAN_F32 ? NULL : (uint16_t *)base + v->offset,
                              .type = type,
                              .frames = v->frames,
                              .height = v->height,
                              .width = v->width,
                              .channels = v->channels,
                              .frame_stride = v->frame_stride,
                              .row_stride = v->row_stride,
                              .pixel_stride = v->pixel_stride,
                              .channel_stride = v->channel_stride};
}

// A constant of the plan, in the mapped file.
struct rt_constant {
    const float *data; // NULL where the operator has none
    size_t count;
};

struct rt_op {
    const struct rt_kernel *kernel;
    const struct plan_op *plan;
    const char *name; // the ONNX node
    struct rt_tensor in[3], out, scratch;
    struct rt_constant constant[3];
    struct plan_rows
        rows;    // of the result, that a call computes; when prepared, as many as it computes at most
    void *state; // the kernel's, made by prepare
};

// For every call of the pool in a step: denormals are zeros, as in XNNPACK's operators, and threads that are done sleep until
// the next call. By default they would spin for milliseconds, which other work pays for, and ours beside other work.
enum { RT_POOL_FLAGS = PTHREADPOOL_FLAG_DISABLE_DENORMALS | PTHREADPOOL_FLAG_YIELD_WORKERS };

struct rt_session {
    const struct plan *plan;
    const struct plan_program *program; // of the plan
    pthreadpool_t pool;
    struct rt_packed *packed; // the plan's
    bool owns_packed, owns_pool;
    const struct wan_allocator *allocator; // of the blocks below; NULL: the system's
    struct rt_block caches, arena, workspace, input, output;
    size_t workspace_bytes; // what the operators prepared so far ask for
    // Called after each operator, if not NULL: its index in the variant, when it ran, and its time in products.
    void (*observer)(void *context, enum plan_variant variant, size_t index, uint64_t begin_ns,
                     uint64_t end_ns, uint64_t product_ns);
    void *observer_context;
    struct rt_check *check; // NULL: operators are not compared with their formulas (check.h)
    // Called in front of each operator, if not NULL; not 0: the step stops there.
    wan_progress *progress;
    void *progress_context;
    size_t done;                 // operators of the step that are complete
    bool touched;                // by the step that is running or was the last: some operator has run
    _Atomic uint64_t product_ns; // of the running operator, if somebody observes
    uint64_t steps;              // run since the last reset: the position of histories depends on it
    struct rt_op *ops;           // of the program: FIRST, then STEADY
};

static inline struct rt_op *rt_variant_ops(const struct rt_session *s, enum plan_variant variant) {
    return s->ops + (variant == PLAN_FIRST ? 0 : s->program->variant[PLAN_FIRST].op_count);
}

// One row per plan_op_kind. `prepare` (may be NULL) makes op->state; `run` does one step's work; `destroy`
// (may be NULL) frees the state, complete or not, and is called for every operator whose prepare was called.
struct rt_kernel {
    bool (*prepare)(struct rt_session *s, struct rt_op *op, struct error *err);
    bool (*run)(struct rt_session *s, struct rt_op *op, struct error *err);
    void (*destroy)(struct rt_op *op);
};
extern const struct rt_kernel rt_kernels[PLAN_OP_KINDS];

struct rt_session_setup {
    unsigned threads;                      // of a pool of its own; 0: one per core
    pthreadpool_t pool;                    // NULL: one of its own
    struct rt_packed *packed;              // NULL: packed weights of its own
    const char *cache_folder;              // NULL: caches in memory, else in a file there
    bool huge_pages;                       // caches in huge pages that the system has reserved
    const struct wan_allocator *allocator; // NULL: the system's; else it stays where it is
    unsigned check_places;                 // of each operator's result, compared with the formula; 0: none
};
bool rt_session_open(struct rt_session *s, const struct plan *plan, const struct plan_program *program,
                     const struct rt_session_setup *setup, struct error *err);
void rt_session_close(struct rt_session *s);
// A pool of threads; 0: one per core.
bool rt_pool_new(pthreadpool_t *pool, unsigned threads, struct error *err);
// Runs all operators of a variant, which must not be absent: FIRST after a reset, then STEADY. ERROR_CANCELLED: `progress`
// stopped it.
bool rt_session_run(struct rt_session *s, enum plan_variant variant, struct error *err);
// One operator, number `index` of the variant, as `op` says; with its name in front of an error. (session.c)
bool rt_session_run_op(struct rt_session *s, enum plan_variant variant, uint32_t index, struct rt_op *op,
                       struct error *err);
// What operator `index` of the variant has left, as the tensor of a tap: `out` has room for its elements.
void rt_session_read_tap(const struct rt_session *s, enum plan_variant variant, const struct plan_tap *tap,
                         float *out);
// The run of a variant that works in bands (plan/bands.h). (bands.c)
bool rt_bands_run(struct rt_session *s, enum plan_variant variant, struct error *err);

// Around matrix products, when somebody observes: rt_products_end(s, rt_products_begin(s), threads) adds the time
// between, of one of `threads` that multiply at different times.
static inline uint64_t rt_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline uint64_t rt_products_begin(const struct rt_session *s) {
    return s->observer == NULL ? 0 : rt_clock_ns();
}
static inline void rt_products_end(struct rt_session *s, uint64_t begin, uint64_t threads) {
    if (s->observer != NULL) atomic_fetch_add(&s->product_ns, (rt_clock_ns() - begin) / threads);
}

// The next step is step 0 of another video.
void rt_session_reset(struct rt_session *s);

// True for success; otherwise says which call of XNNPACK refused.
bool rt_xnn(enum xnn_status status, const char *call, struct error *err);
// Before any other call of XNNPACK.
bool rt_xnn_start(struct error *err);

#endif
