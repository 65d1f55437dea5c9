// The main graph's inputs: which one the latents are, what stands for the dimensions that the model leaves open, and
// scalars, which are flags and become constants.
#include "frontend/importer.h"
#include "frontend/order.h"

#include <stdlib.h>
#include <string.h>

enum { VIDEO_RANK = 5, CHANNEL_AXIS = 1, TIME_AXIS = 2, HEIGHT_AXIS = 3, MAX_LENGTH = 1 << 24 };

struct input {
    const Onnx__ValueInfoProto *info;
    const Onnx__TypeProto__Tensor *tensor;
    enum ir_dtype dtype;
    int rank;
    bool computed_with; // an operator other than those that keep a cache reads it
};

struct inputs {
    const Onnx__GraphProto *graph;
    struct arena *scratch;
    struct input *list;       // of five axes: latents and caches
    size_t count, candidates; // candidates: which could be the latents
    struct input flag;        // info is NULL if there is none
    struct name_map aliases;  // names to struct input: the input itself, or only cast or padded
};

// ---- declared types

static const Onnx__TensorShapeProto__Dimension *dim_of(const struct input *in, int axis) {
    return in->tensor->shape->dim[axis];
}

// The number, or 0 where the dimension is open. Some exporters write 0 or -1 for "open".
static int64_t fixed_dim(const struct input *in, int axis) {
    const Onnx__TensorShapeProto__Dimension *d = dim_of(in, axis);
    bool number = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    return number && d->dim_value > 0 ? d->dim_value : 0;
}

// The name of an open dimension, "" if it has none.
static const char *dim_name(const struct input *in, int axis) {
    const Onnx__TensorShapeProto__Dimension *d = dim_of(in, axis);
    bool named =
        d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && d->dim_param != NULL;
    return named ? d->dim_param : "";
}

static void print_shape(const struct input *in, struct strbuf *out) {
    onnx_shape_print(in->tensor->shape, out);
}

static bool read_input(const Onnx__ValueInfoProto *info, struct input *in, struct error *err) {
    *in = (struct input){.info = info};
    const Onnx__TypeProto *type = info->type;
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        return error_set(err, ERROR_UNSUPPORTED, "input '%.100s' is not a tensor", info->name);
    }
    in->tensor = type->tensor_type;
    if (in->tensor->shape == NULL) {
        return error_set(err, ERROR_UNSUPPORTED, "input '%.100s' has no declared shape", info->name);
    }
    if (!onnx_dtype(in->tensor->elem_type, &in->dtype)) {
        return error_set(err, ERROR_UNSUPPORTED, "input '%.100s' has elements of %s", info->name,
                         onnx_type_name(in->tensor->elem_type));
    }
    if (in->tensor->shape->n_dim > IR_MAX_RANK) {
        return error_set(err, ERROR_UNSUPPORTED, "input '%.100s' has %zu axes, at most %d are supported",
                         info->name, in->tensor->shape->n_dim, IR_MAX_RANK);
    }
    in->rank = (int)in->tensor->shape->n_dim;
    return true;
}

static bool is_video(const struct input *in) {
    return in->rank == VIDEO_RANK && ir_dtype_is_float(in->dtype);
}

// One element, whatever its rank: it can only choose between behaviours.
static bool is_flag(const struct input *in) {
    for (int i = 0; i < in->rank; i++) {
        if (fixed_dim(in, i) != 1) return false;
    }
    return in->rank < VIDEO_RANK;
}

static void list_input(const struct input *in, struct strbuf *out) {
    strbuf_printf(out, "%s'%.60s' (%s", out->size ? ", " : "", in->info->name,
                  onnx_type_name(in->tensor->elem_type));
    print_shape(in, out);
    strbuf_add(out, ")");
}

struct name_map initializers_of(const Onnx__GraphProto *g, struct arena *scratch) {
    struct name_map names = {.arena = scratch};
    for (size_t i = 0; i < g->n_initializer; i++)
        *name_map_add(&names, g->initializer[i]->name) = g->initializer[i];
    return names;
}

