#include "tools/wanrun/summary.h"

#include "tools/json/print.h"
#include "tools/measure/clock.h"

static json_t *make_json(const struct summary *s) {
    const struct progress *p = s->progress;
    struct progress_times t;
    json_t *first = s->resumed || p->count == 0 ? json_null() : json_real(p->steps[0]);
    json_t *steady = progress_times(p, &t)
                         ? json_pack("{s:I, s:f, s:f, s:f}", "steps", (json_int_t)p->count - 1, "median",
                                     t.median, "min", t.least, "max", t.most)
                         : json_null();
    return json_pack("{s:i, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:I}", "wanrun", 1, "plan",
                     json_name(s->plan), "latents", json_name(s->latents), "output", json_name(s->output),
                     "latent_frames", (json_int_t)s->latent_frames, "frames", (json_int_t)s->frames, "height",
                     (json_int_t)s->height, "width", (json_int_t)s->width, "threads", (json_int_t)s->threads,
                     "seconds", measure_now() - p->start, "first_seconds", first, "steady_seconds", steady,
                     "peak_rss_bytes", (json_int_t)progress_peak_rss());
}

bool summary_print(const struct summary *s, struct error *err) { return json_print(make_json(s), err); }
