// A movement of elements as copies between strided views of at most four axes.
#ifndef WANC_PASSES_EMIT_REARRANGE_H
#define WANC_PASSES_EMIT_REARRANGE_H

#include "passes/roles.h"
#include "plan/plan.h"

enum { EMIT_MAX_COPIES = 64 };

// One loop: `size` elements, so far apart on either side. A repeated atom has `from` 0.
struct emit_atom {
    uint64_t size, from, to;
    int axis; // of the result
};

// Copy i is from offset `from` to offset `to` as said by emit_copies_at, over `axis`, which are those of a view:
// frames, rows, pixels, channels.
struct emit_copies {
    struct emit_atom axis[4];
    struct emit_atom outer[IR_MAX_ATOMS]; // one copy for each combination of these
    int outer_count;
    uint64_t count;
};

// The copies of a rearrangement whose operand's axes have the strides `from`, and its result's the strides `to`.
// `role` is that of each axis of the result. False when they would be more than EMIT_MAX_COPIES.
bool emit_copies_make(const struct ir_rearrange *r, const uint64_t *from, const uint64_t *to,
                      const enum role *role, struct emit_copies *c);
// The view of copy 0 on one side, in `block`: its space, index and offset.
struct plan_view emit_copies_view(const struct emit_copies *c, const struct plan_view *block, bool from);
void emit_copies_at(const struct emit_copies *c, uint64_t i, uint64_t *from, uint64_t *to);

#endif
