// What a test asks of the JSON that `wanrun --profile=` and `--trace` write; prints "ok" or what is wrong.
//
//     profile_tool profile FILE FIRST_STEPS STEADY_STEPS
//     profile_tool benchmark FILE FIRST_FRAMES STEADY_FRAMES      3 steps each
//     profile_tool summary FILE STEADY_STEPS FRAMES
//     profile_tool trace FILE STEPS PROFILE      as many events as PROFILE's operators have calls, and STEPS steps
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static json_t *load(const char *path) {
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) printf("%s: line %d: %s\n", path, error.line, error.text);
    return root;
}

static int wrong(const char *where, const char *what) {
    printf("%s: %s\n", where, what);
    return 1;
}

static double number(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

// Sums a field over the operators, times their calls where it is that of one call.
static double sum(const json_t *variant, const char *key) {
    double total = 0;
    size_t i;
    json_t *op;
    json_array_foreach(json_object_get(variant, "operators"), i, op) total += number(op, key);
    return total;
}

static int check_operators(const json_t *variant, const char *name, size_t steps) {
    size_t i;
    json_t *op;
    json_array_foreach(json_object_get(variant, "operators"), i, op) {
        if (number(op, "calls") != (double)steps) return wrong(name, "an operator does not run once a step");
        if (!(number(op, "seconds") > 0)) return wrong(name, "an operator takes no time");
        if (!(number(op, "product_seconds") <= number(op, "seconds")))
            return wrong(name, "products take longer than all");
        bool product = strcmp(json_string_value(json_object_get(op, "kind")), "conv") == 0;
        if (product && !(number(op, "gflop") > 0 && number(op, "product_gflop") > 0 &&
                         number(op, "product_seconds") > 0))
            return wrong(name, "a convolution does no work");
        if (json_array_size(json_object_get(op, "shape")) != 4)
            return wrong(name, "a shape has not four extents");
    }
    return 0;
}

static int check_variant(const json_t *root, const char *name, size_t steps) {
    const json_t *v = json_object_get(root, name), *times = json_object_get(v, "step_seconds"), *t;
    double all = 0;
    size_t i;
    json_array_foreach(times, i, t) all += json_number_value(t);
    if (json_array_size(times) != steps) return wrong(name, "another number of steps");
    if (json_array_size(json_object_get(v, "operators")) == 0) return wrong(name, "no operators");
    if (fabs(sum(v, "seconds") - number(v, "seconds")) > 1e-6) return wrong(name, "operators do not add up");
    if (!(number(v, "seconds") <= all)) return wrong(name, "operators take longer than the steps");
    if (fabs(sum(v, "gflop") - number(v, "gflop")) > 1e-6 * number(v, "gflop"))
        return wrong(name, "work does not add up");
    return check_operators(v, name, steps);
}

static int check_profile(const char *path, size_t first, size_t steady) {
    json_t *root = load(path);
    if (root == NULL) return 1;
    int bad =
        number(root, "version") != 1 || !(number(root, "peak_gflops") > 0) || !(number(root, "threads") >= 1)
            ? wrong(path, "head")
            : check_variant(root, "first", first) || check_variant(root, "steady", steady);
    json_decref(root);
    return bad;
}

static int check_trace(const char *path, size_t steps, const char *profile) {
    json_t *root = load(path), *p = load(profile), *event;
    size_t i, found = 0, operators = 0;
    if (root == NULL || p == NULL) return 1;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        bool step = strcmp(json_string_value(json_object_get(event, "cat")), "step") == 0;
        found += step;
        operators += !step;
        if (!(number(event, "ts") >= 0) || !(number(event, "dur") > 0))
            return wrong(path, "an event without time");
    }
    double calls = sum(json_object_get(p, "first"), "calls") + sum(json_object_get(p, "steady"), "calls");
    json_decref(root);
    json_decref(p);
    return found != steps               ? wrong(path, "another number of steps")
           : (double)operators != calls ? wrong(path, "another number of operators' calls")
                                        : 0;
}

// The least, the middle and the largest of three steps.
static int check_times(const json_t *v, const char *name, double frames) {
    const json_t *times = json_object_get(v, "step_seconds"), *t;
    double least = INFINITY, most = 0, all = 0;
    size_t i;
    json_array_foreach(times, i, t) {
        least = fmin(least, json_number_value(t));
        most = fmax(most, json_number_value(t));
        all += json_number_value(t);
    }
    if (json_array_size(times) != 3 || !(least > 0) || number(v, "frames") != frames)
        return wrong(name, "steps");
    if (number(v, "min") != least || number(v, "p10") != least) return wrong(name, "the least");
    if (number(v, "max") != most || number(v, "p90") != most || number(v, "p99") != most)
        return wrong(name, "the largest");
    return fabs(number(v, "median") - (all - least - most)) < 1e-9 ? 0 : wrong(name, "the median");
}

static int check_benchmark(const char *path, double first, double steady) {
    json_t *root = load(path);
    if (root == NULL) return 1;
    int bad = number(root, "version") != 1 || !(number(root, "peak_gflops") > 0) ||
                      !(number(root, "peak_rss_bytes") > 0)
                  ? wrong(path, "head")
                  : check_times(json_object_get(root, "first"), "first", first) ||
                        check_times(json_object_get(root, "steady"), "steady", steady);
    json_decref(root);
    return bad;
}

// Of a run of one first step and `steady` others.
static int check_summary(const char *path, double steady, double frames) {
    json_t *root = load(path);
    if (root == NULL) return 1;
    const json_t *times = json_object_get(root, "steady_seconds");
    bool ordered = number(times, "min") > 0 && number(times, "min") <= number(times, "median") &&
                   number(times, "median") <= number(times, "max");
    int bad = number(root, "wanrun") != 1 || number(root, "frames") != frames ? wrong(path, "head")
              : number(root, "latent_frames") != steady + 1 || number(times, "steps") != steady
                  ? wrong(path, "steps")
              : !ordered || !(number(root, "first_seconds") > 0) ||
                      number(root, "seconds") < number(root, "first_seconds") + steady * number(times, "min")
                  ? wrong(path, "times")
                  : 0;
    json_decref(root);
    return bad;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    bool profile = strcmp(argv[1], "profile") == 0, benchmark = strcmp(argv[1], "benchmark") == 0,
         summary = strcmp(argv[1], "summary") == 0;
    int bad = profile     ? check_profile(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10))
              : summary   ? check_summary(argv[2], strtod(argv[3], NULL), strtod(argv[4], NULL))
              : benchmark ? check_benchmark(argv[2], strtod(argv[3], NULL), strtod(argv[4], NULL))
                          : check_trace(argv[2], strtoul(argv[3], NULL, 10), argv[4]);
    if (!bad) puts("ok");
    return bad;
}
