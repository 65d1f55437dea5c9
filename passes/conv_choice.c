#include "passes/conv_choice.h"

#include "passes/conv_cost.h"
#include "passes/conv_error.h"

#include <math.h>
#include <string.h>

// ---- what may be taken

static const char *const names[] = {"auto", "direct", "im2col", "winograd2", "winograd4", "blocks"};
enum { NAMES = sizeof names / sizeof *names };

// The algorithms of each name, as bits, and those for what none of them computes; what remains is direct.
static const uint32_t allowed[NAMES][2] = {
    {(1u << PLAN_CONV_ALGORITHMS) - 1},
    {1u << PLAN_CONV_DIRECT},
    {1u << PLAN_CONV_IM2COL | 1u << PLAN_CONV_PRODUCT, 1u << PLAN_CONV_WINOGRAD2},
    {1u << PLAN_CONV_WINOGRAD2 | 1u << PLAN_CONV_WINOGRAD2_TIME2 | 1u << PLAN_CONV_PRODUCT_TIME2},
    {1u << PLAN_CONV_WINOGRAD4 | 1u << PLAN_CONV_WINOGRAD4_TIME2 | 1u << PLAN_CONV_WINOGRAD4_TIME4 |
     1u << PLAN_CONV_PRODUCT_TIME2 | 1u << PLAN_CONV_PRODUCT_TIME4},
    {((1u << PLAN_CONV_ALGORITHMS) - 1) & ~(1u << PLAN_CONV_DIRECT)},
};

static uint32_t allowed_algorithms(const char *conv, const struct plan_conv_shape *s) {
    const uint32_t *wanted = allowed[0];
    uint32_t possible = 0;
    for (int i = 0; conv != NULL && i < NAMES; i++) {
        if (strcmp(names[i], conv) == 0) wanted = allowed[i];
    }
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        if (plan_conv_shape_allows(s, a)) possible |= 1u << a;
    }
    for (int i = 0; i < 2; i++) {
        if (wanted[i] & possible) return wanted[i] & possible;
    }
    return 1u << PLAN_CONV_DIRECT;
}

// ---- the shapes

struct conv_choice *conv_choice_new(struct arena *a, const struct conv_choice_options *o) {
    struct conv_choice *c = arena_alloc(a, sizeof *c);
    c->options = *o;
    return c;
}

static struct conv_shape_choice *find_shape(const struct conv_choice *c, const struct plan_conv_shape *s) {
    for (size_t i = 0; i < c->shape_count; i++) {
        if (plan_conv_shape_equal(&c->shapes[i].shape, s)) return &c->shapes[i];
    }
    return NULL;
}

void conv_choice_add(struct conv_choice *c, struct arena *a, const struct plan_conv_shape *s,
                     enum plan_variant v) {
    struct conv_shape_choice *found = find_shape(c, s);
    if (found == NULL) {
        c->shapes = arena_grow(a, c->shapes, c->shape_count, &c->shape_room, sizeof *c->shapes);
        found = &c->shapes[c->shape_count++];
        *found = (struct conv_shape_choice){.shape = *s};
    }
    found->uses[v]++;
    c->streams = c->streams || v == PLAN_STEADY;
}

void conv_choice_fix(struct conv_choice *c, const struct plan_conv_shape *s, uint32_t algorithm,
                     enum plan_variant v) {
    c->fixed[v] += pow(conv_error(s, algorithm), 2);
}

const struct conv_shape_choice *conv_choice_find(const struct conv_choice *c,
                                                 const struct plan_conv_shape *s) {
    return find_shape(c, s);
}

uint32_t conv_choice_of(const struct conv_choice *c, const struct plan_conv_shape *s) {
    const struct conv_shape_choice *found = find_shape(c, s);
    return found->candidates[found->chosen].algorithm;
}

