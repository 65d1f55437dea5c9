#include "reference/ir_eval.h"

#include "base/size.h"
#include "ir/rearrange.h"
#include "reference/ir_eval_ops.h"

#include <math.h>
#include <string.h>

// ---- tensors

struct ir_tensor ir_tensor_new(struct arena *a, int rank, const int64_t *dims) {
    struct ir_tensor t = {.rank = rank, .count = 1};
    uint64_t count;
    for (int i = 0; i < rank; i++) {
        t.dims[i] = dims[i];
        if (dims[i] < 0 || !size_mul(t.count, (uint64_t)dims[i], &count)) arena_out_of_memory(SIZE_MAX);
        t.count = count;
    }
    t.data = arena_array(a, t.count + 1, sizeof *t.data);
    return t;
}

static int64_t length_at(struct ir_dim d, int64_t latent_frames) {
    return d.first + d.steady * (latent_frames - 1);
}

// Numbers that look random and are the same in every run: a hash of the base name, then a generator. So a constant that a
// pass has made of another by a new shape has the same ones.
WRAPS static void fill_opaque(struct ir_tensor *t, const char *name) {
    uint64_t state = 0xcbf29ce484222325u;
    for (int i = 0; i < ir_base_name(name); i++) state = (state ^ (unsigned char)name[i]) * 0x100000001b3u;
    for (size_t i = 0; i < t->count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        t->data[i] = (double)(state >> 40) / (double)(1 << 24) - 0.5;
    }
}

struct ir_tensor ir_tensor_of_constant(struct arena *a, const struct ir_value *v, int64_t latent_frames) {
    int64_t dims[IR_MAX_RANK];
    for (int i = 0; i < v->type.rank; i++) dims[i] = v->type.dims[i].first;
    struct ir_tensor t = ir_tensor_new(a, v->type.rank, dims);
    const struct ir_constant *c = v->constant;
    for (size_t i = 0; i < t.count; i++) {
        if (c->ints != NULL) t.data[i] = (double)length_at(c->ints[i], latent_frames);
        else if (c->data != NULL) t.data[i] = ir_constant_float(c, i);
    }
    if (c->ints == NULL && c->data == NULL) fill_opaque(&t, v->name);
    return t;
}

// ---- values to tensors

struct slot {
    const struct ir_value *value;
    struct ir_tensor tensor;
};

struct run {
    struct ir_eval *eval;
    struct arena arena; // of this step
    struct slot *slots;
    size_t capacity; // a power of two, more than twice the values
};

WRAPS static struct slot *find_slot(const struct run *r, const struct ir_value *v) {
    size_t i = ((uintptr_t)v >> 4) * 0x9e3779b97f4a7c15u;
    for (i &= r->capacity - 1; r->slots[i].value != NULL && r->slots[i].value != v;)
        i = (i + 1) & (r->capacity - 1);
    return &r->slots[i];
}

static void bind(struct run *r, const struct ir_value *v, struct ir_tensor t) {
    *find_slot(r, v) = (struct slot){.value = v, .tensor = t};
}

static const struct ir_tensor *lookup(struct run *r, const struct ir_value *v) {
    struct slot *s = find_slot(r, v);
    if (s->value == NULL && v->constant != NULL) {
        bind(r, v, ir_tensor_of_constant(&r->arena, v, r->eval->latent_frames));
    }
    return s->value != NULL ? &s->tensor : NULL;
}

static void make_slots(struct run *r, const struct ir_graph *g) {
    size_t values = (size_t)g->input_count;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next)
        values += (size_t)(n->output_count + n->input_count);
    for (r->capacity = 64; r->capacity < 2 * values + 2;) r->capacity *= 2;
    r->slots = arena_array(&r->arena, r->capacity, sizeof *r->slots);
}

// ---- elementwise

static double to_whole(const struct ir_node *n, double a) {
    const char *mode = ir_attr_string(n, IR_KEY_MODE, "");
    if (strcmp(mode, "zero") == 0) return trunc(a);
    if (strcmp(mode, "floor") == 0) return floor(a);
    if (strcmp(mode, "ceil") == 0) return ceil(a);
    return strcmp(mode, "even") == 0 ? rint(a) : NAN;
}

