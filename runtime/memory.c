#define _GNU_SOURCE
#include "runtime/memory.h"

#include "base/size.h"
#include "plan/plan.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t page_bytes(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }

bool rt_block_new(struct rt_block *block, uint64_t bytes, const char *what, struct error *err) {
    uint64_t size = size_align(bytes + PLAN_EXTRA_BYTES, page_bytes());
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return error_set(err, ERROR_MEMORY, "%s: the system has no %llu bytes of memory", what,
                         (unsigned long long)size);
    }
    // Fewer page faults and fewer misses of the address cache; where it is switched off nothing happens.
    madvise(p, size, MADV_HUGEPAGE);
    *block = (struct rt_block){p, size};
    return true;
}

void rt_block_zero(struct rt_block *block) {
    if (block->data == NULL) return;
    // Dropped pages of private memory come back as zeros.
    if (madvise(block->data, block->size, MADV_DONTNEED) != 0) memset(block->data, 0, block->size);
}

void rt_block_free(struct rt_block *block) {
    if (block->data != NULL) munmap(block->data, block->size);
    *block = (struct rt_block){0};
}

void rt_forget(const void *data, size_t size) {
    uintptr_t page = page_bytes(), first = size_align((uintptr_t)data, page);
    uintptr_t end = ((uintptr_t)data + size) / page * page; // whole pages only: others have neighbours' bytes
    if (first < end) madvise((void *)first, end - first, MADV_DONTNEED);
}
