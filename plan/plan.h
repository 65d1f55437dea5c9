// The plan: what the compiler hands to the runtime. docs/plan-format.md is its specification.
//
// A plan holds one or more programs: one decoder for several latent sizes, which share the weights. A program
// is two variants of one decoder step. FIRST decodes latent frame 0, STEADY every later one (a plan for images
// has no STEADY). Both are straight lists of operators over views of memory; they share the caches. Memory is
// divided into spaces: INPUT (the latent frame that the caller gives), OUTPUT (the frames that the caller
// takes), CACHE (one persistent arena, zero before frame 0) and ARENA (scratch, nothing in it outlives a
// step).
//
// In the file everything is little-endian and fixed-width; the structures below are the bytes of the file, so
// a plan is mapped and used in place after plan_check has verified every offset, size, index and parameter.
#ifndef WANC_PLAN_PLAN_H
#define WANC_PLAN_PLAN_H

#include "base/error.h"
#include "base/file.h"
#include "base/strbuf.h"

#include <stdint.h>

#define PLAN_MAGIC "WANCPLAN"
enum {
    PLAN_VERSION = 7,
    PLAN_ALIGNMENT = 64,        // of sections, constants, buffers and caches
    PLAN_NONE = 0xffffffffu,    // no view, no constant
    PLAN_MAX_PROGRAMS = 64,     // their sizes are compared pair by pair
    PLAN_MAX_OPS = 1 << 20,     // per variant
    PLAN_MAX_BUFFERS = 1 << 14, // per variant; their overlaps are checked pair by pair
    PLAN_MAX_DIM = 1 << 24,     // of any extent in a view
    PLAN_PARAM_WORDS = 24,
    PLAN_MAX_KERNEL = 1 << 10, // of a kernel, stride, pad, upsample or interleave
    PLAN_MAX_RANK = 8,         // of a tensor of the model
    PLAN_EXTRA_BYTES = 128,    // XNNPACK may read so far past a tensor: arenas and weights end with slack
};

// Of any block of memory: far above what a machine has, far from overflow.
#define PLAN_MAX_BYTES ((uint64_t)1 << 46)

enum plan_variant { PLAN_FIRST, PLAN_STEADY, PLAN_VARIANTS };

enum plan_section_kind {
    PLAN_SECTION_INFO = 1,  // one struct plan_info
    PLAN_SECTION_STRINGS,   // NUL-terminated UTF-8; a string is named by its offset; offset 0 is ""
    PLAN_SECTION_NOTES,     // uint32_t, strings: what the compiler warned of
    PLAN_SECTION_PROGRAMS,  // struct plan_program; what belongs to one lies in the order of the programs
    PLAN_SECTION_CACHES,    // struct plan_cache, of each program
    PLAN_SECTION_CONSTANTS, // struct plan_constant, shared by all programs
    PLAN_SECTION_BUFFERS,   // struct plan_buffer, of each program's FIRST, then of its STEADY
    PLAN_SECTION_VIEWS,     // struct plan_view, shared by all variants
    PLAN_SECTION_OPS,       // struct plan_op, of each program's FIRST, then of its STEADY
    PLAN_SECTION_SHAPES,    // struct plan_shape, of each program: for the report only
    PLAN_SECTION_CHOICES,   // struct plan_choice, of each program's operators: for the report only
    PLAN_SECTION_PASSES,    // struct plan_pass, of each program: for the report only
    PLAN_SECTION_TAPS,      // struct plan_tap, of each program's FIRST, then of its STEADY: to look at values
    PLAN_SECTION_WEIGHTS,   // the bytes of the constants
    PLAN_SECTION_PACKED,    // struct plan_packed: weights that are packed already, shared by all programs
    PLAN_SECTION_PACKED_DATA, // their bytes
    PLAN_SECTION_KINDS,
};

struct plan_header {
    char magic[8];          // PLAN_MAGIC
    uint32_t version;       // PLAN_VERSION; a reader refuses any other
    uint32_t section_count; // of the struct plan_section that follow the header
    uint64_t file_size;
    uint64_t checksum; // XXH3-64 of the header with this field zero, then of the section table
    char build[96];    // who wrote it: version, compiler, ISA note; text, NUL-padded
};

