// Spellings: the same operator in old and new versions of ONNX becomes the same node.
#include "fixture.h"

static void start(struct fixture *f, int opset) {
    const int64_t lists[2][2] = {{0, 2}, {1, 3}};
    *f = (struct fixture){.options = {.latent_height = 2, .latent_width = 3}};
    build_start(&f->b, opset);
    build_input(&f->b, "x", ONNX_FLOAT, "1,4,T,2,3");
    build_ints(&f->b, "p", 2, lists[0]);
    build_ints(&f->b, "q", 2, lists[1]);
}

// Adds the node whose output is y.
static Onnx__NodeProto *add(struct fixture *f, const char *op, const char *inputs) {
    build_output(&f->b, f->b.graph, "y");
    return build_node(&f->b, f->b.graph, op, inputs, "y");
}

static const struct ir_node *imported(struct fixture *f, enum ir_op op) {
    expect_import(f);
    const struct ir_node *n = ir_in(ir_return_of(f->graph), 0)->def;
    assert_int_equal(n->op, op);
    return n;
}

static const int64_t p[] = {0, 2}, q[] = {1, 3};

static void squeeze_and_unsqueeze(void **state) {
    (void)state;
    const char *types[] = {"Squeeze", "Unsqueeze"};
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        start(&f, i / 2 ? 13 : 12);
        Onnx__NodeProto *n = add(&f, types[i % 2], i / 2 ? "x,p" : "x");
        if (i / 2 == 0) build_attr_ints(&f.b, n, "axes", 2, p);
        expect_int_operand(imported(&f, i % 2 ? IR_ONNX_UNSQUEEZE : IR_ONNX_SQUEEZE), 1, 2, p);
        fixture_free(&f);
    }
    struct fixture f;
    start(&f, 12);
    assert_int_equal(1,
                     (add(&f, "Squeeze", "x"), imported(&f, IR_ONNX_SQUEEZE))->input_count); // all unit axes
    fixture_free(&f);
}

static void axes_given_twice(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 13);
    build_attr_ints(&f.b, add(&f, "Squeeze", "x,p"), "axes", 2, p);
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_INPUT, "node 'y' (Squeeze)", "as an attribute too", NULL);
    fixture_free(&f);
}

static void reductions(void **state) {
    (void)state;
    const struct {
        const char *type, *kind;
        int opset;
        bool operand;
    } cases[] = {{"ReduceSum", "sum", 11, false},   {"ReduceSum", "sum", 13, true},
                 {"ReduceL2", "l2", 17, false},     {"ReduceL2", "l2", 18, true},
                 {"ReduceMean", "mean", 17, false}, {"ReduceMax", "max", 18, true},
                 {"ReduceMin", "min", 17, false},   {"ReduceProd", "prod", 18, true},
                 {"ReduceL1", "l1", 18, true},      {"ReduceSumSquare", "sum_square", 13, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        start(&f, cases[i].opset);
        Onnx__NodeProto *n = add(&f, cases[i].type, cases[i].operand ? "x,p" : "x");
        if (!cases[i].operand) build_attr_ints(&f.b, n, "axes", 2, p);
        const struct ir_node *r = imported(&f, IR_ONNX_REDUCE);
        expect_int_operand(r, 1, 2, p);
        assert_string_equal(ir_attr_string(r, IR_KEY_KIND, ""), cases[i].kind);
        assert_int_equal(ir_attr_int(r, IR_KEY_KEEPDIMS, -1), 1);
        fixture_free(&f);
    }
}

static void split(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        start(&f, i == 0 ? 11 : 13);
        build_output(&f.b, f.b.graph, "a");
        Onnx__NodeProto *n = build_node(&f.b, f.b.graph, "Split", i == 1 ? "x,q" : "x", "a,b");
        if (i == 0) build_attr_ints(&f.b, n, "split", 2, q);
        build_attr_int(&f.b, n, "axis", 1);
        const struct ir_node *s = imported(&f, IR_ONNX_SPLIT);
        assert_int_equal(s->output_count, 2);
        assert_int_equal(ir_attr_int(s, IR_KEY_AXIS, -1), 1);
        if (i < 2) expect_int_operand(s, 1, 2, q);
        else assert_int_equal(ir_attr_int(s, IR_KEY_NUM_OUTPUTS, -1), 2);
        fixture_free(&f);
    }
}

