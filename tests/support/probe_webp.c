// probe_video for animated WebP, which FFmpeg writes and does not read: by libwebp.
//
//     probe_webp FILE             prints "webp 40x24 13 frames 812 ms loop 0": until when the last frame is shown
//     probe_webp FILE FRAMES.npy  compares to frames in [-1, 1] and prints what comparison_print does
#include "tests/support/compare_frames.h"
#include "tests/support/npy_array.h"

#include <stdio.h>
#include <stdlib.h>
#include <webp/demux.h>

static WebPData load(const char *path) {
    FILE *f = fopen(path, "rb");
    enum { MOST = 1 << 26 };
    unsigned char *bytes = malloc(MOST);
    if (f == NULL || bytes == NULL) npy_die("%s: cannot read", path);
    WebPData data = {bytes, fread(bytes, 1, MOST, f)};
    fclose(f);
    return data;
}

struct picture {
    const uint8_t *rgba;
    long width;
};

static void read_pixel(const void *picture, long x, long y, double rgb[3]) {
    const struct picture *p = picture;
    for (int k = 0; k < 3; k++) rgb[k] = p->rgba[4 * (y * p->width + x) + k];
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) npy_die("expected FILE [FRAMES.npy]");
    WebPData data = load(argv[1]);
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
    WebPAnimInfo info;
    struct comparison comparison = {0};
    uint8_t *rgba;
    int until = 0;
    if (decoder == NULL || !WebPAnimDecoderGetInfo(decoder, &info)) npy_die("%s: cannot decode", argv[1]);
    if (argc == 3) comparison_open(&comparison, argv[2]);
    while (WebPAnimDecoderHasMoreFrames(decoder)) {
        if (!WebPAnimDecoderGetNext(decoder, &rgba, &until)) npy_die("%s: cannot decode", argv[1]);
        struct picture picture = {rgba, info.canvas_width};
        if (argc == 3)
            comparison_add(&comparison, &picture, info.canvas_width, info.canvas_height, read_pixel);
    }
    if (argc == 3) comparison_print(&comparison);
    else
        printf("webp %ux%u %u frames %d ms loop %u\n", info.canvas_width, info.canvas_height,
               info.frame_count, until, info.loop_count);
    comparison_close(&comparison);
    WebPAnimDecoderDelete(decoder);
    free((void *)data.bytes);
    return 0;
}
