// A fuzz target: one file with LLVMFuzzerTestOneInput, which does to an input what our programs do to a file from a stranger. It
// must come back, whatever the input is: an abort, a report of a sanitizer or a long time is a finding.
//
// With clang and -Dfuzz=true a target is linked to libFuzzer (run.sh), else to replay.c, which runs inputs that are there and
// mutations of them. docs/reliability.md has the table of targets.
#ifndef WANC_TESTS_FUZZ_H
#define WANC_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A target that has one makes the mutations of its inputs by itself. Returns the new size, at most `max_size`.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
// Of libFuzzer, or replay.c: a mutation of bytes that mean nothing.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

// An invariant that holds for every input: says which, and aborts.
#define FUZZ_EXPECT(condition, ...) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, __VA_ARGS__))
_Noreturn void fuzz_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// A copy whose end is the end of its block, so that a sanitizer sees what reads past it. `alignment` is a power of 2. To be freed.
unsigned char *fuzz_copy(const uint8_t *data, size_t size, size_t alignment);

// A file in memory, by a name that can be opened as long as it is not closed. Returns its descriptor.
enum { FUZZ_PATH = 64 };
int fuzz_file(const uint8_t *data, size_t size, char path[FUZZ_PATH]);

// Numbers that look random, the same ones for the same state, which must not be 0.
uint32_t fuzz_random(uint64_t *state);

#endif
