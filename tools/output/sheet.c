// .png: one picture of up to 12 frames of the video, evenly chosen, the first and the last among them. Large frames are
// made smaller, so that a sheet takes at most 48 MiB.
#include "tools/output/colour.h"
#include "tools/output/output.h"
#include "tools/output/png.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 12, GAP = 4, GAP_GREY = 32, MAX_PIXELS = 1 << 24 };

struct sheet {
    struct png png;
    uint32_t cells, columns, rows;
    uint32_t filled;
    uint32_t width, height;    // of a cell
    AVFrame *frame;            // where cells are smaller than frames: one frame,
    struct SwsContext *scaler; // and what shrinks it
};

// The frame that cell `i` of `cells` shows.
static uint64_t frame_of_cell(uint32_t i, uint32_t cells, uint64_t frames) {
    if (cells < 2) return 0;
    uint64_t steps = cells - 1;
    return (frames - 1) / steps * i + ((frames - 1) % steps * i + steps / 2) / steps; // no overflow
}

static uint32_t sheet_side(uint32_t cells, uint32_t side) { return cells * side + (cells - 1) * GAP; }

// The number of columns that wastes no cell if possible and makes the sheet closest to 4:3.
static void choose_grid(struct sheet *s, uint32_t width, uint32_t height) {
    double best = 0;
    for (uint32_t columns = 1; columns <= s->cells; columns++) {
        uint32_t rows = (s->cells + columns - 1) / columns;
        double aspect = (double)sheet_side(columns, width) / sheet_side(rows, height) * 3 / 4;
        double badness = (aspect > 1 ? aspect : 1 / aspect) * columns * rows / s->cells;
        if (columns > 1 && badness >= best) continue;
        best = badness;
        s->columns = columns, s->rows = rows;
    }
}

static void choose_cell(struct sheet *s, uint32_t width, uint32_t height) {
    double pixels = (double)width * height * s->columns * s->rows;
    double scale = pixels > MAX_PIXELS ? sqrt(MAX_PIXELS / pixels) : 1;
    s->width = (uint32_t)fmax(1, width * scale);
    s->height = (uint32_t)fmax(1, height * scale);
}

static bool open_scaler(struct sheet *s, const struct output_params *p, struct error *err) {
    if (s->width == p->width && s->height == p->height) return true;
    int w = (int)p->width, h = (int)p->height;
    s->frame = colour_new_picture(AV_PIX_FMT_RGB24, w, h);
    s->scaler = sws_getContext(w, h, AV_PIX_FMT_RGB24, (int)s->width, (int)s->height, AV_PIX_FMT_RGB24,
                               SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    return (s->frame != NULL && s->scaler != NULL) ||
           error_set(err, ERROR_MEMORY, "no memory for frames of %dx%d", h, w);
}

static void draw_cell(struct sheet *s, const struct output_params *p, const float *frame, uint8_t *at,
                      int stride) {
    if (s->scaler == NULL) {
        colour_to_rgb24(at, (size_t)stride, p->width, p->height, frame, p->width, p->height);
        return;
    }
    colour_to_rgb24(s->frame->data[0], (size_t)s->frame->linesize[0], p->width, p->height, frame, p->width,
                    p->height);
    sws_scale(s->scaler, (const uint8_t *const *)s->frame->data, s->frame->linesize, 0, (int)p->height, &at,
              &stride);
}

static bool sheet_open(struct output *o, struct error *err) {
    struct sheet *s = o->state = calloc(1, sizeof *s);
    if (s == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    s->cells = o->params.frames < MAX_CELLS ? (uint32_t)o->params.frames : MAX_CELLS;
    choose_grid(s, o->params.width, o->params.height);
    choose_cell(s, o->params.width, o->params.height);
    uint32_t width = sheet_side(s->columns, s->width), height = sheet_side(s->rows, s->height);
    if (!open_scaler(s, &o->params, err) || !png_open(&s->png, width, height, err))
        return error_prefix(err, "%s", o->path);
    AVFrame *picture = s->png.picture;
    for (uint32_t y = 0; y < height; y++) {
        memset(picture->data[0] + (size_t)y * (size_t)picture->linesize[0], GAP_GREY, (size_t)width * 3);
    }
    return png_probe(o->path, err);
}

static bool sheet_write(struct output *o, const float *frame, struct error *err) {
    (void)err;
    struct sheet *s = o->state;
    const struct output_params *p = &o->params;
    if (s->filled == s->cells || o->written != frame_of_cell(s->filled, s->cells, p->frames)) return true;
    int stride = s->png.picture->linesize[0];
    size_t x = (size_t)(s->filled % s->columns) * (s->width + GAP),
           y = (size_t)(s->filled / s->columns) * (s->height + GAP);
    draw_cell(s, p, frame, s->png.picture->data[0] + y * (size_t)stride + x * 3, stride);
    s->filled++;
    return true;
}

static bool sheet_finish(struct output *o, struct error *err) {
    struct sheet *s = o->state;
    return png_save(&s->png, o->path, err);
}

static void sheet_abort(struct output *o) {
    struct sheet *s = o->state;
    if (s != NULL) {
        png_close(&s->png);
        sws_freeContext(s->scaler);
        av_frame_free(&s->frame);
    }
    free(s);
    o->state = NULL;
}

const struct output_format output_png_sheet = {
    .suffix = ".png",
    .description = "one picture of up to 12 frames, evenly chosen",
    .pictures = true,
    .seeks = true,
    .open = sheet_open,
    .write = sheet_write,
    .finish = sheet_finish,
    .abort = sheet_abort,
};
