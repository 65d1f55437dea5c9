// What fuzz targets share: fuzz.h.
#define _GNU_SOURCE
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Noreturn void fuzz_fail(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

unsigned char *fuzz_copy(const uint8_t *data, size_t size, size_t alignment) {
    void *copy = NULL;
    if (alignment < sizeof(void *)) alignment = sizeof(void *);
    FUZZ_EXPECT(posix_memalign(&copy, alignment, size > 0 ? size : 1) == 0, "no memory");
    if (size > 0) memcpy(copy, data, size);
    return copy;
}

int fuzz_file(const uint8_t *data, size_t size, char path[FUZZ_PATH]) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_EXPECT(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t)size), "no file in memory");
    snprintf(path, FUZZ_PATH, "/proc/self/fd/%d", fd);
    return fd;
}

uint32_t fuzz_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}
