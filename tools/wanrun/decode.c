#include "tools/wanrun/decode.h"

#include "base/file.h"
#include "base/size.h"
#include "base/strbuf.h"
#include "tools/latents/latents.h"
#include "tools/measure/clock.h"
#include "tools/output/output.h"
#include "tools/wanrun/benchmark.h"
#include "tools/wanrun/interrupt.h"
#include "tools/wanrun/profile.h"
#include "tools/wanrun/progress.h"
#include "tools/wanrun/summary.h"
#include "wan/wan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decode {
    const struct decode_params *params;
    struct wan_plan *plan;
    struct wan_plan_params shape;
    struct wan_session *session;
    struct latents latents;
    float *latent; // one frame
    struct output output;
    uint64_t begin, end; // latent frames to decode
    uint64_t frames;     // video frames that they give,
    uint64_t taken;      // how many came so far,
    uint64_t first;      // and the number of the first in the video
    struct progress progress;
    struct profile profile; // if it is asked for
    struct verify verify;   // likewise,
    struct taps taps;       // and these
};

// Passes a failure of libwan on; `what` is put in front unless the message begins with it.
static bool wan_failed(const char *what, const struct wan_error *from, struct error *err) {
    static const enum error_code codes[] = {
        [WAN_OK] = ERROR_INTERNAL,
        [WAN_ERROR_INPUT] = ERROR_INPUT,
        [WAN_ERROR_UNSUPPORTED] = ERROR_UNSUPPORTED,
        [WAN_ERROR_IO] = ERROR_IO,
        [WAN_ERROR_MEMORY] = ERROR_MEMORY,
        [WAN_ERROR_STATE] = ERROR_INTERNAL,
        [WAN_ERROR_INTERNAL] = ERROR_INTERNAL,
        [WAN_ERROR_CANCELLED] = ERROR_CANCELLED,
        [WAN_ERROR_ARGUMENT] = ERROR_INPUT,
    };
    size_t i = (size_t)from->status;
    enum error_code code = i < sizeof codes / sizeof codes[0] ? codes[i] : ERROR_INTERNAL;
    error_set_in(err, code, "runtime/", "%s", from->message);
    return strncmp(from->message, what, strlen(what)) == 0 ? false : error_prefix(err, "%s", what);
}

struct wan_plan *decode_open_plan(const char *path, struct error *err) {
    struct wan_error error = {0};
    struct wan_plan *plan = wan_plan_open(path, NULL, &error);
    if (plan == NULL) wan_failed(path, &error, err);
    return plan;
}

// The decoder may do itself what the latents are asked to be read with.
static bool take_plan(struct decode *d, struct error *err) {
    const struct latents_statistics *s = d->params->input.statistics;
    d->plan = d->params->opened;
    wan_plan_get_params(d->plan, &d->shape);
    if (s != NULL && wan_plan_denormalizes(d->plan, NULL, NULL))
        return error_set(err, ERROR_INPUT,
                         "%s: this plan denormalises latents itself: --denormalize %s would do it twice",
                         d->params->plan, s->name);
    return true;
}

// The latents choose among the sizes of the plan.
static bool choose_size(struct decode *d, struct error *err) {
    struct latents_size sizes[WAN_MAX_SIZES];
    const struct latents *l = &d->latents;
    size_t count = 0;
    for (; wan_plan_get_size(d->plan, count, &d->shape); count++) {
        const struct wan_plan_params *s = &d->shape;
        sizes[count] = (struct latents_size){s->latent_height, s->latent_width};
        if (l->channels == s->latent_channels && l->height == s->latent_height && l->width == s->latent_width)
            return true;
    }
    return latents_refuse_shape(l, d->shape.latent_channels, sizes, count, err);
}

// Where an earlier run stopped, and where this one does.
static bool choose_steps(struct decode *d, struct error *err) {
    const struct decode_params *p = d->params;
    struct wan_error error = {0};
    struct wan_state state = {.size = sizeof state};
    if (p->load_state != NULL && wan_state_read(p->load_state, &state, &error) != WAN_OK)
        return wan_failed(p->load_state, &error, err);
    d->begin = state.steps;
    d->end = p->stop_after != 0 && p->stop_after < d->latents.frames ? p->stop_after : d->latents.frames;
    if (d->begin < d->end) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: %" PRIu64 " latent frames are decoded, and %" PRIu64 " of %s are to be",
                     p->load_state, d->begin, d->end, d->latents.path);
}

