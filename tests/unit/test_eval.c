// Evaluation of operators on constants: the shape arithmetic of exporters, and the hostile variants of it.
#include "passes/eval.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct example {
    const char *constants; // separated by ';'
    const char *node;
    const char *expected; // the constant as printed, "" when it is not evaluated
};

static const struct example examples[] = {
    // integers
    {"@a: i64[2] = [7,-7]; @b: i64[1] = [2]", "add @a, @b", "i64[2] = [9,-5]"},
    {"@a: i64[2] = [1|1,3]; @b: i64[2] = [1,0|2]", "sub @a, @b", "i64[2] = [0|1,3|-2]"},
    {"@a: i64[] = [1|1]; @b: i64[] = [4]", "mul @a, @b", "i64[] = [4|4]"},
    {"@a: i64[] = [1|1]; @b: i64[] = [1|1]", "mul @a, @b", ""},
    {"@a: i64[2] = [7,-7]; @b: i64[] = [2]", "div @a, @b", "i64[2] = [3,-3]"},
    {"@a: i64[] = [4|4]; @b: i64[] = [2]", "div @a, @b", "i64[] = [2|2]"},
    {"@a: i64[] = [4|4]; @b: i64[] = [1|1]", "div @a, @b", "i64[] = [4]"},
    {"@a: i64[] = [1|4]; @b: i64[] = [2]", "div @a, @b", ""},
    {"@a: i64[] = [5]; @b: i64[] = [0]", "div @a, @b", ""},
    {"@a: i64[] = [-9223372036854775808]; @b: i64[] = [-1]", "div @a, @b", ""},
    {"@a: i64[] = [9223372036854775807]; @b: i64[] = [1]", "add @a, @b", ""},
    {"@a: i64[4] = [7,-7,7,-7]; @b: i64[4] = [3,3,-3,-3]", "onnx.mod @a, @b", "i64[4] = [1,2,-2,-1]"},
    {"@a: i64[] = [7]; @b: i64[] = [0]", "onnx.mod @a, @b", ""},
    {"@a: i64[2] = [3|2,-3]", "neg @a", "i64[2] = [-3|-2,3]"},
    {"@a: i64[2] = [3,-3]", "abs @a", "i64[2] = [3,3]"},
    {"@a: i64[] = [-9223372036854775808]", "abs @a", ""},
    {"@a: i64[2,1] = [1,2]; @b: i64[2] = [10,20]", "add @a, @b", "i64[2,2] = [11,21,12,22]"},
    {"@a: i64[2] = [1,2]; @b: i64[3] = [1,2,3]", "add @a, @b", ""},
    // comparisons, in T
    {"@a: i64[3] = [1|1,1|1,2]; @b: i64[3] = [1,3,2]", "onnx.less @a, @b", ""},
    {"@a: i64[2] = [1|1,2]; @b: i64[2] = [1,2]", "onnx.less @a, @b", "bool[2] = [0,0]"},
    {"@a: i64[2] = [1|1,2]; @b: i64[2] = [1,2]", "onnx.greater @a, @b", "bool[2] = [1,0]"},
    {"@a: i64[2] = [1|1,2]; @b: i64[2] = [1,2]", "onnx.less_equal @a, @b", "bool[2] = [0,1]"},
    {"@a: i64[2] = [1|1,2]; @b: i64[2] = [1,2]", "onnx.greater_equal @a, @b", "bool[2] = [1,1]"},
    {"@a: i64[3] = [1|1,2,3]; @b: i64[3] = [1|1,2,4]", "onnx.equal @a, @b", "bool[3] = [1,1,0]"},
    {"@a: i64[] = [1|1]; @b: i64[] = [5]", "onnx.equal @a, @b", ""},
    {"@a: i64[] = [1|1]; @b: i64[] = [1]", "onnx.equal @a, @b", "bool[] = [0]"},
    {"@a: i64[2] = [1|1,5]; @b: i64[2] = [1,4]", "onnx.max @a, @b", "i64[2] = [1|1,5]"},
    {"@a: i64[2] = [1|1,5]; @b: i64[2] = [1,4]", "onnx.min @a, @b", "i64[2] = [1,4]"},
    {"@a: bool[4] = [0,0,1,1]; @b: bool[4] = [0,1,0,1]", "onnx.and @a, @b", "bool[4] = [0,0,0,1]"},
    {"@a: bool[4] = [0,0,1,1]; @b: bool[4] = [0,1,0,1]", "onnx.or @a, @b", "bool[4] = [0,1,1,1]"},
    {"@a: bool[2] = [0,1]", "onnx.not @a", "bool[2] = [1,0]"},
    {"@c: bool[2] = [0,1]; @a: i64[2] = [1|1,2]; @b: i64[] = [9]", "onnx.where @c, @a, @b", "i64[2] = [9,2]"},
    {"@c: f32[1] = [1.0]; @a: i64[] = [1]; @b: i64[] = [9]", "onnx.where @c, @a, @b", ""},
    // floats
    {"@a: f32[2] = [1.5,-2.5]; @b: f32[] = [2.0]", "mul @a, @b", "f32[2] = [3.0,-5.0]"},
    {"@a: f32[2] = [1.5,-2.5]", "onnx.floor @a", "f32[2] = [1.0,-3.0]"},
    {"@a: f32[2] = [1.5,-2.5]", "onnx.ceil @a", "f32[2] = [2.0,-2.0]"},
    {"@a: f32[] = [9.0]", "sqrt @a", "f32[] = [3.0]"},
    {"@a: f32[] = [3.0]; @b: f32[] = [2.0]", "pow @a, @b", "f32[] = [9.0]"},
    {"@a: f32[] = [3.0]; @b: f32[] = [2.0]", "onnx.less @a, @b", "bool[] = [0]"},
    {"@a: f32[] = [3.0]; @b: i64[] = [2]", "add @a, @b", ""},
    {"@a: f32[] = opaque; @b: f32[] = [2.0]", "add @a, @b", ""},
    {"@a: i64[2] = [2,3]; @b: i64[2] = [10,4]", "pow @a, @b", "i64[2] = [1024,81]"},
    {"@a: i64[] = [2]; @b: i64[] = [-1]", "pow @a, @b", "i64[] = [0]"},
    {"@a: i64[] = [10]; @b: i64[] = [30]", "pow @a, @b", ""},
    {"@a: f32[2] = [2.0,3.0]; @b: i64[] = [3]", "pow @a, @b", "f32[2] = [8.0,27.0]"},
    {"@a: i64[2] = [2,9]; @b: f32[] = [0.5]", "pow @a, @b", "i64[2] = [1,3]"},
    {"@a: i64[] = [1|1]; @b: i64[] = [2]", "pow @a, @b", ""},
    {"@a: f32[4] = [0.5,1.5,-2.5,2.6]", "onnx.round @a", "f32[4] = [0.0,2.0,-2.0,3.0]"},
    {"@a: f32[3] = [-2.5,0.0,nan]", "onnx.sign @a", "f32[3] = [-1.0,0.0,nan]"},
    {"@a: i64[3] = [-7,0,5]", "onnx.sign @a", "i64[3] = [-1,0,1]"},
    {"@a: f32[] = [0.0]", "onnx.exp @a", "f32[] = [1.0]"},
    {"@a: f32[] = [1.0]", "onnx.log @a", "f32[] = [0.0]"},
    {"@a: f32[] = [0.0]", "onnx.erf @a", "f32[] = [0.0]"},
    {"@a: f32[] = [0.0]", "onnx.tanh @a", "f32[] = [0.0]"},
    {"@a: f32[] = [0.0]", "sigmoid @a", "f32[] = [0.5]"},
    {"@a: f32[3] = [inf,-inf,nan]", "onnx.is_inf @a", "bool[3] = [1,1,0]"},
    {"@a: f32[3] = [inf,-inf,nan]", "onnx.is_inf @a {negative=0}", "bool[3] = [1,0,0]"},
    {"@a: f32[3] = [inf,1.0,nan]", "onnx.is_nan @a", "bool[3] = [0,0,1]"},
    {"@a: f32[4] = [5.5,-5.5,5.5,-5.5]; @b: f32[4] = [3.0,3.0,-3.0,-3.0]", "onnx.mod @a, @b",
     "f32[4] = [2.5,0.5,-0.5,-2.5]"},
    {"@a: f32[2] = [5.5,-5.5]; @b: f32[] = [3.0]", "onnx.mod @a, @b {fmod=1}", "f32[2] = [2.5,-2.5]"},
    {"@a: i64[2] = [7,-7]; @b: i64[] = [3]", "onnx.mod @a, @b {fmod=1}", "i64[2] = [1,-1]"},
    {"@a: bool[4] = [0,0,1,1]; @b: bool[4] = [0,1,0,1]", "onnx.xor @a, @b", "bool[4] = [0,1,1,0]"},
    {"@a: f32[2] = [1.0,5.0]; @b: f32[] = [3.0]; @c: f32[] = [2.0]", "onnx.max @a, @b, @c",
     "f32[2] = [3.0,5.0]"},
    {"@a: f32[2] = [1.0,nan]; @b: f32[] = [3.0]", "onnx.min @a, @b", "f32[2] = [1.0,nan]"},
    // what does not fit its type
    {"@a: u8[] = [200]; @b: u8[] = [100]", "add @a, @b", ""},
    {"@a: u8[] = [100]; @b: u8[] = [200]", "sub @a, @b", ""},
    {"@a: i8[] = [-128]", "neg @a", ""},
    {"@a: i32[] = [2147483647]; @b: i32[] = [1]", "add @a, @b", ""},
    // clip
    {"@a: i64[4] = [-5,0,3,9]; @b: i64[] = [0]; @c: i64[] = [5]", "onnx.clip @a, @b, @c",
     "i64[4] = [0,0,3,5]"},
    {"@a: f32[2] = [-5.0,9.0]; @c: f32[] = [5.0]", "onnx.clip @a, _, @c", "f32[2] = [-5.0,5.0]"},
    {"@a: f32[2] = [-5.0,9.0]", "onnx.clip @a", "f32[2] = [-5.0,9.0]"},
    {"@a: f32[] = [1.0]; @b: f32[] = [4.0]; @c: f32[] = [2.0]", "onnx.clip @a, @b, @c", "f32[] = [2.0]"},
    {"@a: f32[] = [1.0]; @b: f32[2] = [4.0,5.0]", "onnx.clip @a, @b", ""},
    // casts: 0 is f32, 4 is i64, 5 is i32, 6 is u8, 7 is i8, 8 is bool
    {"@a: i64[3] = [2,0,-1]", "onnx.cast @a {to=8}", "bool[3] = [1,0,1]"},
    {"@a: i64[3] = [1|1,0|1,-1|1]", "onnx.cast @a {to=8}", ""},
    {"@a: i64[2] = [1|1,0|1]", "onnx.cast @a {to=8}", "bool[2] = [1,1]"},
    {"@a: bool[2] = [1,0]", "onnx.cast @a {to=0}", "f32[2] = [1.0,0.0]"},
    {"@a: i64[2] = [300,-1]", "onnx.cast @a {to=6}", "u8[2] = [44,255]"},
    {"@a: i64[1] = [4294967297]", "onnx.cast @a {to=5}", "i32[1] = [1]"},
    {"@a: f32[1] = [300.0]", "onnx.cast @a {to=6}", ""},
    {"@a: f32[3] = [1.9,-1.9,0.0]", "onnx.cast @a {to=4}", "i64[3] = [1,-1,0]"},
    {"@a: f32[2] = [0.5,0.0]", "onnx.cast @a {to=8}", "bool[2] = [1,0]"},
    {"@a: i64[2] = [3,-4]", "onnx.cast @a {to=0}", "f32[2] = [3.0,-4.0]"},
    {"@a: i64[] = [1|1]", "onnx.cast @a {to=0}", ""},
    {"@a: f32[] = [1e30]", "onnx.cast @a {to=4}", ""},
    {"@a: f32[] = [nan]", "onnx.cast @a {to=4}", ""},
    // movements
    {"@a: i64[2,3] = [1,2,3,4,5,6]", "onnx.transpose @a", "i64[3,2] = [1,4,2,5,3,6]"},
    {"@a: i64[2,3] = [1,2,3,4,5,6]", "onnx.transpose @a {perm=[0,1]}", "i64[2,3] = [1,2,3,4,5,6]"},
    {"@a: i64[2,3] = [1,2,3,4,5,6]", "onnx.transpose @a {perm=[0,2]}", ""},
    {"@a: i64[6] = [1,2,3,4,5,6]; @s: i64[2] = [-1,3]", "onnx.reshape @a, @s", "i64[2,3] = [1,2,3,4,5,6]"},
    {"@a: i64[6] = [1,2,3,4,5,6]; @s: i64[2] = [4,-1]", "onnx.reshape @a, @s", ""},
    {"@a: i64[2] = [1,2]", "onnx.unsqueeze @a {axes=[0,-1]}", "i64[1,2,1] = [1,2]"},
    {"@a: i64[2] = [1,2]", "onnx.unsqueeze @a {axes=[0,0]}", ""},
    {"@a: i64[1,2,1] = [1,2]", "onnx.squeeze @a", "i64[2] = [1,2]"},
    {"@a: i64[1,2,1] = [1,2]; @x: i64[1] = [0]", "onnx.squeeze @a, @x", "i64[2,1] = [1,2]"},
    {"@a: i64[1,2] = [1,2]; @x: i64[1] = [1]", "onnx.squeeze @a, @x", ""},
    {"@a: i64[2,1] = [1,2]; @s: i64[2] = [1,2]", "onnx.expand @a, @s", "i64[2,2] = [1,1,2,2]"},
    {"@a: i64[1] = [1]; @s: i64[2] = [100000,100000]", "onnx.expand @a, @s", ""},
    {"@a: i64[1] = [1]; @s: i64[1] = [-5]", "onnx.expand @a, @s", ""},
    // gather
    {"@a: i64[3] = [4,1|1,6]; @i: i64[] = [1]", "onnx.gather @a, @i {axis=0}", "i64[] = [1|1]"},
    {"@a: i64[3] = [4,5,6]; @i: i64[2] = [-1,0]", "onnx.gather @a, @i {axis=0}", "i64[2] = [6,4]"},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[1] = [1]", "onnx.gather @a, @i {axis=1}", "i64[2,1] = [2,4]"},
    {"@a: i64[3] = [4,5,6]; @i: i64[] = [3]", "onnx.gather @a, @i {axis=0}", ""},
    {"@a: i64[3] = [4,5,6]; @i: i64[] = [-4]", "onnx.gather @a, @i {axis=0}", ""},
    {"@a: i64[3] = [4,5,6]; @i: i64[] = [0]", "onnx.gather @a, @i {axis=1}", ""},
    // slice
    {"@a: i64[5] = [1,2,3,4,5]; @s: i64[1] = [1]; @e: i64[1] = [4]", "onnx.slice @a, @s, @e",
     "i64[3] = [2,3,4]"},
    {"@a: i64[5] = [1,2,3,4,5]; @s: i64[1] = [-2]; @e: i64[1] = [9223372036854775807]",
     "onnx.slice @a, @s, @e", "i64[2] = [4,5]"},
    {"@a: i64[5] = [1,2,3,4,5]; @s: i64[1] = [0]; @e: i64[1] = [5]; @x: i64[1] = [0]; @t: i64[1] = [2]",
     "onnx.slice @a, @s, @e, @x, @t", "i64[3] = [1,3,5]"},
    {"@a: i64[5] = [1,2,3,4,5]; @s: i64[1] = [-1]; @e: i64[1] = [-9223372036854775807]; @x: i64[1] = [0]; "
     "@t: i64[1] = [-1]",
     "onnx.slice @a, @s, @e, @x, @t", "i64[5] = [5,4,3,2,1]"},
    {"@a: i64[5] = [1,2,3,4,5]; @s: i64[1] = [3]; @e: i64[1] = [0]; @x: i64[1] = [0]; @t: i64[1] = [-2]",
     "onnx.slice @a, @s, @e, @x, @t", "i64[2] = [4,2]"},
    {"@a: i64[5] = [1,2,3,4,5]; @s: i64[1] = [0]; @e: i64[1] = [5]; @t: i64[1] = [2]",
     "onnx.slice @a, @s, @e, _, @t", "i64[3] = [1,3,5]"},
    {"@a: i64[2,3] = [1,2,3,4,5,6]; @s: i64[2] = [1,1]; @e: i64[2] = [2,3]", "onnx.slice @a, @s, @e",
     "i64[1,2] = [5,6]"},
    {"@a: i64[3] = [1,2,3]; @s: i64[1] = [2]; @e: i64[1] = [1]", "onnx.slice @a, @s, @e", "i64[0] = []"},
    {"@a: i64[0] = []; @s: i64[1] = [-1]; @e: i64[1] = [-9223372036854775807]; @x: i64[1] = [0]; @t: i64[1] "
     "= [-1]",
     "onnx.slice @a, @s, @e, @x, @t", "i64[0] = []"},
    {"@a: i64[3] = [1,2,3]; @s: i64[1] = [0]; @e: i64[1] = [3]; @x: i64[1] = [0]; @t: i64[1] = "
     "[9223372036854775807]",
     "onnx.slice @a, @s, @e, @x, @t", "i64[1] = [1]"},
    {"@a: i64[3] = [1,2,3]; @s: i64[1] = [0]; @e: i64[1] = [3]; @x: i64[1] = [0]; @t: i64[1] = [0]",
     "onnx.slice @a, @s, @e, @x, @t", ""},
    {"@a: i64[3,1] = [1,2,3]; @s: i64[2] = [0,0]; @e: i64[1] = [3]", "onnx.slice @a, @s, @e", ""},
    {"@a: i64[3] = [1,2,3]; @s: i64[2] = [2,2]; @e: i64[2] = [3,3]; @x: i64[2] = [0,0]",
     "onnx.slice @a, @s, @e, @x", ""},
    {"@a: i64[3] = [1,2,3]; @s: i64[1] = [0]; @e: i64[1] = [1|1]", "onnx.slice @a, @s, @e", ""},
    // concat
    {"@a: i64[2] = [1,1|1]; @b: i64[1] = [3]", "concat @a, @b, @a {axis=0}", "i64[5] = [1,1|1,3,1,1|1]"},
    {"@a: i64[2,1] = [1,2]; @b: i64[2,2] = [3,4,5,6]", "concat @a, @b {axis=1}", "i64[2,3] = [1,3,4,2,5,6]"},
    {"@a: i64[2,1] = [1,2]; @b: i64[2,1] = [3,4]", "concat @a, @b {axis=-2}", "i64[4,1] = [1,2,3,4]"},
    {"@a: f32[1] = [1.0]; @b: f32[1] = [2.0]", "concat @a, @b {axis=0}", "f32[2] = [1.0,2.0]"},
    // makers
    {"@s: i64[2] = [2,1]", "onnx.constant_of_shape @s {value=7}", "i64[2,1] = [7,7]"},
    {"@s: i64[1] = [2]", "onnx.constant_of_shape @s", "f32[2] = [0.0,0.0]"},
    {"@s: i64[1] = [9000000000]", "onnx.constant_of_shape @s", ""},
    {"@a: i64[] = [2]; @b: i64[] = [9]; @c: i64[] = [3]", "onnx.range @a, @b, @c", "i64[3] = [2,5,8]"},
    {"@a: i64[] = [2]; @b: i64[] = [-2]; @c: i64[] = [-3]", "onnx.range @a, @b, @c", "i64[2] = [2,-1]"},
    {"@a: i64[] = [2]; @b: i64[] = [1]; @c: i64[] = [1]", "onnx.range @a, @b, @c", "i64[0] = []"},
    {"@a: i64[] = [2]; @b: i64[] = [9]; @c: i64[] = [0]", "onnx.range @a, @b, @c", ""},
    {"@a: i64[3] = [2,1|1,5]", "onnx.reduce @a {keepdims=0, kind=\"prod\"}", "i64[] = [10|10]"},
    {"@a: i64[3] = [2,1|1,5]", "onnx.reduce @a {kind=\"sum\"}", "i64[1] = [8|1]"},
    {"@a: i64[3] = [2,9,5]", "onnx.reduce @a {kind=\"max\"}", "i64[1] = [9]"},
    {"@a: i64[3] = [2,9,5]", "onnx.reduce @a {kind=\"mean\"}", ""},
    {"@a: f32[2,2] = [1.0,2.0,3.0,6.0]", "onnx.reduce @a {kind=\"mean\"}", "f32[1,1] = [3.0]"},
    {"@a: f32[2,2] = [1.0,2.0,3.0,6.0]; @x: i64[1] = [-1]", "onnx.reduce @a, @x {keepdims=0, kind=\"mean\"}",
     "f32[2] = [1.5,4.5]"},
    {"@a: f32[2,2] = [3.0,-4.0,0.0,1.0]; @x: i64[1] = [1]", "onnx.reduce @a, @x {kind=\"l2\"}",
     "f32[2,1] = [5.0,1.0]"},
    {"@a: f32[2] = [3.0,-4.0]", "onnx.reduce @a {kind=\"l1\"}", "f32[1] = [7.0]"},
    {"@a: f32[2] = [3.0,-4.0]", "onnx.reduce @a {kind=\"sum_square\"}", "f32[1] = [25.0]"},
    {"@a: f32[2] = [3.0,nan]", "onnx.reduce @a {kind=\"max\"}", "f32[1] = [nan]"},
    {"@a: f32[0] = []", "onnx.reduce @a {kind=\"prod\"}", "f32[1] = [1.0]"},
    {"@a: f32[0] = []", "onnx.reduce @a {kind=\"max\"}", "f32[1] = [-inf]"},
    {"@a: i64[0] = []", "onnx.reduce @a {kind=\"max\"}", ""},
    {"@a: i64[2,2] = [1,2,3,1|1]; @x: i64[1] = [0]", "onnx.reduce @a, @x {kind=\"sum\"}",
     "i64[1,2] = [4,3|1]"},
    {"@a: i64[2] = [1,2]", "onnx.reduce @a {kind=\"sum\", noop_with_empty_axes=1}", "i64[2] = [1,2]"},
    {"@a: i64[2] = [1,2]; @x: i64[1] = [1]", "onnx.reduce @a, @x {kind=\"sum\"}", ""},
    // tile, flatten, pad
    {"@a: i64[2] = [1,2]; @r: i64[1] = [2]", "onnx.tile @a, @r", "i64[4] = [1,2,1,2]"},
    {"@a: i64[1,2] = [1,2]; @r: i64[2] = [2,1]", "onnx.tile @a, @r", "i64[2,2] = [1,2,1,2]"},
    {"@a: i64[2] = [1,2]; @r: i64[1] = [9000000000000]", "onnx.tile @a, @r", ""},
    {"@a: i64[2] = [1,2]; @r: i64[1] = [-1]", "onnx.tile @a, @r", ""},
    {"@a: i64[2,1,2] = [1,2,3,4]", "onnx.flatten @a {axis=2}", "i64[2,2] = [1,2,3,4]"},
    {"@a: i64[2] = [1,2]", "onnx.flatten @a {axis=2}", ""},
    {"@a: i64[2] = [1,2]; @p: i64[2] = [1,2]", "onnx.pad @a, @p", "i64[5] = [0,1,2,0,0]"},
    {"@a: i64[2] = [1,2]; @p: i64[2] = [-1,1]; @v: i64[] = [7]", "onnx.pad @a, @p, @v", "i64[2] = [2,7]"},
    {"@a: i64[1,2] = [1,2]; @p: i64[2] = [1,0]; @x: i64[1] = [-1]", "onnx.pad @a, @p, _, @x",
     "i64[1,3] = [0,1,2]"},
    {"@a: i64[2] = [1,2]; @p: i64[2] = [1,1]", "onnx.pad @a, @p {mode=\"edge\"}", ""},
    {"@a: i64[2] = [1,2]; @p: i64[2] = [4000000000000000000,4000000000000000000]", "onnx.pad @a, @p", ""},
    {"@a: i64[2] = [1,2]; @p: i64[2] = [-2,-2]", "onnx.pad @a, @p", ""},
    // by index
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[2,1] = [1,-2]", "onnx.gather_elements @a, @i {axis=1}",
     "i64[2,1] = [2,3]"},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[1,2] = [1,0]", "onnx.gather_elements @a, @i {axis=0}",
     "i64[1,2] = [3,2]"},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[1,2] = [2,0]", "onnx.gather_elements @a, @i {axis=0}", ""},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[3,1] = [0,0,0]", "onnx.gather_elements @a, @i {axis=1}", ""},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[2,2] = [0,1,1,0]", "onnx.gather_nd @a, @i", "i64[2] = [2,3]"},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[1,1] = [-1]", "onnx.gather_nd @a, @i", "i64[1,2] = [3,4]"},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[1,1] = [2]", "onnx.gather_nd @a, @i", ""},
    {"@a: i64[3] = [1,2,3]; @i: i64[1,1] = [1]; @u: i64[1] = [9]", "onnx.scatter_nd @a, @i, @u",
     "i64[3] = [1,9,3]"},
    {"@a: i64[2,2] = [1,2,3,4]; @i: i64[1,1] = [-1]; @u: i64[1,2] = [8,9]", "onnx.scatter_nd @a, @i, @u",
     "i64[2,2] = [1,2,8,9]"},
    {"@a: i64[3] = [1,2,3]; @i: i64[1,1] = [3]; @u: i64[1] = [9]", "onnx.scatter_nd @a, @i, @u", ""},
    {"@s: i64[1] = [2]", "onnx.constant_of_shape @s {to=5, value=7}", "i32[2] = [7,7]"},
    {"@a: i32[] = [2]; @b: i32[] = [4]; @c: i32[] = [1]", "onnx.range @a, @b, @c", "i32[2] = [2,3]"},
    {"@a: i64[2] = [2,9]", "onnx.identity @a", "i64[2] = [2,9]"},
};

