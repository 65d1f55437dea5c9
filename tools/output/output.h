// Output: where the decoded frames go, one file format per suffix.
//
// Frames are written as they are decoded; no format keeps more than a bounded number of them. Files get their
// final name when they are complete (base/file.h), so a failed run leaves nothing behind. Formats in which a
// part of a video is a video (`complete_at_any_frame`) can be finished early, when the user interrupts.
//
// To add a format: a file with a `struct output_format`, and its row in output.c.
#ifndef WANRUN_OUTPUT_H
#define WANRUN_OUTPUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct output_params {
    uint32_t channels, height, width; // of a frame: float[channels][height][width] in [-1, 1]
    uint64_t frames;                  // that will be written, unless the run is interrupted
    unsigned fps;
};

struct output_format;

struct output {
    const struct output_format *format;
    const char *path; // the caller's; "-" is the standard output
    struct output_params params;
    uint64_t written;      // frames so far
    const char *temporary; // the unfinished file, once open; NULL if there is none
    void *state;           // the format's
};

struct output_format {
    const char *suffix;
    const char *description; // for --help
    bool pattern;            // PATH holds a number, as in "%04d.png"
    bool pictures;           // needs 3 channels: red, green, blue
    bool complete_at_any_frame;

    // Everything that can be refused is refused here, before the first frame is decoded. After a failed open,
    // `abort` is called as well.
    bool (*open)(struct output *o, struct error *err);
    bool (*write)(struct output *o, const float *frame, struct error *err);
    // Completes the file and gives it its name. `abort` follows, also when this succeeds: it frees the state.
    bool (*finish)(struct output *o, struct error *err);
    // Removes what is unfinished and frees the state, which may be NULL.
    void (*abort)(struct output *o);
};

// Is `path` one that output_open will take? Otherwise the error lists what can be written.
bool output_check_path(const char *path, struct error *err);
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

extern const struct output_format output_npy, output_y4m, output_video, output_png_sequence, output_png_sheet;

#endif
