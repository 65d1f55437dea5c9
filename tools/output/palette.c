#include "tools/output/palette.h"

#include "tools/output/colour.h"

#include <stdlib.h>
#include <string.h>

// Colours are counted in cells of 32 x 32 x 32, and the nearest is found once for each of 64 x 64 x 64.
enum { COLOURS = 256, BITS = 5, CELLS = 1 << 3 * BITS, FINE_BITS = 6, FINE_CELLS = 1 << 3 * FINE_BITS };

// Of some colours: how many, the sum of each channel, and of its squares.
struct moments {
    double count, sum[3], squares[3];
};

// Cells list[first..end) of a palette.
struct box {
    unsigned first, end;
    struct moments all;
};

struct palette {
    AVFrame *picture;
    struct moments cells[CELLS];
    uint16_t list[CELLS]; // the cells that have colours, box by box
    struct box boxes[COLOURS];
    unsigned box_count;
    int colours[COLOURS][3];
    int16_t nearest[FINE_CELLS]; // colour of each; -1: not looked up yet
    float *errors[2]; // of the row and the next one: 3 floats a pixel, one pixel more on both sides
};

struct palette *palette_new(int width, int height, struct error *err) {
    struct palette *p = calloc(1, sizeof *p);
    size_t floats = ((size_t)width + 2) * 3;
    if (p != NULL) {
        p->picture = colour_new_picture(AV_PIX_FMT_PAL8, width, height);
        for (int i = 0; i < 2; i++) p->errors[i] = calloc(floats, sizeof(float));
        if (p->picture != NULL && p->errors[0] != NULL && p->errors[1] != NULL) return p;
    }
    palette_free(p);
    error_set(err, ERROR_MEMORY, "no memory for pictures of %dx%d in 256 colours", height, width);
    return NULL;
}

void palette_free(struct palette *p) {
    if (p == NULL) return;
    av_frame_free(&p->picture);
    free(p->errors[0]);
    free(p->errors[1]);
    free(p);
}

// ---- the colours of a picture

static unsigned cell_of(int r, int g, int b, int bits) {
    int shift = 8 - bits;
    return (unsigned)((r >> shift << 2 * bits) | (g >> shift << bits) | b >> shift);
}

static void add(struct moments *to, const struct moments *from) {
    to->count += from->count;
    for (int k = 0; k < 3; k++) to->sum[k] += from->sum[k], to->squares[k] += from->squares[k];
}

static void count_colours(struct palette *p, const AVFrame *rgb) {
    memset(p->cells, 0, sizeof p->cells);
    for (int y = 0; y < rgb->height; y++) {
        const uint8_t *x = rgb->data[0] + (ptrdiff_t)y * rgb->linesize[0];
        for (int i = 0; i < rgb->width; i++, x += 3) {
            struct moments *m = &p->cells[cell_of(x[0], x[1], x[2], BITS)];
            m->count++;
            for (int k = 0; k < 3; k++) m->sum[k] += x[k], m->squares[k] += x[k] * x[k];
        }
    }
}

// ---- boxes

// Of one channel, times the number of colours: what is lost where they all become their mean.
static double variance(const struct moments *m, int k) {
    return m->count > 0 ? m->squares[k] - m->sum[k] * m->sum[k] / m->count : 0;
}

static double loss(const struct box *b) {
    return b->end - b->first > 1 ? variance(&b->all, 0) + variance(&b->all, 1) + variance(&b->all, 2) : 0;
}

static int widest_channel(const struct moments *m) {
    int k = variance(m, 1) >= variance(m, 0) ? 1 : 0;
    return variance(m, 2) > variance(m, k) ? 2 : k;
}

// Puts the cells whose mean is at most that of the box to the front; where the others begin.
static unsigned divide(struct palette *p, const struct box *b, int k) {
    double middle = b->all.sum[k] / b->all.count;
    unsigned at = b->first;
    for (unsigned i = b->first; i < b->end; i++) {
        const struct moments *m = &p->cells[p->list[i]];
        if (m->sum[k] > middle * m->count) continue;
        uint16_t cell = p->list[i];
        p->list[i] = p->list[at];
        p->list[at++] = cell;
    }
    return at;
}

