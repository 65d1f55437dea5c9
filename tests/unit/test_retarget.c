// Latents of another height and width than those that a graph was traced for: what follows from them, and what does not.
#include "passes/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// A convolution of latents of 4x6, and one more node, for latents of 8x12.
#define GRAPH(node)                                                                                          \
    "const @w: f32[2,2,1,3,3] = opaque\n"                                                                    \
    "graph @first(%z: f32[1,2,1,4,6]) {\n"                                                                   \
    "  %x = conv %z, @w {pads=[0,1,1,0,1,1], strides=[1,1,1]}\n"                                             \
    "  %y = " node " \"node\"\n"                                                                             \
    "  return %y\n"                                                                                          \
    "}\n"

static void check(const char *text, const char *expected) {
    struct error err = {0};
    struct strbuf found = {0};
    struct pass_options options = {.verify_each = true};
    struct ir_module *m = ir_parse(text, "test", NULL, &err);
    if (m == NULL) fail_msg("%s", err.message);
    m->latent_height = 8;
    m->latent_width = 12;
    if (pass_run_named(&m, "retarget_latents", &options, &err)) {
        ir_type_print(&ir_in(ir_return_of(m->graphs), 0)->type, &found);
    } else strbuf_add(&found, err.message);
    if (strstr(strbuf_text(&found), expected) == NULL)
        fail_msg("expected %s, found %s", expected, strbuf_text(&found));
    strbuf_free(&found);
    ir_module_free(m);
}

static void test_what_follows(void **state) {
    (void)state;
    check(GRAPH("slice %x {axis=4, start=0, end=6}"), "f32[1,2,1,8,12]");
    check(GRAPH("slice %x {axis=1, start=1, end=2}"), "f32[1,1,1,8,12]");
    check(GRAPH("rearrange %x {pattern=\"1 a 1 b c -> 1 a 1 (b d:2) (c e:2)\"}"), "f32[1,2,1,16,24]");
}

// The last three columns, or all but the first three: the numbers do not say.
static void test_parts_of_a_frame(void **state) {
    (void)state;
    check(GRAPH("slice %x {axis=4, start=3, end=6}"), "it keeps a part of an axis whose length changes");
    check(GRAPH("slice %x {axis=4, start=0, end=5}"), "it keeps a part of an axis whose length changes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_follows),
        cmocka_unit_test(test_parts_of_a_frame),
    };
    return cmocka_run_group_tests_name("retarget", tests, NULL, NULL);
}
