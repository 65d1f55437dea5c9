#include "pass/same_values.h"

#include "reference/ir_eval.h"

#include <math.h>
#include <string.h>

enum { LATER_STEPS = 3, LATENT_FRAMES = 3, MAX_RESULTS = 64 };

static const double TOLERANCE = 1e-9;

struct side {
    struct ir_eval eval;
    const struct ir_graph *graph;
    struct ir_tensor results[MAX_RESULTS];
};

static double next_number(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (double)(1 << 24) - 0.5;
}

// Inputs of one step: the same ones for both sides.
static struct ir_tensor *make_inputs(struct arena *a, const struct ir_graph *g, uint64_t *state) {
    struct ir_tensor *inputs = arena_array(a, (size_t)g->input_count + 1, sizeof *inputs);
    for (int i = 0; i < g->input_count; i++) {
        const struct ir_type *t = &g->inputs[i]->type;
        int64_t dims[IR_MAX_RANK];
        for (int k = 0; k < t->rank; k++)
            dims[k] = t->dims[k].first + t->dims[k].steady * (LATENT_FRAMES - 1);
        inputs[i] = ir_tensor_new(a, t->rank, dims);
        for (size_t k = 0; k < inputs[i].count; k++) inputs[i].data[k] = next_number(state);
    }
    return inputs;
}

static bool same_tensor(const struct ir_tensor *a, const struct ir_tensor *b, int index, struct error *err) {
    if (a->rank != b->rank || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) != 0)
        return error_set(err, ERROR_INTERNAL, "result %d has another shape", index);
    for (size_t i = 0; i < a->count; i++) {
        double x = a->data[i], y = b->data[i];
        if (fabs(x - y) <= TOLERANCE * (1 + fabs(x))) continue; // false for NaN
        return error_set(err, ERROR_INTERNAL, "result %d: element %zu was %.17g and is %.17g", index, i, x,
                         y);
    }
    return true;
}

static bool run_step(struct side sides[2], uint64_t *state, struct error *err) {
    struct arena inputs_arena = {0};
    const struct ir_graph *g = sides[0].graph, *h = sides[1].graph;
    int count = ir_return_of(g)->input_count;
    bool ok =
        g->input_count == h->input_count && count == ir_return_of(h)->input_count && count <= MAX_RESULTS;
    if (!ok) return error_set(err, ERROR_INTERNAL, "the graphs have other inputs or results");
    struct ir_tensor *inputs = make_inputs(&inputs_arena, g, state);
    for (int i = 0; i < 2 && ok; i++)
        ok = ir_eval_run(&sides[i].eval, sides[i].graph, inputs, sides[i].results, err);
    for (int i = 0; i < count && ok; i++)
        ok = same_tensor(&sides[0].results[i], &sides[1].results[i], i, err);
    arena_free(&inputs_arena);
    return ok;
}

static bool run_graphs(struct side sides[2], uint64_t *state, struct error *err) {
    const struct ir_graph *g = sides[0].eval.module->graphs;
    for (; g != NULL; g = g->next) {
        int steps = strcmp(g->name, "steady") == 0 ? LATER_STEPS : 1;
        sides[0].graph = g;
        sides[1].graph = ir_graph_find(sides[1].eval.module, g->name);
        if (sides[1].graph == NULL)
            return error_set(err, ERROR_INTERNAL, "there is no graph @%s any more", g->name);
        for (int i = 0; i < steps; i++) {
            if (!run_step(sides, state, err)) return error_prefix(err, "@%s, run %d", g->name, i);
        }
    }
    return true;
}

bool same_values(const struct ir_module *before, const struct ir_module *after, struct error *err) {
    static struct side sides[2];
    uint64_t state = 1;
    ir_eval_start(&sides[0].eval, before, LATENT_FRAMES);
    ir_eval_start(&sides[1].eval, after, LATENT_FRAMES);
    bool ok = run_graphs(sides, &state, err);
    for (int i = 0; i < 2; i++) ir_eval_end(&sides[i].eval);
    return ok;
}
