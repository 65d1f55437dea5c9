#include "compiler/tune.h"

#include "passes/conv_cost.h"
#include "tools/measure/clock.h"
#include "tools/measure/conv.h"
#include "tools/measure/times.h"

#include <math.h>
#include <stdlib.h>

enum { RUNS = 5, MOST_RUNS = 40 }; // of a convolution, the more the shorter
static const double short_seconds = 0.05;
static const double hopeless = 3; // times the least that the model expects: not worth a measurement

// ---- one convolution

// The least of several runs: whatever else the machine does makes some longer, none shorter.
static bool run_all(struct measured_conv *m, double *seconds, struct error *err) {
    double begin = measure_now(), before = begin;
    *seconds = INFINITY;
    if (!measured_conv_run(m, err)) return false; // touches its memory
    for (int i = 0; i < RUNS || (i < MOST_RUNS && before - begin < short_seconds); i++) {
        before = measure_now();
        if (!measured_conv_run(m, err)) return false;
        *seconds = fmin(*seconds, measure_now() - before);
    }
    return true;
}

bool tune_run_here(void *context, const struct plan_conv_shape *s, uint32_t algorithm, double *seconds,
                   struct error *err) {
    const struct tune *t = context;
    struct measure_data data;
    struct measured_conv m;
    if (!measure_data_new(s, &data, err)) return false;
    bool ok = measured_conv_open(&m, s, algorithm, 0, t->threads, &data, err);
    if (ok) {
        ok = run_all(&m, seconds, err);
        measured_conv_close(&m);
    }
    measure_data_free(&data);
    return ok;
}

// ---- what is known

static bool is_known(const struct conv_candidate *k) { return k->source != PLAN_TIME_MODEL; }

static void take_cached(const struct tune *t, struct conv_shape_choice *s) {
    for (uint32_t i = 0; t->cache != NULL && i < s->candidate_count; i++) {
        struct conv_candidate *k = &s->candidates[i];
        if (timing_cache_get(t->cache, &s->shape, k->algorithm, &k->seconds)) k->source = PLAN_TIME_CACHED;
    }
}

static double least_expected(const struct conv_shape_choice *s) {
    double least = INFINITY;
    for (uint32_t i = 0; i < s->candidate_count; i++)
        least = fmin(least, conv_cost(&s->shape, s->candidates[i].algorithm));
    return least;
}

// The best by the model or by what was measured may still be another: what is neither known nor hopeless is in doubt.
static bool is_in_doubt(const struct conv_shape_choice *s, const struct conv_candidate *k) {
    return !is_known(k) && s->candidate_count > 1 &&
           conv_cost(&s->shape, k->algorithm) <= hopeless * least_expected(s);
}

// ---- measuring

static bool measure_candidate(struct tune *t, struct conv_shape_choice *s, struct conv_candidate *k,
                              struct error *err) {
    double begin = t->clock(), seconds;
    bool ok = t->run(t->context, &s->shape, k->algorithm, &seconds, err);
    t->spent += t->clock() - begin;
    if (!ok) return false;
    k->seconds = seconds + conv_window_cost(&s->shape, k->algorithm);
    k->source = PLAN_TIME_MEASURED;
    return t->cache == NULL || timing_cache_put(t->cache, &s->shape, k->algorithm, k->seconds) ||
           error_set(err, ERROR_MEMORY, "out of memory for the timing cache");
}

static bool measure_shape(struct tune *t, struct conv_shape_choice *s, struct error *err) {
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        if (!is_in_doubt(s, &s->candidates[i])) continue;
        if (t->spent >= t->budget) return true;
        if (!measure_candidate(t, s, &s->candidates[i], err)) return false;
    }
    return true;
}

// What is in doubt and costs the most; NULL: nothing.
static struct conv_shape_choice *heaviest(struct conv_choice *c) {
    struct conv_shape_choice *found = NULL;
    double most = 0;
    for (size_t i = 0; i < c->shape_count; i++) {
        struct conv_shape_choice *s = &c->shapes[i];
        bool doubt = false;
        for (uint32_t k = 0; k < s->candidate_count; k++) doubt = doubt || is_in_doubt(s, &s->candidates[k]);
        double cost = (s->uses[PLAN_FIRST] + s->uses[PLAN_STEADY]) * least_expected(s);
        if (!doubt || cost <= most) continue;
        most = cost;
        found = s;
    }
    return found;
}

// ---- the rest

// The median of known / expected: how fast this machine is, next to the model's. 1 where nothing is known.
static double proportion(const struct conv_choice *c) {
    size_t count = 0;
    double *ratios = malloc((c->shape_count * PLAN_CONV_ALGORITHMS + 1) * sizeof *ratios), ratio = 1;
    for (size_t i = 0; ratios != NULL && i < c->shape_count; i++) {
        const struct conv_shape_choice *s = &c->shapes[i];
        for (uint32_t k = 0; k < s->candidate_count; k++) {
            const struct conv_candidate *one = &s->candidates[k];
            if (is_known(one)) ratios[count++] = one->seconds / conv_cost(&s->shape, one->algorithm);
        }
    }
    if (count > 0) {
        measure_sort(ratios, count);
        ratio = ratios[count / 2];
    }
    free(ratios);
    return ratio;
}

// A shape counts by how the best of it is known.
static void scale_rest(struct tune *t, struct conv_choice *c) {
    double ratio = proportion(c);
    for (size_t i = 0; i < c->shape_count; i++) {
        struct conv_shape_choice *s = &c->shapes[i];
        bool measured = false, cached = false;
        for (uint32_t k = 0; k < s->candidate_count; k++) {
            struct conv_candidate *one = &s->candidates[k];
            if (!is_known(one)) one->seconds *= ratio;
            measured = measured || one->source == PLAN_TIME_MEASURED;
            cached = cached || one->source == PLAN_TIME_CACHED;
        }
        if (s->candidate_count < 2) continue;
        t->measured += measured;
        t->cached += cached && !measured;
        t->modelled += !cached && !measured;
    }
}

void tune_restart(struct tune *t) {
    t->before = t->measured;
    t->cached = t->modelled = 0;
}

bool tune_measure(void *context, struct conv_choice *c, struct error *err) {
    struct tune *t = context;
    for (size_t i = 0; i < c->shape_count; i++) take_cached(t, &c->shapes[i]);
    for (struct conv_shape_choice *s; t->spent < t->budget && (s = heaviest(c)) != NULL;) {
        if (!measure_shape(t, s, err)) return false;
    }
    unsigned known = t->measured + t->cached; // of the latent sizes before
    scale_rest(t, c);
    c->time_threads = t->measured + t->cached > known ? t->threads : 0;
    return true;
}
