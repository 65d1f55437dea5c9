// Rearrangements as copies: any movement of elements, from any strides to any strides, as few operators.
//
// An operator copies between two views of four axes, each with one stride. Every atom of the rearrangement is a
// loop with a stride on either side (0 in front, if it repeats). Loops that continue each other on both sides are
// one; the largest four of what is left become the axes, and there is one copy for each combination of the others.
//
//     "a b c (d:512 e:2) -> a (b e) (c f:2) d"      # channels to rows, columns repeated
//
// Between dense values a and b continue each other. Axes are (a b), c, d and e; two copies, one for each f.
#include "passes/emit_rearrange.h"

#include "ir/rearrange.h"

#include <string.h>

struct loops {
    struct emit_atom atom[IR_MAX_ATOMS]; // in the order of the result, the outermost first
    int count;
};

static void list_loops(const struct ir_rearrange *r, const uint64_t *from, const uint64_t *to,
                       struct loops *l) {
    uint64_t stride[IR_MAX_ATOMS] = {0}; // in front; of the atoms behind r->in_atoms, which repeat, 0
    for (int axis = r->in_rank - 1, atom = r->in_atoms; axis >= 0; axis--) {
        uint64_t s = from[axis];
        for (int j = 0; j < r->in_count[axis]; j++) {
            stride[--atom] = s;
            s *= (uint64_t)r->size[atom].first;
        }
    }
    l->count = r->atoms;
    for (int axis = r->out_rank - 1, k = r->atoms; axis >= 0; axis--) {
        uint64_t s = to[axis];
        for (int j = 0; j < r->out_count[axis]; j++) {
            int atom = r->out_order[--k];
            uint64_t size = (uint64_t)r->size[atom].first;
            l->atom[k] = (struct emit_atom){.size = size, .from = stride[atom], .to = s, .axis = axis};
            s *= size;
        }
    }
}

static bool continues(const struct emit_atom *outer, const struct emit_atom *inner) {
    return outer->from == inner->from * inner->size && outer->to == inner->to * inner->size &&
           outer->size <= PLAN_MAX_DIM / inner->size;
}

static void remove_loop(struct loops *l, int i) {
    memmove(l->atom + i, l->atom + i + 1, (size_t)(--l->count - i) * sizeof *l->atom);
}

// Joins loop j into loop i.
static void join(struct loops *l, int i, int j) {
    l->atom[i].size *= l->atom[j].size;
    l->atom[i].from = l->atom[j].from;
    l->atom[i].to = l->atom[j].to;
    remove_loop(l, j);
}

static void join_within_axes(struct loops *l) {
    for (int i = 0; i + 1 < l->count;) {
        bool one = l->atom[i].axis == l->atom[i + 1].axis && continues(&l->atom[i], &l->atom[i + 1]);
        if (one) join(l, i, i + 1);
        else i++;
    }
}

// Outer ones first: the axes of a view should not be longer than needed.
static bool join_any(struct loops *l) {
    for (int i = 0; i < l->count; i++) {
        for (int j = 0; j < l->count; j++) {
            if (i == j || !continues(&l->atom[i], &l->atom[j])) continue;
            join(l, i, j);
            return true;
        }
    }
    return false;
}

// The axes of the result are those of the views.
static bool keep_axes(const struct loops *l, const enum role *role, struct emit_copies *c) {
    unsigned seen = 0;
    for (int i = 0; i < l->count; i++) {
        unsigned bit = 1u << l->atom[i].axis;
        if ((seen & bit) || role[l->atom[i].axis] == ROLE_NONE) return false;
        seen |= bit;
        c->axis[role[l->atom[i].axis]] = l->atom[i];
    }
    return true;
}

static bool is_larger(const struct emit_atom *a, const struct emit_atom *b) {
    return a->size != b->size ? a->size > b->size : a->from != 0 && b->from == 0;
}

static struct emit_atom take(struct loops *l,
                             bool better(const struct emit_atom *, const struct emit_atom *)) {
    int best = 0;
    for (int i = 1; i < l->count; i++) {
        if (better(&l->atom[i], &l->atom[best])) best = i;
    }
    struct emit_atom a = l->atom[best];
    remove_loop(l, best);
    return a;
}

