#include "tools/wanrun/arguments.h"

#include "base/file.h"
#include "tools/options/options.h"
#include "tools/output/output.h"
#include "wan/wan.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_FPS = 16, DEFAULT_PLACES = 2, MAX_PLACES = 10000 };
#define MAX_LIMIT ((uint64_t)1 << 46) // bytes
enum { MAX_ITERATIONS = 1000000, DEFAULT_WARMUP = 1, DEFAULT_ITERATIONS = 5 };

static bool list_operands(unsigned i, const char **term, const char **text) {
    static const char *const operands[][2] = {
        {"PLAN", "the plan"},
        {"LATENTS", "one or more files: .npy, .npz, .safetensors or .pt, FILE:KEY for a tensor in one, "
                    "folders of such, or - for the "
                    "standard input; each is a video of its own. [channels, frames, height, width] or frames "
                    "before channels, with or "
                    "without a 1 in front; the plan's number of channels tells them apart. Height and width "
                    "choose the plan's size"},
    };
    if (i >= 2) return false;
    *term = operands[i][0];
    *text = operands[i][1];
    return true;
}

static bool list_formats(unsigned i, const char **term, const char **text) {
    const struct output_format *f = output_format_at(i);
    if (f != NULL) *term = f->pattern ? "%04d.png" : f->suffix, *text = f->description;
    else if (output_format_at(i - 1) != NULL) *term = "-", *text = "the standard output: y4m, or --format";
    else return false;
    return true;
}

static bool set_profile(void *values, const char *text, struct error *err) {
    struct decode_params *p = &((struct arguments *)values)->decode;
    (void)err;
    p->profile = p->profile || text == NULL;
    if (text != NULL) p->profile_path = text;
    return true;
}

static bool parse_number(const char *option, const char *text, double *out, struct error *err) {
    char *end;
    *out = strtod(text, &end);
    return (end != text && *end == 0 && *out >= 0 && isfinite(*out)) ||
           error_set(err, ERROR_USAGE, "%s: expected a number from 0 on, found '%s'", option, text);
}

static bool set_atol(void *values, const char *text, struct error *err) {
    struct arguments *a = values;
    return parse_number("--atol", text, &a->decode.verify.tolerance.absolute, err);
}

static bool set_rtol(void *values, const char *text, struct error *err) {
    struct arguments *a = values;
    return parse_number("--rtol", text, &a->decode.verify.tolerance.relative, err);
}

static bool set_fps(void *values, const char *text, struct error *err) {
    return output_parse_rate(text, &((struct arguments *)values)->decode.settings.fps, err);
}

static bool set_crf(void *values, const char *text, struct error *err) {
    struct arguments *a = values;
    return parse_number("--crf", text, &a->decode.settings.crf, err);
}

static bool set_limit_memory(void *values, const char *text, struct error *err) {
    struct arguments *a = values;
    return options_parse_size("--limit-memory", text, MAX_LIMIT, &a->decode.limit_memory, err);
}

#define INPUT_SETTER(name, parse)                                                                            \
    static bool name(void *values, const char *text, struct error *err) {                                    \
        return parse(&((struct arguments *)values)->decode.input, text, err);                                \
    }
INPUT_SETTER(set_shape, latents_parse_shape)
INPUT_SETTER(set_dtype, latents_parse_type)
INPUT_SETTER(set_layout, latents_parse_layout)
INPUT_SETTER(set_frames, latents_parse_frames)

