// The report about a file.
#include "fixture.h"

#include "frontend/names.h"

static void expect_lines(const struct strbuf *text, const char *const *lines) {
    for (; *lines != NULL; lines++) {
        if (strstr(strbuf_text(text), *lines) == NULL)
            fail_msg("'%s' is not in:\n%s", *lines, strbuf_text(text));
    }
}

static void report(void **state) {
    (void)state;
    struct fixture f = {0};
    build_small_decoder(&f.b, 17);
    build_input(&f.b, "w", ONNX_FLOAT, "3,4,1,1,1"); // an initializer is no input
    build_node(&f.b, f.b.graph, "Elu", "conv", "odd")->name = "oddity";
    assert_true(write_bytes(test_path("w.data"), "12345678", 8));
    Onnx__TensorProto *t = build_tensor(&f.b, "i", ONNX_INT64, 1, (int64_t[]){1});
    build_external(&f.b, t, "location", "w.data");
    build_initializer(&f.b, f.b.graph, t);
    if (!fixture_open(&f)) fail_msg("%s", f.err.message);
    struct arena arena = {0};
    struct strbuf text = {0};
    struct onnx_facts facts = onnx_inspect(f.model, &arena);
    onnx_facts_print(&facts, &text);
    expect_lines(&text, (const char *const[]){
                            "producer    builder", "opset 17",
                            "inputs      latents: FLOAT[1,4,T,2,3]\noutputs     frames: not a tensor",
                            "operators   4: Conv 1, Elu 1, Mul 1, Sigmoid 1\n",
                            "weights     3 tensors, 68 B: FLOAT 60 B, INT64 8 B\n", "in w.data, 8 B\n",
                            "unsupported 1 operator\n  Elu, 1 time: node 'oddity'; it feeds an output; "
                            "between 'the conv' (Conv) "
                            "and an output\n",
                            NULL});
    strbuf_free(&text);
    arena_free(&arena);
    fixture_free(&f);
}

static void nothing_unsupported(void **state) {
    (void)state;
    struct fixture f = {0};
    build_small_decoder(&f.b, 17);
    if (!fixture_open(&f)) fail_msg("%s", f.err.message);
    struct arena arena = {0};
    struct strbuf text = {0};
    struct onnx_facts facts = onnx_inspect(f.model, &arena);
    onnx_facts_print(&facts, &text);
    expect_lines(&text, (const char *const[]){"unsupported none\n", NULL});
    assert_int_equal(onnx_model_opset(f.model), 17);
    strbuf_free(&text);
    arena_free(&arena);
    fixture_free(&f);
}

// latents -> If [ Elu, Elu ] -> Relu6 -> frames: where each of them stands.
static void where_they_sit(void **state) {
    (void)state;
    struct fixture f = {0};
    build_start(&f.b, 17);
    build_input(&f.b, "latents", ONNX_FLOAT, "1,4,T,2,3");
    build_input(&f.b, "flag", ONNX_BOOL, "1");
    Onnx__GraphProto *branches[2];
    for (int i = 0; i < 2; i++) {
        branches[i] = build_graph(&f.b);
        build_node(&f.b, branches[i], "Elu", "latents", i ? "e1" : "e0")->name =
            i ? "/dec/mid/Elu_1" : "/dec/mid/Elu";
        build_output(&f.b, branches[i], i ? "e1" : "e0");
    }
    Onnx__NodeProto *chosen = build_node(&f.b, f.b.graph, "If", "flag", "chosen");
    chosen->name = "first or later";
    build_attr_graph(&f.b, chosen, "then_branch", branches[0]);
    build_attr_graph(&f.b, chosen, "else_branch", branches[1]);
    build_node(&f.b, f.b.graph, "Relu6", "chosen", "r")->domain = "my.own";
    build_node(&f.b, f.b.graph, "Sigmoid", "r", "frames");
    build_output(&f.b, f.b.graph, "frames");
    if (!fixture_open(&f)) fail_msg("%s", f.err.message);
    struct arena arena = {0};
    struct strbuf text = {0};
    struct onnx_facts facts = onnx_inspect(f.model, &arena);
    onnx_facts_print(&facts, &text);
    expect_lines(
        &text,
        (const char *const[]){
            "unsupported 2 operators\n",
            "  Elu, 2 times: nodes '/dec/mid/Elu', '/dec/mid/Elu_1'; it feeds an output; the first between "
            "the input 'latents' and an output, in /dec/mid, in the then_branch of 'first or later'\n",
            "  my.own::Relu6, 1 time: node 'r'; it feeds Sigmoid; between 'first or later' (If) and "
            "'frames' (Sigmoid)\n",
            NULL});
    assert_int_equal(facts.missing_count, 2);
    assert_int_equal(facts.inputs[0].role, ONNX_ROLE_LATENTS);
    assert_int_equal(facts.inputs[1].role, ONNX_ROLE_FLAG);
    struct import_options options = {.latent_height = 2};
    struct ir_graph *g;
    struct ir_module *m = ir_module_new();
    assert_false(import_graph(m, f.model, "full", &options, &g, &f.err));
    expect_error(&f.err, ERROR_UNSUPPORTED,
                 "2 unsupported operators: Elu (2), my.own::Relu6 (1). Elu, 2 times: ",
                 "in the then_branch of 'first or later'. my.own::Relu6, 1 time: ", NULL);
    ir_module_free(m);
    strbuf_free(&text);
    arena_free(&arena);
    fixture_free(&f);
}

static void expect_clean(const char *text, const char *clean) {
    struct arena arena = {0};
    assert_string_equal(clean_copy(&arena, text), clean);
    arena_free(&arena);
}

static void names_become_one_line_of_utf8(void **state) {
    (void)state;
    expect_clean("", "");
    expect_clean("a\x1b[1m\n\x7f", "a?[1m??");
    expect_clean("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    expect_clean("\xff\xc3x\xe2\x82", "??x??");              // stray, and cut off
    expect_clean("\xc0\xaf\xe0\x80\xaf", "?????");           // longer than needed
    expect_clean("\xed\xa0\x80\xf4\x90\x80\x80", "???????"); // a surrogate, and beyond U+10FFFF
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(report), cmocka_unit_test(nothing_unsupported),
                                       cmocka_unit_test(where_they_sit),
                                       cmocka_unit_test(names_become_one_line_of_utf8)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
