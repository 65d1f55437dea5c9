// Times each convolution algorithm on a list of shapes, all algorithms of a shape interleaved in one process.
//
//     kernels SHAPES.txt [--threads N] [--repeats N] [--block N] [--only ALGORITHM] [--cpu] [--work]
//
// A line of SHAPES.txt: NAME FRAMES HEIGHT WIDTH IN OUT TAPS UPSAMPLE (of the input image and the output's
// frames; the kernel is TAPS x 3 x 3, the pads 1). Lines that begin with # are comments. GFLOP/s are nominal:
// the multiplications and additions of the direct algorithm, whatever was executed. Errors are those of a few
// thousand outputs against sums in double precision. --cpu measures one thread's CPU time instead of the clock
// on the wall, for a machine that is busy with other things. "model" is what the compiler expects of the reference
// machine's two cores; --work adds what it counts, in the units of passes/conv_cost.h and for the threads that are
// measured: bench/fit_cost.py makes its prices of these.
#include "base/cores.h"
#include "passes/conv_cost.h"
#include "tools/measure/conv.h"
#include "tools/measure/times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_REPEATS = 100, SAMPLES = 3000 };

struct options {
    const char *list, *only;
    unsigned threads, repeats, block; // block 0: as the compiler chooses it
    bool work;
};

struct named_shape {
    char name[32];
    struct plan_conv_shape shape;
};

struct candidate { // one algorithm on one shape
    uint32_t algorithm;
    struct measured_conv conv;
    double seconds[MAX_REPEATS], open_seconds;
};

static void die(const struct error *err) {
    fprintf(stderr, "kernels: %s\n", err->message);
    exit(1);
}

static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void) {
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void open_candidate(const struct plan_conv_shape *s, struct candidate *c, const struct options *o,
                           const struct measure_data *d) {
    struct error err = {0};
    double start = now();
    if (!measured_conv_open(&c->conv, s, c->algorithm, o->block, o->threads, d, &err)) die(&err);
    c->open_seconds = now() - start;
}

static double run_once(struct candidate *c) {
    struct error err = {0};
    double start = now();
    if (!measured_conv_run(&c->conv, &err)) die(&err);
    return now() - start;
}

static double max_error(const struct candidate *c, const struct measure_data *d) {
    const struct plan_view *v = &c->conv.conv.out;
    const float *out = measured_conv_output(&c->conv);
    double worst = 0;
    srand(1);
    for (int i = 0; i < SAMPLES; i++) {
        uint32_t t = (uint32_t)rand() % v->frames, y = (uint32_t)rand() % v->height,
                 x = (uint32_t)rand() % v->width, o = (uint32_t)rand() % v->channels;
        double got = (double)out[t * v->frame_stride + y * v->row_stride + x * v->pixel_stride + o];
        worst = fmax(worst, fabs(got - measured_conv_exact(&c->conv, d, t, y, x, o)));
    }
    return worst;
}

static void report(const struct named_shape *k, struct candidate *c, const struct options *o, double error,
                   double direct) {
    const struct plan_conv_case *conv = &c->conv.conv;
    const struct plan_view *v = &conv->out;
    double flops = 2.0 * 9 * k->shape.taps * k->shape.in * v->channels * v->frames * v->height * v->width;
    measure_sort(c->seconds, o->repeats);
    double least = c->seconds[0], median = c->seconds[o->repeats / 2];
    printf("%-20s %-16s %4u %9.3f %9.3f %9.3f %7.0f %7.0f %6.2f %9.1e %7.3f", k->name,
           plan_conv_algorithm_name(c->algorithm), conv->params.block_channels, 1e3 * least, 1e3 * median,
           1e3 * conv_cost(&k->shape, c->algorithm), 1e-9 * flops / least, 1e-9 * flops / median,
           direct / median, error, c->open_seconds);
    struct conv_work w = conv_work(&k->shape, c->algorithm, o->threads);
    for (int i = 0; o->work && i < CONV_WORK_KINDS; i++) printf(" %.6g", w.count[i]);
    printf("\n");
    fflush(stdout);
}

static bool wanted(const struct plan_conv_shape *s, uint32_t algorithm, const struct options *o) {
    if (o->only != NULL && strcmp(o->only, plan_conv_algorithm_name(algorithm)) != 0) return false;
    return plan_conv_shape_allows(s, algorithm);
}

static void measure(const struct named_shape *k, const struct options *o) {
    static struct candidate all[PLAN_CONV_ALGORITHMS];
    struct measure_data data;
    struct error err = {0};
    int count = 0;
    if (!measure_data_new(&k->shape, &data, &err)) die(&err);
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        if (!wanted(&k->shape, a, o)) continue;
        all[count] = (struct candidate){.algorithm = a};
        open_candidate(&k->shape, &all[count++], o, &data);
    }
    for (int i = 0; i < count; i++) run_once(&all[i]);
    for (unsigned r = 0; r < o->repeats; r++) {
        for (int i = 0; i < count; i++) all[i].seconds[r] = run_once(&all[i]);
    }
    double direct = 0;
    for (int i = 0; i < count; i++) {
        report(k, &all[i], o, max_error(&all[i], &data), direct);
        if (all[i].algorithm == PLAN_CONV_DIRECT) direct = all[i].seconds[o->repeats / 2];
        measured_conv_close(&all[i].conv);
    }
    measure_data_free(&data);
}

