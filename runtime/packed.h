// Packed weights: what XNNPACK makes of an operator's weights when the operator is created. They depend on these
// weights and on XNNPACK's kernels alone, so that both variants and all sessions of a plan share them, and a plan may
// bring them along (`wanc compile --prepack`).
#ifndef WANC_RUNTIME_PACKED_H
#define WANC_RUNTIME_PACKED_H

#include "plan/plan.h"
#include "wan/wan.h"

#include <xnnpack.h>

// All packed weights of a plan. They stay in memory until it is freed, behind all sessions that use it.
struct rt_packed;

// Calls xnn_initialize. NULL: no memory, or XNNPACK does not run on this machine.
// Weights are packed into memory of `allocator`, which stays where it is; NULL: the system's.
struct rt_packed *rt_packed_new(const struct plan *plan, const struct wan_allocator *allocator,
                                struct error *err);
void rt_packed_free(struct rt_packed *p);
// The plan brings packed weights, but XNNPACK's kernels on this machine want another layout.
bool rt_packed_is_foreign(const struct rt_packed *p);
// Columns of the panels (runtime/kernels/panels.h) that XNNPACK's kernels here take weights in; 0: others, or this CPU does
// not multiply them.
size_t rt_packed_panel_width(const struct rt_packed *p);
// Forbids them, to compare with XNNPACK's own products.
void rt_packed_forbid_panels(struct rt_packed *p);
// A number for the layout that XNNPACK's kernels want on this machine: equal numbers, equal layouts.
bool rt_packed_layout(uint64_t *layout, struct error *err);

// Around the creation of operators: one session at a time.
void rt_packed_lock(struct rt_packed *p);
void rt_packed_unlock(struct rt_packed *p);

// The weights of one operator of XNNPACK, which is created with `provider` as its cache of weights: it packs into
// memory of ours what is not there, and uses what is.
struct rt_packed_weights {
    struct xnn_weights_cache_provider provider; // its context is this structure
    struct plan_packed_key key;
    const struct plan_packed *brought; // by the plan, and not looked at yet
    const void *data;                  // NULL: not packed
    size_t bytes;
    uint32_t seed; // XNNPACK's name for their layout
    struct rt_packed *owner;
    struct rt_packed_weights *next;   // with the same hash
    struct rt_packed_weights *behind; // in the order in which they were asked for
};

// Those of a key, packed or not. NULL: no memory. Between lock and unlock only.
struct rt_packed_weights *rt_packed_weights(struct rt_packed *p, const struct plan_packed_key *key,
                                            struct error *err);

// Finds out what XNNPACK needs: an operator that is created with this cache is refused for want of memory.
struct rt_packed_probe {
    struct xnn_weights_cache_provider provider;
    size_t bytes;
    uint32_t seed;
};
void rt_packed_probe(struct rt_packed_probe *probe);
// Whether the weights are there, as XNNPACK needs them. If not, they have to be packed.
bool rt_packed_has(struct rt_packed_weights *w, const struct rt_packed_probe *probe);
// Compares what a plan brought with its checksum, once; from any thread, but one at a time for the same weights.
bool rt_packed_verify(struct rt_packed_weights *w);
bool rt_packed_damaged(struct error *err); // what to say then; false

// For all that are packed, in the order in which they were asked for.
typedef bool rt_packed_fn(void *context, const struct rt_packed_weights *w, struct error *err);
bool rt_packed_each(const struct rt_packed *p, rt_packed_fn *fn, void *context, struct error *err);

#endif
