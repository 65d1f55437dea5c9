// Taps: which tensor of the model the operators of a plan leave, so that a run can be compared with the model value by value.
// A value's name says which tensor it is (ir_take_name); its axes may have been moved.
#include "passes/emitter.h"

#include "ir/rearrange.h"

#include <string.h>

struct parts {
    uint64_t extent[IR_MAX_ATOMS], stride[IR_MAX_ATOMS];
    int count;
};

// A loop that goes on where the one inside of it ends is one with it.
static void add_part(struct parts *p, uint64_t extent, uint64_t stride) {
    int last = p->count - 1;
    if (last >= 0 && p->stride[last] == extent * stride) {
        p->extent[last] *= extent;
        p->stride[last] = stride;
        return;
    }
    p->extent[p->count] = extent;
    p->stride[p->count++] = stride;
}

// The loops over frames that are rearranged by r, in the order of its result.
static struct parts parts_of(const struct ir_rearrange *r) {
    struct parts p = {.count = 0};
    uint64_t stride[IR_MAX_ATOMS], s = 1;
    for (int i = r->in_atoms - 1; i >= 0; i--) {
        stride[i] = s;
        s *= (uint64_t)r->size[i].first;
    }
    for (int k = 0; k < r->atoms; k++)
        add_part(&p, (uint64_t)r->size[r->out_order[k]].first, stride[r->out_order[k]]);
    return p;
}

static bool same_shape(const struct ir_type *a, const struct ir_type *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = dim_equal(a->dims[i], b->dims[i]);
    return same;
}

// The tensor's type, and the loops over it; false if they cannot be told.
static bool find_tensor(const struct ir_value *v, struct ir_type *model, struct parts *p) {
    const struct ir_rearrange *r = v->to_model;
    struct ir_rearrange same;
    struct ir_type in;
    if (r == NULL && !rearrange_identity(&v->type, &same)) return false;
    if (r == NULL) r = &same;
    if (!rearrange_in_type(r, IR_F32, &in) || !same_shape(&in, &v->type) || rearrange_repeats(r) > 0 ||
        !rearrange_out_type(r, IR_F32, model))
        return false;
    *p = parts_of(r);
    return true;
}

// Sizes that a tap cannot hold are of no tensor that somebody would look at.
static bool fits(const struct ir_value *v, const struct parts *p) {
    int64_t count;
    return p->count <= PLAN_MAX_RANK && ir_type_count(&v->type, &count) && count <= UINT32_MAX;
}

static bool has_own_name(const struct ir_value *v) { return strchr(v->name, '~') == NULL; }

void emit_tap(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *v = n->output_count == 1 ? ir_out(n) : NULL;
    struct ir_type model;
    struct parts p;
    if (v == NULL || v->type.rank != 4 || v->storage.place != IR_IN_BUFFER || !has_own_name(v) ||
        !find_tensor(v, &model, &p) || !fits(v, &p))
        return;
    struct plan_tap tap = {.op = e->op_index - 1,
                           .name = plan_writer_string(e->w, v->name),
                           .view = plan_writer_view(e->w, emit_place(v)),
                           .rank = (uint32_t)model.rank,
                           .part_count = (uint32_t)p.count};
    for (int i = 0; i < model.rank; i++) tap.shape[i] = (uint32_t)model.dims[i].first;
    for (int i = 0; i < p.count; i++) {
        tap.extent[i] = (uint32_t)p.extent[i];
        tap.stride[i] = (uint32_t)p.stride[i];
    }
    plan_writer_tap(e->w, e->variant, tap);
}
