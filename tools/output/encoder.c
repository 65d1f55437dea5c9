#include "tools/output/encoder.h"

#include "base/strbuf.h"
#include "tools/options/options.h"
#include "tools/output/colour.h"

#include <libavutil/dict.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#define X26X_PRESETS "ultrafast superfast veryfast faster fast medium slow slower veryslow placebo"

// What we know of encoders, in order of preference among those of one codec. Only codecs that say BT.709 of themselves
// (VP8 is BT.601, whatever the container says), or RGB. Other encoders of the same codecs are used as they come.
static const struct row {
    const char *name;
    const char *pixel_format; // where the user names none
    const char *options;      // likewise; without a quality in them, the bit rate of `new_context` holds
    const char *presets;      // NULL: the encoder says itself what it takes
    unsigned crf_max;         // 0: there is no crf
    bool is_animation;        // belongs to its own container, and cannot be named
} rows[] = {
    {"libx264", "yuv420p", "preset=medium:crf=18", X26X_PRESETS, 51, false},
    {"libopenh264", "yuv420p", "rc_mode=quality", NULL, 0, false},
    {"libx265", "yuv420p", "preset=medium:crf=20:x265-params=log-level=none", X26X_PRESETS, 51, false},
    {"libsvtav1", "yuv420p", "preset=8:crf=28", NULL, 63, false},
    {"libaom-av1", "yuv420p", "cpu-used=6:crf=28", NULL, 63, false},
    {"libvpx-vp9", "yuv420p", "deadline=good:cpu-used=2:crf=24", NULL, 63, false},
    {"ffv1", "bgr0", "level=3:slicecrc=1", NULL, 0, false}, // without loss: the bytes of the pictures
    {"prores_ks", "yuv422p10", "", NULL, 0, false},
    {"mpeg4", "yuv420p", "flags=+qscale:global_quality=354", NULL, 0,
     false}, // quantiser 3 of 31, times FF_QP2LAMBDA
    {"libwebp_anim", "bgra", "quality=90", NULL, 0, true},
    {"gif", "pal8", "", NULL, 0, true},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct row *row_of(const AVCodec *codec) {
    static const struct row unknown = {"", "yuv420p", "", NULL, 63, false};
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, codec->name) == 0) return &rows[i];
    }
    return &unknown;
}

// ---- one encoder

static const enum AVPixelFormat *formats_of(const AVCodec *codec) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
    const void *list = NULL;
    int n;
    avcodec_get_supported_config(NULL, codec, AV_CODEC_CONFIG_PIX_FORMAT, 0, &list, &n);
    return list;
#else
    return codec->pix_fmts;
#endif
}

static bool encodes(const AVCodec *codec, enum AVPixelFormat format) {
    const enum AVPixelFormat *f = formats_of(codec);
    if (f == NULL) return true; // it does not say
    while (*f != AV_PIX_FMT_NONE && *f != format) f++;
    return *f == format;
}

static bool refuse_format(const AVCodec *codec, const char *name, struct error *err) {
    struct strbuf known = {0};
    for (const enum AVPixelFormat *f = formats_of(codec); f != NULL && *f != AV_PIX_FMT_NONE; f++) {
        if (colour_takes(*f)) strbuf_printf(&known, "%s%s", known.size ? ", " : "", av_get_pix_fmt_name(*f));
    }
    error_set(err, ERROR_USAGE, "--pix-fmt: expected one of %s for %s, found '%s'", strbuf_text(&known),
              codec->name, name);
    strbuf_free(&known);
    return false;
}

static bool choose_format(const struct encoder_params *p, const AVCodec *codec, enum AVPixelFormat *format,
                          struct error *err) {
    const char *asked = p->output->params.settings.pixel_format;
    *format = av_get_pix_fmt(asked != NULL ? asked : row_of(codec)->pixel_format);
    if (asked != NULL) {
        bool ours = *format != AV_PIX_FMT_NONE && colour_takes(*format);
        return (ours && encodes(codec, *format)) || refuse_format(codec, asked, err);
    }
    const enum AVPixelFormat *f = formats_of(codec);
    if (encodes(codec, *format)) return true;
    while (*f != AV_PIX_FMT_NONE && !colour_takes(*f)) f++;
    *format = *f;
    return *f != AV_PIX_FMT_NONE ||
           error_set(err, ERROR_UNSUPPORTED, "%s: %s takes no pixel format that frames can be converted to",
                     p->output->path, codec->name);
}

