#include "frontend/import.h"

#include "frontend/importer.h"
#include "frontend/order.h"

#include <stdio.h>
#include <string.h>

enum { MAX_IF_DEPTH = 16 };

// ---- names

static struct binding *find_binding(const struct scope *s, const char *name) {
    for (; s != NULL; s = s->outer) {
        struct binding *b = name_map_find(&s->bindings, name);
        if (b != NULL) return b;
    }
    return NULL;
}

static bool bind(struct scope *s, const char *name, struct ir_value *value, const Onnx__TensorProto *tensor) {
    void **slot = name_map_add(&s->bindings, name);
    if (*slot != NULL) return error_set(s->im->err, ERROR_INPUT, "'%.100s' is defined twice", name);
    struct binding *b = *slot = arena_alloc(&s->im->scratch, sizeof *b);
    *b = (struct binding){.value = value, .tensor = tensor};
    return true;
}

bool scope_define(struct scope *s, const char *name, struct ir_value *value) {
    return bind(s, name, value, NULL);
}

// The value of a name; NULL after an error. `user` is for the message.
static struct ir_value *lookup(const struct scope *s, const char *name, const char *user) {
    struct binding *b = find_binding(s, name);
    if (b == NULL) {
        error_set(s->im->err, ERROR_INPUT, "%s reads '%.200s', which nothing produces", user, name);
        return NULL;
    }
    if (b->value == NULL) b->value = constant_of_tensor(s->im, b->tensor, name);
    return b->value;
}

// ---- declared shapes

struct ir_type declared_type(const Onnx__ValueInfoProto *info) {
    struct ir_type t = {.rank = -1, .time_axis = -1};
    if (info->type == NULL || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return t;
    const Onnx__TypeProto__Tensor *tensor = info->type->tensor_type;
    if (!onnx_dtype(tensor->elem_type, &t.dtype) || tensor->shape == NULL) return t;
    const Onnx__TensorShapeProto *shape = tensor->shape;
    if (shape->n_dim > IR_MAX_RANK) return t;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];
        if (d->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE || d->dim_value < 0)
            return t;
        t.dims[i] = dim_const(d->dim_value);
    }
    t.rank = (int)shape->n_dim;
    return t;
}

static void add_declared(struct importer *im, size_t count, Onnx__ValueInfoProto *const *infos) {
    for (size_t i = 0; i < count; i++) {
        if (infos[i]->name != NULL) *name_map_add(&im->declared, infos[i]->name) = infos[i];
    }
}

// ---- inputs that the caller has bound

// Those that are listed as inputs are constants that could be overridden.
static bool is_initializer(const struct scope *s, const char *name) {
    const struct binding *b = name_map_find(&s->bindings, name);
    return b != NULL && b->tensor != NULL;
}

static bool bind_given(struct scope *s) {
    struct importer *im = s->im;
    size_t next = 0;
    for (size_t i = 0; i < s->graph->n_input; i++) {
        const char *name = s->graph->input[i]->name;
        if (is_initializer(s, name)) continue;
        if (next == im->given_count)
            return error_set(im->err, ERROR_USAGE, "no input '%.100s' is given", name);
        const struct import_input *in = &im->given[next++];
        struct ir_value *v = in->constant;
        if (v == NULL) v = ir_graph_add_input(im->graph, unique_name(&im->value_names, name), in->type);
        if (!scope_define(s, name, v)) return false;
    }
    return true;
}

// ---- nodes

static bool define_output(struct scope *s, const char *name, struct ir_value *value) {
    struct importer *im = s->im;
    if (name[0] == '\0') return true; // an output that nobody wants
    const Onnx__ValueInfoProto *info = name_map_find(&im->declared, name);
    if (value->constant == NULL) {
        value->name = unique_name(&im->value_names, name);
        if (info != NULL) value->declared = declared_type(info);
    }
    return scope_define(s, name, value);
}

static bool find_operands(struct scope *s, const Onnx__NodeProto *n, struct ir_value **inputs, int *count) {
    char user[256];
    snprintf(user, sizeof user, "node '%.100s' (%.40s)", node_label(n), n->op_type);
    *count = 0;
    for (size_t i = 0; i < n->n_input; i++) {
        inputs[i] = NULL;
        if (n->input[i][0] == '\0') continue; // absent
        inputs[i] = lookup(s, n->input[i], user);
        if (inputs[i] == NULL) return false;
        *count = (int)i + 1; // absent ones at the end are as good as none
    }
    return true;
}

