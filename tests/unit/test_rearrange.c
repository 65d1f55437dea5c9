// Rearrangements against an oracle that knows nothing of atoms' algebra: every rearrangement is turned into a list, "output
// element i is input element map[i]", and lists are compared.
#include "ir/rearrange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 1 << 14 };

struct map { // of a static rearrangement
    size_t count;
    size_t from[MOST];
};

static uint32_t seed = 7;
static int random_below(int n) {
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

static struct ir_type type_of(int rank, const int *dims) {
    struct ir_type t = {.dtype = IR_F32, .rank = rank, .time_axis = -1};
    for (int i = 0; i < rank; i++) t.dims[i] = dim_const(dims[i]);
    return t;
}

// By definition: walk the output's atoms, outermost first; an input atom steps over all later input atoms, a repeated
// one does not step at all.
static void to_map(const struct ir_rearrange *r, struct map *m) {
    size_t step[IR_MAX_ATOMS] = {0}, inner = 1;
    for (int i = r->in_atoms - 1; i >= 0; i--) {
        step[i] = inner;
        inner *= (size_t)r->size[i].first;
    }
    m->count = 1;
    m->from[0] = 0;
    for (int k = r->atoms - 1; k >= 0;
         k--) { // prepend one atom: the list so far, once for each of its values
        int atom = r->out_order[k];
        size_t n = m->count, size = (size_t)r->size[atom].first;
        assert_true(n * size <= MOST);
        for (size_t x = 1; x < size; x++) {
            for (size_t i = 0; i < n; i++) m->from[x * n + i] = m->from[i] + x * step[atom];
        }
        m->count = n * size;
    }
}

static void assert_same_map(const struct map *a, const struct map *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->from, b->from, a->count * sizeof *a->from);
}

static void out_type(const struct ir_rearrange *r, struct ir_type *t) {
    assert_true(rearrange_out_type(r, IR_F32, t));
}

static size_t count_of(const struct ir_type *t) {
    int64_t n;
    assert_true(ir_type_count(t, &n));
    return (size_t)n;
}

// ---- constructors

static void test_transpose(void **state) {
    (void)state;
    static struct map m;
    int dims[] = {2, 1, 3, 4};
    struct ir_type t = type_of(4, dims), out;
    for (int code = 0; code < 256; code++) {
        int64_t perm[] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        unsigned mask = 1u << perm[0] | 1u << perm[1] | 1u << perm[2] | 1u << perm[3];
        struct ir_rearrange r;
        assert_int_equal(rearrange_transpose(&t, perm, &r), mask == 15);
        if (mask != 15) continue;
        out_type(&r, &out);
        to_map(&r, &m);
        size_t stride[] = {12, 12, 4, 1}, i = 0;
        for (int a = 0; a < out.dims[0].first; a++) {
            for (int b = 0; b < out.dims[1].first; b++) {
                for (int c = 0; c < out.dims[2].first; c++) {
                    for (int d = 0; d < out.dims[3].first; d++, i++) {
                        size_t from = a * stride[perm[0]] + b * stride[perm[1]] + c * stride[perm[2]] +
                                      d * stride[perm[3]];
                        assert_int_equal(m.from[i], from);
                    }
                }
            }
        }
        assert_int_equal(i, m.count);
    }
    int64_t negative[] = {0, 1, 2, -1};
    struct ir_rearrange r;
    assert_false(rearrange_transpose(&t, negative, &r));
}

static void test_repeat(void **state) {
    (void)state;
    static struct map m;
    int dims[] = {2, 3, 1};
    struct ir_type t = type_of(3, dims), out;
    for (int axis = 0; axis < 3; axis++) {
        for (int inner = 0; inner < 2; inner++) {
            struct ir_rearrange r;
            assert_true(rearrange_repeat(&t, axis, 2, inner, &r));
            out_type(&r, &out);
            assert_int_equal(out.dims[axis].first, 2 * dims[axis]);
            to_map(&r, &m);
            for (size_t i = 0; i < m.count; i++) {
                size_t x[3] = {i / (size_t)(out.dims[1].first * out.dims[2].first),
                               i / (size_t)out.dims[2].first % (size_t)out.dims[1].first,
                               i % (size_t)out.dims[2].first};
                x[axis] = inner ? x[axis] / 2 : x[axis] % (size_t)dims[axis];
                assert_int_equal(m.from[i], (x[0] * 3 + x[1]) * 1 + x[2]);
            }
        }
    }
    struct ir_rearrange r;
    assert_true(rearrange_repeat(&t, 1, 1, true, &r) && rearrange_is_identity(&r));
    assert_false(rearrange_repeat(&t, 1, 0, true, &r));
    assert_false(rearrange_repeat(&t, 1, -2, true, &r));
}

