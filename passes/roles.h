// Which axis of a tensor holds the frames, rows, columns and channels, told by how it is rearranged from (or to)
// a list of frames.
#ifndef WANC_PASSES_ROLES_H
#define WANC_PASSES_ROLES_H

#include "ir/ir.h"

// In the order of [frames, height, width, channels]. NONE: an axis of size 1 that is none of them.
enum role { ROLE_NONE = -1, ROLE_FRAMES, ROLE_ROWS, ROLE_COLUMNS, ROLE_CHANNELS };

// Rows, columns and frames are the axis to which the outermost atom of theirs goes, channels that which gets only
// atoms of channels; what is then left over takes the roles that are left over. Four axes are frames if nothing
// speaks against it. False when one axis would have two roles, as in a list of positions, when several might be the
// channels (some became frames, and there was but one frame), or there are more axes than roles.
bool roles_behind(const struct ir_rearrange *r, const enum role *in, enum role *out);
// [frames, height, width, channels].
void roles_of_frames(enum role role[4]);

// The roles of the axes of a value, traced back to the operators on frames that it comes from.
bool roles_of_value(const struct ir_value *v, enum role *role);
// Those of the graph's input in a rearrangement of it to frames. False when nothing says that it gives frames.
bool roles_of_input(const struct ir_node *rearrange, enum role *role);

// The extents of a type in the order of the roles, 1 where there is none.
void roles_extents(const struct ir_type *t, const enum role *role, uint32_t extents[4]);
// Strides of the axes in planes, [frames][channels][height][width].
void roles_planar_strides(const struct ir_type *t, const enum role *role, uint64_t *stride);
// The rearrangement of a tensor to frames, whole axes only.
bool roles_to_frames(const struct ir_type *t, const enum role *role, struct ir_rearrange *r);

#endif
