// An encoder of libavcodec: chosen by what the user says of codec, quality and pixel format, and by what there is.
#ifndef WANRUN_ENCODER_H
#define WANRUN_ENCODER_H

#include "tools/output/output.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

struct encoder_params {
    const struct output *output;     // for its sizes, settings and messages
    const AVOutputFormat *container; // which must hold what the encoder makes
    const char *encoders; // those to try where the user names no codec, in order, separated by spaces
};

// An opened encoder, whose sizes and pixel format are those that its pictures must have; NULL with an error, which
// says what the first encoder tried lacks. The caller frees it by avcodec_free_context.
AVCodecContext *encoder_open(const struct encoder_params *params, struct error *err);

#endif
