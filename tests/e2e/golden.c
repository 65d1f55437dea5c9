// Compares decoded frames with stored references, step by step: a mistake in a cache shows in one step and
// not in another.
//
//     golden steps OUT REF FIRST STEADY LIMIT   both [1,3,F,H,W]; a line for each step of FIRST, then STEADY frames
//     golden sampled OUT REF EVERY LIMIT        REF [F,3,h,w] holds every EVERYth pixel of each frame of OUT, which may end sooner
//     golden psnr OUT REF EVERY DECIBELS        the same two: peak signal (2, from -1 to 1) to noise over all these pixels
//     golden frame OUT INDEX REF LIMIT          REF [3,H,W] is one frame of OUT
//     golden u8 OUT REF EVERY                   REF uint8 [n,H,W,3] is every EVERYth frame, rounded: within 1 of 255
//
// LIMIT is an absolute difference. Prints what was measured. Exit status: 0 within, 1 not, 2 a file is wrong.
#include "tests/support/npy_array.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct video { // [1, channels, frames, height, width]
    struct npy_array a;
    size_t channels, frames, height, width;
};

static struct video load_video(const char *path) {
    struct video v = {.a = npy_load(path)};
    if (v.a.rank != 5 || v.a.shape[0] != 1) npy_die("%s: expected [1,C,F,H,W]", path);
    v.channels = v.a.shape[1], v.frames = v.a.shape[2], v.height = v.a.shape[3], v.width = v.a.shape[4];
    return v;
}

static double pixel(const struct video *v, size_t c, size_t t, size_t y, size_t x) {
    return npy_value(&v->a, ((c * v->frames + t) * v->height + y) * v->width + x);
}

static double worse(double largest, double d) { return d <= largest ? largest : d; } // NaN is the worst

static double frame_difference(const struct video *a, const struct video *b, size_t t) {
    double largest = 0;
    for (size_t c = 0; c < a->channels; c++) {
        for (size_t y = 0; y < a->height; y++) {
            for (size_t x = 0; x < a->width; x++)
                largest = worse(largest, fabs(pixel(a, c, t, y, x) - pixel(b, c, t, y, x)));
        }
    }
    return largest;
}

static int steps(char **argv) {
    struct video out = load_video(argv[0]), ref = load_video(argv[1]);
    size_t first = strtoull(argv[2], NULL, 10), steady = strtoull(argv[3], NULL, 10), t = 0;
    double limit = strtod(argv[4], NULL);
    if (memcmp(out.a.shape, ref.a.shape, sizeof ref.a.shape) != 0)
        npy_die("%s: %zu frames of %zux%zu, expected %zu of %zux%zu", argv[0], out.frames, out.height,
                out.width, ref.frames, ref.height, ref.width);
    bool ok = true;
    for (size_t step = 0; t < ref.frames; step++) {
        double largest = 0;
        for (size_t n = step ? steady : first; n > 0 && t < ref.frames; n--)
            largest = worse(largest, frame_difference(&out, &ref, t++));
        printf("  step %zu: %.3g\n", step, largest);
        ok = ok && largest <= limit;
    }
    npy_free(&out.a), npy_free(&ref.a);
    return !ok;
}

static int sampled(char **argv) {
    struct video out = load_video(argv[0]);
    struct npy_array ref = npy_load(argv[1]);
    size_t every = strtoull(argv[2], NULL, 10), i = 0;
    double largest = 0;
    if (ref.rank != 4 || ref.shape[0] < out.frames || ref.shape[1] != out.channels ||
        ref.shape[2] != (out.height + every - 1) / every || ref.shape[3] != (out.width + every - 1) / every)
        npy_die("%s: shape", argv[1]);
    for (size_t t = 0; t < out.frames; t++) {
        for (size_t c = 0; c < out.channels; c++) {
            for (size_t y = 0; y < out.height; y += every) {
                for (size_t x = 0; x < out.width; x += every)
                    largest = worse(largest, fabs(pixel(&out, c, t, y, x) - npy_value(&ref, i++)));
            }
        }
    }
    printf("  every %zuth pixel of %zu frames: %.3g\n", every, out.frames, largest);
    npy_free(&out.a), npy_free(&ref);
    return !(largest <= strtod(argv[3], NULL));
}

static int psnr(char **argv) {
    struct video out = load_video(argv[0]);
    struct npy_array ref = npy_load(argv[1]);
    size_t every = strtoull(argv[2], NULL, 10), i = 0;
    double squares = 0;
    for (size_t t = 0; t < out.frames; t++) {
        for (size_t c = 0; c < out.channels; c++) {
            for (size_t y = 0; y < out.height; y += every) {
                for (size_t x = 0; x < out.width; x += every, i++) {
                    if (i >= ref.count) npy_die("%s: shape", argv[1]);
                    squares += pow(pixel(&out, c, t, y, x) - npy_value(&ref, i), 2);
                }
            }
        }
    }
    double decibels = 10 * log10(4 * (double)i / squares);
    printf("  PSNR of every %zuth pixel of %zu frames: %.1f dB\n", every, out.frames, decibels);
    npy_free(&out.a), npy_free(&ref);
    return !(decibels >= strtod(argv[3], NULL));
}

static int frame(char **argv) {
    struct video out = load_video(argv[0]);
    struct npy_array ref = npy_load(argv[2]);
    size_t t = strtoull(argv[1], NULL, 10), i = 0;
    double largest = 0;
    if (ref.count != out.channels * out.height * out.width || t >= out.frames) npy_die("%s: shape", argv[2]);
    for (size_t c = 0; c < out.channels; c++) {
        for (size_t y = 0; y < out.height; y++) {
            for (size_t x = 0; x < out.width; x++)
                largest = worse(largest, fabs(pixel(&out, c, t, y, x) - npy_value(&ref, i++)));
        }
    }
    printf("  frame %zu: %.3g\n", t, largest);
    npy_free(&out.a), npy_free(&ref);
    return !(largest <= strtod(argv[3], NULL));
}

static int u8(char **argv) {
    struct video out = load_video(argv[0]);
    struct npy_array ref = npy_load(argv[1]);
    size_t every = strtoull(argv[2], NULL, 10), i = 0;
    double largest = 0;
    if (ref.rank != 4 || ref.element_size != 1 || ref.shape[1] != out.height || ref.shape[2] != out.width)
        npy_die("%s: shape", argv[1]);
    for (size_t n = 0; n < ref.shape[0]; n++) {
        if (n * every >= out.frames) npy_die("%s: too few frames", argv[0]);
        for (size_t y = 0; y < out.height; y++) {
            for (size_t x = 0; x < out.width; x++) {
                for (size_t c = 0; c < out.channels; c++) {
                    double byte = round((pixel(&out, c, n * every, y, x) * 0.5 + 0.5) * 255);
                    largest = worse(largest, fabs(byte - npy_value(&ref, i++)));
                }
            }
        }
    }
    printf("  %zu frames as bytes: %g of 255\n", ref.shape[0], largest);
    npy_free(&out.a), npy_free(&ref);
    return !(largest <= 1);
}

int main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "steps") == 0 && argc == 7) return steps(argv + 2);
    if (strcmp(command, "sampled") == 0 && argc == 6) return sampled(argv + 2);
    if (strcmp(command, "psnr") == 0 && argc == 6) return psnr(argv + 2);
    if (strcmp(command, "frame") == 0 && argc == 6) return frame(argv + 2);
    if (strcmp(command, "u8") == 0 && argc == 5) return u8(argv + 2);
    npy_die("golden: expected one of: steps sampled psnr frame u8");
}