// Reshapes of row-major data move nothing, whichever shapes they can express.
static void test_reshape(void **state) {
    (void)state;
    static struct map m;
    static const int shapes[][5] = {{24},       {2, 12},         {2, 3, 4}, {4, 6}, {6, 4},
                                    {1, 24, 1}, {2, 1, 3, 1, 4}, {2, 2, 6}, {3, 8}, {1, 1},
                                    {25}};
    static const int ranks[] = {1, 2, 3, 2, 2, 3, 5, 3, 2, 2, 1};
    enum { SHAPES = sizeof ranks / sizeof *ranks };
    for (int i = 0; i < SHAPES; i++) {
        for (int k = 0; k < SHAPES; k++) {
            struct ir_type a = type_of(ranks[i], shapes[i]), b = type_of(ranks[k], shapes[k]), out;
            struct ir_rearrange r;
            bool same_count = count_of(&a) == count_of(&b);
            bool ok = rearrange_reshape(&a, b.rank, b.dims, &r);
            assert_false(ok && !same_count);
            if (!ok) continue;
            out_type(&r, &out);
            assert_true(ir_type_equal(&out, &b) && rearrange_is_reshape(&r));
            assert_int_equal(rearrange_is_identity(&r), ir_type_equal(&a, &b));
            to_map(&r, &m);
            for (size_t x = 0; x < m.count; x++) assert_int_equal(m.from[x], x);
        }
    }
    struct ir_type a = type_of(2, (int[]){4, 6}), b = type_of(3, (int[]){2, 2, 6});
    struct ir_rearrange r;
    assert_true(rearrange_reshape(&a, b.rank, b.dims, &r)); // divides: must work
    b = type_of(2, (int[]){6, 4});
    assert_false(rearrange_reshape(&a, b.rank, b.dims, &r)); // 4*6 and 6*4 have no common cut
}

// ---- composition

// A random step from type *t: transpose, split, merge, repeat, or a new unit axis.
static bool random_step(struct ir_type *t, bool repeats, struct ir_rearrange *r) {
    struct ir_dim dims[IR_MAX_RANK];
    int64_t perm[IR_MAX_RANK];
    int axis = random_below(t->rank), k = 0;
    switch (random_below(repeats ? 5 : 4)) {
    case 0:
        for (int i = 0; i < t->rank; i++) perm[i] = i;
        for (int i = t->rank - 1; i > 0; i--) {
            int j = random_below(i + 1);
            int64_t x = perm[i];
            perm[i] = perm[j], perm[j] = x;
        }
        return rearrange_transpose(t, perm, r);
    case 1: // split an axis by 2 or 3
        for (int i = 0; i < t->rank; i++) {
            int64_t factor = 2 + random_below(2);
            bool cut = i == axis && t->dims[i].first % factor == 0 && t->rank < 7;
            if (cut) dims[k++] = dim_const(factor);
            dims[k++] = dim_const(cut ? t->dims[i].first / factor : t->dims[i].first);
        }
        return rearrange_reshape(t, k, dims, r);
    case 2: // merge an axis with the next
        for (int i = 0; i < t->rank; i++) {
            bool merge = i == axis && i + 1 < t->rank;
            dims[k++] = dim_const(merge ? t->dims[i].first * t->dims[i + 1].first : t->dims[i].first);
            i += merge;
        }
        return rearrange_reshape(t, k, dims, r);
    case 3:
        for (int i = 0; i < t->rank; i++) {
            if (i == axis && t->rank < 7) dims[k++] = dim_const(1);
            dims[k++] = t->dims[i];
        }
        return rearrange_reshape(t, k, dims, r);
    default: return rearrange_repeat(t, axis, 2, random_below(2), r);
    }
}

