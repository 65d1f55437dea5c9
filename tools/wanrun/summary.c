#include "tools/wanrun/summary.h"

#include "tools/measure/clock.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

// Names of files are bytes; what is no UTF-8 in them JSON cannot hold.
static json_t *name(const char *text) {
    json_t *string = json_string(text);
    return string != NULL ? string : json_null();
}

static json_t *make_json(const struct summary *s) {
    const struct progress *p = s->progress;
    struct progress_times t;
    json_t *first = s->resumed || p->count == 0 ? json_null() : json_real(p->steps[0]);
    json_t *steady = progress_times(p, &t)
                         ? json_pack("{s:I, s:f, s:f, s:f}", "steps", (json_int_t)p->count - 1, "median",
                                     t.median, "min", t.least, "max", t.most)
                         : json_null();
    return json_pack("{s:i, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:I}", "wanrun", 1, "plan",
                     name(s->plan), "latents", name(s->latents), "output", name(s->output), "latent_frames",
                     (json_int_t)s->latent_frames, "frames", (json_int_t)s->frames, "height",
                     (json_int_t)s->height, "width", (json_int_t)s->width, "threads", (json_int_t)s->threads,
                     "seconds", measure_now() - p->start, "first_seconds", first, "steady_seconds", steady,
                     "peak_rss_bytes", (json_int_t)progress_peak_rss());
}

bool summary_print(const struct summary *s, struct error *err) {
    json_t *json = make_json(s);
    if (json == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory for the summary", s->plan);
    bool ok = json_dumpf(json, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0 &&
              putchar('\n') != EOF && fflush(stdout) == 0;
    json_decref(json);
    return ok || error_set(err, ERROR_IO, "standard output: cannot write: %s", strerror(errno));
}
