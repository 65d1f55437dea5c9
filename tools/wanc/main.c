// wanc: from an ONNX decoder to a plan, and what one may want to know of either.
#include "tools/wanc/wanc.h"

#include "base/file.h"
#include "tools/report/report.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: wanc COMMAND [OPTIONS] FILE...\n"
    "\n"
    "commands:\n"
    "  compile MODEL.onnx [STEADY.onnx] -o PLAN   compile a decoder; with two files, its first and its "
    "steady step\n"
    "  inspect MODEL.onnx [STEADY.onnx]           what the file holds, which form it has, and the proof; or "
    "what is in "
    "the way\n"
    "  report PLAN|MODEL.onnx                     shapes, caches, memory, operators and the graph of a plan, "
    "or of "
    "what\n"
    "                                             a model is compiled to\n"
    "  dump PLAN                                  everything in a plan, as text\n"
    "  passes                                     the compiler's passes, in order\n"
    "  opt FILE.ir --passes A,B,..                run passes on textual IR (- reads standard input)\n"
    "\n"
    "options:\n"
    "  -o, --output FILE          where to write (inspect, report, dump, opt: standard output)\n"
    "      --latent-size HxW,..   height and width of the latents, where the model leaves them open; "
    "compile:\n"
    "                             one plan for several sizes, also by giving the option again\n"
    "      --json                 inspect: as JSON\n"
    "      --conv ALGORITHM       compile: how convolutions are computed: auto (default), the fastest; "
    "direct, "
    "by 2D\n"
    "                             convolutions; im2col, in the least memory; winograd2 or winograd4\n"
    "      --max-error E          compile: bound the error of a decode, of frames in [-1,1], by E (default "
    "3.5e-4):\n"
    "                             slower, more exact algorithms are taken where that is needed\n"
    "      --cache-type TYPE      compile: keep the caches in f32 (default), f16 or bf16: half the memory, "
    "with "
    "an error\n"
    "      --max-memory SIZE      compile: the fastest plan that takes at most so much memory: 5GiB, 800MiB\n"
    "      --bands RULE           compile: auto (default), work on bands of large images where that costs no "
    "time;\n"
    "                             none, on whole images; or least, wherever it takes less memory\n"
    "      --prepack              compile: the plan also holds the weights as XNNPACK packs them on this "
    "CPU: a "
    "much\n"
    "                             larger file, which starts at once\n"
    "      --tune[=SECONDS]       compile: measure the algorithms of each convolution on this machine, for "
    "about so "
    "long\n"
    "                             (default 60), instead of expecting times by a model\n"
    "      --timing-cache FILE    compile: take measured times from FILE, and keep new ones there\n"
    "      --threads N            compile --tune, --max-memory, report: threads of a run (default: one per "
    "core);\n"
    "                             compile: bands high enough for so many (default: for 4)\n"
    "      --shapes               report: shapes in both variants, and the paddings in time (without a "
    "section: all)\n"
    "      --caches               report: the caches, where they lie, and what they take at other sizes\n"
    "      --memory               report: the scratch arena over time, its peak, and the memory of a run\n"
    "      --ops                  report: how each convolution is computed, why, and in what time\n"
    "      --graph                report: the network in stages, and what each pass of the compiler left\n"
    "      --format FORMAT        report: text (default), json, csv, html, svg, dot or trace\n"
    "      --first RULE           compile, of a step alone: reference (default), its first step leaves out "
    "the\n"
    "                             temporal upsamplers; or as-is, it is the step itself on caches of zeros\n"
    "      --print-after PASS     print the IR after these passes (names separated by commas, or all)\n"
    "      --stop-after PASS      stop behind this pass and print the IR\n"
    "      --canonical            with --stop-after: names and order that do not depend on the file, to "
    "compare\n"
    "                             what two files are compiled to\n"
    "      --skip PASS            leave passes out\n"
    "      --passes LIST          opt: the passes to run\n"
    "      --verify-each          check the IR after every pass, and that its text reads back the same\n"
    "      --timings              seconds of each pass\n"
    "  -q, --quiet                no notes\n"
    "  -h, --help                 this text\n"
    "      --version              the version\n"
    "\n"
    "example: wanc compile decoder.onnx --latent-size 60x104 -o plan.bin\n";

