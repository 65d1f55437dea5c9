// Reads a video or picture back with FFmpeg's libraries, for tests.
//
//     probe_video FILE             prints "h264 40x24 13 frames yuv420p tv bt709 16 fps": bt709 where matrix, primaries and
//                                  transfer are all that, else the three of them
//     probe_video FILE FRAMES.npy  compares to frames in [-1, 1] and prints what comparison_print does. YUV is converted
//                                  here, in floating point and without swscale, so that a wrong matrix or range in the
//                                  writer shows.
//
// Exit status: 0, or 2 with a message when the file cannot be decoded.
#include "tests/support/compare_frames.h"
#include "tests/support/npy_array.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct probe {
    AVFormatContext *input;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    long frames;
    bool compares;
    struct comparison comparison;
};

static const double KR = 0.2126, KB = 0.0722; // BT.709

static void open_video(struct probe *p, const char *path) {
    char url[4096];
    snprintf(url, sizeof url, "file:%s", path);
    if (avformat_open_input(&p->input, url, NULL, NULL) < 0) npy_die("%s: cannot open", path);
    if (avformat_find_stream_info(p->input, NULL) < 0) npy_die("%s: no streams", path);
    if (p->input->nb_streams != 1) npy_die("%s: expected 1 stream, found %u", path, p->input->nb_streams);
    const AVCodecParameters *codec = p->input->streams[0]->codecpar;
    p->decoder = avcodec_alloc_context3(NULL);
    p->packet = av_packet_alloc();
    p->frame = av_frame_alloc();
    if (p->decoder == NULL || p->packet == NULL || p->frame == NULL) npy_die("out of memory");
    if (avcodec_parameters_to_context(p->decoder, codec) < 0 ||
        avcodec_open2(p->decoder, avcodec_find_decoder(codec->codec_id), NULL) < 0)
        npy_die("%s: no decoder", path);
}

// A component of a pixel as it is stored.
static unsigned component(const AVFrame *f, const AVPixFmtDescriptor *d, int i, long x, long y) {
    const AVComponentDescriptor *c = &d->comp[i];
    bool is_chroma = (i == 1 || i == 2) && !(d->flags & AV_PIX_FMT_FLAG_RGB);
    if (is_chroma) x >>= d->log2_chroma_w, y >>= d->log2_chroma_h;
    const uint8_t *at = f->data[c->plane] + y * f->linesize[c->plane] + x * c->step + c->offset;
    unsigned value = c->depth > 8 ? at[0] | (unsigned)at[1] << 8 : at[0];
    return value >> c->shift & ((1u << c->depth) - 1);
}

static void from_palette(const AVFrame *f, long x, long y, double rgb[3]) {
    uint32_t entry = ((const uint32_t *)f->data[1])[f->data[0][y * f->linesize[0] + x]];
    for (int k = 0; k < 3; k++) rgb[k] = entry >> (16 - 8 * k) & 255;
}

// YUV as BT.709 in limited range.
static void read_pixel(const void *picture, long x, long y, double rgb[3]) {
    const AVFrame *f = picture;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    if (f->format == AV_PIX_FMT_PAL8) {
        from_palette(f, x, y, rgb);
        return;
    }
    int depth = d->comp[0].depth;
    double v[3], unit = d->flags & AV_PIX_FMT_FLAG_RGB ? ((1 << depth) - 1) / 255.0 : 1 << (depth - 8);
    for (int i = 0; i < 3; i++) v[i] = component(f, d, i, x, y) / unit;
    if (d->flags & AV_PIX_FMT_FLAG_RGB) {
        memcpy(rgb, v, sizeof v);
        return;
    }
    double luma = (v[0] - 16) / 219, cb = (v[1] - 128) / 224, cr = (v[2] - 128) / 224;
    double r = luma + 2 * (1 - KR) * cr, b = luma + 2 * (1 - KB) * cb;
    rgb[0] = 255 * r;
    rgb[1] = 255 * (luma - KR * r - KB * b) / (1 - KR - KB);
    rgb[2] = 255 * b;
}

static void decode(struct probe *p, const AVPacket *packet) {
    if (avcodec_send_packet(p->decoder, packet) < 0) npy_die("frame %ld: cannot decode", p->frames);
    while (avcodec_receive_frame(p->decoder, p->frame) >= 0) {
        if (p->compares)
            comparison_add(&p->comparison, p->frame, p->frame->width, p->frame->height, read_pixel);
        p->frames++;
    }
}

static void print_description(const struct probe *p) {
    const AVCodecContext *d = p->decoder;
    AVRational fps = p->input->streams[0]->avg_frame_rate;
    const char *matrix = av_color_space_name(d->colorspace),
               *primaries = av_color_primaries_name(d->color_primaries),
               *transfer = av_color_transfer_name(d->color_trc);
    bool same = strcmp(matrix, primaries) == 0 && strcmp(matrix, transfer) == 0;
    printf("%s %dx%d %ld frames %s %s %s", avcodec_get_name(d->codec_id), d->width, d->height, p->frames,
           av_get_pix_fmt_name(d->pix_fmt), av_color_range_name(d->color_range), matrix);
    if (!same) printf("/%s/%s", primaries, transfer);
    printf(" %g fps\n", fps.den == 0 ? 0 : av_q2d(fps));
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) npy_die("expected FILE [FRAMES.npy]");
    struct probe p = {.compares = argc == 3};
    av_log_set_level(AV_LOG_QUIET);
    open_video(&p, argv[1]);
    if (p.compares) comparison_open(&p.comparison, argv[2]);
    while (av_read_frame(p.input, p.packet) >= 0) {
        decode(&p, p.packet);
        av_packet_unref(p.packet);
    }
    decode(&p, NULL);
    if (p.compares) comparison_print(&p.comparison);
    else print_description(&p);
    comparison_close(&p.comparison);
    av_frame_free(&p.frame);
    av_packet_free(&p.packet);
    avcodec_free_context(&p.decoder);
    avformat_close_input(&p.input);
    return 0;
}
