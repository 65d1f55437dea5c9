// How the convolutions of a plan are computed, and what was expected of their alternatives: the rows that reports print.
#ifndef WANC_PLAN_OPS_TABLE_H
#define WANC_PLAN_OPS_TABLE_H

#include "plan/conv_shape.h"

// The convolutions of one program that have one shape and one algorithm.
struct plan_ops_row {
    struct plan_conv_shape shape;
    uint32_t algorithm;
    uint32_t uses[PLAN_VARIANTS];
    const struct plan_choice
        *candidates; // of the plan; none where the algorithm was fixed before there was a choice
    uint32_t candidate_count;
    const struct plan_choice *chosen;    // of candidates, or NULL
    const struct plan_choice *runner_up; // the fastest that is slower, or NULL
    const struct plan_choice *too_rough; // faster than what is chosen, the fastest, or NULL
    double share[PLAN_VARIANTS];         // of the expected time of all rows in the variant
    uint64_t workspace;                  // bytes
    char why[128];
};

struct plan_ops_table {
    struct plan_ops_row *rows; // by descending time in a steady step, or in the first where that is absent
    uint32_t count;
    double conv_seconds[PLAN_VARIANTS];  // of all rows
    double other_seconds[PLAN_VARIANTS]; // of the other operators: see the essay in ops_table.c
};

// False: out of memory. `threads` decide about the workspaces.
bool plan_ops_table(const struct plan *plan, const struct plan_program *program, uint32_t threads,
                    struct plan_ops_table *table);
void plan_ops_table_free(struct plan_ops_table *table);

#endif