static double compute(const struct ir_node *n, double a, double b) {
    double low = ir_attr_float(n, IR_KEY_MIN, -INFINITY), high = ir_attr_float(n, IR_KEY_MAX, INFINITY);
    switch (n->op) {
    case IR_ADD: return a + b;
    case IR_SUB: return a - b;
    case IR_MUL: return a * b;
    case IR_DIV: return a / b;
    case IR_POW: return pow(a, b);
    case IR_SQRT: return sqrt(a);
    case IR_NEG: return -a;
    case IR_ABS: return fabs(a);
    case IR_SIGMOID: return 1 / (1 + exp(-a));
    case IR_SILU: return a / (1 + exp(-a));
    case IR_CLAMP: a = a < low ? low : a; return a > high ? high : a;
    case IR_ROUND: return to_whole(n, a);
    default: return NAN;
    }
}

static bool broadcast(const struct ir_tensor *a, const struct ir_tensor *b, int *rank, int64_t *dims) {
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 0; i < *rank; i++) {
        int ia = i - (*rank - a->rank), ib = i - (*rank - b->rank);
        int64_t x = ia < 0 ? 1 : a->dims[ia], y = ib < 0 ? 1 : b->dims[ib];
        if (x != y && x != 1 && y != 1) return false;
        dims[i] = x == 1 ? y : x;
    }
    return true;
}

static double element(const struct ir_tensor *t, int rank, const int64_t *x) {
    size_t at = 0;
    for (int i = 0; i < t->rank; i++) {
        int64_t k = t->dims[i] == 1 ? 0 : x[i + rank - t->rank];
        at = at * (size_t)t->dims[i] + (size_t)k;
    }
    return t->data[at];
}

static void step(int rank, const int64_t *dims, int64_t *x) {
    for (int i = rank - 1; i >= 0 && ++x[i] == dims[i]; i--) x[i] = 0;
}

static struct ir_tensor eval_elementwise(const struct ir_eval_call *c) {
    const struct ir_tensor *a = c->in[0], *b = c->in[c->node->input_count > 1 ? 1 : 0];
    int64_t dims[IR_MAX_RANK], x[IR_MAX_RANK] = {0};
    int rank;
    if (!broadcast(a, b, &rank, dims)) return ir_eval_unfit();
    struct ir_tensor t = ir_tensor_new(c->arena, rank, dims);
    for (size_t i = 0; i < t.count; i++, step(rank, dims, x)) {
        t.data[i] = compute(c->node, element(a, rank, x), element(b, rank, x));
    }
    return t;
}

// ---- movements

// Copies `from`, all of it, to where its element 0 lands at `offset` of the axis in `to`.
static void place(const struct ir_tensor *from, struct ir_tensor *to, int axis, int64_t offset) {
    size_t inner = 1, outer = 1;
    for (int i = axis + 1; i < from->rank; i++) inner *= (size_t)from->dims[i];
    for (int i = 0; i < axis; i++) outer *= (size_t)from->dims[i];
    size_t chunk = inner * (size_t)from->dims[axis], stride = inner * (size_t)to->dims[axis];
    for (size_t o = 0; o < outer && chunk > 0; o++) {
        memcpy(to->data + o * stride + (size_t)offset * inner, from->data + o * chunk,
               chunk * sizeof *to->data);
    }
}

static struct ir_tensor eval_concat(const struct ir_eval_call *c) {
    int axis = (int)ir_attr_int(c->node, IR_KEY_AXIS, 0);
    struct ir_tensor shape = *c->in[0];
    for (int i = 1; i < c->node->input_count; i++) {
        if (c->in[i]->rank != shape.rank) return ir_eval_unfit();
        for (int d = 0; d < shape.rank; d++) {
            if (d != axis && c->in[i]->dims[d] != shape.dims[d]) return ir_eval_unfit();
        }
        shape.dims[axis] += c->in[i]->dims[axis];
    }
    struct ir_tensor t = ir_tensor_new(c->arena, shape.rank, shape.dims);
    int64_t at = 0;
    for (int i = 0; i < c->node->input_count; at += c->in[i++]->dims[axis]) place(c->in[i], &t, axis, at);
    return t;
}

static struct ir_tensor eval_slice(const struct ir_eval_call *c) {
    const struct ir_node *n = c->node;
    struct ir_dim last = {ir_attr_int(n, IR_KEY_END, 0), ir_attr_int(n, IR_KEY_STEADY_END, 0)};
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0);
    int64_t start = ir_attr_int(n, IR_KEY_START, 0), end = length_at(last, c->eval->latent_frames);
    struct ir_tensor shape = *c->in[0];
    if (start < 0 || end < start || end > shape.dims[axis]) return ir_eval_unfit();
    shape.dims[axis] = end - start;
    struct ir_tensor t = ir_tensor_new(c->arena, shape.rank, shape.dims);
    int64_t x[IR_MAX_RANK] = {0};
    for (size_t i = 0; i < t.count; i++, step(t.rank, t.dims, x)) {
        x[axis] += start;
        t.data[i] = element(c->in[0], t.rank, x);
        x[axis] -= start;
    }
    return t;
}

