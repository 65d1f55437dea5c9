#include "tools/compare/compare.h"

#include <math.h>

static double difference(double found, double expected) {
    if (found == expected) return 0;
    double d = fabs(found - expected);
    return isnan(d) ? INFINITY : d;
}

void comparison_add(struct comparison *c, const float *found, const float *expected, size_t count,
                    const struct tolerance *t) {
    for (size_t i = 0; i < count; i++) {
        double d = difference(found[i], expected[i]);
        c->outside += !(d <= t->absolute + t->relative * fabs((double)expected[i]));
        c->squares += d * d;
        if (d > c->largest || c->count + i == 0) {
            c->largest = d;
            c->worst = c->count + i;
            c->found = found[i];
            c->expected = expected[i];
        }
    }
    c->count += count;
}

void comparison_merge(struct comparison *c, const struct comparison *more) {
    uint64_t before = c->count, outside = c->outside + more->outside;
    double squares = c->squares + more->squares;
    if (more->count == 0) return;
    if (before == 0 || more->largest > c->largest) {
        *c = *more;
        c->worst += before;
    }
    c->count = before + more->count;
    c->outside = outside;
    c->squares = squares;
}

double comparison_rms(const struct comparison *c) {
    return c->count == 0 ? 0 : sqrt(c->squares / (double)c->count);
}

double comparison_psnr(const struct comparison *c) { return 20 * log10(2 / comparison_rms(c)); }
