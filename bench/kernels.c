// Times every algorithm of the convolution on the shapes of a list, in one process and in turn, so that
// whatever else the machine does meets all of them alike.
//
//     kernels SHAPES.txt [--threads N] [--repeats N] [--block N] [--only ALGORITHM] [--cpu]
//
// A line of SHAPES.txt: NAME FRAMES HEIGHT WIDTH IN OUT TAPS UPSAMPLE (of the input image and the output's
// frames; the kernel is TAPS x 3 x 3, the pads 1). Lines that begin with # are comments. GFLOP/s are nominal:
// the multiplications and additions of the direct algorithm, whatever was executed. Errors are those of a few
// thousand outputs against sums in double precision. --cpu measures one thread's CPU time instead of the clock
// on the wall, for a machine that is busy with other things.
#include "plan/winograd.h"
#include "plan/write.h"
#include "runtime/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REPEATS = 100, SAMPLES = 3000 };

struct options {
    const char *list, *only;
    unsigned threads, repeats, block; // block 0: as plan_block_channels says
};

struct shape {
    char name[32];
    uint32_t frames, height, width, in, out, taps, upsample;
};

struct candidate { // one algorithm on one shape
    uint32_t algorithm;
    char path[64];
    struct plan plan;
    struct rt_session session;
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

// ---- data

static float random_float(void) { // about normal, variance 1
    static uint64_t state = 88172645463325252u;
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum += (float)(state >> 40) / (float)(1 << 24);
    }
    return (sum - 2) * 1.7320508f;
}

static float *random_floats(size_t count, float scale) {
    float *f = malloc(count * sizeof *f);
    if (f == NULL) abort();
    for (size_t i = 0; i < count; i++) f[i] = random_float() * scale;
    return f;
}

// What a convolution of a decoder reads: SiLU of a normalised value.
static void fill_input(float *f, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float x = random_float();
        f[i] = x / (1 + expf(-x));
    }
}

// ---- a plan of one convolution

static struct plan_view window(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    uint64_t pixel = (uint64_t)channels * frames;
    return (struct plan_view){PLAN_INPUT, 0,        frames,        height, width, channels,
                              0,          channels, pixel * width, pixel,  1};
}

static struct plan_view dense(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    uint64_t row = (uint64_t)channels * width;
    return (struct plan_view){PLAN_OUTPUT,  0,   frames,   height, width, channels, 0,
                              row * height, row, channels, 1};
}

static struct plan_view input_view(const struct shape *k) {
    return window(k->frames + k->taps - 1, k->height, k->width, k->in);
}

static struct plan_view output_view(const struct shape *k) {
    return dense(k->frames, k->height * k->upsample, k->width * k->upsample, k->out);
}

// No extent of a latent may be larger than 2^24.
enum { ROW = 1 << 12 };
static uint32_t rows(const struct plan_view *v) { return (uint32_t)((plan_view_extent(v) + ROW - 1) / ROW); }

static struct plan_conv conv_params(const struct shape *k, uint32_t algorithm, uint32_t block) {
    return (struct plan_conv){.kernel_t = k->taps,
                              .kernel_h = 3,
                              .kernel_w = 3,
                              .taps = k->taps,
                              .stride_h = 1,
                              .stride_w = 1,
                              .pad_top = 1,
                              .pad_left = 1,
                              .pad_bottom = 1,
                              .pad_right = 1,
                              .interleave = 1,
                              .upsample = k->upsample,
                              .block_channels = block,
                              .min = -INFINITY,
                              .max = INFINITY,
                              .algorithm = algorithm};
}

static void fill_from_memory(const void *context, uint64_t first, uint64_t count, float *out) {
    memcpy(out, (const float *)context + first, count * sizeof *out);
}

static uint32_t block_channels(const struct shape *k, uint32_t algorithm, const struct options *o) {
    struct plan_conv p = conv_params(k, algorithm, 1);
    uint32_t block = o->block != 0 ? o->block : plan_block_channels(&p, k->in);
    return block < k->out ? block : k->out;
}

