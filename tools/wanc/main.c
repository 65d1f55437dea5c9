// wanc: from an ONNX decoder to a plan, and what one may want to know of either.
#include "tools/wanc/wanc.h"

#include "base/file.h"
#include "tools/signals/cut_off.h"
#include "tools/wanc/arguments.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    wanc_command *run;
    int min_files, max_files;
} commands[] = {
    {"compile", wanc_compile, 1, 2}, {"inspect", wanc_inspect, 1, 2}, {"report", wanc_report, 1, 2},
    {"diff", wanc_diff, 2, 4},       {"dump", wanc_dump, 1, 1},       {"passes", wanc_passes, 0, 0},
    {"opt", wanc_opt, 1, 1},
};

static bool output_is_input(const struct wanc_options *o, struct error *err) {
    for (int i = 0; o->output != NULL && i < o->file_count; i++) {
        if (!file_is_same(o->output, o->files[i])) continue;
        error_set(err, ERROR_USAGE, "%s: cannot write: it is also an input", o->output);
        return true;
    }
    return false;
}

static bool run_command(struct wanc_options *o, const struct option_result *r, struct error *err) {
    size_t i = 0;
    while (strcmp(commands[i].name, r->operands[0]) != 0) i++; // options_parse has seen that there is one
    if (r->count - 1 < commands[i].min_files || r->count - 1 > commands[i].max_files)
        return error_set(err, ERROR_USAGE, "%s: wrong number of files", r->operands[0]);
    for (int k = 1; k < r->count; k++) o->files[o->file_count++] = r->operands[k];
    if (output_is_input(o, err) || !commands[i].run(o, err)) return false;
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           error_set(err, ERROR_IO, "standard output: cannot be written: %s", strerror(errno));
}

static void on_signal(int number) {
    file_remove_temporaries();
    signal(number, SIG_DFL);
    raise(number);
}

// A disk quota or a closed pipe is an error to report, not a reason to die; an interrupt leaves no half file.
static void handle_signals(void) {
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    cut_off_handle("wanc");
}

int main(int argc, char **argv) {
    handle_signals();
    struct wanc_options o = {.compile.passes.out = stdout};
    struct option_result result;
    struct error err = {0};
    if (arguments_parse(&o, &result, argc, argv, &err) && (result.done || run_command(&o, &result, &err)))
        return EXIT_OK;
    bool usage = err.code == ERROR_USAGE;
    char name[ERROR_NAME_SIZE];
    fprintf(stderr, "wanc: %s%s [%s]\n", err.message, usage ? " (see wanc --help)" : "",
            error_name(&err, name));
    return usage ? EXIT_USAGE : EXIT_FAILED;
}
