// The intermediate representation: every structure of the compiler, and the functions that edit them.
// docs/ir.md specifies its textual form; ir/ops.def lists the operators.
//
//     module            constants and caches, shared by its graphs
//       graph           one before specialisation ("full", or "first" and "steady" of a pair), then `first`
//       and `steady`
//         block         a list of nodes in execution order that ends in a `return`
//           node        one operator: inputs are uses of values, outputs are values
//             value     has a type; is a graph input, a constant, or the output of a node
//
// Everything lives in the module's arena and dies with it. Nodes and values are edited only through the
// functions below, which keep the use lists true.
#ifndef WANC_IR_IR_H
#define WANC_IR_IR_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "ir/dim.h"

#include <stddef.h>

enum { IR_MAX_RANK = 8, IR_MAX_ATOMS = 24, IR_MAX_FIRST_FRAMES = 1 << 16 };

enum ir_dtype { IR_F32, IR_F16, IR_BF16, IR_F64, IR_I64, IR_I32, IR_U8, IR_I8, IR_BOOL, IR_DTYPES };

// A tensor type. rank -1: not inferred yet. time_axis is the axis along which frames follow each other (its
// dims[] entry is a pair even when its steady part is 0), or -1.
struct ir_type {
    enum ir_dtype dtype;
    int rank, time_axis;
    struct ir_dim dims[IR_MAX_RANK];
};

// The payload of a constant. Integers (and booleans) are pairs, because shape arithmetic is symbolic in T.
// Floats stay where they lie (a mapped file): `data` in the encoding `stored`, whatever the value's dtype is.
// A constant parsed from text may have neither ("opaque"): enough for passes that only look at shapes.
struct ir_constant {
    struct ir_dim *ints;
    const void *data;
    enum ir_dtype stored;
    size_t count;
};

struct conv_choice;
struct ir_node;
struct ir_use;

// Where a value lies, once plan_memory has decided: an offset inside of buffer `buffer` of its graph, and
// strides, all in elements. The layout is that of plan_view (plan/plan.h).
struct ir_storage {
    enum { IR_NOWHERE, IR_IN_BUFFER, IR_IN_INPUT, IR_IN_OUTPUT } place;
    uint32_t buffer;
    uint64_t offset, frame_stride, row_stride, pixel_stride, channel_stride;
};

struct ir_value {
    const char *name; // unique in its graph (constants: in the module), without the sigil
    struct ir_type type;
    struct ir_node *def; // NULL for graph inputs and constants
    struct ir_constant *constant;
    struct ir_use *uses;
    struct ir_storage storage;
    const struct ir_rearrange
        *to_model;           // to the tensor that the model has by this name; NULL: it is that tensor
    struct ir_type declared; // what the ONNX file says, rank -1 where it says nothing
    struct ir_value *next;   // in the module's list of constants
    struct ir_value *map;    // scratch for cloning
    int64_t mark;            // scratch for passes
};

struct ir_use {
    struct ir_value *value; // NULL: an optional input that is absent
    struct ir_node *user;
    struct ir_use *next, **link;
};

enum ir_op {
#define OP(id, name, min_in, max_in, outputs, level, flags) IR_##id,
#include "ir/ops.def"
#undef OP
    IR_OPS
};

enum ir_level {          // in which phase of the pipeline an operator may appear
    IR_LEVEL_ONNX = 1,   // as imported: parameters may be operands
    IR_LEVEL_TENSOR = 2, // canonical: parameters are attributes
    IR_LEVEL_FRAME = 4,  // channels last, [frames, height, width, channels]
};

enum ir_flag {
    IR_ELEMENTWISE = 1, // out[i] = f(in[i], ...), inputs broadcast
    IR_COMMUTATIVE = 2,
    IR_EFFECT = 4, // must not be removed even if its outputs are unused
};

struct ir_op_info {
    const char *name;
    int min_in, max_in, outputs; // max_in, outputs: -1 for any number
    int level, flags;
};
extern const struct ir_op_info ir_op_info[IR_OPS];

enum ir_key {
#define KEY(id, name) IR_KEY_##id,
#include "ir/keys.def"
#undef KEY
    IR_KEYS
};
extern const char *const ir_key_name[IR_KEYS];

