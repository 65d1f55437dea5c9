#include "backend/expectations.h"

#include "backend/operators_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 4096 };

// ---- the file

static struct expectation *add(struct expectations *x, const char *operator_name, const char *test,
                               int opset) {
    x->list = arena_grow(&x->arena, x->list, x->count, &x->capacity, sizeof *x->list);
    struct expectation *e = &x->list[x->count++];
    *e = (struct expectation){.operator_name = arena_strdup(&x->arena, operator_name),
                              .test = arena_strdup(&x->arena, test),
                              .opset = opset};
    return e;
}

void expectations_read(struct expectations *x, const char *path) {
    char line[MAX_LINE], operator_name[128], test[256];
    int opset, at = 0;
    *x = (struct expectations){.path = path};
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || sscanf(line, "%127s %255s %d %n", operator_name, test, &opset, &at) != 3)
            continue;
        add(x, operator_name, test, opset)->outcome = arena_strdup(&x->arena, line + at);
    }
    if (f != NULL) fclose(f);
}

static int in_order(const void *a, const void *b) {
    const struct expectation *x = a, *y = b;
    int order = strcmp(x->operator_name, y->operator_name);
    if (order == 0) order = strcmp(x->test, y->test);
    return order != 0 ? order : x->opset - y->opset;
}

static bool write_file(const struct expectations *x) {
    FILE *f = fopen(x->path, "w");
    if (f == NULL) return false;
    fprintf(f, "# OPERATOR TEST OPSET OUTCOME, written by run_node_tests --update\n");
    for (size_t i = 0; i < x->count; i++) {
        const struct expectation *e = &x->list[i];
        fprintf(f, "%s %s %d %s\n", e->operator_name, e->test, e->opset, e->found ? e->found : e->outcome);
    }
    return fclose(f) == 0;
}

void expectations_free(struct expectations *x) { arena_free(&x->arena); }

// ---- meeting them

static bool is_wrong(const char *outcome) { return strncmp(outcome, "WRONG", 5) == 0; }

void expectations_meet(struct expectations *x, const char *operator_name, const char *test, int opset,
                       const char *outcome) {
    struct expectation *e = NULL;
    for (size_t i = 0; i < x->count && e == NULL; i++) {
        if (x->list[i].opset == opset && strcmp(x->list[i].test, test) == 0) e = &x->list[i];
    }
    if (e == NULL) e = add(x, operator_name, test, opset);
    if (e->found == NULL || is_wrong(outcome)) e->found = arena_strdup(&x->arena, outcome);
    else if (strcmp(e->found, outcome) != 0 && !is_wrong(e->found)) {
        e->found = arena_printf(&x->arena, "WRONG: two outcomes: %s; %s", e->found, outcome);
    }
}

static bool check_one(const struct expectation *e, bool update) {
    if (e->found == NULL) return true;
    bool same = e->outcome != NULL && strcmp(e->outcome, e->found) == 0;
    if (is_wrong(e->found)) printf("not ok - %s (opset %d): %s\n", e->test, e->opset, e->found);
    else if (!same && !update) {
        printf("not ok - %s (opset %d)\n  expected: %s\n     found: %s\n", e->test, e->opset,
               e->outcome ? e->outcome : "no line", e->found);
    }
    return !is_wrong(e->found) && (same || update);
}

// ---- the table

static struct operator_tally tally(const struct expectations *x, size_t first, size_t *end) {
    struct operator_tally t = {.name = x->list[first].operator_name};
    for (*end = first; *end < x->count && strcmp(x->list[*end].operator_name, t.name) == 0; ++*end) {
        const struct expectation *e = &x->list[*end];
        const char *outcome = e->found ? e->found : e->outcome;
        t.tests++;
        if (strncmp(outcome, "pass on constants", 17) == 0) t.on_constants++;
        else if (strncmp(outcome, "pass", 4) == 0) t.passed++;
        else if (strncmp(outcome, "refused", 7) == 0) t.refused++;
        t.here += e->found != NULL;
    }
    return t;
}

static size_t tally_all(struct expectations *x, struct operator_tally *list) {
    size_t count = 0;
    for (size_t i = 0; i < x->count;) list[count++] = tally(x, i, &i);
    return count;
}

static void print_table(const struct operator_tally *list, size_t count) {
    struct operator_tally sum = {.name = "all"};
    printf("%-22s %6s %6s %12s %8s %6s\n", "operator", "tests", "pass", "on constants", "refused", "here");
    for (size_t i = 0; i <= count; i++) {
        const struct operator_tally *t = i < count ? &list[i] : &sum;
        printf("%-22s %6d %6d %12d %8d %6d\n", t->name, t->tests, t->passed, t->on_constants, t->refused,
               t->here);
        sum.tests += t->tests;
        sum.passed += t->passed;
        sum.on_constants += t->on_constants;
        sum.refused += t->refused;
        sum.here += t->here;
    }
}

bool expectations_finish(struct expectations *x, bool update, const char *operators_path) {
    bool ok = true, wrong = false;
    if (x->count > 0) qsort(x->list, x->count, sizeof *x->list, in_order);
    for (size_t i = 0; i < x->count; i++) {
        ok = check_one(&x->list[i], update) && ok;
        wrong = wrong || (x->list[i].found != NULL && is_wrong(x->list[i].found));
    }
    struct operator_tally *list = arena_array(&x->arena, x->count + 1, sizeof *list);
    size_t count = tally_all(x, list);
    print_table(list, count);
    if (update && !wrong) ok = write_file(x);
    return operators_page_check(operators_path, list, count, update && !wrong) && ok;
}
