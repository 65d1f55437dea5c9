// Progress: the line that is redrawn on a terminal, or a line for each step, the times of the steps, and what is said at the
// end.
#ifndef WANRUN_PROGRESS_H
#define WANRUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_style { PROGRESS_BAR, PROGRESS_LOG, PROGRESS_NONE }; // a bar is for terminals only

struct progress {
    enum progress_style style;
    uint64_t frames;
    double start;  // of the run, by measure_now
    double *steps; // seconds that each step took to decode; writing is not counted
    size_t count, capacity;
};

// `steps` is the number of latent frames. False when there is no memory.
bool progress_init(struct progress *p, enum progress_style style, uint64_t frames, uint64_t steps);
void progress_free(struct progress *p);
void progress_step(struct progress *p, double seconds);
// Redraws the bar, or prints a line: `written` frames so far.
void progress_show(const struct progress *p, uint64_t written);
// Removes the bar, so that a message can take its place.
void progress_clear(const struct progress *p);

// The largest resident set of this process so far, in bytes.
uint64_t progress_peak_rss(void);

// Seconds of the steps behind the first one. False where there are none, or no memory to sort them.
struct progress_times {
    double least, median, most;
};
bool progress_times(const struct progress *p, struct progress_times *times);

// On stderr: "timing: first 0.123 s, steady 0.456 0.450 s; peak RSS 123456789 bytes"; if `resumed`, the first step of the
// run is a steady one, and called that.
void progress_print_timing(const struct progress *p, bool resumed);

#endif
