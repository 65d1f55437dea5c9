// Output: where the decoded frames go, one file format per suffix or name.
//
// Frames are written as they are decoded; no format keeps more than a bounded number of them (compressed pictures of
// .webp aside). Files get their final name when they are complete (base/file.h), so a failed run leaves nothing behind.
// Formats in which a part of a video is a video (`complete_at_any_frame`) can be finished early, when the user
// interrupts.
//
// To add a format: a file with a `struct output_format`, and its row in output.c. To add a container of FFmpeg's: a row
// in video.c, and one in output.c.
#ifndef WANRUN_OUTPUT_H
#define WANRUN_OUTPUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

// num / den frames per second, both above 0.
struct output_rate {
    uint32_t num, den;
};

// What the user may say of an output. NULL, and a crf below 0: the format chooses.
struct output_settings {
    const char *format; // the name of one; NULL: by the suffix of the path
    struct output_rate fps;
    const char *codec, *preset, *pixel_format; // as FFmpeg names them
    double crf;
};

struct output_params {
    uint32_t channels, height, width; // of a frame: float[channels][height][width] in [-1, 1]
    uint64_t frames;                  // that will be written, unless the run is interrupted
    uint64_t first; // the number that the first of them has in its video: where files are numbered
    struct output_settings settings;
};

struct output_format;

struct output {
    const struct output_format *format;
    const char *path; // the caller's; "-" is the standard output
    struct output_params params;
    uint64_t written; // frames so far
    void *state;      // the format's
};

struct output_format {
    const char *suffix; // its name is that without the dot
    const char *description;
    bool pattern;  // PATH holds a number, as in "%04d.png"
    bool pictures; // needs 3 channels: red, green, blue
    bool complete_at_any_frame;
    bool seeks;           // cannot be written front to back, to a pipe
    bool has_pixels;      // takes a pixel format,
    bool has_codec;       // and a codec, crf and preset
    uint32_t max_side;    // of a frame; 0: MAX_SIDE of output.c
    const void *settings; // the format's own

    // Everything that can be refused is refused here, before the first frame is decoded. After a failed open,
    // `abort` is called as well.
    bool (*open)(struct output *o, struct error *err);
    bool (*write)(struct output *o, const float *frame, struct error *err);
    // Completes the file and gives it its name. `abort` follows, also when this succeeds: it frees the state.
    bool (*finish)(struct output *o, struct error *err);
    // Removes what is unfinished and frees the state, which may be NULL.
    void (*abort)(struct output *o);
};

// "24", "23.976" or "30000/1001": from 1/1000 to 1000 frames per second. 23.976, 29.97 and 59.94 are what television
// means by them: 24000/1001 and so on.
bool output_parse_rate(const char *text, struct output_rate *rate, struct error *err);
// Is `path` one that output_open will take with these settings? Otherwise the error lists what can be written.
bool output_check_path(const char *path, const struct output_settings *settings, struct error *err);
// The suffix of files of that format, ".mp4" where the settings have none.
const char *output_default_suffix(const struct output_settings *settings);
bool output_open(struct output *o, const char *path, const struct output_params *params, struct error *err);
bool output_write(struct output *o, const float *frame, struct error *err);
// Completes the output; fails if frames are missing, unless the format is complete at any frame.
bool output_finish(struct output *o, struct error *err);
// Removes what is unfinished. Allowed at any time, also after output_finish and on a zeroed structure.
void output_abort(struct output *o);

// The i-th row for --help; NULL after the last one.
const struct output_format *output_format_at(unsigned i);
// Is this path a pattern such as "frame-%04d.png"? If so, the name of frame `number` goes to `name` (may be
// NULL).
bool output_pattern(const char *path, uint64_t number, char *name, size_t size);

extern const struct output_format output_mp4, output_mov, output_mkv, output_webm, output_gif,
    output_webp;                                                      // video.c
extern const struct output_format output_y4m, output_rgb, output_f32; // raw.c
extern const struct output_format output_npy, output_safetensors;     // array.c
extern const struct output_format output_png_sequence, output_png_sheet;

#endif
