// Functions of the model: calls are replaced by bodies when a file is opened.
#include "fixture.h"

enum { TYPE_INT = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT };

static void start(struct fixture *f) {
    *f = (struct fixture){.options = {.latent_height = 2, .latent_width = 3}};
    build_start(&f->b, 18);
    build_input(&f->b, "x", ONNX_FLOAT, "1,4,T,2,3");
    build_output(&f->b, f->b.graph, "y");
}

static Onnx__NodeProto *call(struct fixture *f, const char *name, const char *inputs, const char *outputs) {
    Onnx__NodeProto *n = build_node(&f->b, f->b.graph, name, inputs, outputs);
    n->domain = "pkg";
    return n;
}

static Onnx__NodeProto *inner_call(struct fixture *f, Onnx__FunctionProto *function, const char *name,
                                   const char *inputs, const char *outputs) {
    Onnx__NodeProto *n = build_function_node(&f->b, function, name, inputs, outputs);
    n->domain = "pkg";
    return n;
}

static void expect_refusal(struct fixture *f, enum error_code code, const char *text, const char *more) {
    assert_false(fixture_open(f));
    expect_error(&f->err, code, "model.onnx", text, more, NULL);
    fixture_free(f);
}

static void a_call_becomes_the_body(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__FunctionProto *g = build_function(&f.b, "pkg", "Gate", "a,b", "r", 18);
    build_function_node(&f.b, g, "Sigmoid", "b", "s");
    build_function_node(&f.b, g, "Mul", "a,s", "r")->name = "product";
    call(&f, "Gate", "x,x", "first")->name = "one";
    call(&f, "Gate", "first,x", "y")->name = "two";
    expect_import(&f);
    const char *names[] = {"one/s", "first", "two/s", "y"};
    const enum ir_op ops[] = {IR_SIGMOID, IR_MUL, IR_SIGMOID, IR_MUL};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(node_at(&f, i)->op, ops[i]);
        assert_string_equal(ir_out(node_at(&f, i))->name, names[i]);
    }
    assert_string_equal(node_at(&f, 1)->name, "one/product");
    assert_ptr_equal(ir_in(node_at(&f, 3), 0), ir_out(node_at(&f, 1)));
    assert_ptr_equal(ir_in(node_at(&f, 2), 0), f.graph->inputs[0]);
    fixture_free(&f);
}

static void names_inside_stay_apart_from_those_outside(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__FunctionProto *g = build_function(&f.b, "pkg", "Twice", "x", "y", 18);
    build_function_node(&f.b, g, "Neg", "x", "t");
    build_function_node(&f.b, g, "Neg", "t", "y");
    build_node(&f.b, f.b.graph, "Abs", "x", "t");
    call(&f, "Twice", "t", "c/t")->name = "c"; // which is what the name inside would be
    call(&f, "Twice", "c/t", "y")->name = "c"; // a name that another node has
    expect_import(&f);
    assert_int_equal(node_at(&f, 0)->op, IR_ABS);
    assert_ptr_equal(ir_in(node_at(&f, 1), 0), ir_out(node_at(&f, 0)));
    assert_string_equal(ir_out(node_at(&f, 2))->name, "c/t");
    assert_ptr_equal(ir_in(node_at(&f, 3), 0), ir_out(node_at(&f, 2)));
    assert_int_equal(node_at(&f, 5)->op, IR_RETURN);
    fixture_free(&f);
}

// An attribute of the call, one of an outer call, and one that nobody gives.
static void attributes_are_passed_on(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__FunctionProto *inner = build_function(&f.b, "pkg", "Inner", "a", "r", 18);
    Onnx__FunctionProto *outer = build_function(&f.b, "pkg", "Outer", "a", "r", 18);
    build_attr_reference(&f.b, build_function_node(&f.b, inner, "Softmax", "a", "r"), "axis", TYPE_INT,
                         "dim");
    build_attr_reference(&f.b, inner_call(&f, outer, "Inner", "a", "r"), "dim", TYPE_INT, "which");
    build_attr_int(&f.b, call(&f, "Inner", "x", "p"), "dim", 1);
    build_attr_int(&f.b, call(&f, "Outer", "p", "q"), "which", 3);
    call(&f, "Outer", "q", "y");
    expect_import(&f);
    const int64_t axes[] = {1, 3, -1};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(node_at(&f, i)->op, IR_ONNX_SOFTMAX);
        assert_int_equal(ir_attr_int(node_at(&f, i), IR_KEY_AXIS, 9), axes[i]);
    }
    fixture_free(&f);
}