// Initializers that are listed as inputs are constants that could be overridden.
static bool read_inputs(struct inputs *ins, struct error *err) {
    const Onnx__GraphProto *g = ins->graph;
    struct name_map initializers = initializers_of(g, ins->scratch);
    struct strbuf other = {0};
    size_t flags = 0;
    ins->list = arena_array(ins->scratch, g->n_input + 1, sizeof *ins->list);
    for (size_t i = 0; i < g->n_input; i++) {
        struct input in;
        if (name_map_find(&initializers, g->input[i]->name) != NULL) continue;
        if (!read_input(g->input[i], &in, err)) {
            strbuf_free(&other);
            return false;
        }
        if (is_video(&in)) ins->list[ins->count++] = in;
        else if (is_flag(&in) && flags++ == 0) ins->flag = in;
        else list_input(&in, &other);
    }
    if (other.size > 0) {
        error_set(err, ERROR_UNSUPPORTED,
                  "only inputs of 5 axes of floats (latents and caches) and one flag of one element are "
                  "supported, not %s",
                  strbuf_text(&other));
    } else if (ins->count == 0) {
        error_set(err, ERROR_INPUT, "the graph has no inputs of 5 axes of floats");
    }
    bool ok = other.size == 0 && ins->count > 0;
    strbuf_free(&other);
    return ok;
}

// ---- which one the latents are
//
// Names and positions prove nothing, the data flow does: a cache is put in front of something else, cut, and
// returned, the latents are computed with. An input is followed through operators that leave it what it is.

static bool is_one_of(const char *type, const char *const *list) {
    while (*list != NULL && strcmp(type, *list) != 0) list++;
    return *list != NULL;
}

static void follow_node(struct inputs *ins, const Onnx__NodeProto *n) {
    static const char *const same[] = {"Cast", "CastLike", "Identity", "Dropout", "Pad", NULL};
    static const char *const keeps[] = {"Concat", "Slice", "Gather", "Shape", "Size", "Split", "If", NULL};
    bool is_same = is_one_of(n->op_type, same), is_kept = is_one_of(n->op_type, keeps);
    for (size_t i = 0; i < n->n_input; i++) {
        struct input *in = name_map_find(&ins->aliases, n->input[i]);
        if (in == NULL) continue;
        if (!is_same && !is_kept) in->computed_with = true;
        if (is_same && i == 0 && n->n_output > 0) *name_map_add(&ins->aliases, n->output[0]) = in;
    }
    for (size_t i = 0; i < n->n_attribute; i++) {
        const Onnx__GraphProto *g = n->attribute[i]->g;
        for (size_t k = 0; g != NULL && k < g->n_node; k++) follow_node(ins, g->node[k]);
    }
}

// A flag may be multiplied with caches too; but those hold more than one frame.
static bool has_one_frame(const struct input *in) {
    return fixed_dim(in, CHANNEL_AXIS) == 1 || fixed_dim(in, TIME_AXIS) == 1;
}

static struct input *find_latents(struct inputs *ins, const size_t *order) {
    struct input *found = NULL;
    ins->candidates = 1;
    if (ins->count == 1) return ins->list;
    ins->aliases.arena = ins->scratch;
    for (size_t i = 0; i < ins->count; i++) {
        *name_map_add(&ins->aliases, ins->list[i].info->name) = &ins->list[i];
    }
    for (size_t i = 0; i < ins->graph->n_node; i++) follow_node(ins, ins->graph->node[order[i]]);
    ins->candidates = 0;
    for (int one_frame = 1; one_frame >= 0 && ins->candidates != 1; one_frame--) {
        ins->candidates = 0; // of one latent frame, if that singles one out
        for (size_t i = 0; i < ins->count; i++) {
            struct input *in = &ins->list[i];
            if (!in->computed_with || (one_frame && !has_one_frame(in))) continue;
            if (ins->candidates++ == 0) found = in;
        }
    }
    if (ins->candidates == 0) ins->candidates = ins->count;
    return found ? found : ins->list;
}

