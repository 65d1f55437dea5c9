// The table of operators in docs/operators.md: made of the import's own table and of the outcomes of the tests.
#ifndef WANC_TESTS_OPERATORS_PAGE_H
#define WANC_TESTS_OPERATORS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct operator_tally {
    const char *name;
    int tests, passed, on_constants, refused;
    int here; // of these tests, those that were run now
};

// Whether the page holds the table as it must be; with `update`, makes it so. Prints what differs.
bool operators_page_check(const char *path, const struct operator_tally *tallies, size_t count, bool update);

#endif