// Evaluates the only node of a graph whose result is returned; prints the constant.
static void evaluate(const char *text, struct strbuf *found) {
    struct error err = {0};
    struct ir_module *m = ir_parse(text, "example", NULL, &err);
    if (m == NULL) fail_msg("%s\n%s", err.message, text);
    if (eval_node(m->graphs->body.head)) {
        const struct ir_value *v = ir_in(ir_return_of(m->graphs), 0);
        struct strbuf all = {0};
        assert_non_null(v->constant);
        ir_node_remove(m->graphs->body.head);
        ir_print(m, &all);
        const char *line = strstr(strbuf_text(&all), "const @r~");
        assert_non_null(line);
        line = strchr(line, ' ') + 1;
        line = strchr(line, ' ') + 1;
        strbuf_printf(found, "%.*s", (int)strcspn(line, "\n"), line);
        strbuf_free(&all);
    }
    ir_module_free(m);
}

static void test_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *e = &examples[i];
        struct strbuf text = {0}, found = {0};
        for (const char *c = e->constants; *c != 0;) {
            size_t n = strcspn(c, ";");
            strbuf_printf(&text, "const %.*s\n", (int)n, c);
            c += n + strspn(c + n, "; ");
        }
        bool tensor_level = strncmp(e->node, "onnx.", 5) != 0;
        // an annotation keeps shape inference, which asks for more than evaluation, out of it
        strbuf_printf(&text, "graph @g() {\n%%r: %s = %s\nreturn %%r\n}", tensor_level ? "i64[]" : "i64?",
                      e->node);
        evaluate(strbuf_text(&text), &found);
        if (strcmp(strbuf_text(&found), e->expected) != 0) {
            fail_msg("%s of %s: expected '%s', found '%s'", e->node, e->constants, e->expected,
                     strbuf_text(&found));
        }
        strbuf_free(&text);
        strbuf_free(&found);
    }
}