// A plan has two variants, and only one is measured: the other copies one float.
static struct plan_op no_work(struct plan_writer *w, uint32_t name) {
    struct plan_view in = dense(1, 1, 1, 1), out = in;
    in.space = PLAN_INPUT;
    return (struct plan_op){.kind = PLAN_OP_COPY,
                            .name = name,
                            .in = {plan_writer_view(w, in), PLAN_NONE, PLAN_NONE},
                            .out = plan_writer_view(w, out),
                            .scratch = PLAN_NONE,
                            .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
}

static void write_plan(const struct shape *k, struct candidate *c, const struct options *o,
                       const float *weight, const float *bias) {
    struct arena arena = {0};
    struct error err = {0};
    struct plan_writer *w = plan_writer_new(&arena);
    struct plan_view in = input_view(k), out = output_view(k);
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = 1,
                                                        .latent_height = rows(&in),
                                                        .latent_width = ROW,
                                                        .frame_channels = 1,
                                                        .frame_height = rows(&out),
                                                        .frame_width = ROW,
                                                        .variant = {{.frames = 1}, {.frames = 1}}};
    struct plan_op op = {.kind = PLAN_OP_CONV,
                         .name = plan_writer_string(w, k->name),
                         .in = {plan_writer_view(w, in), PLAN_NONE, PLAN_NONE},
                         .out = plan_writer_view(w, out),
                         .scratch = PLAN_NONE};
    op.params.conv = conv_params(k, c->algorithm, block_channels(k, c->algorithm, o));
    op.constant[0] =
        plan_writer_constant(w, "weight", k->out * 9 * k->taps * k->in, fill_from_memory, weight);
    op.constant[1] = plan_writer_constant(w, "bias", k->out, fill_from_memory, bias);
    op.constant[2] = PLAN_NONE;
    if (k->upsample > 1 && c->algorithm == PLAN_CONV_DIRECT) {
        struct plan_view scratch = window(k->taps, k->height * k->upsample, k->width * k->upsample, k->in);
        uint64_t bytes = plan_view_extent(&scratch) * sizeof(float);
        scratch.space = PLAN_ARENA;
        op.scratch = plan_writer_view(w, scratch);
        plan_writer_buffer(w, PLAN_STEADY, (struct plan_buffer){.name = op.name, .bytes = bytes});
        plan_writer_program(w)->variant[PLAN_STEADY].arena_bytes = (bytes + 63) / 64 * 64;
    }
    plan_writer_op(w, PLAN_STEADY, op);
    plan_writer_op(w, PLAN_FIRST, no_work(w, op.name));
    if (!plan_writer_save(w, c->path, &err)) die(&err);
    arena_free(&arena);
}

static void open_candidate(const struct shape *k, struct candidate *c, const struct options *o,
                           const float *weight, const float *bias, const float *input, size_t count) {
    struct error err = {0};
    snprintf(c->path, sizeof c->path, "/tmp/wanc-kernels-%ld-%u.plan", (long)getpid(), c->algorithm);
    write_plan(k, c, o, weight, bias);
    bool ok = plan_open(&c->plan, c->path, &err);
    double start = now();
    if (!ok || !rt_session_open(&c->session, &c->plan, c->plan.programs, o->threads, &err)) die(&err);
    c->open_seconds = now() - start;
    unlink(c->path);
    memcpy(c->session.input.data, input, count * sizeof *input);
}

// ---- measures

static double run_once(struct candidate *c) {
    struct error err = {0};
    double start = now();
    if (!rt_session_run(&c->session, PLAN_STEADY, &err)) die(&err);
    return now() - start;
}

// The exact value of one output.
static double exact(const struct shape *k, const float *input, const float *weight, const float *bias,
                    uint32_t t, uint32_t y, uint32_t x, uint32_t o) {
    struct plan_view in = input_view(k);
    double sum = (double)bias[o];
    for (uint32_t i = 0; i < 9; i++) {
        uint32_t row = y + i / 3 - 1, column = x + i % 3 - 1; // outside: wraps around
        if (row >= k->height * k->upsample || column >= k->width * k->upsample) continue;
        const float *pixel = input + row / k->upsample * in.row_stride +
                             column / k->upsample * in.pixel_stride + t * in.frame_stride;
        const float *w = weight + (o * 9 + i) * (size_t)k->taps * k->in;
        for (uint32_t c = 0; c < k->taps * k->in; c++) sum += (double)pixel[c] * (double)w[c];
    }
    return sum;
}

