// wanrun: decodes latents to a video with a plan made by `wanc compile`.
#define _GNU_SOURCE
#include "base/error.h"
#include "runtime/wan.h"
#include "tools/output/output.h"
#include "tools/wanrun/benchmark.h"
#include "tools/wanrun/decode.h"
#include "tools/wanrun/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, MAX_THREADS = 1024, MAX_FPS = 1000, DEFAULT_FPS = 16 };
enum {
    OPTION_FPS = 256,
    OPTION_THREADS,
    OPTION_ALL_FRAMES,
    OPTION_CACHE_FOLDER,
    OPTION_SAVE_STATE,
    OPTION_LOAD_STATE,
    OPTION_STOP_AFTER,
    OPTION_TIMINGS,
    OPTION_PROFILE,
    OPTION_TRACE,
    OPTION_BENCHMARK,
    OPTION_WARMUP,
    OPTION_ITERATIONS,
    OPTION_JSON,
    OPTION_VERSION
};
enum { MAX_ITERATIONS = 1000000, DEFAULT_WARMUP = 1, DEFAULT_ITERATIONS = 5 };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"fps", required_argument, NULL, OPTION_FPS},
    {"all-frames", no_argument, NULL, OPTION_ALL_FRAMES},
    {"cache-folder", required_argument, NULL, OPTION_CACHE_FOLDER},
    {"save-state", required_argument, NULL, OPTION_SAVE_STATE},
    {"load-state", required_argument, NULL, OPTION_LOAD_STATE},
    {"stop-after", required_argument, NULL, OPTION_STOP_AFTER},
    {"timings", no_argument, NULL, OPTION_TIMINGS},
    {"profile", optional_argument, NULL, OPTION_PROFILE},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"benchmark", no_argument, NULL, OPTION_BENCHMARK},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"iterations", required_argument, NULL, OPTION_ITERATIONS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static const char help_before_formats[] =
    "Usage: wanrun PLAN LATENTS [-o OUT] [options]\n"
    "\n"
    "Decodes the latents of a video with a plan made by `wanc compile`.\n"
    "\n"
    "  PLAN     the plan\n"
    "  LATENTS  a .npy file, float16 or float32, [1, channels, frames, height, width] or\n"
    "           [channels, frames, height, width]; also with frames before channels, where the plan's\n"
    "           number of channels tells them apart. Height and width choose the plan's size\n"
    "\n"
    "  -o, --output OUT  what to write; the suffix chooses the format (default: the name of LATENTS\n"
    "                    with .mp4, in the working directory)\n";

static const char help_after_formats[] =
    "      --threads N   threads that decode (default: one per core that it may run on)\n"
    "      --fps N       frames per second of .mp4 and .y4m (default: 16)\n"
    "      --all-frames  write all frames of the first step, where only the last belong to the video\n"
    "      --cache-folder DIR keep the caches in a file in DIR, which vanishes in the end: with less memory "
    "than caches, "
    "slowly\n"
    "      --save-state FILE  write at the end, or when interrupted, what another run needs to go on\n"
    "      --load-state FILE  go on with the latent frame behind those that FILE has seen\n"
    "      --stop-after N  stop when N latent frames of the video are decoded\n"
    "      --timings     print the seconds of each step and the peak memory\n"
    "      --profile[=FILE]  print the time of every operator; or write it to FILE, as JSON\n"
    "      --trace FILE  write the times of all operators as a trace, for chrome://tracing or Perfetto\n"
    "      --benchmark   write no video: repeat the first step and the steady one, and print what they take\n"
    "      --warmup N    of each, run before it is measured (default: 1)\n"
    "      --iterations N  of each, measured (default: 5)\n"
    "      --json        print the benchmark as JSON\n"
    "  -q, --quiet       print nothing but errors (no warnings of the compiler either)\n"
    "  -h, --help        print this help\n"
    "      --version     print the version\n"
    "\n"
    "Ctrl-C stops after the current step; .mp4, .y4m and numbered .png keep the frames so far.\n"
    "Exit status: 0 success, 1 failure, 2 wrong usage.\n"
    "\n"
    "Examples:\n"
    "  wanrun decoder.plan latents.npy                     writes latents.mp4\n"
    "  wanrun decoder.plan latents.npy -o sheet.png        a look at the video\n"
    "  wanrun decoder.plan latents.npy -o frame-%04d.png   every frame\n"
    "  wanrun decoder.plan latents.npy -o - | mpv -        watch while it decodes\n";

