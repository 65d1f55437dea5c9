// Mutations of plan files that keep sizes and checksums right, so that the verifier gets to see what is changed.
#ifndef WANC_TESTS_FUZZ_PLAN_MUTATOR_H
#define WANC_TESTS_FUZZ_PLAN_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

// Of a file that has a plan's header and sections, at an address that is a multiple of 8; else 0: nothing is done. Returns
// the new size.
size_t plan_mutate(uint8_t *data, size_t size, size_t max_size, uint64_t seed);
// Sizes and checksums as the sections have them, where these lie in the file.
void plan_repair(uint8_t *data, size_t size);

#endif