static double max_error(const struct shape *k, const struct candidate *c, const float *input,
                        const float *weight, const float *bias) {
    struct plan_view v = output_view(k);
    const float *out = (const float *)c->session.output.data;
    double worst = 0;
    srand(1);
    for (int i = 0; i < SAMPLES; i++) {
        uint32_t t = (uint32_t)rand() % v.frames, y = (uint32_t)rand() % v.height,
                 x = (uint32_t)rand() % v.width, o = (uint32_t)rand() % v.channels;
        double got = (double)out[t * v.frame_stride + y * v.row_stride + x * v.pixel_stride + o];
        worst = fmax(worst, fabs(got - exact(k, input, weight, bias, t, y, x, o)));
    }
    return worst;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const struct shape *k, struct candidate *c, const struct options *o, double error,
                   double direct) {
    struct plan_view v = output_view(k);
    double flops = 2.0 * 9 * k->taps * k->in * k->out * v.frames * v.height * v.width;
    qsort(c->seconds, o->repeats, sizeof *c->seconds, ascending);
    double least = c->seconds[0], median = c->seconds[o->repeats / 2];
    printf("%-20s %-16s %4u %8.2f %8.2f %7.0f %7.0f %6.2f %9.1e %7.3f\n", k->name,
           plan_conv_algorithm_name(c->algorithm), block_channels(k, c->algorithm, o), 1e3 * least,
           1e3 * median, 1e-9 * flops / least, 1e-9 * flops / median, direct / median, error,
           c->open_seconds);
    fflush(stdout);
}

static bool wanted(const struct shape *k, uint32_t algorithm, const struct options *o) {
    struct plan_conv p = conv_params(k, algorithm, 1);
    if (o->only != NULL && strcmp(o->only, plan_conv_algorithm_name(algorithm)) != 0) return false;
    return algorithm == PLAN_CONV_DIRECT || plan_winograd_applies(&p, algorithm);
}

static void measure(const struct shape *k, const struct options *o) {
    static struct candidate all[PLAN_CONV_ALGORITHMS];
    struct plan_view in = input_view(k);
    size_t floats = plan_view_extent(&in);
    float *input = malloc(floats * sizeof *input), *bias = random_floats(k->out, 0.1f);
    float *weight = random_floats((size_t)k->out * 9 * k->taps * k->in, 1 / sqrtf(9.0f * k->taps * k->in));
    int count = 0;
    if (input == NULL) abort();
    fill_input(input, floats);
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        if (!wanted(k, a, o)) continue;
        all[count] = (struct candidate){.algorithm = a};
        open_candidate(k, &all[count++], o, weight, bias, input, floats);
    }
    for (int i = 0; i < count; i++) run_once(&all[i]);
    for (unsigned r = 0; r < o->repeats; r++) {
        for (int i = 0; i < count; i++) all[i].seconds[r] = run_once(&all[i]);
    }
    double direct = 0;
    for (int i = 0; i < count; i++) {
        report(k, &all[i], o, max_error(k, &all[i], input, weight, bias), direct);
        if (all[i].algorithm == PLAN_CONV_DIRECT) direct = all[i].seconds[o->repeats / 2];
        rt_session_close(&all[i].session);
        plan_close(&all[i].plan);
    }
    free(input), free(bias), free(weight);
}

// ---- the command line

static void parse_options(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--threads") == 0) o->threads = (unsigned)atoi(value), i++;
        else if (strcmp(argv[i], "--repeats") == 0) o->repeats = (unsigned)atoi(value), i++;
        else if (strcmp(argv[i], "--block") == 0) o->block = (unsigned)atoi(value), i++;
        else if (strcmp(argv[i], "--only") == 0) o->only = value, i++;
        else if (strcmp(argv[i], "--cpu") == 0) clock_used = CLOCK_PROCESS_CPUTIME_ID, o->threads = 1;
        else o->list = argv[i];
    }
    if (o->list != NULL && o->repeats > 0 && o->repeats <= MAX_REPEATS) return;
    fprintf(stderr,
            "usage: kernels SHAPES.txt [--threads N] [--repeats N] [--block N] [--only ALGORITHM] [--cpu]\n");
    exit(2);
}

int main(int argc, char **argv) {
    struct options o = {.repeats = 7};
    struct shape k;
    char line[256];
    parse_options(argc, argv, &o);
    FILE *f = fopen(o.list, "r");
    if (f == NULL) {
        fprintf(stderr, "kernels: %s: cannot open\n", o.list);
        return 1;
    }
    printf("%-20s %-16s %4s %8s %8s %7s %7s %6s %9s %7s\n", "shape", "algorithm", "blk", "min ms", "med ms",
           "GF/s", "med", "times", "error", "open s");
    while (fgets(line, sizeof line, f) != NULL) {
        if (line[0] == '#' || sscanf(line, "%31s %u %u %u %u %u %u %u", k.name, &k.frames, &k.height,
                                     &k.width, &k.in, &k.out, &k.taps, &k.upsample) != 8) {
            continue;
        }
        measure(&k, &o);
    }
    fclose(f);
    return 0;
}
