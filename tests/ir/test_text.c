// The textual form: what is printed reads back as the same, and what does not parse says where and why.
#include "ir/ir.h"
#include "ir/rearrange.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// ---- round trips

// Parses `text`, prints it, and expects `expected` and that this is a fixpoint.
static void check_prints_as(const char *text, const char *expected) {
    struct error err = {0};
    struct strbuf once = {0}, twice = {0};
    struct ir_module *m = ir_parse(text, "test", NULL, &err), *again;
    if (m == NULL) fail_msg("%s", err.message);
    ir_print(m, &once);
    assert_string_equal(strbuf_text(&once), expected);
    again = ir_parse(strbuf_text(&once), "test", m, &err);
    if (again == NULL) fail_msg("%s", err.message);
    ir_print(again, &twice);
    assert_string_equal(strbuf_text(&twice), expected);
    ir_module_free(m);
    ir_module_free(again);
    strbuf_free(&once);
    strbuf_free(&twice);
}

static void check_round_trip(const char *text) { check_prints_as(text, text); }

static void test_everything(void **state) {
    (void)state;
    check_round_trip("module \"full\" \"model.onnx\"\n"
                     "symbol %conv3d_10 \"1x384x2T-1x60x104\"\n"
                     "symbol %conv3d_11 \"1x384x1x60x104\" of @first\n"
                     "cache @c0: f32[2,3,5,4] \"conv in\" at 64\n"
                     "cache @c1: f32[1,4,2,3,5] \"\"\n"
                     "first_kept 1\n"
                     "caches 544\n"
                     "const @w: f32[4,4,3,1,1] = opaque\n"
                     "const @i: i64[3] = [1,-1,1|4]\n"
                     "const @t: bool[] = [1]\n"
                     "\n"
                     "graph @steady(%x: f32[1,4,1,3,5] in input+0(0,0,0,0), %z: i32? as i32[1,-1]) {\n"
                     "  arena 1024 lower_bound 768\n"
                     "  buffer b0 480 at 512 nodes 0 3 \"a \\\"b\\\"\"\n"
                     "  buffer b1 64 at 0 nodes 2 2 \"\"\n"
                     "  %f~3: f32[1,3,5,4] as f32[1,3,5,5] in b0+12(60,20,4,1) = rearrange %x {pattern=\"1 a "
                     "1 b c -> 1 b c a\"} \"to frames\"\n"
                     "  %v: f32[3,3,5,4] in b0+0(4,60,12,1) = window %f~3 {cache=@c0}\n"
                     "  %c: f32[1,3,5,4] in output+3(1,2,3,4) = frame_conv %v, @w {max=inf, min=-0.5, "
                     "pads=[0,0,0,0], strides=[1,1], taps=3}\n"
                     "  cache_push %v {cache=@c0}\n"
                     "  %r: f32? = onnx.reshape %c, @i {allowzero=1}\n"
                     "  %p: f32?, %q: f32[2] = onnx.split %r, _ {axis=-1} \"split\"\n"
                     "  %s: f32? = onnx.if @t \"if\" then {\n"
                     "    %a: f32? = onnx.identity %p\n"
                     "    return %a\n"
                     "  } else {\n"
                     "    %b: f32? = onnx.if @t then {\n"
                     "      return %q\n"
                     "    } else {\n"
                     "      return %p\n"
                     "    }\n"
                     "    return %b\n"
                     "  }\n"
                     "  return %s, %c\n"
                     "}\n"
                     "\n"
                     "graph @other() {\n"
                     "  return\n"
                     "}\n"
                     "");
}