static void slice(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        start(&f, i ? 10 : 9);
        Onnx__NodeProto *n = add(&f, "Slice", i ? "x,p,q,p" : "x");
        if (i == 0) {
            build_attr_ints(&f.b, n, "starts", 2, p);
            build_attr_ints(&f.b, n, "ends", 2, q);
            build_attr_ints(&f.b, n, "axes", 2, p);
        }
        const struct ir_node *s = imported(&f, IR_ONNX_SLICE);
        assert_int_equal(s->input_count, 4);
        expect_int_operand(s, 1, 2, p);
        expect_int_operand(s, 2, 2, q);
        expect_int_operand(s, 3, 2, p);
        fixture_free(&f);
    }
}

static void pad_and_clip(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 10);
    Onnx__NodeProto *n = add(&f, "Pad", "x");
    build_attr_ints(&f.b, n, "pads", 2, q);
    build_attr_float(&f.b, n, "value", 0.5f);
    const struct ir_node *pad = imported(&f, IR_ONNX_PAD);
    expect_int_operand(pad, 1, 2, q);
    assert_true(ir_constant_float(ir_in(pad, 2)->constant, 0) == 0.5);
    assert_string_equal(ir_attr_string(pad, IR_KEY_MODE, ""), "constant");
    fixture_free(&f);
    start(&f, 10);
    build_attr_float(&f.b, add(&f, "Clip", "x"), "max", 1);
    const struct ir_node *clip = imported(&f, IR_ONNX_CLIP);
    assert_null(ir_in(clip, 1));
    assert_true(ir_constant_float(ir_in(clip, 2)->constant, 0) == 1);
    fixture_free(&f);
}

static void resize(void **state) {
    (void)state;
    const struct {
        int opset;
        const char *type, *operands;
    } cases[] = {{9, "Upsample", "x,p"}, {10, "Resize", "x,p"}, {13, "Resize", "x,,p"}};
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        start(&f, cases[i].opset);
        Onnx__NodeProto *n = add(&f, cases[i].type, cases[i].operands);
        build_attr_text(&f.b, n, "mode", "nearest");
        if (i == 2) build_attr_text(&f.b, n, "coordinate_transformation_mode", "asymmetric");
        if (i == 2) build_attr_text(&f.b, n, "nearest_mode", "floor");
        const struct ir_node *r = imported(&f, IR_ONNX_RESIZE);
        assert_null(ir_in(r, 1));
        expect_int_operand(r, 2, 2, p); // scales, here by the fixture's integers
        assert_string_equal(ir_attr_string(r, IR_KEY_COORDINATES, ""), "asymmetric");
        assert_string_equal(ir_attr_string(r, IR_KEY_NEAREST_MODE, ""), "floor");
        fixture_free(&f);
    }
    float scales[] = {1, 1, 1, 2, 2};
    struct fixture f;
    start(&f, 7);
    Onnx__AttributeProto *a =
        build_attr(&f.b, add(&f, "Upsample", "x"), "scales", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    a->floats = scales;
    a->n_floats = 5;
    assert_true(ir_constant_float(ir_in(imported(&f, IR_ONNX_RESIZE), 2)->constant, 4) == 2);
    fixture_free(&f);
    start(&f, 13);
    add(&f, "Upsample", "x,p"); // was removed in version 10
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "Upsample (1)", NULL);
    fixture_free(&f);
}

