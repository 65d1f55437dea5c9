// The containers of FFmpeg: .mp4 and its relatives, .gif and .webp.
//
// YUV is BT.709 in limited range and tagged so; RGB is full range. Odd sizes get one more column or row, a copy of the
// last, where the chroma is halved: 4:2:0 H.264 has only even sizes. An interrupted run completes the file with the
// frames so far. A file of .mp4 has its index moved to the front at the end; on the standard output it is written in
// fragments.
#include "tools/output/colour.h"
#include "tools/output/encoder.h"
#include "tools/output/muxer.h"
#include "tools/output/output.h"
#include "tools/output/palette.h"

#include <stdlib.h>

struct container {
    const char *muxer;    // libavformat's name
    const char *encoders; // in order of preference
    const char *options, *pipe_options;
    unsigned max_fps;  // 0: any
    bool has_palettes; // a picture has 256 colours
};

struct video {
    struct muxer muxer;
    AVCodecContext *encoder;
    AVPacket *packet;
    struct colour colour;
    struct palette *palette; // where the container has them
};

static const struct container *container_of(const struct output *o) { return o->format->settings; }

static bool check_rate(const struct output *o, struct error *err) {
    struct output_rate fps = o->params.settings.fps;
    unsigned most = container_of(o)->max_fps;
    if (most == 0 || fps.num <= (uint64_t)most * fps.den) return true;
    return error_set(err, ERROR_USAGE,
                     "--fps: expected at most %u for %s, whose delays are hundredths of a second", most,
                     o->format->suffix);
}

static bool open_encoder(struct output *o, struct error *err) {
    struct video *v = o->state;
    struct encoder_params params = {
        .output = o, .container = v->muxer.context->oformat, .encoders = container_of(o)->encoders};
    // libsvtav1 writes to stderr of its own accord; the user may have asked it to.
    setenv("SVT_LOG", "0", 0);
    v->encoder = encoder_open(&params, err);
    return v->encoder != NULL;
}

static bool open_colour(struct output *o, struct error *err) {
    struct video *v = o->state;
    bool has_palettes = container_of(o)->has_palettes;
    struct colour_params params = {.width = o->params.width,
                                   .height = o->params.height,
                                   .format = has_palettes ? AV_PIX_FMT_RGB24 : v->encoder->pix_fmt,
                                   .siting = COLOUR_SITING_LEFT,
                                   .pads = true};
    if (!colour_open(&v->colour, &params, err)) return error_prefix(err, "%s", o->path);
    if (has_palettes) v->palette = palette_new(v->encoder->width, v->encoder->height, err);
    return !has_palettes || v->palette != NULL || error_prefix(err, "%s", o->path);
}

static bool video_open(struct output *o, struct error *err) {
    const struct container *c = container_of(o);
    struct video *v = o->state = calloc(1, sizeof *v);
    if (v == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    av_log_set_level(AV_LOG_QUIET); // errors are ours to report, in one line
    v->packet = av_packet_alloc();
    if (v->packet == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    if (!check_rate(o, err) || !muxer_open(&v->muxer, o->path, c->muxer, err)) return false;
    return open_encoder(o, err) && open_colour(o, err) &&
           muxer_start(&v->muxer, v->encoder, v->muxer.sink.to_stdout ? c->pipe_options : c->options, err);
}

// Hands one frame, or NULL for "no more", to the encoder and writes the packets that come out.
static bool encode(struct video *v, AVFrame *frame, struct error *err) {
    if (frame != NULL) frame->pict_type = AV_PICTURE_TYPE_NONE;
    int code = avcodec_send_frame(v->encoder, frame);
    if (code < 0) return muxer_failed(&v->muxer, "cannot encode", code, err);
    while ((code = avcodec_receive_packet(v->encoder, v->packet)) >= 0) {
        if (!muxer_write(&v->muxer, v->packet, v->encoder->time_base, err)) return false;
    }
    return code == AVERROR(EAGAIN) || code == AVERROR_EOF ||
           muxer_failed(&v->muxer, "cannot encode", code, err);
}

static bool video_write(struct output *o, const float *frame, struct error *err) {
    struct video *v = o->state;
    if (!colour_convert(&v->colour, frame, err)) return error_prefix(err, "%s", o->path);
    AVFrame *picture = v->colour.picture;
    if (v->palette != NULL) picture = palette_convert(v->palette, picture, err);
    if (picture == NULL) return error_prefix(err, "%s", o->path);
    picture->pts = (int64_t)o->written;
    return encode(v, picture, err);
}

static bool video_finish(struct output *o, struct error *err) {
    struct video *v = o->state;
    return encode(v, NULL, err) && muxer_finish(&v->muxer, err);
}

static void video_abort(struct output *o) {
    struct video *v = o->state;
    if (v == NULL) return;
    avcodec_free_context(&v->encoder);
    av_packet_free(&v->packet);
    palette_free(v->palette);
    colour_close(&v->colour);
    muxer_close(&v->muxer);
    free(v);
    o->state = NULL;
}

static const char h264[] = "libx264 libopenh264 mpeg4";
static const char faststart[] = "movflags=+faststart",
                  fragments[] = "movflags=+frag_keyframe+empty_moov+default_base_moof";
static const struct container mp4 = {"mp4", h264, faststart, fragments, 0, false},
                              mov = {"mov", h264, faststart, fragments, 0, false},
                              mkv = {"matroska", h264, "", "", 0, false},
                              webm = {"webm", "libvpx-vp9 libsvtav1 libaom-av1", "", "", 0, false},
                              gif = {"gif", "gif", "loop=0", "loop=0", 50, true},
                              webp = {"webp", "libwebp_anim", "loop=0", "loop=0", 1000, false};

#define VIDEO(container)                                                                                     \
    .pictures = true, .complete_at_any_frame = true, .settings = &(container), .open = video_open,           \
    .write = video_write, .finish = video_finish, .abort = video_abort

const struct output_format output_mp4 = {.suffix = ".mp4",
                                         .description = "video, H.264 unless --codec says otherwise",
                                         .has_codec = true,
                                         .has_pixels = true,
                                         VIDEO(mp4)};
const struct output_format output_mov = {.suffix = ".mov",
                                         .description = "likewise, for editors",
                                         .has_codec = true,
                                         .has_pixels = true,
                                         VIDEO(mov)};
const struct output_format output_mkv = {.suffix = ".mkv",
                                         .description = "likewise, with any codec",
                                         .has_codec = true,
                                         .has_pixels = true,
                                         VIDEO(mkv)};
const struct output_format output_webm = {.suffix = ".webm",
                                          .description = "video, VP9, or AV1 by --codec",
                                          .has_codec = true,
                                          .has_pixels = true,
                                          VIDEO(webm)};
const struct output_format output_gif = {
    .suffix = ".gif", .description = "animation of 256 colours a frame, repeated for ever", VIDEO(gif)};
const struct output_format output_webp = {.suffix = ".webp",
                                          .description = "animation, repeated for ever",
                                          .max_side = 16383, // the format's 14 bits
                                          VIDEO(webp)};