static const struct {
    const char *name;
    wanc_command *run;
    int min_files, max_files;
} commands[] = {
    {"compile", wanc_compile, 1, 2}, {"inspect", wanc_inspect, 1, 2}, {"report", wanc_report, 1, 1},
    {"dump", wanc_dump, 1, 1},       {"passes", wanc_passes, 0, 0},   {"opt", wanc_opt, 1, 1},
};

enum {
    OPT_LATENT_SIZE = 256,
    OPT_CONV,
    OPT_MAX_ERROR,
    OPT_FIRST,
    OPT_PREPACK,
    OPT_TUNE,
    OPT_TIMING_CACHE,
    OPT_THREADS,
    OPT_SHAPES,
    OPT_CACHES,
    OPT_MEMORY,
    OPT_OPS,
    OPT_GRAPH,
    OPT_FORMAT,
    OPT_CACHE_TYPE,
    OPT_BANDS,
    OPT_MAX_MEMORY,
    OPT_CANONICAL,
    OPT_JSON,
    OPT_PRINT_AFTER,
    OPT_STOP_AFTER,
    OPT_SKIP,
    OPT_PASSES,
    OPT_VERIFY_EACH,
    OPT_TIMINGS,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"latent-size", required_argument, NULL, OPT_LATENT_SIZE},
    {"conv", required_argument, NULL, OPT_CONV},
    {"max-error", required_argument, NULL, OPT_MAX_ERROR},
    {"cache-type", required_argument, NULL, OPT_CACHE_TYPE},
    {"bands", required_argument, NULL, OPT_BANDS},
    {"max-memory", required_argument, NULL, OPT_MAX_MEMORY},
    {"tune", optional_argument, NULL, OPT_TUNE},
    {"timing-cache", required_argument, NULL, OPT_TIMING_CACHE},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"shapes", no_argument, NULL, OPT_SHAPES},
    {"caches", no_argument, NULL, OPT_CACHES},
    {"memory", no_argument, NULL, OPT_MEMORY},
    {"ops", no_argument, NULL, OPT_OPS},
    {"graph", no_argument, NULL, OPT_GRAPH},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"prepack", no_argument, NULL, OPT_PREPACK},
    {"canonical", no_argument, NULL, OPT_CANONICAL},
    {"first", required_argument, NULL, OPT_FIRST},
    {"json", no_argument, NULL, OPT_JSON},
    {"print-after", required_argument, NULL, OPT_PRINT_AFTER},
    {"stop-after", required_argument, NULL, OPT_STOP_AFTER},
    {"skip", required_argument, NULL, OPT_SKIP},
    {"passes", required_argument, NULL, OPT_PASSES},
    {"verify-each", no_argument, NULL, OPT_VERIFY_EACH},
    {"timings", no_argument, NULL, OPT_TIMINGS},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static bool parse_size(const char *text, int length, struct latent_size *size, struct error *err) {
    char *end;
    *size = (struct latent_size){.height = strtoll(text, &end, 10)};
    if (*end == 'x') size->width = strtoll(end + 1, &end, 10);
    if (end == text + length && size->height > 0 && size->width > 0 && size->height <= 4096 &&
        size->width <= 4096)
        return true;
    return error_set(err, ERROR_USAGE,
                     "--latent-size: expected HxW with numbers from 1 to 4096, found '%.*s'", length, text);
}

static bool add_size(struct wanc_options *o, struct latent_size size, struct error *err) {
    for (int i = 0; i < o->size_count; i++) {
        if (o->sizes[i].height != size.height || o->sizes[i].width != size.width) continue;
        return error_set(err, ERROR_USAGE, "--latent-size: %dx%d is given twice", (int)size.height,
                         (int)size.width);
    }
    if (o->size_count == PLAN_MAX_PROGRAMS)
        return error_set(err, ERROR_USAGE, "--latent-size: more than %d sizes", PLAN_MAX_PROGRAMS);
    o->sizes[o->size_count++] = size;
    return true;
}

