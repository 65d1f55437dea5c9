// ONNX files: opened, checked completely, and kept open.
//
// After onnx_model_open the rest of the frontend trusts what it reads: every tensor has as many bytes as its
// shape asks for, external data lies inside of its file, and names that must be there are there.
#ifndef WANC_FRONTEND_ONNX_LOAD_H
#define WANC_FRONTEND_ONNX_LOAD_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

// What a file may ask of us. A field of 0 stands for its default, as does a NULL pointer for all of them.
struct onnx_limits {
    uint64_t file_bytes;     // of the .onnx file itself: 2 GiB, which is what protobuf allows
    uint64_t external_bytes; // of each file of external data: 64 GiB
    uint64_t
        memory_bytes; // of the unpacked messages: 64 MiB and 16 times the file; as much again for functions
    uint64_t tensor_bytes; // of one tensor: 16 GiB
    uint32_t nodes;        // in all graphs together: 250000
    uint32_t tensors;      // initializers and constants: 250000
    uint32_t ports;        // inputs of a graph, or its outputs: 4096
};

enum { ONNX_MIN_OPSET = 7, ONNX_MAX_OPSET = 28 };

struct onnx_model;

// Opens and checks a model. The error names the file, and the node or tensor.
struct onnx_model *onnx_model_open(const char *path, const struct onnx_limits *limits, struct error *err);
// One whose bytes are in memory, which are not needed any more when this returns. `path` names it in messages, and files of
// external data lie in its folder; NULL: it has no name, and external data is refused.
struct onnx_model *onnx_model_open_memory(const void *data, size_t size, const char *path,
                                          const struct onnx_limits *limits, struct error *err);
// Tensor data handed out by the model (and so the constants of modules imported from it) ends here.
void onnx_model_close(struct onnx_model *model);

// Of the default operator set.
int64_t onnx_model_opset(const struct onnx_model *model);
// Of all graphs, with functions inlined.
uint64_t onnx_model_nodes(const struct onnx_model *model);
// Of the file and of all files of external data, each once.
uint64_t onnx_model_file_bytes(const struct onnx_model *model);

#endif