// ---- the command line

static void parse_options(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--threads") == 0) o->threads = (unsigned)atoi(value), i++;
        else if (strcmp(argv[i], "--repeats") == 0) o->repeats = (unsigned)atoi(value), i++;
        else if (strcmp(argv[i], "--block") == 0) o->block = (unsigned)atoi(value), i++;
        else if (strcmp(argv[i], "--only") == 0) o->only = value, i++;
        else if (strcmp(argv[i], "--work") == 0) o->work = true;
        else if (strcmp(argv[i], "--cpu") == 0) clock_used = CLOCK_PROCESS_CPUTIME_ID, o->threads = 1;
        else o->list = argv[i];
    }
    if (o->threads == 0) o->threads = cores_available();
    if (o->list != NULL && o->repeats > 0 && o->repeats <= MAX_REPEATS) return;
    fprintf(stderr, "usage: kernels SHAPES.txt [--threads N] [--repeats N] [--block N] [--only ALGORITHM] "
                    "[--cpu] [--work]\n");
    exit(2);
}

static bool read_shape(const char *line, struct named_shape *k) {
    struct plan_conv_shape *s = &k->shape;
    *s =
        (struct plan_conv_shape){.kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1, .interleave = 1};
    s->pad_top = s->pad_left = s->pad_bottom = s->pad_right = 1;
    return line[0] != '#' && sscanf(line, "%31s %u %u %u %u %u %u %u", k->name, &s->frames, &s->height,
                                    &s->width, &s->in, &s->out, &s->taps, &s->upsample) == 8;
}

int main(int argc, char **argv) {
    struct options o = {.repeats = 7};
    struct named_shape k;
    char line[256];
    parse_options(argc, argv, &o);
    FILE *f = fopen(o.list, "r");
    if (f == NULL) {
        fprintf(stderr, "kernels: %s: cannot open\n", o.list);
        return 1;
    }
    printf("%-20s %-16s %4s %9s %9s %9s %7s %7s %6s %9s %7s", "shape", "algorithm", "blk", "min ms", "med ms",
           "model ms", "GF/s", "med", "times", "error", "open s");
    for (int i = 0; o.work && i < CONV_WORK_KINDS; i++) printf(" %s", conv_work_name[i]);
    printf("\n");
    while (fgets(line, sizeof line, f) != NULL) {
        if (read_shape(line, &k)) measure(&k, &o);
    }
    fclose(f);
    return 0;
}