static void note_candidates(struct ir_module *m, const struct inputs *ins, const struct input *latents) {
    struct arena scratch = {0};
    if (ins->candidates > 1)
        ir_note(m, "%zu of the inputs could be the latents; '%.100s' is taken, the first of them",
                ins->candidates, clean_copy(&scratch, latents->info->name));
    arena_free(&scratch);
}

// ---- dimensions

// One side of the latents: the model's number, or the user's where it is open. A number of the user's that is not the
// model's is left to the pass `retarget_latents`.
static bool latent_side(struct importer *im, const struct input *in, int axis, int64_t given, int64_t *out) {
    const char *side = axis == HEIGHT_AXIS ? "height" : "width", *name = in->info->name;
    int64_t fixed = fixed_dim(in, axis);
    struct strbuf shape = {0};
    print_shape(in, &shape);
    *out = fixed != 0 ? fixed : given;
    bool ok = *out > 0 && *out <= MAX_LENGTH;
    if (*out == 0) {
        error_set(im->err, ERROR_USAGE,
                  "the latents '%.100s' are %s: give their height and width with --latent-size HxW", name,
                  strbuf_text(&shape));
    } else if (!ok)
        error_set(im->err, ERROR_USAGE, "latents of %s %lld are out of range", side, (long long)*out);
    strbuf_free(&shape);
    return ok;
}

static bool bind_batch(struct importer *im, const struct input *in, struct ir_dim *out) {
    *out = dim_const(1);
    if (fixed_dim(in, 0) <= 1) return true;
    return error_set(im->err, ERROR_UNSUPPORTED, "input '%.100s' has a batch of %lld, only 1 is supported",
                     in->info->name, (long long)fixed_dim(in, 0));
}

// Latents are [B, C, T, H, W] or [B, T, C, H, W]; the number of channels is never open, so where the number of frames is,
// that tells. Where both are fixed nobody needs to know here.
static int time_axis(const struct input *latents) {
    bool swapped = fixed_dim(latents, CHANNEL_AXIS) == 0 && fixed_dim(latents, TIME_AXIS) != 0;
    return swapped ? CHANNEL_AXIS : TIME_AXIS;
}

static bool bind_latents(struct importer *im, const struct input *in, struct ir_type *t) {
    int64_t given[2] = {im->opt.latent_height, im->opt.latent_width};
    if (!bind_batch(im, in, &t->dims[0])) return false;
    int time = time_axis(in), channel = CHANNEL_AXIS + TIME_AXIS - time;
    int64_t channels = fixed_dim(in, channel), frames = fixed_dim(in, time);
    if (frames == 0) frames = im->opt.latent_frames;
    t->dims[channel] = dim_const(channels ? channels : -1);
    t->dims[time] = dim_const(frames);
    if (frames == 0) {
        t->dims[time] = (struct ir_dim){1, 1};
        t->time_axis = time;
    }
    for (int i = 0; i < 2; i++) {
        int64_t side;
        if (!latent_side(im, in, HEIGHT_AXIS + i, given[i], &side)) return false;
        t->dims[HEIGHT_AXIS + i] = dim_const(side);
    }
    im->module->latent_height = given[0];
    im->module->latent_width = given[1];
    return true;
}

// An open dimension of a cache: "height" or "8*height" where the latents have "height"; -1 if it is something
// else, which a pass learns from what the cache is joined with.
static int64_t cache_dim(const struct input *in, int axis, const struct input *latents,
                         const struct ir_type *bound) {
    const char *name = dim_name(in, axis);
    char *rest = NULL;
    long factor = strtol(name, &rest, 10);
    if (rest != name && rest[0] == '*') name = rest + 1 + strspn(rest + 1, " ");
    else factor = 1;
    if (name[0] == '\0' || factor < 1 || factor > 1024) return -1;
    for (int i = HEIGHT_AXIS; i < VIDEO_RANK; i++) {
        if (strcmp(dim_name(latents, i), name) == 0) return factor * bound->dims[i].first;
    }
    return -1;
}

