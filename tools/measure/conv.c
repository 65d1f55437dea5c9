#include "tools/measure/conv.h"

#include "plan/write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- data

static float random_float(uint64_t *state) { // about normal, variance 1
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        sum += (float)(*state >> 40) / (float)(1 << 24);
    }
    return (sum - 2) * 1.7320508f;
}

static float *random_floats(size_t count, float scale, uint64_t *state) {
    float *f = malloc(count * sizeof *f);
    for (size_t i = 0; f != NULL && i < count; i++) f[i] = random_float(state) * scale;
    return f;
}

bool measure_data_new(const struct plan_conv_shape *s, struct measure_data *d, struct error *err) {
    uint64_t state = 88172645463325252u;
    size_t depth = (size_t)s->kernel_h * s->kernel_w * s->taps * s->in;
    *d = (struct measure_data){.weight_count = s->out * s->interleave * depth,
                               .bias_count = (size_t)s->out * s->interleave,
                               .input_count =
                                   (size_t)(s->frames + s->taps - 1) * s->height * s->width * s->in};
    d->bias = random_floats(d->bias_count, 0.1f, &state);
    d->weight = random_floats(d->weight_count, 1 / sqrtf((float)depth), &state);
    d->input = random_floats(d->input_count, 1, &state);
    if (d->bias == NULL || d->weight == NULL || d->input == NULL) {
        measure_data_free(d);
        return error_set(err, ERROR_MEMORY, "out of memory for a convolution's data");
    }
    for (size_t i = 0; i < d->input_count; i++) d->input[i] /= 1 + expf(-d->input[i]); // SiLU
    return true;
}

void measure_data_free(struct measure_data *d) {
    free(d->weight);
    free(d->bias);
    free(d->input);
    *d = (struct measure_data){0};
}

// ---- the plan

static void place_window(struct plan_view *v, uint32_t space) {
    v->space = space;
    v->channel_stride = 1;
    v->frame_stride = v->channels;
    v->pixel_stride = v->frame_stride * v->frames;
    v->row_stride = v->pixel_stride * v->width;
}

static void place_frames(struct plan_view *v, uint32_t space) {
    v->space = space;
    v->channel_stride = 1;
    v->pixel_stride = v->channels;
    v->row_stride = v->pixel_stride * v->width;
    v->frame_stride = v->row_stride * v->height;
}

// As latents and frames the two views are rows of this length: no extent of these may be larger than 2^24.
enum { ROW = 1 << 12 };
static uint32_t rows(const struct plan_view *v) { return (uint32_t)((plan_view_extent(v) + ROW - 1) / ROW); }

static void fill_from_memory(const void *context, uint64_t first, uint64_t count, float *out) {
    memcpy(out, (const float *)context + first, count * sizeof *out);
}

