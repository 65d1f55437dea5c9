// A file of libavformat with one video stream.
//
// It writes through a sink, so that the temporary name, the rename and the errors are those of every other file.
#ifndef WANRUN_MUXER_H
#define WANRUN_MUXER_H

#include "tools/output/sink.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

struct muxer {
    struct sink sink;
    struct error io_error; // of the sink; FFmpeg only passes a number on
    AVFormatContext *context;
    const char *path; // the caller's
    bool begun;       // the header is written, and the trailer not
    bool given_up;    // nothing is written any more
};

// `format` is libavformat's name. After a failure muxer_close is called as well.
bool muxer_open(struct muxer *m, const char *path, const char *format, struct error *err);
// Describes the stream and writes the header; `options` as "name=value:name=value".
bool muxer_start(struct muxer *m, const AVCodecContext *encoder, const char *options, struct error *err);
// Takes the packet's data. Its times are in units of the encoder's time base.
bool muxer_write(struct muxer *m, AVPacket *packet, AVRational time_base, struct error *err);
// Completes the file and gives it its name.
bool muxer_finish(struct muxer *m, struct error *err);
void muxer_close(struct muxer *m);
// "PATH: what: why", where the sink's own errors explain more than FFmpeg's code.
bool muxer_failed(const struct muxer *m, const char *what, int code, struct error *err);

#endif