static bool parse_sizes(const char *text, struct wanc_options *o, struct error *err) {
    for (;; text++) {
        struct latent_size size;
        int length = (int)strcspn(text, ",");
        if (!parse_size(text, length, &size, err) || !add_size(o, size, err)) return false;
        text += length;
        if (*text == 0) return true;
    }
}

static bool parse_conv(const char *text, struct wanc_options *o, struct error *err) {
    for (int i = 0; conv_choice_names[i] != NULL; i++) {
        if (strcmp(text, conv_choice_names[i]) == 0) o->choice.conv = conv_choice_names[i];
    }
    return o->choice.conv != NULL ||
           error_set(err, ERROR_USAGE,
                     "--conv: expected direct, im2col, winograd2, winograd4 or auto, found '%s'", text);
}

static bool parse_max_error(const char *text, struct wanc_options *o, struct error *err) {
    char *end;
    o->choice.max_error = strtod(text, &end);
    return (end != text && *end == 0 && o->choice.max_error > 0 && isfinite(o->choice.max_error)) ||
           error_set(err, ERROR_USAGE, "--max-error: expected a number above 0, found '%s'", text);
}

static bool parse_first(const char *text, struct wanc_options *o, struct error *err) {
    o->first_as_is = strcmp(text, "as-is") == 0;
    return o->first_as_is || strcmp(text, "reference") == 0 ||
           error_set(err, ERROR_USAGE, "--first: expected reference or as-is, found '%s'", text);
}

static bool parse_cache_type(const char *text, struct wanc_options *o, struct error *err) {
    static const enum ir_dtype types[] = {IR_F32, IR_F16, IR_BF16};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(text, ir_dtype_name(types[i])) != 0) continue;
        o->cache_dtype = types[i];
        return true;
    }
    return error_set(err, ERROR_USAGE, "--cache-type: expected f32, f16 or bf16, found '%s'", text);
}

static bool parse_bands(const char *text, struct wanc_options *o, struct error *err) {
    static const char *const names[] = {
        [IR_BANDS_AUTO] = "auto", [IR_BANDS_NONE] = "none", [IR_BANDS_LEAST] = "least"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        o->bands = (enum ir_bands)i;
        return true;
    }
    return error_set(err, ERROR_USAGE, "--bands: expected auto, none or least, found '%s'", text);
}

static bool parse_max_memory(const char *text, struct wanc_options *o, struct error *err) {
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    char *end;
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units && text[0] >= '0' && text[0] <= '9'; i++) {
        double bytes = ldexp(number, 10 * (int)i);
        if (strcmp(end, units[i]) != 0 || !(bytes >= 1 && bytes <= PLAN_MAX_BYTES)) continue;
        o->max_memory = (uint64_t)bytes;
        return true;
    }
    return error_set(err, ERROR_USAGE,
                     "--max-memory: expected a size such as 5GiB, 800MiB or 5000000000, found '%s'", text);
}

static bool parse_tune(const char *text, struct wanc_options *o, struct error *err) {
    char *end = NULL;
    o->tune = true;
    o->tune_seconds = text == NULL ? 60 : strtod(text, &end);
    return text == NULL || (end != text && *end == 0 && o->tune_seconds > 0 && o->tune_seconds <= 86400) ||
           error_set(err, ERROR_USAGE, "--tune: expected seconds above 0 and up to 86400, found '%s'", text);
}

static bool parse_threads(const char *text, struct wanc_options *o, struct error *err) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    o->threads = (unsigned)n;
    return (text[0] >= '0' && text[0] <= '9' && *end == 0 && n >= 1 && n <= 1024) ||
           error_set(err, ERROR_USAGE, "--threads: expected a whole number from 1 to 1024, found '%s'", text);
}

