// Which form a decoder has, and its import as the graphs that this form is made of.
//
//     form       files                     inputs                        graphs
//     full       one                       latents                       full (also unrolled, fixed and image, which
//                                                                        passes tell apart)
//     step       one                       latents, caches               steady; with `first_as_is` also first
//     flagged    one                       latents, a flag, [caches]     flag0, flag1: the flag is 0, or 1
//     pair       the first and the steady  latents; latents, caches      first, steady
#ifndef WANC_FRONTEND_FORMS_H
#define WANC_FRONTEND_FORMS_H

#include "frontend/import.h"

// Fills a new module. Its form is set, its graphs are as imported. `first_as_is`: the first step of a step alone is the
// step itself on caches of zeros, rather than what the reference decoder does.
bool import_decoder(struct ir_module *m, const struct onnx_model *const *models, int count, bool first_as_is,
                    const struct import_options *opt, struct error *err);

#endif
