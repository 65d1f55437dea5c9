#include "tools/wanrun/profile.h"

#include "tools/measure/peak.h"

#include <stdlib.h>
#include <string.h>

// ---- collecting

static bool list_operators(struct profile_variant *v, const struct wan_session *s, int steady) {
    struct wan_operator op = {.size = sizeof op};
    while (wan_session_operator(s, steady, v->count, &op)) v->count++;
    v->ops = calloc(v->count + 1, sizeof *v->ops);
    for (size_t i = 0; v->ops != NULL && i < v->count; i++) {
        v->ops[i].op.size = sizeof op;
        wan_session_operator(s, steady, i, &v->ops[i].op);
    }
    return v->ops != NULL;
}

bool profile_init(struct profile *p, const struct wan_session *session, bool traced) {
    *p = (struct profile){.traced = traced, .threads = wan_session_threads(session)};
    p->peak_gflops = measure_peak_gflops(p->threads);
    return list_operators(&p->variant[0], session, 0) && list_operators(&p->variant[1], session, 1);
}

void profile_free(struct profile *p) {
    for (int v = 0; v < 2; v++) {
        free(p->variant[v].ops);
        free(p->variant[v].steps);
    }
    free(p->events);
    *p = (struct profile){0};
}

// Room for one more element; NULL, and the profile is marked, without memory.
static void *grow(struct profile *p, void *array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return array;
    size_t more = *capacity == 0 ? 64 : 2 * *capacity;
    void *bigger = realloc(array, more * size);
    if (bigger == NULL) p->failed = true;
    else *capacity = more;
    return bigger;
}

static void keep_event(struct profile *p, struct profile_event event) {
    struct profile_event *events = grow(p, p->events, p->event_count, &p->event_capacity, sizeof *p->events);
    if (events == NULL) return;
    p->events = events;
    p->events[p->event_count++] = event;
}

void profile_observe(void *context, int steady, size_t index, uint64_t begin_ns, uint64_t end_ns,
                     uint64_t product_ns) {
    struct profile *p = context;
    struct profile_variant *v = &p->variant[steady != 0];
    if (index >= v->count) return;
    v->ops[index].calls++;
    v->ops[index].seconds += 1e-9 * (double)(end_ns - begin_ns);
    v->ops[index].product_seconds += 1e-9 * (double)product_ns;
    if (p->traced) keep_event(p, (struct profile_event){steady, index, begin_ns, end_ns});
}

void profile_step(struct profile *p, bool steady, double seconds) {
    struct profile_variant *v = &p->variant[steady];
    double *steps = grow(p, v->steps, v->step_count, &v->step_capacity, sizeof *v->steps);
    if (steps == NULL) return;
    v->steps = steps;
    v->steps[v->step_count++] = seconds;
}

// ---- sums

static bool is_kind(const struct wan_operator *op, const char *kind) { return strcmp(op->kind, kind) == 0; }

struct profile_total profile_total(const struct profile_variant *v) {
    struct profile_total t = {0};
    for (size_t i = 0; i < v->count; i++) {
        const struct profile_operator *o = &v->ops[i];
        t.seconds += o->seconds;
        t.product_seconds += o->product_seconds;
        t.flops += o->op.flops;
        t.product_flops += o->op.product_flops;
        if (!is_kind(&o->op, "conv") && !is_kind(&o->op, "attention")) t.outside += o->seconds;
    }
    return t;
}

// ---- the table

static bool same_group(const struct wan_operator *a, const struct wan_operator *b) {
    return is_kind(a, b->kind) && strcmp(a->algorithm, b->algorithm) == 0 && a->frames == b->frames &&
           a->height == b->height && a->width == b->width && a->channels == b->channels;
}

// Operators that compute the same shape in the same way, as one: sums.
struct group {
    struct wan_operator op;
    uint64_t operators;
    double seconds, product_seconds;
};

