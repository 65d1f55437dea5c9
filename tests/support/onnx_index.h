// Who computes and who reads each value of an ONNX graph and of the graphs inside it, for tools that change models.
#ifndef WANC_TESTS_ONNX_INDEX_H
#define WANC_TESTS_ONNX_INDEX_H

#include "support/onnx_builder.h"

struct onnx_use {
    Onnx__NodeProto *node;
    size_t input;
    struct onnx_use *next;
};

struct onnx_value {
    const char *name;
    Onnx__NodeProto *producer;    // NULL for inputs and constants
    Onnx__TensorProto *constant;  // an initializer, or the value of a Constant node
    Onnx__ValueInfoProto *input;  // of the graph
    Onnx__ValueInfoProto *info;   // whatever declares its shape
    struct onnx_use *uses, *last; // in the order of the nodes, those inside of branches behind them
    int mark;
    struct onnx_value *next; // of its bucket
};

struct onnx_scope { // a graph: the main one, or a branch
    Onnx__GraphProto *g;
    struct onnx_scope *outer, *next; // next: of all, the main graph first
    struct onnx_value **buckets;
    size_t bucket_count;
};

// Reads a file into `b`; its messages live in the builder's arena. False if there is no such model.
bool onnx_read(struct onnx_builder *b, const char *path);
struct onnx_scope *onnx_index(struct onnx_builder *b);
// The value of this name, also of the graphs around; NULL if there is none.
struct onnx_value *onnx_find(const struct onnx_scope *s, const char *name);

// ---- questions about nodes; all of them take absent inputs

struct onnx_value *onnx_in(const struct onnx_scope *s, const Onnx__NodeProto *n, size_t i);
struct onnx_value *onnx_out(const struct onnx_scope *s, const Onnx__NodeProto *n);
// Whether the operator is one of these: "Cast Identity".
bool onnx_is(const Onnx__NodeProto *n, const char *ops);
int64_t onnx_attr_int(const Onnx__NodeProto *n, const char *name, int64_t otherwise);
Onnx__AttributeProto *onnx_attr(const Onnx__NodeProto *n, const char *name);
// The value that this one is, before operators of the list: their first inputs are followed.
struct onnx_value *onnx_before(const struct onnx_scope *s, struct onnx_value *v, const char *ops);
bool onnx_same_shape(const Onnx__ValueInfoProto *a, const Onnx__ValueInfoProto *b);
// Element i of a constant of 64-bit integers; false if it is none.
bool onnx_constant_int(const struct onnx_value *v, size_t i, int64_t *out);

#endif
