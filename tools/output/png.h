// PNG files from 8-bit RGB pictures, by libavcodec's encoder.
#ifndef WANRUN_PNG_H
#define WANRUN_PNG_H

#include "base/error.h"

#include <libavcodec/avcodec.h>
#include <stdbool.h>
#include <stdint.h>

struct png {
    AVCodecContext *encoder;
    AVFrame *picture; // RGB24; draw into it, then call png_save
    AVPacket *packet;
};

// Can a file be written at `path`? Asked before the first frame is decoded, which may take minutes.
bool png_probe(const char *path, struct error *err);
bool png_open(struct png *p, uint32_t width, uint32_t height, struct error *err);
// Encodes the picture into the file `path`.
bool png_save(struct png *p, const char *path, struct error *err);
void png_close(struct png *p);

#endif
