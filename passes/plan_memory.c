// plan_memory: which values share a buffer, and where each buffer lies in the scratch arena.
//
// Storage first. A value is given a buffer of its own unless it can be seen in another's:
//     slice, reshaping rearrange   a view of the operand's buffer with other offset and strides, unless a convolution or
//                                  attention reads it that could not walk from pixel to pixel there: then it is copied
//     a window's operand           written by its producer straight into the window, behind the cache's frames
//     elementwise                  in place, when this is the last use of everything in the operand's buffer
//     the result of the graph      written to the caller's output
// Dense values are [frames][height][width][channels]; a window is [height][width][frames][channels], so that
// the temporal taps of one pixel are adjacent and a 2D convolution can read them as channels.
//
// Then placement: a buffer lives from the first operator that touches it to the last; passes/arena_plan.c
// chooses offsets, and the lower bound (the largest sum alive at once) is recorded beside the result. Scratch
// of single operators (an enlarged frame, a block of attention scores) is a buffer that lives for that
// operator.
#include "base/size.h"
#include "ir/rearrange.h"
#include "passes/arena_plan.h"
#include "passes/bands.h"
#include "passes/match.h"
#include "passes/memory.h"
#include "passes/pass.h"
#include "passes/storage.h"
#include "passes/stream.h"
#include "plan/plan.h"

enum { ALIGNMENT = 64 };

struct memory {
    struct ir_graph *g;
    struct ir_buffer *buffers;
    size_t capacity;
    int count;
    struct error *err;
};

static int new_buffer(struct memory *m, uint64_t bytes, const char *name, int node) {
    m->buffers =
        arena_grow(&m->g->module->arena, m->buffers, (size_t)m->count, &m->capacity, sizeof *m->buffers);
    m->buffers[m->count] =
        (struct ir_buffer){.bytes = bytes, .first_node = node, .last_node = node, .name = name};
    return m->count++;
}

static uint64_t bytes_of(const struct ir_value *v) {
    int64_t count = 0;
    return ir_type_count(&v->type, &count) ? size_times(sizeof(float), (uint64_t)count) : UINT64_MAX;
}

// What a plan cannot hold is refused here: what follows adds and multiplies such sizes.
static bool check_sizes(const struct memory *m) {
    for (int i = 0; i < m->count; i++) {
        if (m->buffers[i].bytes > PLAN_MAX_BYTES)
            return error_set(m->err, ERROR_UNSUPPORTED, "value '%s' takes more than %llu bytes",
                             m->buffers[i].name, (unsigned long long)PLAN_MAX_BYTES);
    }
    return true;
}

static void own_buffer(struct memory *m, struct ir_value *v, int node) {
    v->storage = storage_dense(&v->type);
    v->storage.buffer = (uint32_t)new_buffer(m, bytes_of(v), v->name, node);
}

// ---- what can be shared

static bool writes_strided(const struct ir_node *n) {
    return n && (n->op == IR_FRAME_CONV || n->op == IR_STREAM_CONV || n->op == IR_FRAME_NORM ||
                 (ir_info(n)->flags & IR_ELEMENTWISE));
}

// The window that this value can be written into: its only reader.
static struct ir_node *window_of(const struct ir_value *v) {
    struct ir_node *w = ir_only_user(v);
    return w && w->op == IR_WINDOW && writes_strided(v->def) ? w : NULL;
}

// A value's mark is the node that reads it last: nobody has to look for it.
static void mark_last_readers(const struct ir_graph *g) {
    int node = 0;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next, node++) {
        for (int i = 0; i < n->output_count; i++) n->outputs[i]->mark = node;
        for (int i = 0; i < n->input_count; i++) {
            if (ir_in(n, i) != NULL) ir_in(n, i)->mark = node;
        }
    }
}

