// Reads a video or picture back with FFmpeg's libraries, for tests.
//
//     probe_video FILE             prints "h264 40x24 13 frames yuv420p tv bt709 16 fps"
//     probe_video FILE FRAMES.npy  compares to frames in [-1, 1]: "13 frames 0.55 0.12 0.08 0.20", on the
//     scale of
//                                  0-255. First the mean absolute difference of the luma of pixels, then how
//                                  far the mean red, green and blue of the whole video are off (of single
//                                  pixels they differ: 4:2:0 has fewer of them). YUV is converted here, in
//                                  floating point and without swscale, so that a wrong matrix or range in the
//                                  writer shows.
//
// Exit status: 0, or 2 with a message when the file cannot be decoded.
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
    AVFormatContext *input;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    long frames;
    const float *expected; // [3][total][height][width], or NULL
    long total, height, width;
    double luma, rgb[3]; // sums of differences
};

static const double KR = 0.2126, KB = 0.0722; // BT.709

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("probe_video: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    exit(2);
}

static void open_video(struct probe *p, const char *path) {
    char url[4096];
    snprintf(url, sizeof url, "file:%s", path);
    if (avformat_open_input(&p->input, url, NULL, NULL) < 0) die("%s: cannot open", path);
    if (avformat_find_stream_info(p->input, NULL) < 0) die("%s: no streams", path);
    if (p->input->nb_streams != 1) die("%s: expected 1 stream, found %u", path, p->input->nb_streams);
    const AVCodecParameters *codec = p->input->streams[0]->codecpar;
    p->decoder = avcodec_alloc_context3(NULL);
    p->packet = av_packet_alloc();
    p->frame = av_frame_alloc();
    if (p->decoder == NULL || p->packet == NULL || p->frame == NULL) die("out of memory");
    if (avcodec_parameters_to_context(p->decoder, codec) < 0 ||
        avcodec_open2(p->decoder, avcodec_find_decoder(codec->codec_id), NULL) < 0)
        die("%s: no decoder", path);
}

// float32 [1, 3, frames, height, width], as wanrun writes it
static void load_expected(struct probe *p, const char *path) {
    FILE *f = fopen(path, "rb");
    unsigned char head[10];
    if (f == NULL || fread(head, 1, sizeof head, f) != sizeof head) die("%s: cannot read", path);
    size_t size = head[8] | (size_t)head[9] << 8;
    char *text = calloc(1, size + 1);
    if (text == NULL || fread(text, 1, size, f) != size) die("%s: truncated", path);
    const char *shape = strstr(text, "'shape': (");
    if (shape == NULL ||
        sscanf(shape, "'shape': (1, 3, %ld, %ld, %ld)", &p->total, &p->height, &p->width) != 3) {
        die("%s: expected shape (1, 3, frames, height, width)", path);
    }
    size_t count = (size_t)(3 * p->total * p->height * p->width);
    float *data = malloc(count * sizeof *data);
    if (data == NULL || fread(data, sizeof *data, count, f) != count) die("%s: truncated", path);
    p->expected = data;
    free(text);
    fclose(f);
}

static double clamp255(double x) { return x < 0 ? 0 : x > 255 ? 255 : x; }

// Red, green, blue of one pixel, 0-255, not clamped: BT.709 limited range, or packed RGB.
static void pixel(const AVFrame *f, long x, long y, double rgb[3]) {
    if (f->format == AV_PIX_FMT_RGB24) {
        for (int c = 0; c < 3; c++) rgb[c] = f->data[0][y * f->linesize[0] + 3 * x + c];
        return;
    }
    double luma = (f->data[0][y * f->linesize[0] + x] - 16) / 219.0;
    double cb = (f->data[1][y / 2 * f->linesize[1] + x / 2] - 128) / 224.0;
    double cr = (f->data[2][y / 2 * f->linesize[2] + x / 2] - 128) / 224.0;
    double r = luma + 2 * (1 - KR) * cr, b = luma + 2 * (1 - KB) * cb;
    rgb[0] = 255 * r;
    rgb[1] = 255 * (luma - KR * r - KB * b) / (1 - KR - KB);
    rgb[2] = 255 * b;
}

static void compare_pixel(struct probe *p, long x, long y) {
    double rgb[3], d[3];
    pixel(p->frame, x, y, rgb);
    for (long c = 0; c < 3; c++) {
        float v = p->expected[((c * p->total + p->frames) * p->height + y) * p->width + x];
        d[c] = rgb[c] - clamp255((v * 0.5 + 0.5) * 255);
        p->rgb[c] += d[c];
    }
    p->luma += fabs(KR * d[0] + (1 - KR - KB) * d[1] + KB * d[2]);
}

static void compare(struct probe *p) {
    const AVFrame *f = p->frame;
    if (p->frames >= p->total) die("more frames than expected");
    if (f->width < p->width || f->height < p->height)
        die("frames of %dx%d are too small", f->height, f->width);
    for (long y = 0; y < p->height; y++) {
        for (long x = 0; x < p->width; x++) compare_pixel(p, x, y);
    }
}

static void decode(struct probe *p, const AVPacket *packet) {
    if (avcodec_send_packet(p->decoder, packet) < 0) die("frame %ld: cannot decode", p->frames);
    while (avcodec_receive_frame(p->decoder, p->frame) >= 0) {
        if (p->expected != NULL) compare(p);
        p->frames++;
    }
}

static void print_description(const struct probe *p) {
    const AVCodecContext *d = p->decoder;
    const char *range = av_color_range_name(d->color_range), *space = av_color_space_name(d->colorspace);
    AVRational fps = p->input->streams[0]->avg_frame_rate;
    printf("%s %dx%d %ld frames %s %s %s %g fps\n", avcodec_get_name(d->codec_id), d->width, d->height,
           p->frames, av_get_pix_fmt_name(d->pix_fmt), range, space, fps.den == 0 ? 0 : av_q2d(fps));
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) die("expected FILE [FRAMES.npy]");
    struct probe p = {0};
    av_log_set_level(AV_LOG_QUIET);
    open_video(&p, argv[1]);
    if (argc == 3) load_expected(&p, argv[2]);
    while (av_read_frame(p.input, p.packet) >= 0) {
        decode(&p, p.packet);
        av_packet_unref(p.packet);
    }
    decode(&p, NULL);
    double n = (double)p.frames * (double)p.height * (double)p.width;
    if (p.expected == NULL) print_description(&p);
    else {
        printf("%ld frames %.2f", p.frames, p.luma / n);
        for (int c = 0; c < 3; c++) printf(" %.2f", fabs(p.rgb[c] / n));
        printf("\n");
    }
    free((void *)p.expected);
    av_frame_free(&p.frame);
    av_packet_free(&p.packet);
    avcodec_free_context(&p.decoder);
    avformat_close_input(&p.input);
    return 0;
}
