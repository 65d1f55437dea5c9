// What the files of the import share.
#ifndef WANC_FRONTEND_IMPORTER_H
#define WANC_FRONTEND_IMPORTER_H

#include "frontend/import.h"
#include "frontend/inspect.h"
#include "frontend/names.h"
#include "frontend/onnx_model.h"

struct importer {
    struct ir_module *module;
    struct ir_graph *graph;
    const struct onnx_model *model;
    struct import_options opt;
    const struct import_input *given; // the graph's inputs, if the caller has bound them
    size_t given_count;
    struct arena scratch;
    struct name_map value_names, node_names; // taken
    struct name_map declared;                // names to Onnx__ValueInfoProto
    uint64_t int_count;                      // in constants so far
    struct error *err;
};

// A name of a graph: a value, or an initializer that becomes a constant once it is used.
struct binding {
    struct ir_value *value;
    const Onnx__TensorProto *tensor;
};

// One graph of the file and where it goes: the main graph's body, or a branch of an `If`.
struct scope {
    struct importer *im;
    const struct scope *outer;
    const Onnx__GraphProto *graph;
    struct ir_block *block;
    struct name_map bindings;
    int depth;
};

// ---- import.c
// Everything of a graph but its inputs: initializers, nodes in order, and the `return`.
bool import_block(struct scope *s);

// ---- import_inputs.c
// Binds the main graph's inputs: latents first, dimensions fixed by the options.
bool import_inputs(struct scope *s, const size_t *order);
// From names to Onnx__TensorProto. An input that is one of them is a constant which could be overridden.
struct name_map initializers_of(const Onnx__GraphProto *g, struct arena *scratch);
bool scope_define(struct scope *s, const char *name, struct ir_value *value);
// What a value info says, if that is a full shape of numbers; rank -1 otherwise.
struct ir_type declared_type(const Onnx__ValueInfoProto *info);

// ---- import_constants.c
// New constants named after `name`; NULL after an error.
struct ir_value *constant_of_tensor(struct importer *im, const Onnx__TensorProto *proto, const char *name);
struct ir_value *constant_of_ints(struct importer *im, const char *name, bool scalar, size_t count,
                                  const int64_t *values);
struct ir_value *constant_of_floats(struct importer *im, const char *name, bool scalar, size_t count,
                                    const float *values);

// ---- import_ops.c
struct op_row;
// The operator's row in the table; NULL when it is not supported.
const struct op_row *op_row_find(const Onnx__NodeProto *n, int64_t opset);
// Translates a node whose operands are known; its outputs are yet to be bound. A `Constant` gives *value
// instead.
struct ir_node *op_import(struct scope *s, const Onnx__NodeProto *n, int input_count,
                          struct ir_value **inputs, struct ir_value **value);

// ---- import_attrs.c
enum attr_kind {
    ATTR_INT,
    ATTR_FLOAT,
    ATTR_INTS,
    ATTR_STRING,
    ATTR_TENSOR,
    ATTR_GRAPH,
    ATTR_FLOATS,
    ATTR_ANY
};
enum attr_use {
    ATTR_KEEP,    // becomes an attribute of the node; `number` or `text` when it is absent and has a default
    ATTR_NEED,    // the same, but must be there
    ATTR_ONLY,    // supported with its default only
    ATTR_HANDLED, // the operator's handler reads it
    ATTR_IGNORE,  // it does not matter here
};

struct attr_row {
    const char *name; // in ONNX; NULL ends the list
    enum attr_kind kind;
    enum attr_use use;
    enum ir_key key;
    bool has_default;
    int64_t number;
    const char *text;
};

// Checks the node's attributes against its list, and sets those that are kept.
bool attrs_import(struct ir_node *node, const Onnx__NodeProto *n, const struct attr_row *rows,
                  struct error *err);
// For handlers, after attrs_import has checked the kind; NULL when absent.
const Onnx__AttributeProto *attr_find(const Onnx__NodeProto *n, const char *name);

// ---- unsupported.c
// The operators of the model that have no row, in the order of the file; their memory is the arena's.
struct onnx_missing *unsupported_list(const struct onnx_model *model, struct arena *arena, size_t *count);
// Fails if there are any, with all of them in one line.
bool check_supported(const struct onnx_model *model, struct error *err);

#endif
