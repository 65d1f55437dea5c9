#include "ir/rearrange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- small helpers

static bool is_unit(struct ir_dim d) { return dim_is(d, 1); }

static bool exact_div(struct ir_dim a, struct ir_dim b, struct ir_dim *q) {
    if (dim_is_const(a) && dim_is_const(b)) {
        if (b.first <= 0 || a.first % b.first != 0) return false;
        *q = dim_const(a.first / b.first);
        return true;
    }
    return dim_div(a, b, q);
}

static void swap_order(uint8_t *order, int from, int to) { // moves one entry down to `to`
    uint8_t x = order[from];
    memmove(order + to + 1, order + to, (size_t)(from - to));
    order[to] = x;
}

int rearrange_first_in(const struct ir_rearrange *r, int axis) {
    int atom = 0;
    for (int i = 0; i < axis; i++) atom += r->in_count[i];
    return atom;
}

int rearrange_first_out(const struct ir_rearrange *r, int axis) {
    int k = 0;
    for (int i = 0; i < axis; i++) k += r->out_count[i];
    return k;
}

void rearrange_place(const struct ir_rearrange *r, int atom, int *axis, int *position) {
    int k = 0;
    for (int i = 0; i < r->out_rank; i++) {
        for (int j = 0; j < r->out_count[i]; j++, k++) {
            if (r->out_order[k] == atom) {
                *axis = i;
                *position = j;
                return;
            }
        }
    }
    *axis = *position = -1;
}

int rearrange_source_axis(const struct ir_rearrange *r, int atom) {
    int k = 0;
    for (int i = 0; i < r->in_rank; i++) {
        k += r->in_count[i];
        if (atom < k) return i;
    }
    return -1;
}

// ---- normal form: no unit atoms, no two atoms that always go together, repeats numbered in output order

static void remove_atom(struct ir_rearrange *r, int atom) {
    int axis, position, k = 0;
    rearrange_place(r, atom, &axis, &position);
    while (r->out_order[k] != atom) k++;
    r->out_count[axis]--;
    memmove(r->out_order + k, r->out_order + k + 1, (size_t)(r->atoms - k - 1));
    if (atom < r->in_atoms) {
        r->in_count[rearrange_source_axis(r, atom)]--;
        r->in_atoms--;
    }
    memmove(r->size + atom, r->size + atom + 1, (size_t)(r->atoms - atom - 1) * sizeof *r->size);
    r->atoms--;
    for (int i = 0; i < r->atoms; i++) r->out_order[i] -= r->out_order[i] > atom;
    if (r->time_atom == atom) r->time_atom = -1;
    else r->time_atom -= r->time_atom > atom;
}

// Atoms b follows a on both sides, within one axis on each: they are one atom.
static bool merge_next(struct ir_rearrange *r) {
    int k = 0;
    for (int axis = 0; axis < r->out_rank; axis++) {
        for (int j = 0; j < r->out_count[axis]; j++, k++) {
            if (j == 0) continue;
            int a = r->out_order[k - 1], b = r->out_order[k];
            bool inputs =
                b == a + 1 && b < r->in_atoms && rearrange_source_axis(r, a) == rearrange_source_axis(r, b);
            bool repeats = a >= r->in_atoms && b >= r->in_atoms;
            struct ir_dim product;
            if ((!inputs && !repeats) || b == r->time_atom || !dim_mul(r->size[a], r->size[b], &product))
                continue;
            r->size[a] = product;
            remove_atom(r, b);
            return true;
        }
    }
    return false;
}

static void number_repeats(struct ir_rearrange *r) {
    struct ir_dim size[IR_MAX_ATOMS];
    int next = r->in_atoms;
    for (int k = 0; k < r->atoms; k++) {
        int atom = r->out_order[k];
        if (atom < r->in_atoms) continue;
        size[next] = r->size[atom];
        r->out_order[k] = (uint8_t)next++;
    }
    for (int i = r->in_atoms; i < r->atoms; i++) r->size[i] = size[i];
}

static void normalize(struct ir_rearrange *r) {
    for (int i = r->atoms - 1; i >= 0; i--) {
        if (i != r->time_atom && is_unit(r->size[i])) remove_atom(r, i);
    }
    while (merge_next(r)) {}
    number_repeats(r);
}

// ---- constructors

