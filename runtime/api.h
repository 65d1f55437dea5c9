// Inside of libwan's public functions (wan/wan.h): the structures behind its handles.
#ifndef WANC_RUNTIME_API_H
#define WANC_RUNTIME_API_H

#include "runtime/listener.h"
#include "runtime/session.h"
#include "wan/wan.h"

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

// From the caller's structure, which may be NULL: then there are no functions.
bool api_take_allocator(struct wan_allocator *to, const struct wan_allocator *from, struct error *err);

#endif
