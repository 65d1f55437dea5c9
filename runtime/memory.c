#define _GNU_SOURCE
#include "runtime/memory.h"

#include "base/size.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t page_bytes(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }

static uint64_t mapped_bytes(uint64_t bytes) { return size_align(bytes + PLAN_EXTRA_BYTES, page_bytes()); }

static bool map_block(struct rt_block *block, uint64_t size, int flags, int fd, const char *what,
                      struct error *err) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (p == MAP_FAILED) {
        return error_set(err, ERROR_MEMORY, "%s: the system has no %llu bytes of memory", what,
                         (unsigned long long)size);
    }
    bool keeps = fd >= 0 || (flags & MAP_HUGETLB) != 0;
    *block = (struct rt_block){.data = p, .size = size, .keeps_pages = keeps};
    return true;
}

static bool take_block(struct rt_block *block, const struct wan_allocator *from, uint64_t size,
                       const char *what, struct error *err) {
    void *p = size <= PLAN_MAX_BYTES ? from->allocate(from->context, size, page_bytes()) : NULL;
    if (p == NULL)
        return error_set(err, ERROR_MEMORY, "%s: the caller's allocator has no %llu bytes", what,
                         (unsigned long long)size);
    *block = (struct rt_block){.data = memset(p, 0, size), .size = size, .from = *from};
    return true;
}

bool rt_block_new(struct rt_block *block, const struct wan_allocator *from, uint64_t bytes, const char *what,
                  struct error *err) {
    if (from != NULL && from->allocate != NULL)
        return take_block(block, from, mapped_bytes(bytes), what, err);
    if (!map_block(block, mapped_bytes(bytes), MAP_PRIVATE | MAP_ANONYMOUS, -1, what, err)) return false;
    // Fewer page faults and fewer misses of the address cache; where it is switched off nothing happens.
    madvise(block->data, block->size, MADV_HUGEPAGE);
    return true;
}

// Some file systems have no files without a name: there it has one for a moment.
static int open_nameless(const char *folder) {
    char *path;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
    if (asprintf(&path, "%s/wanc-XXXXXX", folder) < 0) return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    free(path);
    return fd;
}

bool rt_block_new_in(struct rt_block *block, uint64_t bytes, const char *folder, const char *what,
                     struct error *err) {
    uint64_t size = mapped_bytes(bytes);
    int fd = open_nameless(folder), code = errno;
    // Room is taken at once: on a full disk a page could not be written later, which would end the process.
    if (fd >= 0) code = posix_fallocate(fd, 0, (off_t)size);
    bool ok = fd >= 0 && code == 0;
    if (!ok)
        error_set(err, ERROR_IO, "%s: no file of %llu bytes in %s: %s", what, (unsigned long long)size,
                  folder, strerror(code));
    ok = ok && map_block(block, size, MAP_SHARED, fd, what, err);
    if (fd >= 0) close(fd);
    return ok;
}

// The size that MAP_HUGETLB takes; 0: the system has none.
static uint64_t huge_page_bytes(void) {
    FILE *info = fopen("/proc/meminfo", "re");
    char line[256];
    unsigned long long kilobytes = 0;
    while (info != NULL && kilobytes == 0 && fgets(line, sizeof line, info) != NULL)
        sscanf(line, "Hugepagesize: %llu kB", &kilobytes);
    if (info != NULL) fclose(info);
    return kilobytes << 10;
}

bool rt_block_new_huge(struct rt_block *block, uint64_t bytes, const char *what, struct error *err) {
    uint64_t page = huge_page_bytes(), pages = page == 0 ? 0 : size_divide_up(mapped_bytes(bytes), page);
    struct error refused = {0};
    char text[32];
    if (pages > 0 &&
        map_block(block, pages * page, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, what, &refused))
        return true;
    if (page == 0) return error_set(err, ERROR_MEMORY, "%s: the system has no huge pages", what);
    return error_set(err, ERROR_MEMORY,
                     "%s: the system has not reserved %llu free huge pages of %s (vm.nr_hugepages)", what,
                     (unsigned long long)pages, format_bytes(text, page));
}

void rt_block_zero(struct rt_block *block) {
    if (block->data == NULL) return;
    // Dropped pages of private memory come back as zeros.
    if (block->keeps_pages || block->from.allocate != NULL ||
        madvise(block->data, block->size, MADV_DONTNEED) != 0)
        memset(block->data, 0, block->size);
}

void rt_block_free(struct rt_block *block) {
    const struct wan_allocator *from = &block->from;
    if (from->allocate != NULL) from->release(from->context, block->data, block->size);
    else if (block->data != NULL) munmap(block->data, block->size);
    *block = (struct rt_block){0};
}

void rt_forget(const struct plan *plan, const void *data, size_t size) {
    if (plan->map.data == NULL) return;
    uintptr_t page = page_bytes(), first = size_align((uintptr_t)data, page);
    uintptr_t end = ((uintptr_t)data + size) / page * page; // whole pages only: others have neighbours' bytes
    if (first < end) madvise((void *)first, end - first, MADV_DONTNEED);
}