static AVCodecContext *new_context(const struct encoder_params *p, const AVCodec *codec,
                                   enum AVPixelFormat format) {
    const struct output_params *o = &p->output->params;
    struct colour_params sizes = {.width = o->width, .height = o->height, .format = format, .pads = true};
    struct output_rate fps = o->settings.fps;
    AVCodecContext *c = avcodec_alloc_context3(codec);
    if (c == NULL) return NULL;
    colour_size(&sizes, &c->width, &c->height);
    bool rgb = (av_pix_fmt_desc_get(format)->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
    c->pix_fmt = format;
    c->time_base = (AVRational){(int)fps.den, (int)fps.num};
    c->framerate = av_inv_q(c->time_base);
    c->bit_rate = (int64_t)c->width * c->height * fps.num / fps.den / 4; // generous
    c->sample_aspect_ratio = (AVRational){1, 1};
    c->color_range = rgb ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    c->colorspace = rgb ? AVCOL_SPC_RGB : AVCOL_SPC_BT709;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    if (!rgb) c->chroma_sample_location = AVCHROMA_LOC_LEFT;
    c->thread_count = 1; // the decoder is a hundred times slower; and the bytes do not depend on the machine
    if (p->container->flags & AVFMT_GLOBALHEADER) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    return c;
}

static bool make_options(AVDictionary **options, const struct output_settings *s, const AVCodec *codec,
                         struct error *err) {
    const struct row *row = row_of(codec);
    char crf[32];
    if (s->preset != NULL && !options_in_list(row->presets, s->preset))
        return error_set(err, ERROR_USAGE, "--preset: expected one of %s for %s, found '%s'", row->presets,
                         codec->name, s->preset);
    if (s->crf > row->crf_max && row->crf_max > 0)
        return error_set(err, ERROR_USAGE, "--crf: expected 0 to %u for %s, found %g", row->crf_max,
                         codec->name, s->crf);
    snprintf(crf, sizeof crf, "%g", s->crf);
    bool ok = av_dict_parse_string(options, row->options, "=", ":", 0) >= 0 &&
              (s->crf < 0 || av_dict_set(options, "crf", crf, 0) >= 0) &&
              (s->preset == NULL || av_dict_set(options, "preset", s->preset, 0) >= 0);
    if (ok && av_dict_get(*options, "crf", NULL, 0) != NULL)
        ok = av_dict_set(options, "b", "0", 0) >= 0; // the quality decides
    return ok || error_set(err, ERROR_MEMORY, "out of memory for the options of %s", codec->name);
}

// An option that an encoder does not know stays in the dictionary.
static bool check_left(const AVDictionary *left, const struct output_settings *s, const AVCodec *codec,
                       struct error *err) {
    bool has_crf = s->crf >= 0 && av_dict_get(left, "crf", NULL, 0) != NULL;
    bool has_preset = s->preset != NULL && av_dict_get(left, "preset", NULL, 0) != NULL;
    if (!has_crf && !has_preset) return true;
    return error_set(err, ERROR_USAGE, "%s: expected an encoder that has one, found %s",
                     has_crf ? "--crf" : "--preset", codec->name);
}

static bool refuse_settings(const struct encoder_params *p, const AVCodecContext *c, const AVCodec *codec,
                            int code, struct error *err) {
    const struct output_settings *s = &p->output->params.settings;
    struct strbuf said = {0};
    char why[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, why, sizeof why);
    if (s->crf >= 0) strbuf_printf(&said, " with --crf %g", s->crf);
    if (s->preset != NULL) strbuf_printf(&said, " with --preset %s", s->preset);
    error_set(err, ERROR_UNSUPPORTED, "%s: %s does not take %s frames of %dx%d%s: %s", p->output->path,
              codec->name, av_get_pix_fmt_name(c->pix_fmt), c->height, c->width, strbuf_text(&said), why);
    strbuf_free(&said);
    return false;
}

static bool open_context(const struct encoder_params *p, AVCodecContext *c, const AVCodec *codec,
                         struct error *err) {
    const struct output_settings *s = &p->output->params.settings;
    AVDictionary *options = NULL;
    bool ok = make_options(&options, s, codec, err);
    int code = ok ? avcodec_open2(c, codec, &options) : 0;
    ok = ok && (code >= 0 || refuse_settings(p, c, codec, code, err)) && check_left(options, s, codec, err);
    av_dict_free(&options);
    return ok;
}

static AVCodecContext *try_encoder(const struct encoder_params *p, const AVCodec *codec, struct error *err) {
    enum AVPixelFormat format;
    if (!choose_format(p, codec, &format, err)) return NULL;
    AVCodecContext *c = new_context(p, codec, format);
    if (c == NULL) error_set(err, ERROR_MEMORY, "%s: out of memory", p->output->path);
    else if (!open_context(p, c, codec, err)) avcodec_free_context(&c);
    return c;
}

// ---- which

// Those to try, in order.
enum { MAX_TRIED = 16 };
struct tried {
    const AVCodec *codecs[MAX_TRIED];
    size_t count;
};

static void add(struct tried *t, const AVCodec *codec) {
    for (size_t i = 0; i < t->count; i++) {
        if (t->codecs[i] == codec) return;
    }
    if (codec != NULL && t->count < MAX_TRIED) t->codecs[t->count++] = codec;
}

// Ours first, then whatever else makes it: one that needs missing hardware fails to open.
static void add_all(struct tried *t, enum AVCodecID id) {
    for (size_t i = 0; i < ROWS; i++) {
        const AVCodec *codec = avcodec_find_encoder_by_name(rows[i].name);
        if (codec != NULL && codec->id == id) add(t, codec);
    }
    void *cursor = NULL;
    for (const AVCodec *codec; (codec = av_codec_iterate(&cursor)) != NULL;) {
        if (av_codec_is_encoder(codec) && codec->id == id) add(t, codec);
    }
}

static void add_listed(struct tried *t, const char *names) {
    char name[32];
    for (int n; sscanf(names, "%31s%n", name, &n) == 1; names += n)
        add(t, avcodec_find_encoder_by_name(name));
}

// Those of rows that can be named: "h264, hevc, av1".
static void list_codecs(struct strbuf *out, const AVOutputFormat *container) {
    for (size_t i = 0; i < ROWS; i++) {
        const AVCodec *codec = avcodec_find_encoder_by_name(rows[i].name);
        if (codec == NULL || rows[i].is_animation) continue;
        const char *name = avcodec_get_name(codec->id);
        bool is_held =
            container == NULL || avformat_query_codec(container, codec->id, FF_COMPLIANCE_NORMAL) == 1;
        if (is_held && strstr(strbuf_text(out), name) == NULL)
            strbuf_printf(out, "%s%s", out->size ? ", " : "", name);
    }
}

static bool is_known(enum AVCodecID id) {
    for (size_t i = 0; i < ROWS; i++) {
        const AVCodec *codec = avcodec_find_encoder_by_name(rows[i].name);
        if (codec != NULL && codec->id == id && !rows[i].is_animation) return true;
    }
    return false;
}

// A codec such as h264, or an encoder such as libx264.
static bool add_named(struct tried *t, const char *name, struct error *err) {
    const AVCodec *encoder = avcodec_find_encoder_by_name(name);
    const AVCodecDescriptor *codec =
        avcodec_descriptor_get_by_name(strcmp(name, "h265") == 0 ? "hevc" : name);
    if (codec != NULL && is_known(codec->id)) add_all(t, codec->id);
    else if (encoder != NULL && is_known(encoder->id)) add(t, encoder);
    if (t->count > 0) return true;
    struct strbuf known = {0};
    list_codecs(&known, NULL);
    error_set(err, ERROR_USAGE,
              "--codec: expected one of %s, or an encoder of libavcodec's for one of them, found '%s'",
              strbuf_text(&known), name);
    strbuf_free(&known);
    return false;
}

static bool check_container(const struct encoder_params *p, const AVCodec *codec, struct error *err) {
    if (avformat_query_codec(p->container, codec->id, FF_COMPLIANCE_NORMAL) != 0) return true;
    struct strbuf known = {0};
    list_codecs(&known, p->container);
    error_set(err, ERROR_USAGE, "%s: expected one of the codecs %s in this container, found %s",
              p->output->path, strbuf_text(&known), avcodec_get_name(codec->id));
    strbuf_free(&known);
    return false;
}

AVCodecContext *encoder_open(const struct encoder_params *p, struct error *err) {
    const char *asked = p->output->params.settings.codec;
    struct tried t = {0};
    if (asked == NULL) add_listed(&t, p->encoders);
    else if (!add_named(&t, asked, err) || !check_container(p, t.codecs[0], err)) return NULL;
    struct error first = {0};
    for (size_t i = 0; i < t.count; i++) {
        struct error one = {0};
        AVCodecContext *c = try_encoder(p, t.codecs[i], &one);
        if (c != NULL) return c;
        if (i == 0) first = one;
    }
    if (t.count > 0) *err = first;
    else
        error_set(err, ERROR_UNSUPPORTED, "%s: found none of the encoders %s in this libavcodec (try .y4m)",
                  p->output->path, p->encoders);
    return NULL;
}
