// wanc: the compiler's command line. One function for each command; main dispatches.
#ifndef WANC_TOOLS_WANC_H
#define WANC_TOOLS_WANC_H

#include "base/error.h"
#include "compiler/compile.h"

#include <stdint.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

// Options that several commands share.
struct wanc_options {
    const char *output;
    struct latent_size sizes[PLAN_MAX_PROGRAMS]; // of --latent-size, all different
    int size_count;
    struct pass_options passes;
    const char *pass_list;             // of `wanc opt`
    struct conv_choice_options choice; // of `wanc compile`
    bool
        first_as_is; // of `wanc compile`: the first step of a step alone is the step itself, on caches of zeros
    bool tune;       // of `wanc compile`: measure,
    double tune_seconds;       // so long;
    unsigned threads;          // with so many, 0: one per core
    const char *timing_cache;  // NULL: none
    unsigned sections;         // of `wanc report`: a set of enum report_section; 0: all that the format shows
    const char *format;        // of `wanc report`; NULL: text
    enum ir_dtype cache_dtype; // of `wanc compile`
    enum ir_bands bands;       // of `wanc compile`
    uint64_t max_memory;       // of `wanc compile`: bytes; 0: no limit
    bool keep_taps;            // of `wanc compile`: each operator leaves a whole tensor
    bool prepack;              // of `wanc compile`: packed weights in the plan
    bool canonical; // of `wanc compile --stop-after`: the IR with names and order that no file chose
    bool quiet;
    bool json;      // of `wanc inspect`
    unsigned steps; // of `wanc diff`; 0: a few
    const char *files[4];
    int file_count;
};

typedef bool wanc_command(const struct wanc_options *o, struct error *err);

// To -o FILE (written beside it, then renamed), else to standard output.
bool write_text(const struct wanc_options *o, const char *text, struct error *err);

// What the compiler is asked for.
struct compile_options compile_options_of(const struct wanc_options *o);

wanc_command wanc_compile, wanc_inspect, wanc_report, wanc_diff, wanc_dump, wanc_passes, wanc_opt;

#endif