static int flush_stdout(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    fprintf(stderr, "wanrun: standard output: cannot write: %s\n", strerror(errno));
    return EXIT_FAILED;
}

static int print_help(void) {
    fputs(help_before_formats, stdout);
    const struct output_format *f;
    for (unsigned i = 0; (f = output_format_at(i)) != NULL; i++) {
        printf("                      %-8s  %s\n", f->pattern ? "%04d.png" : f->suffix, f->description);
    }
    printf("                      %-8s  .y4m on the standard output\n", "-");
    fputs(help_after_formats, stdout);
    return flush_stdout();
}

static bool parse_number(const char *option, const char *text, unsigned max, unsigned *out,
                         struct error *err) {
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    bool digits = text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0;
    if (!digits || n < 1 || n > max) {
        return error_set(err, ERROR_USAGE, "%s: expected a whole number from 1 to %u, found '%s'", option,
                         max, text);
    }
    *out = (unsigned)n;
    return true;
}

// LATENTS' name without folder and suffix, with ".mp4".
static char *default_output(const char *latents) {
    const char *slash = strrchr(latents, '/');
    const char *name = slash == NULL ? latents : slash + 1;
    const char *dot = strrchr(name, '.');
    int n = dot == NULL || dot == name ? (int)strlen(name) : (int)(dot - name);
    char *out;
    return asprintf(&out, "%.*s.mp4", n, name) < 0 ? NULL : out;
}

static bool parse_operands(struct decode_params *p, int argc, char **argv, struct error *err) {
    static const char *const missing[] = {"PLAN and LATENTS", "LATENTS"};
    if (argc < 2) return error_set(err, ERROR_USAGE, "expected %s, found none", missing[argc]);
    if (argc > 2) return error_set(err, ERROR_USAGE, "expected nothing after LATENTS, found '%s'", argv[2]);
    p->plan = argv[0];
    p->latents = argv[1];
    return p->output == NULL || output_check_path(p->output, err);
}

// getopt has moved past `text` unless it is a bundle of short options, where `optopt` is the one it stopped
// at.
static bool unknown_option(const char *text, struct error *err) {
    char letter[] = {'-', (char)optopt, 0};
    bool is_long = strncmp(text, "--", 2) == 0 && text[2] != 0;
    return error_set(err, ERROR_USAGE, "%s: unknown or malformed option", is_long ? text : letter);
}

struct arguments {
    struct decode_params decode;
    struct benchmark_params benchmark;
    bool is_benchmark;
};

// An option of the benchmark; the last ones mean nothing without --benchmark.
static bool parse_benchmark_option(struct arguments *a, int c, struct error *err) {
    switch (c) {
    case OPTION_BENCHMARK: a->is_benchmark = true; return true;
    case OPTION_JSON: a->benchmark.json = true; return true;
    case OPTION_WARMUP: return parse_number("--warmup", optarg, MAX_ITERATIONS, &a->benchmark.warmup, err);
    default: return parse_number("--iterations", optarg, MAX_ITERATIONS, &a->benchmark.iterations, err);
    }
}

