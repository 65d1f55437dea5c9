// libwan: decodes latents to video frames with a plan made by `wanc compile` or libwanc (wan/wanc.h).
//
//     struct wan_error error;
//     struct wan_plan *plan = wan_plan_open("plan.bin", NULL, &error);
//     struct wan_session_params params = {.size = sizeof params, .threads = 2};
//     struct wan_session *session = wan_session_new(plan, &params, &error);
//
//     for (each latent frame) { // float[C][h][w]
//         if (wan_session_send(session, latent, &error) != WAN_OK) ...;
//         while ((frame = wan_session_receive(session)) != NULL) ...; // float[3][H][W] in [-1, 1]
//     }
//     wan_session_free(session);
//     wan_plan_close(plan);
//
// The first latent frame of a video gives wan_plan_params.first_frames video frames (1 for Wan 2.1), every
// later one steady_frames (4). A session keeps the decoder's caches between sends; its memory does not grow
// with the video. A plan for images has steady_frames 0 and decodes one latent frame. Some decoders emit more
// frames in their first step than belong to the video: then first_kept is below first_frames, and a session
// gives the last first_kept of them only, unless it was asked for all.
//
// A plan may be for several latent sizes; a session decodes one of them:
//
//     struct wan_plan_params shape = {.size = sizeof shape};
//     for (size_t i = 0; wan_plan_get_size(plan, i, &shape); i++) ...; // shape.latent_height x latent_width
//     struct wan_session_params params = {.size = sizeof params, .latent_height = 30, .latent_width = 52};
//
// Structures: all but wan_error begin with `size`, which the caller sets to sizeof: newer versions append fields, and by
// the size the library knows what the caller knows. Fields that are 0 or NULL stand for defaults. One that the library is
// too old to know must be 0 (WAN_ERROR_UNSUPPORTED); a size below that of ABI version 1 is a mistake
// (WAN_ERROR_ARGUMENT).
//
// Ownership: whoever opens closes. A plan must outlive its sessions, a pool the sessions that work on it, callbacks and
// their contexts all that was opened with them; structures of parameters are copied.
//
// Threads: a plan does not change once it is open, and functions on it may be called from any number of threads at once, as
// may those that take neither a plan nor a session. A session is one thread's at a time; several sessions of one plan may
// work at the same time, each on a thread, also on one pool, where their operators take turns. wan_plan_close,
// wan_session_free and wan_pool_free: when nobody else uses the object any more.
//
// Errors: functions that can fail return a wan_status (or NULL) and fill the caller's wan_error, if one is given (not NULL).
// Nothing is printed. docs/library.md says more.
#ifndef WAN_WAN_H
#define WAN_WAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WAN_API __attribute__((visibility("default")))
#else
#define WAN_API
#endif

// ---- versions

// That of the binary interface, and the number in the library's name (libwan.so.1). It changes when a program that was
// built with an older header would not work any more.
#define WAN_ABI_VERSION 1
WAN_API unsigned wan_abi_version(void); // of the library that runs
WAN_API const char *wan_version(void);  // "0.1.0"; a static string

// ---- errors

typedef enum wan_status {
    WAN_OK = 0,
    WAN_ERROR_INPUT, // the plan, the state or the model is malformed or does not fit, or a latent holds NaN or infinity
    WAN_ERROR_UNSUPPORTED, // well-formed, but not for this machine, this XNNPACK or this version of the library
    WAN_ERROR_IO,          // the system refused to open, read, write or map, or a callback of the caller did
    WAN_ERROR_MEMORY,      // an allocation failed
    WAN_ERROR_STATE,       // frames of the previous send were not received, or there is no later step
    WAN_ERROR_INTERNAL,    // a bug in the library
    WAN_ERROR_CANCELLED,   // a progress callback asked to stop
    WAN_ERROR_ARGUMENT     // the call is wrong: a size of a structure, a number out of its range
} wan_status;

struct wan_error { // does not grow; need not be initialised
    wan_status status;
    char name[40];      // "plan-input": docs/errors.md explains it under this name
    char message[1024]; // one line: the file or operator, what was expected, what was found
};

// ---- callbacks

// Where large blocks come from: caches, arena, workspace, frames, and packed weights. XNNPACK's operators, the thread pool and
// small structures of libwan stay with malloc. May be called by several threads at once, those of pools among them.
struct wan_allocator {
    size_t size; // sizeof(struct wan_allocator)
    // `bytes` bytes, a multiple of `alignment`, which is a power of 2 and at most a page; they need not be zero. NULL:
    // there is no memory.
    void *(*allocate)(void *context, size_t bytes, size_t alignment);
    void (*release)(void *context, void *memory, size_t bytes); // as they were allocated
    void *context;
};

