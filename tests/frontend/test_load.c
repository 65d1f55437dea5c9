// Opening ONNX files: tensors in every form, and files that are not what they should be.
#include "fixture.h"

static void start(struct fixture *f) {
    *f = (struct fixture){0};
    build_small_decoder(&f->b, 17);
}

static Onnx__TensorProto *add_tensor(struct fixture *f, int type, int count) {
    int64_t dims[] = {count};
    Onnx__TensorProto *t = build_tensor(&f->b, "t", type, 1, dims);
    build_initializer(&f->b, f->b.graph, t);
    return t;
}

static struct onnx_tensor opened_tensor(struct fixture *f) {
    if (!fixture_open(f)) fail_msg("%s", f->err.message);
    const Onnx__GraphProto *g = f->model->proto->graph;
    return onnx_tensor_of(g->initializer[g->n_initializer - 1]);
}

// ---- element types

// The same three values in each integer type.
static const struct int_case {
    int type;
    enum ir_dtype dtype;
    size_t width;
    int64_t values[3];
} int_cases[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, IR_I64, 8, {1, -2, INT64_MAX}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, IR_I32, 4, {1, -2, INT32_MIN}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT16, IR_I32, 2, {1, -2, -32768}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT8, IR_I8, 1, {1, -2, -128}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, IR_U8, 1, {1, 2, 255}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT16, IR_I32, 2, {1, 2, 65535}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT32, IR_I64, 4, {1, 2, 4294967295}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT64, IR_I64, 8, {1, 2, 1ll << 62}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, IR_BOOL, 1, {1, 0, 1}},
};

static void fill_raw(struct fixture *f, Onnx__TensorProto *t, const struct int_case *c) {
    unsigned char raw[24];
    for (size_t i = 0; i < 3; i++) memcpy(raw + i * c->width, &c->values[i], c->width); // little-endian
    build_raw(&f->b, t, raw, 3 * c->width);
}

static void fill_typed(struct fixture *f, Onnx__TensorProto *t, const struct int_case *c) {
    int32_t *narrow = arena_array(&f->b.arena, 3, sizeof *narrow);
    uint64_t *wide = arena_array(&f->b.arena, 3, sizeof *wide);
    for (int i = 0; i < 3; i++) {
        narrow[i] = (int32_t)c->values[i];
        wide[i] = (uint64_t)c->values[i];
    }
    if (c->type == ONNX_INT64) t->int64_data = (int64_t *)wide, t->n_int64_data = 3;
    else if (c->type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT64 ||
             c->type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT32)
        t->uint64_data = wide, t->n_uint64_data = 3;
    else t->int32_data = narrow, t->n_int32_data = 3;
}

static void integers_raw_and_typed(void **state) {
    (void)state;
    for (size_t k = 0; k < 2 * sizeof int_cases / sizeof *int_cases; k++) {
        const struct int_case *c = &int_cases[k / 2];
        struct fixture f;
        start(&f);
        (k % 2 ? fill_typed : fill_raw)(&f, add_tensor(&f, c->type, 3), c);
        struct onnx_tensor t = opened_tensor(&f);
        assert_int_equal(t.dtype, c->dtype);
        assert_int_equal(t.count, 3);
        for (size_t i = 0; i < 3; i++) assert_int_equal(onnx_tensor_int(&t, i), c->values[i]);
        fixture_free(&f);
    }
}

// 1.5 and -2 in each float type, in raw_data and in the typed field.
static const struct float_case {
    int type;
    enum ir_dtype dtype;
    size_t width;
    uint64_t bits[2];
} float_cases[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, IR_F32, 4, {0x3fc00000, 0xc0000000}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, IR_F16, 2, {0x3e00, 0xc000}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, IR_BF16, 2, {0x3fc0, 0xc000}},
    {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, IR_F64, 8, {0x3ff8000000000000, 0xc000000000000000}},
};

static void fill_floats(struct fixture *f, Onnx__TensorProto *t, const struct float_case *c, bool typed) {
    unsigned char *raw = arena_alloc(&f->b.arena, 16);
    int32_t *halves = arena_array(&f->b.arena, 2, sizeof *halves);
    for (size_t i = 0; i < 2; i++) {
        memcpy(raw + i * c->width, &c->bits[i], c->width);
        halves[i] = (int32_t)c->bits[i];
    }
    if (!typed) build_raw(&f->b, t, raw, 2 * c->width);
    else if (c->dtype == IR_F32) t->float_data = (float *)(void *)raw, t->n_float_data = 2;
    else if (c->dtype == IR_F64) t->double_data = (double *)(void *)raw, t->n_double_data = 2;
    else t->int32_data = halves, t->n_int32_data = 2;
}

