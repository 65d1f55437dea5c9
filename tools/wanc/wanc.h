// wanc: the compiler's command line. One function for each command; main dispatches.
#ifndef WANC_TOOLS_WANC_H
#define WANC_TOOLS_WANC_H

#include "base/error.h"
#include "compiler/compile.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct wanc_options {
    const char *output;
    struct compile_options compile; // without the models and without notes: compile_options_of adds them
    bool keep_taps;                 // of `wanc compile`: each operator leaves a whole tensor
    bool canonical;        // of `wanc compile --stop-after`: the IR with names and order that no file chose
    const char *pass_list; // of `wanc opt`
    unsigned sections;     // of `wanc report`: a set of enum report_section; 0: all that the format shows
    const char *format;    // of `wanc report`; NULL: text
    bool json;             // of `wanc inspect`
    unsigned steps;        // of `wanc diff`; 0: a few
    bool quiet;
    const char *files[4];
    int file_count;
};

typedef bool wanc_command(const struct wanc_options *o, struct error *err);

// To -o FILE (written beside it, then renamed), else to standard output.
bool write_text(const struct wanc_options *o, const char *text, struct error *err);

// What came of a limit of memory and of measuring, to standard error.
void print_outcome(const struct compile_options *o, const struct compile_outcome *r);

// What the compiler is asked for, with the models and with what it says on the way.
struct compile_options compile_options_of(const struct wanc_options *o);

wanc_command wanc_compile, wanc_inspect, wanc_report, wanc_diff, wanc_dump, wanc_passes, wanc_opt;

#endif
