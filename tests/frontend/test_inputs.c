// The inputs: which one the latents are, and what their open dimensions become.
#include "fixture.h"

static void start(struct fixture *f, int64_t height, int64_t width) {
    *f = (struct fixture){.options = {.latent_height = height, .latent_width = width}};
    build_start(&f->b, 17);
}

static void finish(struct fixture *f) {
    build_node(&f->b, f->b.graph, "Neg", "z", "y");
    build_output(&f->b, f->b.graph, "y");
}

static void expect_dims(const struct ir_value *v, const char *expected) {
    struct strbuf text = {0};
    ir_type_print(&v->type, &text);
    assert_string_equal(strbuf_text(&text), expected);
    strbuf_free(&text);
}

static void expect_latents(const char *shape, int64_t height, int64_t width, const char *expected) {
    struct fixture f;
    start(&f, height, width);
    build_input(&f.b, "z", ONNX_FLOAT, shape);
    finish(&f);
    expect_import(&f);
    expect_dims(f.graph->inputs[0], expected);
    fixture_free(&f);
}

static void latents_are_bound(void **state) {
    (void)state;
    expect_latents("1,16,T,h,w", 3, 5, "f32[1,16,1|1,3,5]");
    expect_latents("batch,16,T,h,w", 3, 5, "f32[1,16,1|1,3,5]");
    expect_latents("1,16,?,?,?", 3, 5, "f32[1,16,1|1,3,5]");
    expect_latents("1,16,T,3,5", 0, 0, "f32[1,16,1|1,3,5]");
    expect_latents("1,16,T,3,5", 3, 5, "f32[1,16,1|1,3,5]");
    expect_latents("1,16,-1,0,-1", 3, 5, "f32[1,16,1|1,3,5]"); // how some write "open"
    expect_latents("1,16,1,h,w", 3, 5, "f32[1,16,1,3,5]");
    expect_latents("1,16,4,3,5", 0, 0, "f32[1,16,4,3,5]");
    expect_latents("1,C,T,3,5", 0, 0, "f32[1,-1,1|1,3,5]");
    expect_latents("1,16,T,3,5", 4, 6, "f32[1,16,1|1,3,5]"); // the pass retarget_latents makes them 4x6
    expect_latents("1,T,16,h,w", 3, 5, "f32[1,1|1,16,3,5]"); // frames first
    expect_latents("1,1,16,3,5", 0, 0, "f32[1,1,16,3,5]");
}

static void expect_refusal(const char *shape, int64_t height, int64_t width, enum error_code code,
                           const char *text) {
    struct fixture f;
    start(&f, height, width);
    build_input(&f.b, "z", ONNX_FLOAT, shape);
    finish(&f);
    assert_false(fixture_import(&f));
    expect_error(&f.err, code, "'z'", text, NULL);
    fixture_free(&f);
}

static void latents_are_refused(void **state) {
    (void)state;
    expect_refusal("1,16,T,h,w", 0, 0, ERROR_USAGE,
                   "[1,16,T,h,w]: give their height and width with --latent-size");
    expect_refusal("1,16,T,h,5", 0, 0, ERROR_USAGE, "--latent-size");
    expect_refusal("2,16,T,3,5", 0, 0, ERROR_UNSUPPORTED, "a batch of 2");
    expect_refusal("1,16,3,5", 0, 0, ERROR_UNSUPPORTED, "(FLOAT[1,16,3,5])");
    expect_refusal("1,1,1,1,1,1,1,1,1", 0, 0, ERROR_UNSUPPORTED, "9 axes");
}

static void latents_out_of_range(void **state) {
    (void)state;
    struct fixture f;
    const int64_t sizes[] = {-1, INT64_MAX};
    for (int i = 0; i < 2; i++) {
        start(&f, sizes[i], 5);
        build_input(&f.b, "z", ONNX_FLOAT, "1,16,T,h,w");
        finish(&f);
        assert_false(fixture_import(&f));
        expect_error(&f.err, ERROR_USAGE, "out of range", NULL);
        fixture_free(&f);
    }
}

// ---- caches

static void add_cache(struct fixture *f, const char *name, const char *shape, const char *result) {
    build_input(&f->b, name, ONNX_FLOAT, shape);
    char operands[64];
    snprintf(operands, sizeof operands, "%s,scaled", name);
    Onnx__NodeProto *n = build_node(&f->b, f->b.graph, "Concat", operands, result);
    build_attr_int(&f->b, n, "axis", 2);
    build_output(&f->b, f->b.graph, result);
}

static void latents_come_first_wherever_they_are(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 3, 5);
    build_node(&f.b, f.b.graph, "Cast", "the last", "cast");
    build_attr_int(&f.b, f.b.graph->node[0], "to", ONNX_FLOAT);
    build_node(&f.b, f.b.graph, "Neg", "cast", "scaled");
    add_cache(&f, "latents", "b,8,frames,h,w", "r0"); // names prove nothing
    add_cache(&f, "c1", "1,8,2,2*h,4*w", "r1");
    add_cache(&f, "c2", "1,8,2,h + 1,other", "r2");
    build_input(&f.b, "the last", ONNX_FLOAT, "1,8,1,h,w");
    expect_import(&f);
    const struct ir_value *const *in = (const struct ir_value *const *)f.graph->inputs;
    assert_int_equal(f.graph->input_count, 4);
    assert_string_equal(in[0]->name, "the_last");
    assert_string_equal(in[1]->name, "latents");
    expect_dims(in[1], "f32[1,8,2,3,5]");
    expect_dims(in[2], "f32[1,8,2,6,20]");
    expect_dims(in[3], "f32[1,8,2,-1,-1]"); // left to the passes
    assert_string_equal(strbuf_text(&f.module->notes), "");
    fixture_free(&f);
}

