// .png: one picture of up to 12 frames of the video, evenly chosen, the first and the last among them.
#include "tools/output/colour.h"
#include "tools/output/output.h"
#include "tools/output/png.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 12, GAP = 4, GAP_GREY = 32 };

struct sheet {
    struct png png;
    uint32_t cells, columns, rows;
    uint32_t filled;
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

static bool sheet_open(struct output *o, struct error *err) {
    struct sheet *s = o->state = calloc(1, sizeof *s);
    if (s == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    s->cells = o->params.frames < MAX_CELLS ? (uint32_t)o->params.frames : MAX_CELLS;
    choose_grid(s, o->params.width, o->params.height);
    uint32_t width = sheet_side(s->columns, o->params.width), height = sheet_side(s->rows, o->params.height);
    if (!png_open(&s->png, width, height, err)) return error_prefix(err, "%s", o->path);
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
    size_t stride = (size_t)s->png.picture->linesize[0];
    size_t x = (size_t)(s->filled % s->columns) * (p->width + GAP),
           y = (size_t)(s->filled / s->columns) * (p->height + GAP);
    colour_to_rgb24(s->png.picture->data[0] + y * stride + x * 3, stride, p->width, p->height, frame,
                    p->width, p->height);
    s->filled++;
    return true;
}

static bool sheet_finish(struct output *o, struct error *err) {
    struct sheet *s = o->state;
    return png_save(&s->png, o->path, err);
}

static void sheet_abort(struct output *o) {
    struct sheet *s = o->state;
    if (s != NULL) png_close(&s->png);
    free(s);
    o->state = NULL;
}

const struct output_format output_png_sheet = {
    .suffix = ".png",
    .description = "one picture of up to 12 frames, evenly chosen",
    .pictures = true,
    .open = sheet_open,
    .write = sheet_write,
    .finish = sheet_finish,
    .abort = sheet_abort,
};
