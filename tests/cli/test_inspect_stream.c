// What an inspection gathers of each form, from textual IR; and that it writes both ways.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "passes/pass.h"
#include "tools/wanc/inspect.h"

#include <jansson.h>
#include <string.h>

struct fixture {
    struct ir_module *m;
    struct inspection in;
    struct error err;
};

static void gather(struct fixture *f, const char *text, const char *flag) {
    const struct pass_options up_to = {.stop_after = "eliminate_dead"};
    f->m = ir_parse(text, "<test>", NULL, &f->err);
    if (f->m == NULL) fail_msg("%s", f->err.message);
    f->m->flag = flag;
    if (!pass_run_all(&f->m, &up_to, &f->err)) fail_msg("%s", f->err.message);
    f->in.form = f->m->form;
    f->in.size_from = "file";
    inspect_stream(&f->in, f->m, false);
    if (!pass_run_named(&f->m, "assign_layout,sink_rearranges", &up_to, &f->err))
        fail_msg("%s", f->err.message);
    inspect_result(&f->in, f->m);
}

// The text has these lines, and the JSON can be read.
static void finish(struct fixture *f, const char *const *lines) {
    struct strbuf text = {0}, json = {0};
    inspection_text(&f->in, &text);
    for (; *lines != NULL; lines++) {
        if (strstr(strbuf_text(&text), *lines) == NULL)
            fail_msg("'%s' is not in:\n%s", *lines, strbuf_text(&text));
    }
    assert_true(inspection_json(&f->in, &json));
    json_t *root = json_loads(strbuf_text(&json), 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "version")), INSPECT_VERSION);
    json_decref(root);
    strbuf_free(&text);
    strbuf_free(&json);
    arena_free(&f->in.arena);
    ir_module_free(f->m);
}

static void unrolled(void **state) {
    (void)state;
    struct fixture f = {0};
    gather(&f,
           "module \"full\" \"\"\n"
           "const @w: f32[8,8,3,3,3] = opaque\n"
           "graph @full(%z: f32[1,8,3,4,6]) {\n"
           "  %z0 = slice %z {axis=2, end=1, start=0}\n"
           "  %a0 = silu %z0\n"
           "  %y0 = conv %a0, @w {pads=[2,1,1,0,1,1], strides=[1,1,1]} \"conv_in\"\n"
           "  %z1 = slice %z {axis=2, end=2, start=1}\n"
           "  %a1 = silu %z1\n"
           "  %c1 = concat %a0, %a1 {axis=2}\n"
           "  %y1 = conv %c1, @w {pads=[1,1,1,0,1,1], strides=[1,1,1]} \"conv_in_1\"\n"
           "  %z2 = slice %z {axis=2, end=3, start=2}\n"
           "  %a2 = silu %z2\n"
           "  %c2 = concat %a0, %a1, %a2 {axis=2}\n"
           "  %y2 = conv %c2, @w {pads=[0,1,1,0,1,1], strides=[1,1,1]} \"conv_in_2\"\n"
           "  %y = concat %y0, %y1, %y2 {axis=2}\n"
           "  return %y\n"
           "}\n",
           NULL);
    assert_string_equal(f.in.form, "unrolled");
    assert_int_equal(f.in.steps, 3);
    assert_int_equal(f.in.frames, 3);
    assert_string_equal(f.in.caches[0].first, "conv_in");
    assert_string_equal(f.in.caches[0].conv, "conv_in_2");
    finish(&f, (const char *const[]){
                   "form        unrolled, 3 steps\n", "proof       steps 1 to 2 are one graph",
                   "in front of 'conv_in_2', first filled by 'conv_in'\n",
                   "1 frame in the first step, 1 in a later one, T of T latent frames\n", NULL});
}