struct plan_section {
    uint32_t kind;     // enum plan_section_kind, each exactly once, ascending
    uint32_t count;    // elements, or bytes for STRINGS (WEIGHTS: 0)
    uint64_t offset;   // from the start of the file, a multiple of PLAN_ALIGNMENT
    uint64_t size;     // bytes
    uint64_t checksum; // XXH3-64 of the bytes; 0 for PACKED_DATA, whose parts have their own
};

struct plan_info {
    uint32_t model_name;   // string: the ONNX file's name
    uint32_t form;         // string: "full", "pair", ...
    uint32_t first_kept;   // of the first step's frames, how many (the last ones) are video; 0: all
    uint32_t time_threads; // for which the times of CHOICES are; 0: the two cores of the cost model's machine
    float error_bound;     // of the frames of a decode, in [-1, 1], by what is chosen; 0: not known
    float error_limit;     // that was set for it; 0: none
    uint64_t weight_bytes; // of the constants, before packing
    uint64_t packed_layout; // of PACKED: what layout they have (runtime/packed.h); 0 where there are none
};

// A STEADY without operators is absent: the plan decodes one latent frame.
struct plan_variant_info {
    uint32_t frames; // video frames that one step emits
    uint32_t first_op, op_count;
    uint32_t first_buffer, buffer_count;
    uint32_t band_rows; // of the run below: rows by which its first operator advances (plan/bands.h), or 0
    uint32_t band_first, band_count; // operators of the variant that run in bands of the image; none: 0, 0
    uint64_t arena_bytes;            // what the planner needs
    uint64_t lower_bound_bytes;      // the largest sum of sizes alive at once: no planner can need less
};

// One latent size. Programs have different sizes; channels and numbers of frames are the same in all.
struct plan_program {
    uint32_t latent_channels, latent_height, latent_width;
    uint32_t frame_channels, frame_height, frame_width;
    uint32_t first_cache, cache_count;
    uint32_t first_shape, shape_count;
    uint64_t cache_bytes; // of the cache arena
    struct plan_variant_info variant[PLAN_VARIANTS];
};

// What a cache's numbers are. Views on a cache of 16 bits count their offset and strides in numbers of 16 bits; only
// copies from and to floats, and the history of a convolution, may have such a view.
enum plan_cache_type { PLAN_F32, PLAN_F16, PLAN_BF16, PLAN_CACHE_TYPES };
const char *plan_cache_type_name(uint32_t type);
static inline uint64_t plan_cache_number_bytes(uint32_t type) { return type == PLAN_F32 ? 4 : 2; }

// `frames` x `height` x `width` x `channels` numbers, in any order of dimensions, kept between steps, in a block that
// may be larger than these (see the history of a convolution). Those of a program are listed by ascending offset.
struct plan_cache {
    uint32_t name, producer; // strings: "c0"; the node whose input it keeps
    uint32_t frames, height, width, channels;
    uint32_t type, reserved; // enum plan_cache_type; 0
    uint64_t offset,
        bytes; // in the cache arena; bytes >= those of frames * height * width * channels numbers
};

// A dense float32 array. Convolution weights are [out][kernel_h][kernel_w][kernel_t][in], the layout that
// XNNPACK takes when the taps of a temporal window are read as kernel_t * in channels.
struct plan_constant {
    uint32_t name; // string
    uint32_t count;
    uint64_t offset, bytes; // in the WEIGHTS section; bytes = 4 * count
};

// Which weights one operator of XNNPACK takes: rows [first, first + count) of a convolution's weights, as they are or
// transformed for Winograd's algorithm.
struct plan_packed_key {
    uint32_t weight, bias; // constants, or PLAN_NONE
    uint32_t in, out;      // channels of the convolution
    uint32_t kernel_t, kernel_h, kernel_w, taps, interleave;
    uint32_t tile; // Winograd: 2 or 4, outputs of a tile; 1: a matrix product of pixels; 0: a 2D convolution
    uint32_t time; // Winograd over frames: 2 or 4, their outputs; else 0
    uint32_t upsample; // of Winograd's algorithm, else 0
    uint32_t element;  // of the transformed kernel
    uint32_t first, count;
};

// Bytes that XNNPACK made of them, on a machine like the one on which it runs.
struct plan_packed {
    struct plan_packed_key key;
    uint32_t seed;                    // XNNPACK's name for their layout
    uint64_t offset, bytes, checksum; // in the PACKED_DATA section; XXH3-64
};

