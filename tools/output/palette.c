#include "tools/output/palette.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <stdio.h>

// A palette for each frame, so that memory does not grow with the video.
static const char description[] = "[in]split[picture][copy];[copy]palettegen=stats_mode=single[palette];"
                                  "[picture][palette]paletteuse=new=1:dither=sierra2_4a[out]";

static bool failed(int code, struct error *err) {
    char why[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(code, why, sizeof why);
    return error_set(err, code == AVERROR(ENOMEM) ? ERROR_MEMORY : ERROR_UNSUPPORTED,
                     "cannot choose 256 colours: %s", why);
}

static int create(struct palette *p, const AVFrame *like, AVRational time_base) {
    char source[128];
    snprintf(source, sizeof source, "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:pixel_aspect=1/1",
             like->width, like->height, like->format, time_base.num, time_base.den);
    p->graph->nb_threads = 1;
    int code =
        avfilter_graph_create_filter(&p->from, avfilter_get_by_name("buffer"), "in", source, NULL, p->graph);
    if (code < 0) return code;
    return avfilter_graph_create_filter(&p->to, avfilter_get_by_name("buffersink"), "out", NULL, NULL,
                                        p->graph);
}

// The ends of the description, as libavfilter wants them: what our source gives is an output to it.
static int connect(struct palette *p) {
    AVFilterInOut *in = avfilter_inout_alloc(), *out = avfilter_inout_alloc();
    int code = AVERROR(ENOMEM);
    if (in != NULL && out != NULL) {
        *out = (AVFilterInOut){.name = av_strdup("in"), .filter_ctx = p->from};
        *in = (AVFilterInOut){.name = av_strdup("out"), .filter_ctx = p->to};
        code = avfilter_graph_parse_ptr(p->graph, description, &in, &out, NULL);
    }
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    return code < 0 ? code : avfilter_graph_config(p->graph, NULL);
}

bool palette_open(struct palette *p, const AVFrame *like, AVRational time_base, struct error *err) {
    *p = (struct palette){.graph = avfilter_graph_alloc(), .frame = av_frame_alloc()};
    if (p->graph == NULL || p->frame == NULL) return failed(AVERROR(ENOMEM), err);
    int code = create(p, like, time_base);
    if (code >= 0) code = connect(p);
    return code >= 0 || failed(code, err);
}

bool palette_send(struct palette *p, AVFrame *picture, struct error *err) {
    int code = av_buffersrc_add_frame_flags(p->from, picture, AV_BUFFERSRC_FLAG_KEEP_REF);
    return code >= 0 || failed(code, err);
}

AVFrame *palette_receive(struct palette *p, AVRational time_base, struct error *err) {
    av_frame_unref(p->frame);
    int code = av_buffersink_get_frame(p->to, p->frame);
    if (code < 0) {
        if (code != AVERROR(EAGAIN) && code != AVERROR_EOF) failed(code, err);
        return NULL;
    }
    p->frame->pts = av_rescale_q(p->frame->pts, av_buffersink_get_time_base(p->to), time_base);
    return p->frame;
}

void palette_close(struct palette *p) {
    avfilter_graph_free(&p->graph);
    av_frame_free(&p->frame);
}