bool rearrange_identity(const struct ir_type *in, struct ir_rearrange *r) {
    *r = (struct ir_rearrange){.time_atom = -1, .in_rank = in->rank, .out_rank = in->rank};
    for (int i = 0; i < in->rank; i++) {
        if (is_unit(in->dims[i]) && i != in->time_axis) continue;
        if (i == in->time_axis) r->time_atom = r->atoms;
        r->out_order[r->atoms] = (uint8_t)r->atoms;
        r->size[r->atoms++] = in->dims[i];
        r->in_count[i] = r->out_count[i] = 1;
    }
    r->in_atoms = r->atoms;
    return true;
}

bool rearrange_transpose(const struct ir_type *in, const int64_t *perm, struct ir_rearrange *r) {
    rearrange_identity(in, r);
    int first[IR_MAX_RANK], k = 0;
    for (int i = 0; i < in->rank; i++) {
        first[i] = k;
        k += r->in_count[i];
    }
    k = 0;
    unsigned seen = 0;
    for (int i = 0; i < in->rank; i++) {
        if (perm[i] < 0 || perm[i] >= in->rank || (seen >> perm[i] & 1)) return false;
        seen |= 1u << perm[i];
        r->out_count[i] = r->in_count[perm[i]];
        if (r->out_count[i]) r->out_order[k++] = (uint8_t)first[perm[i]];
    }
    return true;
}

bool rearrange_repeat(const struct ir_type *in, int axis, int64_t factor, bool inner,
                      struct ir_rearrange *r) {
    rearrange_identity(in, r);
    if (factor == 1) return true;
    if (factor < 1 || r->atoms >= IR_MAX_ATOMS) return false;
    int k = 0;
    for (int i = 0; i < axis + inner; i++) k += r->out_count[i];
    r->size[r->atoms] = dim_const(factor);
    r->out_order[r->atoms] = (uint8_t)r->atoms;
    swap_order(r->out_order, r->atoms++, k);
    r->out_count[axis]++;
    return true;
}

// ---- composition

// The atoms of one side, each cut into parts, innermost first. ids are shared between the two sides of a
// match.
struct cut {
    int parts[IR_MAX_ATOMS];
    struct ir_dim size[IR_MAX_ATOMS][IR_MAX_ATOMS];
    int id[IR_MAX_ATOMS][IR_MAX_ATOMS];
};

static void cut_push(struct cut *c, int atom, struct ir_dim size, int id) {
    c->size[atom][c->parts[atom]] = size;
    c->id[atom][c->parts[atom]++] = id;
}

// Cuts two factorisations of the same length, `a` and `b`, into common parts, from the innermost outwards.
static bool match_axis(const uint8_t *a, int na, const struct ir_dim *a_size, struct cut *ca,
                       const uint8_t *b, int nb, const struct ir_dim *b_size, struct cut *cb, int *next_id) {
    struct ir_dim u = {0}, v = {0}, q;
    bool have_u = false, have_v = false;
    for (;;) {
        if (!have_u && na > 0) u = a_size[a[--na]], have_u = true;
        if (!have_v && nb > 0) v = b_size[b[--nb]], have_v = true;
        if (!have_u && !have_v) return true;
        if (!have_u || !have_v || *next_id >= IR_MAX_ATOMS) return false;
        struct ir_dim part;
        if (dim_equal(u, v)) part = u, have_u = have_v = false;
        else if (exact_div(u, v, &q)) part = v, u = q, have_v = false;
        else if (exact_div(v, u, &q)) part = u, v = q, have_u = false;
        else return false;
        cut_push(ca, a[na], part, *next_id);
        cut_push(cb, b[nb], part, (*next_id)++);
    }
}

// Gives fresh ids to the parts of repeated atoms and collects the result from both cuts.
static bool assemble(const struct ir_rearrange *first, const struct cut *cf,
                     const struct ir_rearrange *second, const struct cut *cs, struct ir_rearrange *r) {
    int number[IR_MAX_ATOMS]; // id -> atom of the result
    for (int i = 0; i < IR_MAX_ATOMS; i++) number[i] = -1;
    *r = (struct ir_rearrange){.time_atom = -1, .in_rank = first->in_rank, .out_rank = second->out_rank};
    for (int axis = 0, atom = 0; axis < first->in_rank; axis++) {
        for (int j = 0; j < first->in_count[axis]; j++, atom++) {
            for (int p = cf->parts[atom] - 1; p >= 0; p--) {
                if (p == cf->parts[atom] - 1 && atom == first->time_atom) r->time_atom = r->atoms;
                number[cf->id[atom][p]] = r->atoms;
                r->size[r->atoms++] = cf->size[atom][p];
                r->in_count[axis]++;
            }
        }
    }
    r->in_atoms = r->atoms;
    int out = 0;
    for (int axis = 0, k = 0; axis < second->out_rank; axis++) {
        for (int j = 0; j < second->out_count[axis]; j++, k++) {
            int atom = second->out_order[k];
            for (int p = cs->parts[atom] - 1; p >= 0; p--) {
                int id = cs->id[atom][p];
                if (id < 0 || number[id] < 0) { // repeated by `second`, or by `first`
                    if (r->atoms >= IR_MAX_ATOMS) return false;
                    r->size[r->atoms] = cs->size[atom][p];
                    r->out_order[out++] = (uint8_t)r->atoms++;
                } else r->out_order[out++] = (uint8_t)number[id];
                r->out_count[axis]++;
            }
        }
    }
    return out == r->atoms;
}

