// Small ONNX models, made without Python: tests write down a graph and get a file.
#ifndef WANC_TESTS_ONNX_BUILDER_H
#define WANC_TESTS_ONNX_BUILDER_H

#include "base/arena.h"

#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

enum { // short names for the element types that tests use
    ONNX_FLOAT = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
    ONNX_INT64 = ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
    ONNX_BOOL = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL,
};

struct onnx_builder {
    struct arena arena; // owns every message
    Onnx__ModelProto *model;
    Onnx__GraphProto *graph; // the main one
};

// A model of this version of ONNX's operators, with an empty graph.
void build_start(struct onnx_builder *b, int opset);
void build_free(struct onnx_builder *b);

// Shapes are lists like "1,16,T,3": what is not a number is a symbolic dimension, "?" one without a name.
// NULL: none.
void build_input(struct onnx_builder *b, const char *name, int type, const char *shape);
void build_output(struct onnx_builder *b, Onnx__GraphProto *g, const char *name);
void build_value_info(struct onnx_builder *b, const char *name, int type, const char *shape);
Onnx__GraphProto *build_graph(struct onnx_builder *b);

// Inputs and outputs are separated by commas; "x,,y" has an absent one in the middle.
Onnx__NodeProto *build_node(struct onnx_builder *b, Onnx__GraphProto *g, const char *op, const char *inputs,
                            const char *outputs);
Onnx__AttributeProto *build_attr(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int type);
void build_attr_int(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int64_t value);
void build_attr_float(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, float value);
void build_attr_text(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, const char *value);
void build_attr_ints(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int count,
                     const int64_t *values);
void build_attr_graph(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, Onnx__GraphProto *value);

// A function of the model, with its own list of nodes: build_function_node is build_node for it. Version 0: it says none.
Onnx__FunctionProto *build_function(struct onnx_builder *b, const char *domain, const char *name,
                                    const char *inputs, const char *outputs, int opset);
Onnx__NodeProto *build_function_node(struct onnx_builder *b, Onnx__FunctionProto *f, const char *op,
                                     const char *inputs, const char *outputs);
// The attribute `name` of a node in a function takes the value of the call's attribute `from`.
void build_attr_reference(struct onnx_builder *b, Onnx__NodeProto *n, const char *name, int type,
                          const char *from);

// A tensor without data, to be filled by the test.
Onnx__TensorProto *build_tensor(struct onnx_builder *b, const char *name, int type, int rank,
                                const int64_t *dims);
void build_raw(struct onnx_builder *b, Onnx__TensorProto *t, const void *data, size_t size);
void build_external(struct onnx_builder *b, Onnx__TensorProto *t, const char *key, const char *value);
void build_initializer(struct onnx_builder *b, Onnx__GraphProto *g, Onnx__TensorProto *t);
// An initializer of integers, a list.
void build_ints(struct onnx_builder *b, const char *name, int count, const int64_t *values);

// latents [1,4,T,2,3] -> Conv with w and b -> Sigmoid -> Mul -> frames: the smallest model worth compiling.
void build_small_decoder(struct onnx_builder *b, int opset);

unsigned char *build_pack(struct onnx_builder *b, size_t *size);
bool build_write(struct onnx_builder *b, const char *path);
bool write_bytes(const char *path, const void *data, size_t size);

#endif
