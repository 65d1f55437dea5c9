// Inside plan/: the parts of plan_check, and the questions about views that check, dump and forecast share.
#ifndef WANC_PLAN_CHECK_H
#define WANC_PLAN_CHECK_H

#include "plan/plan.h"

bool plan_check_string(const struct plan *plan, uint32_t offset, const char *table, uint32_t index,
                       struct error *err);
// The list of programs, and that they divide the other tables between them. (check_programs.c)
bool plan_check_division(const struct plan *plan, struct error *err);
// All of one program, when the division and what programs share are verified. (check_programs.c)
bool plan_check_program(const struct plan *plan, uint32_t index, struct error *err);
// Verifies the operators of a program; all tables are verified already.
bool plan_check_ops(const struct plan *plan, const struct plan_program *program, struct error *err);
// Runs in bands, whose operators are verified already but for the room of buffers that hold some rows only.
// (check_bands.c)
bool plan_check_bands(const struct plan *plan, const struct plan_program *program, enum plan_variant v,
                      struct error *err);
// The parameters and constants of one operator, whose views are verified already. (check_params.c)
bool plan_check_params(const struct plan *plan, const struct plan_op *op, struct error *err);

// The candidates of convolutions, when all operators are verified. (check_choices.c)
bool plan_check_choices(const struct plan *plan, struct error *err);

// Whether a view of an operator's result is inside of its block, as that of an input would be. (check_ops.c)
bool plan_check_tap_view(const struct plan *plan, const struct plan_program *program, enum plan_variant v,
                         uint32_t op, uint32_t view, struct error *err);
// What operators leave, when all of them are verified. (check_taps.c)
bool plan_check_taps(const struct plan *plan, struct error *err);

// What the passes of the compiler left. (check_passes.c)
bool plan_check_passes(const struct plan *plan, struct error *err);

// What each operator takes: one row per plan_op_kind. (check_ops.c)
struct plan_op_rule {
    const char *name;
    uint32_t inputs, most_inputs; // the first `inputs` are required
    bool scratch;                 // may have a scratch view
    bool same_block;              // may write the block that it reads
    uint32_t constants;           // most constants
    uint32_t param_words;         // used words of params; the others are zero
};
const struct plan_op_rule *plan_op_rule(uint32_t kind);

// Bytes of blocks of tiles or of indirection buffers, of a convolution that computes so many rows at a time. (forecast.c)
uint64_t plan_conv_workspace(const struct plan *plan, const struct plan_op *op, uint32_t rows,
                             uint32_t threads);

static inline const struct plan_view *plan_get_view(const struct plan *p, uint32_t index) {
    return index == PLAN_NONE ? NULL : &p->views[index];
}

#endif
