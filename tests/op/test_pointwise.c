// Norm, binary, scale and unary against their formulas, on dense, windowed, planar and mixed views.
#include "tests/op/harness.h"

#include <math.h>
#include <stdio.h>

typedef struct plan_view view_fn(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels);

static struct plan_view gapped_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    struct plan_view v = window_view(frames, height, width, channels, 3);
    v.offset = 7;
    return v;
}

static const struct {
    const char *name;
    view_fn *in, *other, *out;
} layouts[] = {
    {"dense", dense_view, dense_view, dense_view},      {"window", gapped_view, dense_view, gapped_view},
    {"to planar", dense_view, dense_view, planar_view}, {"from planar", planar_view, gapped_view, dense_view},
    {"planar", planar_view, planar_view, planar_view},
};
static const uint32_t shapes[][4] = {{1, 1, 1, 1},  {1, 1, 7, 3},   {2, 5, 1, 8},    {3, 4, 5, 17},
                                     {1, 6, 7, 96}, {2, 3, 5, 385}, {1, 2, 6000, 3}, {1, 1, 3, 20000}};
enum { LAYOUTS = sizeof layouts / sizeof *layouts, SHAPES = sizeof shapes / sizeof *shapes };

// The value at one element, and how far from it the kernel may be.
struct element {
    double value, slack;
};
typedef struct element formula_fn(const struct op_case *c, const float *input, size_t t, size_t y, size_t x,
                                  size_t i);

static void run_layout(struct op_case c, int layout, const uint32_t *s, bool two, formula_fn *formula) {
    c.in[0] = layouts[layout].in(s[0], s[1], s[2], s[3]);
    if (two) c.in[1] = layouts[layout].other(s[0], s[1], s[2], s[3]);
    c.out = layouts[layout].out(s[0], s[1], s[2], s[3]);
    float *input = make_input(&c);
    struct expected e = make_expected(&c);
    for (size_t t = 0; t < s[0]; t++) {
        for (size_t y = 0; y < s[1]; y++) {
            for (size_t x = 0; x < s[2]; x++) {
                for (size_t i = 0; i < s[3]; i++) {
                    struct element v = formula(&c, input, t, y, x, i);
                    expect_at(&e, view_at(&c.out, t, y, x, i), v.value, v.slack);
                }
            }
        }
    }
    char name[128];
    snprintf(name, sizeof name, "%s %ux%ux%ux%u", layouts[layout].name, s[0], s[1], s[2], s[3]);
    check_case(name, &c, input, &e);
}

// All layouts and shapes; `constants` of them are given per channel.
static void run_all(struct op_case c, bool two, int constants, formula_fn *formula) {
    for (int layout = 0; layout < LAYOUTS; layout++) {
        for (int shape = 0; shape < SHAPES; shape++) {
            for (int i = 0; i < 2; i++) {
                c.constant_count[i] = shapes[shape][3];
                c.constant[i] = i < constants ? test_random(shapes[shape][3]) : NULL;
            }
            run_layout(c, layout, shapes[shape], two, formula);
            test_teardown(NULL);
        }
    }
}

static double in_at(const struct op_case *c, int k, const float *input, size_t t, size_t y, size_t x,
                    size_t i) {
    return input[view_at(&c->in[k], t, y, x, i)];
}

static double silu(double x) { return x / (1 + exp(-x)); }

static struct element norm(const struct op_case *c, const float *input, size_t t, size_t y, size_t x,
                           size_t i) {
    const struct plan_norm *p = &c->op.params.norm;
    static double squares; // of the pixel, whose first channel comes first
    if (i == 0) squares = 0;
    for (size_t k = 0; k < c->in[0].channels && i == 0; k++)
        squares += pow(in_at(c, 0, input, t, y, x, k), 2);
    double v = in_at(c, 0, input, t, y, x, i) * p->scale / fmax(sqrt(squares), p->epsilon);
    if (c->constant[0] != NULL) v *= c->constant[0][i];
    return (struct element){p->silu ? silu(v) : v, (1e-6 + 1e-10 * c->in[0].channels) * fabs(v) + 1e-9};
}