static bool count_frames(struct decode *d, struct error *err) {
    const struct wan_plan_params *s = &d->shape;
    uint64_t steady = d->end - d->begin - (d->begin == 0);
    if (s->steady_frames == 0 && d->latents.frames > 1)
        return error_set(err, ERROR_INPUT, "%s: this plan decodes one latent frame, found %" PRIu64,
                         d->latents.path, d->latents.frames);
    uint64_t first = d->params->all_frames ? s->first_frames : s->first_kept;
    bool fits = size_mul(steady, s->steady_frames, &d->frames) &&
                (d->begin == 0 ? size_add(d->frames, first, &d->frames)
                               : size_mul(d->begin - 1, s->steady_frames, &d->first) &&
                                     size_add(d->first, first, &d->first));
    if (fits && d->frames > 0) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: expected a number of latent frames that gives 1 to 2^64 video frames, "
                     "found %" PRIu64,
                     d->latents.path, d->latents.frames);
}

static struct wan_session_params session_params(const struct decode *d) {
    return (struct wan_session_params){.size = sizeof(struct wan_session_params),
                                       .threads = d->params->threads,
                                       .latent_height = d->shape.latent_height,
                                       .latent_width = d->shape.latent_width,
                                       .all_frames = d->params->all_frames,
                                       .cache_folder = d->params->cache_folder,
                                       .huge_pages = d->params->huge_pages,
                                       .check_places = d->params->check_places};
}

// Before anything is allocated whose size the plan chooses: writers have frames, too.
static bool within_limit(const struct decode *d, struct error *err) {
    const struct decode_params *p = d->params;
    char needed[32], limit[32];
    if (p->limit_memory == 0) return true;
    const struct wan_session_params params = session_params(d);
    const uint64_t forecast = wan_session_forecast(d->plan, &params);
    if (forecast <= p->limit_memory) return true;
    return error_set(err, ERROR_MEMORY,
                     "%s: a run is expected to take %s, the limit is %s (--limit-memory changes it)", p->plan,
                     format_bytes(needed, forecast), format_bytes(limit, p->limit_memory));
}

static bool open_latents(struct decode *d, struct error *err) {
    if (!latents_open(&d->latents, d->params->latents, d->shape.latent_channels, &d->params->input, err) ||
        !choose_size(d, err) || !choose_steps(d, err) || !count_frames(d, err) || !within_limit(d, err))
        return false;
    const struct wan_plan_params *s = &d->shape;
    d->latent = malloc((size_t)s->latent_channels * s->latent_height * s->latent_width * sizeof *d->latent);
    if (d->latent == NULL)
        return error_set(err, ERROR_MEMORY, "%s: no memory for one frame", d->latents.path);
    return latents_check_finite(&d->latents, err);
}

// A state may be written over the one that was loaded: by then it is read.
static bool is_input(const struct decode *d, const char *path) {
    const struct decode_params *p = d->params;
    return file_is_same(path, d->latents.path) || file_is_same(path, p->plan) ||
           (p->verify.path != NULL && file_is_same(path, p->verify.path));
}

// What the run is to give, beside a reference.
static bool open_verify(struct decode *d, struct error *err) {
    const struct verify_params *p = &d->params->verify;
    const struct verify_part part = {.first_frame = d->first,
                                     .first_step = d->begin,
                                     .frames = d->frames,
                                     .ends_early = d->end < d->latents.frames};
    return p->path == NULL || verify_open(&d->verify, p, &d->shape, &part, err);
}

enum { RESULTS = 4 };

static void list_results(const struct decode *d, const char *results[RESULTS]) {
    const struct decode_params *p = d->params;
    const char *const list[RESULTS] = {p->output, p->save_state, p->profile_path, p->trace_path};
    memcpy(results, list, sizeof list);
}

static bool check_names(const struct decode *d, struct error *err) {
    const char *outputs[RESULTS];
    list_results(d, outputs);
    for (size_t i = 0; i < RESULTS; i++) {
        if (outputs[i] == NULL) continue;
        if (is_input(d, outputs[i]))
            return error_set(err, ERROR_USAGE, "%s: cannot write: it is also an input", outputs[i]);
        for (size_t k = 0; k < i; k++) {
            if (outputs[k] != NULL && file_is_same_place(outputs[i], outputs[k]))
                return error_set(err, ERROR_USAGE, "%s: two results cannot have one name", outputs[i]);
        }
    }
    return true;
}

// What is written in the end is tried in the beginning: nobody waits for a video to learn that its state cannot be saved.
static bool try_results(const struct decode *d, struct error *err) {
    const char *results[RESULTS];
    list_results(d, results);
    for (size_t i = 1; i < RESULTS; i++) { // the video is open
        if (results[i] != NULL && !file_can_be_created(results[i], err)) return false;
    }
    return true;
}

static bool open_output(struct decode *d, struct error *err) {
    const struct decode_params *p = d->params;
    if (!check_names(d, err)) return false;
    if (p->output == NULL) return open_verify(d, err);
    struct output_params params = {
        .channels = d->shape.frame_channels,
        .height = d->shape.frame_height,
        .width = d->shape.frame_width,
        .frames = d->frames,
        .first = d->first,
        .settings = p->settings,
    };
    return output_open(&d->output, p->output, &params, err) && open_verify(d, err);
}

