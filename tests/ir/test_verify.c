// The verifier: modules that are broken on purpose, one invariant at a time. The complaint must name the node, and the
// context point at it.
#include "ir/ir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct ir_module *m;
    struct ir_graph *g;
    struct ir_node *first, *second, *third, *last; // silu "first", add "second", neg "third", return
};

static const char text[] = "graph @g(%x: f32[2,3]) {\n"
                           "  %a = silu %x \"first\"\n"
                           "  %b = add %a, %x \"second\"\n"
                           "  %c = neg %b \"third\"\n"
                           "  return %c\n"
                           "}\n";

static struct fixture make(void) {
    struct error err = {0};
    struct fixture f = {.m = ir_parse(text, "fixture", NULL, &err)};
    assert_non_null(f.m);
    f.g = f.m->graphs;
    f.first = f.g->body.head;
    f.second = f.first->next;
    f.third = f.second->next;
    f.last = f.third->next;
    assert_true(
        ir_verify(f.m, NULL, &err)); // twice: what the first run leaves behind must not blind the second
    assert_true(ir_verify(f.m, NULL, &err));
    return f;
}

// Verifies and frees. `node` and `op` are those of the broken node.
static void check_complaint(struct fixture *f, const char *node, const char *complaint) {
    struct strbuf context = {0}, expected = {0}, pointer = {0};
    struct error err = {0};
    assert_false(ir_verify(f->m, &context, &err));
    assert_int_equal(err.code, ERROR_INTERNAL);
    strbuf_printf(&expected, "invalid IR in graph 'g': node '%s'", node);
    if (strstr(err.message, strbuf_text(&expected)) != err.message) fail_msg("wrong node: %s", err.message);
    if (strstr(err.message, complaint) == NULL) fail_msg("wrong complaint: %s", err.message);
    strbuf_printf(&pointer, "\"%s\"\n  ^^^^ ", node); // in the line below the node
    if (node[0] && strstr(strbuf_text(&context), strbuf_text(&pointer)) == NULL) {
        fail_msg("the context does not point at the node:\n%s", strbuf_text(&context));
    }
    strbuf_free(&context);
    strbuf_free(&expected);
    strbuf_free(&pointer);
    ir_module_free(f->m);
}

static void test_use_before_definition(void **state) {
    (void)state;
    struct fixture f = make();
    ir_node_move(f.first, &f.g->body, f.third);
    check_complaint(&f, "second", "used before it is defined");
}

// The definition is gone, its user is not: also when an earlier check had seen it.
static void test_removed_definition(void **state) {
    (void)state;
    struct fixture f = make();
    ir_node_remove(f.first);
    check_complaint(&f, "second", "used before it is defined");
}

static void test_use_of_itself(void **state) {
    (void)state;
    struct fixture f = make();
    ir_node_set_input(f.second, 1, ir_out(f.second));
    check_complaint(&f, "second", "used before it is defined");
}

static void test_value_of_another_graph(void **state) {
    (void)state;
    struct fixture f = make();
    struct ir_graph *other = ir_graph_new(f.m, "other");
    struct ir_value *stranger = ir_graph_add_input(other, "s", ir_in(f.first, 0)->type);
    ir_node_new(&other->body, NULL, IR_RETURN, "", 1, &stranger, 0);
    ir_node_set_input(f.second, 1, stranger);
    check_complaint(&f, "second", "used before it is defined");
}

static void test_use_list(void **state) {
    (void)state;
    struct fixture f = make();
    ir_in(f.first, 0)->uses =
        NULL; // x forgets its users; the use by the second node was the head of the list
    check_complaint(&f, "second", "a use list is broken");
    f = make();
    f.second->inputs[0].user = f.first;
    check_complaint(&f, "second", "a use list is broken");
    f = make();
    f.second->inputs[0].value = ir_in(f.first, 0); // without the functions that keep the lists
    check_complaint(&f, "second", "a use list is broken");
}

static void test_type(void **state) {
    (void)state;
    struct fixture f = make();
    ir_out(f.second)->type.dims[0] = dim_const(7);
    check_complaint(&f, "second", "its output type is not what its inputs give");
    f = make();
    ir_out(f.third)->type.dtype = IR_F16;
    check_complaint(&f, "third", "its output type is not what its inputs give");
    f = make();
    ir_out(f.first)->type.time_axis = 0;
    check_complaint(&f, "first", "its output type is not what its inputs give");
}

static void test_rule(void **state) {
    (void)state;
    struct fixture f = make();
    f.g->inputs[0]->type.dims[1] = dim_const(4);
    ir_out(f.first)->type.dims[1] = dim_const(4);
    struct ir_dim two[] = {dim_const(5), dim_const(5)};
    ir_node_set_input(f.second, 1, ir_graph_add_input(f.g, "y", ir_type_make(IR_F32, 2, two)));
    check_complaint(&f, "second", "shapes do not broadcast");
    f = make(); // one without a result has a rule, too
    struct ir_value *x = f.g->inputs[0];
    ir_node_new(&f.g->body, f.second, IR_CACHE_PUSH, "", 1, &x, 0)->name = "push";
    check_complaint(&f, "push", "frames and a cache of frames are needed");
}

static void test_unknown_type(void **state) {
    (void)state;
    struct fixture f = make();
    ir_out(f.first)->type.rank = -1;
    check_complaint(&f, "second", "the type of an input is unknown");
}

static void test_missing_return(void **state) {
    (void)state;
    struct fixture f = make();
    ir_node_remove(f.last);
    check_complaint(&f, "third", "a block ends in one return");
}

