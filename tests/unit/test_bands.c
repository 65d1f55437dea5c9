// Bands: every row is computed once, from rows that are there, in buffers that hold a few of them. The buffers are played
// through: each slot says which operator wrote it.
#include "plan/bands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_ROWS = 160, BUFFERS = 24, NOBODY = -1 };

struct buffer {
    struct plan_rows window;
    int writer[MOST_ROWS]; // of each row of the image; NOBODY outside of the window
};

static struct plan_bands bands;
static struct buffer buffers[BUFFERS];
static uint32_t capacity[BUFFERS];
static bool computed[PLAN_MAX_BAND_OPS][MOST_ROWS];

static void slide(uint32_t b) {
    struct plan_rows w = plan_bands_window(&bands, b);
    if (w.end - w.first > capacity[b]) fail_msg("buffer %u: %u rows of %u", b, w.end - w.first, capacity[b]);
    for (uint32_t y = 0; y < MOST_ROWS; y++) {
        bool kept = y >= w.first && y < w.end && y >= buffers[b].window.first && y < buffers[b].window.end;
        if (!kept) buffers[b].writer[y] = NOBODY;
    }
    buffers[b].window = w;
}

// In front of operator k; count if none.
static uint32_t writer(uint32_t k, uint32_t buffer) {
    while (k-- > 0) {
        if (bands.ops[k].out == buffer) return k;
    }
    return bands.count;
}

static void compute(uint32_t k, uint32_t y) {
    const struct plan_band_op *op = &bands.ops[k];
    for (uint32_t i = 0; i < op->in_count; i++) {
        const struct plan_band_operand *in = &op->in[i];
        uint32_t w = writer(k, in->buffer), first = y < in->halo ? 0 : (y - in->halo) / in->scale,
                 last = (y + in->halo) / in->scale;
        if (w == bands.count) continue;
        for (uint32_t r = first; r <= last && r < in->height; r++) {
            if (buffers[in->buffer].writer[r] == (int)w) continue;
            fail_msg("operator %u, row %u: row %u of buffer %u is of %d, expected %u", k, y, r, in->buffer,
                     buffers[in->buffer].writer[r], w);
        }
    }
    if (computed[k][y]) fail_msg("operator %u: row %u again", k, y);
    computed[k][y] = true;
}

static void run_op(uint32_t k) {
    const struct plan_band_op *op = &bands.ops[k];
    struct plan_rows rows = plan_bands_rows(&bands, k);
    if (rows.end < op->height && rows.end % op->tile != 0 && rows.first < rows.end)
        fail_msg("operator %u: rows to %u, tiles of %u", k, rows.end, op->tile);
    assert_true(rows.first >= rows.end || rows.first % op->tile == 0);
    for (uint32_t y = rows.first; y < rows.end; y++) compute(k, y);
    for (uint32_t y = rows.first; y < rows.end && op->out != PLAN_NONE; y++) {
        const struct plan_rows *w = &buffers[op->out].window;
        if (y < w->first || y >= w->end) fail_msg("operator %u writes row %u outside of the window", k, y);
        buffers[op->out].writer[y] = (int)k;
    }
}

static void play(bool backward) {
    memset(computed, 0, sizeof computed);
    for (uint32_t b = 0; b < BUFFERS; b++) {
        buffers[b].window = (struct plan_rows){0, 0};
        for (uint32_t y = 0; y < MOST_ROWS; y++) buffers[b].writer[y] = NOBODY;
    }
    plan_bands_start(&bands, backward);
    while (plan_bands_next(&bands)) {
        for (uint32_t b = 0; b < BUFFERS; b++) slide(b);
        for (uint32_t k = 0; k < bands.count; k++) run_op(k);
    }
    for (uint32_t k = 0; k < bands.count; k++) {
        for (uint32_t y = 0; y < bands.ops[k].height; y++) assert_true(computed[k][y]);
    }
}

static void play_both(void) {
    for (uint32_t b = 0; b < BUFFERS; b++) capacity[b] = plan_bands_capacity(&bands, b);
    play(false);
    play(true);
}

// ---- runs

static void add(uint32_t height, uint32_t tile, uint32_t out) {
    bands.ops[bands.count++] = (struct plan_band_op){.height = height, .tile = tile, .out = out};
}

static void reads(uint32_t buffer, uint32_t height, uint32_t scale, uint32_t halo) {
    struct plan_band_op *op = &bands.ops[bands.count - 1];
    op->in[op->in_count++] = (struct plan_band_operand){buffer, height, scale, halo};
}

static void begin(uint32_t rows) {
    bands.rows = rows;
    bands.count = 0;
}

