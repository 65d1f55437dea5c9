// The reference: runs a graph of canonical operators (levels T and F of docs/ir.md) on dense tensors of doubles, by loops written as
// the definitions read. `wanc diff` compares plans with it; tests compare two versions of a graph, before and after a pass, and run
// ONNX's own tests of operators by it. Nothing here is fast.
//
//     struct ir_eval e;
//     ir_eval_start(&e, module, 3);                       // three latent frames, where lengths depend on T
//     ir_eval_run(&e, graph, inputs, outputs, &err);      // again for the next step: the caches stay
//     ir_eval_end(&e);                                    // outputs end here
#ifndef WANC_REFERENCE_IR_EVAL_H
#define WANC_REFERENCE_IR_EVAL_H

#include "ir/ir.h"

struct ir_tensor { // row by row; integers and booleans as doubles, too
    int rank;
    int64_t dims[IR_MAX_RANK];
    size_t count;
    double *data;
};

// Sees a result when it is computed, before anything reads it, and may write other numbers into it: what follows is then computed
// from these.
typedef void ir_eval_watch(void *context, const struct ir_value *v, struct ir_tensor *t);

struct ir_eval {
    struct arena arena; // owns outputs and caches
    const struct ir_module *module;
    int64_t latent_frames;    // T of lengths that depend on it
    struct ir_tensor *caches; // by ir_cache.index; zeros at first, then what the last run left
    ir_eval_watch *watch;     // NULL, or called with each result of each node: set it after ir_eval_start
    void *watch_context;
};

// A tensor of zeros. Sizes are the caller's: they are not checked against what memory there is.
struct ir_tensor ir_tensor_new(struct arena *a, int rank, const int64_t *dims);
// The numbers of a constant. An opaque one gets numbers in [-0.5, 0.5) that only depend on its base name, so that a graph from text
// can be run. `latent_frames` is for integers that depend on T.
struct ir_tensor ir_tensor_of_constant(struct arena *a, const struct ir_value *v, int64_t latent_frames);

// The module must outlive the evaluation, and may gain constants and caches only before it starts.
void ir_eval_start(struct ir_eval *e, const struct ir_module *m, int64_t latent_frames);
// One step. `inputs` are those of the graph, in its order, and stay the caller's; `outputs` has room for the inputs of its
// `return`, and is the evaluation's. Shapes follow from the tensors, the types in the graph are only compared with them. Fails
// with ERROR_UNSUPPORTED on an operator of another level, and with ERROR_INTERNAL where a result does not have its type's shape.
bool ir_eval_run(struct ir_eval *e, const struct ir_graph *g, const struct ir_tensor *inputs,
                 struct ir_tensor *outputs, struct error *err);
void ir_eval_end(struct ir_eval *e);

#endif
