// The operator stream_conv, and the caches that it keeps.
#ifndef WANC_PASSES_STREAM_H
#define WANC_PASSES_STREAM_H

#include "ir/ir.h"

// Its operands; all but the first two may be absent.
enum { STREAM_X, STREAM_WEIGHT, STREAM_BIAS, STREAM_GAMMA, STREAM_RESIDUAL, STREAM_INPUTS };

// Whether stream_convs keep the cache: it then lies in memory as struct plan_conv says of a history, frame by frame,
// with a pixel of room in front of each row and a row in front of each frame. Other caches are dense windows.
bool stream_keeps(const struct ir_module *m, const struct ir_cache *c);
// Floats of such a cache.
uint64_t stream_history_floats(const struct ir_cache *c);
// Where frame 0, row 0, pixel 0 of it lies at even steps, and the strides; in floats.
struct ir_storage stream_history(const struct ir_cache *c);
// How much lower it lies at odd steps.
uint64_t stream_history_move(const struct ir_cache *c);

#endif
