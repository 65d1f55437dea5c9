// Runs the ONNX backend tests of single operators through the compiler's front half: import, `resolve`, and the
// passes that work on tensors; what comes out is computed by the reference (reference/ir_eval.h) and compared with
// the tensors of the test.
//
//     run_node_tests [--update] [--verbose] EXPECTED OPERATORS.md FOLDER..
//
// Each test is run with its floats as inputs of the graph, which exercises the lowerings; where that is refused, with
// the first of them alone as an input, since the others may be parameters; and with all inputs as constants, which
// exercises the evaluation of constants. (Integers and booleans are always constants: no decoder computes with
// them.) A test passes, or is refused with a message; a wrong number fails whatever is
// expected. EXPECTED has one line for each test whose operators the import claims, and both releases of Debian
// carry some of them: lines of tests that are not here do not count. --update rewrites it and the table in
// OPERATORS.md.
#include "backend/expectations.h"
#include "backend/node_case.h"
#include "frontend/import.h"
#include "passes/pass.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tensor_passes[] =
    "share_constants simplify fold_rearranges merge_slices fold_pads recognise_rms_norm "
    "recognise_silu recognise_attention eliminate_common eliminate_dead";

enum verdict { PASS, REFUSED, WRONG };
enum way { ALL_INPUTS, FIRST_INPUT, CONSTANTS };

// ---- comparing

// The tolerance of ONNX's own runner, or two units of the narrower float that the test was computed in.
static double relative_tolerance(enum ir_dtype dtype) {
    return dtype == IR_BF16 ? 1.6e-2 : dtype == IR_F16 ? 2e-3 : 1e-3;
}

static double absolute_tolerance(enum ir_dtype dtype) {
    return dtype == IR_BF16 ? 4e-3 : dtype == IR_F16 ? 5e-4 : 1e-7;
}

static bool is_close(double found, double expected, enum ir_dtype dtype) {
    if (isnan(expected) || isnan(found)) return isnan(expected) && isnan(found);
    if (!ir_dtype_is_float(dtype) || isinf(expected) || isinf(found)) return expected == found;
    return fabs(found - expected) <= absolute_tolerance(dtype) + relative_tolerance(dtype) * fabs(expected);
}

static bool same_shape(const struct ir_tensor *a, const struct ir_tensor *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = a->dims[i] == b->dims[i];
    return same;
}

static enum verdict compare(int index, const struct ir_value *v, const struct ir_tensor *found,
                            const struct case_tensor *expected, struct error *err) {
    enum ir_dtype wanted = ir_dtype_is_float(expected->dtype) ? IR_F32 : expected->dtype;
    if (v->type.dtype != wanted) {
        error_set(err, ERROR_INTERNAL, "output %d is of %s, not %s", index, ir_dtype_name(v->type.dtype),
                  ir_dtype_name(wanted));
        return WRONG;
    }
    if (!same_shape(found, &expected->tensor)) {
        error_set(err, ERROR_INTERNAL, "output %d has another shape", index);
        return WRONG;
    }
    for (size_t i = 0; i < found->count; i++) {
        double x = found->data[i], y = expected->tensor.data[i];
        if (is_close(x, y, expected->dtype)) continue;
        error_set(err, ERROR_INTERNAL, "output %d, element %zu is %.9g, not %.9g", index, i, x, y);
        return WRONG;
    }
    return PASS;
}

static enum verdict evaluate(const struct node_case *c, const struct ir_module *m,
                             const struct ir_tensor *inputs, const char *when, struct error *err) {
    const struct ir_graph *g = m->graphs;
    const struct ir_node *results = ir_return_of(g);
    struct ir_tensor outputs[CASE_MAX_PORTS];
    struct ir_eval e;
    enum verdict v = PASS;
    ir_eval_start(&e, m, 1);
    if (!ir_eval_run(&e, g, inputs, outputs, err)) v = err->code == ERROR_UNSUPPORTED ? REFUSED : WRONG;
    for (int i = 0; v == PASS && i < c->output_count; i++) {
        v = compare(i, ir_in(results, i), &outputs[i], &c->outputs[i], err);
    }
    if (v == WRONG) error_prefix(err, "%s", when);
    ir_eval_end(&e);
    return v;
}

