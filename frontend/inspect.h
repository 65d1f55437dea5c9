// What an ONNX file says about itself, before any pass has looked at it.
#ifndef WANC_FRONTEND_INSPECT_H
#define WANC_FRONTEND_INSPECT_H

#include "base/strbuf.h"
#include "frontend/onnx_load.h"

// Lines for people: producer, inputs and outputs, operators, weights, and what of it is not supported.
void onnx_inspect(const struct onnx_model *model, struct strbuf *out);

#endif