// A value that has a place keeps its buffer alive up to its last reader.
static void keep_alive(struct memory *m, const struct ir_value *v) {
    if (v->storage.place != IR_IN_BUFFER) return;
    struct ir_buffer *b = &m->buffers[v->storage.buffer];
    if (v->mark > b->last_node) b->last_node = (int)v->mark;
}

// Two views of one buffer: writing one may change the other.
static bool share_buffer(const struct ir_value *a, const struct ir_value *b) {
    return a && b && a->storage.place == IR_IN_BUFFER && b->storage.place == IR_IN_BUFFER &&
           a->storage.buffer == b->storage.buffer;
}

// Whether operand `i` may be overwritten element by element: it has the shape of the result, fills its buffer, and
// nobody reads it later.
static bool can_overwrite(const struct memory *m, const struct ir_node *n, int i, int node) {
    const struct ir_value *v = ir_in(n, i);
    return v != NULL && v->storage.place == IR_IN_BUFFER && ir_type_equal(&v->type, &ir_out(n)->type) &&
           m->buffers[v->storage.buffer].bytes == bytes_of(v) && storage_is_dense(&v->storage, &v->type) &&
           m->buffers[v->storage.buffer].last_node <= node;
}

// A convolution reads neighbours of a pixel: it may only overwrite what it adds.
static bool in_place(struct memory *m, struct ir_node *n, int node) {
    bool adds = n->op == IR_STREAM_CONV;
    if (!adds && !(ir_info(n)->flags & IR_ELEMENTWISE)) return false;
    int first = adds ? STREAM_RESIDUAL : 0;
    const struct ir_value *a = ir_in(n, 0), *b = ir_in(n, adds ? STREAM_RESIDUAL : 1);
    if ((adds || a != b) && share_buffer(a, b)) return false;
    for (int i = first; i < n->input_count; i++) {
        if (!can_overwrite(m, n, i, node)) continue;
        ir_out(n)->storage = ir_in(n, i)->storage;
        return true;
    }
    return false;
}

enum { MOST_SLICES = 100 };

// Whether a kernel reads it that walks an image from pixel to pixel, across the ends of rows too. What a rearrangement makes
// of it has a place of its own choice.
static bool is_walked(const struct ir_value *v, int depth) {
    if (depth > MOST_SLICES) return true; // of slices of slices, which simplify leaves few of
    for (const struct ir_use *u = v->uses; u != NULL; u = u->next) {
        const struct ir_node *n = u->user;
        if (n->op == IR_FRAME_CONV || n->op == IR_STREAM_CONV || n->op == IR_FRAME_ATTENTION) return true;
        if (n->op == IR_SLICE && is_walked(ir_out(n), depth + 1)) return true;
    }
    return false;
}

static bool view_of_operand(const struct ir_node *n, struct ir_storage *s) {
    if (n->op == IR_REARRANGE) return storage_view(n, s);
    if (n->op != IR_SLICE || ir_in(n, 0)->storage.place != IR_IN_BUFFER) return false;
    *s = storage_slice(n);
    return true;
}

// The result's place in the operand's buffer, unless such a kernel needs it elsewhere: a part of the columns of an image, or
// frames side by side as the columns of one.
static bool place_in_operand(const struct ir_node *n) {
    struct ir_value *v = ir_out(n);
    struct ir_storage s;
    if (!view_of_operand(n, &s)) return false;
    bool even =
        dim_is(v->type.dims[1], 1) || s.row_stride == s.pixel_stride * (uint64_t)v->type.dims[2].first;
    if (!even && is_walked(v, 0)) return false;
    v->storage = s;
    return true;
}

// ---- one node

static void place_window(struct memory *m, struct ir_value *window, int node) {
    if (window->storage.place != IR_NOWHERE) return; // by its operand, before
    window->storage = storage_window(&window->type);
    window->storage.buffer = (uint32_t)new_buffer(m, bytes_of(window), window->name, node);
    keep_alive(m, window);
}