static void test_two_returns(void **state) {
    (void)state;
    struct fixture f = make();
    struct ir_value *c = ir_out(f.third);
    f.last->name = "early";
    ir_node_new(&f.g->body, NULL, IR_RETURN, "", 1, &c, 0);
    check_complaint(&f, "early", "a block ends in one return");
}

static void test_arity(void **state) {
    (void)state;
    struct fixture f = make();
    ir_node_drop_input(f.second, 1);
    check_complaint(&f, "second", "too few inputs");
    f = make();
    ir_node_add_input(f.second, ir_in(f.first, 0));
    check_complaint(&f, "second", "too many inputs");
    f = make();
    ir_node_set_input(f.second, 0, NULL);
    check_complaint(&f, "second", "a required input is absent");
    f = make();
    f.second->output_count = 0;
    check_complaint(&f, "second", "wrong number of outputs");
}

static void test_node_list(void **state) {
    (void)state;
    struct fixture f = make();
    f.second->prev = NULL;
    check_complaint(&f, "second", "the node list is broken");
    f = make();
    f.third->block = ir_block_new(f.g);
    check_complaint(&f, "third", "the node list is broken");
    f = make();
    struct error err = {0};
    f.g->body.tail = f.third;
    assert_false(ir_verify(f.m, NULL, &err));
    assert_non_null(strstr(err.message, "the node list is broken"));
    ir_module_free(f.m);
}

static void test_producer(void **state) {
    (void)state;
    struct fixture f = make();
    ir_out(f.second)->def = f.first;
    check_complaint(&f, "second", "an output has another producer");
}

static void test_empty_graph(void **state) {
    (void)state;
    struct ir_module *m = ir_module_new();
    struct error err = {0};
    ir_graph_new(m, "g");
    assert_false(ir_verify(m, NULL, &err));
    assert_string_equal(err.message, "invalid IR: graph 'g' is empty");
    ir_module_free(m);
}

// Blocks of an If are checked as well, and see the values around them.
static void test_branches(void **state) {
    (void)state;
    static const char branches[] = "graph @g(%x: f32[2], %c: bool[1]) {\n"
                                   "  %s = silu %x\n"
                                   "  %r: f32? = onnx.if %c \"if\" then {\n"
                                   "    %a = neg %s \"inner\"\n"
                                   "    return %a\n"
                                   "  } else {\n"
                                   "    return %s\n"
                                   "  }\n"
                                   "  return %r\n"
                                   "}\n";
    struct error err = {0};
    struct fixture f = {.m = ir_parse(branches, "t", NULL, &err)};
    assert_non_null(f.m);
    assert_true(ir_verify(f.m, NULL, &err));
    struct ir_node *inner = f.m->graphs->body.head->next->blocks[0]->head;
    ir_out(inner)->type.dims[0] = dim_const(3);
    check_complaint(&f, "inner", "its output type is not what its inputs give");
}

// The context shows three nodes on either side, no more.
static void test_context(void **state) {
    (void)state;
    struct strbuf many = {0}, context = {0};
    struct error err = {0};
    strbuf_add(&many, "graph @g(%v0: f32[2]) {\n");
    for (int i = 0; i < 12; i++) strbuf_printf(&many, "%%v%d = neg %%v%d \"n%d\"\n", i + 1, i, i);
    strbuf_add(&many, "return %v12\n}\n");
    struct ir_module *m = ir_parse(strbuf_text(&many), "t", NULL, &err);
    struct ir_node *n = m->graphs->body.head;
    for (int i = 0; i < 6; i++) n = n->next;
    ir_out(n)->type.dims[0] = dim_const(3);
    assert_false(ir_verify(m, &context, &err));
    assert_string_equal(strbuf_text(&context), "  %v4: f32[2] = neg %v3 \"n3\"\n"
                                               "  %v5: f32[2] = neg %v4 \"n4\"\n"
                                               "  %v6: f32[2] = neg %v5 \"n5\"\n"
                                               "  %v7: f32[3] = neg %v6 \"n6\"\n"
                                               "  ^^^^ its output type is not what its inputs give\n"
                                               "  %v8: f32[2] = neg %v7 \"n7\"\n"
                                               "  %v9: f32[2] = neg %v8 \"n8\"\n"
                                               "  %v10: f32[2] = neg %v9 \"n9\"\n");
    ir_module_free(m);
    strbuf_free(&many);
    strbuf_free(&context);
}

static void test_first_kept(void **state) {
    (void)state;
    struct fixture f = make();
    const int bad[] = {-1, IR_MAX_FIRST_FRAMES + 1};
    for (int i = 0; i < 2; i++) {
        struct error err = {0};
        f.m->first_kept = bad[i];
        assert_false(ir_verify(f.m, NULL, &err));
        assert_non_null(strstr(err.message, "invalid IR: first_kept is "));
    }
    f.m->first_kept = 1;
    assert_true(ir_verify(f.m, NULL, NULL));
    ir_module_free(f.m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_use_before_definition),
        cmocka_unit_test(test_removed_definition),
        cmocka_unit_test(test_use_of_itself),
        cmocka_unit_test(test_value_of_another_graph),
        cmocka_unit_test(test_use_list),
        cmocka_unit_test(test_type),
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_unknown_type),
        cmocka_unit_test(test_missing_return),
        cmocka_unit_test(test_two_returns),
        cmocka_unit_test(test_arity),
        cmocka_unit_test(test_node_list),
        cmocka_unit_test(test_producer),
        cmocka_unit_test(test_empty_graph),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_first_kept),
    };
    return cmocka_run_group_tests_name("ir verify", tests, NULL, NULL);
}