static bool import_node(struct scope *s, const Onnx__NodeProto *n) {
    struct ir_value **inputs = arena_array(&s->im->scratch, n->n_input + 1, sizeof *inputs), *constant = NULL;
    int count;
    if (!find_operands(s, n, inputs, &count)) return false;
    struct ir_node *node = op_import(s, n, count, inputs, &constant);
    if (constant != NULL) return define_output(s, n->output[0], constant);
    if (node == NULL) return error_prefix(s->im->err, "node '%.100s' (%.40s)", node_label(n), n->op_type);
    for (int i = 0; i < node->output_count; i++) {
        if (!define_output(s, n->output[i], node->outputs[i])) return false;
    }
    return true;
}

static bool import_return(struct scope *s) {
    const Onnx__GraphProto *g = s->graph;
    struct ir_value **results = arena_array(&s->im->scratch, g->n_output + 1, sizeof *results);
    const char **names = arena_array(&s->im->module->arena, g->n_output + 1, sizeof *names);
    for (size_t i = 0; i < g->n_output; i++) {
        results[i] = lookup(s, g->output[i]->name, "the graph's output list");
        if (results[i] == NULL) return false;
        char *name = arena_strdup(&s->im->module->arena, g->output[i]->name);
        clean_text(name);
        names[i] = name;
    }
    if (s->outer == NULL) s->im->graph->result_names = names;
    ir_node_new(s->block, NULL, IR_RETURN, "", (int)g->n_output, results, 0);
    return true;
}

bool import_block(struct scope *s) {
    const Onnx__GraphProto *g = s->graph;
    struct importer *im = s->im;
    if (s->depth > MAX_IF_DEPTH) {
        return error_set(im->err, ERROR_UNSUPPORTED, "branches are nested more than %d deep", MAX_IF_DEPTH);
    }
    if (s->outer != NULL && g->n_input > 0) return error_set(im->err, ERROR_INPUT, "a branch with inputs");
    s->bindings.arena = &im->scratch;
    add_declared(im, g->n_value_info, g->value_info);
    add_declared(im, g->n_output, g->output);
    for (size_t i = 0; i < g->n_initializer; i++) {
        if (!bind(s, g->initializer[i]->name, NULL, g->initializer[i])) return false;
    }
    size_t *order = arena_array(&im->scratch, g->n_node + 1, sizeof *order);
    if (!order_nodes(g, &im->scratch, order, im->err)) return false;
    if (s->outer == NULL && !(im->given ? bind_given(s) : import_inputs(s, order))) return false;
    for (size_t i = 0; i < g->n_node; i++) {
        if (!import_node(s, g->node[order[i]])) return false;
    }
    return import_return(s);
}

// ---- the whole

static void init(struct importer *im) {
    im->value_names.arena = im->node_names.arena = &im->module->arena; // names outlive the import
    im->declared.arena = &im->scratch;
    if (im->opt.cache_frames == 0) im->opt.cache_frames = 2;
    for (struct ir_value *v = im->module->constants; v != NULL; v = v->next)
        unique_name(&im->value_names, v->name);
}

static bool fail(const struct onnx_model *model, struct error *err) {
    error_prefix(err, "%s", model->path);
    if (err != NULL) clean_text(err->message);
    return false;
}

static bool import_main(struct importer *im, const char *graph_name, struct ir_graph **out) {
    *out = NULL;
    if (!check_supported(im->model, im->err)) return fail(im->model, im->err);
    init(im);
    im->graph = ir_graph_new(im->module, graph_name);
    struct scope s = {.im = im, .graph = im->model->proto->graph, .block = &im->graph->body};
    bool ok = import_block(&s);
    if (ok) *out = im->graph;
    else ir_graph_remove(im->graph);
    arena_free(&im->scratch);
    return ok || fail(im->model, im->err);
}

bool import_graph(struct ir_module *m, const struct onnx_model *model, const char *graph_name,
                  const struct import_options *opt, struct ir_graph **out, struct error *err) {
    struct importer im = {.module = m, .model = model, .err = err};
    if (opt != NULL) im.opt = *opt;
    return import_main(&im, graph_name, out);
}

bool import_graph_with_inputs(struct ir_module *m, const struct onnx_model *model, const char *graph_name,
                              size_t count, const struct import_input *inputs, struct ir_graph **out,
                              struct error *err) {
    static const struct import_input none; // a graph without inputs has a list, too
    struct importer im = {.module = m, .model = model, .err = err, .given_count = count};
    im.given = inputs != NULL ? inputs : &none;
    return import_main(&im, graph_name, out);
}