static void check_inverse(const struct ir_rearrange *r, const struct ir_type *in) {
    static struct map m, back;
    struct ir_rearrange inverse, both;
    struct ir_type t;
    assert_int_equal(rearrange_inverse(r, &inverse), rearrange_repeats(r) == 0);
    if (rearrange_repeats(r) > 0) return;
    out_type(&inverse, &t);
    assert_true(ir_type_equal(&t, in));
    to_map(r, &m);
    to_map(&inverse, &back);
    for (size_t i = 0; i < m.count; i++) assert_int_equal(back.from[m.from[i]], i);
    assert_true(rearrange_compose(r, &inverse, &both) && rearrange_is_identity(&both));
    assert_true(rearrange_compose(&inverse, r, &both) && rearrange_is_identity(&both));
}

static void check_text(const struct ir_rearrange *r, const struct ir_type *in) {
    struct strbuf text = {0}, again = {0};
    struct ir_rearrange parsed;
    rearrange_print(r, &text);
    assert_true(rearrange_parse(in, strbuf_text(&text), &parsed));
    assert_true(rearrange_equal(r, &parsed));
    rearrange_print(&parsed, &again);
    assert_string_equal(strbuf_text(&text), strbuf_text(&again));
    strbuf_free(&text);
    strbuf_free(&again);
}

static void test_compose(void **state) {
    (void)state;
    static struct map first, second, both, expected;
    static const int starts[][4] = {{2, 3, 4, 6}, {1, 6, 1, 4}, {12}, {5, 1, 2}};
    static const int ranks[] = {4, 4, 1, 3};
    int composed = 0;
    for (int round = 0; round < 4000; round++) {
        int which = random_below(4);
        struct ir_type in = type_of(ranks[which], starts[which]), t = in, out;
        struct ir_rearrange all, step, next;
        assert_true(rearrange_identity(&t, &all));
        for (int k = 0; k < 6 && count_of(&t) < 1000; k++) {
            if (!random_step(&t, round % 2, &step) || !rearrange_compose(&all, &step, &next)) break;
            to_map(&all, &first);
            to_map(&step, &second);
            expected.count = second.count;
            for (size_t i = 0; i < second.count; i++) expected.from[i] = first.from[second.from[i]];
            to_map(&next, &both);
            assert_same_map(&both, &expected);
            out_type(&step, &t);
            out_type(&next, &out);
            assert_true(ir_type_equal(&t, &out));
            check_text(&next, &in);
            check_inverse(&next, &in);
            all = next;
            composed++;
        }
    }
    assert_true(composed > 10000);
}

// Equal as lists and between equal types is equal as structures: the normal form is one.
static void test_normal_form(void **state) {
    (void)state;
    struct ir_type t = type_of(2, (int[]){4, 6});
    struct ir_rearrange a, b;
    assert_true(rearrange_parse(&t, "(a:2 b:2) c -> (a b) c", &a) && rearrange_parse(&t, "a b -> a b", &b));
    assert_true(rearrange_equal(&a, &b) && rearrange_is_identity(&a));
    assert_true(rearrange_parse(&t, "(x:1 b:4) c -> b c x", &a) && rearrange_parse(&t, "a b -> a b 1", &b));
    assert_true(rearrange_equal(&a, &b));
    assert_true(rearrange_parse(&t, "a b -> a b x:2 y:3", &a) &&
                rearrange_parse(&t, "a b -> a b y:2 x:3", &b));
    assert_true(rearrange_equal(&a, &b));
    assert_true(rearrange_parse(&t, "a b -> a (b x:2 y:3)", &a) &&
                rearrange_parse(&t, "a b -> a (b z:6)", &b));
    assert_true(rearrange_equal(&a, &b));
    assert_true(rearrange_parse(&t, "a b -> b a", &a) && !rearrange_equal(&a, &b));
    assert_false(rearrange_parse(&t, "a b -> a b x:0", &a)); // nothing is repeated no times
}

// ---- time

static struct ir_type video(void) { // [1, 8, T, 6]
    struct ir_type t = type_of(4, (int[]){1, 8, 1, 6});
    t.dims[2] = (struct ir_dim){1, 1};
    t.time_axis = 2;
    return t;
}

