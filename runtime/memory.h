// Large blocks of zeroed memory straight from the operating system: caches, arena, workspace, frames.
#ifndef WANC_RUNTIME_MEMORY_H
#define WANC_RUNTIME_MEMORY_H

#include "base/error.h"

#include <stdint.h>

struct rt_block {
    unsigned char *data; // page-aligned
    size_t size;         // as mapped: the size asked for and PLAN_EXTRA_BYTES, in whole pages
    bool in_file;        // which has no name; its room on the disk is taken
};

// Pages become resident when they are first written. `what` names the block in the error.
bool rt_block_new(struct rt_block *block, uint64_t bytes, const char *what, struct error *err);
// The same in a file without a name in `folder`: the system may write pages there when memory is short.
bool rt_block_new_in(struct rt_block *block, uint64_t bytes, const char *folder, const char *what,
                     struct error *err);
void rt_block_zero(struct rt_block *block);
void rt_block_free(struct rt_block *block);

// Tells the system that these bytes of a mapped file are not needed soon. They can still be read.
void rt_forget(const void *data, size_t size);

#endif
