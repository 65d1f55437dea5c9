// Inside of libwan's public functions (wan/wan.h): the structures behind its handles, and how errors leave.
#ifndef WANC_RUNTIME_API_H
#define WANC_RUNTIME_API_H

#include "runtime/session.h"
#include "wan/wan.h"

struct api_listener {
    wan_log *log; // NULL: nobody listens
    void *context;
};

struct wan_plan {
    struct plan plan;
    struct rt_packed *packed;
    struct wan_allocator allocator; // no functions: the system's
    struct api_listener listener;
};

struct wan_pool {
    pthreadpool_t threads;
    bool ours;
};

struct wan_session {
    struct rt_session rt;
    struct wan_allocator allocator;
    struct api_listener listener;
    bool all_frames;        // also those of the first step that are not video
    enum plan_variant next; // the variant of the next send
    uint32_t frames, taken; // of the last send
    wan_observer *observer;
    void *observer_context;
    bool failed; // a step stopped half-way: the caches are not usable
};

// To the log and to the caller; both may be NULL. Returns the status.
wan_status api_fail(const struct api_listener *l, struct wan_error *out, wan_status status,
                    const char *message);
wan_status api_report(const struct api_listener *l, struct wan_error *out, const struct error *err);

// From the caller's structure, which may be NULL: then there are no functions.
bool api_take_allocator(struct wan_allocator *to, const struct wan_allocator *from, struct error *err);

#endif
