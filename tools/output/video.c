// .mp4: H.264 (MPEG-4 where libavcodec has no H.264 encoder), YUV 4:2:0, BT.709 limited range.
//
// The muxer writes through base/file.h, so that the temporary name, the rename and the errors are those of
// every other file. The index is written at the end and moved to the front (faststart); an interrupted run
// writes it as well, for the frames so far. Odd sizes get one more column or row, a copy of the last: 4:2:0
// H.264 has only even sizes, and 4:4:4 plays in few places.
#include "tools/output/output.h"

#include "base/file.h"
#include "tools/output/colour.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/dict.h>
#include <stdlib.h>
#include <unistd.h>

#if LIBAVFORMAT_VERSION_MAJOR < 61 // FFmpeg 7 made the bytes const
typedef uint8_t write_byte;
#else
typedef const uint8_t write_byte;
#endif

enum { IO_BUFFER = 1 << 16 };

struct video {
    struct file_out file;
    struct error io_error; // of the muxer's writes; FFmpeg only passes a number on
    struct colour_yuv colour;
    AVFormatContext *mux;
    AVCodecContext *encoder;
    AVPacket *packet;
};

// In order of preference. Where the options ask for a quality, they override the bit rate that new_encoder
// sets.
static const struct encoder_choice {
    const char *name, *options;
} encoders[] = {
    {"libx264", "preset=medium:crf=18"},
    {"libopenh264", "rc_mode=quality"},
    {"mpeg4", "flags=+qscale:global_quality=354"}, // quantiser 3 of 31, in units of FF_QP2LAMBDA
};

// "PATH: what: why", where the muxer's own write errors explain more than its return code.
static bool av_failed(const struct output *o, const char *what, int code, struct error *err) {
    const struct video *v = o->state;
    if (v != NULL && v->io_error.code != ERROR_NONE) {
        return error_set(err, v->io_error.code, "%s", v->io_error.message);
    }
    char why[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, why, sizeof why);
    return error_set(err, code == AVERROR(ENOMEM) ? ERROR_MEMORY : ERROR_IO, "%s: %s: %s", o->path, what,
                     why);
}