// A concat of shapes that do not fit was once written past the end of its result.
static void test_concat_of_unlike_shapes(void **state) {
    (void)state;
    struct strbuf text = {0}, found = {0};
    strbuf_add(&text, "const @a: i64[1,1] = [1]\nconst @b: i64[1,9000] = [0");
    for (int i = 1; i < 9000; i++) strbuf_add(&text, ",0");
    strbuf_add(&text, "]\ngraph @g() {\n%r: i64[] = concat @a, @b {axis=0}\nreturn %r\n}");
    evaluate(strbuf_text(&text), &found);
    assert_string_equal(strbuf_text(&found), "");
    strbuf_free(&text);
    strbuf_free(&found);
}

// A split of a constant has a constant for each part.
static void test_split(void **state) {
    (void)state;
    struct error err = {0};
    struct ir_module *m = ir_parse("const @a: i64[5] = [1,2,3,4,5]\nconst @s: i64[2] = [2,3]\ngraph @g() {\n"
                                   "%p, %q = onnx.split @a, @s {axis=0}\n"
                                   "%u, %v = onnx.split @a {axis=-1}\nreturn %p, %q, %u, %v\n}",
                                   "example", NULL, &err);
    if (m == NULL) fail_msg("%s", err.message);
    const int64_t count[] = {2, 3, 3, 2}, first[] = {1, 3, 1, 4};
    assert_true(eval_node(m->graphs->body.head) && eval_node(m->graphs->body.head->next));
    for (int i = 0; i < 4; i++) {
        const struct ir_value *v = ir_in(ir_return_of(m->graphs), i);
        assert_true(ir_is_int_constant(v) && (int64_t)v->constant->count == count[i]);
        assert_true(dim_is(v->constant->ints[0], first[i]));
    }
    ir_module_free(m);
}