static void softmax(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 13);
    add(&f, "Softmax", "x");
    assert_int_equal(ir_attr_int(imported(&f, IR_ONNX_SOFTMAX), IR_KEY_AXIS, 9), -1);
    fixture_free(&f);
    start(&f, 12); // the last axis of a known rank: as it is now
    build_attr_int(&f.b, add(&f, "Softmax", "x"), "axis", 4);
    assert_int_equal(ir_attr_int(imported(&f, IR_ONNX_SOFTMAX), IR_KEY_AXIS, 9), -1);
    fixture_free(&f);
    start(&f, 12); // axes 1 to 4 together
    add(&f, "Softmax", "x");
    const struct ir_node *reshape = imported(&f, IR_ONNX_RESHAPE), *soft = ir_in(reshape, 0)->def;
    assert_int_equal(ir_in(reshape, 1)->def->op, IR_ONNX_SHAPE);
    assert_int_equal(soft->op, IR_ONNX_SOFTMAX);
    assert_int_equal(ir_in(soft, 0)->def->op, IR_ONNX_FLATTEN);
    assert_int_equal(ir_attr_int(ir_in(soft, 0)->def, IR_KEY_AXIS, 9), 1);
    assert_string_equal(ir_out(reshape)->name, "y");
    fixture_free(&f);
}

static void casts(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 17);
    build_attr_int(&f.b, add(&f, "Cast", "x"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16);
    assert_int_equal(ir_attr_int(imported(&f, IR_ONNX_CAST), IR_KEY_TO, -1), IR_F16);
    fixture_free(&f);
    start(&f, 17);
    build_attr_int(&f.b, add(&f, "Cast", "x"), "to", 17);
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "node 'y' (Cast)", "FLOAT8E4M3FN (17)", NULL);
    fixture_free(&f);
    start(&f, 17);
    add(&f, "CastLike", "x,p"); // a type that is known
    assert_int_equal(ir_attr_int(imported(&f, IR_ONNX_CAST), IR_KEY_TO, -1), IR_I64);
    fixture_free(&f);
    start(&f, 17);
    build_node(&f.b, f.b.graph, "Neg", "x", "unknown");
    add(&f, "CastLike", "x,unknown");
    assert_int_equal(imported(&f, IR_ONNX_IDENTITY)->input_count, 1);
    fixture_free(&f);
    start(&f, 17);
    build_node(&f.b, f.b.graph, "Neg", "x", "unknown");
    add(&f, "CastLike", "p,unknown");
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "the element type of 'unknown' is not known", NULL);
    fixture_free(&f);
}

static void constant_of_shape(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 17);
    add(&f, "ConstantOfShape", "p");
    assert_int_equal(ir_attr_find(imported(&f, IR_ONNX_CONSTANT_OF_SHAPE), IR_KEY_VALUE)->kind,
                     IR_ATTR_FLOAT);
    fixture_free(&f);
    for (int i = 1; i < 3; i++) {
        start(&f, 17);
        Onnx__AttributeProto *a = build_attr(&f.b, add(&f, "ConstantOfShape", "p"), "value",
                                             ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
        a->t = build_tensor(&f.b, "", ONNX_INT64, 1, (int64_t[]){i});
        build_raw(&f.b, a->t, q, (size_t)i * 8);
        if (i == 1)
            assert_int_equal(ir_attr_int(imported(&f, IR_ONNX_CONSTANT_OF_SHAPE), IR_KEY_VALUE, 9), 1);
        else assert_false(fixture_import(&f));
        if (i == 2) expect_error(&f.err, ERROR_INPUT, "has 2 elements, not 1", NULL);
        fixture_free(&f);
    }
}