static void test_floats(void **state) {
    (void)state;
    check_round_trip(
        "module \"\" \"\"\n"
        "const @f: f32[8] = "
        "[0.0,-0.0,inf,-inf,1.0,9.999999960041972e-13,0.10000000149011612,3.4028234663852886e+38]\n"
        "const @n: f32[1] = [nan]\n"
        "\n"
        "graph @g(%x: f32[8]) {\n"
        "  %1: f32[8] = clamp %x {max=inf, min=-inf}\n"
        "  %2: f32[8] = clamp %1 {max=1e+20, min=9.999999960041972e-13}\n"
        "  %3: f32[8] = clamp %2 {max=3.0, min=-3.0}\n"
        "  %4: f32[8] = clamp %3 {max=0.3333333333333333, min=nan}\n"
        "  %5: f32[8] = mul %4, @f\n"
        "  %6: f32[8] = mul %5, @n\n"
        "  return %6\n"
        "}\n");
}

static void test_negative_nan(void **state) {
    (void)state;
    struct ir_module *m = ir_module_new();
    struct ir_graph *g = ir_graph_new(m, "g");
    struct ir_dim one = dim_const(1);
    struct ir_value *x = ir_graph_add_input(g, "x", ir_type_make(IR_F32, 1, &one));
    struct ir_node *n = ir_node_new(&g->body, NULL, IR_CLAMP, "y", 1, &x, 1);
    struct strbuf text = {0};
    struct error err = {0};
    ir_attr_set_float(n, IR_KEY_MIN, -NAN);
    assert_true(ir_infer_node(n, &err));
    ir_node_new(&g->body, NULL, IR_RETURN, "", 1, n->outputs, 0);
    ir_print(m, &text);
    check_round_trip(strbuf_text(&text));
    strbuf_free(&text);
    ir_module_free(m);
}

static void test_strings(void **state) {
    (void)state;
    check_round_trip("module \"a \\\"quoted\\\" form\" \"back\\\\slash\\nand line, # no comment {}\"\n"
                     "\n"
                     "graph @g(%a.b/c-d_e$f~1: f32[]) {\n"
                     "  return %a.b/c-d_e$f~1 \"\xc3\xa9t\xc3\xa9\"\n"
                     "}\n");
}

// Every element type, every rank, lengths in T wherever time may be.
static void test_types(void **state) {
    (void)state;
    struct strbuf text = {0};
    strbuf_add(&text, "module \"\" \"\"\n\ngraph @g(%u: f32?");
    for (int i = 0; i < IR_DTYPES; i++)
        strbuf_printf(&text, ", %%%s: %s[2]", ir_dtype_name(i), ir_dtype_name(i));
    strbuf_add(&text, ", %s: f32[], %a: f32[1|0], %b: f32[3,0|1], %c: f32[1,2,3,4,5,6,7,1|4], %d: f32[-1,0]) "
                      "{\n  return\n}\n");
    check_round_trip(strbuf_text(&text));
    strbuf_free(&text);
}

// The short form of hand-written tests: comments, no types, no order of attributes.
static void test_short_form(void **state) {
    (void)state;
    check_prints_as("# a comment\n"
                    "graph @g(%x: f32[1|1,4]) { # another #\n"
                    "  %y = slice %x {start=1,end=3 , axis=1}\n"
                    "  %z = rearrange %y {pattern=\"t c->c t\"} return %z }\n"
                    "# the last one, without an end of line #",
                    "module \"\" \"\"\n\ngraph @g(%x: f32[1|1,4]) {\n"
                    "  %y: f32[1|1,2] = slice %x {axis=1, end=3, start=1}\n"
                    "  %z: f32[2,1|1] = rearrange %y {pattern=\"a b -> b a\"}\n"
                    "  return %z\n}\n");
    check_prints_as("graph @g(){return}#", "module \"\" \"\"\n\ngraph @g() {\n  return\n}\n");
}

// As imported: operators whose operands have no types yet.
static void test_untyped(void **state) {
    (void)state;
    check_round_trip("module \"\" \"\"\n"
                     "const @two: i64[] = [2]\n"
                     "\n"
                     "graph @full(%x: f32[1|1,4]) {\n"
                     "  %s: i64? = onnx.shape %x\n"
                     "  %t: i64? = mul %s, @two\n"
                     "  %u: i64? = concat %t, %s {axis=0}\n"
                     "  return %u\n"
                     "}\n");
}

