// From an opened ONNX model to a graph of the IR, node by node.
//
// The import translates, it does not interpret: a node of the file becomes one node at level "onnx", its
// parameters stay operands. What it does settle is spelling: where versions of ONNX differ (attribute or
// operand, implied defaults) the newest form is produced, so that the passes see one.
#ifndef WANC_FRONTEND_IMPORT_H
#define WANC_FRONTEND_IMPORT_H

#include "frontend/onnx_load.h"
#include "ir/ir.h"

struct import_options {
    int64_t latent_height, latent_width; // where the model leaves them open; 0: not given
    int64_t latent_frames;               // where the model leaves them open; 0: T, a whole sequence
    int64_t cache_frames;                // of caches whose length the model leaves open; 0: two
    double flag;                         // what the flag is, if the model has one
};

// The inputs that make the form of a model.
struct import_ports {
    int videos;          // of five axes of floats: the latents, and caches
    const char *flag;    // the input of one element, which chooses between behaviours; NULL if there is none
    bool flag_counts;    // it is a number, not a truth: it may have more than two values
    const char *latents; // which of the videos they are; NULL if the nodes have no order
    int time_axis;       // of the latents, as far as their declared shape tells
};
bool import_ports_of(const struct onnx_model *model, struct import_ports *ports, struct error *err);

// Adds the model's graph to `m`. Its latents are the first input, whatever their place in the file. Float
// constants stay in the model, which must outlive the module. After an error the module is good for nothing
// but freeing.
bool import_graph(struct ir_module *m, const struct onnx_model *model, const char *graph_name,
                  const struct import_options *opt, struct ir_graph **out, struct error *err);

// An input of the graph as the caller wants it, instead of by the rules for latents and caches.
struct import_input {
    struct ir_type type;
    struct ir_value *constant; // of the module, stands for the input; NULL: an input of this type
};

// The same for a graph of any kind: inputs that are not initializers are taken from `inputs`, in the order of
// the file. For tests of single operators.
bool import_graph_with_inputs(struct ir_module *m, const struct onnx_model *model, const char *graph_name,
                              size_t count, const struct import_input *inputs, struct ir_graph **out,
                              struct error *err);

#endif
