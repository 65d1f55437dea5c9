#include "tools/output/colour.h"

#include "base/pixel.h"

#include <libavutil/opt.h>
#include <libavutil/pixfmt.h>

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

AVFrame *colour_new_picture(enum AVPixelFormat format, int width, int height) {
    AVFrame *f = av_frame_alloc();
    if (f == NULL) return NULL;
    f->format = format, f->width = width, f->height = height;
    if (av_frame_get_buffer(f, 0) < 0) av_frame_free(&f);
    return f;
}

static struct SwsContext *new_scaler(int width, int height, enum colour_siting siting) {
    struct SwsContext *s = sws_alloc_context();
    if (s == NULL) return NULL;
    av_opt_set_int(s, "srcw", width, 0);
    av_opt_set_int(s, "srch", height, 0);
    av_opt_set_int(s, "dstw", width, 0);
    av_opt_set_int(s, "dsth", height, 0);
    av_opt_set_int(s, "src_format", AV_PIX_FMT_RGB24, 0);
    av_opt_set_int(s, "dst_format", AV_PIX_FMT_YUV420P, 0);
    av_opt_set_int(s, "dst_h_chr_pos", siting == COLOUR_SITING_LEFT ? 0 : 128, 0); // 1/256 luma samples
    av_opt_set_int(s, "dst_v_chr_pos", 128, 0);
    // Full chroma input, or every second pixel's colour would be dropped before it is averaged.
    av_opt_set_int(s, "sws_flags", SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP, 0);
    const int *bt709 = sws_getCoefficients(SWS_CS_ITU709);
    enum { FULL_RANGE = 1, LIMITED_RANGE = 0, UNIT = 1 << 16 };
    // Before sws_init_context, so that it builds the tables for these coefficients.
    if (sws_setColorspaceDetails(s, bt709, FULL_RANGE, bt709, LIMITED_RANGE, 0, UNIT, UNIT) < 0 ||
        sws_init_context(s, NULL, NULL) < 0) {
        sws_freeContext(s);
        return NULL;
    }
    return s;
}

bool colour_yuv_open(struct colour_yuv *c, uint32_t width, uint32_t height, uint32_t align,
                     enum colour_siting siting, struct error *err) {
    *c = (struct colour_yuv){.width = width, .height = height};
    int w = (int)((width + align - 1) / align * align), h = (int)((height + align - 1) / align * align);
    c->scaler = new_scaler(w, h, siting);
    c->rgb = colour_new_picture(AV_PIX_FMT_RGB24, w, h);
    c->yuv = colour_new_picture(AV_PIX_FMT_YUV420P, w, h);
    if (c->scaler != NULL && c->rgb != NULL && c->yuv != NULL) {
        c->yuv->color_range = AVCOL_RANGE_MPEG;
        c->yuv->colorspace = AVCOL_SPC_BT709;
        c->yuv->color_primaries = AVCOL_PRI_BT709;
        c->yuv->color_trc = AVCOL_TRC_BT709;
        return true;
    }
    colour_yuv_close(c);
    return error_set(err, ERROR_MEMORY, "cannot convert frames of %dx%d to YUV", h, w);
}

bool colour_yuv_convert(struct colour_yuv *c, const float *frame, struct error *err) {
    if (av_frame_make_writable(c->yuv) < 0)
        return error_set(err, ERROR_MEMORY, "no memory for a video frame");
    int w = c->rgb->width, h = c->rgb->height;
    colour_to_rgb24(c->rgb->data[0], (size_t)c->rgb->linesize[0], (uint32_t)w, (uint32_t)h, frame, c->width,
                    c->height);
    int rows = sws_scale(c->scaler, (const uint8_t *const *)c->rgb->data, c->rgb->linesize, 0, h,
                         c->yuv->data, c->yuv->linesize);
    return rows == h || error_set(err, ERROR_INTERNAL, "swscale converted %d of %d rows", rows, h);
}

void colour_yuv_close(struct colour_yuv *c) {
    sws_freeContext(c->scaler);
    av_frame_free(&c->rgb);
    av_frame_free(&c->yuv);
    *c = (struct colour_yuv){0};
}