// One block of the arena. Alive from its first to its last operator, both included.
struct plan_buffer {
    uint32_t name;              // string: the value that it holds first
    uint32_t first_op, last_op; // within the variant
    uint32_t rows;              // 0: images are whole; else it holds so many rows of them (plan/bands.h)
    uint64_t offset, bytes;
};

enum plan_space { PLAN_ARENA, PLAN_CACHE, PLAN_INPUT, PLAN_OUTPUT, PLAN_SPACES };

// A 4-dimensional strided window on memory. Element (t, y, x, c) of the view is the float at
//     base(space, index) + offset + t*frame_stride + y*row_stride + x*pixel_stride + c*channel_stride
// (offset and strides in floats, or in the numbers of the cache). base is the buffer or cache `index`; INPUT and OUTPUT have one block each
// (index 0): the latent frame [channels][height][width] and the frames [frames][channels][height][width].
// An index in the ARENA is one of the buffers of the variant, one in CACHE one of the caches of the program,
// whose operator uses the view; any of them may share it. Views that are written must not have two elements at one address; those that are read may (a
// stride of 0). No stride is above PLAN_MAX_BYTES, those of axes of length 1 included.
struct plan_view {
    uint32_t space, index;
    uint32_t frames, height, width, channels;
    uint64_t offset, frame_stride, row_stride, pixel_stride, channel_stride;
};

// One operator: X(enumerator, name in listings, views in, views out, constants, struct in plan_params)
// `in` is {required, most}. The views of a scratch buffer are listed separately in plan_op.scratch.
enum plan_op_kind {
    PLAN_OP_CONV = 1,  // temporal-window convolution, lowered to 2D convolutions
    PLAN_OP_NORM,      // RMS norm over channels, optionally followed by SiLU
    PLAN_OP_BINARY,    // elementwise over two views of one shape
    PLAN_OP_SCALE,     // per-channel multiply and add: out = in * a[c] + b[c]
    PLAN_OP_UNARY,     // SiLU, sigmoid, clamp
    PLAN_OP_ATTENTION, // per frame, over height*width positions
    PLAN_OP_UPSAMPLE,  // nearest-neighbour enlargement in height and width
    PLAN_OP_COPY,      // out = in between views of the same shape and any strides
    PLAN_OP_KINDS,
};
const char *plan_op_name(uint32_t kind);

// out[t*interleave + j, y, x, o] = clamp(bias[..] + residual[t*interleave + j, y, x, o] + sum over dt, ky, kx, i of
//     window[t + dt, y*stride_h + ky - pad_top, x*stride_w + kx - pad_left, i] *
//     weight[j*(out.channels) + o][ky][kx][kernel_t - taps + dt][i])
// with zeros outside of the image. Without a history, window = norm(in), and in.frames = out.frames/interleave + taps - 1. `taps` <= kernel_t: only the
// kernel's last `taps` temporal taps are used (the others would meet zero frames). With upsample = u > 1 the
// image is first enlarged u times by nearest neighbour (DIRECT: one frame at a time, in the scratch view). When taps >
// 1, the taps of one pixel must be adjacent: in.frame_stride = in.channels. The scratch view has `taps`
// frames of the enlarged image, adjacent in the same way. Images are walked with one stride: in, out and
// scratch have channel_stride 1 and row_stride = width * pixel_stride. The three lie in different blocks.
//
// `algorithm` says how the sum is computed; results differ by rounding only. All but DIRECT work on blocks of the
// image (plan/winograd.h), take strides of 1 and no scratch view, do not need adjacent taps, and can do what
// stands before and behind a convolution on the way:
//  - norm(x) = x * norm_scale / max(||x||_2 over channels, norm_epsilon) * gamma[c], then SiLU, as `prologue` says;
//  - a residual, of the shape of out, is added; it may be the very view that is written;
//  - a history, a view on a cache, of kernel_t - 1 frames: window = its last taps - 1 frames, then norm(in), with
//    in.frames = out.frames/interleave. The step leaves the window's last frames in the history for the next
//    step; of these, frames that would come from before the window stay what they are, zero. Kernels are at
//    most 3x3. Old and new frames share their place: at every other step (1, 3, ..; the first step of a video is
//    step 0) the history lies one row and one pixel in front of where the view says (by row_stride + pixel_stride),
//    so that writing a block of the image overwrites nothing that the blocks behind it still read (at odd
//    steps blocks are taken from the last to the first). So that this holds, memory has a pixel of room in
//    front of each row (row_stride >= (width + 1) * pixel_stride) and a row of room in front of each frame.
enum plan_conv_algorithm {
    PLAN_CONV_DIRECT,
    PLAN_CONV_WINOGRAD2,       // F(2x2,3x3); with upsample, F(2x2,2x2) of each of the four phases
    PLAN_CONV_WINOGRAD4,       // F(4x4,3x3); with upsample, F(4x4,2x2)
    PLAN_CONV_WINOGRAD2_TIME2, // and F(2,3) over frames: `taps` is 3
    PLAN_CONV_WINOGRAD4_TIME2,
    PLAN_CONV_WINOGRAD4_TIME4, // and F(4,3) over frames
    PLAN_CONV_PRODUCT,         // 1x1 without pads: a matrix product of pixels
    PLAN_CONV_PRODUCT_TIME2,   // F(2,3) over frames: `taps` is 3
    PLAN_CONV_PRODUCT_TIME4,   // F(4,3)
    PLAN_CONV_IM2COL,          // 3x3: a matrix product of the pixels under each kernel; `upsample` is 1
    PLAN_CONV_ALGORITHMS,
};
const char *plan_conv_algorithm_name(uint32_t algorithm);
uint32_t plan_conv_algorithm_find(const char *name); // PLAN_NONE where there is none of that name

