// The opened model as the frontend's own files see it.
#ifndef WANC_FRONTEND_ONNX_MODEL_H
#define WANC_FRONTEND_ONNX_MODEL_H

#include "base/arena.h"
#include "base/file.h"
#include "frontend/onnx_load.h"
#include "ir/ir.h"

#include "onnx.pb-c.h"

struct onnx_external { // a file of external data, mapped once
    const char *location;
    struct file_map map;
    struct onnx_external *next;
};

struct onnx_model {
    struct arena arena;        // owns the unpacked messages: nothing of them is freed one by one
    const char *path, *folder; // the folder ends in a slash, or is ""; NULL: there is none
    struct onnx_limits limits;
    Onnx__ModelProto *proto;
    int64_t opset;
    uint64_t node_count, tensor_count;
    uint64_t file_bytes;   // of the file and of `external`
    uint64_t copied_bytes; // of tensors that do not lie as they are needed
    struct onnx_external *external;
};

// A tensor of a checked model: `count` elements of ONNX type `type`, packed, row by row.
struct onnx_tensor {
    const char *name; // "" if it has none
    int type;         // Onnx__TensorProto__DataType, which has more integers than the IR
    enum ir_dtype dtype;
    int rank;
    int64_t dims[IR_MAX_RANK];
    const void *data; // never NULL
    size_t count, bytes;
    bool external;
};

struct onnx_tensor onnx_tensor_of(const Onnx__TensorProto *t);
// Element `i` of a tensor of integers or booleans. Unsigned 64-bit values beyond int64 wrap.
int64_t onnx_tensor_int(const struct onnx_tensor *t, size_t i);

// The IR's type for an ONNX element type: unsigned and 16-bit integers take the next wider one it has.
// False when it has none (strings, complex numbers, 8-bit floats).
bool onnx_dtype(int type, enum ir_dtype *dtype);
// Whether operators of that domain (NULL where none is named) are ONNX's own.
bool onnx_domain_is_standard(const char *domain);
// "FLOAT16", or "type 77".
const char *onnx_type_name(int type);
// "[1,16,T,height,width]", with a question mark for an open dimension that has no name.
void onnx_shape_print(const Onnx__TensorShapeProto *shape, struct strbuf *out);

// Checks a tensor, and leaves its data packed in raw_data whatever form it came in (typed fields, external
// files). `what` says where it is for the error.
bool onnx_tensor_normalise(struct onnx_model *model, Onnx__TensorProto *t, const char *what,
                           struct error *err);

#endif
