// Sizes that cannot overflow: every product or sum of sizes that comes from a file goes through these.
#ifndef WANC_BASE_SIZE_H
#define WANC_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

// In front of a function whose unsigned numbers wrap on purpose: hashes, random numbers. A number that wraps in any other is an
// error, which tests/sanitize.sh overflow and the fuzz targets find.
#if defined(__clang__)
#define WRAPS __attribute__((no_sanitize("unsigned-integer-overflow")))
#else
#define WRAPS
#endif

static inline bool size_mul(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool size_add(uint64_t a, uint64_t b, uint64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}
// For sizes that are compared with a limit afterwards: UINT64_MAX, which is above every limit, where 64 bits are too few.
static inline uint64_t size_times(uint64_t a, uint64_t b) {
    uint64_t out;
    return size_mul(a, b, &out) ? out : UINT64_MAX;
}
static inline uint64_t size_plus(uint64_t a, uint64_t b) {
    uint64_t out;
    return size_add(a, b, &out) ? out : UINT64_MAX;
}
static inline uint64_t size_divide_up(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
// The least multiple that is not below `a`.
static inline uint64_t size_align(uint64_t a, uint64_t alignment) {
    return size_times(size_divide_up(a, alignment), alignment);
}

#endif
