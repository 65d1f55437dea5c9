// Functions of the model: their bodies take the place of the nodes that call them.
//
// Some exporters write a model as calls of functions that the file defines, down to single operators. Before
// anything else looks at the graph, each call is replaced by the nodes of the function's body: the function's
// inputs and outputs become the caller's values, all other values get new names, attributes that refer to
// attributes of the call (`ref_attr_name`) take their values or the function's defaults.
#ifndef WANC_FRONTEND_FUNCTIONS_H
#define WANC_FRONTEND_FUNCTIONS_H

#include "frontend/onnx_model.h"

// Inlines all calls of the main graph and its branches. Refuses functions that call themselves, that nest too
// deeply, that were written for another version of ONNX's operators, and expansions beyond the model's limits.
bool functions_inline(struct onnx_model *model, struct error *err);

#endif
