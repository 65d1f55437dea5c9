// Measures what each algorithm loses to rounding in the convolutions of a decoder, with its weights and its values.
//
//     errors PLAN LATENTS.npy [--steps N] [--all]
//
// The plan is made with `wanc compile --conv=direct`, so that every convolution reads a window. While it decodes the
// first N latent frames (3), each convolution is computed again by every algorithm that can, from the same window, and
// a few thousand outputs are compared with sums in double precision. An error is given as a part of the root mean
// square of these outputs. Prints for each algorithm the largest of all convolutions, and the largest of error /
// sqrt(depth), where depth is what a direct sum adds up; --all prints every convolution as well. The table of
// passes/conv_error.c is made of these.
#include "base/cores.h"
#include "tools/latents/latents.h"
#include "tools/measure/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4000 };

struct worst {
    double error, scaled;
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

// The largest error, as a part of the root mean square.
static double largest_error(const struct measured_conv *m, const struct measure_data *d) {
    const struct plan_view *v = &m->conv.out;
    const float *out = measured_conv_output(m);
    double largest = 0, squares = 0;
    srand(1);
    for (int i = 0; i < SAMPLES; i++) {
        uint32_t t = (uint32_t)rand() % v->frames, y = (uint32_t)rand() % v->height,
                 x = (uint32_t)rand() % v->width, c = (uint32_t)rand() % v->channels;
        double exact = measured_conv_exact(m, d, t, y, x, c),
               found = (double)out[t * v->frame_stride + y * v->row_stride + x * v->pixel_stride + c];
        largest = fmax(largest, fabs(found - exact));
        squares += exact * exact;
    }
    return squares > 0 ? largest / sqrt(squares / SAMPLES) : 0;
}

static double error_of(const struct plan_conv_shape *s, uint32_t algorithm, const struct measure_data *d) {
    struct measured_conv m;
    struct error err = {0};
    if (!measured_conv_open(&m, s, algorithm, 0, cores_available(), d, &err) || !measured_conv_run(&m, &err))
        die(&err);
    double error = largest_error(&m, d);
    measured_conv_close(&m);
    return error;
}

static void add_error(struct bench *b, uint32_t algorithm, double error, double depth) {
    struct worst *w = &b->worst[algorithm];
    w->error = fmax(w->error, error);
    w->scaled = fmax(w->scaled, error / sqrt(depth));
    w->count++;
}

static void compare(struct bench *b, const struct rt_op *op) {
    const struct plan *p = b->session.plan;
    const struct plan_conv *conv = &op->plan->params.conv;
    struct plan_conv_shape s = plan_conv_shape(conv, &p->views[op->plan->in[0]], &p->views[op->plan->out]);
    struct measure_data d = copy_data(op);
    char text[PLAN_CONV_SHAPE_TEXT];
    double depth = (double)s.kernel_h * s.kernel_w * s.taps * s.in;
    if (b->all) printf("%llu %s, %s:", (unsigned long long)b->step, op->name, plan_conv_shape_text(&s, text));
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        if (!plan_conv_shape_allows(&s, a)) continue;
        double error = error_of(&s, a, &d);
        add_error(b, a, error, depth);
        if (b->all) printf(" %s %.2g", plan_conv_algorithm_name(a), error);
    }
    if (b->all) printf("\n");
    measure_data_free(&d);
}

// ---- the decoder

static void observe(void *context, enum plan_variant variant, size_t index, uint64_t begin_ns,
                    uint64_t end_ns, uint64_t product_ns) {
    struct bench *b = context;
    const struct rt_op *op =
        &b->session.ops[index + (variant == PLAN_STEADY ? b->session.program->variant[0].op_count : 0)];
    (void)begin_ns, (void)end_ns, (void)product_ns;
    if (op->plan->kind != PLAN_OP_CONV) return;
    struct error err = {0};
    if (op->plan->params.conv.algorithm != PLAN_CONV_DIRECT) {
        error_set(&err, ERROR_INPUT, "operator %s is not direct: compile with --conv=direct", op->name);
        die(&err);
    }
    compare(b, op);
}

static const struct plan_program *program_of(const struct plan *p, const struct latents *l) {
    for (uint32_t i = 0; i < p->program_count; i++) {
        if (p->programs[i].latent_height == l->height && p->programs[i].latent_width == l->width)
            return &p->programs[i];
    }
    return NULL;
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
    printf("%-16s %12s %14s %18s\n", "algorithm", "convolutions", "largest error", "over sqrt(depth)");
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        const struct worst *w = &b->worst[a];
        printf("%-16s %12u %14.2g %18.2g\n", plan_conv_algorithm_name(a), w->count, w->error, w->scaled);
    }
}

int main(int argc, char **argv) {
    struct bench b = {0};
    struct plan plan;
    struct latents l;
    struct error err = {0};
    const char *files[2] = {NULL, NULL};
    int count = 0;
    uint64_t steps = 3;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) b.all = true;
        else if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc) steps = strtoull(argv[++i], NULL, 10);
        else if (count < 2) files[count++] = argv[i];
    }
    if (count < 2) {
        fprintf(stderr, "usage: errors PLAN LATENTS.npy [--steps N] [--all]\n");
        return 2;
    }
    if (!plan_open(&plan, files[0], &err) ||
        !latents_open(&l, files[1], plan.programs[0].latent_channels, &err))
        die(&err);
    const struct plan_program *g = program_of(&plan, &l);
    if (g == NULL && !error_set(&err, ERROR_INPUT, "%s: the plan has no such latent size", files[1]))
        die(&err);
    if (!rt_session_open(&b.session, &plan, g, 0, &err)) die(&err);
    decode(&b, &l, steps);
    report(&b);
    rt_session_close(&b.session);
    latents_close(&l);
    plan_close(&plan);
    return 0;
}