static void make_box(struct palette *p, struct box *b, unsigned first, unsigned end) {
    *b = (struct box){.first = first, .end = end};
    for (unsigned i = first; i < end; i++) add(&b->all, &p->cells[p->list[i]]);
}

static bool split_worst(struct palette *p) {
    struct box *worst = p->boxes;
    for (unsigned i = 1; i < p->box_count; i++) {
        if (loss(&p->boxes[i]) > loss(worst)) worst = &p->boxes[i];
    }
    unsigned first = worst->first, end = worst->end;
    if (loss(worst) <= 0) return false;
    unsigned middle = divide(p, worst, widest_channel(&worst->all));
    if (middle == first || middle == end)
        return false; // by rounding: colours that differ have a mean between them
    make_box(p, worst, first, middle);
    make_box(p, &p->boxes[p->box_count++], middle, end);
    return true;
}

static void choose_colours(struct palette *p) {
    unsigned used = 0;
    for (unsigned i = 0; i < CELLS; i++) {
        if (p->cells[i].count > 0) p->list[used++] = (uint16_t)i;
    }
    make_box(p, &p->boxes[0], 0, used);
    p->box_count = 1;
    while (p->box_count < COLOURS && split_worst(p)) continue;
    memset(p->nearest, -1, sizeof p->nearest);
    uint32_t *entries = (uint32_t *)p->picture->data[1];
    memset(entries, 0, COLOURS * sizeof *entries);
    for (unsigned i = 0; i < p->box_count; i++) {
        const struct moments *m = &p->boxes[i].all;
        for (int k = 0; k < 3; k++) p->colours[i][k] = (int)(m->sum[k] / m->count + 0.5);
        const int *c = p->colours[i];
        entries[i] = 0xff000000u | (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | (uint32_t)c[2];
    }
}

// ---- pixels

static unsigned nearest(struct palette *p, const int rgb[3]) {
    int16_t *known = &p->nearest[cell_of(rgb[0], rgb[1], rgb[2], FINE_BITS)];
    if (*known >= 0) return (unsigned)*known;
    int least = 1 << 30;
    for (unsigned i = 0; i < p->box_count; i++) {
        int distance = 0;
        for (int k = 0; k < 3; k++) {
            int middle = (rgb[k] & ~3) + 2; // of the cell
            distance += (p->colours[i][k] - middle) * (p->colours[i][k] - middle);
        }
        if (distance < least) least = distance, *known = (int16_t)i;
    }
    return (unsigned)*known;
}

// `row` has what earlier pixels left to this one, `below` what is left to the next row; both begin one pixel to the left.
static uint8_t choose_pixel(struct palette *p, const uint8_t *rgb, float *row, float *below) {
    int wanted[3];
    for (int k = 0; k < 3; k++) {
        float v = (float)rgb[k] + row[3 + k];
        wanted[k] = v < 0 ? 0 : v > 255 ? 255 : (int)(v + 0.5f);
    }
    unsigned index = nearest(p, wanted);
    for (int k = 0; k < 3; k++) {
        float error = (float)(wanted[k] - p->colours[index][k]) / 16;
        row[6 + k] += 7 * error;
        below[k] += 3 * error, below[3 + k] += 5 * error, below[6 + k] += error;
    }
    return (uint8_t)index;
}

static void choose_pixels(struct palette *p, const AVFrame *rgb) {
    size_t bytes = ((size_t)rgb->width + 2) * 3 * sizeof(float);
    memset(p->errors[0], 0, bytes);
    for (int y = 0; y < rgb->height; y++) {
        float *row = p->errors[y % 2], *below = p->errors[1 - y % 2];
        const uint8_t *from = rgb->data[0] + (ptrdiff_t)y * rgb->linesize[0];
        uint8_t *to = p->picture->data[0] + (ptrdiff_t)y * p->picture->linesize[0];
        memset(below, 0, bytes);
        for (int x = 0; x < rgb->width; x++)
            to[x] = choose_pixel(p, from + 3 * x, row + 3 * x, below + 3 * x);
    }
}

AVFrame *palette_convert(struct palette *p, const AVFrame *rgb, struct error *err) {
    if (av_frame_make_writable(p->picture) < 0) {
        error_set(err, ERROR_MEMORY, "no memory for a picture");
        return NULL;
    }
    count_colours(p, rgb);
    choose_colours(p);
    choose_pixels(p, rgb);
    return p->picture;
}
