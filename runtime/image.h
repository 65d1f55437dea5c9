// A decoded frame, written into memory of the caller.
#ifndef WANC_RUNTIME_IMAGE_H
#define WANC_RUNTIME_IMAGE_H

#include "plan/plan.h"
#include "wan/wan.h"

// Verifies it, as far as that can be, and sets the strides of a dense image.
bool image_take(struct wan_image *to, const struct wan_image *given, const struct plan_program *g,
                struct error *err);
// `frame` is float[channels][height][width] of the program.
void image_write(const struct wan_image *image, const struct plan_program *g, const float *frame);

#endif