typedef enum wan_log_level { WAN_LOG_ERROR = 1, WAN_LOG_WARNING, WAN_LOG_INFO } wan_log_level;
// One line, without a line end; names in it are those of the model. Called on the thread that called the library, inside of
// that call; it must not call back with the same session. Errors that a function returns are logged as well.
typedef void wan_log(void *context, wan_log_level level, const char *message);

// ---- plans

struct wan_plan;

struct wan_open_params {
    size_t size; // sizeof(struct wan_open_params)
    const struct wan_allocator
        *allocator;    // of packed weights, and of sessions that have none; NULL: the system's
    wan_log *log;      // what the compiler warned of, and what of the plan does not fit this machine; and
    void *log_context; // of sessions that have none. NULL: nobody listens
};

enum { WAN_MAX_SIZES = 64 }; // of one plan

// Shapes of a plan at one of its sizes. Latents are [latent_channels][latent_height][latent_width] per frame, video frames are
// [frame_channels][frame_height][frame_width].
struct wan_plan_params {
    size_t size; // sizeof(struct wan_plan_params)
    uint32_t latent_channels, latent_height, latent_width;
    uint32_t frame_channels, frame_height, frame_width;
    uint32_t first_frames, first_kept; // emitted by the first step, and those (the last) that are video
    uint32_t steady_frames;            // 0: the plan decodes one latent frame
    uint64_t peak_bytes; // resident memory that one session is expected to need, with a thread on each core
};

// The file is mapped, and verified completely. `params` NULL means all defaults.
WAN_API struct wan_plan *wan_plan_open(const char *path, const struct wan_open_params *params,
                                       struct wan_error *error);
// A plan in memory, verified as a file is. `data` is the caller's: it is aligned to WAN_PLAN_ALIGNMENT bytes, is only read,
// and must stay where and as it is until the plan is closed.
enum { WAN_PLAN_ALIGNMENT = 64 };
WAN_API struct wan_plan *wan_plan_open_memory(const void *data, size_t bytes,
                                              const struct wan_open_params *params, struct wan_error *error);
WAN_API void wan_plan_close(struct wan_plan *plan); // NULL is allowed
// Of size `index`, counted from 0 in the order in which they were compiled. 0 past the last one, and for a wrong
// params->size, else 1. Sizes differ in heights, widths and memory.
WAN_API int wan_plan_get_size(const struct wan_plan *plan, size_t index, struct wan_plan_params *params);
// The same for the first size, which often is the only one.
WAN_API int wan_plan_get_params(const struct wan_plan *plan, struct wan_plan_params *params);
// 1 if the plan denormalises latents itself: its first operators are z * scale + shift of each channel. `scale` and `shift` may
// be NULL, or have latent_channels floats. Latents that a pipeline keeps normalised are then sent as they are. Else 0.
WAN_API int wan_plan_denormalizes(const struct wan_plan *plan, float *scale, float *shift);
// What the compiler warned of, one line each, and, if the plan holds packed weights that do not fit this machine, that;
// counted from 0; NULL past the last one. Owned by the plan.
WAN_API const char *wan_plan_note(const struct wan_plan *plan, size_t index);

// ---- threads

struct wan_pool;
struct pthreadpool; // of libpthreadpool: a pthreadpool_t points to one

// 0 threads: one per core that the process may run on; at most WAN_MAX_THREADS. More than cores is slow.
enum { WAN_MAX_THREADS = 1024 };
WAN_API struct wan_pool *wan_pool_new(unsigned threads, struct wan_error *error);
// Makes the caller's own pool usable; it stays the caller's, and must be of the libpthreadpool that libwan is linked with.
WAN_API struct wan_pool *wan_pool_of(struct pthreadpool *pool, struct wan_error *error);
WAN_API void wan_pool_free(struct wan_pool *pool); // NULL is allowed

// ---- sessions

struct wan_session;

// Called by wan_session_send, on its thread, after every operator of a step: its index (wan_session_operator), when it ran, in
// nanoseconds of CLOCK_MONOTONIC, and how many of these were inside of matrix products (of threads that multiply at
// different times the mean).
typedef void wan_observer(void *context, int steady, size_t index, uint64_t begin_ns, uint64_t end_ns,
                          uint64_t product_ns);

