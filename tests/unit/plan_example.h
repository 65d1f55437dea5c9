// A plan with one operator of most kinds in each variant, for tests of the plan file.
#ifndef WANC_TESTS_PLAN_EXAMPLE_H
#define WANC_TESTS_PLAN_EXAMPLE_H

#include "plan/write.h"

enum { CONV, NORM, ADD, FUSED, ATTENTION, OUT, OPS }; // the operators of each variant
enum { SMALL, WINDOW, HISTORY, CACHES };              // the caches of each program
enum { H = 4, W = 5, C = 6 };                         // of the first program
enum { H2 = 2, W2 = 3 };                              // of the second one, which has the same operators

// Of one program, or two that have the same operators.
struct plan_writer *make_plan(struct arena *arena, int programs, bool has_steady);

#endif
