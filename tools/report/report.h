// What `wanc report` says of a plan: gathered once (gather*.c) into the structures below, then written in one of several
// formats (report_*.c). Writers lay out and spell; all numbers are here. docs/report.md names every field of the JSON.
//
// Names in a plan come from a stranger's file. What is gathered of them is clean (names.c): valid UTF-8 without control
// characters. Writers escape what is special in their own format, and nothing else.
#ifndef WANC_REPORT_REPORT_H
#define WANC_REPORT_REPORT_H

#include "base/arena.h"
#include "plan/ops_table.h"

enum { REPORT_VERSION = 1, REPORT_STEPS = 3, REPORT_RESOLUTIONS = 4 };

enum report_section {
    REPORT_SHAPES = 1,
    REPORT_CACHES = 2,
    REPORT_MEMORY = 4,
    REPORT_OPS = 8,
    REPORT_GRAPH = 16,
    REPORT_ALL = 31,
};

// ---- shapes

// One step of a causal convolution, as PyTorch's log has it: the frames that it is given, those that its cache holds
// of earlier steps, and the zero frames in front of both.
struct report_causal_step {
    bool runs;
    uint32_t frames, cache, padding;
};

struct report_causal {
    const char *node;
    uint32_t cache, kernel_t;
    uint32_t op[PLAN_VARIANTS]; // PLAN_NONE where the variant has none
    struct report_causal_step steps[REPORT_STEPS];
    uint32_t step_count; // 1: the plan decodes one latent frame
};

struct report_shape {
    const char *op, *node, *symbolic;
    const char *in[PLAN_VARIANTS], *out[PLAN_VARIANTS]; // "" where the variant has no such operator
    uint32_t cache;                                     // of the program, or PLAN_NONE
    const struct report_causal *causal;                 // that has this cache, or NULL
};

// ---- caches

enum report_cache_layout { REPORT_DENSE, REPORT_HISTORY, REPORT_OTHER_LAYOUT };

struct report_cache {
    const char *name, *producer, *type, *shape, *layout; // layout: "[height][width][frames][channels]"
    enum report_cache_layout kind;
    uint32_t frames, height, width, channels;
    uint64_t offset, bytes, number_bytes; // number_bytes: of its numbers alone, without room around them
};

// The caches at another size of the frames.
struct report_resolution {
    uint32_t frame_height, frame_width, latent_height, latent_width;
    const char *why_not; // "": it divides
    uint64_t bytes, number_bytes;
};

// ---- memory

struct report_buffer {
    const char *name;
    uint32_t first_op, last_op;
    uint32_t rows; // of images, if it holds a window of them (bands, plan/bands.h); 0: they are whole
    uint32_t lane; // buffers of one lane are never alive together
    bool at_peak;  // alive during one of the operators at which most is
    uint64_t offset, bytes;
};

// ---- graph

enum report_place { REPORT_FROM_OP, REPORT_FROM_INPUT, REPORT_FROM_CACHE };

struct report_edge {
    enum report_place from;
    uint32_t index; // of the operator or the cache
    const char *shape;
};

enum report_target { REPORT_TO_ARENA, REPORT_TO_CACHE, REPORT_TO_OUTPUT };

struct report_op {
    const char *kind, *name, *detail, *in_shape, *out_shape;
    const struct report_edge *edges; // what it reads
    uint32_t edge_count;
    enum report_target to;
    uint32_t to_index;     // of the buffer or the cache
    uint32_t history;      // the cache that it reads and writes, or PLAN_NONE
    uint32_t stage, block; // of the variant
    double flops, bytes;   // plan_work
    uint64_t live_bytes;   // of the buffers alive during it
};

// A run of operators: a stage, or a block of one.
struct report_run {
    const char *name, *in_shape, *out_shape;
    uint32_t first_op, op_count;
    uint32_t first_block, block_count; // of a stage
    uint32_t caches;                   // that are read or written
    double flops;
};