static size_t make_groups(const struct profile_variant *v, struct group *groups) {
    size_t count = 0;
    for (size_t i = 0; i < v->count; i++) {
        const struct profile_operator *o = &v->ops[i];
        size_t g = 0;
        while (g < count && !same_group(&groups[g].op, &o->op)) g++;
        if (g == count) {
            groups[count++] = (struct group){.op = o->op};
            groups[g].op.flops = groups[g].op.product_flops = groups[g].op.bytes = 0;
        }
        groups[g].operators++;
        groups[g].op.flops += o->op.flops;
        groups[g].op.product_flops += o->op.product_flops;
        groups[g].op.bytes += o->op.bytes;
        groups[g].seconds += o->seconds;
        groups[g].product_seconds += o->product_seconds;
    }
    return count;
}

static int by_time(const void *a, const void *b) {
    double x = ((const struct group *)a)->seconds, y = ((const struct group *)b)->seconds;
    return (x < y) - (x > y);
}

static void print_group(const struct group *g, double steps, double total, double peak, FILE *out) {
    char shape[64];
    snprintf(shape, sizeof shape, "%ux%ux%ux%u", g->op.frames, g->op.height, g->op.width, g->op.channels);
    double seconds = g->seconds / steps;
    fprintf(out, "  %-9s %-16s %-18s %4llu %9.2f %6.1f", g->op.kind, g->op.algorithm, shape,
            (unsigned long long)g->operators, 1e3 * seconds, total > 0 ? 100 * g->seconds / total : 0);
    if (seconds > 0 && g->op.flops > 0 && peak > 0) {
        double products =
            g->product_seconds > 0 ? 1e-9 * g->op.product_flops * steps / g->product_seconds : 0;
        fprintf(out, " %8.0f %8.0f %7.2f %8.0f %7.1f", 1e-9 * g->op.flops / seconds,
                1e-9 * g->op.product_flops / seconds, 1e-9 * g->op.flops / seconds / peak, products,
                100 * products / peak);
    } else fprintf(out, " %8s %8s %7s %8s %7s", "-", "-", "-", "-", "-");
    fprintf(out, " %7.1f\n", seconds > 0 ? 1e-9 * g->op.bytes / seconds : 0);
}

static void print_total(const struct profile *p, const struct profile_variant *v, FILE *out) {
    struct profile_total t = profile_total(v);
    double steps = (double)v->step_count, step = t.seconds / steps;
    if (t.seconds <= 0 || p->peak_gflops <= 0) return;
    fprintf(out,
            "  a step: %.3f s in operators, %.1f GFLOP: %.0f GFLOP/s, %.2f times the FMA peak of %.0f "
            "GFLOP/s (%u "
            "threads)\n",
            step, 1e-9 * t.flops, 1e-9 * t.flops / step, 1e-9 * t.flops / step / p->peak_gflops,
            p->peak_gflops, p->threads);
    if (t.product_seconds <= 0) return;
    fprintf(
        out,
        "  inside of products: %.1f %% of the time, %.1f GFLOP executed at %.0f %% of the peak; outside of "
        "convolutions and attention: %.1f %%\n",
        100 * t.product_seconds / t.seconds, 1e-9 * t.product_flops,
        100 * 1e-9 * t.product_flops * steps / t.product_seconds / p->peak_gflops,
        100 * t.outside / t.seconds);
}

static void print_variant(const struct profile *p, const struct profile_variant *v, const char *name,
                          FILE *out) {
    struct group *groups = calloc(v->count + 1, sizeof *groups);
    if (groups == NULL || v->step_count == 0) {
        free(groups);
        return;
    }
    size_t count = make_groups(v, groups);
    double total = profile_total(v).seconds;
    qsort(groups, count, sizeof *groups, by_time);
    fprintf(out, "%s: %zu step%s\n", name, v->step_count, v->step_count == 1 ? "" : "s");
    fprintf(out, "  %-9s %-16s %-18s %4s %9s %6s %8s %8s %7s %8s %7s %7s\n", "operator", "algorithm",
            "result", "n", "ms/step", "%", "GFLOP/s", "executed", "x peak", "in prod.", "% peak", "GB/s");
    for (size_t i = 0; i < count; i++)
        print_group(&groups[i], (double)v->step_count, total, p->peak_gflops, out);
    print_total(p, v, out);
    free(groups);
}

void profile_print(const struct profile *p, FILE *out) {
    print_variant(p, &p->variant[0], "first", out);
    print_variant(p, &p->variant[1], "steady", out);
}