// One option; `status` is set when it ends the program (--help, --version).
static bool parse_option(struct arguments *a, int c, char **argv, int *status, struct error *err) {
    struct decode_params *p = &a->decode;
    switch (c) {
    case 'o': p->output = optarg; return true;
    case 'q': p->quiet = true; return true;
    case 'h': *status = print_help(); return true;
    case OPTION_ALL_FRAMES: p->all_frames = true; return true;
    case OPTION_CACHE_FOLDER: p->cache_folder = optarg; return true;
    case OPTION_SAVE_STATE: p->save_state = optarg; return true;
    case OPTION_LOAD_STATE: p->load_state = optarg; return true;
    case OPTION_STOP_AFTER: return parse_number("--stop-after", optarg, INT_MAX, &p->stop_after, err);
    case OPTION_TIMINGS: p->timings = true; return true;
    case OPTION_PROFILE:
        if (optarg == NULL) p->profile = true;
        else p->profile_path = optarg;
        return true;
    case OPTION_TRACE: p->trace_path = optarg; return true;
    case OPTION_BENCHMARK:
    case OPTION_WARMUP:
    case OPTION_ITERATIONS:
    case OPTION_JSON: return parse_benchmark_option(a, c, err);
    case OPTION_THREADS: return parse_number("--threads", optarg, MAX_THREADS, &p->threads, err);
    case OPTION_FPS: return parse_number("--fps", optarg, MAX_FPS, &p->fps, err);
    case OPTION_VERSION:
        printf("wanrun %s\n", wan_version());
        *status = flush_stdout();
        return true;
    case ':': return error_set(err, ERROR_USAGE, "%s: expected a value, found none", argv[optind - 1]);
    default: return unknown_option(argv[optind - 1], err);
    }
}

// Fills `a`; a status >= 0 ends the program.
static bool parse_command_line(struct arguments *a, int argc, char **argv, int *status, struct error *err) {
    int c;
    while (*status < 0 && (c = getopt_long(argc, argv, ":o:qh", long_options, NULL)) != -1) {
        if (!parse_option(a, c, argv, status, err)) return false;
    }
    if (*status >= 0) return true;
    if (!parse_operands(&a->decode, argc - optind, argv + optind, err)) return false;
    a->benchmark.plan = a->decode.plan;
    if (a->is_benchmark && (a->decode.load_state || a->decode.save_state || a->decode.stop_after))
        return error_set(err, ERROR_USAGE, "--benchmark: takes no state, and no --stop-after");
    return a->is_benchmark || !a->benchmark.json ||
           error_set(err, ERROR_USAGE, "--json: expected --benchmark beside it, found none");
}

// One line, whatever the names of files hold.
static int fail(const struct error *err) {
    char line[sizeof err->message];
    memcpy(line, err->message, sizeof line);
    for (char *c = line; *c != 0; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    }
    bool usage = err->code == ERROR_USAGE;
    fprintf(stderr, "wanrun: %s%s\n", line, usage ? " (see wanrun --help)" : "");
    return usage ? EXIT_USAGE : EXIT_FAILED;
}

// A closed stdout or stderr leaves its number to the next file that is opened: messages would end up in
// there.
static void occupy_standard_streams(void) {
    int fd;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0 && fd <= STDERR_FILENO) continue;
    if (fd >= 0) close(fd);
}

int main(int argc, char **argv) {
    struct arguments a = {.decode = {.fps = DEFAULT_FPS},
                          .benchmark = {.warmup = DEFAULT_WARMUP, .iterations = DEFAULT_ITERATIONS}};
    struct decode_params *p = &a.decode;
    struct error err = {0};
    int status = -1;
    occupy_standard_streams();
    if (!parse_command_line(&a, argc, argv, &status, &err)) return fail(&err);
    if (status >= 0) return status;
    if (a.is_benchmark) {
        bool ok = decode_benchmark(p, &a.benchmark, &err);
        return ok ? flush_stdout() : fail(&err);
    }
    char *chosen = p->output == NULL ? default_output(p->latents) : NULL;
    if (p->output == NULL) p->output = chosen;
    interrupt_install(!p->quiet && isatty(STDERR_FILENO));
    bool ok = p->output != NULL ? decode(p, &err) : error_set(&err, ERROR_MEMORY, "out of memory");
    free(chosen);
    return ok ? 0 : fail(&err);
}
