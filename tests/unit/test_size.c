// Sizes at the ends of their 64 bits.
#include "base/size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_checked(void **state) {
    (void)state;
    uint64_t out;
    assert_true(size_mul(1ull << 32, (1ull << 32) - 1, &out) && out == UINT64_MAX - UINT32_MAX);
    assert_false(size_mul(1ull << 32, 1ull << 32, &out));
    assert_true(size_add(UINT64_MAX - 1, 1, &out) && out == UINT64_MAX);
    assert_false(size_add(UINT64_MAX, 1, &out));
}

static void test_saturated(void **state) {
    (void)state;
    assert_true(size_times(7, 9) == 63 && size_times(1ull << 40, 1ull << 40) == UINT64_MAX);
    assert_true(size_plus(7, 9) == 16 && size_plus(UINT64_MAX - 2, 3) == UINT64_MAX);
}

static void test_rounded(void **state) {
    (void)state;
    assert_true(size_divide_up(0, 64) == 0 && size_divide_up(64, 64) == 1 && size_divide_up(65, 64) == 2);
    assert_true(size_divide_up(UINT64_MAX, 64) == 1ull << 58);
    assert_true(size_align(0, 64) == 0 && size_align(1, 64) == 64 && size_align(128, 64) == 128);
    assert_true(size_align(UINT64_MAX - 63, 64) == UINT64_MAX - 63);
    assert_true(size_align(UINT64_MAX - 62, 64) == UINT64_MAX); // no multiple is left
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_checked), cmocka_unit_test(test_saturated),
                                       cmocka_unit_test(test_rounded)};
    return cmocka_run_group_tests_name("size", tests, NULL, NULL);
}
