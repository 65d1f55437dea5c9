// Roles of axes: frames, rows, columns and channels.
//
// Operators on frames say what their axes are. A rearrangement carries that on, atom by atom: behind
//
//     "a b c (d:3 e:2 f:2) -> 1 d a (b f) (c e)"         # unpatchify
//
// rows are (b f), because b were rows, columns are (c e), frames are a, and d is the channels. So the result of a
// model may have its axes in any order, and emission still knows what to write where.
#include "passes/roles.h"

#include "ir/rearrange.h"
#include "passes/match.h"

// One direction through a rearrangement.
struct way {
    int atoms, to_rank;
    int from[IR_MAX_ATOMS], to[IR_MAX_ATOMS]; // axes of each atom, -1 where it is not on that side
    bool outermost[IR_MAX_ATOMS];             // of its axis in front
    uint64_t size[IR_MAX_ATOMS];
};

static struct way forwards(const struct ir_rearrange *r) {
    struct way w = {.atoms = r->atoms, .to_rank = r->out_rank};
    for (int i = 0; i < r->atoms; i++) {
        int position;
        w.from[i] = -1;
        w.size[i] = (uint64_t)r->size[i].first;
        rearrange_place(r, i, &w.to[i], &position);
    }
    for (int axis = 0, atom = 0; axis < r->in_rank; axis++) {
        for (int j = 0; j < r->in_count[axis]; j++, atom++) {
            w.from[atom] = axis;
            w.outermost[atom] = j == 0;
        }
    }
    return w;
}

static struct way backwards(const struct ir_rearrange *r) {
    struct way f = forwards(r), w = f;
    w.to_rank = r->in_rank;
    for (int i = 0; i < f.atoms; i++) {
        int axis;
        int position;
        rearrange_place(r, i, &axis, &position);
        w.from[i] = axis, w.to[i] = f.from[i];
        w.outermost[i] = position == 0;
    }
    return w;
}

static bool claim(const struct way *w, const enum role *from, enum role role, enum role *to) {
    for (int i = 0; i < w->atoms; i++) {
        if (w->from[i] < 0 || w->to[i] < 0 || !w->outermost[i] || from[w->from[i]] != role) continue;
        if (to[w->to[i]] != ROLE_NONE) return false;
        to[w->to[i]] = role;
    }
    return true;
}

// Axes without a role so far that get atoms of channels, as bits.
static unsigned channel_axes(const struct way *w, const enum role *from, const enum role *to) {
    unsigned axes = 0;
    for (int i = 0; i < w->atoms; i++) {
        bool channels = w->from[i] >= 0 && from[w->from[i]] == ROLE_CHANNELS;
        if (channels && w->to[i] >= 0 && to[w->to[i]] == ROLE_NONE) axes |= 1u << w->to[i];
    }
    return axes;
}

// Nothing speaks against the order of frames.
static bool may_be_frames(const struct way *w, const enum role *to, unsigned channels) {
    for (int i = 0; i < w->to_rank; i++) {
        if (to[i] != ROLE_NONE && (int)to[i] != i) return false;
    }
    return w->to_rank == 4 && (channels == 0 || channels >> ROLE_CHANNELS);
}

static bool has_role(const enum role *role, int rank, enum role r) {
    for (int i = 0; i < rank; i++) {
        if (role[i] == r) return true;
    }
    return false;
}

static bool claim_rest(const struct way *w, enum role *to) {
    for (int i = 0; i < w->atoms; i++) {
        if (w->to[i] < 0 || to[w->to[i]] != ROLE_NONE) continue;
        enum role free = ROLE_FRAMES;
        while (free <= ROLE_CHANNELS && has_role(to, w->to_rank, free)) free++;
        if (free > ROLE_CHANNELS) return false;
        to[w->to[i]] = free;
    }
    return true;
}

static bool carry(const struct way *w, const enum role *from, enum role *to) {
    for (int i = 0; i < w->to_rank; i++) to[i] = ROLE_NONE;
    for (enum role role = ROLE_FRAMES; role < ROLE_CHANNELS; role++) {
        if (!claim(w, from, role, to)) return false;
    }
    unsigned channels = channel_axes(w, from, to);
    if (may_be_frames(w, to, channels)) {
        roles_of_frames(to);
        return true;
    }
    for (int i = 0; i < w->to_rank; i++) {
        if (channels == 1u << i) to[i] = ROLE_CHANNELS;
    }
    bool several = __builtin_popcount(channels) > 1; // which are channels, and which became frames?
    return !several && claim_rest(w, to);
}

bool roles_behind(const struct ir_rearrange *r, const enum role *in, enum role *out) {
    struct way w = forwards(r);
    return carry(&w, in, out);
}

