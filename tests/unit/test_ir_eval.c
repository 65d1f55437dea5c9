// The reference evaluator against numbers worked out by hand, and a stream against the whole video.
#include "reference/ir_eval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ir_module *parse(const char *text) {
    struct error err = {0};
    struct ir_module *m = ir_parse(text, "example", NULL, &err);
    if (m == NULL) fail_msg("%s\n%s", err.message, text);
    return m;
}

struct example {
    const char *node; // computes %r from @a and @b
    int count;
    double expected[8];
};

static const struct example examples[] = {
    {"add @a, @b", 6, {11, 22, 33, 14, 25, 36}},
    {"clamp @a {max=5.0, min=2.0}", 6, {2, 2, 3, 4, 5, 5}},
    {"slice @a {axis=1, end=3, start=1}", 4, {2, 3, 5, 6}},
    {"concat @a, @a {axis=1}", 8, {1, 2, 3, 1, 2, 3, 4, 5}},
    {"pad @a {pads=[0,1,0,0]}", 8, {0, 1, 2, 3, 0, 4, 5, 6}},
    {"rearrange @a {pattern=\"a b -> b a\"}", 6, {1, 4, 2, 5, 3, 6}},
    {"rearrange @a {pattern=\"a b -> a (b c:2)\"}", 8, {1, 1, 2, 2, 3, 3, 4, 4}},
    {"reduce_sum @a {axes=[1]}", 2, {6, 15}},
    {"reduce_mean @a {axes=[0,1]}", 1, {3.5}},
    {"matmul @a, @c", 4, {3, 9, 9, 24}},
    {"conv @d, @e {pads=[1,0], strides=[1]}", 3, {10, 21, 32}},
    {"rms_norm @b {axis=0, epsilon=100.0, scale=2.0}", 3, {0.2, 0.4, 0.6}},
};

static void operators(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char text[1024];
        struct ir_eval e;
        struct ir_tensor r;
        struct error err = {0};
        snprintf(text, sizeof text,
                 "const @a: f32[2,3] = [1,2,3,4,5,6]\nconst @b: f32[3] = [10,20,30]\n"
                 "const @c: f32[3,2] = [1,2,1,2,0,1]\nconst @d: f32[1,1,3] = [1,2,3]\n"
                 "const @e: f32[1,1,2] = [1,10]\n"
                 "graph @g() {\n%%r = %s\nreturn %%r\n}",
                 examples[i].node);
        struct ir_module *m = parse(text);
        ir_eval_start(&e, m, 1);
        if (!ir_eval_run(&e, m->graphs, NULL, &r, &err)) fail_msg("%s", err.message);
        for (int k = 0; k < examples[i].count; k++) {
            double expected = examples[i].expected[k];
            if (r.data[k] - expected > 1e-12 || expected - r.data[k] > 1e-12) {
                fail_msg("%s: element %d is %g, not %g", examples[i].node, k, r.data[k], expected);
            }
        }
        ir_eval_end(&e);
        ir_module_free(m);
    }
}

// Three steps of one frame through a causal convolution give what its padded form gives on all frames at once.
static void a_stream_is_the_video(void **state) {
    (void)state;
    struct ir_module *m =
        parse("cache @k: f32[1,2,2,3,3] \"conv\"\n"
              "const @w: f32[2,2,3,3,3] = opaque\nconst @v: f32[2] = opaque\n"
              "graph @full(%x: f32[1,2,1|1,3,3]) {\n"
              "%y = conv %x, @w, @v {pads=[2,1,1,0,1,1], strides=[1,1,1]}\nreturn %y\n}\n"
              "graph @steady(%z: f32[1,2,1,3,3]) {\n"
              "%u = causal_conv %z, @w, @v {cache=@k, pads=[1,1,1,1], strides=[1,1]}\nreturn %u\n}");
    struct arena a = {0};
    struct ir_eval e;
    struct error err = {0};
    struct ir_tensor whole, part, video = ir_tensor_new(&a, 5, (int64_t[]){1, 2, 3, 3, 3});
    struct ir_tensor frame = ir_tensor_new(&a, 5, (int64_t[]){1, 2, 1, 3, 3});
    for (size_t i = 0; i < video.count; i++) video.data[i] = (double)(i * i % 17);
    ir_eval_start(&e, m, 3);
    if (!ir_eval_run(&e, m->graphs, &video, &whole, &err)) fail_msg("%s", err.message);
    for (int t = 0; t < 3; t++) {
        for (int c = 0; c < 2; c++)
            memcpy(frame.data + c * 9, video.data + (c * 3 + t) * 9, 9 * sizeof(double));
        if (!ir_eval_run(&e, m->graphs->next, &frame, &part, &err)) fail_msg("%s", err.message);
        for (int i = 0; i < 18; i++) {
            assert_float_equal(part.data[i], whole.data[(i / 9 * 3 + t) * 9 + i % 9], 1e-12);
        }
    }
    ir_eval_end(&e);
    ir_module_free(m);
    arena_free(&a);
}

static void failures(void **state) {
    (void)state;
    struct error err = {0};
    struct ir_eval e;
    struct ir_tensor r;
    struct ir_module *m = parse("graph @g(%x: f32[2]) {\n%y: f32[2] = onnx.identity %x\nreturn %y\n}");
    struct ir_tensor x = ir_tensor_new(&m->arena, 1, (int64_t[]){3});
    ir_eval_start(&e, m, 1);
    assert_false(ir_eval_run(&e, m->graphs, &x, &r, &err));
    assert_int_equal(err.code, ERROR_INTERNAL); // another shape than the graph's
    x = ir_tensor_new(&m->arena, 1, (int64_t[]){2});
    err = (struct error){0};
    assert_false(ir_eval_run(&e, m->graphs, &x, &r, &err));
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    ir_eval_end(&e);
    ir_module_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),
        cmocka_unit_test(a_stream_is_the_video),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests_name("ir_eval", tests, NULL, NULL);
}