static void test_norm(void **state) {
    (void)state;
    for (int silu = 0; silu < 2; silu++) {
        struct op_case c = {.op = {.kind = PLAN_OP_NORM}};
        c.op.params.norm = (struct plan_norm){.scale = 9.75f, .epsilon = 1e-12f, .silu = (uint32_t)silu};
        run_all(c, false, silu, norm);
        c.op.params.norm.epsilon = 2.5f; // larger than the length of short pixels
        run_all(c, false, 1, norm);
    }
}

static struct element binary(const struct op_case *c, const float *input, size_t t, size_t y, size_t x,
                             size_t i) {
    double a = in_at(c, 0, input, t, y, x, i), b = in_at(c, 1, input, t, y, x, i), v = 0;
    switch (c->op.params.binary.op) {
    case PLAN_ADD: v = a + b; break;
    case PLAN_SUB: v = a - b; break;
    case PLAN_MUL: v = a * b; break;
    case PLAN_DIV: v = a / b; break;
    }
    return (struct element){v, 1e-7 * fabs(v)};
}

static void test_binary(void **state) {
    (void)state;
    for (uint32_t op = 0; op < PLAN_BINARY_OPS; op++) {
        struct op_case c = {.op = {.kind = PLAN_OP_BINARY}};
        c.op.params.binary.op = op;
        run_all(c, true, 0, binary);
    }
}

static struct element scale(const struct op_case *c, const float *input, size_t t, size_t y, size_t x,
                            size_t i) {
    double v = in_at(c, 0, input, t, y, x, i), a = c->constant[0] == NULL ? 1 : c->constant[0][i];
    double b = c->constant[1] == NULL ? 0 : c->constant[1][i];
    return (struct element){v * a + b, 2e-7 * (fabs(v * a) + fabs(b))};
}

static void test_scale(void **state) {
    (void)state;
    for (int constants = 0; constants <= 2; constants++) {
        run_all((struct op_case){.op = {.kind = PLAN_OP_SCALE}}, false, constants, scale);
    }
}

static struct element unary(const struct op_case *c, const float *input, size_t t, size_t y, size_t x,
                            size_t i) {
    const struct plan_unary *p = &c->op.params.unary;
    double v = in_at(c, 0, input, t, y, x, i);
    switch (p->op) {
    case PLAN_SILU: return (struct element){silu(v), 4e-7 * fabs(v)};
    case PLAN_SIGMOID: return (struct element){1 / (1 + exp(-v)), 4e-7};
    default: return (struct element){fmin(fmax(v, p->min), p->max), 0};
    }
}

static void test_unary(void **state) {
    (void)state;
    for (uint32_t op = 0; op < PLAN_UNARY_OPS; op++) {
        struct op_case c = {.op = {.kind = PLAN_OP_UNARY}};
        c.op.params.unary = (struct plan_unary){op, -0.5f, 0.25f};
        run_all(c, false, 0, unary);
    }
}

// The whole range of exp: relative error, no overflow, and NaN kept. (CLAMP keeps NaN too.)
static void test_exp_range(void **state) {
    (void)state;
    enum { COUNT = 4001 };
    for (uint32_t op = 0; op < 2; op++) {
        struct op_case c = {.op = {.kind = PLAN_OP_UNARY}};
        c.op.params.unary.op = op;
        c.in[0] = c.out = dense_view(1, 1, COUNT, 1);
        float *input = test_alloc(COUNT, sizeof *input);
        struct expected e = make_expected(&c);
        for (int i = 0; i < COUNT; i++) {
            double x = input[i] = (float)(i - COUNT / 2) / 10;
            double v = op == PLAN_SILU ? silu(x) : 1 / (1 + exp(-x));
            expect_at(&e, (size_t)i, v, 4e-7 * fabs(v) + 1e-33);
        }
        check_case("range", &c, input, &e);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_norm, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_binary, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_scale, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_unary, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_exp_range, test_setup, test_teardown),
    };
    return cmocka_run_group_tests_name("pointwise", tests, NULL, NULL);
}