// Called by wan_session_send, on its thread, in front of every operator: `done` of the step's `count` operators are
// complete (those that take turns on bands of the image are, when all bands are). Not 0: the step stops here, and the send
// returns WAN_ERROR_CANCELLED. The first call of a step leaves the stream as it was before the send; later the caches are half
// new, and the session must be reset, or go on from a state that is loaded.
typedef int wan_progress(void *context, size_t done, size_t count);

struct wan_session_params {
    size_t size;                          // sizeof(struct wan_session_params)
    unsigned threads;                     // of a pool of its own, as for wan_pool_new; not used with `pool`
    uint32_t latent_height, latent_width; // a size of the plan; 0, 0: its first one
    int all_frames;                       // not 0: all of the first step's frames, not the kept ones alone
    struct wan_pool *pool;                // NULL: one of its own
    wan_observer *observer;               // NULL: nobody watches, nothing is measured
    void *observer_context;
    wan_progress *progress; // NULL: nothing stops a step
    void *progress_context;
    // NULL: caches are in memory. Else in a file without a name in that folder, of the caches' size: the system writes pages
    // there when memory is short, so that a decode may have larger caches than there is memory, at the disk's speed.
    const char *cache_folder;
    const struct wan_allocator *allocator; // of all large blocks but packed weights; NULL: that of the plan
    wan_log *log;                          // NULL: that of the plan
    void *log_context;
    // At so many places of each operator's result, drawn anew in each step, what was computed is compared with the formula in
    // double precision; a send in which they do not agree fails with WAN_ERROR_INTERNAL, and names the operator. 0: not at all.
    unsigned check_places;
    // A session that is expected to need more resident memory, by wan_session_forecast, is refused with WAN_ERROR_MEMORY before
    // anything is allocated. 0: no limit.
    uint64_t limit_memory;
    // Not 0: caches are in huge pages of the default size, which the system has reserved (vm.nr_hugepages on Linux), and which do
    // not count as resident; too few of them: WAN_ERROR_MEMORY. 0: in ordinary memory, for which Linux is asked to use huge pages
    // where it can (MADV_HUGEPAGE).
    int huge_pages;
};

// Bytes of resident memory that such a session is expected to need, with the program around it; caches in a folder or in
// reserved huge pages are not counted. 0: there is no such session. `params` NULL means all defaults.
WAN_API uint64_t wan_session_forecast(const struct wan_plan *plan, const struct wan_session_params *params);

// Allocates the caches and the arena, and packs the weights, if no earlier session of the plan has and the plan does not
// hold them packed. They stay in memory until the plan is closed. `params` NULL means all defaults.
WAN_API struct wan_session *wan_session_new(const struct wan_plan *plan,
                                            const struct wan_session_params *params, struct wan_error *error);
WAN_API void wan_session_free(struct wan_session *session); // NULL is allowed

// Decodes one latent frame: float[latent_channels][latent_height][latent_width], copied before the call
// returns. All frames of the previous send must have been received. Where the plan decodes one latent frame, a
// second one is refused with WAN_ERROR_STATE until the session is reset. A latent that is refused
// (WAN_ERROR_INPUT, WAN_ERROR_STATE) leaves the stream as it was; after any other error (but see wan_progress) the session
// must be reset.
WAN_API wan_status wan_session_send(struct wan_session *session, const float *latent,
                                    struct wan_error *error);

// Frames of the last send that were not received yet.
WAN_API uint32_t wan_session_pending(const struct wan_session *session);

// The next decoded frame, float[frame_channels][frame_height][frame_width], rows and planes dense; NULL when
// a new latent frame is needed. Owned by the session and valid until the next send, reset, load or free.
WAN_API const float *wan_session_receive(struct wan_session *session);

typedef enum wan_element {
    WAN_FLOAT = 1, // float, as decoded, about [-1, 1]
    WAN_BYTE       // uint8_t: (x * 0.5 + 0.5) * 255, clamped to 0..255 and rounded; NaN is 0
} wan_element;

// Memory of the caller for one frame. Channel c of the pixel (y, x) lies c * channel_stride + y * row_stride + x * pixel_stride
// bytes behind `data`; strides may be negative. All three 0: dense, floats as [channels][height][width], bytes as
// [height][width][channels]. Data and strides of floats are multiples of 4.
struct wan_image {
    size_t size; // sizeof(struct wan_image)
    wan_element element;
    void *data;
    ptrdiff_t channel_stride, row_stride, pixel_stride;
};
// Writes the next frame there, in one pass. WAN_ERROR_STATE when there is none; after an error it is still the next.
WAN_API wan_status wan_session_receive_into(struct wan_session *session, const struct wan_image *image,
                                            struct wan_error *error);