// A residual block: the trunk stays in buffer `trunk`.
static void add_block(uint32_t height, uint32_t tile, uint32_t trunk, uint32_t inner) {
    add(height, tile, inner);
    reads(trunk, height, 1, 1);
    add(height, tile, trunk);
    reads(inner, height, 1, 1);
    reads(trunk, height, 1, 0);
}

// By hand: rows of 4, tiles of 1. Behind the first operator, each stays one row behind the one in front of it.
static void test_chain(void **state) {
    (void)state;
    begin(4);
    add(12, 1, 0);
    add(12, 1, 1);
    reads(0, 12, 1, 1);
    add(12, 1, PLAN_NONE);
    reads(1, 12, 1, 1);
    const struct plan_rows expected[][3] = {{{0, 4}, {0, 3}, {0, 2}},
                                            {{4, 8}, {3, 7}, {2, 6}},
                                            {{8, 12}, {7, 11}, {6, 10}},
                                            {{12, 12}, {11, 12}, {10, 12}}};
    plan_bands_start(&bands, false);
    for (size_t i = 0; i < 4; i++) {
        assert_true(plan_bands_next(&bands));
        for (uint32_t k = 0; k < 3; k++) {
            struct plan_rows rows = plan_bands_rows(&bands, k);
            assert_int_equal(expected[i][k].first, rows.first);
            assert_int_equal(expected[i][k].end, rows.end);
        }
    }
    assert_false(plan_bands_next(&bands));
    assert_int_equal(6, plan_bands_capacity(&bands, 0)); // in front of the second part: rows 2 to 8
    assert_int_equal(4, plan_bands_most_rows(&bands, 2));
    play_both();
}

// Rows of a trunk wait until the whole block is done with them.
static void test_block(void **state) {
    (void)state;
    begin(8);
    add(30, 4, 0);
    add_block(30, 4, 0, 1);
    add_block(30, 4, 0, 2);
    play_both();
    assert_true(plan_bands_capacity(&bands, 1) < 30);
}

// What one operator reads, with a halo, a later one overwrites that does not wait for it otherwise.
static void test_overwrite(void **state) {
    (void)state;
    for (uint32_t tile = 1; tile <= 4; tile *= 2) {
        begin(4);
        add(22, 4, 0);
        add(22, tile, 1);
        reads(0, 22, 1, 1);
        add(22, 1, 0);
        reads(0, 22, 1, 0);
        add(22, 1, 2);
        reads(1, 22, 1, 1);
        add(22, 1, 0); // again, by what is two rows behind
        reads(2, 22, 1, 1);
        add(22, 1, 0); // and by values from elsewhere
        add(22, 1, PLAN_NONE);
        reads(1, 22, 1, 1);
        reads(0, 22, 1, 1);
        play_both();
    }
}

// Parts shorter than a tile, images of one row, and a run whose last operator is behind by more than a part.
static void test_small(void **state) {
    (void)state;
    for (uint32_t height = 1; height <= 9; height++) {
        for (uint32_t tile = 1; tile <= 4; tile *= 2) {
            begin(tile);
            add(2 * height, 2 * tile > 4 ? 4 : 2 * tile, 0);
            bands.rows = bands.ops[0].tile;
            add_block(2 * height, tile, 0, 1);
            add(4 * height, 2 * tile, 2);
            reads(0, 2 * height, 2, 1);
            add(4 * height, tile, PLAN_NONE);
            reads(2, 4 * height, 1, 1);
            play_both();
        }
    }
}

static uint32_t below(uint32_t limit) { return (uint32_t)rand() % limit; }

// Stages of blocks, each twice as high as the one before it, of random tiles.
static void test_random(void **state) {
    (void)state;
    srand(3);
    for (int i = 0; i < 400; i++) {
        static const uint32_t tiles[] = {1, 2, 4, 8};
        uint32_t height = 1 + below(20), tile = tiles[below(4)], buffer = 0;
        begin(tile * (1 + below(3)));
        add(height, tile, buffer);
        for (uint32_t stage = 0; stage < 3; stage++) {
            uint32_t trunk = buffer;
            for (uint32_t blocks = below(4); blocks > 0; blocks--)
                add_block(height, tiles[below(4)], trunk, ++buffer);
            add(2 * height, tiles[below(4)], ++buffer);
            reads(trunk, height, 2, 1);
            height *= 2;
        }
        play_both();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chain), cmocka_unit_test(test_block),
                                       cmocka_unit_test(test_overwrite), cmocka_unit_test(test_small),
                                       cmocka_unit_test(test_random)};
    return cmocka_run_group_tests_name("bands", tests, NULL, NULL);
}
