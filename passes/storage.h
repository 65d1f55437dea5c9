// Where the elements of a value lie: offsets and strides, in elements.
#ifndef WANC_PASSES_STORAGE_H
#define WANC_PASSES_STORAGE_H

#include "ir/ir.h"

// [frames][height][width][channels], in a buffer yet to be chosen.
struct ir_storage storage_dense(const struct ir_type *t);
// [height][width][frames][channels]: the frames of one pixel are adjacent.
struct ir_storage storage_window(const struct ir_type *t);
bool storage_is_dense(const struct ir_storage *s, const struct ir_type *t);
// That of a `slice` node's result, inside of its operand's.
struct ir_storage storage_slice(const struct ir_node *slice);
// Whether a `rearrange` node's result can be seen in its operand's buffer by other strides, channels staying
// adjacent.
bool storage_view(const struct ir_node *rearrange, struct ir_storage *s);

// Whether the rows of a value continue each other and its channels are adjacent wherever plan_memory may place it, as
// kernels want it that walk an image from pixel to pixel.
bool storage_is_image(const struct ir_value *v);

// The strides of a dense tensor of any rank.
void storage_dense_strides(const struct ir_type *t, uint64_t *strides);

#endif
