#include "tools/wanrun/taps.h"

#include "tools/json/print.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Of a tensor's largest number. Rounding in fp32, Winograd's algorithms included, stays ten times below it.
#define DEFAULT_TOLERANCE 1e-4

// ---- one tensor

static double largest_of(const float *values, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)values[i]));
    return largest;
}

// The largest difference as a part of what is allowed.
static double part_of_allowed(const struct taps *t, const struct tap_result *r) {
    double allowed =
        t->tolerance.absolute * r->largest_expected + t->tolerance.relative * fabs(r->all.expected);
    return r->all.largest == 0 ? 0 : r->all.largest / allowed;
}

static void take_result(struct taps *t, const struct tap_result *r) {
    t->compared++;
    if (r->all.outside > 0) {
        if (t->differing++ == 0) t->first = *r;
    } else if (!t->worst.compared || part_of_allowed(t, r) > part_of_allowed(t, &t->worst)) t->worst = *r;
}

static void compare(struct taps *t, int steady, size_t index, const struct wan_tensor *tensor) {
    int found = tap_read(t->params->reference, t->step, tensor, t->expected, &t->err);
    if (found == 0) t->missing++;
    if (found <= 0) return;
    struct tap_result r = {.compared = true, .op.size = sizeof r.op, .step = t->step, .tensor = *tensor};
    r.largest_expected = largest_of(t->expected, tensor->count);
    const struct tolerance allowed = {t->tolerance.absolute * r.largest_expected, t->tolerance.relative};
    comparison_add(&r.all, t->values, t->expected, tensor->count, &allowed);
    wan_session_operator(t->session, steady, index, &r.op);
    take_result(t, &r);
}

static bool make_room(struct taps *t, size_t count) {
    if (count <= t->capacity) return true;
    free(t->values);
    free(t->expected);
    t->values = malloc(count * sizeof *t->values);
    t->expected = malloc(count * sizeof *t->expected);
    t->capacity = t->values != NULL && t->expected != NULL ? count : 0;
    return t->capacity > 0 ||
           error_set(&t->err, ERROR_MEMORY, "no memory for a tensor of %zu numbers", count);
}

static bool is_wanted(const struct taps *t, const char *name) {
    return t->params->pattern == NULL || fnmatch(t->params->pattern, name, 0) == 0;
}

void taps_observe(void *context, int steady, size_t index, uint64_t begin_ns, uint64_t end_ns,
                  uint64_t product_ns) {
    struct taps *t = context;
    struct wan_tensor tensor = {.size = sizeof tensor};
    (void)begin_ns, (void)end_ns, (void)product_ns;
    if (t->err.code != ERROR_NONE || wan_session_tensor(t->session, steady, index, &tensor, NULL) <= 0 ||
        !is_wanted(t, tensor.name) || !make_room(t, tensor.count))
        return;
    wan_session_tensor(t->session, steady, index, &tensor, t->values);
    if (t->params->folder != NULL)
        t->written += tap_write(t->params->folder, t->step, &tensor, t->values, &t->err);
    if (t->params->reference != NULL) compare(t, steady, index, &tensor);
}

// ---- a run

static bool make_folder(const char *path, struct error *err) {
    return mkdir(path, 0777) == 0 || errno == EEXIST ||
           error_set(err, ERROR_IO, "%s: cannot make the folder: %s", path, strerror(errno));
}

static bool has_bands(const struct wan_session *s) {
    struct wan_operator op = {.size = sizeof op};
    struct wan_tensor tensor = {.size = sizeof tensor};
    for (int steady = 0; steady < 2; steady++) {
        for (size_t i = 0; wan_session_operator(s, steady, i, &op); i++) {
            if (wan_session_tensor(s, steady, i, &tensor, NULL) < 0) return true;
        }
    }
    return false;
}

bool taps_open(struct taps *t, const struct taps_params *params, const struct wan_session *session,
               const char *plan, struct error *err) {
    *t = (struct taps){.params = params, .tolerance = params->tolerance, .session = session};
    if (t->tolerance.absolute < 0) t->tolerance.absolute = DEFAULT_TOLERANCE;
    if (has_bands(session))
        return error_set(
            err, ERROR_UNSUPPORTED,
            "%s: works on bands of images, which hold no whole tensors: compile it with --keep-taps", plan);
    return params->folder == NULL || make_folder(params->folder, err);
}

