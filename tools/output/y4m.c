// .y4m: YUV4MPEG2, uncompressed video that every tool reads from a pipe; also the standard output, "-".
//
// 4:2:0 with centred chroma (C420jpeg, the siting that all readers agree on), BT.709 in limited range. The
// format has no official way to name the matrix; XCOLORMATRIX is a comment to readers that do not know it.
// FFmpeg reads headers of up to 95 bytes.
#include "tools/output/output.h"

#include "base/file.h"
#include "tools/output/colour.h"

#include <libavutil/imgutils.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char FRAME_HEADER[] = "FRAME\n";

struct y4m {
    struct file_out file; // of the standard output only fd and path are set
    bool to_stdout;
    struct colour_yuv colour;
    uint8_t *frame; // FRAME_HEADER and the three planes, without padding
    int frame_bytes;
};

static bool open_stdout(struct y4m *y, struct error *err) {
    if (isatty(STDOUT_FILENO)) {
        return error_set(err, ERROR_USAGE, "standard output: expected a pipe or a file, found a terminal");
    }
    y->to_stdout = true;
    y->file.fd = STDOUT_FILENO;
    y->file.path = strdup("standard output");
    return y->file.path != NULL || error_set(err, ERROR_MEMORY, "standard output: out of memory");
}

static bool write_header(struct y4m *y, const struct output_params *p, struct error *err) {
    char header[96];
    int n = snprintf(header, sizeof header,
                     "YUV4MPEG2 W%u H%u F%u:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED XCOLORMATRIX=BT709\n",
                     p->width, p->height, p->fps);
    return file_write(&y->file, header, (size_t)n, err);
}

static bool allocate(struct y4m *y, const struct output *o, struct error *err) {
    const struct output_params *p = &o->params;
    if (!colour_yuv_open(&y->colour, p->width, p->height, 1, COLOUR_SITING_CENTRE, err)) {
        return error_prefix(err, "%s", o->path);
    }
    int planes = av_image_get_buffer_size(AV_PIX_FMT_YUV420P, (int)p->width, (int)p->height, 1);
    y->frame_bytes = (int)strlen(FRAME_HEADER) + planes;
    y->frame = planes > 0 ? malloc((size_t)y->frame_bytes) : NULL;
    if (y->frame == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for a frame", o->path);
    memcpy(y->frame, FRAME_HEADER, strlen(FRAME_HEADER));
    return true;
}

static bool y4m_open(struct output *o, struct error *err) {
    struct y4m *y = o->state = calloc(1, sizeof *y);
    if (y == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    y->file.fd = -1;
    if (!allocate(y, o, err)) return false;
    bool opened = strcmp(o->path, "-") == 0 ? open_stdout(y, err) : file_create(&y->file, o->path, err);
    o->temporary = y->file.temporary;
    return opened && write_header(y, &o->params, err);
}

static bool y4m_write(struct output *o, const float *frame, struct error *err) {
    struct y4m *y = o->state;
    if (!colour_yuv_convert(&y->colour, frame, err)) return error_prefix(err, "%s", o->path);
    const AVFrame *yuv = y->colour.yuv;
    int header = (int)strlen(FRAME_HEADER);
    av_image_copy_to_buffer(y->frame + header, y->frame_bytes - header, (const uint8_t *const *)yuv->data,
                            yuv->linesize, AV_PIX_FMT_YUV420P, yuv->width, yuv->height, 1);
    return file_write(&y->file, y->frame, (size_t)y->frame_bytes, err);
}

static bool y4m_finish(struct output *o, struct error *err) {
    struct y4m *y = o->state;
    return y->to_stdout || file_commit(&y->file, err);
}

static void y4m_abort(struct output *o) {
    struct y4m *y = o->state;
    if (y == NULL) return;
    if (y->to_stdout) y->file.fd = -1; // not ours to close
    file_discard(&y->file);
    colour_yuv_close(&y->colour);
    free(y->frame);
    free(y);
    o->state = NULL;
}

const struct output_format output_y4m = {
    .suffix = ".y4m",
    .description = "uncompressed video, YUV 4:2:0, BT.709 limited range",
    .pictures = true,
    .complete_at_any_frame = true,
    .open = y4m_open,
    .write = y4m_write,
    .finish = y4m_finish,
    .abort = y4m_abort,
};