static struct ir_tensor eval_pad(const struct ir_eval_call *c) {
    int count;
    const int64_t *pads = ir_attr_ints(c->node, IR_KEY_PADS, &count);
    struct ir_tensor t = *c->in[0];
    for (int i = 0; i < t.rank; i++) { // axis by axis, as a tensor of zeros with t placed inside
        struct ir_tensor shape = t;
        shape.dims[i] += pads[i] + pads[i + t.rank];
        shape = ir_tensor_new(c->arena, shape.rank, shape.dims);
        place(&t, &shape, i, pads[i]);
        t = shape;
    }
    return t;
}

// Sizes of the atoms and, for those of the input, how far apart their elements lie. False if they are not the input's axes.
static bool atom_strides(const struct ir_rearrange *r, const struct ir_tensor *in, int64_t frames,
                         int64_t *size, size_t *stride) {
    size_t at = 1;
    int atom = r->in_atoms;
    for (int i = 0; i < r->atoms; i++) size[i] = length_at(r->size[i], frames);
    for (int axis = r->in_rank - 1; axis >= 0; axis--) {
        int64_t product = 1;
        for (int k = 0; k < r->in_count[axis]; k++) {
            stride[--atom] = at;
            at *= (size_t)size[atom];
            product *= size[atom];
        }
        if (product != in->dims[axis]) return false;
    }
    for (int i = r->in_atoms; i < r->atoms; i++) stride[i] = 0; // repeated ones
    return r->in_rank == in->rank;
}

static struct ir_tensor eval_rearrange(const struct ir_eval_call *c) {
    const struct ir_rearrange *r = ir_attr_rearrange(c->node);
    int64_t size[IR_MAX_ATOMS], dims[IR_MAX_RANK], x[IR_MAX_ATOMS] = {0};
    size_t stride[IR_MAX_ATOMS];
    if (!atom_strides(r, c->in[0], c->eval->latent_frames, size, stride)) return ir_eval_unfit();
    for (int axis = 0, k = 0; axis < r->out_rank; axis++) {
        dims[axis] = 1;
        for (int i = 0; i < r->out_count[axis]; i++) dims[axis] *= size[r->out_order[k++]];
    }
    struct ir_tensor t = ir_tensor_new(c->arena, r->out_rank, dims);
    for (size_t i = 0; i < t.count; i++) {
        size_t at = 0;
        for (int k = 0; k < r->atoms; k++) at += stride[k] * (size_t)x[k];
        t.data[i] = c->in[0]->data[at];
        for (int k = r->atoms - 1; k >= 0 && ++x[r->out_order[k]] == size[r->out_order[k]]; k--)
            x[r->out_order[k]] = 0;
    }
    return t;
}

// ---- nodes

static ir_eval_fn *function_of(enum ir_op op) {
    switch (op) {
    case IR_MATMUL: return ir_eval_matmul;
    case IR_CONCAT: return eval_concat;
    case IR_SLICE: return eval_slice;
    case IR_PAD: return eval_pad;
    case IR_REARRANGE: return eval_rearrange;
    case IR_REDUCE_L2:
    case IR_REDUCE_SUM:
    case IR_REDUCE_MEAN: return ir_eval_reduce;
    case IR_SOFTMAX: return ir_eval_softmax;
    case IR_CONV: return ir_eval_conv;
    case IR_CAUSAL_CONV: return ir_eval_causal_conv;
    case IR_RMS_NORM: return ir_eval_rms_norm;
    case IR_ATTENTION:
    case IR_FRAME_ATTENTION: return ir_eval_attention;
    case IR_WINDOW: return ir_eval_window;
    case IR_CACHE_PUSH: return ir_eval_cache_push;
    case IR_FRAME_PAD: return ir_eval_frame_pad;
    case IR_FRAME_UPSAMPLE: return ir_eval_frame_upsample;
    case IR_FRAME_NORM: return ir_eval_frame_norm;
    case IR_FRAME_CONV: return ir_eval_frame_conv;
    case IR_STREAM_CONV: return ir_eval_stream_conv;
    default: return ir_op_info[op].flags & IR_ELEMENTWISE ? eval_elementwise : NULL;
    }
}

