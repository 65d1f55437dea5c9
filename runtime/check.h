// A session that checks itself: at some places of each operator's result, what the kernel has written is compared with the
// formula (formula.h). It costs little, and finds kernels that are wrong on some machine, packed weights that do not fit, and
// memory that does not keep what is written to it.
#ifndef WANC_RUNTIME_CHECK_H
#define WANC_RUNTIME_CHECK_H

#include "runtime/formula.h"

// Of a number: its difference from the formula, as a part of the largest sum of magnitudes of that pixel. The tests of
// the kernels allow up to 1.2e-6 of it (tests/op/test_stream_conv.c).
#define RT_CHECK_LIMIT 1e-4

struct rt_check_worst {
    enum plan_variant variant;
    uint32_t index; // of the operator
    uint64_t step;
    struct rt_place at;
    size_t channel;
    double expected, found, error; // an error of infinity where NaN was found
};

struct rt_check {
    unsigned samples; // places of each call of an operator
    uint64_t random;  // where the next places come from
    uint64_t calls, numbers;
    struct rt_check_worst worst;
    // Of the running operator.
    struct rt_place *places; // [samples]
    double *values;          // [samples][2][channels]: values, and the sums of magnitudes
    double *pixel;           // [channels]
    size_t channels;         // most of any operator of the session
};

// `samples` is at least 1.
struct rt_check *rt_check_new(const struct rt_session *s, unsigned samples, struct error *err);
void rt_check_free(struct rt_check *c);
// In front of an operator, and behind it: an error above the limit fails.
void rt_check_expect(struct rt_check *c, const struct rt_op *op, uint64_t steps);
bool rt_check_compare(struct rt_check *c, const struct rt_session *s, enum plan_variant variant,
                      uint32_t index, const struct rt_op *op, struct error *err);

#endif
