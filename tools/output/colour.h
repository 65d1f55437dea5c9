// Colour: decoded frames, float[3][height][width] of red, green, blue in [-1, 1], as 8-bit RGB and as YUV.
#ifndef WANRUN_COLOUR_H
#define WANRUN_COLOUR_H

#include "base/error.h"

#include <libavutil/frame.h>
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

// Frame to YUV 4:2:0, BT.709, limited range.
struct colour_yuv {
    uint32_t width, height; // of the frames
    struct SwsContext *scaler;
    AVFrame *rgb, *yuv; // `yuv` holds the last converted frame
};

// `align` 2 rounds odd sizes up (encoders of 4:2:0 take no odd ones), 1 keeps them.
bool colour_yuv_open(struct colour_yuv *c, uint32_t width, uint32_t height, uint32_t align,
                     enum colour_siting siting, struct error *err);
// Into c->yuv, which is made writable first.
bool colour_yuv_convert(struct colour_yuv *c, const float *frame, struct error *err);
void colour_yuv_close(struct colour_yuv *c);

// A picture with memory of its own; NULL when there is none.
AVFrame *colour_new_picture(enum AVPixelFormat format, int width, int height);

#endif