static void floats_raw_and_typed(void **state) {
    (void)state;
    for (size_t k = 0; k < 2 * sizeof float_cases / sizeof *float_cases; k++) {
        const struct float_case *c = &float_cases[k / 2];
        struct fixture f;
        start(&f);
        fill_floats(&f, add_tensor(&f, c->type, 2), c, k % 2);
        struct onnx_tensor t = opened_tensor(&f);
        struct ir_constant constant = {.data = t.data, .stored = t.dtype, .count = t.count};
        assert_int_equal(t.dtype, c->dtype);
        assert_int_equal(t.count, 2);
        assert_true(ir_constant_float(&constant, 0) == 1.5 && ir_constant_float(&constant, 1) == -2);
        fixture_free(&f);
    }
}

static void empty_and_scalar_tensors(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    add_tensor(&f, ONNX_FLOAT, 0); // as exporters write an absent `roi`
    struct onnx_tensor t = opened_tensor(&f);
    assert_int_equal(t.count, 0);
    assert_non_null(t.data);
    fixture_free(&f);
    start(&f);
    Onnx__TensorProto *scalar = build_tensor(&f.b, "t", ONNX_FLOAT, 0, NULL);
    build_raw(&f.b, scalar, "\0\0\0\0", 4);
    build_initializer(&f.b, f.b.graph, scalar);
    t = opened_tensor(&f);
    assert_int_equal(t.rank, 0);
    assert_int_equal(t.count, 1);
    fixture_free(&f);
}

// ---- tensors that do not fit

static void expect_tensor_error(struct fixture *f, enum error_code code, const char *text) {
    assert_false(fixture_open(f));
    expect_error(&f->err, code, "model.onnx", "tensor 't'", text, NULL);
    fixture_free(f);
}

static void wrong_tensors_are_refused(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    build_raw(&f.b, add_tensor(&f, ONNX_FLOAT, 3), "12345678", 8);
    expect_tensor_error(&f, ERROR_INPUT, "asks for 12 bytes, its data has 8");
    start(&f);
    fill_typed(&f, add_tensor(&f, ONNX_INT64, 4), &int_cases[0]);
    expect_tensor_error(&f, ERROR_INPUT, "asks for 4 elements, its data has 3");
    start(&f);
    fill_typed(&f, add_tensor(&f, ONNX_FLOAT, 3), &int_cases[0]); // in the field of another type
    expect_tensor_error(&f, ERROR_INPUT, "asks for 3 elements, its data has 0");
    start(&f);
    add_tensor(&f, ONNX_FLOAT, -1);
    expect_tensor_error(&f, ERROR_INPUT, "length -1");
    start(&f);
    add_tensor(&f, ONNX__TENSOR_PROTO__DATA_TYPE__STRING, 1);
    expect_tensor_error(&f, ERROR_UNSUPPORTED, "STRING (8)");
    start(&f);
    add_tensor(&f, 17, 1);
    expect_tensor_error(&f, ERROR_UNSUPPORTED, "FLOAT8E4M3FN (17)");
}

static void huge_shapes_are_refused(void **state) {
    (void)state;
    const int64_t big[] = {1ll << 40, 1ll << 40, 1ll << 40}, many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    struct fixture f;
    start(&f);
    build_initializer(&f.b, f.b.graph, build_tensor(&f.b, "t", ONNX_FLOAT, 3, big));
    expect_tensor_error(&f, ERROR_MEMORY, "more than the limit");
    start(&f);
    build_initializer(&f.b, f.b.graph, build_tensor(&f.b, "t", ONNX_FLOAT, 9, many));
    expect_tensor_error(&f, ERROR_UNSUPPORTED, "9 axes, at most 8");
}

// ---- external data

static Onnx__TensorProto *external_tensor(struct fixture *f, const char *location, const char *offset) {
    start(f);
    Onnx__TensorProto *t = add_tensor(f, ONNX_FLOAT, 2);
    build_external(&f->b, t, "location", location);
    if (offset != NULL) build_external(&f->b, t, "offset", offset);
    return t;
}

