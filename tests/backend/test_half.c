// A graph in half precision with its casts, as exporters write it: weights, bounds, fills and constants in float16 or
// bfloat16. All of it computes in fp32 with the numbers that are stored.
#include "frontend/import.h"
#include "passes/pass.h"
#include "reference/ir_eval.h"
#include "support/onnx_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { FLOAT16 = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, BFLOAT16 = ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 };

struct half { // 0.5, -0.25, 1.5 and 2 in both encodings
    int type;
    uint16_t half, minus_quarter, three_halves, two;
};

static const struct half encodings[] = {{FLOAT16, 0x3800, 0xb400, 0x3e00, 0x4000},
                                        {BFLOAT16, 0x3f00, 0xbe80, 0x3fc0, 0x4000}};

static Onnx__TensorProto *tensor(struct onnx_builder *b, const struct half *h, const char *name, int rank,
                                 const int64_t *dims, const uint16_t *values, size_t count) {
    Onnx__TensorProto *t = build_tensor(b, name, h->type, rank, dims);
    build_raw(b, t, values, count * sizeof *values);
    return t;
}

static void cast(struct onnx_builder *b, const char *from, const char *to, int type) {
    build_attr_int(b, build_node(b, b->graph, "Cast", from, to), "to", type);
}

static void constant_node(struct onnx_builder *b, const struct half *h, const char *name, uint16_t value) {
    Onnx__NodeProto *n = build_node(b, b->graph, "Constant", NULL, name);
    build_attr(b, n, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t =
        tensor(b, h, "", 0, NULL, &value, 1);
}

// y = cast(resize(cast(clip(conv(x), -0.25, 1.5) + fill(0.5)))) * 2, as fp32
static void build(struct onnx_builder *b, const struct half *h) {
    const int64_t w_dims[] = {1, 2, 1, 1, 1}, one[] = {1}, five[] = {5};
    const uint16_t w[] = {h->half, h->two}, bias[] = {h->minus_quarter};
    const float scales[] = {1, 1, 1, 2, 2};
    build_start(b, 18);
    build_input(b, "x", h->type, "1,2,T,1,2");
    build_initializer(b, b->graph, tensor(b, h, "w", 5, w_dims, w, 2));
    build_initializer(b, b->graph, tensor(b, h, "b", 1, one, bias, 1));
    build_ints(b, "shape", 1, one);
    Onnx__TensorProto *t = build_tensor(b, "scales", ONNX_FLOAT, 1, five);
    build_raw(b, t, scales, sizeof scales);
    build_initializer(b, b->graph, t);
    constant_node(b, h, "low", h->minus_quarter);
    constant_node(b, h, "high", h->three_halves);
    constant_node(b, h, "two", h->two);
    build_node(b, b->graph, "Conv", "x,w,b", "conv");
    build_node(b, b->graph, "Clip", "conv,low,high", "clip");
    Onnx__NodeProto *fill = build_node(b, b->graph, "ConstantOfShape", "shape", "fill");
    build_attr(b, fill, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t =
        tensor(b, h, "", 1, one, &h->half, 1);
    build_node(b, b->graph, "Add", "clip,fill", "sum");
    cast(b, "sum", "wide", ONNX_FLOAT);
    Onnx__NodeProto *resize = build_node(b, b->graph, "Resize", "wide,,scales", "large");
    build_attr_text(b, resize, "coordinate_transformation_mode", "asymmetric");
    build_attr_text(b, resize, "nearest_mode", "floor");
    cast(b, "large", "narrow", h->type);
    build_node(b, b->graph, "Mul", "narrow,two", "product");
    cast(b, "product", "y", ONNX_FLOAT);
    build_output(b, b->graph, "y");
}

static double expected(const double *x, int frame, int column) {
    double conv = 0.5 * x[frame * 2 + column] + 2 * x[4 + frame * 2 + column] - 0.25;
    double clip = conv < -0.25 ? -0.25 : conv > 1.5 ? 1.5 : conv;
    return (clip + 0.5) * 2;
}

static void check(const struct ir_module *m, struct error *err) {
    struct arena a = {0};
    struct ir_eval e;
    struct ir_tensor y, x = ir_tensor_new(&a, 5, (int64_t[]){1, 2, 2, 1, 2});
    for (int i = 0; i < 8; i++) x.data[i] = (double)(i * 5 % 8) / 4 - 1;
    ir_eval_start(&e, m, 2);
    if (!ir_eval_run(&e, m->graphs, &x, &y, err)) fail_msg("%s", err->message);
    assert_int_equal(y.count, 2 * 2 * 4);
    for (int i = 0; i < 16; i++) assert_float_equal(y.data[i], expected(x.data, i / 8, i % 4 / 2), 1e-12);
    ir_eval_end(&e);
    arena_free(&a);
}

static void half_precision_graphs(void **state) {
    (void)state;
    char path[] = "/tmp/wanc-half-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    for (int i = 0; i < 2; i++) {
        struct onnx_builder b;
        struct error err = {0};
        struct ir_module *m = ir_module_new();
        struct ir_graph *g;
        struct pass_options options = {.skip = NULL};
        build(&b, &encodings[i]);
        assert_true(build_write(&b, path));
        struct onnx_model *model = onnx_model_open(path, NULL, &err);
        if (model == NULL || !import_graph(m, model, "full", NULL, &g, &err) ||
            !pass_run_named(&m, "resolve", &options, &err))
            fail_msg("%s", err.message);
        assert_int_equal(m->graphs->inputs[0]->type.dtype, IR_F32);
        check(m, &err);
        ir_module_free(m);
        onnx_model_close(model);
        build_free(&b);
    }
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(half_precision_graphs)};
    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
