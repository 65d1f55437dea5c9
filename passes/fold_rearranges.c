// fold_rearranges: chains of rearrangements become one; those that cancel disappear.
//
//     %1 = rearrange %x {pattern="1 a b c d -> b a c d"}         # permute(0,2,1,3,4).reshape(T,C,H,W)
//     %2 = rearrange %1 {pattern="a b c d -> 1 b a c d"}         ->  %2 is %x
//
// Two rearrangements compose when their splittings of the axes between them have a common refinement
// (ir/rearrange.c); if not, both stay. Constants are rearranged here and now, if they are small.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"

enum { MAX_FOLDED = 1 << 16 }; // elements of a constant that is rearranged when compiling

// Where each output element comes from, by walking the atoms in output order.
static void rearrange_floats(const struct ir_constant *c, const struct ir_rearrange *r, float *out,
                             size_t count) {
    size_t stride[IR_MAX_ATOMS], s = 1;
    for (int i = r->atoms - 1; i >= 0; i--) {
        stride[i] = i < r->in_atoms ? s : 0; // a repeated atom does not move the source
        if (i < r->in_atoms) s *= (size_t)r->size[i].first;
    }
    int64_t x[IR_MAX_ATOMS] = {0};
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        for (int k = 0; k < r->atoms; k++) at += (size_t)x[k] * stride[r->out_order[k]];
        out[i] = (float)ir_constant_float(c, at);
        for (int k = r->atoms - 1; k >= 0 && ++x[k] == r->size[r->out_order[k]].first; k--) x[k] = 0;
    }
}

static bool fold_constant(struct ir_node *n) {
    const struct ir_value *v = ir_in(n, 0);
    int64_t count;
    if (!ir_is_float_constant(v) || !ir_type_count(&ir_out(n)->type, &count) || count > MAX_FOLDED)
        return false;
    struct ir_module *m = n->block->graph->module;
    float *out = arena_array(&m->arena, (size_t)count + 1, sizeof *out);
    rearrange_floats(v->constant, ir_attr_rearrange(n), out, (size_t)count);
    ir_node_replace(n, ir_constant_floats(m, v->name, ir_out(n)->type.rank, ir_out(n)->type.dims, out));
    return true;
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    if (n->op != IR_REARRANGE) return true;
    for (struct ir_node *before; (before = match_op(ir_in(n, 0), IR_REARRANGE)) != NULL;) {
        struct ir_rearrange both;
        if (!rearrange_compose(ir_attr_rearrange(before), ir_attr_rearrange(n), &both)) break;
        ir_attr_set_rearrange(n, &both);
        ir_node_set_input(n, 0, ir_in(before, 0));
        *progress = true;
    }
    if (fold_constant(n)) *progress = true;
    else if (rearrange_is_identity(ir_attr_rearrange(n)) &&
             ir_type_equal(&ir_in(n, 0)->type, &ir_out(n)->type)) {
        ir_node_replace(n, ir_in(n, 0));
        *progress = true;
    }
    return true;
}

bool pass_fold_rearranges(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
