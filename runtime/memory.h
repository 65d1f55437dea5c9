// Large blocks of zeroed memory, from the operating system or the caller: caches, arena, workspace, frames, packed weights.
#ifndef WANC_RUNTIME_MEMORY_H
#define WANC_RUNTIME_MEMORY_H

#include "base/error.h"
#include "plan/plan.h"
#include "wan/wan.h"

#include <stdint.h>

struct rt_block {
    unsigned char *data;       // page-aligned
    size_t size;               // as mapped: the size asked for and PLAN_EXTRA_BYTES, in whole (huge) pages
    bool keeps_pages;          // of a file, or reserved ones: what is dropped, somebody else may have
    struct wan_allocator from; // the caller's, if it has functions
};

// From the caller's allocator, or, where that is NULL or has no functions, from the system: then pages become resident when
// they are first written. `what` names the block in the error.
bool rt_block_new(struct rt_block *block, const struct wan_allocator *from, uint64_t bytes, const char *what,
                  struct error *err);
// The same in a file without a name in `folder`: the system may write pages there when memory is short.
bool rt_block_new_in(struct rt_block *block, uint64_t bytes, const char *folder, const char *what,
                     struct error *err);
// The same in huge pages that the system has reserved; they do not count as resident memory.
bool rt_block_new_huge(struct rt_block *block, uint64_t bytes, const char *what, struct error *err);
void rt_block_zero(struct rt_block *block);
void rt_block_free(struct rt_block *block);

// Tells the system that these bytes of a plan are not needed soon. They can still be read. (A plan in the caller's memory
// stays there: only pages of a file come back.)
void rt_forget(const struct plan *plan, const void *data, size_t size);

#endif
