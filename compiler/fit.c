#include "compiler/fit.h"

#include "base/strbuf.h"
#include "plan/ops_table.h"

#include <math.h>

static const double least_price = 1e-13, most_price = 1e-6; // seconds a byte
enum { SEARCHES = 8 };

// ---- one plan

static bool add_seconds(struct fit *f, const struct plan *plan, const struct plan_program *g,
                        struct error *err) {
    struct plan_ops_table table;
    if (!plan_ops_table(plan, g, f->threads, &table)) return error_set(err, ERROR_MEMORY, "out of memory");
    f->seconds = table.conv_seconds[plan_has_steady(g) ? PLAN_STEADY : PLAN_FIRST];
    plan_ops_table_free(&table);
    return true;
}

bool fit_check(struct fit *f, const struct plan *plan, struct error *err) {
    f->peak = 0;
    for (uint32_t i = 0; i < plan->program_count; i++) {
        struct plan_forecast forecast;
        plan_forecast(plan, &plan->programs[i], f->threads, &forecast);
        if (forecast.total > f->peak) f->peak = forecast.total;
        if (!add_seconds(f, plan, &plan->programs[i], err)) return false;
    }
    f->seen = true;
    if (f->peak > f->limit) return error_set(err, ERROR_UNSUPPORTED, "above the limit of memory");
    return f->last || error_set(err, ERROR_CANCELLED, "one of the plans on the way");
}

// ---- the search

struct search {
    struct fit *fit;
    fit_compile *compile;
    void *context;
    struct error *err;
};

// 1: it fits, and the last one is written; 0: it does not; -1: an error that has nothing to do with memory.
static int attempt(const struct search *s, enum ir_bands bands, double byte_price) {
    struct error err = {0};
    s->fit->bands = bands;
    s->fit->byte_price = byte_price;
    s->fit->seen = false;
    if (s->compile(s->context, s->fit, &err)) return 1;
    if (s->fit->seen && !s->fit->last) return s->fit->peak <= s->fit->limit;
    *s->err = err;
    return -1;
}

// With the bytes, which are a limit that can be had; the rounded size may be too little.
static bool refuse(const struct search *s) {
    const struct fit *f = s->fit;
    char limit[32], least[32];
    return error_set(s->err, ERROR_UNSUPPORTED,
                     "--max-memory: %s is less than any plan for this decoder takes; the least is %s (%llu "
                     "bytes), with %u thread%s",
                     format_bytes(limit, f->limit), format_bytes(least, f->peak), (unsigned long long)f->peak,
                     f->threads, f->threads == 1 ? "" : "s");
}

// The lowest price at which the plan fits, between one at which it does not and one at which it does.
static int find_price(const struct search *s, double *price) {
    double low = least_price, high = most_price;
    for (int i = 0; i < SEARCHES; i++) {
        double middle = sqrt(low * high);
        int fits = attempt(s, IR_BANDS_LEAST, middle);
        if (fits < 0) return -1;
        if (fits) high = middle;
        else low = middle;
    }
    *price = high;
    return 1;
}

static int find(const struct search *s, enum ir_bands *bands, double *price, double *unlimited) {
    *bands = IR_BANDS_AUTO;
    *price = 0;
    int fits = attempt(s, *bands, *price);
    *unlimited = s->fit->seconds;
    if (fits != 0) return fits;
    *bands = IR_BANDS_LEAST;
    if ((fits = attempt(s, *bands, 0)) != 0) return fits;
    if ((fits = attempt(s, *bands, most_price)) > 0) return find_price(s, price);
    if (fits == 0) refuse(s);
    return -1;
}

bool fit_search(struct fit *f, fit_compile *compile, void *context, double *cost, struct error *err) {
    const struct search s = {f, compile, context, err};
    enum ir_bands bands;
    double price, unlimited;
    f->last = false;
    if (find(&s, &bands, &price, &unlimited) < 0) return false;
    f->last = true;
    if (attempt(&s, bands, price) < 0) return false;
    *cost = unlimited > 0 ? f->seconds / unlimited : 1;
    return true;
}