struct plan_conv {
    uint32_t kernel_t, kernel_h, kernel_w, taps;
    uint32_t stride_h, stride_w, pad_top, pad_left, pad_bottom, pad_right;
    uint32_t interleave, upsample;
    uint32_t
        block_channels; // output channels that one XNNPACK operator computes (its packed weights stay in L2)
    float min, max;     // clamp of the result; -inf, +inf for none
    uint32_t algorithm; // enum plan_conv_algorithm
    uint32_t prologue;  // enum plan_prologue; PLAN_PROLOGUE_NONE with DIRECT
    float norm_scale, norm_epsilon;
    // views: in[0]; in[1] = history or PLAN_NONE; in[2] = residual or PLAN_NONE; out; scratch (DIRECT with
    // upsample). constants: weight, bias (or PLAN_NONE), gamma (or PLAN_NONE)
};
enum plan_conv_input { PLAN_CONV_IMAGE, PLAN_CONV_HISTORY, PLAN_CONV_RESIDUAL }; // of in[]
enum plan_prologue { PLAN_PROLOGUE_NONE, PLAN_PROLOGUE_NORM, PLAN_PROLOGUE_NORM_SILU, PLAN_PROLOGUES };

// out = x * scale / max(||x||_2 over channels, epsilon) * gamma[c], then SiLU when `silu` is 1. Like the
// other elementwise operators it may write the view that it reads.
struct plan_norm {
    float scale, epsilon;
    uint32_t silu;
    // constants: gamma (or PLAN_NONE)
};

enum plan_binary_op { PLAN_ADD, PLAN_SUB, PLAN_MUL, PLAN_DIV, PLAN_BINARY_OPS };
struct plan_binary {
    uint32_t op; // enum plan_binary_op
};

// constants: a (or PLAN_NONE for 1), b (or PLAN_NONE for 0); each of `channels` floats
enum plan_unary_op { PLAN_SILU, PLAN_SIGMOID, PLAN_CLAMP, PLAN_UNARY_OPS };
struct plan_unary {
    uint32_t op;    // enum plan_unary_op
    float min, max; // for PLAN_CLAMP
};

// For each frame: out = softmax(scale * q k^T) v, q, k, v and out being [height*width][channels] matrices of
// one shape, with strides as for the convolution. Runs in blocks of `query_block` rows, at most height*width;
// scratch is a dense view of exactly query_block * height*width floats, of any dimensions. out is in a block
// of its own.
struct plan_attention {
    float scale;
    uint32_t query_block;
    // views: in[0..2] = q, k, v; out; scratch
};