static void cache_frames_are_an_option(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 3, 5);
    f.options.cache_frames = 4;
    build_input(&f.b, "z", ONNX_FLOAT, "1,8,1,h,w");
    build_node(&f.b, f.b.graph, "Neg", "z", "scaled");
    add_cache(&f, "c", "1,8,frames,h,w", "r");
    expect_import(&f);
    expect_dims(f.graph->inputs[1], "f32[1,8,4,3,5]");
    fixture_free(&f);
}

// Latents that are padded before the first convolution are latents still.
static void padded_latents(void **state) {
    (void)state;
    const int64_t pads[10] = {0};
    struct fixture f;
    start(&f, 3, 5);
    build_ints(&f.b, "pads", 10, pads);
    build_node(&f.b, f.b.graph, "Pad", "z,pads", "padded");
    build_node(&f.b, f.b.graph, "Neg", "padded", "scaled");
    add_cache(&f, "c", "1,8,2,h,w", "r");
    build_input(&f.b, "z", ONNX_FLOAT, "1,8,1,h,w");
    expect_import(&f);
    assert_string_equal(f.graph->inputs[0]->name, "z");
    fixture_free(&f);
}

static void ambiguous_latents_are_noted(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 3, 5);
    build_input(&f.b, "a", ONNX_FLOAT, "1,8,1,h,w");
    build_input(&f.b, "b", ONNX_FLOAT, "1,8,1,h,w");
    build_node(&f.b, f.b.graph, "Add", "a,b", "y");
    build_output(&f.b, f.b.graph, "y");
    expect_import(&f);
    assert_string_equal(f.graph->inputs[0]->name, "a");
    assert_non_null(
        strstr(strbuf_text(&f.module->notes), "2 of the inputs could be the latents; 'a' is taken"));
    fixture_free(&f);
}

static void a_flag_is_a_constant(void **state) {
    (void)state;
    static const struct {
        int type;
        const char *shape;
    } flags[] = {{ONNX_FLOAT, ""}, {ONNX_FLOAT, "1"}, {ONNX_INT64, ""}, {ONNX_BOOL, "1"}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct fixture f;
        start(&f, 3, 5);
        build_input(&f.b, "anything", flags[i].type, flags[i].shape);
        build_input(&f.b, "z", ONNX_FLOAT, "1,8,1,h,w");
        build_node(&f.b, f.b.graph, "Identity", "anything", "y");
        build_output(&f.b, f.b.graph, "y");
        f.options.flag = 1;
        expect_import(&f);
        assert_int_equal(f.graph->input_count, 1);
        struct import_ports ports;
        assert_true(import_ports_of(f.model, &ports, &f.err));
        assert_string_equal(ports.flag, "anything");
        assert_int_equal(ports.flag_counts, flags[i].type == ONNX_INT64);
        struct ir_value *flag = ir_in(f.graph->body.head, 0);
        assert_non_null(flag->constant);
        if (flags[i].type == ONNX_FLOAT) assert_true(ir_constant_float(flag->constant, 0) == 1);
        else assert_int_equal(flag->constant->ints[0].first, 1);
        fixture_free(&f);
    }
}

static void other_inputs_are_refused(void **state) {
    (void)state;
    struct fixture f;
    start(&f, 3, 5);
    build_input(&f.b, "z", ONNX_FLOAT, "1,8,1,h,w");
    build_input(&f.b, "use_cache", ONNX_FLOAT, "");
    build_input(&f.b, "another", ONNX_FLOAT, "1");
    build_input(&f.b, "steps", ONNX_INT64, "1,1,1,1,n");
    finish(&f);
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "'another' (FLOAT[1]), 'steps' (INT64[1,1,1,1,n])", NULL);
    fixture_free(&f);
    start(&f, 3, 5);
    build_input(&f.b, "z", ONNX_FLOAT, NULL);
    finish(&f);
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "'z' is not a tensor", NULL);
    fixture_free(&f);
    start(&f, 3, 5);
    build_node(&f.b, f.b.graph, "Constant", NULL, "y");
    build_attr_int(&f.b, f.b.graph->node[0], "value_int", 1);
    build_output(&f.b, f.b.graph, "y");
    assert_false(fixture_import(&f));
    expect_error(&f.err, ERROR_INPUT, "no inputs", NULL);
    fixture_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latents_are_bound),           cmocka_unit_test(latents_are_refused),
        cmocka_unit_test(latents_out_of_range),        cmocka_unit_test(latents_come_first_wherever_they_are),
        cmocka_unit_test(cache_frames_are_an_option),  cmocka_unit_test(padded_latents),
        cmocka_unit_test(ambiguous_latents_are_noted), cmocka_unit_test(other_inputs_are_refused),
        cmocka_unit_test(a_flag_is_a_constant),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
