// Measures what each algorithm loses to rounding in the convolutions of a decoder, with its weights and its values.
//
//     errors PLAN LATENTS.npy [--steps N] [--all]
//
// The plan is made with `wanc compile --conv=direct`, so that every convolution reads a window. While it decodes the
// first N latent frames (3), each convolution is computed again by every algorithm that can, from the same window, and
// a few thousand outputs are compared with sums in double precision. Errors are parts of the root mean square of these
// outputs; depth is what a direct sum adds up. Prints for each algorithm the worst of all convolutions: of the root mean
// square of the error, alone and over sqrt(depth) * 2^-24, and of the largest error. --all prints each convolution as
// well: depth, then algorithm, root mean square and largest of each. passes/conv_error.c is made of these.
#include "base/cores.h"
#include "tools/latents/latents.h"
#include "tools/measure/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4000 };

struct conv_errors { // in parts of the root mean square of the outputs
    double rms, largest;
};

struct worst {
    struct conv_errors errors;
    double scaled; // rms / (sqrt(depth) * 2^-24)
    unsigned count;
};

struct bench {
    struct rt_session session;
    bool all;
    uint64_t step;
    struct worst worst[PLAN_CONV_ALGORITHMS];
};

static void die(const struct error *err) {
    fprintf(stderr, "errors: %s\n", err->message);
    exit(1);
}

// ---- one convolution, taken from the decoder

static float *copy_window(const struct rt_tensor *in, size_t *count) {
    *count = in->height * in->width * in->frames * in->channels;
    float *out = malloc(*count * sizeof *out), *to = out;
    for (size_t y = 0; out != NULL && y < in->height; y++) {
        for (size_t x = 0; x < in->width; x++) {
            for (size_t t = 0; t < in->frames; t++, to += in->channels)
                memcpy(to, in->data + y * in->row_stride + x * in->pixel_stride + t * in->frame_stride,
                       in->channels * sizeof *to);
        }
    }
    return out;
}

// Of the taps that are used.
static float *copy_weights(const struct rt_op *op, size_t *count) {
    const struct plan_conv *p = &op->plan->params.conv;
    size_t whole = p->kernel_t * op->in[0].channels, used = p->taps * op->in[0].channels,
           rows = op->constant[0].count / whole;
    float *out = malloc(rows * used * sizeof *out);
    *count = rows * used;
    for (size_t i = 0; out != NULL && i < rows; i++)
        memcpy(out + i * used, op->constant[0].data + i * whole + (whole - used), used * sizeof *out);
    return out;
}

static struct measure_data copy_data(const struct rt_op *op) {
    const struct plan_conv *p = &op->plan->params.conv;
    struct measure_data d = {.bias_count = op->out.channels * p->interleave};
    d.input = copy_window(&op->in[0], &d.input_count);
    d.weight = copy_weights(op, &d.weight_count);
    d.bias = calloc(d.bias_count, sizeof *d.bias);
    if (d.input == NULL || d.weight == NULL || d.bias == NULL) abort();
    if (op->constant[1].data != NULL) memcpy(d.bias, op->constant[1].data, d.bias_count * sizeof *d.bias);
    return d;
}

// ---- its errors

static struct conv_errors compare_outputs(const struct measured_conv *m, const struct measure_data *d) {
    const struct plan_view *v = &m->conv.out;
    const float *out = measured_conv_output(m);
    double largest = 0, errors = 0, outputs = 0;
    srand(1);
    for (int i = 0; i < SAMPLES; i++) {
        uint32_t t = (uint32_t)rand() % v->frames, y = (uint32_t)rand() % v->height,
                 x = (uint32_t)rand() % v->width, c = (uint32_t)rand() % v->channels;
        double exact = measured_conv_exact(m, d, t, y, x, c),
               found = (double)out[t * v->frame_stride + y * v->row_stride + x * v->pixel_stride + c];
        largest = fmax(largest, fabs(found - exact));
        errors += pow(found - exact, 2);
        outputs += pow(exact, 2);
    }
    if (outputs == 0) return (struct conv_errors){0};
    return (struct conv_errors){.rms = sqrt(errors / outputs), .largest = largest / sqrt(outputs / SAMPLES)};
}

static struct conv_errors errors_of(const struct plan_conv_shape *s, uint32_t algorithm,
                                    const struct measure_data *d) {
    struct measured_conv m;
    struct error err = {0};
    if (!measured_conv_open(&m, s, algorithm, 0, cores_available(), d, &err) || !measured_conv_run(&m, &err))
        die(&err);
    struct conv_errors e = compare_outputs(&m, d);
    measured_conv_close(&m);
    return e;
}