bool rearrange_compose(const struct ir_rearrange *first, const struct ir_rearrange *second,
                       struct ir_rearrange *r) {
    if (first->out_rank != second->in_rank) return false;
    struct cut cf, cs;
    memset(cf.parts, 0, sizeof cf.parts); // the other arrays are read as far as these counts only
    memset(cs.parts, 0, sizeof cs.parts);
    uint8_t identity[IR_MAX_ATOMS];
    for (int i = 0; i < IR_MAX_ATOMS; i++) identity[i] = (uint8_t)i;
    int a = 0, b = 0, next_id = 0;
    for (int axis = 0; axis < first->out_rank; axis++) {
        if (!match_axis(first->out_order + a, first->out_count[axis], first->size, &cf, identity + b,
                        second->in_count[axis], second->size, &cs, &next_id))
            return false;
        a += first->out_count[axis];
        b += second->in_count[axis];
    }
    for (int i = second->in_atoms; i < second->atoms; i++) cut_push(&cs, i, second->size[i], -1);
    if (!assemble(first, &cf, second, &cs, r)) return false;
    normalize(r);
    return true;
}

bool rearrange_inverse(const struct ir_rearrange *r, struct ir_rearrange *inverse) {
    if (r->atoms != r->in_atoms) return false;
    *inverse = (struct ir_rearrange){.atoms = r->atoms,
                                     .in_atoms = r->atoms,
                                     .in_rank = r->out_rank,
                                     .out_rank = r->in_rank,
                                     .time_atom = -1};
    memcpy(inverse->in_count, r->out_count, sizeof r->out_count);
    memcpy(inverse->out_count, r->in_count, sizeof r->in_count);
    for (int k = 0; k < r->atoms; k++) { // atom k of the inverse is r's out_order[k]
        inverse->size[k] = r->size[r->out_order[k]];
        inverse->out_order[r->out_order[k]] = (uint8_t)k;
        if (r->out_order[k] == r->time_atom) inverse->time_atom = k;
    }
    return true;
}

void rearrange_specialise(const struct ir_rearrange *r, bool steady, struct ir_rearrange *out) {
    *out = *r;
    if (r->time_atom >= 0) {
        struct ir_dim d = r->size[r->time_atom];
        out->size[r->time_atom] = dim_const(steady ? d.steady : d.first);
    }
    out->time_atom = -1;
    normalize(out);
}

void rearrange_resize(const struct ir_rearrange *r, const struct ir_dim *size, struct ir_rearrange *out) {
    *out = *r;
    for (int i = 0; i < r->atoms; i++) out->size[i] = size[i];
    normalize(out);
}

void rearrange_resize_atom(const struct ir_rearrange *r, int atom, struct ir_dim size,
                           struct ir_rearrange *out) {
    struct ir_rearrange resized = *r;
    resized.size[atom] = size;
    normalize(&resized);
    *out = resized;
}

// ---- reshape: flatten, then unflatten

static bool flatten(const struct ir_type *in, bool keep_time, struct ir_rearrange *r) {
    struct ir_type t = *in;
    if (!keep_time) t.time_axis = -1;
    rearrange_identity(&t, r);
    memset(r->out_count, 0, sizeof r->out_count);
    r->out_rank = 1;
    r->out_count[0] = (uint8_t)r->atoms;
    return true;
}

