// How far two lists of numbers lie apart: what was found, by us, and what was expected, by a reference.
#ifndef WANC_TOOLS_COMPARE_H
#define WANC_TOOLS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A number is right if it is at most absolute + relative * |expected| away from the expected one.
struct tolerance {
    double absolute, relative;
};

// Zeroed: nothing compared yet.
struct comparison {
    uint64_t count, outside; // numbers compared, and those that are not right
    double largest,
        squares;    // difference, and sum of squared differences; infinite where one side is no number
    uint64_t worst; // the number with the largest difference, counted from 0 in the order of the calls
    double found, expected; // there
};

// Equal infinities differ by 0; NaN differs from everything, also from NaN.
void comparison_add(struct comparison *c, const float *found, const float *expected, size_t count,
                    const struct tolerance *t);
// As if the numbers of `more` had been compared behind those of `c`.
void comparison_merge(struct comparison *c, const struct comparison *more);
double comparison_rms(const struct comparison *c);
// In decibel, of numbers in [-1, 1], whose range is 2; infinite where all are equal.
double comparison_psnr(const struct comparison *c);

#endif
