// DepthToSpace and SpaceToDepth: blocks of pixels to channels and back, each one rearrangement.
#include "passes/lower.h"
#include "passes/match.h"

#include <string.h>

enum { BLOCKED_RANK = 6 };

struct blocks {
    struct ir_dim split[BLOCKED_RANK]; // the input's axes, those that are cut in parts
    int64_t perm[BLOCKED_RANK];        // order of the parts
    struct ir_dim merged[4];           // the output's axes
};

// DCR: the block's row and column are the outer part of the channels; CRD: the inner one.
static bool depth_to_space(const struct ir_dim *d, int64_t b, bool outer, struct blocks *out) {
    static const int64_t perms[2][BLOCKED_RANK] = {{0, 1, 4, 2, 5, 3}, {0, 3, 4, 1, 5, 2}};
    if (b < 1 || b > 1024 || d[1].first % (b * b) != 0) return false;
    struct ir_dim block = dim_const(b), channels = dim_const(d[1].first / (b * b));
    struct ir_dim split[] = {d[0], outer ? block : channels, block, outer ? channels : block, d[2], d[3]};
    struct ir_dim merged[] = {d[0], channels, d[2], d[3]};
    memcpy(out->split, split, sizeof split);
    memcpy(out->perm, perms[outer], sizeof out->perm);
    memcpy(out->merged, merged, sizeof merged);
    return dim_mul(merged[2], block, &out->merged[2]) && dim_mul(merged[3], block, &out->merged[3]);
}

static bool space_to_depth(const struct ir_dim *d, int64_t b, bool outer, struct blocks *out) {
    static const int64_t perms[2][BLOCKED_RANK] = {{0, 1, 3, 5, 2, 4}, {0, 3, 5, 1, 2, 4}};
    if (b < 1 || b > 1024) return false;
    struct ir_dim block = dim_const(b), split[] = {d[0], d[1], d[2], block, d[3], block};
    struct ir_dim merged[] = {d[0], d[1], d[2], d[3]};
    if (!dim_div(d[2], block, &split[2]) || !dim_div(d[3], block, &split[4])) return false;
    if (d[2].first % b != 0 || d[3].first % b != 0) return false;
    merged[2] = split[2];
    merged[3] = split[4];
    memcpy(out->split, split, sizeof split);
    memcpy(out->perm, perms[outer], sizeof out->perm);
    memcpy(out->merged, merged, sizeof merged);
    return dim_mul(d[1], dim_const(b * b), &out->merged[1]);
}

static bool lower_blocks(struct ir_node *n, bool to_depth, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    const char *mode = ir_attr_string(n, IR_KEY_MODE, "DCR");
    int64_t block = ir_attr_int(n, IR_KEY_FACTOR, 0);
    struct blocks b;
    bool outer = strcmp(mode, "DCR") == 0;
    if (!outer && strcmp(mode, "CRD") != 0) return lower_refuse(n, err, "mode %s is not known", mode);
    if (t->rank != 4) return lower_refuse(n, err, "the input must have 4 axes, it has %d", t->rank);
    if (to_depth ? !space_to_depth(t->dims, block, outer, &b) : !depth_to_space(t->dims, block, outer, &b))
        return lower_refuse(n, err, "blocks of %lld do not fit the input", (long long)block);
    struct ir_value *x = lower_reshaped(n, ir_in(n, 0), BLOCKED_RANK, b.split);
    x = x != NULL ? lower_transposed(n, x, b.perm) : NULL;
    if (x == NULL) return lower_refuse(n, err, "its axes cannot be cut");
    return lower_reshape_to(n, x, 4, b.merged, err);
}

bool lower_depth_to_space(struct ir_node *n, struct error *err) { return lower_blocks(n, false, err); }
bool lower_space_to_depth(struct ir_node *n, struct error *err) { return lower_blocks(n, true, err); }
