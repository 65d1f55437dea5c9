// A patch: what one block of a convolution reads of its window (struct plan_conv), laid out for it in the workspace.
//
//     data[row][column][frame][channel]      all frames of the window; channels padded with zeros to `channels`
//
// The norm in front of the convolution is done on the way; pixels outside of the image are zeros, as are frames behind
// the window. The frames of a pixel are adjacent, so that temporal taps are one run of floats.
#ifndef WANC_RUNTIME_KERNELS_PATCH_H
#define WANC_RUNTIME_KERNELS_PATCH_H

#include "runtime/kernels/kernels.h"

// Where a convolution's window comes from, and where its last frames go.
struct rt_window {
    struct rt_tensor in, history; // history.frames 0: none; its even position
    size_t frames, old_frames;    // of the window, and those of them that are history
    uint32_t prologue;            // enum plan_prologue
    struct rt_norm norm;          // its gamma is owned
};

struct rt_patch {
    const struct rt_window *window;
    float *data;
    size_t frames, channels; // of a pixel in data
    size_t height, width;    // pixels
    ptrdiff_t top, left;     // of the first pixel, in the image
    bool odd;                // the step, and so the history's position
};

static inline size_t rt_patch_pixel(const struct rt_patch *p) { return p->frames * p->channels; }

bool rt_window_init(struct rt_window *w, const struct rt_op *op, struct error *err);
void rt_window_free(struct rt_window *w);

// Fills row `row` of a patch.
void rt_patch_fill_row(const struct rt_patch *p, size_t row);
// Writes row `row` of the patch, from `first` to `end`, to the history's other position: the window's last frames.
void rt_patch_keep_row(const struct rt_patch *p, size_t row, size_t first, size_t end);

#endif
