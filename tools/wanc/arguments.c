// The command line of wanc: its table of options, and what they set.
#include "tools/wanc/arguments.h"

#include "tools/report/report.h"
#include "wan/wan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool parse_size(const char *text, int length, struct latent_size *size, struct error *err) {
    char *end;
    *size = (struct latent_size){.height = strtoll(text, &end, 10)};
    if (*end == 'x') size->width = strtoll(end + 1, &end, 10);
    return (end == text + length && size->width != 0) ||
           error_set(err, ERROR_USAGE, "--latent-size: expected HxW with numbers from 1 to %d, found '%.*s'",
                     COMPILE_MAX_SIDE, length, text);
}

static bool set_sizes(void *values, const char *text, struct error *err) {
    struct compile_options *o = &((struct wanc_options *)values)->compile;
    for (;; text++) {
        struct latent_size size;
        int length = (int)strcspn(text, ",");
        if (!parse_size(text, length, &size, err) || !compile_add_size(o, size, "--latent-size", err))
            return false;
        text += length;
        if (*text == 0) return true;
    }
}

static bool set_max_error(void *values, const char *text, struct error *err) {
    struct compile_options *o = &((struct wanc_options *)values)->compile;
    char *end;
    o->choice.max_error = strtod(text, &end);
    return (end != text && *end == 0 && o->choice.max_error > 0 && isfinite(o->choice.max_error)) ||
           error_set(err, ERROR_USAGE, "--max-error: expected a number above 0, found '%s'", text);
}

static bool set_first(void *values, const char *text, struct error *err) {
    (void)err;
    ((struct wanc_options *)values)->compile.first_as_is = strcmp(text, "as-is") == 0;
    return true;
}

static bool set_max_memory(void *values, const char *text, struct error *err) {
    struct compile_options *o = &((struct wanc_options *)values)->compile;
    return options_parse_size("--max-memory", text, PLAN_MAX_BYTES, &o->max_memory, err);
}

static bool set_limit_memory(void *values, const char *text, struct error *err) {
    struct compile_options *o = &((struct wanc_options *)values)->compile;
    return options_parse_size("--limit-memory", text, COMPILE_MAX_LIMIT, &o->limit_memory, err);
}

static bool set_tune(void *values, const char *text, struct error *err) {
    struct compile_options *o = &((struct wanc_options *)values)->compile;
    char *end = NULL;
    o->tune = true;
    o->tune_seconds = text == NULL ? 60 : strtod(text, &end);
    return text == NULL || (end != text && *end == 0 && o->tune_seconds > 0 && o->tune_seconds <= 86400) ||
           error_set(err, ERROR_USAGE, "--tune: expected seconds above 0 and up to 86400, found '%s'", text);
}

// ---- the table

