#include "tools/output/colour.h"

#include "base/pixel.h"

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <string.h>

static void row_to_rgb24(uint8_t *out, uint32_t out_width, const float *r, const float *g, const float *b,
                         uint32_t width) {
    for (uint32_t x = 0; x < out_width; x++) {
        uint32_t from = x < width ? x : width - 1;
        out[3 * x] = pixel_byte(r[from]);
        out[3 * x + 1] = pixel_byte(g[from]);
        out[3 * x + 2] = pixel_byte(b[from]);
    }
}

void colour_to_rgb24(uint8_t *out, size_t stride, uint32_t out_width, uint32_t out_height, const float *frame,
                     uint32_t width, uint32_t height) {
    size_t plane = (size_t)width * height;
    for (uint32_t y = 0; y < out_height; y++) {
        const float *row = frame + (size_t)(y < height ? y : height - 1) * width;
        row_to_rgb24(out + y * stride, out_width, row, row + plane, row + 2 * plane, width);
    }
}

static uint16_t word(float x, float white) {
    float v = (x * 0.5f + 0.5f) * white;
    if (!(v > 0)) return 0; // NaN too
    return v < white ? (uint16_t)(v + 0.5f) : (uint16_t)white;
}

static void row_to_rgb48(uint16_t *out, uint32_t out_width, const float *r, const float *g, const float *b,
                         uint32_t width, float white) {
    for (uint32_t x = 0; x < out_width; x++) {
        uint32_t from = x < width ? x : width - 1;
        out[3 * x] = word(r[from], white);
        out[3 * x + 1] = word(g[from], white);
        out[3 * x + 2] = word(b[from], white);
    }
}

static void to_rgb48(const AVFrame *out, const float *frame, uint32_t width, uint32_t height, float white) {
    size_t plane = (size_t)width * height;
    for (uint32_t y = 0; y < (uint32_t)out->height; y++) {
        const float *row = frame + (size_t)(y < height ? y : height - 1) * width;
        uint8_t *line = out->data[0] + (size_t)y * (size_t)out->linesize[0];
        row_to_rgb48((uint16_t *)line, (uint32_t)out->width, row, row + plane, row + 2 * plane, width, white);
    }
}

AVFrame *colour_new_picture(enum AVPixelFormat format, int width, int height) {
    AVFrame *f = av_frame_alloc();
    if (f == NULL) return NULL;
    f->format = format, f->width = width, f->height = height;
    if (av_frame_get_buffer(f, 0) < 0) av_frame_free(&f);
    return f;
}

static bool is_rgb(enum AVPixelFormat format) {
    return (av_pix_fmt_desc_get(format)->flags & AV_PIX_FMT_FLAG_RGB) != 0;
}

bool colour_takes(enum AVPixelFormat format) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    if (d == NULL || !sws_isSupportedOutput(format)) return false;
    const char *name = av_get_pix_fmt_name(format);
    bool is_full_range = strncmp(name, "yuvj", 4) == 0;
    uint64_t refused = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL |
                       AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_ALPHA;
    return d->nb_components >= 3 && d->comp[0].depth >= 8 && (d->flags & refused) == 0 && !is_full_range;
}