struct plan_upsample {
    uint32_t factor; // out[t,y,x,c] = in[t, y/factor, x/factor, c]; another block than in
};

// PLAN_OP_COPY has no parameters. It may shift the frames of a window in place, where the frames of a pixel
// are adjacent in both views; other overlaps give undefined values.

struct plan_op {
    uint32_t kind;                // enum plan_op_kind
    uint32_t name;                // string: the ONNX node it comes from
    uint32_t in[3], out, scratch; // views, or PLAN_NONE
    uint32_t constant[3];         // constants, or PLAN_NONE
    union {
        struct plan_conv conv;
        struct plan_norm norm;
        struct plan_binary binary;
        struct plan_unary unary;
        struct plan_attention attention;
        struct plan_upsample upsample;
        uint32_t words[PLAN_PARAM_WORDS]; // the size of the union in the file; unused words are zero
    } params;
};

// One row of the shape report: a value as the model knows it and in both variants.
struct plan_shape {
    uint32_t node, op;            // strings: ONNX node, operator
    uint32_t symbolic;            // string: the model's own shape, "1x384x2T-1x60x104"; "" where it had none
    uint32_t first, steady;       // strings: output shapes, "" where the variant has no such operator
    uint32_t first_in, steady_in; // strings: shapes of the new frames that it is given
    uint32_t cache;               // index of its cache in the program, or PLAN_NONE
};

// One algorithm that was a candidate for a convolution; one of those of an operator is the one that it has.
enum plan_time_source {
    PLAN_TIME_MODEL, // the cost model, in proportion to what was measured of other candidates, if anything was
    PLAN_TIME_MEASURED, // on the machine that compiled
    PLAN_TIME_CACHED,   // likewise, by an earlier run
    PLAN_TIME_SOURCES,
};
const char *plan_time_source_name(uint32_t source);

struct plan_choice {
    uint32_t op;        // in OPS; choices are sorted by operator and algorithm
    uint32_t algorithm; // enum plan_conv_algorithm
    uint32_t source;    // of the seconds: enum plan_time_source
    float seconds;      // expected, of one call
    float error;        // expected of its rounding: root mean square, as a part of that of the outputs
};

// What a pass of the compiler left of a program. Those of a program are in the order in which they ran; the first row
// is the model as it was imported. Of a graph that is not split into variants yet, `first` has the part of the first step
// and `steady` that of every later one.
struct plan_pass {
    uint32_t program, name;              // string
    uint32_t changed, reserved;          // 1: the pass changed something; 0
    uint32_t nodes[PLAN_VARIANTS];       // all of these are 0 for a variant that is absent
    uint64_t value_bytes[PLAN_VARIANTS]; // of the results of all nodes
    uint64_t flops[PLAN_VARIANTS]; // of convolutions, matrix products and attention, as plan_work counts them
};
#define PLAN_MAX_COUNT ((uint64_t)1 << 62) // of such bytes and operations

// Which tensor of the model an operator leaves: whoever runs the plan may look at it behind that operator (the next ones may
// overwrite it). An element's place in the view is counted row by row, ((t * height + y) * width + x) * channels + c. The
// tensor's elements, in its own order, are walked by `part_count` loops: loop i takes `extent[i]` steps of `stride[i]` places,
// the last loop is the innermost one.
struct plan_tap {
    uint32_t op;   // in OPS; ascending, at most one of each operator
    uint32_t name; // string: of the tensor
    uint32_t view; // where the operator, and those of the same node in front of it, have written
    uint32_t rank, part_count;
    uint32_t shape[PLAN_MAX_RANK]; // of the tensor; unused ones are 0, as in the other two
    uint32_t extent[PLAN_MAX_RANK], stride[PLAN_MAX_RANK];
};

// A plan in memory, mapped from a file. All pointers point into the map.
struct plan {
    struct file_map map;
    const struct plan_header *header;
    const struct plan_info *info;
    const char *strings;
    uint32_t strings_size;
    const uint32_t *notes;
    uint32_t note_count;
    const struct plan_program *programs;
    uint32_t program_count;
    const struct plan_cache *caches;
    uint32_t cache_count;
    const struct plan_constant *constants;
    uint32_t constant_count;
    const struct plan_buffer *buffers;
    uint32_t buffer_count;
    const struct plan_view *views;
    uint32_t view_count;
    const struct plan_op *ops;
    uint32_t op_count;
    const struct plan_shape *shapes;
    uint32_t shape_count;
    const struct plan_choice *choices;
    uint32_t choice_count;
    const struct plan_pass *passes;
    uint32_t pass_count;
    const struct plan_tap *taps;
    uint32_t tap_count;
    const unsigned char *weights;
    uint64_t weights_size;
    const struct plan_packed *packed;
    uint32_t packed_count;
    const unsigned char *packed_data;
    uint64_t packed_data_size;
};