#define FLAG(field) OPTION_SETS_FLAG(struct wanc_options, field)
#define TEXT(field) OPTION_SETS_TEXT(struct wanc_options, field)
#define BITS(field, set) OPTION_SETS_BITS(struct wanc_options, field, set)
#define WORD(field) OPTION_SETS_WORD(struct wanc_options, field)
#define NUMBER(field, most) OPTION_SETS_NUMBER(struct wanc_options, field, most)
#define CALLS(function) OPTION_CALLS(function)
_Static_assert(IR_F32 == 0 && IR_F16 == 1 && IR_BF16 == 2, "the words of --cache-type");
_Static_assert(IR_BANDS_AUTO == 0 && IR_BANDS_NONE == 1 && IR_BANDS_LEAST == 2, "the words of --bands");
static const struct option_row rows[] = {
    {"output", 'o', "FILE", .hint = OPTION_FILE, .commands = "compile inspect report dump opt", TEXT(output),
     .help = "where to write; without it, all but compile write to the standard output"},
    {"latent-size", .value = "HxW,..", .commands = "compile inspect report diff", CALLS(set_sizes),
     .help = "height and width of the latents, where the model leaves them open; one plan for several sizes, "
             "also by "
             "giving the option again"},
    {"conv", .value = "ALGORITHM", .words = "auto direct im2col winograd2 winograd4",
     .commands = "compile report opt", TEXT(compile.choice.conv),
     .help = "how convolutions are computed: auto (default), the fastest; direct, by 2D convolutions; "
             "im2col, in the "
             "least memory; winograd2 or winograd4"},
    {"max-error", .value = "E", .commands = "compile report opt", CALLS(set_max_error),
     .help = "bound the error of a decode, of frames in [-1,1], by E (default 3.5e-4); slower, more exact "
             "algorithms "
             "are taken where that is needed"},
    {"cache-type", .value = "TYPE", .words = "f32 f16 bf16", .commands = "compile report opt",
     WORD(compile.cache_dtype),
     .help = "keep the caches in f32 (default), f16 or bf16; half the memory, with an error"},
    {"max-memory", .value = "SIZE", .commands = "compile report", CALLS(set_max_memory),
     .help = "the fastest plan that takes at most so much memory: 5GiB, 800MiB"},
    {"bands", .value = "RULE", .words = "auto none least", .commands = "compile report opt",
     WORD(compile.bands),
     .help =
         "auto (default), work on bands of large images where that costs no time; none, on whole images; or "
         "least, wherever it takes less memory"},
    {"keep-taps", .commands = "compile", FLAG(keep_taps),
     .help = "a plan whose tensors wanrun --dump-taps and --verify can look at; no bands"},
    {"prepack", .commands = "compile", FLAG(compile.prepack),
     .help = "the plan also holds the weights as XNNPACK packs them on this CPU; a much larger file, which "
             "starts at "
             "once"},
    {"tune", .value = "SECONDS", .may_lack_value = true, .commands = "compile", CALLS(set_tune),
     .help = "measure the algorithms of each convolution on this machine, for about so long (default 60), "
             "instead of "
             "expecting times by a model"},
    {"timing-cache", .value = "FILE", .hint = OPTION_FILE, .commands = "compile", TEXT(compile.timing_cache),
     .help = "take measured times from FILE, and keep new ones there"},
    {"threads", .value = "N", .commands = "compile report diff opt", NUMBER(compile.threads, WAN_MAX_THREADS),
     .help =
         "threads that a run will have; for --tune, --max-memory and report one per core by default, for the "
         "height of bands four"},
    {"shapes", .commands = "report", BITS(sections, REPORT_SHAPES),
     .help = "shapes in both variants, and the paddings in time; without a section all are shown"},
    {"caches", .commands = "report", BITS(sections, REPORT_CACHES),
     .help = "the caches, where they lie, and what they take at other sizes"},
    {"memory", .commands = "report", BITS(sections, REPORT_MEMORY),
     .help = "the scratch arena over time, its peak, and the memory of a run"},
    {"ops", .commands = "report", BITS(sections, REPORT_OPS),
     .help = "how each convolution is computed, why, and in what time"},
    {"graph", .commands = "report", BITS(sections, REPORT_GRAPH),
     .help = "the network in stages, and what each pass of the compiler left"},
    {"format", .value = "FORMAT", .words = "text json csv html svg dot trace", .commands = "report",
     TEXT(format), .help = "text (default), json, csv, html, svg, dot or trace"},
    {"steps", .value = "N", .commands = "diff", NUMBER(steps, 1000),
     .help = "compare so many steps (default: 3, or as many as there are latents)"},
    {"json", .commands = "inspect", FLAG(json), .help = "as JSON"},
    {"first", .value = "RULE", .words = "reference as-is", .commands = "compile report inspect diff",
     CALLS(set_first),
     .help = "of a step alone: reference (default), its first step leaves out the temporal upsamplers; or "
             "as-is, it "
             "is the step itself on caches of zeros"},
    {"limit-memory", .value = "SIZE", .commands = "compile inspect report diff opt", CALLS(set_limit_memory),
     .help = "refuse a model whose compilation takes more memory than SIZE, mapped files not counted "
             "(default: 512 MiB, the unpacked model, and for each latent size 32 KiB a node and 4 times "
             "its files; of textual IR, 512 MiB and 1 KiB a byte)"},
    {"limit-nodes", .value = "N", .commands = "compile inspect report diff",
     NUMBER(compile.limit_nodes, COMPILE_MAX_NODES),
     .help = "refuse a model of more than N nodes or N tensors (default: 250000)"},
    {"print-after", .value = "PASS,..", .commands = "compile opt", TEXT(compile.passes.print_after),
     .help = "print the IR after these passes, or after all"},
    {"stop-after", .value = "PASS", .commands = "compile opt", TEXT(compile.passes.stop_after),
     .help = "stop behind this pass and print the IR"},
    {"canonical", .commands = "compile", FLAG(canonical),
     .help =
         "with --stop-after, names and order that do not depend on the file, to compare what two files are "
         "compiled to"},
    {"skip", .value = "PASS,..", .commands = "compile opt", TEXT(compile.passes.skip),
     .help = "leave passes out"},
    {"passes", .value = "PASS,..", .commands = "opt", TEXT(pass_list), .help = "the passes to run"},
    {"verify-each", .commands = "compile opt", FLAG(compile.passes.verify_each),
     .help = "check the IR after every pass, and that its text reads back the same"},
    {"timings", .commands = "compile opt", FLAG(compile.passes.timings), .help = "seconds of each pass"},
    {"quiet", 'q', FLAG(quiet), .help = "no notes"},
    {0},
};

static const struct option_command commands[] = {
    {"compile", "MODEL.onnx [STEADY.onnx] -o PLAN",
     "compile a decoder; with two files, its first and its steady step"},
    {"inspect", "MODEL.onnx [STEADY.onnx]",
     "what the file holds, which form it has, and the proof; or what is in the way"},
    {"report", "PLAN|MODEL.onnx [STEADY.onnx]",
     "shapes, caches, memory, operators and the graph of a plan, or of what a model is compiled to"},
    {"diff", "PLAN MODEL.onnx [STEADY.onnx] [LATENTS]",
     "every operator of a plan against the model, in double precision: which one is wrong"},
    {"dump", "PLAN", "everything in a plan, as text"},
    {"passes", "", "the compiler's passes, in order"},
    {"opt", "FILE.ir --passes A,B,..", "run passes on textual IR (- reads standard input)"},
    {0},
};

static const struct option_example examples[] = {
    {"wanc compile decoder.onnx --latent-size 60x104 -o plan.bin", "a plan for video of 480x832"},
    {"wanc compile decoder.onnx --latent-size 60x104 --max-memory 5GiB -o plan.bin", "the fastest in that"},
    {"wanc report plan.bin --format html -o report.html", "a page about it"},
    {0},
};

bool arguments_parse(struct wanc_options *o, struct option_result *result, int argc, char **argv,
                     struct error *err) {
    static const struct option_program program = {
        .name = "wanc",
        .version = WAN_VERSION,
        .summary = "compile a causal video decoder to a plan",
        .description = "Compiles the decoder of a video VAE, as people export it to ONNX, to a plan for "
                       "wanrun, and says "
                       "what is in either.",
        .commands = commands,
        .rows = rows,
        .examples = examples,
    };
    return options_parse(&program, argc, argv, o, result, err);
}
