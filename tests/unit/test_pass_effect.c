// What is recorded of the passes: nodes, bytes and operations, against numbers computed by hand.
#include "passes/pass.h"
#include "passes/pass_effect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct ir_module *parse(const char *text) {
    struct error err = {0};
    struct ir_module *m = ir_parse(text, "test.ir", NULL, &err);
    if (m == NULL) fail_msg("%s", err.message);
    return m;
}

static void expect(const struct ir_effect *e, int step, uint32_t nodes, uint64_t bytes, uint64_t flops) {
    assert_int_equal(e->nodes[step], nodes);
    assert_int_equal(e->value_bytes[step], bytes);
    assert_int_equal(e->flops[step], flops);
}

// %y has 3*4*5 floats for each frame, each a sum of 2 products; %z two more frames in a later step.
static void test_a_graph_of_all_steps(void **state) {
    (void)state;
    struct ir_module *m = parse("const @w: f32[3,2,1,1,1] = opaque\n"
                                "graph @full(%x: f32[1,2,1|2,4,5]) {\n"
                                "  %y = conv %x, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]}\n"
                                "  %z = silu %y\n"
                                "  return %z\n"
                                "}\n");
    pass_effect_record(m, "import", true);
    expect(m->effects, EFFECT_FIRST, 2, 2 * 60 * 4, 2 * 60 * 2);
    expect(m->effects, EFFECT_STEADY, 2, 2 * 120 * 4, 2 * 120 * 2);
    ir_module_free(m);
}

// Each graph counts for its own step. A kernel of three frames that has one tap left does a third of the work.
static void test_graphs_of_steps(void **state) {
    (void)state;
    struct ir_module *m = parse("const @w: f32[4,2,3,3,3] = opaque\n"
                                "graph @first(%x: f32[1,4,5,2]) {\n"
                                "  %y = frame_conv %x, @w {taps=1, pads=[1,1,1,1], strides=[1,1]}\n"
                                "  return %y\n"
                                "}\n"
                                "graph @steady(%x: f32[3,4,5,2]) {\n"
                                "  %y = frame_conv %x, @w {taps=3, pads=[1,1,1,1], strides=[1,1]}\n"
                                "  %q = rearrange %y {pattern=\"1 a b c -> 1 1 (a b) c\"}\n"
                                "  %a = frame_attention %q, %q, %q\n"
                                "  return %a\n"
                                "}\n");
    pass_effect_record(m, "import", true);
    expect(m->effects, EFFECT_FIRST, 1, 80 * 4, 2 * 80 * 2 * 9);
    expect(m->effects, EFFECT_STEADY, 3, 3 * 80 * 4, 2 * 80 * 2 * 27 + 4 * 80 * 20);
    ir_module_free(m);
}

static void test_products(void **state) {
    (void)state;
    struct ir_module *m = parse("graph @first(%a: f32[2,3,4], %b: f32[2,4,5]) {\n"
                                "  %c = matmul %a, %b\n"
                                "  return %c\n"
                                "}\n");
    pass_effect_record(m, "import", true);
    expect(m->effects, EFFECT_FIRST, 1, 30 * 4, 2 * 30 * 4);
    expect(m->effects, EFFECT_STEADY, 0, 0, 0);
    ir_module_free(m);
}

// Passes that run leave a row each, in order, and say whether they changed something.
static void test_passes_leave_rows(void **state) {
    (void)state;
    struct error err = {0};
    struct ir_module *m = parse("graph @first(%x: f32[1,2]) {\n"
                                "  %dead = silu %x\n"
                                "  %y = sigmoid %x\n"
                                "  return %y\n"
                                "}\n");
    assert_true(pass_run_named(&m, "eliminate_dead,simplify", &(struct pass_options){0}, &err));
    const struct ir_effect *e = m->effects;
    assert_string_equal(e->pass, "eliminate_dead");
    assert_true(e->changed);
    expect(e, EFFECT_FIRST, 1, 8, 0);
    assert_string_equal(e->next->pass, "simplify");
    assert_false(e->next->changed);
    assert_null(e->next->next);
    ir_module_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_graph_of_all_steps),
        cmocka_unit_test(test_graphs_of_steps),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_passes_leave_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
