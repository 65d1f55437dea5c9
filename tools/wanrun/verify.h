// wanrun --verify: the frames of a decode beside those of a reference, one frame at a time (docs/verify.md).
#ifndef WANRUN_VERIFY_H
#define WANRUN_VERIFY_H

#include "tools/compare/compare.h"
#include "tools/latents/latents.h"
#include "wan/wan.h"

struct verify_params {
    const char *path;           // of the reference; NULL: nothing is compared
    struct tolerance tolerance; // of frames in [-1, 1]; absolute below 0: the default
    bool json;                  // instead of text
};

enum verify_layout { VERIFY_CHANNELS_FIRST, VERIFY_FRAMES_FIRST, VERIFY_CHANNELS_LAST, VERIFY_LAYOUTS };

struct verify_step {
    uint64_t frames;
    struct comparison all;
};

struct verify {
    const struct verify_params *params;
    struct tolerance tolerance;
    struct wan_plan_params shape;
    struct latents reference; // an array
    enum verify_layout layout;
    uint64_t first_frame, first_step; // of the video: the first ones of this run
    uint64_t frames;                  // compared so far
    float *expected, *found,
        *pixels; // one frame each: of the reference, ours as it is compared, as it is in the file
    struct verify_step *steps;
    size_t step_count, step_capacity;
};

// The part of a video that a run decodes.
struct verify_part {
    uint64_t first_step, first_frame, frames;
    bool ends_early; // the reference may have more frames
};

// Opens the reference: its shape must be that of the video. A failed open needs no close.
bool verify_open(struct verify *v, const struct verify_params *params, const struct wan_plan_params *shape,
                 const struct verify_part *part, struct error *err);
// The next frame of the video, of this step.
bool verify_frame(struct verify *v, uint64_t step, const float *frame, struct error *err);
// Prints to the standard output what was found. An error says where the largest difference is, if one is too large.
bool verify_finish(const struct verify *v, struct error *err);
void verify_close(struct verify *v); // also of a zeroed structure

// For verify_report.c: all steps as one, and the first step with a number that is not right (step_count: none).
struct comparison verify_total(const struct verify *v);
size_t verify_first_bad(const struct verify *v);
struct verify_place { // of a number that was compared
    uint64_t frame, step;
    uint32_t channel, y, x;
};
struct verify_place verify_place(const struct verify *v, uint64_t number);

// The report (verify_report.c). What the steps that agree say about where to look; "" where all do.
const char *verify_hint(const struct verify *v);
void verify_print(const struct verify *v);
bool verify_print_json(const struct verify *v, struct error *err);

#endif
