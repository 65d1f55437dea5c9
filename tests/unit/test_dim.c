// Dims: the algebra of pairs first|steady, checked against the numbers that they stand for.
#include "ir/dim.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LARGEST_T = 12 };

static const int64_t numbers[] = {-7, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 12};
enum { NUMBERS = sizeof numbers / sizeof *numbers, PAIRS = NUMBERS * NUMBERS };

static struct ir_dim pair(int i) { return (struct ir_dim){numbers[i / NUMBERS], numbers[i % NUMBERS]}; }

static int64_t at(struct ir_dim d, int64_t t) { return d.first + d.steady * (t - 1); }

static void test_sums_and_products(void **state) {
    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        for (int k = 0; k < PAIRS; k++) {
            struct ir_dim a = pair(i), b = pair(k), sum, difference, product;
            assert_true(dim_add(a, b, &sum) && dim_sub(a, b, &difference));
            bool affine = dim_mul(a, b, &product);
            assert_int_equal(affine, dim_is_const(a) || dim_is_const(b));
            for (int64_t t = 1; t <= LARGEST_T; t++) {
                assert_int_equal(at(sum, t), at(a, t) + at(b, t));
                assert_int_equal(at(difference, t), at(a, t) - at(b, t));
                if (affine) assert_int_equal(at(product, t), at(a, t) * at(b, t));
            }
        }
    }
}

// A quotient q of lengths means a = b * q for every T; one of plain numbers is truncated, as in ONNX.
static void test_quotients(void **state) {
    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        for (int k = 0; k < PAIRS; k++) {
            struct ir_dim a = pair(i), b = pair(k), q, product;
            bool exists = dim_div(a, b, &q);
            if (dim_is_const(a) && dim_is_const(b)) {
                assert_int_equal(exists, b.first != 0);
                if (exists) assert_true(dim_is(q, a.first / b.first));
                continue;
            }
            if (exists) {
                assert_true(dim_mul(b, q, &product));
                assert_true(dim_equal(product, a));
            } else { // and there is none to be found
                for (int64_t first = -12; first <= 12; first++) {
                    for (int64_t steady = -12; steady <= 12; steady++) {
                        struct ir_dim c = {first, steady};
                        bool zero = dim_is(a, 0) || dim_is(b, 0);
                        assert_false(!zero && dim_mul(b, c, &product) && dim_equal(product, a));
                    }
                }
            }
        }
    }
}

static void test_less(void **state) {
    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        for (int k = 0; k < PAIRS; k++) {
            struct ir_dim a = pair(i), b = pair(k);
            int less = 0;
            for (int64_t t = 2; t < 2 + 40; t++) less += at(a, t) < at(b, t);
            assert_int_equal(dim_less(a, b), less == 40 ? 1 : less == 0 ? 0 : -1);
        }
    }
}

// The length of a video is compared from two latents on: T > 1 is taken to hold.
static void test_less_of_one_latent(void **state) {
    (void)state;
    struct ir_dim t = {1, 1}, one = {1, 0};
    assert_int_equal(dim_less(one, t), 1);
    assert_int_equal(dim_less(t, one), 0);
    assert_int_equal(dim_less(t, dim_const(2)), 0);
    assert_int_equal(dim_less(t, dim_const(3)), -1);
}

static void test_overflow(void **state) {
    (void)state;
    struct ir_dim high = {INT64_MAX, 1}, low = {INT64_MIN, -1}, steep = {1, INT64_MAX}, q;
    assert_false(dim_add(high, dim_const(1), &q));
    assert_false(dim_add(steep, steep, &q));
    assert_false(dim_sub(low, dim_const(1), &q));
    assert_false(dim_sub(dim_const(0), low, &q));
    assert_false(dim_mul(high, dim_const(2), &q));
    assert_false(dim_mul(dim_const(2), steep, &q));
    assert_false(dim_mul(low, dim_const(-1), &q));
    assert_false(dim_div(dim_const(INT64_MIN), dim_const(-1), &q));
    assert_false(dim_div(low, dim_const(-1), &q));
    assert_false(dim_div((struct ir_dim){1, INT64_MIN}, (struct ir_dim){1, -1}, &q));
    assert_true(dim_div(high, dim_const(-1), &q));
    assert_true(q.first == -INT64_MAX && q.steady == -1);
    assert_false(dim_div(high, dim_const(0), &q));
    assert_false(dim_div(high, (struct ir_dim){0, 0}, &q));
    assert_int_equal(dim_less(low, high), -1);
    assert_int_equal(dim_less((struct ir_dim){INT64_MAX, INT64_MAX}, dim_const(0)), -1);
}

static void check_text(struct ir_dim d, const char *plain, const char *stream, const char *affine) {
    char text[48];
    assert_string_equal(dim_format(text, d, false), plain);
    assert_string_equal(dim_format(text, d, true), stream);
    assert_string_equal(dim_format_affine(text, d), affine);
}

static void test_text(void **state) {
    (void)state;
    check_text((struct ir_dim){60, 0}, "60", "60|0", "60");
    check_text((struct ir_dim){1, 1}, "1|1", "1|1", "T");
    check_text((struct ir_dim){1, 4}, "1|4", "1|4", "4T-3");
    check_text((struct ir_dim){0, 2}, "0|2", "0|2", "2T-2");
    check_text((struct ir_dim){3, 1}, "3|1", "3|1", "T+2");
    check_text((struct ir_dim){4, 4}, "4|4", "4|4", "4T");
    check_text((struct ir_dim){-1, 0}, "-1", "-1|0", "-1");
    check_text((struct ir_dim){INT64_MIN, INT64_MIN}, "-9223372036854775808|-9223372036854775808",
               "-9223372036854775808|-9223372036854775808", "-9223372036854775808T");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_and_products),
        cmocka_unit_test(test_quotients),
        cmocka_unit_test(test_less),
        cmocka_unit_test(test_less_of_one_latent),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests_name("dim", tests, NULL, NULL);
}