static struct SwsContext *new_scaler(const AVFrame *from, const AVFrame *to, enum colour_siting siting) {
    struct SwsContext *s = sws_alloc_context();
    if (s == NULL) return NULL;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(to->format);
    av_opt_set_int(s, "srcw", from->width, 0);
    av_opt_set_int(s, "srch", from->height, 0);
    av_opt_set_int(s, "dstw", to->width, 0);
    av_opt_set_int(s, "dsth", to->height, 0);
    av_opt_set_int(s, "src_format", from->format, 0);
    av_opt_set_int(s, "dst_format", to->format, 0);
    if (format->log2_chroma_w > 0) // 1/256 luma samples
        av_opt_set_int(s, "dst_h_chr_pos", siting == COLOUR_SITING_LEFT ? 0 : 128, 0);
    if (format->log2_chroma_h > 0) av_opt_set_int(s, "dst_v_chr_pos", 128, 0);
    // Full chroma input, or every second pixel's colour would be dropped before it is averaged.
    av_opt_set_int(s, "sws_flags",
                   SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP | SWS_FULL_CHR_H_INT,
                   0);
    const int *bt709 = sws_getCoefficients(SWS_CS_ITU709);
    enum { UNIT = 1 << 16 };
    // Before sws_init_context, so that it builds the tables for these coefficients.
    if (sws_setColorspaceDetails(s, bt709, 1, bt709, is_rgb(to->format), 0, UNIT, UNIT) < 0 ||
        sws_init_context(s, NULL, NULL) < 0) {
        sws_freeContext(s);
        return NULL;
    }
    return s;
}

static void tag(AVFrame *f, enum colour_siting siting) {
    bool rgb = is_rgb(f->format);
    f->color_range = rgb ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    f->colorspace = rgb ? AVCOL_SPC_RGB : AVCOL_SPC_BT709;
    f->color_primaries = AVCOL_PRI_BT709;
    f->color_trc = AVCOL_TRC_BT709;
    if (!rgb) f->chroma_location = siting == COLOUR_SITING_LEFT ? AVCHROMA_LOC_LEFT : AVCHROMA_LOC_CENTER;
}

static int round_up(uint32_t size, unsigned log2) {
    return (int)(((size + (1u << log2) - 1) >> log2) << log2);
}

void colour_size(const struct colour_params *p, int *width, int *height) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(p->format);
    *width = round_up(p->width, p->pads ? d->log2_chroma_w : 0);
    *height = round_up(p->height, p->pads ? d->log2_chroma_h : 0);
}

bool colour_open(struct colour *c, const struct colour_params *params, struct error *err) {
    *c = (struct colour){.params = *params};
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(params->format);
    int w, h;
    colour_size(params, &w, &h);
    c->rgb = colour_new_picture(d->comp[0].depth > 8 ? AV_PIX_FMT_RGB48 : AV_PIX_FMT_RGB24, w, h);
    c->picture = colour_new_picture(params->format, w, h);
    if (c->rgb != NULL && c->picture != NULL) {
        tag(c->picture, params->siting);
        c->scaler = new_scaler(c->rgb, c->picture, params->siting);
    }
    if (c->scaler != NULL) return true;
    colour_close(c);
    return error_set(err, ERROR_MEMORY, "cannot convert frames of %dx%d to %s", h, w, d->name);
}

bool colour_convert(struct colour *c, const float *frame, struct error *err) {
    const struct colour_params *p = &c->params;
    AVFrame *rgb = c->rgb, *to = c->picture;
    if (av_frame_make_writable(to) < 0) return error_set(err, ERROR_MEMORY, "no memory for a video frame");
    if (rgb->format == AV_PIX_FMT_RGB24) {
        colour_to_rgb24(rgb->data[0], (size_t)rgb->linesize[0], (uint32_t)rgb->width, (uint32_t)rgb->height,
                        frame, p->width, p->height);
    } else {
        // swscale makes YUV of 16 bits as if they were 8 bits and a fraction, so that white is 255 * 256.
        to_rgb48(rgb, frame, p->width, p->height, is_rgb(to->format) ? 65535 : 65280);
    }
    int rows = sws_scale(c->scaler, (const uint8_t *const *)rgb->data, rgb->linesize, 0, rgb->height,
                         to->data, to->linesize);
    return rows == rgb->height ||
           error_set(err, ERROR_INTERNAL, "swscale converted %d of %d rows", rows, rgb->height);
}

void colour_close(struct colour *c) {
    sws_freeContext(c->scaler);
    av_frame_free(&c->rgb);
    av_frame_free(&c->picture);
    *c = (struct colour){0};
}