// How axes are split, reordered, merged and repeated: the one operator behind reshape, transpose, squeeze,
// expand, tile, nearest upsampling and temporal interleave (ir/rearrange.h).
struct ir_rearrange {
    int atoms; // those of the input, in input order, then the repeated ones
    int in_atoms;
    struct ir_dim size[IR_MAX_ATOMS]; // never 1, unless it is the time axis
    int time_atom;                    // which atom is time, or -1
    int in_rank, out_rank;
    uint8_t in_count[IR_MAX_RANK];   // atoms in each input axis
    uint8_t out_count[IR_MAX_RANK];  // and in each output axis
    uint8_t out_order[IR_MAX_ATOMS]; // the atoms in output order
};

// Kept between steps. dims are [frames, ...]: before layout in the convolution's own axes, afterwards
// channels last.
struct ir_cache {
    const char *name;
    struct ir_type type;
    const char *producer;       // the node whose input it keeps
    const char *input, *output; // of a step in a file: the ports that were proven to be this cache; else NULL
    const char *first; // the node of the first step that feeds it; NULL if none does, or nobody knows yet
    struct ir_cache *next;
    int index;
    int64_t offset; // bytes, in the cache arena; -1 before plan_caches
};

struct ir_attr {
    enum ir_key key;
    enum { IR_ATTR_INT, IR_ATTR_FLOAT, IR_ATTR_INTS, IR_ATTR_STRING, IR_ATTR_CACHE, IR_ATTR_REARRANGE } kind;
    int64_t i;
    double f;
    const int64_t *ints;
    int count;
    const char *string;
    struct ir_cache *cache;
    const struct ir_rearrange *rearrange;
    struct ir_attr *next;
};

struct ir_block {
    struct ir_node *head, *tail; // tail is the `return` once the block is complete
    struct ir_graph *graph;
};

struct ir_node {
    enum ir_op op;
    const char *name; // of the ONNX node it comes from; "" if none
    struct ir_use *inputs;
    int input_count;
    struct ir_value **outputs;
    int output_count;
    struct ir_attr *attrs;
    struct ir_block *blocks[2]; // of `onnx.if`: then, else
    struct ir_node *prev, *next;
    struct ir_block *block;
    int64_t mark; // scratch for passes
};

struct ir_buffer { // a block of the arena, see plan_memory
    uint64_t offset, bytes;
    int first_node, last_node; // positions in the block
    uint32_t rows;             // 0: images are whole; else it holds so many rows of them (plan/bands.h)
    const char *name;
};

struct ir_graph {
    const char *name;
    struct ir_module *module;
    struct ir_value **inputs;
    int input_count;
    const char **result_names; // of the ONNX file, for messages; NULL in graphs that do not come from one
    struct ir_block body;
    struct ir_buffer *buffers;
    int buffer_count;
    uint64_t arena_bytes, lower_bound_bytes;
    struct ir_graph *next;
};

// What a value looked like in the model, kept for reports: its name and its shape, in T where the model is a streaming graph.
struct ir_symbol {
    const char *value, *shape; // "conv3d_10", "1x384x2T-1x60x104"
    const char *graph;         // "first" or "steady", where each has values of its own; NULL: any
    struct ir_symbol *next;
};

// Whether operators take turns on bands of the image (passes/choose_bands.c): where that costs no time, never, or wherever
// it makes the scratch arena smaller.
enum ir_bands { IR_BANDS_AUTO, IR_BANDS_NONE, IR_BANDS_LEAST };

// What a pass left (passes/pass_effect.h), of the graph of the first step and of a later one.
struct ir_effect {
    const char *pass;
    bool changed;
    uint32_t nodes[2];
    uint64_t value_bytes[2], flops[2];
    struct ir_effect *next;
};

