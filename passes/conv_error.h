// How exact the algorithms of convolutions are, and what that makes of a decode. docs/choice.md has the measurements.
#ifndef WANC_PASSES_CONV_ERROR_H
#define WANC_PASSES_CONV_ERROR_H

#include "ir/ir.h"
#include "plan/conv_shape.h"

// The largest error that rounding leaves in the outputs of a convolution, as a part of their root mean square.
double conv_error(const struct plan_conv_shape *s, uint32_t algorithm);

// The largest error of a frame in [-1, 1] that is decoded through convolutions whose errors have this sum of squares.
double conv_error_of_decode(double squares);

// That of the steps of a module whose convolutions are chosen: the larger of @first and @steady.
double conv_error_of_module(const struct ir_module *m);

#endif
