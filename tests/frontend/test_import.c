// The walk over a graph: names, constants, order, branches, and graphs that are wrong.
#include "fixture.h"

static void start(struct fixture *f) {
    *f = (struct fixture){.options = {.latent_height = 2, .latent_width = 3}};
    build_start(&f->b, 17);
    build_input(&f->b, "x", ONNX_FLOAT, "1,4,T,2,3");
}

static Onnx__NodeProto *add(struct fixture *f, const char *op, const char *inputs, const char *outputs) {
    return build_node(&f->b, f->b.graph, op, inputs, outputs);
}

static void expect_import_error(struct fixture *f, enum error_code code, const char *first,
                                const char *second) {
    if (f->b.graph->n_output == 0) build_output(&f->b, f->b.graph, "y");
    assert_false(fixture_import(f));
    assert_null(f->graph);
    expect_error(&f->err, code, "model.onnx", first, second, NULL);
    fixture_free(f);
}

// ---- the plain case

static void small_decoder(void **state) {
    (void)state;
    struct fixture f = {.options = {.latent_height = 2, .latent_width = 3}};
    build_small_decoder(&f.b, 17);
    expect_import(&f);
    const struct ir_node *conv = node_at(&f, 0), *sigmoid = node_at(&f, 1), *mul = node_at(&f, 2);
    assert_int_equal(conv->op, IR_ONNX_CONV);
    assert_string_equal(conv->name, "the_conv");
    assert_string_equal(ir_out(conv)->name, "conv");
    assert_string_equal(ir_in(conv, 1)->name, "w");
    assert_true(ir_constant_float(ir_in(conv, 1)->constant, 11) == 11.0 / 8);
    assert_true(ir_constant_float(ir_in(conv, 2)->constant, 0) == 0.5);
    assert_int_equal(ir_attr_int(conv, IR_KEY_GROUP, -1), 1);
    assert_string_equal(ir_attr_string(conv, IR_KEY_AUTO_PAD, ""), "NOTSET");
    assert_int_equal(sigmoid->op, IR_SIGMOID);
    assert_string_equal(sigmoid->name, "Sigmoid_gate");
    assert_int_equal(ir_out(sigmoid)->declared.rank, 5);
    assert_true(dim_is(ir_out(sigmoid)->declared.dims[2], 7));
    assert_int_equal(ir_out(mul)->declared.rank, -1);
    assert_ptr_equal(ir_in(mul, 0), ir_out(conv));
    assert_ptr_equal(ir_in(mul, 1), ir_out(sigmoid));
    assert_int_equal(ir_return_of(f.graph)->op, IR_RETURN);
    assert_ptr_equal(ir_in(ir_return_of(f.graph), 0), ir_out(mul));
    fixture_free(&f);
}

static void names_are_clean_and_unique(void **state) {
    (void)state;
    struct fixture f;
    char long_name[1000];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    start(&f);
    add(&f, "Neg", "x", "a b");
    add(&f, "Neg", "a b", "a:b");
    add(&f, "Neg", "a:b", "a_b.2");
    add(&f, "Neg", "a_b.2", "\xc3\xa9%@\"{}");
    add(&f, "Neg", "\xc3\xa9%@\"{}", long_name)->name = "node 1";
    add(&f, "Neg", long_name, "/y$-.0")->name = "node:1";
    build_output(&f.b, f.b.graph, "/y$-.0");
    expect_import(&f);
    const char *names[] = {"a_b", "a_b.2", "a_b.2.2", "_______"};
    for (int i = 0; i < 4; i++) assert_string_equal(ir_out(node_at(&f, i))->name, names[i]);
    assert_true(strlen(ir_out(node_at(&f, 4))->name) <= 200);
    assert_string_equal(ir_out(node_at(&f, 5))->name, "/y$-.0");
    assert_string_equal(node_at(&f, 4)->name, "node_1");
    assert_string_equal(node_at(&f, 5)->name, "node_1.2");
    fixture_free(&f);
}

// ---- constants

