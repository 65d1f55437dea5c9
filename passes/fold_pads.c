// fold_pads: zeros around a convolution's input become the convolution's own padding.
//
//     %p = pad %x {pads=[0,0,2,1,1,0,0,0,1,1]}
//     %y = conv %p, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]}
// ->  %y = conv %x, @w {pads=[2,1,1,0,1,1], strides=[1,1,1]}
//
// One exporter writes Pad in front of every convolution, another folds it itself: after this pass they agree.
// Batch and channel axes must not be padded. The pad itself is left to eliminate_dead if others use it.
#include "passes/match.h"
#include "passes/pass.h"

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    struct ir_node *pad = n->op == IR_CONV ? match_op(ir_in(n, 0), IR_PAD) : NULL;
    if (pad == NULL) return true;
    int rank = ir_in(n, 0)->type.rank, spatial = rank - 2, count;
    const int64_t *outer = ir_attr_ints(pad, IR_KEY_PADS, &count),
                  *own = ir_attr_ints(n, IR_KEY_PADS, &count);
    int64_t sum[IR_MAX_RANK * 2];
    if (outer[0] || outer[1] || outer[rank] || outer[rank + 1]) return true;
    for (int i = 0; i < spatial; i++) {
        sum[i] = own[i] + outer[i + 2];
        sum[i + spatial] = own[i + spatial] + outer[i + 2 + rank];
    }
    ir_attr_set_ints(n, IR_KEY_PADS, 2 * spatial, sum);
    ir_node_set_input(n, 0, ir_in(pad, 0));
    *progress = true;
    return true;
}

bool pass_fold_pads(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
