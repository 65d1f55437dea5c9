// Fields of ONNX's messages that the installed onnx.proto may not have yet: they are then among the unknown ones.
#ifndef WANC_FRONTEND_PROTO_FIELDS_H
#define WANC_FRONTEND_PROTO_FIELDS_H

#include "frontend/onnx_model.h"

// Whether a node calls this one of the functions of its name.
bool overload_fits(const Onnx__FunctionProto *f, const Onnx__NodeProto *n);
// The value that an attribute of the function has where a call does not give it; NULL if there is none, or if it
// cannot be read, which sets `err`. What has to be unpacked goes into `arena`.
const Onnx__AttributeProto *function_default(const Onnx__FunctionProto *f, const char *name,
                                             struct arena *arena, struct error *err);

#endif
