// Pictures of 256 colours, for GIF: each with a palette of its own, so that memory does not grow with the video.
//
// The palette is by repeated splits of the colours that a picture has, at the mean of the axis along which they vary most
// (P. Heckbert, "Color image quantization for frame buffer display", 1982, with X. Wu's measure of which part to split: the
// variance). Pixels take the nearest colour, and what that is wrong by goes to their neighbours (R. Floyd and L. Steinberg,
// 1976).
#ifndef WANRUN_PALETTE_H
#define WANRUN_PALETTE_H

#include "base/error.h"

#include <libavutil/frame.h>
#include <stdbool.h>

struct palette;

// For pictures of this size; NULL with an error.
struct palette *palette_new(int width, int height, struct error *err);
void palette_free(struct palette *p);
// An RGB24 picture as PAL8, which is owned by `p` and valid until the next call; NULL with an error.
AVFrame *palette_convert(struct palette *p, const AVFrame *rgb, struct error *err);

#endif