// A field that older descriptions of the format do not have: an attribute {name, i, type} as bytes.
static void an_attribute_has_a_default(void **state) {
    (void)state;
    static uint8_t bytes[] = {10, 0x0a, 3, 'd', 'i', 'm', 0x18, 2, 0xa0, 1, 2};
    for (int damaged = 0; damaged < 2; damaged++) {
        struct fixture f;
        start(&f);
        Onnx__FunctionProto *g = build_function(&f.b, "pkg", "Soft", "a", "r", 18);
        ProtobufCMessageUnknownField field = {
            .tag = 11, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, .len = sizeof bytes, .data = bytes};
        g->base.n_unknown_fields = 1;
        g->base.unknown_fields = &field;
        bytes[2] = damaged ? 77 : 3;
        build_attr_reference(&f.b, build_function_node(&f.b, g, "Softmax", "a", "r"), "axis", TYPE_INT,
                             "dim");
        call(&f, "Soft", "x", "y");
        if (!damaged) {
            expect_import(&f);
            assert_int_equal(ir_attr_int(node_at(&f, 0), IR_KEY_AXIS, 9), 2);
        } else {
            assert_false(fixture_open(&f));
            assert_int_equal(f.err.code, ERROR_INPUT);
        }
        fixture_free(&f);
    }
}

static void outputs_may_be_inputs_or_unwanted(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__FunctionProto *g = build_function(&f.b, "pkg", "Many", "a,b", "a,n,n,m", 18);
    build_function_node(&f.b, g, "Neg", "a", "n");
    build_function_node(&f.b, g, "Clip", "n,b", "m");
    call(&f, "Many", "x", "same,,neg"); // the second operand, and the last outputs, are absent
    build_node(&f.b, f.b.graph, "Add", "same,neg", "y");
    expect_import(&f);
    assert_int_equal(node_at(&f, 0)->op, IR_NEG);
    assert_int_equal(node_at(&f, 1)->op, IR_ONNX_CLIP);
    assert_int_equal(node_at(&f, 1)->input_count, 1);
    assert_int_equal(node_at(&f, 2)->op, IR_ONNX_IDENTITY);
    assert_ptr_equal(ir_in(node_at(&f, 2), 0), f.graph->inputs[0]);
    fixture_free(&f);
}

static void branches_in_functions(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__FunctionProto *g = build_function(&f.b, "pkg", "Maybe", "c,a", "r", 18);
    Onnx__FunctionProto *twice = build_function(&f.b, "pkg", "Twice", "v", "w", 18);
    build_function_node(&f.b, twice, "Add", "v,v", "w");
    Onnx__NodeProto *n = build_function_node(&f.b, g, "If", "c", "r");
    const char *names[] = {"then_branch", "else_branch"};
    for (int i = 0; i < 2; i++) {
        Onnx__GraphProto *branch = build_graph(&f.b);
        build_node(&f.b, branch, i ? "Neg" : "Twice", "a", "out")->domain = i ? "" : "pkg";
        build_output(&f.b, branch, "out");
        build_attr_graph(&f.b, n, names[i], branch);
    }
    int64_t dims[1];
    Onnx__TensorProto *t = build_tensor(&f.b, "yes", ONNX_BOOL, 0, dims);
    build_raw(&f.b, t, "\1", 1);
    build_initializer(&f.b, f.b.graph, t);
    call(&f, "Maybe", "yes,x", "z");
    call(&f, "Maybe", "yes,z", "y");
    expect_import(&f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(node_at(&f, i)->op, IR_ONNX_IF);
        assert_int_equal(node_at(&f, i)->blocks[0]->head->op, IR_ADD);
        assert_int_equal(node_at(&f, i)->blocks[1]->head->op, IR_NEG);
    }
    fixture_free(&f);
}

