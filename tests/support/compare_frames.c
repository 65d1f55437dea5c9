#include "tests/support/compare_frames.h"

#include "tests/support/npy_array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void comparison_open(struct comparison *c, const char *path) {
    struct npy_array a = npy_load(path);
    if (strcmp(a.type, "<f4") != 0 || a.rank != 5 || a.shape[0] != 1 || a.shape[1] != 3)
        npy_die("%s: expected <f4 [1, 3, frames, height, width]", path);
    *c = (struct comparison){.total = (long)a.shape[2],
                             .height = (long)a.shape[3],
                             .width = (long)a.shape[4],
                             .expected = malloc(a.count * 4)};
    if (c->expected == NULL) npy_die("%s: out of memory", path);
    memcpy(c->expected, a.bytes, a.count * 4);
    npy_free(&a);
}

static double clamp255(double x) { return x < 0 ? 0 : x > 255 ? 255 : x; }

static void add_pixel(struct comparison *c, const double rgb[3], long x, long y) {
    double d[3];
    for (long k = 0; k < 3; k++) {
        float v = c->expected[((k * c->total + c->frames) * c->height + y) * c->width + x];
        d[k] = rgb[k] - clamp255((v * 0.5 + 0.5) * 255);
        c->rgb[k] += d[k];
        c->squares += d[k] * d[k];
    }
    c->luma += fabs(0.2126 * d[0] + 0.7152 * d[1] + 0.0722 * d[2]);
}

void comparison_add(struct comparison *c, const void *picture, long width, long height, pixel_reader *read) {
    double rgb[3];
    if (c->frames >= c->total) npy_die("more frames than expected");
    if (width < c->width || height < c->height) npy_die("frames of %ldx%ld are too small", height, width);
    for (long y = 0; y < c->height; y++) {
        for (long x = 0; x < c->width; x++) {
            read(picture, x, y, rgb);
            add_pixel(c, rgb, x, y);
        }
    }
    c->frames++;
}

void comparison_print(const struct comparison *c) {
    double n = (double)c->frames * (double)c->height * (double)c->width;
    printf("%ld frames %.2f", c->frames, c->luma / n);
    for (int k = 0; k < 3; k++) printf(" %.2f", fabs(c->rgb[k] / n));
    printf(" psnr %.1f\n", fmin(10 * log10(255.0 * 255 * 3 * n / (c->squares + 1e-9)), 99));
}

void comparison_close(struct comparison *c) { free(c->expected); }