static bool bind_cache(struct importer *im, const struct input *in, const struct input *latents,
                       const struct ir_type *latents_type, struct ir_type *t) {
    if (!bind_batch(im, in, &t->dims[0])) return false;
    for (int i = 1; i < VIDEO_RANK; i++) {
        int64_t length = fixed_dim(in, i);
        if (length == 0 && i == TIME_AXIS) length = im->opt.cache_frames;
        if (length == 0 && i > TIME_AXIS) length = cache_dim(in, i, latents, latents_type);
        if (length > MAX_LENGTH) {
            return error_set(im->err, ERROR_UNSUPPORTED, "input '%.100s': axis %d of length %lld",
                             in->info->name, i, (long long)length);
        }
        t->dims[i] = dim_const(length ? length : -1);
    }
    return true;
}

// ---- the graph's inputs

static bool add_input(struct scope *s, const struct input *in, struct ir_type type) {
    struct importer *im = s->im;
    struct ir_value *v = ir_graph_add_input(im->graph, unique_name(&im->value_names, in->info->name), type);
    v->declared = declared_type(in->info);
    return scope_define(s, in->info->name, v);
}

static struct ir_type empty_type(const struct input *in) {
    return (struct ir_type){.dtype = in->dtype, .rank = in->rank, .time_axis = -1};
}

static bool bind_flag(struct scope *s, const struct input *in) {
    struct importer *im = s->im;
    const char *name = in->info->name;
    float value = (float)im->opt.flag;
    int64_t integer = (int64_t)im->opt.flag;
    bool scalar = in->rank == 0;
    struct ir_value *v = ir_dtype_is_float(in->dtype) ? constant_of_floats(im, name, scalar, 1, &value)
                                                      : constant_of_ints(im, name, scalar, 1, &integer);
    if (v == NULL) return false;
    v->type.dtype = in->dtype;
    return scope_define(s, name, v);
}

bool import_inputs(struct scope *s, const size_t *order) {
    struct inputs ins = {.graph = s->graph, .scratch = &s->im->scratch};
    if (!read_inputs(&ins, s->im->err)) return false;
    if (ins.flag.info != NULL && !bind_flag(s, &ins.flag)) return false;
    const struct input *latents = find_latents(&ins, order);
    note_candidates(s->im->module, &ins, latents);
    struct ir_type type = empty_type(latents);
    if (!bind_latents(s->im, latents, &type) || !add_input(s, latents, type)) return false;
    for (size_t i = 0; i < ins.count; i++) {
        if (&ins.list[i] == latents) continue;
        struct ir_type t = empty_type(&ins.list[i]);
        if (!bind_cache(s->im, &ins.list[i], latents, &type, &t) || !add_input(s, &ins.list[i], t))
            return false;
    }
    return true;
}

static void name_latents(struct inputs *ins, struct import_ports *ports) {
    size_t *order = arena_array(ins->scratch, ins->graph->n_node + 1, sizeof *order);
    struct error nobody_asked = {0};
    if (!order_nodes(ins->graph, ins->scratch, order, &nobody_asked)) return; // the import will say so
    const struct input *latents = find_latents(ins, order);
    ports->latents = latents->info->name;
    ports->time_axis = time_axis(latents);
}

bool import_ports_of(const struct onnx_model *model, struct import_ports *ports, struct error *err) {
    struct arena scratch = {0};
    struct inputs ins = {.graph = model->proto->graph, .scratch = &scratch};
    bool ok = read_inputs(&ins, err);
    *ports = (struct import_ports){
        .videos = (int)ins.count, .flag = ins.flag.info ? ins.flag.info->name : NULL, .time_axis = TIME_AXIS};
    ports->flag_counts = ins.flag.info && !ir_dtype_is_float(ins.flag.dtype) && ins.flag.dtype != IR_BOOL;
    if (ok) name_latents(&ins, ports);
    arena_free(&scratch);
    if (ok) return true;
    error_prefix(err, "%s", model->path);
    if (err != NULL) clean_text(err->message);
    return false;
}