// The one frame of a time axis 1|0 has no size by which it could be found again: put it back on the unit axis
// of the output that stands behind the same number of elements.
static bool place_single_frame(const struct ir_type *in, int rank, const struct ir_dim *dims,
                               struct ir_rearrange *r) {
    struct ir_dim before = dim_const(1), product = dim_const(1);
    for (int i = 0; i < in->time_axis; i++) {
        if (!dim_mul(before, in->dims[i], &before)) return false;
    }
    int unit = -1, merged = -1;
    for (int i = 0; i < rank; i++) {
        if (dim_equal(product, before)) {
            if (is_unit(dims[i])) unit = i;
            else if (merged < 0) merged = i;
        }
        if (!dim_mul(product, dims[i], &product)) return false;
    }
    int axis = unit >= 0 ? unit : merged, atom = 0, k = 0;
    if (axis < 0 || r->atoms >= IR_MAX_ATOMS) return false;
    for (int i = 0; i < in->time_axis; i++) atom += r->in_count[i];
    for (int i = 0; i < axis; i++) k += r->out_count[i];
    memmove(r->size + atom + 1, r->size + atom, (size_t)(r->atoms - atom) * sizeof *r->size);
    r->size[atom] = dim_const(1);
    for (int i = 0; i < r->atoms; i++) r->out_order[i] += r->out_order[i] >= atom;
    r->out_order[r->atoms] = (uint8_t)atom;
    swap_order(r->out_order, r->atoms, k);
    r->atoms++, r->in_atoms++;
    r->in_count[in->time_axis]++;
    r->out_count[axis]++;
    r->time_atom = atom;
    return true;
}

bool rearrange_reshape(const struct ir_type *in, int rank, const struct ir_dim *dims,
                       struct ir_rearrange *r) {
    bool single = in->time_axis >= 0 && is_unit(in->dims[in->time_axis]);
    struct ir_rearrange flat, shaped, back;
    struct ir_type out = ir_type_make(in->dtype, rank, dims);
    flatten(in, !single, &flat);
    flatten(&out, false, &back);
    if (!rearrange_inverse(&back, &shaped) || !rearrange_compose(&flat, &shaped, r)) return false;
    if (single && !place_single_frame(in, rank, dims, r)) return false;
    struct ir_type check;
    return rearrange_out_type(r, in->dtype, &check);
}

// ---- questions

bool rearrange_is_reshape(const struct ir_rearrange *r) {
    if (r->atoms != r->in_atoms) return false;
    for (int i = 0; i < r->atoms; i++) {
        if (r->out_order[i] != i) return false;
    }
    return true;
}

bool rearrange_is_identity(const struct ir_rearrange *r) {
    return rearrange_is_reshape(r) && r->in_rank == r->out_rank &&
           memcmp(r->in_count, r->out_count, (size_t)r->in_rank) == 0;
}

bool rearrange_equal(const struct ir_rearrange *a, const struct ir_rearrange *b) {
    if (a->atoms != b->atoms || a->in_atoms != b->in_atoms || a->in_rank != b->in_rank ||
        a->out_rank != b->out_rank || a->time_atom != b->time_atom ||
        memcmp(a->in_count, b->in_count, sizeof a->in_count) != 0 ||
        memcmp(a->out_count, b->out_count, sizeof a->out_count) != 0)
        return false;
    for (int i = 0; i < a->atoms; i++) {
        if (!dim_equal(a->size[i], b->size[i]) || a->out_order[i] != b->out_order[i]) return false;
    }
    return true;
}

int rearrange_repeats(const struct ir_rearrange *r) { return r->atoms - r->in_atoms; }

static bool axes_type(const struct ir_rearrange *r, int rank, const uint8_t *count, const uint8_t *order,
                      enum ir_dtype dtype, struct ir_type *t) {
    *t = (struct ir_type){.dtype = dtype, .rank = rank, .time_axis = -1};
    for (int axis = 0, k = 0; axis < rank; axis++) {
        t->dims[axis] = dim_const(1);
        for (int j = 0; j < count[axis]; j++, k++) {
            int atom = order ? order[k] : k;
            if (atom == r->time_atom) {
                if (!is_unit(t->dims[axis])) return false; // time strides over something else of this axis
                t->time_axis = axis;
            }
            if (!dim_mul(t->dims[axis], r->size[atom], &t->dims[axis])) return false;
        }
    }
    return true;
}

bool rearrange_in_type(const struct ir_rearrange *r, enum ir_dtype dtype, struct ir_type *t) {
    return axes_type(r, r->in_rank, r->in_count, NULL, dtype, t);
}

bool rearrange_out_type(const struct ir_rearrange *r, enum ir_dtype dtype, struct ir_type *t) {
    return axes_type(r, r->out_rank, r->out_count, r->out_order, dtype, t);
}

// ---- text

