#include "compiler/fit.h"

#include "base/strbuf.h"
#include "plan/ops_table.h"

#include <math.h>

static const double least_price = 1e-13, most_price = 1e-6; // seconds a byte
enum { DECADES = 4, SEARCHES = 7, SPENDINGS = 3 };

// ---- one plan

static bool look_at(struct fit *f, const struct plan *plan, const struct plan_program *g, struct error *err) {
    struct plan_ops_table table;
    struct plan_forecast forecast;
    plan_forecast(plan, g, f->threads, &forecast);
    f->peaks[g - plan->programs] = forecast.total;
    if (f->seen && forecast.total <= f->peak) return true;
    if (!plan_ops_table(plan, g, f->threads, &table)) return error_set(err, ERROR_MEMORY, "out of memory");
    f->seen = true;
    f->peak = forecast.total;
    f->seconds = table.conv_seconds[plan_has_steady(g) ? PLAN_STEADY : PLAN_FIRST];
    plan_ops_table_free(&table);
    return true;
}

bool fit_check(struct fit *f, const struct plan *plan, struct error *err) {
    f->seen = false;
    for (uint32_t i = 0; i < plan->program_count; i++) {
        if (!look_at(f, plan, &plan->programs[i], err)) return false;
    }
    char peak[32], limit[32];
    if (f->peak > f->limit)
        return error_set(
            err, ERROR_UNSUPPORTED,
            "--max-memory: the plan takes %s, the limit is %s; one of fewer latent sizes takes less",
            format_bytes(peak, f->peak), format_bytes(limit, f->limit));
    return f->write || error_set(err, ERROR_CANCELLED, "one of the plans on the way");
}

// ---- the search

struct search {
    struct fit *fit;
    const struct fit_setting *asked;
    fit_compile *compile;
    void *context;
    struct fit_plan best; // of those that fit; its seconds are infinite as long as there is none
    uint64_t least;       // of all peaks
    struct error *err;
};

// 1: it fits; 0: it does not; -1: an error that has nothing to do with memory.
static int attempt(struct search *s, struct fit_setting setting) {
    struct fit *f = s->fit;
    struct error err = {0};
    f->write = f->seen = false;
    bool written = s->compile(s->context, f, &setting, &err);
    if (written) error_set(&err, ERROR_INTERNAL, "a plan on the way was written");
    // Algorithms that nobody asked for may be too rough.
    if (!f->seen && setting.conv != s->asked->conv && err.code == ERROR_UNSUPPORTED) return 0;
    if (written || !f->seen) {
        *s->err = err;
        return -1;
    }
    s->least = f->peak < s->least ? f->peak : s->least;
    if (f->peak > f->limit) return 0;
    if (f->seconds < s->best.seconds) s->best = (struct fit_plan){setting, f->peak, f->seconds};
    return 1;
}

// The bytes are a limit that can be had; the rounded size may be too little.
static int refuse(const struct search *s) {
    char limit[32], least[32];
    error_set(s->err, ERROR_UNSUPPORTED,
              "--max-memory: %s is less than any plan for this decoder takes; the least is %s (%llu "
              "bytes), with %u thread%s",
              format_bytes(limit, s->fit->limit), format_bytes(least, s->least), (unsigned long long)s->least,
              s->fit->threads, s->fit->threads == 1 ? "" : "s");
    return -1;
}

static struct fit_setting at_price(const struct search *s, enum ir_bands bands, double price) {
    return (struct fit_setting){
        .bands = bands, .conv = s->asked->conv, .byte_price = price, .threads = s->fit->threads};
}

// The highest price at which the plan fits: what it then takes is near the least, but no price knows the scratch arena, so
// that lower ones are tried as well.
static int find_dear(struct search *s, struct fit_setting *setting) {
    int fits = 0;
    for (int i = 0; i < DECADES && fits == 0; i++) {
        setting->byte_price = most_price * pow(0.1, i);
        fits = attempt(s, *setting);
    }
    return fits;
}

// The lowest price at which it fits, between one at which it does not and one at which it does.
static int find_price(struct search *s, struct fit_setting setting) {
    double low = least_price, high = setting.byte_price;
    for (int i = 0; i < SEARCHES; i++) {
        setting.byte_price = sqrt(low * high);
        int fits = attempt(s, setting);
        if (fits < 0) return -1;
        if (fits) high = setting.byte_price;
        else low = setting.byte_price;
    }
    return 1;
}

static int find_among(struct search *s, enum ir_bands bands, unsigned threads, const char *conv) {
    struct fit_setting setting = {.bands = bands, .conv = conv, .threads = threads};
    int fits = find_dear(s, &setting);
    return fits > 0 ? find_price(s, setting) : fits;
}

// Once with algorithms that can be in bands, wherever there is one, and once with all: a direct convolution takes little
// itself, and much for whole images beside it.
static int find_prices(struct search *s, enum ir_bands bands, unsigned threads) {
    const char *conv = s->asked->conv;
    bool narrows = conv == NULL && bands != IR_BANDS_NONE;
    if (narrows && find_among(s, bands, threads, "blocks") < 0) return -1;
    return find_among(s, bands, threads, conv);
}

// With one algorithm, where prices miss the little that it takes.
static int find_small(struct search *s, enum ir_bands bands) {
    static const char *const small[] = {"im2col", "direct"};
    int fits = 0;
    for (int i = 0; i < 2 && fits == 0 && s->asked->conv == NULL; i++) {
        struct fit_setting setting = at_price(s, bands, most_price);
        setting.conv = small[i];
        fits = attempt(s, setting);
    }
    return fits;
}

static bool has_best(const struct search *s) { return s->best.peak > 0; }

// Blocks for many threads are priced too high where an image is worked on in a few rows at a time: if such a price finds
// nothing, then that for one.
static int find_algorithms(struct search *s, enum ir_bands bands) {
    if (find_prices(s, bands, s->fit->threads) < 0) return -1;
    if (!has_best(s) && s->fit->threads > 1 && find_prices(s, bands, 1) < 0) return -1;
    if (!has_best(s) && find_small(s, bands) < 0) return -1;
    return has_best(s) ? 1 : refuse(s);
}

// What is left of the limit; less of it where what was bought needs more memory than its price says.
static int spend(struct search *s) {
    struct fit_setting setting = s->best.setting;
    setting.byte_slack = (double)(s->fit->limit - s->best.peak);
    for (int i = 0; i < SPENDINGS; i++, setting.byte_slack /= 2) {
        int fits = attempt(s, setting);
        if (fits != 0) return fits;
    }
    return 1;
}

// Bands cost the least time, those of `auto` almost none.
static int find(struct search *s, double *unlimited) {
    enum ir_bands bands = s->asked->bands;
    int fits = attempt(s, at_price(s, bands, 0));
    *unlimited = s->fit->seconds;
    if (fits != 0) return fits;
    if (bands == IR_BANDS_AUTO) {
        bands = IR_BANDS_LEAST;
        if ((fits = attempt(s, at_price(s, bands, 0))) != 0) return fits;
    }
    return find_algorithms(s, bands) < 0 ? -1 : spend(s);
}

bool fit_search(struct fit *f, const struct fit_setting *asked, fit_compile *compile, void *context,
                struct fit_plan *found, double *slower, struct error *err) {
    struct search s = {f, asked, compile, context, {.seconds = INFINITY}, UINT64_MAX, err};
    double unlimited;
    if (find(&s, &unlimited) < 0) return false;
    *found = s.best;
    *slower = unlimited > 0 ? s.best.seconds / unlimited : 1;
    return true;
}