// Shape and size need no constant, only a known shape.
static void test_shape_of_values(void **state) {
    (void)state;
    static const struct {
        const char *type, *node, *expected;
    } shapes[] = {
        {"f32[1,8,1|1,5]", "onnx.shape %x", "i64[4] = [1,8,1|1,5]"},
        {"f32[1,8,1|1,5]", "onnx.shape %x {end=-1, start=-2}", "i64[1] = [1|1]"},
        {"f32[1,8,1|1,5]", "onnx.shape %x {end=99, start=-99}", "i64[4] = [1,8,1|1,5]"},
        {"f32[1,8,1|1,5]", "onnx.shape %x {end=1, start=3}", "i64[0] = []"},
        {"f32[1,8,1|1,5]", "onnx.size %x", "i64[] = [40|40]"},
        {"f32[1,8,-1,5]", "onnx.shape %x {end=2}", "i64[2] = [1,8]"},
        {"f32[1,8,-1,5]", "onnx.shape %x", ""},
        {"f32[1,8,-1,5]", "onnx.size %x", ""},
        {"f32?", "onnx.shape %x", ""},
        {"f32[4]", "onnx.identity %x", ""},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct strbuf text = {0}, found = {0};
        strbuf_printf(&text, "graph @g(%%x: %s) {\n%%r: i64? = %s\nreturn %%r\n}", shapes[i].type,
                      shapes[i].node);
        evaluate(strbuf_text(&text), &found);
        assert_string_equal(strbuf_text(&found), shapes[i].expected);
        strbuf_free(&text);
        strbuf_free(&found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_concat_of_unlike_shapes),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_shape_of_values),
    };
    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}
