#include "runtime/check.h"

#include "base/size.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static size_t most_channels(const struct rt_session *s) {
    size_t channels = 1;
    for (uint32_t i = 0; i < plan_program_ops(s->program); i++) {
        const struct rt_op *op = &s->ops[i];
        channels = most(channels, op->out.channels);
        for (int k = 0; k < 3; k++) channels = most(channels, op->in[k].channels);
    }
    return channels;
}

struct rt_check *rt_check_new(const struct rt_session *s, unsigned samples, struct error *err) {
    struct rt_check *c = calloc(1, sizeof *c);
    if (c != NULL) {
        *c = (struct rt_check){
            .samples = samples, .random = 1, .worst.error = -1, .channels = most_channels(s)};
        c->places = calloc(samples, sizeof *c->places);
        c->values = calloc((size_t)samples * 2 * c->channels, sizeof *c->values);
        c->pixel = calloc(c->channels, sizeof *c->pixel);
        if (c->places != NULL && c->values != NULL && c->pixel != NULL) return c;
    }
    rt_check_free(c);
    error_set(err, ERROR_MEMORY, "out of memory for a check of %u places", samples);
    return NULL;
}

void rt_check_free(struct rt_check *c) {
    if (c == NULL) return;
    free(c->places);
    free(c->values);
    free(c->pixel);
    free(c);
}

static double *value_of(const struct rt_check *c, unsigned sample) {
    return c->values + (size_t)sample * 2 * c->channels;
}
static double *magnitude_of(const struct rt_check *c, unsigned sample) {
    return value_of(c, sample) + c->channels;
}

// Below `end`. (Knuth's generator; its upper bits are the random ones.)
WRAPS static size_t draw(struct rt_check *c, size_t end) {
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((c->random >> 33) % end);
}

// In bands, a convolution is told which rows to compute; for what works pixel by pixel, these are the image.
static struct rt_place draw_place(struct rt_check *c, const struct rt_op *op) {
    bool told = op->plan->kind == PLAN_OP_CONV;
    size_t first = told ? op->rows.first : 0, end = told ? op->rows.end : op->out.height;
    struct rt_place at = {draw(c, op->out.frames), first + draw(c, end - first), draw(c, op->out.width)};
    return at;
}

void rt_check_expect(struct rt_check *c, const struct rt_op *op, uint64_t steps) {
    for (unsigned i = 0; i < c->samples; i++) {
        struct rt_formula_result r = {value_of(c, i), magnitude_of(c, i), c->pixel};
        c->places[i] = draw_place(c, op);
        rt_formula(op, steps, &c->places[i], &r);
    }
}

// What the type of the result may lose by itself: half of its last place, and what is too small for it.
static double rounding(const struct rt_tensor *out, double expected) {
    if (out->type == PLAN_F16) return fabs(expected) * 0x1p-11 + 0x1p-14;
    if (out->type == PLAN_BF16) return fabs(expected) * 0x1p-8;
    return 0;
}

static double error_of(const struct rt_tensor *out, double expected, double found, double magnitude) {
    double difference = fabs(found - expected);
    if (isnan(difference)) return INFINITY;
    difference -= rounding(out, expected);
    return difference > 0 ? difference / fmax(magnitude, 0x1p-100) : 0;
}

static double largest(const double *x, size_t count) {
    double value = 0;
    for (size_t i = 0; i < count; i++) value = fmax(value, x[i]);
    return value;
}

static bool too_wrong(const struct rt_check_worst *w, struct error *err) {
    return error_set(
        err, ERROR_INTERNAL,
        "step %" PRIu64 ": frame %zu, row %zu, column %zu, channel %zu is %.9g, expected %.9g by the "
        "formula: wrong by %.2g of its sum, expected at most %g",
        w->step, w->at.t, w->at.y, w->at.x, w->channel, w->found, w->expected, w->error, RT_CHECK_LIMIT);
}

// The worst number at one place; an error of -1 where there is none.
static struct rt_check_worst compare_place(const struct rt_check *c, unsigned sample,
                                           const struct rt_op *op) {
    const struct rt_place *at = &c->places[sample];
    double magnitude = largest(magnitude_of(c, sample), op->out.channels);
    struct rt_check_worst worst = {.at = *at, .error = -1};
    for (size_t channel = 0; channel < op->out.channels; channel++) {
        double expected = value_of(c, sample)[channel],
               found = rt_number(&op->out, at->t, at->y, at->x, channel);
        double error = error_of(&op->out, expected, found, magnitude);
        if (error <= worst.error) continue;
        worst.channel = channel;
        worst.expected = expected, worst.found = found, worst.error = error;
    }
    return worst;
}

bool rt_check_compare(struct rt_check *c, const struct rt_session *s, enum plan_variant variant,
                      uint32_t index, const struct rt_op *op, struct error *err) {
    for (unsigned i = 0; i < c->samples; i++) {
        struct rt_check_worst worst = compare_place(c, i, op);
        c->numbers += op->out.channels;
        if (worst.error <= c->worst.error) continue;
        c->worst = worst;
        c->worst.variant = variant, c->worst.index = index, c->worst.step = s->steps;
    }
    c->calls++;
    return c->worst.error <= RT_CHECK_LIMIT || too_wrong(&c->worst, err);
}