static void fixed_frames(void **state) {
    (void)state;
    struct fixture f = {0};
    gather(&f,
           "module \"full\" \"\"\n"
           "const @w: f32[8,8,3,3,3] = opaque\n"
           "const @t: f32[16,8,3,1,1] = opaque\n"
           "const @o: f32[3,8,1,1,1] = opaque\n"
           "graph @full(%z: f32[1,8,5|0,4,6]) {\n"
           "  %y = conv %z, @w {pads=[2,1,1,0,1,1], strides=[1,1,1]} \"conv_in\"\n"
           "  %h = slice %y {axis=2, end=1, start=0}\n"
           "  %t = slice %y {axis=2, end=5, start=1}\n"
           "  %c = conv %t, @t {pads=[2,0,0,0,0,0], strides=[1,1,1]} \"time_conv\"\n"
           "  %i = rearrange %c {pattern=\"1 (a:2 b:8) c d e -> 1 b (c a) d e\"}\n"
           "  %v = concat %h, %i {axis=2}\n"
           "  %f = conv %v, @o {pads=[0,0,0,0,0,0], strides=[1,1,1]} \"conv_out\"\n"
           "  return %f\n"
           "}\n",
           NULL);
    assert_int_equal(f.in.frames, 5);
    assert_null(f.in.caches[1].first);
    assert_int_equal(f.in.stages[0].convs, 3);
    finish(&f, (const char *const[]){"form        full, at a fixed number of 5 latent frames\n",
                                     "in front of 'time_conv', zero after the first step\n",
                                     "1 frame in the first step, 2 in a later one, 2T-1 of T latent frames\n",
                                     NULL});
}

static void flagged(void **state) {
    (void)state;
    struct fixture f = {0};
    gather(&f,
           "module \"flagged\" \"\"\n"
           "const @w: f32[4,4,3,1,1] = opaque\n"
           "const @t: f32[8,4,3,1,1] = opaque\n"
           "const @o: f32[3,4,1,1,1] = opaque\n"
           "graph @flag0(%z: f32[1,4,1,2,2], %c: f32[1,4,2,2,2], %d: f32[1,4,2,2,2]) {\n"
           "  %in = concat %c, %z {axis=2}\n"
           "  %y = conv %in, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]} \"conv_in\"\n"
           "  %n = slice %in {axis=2, end=3, start=1}\n"
           "  %u = concat %d, %y {axis=2}\n"
           "  %t = conv %u, @t {pads=[0,0,0,0,0,0], strides=[1,1,1]} \"time_conv\"\n"
           "  %i = rearrange %t {pattern=\"1 (a:2 b:4) 1 c d -> 1 b a c d\"}\n"
           "  %m = slice %u {axis=2, end=3, start=1}\n"
           "  %f = conv %i, @o {pads=[0,0,0,0,0,0], strides=[1,1,1]} \"conv_out\"\n"
           "  return %f, %n, %m\n"
           "}\n"
           "graph @flag1(%z: f32[1,4,1,2,2], %c: f32[1,4,2,2,2], %d: f32[1,4,2,2,2]) {\n"
           "  %in = concat %c, %z {axis=2}\n"
           "  %y = conv %in, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]} \"conv_in\"\n"
           "  %n = slice %in {axis=2, end=3, start=1}\n"
           "  %f = conv %y, @o {pads=[0,0,0,0,0,0], strides=[1,1,1]} \"conv_out\"\n"
           "  return %f, %n, %d\n"
           "}\n",
           "is_first");
    assert_int_equal(f.in.first_flag, 1);
    assert_string_equal(f.in.caches[1].input, "d");
    assert_null(f.in.caches[1].first);
    finish(&f, (const char *const[]){"form        flagged, the first step is 'is_first' = 1\n",
                                     "1 frame in the first step, 2 in a later one, 2T-1 of T latent frames\n",
                                     NULL});
}

static void image(void **state) {
    (void)state;
    struct fixture f = {0};
    gather(&f,
           "module \"full\" \"\"\n"
           "const @w: f32[4,4,3,3,3] = opaque\n"
           "graph @full(%z: f32[1,4,1,5,6]) {\n"
           "  %y = conv %z, @w {pads=[2,1,1,0,1,1], strides=[1,1,1]} \"conv_in\"\n"
           "  return %y\n"
           "}\n",
           NULL);
    assert_int_equal(f.in.cache_count, 0);
    assert_int_equal(f.in.stages[0].steady, 0);
    finish(&f, (const char *const[]){"form        image, one latent frame\n", "; 1 frame in the first step\n",
                                     NULL});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unrolled), cmocka_unit_test(fixed_frames),
                                       cmocka_unit_test(flagged), cmocka_unit_test(image)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
