// The videos of one run: each file of latents is decoded by itself, on one plan.
#ifndef WANRUN_BATCH_H
#define WANRUN_BATCH_H

#include "tools/wanrun/arguments.h"

// Decodes all that the command line names. One that fails is reported, and the others go on; then the error says how many
// failed. Of a single video it is that of the video.
bool batch_run(const struct arguments *a, struct error *err);

// ---- which files there are, and what they become (batch_names.c)

struct batch_item {
    char *latents, *output; // output NULL: no video is written
};

struct batch {
    struct batch_item *items;
    size_t count, capacity;
};

// Folders become the files of latents in them, by name. Everything that can be wrong with names is said here: an output
// that is written twice, or that is another one's input. A failed call needs no free.
bool batch_names(struct batch *b, const struct arguments *a, struct error *err);
void batch_free(struct batch *b);

#endif