static bool writes_closer(const struct emit_atom *a, const struct emit_atom *b) { return a->to < b->to; }

static bool reads_closer(const struct emit_atom *a, const struct emit_atom *b) {
    return a->from != 0 && (b->from == 0 || a->from < b->from);
}

// What is adjacent in the result are the pixels, and what is adjacent in front the channels, as where frames become
// planes; if they are the same, it is the channels, and pixels are what is next in the result.
static void assign_axes(struct loops *l, struct emit_copies *c) {
    if (l->count == 0) return;
    struct emit_atom close = take(l, writes_closer), next = close;
    if (l->count > 0) next = take(l, reads_closer);
    if (reads_closer(&next, &close)) {
        c->axis[ROLE_CHANNELS] = next, c->axis[ROLE_COLUMNS] = close;
    } else {
        c->axis[ROLE_CHANNELS] = close;
        if (next.to != close.to) l->atom[l->count++] = next; // back: it was another one
        if (l->count > 0) c->axis[ROLE_COLUMNS] = take(l, writes_closer);
    }
    if (l->count > 0) c->axis[ROLE_ROWS] = take(l, writes_closer);
    if (l->count > 0) c->axis[ROLE_FRAMES] = take(l, writes_closer);
}

static bool choose_axes(struct loops *l, struct emit_copies *c) {
    struct loops axes = {.count = 0};
    while (l->count > 4 && join_any(l)) {}
    while (l->count > 0 && axes.count < 4) axes.atom[axes.count++] = take(l, is_larger);
    assign_axes(&axes, c);
    while (l->count > 0 && c->count <= EMIT_MAX_COPIES) {
        c->outer[c->outer_count] = take(l, is_larger);
        c->count *= c->outer[c->outer_count++].size;
    }
    return c->count <= EMIT_MAX_COPIES;
}

bool emit_copies_make(const struct ir_rearrange *r, const uint64_t *from, const uint64_t *to,
                      const enum role *role, struct emit_copies *c) {
    struct loops l;
    *c = (struct emit_copies){.count = 1};
    list_loops(r, from, to, &l);
    join_within_axes(&l);
    for (int i = 0; i < 4; i++) c->axis[i].size = 1;
    for (int i = 0; i < r->out_rank; i++) {
        if (role[i] != ROLE_NONE) c->axis[role[i]].to = to[i]; // of axes without a loop: those of the view
    }
    if (keep_axes(&l, role, c)) return true;
    for (int i = 0; i < 4; i++) c->axis[i] = (struct emit_atom){.size = 1};
    return choose_axes(&l, c);
}

void emit_copies_at(const struct emit_copies *c, uint64_t i, uint64_t *from, uint64_t *to) {
    *from = *to = 0;
    for (int k = c->outer_count - 1; k >= 0; k--) {
        *from += i % c->outer[k].size * c->outer[k].from;
        *to += i % c->outer[k].size * c->outer[k].to;
        i /= c->outer[k].size;
    }
}

struct plan_view emit_copies_view(const struct emit_copies *c, const struct plan_view *block, bool from) {
    const struct emit_atom *a = c->axis;
    struct plan_view v = *block;
    v.frames = (uint32_t)a[ROLE_FRAMES].size, v.height = (uint32_t)a[ROLE_ROWS].size;
    v.width = (uint32_t)a[ROLE_COLUMNS].size, v.channels = (uint32_t)a[ROLE_CHANNELS].size;
    v.frame_stride = from ? a[ROLE_FRAMES].from : a[ROLE_FRAMES].to;
    v.row_stride = from ? a[ROLE_ROWS].from : a[ROLE_ROWS].to;
    v.pixel_stride = from ? a[ROLE_COLUMNS].from : a[ROLE_COLUMNS].to;
    v.channel_stride = from ? a[ROLE_CHANNELS].from : a[ROLE_CHANNELS].to;
    return v;
}