static void test_unused_constants_are_not_printed(void **state) {
    (void)state;
    check_prints_as("const @w: f32[2] = [1.0,2.0]\ngraph @g() {\nreturn\n}\n",
                    "module \"\" \"\"\n\ngraph @g() {\n  return\n}\n");
}

// Long float constants are named; their data come from the donor.
static void test_donor(void **state) {
    (void)state;
    float data[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct ir_module *m = ir_module_new(), *copy;
    struct ir_graph *g = ir_graph_new(m, "g");
    struct ir_dim nine = dim_const(9);
    struct ir_value *w = ir_constant_floats(m, "w", 1, &nine, data);
    struct strbuf text = {0};
    struct error err = {0};
    ir_node_new(&g->body, NULL, IR_RETURN, "", 1, &w, 0);
    ir_print(m, &text);
    assert_non_null(strstr(strbuf_text(&text), "const @w~0: f32[9] = data\n"));
    copy = ir_parse(strbuf_text(&text), "copy", m, &err);
    assert_non_null(copy);
    for (size_t i = 0; i < 9; i++) assert_true(ir_constant_float(copy->constants->constant, i) == data[i]);
    ir_module_free(copy);
    copy = ir_parse(strbuf_text(&text), "copy", NULL, &err); // nobody has them: as good as opaque
    assert_non_null(copy);
    assert_false(ir_is_float_constant(copy->constants));
    ir_module_free(copy);
    ir_module_free(m);
    strbuf_free(&text);
}

// Names made after parsing do not meet those that were read.
static void test_fresh_names(void **state) {
    (void)state;
    struct error err = {0};
    struct ir_module *m = ir_parse("graph @g(%x~41: f32[2]) {\nreturn\n}", "t", NULL, &err);
    assert_non_null(m);
    assert_string_equal(ir_fresh_name(m, "x~41"), "x~42");
    ir_module_free(m);
}

// ---- errors

static const struct {
    const char *text, *message;
} errors[] = {
    {"graf", "t:1: expected symbol, cache, caches, first_kept, const or graph, found 'graf'"},
    {"first_kept 0", "t:1: expected a number of frames, found '0'"},
    {"first_kept 99999999999999999999", "t:1: expected a number of frames, found '99999999999999999999'"},
    {"first_kept -1", "t:1: expected a number of frames, found '-1'"},
    {"first_kept", "t:1: expected a number of frames, found 'end of file'"},
    {"first_kept 1x", "t:1: expected an integer of 64 bits, found '1x'"},
    {"\n\n%x", "t:3: expected symbol, cache, caches, first_kept, const or graph, found 'x'"},
    {"module full", "t:1: expected the form as a string, found 'full'"},
    {"module \"full\"", "t:1: expected the model's name as a string, found 'end of file'"},
    {"module \"full", "t:1: expected the end of a string, found 'full'"},
    {"graph g", "t:1: expected @name, found 'g'"},
    {"graph @g {", "t:1: expected (, found '{'"},
    {"graph @g(%x f32[1]) {\n}", "t:1: expected ), found 'f32'"},
    {"graph @g(%x: f31[1]) {\n}", "t:1: expected an element type, found 'f31'"},
    {"graph @g(%x: f32[1;2]) {\n}", "t:1: expected ,, found ';'"},
    {"graph @g(%x: f32[a]) {\n}", "t:1: expected an integer of 64 bits, found 'a'"},
    {"graph @g(%x: f32[1|]) {\n}", "t:1: expected an integer of 64 bits, found ']'"},
    {"graph @g(%x: f32[9223372036854775808]) {\n}",
     "t:1: expected an integer of 64 bits, found '9223372036854775808'"},
    {"graph @g(%x: f32[2.5]) {\n}", "t:1: expected an integer of 64 bits, found '2.5'"},
    {"graph @g(%x: f32[1,1,1,1,1,1,1,1,1]) {\n}", "t:1: expected at most 8 dimensions, found '1'"},
    {"graph @g(%x: f32[1], %x: f32[1]) {\n}", "t:1: expected a new name (this one is taken), found ')'"},
    {"graph @g() {\n  return %x\n}", "t:2: expected a value that was defined before, found 'x'"},
    {"graph @g() {\n  return @x\n}", "t:2: expected a value that was defined before, found 'x'"},
    {"graph @g(%x: f32[1]) {\n  %y = nothing %x\n}", "t:2: expected an operator, found 'nothing'"},
    {"graph @g(%x: f32[1]) {\n  %y silu %x\n}", "t:2: expected =, found 'silu'"},
    {"graph @g(%x: f32[1]) {\n  %y = silu %x {scales=1}\n}",
     "t:2: expected an attribute name, found 'scales'"},
    {"graph @g(%x: f32[1]) {\n  %y = silu %x {scale 1}\n}", "t:2: expected =, found '1'"},
    {"graph @g(%x: f32[1]) {\n  %y = silu %x {scale=}\n}", "t:2: expected an integer of 64 bits, found '}'"},
    {"graph @g(%x: f32[1]) {\n  %y = silu %x {pads=[1,2}\n}", "t:2: expected ,, found '}'"},
    {"graph @g(%x: f32[1]) {\n  %y = silu %x {cache=@c0}\n}",
     "t:2: expected a cache that was declared, found 'c0'"},
    {"graph @g(%x: f32[1]) {\n  %y = silu %x {scale=1\n}", "t:3: expected an operator, found 'end of file'"},
    {"graph @g(%x: f32[2]) {\n  %y = rearrange %x {pattern=\"a b -> b a\"}\n}",
     "t:2: expected a pattern that fits the input, found 'a b -> b a'"},
    {"graph @g(%x: f32[2]) {\n  %y = rearrange {pattern=\"a -> a\"}\n}",
     "t:2: expected a pattern that fits the input, found 'a -> a'"},
    {"graph @g(%x: f32[2]) {\n\n  %y = add %x, %x\n  %z = slice %y {axis=0, end=3, start=0} \"cut\"\n\n  "
     "return %z\n}",
     "t:4: node 'cut' (slice): the slice leaves its axis (input or axis 0); inputs are f32[2]"},
    {"graph @g(%x: f32[2]) {\n  %y = add %x \"sum\"\n  return %y\n}",
     "t:2: node 'sum' (add): an input is missing (input or axis 1); inputs are f32[2]"},
    {"graph @g(%x: f32[1,2,2,4]) {\n  cache_push %x \"push\"\n  return %x\n}",
     "t:2: node 'push' (cache_push): frames and a cache of frames are needed (input or axis 0); inputs are "
     "f32[1,2,2,4]"},
    {"graph @g(%x: f32[2]) {\n  return %x\n", "t:3: expected an operator, found 'end of file'"},
    {"graph @g(%c: bool[1]) {\n  %r: f32? = onnx.if %c else {\n", "t:2: expected then, found 'else'"},
    {"graph @g(%c: bool[1]) {\n  %r: f32? = onnx.if %c then {\n  return\n }\n return\n}",
     "t:5: expected else, found 'return'"},
    {"graph @g(%x: f32[1] in nowhere) {", "t:1: expected a buffer, input or output, found 'nowhere'"},
    {"graph @g(%x: f32[1] in b0+1(2,3)) {", "t:1: expected ,, found ')'"},
    {"graph @g() {\n  buffer b0 64 nodes 1 2\n}", "t:2: expected at, found 'nodes'"},
    {"const @w: f32[2] = [1.0]", "t:1: expected as many elements as the type has, found ']'"},
    {"const @w: f32[2] = [1.0,2.0,3.0]", "t:1: expected as many elements as the type has, found '3.0'"},
    {"const @w: f32[2] = [1.0,\"x\"]", "t:1: expected a number, found 'x'"},
    {"const @w: f32[1|1] = opaque", "t:1: expected a static shape, found '='"},
    {"const @w: f32[9000000000] = [1.0]", "t:1: expected a smaller constant, found '1.0'"},
    {"const @w: f32[2] = lost", "t:1: expected opaque, found 'lost'"},
    {"const @w: f32[2] = opaque\nconst @w: f32[2] = opaque",
     "t:2: expected a new name (this one is taken), found 'opaque'"},
    {"cache @c: f32[2]", "t:1: expected the producer as a string, found 'end of file'"},
    {"cache @c: f32[2] \"p\" at here", "t:1: expected an integer of 64 bits, found 'here'"},
    {"symbol %x 12", "t:1: expected a shape as a string, found '12'"},
    {"symbol %x \"T\" of first", "t:1: expected @name, found 'first'"},
    {"caches many", "t:1: expected an integer of 64 bits, found 'many'"},
};

static void test_errors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct error err = {0};
        struct ir_module *m = ir_parse(errors[i].text, "t", NULL, &err);
        if (m != NULL) fail_msg("this parses: %s", errors[i].text);
        if (strcmp(err.message, errors[i].message) != 0) {
            fail_msg("%s\n expected: %s\n    found: %s", errors[i].text, errors[i].message, err.message);
        }
        assert_int_equal(err.code, ERROR_INPUT);
    }
}

