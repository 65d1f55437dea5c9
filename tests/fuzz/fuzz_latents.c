// Files of latents, in every format, read as wanrun does. The first byte chooses the options; the rest is the file.
#include "fuzz.h"
#include "tools/latents/latents.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    CHANNELS = 8,           // of tests/data/latents
    KEY = 1,                // --key latents
    RAW = 2,                // --shape
    FRAMES = 4,             // --frames
    STATISTICS = 8,         // not latents, but what they are denormalised by
    ARRAY = 16,             // any array, as `wanc diff` reads it
    TYPE = 32,              // --dtype: raw numbers have one of four, by the two highest bits
    MOST_NUMBERS = 1 << 20, // of a frame; wanrun compares with the sizes of its plan
};

static struct latents_options options_of(unsigned choice) {
    struct latents_options o = {
        .key = choice & KEY ? "latents" : NULL, .has_frames = choice & FRAMES, .from = -2, .to = 9};
    static const enum latents_type types[] = {LATENTS_F32, LATENTS_F16, LATENTS_BF16, LATENTS_F64};
    o.has_type = choice & TYPE;
    o.type = types[choice >> 6];
    o.layout = choice & RAW ? LATENTS_BY_CHANNELS : (enum latents_layout)((choice >> 6) % 3);
    if (choice & RAW) {
        static const uint64_t shape[] = {CHANNELS, 3, 2, 5};
        o.rank = 4;
        o.has_type = true;
        for (unsigned i = 0; i < o.rank; i++) o.shape[i] = shape[i];
    }
    return o;
}

static void read_frames(struct latents *l, struct error *err) {
    if (l->height > MOST_NUMBERS || l->width > MOST_NUMBERS ||
        l->channels * l->height * l->width > MOST_NUMBERS)
        return;
    float *frame = malloc(l->channels * l->height * l->width * sizeof *frame + 1);
    if (latents_check_finite(l, err)) {
        for (uint64_t t = l->frames; t-- > 0;) {
            if (!latents_read_frame(l, t, frame, err)) break;
        }
    }
    free(frame);
}

static void read_latents(const char *path, const struct latents_options *o, struct error *err) {
    struct latents l;
    struct strbuf text = {0};
    static const struct latents_size sizes[] = {{2, 5}};
    if (!latents_open(&l, path, CHANNELS, o, err)) return;
    latents_print_shape(&text, &l);
    read_frames(&l, err);
    latents_refuse_shape(&l, CHANNELS, sizes, 1, err);
    strbuf_free(&text);
    latents_close(&l);
}

static void read_array(const char *path, struct error *err) {
    struct latents l;
    float numbers[64];
    if (!latents_open_array(&l, path, err)) return;
    uint64_t count = 1;
    for (unsigned i = 0; i < l.rank; i++) count *= l.shape[i];
    for (uint64_t at = 0; at < count && at < MOST_NUMBERS; at += 64) {
        if (!latents_read_numbers(&l, at, count - at < 64 ? count - at : 64, numbers, err)) break;
    }
    latents_close(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH];
    struct error err = {0};
    if (size == 0) return 0;
    int fd = fuzz_file(data + 1, size - 1, path);
    const struct latents_options o = options_of(data[0]);
    if (data[0] & STATISTICS) {
        struct latents_statistics s;
        if (latents_statistics_read(&s, path, &err)) latents_statistics_free(&s);
    } else if (data[0] & ARRAY) read_array(path, &err);
    else read_latents(path, &o, &err);
    FUZZ_EXPECT(err.code != ERROR_INTERNAL, "%s", err.message);
    close(fd);
    return 0;
}
