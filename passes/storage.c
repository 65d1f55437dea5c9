#include "passes/storage.h"

#include "base/size.h"

struct ir_storage storage_dense(const struct ir_type *t) {
    uint64_t c = (uint64_t)t->dims[3].first, w = (uint64_t)t->dims[2].first, h = (uint64_t)t->dims[1].first;
    return (struct ir_storage){.place = IR_IN_BUFFER,
                               .frame_stride = size_times(h, size_times(w, c)),
                               .row_stride = size_times(w, c),
                               .pixel_stride = c,
                               .channel_stride = 1};
}

struct ir_storage storage_window(const struct ir_type *t) {
    uint64_t c = (uint64_t)t->dims[3].first, w = (uint64_t)t->dims[2].first, n = (uint64_t)t->dims[0].first;
    return (struct ir_storage){.place = IR_IN_BUFFER,
                               .frame_stride = c,
                               .row_stride = size_times(w, size_times(n, c)),
                               .pixel_stride = size_times(n, c),
                               .channel_stride = 1};
}

bool storage_is_dense(const struct ir_storage *s, const struct ir_type *t) {
    struct ir_storage d = storage_dense(t);
    return s->frame_stride == d.frame_stride && s->row_stride == d.row_stride &&
           s->pixel_stride == d.pixel_stride && s->channel_stride == 1;
}

static void to_array(const struct ir_storage *s, uint64_t strides[4]) {
    strides[0] = s->frame_stride;
    strides[1] = s->row_stride;
    strides[2] = s->pixel_stride;
    strides[3] = s->channel_stride;
}

static void from_array(struct ir_storage *s, const uint64_t strides[4]) {
    s->frame_stride = strides[0];
    s->row_stride = strides[1];
    s->pixel_stride = strides[2];
    s->channel_stride = strides[3];
}

struct ir_storage storage_slice(const struct ir_node *slice) {
    struct ir_storage s = ir_in(slice, 0)->storage;
    uint64_t strides[4];
    to_array(&s, strides);
    s.offset += (uint64_t)ir_attr_int(slice, IR_KEY_START, 0) * strides[ir_attr_int(slice, IR_KEY_AXIS, 0)];
    return s;
}

void storage_dense_strides(const struct ir_type *t, uint64_t *strides) {
    uint64_t s = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        strides[i] = s;
        s *= (uint64_t)t->dims[i].first;
    }
}

// The strides by which the result of a rearrangement (rank 4) reads an operand whose axes have the strides
// `in`. False when an axis of the result joins atoms that do not lie evenly, or repeats.
static bool storage_strides(const struct ir_rearrange *r, const uint64_t *in, uint64_t out[4]) {
    uint64_t atom_stride[IR_MAX_ATOMS];
    if (r->out_rank != 4 || r->atoms != r->in_atoms) return false;
    for (int axis = r->in_rank - 1, atom = r->in_atoms; axis >= 0; axis--) { // inner atoms of an axis first
        uint64_t s = in[axis];
        for (int j = 0; j < r->in_count[axis]; j++) {
            atom_stride[--atom] = s;
            s *= (uint64_t)r->size[atom].first;
        }
    }
    for (int axis = 0, k = 0; axis < 4; axis++) {
        out[axis] = 0; // a unit axis is never stepped along
        for (int j = 0; j < r->out_count[axis]; j++, k++) {
            int atom = r->out_order[k];
            bool even = j == 0 ||
                        atom_stride[r->out_order[k - 1]] == atom_stride[atom] * (uint64_t)r->size[atom].first;
            if (!even) return false;
            out[axis] = atom_stride[atom];
        }
    }
    return true;
}

bool storage_view(const struct ir_node *rearrange, struct ir_storage *s) {
    const struct ir_value *x = ir_in(rearrange, 0), *y = rearrange->outputs[0];
    uint64_t in[4], out[4];
    if (x->storage.place != IR_IN_BUFFER || x->type.rank != 4 || y->type.rank != 4) return false;
    to_array(&x->storage, in);
    if (!storage_strides(ir_attr_rearrange(rearrange), in, out)) return false;
    if (out[3] != 1 && !dim_is(y->type.dims[3], 1)) return false;
    out[3] = 1;
    // Kernels step from pixel to pixel and from row to row even where there is only one: unit axes get dense strides, and
    // the only pixel of a row that of the rows, which then continue each other.
    if (out[2] == 0) out[2] = out[1] != 0 ? out[1] : (uint64_t)y->type.dims[3].first;
    if (out[1] == 0) out[1] = out[2] * (uint64_t)y->type.dims[2].first;
    if (out[0] == 0) out[0] = out[1] * (uint64_t)y->type.dims[1].first;
    *s = x->storage;
    from_array(s, out);
    return true;
}

// Rows and columns are made of the operand's, in their order; or the movement is not a view (it repeats, or is of other
// ranks), and its result dense.
static bool keeps_image(const struct ir_rearrange *r) {
    if (r->atoms != r->in_atoms || r->in_rank != 4 || r->out_rank != 4) return true;
    int first = r->in_count[0], end = first + r->in_count[1] + r->in_count[2];
    const uint8_t *order = r->out_order + r->out_count[0];
    int rows = r->out_count[1], all = rows + r->out_count[2];
    for (int i = 0; i < all; i++) {
        bool follows = i == 0 || order[i] == order[i - 1] + 1;
        if (order[i] < first || order[i] >= end || !follows) return false;
    }
    return rows == 0 || all > rows; // rows of one pixel lie as far apart as what they were cut from
}

bool storage_is_image(const struct ir_value *v) {
    for (const struct ir_node *n = v->def; n != NULL; n = ir_in(n, 0)->def) {
        if (n->op == IR_SLICE && ir_attr_int(n, IR_KEY_AXIS, 0) == 2) return false;
        if (n->op == IR_REARRANGE && !keeps_image(ir_attr_rearrange(n))) return false;
        if (n->op != IR_SLICE && n->op != IR_REARRANGE) return true;
    }
    return true;
}