#define FLAG(field) OPTION_SETS_FLAG(struct arguments, field)
#define TEXT(field) OPTION_SETS_TEXT(struct arguments, field)
#define NUMBER(field, most) OPTION_SETS_NUMBER(struct arguments, field, most)
static const struct option_row rows[] = {
    {"output", 'o', "FILE", .hint = OPTION_FILE, .items = list_formats, TEXT(decode.output),
     .help = "what to write; the suffix chooses the format. %s in it stands for the name of LATENTS without "
             "suffix, and "
             "FOLDER/ for FOLDER/%s.mp4 (default: %s.mp4)"},
    {"format", .value = "FORMAT", .words = "mp4 mkv webm mov gif webp y4m rgb f32 npy safetensors png",
     TEXT(decode.settings.format),
     .help = "what to write, whatever the suffix; for -o - as well (there: y4m)"},
    {"fps", .value = "RATE", OPTION_CALLS(set_fps),
     .help = "frames per second of videos: 24, 23.976, 30000/1001 (default: 16)"},
    {"codec", .value = "CODEC", TEXT(decode.settings.codec),
     .help = "of .mp4, .mkv, .webm and .mov: h264, hevc, av1, vp9, ffv1 (which loses nothing), prores, "
             "mpeg4, or an "
             "encoder of FFmpeg's for one of them (default: h264; of .webm vp9)"},
    {"crf", .value = "X", OPTION_CALLS(set_crf),
     .help = "quality of the codec: from 0, the best, to 51 for h264 and hevc, to 63 for av1 and vp9 "
             "(default: 18, 20, 28 "
             "and 24)"},
    {"preset", .value = "NAME", TEXT(decode.settings.preset),
     .help = "of the encoder, faster or smaller: ultrafast to veryslow for h264 and hevc (default: medium)"},
    {"pix-fmt", .value = "FORMAT", TEXT(decode.settings.pixel_format),
     .help = "pixel format, as FFmpeg names it: yuv420p, yuv444p, yuv420p10, gbrp; also of .y4m (default: "
             "yuv420p)"},
    {"key", .value = "KEY", TEXT(decode.input.key),
     .help = "the tensor to decode, where a file holds several and FILE:KEY does not say which"},
    {"shape", .value = "C,T,h,w", OPTION_CALLS(set_shape),
     .help = "LATENTS are numbers without a header, of this shape; needs --dtype"},
    {"dtype", .value = "TYPE", .words = "f16 f32 bf16 f64", OPTION_CALLS(set_dtype),
     .help = "of these numbers; bf16 also of two-byte words in a .npy file, which has no name for it"},
    {"layout", .value = "ORDER", .words = "cthw tchw", OPTION_CALLS(set_layout),
     .help = "which axis comes first, where there are as many frames as channels"},
    {"denormalize", .value = "VALUES", .hint = OPTION_FILE, TEXT(denormalize),
     .help =
         "decode z * std + mean, for latents as a pipeline holds them. VALUES are those of wan2.1, wan2.2 or "
         "qwen-image, or latents_mean and latents_std in a .json file, as in the vae/config.json of "
         "diffusers; "
         "refused where the plan does it itself (default: none)"},
    {"frames", .value = "A:B", OPTION_CALLS(set_frames),
     .help = "decode the latent frames A to B - 1 only, as a slice of Python: from 0, negative from the end. "
             "They are a "
             "video of their own: A is decoded as a first frame, without what came before it"},
    {"threads", .value = "N", NUMBER(decode.threads, WAN_MAX_THREADS),
     .help = "threads that decode (default: one per core that it may run on)"},
    {"all-frames", FLAG(decode.all_frames),
     .help = "write all frames of the first step, where only the last belong to the video"},
    {"cache-folder", .value = "DIR", .hint = OPTION_FOLDER, TEXT(decode.cache_folder),
     .help =
         "keep the caches in a file in DIR, which vanishes in the end: with less memory than caches, slowly"},
    {"huge-pages", FLAG(decode.huge_pages),
     .help = "keep the caches in huge pages that the system has reserved (vm.nr_hugepages); without it, it "
             "may use huge "
             "pages as it likes"},
    {"limit-memory", .value = "SIZE", OPTION_CALLS(set_limit_memory),
     .help = "refuse a plan whose run is expected to take more memory than SIZE, before any of it is taken: "
             "5GiB, "
             "800MiB. What a video encoder takes is not counted (default: no limit)"},
    {"save-state", .value = "FILE", .hint = OPTION_FILE, TEXT(decode.save_state),
     .help = "write at the end, or when interrupted, what another run needs to go on"},
    {"save-every", .value = "N", NUMBER(decode.save_every, INT_MAX),
     .help = "with --save-state, write it behind every N latent frames too, for a run that may be killed"},
    {"load-state", .value = "FILE", .hint = OPTION_FILE, TEXT(decode.load_state),
     .help = "go on with the latent frame behind those that FILE has seen"},
    {"stop-after", .value = "N", NUMBER(decode.stop_after, INT_MAX),
     .help = "stop when N latent frames of the video are decoded"},
    {"timings", FLAG(decode.timings), .help = "print the seconds of each step and the peak memory"},
    {"profile", .value = "FILE", .may_lack_value = true, .hint = OPTION_FILE, OPTION_CALLS(set_profile),
     .help = "print the time of every operator; or write it to FILE, as JSON"},
    {"trace", .value = "FILE", .hint = OPTION_FILE, TEXT(decode.trace_path),
     .help = "write the times of all operators as a trace, for chrome://tracing or Perfetto"},
    {"benchmark", FLAG(is_benchmark),
     .help = "write no video: repeat the first step and the steady one, and print what they take"},
    {"warmup", .value = "N", NUMBER(benchmark.warmup, MAX_ITERATIONS),
     .help = "of each, run before it is measured (default: 1)"},
    {"iterations", .value = "N", NUMBER(benchmark.iterations, MAX_ITERATIONS),
     .help = "of each, measured (default: 5)"},
    {"verify", .value = "REFERENCE", .hint = OPTION_FILE, TEXT(decode.verify.path),
     .help =
         "compare with a reference, print the errors, and fail if one is too large; no video without -o. A "
         ".npy file: the "
         "frames, [1, channels, frames, height, width] and the like, float16 or float32, or bytes [frames, "
         "height, "
         "width, channels]. A folder, as of --dump-taps: tensor by tensor, to find the first that differs"},
    {"check", .value = "N", .may_lack_value = true, .lacking = DEFAULT_PLACES,
     NUMBER(decode.check_places, MAX_PLACES),
     .help = "compute N places of each operator's result a second time, by its formula in double precision, "
             "and fail where "
             "they do not agree (default: 2)"},
    {"dump-taps", .value = "DIR", .hint = OPTION_FOLDER, TEXT(decode.taps.folder),
     .help = "write the tensor of the model that each operator leaves, of each step, as DIR/step0/NAME.npy; "
             "no video "
             "without -o"},
    {"taps", .value = "PATTERN", TEXT(decode.taps.pattern),
     .help = "with --dump-taps, or --verify and a folder, those only whose names fit: 'conv3d_*'"},
    {"atol", .value = "X", OPTION_CALLS(set_atol),
     .help = "with --verify, a number may differ by X + rtol * |expected| (default: 0.001, for bytes half a "
             "level more); of a "
             "folder, by X times the largest number of the tensor (default: 0.0001)"},
    {"rtol", .value = "Y", OPTION_CALLS(set_rtol), .help = "with --verify, see --atol (default: 0)"},
    {"json", FLAG(json),
     .help = "print what the run did, the benchmark, or what --verify found, as JSON on the standard output"},
    {"log", FLAG(decode.log), .help = "a line for each latent frame, instead of a bar on the terminal"},
    {"quiet", 'q', FLAG(decode.quiet),
     .help = "print nothing but errors (no warnings of the compiler either)"},
    {0},
};

