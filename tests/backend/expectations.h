// What is expected of each backend test, one line in a file:
//
//     OPERATOR TEST OPSET OUTCOME
//
// OUTCOME is "pass", "refused: MESSAGE", or what else run_node_tests.c says.
#ifndef WANC_TESTS_EXPECTATIONS_H
#define WANC_TESTS_EXPECTATIONS_H

#include "base/arena.h"

#include <stdbool.h>

struct expectation {
    const char *operator_name, *test, *outcome; // expected; NULL if the file has no line for it
    const char *found;                          // NULL while nobody has run it
    int opset;
};

struct expectations {
    struct arena arena;
    const char *path;
    struct expectation *list;
    size_t count, capacity;
};

// A file that is not there has no lines.
void expectations_read(struct expectations *x, const char *path);
// What came out of a test.
void expectations_meet(struct expectations *x, const char *operator_name, const char *test, int opset,
                       const char *outcome);
// Prints what is not as expected, and a table of all operators. With `update`, rewrites the file and the table
// of operators in `operators_path` instead of complaining. Wrong results fail in any case. False on failure.
bool expectations_finish(struct expectations *x, bool update, const char *operators_path);
void expectations_free(struct expectations *x);

#endif