static void constants_are_shared_and_found(void **state) {
    (void)state;
    const int64_t list[] = {3, -1};
    struct fixture f;
    start(&f);
    build_ints(&f.b, "w", 2, list);
    build_input(&f.b, "w", ONNX_INT64, "2"); // old files list initializers among the inputs
    Onnx__NodeProto *n = add(&f, "Constant", NULL, "c");
    build_attr_float(&f.b, n, "value_float", 2.5f);
    add(&f, "Reshape", "x,w", "y");
    add(&f, "Reshape", "y,w", "z");
    add(&f, "Mul", "z,c", "out");
    build_output(&f.b, f.b.graph, "out");
    expect_import(&f);
    assert_int_equal(f.graph->input_count, 1);
    assert_ptr_equal(ir_in(node_at(&f, 0), 1), ir_in(node_at(&f, 1), 1));
    expect_int_operand(node_at(&f, 0), 1, 2, list);
    const struct ir_value *c = ir_in(node_at(&f, 2), 1);
    assert_true(c->type.rank == 0 && c->type.dtype == IR_F32 && ir_constant_float(c->constant, 0) == 2.5);
    fixture_free(&f);
}

static void constant_nodes(void **state) {
    (void)state;
    const int64_t list[] = {3, -1};
    float floats[] = {0.5f, 8};
    struct fixture f;
    start(&f);
    build_attr_int(&f.b, add(&f, "Constant", NULL, "i"), "value_int", 7);
    build_attr_ints(&f.b, add(&f, "Constant", NULL, "is"), "value_ints", 2, list);
    Onnx__AttributeProto *a = build_attr(&f.b, add(&f, "Constant", NULL, "fs"), "value_floats",
                                         ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    a->floats = floats;
    a->n_floats = 2;
    a = build_attr(&f.b, add(&f, "Constant", NULL, "t"), "value",
                   ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
    a->t = build_tensor(&f.b, "", ONNX_INT64, 1, (int64_t[]){2});
    build_raw(&f.b, a->t, list, sizeof list);
    add(&f, "Max", "x,i,is,fs,t", "y");
    build_output(&f.b, f.b.graph, "y");
    expect_import(&f);
    const struct ir_node *max = node_at(&f, 0);
    expect_int_operand(max, 1, 1, (int64_t[]){7});
    assert_int_equal(ir_in(max, 1)->type.rank, 0);
    expect_int_operand(max, 2, 2, list);
    assert_true(ir_constant_float(ir_in(max, 3)->constant, 1) == 8);
    expect_int_operand(max, 4, 2, list);
    fixture_free(&f);
    start(&f);
    build_attr_text(&f.b, add(&f, "Constant", NULL, "s"), "value_string", "no");
    build_output(&f.b, f.b.graph, "s");
    expect_import_error(&f, ERROR_UNSUPPORTED, "(Constant)", "'value_string'");
}

// Two files in one module, as with a pair: their constants get different names, the graphs' values may
// repeat.
static void two_graphs_in_a_module(void **state) {
    (void)state;
    struct fixture f = {.options = {.latent_height = 2, .latent_width = 3}};
    build_small_decoder(&f.b, 17);
    expect_import(&f);
    struct ir_graph *second;
    assert_true(import_graph(f.module, f.model, "second", &f.options, &second, &f.err));
    assert_ptr_equal(ir_graph_find(f.module, "second"), second);
    assert_string_equal(ir_in(second->body.head, 1)->name, "w.2");
    fixture_free(&f);
}

// ---- operands

static void absent_operands(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    const int64_t one[] = {1};
    build_ints(&f.b, "i", 1, one);
    add(&f, "Clip", "x,,i", "a"); // a hole
    add(&f, "Clip", "a,,,", "b"); // nothing behind it
    add(&f, "Clip", "b", "y");
    build_output(&f.b, f.b.graph, "y");
    expect_import(&f);
    assert_int_equal(node_at(&f, 0)->input_count, 3);
    assert_null(ir_in(node_at(&f, 0), 1));
    assert_int_equal(node_at(&f, 1)->input_count, 1);
    fixture_free(&f);
}

static void wrong_operands(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    add(&f, "Add", "x", "y");
    build_output(&f.b, f.b.graph, "y");
    expect_import_error(&f, ERROR_INPUT, "node 'y' (Add)", "1 operands, at least 2");
    start(&f);
    add(&f, "Sqrt", "x,x", "y");
    expect_import_error(&f, ERROR_INPUT, "node 'y' (Sqrt)", "2 operands, at most 1");
    start(&f);
    add(&f, "Add", ",x", "y");
    expect_import_error(&f, ERROR_INPUT, "node 'y' (Add)", "operand 0 is absent");
    start(&f);
    add(&f, "Sqrt", "x", "y,z");
    build_output(&f.b, f.b.graph, "z");
    expect_import_error(&f, ERROR_UNSUPPORTED, "node 'y' (Sqrt)", "'z' is one too many");
    start(&f);
    add(&f, "Sqrt", "x", NULL);
    expect_import_error(&f, ERROR_INPUT, "(Sqrt)", "no output");
}

static void wrong_attributes(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    build_attr_int(&f.b, add(&f, "Sqrt", "x", "y"), "surprise", 1);
    expect_import_error(&f, ERROR_UNSUPPORTED, "node 'y' (Sqrt)", "unknown attribute 'surprise'");
    start(&f);
    build_attr_float(&f.b, add(&f, "Concat", "x,x", "y"), "axis", 1);
    expect_import_error(&f, ERROR_INPUT, "node 'y' (Concat)", "'axis' has the wrong type");
    start(&f);
    add(&f, "Concat", "x,x", "y");
    expect_import_error(&f, ERROR_INPUT, "node 'y' (Concat)", "'axis' is missing");
    start(&f);
    build_attr_int(&f.b, add(&f, "GatherND", "x,x", "y"), "batch_dims", 1);
    expect_import_error(&f, ERROR_UNSUPPORTED, "node 'y' (GatherND)", "'batch_dims' is 1, supported is 0");
}

// ---- order

static void unsorted_nodes_are_sorted(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    add(&f, "Neg", "b", "c");
    add(&f, "Abs", "a", "b");
    add(&f, "Sqrt", "x", "a");
    build_output(&f.b, f.b.graph, "c");
    expect_import(&f);
    const enum ir_op ops[] = {IR_SQRT, IR_ABS, IR_NEG, IR_RETURN};
    for (int i = 0; i < 4; i++) assert_int_equal(node_at(&f, i)->op, ops[i]);
    fixture_free(&f);
}

// The operand of a branch counts as one of the node, whose own inputs do not mention it.
static void branches_wait_for_what_they_read(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__NodeProto *n = add(&f, "If", "flag", "y");
    for (int i = 0; i < 2; i++) {
        Onnx__GraphProto *g = build_graph(&f.b);
        build_node(&f.b, g, "Neg", "late", "inner");
        build_output(&f.b, g, "inner");
        build_attr_graph(&f.b, n, i ? "else_branch" : "then_branch", g);
    }
    add(&f, "Sqrt", "x", "late");
    add(&f, "Not", "late", "flag");
    build_output(&f.b, f.b.graph, "y");
    expect_import(&f);
    assert_int_equal(node_at(&f, 0)->op, IR_SQRT);
    assert_int_equal(node_at(&f, 2)->op, IR_ONNX_IF);
    fixture_free(&f);
}

static void long_chain_backwards(void **state) {
    (void)state;
    enum { LENGTH = 3000 };
    struct fixture f;
    start(&f);
    for (int i = LENGTH; i > 0; i--) {
        char from[16], to[16];
        snprintf(from, sizeof from, "v%d", i - 1);
        snprintf(to, sizeof to, "v%d", i);
        add(&f, "Neg", i == 1 ? "x" : from, to);
    }
    build_output(&f.b, f.b.graph, "v3000");
    expect_import(&f);
    assert_string_equal(ir_out(node_at(&f, 0))->name, "v1");
    fixture_free(&f);
}

static void graphs_without_an_order(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    add(&f, "Neg", "b", "a");
    add(&f, "Abs", "a", "b");
    expect_import_error(&f, ERROR_INPUT, "depend on themselves", "'a'");
    start(&f);
    add(&f, "Neg", "a", "a");
    expect_import_error(&f, ERROR_INPUT, "depend on themselves", "'a'");
    start(&f);
    add(&f, "Neg", "nobody", "a");
    expect_import_error(&f, ERROR_INPUT, "node 'a' (Neg)", "'nobody', which nothing produces");
    start(&f);
    build_output(&f.b, f.b.graph, "nobody");
    expect_import_error(&f, ERROR_INPUT, "output", "'nobody', which nothing produces");
    start(&f);
    add(&f, "Neg", "x", "a")->name = "one";
    add(&f, "Abs", "x", "a")->name = "two";
    expect_import_error(&f, ERROR_INPUT, "'a' is produced twice", "node 'one' and by node 'two'");
    start(&f);
    add(&f, "Neg", "x", "x");
    expect_import_error(&f, ERROR_INPUT, "depend on themselves", "'x'");
    start(&f);
    build_input(&f.b, "x", ONNX_FLOAT, "1,4,T,2,3");
    expect_import_error(&f, ERROR_INPUT, "'x' is defined twice", "");
}

// ---- branches

static void branches(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__TensorProto *flag = build_tensor(&f.b, "flag", ONNX_BOOL, 0, NULL);
    build_raw(&f.b, flag, "\1", 1);
    build_initializer(&f.b, f.b.graph, flag);
    add(&f, "Sqrt", "x", "outer");
    Onnx__NodeProto *n = add(&f, "If", "flag", "y");
    for (int i = 0; i < 2; i++) { // both branches use the same name, as exporters do
        Onnx__GraphProto *g = build_graph(&f.b);
        build_node(&f.b, g, i ? "Neg" : "Abs", "outer", "inner");
        build_output(&f.b, g, "inner");
        build_attr_graph(&f.b, n, i ? "else_branch" : "then_branch", g);
    }
    build_output(&f.b, f.b.graph, "y");
    expect_import(&f);
    const struct ir_node *branch = node_at(&f, 1);
    const enum ir_op ops[] = {IR_ABS, IR_NEG};
    for (int i = 0; i < 2; i++) {
        const struct ir_block *block = branch->blocks[i];
        assert_int_equal(block->head->op, ops[i]);
        assert_ptr_equal(ir_in(block->head, 0), ir_out(node_at(&f, 0)));
        assert_int_equal(block->tail->op, IR_RETURN);
        assert_ptr_equal(ir_in(block->tail, 0), ir_out(block->head));
    }
    assert_string_not_equal(ir_out(branch->blocks[0]->head)->name, ir_out(branch->blocks[1]->head)->name);
    fixture_free(&f);
}

static void wrong_branches(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    add(&f, "If", "x", "y");
    expect_import_error(&f, ERROR_INPUT, "node 'y' (If)", "no then_branch");
    start(&f);
    build_attr_graph(&f.b, add(&f, "If", "x", "y"), "then_branch", build_graph(&f.b));
    expect_import_error(&f, ERROR_INPUT, "node 'y' (If)", "then_branch has 0 outputs, it has 1");
    start(&f);
    Onnx__GraphProto *g = f.b.graph;
    for (int i = 0; i < 18; i++) {
        Onnx__GraphProto *inner = build_graph(&f.b);
        build_output(&f.b, inner, "x");
        build_attr_graph(&f.b, build_node(&f.b, g, "If", "x", "y"), "then_branch", inner);
        g = inner;
    }
    expect_import_error(&f, ERROR_UNSUPPORTED, "node 'y' (If)", "nested more than 16 deep");
}

// ---- operators that are missing

static void unsupported_operators_are_all_listed(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    add(&f, "Elu", "x", "a")->name = "first";
    add(&f, "Elu", "a", "b");
    add(&f, "Fancy", "b", "c")->domain = "com.example";
    add(&f, "Neg", "c", "d");
    add(&f, "GridSample", "d,d", "y");
    build_output(&f.b, f.b.graph, "y");
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED,
                 "3 unsupported operators: Elu (2), com.example::Fancy (1), GridSample (1)",
                 "Elu, 2 times: nodes 'first', 'b'; it feeds Elu", "node 'c'; it feeds Neg",
                 "node 'y'; it feeds an output", NULL);
    fixture_free(&f);
}

static void unsupported_operators_in_branches(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__GraphProto *g = build_graph(&f.b);
    build_node(&f.b, g, "Elu", "x", "inner");
    build_attr_graph(&f.b, add(&f, "If", "x", "y"), "then_branch", g);
    expect_import_error(&f, ERROR_UNSUPPORTED, "1 unsupported operator: Elu (1)", "node 'inner'");
}

static void messages_are_safe_for_terminals(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    add(&f, "E\033[2Jrf", "x", "y");
    expect_import_error(&f, ERROR_UNSUPPORTED, "E?[2Jrf (1)", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_decoder),
        cmocka_unit_test(names_are_clean_and_unique),
        cmocka_unit_test(constants_are_shared_and_found),
        cmocka_unit_test(constant_nodes),
        cmocka_unit_test(two_graphs_in_a_module),
        cmocka_unit_test(absent_operands),
        cmocka_unit_test(wrong_operands),
        cmocka_unit_test(wrong_attributes),
        cmocka_unit_test(unsorted_nodes_are_sorted),
        cmocka_unit_test(branches_wait_for_what_they_read),
        cmocka_unit_test(long_chain_backwards),
        cmocka_unit_test(graphs_without_an_order),
        cmocka_unit_test(branches),
        cmocka_unit_test(wrong_branches),
        cmocka_unit_test(unsupported_operators_are_all_listed),
        cmocka_unit_test(unsupported_operators_in_branches),
        cmocka_unit_test(messages_are_safe_for_terminals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