static void print_side(const struct ir_rearrange *r, int rank, const uint8_t *count, const uint8_t *order,
                       bool left, struct strbuf *out) {
    char text[48];
    for (int axis = 0, k = 0; axis < rank; axis++) {
        if (axis) strbuf_add(out, " ");
        if (count[axis] == 0) strbuf_add(out, "1");
        if (count[axis] > 1) strbuf_add(out, "(");
        for (int j = 0; j < count[axis]; j++, k++) {
            int atom = order ? order[k] : k;
            strbuf_printf(out, "%s%c", j ? " " : "", 'a' + atom);
            if ((left && count[axis] > 1) || atom >= r->in_atoms) {
                strbuf_printf(out, ":%s", dim_format(text, r->size[atom], atom == r->time_atom));
            }
        }
        if (count[axis] > 1) strbuf_add(out, ")");
    }
}

void rearrange_print(const struct ir_rearrange *r, struct strbuf *out) {
    print_side(r, r->in_rank, r->in_count, NULL, true, out);
    strbuf_add(out, " -> ");
    print_side(r, r->out_rank, r->out_count, r->out_order, false, out);
}

struct pattern {
    const char *at;
    char names[IR_MAX_ATOMS];
};

static char next_token(struct pattern *p) {
    while (*p->at == ' ') p->at++;
    return *p->at ? *p->at++ : 0;
}

static bool parse_size(struct pattern *p, struct ir_dim *d) {
    if (*p->at != ':') return false;
    char *end;
    *d = dim_const(strtoll(p->at + 1, &end, 10));
    if (*end == '|') d->steady = strtoll(end + 1, &end, 10);
    p->at = end;
    return d->first >= 0 && d->first < (1ll << 40) && d->steady >= 0 && d->steady < (1ll << 40);
}

static bool parse_in_atom(struct pattern *p, char name, const struct ir_type *in, int axis,
                          struct ir_rearrange *r) {
    if (name < 'a' || name > 'z' || r->atoms >= IR_MAX_ATOMS || memchr(p->names, name, (size_t)r->atoms))
        return false;
    struct ir_dim size = in->dims[axis];
    if (*p->at == ':' && !parse_size(p, &size)) return false;
    if (axis == in->time_axis && r->in_count[axis] == 0) r->time_atom = r->atoms;
    p->names[r->atoms] = name;
    r->size[r->atoms++] = size;
    r->in_count[axis]++;
    return true;
}

static bool parse_out_atom(struct pattern *p, char name, int axis, int *k, struct ir_rearrange *r) {
    const char *known = memchr(p->names, name, (size_t)r->atoms);
    if (name < 'a' || name > 'z' || *k >= IR_MAX_ATOMS) return false;
    int atom = known ? (int)(known - p->names) : r->atoms;
    if (known && memchr(r->out_order, atom, (size_t)*k)) return false; // twice
    if (!known) {
        if (r->atoms >= IR_MAX_ATOMS || !parse_size(p, &r->size[atom]) || r->size[atom].first < 1)
            return false;
        p->names[r->atoms++] = name;
    }
    r->out_order[(*k)++] = (uint8_t)atom;
    r->out_count[axis]++;
    return true;
}

// One side of the pattern: `k` counts output atoms, NULL means the input side.
static bool parse_side(struct pattern *p, const struct ir_type *in, int *k, struct ir_rearrange *r) {
    int *rank = k ? &r->out_rank : &r->in_rank;
    for (char c; (c = next_token(p)) != 0;) {
        if (c == '-' && *p->at == '>' && !k) {
            p->at++;
            return true;
        }
        if (*rank >= IR_MAX_RANK || (!k && *rank >= in->rank)) return false;
        int axis = (*rank)++;
        bool group = c == '(';
        if (c == '1') continue;
        if (group) c = next_token(p);
        do {
            if (!(k ? parse_out_atom(p, c, axis, k, r) : parse_in_atom(p, c, in, axis, r))) return false;
            if (group) c = next_token(p);
        } while (group && c != ')' && c != 0);
        if (group && c != ')') return false;
    }
    return k != NULL;
}

bool rearrange_parse(const struct ir_type *in, const char *pattern, struct ir_rearrange *r) {
    *r = (struct ir_rearrange){.time_atom = -1};
    struct pattern p = {.at = pattern};
    int k = 0;
    if (in->rank < 0 || !parse_side(&p, in, NULL, r)) return false;
    r->in_atoms = r->atoms;
    if (!parse_side(&p, in, &k, r) || k != r->atoms || r->in_rank != in->rank) return false;
    struct ir_type check;
    if (!rearrange_in_type(r, in->dtype, &check)) return false;
    for (int i = 0; i < in->rank; i++) {
        if (!dim_equal(check.dims[i], in->dims[i])) return false;
    }
    normalize(r);
    return rearrange_out_type(r, in->dtype, &check);
}