static bool is_profiled(const struct decode_params *p) {
    return p->profile || p->profile_path != NULL || p->trace_path != NULL;
}

static bool has_taps(const struct decode_params *p) {
    return p->taps.folder != NULL || p->taps.reference != NULL;
}

static void observe(void *context, int steady, size_t index, uint64_t begin_ns, uint64_t end_ns,
                    uint64_t product_ns) {
    struct decode *d = context;
    if (is_profiled(d->params)) profile_observe(&d->profile, steady, index, begin_ns, end_ns, product_ns);
    if (has_taps(d->params)) taps_observe(&d->taps, steady, index, begin_ns, end_ns, product_ns);
}

// Last, because it takes long and much memory: everything that can be wrong with files is known by then.
static bool open_session(struct decode *d, struct error *err) {
    struct wan_error error = {0};
    struct wan_session_params params = session_params(d);
    params.observer = is_profiled(d->params) || has_taps(d->params) ? observe : NULL;
    params.observer_context = d;
    d->session = wan_session_new(d->plan, &params, &error);
    if (d->session == NULL) return wan_failed(d->params->plan, &error, err);
    const char *state = d->params->load_state;
    if (state != NULL && wan_session_load(d->session, state, &error) != WAN_OK)
        return wan_failed(state, &error, err);
    if (has_taps(d->params) && !taps_open(&d->taps, &d->params->taps, d->session, d->params->plan, err))
        return false;
    if (!try_results(d, err)) return false; // some may be in the folder of taps
    return !is_profiled(d->params) || profile_init(&d->profile, d->session, d->params->trace_path != NULL) ||
           error_set(err, ERROR_MEMORY, "%s: out of memory for the profile", d->params->plan);
}

static bool take_frame(struct decode *d, uint64_t t, const float *frame, struct error *err) {
    d->taken++;
    return (d->params->output == NULL || output_write(&d->output, frame, err)) &&
           (d->params->verify.path == NULL || verify_frame(&d->verify, t, frame, err));
}

// Sends latent frame `t` and writes the frames that come back; the step's time is that without writing.
static bool step(struct decode *d, uint64_t t, struct error *err) {
    if (!latents_read_frame(&d->latents, t, d->latent, err)) return false;
    struct wan_error error = {0};
    if (has_taps(d->params) && !taps_begin_step(&d->taps, t, err)) return false;
    double begin = measure_now(), writing = 0;
    if (wan_session_send(d->session, d->latent, &error) != WAN_OK)
        return wan_failed(d->params->plan, &error, err);
    if (has_taps(d->params) && !taps_end_step(&d->taps, err)) return false;
    for (const float *frame; (frame = wan_session_receive(d->session)) != NULL;) {
        double write_begin = measure_now();
        if (!take_frame(d, t, frame, err)) return false;
        writing += measure_now() - write_begin;
    }
    double seconds = measure_now() - begin - writing;
    progress_step(&d->progress, seconds);
    if (is_profiled(d->params)) profile_step(&d->profile, t > 0, seconds);
    progress_show(&d->progress, d->taken);
    return true;
}

static bool save_state(struct decode *d, struct error *err) {
    const char *path = d->params->save_state;
    struct wan_error error = {0};
    return path == NULL || wan_session_save(d->session, path, &error) == WAN_OK ||
           wan_failed(path, &error, err);
}

// After a signal: a video is finished with the frames so far, anything else is given up.
static bool cancelled(struct decode *d, struct error *err) {
    if (d->params->output == NULL)
        return error_set(err, ERROR_CANCELLED, "%s: interrupted after %" PRIu64 " of %" PRIu64 " frames",
                         d->latents.path, d->taken, d->frames);
    const char *name = strcmp(d->output.path, "-") == 0 ? "standard output" : d->output.path;
    bool keep = d->output.format->complete_at_any_frame && d->output.written > 0;
    if (keep && !(output_finish(&d->output, err) && save_state(d, err))) return false;
    if (keep) {
        return error_set(err, ERROR_CANCELLED,
                         "%s: interrupted: it holds the first %" PRIu64 " of %" PRIu64 " frames", name,
                         d->output.written, d->frames);
    }
    return error_set(err, ERROR_CANCELLED,
                     "%s: interrupted after %" PRIu64 " of %" PRIu64 " frames: not written", name,
                     d->output.written, d->frames);
}

