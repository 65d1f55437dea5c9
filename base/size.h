// Sizes that cannot overflow: every product or sum of sizes that comes from a file goes through these.
#ifndef WANC_BASE_SIZE_H
#define WANC_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool size_mul(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool size_add(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}
static inline uint64_t size_align(uint64_t a, uint64_t alignment) {
    return (a + alignment - 1) / alignment * alignment;
}
static inline uint64_t size_divide_up(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

#endif