static void refusals(void **state) {
    (void)state;
    struct fixture f;
    start(&f); // a function that calls one that calls it
    Onnx__FunctionProto *a = build_function(&f.b, "pkg", "A", "x", "y", 18);
    Onnx__FunctionProto *b = build_function(&f.b, "pkg", "B", "x", "y", 18);
    inner_call(&f, a, "B", "x", "y");
    inner_call(&f, b, "A", "x", "y");
    call(&f, "A", "x", "y")->name = "start";
    expect_refusal(&f, ERROR_INPUT, "node 'start/y/y' (function A)", "calls itself");
    start(&f); // for another version of the operators
    build_function_node(&f.b, build_function(&f.b, "pkg", "A", "x", "y", 13), "Neg", "x", "y");
    call(&f, "A", "x", "y");
    expect_refusal(&f, ERROR_UNSUPPORTED, "version 13 of ONNX's operators, the model version 18", "");
    start(&f); // more operands than it takes
    build_function_node(&f.b, build_function(&f.b, "pkg", "A", "x", "y", 18), "Neg", "x", "y");
    call(&f, "A", "x,x", "y");
    expect_refusal(&f, ERROR_INPUT, "it has 2 inputs and 1 outputs, the function 1 and 1", "");
    start(&f); // what is in the graph is not seen inside
    build_function_node(&f.b, build_function(&f.b, "pkg", "A", "a", "y", 0), "Neg", "x", "y");
    call(&f, "A", "x", "y")->name = "c";
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_INPUT, "node 'c/y' (Neg) reads 'c/x', which nothing produces", NULL);
    fixture_free(&f);
    start(&f); // an operator inside that is not supported
    build_function_node(&f.b, build_function(&f.b, "pkg", "A", "a", "y", 0), "Elu", "a", "y");
    call(&f, "A", "x", "y")->name = "c";
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "Elu (1)", "'c/y'", NULL);
    fixture_free(&f);
}

// Each function calls the next one twice: 2^30 nodes, if nobody counted.
static void an_explosion_is_stopped(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    for (int i = 0; i < 30; i++) {
        char name[8], next[8];
        snprintf(name, sizeof name, "F%d", i);
        snprintf(next, sizeof next, "F%d", i + 1);
        Onnx__FunctionProto *g = build_function(&f.b, "pkg", name, "x", "y", 18);
        if (i == 29) build_function_node(&f.b, g, "Neg", "x", "y");
        else inner_call(&f, g, next, "x", "t"), inner_call(&f, g, next, "t", "y");
    }
    call(&f, "F0", "x", "y");
    f.limits.nodes = 20000;
    expect_refusal(&f, ERROR_MEMORY, "its functions make more than the limit of 20000 nodes", "");
}

static void a_long_chain_is_stopped(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    for (int i = 0; i < 40; i++) {
        char name[8], next[8];
        snprintf(name, sizeof name, "F%d", i);
        snprintf(next, sizeof next, "F%d", i + 1);
        Onnx__FunctionProto *g = build_function(&f.b, "pkg", name, "x", "y", 18);
        if (i == 39) build_function_node(&f.b, g, "Neg", "x", "y");
        else inner_call(&f, g, next, "x", "y");
    }
    call(&f, "F0", "x", "y");
    expect_refusal(&f, ERROR_UNSUPPORTED, "more than 32 deep", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_becomes_the_body),
        cmocka_unit_test(names_inside_stay_apart_from_those_outside),
        cmocka_unit_test(attributes_are_passed_on),
        cmocka_unit_test(an_attribute_has_a_default),
        cmocka_unit_test(outputs_may_be_inputs_or_unwanted),
        cmocka_unit_test(branches_in_functions),
        cmocka_unit_test(refusals),
        cmocka_unit_test(an_explosion_is_stopped),
        cmocka_unit_test(a_long_chain_is_stopped),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