static void dropout(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 10);
    build_attr_float(&f.b, add(&f, "Dropout", "x"), "ratio", 0.5f);
    imported(&f, IR_ONNX_IDENTITY);
    fixture_free(&f);
    start(&f, 13);
    build_output(&f.b, f.b.graph, "y");
    build_node(&f.b, f.b.graph, "Dropout", "x,p", "y,mask");
    assert_int_equal(imported(&f, IR_ONNX_IDENTITY)->input_count, 1);
    fixture_free(&f);
    start(&f, 13);
    add(&f, "Dropout", "x,p,q");
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "training", NULL);
    fixture_free(&f);
}

// ---- operators that are made of others

static void sums(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 24);
    add(&f, "Sum", "x,x,x");
    const struct ir_node *n = imported(&f, IR_ADD);
    assert_int_equal(ir_in(n, 0)->def->op, IR_ADD);
    assert_ptr_equal(ir_in(n, 1), f.graph->inputs[0]);
    fixture_free(&f);
    start(&f, 24);
    add(&f, "Sum", "x");
    assert_int_equal(imported(&f, IR_ONNX_IDENTITY)->input_count, 1);
    fixture_free(&f);
    start(&f, 24);
    add(&f, "Mean", "x,x,x");
    n = imported(&f, IR_DIV);
    assert_int_equal(ir_in(n, 0)->def->op, IR_ADD);
    assert_true(ir_constant_float(ir_in(n, 1)->constant, 0) == 3);
    fixture_free(&f);
    start(&f, 24);
    add(&f, "Sum", "x,,x");
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_INPUT, "node 'y' (Sum)", "operand 1 is absent", NULL);
    fixture_free(&f);
}

static void with_a_constant(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 24);
    add(&f, "Reciprocal", "x");
    assert_true(ir_constant_float(ir_in(imported(&f, IR_DIV), 0)->constant, 0) == 1);
    fixture_free(&f);
    start(&f, 24);
    add(&f, "Relu", "x");
    assert_true(ir_constant_float(ir_in(imported(&f, IR_ONNX_MAX), 1)->constant, 0) == 0);
    fixture_free(&f);
    start(&f, 24);
    build_attr_float(&f.b, add(&f, "Swish", "x"), "alpha", 1.5f);
    const struct ir_node *n = imported(&f, IR_MUL), *gate = ir_in(n, 1)->def;
    assert_int_equal(gate->op, IR_SIGMOID);
    assert_true(ir_constant_float(ir_in(ir_in(gate, 0)->def, 1)->constant, 0) == 1.5);
    fixture_free(&f);
}

static void gemm(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 13);
    Onnx__NodeProto *node = add(&f, "Gemm", "x,x,x");
    build_attr_float(&f.b, node, "alpha", 0.5f);
    build_attr_float(&f.b, node, "beta", 2);
    build_attr_int(&f.b, node, "transB", 1);
    const struct ir_node *sum = imported(&f, IR_ADD), *left = ir_in(sum, 0)->def, *right = ir_in(sum, 1)->def;
    assert_true(left->op == IR_MUL && ir_constant_float(ir_in(left, 1)->constant, 0) == 0.5);
    assert_true(right->op == IR_MUL && ir_constant_float(ir_in(right, 1)->constant, 0) == 2);
    const struct ir_node *product = ir_in(left, 0)->def;
    assert_int_equal(product->op, IR_MATMUL);
    assert_ptr_equal(ir_in(product, 0), f.graph->inputs[0]);
    assert_int_equal(ir_in(product, 1)->def->op, IR_ONNX_TRANSPOSE);
    fixture_free(&f);
    start(&f, 13);
    build_attr_float(&f.b, add(&f, "Gemm", "x,x,x"), "beta", 0);
    assert_int_equal(imported(&f, IR_MATMUL)->input_count, 2);
    fixture_free(&f);
}

