// The report about a file.
#include "fixture.h"

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
    struct strbuf text = {0};
    onnx_inspect(f.model, &text);
    expect_lines(&text,
                 (const char *const[]){
                     "producer    builder", "opset 17",
                     "inputs      latents: FLOAT[1,4,T,2,3]\noutputs     frames: not a tensor",
                     "operators   4: Conv 1, Elu 1, Mul 1, Sigmoid 1\n",
                     "weights     3 tensors, 68 B: FLOAT 60 B, INT64 8 B\n", "in w.data, 8 B\n",
                     "unsupported 1 operator\n  Elu, 1 time: node 'oddity'; it feeds an output\n", NULL});
    strbuf_free(&text);
    fixture_free(&f);
}

static void nothing_unsupported(void **state) {
    (void)state;
    struct fixture f = {0};
    build_small_decoder(&f.b, 17);
    if (!fixture_open(&f)) fail_msg("%s", f.err.message);
    struct strbuf text = {0};
    onnx_inspect(f.model, &text);
    expect_lines(&text, (const char *const[]){"unsupported none\n", NULL});
    assert_int_equal(onnx_model_opset(f.model), 17);
    strbuf_free(&text);
    fixture_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(report), cmocka_unit_test(nothing_unsupported)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
