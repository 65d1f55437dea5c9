// The state of a session between two steps, as a file: its caches and how many steps they have seen. docs/state.md is
// its specification.
#ifndef WANC_RUNTIME_STATE_H
#define WANC_RUNTIME_STATE_H

#include "runtime/session.h"

#define STATE_MAGIC "WANSTATE"
enum { STATE_VERSION = 1 };

// The file: this, then `cache_bytes` bytes, the cache arena.
struct rt_state_header {
    char magic[8];                        // STATE_MAGIC
    uint32_t version;                     // STATE_VERSION; a reader refuses any other
    uint32_t latent_height, latent_width; // of the program
    uint32_t reserved;                    // 0
    uint64_t plan;                        // rt_state_plan of the plan
    uint64_t steps;                       // since the start of the video, 1 to 2^63 - 1
    uint64_t cache_bytes;
    uint64_t caches; // XXH3-64 of these bytes
    uint64_t header; // XXH3-64 of the header in front of this field
};

// What a state asks of a plan: the same operators, constants and places in memory. Names, notes and packed weights may
// differ.
uint64_t rt_state_plan(const struct plan *plan);

// Writes the file beside its name, then renames it. The session must have run a step, completely.
bool rt_state_save(const struct rt_session *s, const char *path, struct error *err);
// Reads and verifies the header alone.
bool rt_state_read_header(const char *path, struct rt_state_header *h, struct error *err);
// Takes over a state of this plan and this size; any other, and a damaged one, leaves the session as it is.
bool rt_state_load(struct rt_session *s, const char *path, struct error *err);
// The same bytes, by the caller's functions.
bool rt_state_save_to(const struct rt_session *s, wan_write *write, void *context, struct error *err);
bool rt_state_load_from(struct rt_session *s, wan_read *read, void *context, struct error *err);

#endif
