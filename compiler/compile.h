// From ONNX models to a plan: what `wanc compile` and libwanc (wan/wanc.h) do.
#ifndef WANC_COMPILER_COMPILE_H
#define WANC_COMPILER_COMPILE_H

#include "base/arena.h"
#include "compiler/prepack.h"
#include "frontend/onnx_load.h"
#include "ir/ir.h"
#include "passes/conv_choice.h"
#include "passes/pass.h"
#include "plan/plan.h"

enum {
    COMPILE_MAX_MODELS = 2,
    COMPILE_MAX_SIDE = 4096,       // of a latent
    COMPILE_MAX_NODES = 100000000, // that limit_nodes may be
};
#define COMPILE_MAX_LIMIT ((uint64_t)1 << 48) // that limit_memory may be, in bytes

struct latent_size {
    int64_t height, width; // 0: not given
};

struct compile_source {
    const char *path; // NULL: a model in memory that has no name
    const void *data; // NULL: the file
    size_t bytes;
};

struct compile_options {
    struct compile_source sources[COMPILE_MAX_MODELS]; // one, or a first and a steady step
    int source_count;
    struct latent_size sizes[PLAN_MAX_PROGRAMS]; // all different; none: the model's own
    int size_count;
    struct pass_options passes;
    struct conv_choice_options choice;
    bool first_as_is;          // the first step of a step alone is the step itself, on caches of zeros
    enum ir_dtype cache_dtype; // IR_F32, IR_F16 or IR_BF16
    enum ir_bands bands;
    uint64_t max_memory; // bytes; 0: no limit
    unsigned threads;    // of a run; 0: one per core
    bool prepack;        // packed weights in the plan
    bool tune;           // measure,
    double tune_seconds; // so long
    const char *timing_cache;
    uint64_t limit_memory; // bytes that compiling takes at most; 0: by the models' size
    unsigned limit_nodes;  // of the models; 0: 250000
    // Each line that passes noted, without its end, of all sizes once; NULL: nobody listens.
    void (*note)(void *context, const char *line);
    void *note_context;
};

// Adds a size that is not among them yet. `name` is that of the option or parameter, for the error.
bool compile_add_size(struct compile_options *o, struct latent_size size, const char *name,
                      struct error *err);

// ---- the steps

// The opened models, and a module for each latent size, all from the same models.
struct compilation {
    const struct compile_options *o;
    struct onnx_model *models[COMPILE_MAX_MODELS];
    int model_count;
    struct ir_module *modules[PLAN_MAX_PROGRAMS];
    int count;
    struct fit *fit;                    // NULL: no limit of a run's memory; else what looks at the plan
    const struct fit_setting *settings; // how each size is compiled under it
    struct arena_scope scope;           // of compilation_guard,
    bool guarded;                       // until compilation_close leaves it
    struct prepack prepack;
};

typedef bool compilation_work(void *context, struct compilation *c, struct error *err);
// Does the work, up to where memory is out or limit_memory is passed: then ERROR_MEMORY. compilation_close must follow it.
bool compilation_guard(struct compilation *c, compilation_work *work, void *context, struct error *err);

bool compilation_open_models(struct compilation *c, struct error *err);
// Imports them as one decoder. Its float constants stay in the models.
struct ir_module *compilation_import(const struct compilation *c, struct latent_size size, struct error *err);
// One module of textual IR in place of models, of the name of the one source.
bool compilation_parse(struct compilation *c, const char *text, size_t bytes, struct error *err);
// Opens the models and runs the passes, for all sizes.
bool compilation_run(struct compilation *c, struct error *err);
// Which size the text behind it is of, where there are several; else "".
const char *compilation_size_comment(const struct compilation *c, int index, char text[64]);
// Puts the model's name in front of an error of a compilation, where it is not there yet. Returns false.
bool compilation_failed(const struct compilation *c, struct error *err);
// Frees all of it. Returns `ok`; if that is false, compilation_failed.
bool compilation_close(struct compilation *c, bool ok, struct error *err);

// ---- all of it

// What came of a compilation under a limit of memory, or with measured times.
struct compile_outcome {
    int fitted;                       // latent sizes, if there was a limit of memory; else 0
    unsigned threads;                 // that a run will have
    uint64_t peak[PLAN_MAX_PROGRAMS]; // bytes that a run of each size is expected to take
    double slower[PLAN_MAX_PROGRAMS]; // its convolutions take so many times as long as without the limit
    bool timed;
    unsigned measured, cached, modelled; // shapes of convolutions, by where their times come from
    double seconds;                      // spent on measuring
};

// To a file, written beside `path`, then renamed.
bool compile_to_file(const struct compile_options *o, const char *path, struct compile_outcome *outcome,
                     struct error *err);
// Opened at once, without a file.
bool compile_to_plan(const struct compile_options *o, struct plan *plan, struct compile_outcome *outcome,
                     struct error *err);

#endif