static bool has_shape(const struct ir_tensor *t, const struct ir_type *type, int64_t latent_frames) {
    bool same = type->rank < 0 || t->rank == type->rank;
    for (int i = 0; same && i < type->rank; i++) {
        same = dim_is(type->dims[i], -1) || t->dims[i] == length_at(type->dims[i], latent_frames);
    }
    return same;
}

static bool run_node(struct run *r, const struct ir_node *n, struct error *err) {
    ir_eval_fn *function = function_of(n->op);
    if (function == NULL) {
        return error_set(err, ERROR_UNSUPPORTED, "node '%s' (%s): the reference does not compute it", n->name,
                         ir_info(n)->name);
    }
    const struct ir_tensor **in = arena_array(&r->arena, (size_t)n->input_count + 1, sizeof *in);
    if (ir_info(n)->flags & IR_ELEMENTWISE && !ir_dtype_is_float(ir_in(n, 0)->type.dtype)) {
        return error_set(err, ERROR_UNSUPPORTED, "node '%s' (%s): the reference computes with floats only",
                         n->name, ir_info(n)->name);
    }
    for (int i = 0; i < n->input_count; i++) {
        in[i] = ir_in(n, i) ? lookup(r, ir_in(n, i)) : NULL;
        if (ir_in(n, i) && in[i] == NULL) {
            return error_set(err, ERROR_INTERNAL, "node '%s' (%s): input %d has no value", n->name,
                             ir_info(n)->name, i);
        }
    }
    struct ir_eval_call c = {.eval = r->eval, .arena = &r->arena, .node = n, .in = in};
    struct ir_tensor t = function(&c);
    bool has_result = n->output_count > 0;
    if (t.rank < 0 || (has_result && !has_shape(&t, &ir_out(n)->type, r->eval->latent_frames))) {
        return error_set(err, ERROR_INTERNAL,
                         "node '%s' (%s): the operands do not fit, or the result is not of its type", n->name,
                         ir_info(n)->name);
    }
    if (has_result && r->eval->watch != NULL) r->eval->watch(r->eval->watch_context, ir_out(n), &t);
    if (has_result) bind(r, ir_out(n), t);
    return true;
}

static bool take_results(struct run *r, const struct ir_node *end, struct ir_tensor *outputs,
                         struct error *err) {
    for (int i = 0; i < end->input_count; i++) {
        const struct ir_tensor *t = lookup(r, ir_in(end, i));
        if (t == NULL) return error_set(err, ERROR_INTERNAL, "result %d has no value", i);
        outputs[i] = ir_tensor_new(&r->eval->arena, t->rank, t->dims);
        if (t->count > 0) memcpy(outputs[i].data, t->data, t->count * sizeof *t->data);
    }
    return true;
}

bool ir_eval_run(struct ir_eval *e, const struct ir_graph *g, const struct ir_tensor *inputs,
                 struct ir_tensor *outputs, struct error *err) {
    struct run r = {.eval = e};
    bool ok = true;
    make_slots(&r, g);
    for (int i = 0; ok && i < g->input_count; i++) {
        ok = has_shape(&inputs[i], &g->inputs[i]->type, e->latent_frames) ||
             error_set(err, ERROR_INTERNAL, "input '%s' is not of its type", g->inputs[i]->name);
        bind(&r, g->inputs[i], inputs[i]);
    }
    const struct ir_node *n = g->body.head;
    for (; ok && n != NULL && n->op != IR_RETURN; n = n->next) ok = run_node(&r, n, err);
    ok = ok && n != NULL && take_results(&r, n, outputs, err);
    arena_free(&r.arena);
    return ok;
}

void ir_eval_start(struct ir_eval *e, const struct ir_module *m, int64_t latent_frames) {
    *e = (struct ir_eval){.module = m, .latent_frames = latent_frames};
    e->caches = arena_array(&e->arena, (size_t)m->cache_count + 1, sizeof *e->caches);
    for (const struct ir_cache *c = m->caches; c != NULL; c = c->next) {
        int64_t dims[IR_MAX_RANK];
        for (int i = 0; i < c->type.rank; i++) dims[i] = c->type.dims[i].first;
        e->caches[c->index] = ir_tensor_new(&e->arena, c->type.rank, dims);
    }
}

void ir_eval_end(struct ir_eval *e) { arena_free(&e->arena); }