// Starts a new video: the next latent is frame 0 again.
WAN_API void wan_session_reset(struct wan_session *session);

// An operator of a session's first step or of its steady ones. Strings belong to the plan.
struct wan_operator {
    size_t size;                              // sizeof(struct wan_operator)
    const char *name;                         // the node of the model
    const char *kind;                         // "conv", "attention", ...
    const char *algorithm;                    // of a convolution; else ""
    uint32_t frames, height, width, channels; // of its result
    double flops;                             // of the formula; 0 for operators that only move memory
    double product_flops;                     // executed inside of matrix products
    double bytes;                             // that it reads and writes, each once
};
// Counted from 0 in the order in which they run. 0 past the last one, and for a wrong op->size, else 1.
WAN_API int wan_session_operator(const struct wan_session *session, int steady, size_t index,
                                 struct wan_operator *op);

// The tensor of the model that an operator leaves, with the model's name and in the model's order of axes.
struct wan_tensor {
    size_t size;       // sizeof(struct wan_tensor)
    const char *name;  // belongs to the plan
    unsigned rank;     // at most 8
    uint32_t shape[8]; // of this step: its frames only
    size_t count;      // of numbers, the product of the shape
};
// Of operator `index` of a step. 1: `tensor` is filled, and `values` too, unless it is NULL: room for tensor->count numbers,
// which are what the operator left, if the observer asks right behind it; at any other time they are overwritten, or not yet
// there. 0: the operator leaves no tensor of the model (it moves a cache, say), or tensor->size is wrong. -1: it works in bands
// of the image, and there is no time at which all of its tensor is in memory.
WAN_API int wan_session_tensor(const struct wan_session *session, int steady, size_t index,
                               struct wan_tensor *tensor, float *values);

WAN_API unsigned wan_session_threads(const struct wan_session *session);

// What a session with check_places has found so far.
struct wan_check {
    size_t size;        // sizeof(struct wan_check)
    uint64_t operators; // compared, each in each step
    uint64_t numbers;   // of their results
    // The worst: the difference of a number from the formula, as a part of the sum of magnitudes in it. Rounding to floats gives
    // some 1e-6.
    double error;
    int steady; // where it was: the operator (wan_session_operator), the step, from 0, and the place in the result
    size_t index;
    uint64_t step;
    uint32_t frame, row, column, channel;
    double expected, found;
};
// 0: nothing was compared yet, or check->size is wrong; else 1.
WAN_API int wan_session_get_check(const struct wan_session *session, struct wan_check *check);

// ---- stopping and going on later

// Between two steps a session is its caches and a number. wan_session_save writes them to a file (beside its name, then
// renamed), when all frames of the last send were received; wan_session_load goes on from there, in any session of the
// same plan and size: what follows has the same bits, on a machine of the same kind. A file of another plan or size, or a
// damaged one, is refused (WAN_ERROR_INPUT) and leaves the session as it was.
WAN_API wan_status wan_session_save(const struct wan_session *session, const char *path,
                                    struct wan_error *error);
WAN_API wan_status wan_session_load(struct wan_session *session, const char *path, struct wan_error *error);
// The same bytes as in the file (docs/state.md), to and from wherever the caller keeps them. Callbacks take or give all of
// `bytes` bytes and return 0; anything else ends the call with WAN_ERROR_IO. A load reads no byte behind the state, and
// holds a second copy of the caches until it is verified.
typedef int wan_write(void *context, const void *data, size_t bytes);
typedef int wan_read(void *context, void *data, size_t bytes);
WAN_API wan_status wan_session_save_to(const struct wan_session *session, wan_write *write, void *context,
                                       struct wan_error *error);
WAN_API wan_status wan_session_load_from(struct wan_session *session, wan_read *read, void *context,
                                         struct wan_error *error);
// Latent frames sent since the start of the video, those before a load included.
WAN_API uint64_t wan_session_steps(const struct wan_session *session);

struct wan_state {
    size_t size; // sizeof(struct wan_state)
    uint32_t latent_height, latent_width;
    uint64_t steps; // wan_session_steps when it was saved
};
// What a file says of itself; its caches are not looked at.
WAN_API wan_status wan_state_read(const char *path, struct wan_state *state, struct wan_error *error);

#ifdef __cplusplus
}
#endif
#endif