static void add_errors(struct worst *w, const struct conv_errors *e, double depth) {
    w->errors.rms = fmax(w->errors.rms, e->rms);
    w->errors.largest = fmax(w->errors.largest, e->largest);
    w->scaled = fmax(w->scaled, e->rms / (sqrt(depth) * 0x1p-24));
    w->count++;
}

static void measure_shape(struct bench *b, const struct plan_conv_shape *s, const struct measure_data *d) {
    double depth = (double)s->kernel_h * s->kernel_w * s->taps * s->in;
    if (b->all) printf(" depth %.0f", depth);
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        if (!plan_conv_shape_allows(s, a)) continue;
        struct conv_errors e = errors_of(s, a, d);
        add_errors(&b->worst[a], &e, depth);
        if (b->all) printf(" %s %.2g %.2g", plan_conv_algorithm_name(a), e.rms, e.largest);
    }
    if (b->all) printf("\n");
}

static void measure_conv(struct bench *b, const struct rt_op *op) {
    const struct plan *p = b->session.plan;
    const struct plan_conv *conv = &op->plan->params.conv;
    struct plan_conv_shape s = plan_conv_shape(conv, &p->views[op->plan->in[0]], &p->views[op->plan->out]);
    struct measure_data d = copy_data(op);
    char text[PLAN_CONV_SHAPE_TEXT];
    if (b->all) printf("%llu %s, %s:", (unsigned long long)b->step, op->name, plan_conv_shape_text(&s, text));
    measure_shape(b, &s, &d);
    measure_data_free(&d);
}

// ---- the decoder

static void observe(void *context, enum plan_variant variant, size_t index, uint64_t begin_ns,
                    uint64_t end_ns, uint64_t product_ns) {
    struct bench *b = context;
    const struct rt_op *op = &rt_variant_ops(&b->session, variant)[index];
    (void)begin_ns, (void)end_ns, (void)product_ns;
    if (op->plan->kind != PLAN_OP_CONV) return;
    struct error err = {0};
    if (op->plan->params.conv.algorithm != PLAN_CONV_DIRECT) {
        error_set(&err, ERROR_INPUT, "operator %s is not direct: compile with --conv=direct", op->name);
        die(&err);
    }
    measure_conv(b, op);
}

static void decode(struct bench *b, struct latents *l, uint64_t steps) {
    struct error err = {0};
    b->session.observer = observe;
    b->session.observer_context = b;
    for (b->step = 0; b->step < steps && b->step < l->frames; b->step++) {
        enum plan_variant v = b->step == 0 ? PLAN_FIRST : PLAN_STEADY;
        if (v == PLAN_STEADY && !plan_has_steady(b->session.program)) break;
        if (!latents_read_frame(l, b->step, (float *)b->session.input.data, &err) ||
            !rt_session_run(&b->session, v, &err))
            die(&err);
    }
}

static void report(const struct bench *b) {
    printf("%-16s %12s %14s %20s %14s\n", "algorithm", "convolutions", "root mean sq.",
           "over sqrt(depth)2^-24", "largest error");
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        const struct worst *w = &b->worst[a];
        printf("%-16s %12u %14.2g %20.2g %14.2g\n", plan_conv_algorithm_name(a), w->count, w->errors.rms,
               w->scaled, w->errors.largest);
    }
}

// ---- the command line

struct options {
    const char *files[2]; // plan, latents
    uint64_t steps;
    bool all;
};

static struct options parse_options(int argc, char **argv) {
    struct options o = {.steps = 3};
    int count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) o.all = true;
        else if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc) o.steps = strtoull(argv[++i], NULL, 10);
        else if (count < 2) o.files[count++] = argv[i];
    }
    if (count == 2) return o;
    fprintf(stderr, "usage: errors PLAN LATENTS.npy [--steps N] [--all]\n");
    exit(2);
}

static const struct plan_program *program_of(const struct plan *p, const struct latents *l,
                                             const char *path) {
    struct error err = {0};
    const struct plan_program *g = plan_find_program(p, l->height, l->width);
    if (g != NULL) return g;
    error_set(&err, ERROR_INPUT, "%s: latents of %zux%zu, the plan is not for that size", path,
              (size_t)l->height, (size_t)l->width);
    die(&err);
    return NULL;
}

int main(int argc, char **argv) {
    struct options o = parse_options(argc, argv);
    struct bench b = {.all = o.all};
    struct plan plan;
    struct latents l;
    struct error err = {0};
    if (!plan_open(&plan, o.files[0], &err) ||
        !latents_open(&l, o.files[1], plan.programs[0].latent_channels, NULL, &err) ||
        !rt_session_open(&b.session, &plan, program_of(&plan, &l, o.files[1]), &(struct rt_session_setup){0},
                         &err))
        die(&err);
    decode(&b, &l, o.steps);
    report(&b);
    rt_session_close(&b.session);
    latents_close(&l);
    plan_close(&plan);
    return 0;
}
