// Bands: a run of operators that takes turns on parts of the image, so that what they hand to each other need not be
// whole images.
//
//     for each iteration:   for each operator of the run:   its next rows
//
// In an iteration, the first operator advances by a number of rows, each other one by its part of the image at most, and
// as far as it can: the rows, and the halo around them, must be there, and what an operator in front of it has yet to read
// must not be overwritten. So it stays a few rows behind, and takes them in a later iteration; no row is computed twice. In
// odd steps the run goes from the last row to the first, because the histories of convolutions move the other way (struct
// plan_conv).
//
// A buffer that only the run uses holds a window of rows (struct plan_buffer: rows), which slides along: before each
// iteration, rows that are still needed move to its front. From the rows of the first operator all else follows, so the
// plan holds no more than these; compiler, verifier and runtime compute the rest here.
#ifndef WANC_PLAN_BANDS_H
#define WANC_PLAN_BANDS_H

#include "plan/plan.h"

// Row y of a result is made of the rows (y - halo) / scale to (y + halo) / scale of an operand, within its image.
struct plan_band_operand {
    uint32_t buffer; // of the variant, or PLAN_NONE: no operator of the run writes it
    uint32_t height;
    uint32_t scale, halo;
};

enum { PLAN_BAND_OPERANDS = 2 };

struct plan_band_op {
    uint32_t height; // of its result
    uint32_t tile;   // rows that it computes together: a part ends at a multiple of it, or with the image
    uint32_t out;    // buffer, or PLAN_NONE
    struct plan_band_operand in[PLAN_BAND_OPERANDS];
    uint32_t in_count;
};

enum { PLAN_MAX_BAND_OPS = 64, PLAN_MAX_BANDS = 1024 }; // operators and iterations of a run

// A run, and how far each operator is: rows of its result, from the first on, or from the last if `backward`.
struct plan_bands {
    uint32_t count, rows; // operators; rows by which the first one advances
    struct plan_band_op ops[PLAN_MAX_BAND_OPS];
    bool backward;
    uint32_t before[PLAN_MAX_BAND_OPS],
        done[PLAN_MAX_BAND_OPS]; // in front of the current iteration, and behind it
};

struct plan_rows {
    uint32_t first, end;
};

// The operator as one of a run; false: it cannot be one.
bool plan_band_op(const struct plan *p, const struct plan_op *op, struct plan_band_op *out);

// Those of a variant. False: it has none (rows 0), or an operator that cannot be in a run.
bool plan_bands_of(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                   struct plan_bands *b);

void plan_bands_start(struct plan_bands *b, bool backward);
// One more iteration; false when no operator could go on: all are done (or, in a damaged plan, never will be).
bool plan_bands_next(struct plan_bands *b);
// The rows that operator `op` computes in this iteration.
struct plan_rows plan_bands_rows(const struct plan_bands *b, uint32_t op);
// The rows that a buffer must hold in this iteration: those that are read or written, or read later.
struct plan_rows plan_bands_window(const struct plan_bands *b, uint32_t buffer);

// Over all iterations, forward and backward: the most rows of a window, and that operator `op` computes at a time. Both
// leave `b` at the end.
uint32_t plan_bands_capacity(struct plan_bands *b, uint32_t buffer);
uint32_t plan_bands_most_rows(struct plan_bands *b, uint32_t op);
// The rows that operator `op` of a variant computes at a time: all of its result, if it is in no run.
uint32_t plan_rows_at_once(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                           uint32_t op);

#endif