// ---- one way of running a test

static struct ir_value *constant_of(struct ir_module *m, const struct case_tensor *t) {
    struct ir_dim dims[IR_MAX_RANK];
    size_t count = t->tensor.count;
    for (int i = 0; i < t->tensor.rank; i++) dims[i] = dim_const(t->tensor.dims[i]);
    float *floats = arena_array(&m->arena, count + 1, sizeof *floats);
    struct ir_dim *ints = arena_array(&m->arena, count + 1, sizeof *ints);
    for (size_t i = 0; i < count; i++) {
        if (ir_dtype_is_float(t->dtype)) floats[i] = (float)t->tensor.data[i];
        else ints[i] = dim_const((int64_t)t->tensor.data[i]);
    }
    if (ir_dtype_is_float(t->dtype)) return ir_constant_floats(m, "given", t->tensor.rank, dims, floats);
    return ir_constant_ints(m, "given", t->dtype, t->tensor.rank, dims, ints);
}

// Binds the inputs; those that stay inputs go to `tensors`, in order.
static void bind_inputs(const struct node_case *c, struct ir_module *m, enum way way,
                        struct import_input *inputs, struct ir_tensor *tensors) {
    bool any = false;
    for (int i = 0; i < c->input_count; i++) {
        const struct case_tensor *t = &c->inputs[i];
        inputs[i] =
            (struct import_input){.type = {.dtype = t->dtype, .rank = t->tensor.rank, .time_axis = -1}};
        for (int d = 0; d < t->tensor.rank; d++) inputs[i].type.dims[d] = dim_const(t->tensor.dims[d]);
        bool stays = ir_dtype_is_float(t->dtype) && way != CONSTANTS && !(way == FIRST_INPUT && any);
        any = any || stays;
        if (stays) *tensors++ = t->tensor;
        else inputs[i].constant = constant_of(m, t);
    }
}

static enum verdict run_module(const struct node_case *c, struct ir_module **m, enum way way,
                               struct error *err) {
    struct import_input inputs[CASE_MAX_PORTS];
    struct ir_tensor tensors[CASE_MAX_PORTS];
    struct ir_graph *g;
    struct strbuf context = {0};
    struct pass_options options = {.skip = NULL};
    bind_inputs(c, *m, way, inputs, tensors);
    if (!import_graph_with_inputs(*m, c->model, "full", (size_t)c->input_count, inputs, &g, err) ||
        !pass_run_named(m, "resolve", &options, err))
        return REFUSED;
    bool verified = ir_verify(*m, &context, err);
    strbuf_free(&context);
    if (!verified) return WRONG;
    enum verdict v = evaluate(c, *m, tensors, "after resolve", err);
    if (v != PASS) return v;
    if (!pass_run_named(m, tensor_passes, &options, err)) return WRONG;
    return evaluate(c, *m, tensors, "after the passes on tensors", err);
}

static enum verdict run_way(const struct node_case *c, enum way way, struct error *err) {
    struct ir_module *m = ir_module_new();
    enum verdict v = run_module(c, &m, way, err);
    ir_module_free(m);
    return v;
}

// ---- one test

// The message without the path in front.
static const char *relevant(const struct node_case *c, const struct error *err) {
    size_t n = strlen(c->folder);
    const char *text = err->message;
    if (strncmp(text, c->folder, n) == 0) text += n + strlen("/model.onnx: ");
    return text;
}

static int count_floats(const struct node_case *c) {
    int count = 0;
    for (int i = 0; i < c->input_count; i++) count += ir_dtype_is_float(c->inputs[i].dtype);
    return count;
}

struct ways {
    enum verdict inputs, first, constants;
    struct error inputs_error, first_error, constants_error;
};

