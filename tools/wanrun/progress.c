#define _GNU_SOURCE
#include "tools/wanrun/progress.h"

#include "tools/measure/clock.h"
#include "tools/measure/times.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LISTED_STEPS = 16 }; // more are summed up

bool progress_init(struct progress *p, enum progress_style style, uint64_t frames, uint64_t steps) {
    *p = (struct progress){
        .style = style, .frames = frames, .capacity = (size_t)steps, .start = measure_now()};
    if (style == PROGRESS_BAR && !isatty(STDERR_FILENO)) p->style = PROGRESS_NONE;
    p->steps = calloc(p->capacity, sizeof *p->steps);
    return p->steps != NULL;
}

void progress_free(struct progress *p) {
    free(p->steps);
    *p = (struct progress){0};
}

void progress_step(struct progress *p, double seconds) {
    if (p->count < p->capacity) p->steps[p->count++] = seconds;
}

// The rest of the steps will take as long as the last one did.
static double seconds_left(const struct progress *p) {
    return p->count == 0 ? 0 : p->steps[p->count - 1] * (double)(p->capacity - p->count);
}

// "3 min 05 s left"; nothing behind the first step, which says nothing about the others, unless it was the last.
static const char *time_left(const struct progress *p, char out[48]) {
    uint64_t left = (uint64_t)(seconds_left(p) + 0.5);
    out[0] = 0;
    if (p->count < 2 && p->capacity > 1) return out;
    if (left >= 3600) snprintf(out, 48, "%" PRIu64 " h %02" PRIu64 " min left", left / 3600, left / 60 % 60);
    else if (left >= 60) snprintf(out, 48, "%" PRIu64 " min %02" PRIu64 " s left", left / 60, left % 60);
    else snprintf(out, 48, "%" PRIu64 " s left", left);
    return out;
}

static void draw_bar(const struct progress *p, uint64_t written) {
    static const char full[] = "####################", empty[] = "....................";
    int width = (int)sizeof full - 1, done = (int)((double)width * (double)written / (double)p->frames);
    double per_frame = written == 0 ? 0 : (measure_now() - p->start) / (double)written;
    char left[48];
    fprintf(stderr, "\r[%.*s%.*s] frame %" PRIu64 "/%" PRIu64 "  %.2f s/frame  %s\033[K", done, full,
            width - done, empty, written, p->frames, per_frame, time_left(p, left));
}

static void print_line(const struct progress *p, uint64_t written) {
    char left[48];
    fprintf(stderr, "wanrun: latent frame %zu of %zu: %" PRIu64 " of %" PRIu64 " frames, %.3f s%s%s\n",
            p->count, p->capacity, written, p->frames, p->steps[p->count - 1],
            time_left(p, left)[0] != 0 ? ", " : "", left);
}

void progress_show(const struct progress *p, uint64_t written) {
    if (p->count == 0) return;
    if (p->style == PROGRESS_BAR) draw_bar(p, written);
    if (p->style == PROGRESS_LOG) print_line(p, written);
}

void progress_clear(const struct progress *p) {
    if (p->style == PROGRESS_BAR && p->count > 0) fputs("\r\033[K", stderr);
}

// VmHWM belongs to this program alone; ru_maxrss also covers the process that started it, before exec.
uint64_t progress_peak_rss(void) {
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t kib = 0;
    while (f != NULL && kib == 0 && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0) kib = strtoull(line + 6, NULL, 10);
    if (f != NULL) fclose(f);
    if (kib != 0) return kib * 1024;
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

bool progress_times(const struct progress *p, struct progress_times *times) {
    if (p->count < 2) return false;
    size_t n = p->count - 1;
    double *sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL) return false;
    memcpy(sorted, p->steps + 1, n * sizeof *sorted);
    measure_sort(sorted, n);
    *times = (struct progress_times){sorted[0], (sorted[(n - 1) / 2] + sorted[n / 2]) / 2, sorted[n - 1]};
    free(sorted);
    return true;
}

static void print_summary(const struct progress *p) {
    struct progress_times t;
    if (!progress_times(p, &t)) return;
    fprintf(stderr, ", steady median %.3f s (min %.3f, max %.3f, n %zu)", t.median, t.least, t.most,
            p->count - 1);
}

void progress_print_timing(const struct progress *p, bool resumed) {
    fprintf(stderr, "timing: %s %.3f s", resumed ? "resumed" : "first", p->count > 0 ? p->steps[0] : 0);
    if (p->count - 1 > LISTED_STEPS) print_summary(p);
    else if (p->count > 1) {
        fputs(", steady", stderr);
        for (size_t i = 1; i < p->count; i++) fprintf(stderr, " %.3f", p->steps[i]);
        fputs(" s", stderr);
    }
    fprintf(stderr, "; peak RSS %" PRIu64 " bytes\n", progress_peak_rss());
}
