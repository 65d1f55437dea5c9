// libwan: decodes latents to video frames with a plan made by `wanc compile`.
//
//     struct wan_error error = {0};
//     struct wan_plan *plan = wan_plan_open("plan.bin", &error);
//     struct wan_session_params params = {.threads = 2};
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
//     for (size_t i = 0; wan_plan_get_size(plan, i, &shape); i++) ...; // shape.latent_height x latent_width
//     struct wan_session_params params = {.latent_height = 30, .latent_width = 52};
//
// Ownership: whoever opens closes. A plan must outlive its sessions. Plans are immutable and may be shared by
// sessions in several threads; a session belongs to one thread at a time.
// Errors: functions that can fail return a wan_status (or NULL) and fill the caller's wan_error, if one is
// given.
#ifndef WAN_H
#define WAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum wan_status {
    WAN_OK = 0,
    WAN_ERROR_INPUT, // the plan file is malformed or not for this size, or a latent holds NaN or infinity
    WAN_ERROR_UNSUPPORTED, // this machine or this XNNPACK cannot run the plan
    WAN_ERROR_IO,          // the plan cannot be opened, read or mapped
    WAN_ERROR_MEMORY,      // an allocation failed
    WAN_ERROR_STATE,       // frames of the previous send were not received, or there is no later step
    WAN_ERROR_INTERNAL,    // a bug in libwan
} wan_status;

struct wan_error {
    wan_status status;
    char message[1024]; // one line: the file or operator, what was expected, what was found
};

struct wan_plan;
struct wan_session;

enum { WAN_MAX_SIZES = 64 }; // of one plan

// Shapes of a plan at one of its sizes. Latents are [latent_channels][latent_height][latent_width] per frame, video frames are
// [frame_channels][frame_height][frame_width].
struct wan_plan_params {
    uint32_t latent_channels, latent_height, latent_width;
    uint32_t frame_channels, frame_height, frame_width;
    uint32_t first_frames, first_kept; // emitted by the first step, and those (the last) that are video
    uint32_t steady_frames;            // 0: the plan decodes one latent frame
    uint64_t peak_bytes; // resident memory that one session is expected to need, with a thread on each core
};

// Called by wan_session_send, on its thread, after every operator of a step: its index (wan_session_operator), when it ran, in
// nanoseconds of CLOCK_MONOTONIC, and how many of these were inside of matrix products (of threads that multiply at
// different times the mean).
typedef void wan_observer(void *context, int steady, size_t index, uint64_t begin_ns, uint64_t end_ns,
                          uint64_t product_ns);

struct wan_session_params {
    unsigned threads; // 0: one per core that the process may run on; at most 1024. More than cores is slow
    uint32_t latent_height, latent_width; // a size of the plan; 0, 0: its first one
    int all_frames;                       // not 0: all of the first step's frames, not the kept ones alone
    wan_observer *observer;               // NULL: nobody watches, nothing is measured
    void *observer_context;
    // NULL: caches are in memory. Else in a file without a name in that folder, of the caches' size: the system writes pages
    // there when memory is short, so that a decode may have larger caches than there is memory, at the disk's speed.
    const char *cache_folder;
};

struct wan_plan *wan_plan_open(const char *path, struct wan_error *error);
void wan_plan_close(struct wan_plan *plan); // NULL is allowed
// Of the plan's first size, which often is the only one. Sizes differ in heights, widths and memory.
void wan_plan_get_params(const struct wan_plan *plan, struct wan_plan_params *params);
// Of size `index`, counted from 0 in the order in which they were compiled. 0 past the last one, else 1.
int wan_plan_get_size(const struct wan_plan *plan, size_t index, struct wan_plan_params *params);
// What the compiler warned of, one line each, and, if the plan holds packed weights that do not fit this machine, that;
// counted from 0; NULL past the last one. Owned by the plan.
const char *wan_plan_note(const struct wan_plan *plan, size_t index);

// Allocates the caches and the arena, and packs the weights, if no earlier session of the plan has and the plan does not
// hold them packed. They stay in memory until the plan is closed. `params` NULL means all defaults.
struct wan_session *wan_session_new(const struct wan_plan *plan, const struct wan_session_params *params,
                                    struct wan_error *error);
void wan_session_free(struct wan_session *session); // NULL is allowed

// Decodes one latent frame: float[latent_channels][latent_height][latent_width], copied before the call
// returns. All frames of the previous send must have been received. Where the plan decodes one latent frame, a
// second one is refused with WAN_ERROR_STATE until the session is reset. A latent that is refused
// (WAN_ERROR_INPUT, WAN_ERROR_STATE) leaves the stream as it was; after any other error the session must be
// reset.
wan_status wan_session_send(struct wan_session *session, const float *latent, struct wan_error *error);

// The next decoded frame, float[frame_channels][frame_height][frame_width], rows and planes dense; NULL when
// a new latent frame is needed. Owned by the session and valid until the next send, reset or free.
const float *wan_session_receive(struct wan_session *session);

// An operator of a session's first step or of its steady ones. Strings belong to the plan.
struct wan_operator {
    const char *name;                         // the node of the model
    const char *kind;                         // "conv", "attention", ...
    const char *algorithm;                    // of a convolution; else ""
    uint32_t frames, height, width, channels; // of its result
    double flops;                             // of the formula; 0 for operators that only move memory
    double product_flops;                     // executed inside of matrix products
    double bytes;                             // that it reads and writes, each once
};
// Counted from 0 in the order in which they run. 0 past the last one, else 1.
int wan_session_operator(const struct wan_session *session, int steady, size_t index,
                         struct wan_operator *op);
// The tensor of the model that an operator leaves, with the model's name and in the model's order of axes.
struct wan_tensor {
    const char *name;  // belongs to the plan
    unsigned rank;     // at most 8
    uint32_t shape[8]; // of this step: its frames only
    size_t count;      // of numbers, the product of the shape
};
// Of operator `index` of a step. 1: `tensor` is filled, and `values` too, unless it is NULL: room for tensor->count numbers,
// which are what the operator left, if the observer asks right behind it; at any other time they are overwritten, or not yet
// there. 0: the operator leaves no tensor of the model (it moves a cache, say). -1: it works in bands of the image, and there
// is no time at which all of its tensor is in memory.
int wan_session_tensor(const struct wan_session *session, int steady, size_t index, struct wan_tensor *tensor,
                       float *values);
unsigned wan_session_threads(const struct wan_session *session);

// ---- stopping and going on later

// Between two steps a session is its caches and a number. wan_session_save writes them to a file (beside its name, then
// renamed), when all frames of the last send were received; wan_session_load goes on from there, in any session of the
// same plan and size: what follows has the same bits, on a machine of the same kind. A file of another plan or size, or a
// damaged one, is refused (WAN_ERROR_INPUT) and leaves the session as it was.
wan_status wan_session_save(const struct wan_session *session, const char *path, struct wan_error *error);
wan_status wan_session_load(struct wan_session *session, const char *path, struct wan_error *error);
// Latent frames sent since the start of the video, those before a load included.
uint64_t wan_session_steps(const struct wan_session *session);

struct wan_state {
    uint32_t latent_height, latent_width;
    uint64_t steps; // wan_session_steps when it was saved
};
// What a file says of itself; its caches are not looked at.
wan_status wan_state_read(const char *path, struct wan_state *state, struct wan_error *error);

// Starts a new video: the next latent is frame 0 again.
void wan_session_reset(struct wan_session *session);

// "0.1.0"; a static string.
const char *wan_version(void);

#ifdef __cplusplus
}
#endif
#endif
