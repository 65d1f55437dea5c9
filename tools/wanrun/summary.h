// wanrun --json: what a run did, for programs (docs/profile.md).
#ifndef WANRUN_SUMMARY_H
#define WANRUN_SUMMARY_H

#include "base/error.h"
#include "tools/wanrun/progress.h"

#include <stdint.h>

struct summary {
    const char *plan, *latents, *output;
    uint64_t latent_frames, frames; // of this run
    uint32_t height, width;         // of a frame
    unsigned threads;
    bool resumed; // the first step of the run is a steady one
    const struct progress *progress;
};

// To the standard output.
bool summary_print(const struct summary *s, struct error *err);

#endif
