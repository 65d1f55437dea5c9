// What the frontend's tests share: a folder for files, and a model that goes from a builder through the
// import.
#ifndef WANC_TESTS_FIXTURE_H
#define WANC_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frontend/import.h"
#include "frontend/inspect.h"
#include "frontend/onnx_model.h"
#include "support/onnx_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char test_folder[] = "/tmp/wanc-frontend-XXXXXX";

static inline int make_folder(void **state) {
    (void)state;
    return mkdtemp(test_folder) == NULL;
}

static inline int remove_folder(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", test_folder);
    return system(command);
}

// A path in the folder. Two calls may be alive at a time.
static inline const char *test_path(const char *name) {
    static char paths[2][256];
    static int which;
    char *path = paths[which ^= 1];
    snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
    return path;
}

struct fixture {
    struct onnx_builder b;
    struct onnx_model *model;
    struct ir_module *module;
    struct ir_graph *graph;
    struct import_options options;
    struct onnx_limits limits;
    struct error err;
};

static inline bool fixture_open(struct fixture *f) {
    const char *path = test_path("model.onnx");
    assert_true(build_write(&f->b, path));
    f->model = onnx_model_open(path, &f->limits, &f->err);
    return f->model != NULL;
}

static inline bool fixture_import(struct fixture *f) {
    f->module = ir_module_new();
    return fixture_open(f) && import_graph(f->module, f->model, "full", &f->options, &f->graph, &f->err);
}

static inline void fixture_free(struct fixture *f) {
    ir_module_free(f->module);
    onnx_model_close(f->model);
    build_free(&f->b);
    *f = (struct fixture){0};
}

// Fails the test with the message unless it has this code and contains each of the texts (up to a NULL).
static inline void expect_error(const struct error *err, enum error_code code, ...) {
    va_list args;
    va_start(args, code);
    if (err->code != code) print_message("message: %s\n", err->message);
    assert_int_equal(err->code, code);
    for (const char *text; (text = va_arg(args, const char *)) != NULL;) {
        if (strstr(err->message, text) == NULL) fail_msg("'%s' is not in: %s", text, err->message);
    }
    va_end(args);
}

static inline void expect_import(struct fixture *f) {
    if (!fixture_import(f)) fail_msg("%s", f->err.message);
}

// The `index`th node of the graph.
static inline struct ir_node *node_at(const struct fixture *f, int index) {
    struct ir_node *n = f->graph->body.head;
    while (index-- > 0 && n != NULL) n = n->next;
    assert_non_null(n);
    return n;
}

// Whether operand `index` is a constant of these integers.
static inline void expect_int_operand(const struct ir_node *n, int index, int count, const int64_t *values) {
    const struct ir_value *v = ir_in(n, index);
    assert_true(ir_is_int_constant(v));
    assert_int_equal(v->constant->count, count);
    for (int i = 0; i < count; i++) assert_true(dim_is(v->constant->ints[i], values[i]));
}

#endif
