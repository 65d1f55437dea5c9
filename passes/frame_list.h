// Values over time as lists of frames, so that caches can be compared by what they hold.
#ifndef WANC_PASSES_FRAME_LIST_H
#define WANC_PASSES_FRAME_LIST_H

#include "ir/ir.h"

enum { FRAME_LIST_MAX = 64, FRAME_AXIS = 2 }; // of [1, C, T, H, W], which 3D convolutions read

struct frame {
    const struct ir_value *value; // NULL: a frame of zeros
    int64_t index;
};

struct frame_list {
    int count; // -1: more than FRAME_LIST_MAX, or not a static list of frames
    struct frame at[FRAME_LIST_MAX];
};

// The frames of a value of five axes, looking through slice, concat and pad along time, and at zeros.
void frame_list_of(const struct ir_value *v, struct frame_list *f);
// What a 3D convolution reads: its own padding in time is frames of zeros in front. One that pads behind has no list.
void frame_list_of_conv(const struct ir_node *conv, struct frame_list *f);
// `count` zeros in front of the list.
void frame_list_pad(struct frame_list *f, int64_t count);
void frame_list_keep_last(struct frame_list *f, int64_t count);
// The value whose frames, all of them, follow the first `kept` in the list; NULL if there is none.
struct ir_value *frame_list_rest(const struct frame_list *f, int64_t kept);
bool frame_list_equal(const struct frame_list *a, const struct frame_list *b);
bool frame_list_is_zero(const struct frame_list *f);

// Whether a constant, or what a rearrangement or slice makes of one, holds nothing but zeros.
bool value_is_zero(const struct ir_value *v);

#endif