struct ir_module {
    struct arena arena;
    struct ir_effect *effects, *last_effect; // of the passes that ran; the first is of the import
    struct ir_graph *graphs;
    struct ir_value *constants, **constants_end;
    struct ir_cache *caches;
    int cache_count;
    enum ir_dtype cache_dtype; // IR_F16 or IR_BF16: plan_caches keeps them so
    uint64_t cache_bytes;
    enum ir_bands bands;
    unsigned threads; // that a run will have; 0: a few
    int first_kept;   // of the frames that the first step gives, how many (the last ones) are video; 0: all
    struct ir_symbol *symbols, *last_symbol;
    const char *model_name, *form;
    int64_t latent_height,
        latent_width; // of the latents, if they are to be others than the file's; 0: as they are
    int steps;        // of an unrolled model, in the file; else 0
    int64_t frames;   // latent frames of a whole-sequence model that fixes their number; else 0
    const char *flag; // of a flagged model: the input; else NULL
    int first_flag;   // and what it is in the first step
    struct conv_choice
        *choice;         // how convolutions are to be computed (passes/conv_choice.h); NULL: by default
    unsigned next_id;    // for fresh names
    struct strbuf notes; // lines for the user: what was recognised, what is odd
};

// ---- types (ir/type.c)
const char *ir_dtype_name(enum ir_dtype dtype);
size_t ir_dtype_size(enum ir_dtype dtype);
bool ir_dtype_is_float(enum ir_dtype dtype);
struct ir_type ir_type_make(enum ir_dtype dtype, int rank, const struct ir_dim *dims);
bool ir_type_equal(const struct ir_type *a, const struct ir_type *b);
// Number of elements; false when it depends on T or overflows.
bool ir_type_count(const struct ir_type *t, int64_t *count);
// "f32[1,16,1|1,30,52]" or "?" appended to `out`.
void ir_type_print(const struct ir_type *t, struct strbuf *out);

// ---- building and editing (ir/build.c)
struct ir_module *ir_module_new(void);
void ir_module_free(struct ir_module *m);
struct ir_graph *ir_graph_new(struct ir_module *m, const char *name);
void ir_graph_remove(struct ir_graph *g);
// Makes these two all the graphs of the module. @first stands in front of @steady in every module.
void ir_set_steps(struct ir_module *m, struct ir_graph *first, struct ir_graph *steady);
// Gives value->mark of every input and result the numbers 0, 1, ..., and returns how many there are.
int64_t ir_number_values(struct ir_graph *g);
struct ir_graph *ir_graph_find(const struct ir_module *m, const char *name);
struct ir_block *ir_block_new(struct ir_graph *g);
struct ir_value *ir_graph_add_input(struct ir_graph *g, const char *name, struct ir_type type);

// A constant value of the module. Its name is made unique.
struct ir_value *ir_constant_new(struct ir_module *m, const char *name, struct ir_type type);
struct ir_value *ir_constant_ints(struct ir_module *m, const char *name, enum ir_dtype dtype, int rank,
                                  const struct ir_dim *dims, const struct ir_dim *ints);
struct ir_value *ir_constant_floats(struct ir_module *m, const char *name, int rank,
                                    const struct ir_dim *dims, const float *values);
// Element `i` of a float constant, decoded. The constant must have data.
double ir_constant_float(const struct ir_constant *c, size_t i);
bool ir_is_float_constant(const struct ir_value *v); // with data
bool ir_is_int_constant(const struct ir_value *v);

// A node before `at` (NULL: at the end of `block`). Outputs get fresh names derived from `hint` and unknown
// types.
struct ir_node *ir_node_new(struct ir_block *block, struct ir_node *at, enum ir_op op, const char *hint,
                            int input_count, struct ir_value *const *inputs, int output_count);
// A node of one output before `at`, in its block and with its name, its type inferred. NULL only on a bug:
// the caller has checked that the types fit. `attrs` of `like` are not copied.
struct ir_node *ir_insert(struct ir_node *at, enum ir_op op, int input_count, struct ir_value *const *inputs);
void ir_node_set_input(struct ir_node *n, int index, struct ir_value *value);
void ir_node_add_input(struct ir_node *n, struct ir_value *value);
void ir_node_drop_input(struct ir_node *n, int index);
void ir_node_remove(struct ir_node *n); // its outputs must be unused
void ir_node_move(struct ir_node *n, struct ir_block *block, struct ir_node *at);
void ir_replace_uses(struct ir_value *old, struct ir_value *with);
// Replaces the node's only output by `with` everywhere, and removes the node.
void ir_node_replace(struct ir_node *n, struct ir_value *with);
int ir_use_count(const struct ir_value *v);
struct ir_node *ir_only_user(const struct ir_value *v); // NULL when there is not exactly one use
struct ir_node *ir_return_of(const struct ir_graph *g);
const char *ir_fresh_name(struct ir_module *m, const char *hint);