// 0: go on; 1: done (help, version); -1: error.
static int parse_options(int argc, char **argv, struct wanc_options *o, struct error *err) {
    for (int c; (c = getopt_long(argc, argv, ":o:qh", long_options, NULL)) != -1;) {
        switch (c) {
        case 'o': o->output = optarg; break;
        case 'q': o->quiet = true; break;
        case 'h': fputs(usage, stdout); return 1;
        case OPT_VERSION: puts("wanc " WAN_VERSION); return 1;
        case OPT_LATENT_SIZE:
            if (!parse_sizes(optarg, o, err)) return -1;
            break;
        case OPT_CONV:
            if (!parse_conv(optarg, o, err)) return -1;
            break;
        case OPT_MAX_ERROR:
            if (!parse_max_error(optarg, o, err)) return -1;
            break;
        case OPT_FIRST:
            if (!parse_first(optarg, o, err)) return -1;
            break;
        case OPT_CACHE_TYPE:
            if (!parse_cache_type(optarg, o, err)) return -1;
            break;
        case OPT_BANDS:
            if (!parse_bands(optarg, o, err)) return -1;
            break;
        case OPT_MAX_MEMORY:
            if (!parse_max_memory(optarg, o, err)) return -1;
            break;
        case OPT_TUNE:
            if (!parse_tune(optarg, o, err)) return -1;
            break;
        case OPT_THREADS:
            if (!parse_threads(optarg, o, err)) return -1;
            break;
        case OPT_TIMING_CACHE: o->timing_cache = optarg; break;
        case OPT_SHAPES: o->sections |= REPORT_SHAPES; break;
        case OPT_CACHES: o->sections |= REPORT_CACHES; break;
        case OPT_MEMORY: o->sections |= REPORT_MEMORY; break;
        case OPT_OPS: o->sections |= REPORT_OPS; break;
        case OPT_GRAPH: o->sections |= REPORT_GRAPH; break;
        case OPT_FORMAT: o->format = optarg; break;
        case OPT_PREPACK: o->prepack = true; break;
        case OPT_CANONICAL: o->canonical = true; break;
        case OPT_JSON: o->json = true; break;
        case OPT_PRINT_AFTER: o->passes.print_after = optarg; break;
        case OPT_STOP_AFTER: o->passes.stop_after = optarg; break;
        case OPT_SKIP: o->passes.skip = optarg; break;
        case OPT_PASSES: o->pass_list = optarg; break;
        case OPT_VERIFY_EACH: o->passes.verify_each = true; break;
        case OPT_TIMINGS: o->passes.timings = true; break;
        default:
            error_set(err, ERROR_USAGE, c == ':' ? "option '%s' needs a value" : "unknown option '%s'",
                      argv[optind - 1]);
            return -1;
        }
    }
    return 0;
}

static int usage_error(const char *format, const char *argument) {
    fputs("wanc: ", stderr);
    fprintf(stderr, format, argument);
    fputs("; see `wanc --help`\n", stderr);
    return EXIT_USAGE;
}

static bool output_is_input(const struct wanc_options *o, struct error *err) {
    for (int i = 0; o->output != NULL && i < o->file_count; i++) {
        if (!file_is_same(o->output, o->files[i])) continue;
        error_set(err, ERROR_USAGE, "%s: cannot write: it is also an input", o->output);
        return true;
    }
    return false;
}

static int run(const char *name, struct wanc_options *o, int file_count, char **files) {
    struct error err = {0};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) != 0) continue;
        if (file_count < commands[i].min_files || file_count > commands[i].max_files)
            return usage_error("%s: wrong number of files", name);
        for (int k = 0; k < file_count; k++) o->files[o->file_count++] = files[k];
        bool ok = !output_is_input(o, &err) && commands[i].run(o, &err);
        if ((fflush(stdout) != 0 || ferror(stdout)) && ok) {
            ok = error_set(&err, ERROR_IO, "standard output: cannot be written: %s", strerror(errno));
        }
        if (!ok) fprintf(stderr, "wanc: %s\n", err.message);
        return ok ? EXIT_OK : err.code == ERROR_USAGE ? EXIT_USAGE : EXIT_FAILED;
    }
    return usage_error("unknown command '%s'", name);
}

static void on_signal(int number) {
    file_abandon();
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
}

int main(int argc, char **argv) {
    handle_signals();
    struct wanc_options o = {.passes = {.out = stdout}};
    struct error err = {0};
    int done = parse_options(argc, argv, &o, &err);
    if (done > 0) return EXIT_OK;
    if (done < 0) return usage_error("%s", err.message);
    if (optind >= argc) return usage_error("%s", "no command");
    return run(argv[optind], &o, argc - optind - 1, argv + optind + 1);
}
