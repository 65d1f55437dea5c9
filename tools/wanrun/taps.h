// Taps: the tensors of the model that the operators of a plan leave, as they leave them; written to a folder, or compared with
// such a folder (docs/verify.md).
#ifndef WANRUN_TAPS_H
#define WANRUN_TAPS_H

#include "base/error.h"
#include "base/strbuf.h"
#include "tools/compare/compare.h"
#include "wan/wan.h"

struct taps_params {
    const char *folder;         // NULL, or where they are written: FOLDER/step0/NAME.npy
    const char *pattern;        // NULL: all; else those whose name fnmatch takes
    const char *reference;      // NULL, or such a folder to compare with
    struct tolerance tolerance; // absolute, times the largest number of a tensor; below 0: the default
    bool json;                  // instead of text
};

// An operator whose tensor was compared.
struct tap_result {
    bool compared;
    uint64_t step;
    struct wan_operator op;
    struct wan_tensor tensor;
    struct comparison all;
    double largest_expected;
};

struct taps {
    const struct taps_params *params;
    struct tolerance tolerance;
    const struct wan_session *session;
    uint64_t step; // that runs
    float *values, *expected;
    size_t capacity;                                // of both
    uint64_t written, compared, differing, missing; // tensors; missing in the reference
    struct tap_result first; // of the tensors that differ, in the order in which they are computed
    struct tap_result worst; // of those that agree, by the difference as a part of what is allowed
    struct error err;        // the first one of an observed step
};

// What libwan calls behind an operator; `context` is a struct taps.
wan_observer taps_observe;
// Makes the folder. A session whose plan works in bands is refused: bands hold no whole tensors.
bool taps_open(struct taps *t, const struct taps_params *params, const struct wan_session *session,
               const char *plan, struct error *err);
void taps_close(struct taps *t); // also of a zeroed structure
// Before and after a step. The second one fails if anything in it did.
bool taps_begin_step(struct taps *t, uint64_t step, struct error *err);
bool taps_end_step(const struct taps *t, struct error *err);
// Prints what was found. An error names the first tensor that differs, if there is one.
bool taps_finish(const struct taps *t, struct error *err);

// The path of a tensor: "FOLDER/step0/NAME.npy", in whose name all but letters, digits and "_.-~" are %XX. (tap_file.c)
void tap_path(struct strbuf *out, const char *folder, uint64_t step, const char *name);
bool tap_write(const char *folder, uint64_t step, const struct wan_tensor *tensor, const float *values,
               struct error *err);
// 1: read, `values` has room for tensor->count numbers; 0: there is no such file; -1: an error, also where its shape is another,
// axes of 1 aside.
int tap_read(const char *folder, uint64_t step, const struct wan_tensor *tensor, float *values,
             struct error *err);

#endif
