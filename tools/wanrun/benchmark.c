#include "tools/wanrun/benchmark.h"

#include "tools/json/print.h"
#include "tools/measure/clock.h"
#include "tools/measure/peak.h"
#include "tools/measure/times.h"
#include "tools/wanrun/progress.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BENCHMARK_VERSION = 1 };
static const char *const names[2] = {"first", "steady"};

struct benchmark {
    const struct benchmark_params *params;
    struct wan_session *session;
    struct latents *latents;
    float *latent;
    uint32_t frames[2]; // video frames of a first and of a steady step
    double *seconds[2]; // of each measured step: in order, then sorted
    unsigned threads;
    double peak_gflops;
};

// ---- measuring

static bool step(struct benchmark *b, uint64_t frame, double *seconds, struct error *err) {
    struct wan_error error = {0};
    if (!latents_read_frame(b->latents, frame, b->latent, err)) return false;
    double begin = measure_now();
    if (wan_session_send(b->session, b->latent, &error) != WAN_OK)
        return error_set(err, ERROR_INTERNAL, "%s: %s", b->params->plan, error.message);
    *seconds = measure_now() - begin;
    while (wan_session_receive(b->session) != NULL) continue;
    return true;
}

static bool measure_first(struct benchmark *b, struct error *err) {
    for (unsigned i = 0; i < b->params->warmup + b->params->iterations; i++) {
        double seconds;
        wan_session_reset(b->session);
        if (!step(b, 0, &seconds, err)) return false;
        if (i >= b->params->warmup) b->seconds[0][i - b->params->warmup] = seconds;
    }
    return true;
}

static bool measure_steady(struct benchmark *b, struct error *err) {
    uint64_t later = b->latents->frames > 1 ? b->latents->frames - 1 : 1, first = b->latents->frames > 1;
    for (unsigned i = 0; i < b->params->warmup + b->params->iterations; i++) {
        double seconds;
        if (!step(b, first + i % later, &seconds, err)) return false;
        if (i >= b->params->warmup) b->seconds[1][i - b->params->warmup] = seconds;
    }
    return true;
}

// ---- what is said of the times

// Of sorted times, the least that is not below `percent` of them.
static double percentile(const double *sorted, unsigned count, unsigned percent) {
    unsigned rank = (unsigned)(((uint64_t)count * percent + 99) / 100);
    return sorted[rank == 0 ? 0 : rank - 1];
}

static double median(const double *sorted, unsigned count) {
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static json_t *variant_json(const struct benchmark *b, int v, json_t *in_order) {
    const double *s = b->seconds[v];
    unsigned n = b->params->iterations;
    return json_pack("{s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:i}", "step_seconds", in_order, "median",
                     median(s, n), "min", s[0], "max", s[n - 1], "p10", percentile(s, n, 10), "p90",
                     percentile(s, n, 90), "p99", percentile(s, n, 99), "frames", (int)b->frames[v]);
}

static json_t *list_json(const double *seconds, unsigned count) {
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) json_array_append_new(list, json_real(seconds[i]));
    return list;
}

static bool print_json(const struct benchmark *b, json_t *lists[2], struct error *err) {
    json_t *root =
        json_pack("{s:i, s:o, s:s, s:i, s:f, s:I}", "version", BENCHMARK_VERSION, "plan",
                  json_name(b->params->plan), "wan", wan_version(), "threads", (int)b->threads, "peak_gflops",
                  b->peak_gflops, "peak_rss_bytes", (json_int_t)progress_peak_rss());
    for (int v = 0; v < 2; v++) {
        if (b->frames[v] > 0) json_object_set_new(root, names[v], variant_json(b, v, lists[v]));
    }
    return json_print(root, err);
}

static void print_text(const struct benchmark *b) {
    unsigned n = b->params->iterations;
    for (int v = 0; v < 2; v++) {
        const double *s = b->seconds[v];
        if (b->frames[v] == 0) continue;
        printf("%-6s  median %.4f s  min %.4f  p10 %.4f  p90 %.4f  p99 %.4f  max %.4f  (%u steps)  %.2f "
               "frames/s\n",
               names[v], median(s, n), s[0], percentile(s, n, 10), percentile(s, n, 90), percentile(s, n, 99),
               s[n - 1], n, b->frames[v] / median(s, n));
    }
    printf("threads %u, FMA peak %.0f GFLOP/s, peak RSS %" PRIu64 " bytes\n", b->threads, b->peak_gflops,
           progress_peak_rss());
}

static bool report(struct benchmark *b, struct error *err) {
    unsigned n = b->params->iterations;
    json_t *lists[2] = {NULL, NULL};
    for (int v = 0; v < 2; v++) {
        if (b->params->json && b->frames[v] > 0) lists[v] = list_json(b->seconds[v], n);
        measure_sort(b->seconds[v], n);
    }
    if (b->params->json) return print_json(b, lists, err);
    print_text(b);
    return true;
}

bool benchmark_run(const struct benchmark_params *params, struct wan_session *session,
                   const struct wan_plan_params *shape, struct latents *latents, float *latent,
                   struct error *err) {
    struct benchmark b = {.params = params,
                          .session = session,
                          .latents = latents,
                          .latent = latent,
                          .frames = {shape->first_frames, shape->steady_frames},
                          .threads = wan_session_threads(session)};
    for (int v = 0; v < 2; v++) b.seconds[v] = calloc(params->iterations, sizeof *b.seconds[v]);
    b.peak_gflops = measure_peak_gflops(b.threads);
    bool ok =
        (b.seconds[0] != NULL && b.seconds[1] != NULL) ||
        error_set(err, ERROR_MEMORY, "%s: out of memory for %u steps", params->plan, params->iterations);
    ok = ok && measure_first(&b, err) && (shape->steady_frames == 0 || measure_steady(&b, err)) &&
         report(&b, err);
    for (int v = 0; v < 2; v++) free(b.seconds[v]);
    return ok;
}