void taps_close(struct taps *t) {
    free(t->values);
    free(t->expected);
    *t = (struct taps){0};
}

bool taps_begin_step(struct taps *t, uint64_t step, struct error *err) {
    struct strbuf path = {0};
    t->step = step;
    if (t->params->folder == NULL) return true;
    strbuf_printf(&path, "%s/step%" PRIu64, t->params->folder, step);
    bool ok = make_folder(strbuf_text(&path), err);
    strbuf_free(&path);
    return ok;
}

bool taps_end_step(const struct taps *t, struct error *err) {
    if (t->err.code == ERROR_NONE) return true;
    *err = t->err;
    return false;
}

// ---- what was found

// "[0, 3, 1, 2, 5]": where a number is.
static void print_place(const struct wan_tensor *t, uint64_t number, struct strbuf *out) {
    uint64_t at[8] = {0};
    for (int i = (int)t->rank - 1; i >= 0; number /= t->shape[i--]) at[i] = number % t->shape[i];
    for (unsigned i = 0; i < t->rank; i++) strbuf_printf(out, "%s%" PRIu64, i ? ", " : "[", at[i]);
    strbuf_add(out, "]");
}

static void print_result(const char *what, const struct tap_result *r) {
    struct strbuf place = {0};
    print_place(&r->tensor, r->all.worst, &place);
    printf("%s: step %" PRIu64
           ", %s, left by %s (%s%s%s): max error %.2e, RMS error %.2e, of numbers up to %.3g; at %s expected "
           "%.9g, found %.9g\n",
           what, r->step, r->tensor.name, r->op.name, r->op.kind, r->op.algorithm[0] ? " " : "",
           r->op.algorithm, r->all.largest, comparison_rms(&r->all), r->largest_expected, strbuf_text(&place),
           r->all.expected, r->all.found);
    strbuf_free(&place);
}

static void print(const struct taps *t) {
    printf("tensors: %" PRIu64 " compared, %" PRIu64 " not in the reference, %" PRIu64 " differ\n",
           t->compared, t->missing, t->differing);
    if (t->differing > 0) print_result("the first that differs", &t->first);
    if (t->worst.compared) print_result(t->differing > 0 ? "the worst that agrees" : "the worst", &t->worst);
}

static json_t *result_json(const struct tap_result *r) {
    return json_pack("{s:I, s:s?, s:s?, s:s, s:s, s:o, s:o, s:f, s:I, s:o, s:o}", "step", (json_int_t)r->step,
                     "tensor", r->tensor.name, "operator", r->op.name, "kind", r->op.kind, "algorithm",
                     r->op.algorithm, "max_error", json_finite(r->all.largest), "rms_error",
                     json_finite(comparison_rms(&r->all)), "largest", r->largest_expected, "element",
                     (json_int_t)r->all.worst, "expected", json_finite(r->all.expected), "found",
                     json_finite(r->all.found));
}

static bool print_json(const struct taps *t, struct error *err) {
    json_t *root = json_pack("{s:i, s:o, s:b, s:I, s:I, s:I}", "version", 1, "reference",
                             json_name(t->params->reference), "agrees", t->differing == 0, "compared",
                             (json_int_t)t->compared, "missing", (json_int_t)t->missing, "differing",
                             (json_int_t)t->differing);
    if (t->differing > 0) json_object_set_new(root, "first", result_json(&t->first));
    if (t->worst.compared) json_object_set_new(root, "worst", result_json(&t->worst));
    return json_print(root, err);
}

bool taps_finish(const struct taps *t, struct error *err) {
    if (t->params->reference == NULL) return true;
    if (t->compared == 0)
        return error_set(err, ERROR_INPUT,
                         "%s: expected files such as step0/NAME.npy for tensors of the plan, found none",
                         t->params->reference);
    if (!t->params->json) print(t);
    else if (!print_json(t, err)) return false;
    return t->differing == 0 ||
           error_set(err, ERROR_INPUT,
                     "%s: step %" PRIu64
                     ": %s, left by %s (%s), is the first tensor that differs: by up to %.3g, of numbers "
                     "up to %.3g",
                     t->params->reference, t->first.step, t->first.tensor.name, t->first.op.name,
                     t->first.op.kind, t->first.all.largest, t->first.largest_expected);
}