static bool price(const struct conv_choice_options *o, struct conv_shape_choice *s, struct error *err) {
    uint32_t algorithms = allowed_algorithms(o->conv, &s->shape);
    s->candidate_count = 0;
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        if (!(algorithms & 1u << a)) continue;
        struct conv_candidate *k = &s->candidates[s->candidate_count++];
        *k = (struct conv_candidate){
            .algorithm = a,
            .error = conv_error(&s->shape, a),
            .bytes = conv_bytes(&s->shape, a),
            .workspace = conv_workspace(&s->shape, a, o->threads ? o->threads : CONV_COST_THREADS)};
        if (o->seconds == NULL) k->seconds = conv_cost(&s->shape, a);
        else if (!o->seconds(o->context, &s->shape, a, &k->seconds, err)) return false;
    }
    return true;
}

// ---- time and memory

// How often a shape is computed for each later step of a video of 21 latent frames, the length that Wan makes.
static double times(const struct conv_choice *c, const struct conv_shape_choice *s) {
    enum { LATER_STEPS = 20 };
    double first = s->uses[PLAN_FIRST], steady = s->uses[PLAN_STEADY];
    return c->streams ? steady + first / LATER_STEPS : first;
}

// How many convolutions keep memory of their own: both steps have the same weights.
static double copies(const struct conv_shape_choice *s) {
    return fmax(s->uses[PLAN_FIRST], s->uses[PLAN_STEADY]);
}

// What it keeps, and what it needs above the workspace that is there anyway.
static double memory(const struct conv_choice *c, const struct conv_shape_choice *s,
                     const struct conv_candidate *k) {
    return copies(s) * k->bytes + fmax(0, k->workspace - c->workspace);
}

// Seconds of one convolution, and what its memory is worth.
static double cost(const struct conv_choice *c, const struct conv_shape_choice *s,
                   const struct conv_candidate *k) {
    double price = c->options.byte_price;
    return price > 0 ? k->seconds + price * memory(c, s, k) / times(c, s) : k->seconds;
}

// Takes the cheapest candidate that needs no larger workspace, and returns its cost; infinite: there is none.
static double take_cheapest(const struct conv_choice *c, struct conv_shape_choice *s) {
    double least = INFINITY;
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        const struct conv_candidate *k = &s->candidates[i];
        if (k->workspace > c->workspace || cost(c, s, k) >= least) continue;
        least = cost(c, s, k);
        s->chosen = i;
    }
    return least;
}

static double take_all(struct conv_choice *c, double workspace) {
    double sum = c->options.byte_price > 0 ? c->options.byte_price * workspace : 0;
    c->workspace = workspace;
    for (size_t i = 0; i < c->shape_count; i++)
        sum += times(c, &c->shapes[i]) * take_cheapest(c, &c->shapes[i]);
    return sum;
}

// The workspace is there once, as large as the largest: where memory has a price, each size that one may have is tried.
static void take_cheapest_of_all(struct conv_choice *c) {
    double least = INFINITY, best = INFINITY;
    for (size_t i = 0; c->options.byte_price > 0 && i < c->shape_count; i++) {
        for (uint32_t k = 0; k < c->shapes[i].candidate_count; k++) {
            double workspace = c->shapes[i].candidates[k].workspace, sum = take_all(c, workspace);
            if (sum < least) least = sum, best = workspace;
        }
    }
    take_all(c, best);
}

struct upgrade {
    struct conv_shape_choice *shape;
    uint32_t candidate;
    double bytes, worth; // that it takes; seconds that it saves for each of them
};

static void consider_upgrades(const struct conv_choice *c, struct conv_shape_choice *s, double left,
                              struct upgrade *best) {
    const struct conv_candidate *now = &s->candidates[s->chosen];
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        const struct conv_candidate *k = &s->candidates[i];
        double bytes = memory(c, s, k) - memory(c, s, now), saved = times(c, s) * (now->seconds - k->seconds);
        double worth = bytes > 0 ? saved / bytes : INFINITY;
        if (saved > 0 && bytes <= left && (best->shape == NULL || worth > best->worth))
            *best = (struct upgrade){s, i, bytes, worth};
    }
}