static void run_all_ways(const struct node_case *c, struct ways *w) {
    int floats = count_floats(c);
    w->constants = run_way(c, CONSTANTS, &w->constants_error);
    w->inputs = w->constants;
    w->inputs_error = w->constants_error;
    if (floats > 0) {
        w->inputs_error = (struct error){0};
        w->inputs = run_way(c, ALL_INPUTS, &w->inputs_error);
    }
    w->first = w->inputs;
    if (w->inputs == REFUSED && floats > 1) w->first = run_way(c, FIRST_INPUT, &w->first_error);
}

// Adds what came out to `text`; false for a wrong result.
static bool describe(const struct node_case *c, const struct ways *w, struct strbuf *text) {
    if (w->inputs == WRONG) strbuf_printf(text, "WRONG: %s", relevant(c, &w->inputs_error));
    else if (w->first == WRONG) strbuf_printf(text, "WRONG on parameters: %s", relevant(c, &w->first_error));
    else if (w->constants == WRONG)
        strbuf_printf(text, "WRONG on constants: %s", relevant(c, &w->constants_error));
    else if (w->first == PASS) {
        strbuf_add(text, w->inputs == PASS ? "pass" : "pass with constant parameters");
        if (w->constants != PASS)
            strbuf_printf(text, "; on constants refused: %s", relevant(c, &w->constants_error));
    } else if (w->constants == PASS) {
        strbuf_printf(text, "pass on constants; refused: %s", relevant(c, &w->inputs_error));
    } else strbuf_printf(text, "refused: %s", relevant(c, &w->inputs_error));
    return w->inputs != WRONG && w->first != WRONG && w->constants != WRONG;
}

static bool run_data_set(struct node_case *c, int set, struct strbuf *text) {
    struct error err = {0};
    struct ways w = {0};
    if (!case_read_data_set(c, set, &err)) {
        strbuf_printf(text, "refused: %s", err.message);
        return true;
    }
    run_all_ways(c, &w);
    return describe(c, &w, text);
}

// Runs all data sets; the outcome is that of the first that does not just pass.
static void run_case(struct node_case *c, struct expectations *x) {
    struct strbuf text = {0};
    strbuf_add(&text, "pass");
    for (int set = 0; case_has_data_set(c, set) && strcmp(text.data, "pass") == 0; set++) {
        strbuf_free(&text);
        if (!run_data_set(c, set, &text)) break;
    }
    for (char *p = text.data; *p != '\0'; p++) {
        if (*p == '\n') *p = ' ';
    }
    expectations_meet(x, c->operator_name, c->name, (int)c->model->opset, strbuf_text(&text));
    strbuf_free(&text);
}

// ---- folders

struct counts {
    int unclaimed, unopened;
};

static int is_test(const struct dirent *d) { return strncmp(d->d_name, "test_", 5) == 0; }

static void run_folder(const char *root, struct expectations *x, struct counts *counts, bool verbose) {
    struct dirent **list = NULL;
    int count = scandir(root, &list, is_test, alphasort);
    if (count < 0) printf("# %s is not here\n", root);
    for (int i = 0; i < count; i++) {
        struct node_case c;
        struct error err = {0};
        if (verbose) fprintf(stderr, "%s\n", list[i]->d_name);
        if (!case_open(&c, root, list[i]->d_name, &err)) counts->unopened++;
        else {
            if (case_is_claimed(&c)) run_case(&c, x);
            else counts->unclaimed++;
            case_close(&c);
        }
        free(list[i]);
    }
    free(list);
}

int main(int argc, char **argv) {
    bool update = false, verbose = false;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        update = update || strcmp(argv[at], "--update") == 0;
        verbose = verbose || strcmp(argv[at], "--verbose") == 0;
    }
    if (argc - at < 3) {
        fprintf(stderr, "usage: run_node_tests [--update] [--verbose] EXPECTED OPERATORS.md FOLDER..\n");
        return 2;
    }
    struct expectations x;
    struct counts counts = {0};
    expectations_read(&x, argv[at]);
    for (int i = at + 2; i < argc; i++) run_folder(argv[i], &x, &counts, verbose);
    printf("%d tests with operators that the import does not claim, %d that cannot be opened\n",
           counts.unclaimed, counts.unopened);
    bool ok = expectations_finish(&x, update, argv[at + 1]);
    expectations_free(&x);
    return ok ? 0 : 1;
}
