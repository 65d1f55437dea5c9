// .y4m: YUV4MPEG2, uncompressed video that every tool reads from a pipe; also the standard output, "-".
//
// BT.709 in limited range; 4:2:0 of 8 bits has centred chroma (C420jpeg, the siting that all readers agree on). The
// format has no official way to name the matrix; XCOLORMATRIX is a comment to readers that do not know it.
// FFmpeg reads headers of up to 95 bytes.
#include "tools/output/colour.h"
#include "tools/output/output.h"
#include "tools/output/sink.h"

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

static const char FRAME_HEADER[] = "FRAME\n";

struct y4m {
    struct sink sink;
    struct colour colour;
    uint8_t *frame; // FRAME_HEADER and the three planes, without padding
    int frame_bytes;
};

static const struct layout {
    const char *name; // FFmpeg's, without the order of bytes
    enum AVPixelFormat format;
    const char *tag;
    enum colour_siting siting;
} layouts[] = {{"yuv420p", AV_PIX_FMT_YUV420P, "420jpeg", COLOUR_SITING_CENTRE},
               {"yuv422p", AV_PIX_FMT_YUV422P, "422", COLOUR_SITING_LEFT},
               {"yuv444p", AV_PIX_FMT_YUV444P, "444", COLOUR_SITING_LEFT},
               {"yuv420p10", AV_PIX_FMT_YUV420P10LE, "420p10 XYSCSS=420P10", COLOUR_SITING_LEFT},
               {"yuv422p10", AV_PIX_FMT_YUV422P10LE, "422p10 XYSCSS=422P10", COLOUR_SITING_LEFT},
               {"yuv444p10", AV_PIX_FMT_YUV444P10LE, "444p10 XYSCSS=444P10", COLOUR_SITING_LEFT}};
enum { LAYOUTS = sizeof layouts / sizeof layouts[0] };

static const struct layout *choose_layout(const struct output *o, struct error *err) {
    const char *name = o->params.settings.pixel_format;
    if (name == NULL) return &layouts[0];
    for (size_t i = 0; i < LAYOUTS; i++) {
        if (strcmp(name, layouts[i].name) == 0 || strcmp(name, av_get_pix_fmt_name(layouts[i].format)) == 0)
            return &layouts[i];
    }
    error_set(
        err, ERROR_USAGE,
        "--pix-fmt: expected yuv420p, yuv422p or yuv444p, or one of them with 10 behind it, for .y4m, found "
        "'%s'",
        name);
    return NULL;
}

static bool write_header(struct y4m *y, const struct output_params *p, const struct layout *layout,
                         struct error *err) {
    char header[160];
    struct output_rate fps = p->settings.fps;
    int n = snprintf(header, sizeof header,
                     "YUV4MPEG2 W%u H%u F%u:%u Ip A1:1 C%s XCOLORRANGE=LIMITED XCOLORMATRIX=BT709\n",
                     p->width, p->height, fps.num, fps.den, layout->tag);
    return sink_write(&y->sink, header, (size_t)n, err);
}

static bool allocate(struct y4m *y, const struct output *o, const struct layout *layout, struct error *err) {
    const struct output_params *p = &o->params;
    struct colour_params params = {
        .width = p->width, .height = p->height, .format = layout->format, .siting = layout->siting};
    if (!colour_open(&y->colour, &params, err)) return error_prefix(err, "%s", o->path);
    int planes = av_image_get_buffer_size(layout->format, (int)p->width, (int)p->height, 1);
    y->frame_bytes = (int)strlen(FRAME_HEADER) + planes;
    y->frame = planes > 0 ? malloc((size_t)y->frame_bytes) : NULL;
    if (y->frame == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for a frame", o->path);
    memcpy(y->frame, FRAME_HEADER, strlen(FRAME_HEADER));
    return true;
}

static bool y4m_open(struct output *o, struct error *err) {
    struct y4m *y = o->state = calloc(1, sizeof *y);
    if (y == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    const struct layout *layout = choose_layout(o, err);
    if (layout == NULL || !allocate(y, o, layout, err) || !sink_open(&y->sink, o->path, err)) return false;
    return write_header(y, &o->params, layout, err);
}

static bool y4m_write(struct output *o, const float *frame, struct error *err) {
    struct y4m *y = o->state;
    if (!colour_convert(&y->colour, frame, err)) return error_prefix(err, "%s", o->path);
    const AVFrame *yuv = y->colour.picture;
    int header = (int)strlen(FRAME_HEADER);
    av_image_copy_to_buffer(y->frame + header, y->frame_bytes - header, (const uint8_t *const *)yuv->data,
                            yuv->linesize, yuv->format, yuv->width, yuv->height, 1);
    return sink_write(&y->sink, y->frame, (size_t)y->frame_bytes, err);
}

static bool y4m_finish(struct output *o, struct error *err) {
    struct y4m *y = o->state;
    return sink_commit(&y->sink, err);
}

static void y4m_abort(struct output *o) {
    struct y4m *y = o->state;
    if (y == NULL) return;
    sink_close(&y->sink);
    colour_close(&y->colour);
    free(y->frame);
    free(y);
    o->state = NULL;
}

const struct output_format output_y4m = {
    .suffix = ".y4m",
    .description = "uncompressed video, YUV",
    .pictures = true,
    .complete_at_any_frame = true,
    .has_pixels = true,
    .open = y4m_open,
    .write = y4m_write,
    .finish = y4m_finish,
    .abort = y4m_abort,
};
