// The loop of wanrun: latent frames from a reader through a session to a writer, in constant memory.
#ifndef WANRUN_DECODE_H
#define WANRUN_DECODE_H

#include "base/error.h"
#include "tools/output/output.h"
#include "tools/wanrun/taps.h"
#include "tools/wanrun/verify.h"

#include <stdbool.h>

struct decode_params {
    struct wan_plan *opened;             // the caller's
    const char *plan, *latents, *output; // output NULL: frames are only compared
    unsigned threads;                    // 0: one per online core
    struct output_settings settings;     // of the output
    bool quiet, log, timings;
    bool json;                           // a summary on the standard output, at the end
    bool profile;                        // print the time of every operator
    const char *profile_path;            // NULL, or where it is written as JSON,
    const char *trace_path;              // and as a trace
    const char *load_state, *save_state; // NULL, or files: where to go on, and how the next run can
    unsigned save_every;      // latent frames, behind which the state is saved as well; 0: at the end only
    unsigned stop_after;      // so many latent frames, counted from the start of the video; 0: all
    const char *cache_folder; // NULL: caches in memory
    bool huge_pages;          // in those that the system has reserved
    uint64_t limit_memory;    // bytes that a run may be expected to take; 0: no limit
    struct latents_options input; // how the latents are to be read
    struct verify_params verify;
    struct taps_params taps;
    unsigned check_places; // 0: kernels are not compared with their formulas
    bool all_frames;       // of the first step, not only those that belong to the video
};

// NULL with an error, which names the file. wan_plan_close closes it.
struct wan_plan *decode_open_plan(const char *path, struct error *err);
// Instead of decoding a video, measures the steps of one: `benchmark`.
struct benchmark_params;
bool decode_benchmark(const struct decode_params *params, const struct benchmark_params *benchmark,
                      struct error *err);
// Decodes a whole video and says so on stderr. ERROR_CANCELLED if a signal stopped it early.
bool decode(const struct decode_params *params, struct error *err);

#endif
