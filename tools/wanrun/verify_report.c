// What wanrun --verify prints: the errors of the first steps, one by one, and of the others; as text or JSON.
#include "tools/wanrun/verify.h"

#include "tools/json/print.h"

#include <inttypes.h>
#include <stdio.h>

enum { VERIFY_VERSION = 1, STEPS_APART = 3 }; // caches are empty, written once, and renewed

// Steps up to the first one with an error say which part of a stream it is in.
const char *verify_hint(const struct verify *v) {
    size_t bad = verify_first_bad(v);
    if (bad == v->step_count) return "";
    if (v->first_step > 0)
        return bad == 0 ? "the first step of this run does not agree: the state that it began with, or what "
                          "follows"
                        : "this run begins right and goes wrong later";
    if (bad == 0)
        return "step 0 does not agree: not the caches, which are empty then; the latents (another scale, or "
               "other "
               "ones), the weights, or an operator";
    if (bad == 1)
        return "step 0 agrees, step 1 does not: caches; what step 0 leaves in them, or how later steps read "
               "it; or "
               "what only later steps do, as more frames for each latent";
    if (bad == 2)
        return "steps 0 and 1 agree, step 2 does not: caches; step 1 is the first that renews a cache which "
               "holds "
               "something";
    return "the first steps agree: caches renewed wrongly now and then, an error that grows from step to "
           "step, or "
           "other latents from here on";
}

static void print_row(const char *name, uint64_t frames, const struct comparison *c) {
    printf("%-16s %7" PRIu64 "  %9.2e  %9.2e  %6.1f\n", name, frames, c->largest, comparison_rms(c),
           comparison_psnr(c));
}

static void print_step(const struct verify *v, size_t i, const char *note) {
    char name[64];
    snprintf(name, sizeof name, "step %" PRIu64 "%s", v->first_step + i, note);
    print_row(name, v->steps[i].frames, &v->steps[i].all);
}

static void print_rest(const struct verify *v) {
    uint64_t frames = 0;
    struct comparison rest = {0};
    char name[64];
    for (size_t i = STEPS_APART; i < v->step_count; i++) {
        comparison_merge(&rest, &v->steps[i].all);
        frames += v->steps[i].frames;
    }
    uint64_t first = v->first_step + STEPS_APART, last = v->first_step + v->step_count - 1;
    if (first == last) snprintf(name, sizeof name, "step %" PRIu64, first);
    else snprintf(name, sizeof name, "steps %" PRIu64 " to %" PRIu64, first, last);
    print_row(name, frames, &rest);
}

static size_t worst_step(const struct verify *v) {
    size_t worst = 0;
    for (size_t i = 1; i < v->step_count; i++) {
        if (v->steps[i].all.largest > v->steps[worst].all.largest) worst = i;
    }
    return worst;
}

void verify_print(const struct verify *v) {
    struct comparison all = verify_total(v);
    struct verify_place at = verify_place(v, all.worst);
    printf("%-16s %7s  %9s  %9s  %6s\n", "", "frames", "max error", "RMS error", "PSNR");
    for (size_t i = 0; i < v->step_count && i < STEPS_APART; i++) print_step(v, i, "");
    if (v->step_count > STEPS_APART) {
        print_rest(v);
        print_step(v, worst_step(v), ", worst");
    }
    print_row("all", v->frames, &all);
    printf("worst: frame %" PRIu64 " (step %" PRIu64 "), channel %u, y %u, x %u: expected %.9g, found %.9g\n",
           at.frame, at.step, at.channel, at.y, at.x, all.expected, all.found);
    if (all.outside == 0)
        printf("all %" PRIu64 " numbers are within %g + %g * |expected|\n", all.count, v->tolerance.absolute,
               v->tolerance.relative);
    else printf("%s\n", verify_hint(v));
}

// ---- JSON

static json_t *comparison_json(const struct comparison *c, uint64_t frames) {
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "frames", (json_int_t)frames, "numbers",
                     (json_int_t)c->count, "outside", (json_int_t)c->outside, "max_error",
                     json_finite(c->largest), "rms_error", json_finite(comparison_rms(c)), "psnr",
                     json_finite(comparison_psnr(c)));
}

static json_t *worst_json(const struct verify *v, const struct comparison *all) {
    struct verify_place at = verify_place(v, all->worst);
    return json_pack("{s:I, s:I, s:i, s:i, s:i, s:o, s:o}", "frame", (json_int_t)at.frame, "step",
                     (json_int_t)at.step, "channel", (int)at.channel, "y", (int)at.y, "x", (int)at.x,
                     "expected", json_finite(all->expected), "found", json_finite(all->found));
}

bool verify_print_json(const struct verify *v, struct error *err) {
    struct comparison all = verify_total(v);
    json_t *steps = json_array();
    for (size_t i = 0; i < v->step_count; i++) {
        json_t *step = comparison_json(&v->steps[i].all, v->steps[i].frames);
        json_object_set_new(step, "step", json_integer((json_int_t)v->first_step + (json_int_t)i));
        json_array_append_new(steps, step);
    }
    json_t *root =
        json_pack("{s:i, s:o, s:b, s:f, s:f, s:o, s:o, s:o, s:s}", "version", VERIFY_VERSION, "reference",
                  json_name(v->params->path), "agrees", all.outside == 0, "atol", v->tolerance.absolute,
                  "rtol", v->tolerance.relative, "all", comparison_json(&all, v->frames), "steps", steps,
                  "worst", worst_json(v, &all), "hint", verify_hint(v));
    return json_print(root, err);
}
