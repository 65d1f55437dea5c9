// Runs one operator of a plan through the public interface: a plan is written to a temporary file with the
// operator in both variants, opened, and one latent is sent twice.
//
// The plan's latent is one row of floats and its frame another, so that an operator's views may lie on INPUT
// and OUTPUT with any offset and strides; scratch is one buffer of the arena.
#ifndef WANC_TESTS_OP_HARNESS_H
#define WANC_TESTS_OP_HARNESS_H

#include "plan/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct op_case {
    struct plan_op op;                    // kind and parameters; the harness fills in the indices
    struct plan_view in[3], out, scratch; // frames 0: the operator has no such view
    const float *constant[3];             // NULL: none
    uint32_t constant_count[3];
};

// What a test expects of every float of the output; those that no view covers stay 0.
struct expected {
    size_t count;
    double *value, *slack; // largest allowed difference
};

// Memory for one test, freed by test_teardown.
void *test_alloc(size_t count, size_t size);
float *test_random(size_t count); // uniform in [-1, 1], always the same sequence
int test_setup(void **state);
int test_teardown(void **state);

// [frames][height][width][channels], dense, from `offset` on.
struct plan_view dense_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels);
// [height][width][frames][channels]: the frames of a pixel side by side, and `gap` floats after them.
struct plan_view window_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels,
                             uint64_t gap);
// [frames][channels][height][width].
struct plan_view planar_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels);
// Floats of memory up to the last element.
size_t view_end(const struct plan_view *v);
static inline size_t view_at(const struct plan_view *v, size_t t, size_t y, size_t x, size_t c) {
    return v->offset + t * v->frame_stride + y * v->row_stride + x * v->pixel_stride + c * v->channel_stride;
}

// Random floats for all inputs of a case: they share one latent, each has its own part.
float *make_input(struct op_case *c);
struct expected make_expected(const struct op_case *c);
void expect_at(struct expected *e, size_t at, double value, double slack);

// Runs with 1 and 2 threads, every third case with 3 as well; all results must be the same bits, and as expected.
void check_case(const char *name, const struct op_case *c, const float *input,
                const struct expected *expected);
// Fails where `got` is not as expected.
void compare(const char *name, const float *got, const struct expected *expected);
// A plan that a test writes by itself, and a constant of it; PLAN_NONE for NULL. `data` lives until it is saved.
struct plan_writer *test_writer(void);
uint32_t test_constant(struct plan_writer *w, const float *data, uint32_t count);
// Writes the case's plan; the file is removed by test_teardown. NULL with the error when it is refused.
const char *write_case(const struct op_case *c, size_t input_floats, size_t output_floats, struct error *err);
// A name for a temporary file, which test_teardown removes.
const char *test_path(void);

#endif