static void test_deep_nesting(void **state) {
    (void)state;
    struct strbuf text = {0};
    struct error err = {0};
    strbuf_add(&text, "graph @g(%c: bool[1]) {\n");
    for (int i = 0; i < 100; i++) strbuf_printf(&text, "%%r%d: f32? = onnx.if %%c then {\n", i);
    assert_null(ir_parse(strbuf_text(&text), "t", NULL, &err));
    assert_non_null(strstr(err.message, "fewer nested blocks"));
    strbuf_free(&text);
}

// Every prefix of a good text is refused in peace.
static void test_prefixes(void **state) {
    (void)state;
    static const char text[] =
        "module \"f\" \"m\"\nsymbol %x \"T\"\ncache @c: f32[1,2,1,1] \"p\" at 0\ncaches 64\nconst @w: f32[2] "
        "= [1.0,-inf]\n"
        "graph @g(%x: f32[1|1,2,1,1] as f32[-1] in input+0(1,2,3,4), %b: bool[1]) {\narena 1 lower_bound "
        "1\nbuffer b0 1 at 0 nodes 0 1 \"n\"\n"
        "%y: f32? = onnx.if %b \"if\" then {\nreturn %x\n} else {\n%z = clamp %x {max=1e3, min=nan}\nreturn "
        "%z\n}\n"
        "%r = rearrange %x {pattern=\"a (b:2 c:1) 1 1 -> a (c b) 1 1\"}\nreturn %y, %r, _, @w\n}";
    struct error ok = {0};
    struct ir_module *m = ir_parse(text, "t", NULL, &ok);
    if (m == NULL) fail_msg("%s", ok.message);
    ir_module_free(m);
    for (size_t n = strlen("module \"f\" \"m\"\nsymbol %x \"T\"\ncache @c: f32[1,2,1,1] \"p\" at 0\ncaches "
                           "64\nconst @w: f32[2] = [1.0,-inf]\n") +
                    1;
         n < sizeof text - 1; n++) {
        char prefix[sizeof text];
        struct error err = {0};
        memcpy(prefix, text, n);
        prefix[n] = 0;
        m = ir_parse(prefix, "t", NULL, &err);
        assert_null(m);
        assert_int_equal(err.code, ERROR_INPUT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),   cmocka_unit_test(test_floats),
        cmocka_unit_test(test_negative_nan), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_types),        cmocka_unit_test(test_short_form),
        cmocka_unit_test(test_untyped),      cmocka_unit_test(test_unused_constants_are_not_printed),
        cmocka_unit_test(test_donor),        cmocka_unit_test(test_fresh_names),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests_name("ir text", tests, NULL, NULL);
}