static const struct option_example examples[] = {
    {"wanrun decoder.plan latents.npy", "writes latents.mp4"},
    {"wanrun decoder.plan latents.npy -o sheet.png", "a look at the video"},
    {"wanrun decoder.plan latents.npy -o frame-%04d.png", "every frame"},
    {"wanrun decoder.plan latents.npy -o - | mpv -", "watch while it decodes"},
    {"wanrun decoder.plan checkpoint.pt:latents --denormalize wan2.1", "the latents of a pipeline"},
    {"wanrun decoder.plan a.npz b.safetensors -o out/%s.y4m", "two videos"},
    {"wanrun decoder.plan latents.npy --verify frames.npy", "are these the frames of PyTorch?"},
    {0},
};

static const char notes[] =
    "Ctrl-C stops after the current step; videos, animations and numbered .png keep the frames so far.";

static bool set_operands(struct arguments *a, const struct option_result *r, struct error *err) {
    static const char *const missing[] = {"PLAN and LATENTS", "LATENTS"};
    if (r->count < 2) return error_set(err, ERROR_USAGE, "expected %s, found none", missing[r->count]);
    a->decode.plan = a->benchmark.plan = r->operands[0];
    a->latents = r->operands + 1;
    a->latents_count = (size_t)r->count - 1;
    return true;
}