// What the compiler warned of; one line each, whatever the names in them hold.
static void print_notes(const struct decode *d) {
    const char *note;
    for (size_t i = 0; (note = wan_plan_note(d->plan, i)) != NULL; i++) {
        fputs("wanrun: ", stderr);
        for (const char *c = note; *c != 0; c++)
            fputc((unsigned char)*c < ' ' || *c == 127 ? '?' : *c, stderr);
        fputc('\n', stderr);
    }
}

static bool decode_steps(struct decode *d, struct error *err) {
    const struct decode_params *p = d->params;
    enum progress_style style = p->log ? PROGRESS_LOG : p->quiet ? PROGRESS_NONE : PROGRESS_BAR;
    if (!progress_init(&d->progress, style, d->frames, d->end - d->begin)) {
        return error_set(err, ERROR_MEMORY, "%s: out of memory", d->latents.path);
    }
    for (uint64_t t = d->begin; t < d->end; t++) {
        if (interrupt_requested()) return cancelled(d, err);
        if (!step(d, t, err)) return false;
        // Frames are written by now: whoever kills us leaves at least those that the state has seen.
        bool is_due = p->save_every != 0 && (t + 1) % p->save_every == 0 && t + 1 < d->end;
        if (is_due && !save_state(d, err)) return false;
    }
    return (d->params->output == NULL || output_finish(&d->output, err)) && save_state(d, err);
}

static void print_check(const struct decode *d) {
    struct wan_check c = {.size = sizeof c};
    struct wan_operator op = {.size = sizeof op};
    if (wan_session_get_check(d->session, &c) == 0) return;
    wan_session_operator(d->session, c.steady, c.index, &op);
    fprintf(stderr,
            "wanrun: checked %" PRIu64 " numbers of %" PRIu64
            " operators against their formulas: wrong by at most %.2g of their sums (%s, step %" PRIu64 ")\n",
            c.numbers, c.operators, c.error, op.name, c.step);
}

static void report(const struct decode *d) {
    const struct decode_params *p = d->params;
    if (!p->quiet && p->output != NULL) {
        fprintf(stderr, "wanrun: %" PRIu64 " frames of %ux%u in %.1f s -> %s\n", d->frames,
                d->shape.frame_height, d->shape.frame_width, measure_now() - d->progress.start,
                strcmp(p->output, "-") == 0 ? "standard output" : p->output);
    }
    if (!p->quiet) print_check(d);
    if (p->timings) progress_print_timing(&d->progress, d->begin > 0);
}

static bool print_summary(const struct decode *d, struct error *err) {
    const struct decode_params *p = d->params;
    struct summary s = {.plan = p->plan,
                        .latents = p->latents,
                        .output = p->output,
                        .latent_frames = d->end - d->begin,
                        .frames = d->frames,
                        .height = d->shape.frame_height,
                        .width = d->shape.frame_width,
                        .threads = wan_session_threads(d->session),
                        .resumed = d->begin > 0,
                        .progress = &d->progress};
    return !p->json || summary_print(&s, err);
}

static bool write_profile(const struct decode *d, struct error *err) {
    const struct decode_params *p = d->params;
    if (!is_profiled(p)) return true;
    if (d->profile.failed) return error_set(err, ERROR_MEMORY, "%s: out of memory for the profile", p->plan);
    if (p->profile) profile_print(&d->profile, stderr);
    return (p->profile_path == NULL || profile_write_json(&d->profile, p->plan, p->profile_path, err)) &&
           (p->trace_path == NULL || profile_write_trace(&d->profile, p->trace_path, err));
}

static void close_all(struct decode *d) {
    output_abort(&d->output);
    verify_close(&d->verify);
    taps_close(&d->taps);
    progress_free(&d->progress);
    profile_free(&d->profile);
    wan_session_free(d->session);
    latents_close(&d->latents);
    free(d->latent);
}

bool decode(const struct decode_params *params, struct error *err) {
    struct decode d = {.params = params, .shape = {.size = sizeof d.shape}};
    bool ok = take_plan(&d, err) && open_latents(&d, err) && open_output(&d, err) && open_session(&d, err);
    if (ok && !params->quiet) print_notes(&d);
    ok = ok && decode_steps(&d, err);
    progress_clear(&d.progress);
    if (ok) report(&d);
    ok = ok && write_profile(&d, err) && print_summary(&d, err) &&
         (params->verify.path == NULL || verify_finish(&d.verify, err)) &&
         (!has_taps(params) || taps_finish(&d.taps, err));
    close_all(&d);
    return ok;
}

bool decode_benchmark(const struct decode_params *params, const struct benchmark_params *benchmark,
                      struct error *err) {
    struct decode d = {.params = params, .shape = {.size = sizeof d.shape}};
    bool ok = take_plan(&d, err) && open_latents(&d, err) && open_session(&d, err) &&
              benchmark_run(benchmark, d.session, &d.shape, &d.latents, d.latent, err);
    close_all(&d);
    return ok;
}
