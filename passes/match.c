#include "passes/match.h"

#include "ir/rearrange.h"

#include <math.h>

struct ir_node *match_op(const struct ir_value *v, enum ir_op op) {
    return v != NULL && v->def != NULL && v->def->op == op ? v->def : NULL;
}

bool match_splat(const struct ir_value *v, double *value) {
    if (!ir_is_float_constant(v) || v->constant->count == 0 || v->constant->count > 4096) return false;
    *value = ir_constant_float(v->constant, 0);
    for (size_t i = 1; i < v->constant->count; i++) {
        if (ir_constant_float(v->constant, i) != *value) return false;
    }
    return true;
}

struct ir_value *match_splat_operand(const struct ir_node *n, bool right_only, double *value) {
    if (match_splat(ir_in(n, 1), value)) return ir_in(n, 0);
    if (!right_only && match_splat(ir_in(n, 0), value)) return ir_in(n, 1);
    return NULL;
}

double match_unrounded(const struct ir_value *v, double exact) {
    double c = ir_constant_float(v->constant, 0);
    enum ir_dtype stored = v->constant->stored;
    int bits = stored == IR_F16 ? 11 : stored == IR_BF16 ? 8 : 0, exponent;
    if (bits == 0) return c;
    frexp(c, &exponent);
    double half_ulp = ldexp(1, exponent - bits - 1);
    return fabs(c - exact) <= half_ulp ? exact : c;
}

struct ir_value *match_skip_expand(struct ir_value *v) {
    for (struct ir_node *n; (n = match_op(v, IR_REARRANGE)) != NULL;) {
        const struct ir_rearrange *r = ir_attr_rearrange(n);
        struct ir_rearrange kept = *r; // without its repeated atoms it must change nothing
        if (rearrange_repeats(r) == 0 || r->in_rank != r->out_rank) return v;
        for (int axis = 0, k = 0; axis < r->out_rank; axis++) {
            int atoms = r->out_count[axis];
            for (int j = 0; j < atoms; j++, k++) {
                bool repeated = r->out_order[k] >= r->in_atoms;
                if (repeated && atoms != 1) return v; // broadcasting only repeats whole unit axes
                if (repeated) kept.out_count[axis] = 0;
            }
            if (kept.out_count[axis] != r->in_count[axis]) return v;
        }
        for (int i = 0, last = -1; i < r->atoms; i++) {
            if (r->out_order[i] >= r->in_atoms) continue;
            if (r->out_order[i] < last) return v;
            last = r->out_order[i];
        }
        v = ir_in(n, 0);
    }
    return v;
}

bool match_each(struct ir_module *m, match_fn *fn, bool *progress, struct error *err) {
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (struct ir_node *n = g->body.head, *next; n != NULL; n = next) {
            next = n->next;
            if (!fn(n, progress, err)) return false;
        }
    }
    return true;
}

struct ir_value *match_slice(struct ir_node *at, struct ir_value *v, int axis, int64_t start, int64_t end) {
    if (start == 0 && dim_is(v->type.dims[axis], end)) return v;
    struct ir_node *s = ir_insert(at, IR_SLICE, 1, &v);
    ir_attr_set_int(s, IR_KEY_AXIS, axis);
    ir_attr_set_int(s, IR_KEY_START, start);
    ir_attr_set_int(s, IR_KEY_END, end);
    ir_infer_node(s, NULL);
    return ir_out(s);
}

struct ir_value *match_rearrange(struct ir_node *at, struct ir_value *v, const struct ir_rearrange *r) {
    struct ir_node *n = ir_insert(at, IR_REARRANGE, 1, &v);
    ir_attr_set_rearrange(n, r);
    struct ir_value *out = ir_out(n);
    rearrange_out_type(r, v->type.dtype, &out->type);
    return out;
}

struct ir_value *match_zeros(struct ir_node *at, const struct ir_type *t) {
    struct ir_dim ones[IR_MAX_RANK];
    struct ir_rearrange grow, one, both;
    float zero = 0;
    for (int i = 0; i < t->rank; i++) {
        if (!dim_is_const(t->dims[i]) || t->dims[i].first < 1) return NULL;
        ones[i] = dim_const(1);
    }
    struct ir_type shape = ir_type_make(IR_F32, t->rank, ones);
    rearrange_identity(&shape, &grow);
    for (int i = 0; i < t->rank; i++) {
        if (!rearrange_repeat(&shape, i, t->dims[i].first, false, &one) ||
            !rearrange_compose(&grow, &one, &both) || !rearrange_out_type(&both, IR_F32, &shape))
            return NULL;
        grow = both;
    }
    return match_rearrange(at, ir_constant_floats(at->block->graph->module, "zero", t->rank, ones, &zero),
                           &grow);
}