// A price jumps from one choice to another; what is left between them goes to whatever saves the most time for a byte.
static void spend_slack(struct conv_choice *c) {
    for (double left = c->options.byte_slack; left > 0;) {
        struct upgrade best = {0};
        for (size_t i = 0; i < c->shape_count; i++) consider_upgrades(c, &c->shapes[i], left, &best);
        if (best.shape == NULL) return;
        best.shape->chosen = best.candidate;
        left -= best.bytes;
        c->workspace = fmax(c->workspace, best.shape->candidates[best.candidate].workspace);
    }
}

// ---- the limit

static double squares(const struct conv_choice *c, enum plan_variant v) {
    double sum = c->fixed[v];
    for (size_t i = 0; i < c->shape_count; i++) {
        const struct conv_shape_choice *s = &c->shapes[i];
        sum += s->uses[v] * pow(s->candidates[s->chosen].error, 2);
    }
    return sum;
}

double conv_choice_error(const struct conv_choice *c, enum plan_variant v) {
    return conv_error_of_decode(squares(c, v));
}

struct exchange {
    struct conv_shape_choice *shape;
    uint32_t candidate;
    double price; // cost for each unit of squared error that it removes
};

// The cheapest candidate that makes a shape more exact. Seconds and errors count once for each convolution of the
// shape, and their ratio is that of one.
static void consider(const struct conv_choice *c, struct conv_shape_choice *s, struct exchange *best) {
    const struct conv_candidate *now = &s->candidates[s->chosen];
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        const struct conv_candidate *k = &s->candidates[i];
        // Not by the difference of squares: where a compiler fuses it, that of one number with itself is not zero.
        if (k->error >= now->error) continue;
        double removed = pow(now->error, 2) - pow(k->error, 2),
               price = (cost(c, s, k) - cost(c, s, now)) / removed;
        if (best->shape != NULL && price >= best->price) continue;
        *best = (struct exchange){.shape = s, .candidate = i, .price = price};
    }
}

// Exchanges algorithms of one variant for more exact ones until it is below the limit, or nothing more exact is left.
static void keep_limit(struct conv_choice *c, enum plan_variant v) {
    while (conv_choice_error(c, v) > conv_choice_limit(c)) {
        struct exchange best = {0};
        for (size_t i = 0; i < c->shape_count; i++) {
            if (c->shapes[i].uses[v] > 0) consider(c, &c->shapes[i], &best);
        }
        if (best.shape == NULL) return;
        best.shape->chosen = best.candidate;
    }
}

static void judge(struct conv_shape_choice *s) {
    const struct conv_candidate *chosen = &s->candidates[s->chosen];
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        struct conv_candidate *k = &s->candidates[i];
        k->verdict = i == s->chosen                 ? CONV_CHOSEN
                     : k->seconds < chosen->seconds ? CONV_TOO_ROUGH
                                                    : CONV_SLOWER;
    }
}

// The least is two digits, and not below it: what the message offers can be had.
static bool refuse(const struct conv_choice *c, double least, struct error *err) {
    const char *conv = c->options.conv;
    double unit = pow(10, floor(log10(least)) - 1);
    return error_set(err, ERROR_UNSUPPORTED,
                     "--max-error %.3g%s: with the most exact algorithms%s%s, the error of a decode is "
                     "bounded by %.2g at the least",
                     conv_choice_limit(c), c->options.max_error > 0 ? "" : " (the default)",
                     conv ? " of --conv=" : "", conv ? conv : "", ceil(least / unit) * unit);
}

bool conv_choice_decide(struct conv_choice *c, struct error *err) {
    for (size_t i = 0; i < c->shape_count; i++) {
        if (!price(&c->options, &c->shapes[i], err)) return false;
    }
    if (c->options.measure != NULL && !c->options.measure(c->options.context, c, err)) return false;
    take_cheapest_of_all(c);
    spend_slack(c);
    double error = 0;
    for (enum plan_variant v = PLAN_FIRST; v < PLAN_VARIANTS; v++) keep_limit(c, v);
    for (enum plan_variant v = PLAN_FIRST; v < PLAN_VARIANTS; v++)
        error = fmax(error, conv_choice_error(c, v));
    for (size_t i = 0; i < c->shape_count; i++) judge(&c->shapes[i]);
    return error <= conv_choice_limit(c) || refuse(c, error, err);
}
