// Colour: decoded frames, float[3][height][width] of red, green, blue in [-1, 1], as RGB and in the pixel formats of
// FFmpeg.
#ifndef WANRUN_COLOUR_H
#define WANRUN_COLOUR_H

#include "base/error.h"

#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes (base/pixel.h), interleaved red, green, blue. The picture written is `out_width` wide
// and `out_height` high; beyond the frame, its last column and row are repeated.
void colour_to_rgb24(uint8_t *out, size_t stride, uint32_t out_width, uint32_t out_height, const float *frame,
                     uint32_t width, uint32_t height);

// Where a chroma sample of YUV 4:2:0 lies between the two luma samples that share it horizontally.
enum colour_siting { COLOUR_SITING_LEFT, COLOUR_SITING_CENTRE };

// What the converted frames are to be.
struct colour_params {
    uint32_t width, height; // of the decoded frames
    enum AVPixelFormat format;
    enum colour_siting siting;
    bool
        pads; // sizes that are no multiple of the chroma's are rounded up: encoders of 4:2:0 take no odd ones
};

// Frames to a pixel format: YUV is BT.709 in limited range, RGB is exact, in full range. Formats of more than 8 bits
// are made of 16-bit RGB.
struct colour {
    struct colour_params params;
    struct SwsContext *scaler;
    AVFrame *rgb, *picture; // `picture` holds the last converted frame, and what it says of its colours
};

// Is it YUV or RGB that we can make? Grey, palettes, alpha and full-range YUV are not.
bool colour_takes(enum AVPixelFormat format);
// Of the pictures: those of the frames, or rounded up.
void colour_size(const struct colour_params *params, int *width, int *height);
bool colour_open(struct colour *c, const struct colour_params *params, struct error *err);
// Into c->picture, which is made writable first.
bool colour_convert(struct colour *c, const float *frame, struct error *err);
void colour_close(struct colour *c);

// A picture with memory of its own; NULL when there is none.
AVFrame *colour_new_picture(enum AVPixelFormat format, int width, int height);

#endif
