// fold_pads: zeros around a convolution's input become the convolution's own padding.
//
//     %p = pad %x {pads=[0,0,2,1,1,0,0,0,1,1]}
//     %y = conv %p, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]}
// ->  %y = conv %x, @w {pads=[2,1,1,0,1,1], strides=[1,1,1]}
//
// One exporter writes Pad in front of every convolution, another folds it itself, and some models join zeros and the
// input along an axis: after this pass they agree. Batch and channel axes must not be padded. The pad itself is left
// to eliminate_dead if others use it.
//
//     %p = concat @zeros, %x {axis=2}             ->  %p = pad %x {pads=[0,0,2,0,0,0,0,0,0,0]}
#include "passes/frame_list.h"
#include "passes/match.h"
#include "passes/pass.h"

// A concat of one value with zeros before or behind it: a pad of that value.
static bool fold_concat(struct ir_node *n, bool *progress, struct error *err) {
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0), rank = ir_out(n)->type.rank;
    int64_t pads[IR_MAX_RANK * 2] = {0};
    struct ir_value *x = NULL;
    for (int i = 0; i < n->input_count; i++) {
        struct ir_value *v = ir_in(n, i);
        struct ir_dim length = v->type.dims[axis];
        bool zero = value_is_zero(v) && dim_is_const(length);
        if (!zero && x != NULL) return true; // two values that are joined
        if (zero) pads[x == NULL ? axis : axis + rank] += length.first;
        else x = v;
    }
    if (x == NULL || n->input_count < 2) return true;
    struct ir_node *pad = ir_insert(n, IR_PAD, 1, &x);
    ir_attr_set_ints(pad, IR_KEY_PADS, 2 * rank, pads);
    if (!ir_infer_node(pad, err)) return false;
    ir_out(pad)->name = ir_out(n)->name;
    ir_node_replace(n, ir_out(pad));
    *progress = true;
    return true;
}

static bool fold_into_conv(struct ir_node *n) {
    struct ir_node *pad = match_op(ir_in(n, 0), IR_PAD);
    if (pad == NULL) return false;
    int rank = ir_in(n, 0)->type.rank, spatial = rank - 2, count;
    const int64_t *outer = ir_attr_ints(pad, IR_KEY_PADS, &count),
                  *own = ir_attr_ints(n, IR_KEY_PADS, &count);
    int64_t sum[IR_MAX_RANK * 2];
    if (outer[0] || outer[1] || outer[rank] || outer[rank + 1]) return false;
    for (int i = 0; i < spatial; i++) {
        sum[i] = own[i] + outer[i + 2];
        sum[i + spatial] = own[i + spatial] + outer[i + 2 + rank];
    }
    ir_attr_set_ints(n, IR_KEY_PADS, 2 * spatial, sum);
    ir_node_set_input(n, 0, ir_in(pad, 0));
    return true;
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    if (n->op == IR_CONCAT) return fold_concat(n, progress, err);
    while (n->op == IR_CONV && fold_into_conv(n)) *progress = true;
    return true;
}

bool pass_fold_pads(struct ir_module *m, bool *progress, struct error *err) {
    if (!match_each(m, visit, progress, err)) return false;
    return !*progress ||
           pass_eliminate_dead(m, progress, err); // specialise would take a pad left over for one in time
}
