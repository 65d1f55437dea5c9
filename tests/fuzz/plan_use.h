// What is done with a plan from a stranger, by both targets of plans.
#ifndef WANC_TESTS_FUZZ_PLAN_USE_H
#define WANC_TESTS_FUZZ_PLAN_USE_H

#include <stddef.h>
#include <stdint.h>

// Verifies it. One that is accepted is dumped and reported, and if it is small, a session of it takes two steps.
void plan_use(const uint8_t *data, size_t size);

#endif