// Options that several parts of a run have; a reference that is a folder is one of tensors.
static void spread(struct arguments *a) {
    struct decode_params *d = &a->decode;
    a->benchmark.json = d->verify.json = d->taps.json = a->json;
    d->json = a->json && d->verify.path == NULL;
    d->taps.tolerance = d->verify.tolerance;
    if (d->verify.path == NULL || !file_is_folder(d->verify.path)) return;
    d->taps.reference = d->verify.path;
    d->verify.path = NULL;
}

// Options that mean nothing without others, or are nothing beside them.
static bool check_together(const struct arguments *a, struct error *err) {
    const struct decode_params *d = &a->decode;
    bool is_verify = d->verify.path != NULL || d->taps.reference != NULL;
    if (a->is_benchmark && (d->load_state || d->save_state || d->stop_after))
        return error_set(err, ERROR_USAGE, "--benchmark: takes no state, and no --stop-after");
    if (a->is_benchmark && (is_verify || d->taps.folder != NULL))
        return error_set(err, ERROR_USAGE, "--benchmark: takes no --verify and no --dump-taps");
    if (d->taps.pattern != NULL && d->taps.folder == NULL && d->taps.reference == NULL)
        return error_set(err, ERROR_USAGE,
                         "--taps: expected --dump-taps or --verify and a folder, found none");
    if (is_verify && d->output != NULL && strcmp(d->output, "-") == 0)
        return error_set(err, ERROR_USAGE,
                         "--verify: prints on the standard output, where -o - writes the video");
    if (!is_verify && (d->verify.tolerance.absolute >= 0 || d->verify.tolerance.relative > 0))
        return error_set(err, ERROR_USAGE, "--atol, --rtol: expected --verify beside them, found none");
    if (d->save_every != 0 && d->save_state == NULL)
        return error_set(err, ERROR_USAGE, "--save-every: expected --save-state beside it, found none");
    return !a->json || d->output == NULL || strcmp(d->output, "-") != 0 ||
           error_set(err, ERROR_USAGE, "--json: prints on the standard output, where -o - writes the video");
}

// Of how latents are read.
static bool check_input(const struct arguments *a, struct error *err) {
    const struct decode_params *d = &a->decode;
    if (d->input.rank > 0 && !d->input.has_type)
        return error_set(err, ERROR_USAGE, "--shape: expected --dtype beside it, found none");
    if (d->input.has_frames && (d->load_state || d->save_state))
        return error_set(err, ERROR_USAGE,
                         "--frames: takes no state, which counts the frames of a whole video");
    return true;
}

bool arguments_parse(struct arguments *a, int argc, char **argv, struct error *err) {
    const struct option_program program = {
        .name = "wanrun",
        .version = wan_version(),
        .summary = "decode the latents of a video",
        .description = "Decodes the latents of a video with a plan made by `wanc compile`.",
        .operands = "PLAN LATENTS..",
        .operand_items = list_operands,
        .rows = rows,
        .notes = notes,
        .examples = examples,
    };
    struct option_result result;
    *a = (struct arguments){
        .decode = {.settings = {.fps = {DEFAULT_FPS, 1}, .crf = -1}, .verify.tolerance.absolute = -1},
        .benchmark = {.warmup = DEFAULT_WARMUP, .iterations = DEFAULT_ITERATIONS}};
    if (!options_parse(&program, argc, argv, a, &result, err)) return false;
    a->done = result.done;
    if (a->done) return true;
    if (!set_operands(a, &result, err)) return false;
    spread(a);
    return check_together(a, err) && check_input(a, err);
}
