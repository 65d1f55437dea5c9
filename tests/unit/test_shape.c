// Shape rules: one graph of one operator each, as text; the inferred type or the complaint is compared.
#include "ir/ir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct rule {
    const char *inputs, *node;
    const char *expected; // a type, or a part of the complaint
};

static const struct rule rules[] = {
    // elementwise: broadcasting, time carried along
    {"%x: f32[2,3], %y: f32[2,3]", "add %x, %y", "f32[2,3]"},
    {"%x: f32[2,1,4], %y: f32[3,1]", "mul %x, %y", "f32[2,3,4]"},
    {"%x: f32[3], %y: f32[1|1,3]", "sub %x, %y", "f32[1|1,3]"},
    {"%x: f32[5,1|1,3], %y: f32[1|1,3]", "div %x, %y", "f32[5,1|1,3]"},
    {"%x: f32[2,3], %y: f32[2,4]", "add %x, %y", "shapes do not broadcast"},
    {"%x: f32[1|1,3], %y: f32[2,3]", "add %x, %y", "shapes do not broadcast"},
    {"%x: f32[1|1,1], %y: f32[1,1|1]", "add %x, %y", "shapes do not broadcast"},
    {"%x: f32[2,3], %y: i64[2,3]", "add %x, %y", "element types differ"},
    {"%x: f32[1|4,3]", "silu %x", "f32[1|4,3]"},
    {"%x: f32[1|4,3]", "clamp %x {max=1.0, min=0.0}", "f32[1|4,3]"},
    // matmul
    {"%x: f32[1|1,5,6], %y: f32[1|1,6,7]", "matmul %x, %y", "f32[1|1,5,7]"},
    {"%x: f32[2,1,5,6], %y: f32[3,6,7]", "matmul %x, %y", "f32[2,3,5,7]"},
    {"%x: f32[5,6], %y: f32[5,6]", "matmul %x, %y", "inner dimensions differ"},
    {"%x: f32[1|1,6], %y: f32[6,7]", "matmul %x, %y", "frames are mixed"},
    {"%x: f32[6], %y: f32[6,7]", "matmul %x, %y", "matrices are needed"},
    {"%x: f32[2,5,6], %y: f32[3,6,7]", "matmul %x, %y", "batch dimensions do not broadcast"},
    // concat
    {"%x: f32[1,4,1|0,2], %y: f32[1,4,0|2,2]", "concat %x, %y {axis=2}", "f32[1,4,1|2,2]"},
    {"%x: f32[2,3], %y: f32[2,4]", "concat %x, %y, %x {axis=1}", "f32[2,10]"},
    {"%x: f32[2,3], %y: f32[2,4]", "concat %x, %y {axis=0}", "shapes differ"},
    {"%x: f32[2,3], %y: f32[2,4]", "concat %x, %y {axis=2}", "no such axis"},
    {"%x: f32[2,3], %y: f32[2,4]", "concat %x, %y", "no such axis"},
    {"%x: f32[2,3], %y: f32[2,3,1]", "concat %x, %y {axis=0}", "ranks or element types differ"},
    {"%x: f32[9223372036854775807], %y: f32[1]", "concat %x, %y {axis=0}", "overflows"},
    {"%x: f32[2,-1], %y: f32[3,4]", "concat %x, %y {axis=0}", "f32[5,4]"},
    // slice
    {"%x: f32[1|1,8]", "slice %x {axis=1, end=6, start=2}", "f32[1|1,4]"},
    {"%x: f32[1|1,8]", "slice %x {axis=0, end=1, start=1, steady_end=1}", "f32[0|1,8]"},
    {"%x: f32[1|1,8]", "slice %x {axis=0, end=1, start=0}", "f32[1|0,8]"},
    {"%x: f32[1|1,8]", "slice %x {axis=1, end=9, start=2}", "leaves its axis"},
    {"%x: f32[1|1,8]", "slice %x {axis=1, end=2, start=3}", "leaves its axis"},
    {"%x: f32[1|1,8]", "slice %x {axis=1, end=2, start=-1}", "leaves its axis"},
    {"%x: f32[1|1,8]", "slice %x {axis=0, end=1, start=0, steady_end=2}", "leaves its axis"},
    {"%x: f32[1|1,8]", "slice %x {axis=2, end=1, start=0}", "no such axis"},
    // pad
    {"%x: f32[1|1,8]", "pad %x {pads=[2,0,0,3]}", "f32[3|1,11]"},
    {"%x: f32[1|1,8]", "pad %x {pads=[2,0,0]}", "two pads for each axis"},
    // rearrange
    {"%x: f32[1|1,8]", "rearrange %x {pattern=\"a (b:2 c:4) -> c (a b)\"}", "f32[4,2|2]"},
    // reductions
    {"%x: f32[1|1,8,5]", "reduce_l2 %x {axes=[1,2]}", "f32[1|1,1,1]"},
    {"%x: f32[1|1,8,5]", "reduce_sum %x {axes=[0]}", "a reduction over time"},
    {"%x: f32[1|1,8,5]", "reduce_mean %x {axes=[3]}", "no such axis"},
    {"%x: f32[1|1,8,5]", "softmax %x {axis=2}", "f32[1|1,8,5]"},
    {"%x: f32[1|1,8,5]", "softmax %x {axis=0}", "a softmax over time"},
    // convolutions
    {"%x: f32[1|1,4,9,9], %w: f32[8,4,3,2], %b: f32[8]", "conv %x, %w, %b {pads=[1,2,3,4], strides=[2,3]}",
     "f32[1|1,8,6,5]"},
    {"%x: f32[1,4,1|4,9,9], %w: f32[8,4,3,3,3]", "conv %x, %w {pads=[2,1,1,0,1,1], strides=[1,1,1]}",
     "f32[1,8,1|4,9,9]"},
    {"%x: f32[1,4,1|4,9,9], %w: f32[8,4,3,3,3]", "conv %x, %w {pads=[2,1,1,0,1,1], strides=[2,1,1]}",
     "the kernel does not fit"},
    {"%x: f32[1|1,4,9,9], %w: f32[8,5,3,3]", "conv %x, %w {pads=[0,0,0,0], strides=[1,1]}",
     "weight and input channels differ"},
    {"%x: f32[1|1,4,9,9], %w: f32[8,4,3]", "conv %x, %w {pads=[0,0,0,0], strides=[1,1]}",
     "weight and input ranks differ"},
    {"%x: f32[1|1,4,9,9], %w: f32[8,4,3,3], %b: f32[4]", "conv %x, %w, %b {pads=[0,0,0,0], strides=[1,1]}",
     "one value per output channel"},
    {"%x: f32[1|1,4,2,9], %w: f32[8,4,3,3]", "conv %x, %w {pads=[0,0,0,0], strides=[1,1]}",
     "the kernel does not fit"},
    {"%x: f32[1|1,4,9,9], %w: f32[8,4,3,3]", "conv %x, %w {pads=[0,-1,0,0], strides=[1,1]}",
     "the kernel does not fit"},
    {"%x: f32[1|1,4,9,9], %w: f32[8,4,3,3]", "conv %x, %w {pads=[0,0], strides=[1,1]}",
     "pads or strides are wrong"},
    {"%x: f32[1,4,0|1,9,9], %w: f32[8,4,3,3,3]",
     "causal_conv %x, %w {cache=@c, pads=[1,1,1,1], strides=[1,2]}", "f32[1,8,0|1,9,5]"},
    {"%x: f32[1,4,0|1,9,9], %w: f32[8,4,4,3,3]",
     "causal_conv %x, %w {cache=@c, pads=[1,1,1,1], strides=[1,2]}", "kernel - 1 frames"},
    {"%x: f32[1,4,0|1,9,9], %w: f32[8,4,3,3,3]", "causal_conv %x, %w {pads=[1,1,1,1], strides=[1,2]}",
     "kernel - 1 frames"},
    // norms and attention
    {"%x: f32[1,4,1|1,9], %g: f32[4]", "rms_norm %x, %g {axis=1}", "f32[1,4,1|1,9]"},
    {"%x: f32[1,4,1|1,9], %g: f32[9]", "rms_norm %x, %g {axis=1}", "one value per channel"},
    {"%x: f32[1,4,1|1,9], %g: f32[4,1]", "rms_norm %x, %g {axis=1}", "one value per channel"},
    {"%q: f32[1|1,6,4], %k: f32[1|1,6,4], %v: f32[1|1,6,5]", "attention %q, %k, %v", "f32[1|1,6,5]"},
    {"%q: f32[2,6,4], %k: f32[2,6,4], %v: f32[1,6,5]", "attention %q, %k, %v", "do not fit"},
    {"%q: f32[2,6,4], %k: f32[2,7,4], %v: f32[2,7,5]", "attention %q, %k, %v", "do not fit"},
    {"%q: f32[2,1|1,4], %k: f32[2,1|1,4], %v: f32[2,1|1,4]", "attention %q, %k, %v", "attention over time"},
    // frames
    {"%x: f32[5,6,7,4], %w: f32[8,4,3,3,3]", "frame_conv %x, %w {pads=[1,1,1,1], strides=[1,1], taps=3}",
     "f32[3,6,7,8]"},
    {"%x: f32[5,6,7,4], %w: f32[8,4,3,3,3]",
     "frame_conv %x, %w {interleave=2, pads=[1,1,1,1], strides=[1,1], taps=1, upsample=2}",
     "f32[10,12,14,4]"},
    {"%x: f32[2,6,7,4], %w: f32[8,4,3,3,3]", "frame_conv %x, %w {pads=[1,1,1,1], strides=[1,1], taps=3}",
     "fewer frames than taps"},
    {"%x: f32[5,6,7,4], %w: f32[8,4,3,3,3]", "frame_conv %x, %w {pads=[1,1,1,1], strides=[1,1], taps=4}",
     "taps do not fit"},
    {"%x: f32[5,6,7,4], %w: f32[8,4,3,3,3]",
     "frame_conv %x, %w {interleave=3, pads=[1,1,1,1], strides=[1,1], taps=1}", "taps do not fit"},
    {"%x: f32[5,6,7,4], %w: f32[8,4,3,3,3]",
     "frame_conv %x, %w {pads=[1,1,1,1], strides=[1,1], taps=1, upsample=0}", "attributes are wrong"},
    {"%x: f32[5,6,7,4], %g: f32[7]", "frame_norm %x, %g", "one value per channel"},
    {"%x: f32[5,6]", "silu %x, _", "an input is missing"},
    {"%x: f32[1,4,1|1,6,7]", "rms_norm %x {axis=2, epsilon=0.5, scale=2.0}",
     "a norm over time cannot be streamed"},
    {"%x: f32[5,6,7,4]", "frame_upsample %x {factor=3}", "f32[5,18,21,4]"},
    {"%x: f32[5,6,7,4]", "frame_upsample %x", "the factor is wrong"},
    {"%x: f32[1,6,7,4]", "window %x {cache=@f}", "f32[3,6,7,4]"},
    {"%x: f32[1,6,8,4]", "window %x {cache=@f}", "the cache has another shape"},
    // stream_conv
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3]",
     "stream_conv %x, %w {cache=@f, pads=[1,1,1,1], strides=[1,1], taps=3}", "f32[1,6,7,5]"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3]",
     "stream_conv %x, %w {cache=@f, pads=[1,1,1,1], strides=[1,1], taps=1}", "f32[1,6,7,5]"},
    {"%x: f32[1,6,7,4], %w: f32[6,4,3,3,3]",
     "stream_conv %x, %w {cache=@f, interleave=2, pads=[1,1,1,1], strides=[1,1], taps=3}", "f32[2,6,7,3]"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3]", "stream_conv %x, %w {pads=[1,1,1,1], strides=[1,1], taps=1}",
     "f32[1,6,7,5]"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3]", "stream_conv %x, %w {pads=[1,1,1,1], strides=[1,1], taps=2}",
     "fewer frames than taps"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,2,3,3]",
     "stream_conv %x, %w {cache=@f, pads=[1,1,1,1], strides=[1,1], taps=2}",
     "the cache must hold kernel - 1 frames"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3]",
     "stream_conv %x, %w {cache=@c, pads=[1,1,1,1], strides=[1,1], taps=3}",
     "the cache must hold kernel - 1 frames"},
    {"%x: f32[1,6,8,4], %w: f32[5,4,3,3,3]",
     "stream_conv %x, %w {cache=@f, pads=[1,1,1,1], strides=[1,1], taps=3}", "the cache has another shape"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3], %g: f32[4]",
     "stream_conv %x, %w, _, %g {pads=[1,1,1,1], strides=[1,1], prologue=\"norm\"}", "f32[1,6,7,5]"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3], %g: f32[4]",
     "stream_conv %x, %w, _, %g {pads=[1,1,1,1], strides=[1,1], prologue=\"softmax\"}",
     "there is no such prologue"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3], %g: f32[4]",
     "stream_conv %x, %w, _, %g {pads=[1,1,1,1], strides=[1,1]}", "gamma without a norm"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3], %g: f32[5]",
     "stream_conv %x, %w, _, %g {pads=[1,1,1,1], strides=[1,1], prologue=\"norm_silu\"}",
     "gamma is not one value per channel"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3], %s: f32[1,6,7,5]",
     "stream_conv %x, %w, _, _, %s {pads=[1,1,1,1], strides=[1,1]}", "f32[1,6,7,5]"},
    {"%x: f32[1,6,7,4], %w: f32[5,4,3,3,3], %s: f32[1,6,7,4]",
     "stream_conv %x, %w, _, _, %s {pads=[1,1,1,1], strides=[1,1]}", "the residual has another shape"},
    // window
    {"%x: f32[1,6,7,4]", "window %x", "frames and a cache of frames are needed"},
    {"%x: f32[1,6,7,4]", "window %x {cache=@c}", "frames and a cache of frames are needed"},
};