static void place_result(struct memory *m, struct ir_node *n, int node) {
    struct ir_value *v = ir_out(n);
    struct ir_node *w = window_of(v);
    if (n->op == IR_WINDOW) place_window(m, v, node);
    else if ((n->op == IR_SLICE || n->op == IR_REARRANGE) && place_in_operand(n)) return;
    else if (n->op == IR_REARRANGE && ir_only_user(v) == ir_return_of(m->g)) v->storage.place = IR_IN_OUTPUT;
    else if (w != NULL) {
        place_window(m, ir_out(w), node);
        v->storage = ir_out(w)->storage;
        v->storage.offset += (uint64_t)ir_attr_cache(w)->type.dims[0].first * v->storage.frame_stride;
    } else if (!in_place(m, n, node)) own_buffer(m, v, node);
}

static uint64_t image_of(const struct ir_type *t) {
    return size_times((uint64_t)t->dims[1].first, (uint64_t)t->dims[2].first);
}

static void place_scratch(struct memory *m, struct ir_node *n, int node) {
    if (n->op != IR_FRAME_CONV && n->op != IR_FRAME_ATTENTION) return;
    const struct ir_type *t = &ir_in(n, 0)->type;
    uint64_t elements = 0;
    int64_t factor = ir_attr_int(n, IR_KEY_UPSAMPLE, 1);
    bool direct = ir_attr_find(n, IR_KEY_ALGORITHM) == NULL; // the others take no enlarged image
    if (n->op == IR_FRAME_CONV && factor > 1 && direct) {
        elements = size_times(size_times(image_of(t), (uint64_t)t->dims[3].first),
                              size_times((uint64_t)factor, (uint64_t)factor));
    } else if (n->op == IR_FRAME_ATTENTION) {
        elements = size_times((uint64_t)ir_attr_int(n, IR_KEY_QUERY_BLOCK, 1), image_of(t));
    } else return;
    ir_attr_set_int(n, IR_KEY_SCRATCH,
                    new_buffer(m, size_times(sizeof(float), elements), ir_out(n)->name, node));
}

static bool check_frames(struct memory *m, const struct ir_node *n) {
    for (int i = 0; i < n->output_count; i++) {
        const struct ir_type *t = &n->outputs[i]->type;
        if (t->rank == 4 || (n->op == IR_REARRANGE && ir_only_user(n->outputs[i]) == ir_return_of(m->g)))
            continue;
        return error_set(m->err, ERROR_UNSUPPORTED,
                         "node '%s' (%s): its result is not a list of frames, and no kernel computes it",
                         n->name, ir_info(n)->name);
    }
    return true;
}

// ---- bands

// Whether all values in a buffer are whole dense images of one shape: then it can hold some of their rows.
static bool holds_images(const struct bands_run *run, uint32_t buffer) {
    const struct ir_value *image = NULL;
    const struct ir_node *n = run->first;
    for (uint32_t k = 0; k < run->bands.count; k++, n = n->next) {
        for (int i = 0; i <= n->input_count; i++) {
            const struct ir_value *v = i < n->input_count ? ir_in(n, i) : ir_out(n);
            if (v == NULL || v->storage.place != IR_IN_BUFFER || v->storage.buffer != buffer) continue;
            if (image == NULL) image = v;
            if (!ir_type_equal(&v->type, &image->type) || !storage_is_dense(&v->storage, &v->type) ||
                v->storage.offset != 0)
                return false;
        }
    }
    return image != NULL;
}

// The buffer holds `rows` rows of each frame from now on.
static void shrink(const struct bands_run *run, uint32_t buffer, struct ir_buffer *b, uint32_t rows,
                   uint32_t height) {
    const struct ir_node *n = run->first;
    b->bytes = b->bytes / height * rows;
    b->rows = rows;
    for (uint32_t k = 0; k < run->bands.count; k++, n = n->next) {
        struct ir_storage *s = &ir_out(n)->storage;
        if (s->place == IR_IN_BUFFER && s->buffer == buffer) s->frame_stride = rows * s->row_stride;
    }
}

