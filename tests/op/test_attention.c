// Attention against softmax(scale * q k^T) v in double precision.
#include "tests/op/harness.h"

#include <math.h>

struct attention_case {
    const char *name;
    uint32_t frames, height, width, channels, query_block;
    float scale;
    bool joined; // q, k and v are thirds of one tensor's channels
};

static double score(const struct op_case *c, const float *input, size_t t, size_t q, size_t k) {
    size_t width = c->out.width;
    double sum = 0;
    for (size_t i = 0; i < c->out.channels; i++) {
        sum += (double)input[view_at(&c->in[0], t, q / width, q % width, i)] *
               input[view_at(&c->in[1], t, k / width, k % width, i)];
    }
    return sum * c->op.params.attention.scale;
}

static void expect_position(const struct op_case *c, const float *input, size_t t, size_t q,
                            struct expected *e) {
    size_t positions = (size_t)c->out.height * c->out.width, width = c->out.width;
    double *weights = test_alloc(positions, sizeof *weights), sum = 0;
    for (size_t k = 0; k < positions; k++) sum += weights[k] = exp(score(c, input, t, q, k));
    for (size_t i = 0; i < c->out.channels; i++) {
        double value = 0, size = 0;
        for (size_t k = 0; k < positions; k++) {
            double term = weights[k] / sum * input[view_at(&c->in[2], t, k / width, k % width, i)];
            value += term;
            size += fabs(term);
        }
        expect_at(e, view_at(&c->out, t, q / width, q % width, i), value, 1e-5 * size);
    }
}

static void run_case(const struct attention_case *k) {
    struct op_case c = {.op = {.kind = PLAN_OP_ATTENTION}};
    c.op.params.attention = (struct plan_attention){k->scale, k->query_block};
    c.out = dense_view(k->frames, k->height, k->width, k->channels);
    c.scratch = dense_view(1, 1, k->query_block, k->height * k->width);
    struct plan_view joined = dense_view(k->frames, k->height, k->width, 3 * k->channels);
    joined.channels = k->channels;
    for (uint64_t i = 0; i < 3; i++) c.in[i] = k->joined ? joined : c.out;
    float *input;
    if (k->joined) {
        for (uint64_t i = 0; i < 3; i++) c.in[i].offset = i * k->channels;
        input = test_random(view_end(&c.in[2]));
    } else {
        input = make_input(&c);
    }
    struct expected e = make_expected(&c);
    for (size_t t = 0; t < k->frames; t++) {
        for (size_t q = 0; q < (size_t)k->height * k->width; q++) expect_position(&c, input, t, q, &e);
    }
    check_case(k->name, &c, input, &e);
}

static const struct attention_case cases[] = {
    {"one position", 1, 1, 1, 8, 1, 0.5f, false},
    {"one channel", 1, 3, 5, 1, 4, 0.5f, false},
    {"small", 2, 4, 5, 16, 20, 0.25f, false},
    {"joined", 2, 4, 5, 16, 7, 0.25f, true},
    {"joined, odd", 1, 7, 9, 37, 16, 0.16f, true},
    {"blocks of one", 1, 5, 7, 33, 1, 0.2f, false},
    {"large scores", 1, 5, 7, 64, 8, 4.0f, false},
    {"row", 1, 1, 40, 32, 32, 0.2f, false},
    {"several blocks of keys", 1, 23, 47, 40, 208, 0.15f, true},
    {"two blocks of keys", 2, 24, 40, 34, 100, 0.15f, false},
};

static void test_attention(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(&cases[i]);
        test_teardown(NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_attention, test_setup, test_teardown)};
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
