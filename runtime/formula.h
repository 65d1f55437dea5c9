// What an operator is to compute, at one place of its result: the formulas of plan/plan.h, in double precision and in the
// order in which they stand there. No algorithm, no block, no thread: what rt_check compares kernels with.
#ifndef WANC_RUNTIME_FORMULA_H
#define WANC_RUNTIME_FORMULA_H

#include "runtime/session.h"

// A pixel of the result.
struct rt_place {
    size_t t, y, x;
};

struct rt_formula_result {
    double *value;     // [channels of the result]
    double *magnitude; // the sum of the magnitudes of what was added: rounding is a part of this
    double *pixel;     // room for the operator's most channels
};

// Asked in front of the operator, which may overwrite what it reads. `steps` is the session's.
void rt_formula(const struct rt_op *op, uint64_t steps, const struct rt_place *at,
                struct rt_formula_result *r);
// One number of a tensor of any type.
double rt_number(const struct rt_tensor *t, size_t frame, size_t y, size_t x, size_t c);

#endif