static void norms(void **state) {
    (void)state;
    const struct {
        int64_t p;
        const char *kind;
    } cases[] = {{1, "l1"}, {2, "l2"}};
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        start(&f, 22);
        Onnx__NodeProto *n = add(&f, "LpNormalization", "x");
        build_attr_int(&f.b, n, "p", cases[i].p);
        build_attr_int(&f.b, n, "axis", 1);
        const struct ir_node *clip = ir_in(imported(&f, IR_DIV), 1)->def, *reduce = ir_in(clip, 0)->def;
        assert_int_equal(clip->op, IR_ONNX_CLIP);
        assert_string_equal(ir_attr_string(reduce, IR_KEY_KIND, ""), cases[i].kind);
        expect_int_operand(reduce, 1, 1, (int64_t[]){1});
        fixture_free(&f);
    }
    struct fixture f;
    start(&f, 22);
    build_attr_int(&f.b, add(&f, "LpNormalization", "x"), "p", 3);
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "node 'y' (LpNormalization)", "p is 3, not 1 or 2", NULL);
    fixture_free(&f);
    start(&f, 23);
    add(&f, "RMSNormalization", "x,x");
    assert_true(ir_attr_float(imported(&f, IR_ONNX_RMS_NORM), IR_KEY_EPSILON, 0) == (double)1e-5f);
    fixture_free(&f);
}

static void attention(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 23);
    Onnx__NodeProto *node = add(&f, "Attention", "x,x,x");
    build_attr_int(&f.b, node, "q_num_heads", 4);
    build_attr_int(&f.b, node, "kv_num_heads", 2);
    build_attr_float(&f.b, node, "scale", 0.5f);
    build_attr_int(&f.b, node, "is_causal", 0);
    const struct ir_node *n = imported(&f, IR_ONNX_ATTENTION);
    assert_int_equal(ir_attr_int(n, IR_KEY_HEADS, 0), 4);
    assert_int_equal(ir_attr_int(n, IR_KEY_KV_HEADS, 0), 2);
    assert_true(ir_attr_float(n, IR_KEY_SCALE, 0) == 0.5);
    fixture_free(&f);
    const struct {
        const char *operands, *attribute, *message;
    } cases[] = {{"x,x,x,x", NULL, "attention with a mask is not supported"},
                 {"x,x,x,,x,x", NULL, "attention with earlier keys or values is not supported"},
                 {"x,x,x", "is_causal", "'is_causal' is 1, supported is 0"},
                 {"x,x", NULL, "it has 2 operands"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(&f, 24);
        node = add(&f, "Attention", cases[i].operands);
        if (cases[i].attribute) build_attr_int(&f.b, node, cases[i].attribute, 1);
        assert_false(fixture_import(&f));
        expect_error(&f.err, i < 3 ? ERROR_UNSUPPORTED : ERROR_INPUT, "node 'y' (Attention)",
                     cases[i].message, NULL);
        fixture_free(&f);
    }
}