static void test_time(void **state) {
    (void)state;
    struct ir_type t = video(), out;
    struct ir_rearrange r, r2, both;
    assert_true(rearrange_parse(&t, "1 (a:2 b:4) c d -> 1 b (c a) d", &r));
    out_type(&r, &out);
    assert_int_equal(out.time_axis, 2);
    assert_true(out.dims[2].first == 2 && out.dims[2].steady == 2 && dim_is(out.dims[1], 4));
    assert_true(rearrange_parse(&out, "1 a (b:1|1 c:2) d -> b 1 (c a) d", &r2));
    assert_true(rearrange_compose(&r, &r2, &both));
    out_type(&both, &out);
    assert_int_equal(out.time_axis, 0);
    assert_false(
        rearrange_parse(&t, "1 (a:2 b:4) c d -> 1 b (a c) d", &r)); // frames inside of something else
    struct ir_dim mixed[] = {dim_const(1), {8, 8}, dim_const(6)}, merged[] = {dim_const(8), {6, 6}};
    assert_false(rearrange_reshape(&t, 3, mixed, &r));
    assert_true(rearrange_reshape(&t, 2, merged, &r));
}

// A variant's rearrangement is the streaming one with numbers in place of T.
static void test_specialise(void **state) {
    (void)state;
    static struct map m, expected;
    struct ir_type t = video(), first = type_of(4, (int[]){1, 8, 1, 6}),
                   steady = type_of(4, (int[]){1, 8, 3, 6});
    struct ir_rearrange r, v, plain;
    t.dims[2].steady = 3;
    assert_true(rearrange_parse(&t, "1 (a:2 b:4) c d -> 1 b (c a) (d e:2)", &r));
    for (int k = 0; k < 2; k++) {
        rearrange_specialise(&r, k, &v);
        assert_true(rearrange_parse(k ? &steady : &first, "1 (a:2 b:4) c d -> 1 b (c a) (d e:2)", &plain));
        assert_true(rearrange_equal(&v, &plain));
        to_map(&v, &m);
        to_map(&plain, &expected);
        assert_same_map(&m, &expected);
        assert_int_equal(v.time_atom, -1);
    }
}

// One frame, 1|0: its atom of size 1 must not get lost.
static void test_single_frame(void **state) {
    (void)state;
    struct ir_type t = video(), out;
    struct ir_rearrange r;
    t.dims[2] = dim_const(1);
    struct ir_dim dims[] = {dim_const(2), dim_const(4), dim_const(1), dim_const(6)};
    assert_true(rearrange_reshape(&t, 4, dims, &r));
    out_type(&r, &out);
    assert_int_equal(out.time_axis, 2);
    int64_t perm[] = {2, 0, 1, 3};
    assert_true(rearrange_transpose(&t, perm, &r));
    out_type(&r, &out);
    assert_int_equal(out.time_axis, 0);
    check_text(&r, &t);
    check_inverse(&r, &t);
}

// ---- text

static void test_bad_patterns(void **state) {
    (void)state;
    static const char *const patterns[] = {
        "",             // no arrow
        "a b",          // no right side
        "a b -> a",     // an atom is lost
        "a b -> a b b", // used twice
        "a a -> a",     // defined twice
        "a -> a",       // an axis is missing
        "a b c -> a b c",
        "a 1 -> a",             // the axis is not 1
        "(a:2 b:3) c -> a b c", // 2*3 is not 4
        "(a:2 b c -> a b c",    // not closed
        "a b -> a b c",         // a repeated atom needs a size
        "a b -> a b c:-2",
        "a b -> a b A:2",
        "a b -> a b c:2:3",
        "a:3 b -> a b",
        "() a b -> a b",
        "a b -> a b 1 1 1 1 1 1 1",
    };
    struct ir_type t = type_of(2, (int[]){4, 6});
    struct ir_rearrange r;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (rearrange_parse(&t, patterns[i], &r)) fail_msg("'%s' was accepted", patterns[i]);
    }
    assert_true(rearrange_parse(&t, "  a b->( b a )", &r));
    struct ir_type unknown = {.rank = -1, .time_axis = -1};
    assert_false(rearrange_parse(&unknown, "a b -> b a", &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose),    cmocka_unit_test(test_repeat),
        cmocka_unit_test(test_reshape),      cmocka_unit_test(test_compose),
        cmocka_unit_test(test_normal_form),  cmocka_unit_test(test_time),
        cmocka_unit_test(test_specialise),   cmocka_unit_test(test_single_frame),
        cmocka_unit_test(test_bad_patterns),
    };
    return cmocka_run_group_tests_name("rearrange", tests, NULL, NULL);
}