static void test_rules(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        struct strbuf text = {0}, found = {0};
        struct error err = {0};
        strbuf_printf(&text,
                      "cache @c: f32[1,4,2,9,9] \"\"\ncache @f: f32[2,6,7,4] \"\"\ngraph @g(%s) {\n  %%r = "
                      "%s \"the_node\"\n  return %%r\n}\n",
                      r->inputs, r->node);
        struct ir_module *m = ir_parse(strbuf_text(&text), "rule", NULL, &err);
        if (m != NULL) ir_type_print(&ir_out(m->graphs->body.head)->type, &found);
        else strbuf_add(&found, err.message);
        bool ok = m != NULL
                      ? strcmp(strbuf_text(&found), r->expected) == 0
                      : strstr(err.message, r->expected) && strstr(err.message, "rule:4: node 'the_node'");
        if (!ok)
            fail_msg("%s with %s: expected %s, found %s", r->node, r->inputs, r->expected,
                     strbuf_text(&found));
        ir_module_free(m);
        strbuf_free(&text);
        strbuf_free(&found);
    }
}

// What one operand of a concat does not know, it learns from the others.
static void test_concat_teaches(void **state) {
    (void)state;
    struct error err = {0};
    struct ir_module *m = ir_parse(
        "graph @g(%c: f32[1,4,2,-1,-1], %x: f32[1,4,1,5,6]) {\n%y = concat %c, %x {axis=2}\nreturn %y\n}",
        "t", NULL, &err);
    assert_non_null(m);
    struct strbuf text = {0};
    ir_type_print(&m->graphs->inputs[0]->type, &text);
    assert_string_equal(strbuf_text(&text), "f32[1,4,2,5,6]");
    strbuf_free(&text);
    ir_module_free(m);
}

// No rule may use an operand that is not there, or whose shape is not known.
static void test_unknown_inputs(void **state) {
    (void)state;
    for (int op = 0; op < IR_OPS; op++) {
        const struct ir_op_info *info = &ir_op_info[op];
        if (info->level == IR_LEVEL_ONNX || op == IR_RETURN) continue;
        struct ir_module *m = ir_module_new();
        struct ir_graph *g = ir_graph_new(m, "g");
        struct ir_value *x = ir_graph_add_input(g, "x", (struct ir_type){.rank = -1, .time_axis = -1});
        struct ir_value *inputs[] = {x, x, x};
        struct error err = {0};
        struct ir_node *n = ir_node_new(&g->body, NULL, op, "v", info->min_in, inputs, info->outputs);
        assert_false(ir_infer_node(n, &err));
        assert_non_null(strstr(err.message, "the shape of an input is unknown"));
        struct error absent = {0};
        ir_node_set_input(n, 0, NULL);
        assert_false(ir_infer_node(n, &absent));
        assert_non_null(strstr(absent.message, "an input is missing"));
        ir_module_free(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_concat_teaches),
        cmocka_unit_test(test_unknown_inputs),
    };
    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
