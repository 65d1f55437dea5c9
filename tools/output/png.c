// %04d.png: every frame a file, numbered as in its video, from 0. Frames written before an interrupt or a failure stay:
// each file is complete.
#include "tools/output/png.h"

#include "base/file.h"
#include "tools/output/colour.h"
#include "tools/output/output.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool png_probe(const char *path, struct error *err) {
    struct file_out file;
    if (!file_create(&file, path, err)) return false;
    file_discard(&file);
    return true;
}

bool png_open(struct png *p, uint32_t width, uint32_t height, struct error *err) {
    *p = (struct png){0};
    av_log_set_level(AV_LOG_QUIET); // errors are ours to report, in one line
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
    if (codec == NULL) return error_set(err, ERROR_UNSUPPORTED, "this libavcodec has no PNG encoder");
    p->encoder = avcodec_alloc_context3(codec);
    p->packet = av_packet_alloc();
    p->picture = colour_new_picture(AV_PIX_FMT_RGB24, (int)width, (int)height);
    if (p->encoder == NULL || p->packet == NULL || p->picture == NULL) {
        return error_set(err, ERROR_MEMORY, "no memory for a picture of %ux%u", height, width);
    }
    p->encoder->width = (int)width;
    p->encoder->height = (int)height;
    p->encoder->pix_fmt = AV_PIX_FMT_RGB24;
    p->encoder->time_base = (AVRational){1, 1};
    p->encoder->thread_count = 1; // more would hold pictures back
    if (avcodec_open2(p->encoder, codec, NULL) >= 0) return true;
    return error_set(err, ERROR_UNSUPPORTED, "libavcodec's PNG encoder does not take pictures of %ux%u",
                     height, width);
}

bool png_save(struct png *p, const char *path, struct error *err) {
    if (avcodec_send_frame(p->encoder, p->picture) < 0 || avcodec_receive_packet(p->encoder, p->packet) < 0) {
        return error_set(err, ERROR_MEMORY, "%s: libavcodec failed to encode a PNG", path);
    }
    bool ok = file_save(path, p->packet->data, (size_t)p->packet->size, err);
    av_packet_unref(p->packet);
    return ok;
}

void png_close(struct png *p) {
    avcodec_free_context(&p->encoder);
    av_frame_free(&p->picture);
    av_packet_free(&p->packet);
}

static bool sequence_name(const struct output *o, uint64_t number, char name[PATH_MAX], struct error *err) {
    return output_pattern(o->path, number, name, PATH_MAX) ||
           error_set(err, ERROR_IO, "%s: cannot create: name too long", o->path);
}

static bool sequence_open(struct output *o, struct error *err) {
    struct png *p = o->state = calloc(1, sizeof *p);
    if (p == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    char name[PATH_MAX];
    if (!sequence_name(o, o->params.first, name, err) || !png_probe(name, err)) return false;
    return png_open(p, o->params.width, o->params.height, err) || error_prefix(err, "%s", o->path);
}

static bool sequence_write(struct output *o, const float *frame, struct error *err) {
    struct png *p = o->state;
    const struct output_params *size = &o->params;
    char name[PATH_MAX];
    if (av_frame_make_writable(p->picture) < 0)
        return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    colour_to_rgb24(p->picture->data[0], (size_t)p->picture->linesize[0], size->width, size->height, frame,
                    size->width, size->height);
    return sequence_name(o, size->first + o->written, name, err) && png_save(p, name, err);
}

static bool sequence_finish(struct output *o, struct error *err) {
    (void)o, (void)err;
    return true;
}

static void sequence_abort(struct output *o) {
    if (o->state != NULL) png_close(o->state);
    free(o->state);
    o->state = NULL;
}

const struct output_format output_png_sequence = {
    .suffix = ".png",
    .description = "every frame a picture, numbered from 0",
    .pattern = true,
    .pictures = true,
    .complete_at_any_frame = true,
    .open = sequence_open,
    .write = sequence_write,
    .finish = sequence_finish,
    .abort = sequence_abort,
};
