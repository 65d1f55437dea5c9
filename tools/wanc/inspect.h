// What wanc inspect says of a decoder: gathered once, then written as text or as JSON, so that the two cannot differ.
// docs/inspect.md explains the fields.
#ifndef WANC_TOOLS_INSPECT_H
#define WANC_TOOLS_INSPECT_H

#include "base/arena.h"
#include "frontend/inspect.h"
#include "ir/ir.h"

enum { INSPECT_VERSION = 1 }; // of the JSON

struct inspected_axis { // an axis of the latents, or of the caches
    const char *port;   // "latents" or "caches"
    const char *axis;   // "frames", "channels", "height", "width", "batch"
    int64_t size;       // 0: open
    const char *name;   // of an open one, "" if it has none
};

struct inspected_cache { // its slot is its position
    const char *shape;
    const char *conv;           // the convolution that it feeds
    const char *input, *output; // the ports of a step that were paired, else NULL
    const char *first; // the node of the first step that fills it; NULL: it is zero after the first step
};

struct inspected_stage { // of one spatial size, from the first convolution of that size on
    int64_t height, width;
    int64_t first, steady; // frames in the first step, and in each later one
    int convs, caches;     // of a later step; of the first, where there is no other
};

struct inspection {
    struct arena arena;
    struct onnx_facts files[2];
    int file_count;

    const char *form;  // "full", "unrolled", "step", "pair", "flagged", "image"; NULL: not known
    const char *title; // with its numbers
    const char *proof; // sentences; NULL: not proven
    int64_t frames;    // that are fixed in the file; 0: any number
    int steps;         // of an unrolled model; else 0
    const char *flag;  // of a flagged model; else NULL
    int first_flag;    // what it is in the first step

    struct inspected_axis *axes; // open ones first, then fixed ones; none twice
    size_t axis_count;
    int64_t latent_height, latent_width; // that this was found out for; 0: the import did not get so far
    const char *size_from;               // "option", "file" or "example"

    bool streams; // what follows is known
    struct inspected_cache *caches;
    size_t cache_count;
    struct inspected_stage *stages;
    size_t stage_count;
    int64_t result_first, result_steady; // video frames; steady is 0 for an image
    const char *result_shape;  // of a later step (of an image: of the only one), in the model's axes
    const char *result_frames; // in T, "4T-3"; of an image "1"
    int first_kept;            // of the first step's frames, how many at the end count; 0: all

    const char **notes, **warnings;
    size_t note_count, warning_count;
    struct {
        const char *message; // NULL: nothing stands in the way
        const char *pass;    // that refused, or "import"
        const char *node;    // that the message names, NULL if it names none
    } refused;
};

// From the module, once the two static graphs and the caches are there.
void inspect_stream(struct inspection *in, struct ir_module *m, bool first_as_is);
// From the module at the end of the pipeline.
void inspect_result(struct inspection *in, struct ir_module *m);

void inspection_text(const struct inspection *in, struct strbuf *out);
// False when there is no memory.
bool inspection_json(const struct inspection *in, struct strbuf *out);

#endif