// The other way round: those of the input, from those of the output.
static bool roles_in_front(const struct ir_rearrange *r, const enum role *out, enum role *in) {
    struct way w = backwards(r);
    return carry(&w, out, in);
}

void roles_of_frames(enum role role[4]) {
    for (int i = 0; i < 4; i++) role[i] = (enum role)i;
}

// ---- values

static bool keeps_axes(const struct ir_node *n) {
    return (ir_info(n)->flags & IR_ELEMENTWISE) || n->op == IR_SLICE || n->op == IR_CONCAT;
}

// Between frames and a value lie a few operators, not thousands: how many are looked at is bounded, as values that are used
// twice in each of n operators have 2^n ways to their operands.
enum { MOST_VISITS = 2000 };

static bool of_value(const struct ir_value *v, enum role *role, int *visits_left) {
    const struct ir_node *n = v->def;
    if (n == NULL || --*visits_left < 0) return false;
    const struct ir_value *x = n->input_count > 0 ? ir_in(n, 0) : NULL;
    bool frames = ir_info(n)->level == IR_LEVEL_FRAME && n->op != IR_FRAME_ATTENTION; // that has positions
    if (frames || (n->op == IR_REARRANGE && x->def == NULL && v->type.rank == 4)) {
        roles_of_frames(role);
        return true;
    }
    if (n->op == IR_REARRANGE) {
        enum role in[IR_MAX_RANK];
        return of_value(x, in, visits_left) && roles_behind(ir_attr_rearrange(n), in, role);
    }
    for (int i = 0; i < n->input_count && keeps_axes(n); i++) {
        const struct ir_value *operand = ir_in(n, i);
        if (operand->type.rank == v->type.rank && of_value(operand, role, visits_left)) return true;
    }
    return false;
}

bool roles_of_value(const struct ir_value *v, enum role *role) {
    int visits_left = MOST_VISITS;
    return of_value(v, role, &visits_left);
}

static bool read_as_frames(const struct ir_value *v, int *visits_left) {
    for (const struct ir_use *u = v->uses; u != NULL; u = u->next) {
        if (ir_info(u->user)->level == IR_LEVEL_FRAME) return u->user->op != IR_FRAME_ATTENTION;
        if (keeps_axes(u->user) && --*visits_left >= 0 && read_as_frames(ir_out(u->user), visits_left))
            return true;
    }
    return false;
}

bool roles_of_input(const struct ir_node *n, enum role *role) {
    enum role frames[4];
    int rank = ir_in(n, 0)->type.rank;
    if (ir_out(n)->type.rank != 4) return false;
    roles_of_frames(frames);
    if (!roles_in_front(ir_attr_rearrange(n), frames, role)) return false;
    bool rows_last = rank >= 2 && role[rank - 2] == ROLE_ROWS && role[rank - 1] == ROLE_COLUMNS;
    int visits_left = MOST_VISITS;
    return rows_last || read_as_frames(ir_out(n), &visits_left);
}

void roles_extents(const struct ir_type *t, const enum role *role, uint32_t extents[4]) {
    for (int i = 0; i < 4; i++) extents[i] = 1;
    for (int i = 0; i < t->rank; i++) {
        if (role[i] != ROLE_NONE) extents[role[i]] = (uint32_t)t->dims[i].first;
    }
}

void roles_planar_strides(const struct ir_type *t, const enum role *role, uint64_t *stride) {
    uint32_t extent[4];
    roles_extents(t, role, extent);
    uint64_t row = extent[ROLE_COLUMNS], plane = row * extent[ROLE_ROWS],
             frame = plane * extent[ROLE_CHANNELS];
    const uint64_t of_role[4] = {frame, row, 1, plane};
    for (int i = 0; i < t->rank; i++) stride[i] = role[i] == ROLE_NONE ? 0 : of_role[role[i]];
}

bool roles_to_frames(const struct ir_type *t, const enum role *role, struct ir_rearrange *r) {
    int64_t perm[IR_MAX_RANK];
    int k = 0;
    for (int i = 0; i < t->rank; i++) {
        if (role[i] == ROLE_NONE) perm[k++] = i;
    }
    struct ir_dim dims[4] = {dim_const(1), dim_const(1), dim_const(1), dim_const(1)};
    for (int want = 0; want < 4; want++) {
        for (int i = 0; i < t->rank; i++) {
            if ((int)role[i] != want) continue;
            perm[k++] = i;
            dims[want] = t->dims[i];
        }
    }
    struct ir_rearrange move, shape;
    struct ir_type moved;
    return k == t->rank && rearrange_transpose(t, perm, &move) &&
           rearrange_out_type(&move, t->dtype, &moved) && rearrange_reshape(&moved, 4, dims, &shape) &&
           rearrange_compose(&move, &shape, r);
}