struct report_variant {
    const char *name;
    bool present;
    uint32_t frames;
    uint32_t band_rows, band_first, band_count; // operators that run in bands of the image; none: 0
    uint64_t arena_bytes, lower_bound_bytes, fragmentation_bytes;
    struct report_buffer *buffers;
    uint32_t buffer_count, lane_count;
    uint64_t peak_bytes;                       // the largest live_bytes
    uint32_t *peak_ops, peak_op_count;         // at which so much is alive
    uint32_t *peak_buffers, peak_buffer_count; // that are alive during any of them
    struct report_op *ops;
    uint32_t op_count;
    struct report_run *stages, *blocks;
    uint32_t stage_count, block_count;
    double flops, bytes;
    double conv_seconds, other_seconds; // to expect of a step
};

// What the graph was after a pass; the first row is what was imported. Bytes and operations are 0 as long as lengths are
// symbols.
struct report_pass {
    const char *name;
    bool changed;
    uint32_t nodes[PLAN_VARIANTS];
    uint64_t value_bytes[PLAN_VARIANTS], flops[PLAN_VARIANTS];
};
static inline bool report_pass_has_sizes(const struct report_pass *p, int v) { return p->value_bytes[v] > 0; }

struct report_program {
    uint32_t latent_channels, latent_height, latent_width, frame_channels, frame_height, frame_width;
    bool has_steady;
    struct report_shape *shapes;
    uint32_t shape_count;
    struct report_causal *causal;
    uint32_t causal_count;
    struct report_cache *caches;
    uint32_t cache_count;
    uint64_t cache_bytes, cache_number_bytes;
    struct report_resolution resolutions[REPORT_RESOLUTIONS];
    struct report_variant variant[PLAN_VARIANTS];
    struct plan_forecast forecast;
    struct plan_ops_table ops;
    struct report_pass *passes;
    uint32_t pass_count;
};

struct report {
    struct arena arena;
    const char *model, *form, *build;
    uint32_t plan_version, threads, time_threads, first_kept;
    uint64_t file_bytes, weight_bytes, packed_bytes;
    double error_bound, error_limit; // 0: not known, none
    const float *latent_scale,
        *latent_shift; // by which the plan denormalises each channel of the latents; NULL: it does not
    uint32_t latent_channels;
    const char **notes;
    uint32_t note_count;
    struct report_program *programs;
    uint32_t program_count;
};

// `plan` stays open as long as the report is used. False: out of memory.
bool report_gather(struct report *r, const struct plan *plan, uint32_t threads);
void report_free(struct report *r);

// ---- writers: each appends to `out`; `sections` is a set of enum report_section.
void report_text(const struct report *r, unsigned sections, struct strbuf *out);
bool report_json(const struct report *r, unsigned sections, struct strbuf *out); // false: out of memory

void report_csv(const struct report *r, unsigned section, struct strbuf *out); // of one section
void report_dot(const struct report *r, struct strbuf *out);
bool report_trace(const struct report *r, struct strbuf *out);
bool report_html(const struct report *r, struct strbuf *out); // all sections; false: out of memory
void report_svg(const struct report *r, unsigned section,
                struct strbuf *out); // REPORT_MEMORY or REPORT_GRAPH

// Parts of report_text. (report_text_graph.c)
void report_text_ops(const struct report *r, const struct report_program *g, struct strbuf *out);
void report_text_graph(const struct report_program *g, struct strbuf *out);

// ---- inside of tools/report: the parts of report_gather
const char *report_name(struct report *r, const char *text); // (names.c)
void report_gather_graph(struct report *r, const struct plan *p, const struct plan_program *program,
                         enum plan_variant v, struct report_variant *out);
void report_gather_stages(struct report *r, const struct plan *p, const struct plan_program *g,
                          enum plan_variant v,
                          struct report_variant *out); // when the graph is there
void report_gather_memory(struct report *r, const struct plan *p, const struct plan_program *g,
                          enum plan_variant v,
                          struct report_variant *out); // likewise
void report_gather_caches(struct report *r, const struct plan *p, const struct plan_program *g,
                          struct report_program *out);
void report_gather_shapes(struct report *r, const struct plan *p, const struct plan_program *g,
                          struct report_program *out); // likewise
// "frames x height x width x channels", of numbers and of a view.
const char *report_shape_text(struct report *r, const uint64_t size[4]);
const char *report_view_shape(struct report *r, const struct plan_view *v);
// The new frames that a convolution is given: without those of the cache in its window.
uint32_t report_conv_frames(const struct plan *p, const struct plan_op *op);

#endif
