#define _GNU_SOURCE
#include "runtime/xnn_memory.h"

#include "base/size.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, RESERVE = 256 * 1024 };

static _Alignas(ALIGNMENT) unsigned char reserve[RESERVE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t used, users; // bytes of the reserve, and blocks in it
static _Thread_local bool failed;

static bool in_reserve(const void *p) {
    return (uintptr_t)p >= (uintptr_t)reserve && (uintptr_t)p < (uintptr_t)reserve + RESERVE;
}

static void *from_reserve(size_t size, size_t alignment) {
    void *p = NULL;
    failed = true;
    pthread_mutex_lock(&lock);
    if (alignment <= ALIGNMENT && size <= RESERVE - used) {
        p = reserve + used;
        used += size_align(size, ALIGNMENT) <= RESERVE - used ? size_align(size, ALIGNMENT) : RESERVE - used;
        users++;
    }
    pthread_mutex_unlock(&lock);
    return p;
}

static void give_back(void *p) {
    if (!in_reserve(p)) {
        free(p);
        return;
    }
    pthread_mutex_lock(&lock);
    if (--users == 0) used = 0;
    pthread_mutex_unlock(&lock);
}

static void *allocate(void *context, size_t size) {
    (void)context;
    void *p = malloc(size);
    if (p == NULL && size > 0) p = from_reserve(size, ALIGNMENT);
    return p;
}

static size_t room_of(const void *p) {
    return in_reserve(p) ? (size_t)((uintptr_t)reserve + RESERVE - (uintptr_t)p)
                         : malloc_usable_size((void *)p);
}

static void *reallocate(void *context, void *old, size_t size) {
    if (old == NULL) return allocate(context, size);
    void *p = in_reserve(old) ? NULL : realloc(old, size);
    if (p != NULL || size == 0) return p;
    p = allocate(context, size);
    if (p == NULL) return NULL; // `old` stays, as with realloc
    memcpy(p, old, size < room_of(old) ? size : room_of(old));
    give_back(old);
    return p;
}

static void deallocate(void *context, void *p) {
    (void)context;
    give_back(p);
}

static void *aligned_allocate(void *context, size_t alignment, size_t size) {
    (void)context;
    void *p;
    if (posix_memalign(&p, alignment, size) == 0) return p;
    return from_reserve(size, alignment);
}

const struct xnn_allocator xnn_memory = {.allocate = allocate,
                                         .reallocate = reallocate,
                                         .deallocate = deallocate,
                                         .aligned_allocate = aligned_allocate,
                                         .aligned_deallocate = deallocate};

bool xnn_memory_failed(void) {
    bool was = failed;
    failed = false;
    return was;
}
