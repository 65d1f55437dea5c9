// One folder of the ONNX backend tests: model.onnx, and tensors in test_data_set_N/input_K.pb and output_K.pb.
#ifndef WANC_TESTS_NODE_CASE_H
#define WANC_TESTS_NODE_CASE_H

#include "frontend/onnx_model.h"
#include "reference/ir_eval.h"

enum { CASE_MAX_PORTS = 16 };

struct case_tensor {
    enum ir_dtype dtype;
    int onnx_type; // which may be narrower than the IR's
    struct ir_tensor tensor;
};

struct node_case {
    struct arena arena;
    const char *folder, *name; // of the test: "test_add"
    const char *operator_name; // of its only node, or "(several)"
    struct onnx_model *model;
    struct case_tensor inputs[CASE_MAX_PORTS], outputs[CASE_MAX_PORTS];
    int input_count, output_count;
};

// Opens the model only. False, with nothing to free, when that is not possible.
bool case_open(struct node_case *c, const char *root, const char *name, struct error *err);
// Whether the import has a row for every operator of the model.
bool case_is_claimed(const struct node_case *c);
bool case_has_data_set(const struct node_case *c, int index);
// Reads the tensors of a data set, in place of those read before.
bool case_read_data_set(struct node_case *c, int index, struct error *err);
void case_close(struct node_case *c);

#endif
