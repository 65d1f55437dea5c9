// The geometry of a Winograd convolution: what the compiler, the forecast and the runtime must agree on.
//
// An axis of m outputs under a kernel of 3 taps needs m + 2 inputs. Winograd's F(m,3) computes the m outputs
// from m + 2 products instead of 3 m: inputs and weights are transformed linearly into `elements`, multiplied
// element by element, and the products transformed back. In two directions the transforms nest: F(4x4,3x3)
// takes 36 products for 16 outputs instead of 144. The products of all input channels add up before the
// inverse transform, so that each element is a matrix product of its own,
//
//     m[element][tile][out] = sum over in of v[element][tile][in] * u[element][out][in]
//
// of the transformed image v and the transformed weights u. Time is a third axis; or each tile keeps its
// frames apart, and the temporal taps of a frame, which lie side by side in v, are `folded` into the sum. A kernel of
// one pixel has tiles of one pixel and nothing to transform in space: the same machinery, for time alone. im2col has tiles
// of one pixel under a kernel of 3x3: v gets the pixels under the kernel, side by side, instead of a transform.
#ifndef WANC_PLAN_WINOGRAD_H
#define WANC_PLAN_WINOGRAD_H

#include "plan/plan.h"

enum {
    PLAN_WINOGRAD_LANES = 16,   // channels that are transformed together: one vector
    PLAN_WINOGRAD_COLUMNS = 32, // output channels of a matrix product are a multiple: XNNPACK is slow below
};

// The tiles of one axis: each reads `inputs`, `step` after those of its neighbour, and gives `outputs`.
struct plan_winograd_axis {
    uint32_t inputs, elements, outputs, step;
};

// An image is worked on in blocks of tiles. A block reads its patch: the pixels under its tiles and their halo, all
// frames of the window, zeros outside of the image.
struct plan_winograd {
    struct plan_winograd_axis space, time; // time: {1, 1, 1, 1} where the taps are folded
    uint64_t elements;                     // space x space x time
    uint64_t tiles_high, tiles_wide;       // of an image
    uint64_t band_high;                    // of the rows that are computed at a time: tiles
    uint64_t block_high, block_wide;       // tiles that are in the workspace at a time
    uint64_t block;                        // block_high * block_wide
    bool shared;                           // all threads work on one block; or each has its own
    uint64_t workspaces;                   // 1 or as many as threads
    uint64_t inputs, outputs;              // channels, padded to whole vectors and columns
    uint64_t rows_in, rows_out;            // of one tile in v and in m: frames, or groups of frames
    uint64_t row;                          // floats of one row of a tile in v
    uint64_t depth, columns;            // of the matrix product: folded taps * inputs; interleave * outputs
    uint64_t patch_height, patch_width; // pixels of a block's patch
    uint64_t patch_frames;              // of the window, rounded up to whole groups
    uint64_t v_plane, m_plane;          // floats of one element in the workspace: v, then m
    uint64_t patch;                     // floats of the patch, behind them
};

// Whether an algorithm other than DIRECT computes this convolution.
bool plan_winograd_applies(const struct plan_conv *p, uint32_t algorithm);
// `threads` share the work: the more there are, the larger a block is. `rows` of the result are computed at a time, at
// most all of them.
struct plan_winograd plan_winograd(const struct plan_conv *p, const struct plan_view *in,
                                   const struct plan_view *out, uint32_t rows, uint32_t threads);
// Rows of the result that are computed together.
uint32_t plan_winograd_tile_rows(const struct plan_conv *p);
// Columns that one operator of XNNPACK computes, and how many operators an element takes.
uint64_t plan_winograd_block_columns(const struct plan_winograd *g, uint32_t block_channels);
uint64_t plan_winograd_blocks(const struct plan_winograd *g, uint32_t block_channels);

// Output channels for one operator of XNNPACK under any algorithm: as many as have packed weights that stay in
// the L2 cache.
uint32_t plan_block_channels(const struct plan_conv *p, uint32_t inputs);

// Floats of one block's v, m and patch.
uint64_t plan_winograd_block_floats(const struct plan_winograd *g);
// XNNPACK's packed weights and operators; the transformed weights of one block, which are packed next; all blocks
// that are worked on at a time.
uint64_t plan_winograd_packed_bytes(const struct plan_winograd *g, uint32_t block_channels);
uint64_t plan_winograd_transformed_bytes(const struct plan_winograd *g, uint32_t block_channels);
uint64_t plan_winograd_workspace_bytes(const struct plan_winograd *g);

#endif