// What a run touches is alive as long as the run is: its operators take turns. Buffers that nothing else touches hold
// the rows that are under way.
static void apply_bands(struct memory *m) {
    struct bands_run run;
    bands_find(m->g, &run);
    if (run.first == NULL) return;
    int last = run.position + (int)run.bands.count - 1;
    for (uint32_t k = 0; k < run.bands.count; k++) {
        const struct plan_band_op *op = &run.bands.ops[k];
        for (uint32_t i = 0; i <= op->in_count; i++) {
            uint32_t buffer = i < op->in_count ? op->in[i].buffer : op->out;
            if (buffer == PLAN_NONE) continue;
            struct ir_buffer *b = &m->buffers[buffer];
            bool inside = b->first_node >= run.position && b->last_node <= last;
            if (b->first_node > run.position) b->first_node = run.position;
            if (b->last_node < last) b->last_node = last;
            if (!inside || b->rows > 0 || op->out != buffer || !holds_images(&run, buffer)) continue;
            uint32_t rows = plan_bands_capacity(&run.bands, buffer);
            if (rows < op->height) shrink(&run, buffer, b, rows, op->height);
        }
    }
}

// ---- live ranges and placement

static struct arena_item *live_ranges(const struct memory *m, struct arena *scratch) {
    struct arena_item *items = arena_array(scratch, (size_t)m->count + 1, sizeof *items);
    for (int i = 0; i < m->count; i++) {
        items[i] =
            (struct arena_item){m->buffers[i].first_node, m->buffers[i].last_node, m->buffers[i].bytes, 0};
    }
    return items;
}

static void place_buffers(struct memory *m) {
    struct arena scratch = {0};
    struct arena_item *items = live_ranges(m, &scratch);
    m->g->arena_bytes = arena_plan(items, m->count, ALIGNMENT);
    m->g->lower_bound_bytes = arena_lower_bound(items, m->count, ALIGNMENT);
    for (int i = 0; i < m->count; i++) m->buffers[i].offset = items[i].offset;
    m->g->buffers = m->buffers;
    m->g->buffer_count = m->count;
    arena_free(&scratch);
}

// Gives values their storage, and finds the buffers with their live ranges.
static bool find_buffers(struct memory *m) {
    struct ir_graph *g = m->g;
    int node = 0;
    for (int i = 0; i < g->input_count; i++) g->inputs[i]->storage.place = IR_IN_INPUT;
    mark_last_readers(g);
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next, node++) {
        if (!check_frames(m, n)) return false;
        if (n->output_count == 1) place_result(m, n, node);
        for (int i = 0; i < n->output_count; i++) keep_alive(m, n->outputs[i]);
        place_scratch(m, n, node);
    }
    apply_bands(m);
    return true;
}

static void forget_places(struct ir_graph *g) {
    for (int i = 0; i < g->input_count; i++) g->inputs[i]->storage = (struct ir_storage){0};
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        for (int i = 0; i < n->output_count; i++) n->outputs[i]->storage = (struct ir_storage){0};
        ir_attr_remove(n, IR_KEY_SCRATCH);
    }
}

uint64_t memory_needed(struct ir_graph *g) {
    struct error err = {0};
    struct memory m = {.g = g, .err = &err};
    struct arena scratch = {0};
    uint64_t bytes = UINT64_MAX;
    if (find_buffers(&m)) bytes = arena_lower_bound(live_ranges(&m, &scratch), m.count, ALIGNMENT);
    forget_places(g);
    arena_free(&scratch);
    return bytes;
}

bool pass_plan_memory(struct ir_module *m, bool *progress, struct error *err) {
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        if (g->buffer_count > 0) continue;
        struct memory memory = {.g = g, .err = err};
        if (!find_buffers(&memory) || !check_sizes(&memory)) return false;
        place_buffers(&memory);
        *progress = true;
    }
    return true;
}