// Maps and verifies a plan completely (plan/check.c). On failure nothing stays open; the error names the
// file, the section and element, what was expected and what was found.
bool plan_open(struct plan *plan, const char *path, struct error *err);
void plan_close(struct plan *plan);
// The verification alone, on bytes already in memory; `plan` then points into them.
bool plan_check(struct plan *plan, const unsigned char *data, size_t size, struct error *err);

static inline const char *plan_string(const struct plan *p, uint32_t offset) { return p->strings + offset; }

// Whether the latents are denormalised inside: z * scale + shift of each channel comes first. Both have latent_channels
// floats; without it they are 1 and 0, or what else is added. (plan/denormalization.c)
bool plan_denormalizes(const struct plan *p, const struct plan_program *g, float *scale, float *shift);

// The video's part of the first step's frames.
static inline uint32_t plan_first_kept(const struct plan *p) {
    return p->info->first_kept ? p->info->first_kept : p->programs[0].variant[PLAN_FIRST].frames;
}
static inline bool plan_has_steady(const struct plan_program *g) {
    return g->variant[PLAN_STEADY].op_count > 0;
}
// The program for latents of this size; NULL: the plan has none.
static inline const struct plan_program *plan_find_program(const struct plan *p, uint64_t latent_height,
                                                           uint64_t latent_width) {
    for (uint32_t i = 0; i < p->program_count; i++) {
        const struct plan_program *g = &p->programs[i];
        if (g->latent_height == latent_height && g->latent_width == latent_width) return g;
    }
    return NULL;
}

// The cache that a view of a program's operator is on, or NULL. The plan must be verified.
static inline const struct plan_cache *plan_view_cache(const struct plan *p, const struct plan_program *g,
                                                       const struct plan_view *v) {
    return v->space == PLAN_CACHE ? &p->caches[g->first_cache + v->index] : NULL;
}

// The operators of both variants, which lie behind each other from variant[PLAN_FIRST].first_op on.
static inline uint32_t plan_program_ops(const struct plan_program *g) {
    return g->variant[PLAN_FIRST].op_count + g->variant[PLAN_STEADY].op_count;
}

// The tap of an operator in OPS, or NULL.
const struct plan_tap *plan_tap_of(const struct plan *plan, uint32_t op);

// The floats of a latent frame, and of a video frame; plan_check has seen that their bytes do not overflow.
static inline uint64_t plan_latent_floats(const struct plan_program *g) {
    return (uint64_t)g->latent_channels * g->latent_height * g->latent_width;
}
static inline uint64_t plan_frame_floats(const struct plan_program *g) {
    return (uint64_t)g->frame_channels * g->frame_height * g->frame_width;
}

// The floats spanned by a view from its first to one past its last element.
uint64_t plan_view_extent(const struct plan_view *v);

// What a run of one program by so many threads will take, in bytes (plan/forecast.c; each formula is given there).
struct plan_forecast {
    uint64_t weights_packed; // XNNPACK's own copies, both variants
    uint64_t preparation;    // transformed weights on their way there; freed before the first step
    uint64_t caches, arena;  // arena: the larger variant
    uint64_t workspace;      // blocks of tiles, indirection buffers, packed K and V
    uint64_t input_output;   // one latent frame and one step's frames
    uint64_t base;           // program and libraries
    uint64_t total;          // peak resident set to expect: the sum of what is there at one time,
    uint64_t without_caches; // and where these are in a file
    bool prepares;           // preparation needs more than a step, and counts instead of it
};
void plan_forecast(const struct plan *plan, const struct plan_program *g, uint32_t threads,
                   struct plan_forecast *f);

// Everything in the plan as text (`wanc dump`).
void plan_dump(const struct plan *plan, struct strbuf *out);

#endif
