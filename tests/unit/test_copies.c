// Rearrangements as copies: every element of the result is written once, with the element that the rearrangement puts
// there; and what plan_check wants of views that are written.
#include "ir/rearrange.h"
#include "passes/emit_rearrange.h"
#include "passes/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_ELEMENTS = 1 << 20 };

static uint64_t seed = 88172645463325252u;

static int random_below(int n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)(seed % (uint64_t)n);
}

// Up to 6 atoms of an operand of rank 4 and 2 repeated ones, shuffled into `out_rank` axes.
static struct ir_rearrange random_rearrange(int out_rank) {
    struct ir_rearrange r = {.time_atom = -1, .in_rank = 4, .out_rank = out_rank};
    for (int i = random_below(6) + 1; i > 0; i--) r.in_count[random_below(4)]++, r.in_atoms++;
    r.atoms = r.in_atoms + random_below(3);
    for (int i = 0; i < r.atoms; i++) {
        r.size[i] = dim_const(2 + random_below(3));
        int k = random_below(i + 1);
        r.out_order[i] = r.out_order[k];
        r.out_order[k] = (uint8_t)i;
        r.out_count[random_below(out_rank)]++;
    }
    return r;
}

// Where element i of the result comes from in a dense operand.
static size_t source_of(const struct ir_rearrange *r, size_t i) {
    size_t digit[IR_MAX_ATOMS], at = 0;
    for (int k = r->atoms - 1; k >= 0; k--) {
        size_t size = (size_t)r->size[r->out_order[k]].first;
        digit[r->out_order[k]] = i % size;
        i /= size;
    }
    for (int atom = 0; atom < r->in_atoms; atom++) at = at * (size_t)r->size[atom].first + digit[atom];
    return at;
}

static const uint64_t *strides(const struct plan_view *v) { return &v->frame_stride; }
static const uint32_t *extents(const struct plan_view *v) { return &v->frames; }

// Runs one copy on a table of where elements come from.
static void run_copy(const struct plan_view *x, const struct plan_view *y, size_t *table, size_t count) {
    size_t n[4];
    for (n[0] = 0; n[0] < extents(x)[0]; n[0]++) {
        for (n[1] = 0; n[1] < extents(x)[1]; n[1]++) {
            for (n[2] = 0; n[2] < extents(x)[2]; n[2]++) {
                for (n[3] = 0; n[3] < extents(x)[3]; n[3]++) {
                    size_t from = x->offset, to = y->offset;
                    for (int k = 0; k < 4; k++) from += n[k] * strides(x)[k], to += n[k] * strides(y)[k];
                    assert_true(to < count && table[to] == SIZE_MAX);
                    table[to] = from;
                }
            }
        }
    }
}

static void check(const struct ir_rearrange *r, const struct emit_copies *c) {
    static size_t table[MAX_ELEMENTS];
    struct plan_view none = {0}, x = emit_copies_view(c, &none, true), y = emit_copies_view(c, &none, false);
    size_t count = 1;
    for (int i = 0; i < r->atoms; i++) count *= (size_t)r->size[i].first;
    assert_true(count <= MAX_ELEMENTS);
    for (size_t i = 0; i < count; i++) table[i] = SIZE_MAX;
    for (uint64_t i = 0; i < c->count; i++) {
        emit_copies_at(c, i, &x.offset, &y.offset);
        run_copy(&x, &y, table, count);
    }
    for (size_t i = 0; i < count; i++) assert_int_equal(table[i], source_of(r, i));
}

static bool copies_of(const struct ir_rearrange *r, struct emit_copies *c) {
    struct ir_type in, out;
    uint64_t from[IR_MAX_RANK], to[IR_MAX_RANK];
    enum role role[IR_MAX_RANK] = {ROLE_FRAMES, ROLE_ROWS, ROLE_COLUMNS, ROLE_CHANNELS, ROLE_NONE};
    assert_true(rearrange_in_type(r, IR_F32, &in) && rearrange_out_type(r, IR_F32, &out));
    storage_dense_strides(&in, from);
    storage_dense_strides(&out, to);
    return emit_copies_make(r, from, to, role, c);
}

static void test_random(void **state) {
    (void)state;
    int made = 0;
    for (int i = 0; i < 3000; i++) {
        struct ir_rearrange r = random_rearrange(4 + i % 2);
        struct emit_copies c;
        if (!copies_of(&r, &c)) continue;
        made++;
        assert_true(c.count <= EMIT_MAX_COPIES);
        check(&r, &c);
    }
    assert_in_range(made, 2500, 3000);
}

static struct emit_copies of_pattern(int64_t frames, int64_t height, int64_t width, int64_t channels,
                                     const char *pattern) {
    struct ir_dim dims[4] = {dim_const(frames), dim_const(height), dim_const(width), dim_const(channels)};
    struct ir_type t = ir_type_make(IR_F32, 4, dims);
    struct ir_rearrange r;
    struct emit_copies c = {.count = 0};
    assert_true(rearrange_parse(&t, pattern, &r));
    if (!copies_of(&r, &c)) c.count = 0;
    return c;
}

// The numbers that the essay and docs/passes.md promise.
static void test_counts(void **state) {
    (void)state;
    assert_int_equal(of_pattern(1, 3, 5, 8, "1 a b c -> d:2 a b c").count, 1);
    assert_int_equal(of_pattern(2, 3, 5, 8, "a b c d -> (a e:2) b c d").count, 1);
    assert_int_equal(of_pattern(2, 3, 5, 8, "a b c (d:4 e:2) -> (a e) b c d").count, 1);
    assert_int_equal(of_pattern(4, 6, 10, 1024, "a b c (d:512 e:2) -> a (b e) (c f:2) d").count, 2);
    assert_int_equal(of_pattern(4, 8, 8, 12, "a b c (d:3 e:2 f:2) -> a d (b f) (c e)").count, 4);
    assert_int_equal(
        of_pattern(16, 16, 16, 256, "(a:4 b:4) (c:4 d:4) (e:4 f:4) (g:16 h:16) -> (h f b) (d g) a (e c)")
            .count,
        0);
}

// One copy with the axes of the result keeps them, channels last or not.
static void test_axes_kept(void **state) {
    (void)state;
    struct emit_copies c = of_pattern(2, 3, 5, 8, "a b c d -> a d b c");
    assert_int_equal(c.axis[ROLE_ROWS].size, 8);
    assert_int_equal(c.axis[ROLE_ROWS].from, 1);
    assert_int_equal(c.axis[ROLE_CHANNELS].from, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_axes_kept),
    };
    return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
