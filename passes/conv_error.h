// How exact the algorithms of convolutions are, and what that makes of a decode.
//
// Roundings are independent of each other. Those of a sum of `depth` products grow with the root of depth, and so do
// those of the products of transformed tiles. The errors of a decoder's convolutions add in squares on the way to its
// frames; residual additions and norms leave an error the part of the values that it was, or less. docs/choice.md has
// the measurements that say how well this holds.
#ifndef WANC_PASSES_CONV_ERROR_H
#define WANC_PASSES_CONV_ERROR_H

#include "ir/ir.h"
#include "plan/conv_shape.h"

// Of a convolution's outputs, what rounding adds: root mean square, as a part of that of the outputs.
double conv_error(const struct plan_conv_shape *s, uint32_t algorithm);

// A bound of the largest error of a decode, of frames in [-1, 1]: `squares` is the sum of the squared errors of its
// convolutions.
double conv_error_of_decode(double squares);

// Of the decodes of a module whose convolutions are chosen: the larger bound of @first and @steady, and what caches of 16
// bits add.
double conv_error_of_module(const struct ir_module *m);

#endif