static void external_data(void **state) {
    (void)state;
    const float values[] = {0, 0, 1.5f, -2, 0};
    const char *good[] = {"8", "7"}; // the second one is not aligned, and then copied
    for (int i = 0; i < 2; i++) {
        unsigned char file[32] = {0};
        memcpy(file + 8 - i, values + 2, 8);
        assert_true(write_bytes(test_path("weights.data"), file, sizeof file));
        struct fixture f;
        Onnx__TensorProto *proto = external_tensor(&f, "weights.data", good[i]);
        build_external(&f.b, proto, "length", "8");
        struct onnx_tensor t = opened_tensor(&f);
        float read[2];
        memcpy(read, t.data, sizeof read);
        assert_true(t.external && (uintptr_t)t.data % 4 == 0 && read[0] == 1.5f && read[1] == -2);
        fixture_free(&f);
    }
}

// Each tensor has a file and an offset of its own; files are mapped once.
static void external_data_in_several_files(void **state) {
    (void)state;
    const int64_t two[] = {2};
    const float values[] = {1, 2, 3, 4, 5, 6};
    const char *files[] = {"one.data", "two.data", "one.data"}, *offsets[] = {"0", "8", "16"};
    const float expected[] = {1, 3, 5};
    struct fixture f;
    assert_true(write_bytes(test_path("one.data"), values, sizeof values));
    assert_true(write_bytes(test_path("two.data"), values, sizeof values));
    start(&f);
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%d", i);
        Onnx__TensorProto *t = build_tensor(&f.b, name, ONNX_FLOAT, 1, two);
        build_external(&f.b, t, "location", files[i]);
        build_external(&f.b, t, "offset", offsets[i]);
        build_external(&f.b, t, "length", "8");
        build_initializer(&f.b, f.b.graph, t);
    }
    if (!fixture_open(&f)) fail_msg("%s", f.err.message);
    const Onnx__GraphProto *g = f.model->proto->graph;
    for (size_t i = 0; i < 3; i++) {
        struct onnx_tensor t = onnx_tensor_of(g->initializer[g->n_initializer - 3 + i]);
        assert_true(t.external && ((const float *)t.data)[0] == expected[i]);
    }
    assert_non_null(f.model->external);
    assert_non_null(f.model->external->next);
    assert_null(f.model->external->next->next);
    fixture_free(&f);
}

static void bad_external_data(void **state) {
    (void)state;
    struct fixture f;
    assert_true(write_bytes(test_path("weights.data"), "123456789", 9));
    external_tensor(&f, "weights.data", "2");
    expect_tensor_error(&f, ERROR_INPUT, "of 'weights.data', which has 9");
    external_tensor(&f, "weights.data", "18446744073709551615");
    expect_tensor_error(&f, ERROR_INPUT, "of 'weights.data', which has 9");
    external_tensor(&f, "weights.data", "18446744073709551616");
    expect_tensor_error(&f, ERROR_INPUT, "not a number");
    external_tensor(&f, "weights.data", "-1");
    expect_tensor_error(&f, ERROR_INPUT, "not a number");
    build_external(&f.b, external_tensor(&f, "weights.data", NULL), "length", "4");
    expect_tensor_error(&f, ERROR_INPUT, "asks for 8 bytes, its external data has 4");
    external_tensor(&f, "nowhere.data", NULL);
    expect_tensor_error(&f, ERROR_IO, "nowhere.data: cannot open");
}

static void external_paths_stay_below_the_model(void **state) {
    (void)state;
    const char *bad[] = {"../weights.data", "/etc/passwd", "a/../../b", "..", "a/..", ""};
    const char *good[] = {"..data", "a..b", "sub/..data"}; // fail only because there is no such file
    struct fixture f;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        external_tensor(&f, bad[i], NULL);
        expect_tensor_error(&f, ERROR_INPUT, "not a path below the model's folder");
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        external_tensor(&f, good[i], NULL);
        expect_tensor_error(&f, ERROR_IO, "cannot open");
    }
}

// ---- files

static void expect_open_error(const void *data, size_t size, enum error_code code, const char *text) {
    const char *path = test_path("file.onnx");
    struct error err = {0};
    assert_true(write_bytes(path, data, size));
    assert_null(onnx_model_open(path, NULL, &err));
    expect_error(&err, code, "file.onnx", text, NULL);
}