// Operators that are taken as they are: type, operands, and what they become.
static void plain_operators(void **state) {
    (void)state;
    const struct {
        const char *type, *operands;
        enum ir_op op;
    } cases[] = {
        {"Abs", "x", IR_ABS},
        {"Add", "x,x", IR_ADD},
        {"And", "x,x", IR_ONNX_AND},
        {"Ceil", "x", IR_ONNX_CEIL},
        {"Div", "x,x", IR_DIV},
        {"Equal", "x,x", IR_ONNX_EQUAL},
        {"Expand", "x,p", IR_ONNX_EXPAND},
        {"Flatten", "x", IR_ONNX_FLATTEN},
        {"Erf", "x", IR_ONNX_ERF},
        {"Exp", "x", IR_ONNX_EXP},
        {"Floor", "x", IR_ONNX_FLOOR},
        {"GatherElements", "x,p", IR_ONNX_GATHER_ELEMENTS},
        {"IsInf", "x", IR_ONNX_IS_INF},
        {"IsNaN", "x", IR_ONNX_IS_NAN},
        {"Log", "x", IR_ONNX_LOG},
        {"Round", "x", IR_ONNX_ROUND},
        {"ScatterND", "x,p,x", IR_ONNX_SCATTER_ND},
        {"Sign", "x", IR_ONNX_SIGN},
        {"Tanh", "x", IR_ONNX_TANH},
        {"Xor", "x,x", IR_ONNX_XOR},
        {"Gather", "x,p", IR_ONNX_GATHER},
        {"GatherND", "x,p", IR_ONNX_GATHER_ND},
        {"Greater", "x,x", IR_ONNX_GREATER},
        {"GreaterOrEqual", "x,x", IR_ONNX_GREATER_EQUAL},
        {"Identity", "x", IR_ONNX_IDENTITY},
        {"Less", "x,x", IR_ONNX_LESS},
        {"LessOrEqual", "x,x", IR_ONNX_LESS_EQUAL},
        {"MatMul", "x,x", IR_MATMUL},
        {"Max", "x,x,x", IR_ONNX_MAX},
        {"Min", "x", IR_ONNX_MIN},
        {"Mod", "p,q", IR_ONNX_MOD},
        {"Mul", "x,x", IR_MUL},
        {"Neg", "x", IR_NEG},
        {"Not", "x", IR_ONNX_NOT},
        {"Or", "x,x", IR_ONNX_OR},
        {"Pow", "x,x", IR_POW},
        {"Range", "p,q,p", IR_ONNX_RANGE},
        {"Reshape", "x,p", IR_ONNX_RESHAPE},
        {"Shape", "x", IR_ONNX_SHAPE},
        {"Sigmoid", "x", IR_SIGMOID},
        {"Size", "x", IR_ONNX_SIZE},
        {"Sqrt", "x", IR_SQRT},
        {"Sub", "x,x", IR_SUB},
        {"Swish", "x", IR_SILU},
        {"Tile", "x,p", IR_ONNX_TILE},
        {"Transpose", "x", IR_ONNX_TRANSPOSE},
        {"Where", "x,x,x", IR_ONNX_WHERE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        start(&f, 24);
        add(&f, cases[i].type, cases[i].operands)->domain = i % 2 ? "ai.onnx" : "";
        imported(&f, cases[i].op);
        fixture_free(&f);
    }
}

static void defaults_are_spelled_out(void **state) {
    (void)state;
    const struct {
        const char *type, *operands;
        enum ir_op op;
        enum ir_key key;
        int64_t value;
    } cases[] = {
        {"Flatten", "x", IR_ONNX_FLATTEN, IR_KEY_AXIS, 1},
        {"Gather", "x,p", IR_ONNX_GATHER, IR_KEY_AXIS, 0},
        {"Shape", "x", IR_ONNX_SHAPE, IR_KEY_START, 0},
        {"Reshape", "x,p", IR_ONNX_RESHAPE, IR_KEY_ALLOWZERO, 0},
        {"Conv", "x,p", IR_ONNX_CONV, IR_KEY_GROUP, 1},
        {"Split", "x", IR_ONNX_SPLIT, IR_KEY_AXIS, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        start(&f, 17);
        add(&f, cases[i].type, cases[i].operands);
        assert_int_equal(ir_attr_int(imported(&f, cases[i].op), cases[i].key, 9), cases[i].value);
        fixture_free(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(squeeze_and_unsqueeze),
        cmocka_unit_test(axes_given_twice),
        cmocka_unit_test(reductions),
        cmocka_unit_test(split),
        cmocka_unit_test(slice),
        cmocka_unit_test(pad_and_clip),
        cmocka_unit_test(resize),
        cmocka_unit_test(softmax),
        cmocka_unit_test(casts),
        cmocka_unit_test(constant_of_shape),
        cmocka_unit_test(dropout),
        cmocka_unit_test(sums),
        cmocka_unit_test(with_a_constant),
        cmocka_unit_test(gemm),
        cmocka_unit_test(norms),
        cmocka_unit_test(attention),
        cmocka_unit_test(plain_operators),
        cmocka_unit_test(defaults_are_spelled_out),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
