// The profile of a run: the time of every operator, from libwan's observer, and what is made of it (docs/profile.md).
#ifndef WANRUN_PROFILE_H
#define WANRUN_PROFILE_H

#include "base/error.h"
#include "wan/wan.h"

#include <stdbool.h>
#include <stdio.h>

struct profile_operator {
    struct wan_operator op;
    uint64_t calls;
    double seconds, product_seconds; // of all calls
};

// The first step of a video, or its steady ones.
struct profile_variant {
    struct profile_operator *ops; // in the order in which they run
    size_t count;
    double *steps; // seconds of each
    size_t step_count, step_capacity;
};

struct profile_event { // one call of an operator
    int steady;
    size_t index;
    uint64_t begin_ns, end_ns;
};

struct profile {
    struct profile_variant variant[2]; // first, steady
    bool traced;                       // events are kept
    struct profile_event *events;
    size_t event_count, event_capacity;
    bool failed; // no memory: what was measured is incomplete
    unsigned threads;
    double peak_gflops;
};

// What libwan calls; `context` is the profile.
wan_observer profile_observe;
// Takes the operators of a session, and measures the machine's peak. False without memory.
bool profile_init(struct profile *p, const struct wan_session *session, bool traced);
void profile_free(struct profile *p);
void profile_step(struct profile *p, bool steady, double seconds);

// Sums over a variant's operators.
struct profile_total {
    double seconds, product_seconds; // of all steps
    double outside;                  // seconds of operators other than convolutions and attention
    double flops, product_flops;     // of one step
};
struct profile_total profile_total(const struct profile_variant *v);

void profile_print(const struct profile *p, FILE *out);
// Files are written beside their name and renamed. (profile_json.c)
bool profile_write_json(const struct profile *p, const char *plan, const char *path, struct error *err);
bool profile_write_trace(const struct profile *p, const char *path, struct error *err);

#endif