static void files_that_are_not_onnx(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(onnx_model_open(test_path("missing.onnx"), NULL, &err));
    expect_error(&err, ERROR_IO, "missing.onnx", "cannot open", NULL);
    expect_open_error("", 0, ERROR_INPUT, "empty");
    expect_open_error("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, ERROR_INPUT, "not an ONNX file");
    expect_open_error("hello, world\n", 13, ERROR_INPUT, "not an ONNX file");
    const char *pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    expect_open_error(pointer, strlen(pointer), ERROR_INPUT, "git lfs pull");
    expect_open_error("\x08\x08", 2, ERROR_INPUT, "no graph"); // IR version 8, and nothing else
    expect_open_error("\x3a\x00", 2, ERROR_INPUT, "no IR version");
}

static void truncated_file_says_where(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    size_t size;
    const unsigned char *data = build_pack(&f.b, &size);
    expect_open_error(data, size - 20, ERROR_INPUT, "bytes should follow");
    fixture_free(&f);
}

static void versions(void **state) {
    (void)state;
    const int bad[] = {1, 6, 29, 1000};
    struct fixture f;
    for (int i = 0; i < 4; i++) {
        start(&f);
        f.b.model->opset_import[0]->version = bad[i];
        assert_false(fixture_open(&f));
        expect_error(&f.err, ERROR_UNSUPPORTED, "supported are 7 to 28", NULL);
        fixture_free(&f);
    }
    start(&f);
    f.b.model->opset_import[0]->domain = "com.example";
    assert_false(fixture_open(&f));
    expect_error(&f.err, ERROR_INPUT, "does not say which version", NULL);
    fixture_free(&f);
}

static void limits_hold(void **state) {
    (void)state;
    const struct {
        struct onnx_limits limits;
        const char *text;
    } cases[] = {
        {{.file_bytes = 100}, "the limit is 100"},   {{.memory_bytes = 1000}, "limit of 1000 bytes"},
        {{.nodes = 2}, "limit of 2 nodes"},          {{.tensors = 1}, "limit of 1 tensors"},
        {{.tensor_bytes = 40}, "limit of 40 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        start(&f);
        f.limits = cases[i].limits;
        assert_false(fixture_open(&f));
        expect_error(&f.err, ERROR_MEMORY, cases[i].text, NULL);
        fixture_free(&f);
    }
    struct fixture f;
    start(&f);
    build_output(&f.b, f.b.graph, "conv");
    f.limits.ports = 1;
    assert_false(fixture_open(&f));
    expect_error(&f.err, ERROR_MEMORY, "limit of 1 inputs or outputs", NULL);
    fixture_free(&f);
}

// Branches inside of branches, deeper than any stack would like.
static void nesting_is_bounded(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__GraphProto *g = f.b.graph;
    for (int i = 0; i < 2000; i++) {
        Onnx__GraphProto *inner = build_graph(&f.b);
        build_attr_graph(&f.b, build_node(&f.b, g, "If", "c", "y"), "then_branch", inner);
        g = inner;
    }
    assert_false(fixture_open(&f));
    expect_error(&f.err, ERROR_INPUT, "nested too deeply", NULL);
    fixture_free(&f);
}

static void what_is_not_supported(void **state) {
    (void)state;
    struct fixture f;
    start(&f);
    Onnx__SparseTensorProto sparse = ONNX__SPARSE_TENSOR_PROTO__INIT, *list[] = {&sparse};
    f.b.graph->sparse_initializer = list;
    f.b.graph->n_sparse_initializer = 1;
    assert_false(fixture_open(&f));
    expect_error(&f.err, ERROR_UNSUPPORTED, "sparse initializers", NULL);
    fixture_free(&f);
    start(&f);
    Onnx__TensorProto__Segment segment = ONNX__TENSOR_PROTO__SEGMENT__INIT;
    add_tensor(&f, ONNX_FLOAT, 0)->segment = &segment;
    expect_tensor_error(&f, ERROR_UNSUPPORTED, "segments");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_raw_and_typed),
        cmocka_unit_test(floats_raw_and_typed),
        cmocka_unit_test(empty_and_scalar_tensors),
        cmocka_unit_test(wrong_tensors_are_refused),
        cmocka_unit_test(huge_shapes_are_refused),
        cmocka_unit_test(external_data),
        cmocka_unit_test(external_data_in_several_files),
        cmocka_unit_test(bad_external_data),
        cmocka_unit_test(external_paths_stay_below_the_model),
        cmocka_unit_test(files_that_are_not_onnx),
        cmocka_unit_test(truncated_file_says_where),
        cmocka_unit_test(versions),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(what_is_not_supported),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
