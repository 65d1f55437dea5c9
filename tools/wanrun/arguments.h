// The command line of wanrun.
#ifndef WANRUN_ARGUMENTS_H
#define WANRUN_ARGUMENTS_H

#include "tools/wanrun/benchmark.h"
#include "tools/wanrun/decode.h"

struct arguments {
    struct decode_params decode;
    char **latents; // all that were named: files and folders
    size_t latents_count;
    const char *denormalize; // NULL: nothing was said
    struct benchmark_params benchmark;
    bool is_benchmark;
    bool json; // of what is printed
    bool done; // help or the version were printed
};

// Fills `a`, whose strings are those of argv.
bool arguments_parse(struct arguments *a, int argc, char **argv, struct error *err);

#endif