static inline struct ir_value *ir_in(const struct ir_node *n, int i) {
    return i < n->input_count ? n->inputs[i].value : NULL;
}
static inline struct ir_value *ir_out(const struct ir_node *n) { return n->outputs[0]; }
static inline const struct ir_op_info *ir_info(const struct ir_node *n) { return &ir_op_info[n->op]; }

struct ir_cache *ir_cache_new(struct ir_module *m, const char *name, struct ir_type type,
                              const char *producer);
// Values keep their base name through the passes: "conv3d_10" of "conv3d_10~57". Returns its length.
int ir_base_name(const char *name);
// `to` has the numbers of `from`, which is about to go, and takes its name: so that a name always says which tensor of the model
// a value is. `from` is `r` of `to`; NULL: they are equal.
void ir_take_name(struct ir_value *to, const struct ir_value *from, const struct ir_rearrange *r);
void ir_symbol_add(struct ir_module *m, const char *value, const char *shape, const char *graph);
const char *ir_symbol_find(const struct ir_module *m, const char *value_name,
                           const char *graph); // "" when there is none

void ir_note(struct ir_module *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- attributes (ir/attr.c)
const struct ir_attr *ir_attr_find(const struct ir_node *n, enum ir_key key);
int64_t ir_attr_int(const struct ir_node *n, enum ir_key key, int64_t otherwise);
double ir_attr_float(const struct ir_node *n, enum ir_key key, double otherwise);
const char *ir_attr_string(const struct ir_node *n, enum ir_key key, const char *otherwise);
// The list, and its length in *count; NULL and 0 when absent.
const int64_t *ir_attr_ints(const struct ir_node *n, enum ir_key key, int *count);
struct ir_cache *ir_attr_cache(const struct ir_node *n);
const struct ir_rearrange *ir_attr_rearrange(const struct ir_node *n);
void ir_attr_set_int(struct ir_node *n, enum ir_key key, int64_t i);
void ir_attr_set_float(struct ir_node *n, enum ir_key key, double f);
void ir_attr_set_ints(struct ir_node *n, enum ir_key key, int count, const int64_t *ints);
void ir_attr_set_string(struct ir_node *n, enum ir_key key, const char *s);
void ir_attr_set_cache(struct ir_node *n, struct ir_cache *c);
void ir_attr_set_rearrange(struct ir_node *n, const struct ir_rearrange *r);
void ir_attr_remove(struct ir_node *n, enum ir_key key);
void ir_attr_copy_all(struct ir_node *to, const struct ir_node *from);

// ---- whole graphs
// Copies nodes and inputs of `from` into a new graph (ir/clone.c). Constants and caches are shared.
// value->map of every value of `from` is its copy.
struct ir_graph *ir_graph_clone(struct ir_graph *from, const char *name);
// Copies one node to the end of a block; its inputs are those of `from` as value->map has them.
struct ir_node *ir_node_clone(const struct ir_node *from, struct ir_block *to);
// NumPy broadcasting of two shapes, with time axes carried along; false if they do not fit (ir/shape.c).
bool ir_broadcast(const struct ir_type *a, const struct ir_type *b, struct ir_type *out);
// Sets the types of the node's outputs from its inputs and attributes (ir/shape.c). The error names the node.
bool ir_infer_node(struct ir_node *n, struct error *err);
// Checks every invariant (ir/verify.c). The error names the node; *context gets the graph around it.
bool ir_verify(const struct ir_module *m, struct strbuf *context, struct error *err);
// Text (ir/print.c, ir/parse.c). ir_parse finds the data of named constants in `donor`, if one is given.
void ir_print(const struct ir_module *m, struct strbuf *out);
void ir_print_node(const struct ir_node *n, struct strbuf *out);
struct ir_module *ir_parse(const char *text, const char *file_name, const struct ir_module *donor,
                           struct error *err);

#endif