static int write_bytes(void *opaque, write_byte *data, int size) {
    struct video *v = opaque;
    return file_write(&v->file, data, (size_t)size, &v->io_error) ? size : AVERROR(EIO);
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence) {
    struct video *v = opaque;
    if (whence & AVSEEK_SIZE) return AVERROR(ENOSYS);
    off_t at = lseek(v->file.fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

static bool open_muxer(struct output *o, struct error *err) {
    struct video *v = o->state;
    int code = avformat_alloc_output_context2(&v->mux, NULL, "mp4", NULL);
    if (code < 0) return av_failed(o, "cannot start the mp4 muxer", code, err);
    // faststart opens the file a second time, to read it. "file:" lets a path hold colons.
    v->mux->url = av_asprintf("file:%s", v->file.temporary);
    unsigned char *buffer = av_malloc(IO_BUFFER);
    if (buffer != NULL)
        v->mux->pb = avio_alloc_context(buffer, IO_BUFFER, 1, v, NULL, write_bytes, seek_bytes);
    if (v->mux->pb == NULL) av_free(buffer);
    if (v->mux->url == NULL || v->mux->pb == NULL) return av_failed(o, "cannot write", AVERROR(ENOMEM), err);
    return true;
}

static AVCodecContext *new_encoder(const struct output *o, const AVCodec *codec) {
    const struct video *v = o->state;
    AVCodecContext *c = avcodec_alloc_context3(codec);
    if (c == NULL) return NULL;
    c->width = v->colour.yuv->width;
    c->height = v->colour.yuv->height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, (int)o->params.fps};
    c->framerate = (AVRational){(int)o->params.fps, 1};
    c->bit_rate = (int64_t)c->width * c->height * o->params.fps / 4; // generous
    c->sample_aspect_ratio = (AVRational){1, 1};
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = AVCOL_SPC_BT709;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    c->chroma_sample_location = AVCHROMA_LOC_LEFT;
    c->thread_count = 1; // the decoder is a hundred times slower; and the bytes do not depend on the machine
    if (v->mux->oformat->flags & AVFMT_GLOBALHEADER) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    return c;
}

static bool try_encoder(struct output *o, const AVCodec *codec, const char *options) {
    struct video *v = o->state;
    if (codec == NULL) return false;
    v->encoder = new_encoder(o, codec);
    if (v->encoder == NULL) return false;
    AVDictionary *chosen = NULL;
    bool ok = av_dict_parse_string(&chosen, options, "=", ":", 0) >= 0 &&
              avcodec_open2(v->encoder, codec, &chosen) >= 0;
    av_dict_free(&chosen);
    if (!ok) avcodec_free_context(&v->encoder);
    return ok;
}

// The encoders we know, then whatever else makes H.264: one that needs missing hardware fails to open.
static bool open_encoder(struct output *o, struct error *err) {
    const size_t n = sizeof encoders / sizeof encoders[0];
    for (size_t i = 0; i < n; i++) {
        const AVCodec *codec = avcodec_find_encoder_by_name(encoders[i].name);
        if (try_encoder(o, codec, encoders[i].options)) return true;
    }
    void *cursor = NULL;
    for (const AVCodec *codec; (codec = av_codec_iterate(&cursor)) != NULL;) {
        if (av_codec_is_encoder(codec) && codec->id == AV_CODEC_ID_H264 && try_encoder(o, codec, ""))
            return true;
    }
    return error_set(err, ERROR_UNSUPPORTED,
                     "%s: found no H.264 or MPEG-4 encoder in this libavcodec that takes "
                     "frames of %ux%u (try .y4m)",
                     o->path, o->params.height, o->params.width);
}

static bool start_stream(struct output *o, struct error *err) {
    struct video *v = o->state;
    AVStream *stream = avformat_new_stream(v->mux, NULL);
    if (stream == NULL) return av_failed(o, "cannot add a stream", AVERROR(ENOMEM), err);
    stream->time_base = v->encoder->time_base;
    stream->avg_frame_rate = v->encoder->framerate;
    int code = avcodec_parameters_from_context(stream->codecpar, v->encoder);
    if (code < 0) return av_failed(o, "cannot describe the stream", code, err);
    AVDictionary *options = NULL;
    av_dict_set(&options, "movflags", "+faststart", 0);
    code = avformat_write_header(v->mux, &options);
    av_dict_free(&options);
    return code >= 0 || av_failed(o, "cannot write the header", code, err);
}

static bool video_open(struct output *o, struct error *err) {
    struct video *v = o->state = calloc(1, sizeof *v);
    if (v == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    v->file.fd = -1;
    av_log_set_level(AV_LOG_QUIET); // errors are ours to report, in one line
    v->packet = av_packet_alloc();
    if (v->packet == NULL) return av_failed(o, "cannot start", AVERROR(ENOMEM), err);
    if (!colour_yuv_open(&v->colour, o->params.width, o->params.height, 2, COLOUR_SITING_LEFT, err)) {
        return error_prefix(err, "%s", o->path);
    }
    if (!file_create(&v->file, o->path, err)) return false;
    o->temporary = v->file.temporary;
    return open_muxer(o, err) && open_encoder(o, err) && start_stream(o, err);
}

// Hands one frame, or NULL for "no more", to the encoder and writes the packets that come out.
static bool encode(struct output *o, const AVFrame *frame, struct error *err) {
    struct video *v = o->state;
    int code = avcodec_send_frame(v->encoder, frame);
    if (code < 0) return av_failed(o, "cannot encode", code, err);
    while ((code = avcodec_receive_packet(v->encoder, v->packet)) >= 0) {
        AVStream *stream = v->mux->streams[0];
        if (v->packet->duration == 0) v->packet->duration = 1;
        av_packet_rescale_ts(v->packet, v->encoder->time_base, stream->time_base);
        v->packet->stream_index = stream->index;
        code = av_interleaved_write_frame(v->mux, v->packet); // takes the packet's data
        if (code < 0) return av_failed(o, "cannot write", code, err);
    }
    return code == AVERROR(EAGAIN) || code == AVERROR_EOF || av_failed(o, "cannot encode", code, err);
}

static bool video_write(struct output *o, const float *frame, struct error *err) {
    struct video *v = o->state;
    if (!colour_yuv_convert(&v->colour, frame, err)) return error_prefix(err, "%s", o->path);
    v->colour.yuv->pts = (int64_t)o->written;
    v->colour.yuv->pict_type = AV_PICTURE_TYPE_NONE;
    return encode(o, v->colour.yuv, err);
}

static bool video_finish(struct output *o, struct error *err) {
    struct video *v = o->state;
    if (!encode(o, NULL, err)) return false;
    int code = av_write_trailer(v->mux);
    avio_flush(v->mux->pb);
    if (code >= 0) code = v->mux->pb->error;
    if (code < 0 || v->io_error.code != ERROR_NONE) return av_failed(o, "cannot finish", code, err);
    return file_commit(&v->file, err);
}

static void video_abort(struct output *o) {
    struct video *v = o->state;
    if (v == NULL) return;
    avcodec_free_context(&v->encoder);
    if (v->mux != NULL && v->mux->pb != NULL) {
        av_freep(&v->mux->pb->buffer);
        avio_context_free(&v->mux->pb);
    }
    avformat_free_context(v->mux);
    av_packet_free(&v->packet);
    colour_yuv_close(&v->colour);
    file_discard(&v->file);
    free(v);
    o->state = NULL;
}

const struct output_format output_video = {
    .suffix = ".mp4",
    .description = "H.264 video, YUV 4:2:0, BT.709 limited range",
    .pictures = true,
    .complete_at_any_frame = true,
    .open = video_open,
    .write = video_write,
    .finish = video_finish,
    .abort = video_abort,
};