// A plan has a first step, and only the steady one is measured: the other copies one float.
static struct plan_op no_work(struct plan_writer *w, uint32_t name) {
    struct plan_view in = {.frames = 1, .height = 1, .width = 1, .channels = 1}, out = in;
    place_frames(&in, PLAN_INPUT);
    place_frames(&out, PLAN_OUTPUT);
    return (struct plan_op){.kind = PLAN_OP_COPY,
                            .name = name,
                            .in = {plan_writer_view(w, in), PLAN_NONE, PLAN_NONE},
                            .out = plan_writer_view(w, out),
                            .scratch = PLAN_NONE,
                            .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
}

// The enlarged image of the direct algorithm.
static uint32_t scratch_view(struct plan_writer *w, const struct plan_conv_case *c, uint32_t name) {
    struct plan_view v = {.frames = c->params.taps,
                          .height = c->in.height * c->params.upsample,
                          .width = c->in.width * c->params.upsample,
                          .channels = c->in.channels};
    place_window(&v, PLAN_ARENA);
    uint64_t bytes = plan_view_extent(&v) * sizeof(float);
    v.index = plan_writer_buffer(w, PLAN_STEADY, (struct plan_buffer){.name = name, .bytes = bytes});
    plan_writer_program(w)->variant[PLAN_STEADY].arena_bytes =
        (bytes + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
    return plan_writer_view(w, v);
}

static void add_conv(struct plan_writer *w, const struct plan_conv_case *c, const struct measure_data *d) {
    struct plan_op op = {.kind = PLAN_OP_CONV,
                         .name = plan_writer_string(w, "measured"),
                         .in = {plan_writer_view(w, c->in), PLAN_NONE, PLAN_NONE},
                         .out = plan_writer_view(w, c->out),
                         .scratch = PLAN_NONE,
                         .params.conv = c->params};
    op.constant[0] =
        plan_writer_constant(w, "weight", (uint32_t)d->weight_count, fill_from_memory, d->weight);
    op.constant[1] = plan_writer_constant(w, "bias", (uint32_t)d->bias_count, fill_from_memory, d->bias);
    op.constant[2] = PLAN_NONE;
    if (c->params.upsample > 1 && c->params.algorithm == PLAN_CONV_DIRECT)
        op.scratch = scratch_view(w, c, op.name);
    plan_writer_op(w, PLAN_STEADY, op);
    plan_writer_op(w, PLAN_FIRST, no_work(w, op.name));
}

static bool make_plan(const struct plan_conv_case *c, const struct measure_data *d, struct plan *plan,
                      struct error *err) {
    struct arena arena = {0};
    struct plan_writer *w = plan_writer_new(&arena);
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = 1,
                                                        .latent_height = rows(&c->in),
                                                        .latent_width = ROW,
                                                        .frame_channels = 1,
                                                        .frame_height = rows(&c->out),
                                                        .frame_width = ROW,
                                                        .variant = {{.frames = 1}, {.frames = 1}}};
    add_conv(w, c, d);
    bool ok = plan_writer_open(w, plan, err);
    arena_free(&arena);
    return ok;
}

bool measured_conv_open(struct measured_conv *m, const struct plan_conv_shape *s, uint32_t algorithm,
                        uint32_t block_channels, unsigned threads, const struct measure_data *d,
                        struct error *err) {
    *m = (struct measured_conv){.conv = plan_conv_case(s, algorithm)};
    if (block_channels != 0)
        m->conv.params.block_channels = block_channels < s->out ? block_channels : s->out;
    place_window(&m->conv.in, PLAN_INPUT);
    place_frames(&m->conv.out, PLAN_OUTPUT);
    const struct rt_session_setup setup = {.threads = threads};
    if (!make_plan(&m->conv, d, &m->plan, err)) return false;
    if (!rt_session_open(&m->session, &m->plan, m->plan.programs, &setup, err)) {
        plan_close(&m->plan);
        return false;
    }
    memcpy(m->session.input.data, d->input, d->input_count * sizeof *d->input);
    return true;
}

void measured_conv_close(struct measured_conv *m) {
    rt_session_close(&m->session);
    plan_close(&m->plan);
}

bool measured_conv_run(struct measured_conv *m, struct error *err) {
    return rt_session_run(&m->session, PLAN_STEADY, err);
}

// ---- the exact value

// The pixels of a window under one kernel element, or NULL for the zeros around the image.
static const float *pixel(const struct measured_conv *m, const float *input, uint32_t frame, uint32_t row,
                          uint32_t column) {
    const struct plan_view *in = &m->conv.in;
    uint32_t u = m->conv.params.upsample;
    if (row >= in->height * u || column >= in->width * u) return NULL; // those in front have wrapped around
    return input + frame * in->frame_stride + row / u * in->row_stride + column / u * in->pixel_stride;
}

double measured_conv_exact(const struct measured_conv *m, const struct measure_data *d, uint32_t frame,
                           uint32_t y, uint32_t x, uint32_t channel) {
    const struct plan_conv *p = &m->conv.params;
    size_t run = (size_t)p->taps * m->conv.in.channels,
           row = frame % p->interleave * m->conv.out.channels + channel;
    double sum = (double)d->bias[row];
    for (uint32_t ky = 0; ky < p->kernel_h; ky++) {
        for (uint32_t kx = 0; kx < p->kernel_w; kx++) {
            const float *w = d->weight + ((row * p->kernel_h + ky) * p->kernel_w + kx) * run;
            const float *in = pixel(m, d->input, frame / p->interleave, y * p->stride_h + ky - p->pad_top,
                                    x * p->stride_w + kx - p->pad_left);
            for (size_t c = 0; in != NULL && c < run; c++) sum += (double)in[c] * (double)w[c];
        }
    }
    return sum;
}
