// Names of errors: by the folder of ours in which they are set, wherever the sources lie.
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect_name(const char *expected, enum error_code code, const char *file) {
    struct error err = {0};
    char name[ERROR_NAME_SIZE];
    error_set_in(&err, code, file, "message");
    assert_string_equal(error_name(&err, name), expected);
}

static void test_folders(void **state) {
    (void)state;
    expect_name("onnx-input", ERROR_INPUT, "../frontend/import.c");
    expect_name("run-unsupported", ERROR_UNSUPPORTED, "../runtime/kernels/conv.c");
    expect_name("latents-input", ERROR_INPUT, "../tools/latents/npy.c");
    expect_name("tool-input", ERROR_INPUT, "../tools/wanc/main.c");
    expect_name("file-input", ERROR_INPUT, "../base/file.c");
    expect_name("run-input", ERROR_INPUT, "runtime/");
}

// As with a build folder that is not inside of the sources.
static void test_folders_in_front(void **state) {
    (void)state;
    expect_name("plan-input", ERROR_INPUT, "/work/frontend/plan/check.c");
    expect_name("compile-input", ERROR_INPUT, "/home/emir/passes/emit.c"); // ends in "ir"
    expect_name("file-input", ERROR_INPUT, "/home/tools/base/file.c");
}

static void test_without_area(void **state) {
    (void)state;
    expect_name("usage", ERROR_USAGE, "../frontend/import.c");
    expect_name("io", ERROR_IO, "../plan/load.c");
    expect_name("file-input", ERROR_INPUT, "loose.c");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folders),
                                       cmocka_unit_test(test_folders_in_front),
                                       cmocka_unit_test(test_without_area)};
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
