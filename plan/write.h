// Building a plan file. The compiler adds tables in memory, then writes the file once; weights are streamed
// from where they lie (a mapped ONNX file) through a conversion callback, so that they are never all copied
// in memory.
#ifndef WANC_PLAN_WRITE_H
#define WANC_PLAN_WRITE_H

#include "base/arena.h"
#include "plan/plan.h"

// Writes the floats [first, first + count) of a constant to `out`.
typedef void plan_fill_fn(const void *context, uint64_t first, uint64_t count, float *out);

struct plan_writer; // lives in the arena given to plan_writer_new; nothing to free

struct plan_writer *plan_writer_new(struct arena *arena);
struct plan_info *plan_writer_info(struct plan_writer *w); // to be filled in; weight_bytes is set on write

// Starts a program: caches, shapes, buffers and operators that are added from now on are its own. To be filled
// in; indices and counts are set on write. NULL when the plan has PLAN_MAX_PROGRAMS.
struct plan_program *plan_writer_add_program(struct plan_writer *w);
struct plan_program *plan_writer_program(struct plan_writer *w); // the one started last

// Each returns the index (or string offset) to use in other tables: of a cache within its program, of a buffer
// within its variant. Equal strings and equal views share one entry.
uint32_t plan_writer_string(struct plan_writer *w, const char *text);
uint32_t plan_writer_cache(struct plan_writer *w, struct plan_cache cache);
uint32_t plan_writer_view(struct plan_writer *w, struct plan_view view);
uint32_t plan_writer_constant(struct plan_writer *w, const char *name, uint32_t count, plan_fill_fn *fill,
                              const void *context);
// Packed weights: `offset` and `checksum` are set; the data has to stay where it is until the plan is written.
void plan_writer_packed(struct plan_writer *w, struct plan_packed packed, const void *data);
uint32_t plan_writer_buffer(struct plan_writer *w, enum plan_variant v, struct plan_buffer buffer);
uint32_t plan_writer_op(struct plan_writer *w, enum plan_variant v, struct plan_op op);
// Of the operator that `op` counts within its variant; by ascending operator and algorithm.
void plan_writer_choice(struct plan_writer *w, enum plan_variant v, struct plan_choice choice);
// The same, of taps.
void plan_writer_tap(struct plan_writer *w, enum plan_variant v, struct plan_tap tap);
void plan_writer_shape(struct plan_writer *w, struct plan_shape shape);
// Of the program started last, whose number is set.
void plan_writer_pass(struct plan_writer *w, struct plan_pass pass);
void plan_writer_note(struct plan_writer *w, const char *text);

// Writes PATH (beside it, then renamed). The written file is mapped and verified by plan_check before the
// rename, so that a plan on disk is always one that the runtime accepts.
bool plan_writer_save(struct plan_writer *w, const char *path, struct error *err);
// Opens the plan at once, without a file.
bool plan_writer_open(struct plan_writer *w, struct plan *plan, struct error *err);

#endif
