#include "frontend/functions.h"

#include "frontend/names.h"
#include "frontend/order.h"
#include "frontend/proto_fields.h"

#include <string.h>

enum { MAX_CALL_DEPTH = 32, MAX_FUNCTIONS = 4096 };

struct inliner {
    struct onnx_model *model;
    struct error *err;
    struct name_map taken;  // names of values in the graph: new ones must differ
    struct name_map labels; // of calls
    bool is_named;          // the error already says in which call it is
    uint64_t node_count, memory_start;
};

struct call {
    struct inliner *in;
    const struct call *outer;
    const Onnx__FunctionProto *function;
    const Onnx__NodeProto *node;
    const char *label;     // of the call, in front of the names of what is inside
    struct name_map names; // of the function's values: to those of the graph around
    struct arena scratch;
};

struct node_list {
    Onnx__NodeProto **list;
    size_t count, capacity;
};

static const char *text_of(const char *s) { return s != NULL ? s : ""; }

static bool same_domain(const char *a, const char *b) {
    return strcmp(a, b) == 0 || (onnx_domain_is_standard(a) && onnx_domain_is_standard(b));
}

// ---- finding

static const Onnx__FunctionProto *find_function(const struct inliner *in, const Onnx__NodeProto *n) {
    const Onnx__ModelProto *p = in->model->proto;
    for (size_t i = 0; i < p->n_functions; i++) {
        const Onnx__FunctionProto *f = p->functions[i];
        if (strcmp(text_of(f->name), n->op_type) != 0) continue;
        if (!same_domain(text_of(f->domain), text_of(n->domain))) continue;
        if (overload_fits(f, n)) return f;
    }
    return NULL;
}

static bool check_function(const struct inliner *in, const struct call *outer, const Onnx__FunctionProto *f) {
    int depth = 0;
    for (; outer != NULL; outer = outer->outer, depth++) {
        if (outer->function == f) return error_set(in->err, ERROR_INPUT, "the function calls itself");
    }
    if (depth >= MAX_CALL_DEPTH)
        return error_set(in->err, ERROR_UNSUPPORTED, "functions call each other more than %d deep",
                         MAX_CALL_DEPTH);
    for (size_t i = 0; i < f->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = f->opset_import[i];
        if (onnx_domain_is_standard(o->domain) && o->version != in->model->opset) {
            return error_set(in->err, ERROR_UNSUPPORTED,
                             "the function uses version %lld of ONNX's operators, the model version %lld",
                             (long long)o->version, (long long)in->model->opset);
        }
    }
    return true;
}

// ---- names

static void take_name(struct inliner *in, const char *name) {
    if (name != NULL) *name_map_add(&in->taken, name) = (void *)1;
}

static void take_names(struct inliner *in, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_input; i++) take_name(in, g->input[i]->name);
    for (size_t i = 0; i < g->n_initializer; i++) take_name(in, g->initializer[i]->name);
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        for (size_t k = 0; k < n->n_input; k++) take_name(in, n->input[k]);
        for (size_t k = 0; k < n->n_output; k++) take_name(in, n->output[k]);
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL) take_names(in, n->attribute[k]->g);
        }
    }
}

// A new name for a value inside of a call, unlike all others and of bounded length.
static const char *fresh(const struct call *c, const char *name) {
    struct arena *a = &c->in->model->arena;
    return unique_name(&c->in->taken, arena_printf(a, "%.80s/%.80s", c->label, name));
}

static char *renamed(struct call *c, const char *name) {
    if (name == NULL || name[0] == '\0') return (char *)"";
    void **slot = name_map_add(&c->names, name);
    if (*slot == NULL) *slot = (void *)fresh(c, name);
    return *slot;
}

static char **renamed_list(struct call *c, char *const *names, size_t count) {
    char **list = arena_array(&c->in->model->arena, count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) list[i] = renamed(c, names[i]);
    return list;
}

// ---- copies of what is in a body

static Onnx__GraphProto *copy_graph(struct call *c, const Onnx__GraphProto *g);

static const Onnx__AttributeProto *find_attribute(const Onnx__NodeProto *n, const char *name) {
    for (size_t i = 0; i < n->n_attribute; i++) {
        if (n->attribute[i]->name != NULL && strcmp(n->attribute[i]->name, name) == 0) return n->attribute[i];
    }
    return NULL;
}

// The attribute that one in a body stands for; NULL when it refers to one that the call does not give.
static Onnx__AttributeProto *resolve_attribute(struct call *c, const Onnx__AttributeProto *a) {
    struct arena *arena = &c->in->model->arena;
    const Onnx__AttributeProto *from = a;
    bool refers = a->ref_attr_name != NULL && a->ref_attr_name[0] != '\0';
    if (refers) from = find_attribute(c->node, a->ref_attr_name);
    if (refers && from == NULL) from = function_default(c->function, a->ref_attr_name, arena, c->in->err);
    if (from == NULL) return NULL;
    Onnx__AttributeProto *copy = arena_alloc(arena, sizeof *copy);
    *copy = *from;
    copy->name = a->name;
    copy->ref_attr_name = (char *)"";
    if (!refers && copy->g != NULL)
        copy->g = copy_graph(c, copy->g); // one from the call is of the graph around
    return copy;
}

static Onnx__NodeProto *copy_node(struct call *c, const Onnx__NodeProto *n) {
    struct arena *a = &c->in->model->arena;
    Onnx__NodeProto *copy = arena_alloc(a, sizeof *copy);
    *copy = *n;
    copy->input = renamed_list(c, n->input, n->n_input);
    copy->output = renamed_list(c, n->output, n->n_output);
    copy->name = arena_printf(a, "%.100s/%.100s", c->label, node_label(n));
    copy->attribute = arena_array(a, n->n_attribute + 1, sizeof(Onnx__AttributeProto *));
    copy->n_attribute = 0;
    for (size_t i = 0; i < n->n_attribute; i++) {
        Onnx__AttributeProto *attribute = resolve_attribute(c, n->attribute[i]);
        if (attribute != NULL) copy->attribute[copy->n_attribute++] = attribute;
    }
    return copy;
}

static Onnx__ValueInfoProto **copy_infos(struct call *c, Onnx__ValueInfoProto *const *infos, size_t count) {
    struct arena *a = &c->in->model->arena;
    Onnx__ValueInfoProto **list = arena_array(a, count + 1, sizeof(Onnx__ValueInfoProto *));
    for (size_t i = 0; i < count; i++) {
        list[i] = arena_alloc(a, sizeof *list[i]);
        *list[i] = *infos[i];
        list[i]->name = renamed(c, infos[i]->name);
    }
    return list;
}

// A branch in a body: its nodes are copied here and inlined with the rest later on.
static Onnx__GraphProto *copy_graph(struct call *c, const Onnx__GraphProto *g) {
    struct arena *a = &c->in->model->arena;
    Onnx__GraphProto *copy = arena_alloc(a, sizeof *copy);
    *copy = *g;
    copy->initializer = arena_array(a, g->n_initializer + 1, sizeof(Onnx__TensorProto *));
    for (size_t i = 0; i < g->n_initializer; i++) {
        copy->initializer[i] = arena_alloc(a, sizeof(Onnx__TensorProto));
        *copy->initializer[i] = *g->initializer[i];
        copy->initializer[i]->name = renamed(c, g->initializer[i]->name);
    }
    copy->input = copy_infos(c, g->input, g->n_input);
    copy->output = copy_infos(c, g->output, g->n_output);
    copy->n_value_info = 0;
    copy->node = arena_array(a, g->n_node + 1, sizeof(Onnx__NodeProto *));
    for (size_t i = 0; i < g->n_node; i++) copy->node[i] = copy_node(c, g->node[i]);
    return copy;
}

// ---- expanding

static bool within_limits(struct inliner *in) {
    const struct onnx_limits *l = &in->model->limits;
    if (++in->node_count > l->nodes)
        return error_set(in->err, ERROR_MEMORY,
                         "its functions make more than the limit of %u nodes (--limit-nodes changes it)",
                         l->nodes);
    if (in->model->arena.used - in->memory_start > l->memory_bytes)
        return error_set(in->err, ERROR_MEMORY,
                         "its functions take more than the limit of %llu bytes (--limit-memory changes it)",
                         (unsigned long long)l->memory_bytes);
    return true;
}

static void append(struct inliner *in, struct node_list *l, Onnx__NodeProto *n) {
    l->list = arena_grow(&in->model->arena, l->list, l->count, &l->capacity, sizeof *l->list);
    l->list[l->count++] = n;
}

static void append_identity(struct call *c, struct node_list *out, const char *from, const char *to) {
    struct arena *a = &c->in->model->arena;
    Onnx__NodeProto *n = arena_alloc(a, sizeof *n);
    onnx__node_proto__init(n);
    n->op_type = (char *)"Identity";
    n->name = arena_printf(a, "%.100s/%.100s", c->label, to);
    n->n_input = n->n_output = 1;
    n->input = arena_array(a, 1, sizeof(char *));
    n->output = arena_array(a, 1, sizeof(char *));
    n->input[0] = (char *)from;
    n->output[0] = (char *)to;
    append(c->in, out, n);
}

static bool bind_ports(struct call *c) {
    const Onnx__FunctionProto *f = c->function;
    const Onnx__NodeProto *n = c->node;
    if (n->n_input > f->n_input || n->n_output > f->n_output) {
        return error_set(c->in->err, ERROR_INPUT,
                         "it has %zu inputs and %zu outputs, the function %zu and %zu", n->n_input,
                         n->n_output, f->n_input, f->n_output);
    }
    for (size_t i = 0; i < f->n_input; i++) {
        const char *given = i < n->n_input ? n->input[i] : "";
        *name_map_add(&c->names, f->input[i]) = (void *)given; // "": absent inside, too
    }
    return true;
}

// An output that nothing else is called by yet takes the caller's name; the others are copied behind the body.
static void bind_outputs(struct call *c, bool *bound) {
    for (size_t i = 0; i < c->node->n_output; i++) {
        void **slot = name_map_add(&c->names, c->function->output[i]);
        bound[i] = *slot == NULL && c->node->output[i][0] != '\0';
        if (bound[i]) *slot = c->node->output[i];
    }
}

static bool expand(struct inliner *in, const struct call *outer, Onnx__NodeProto *n, struct node_list *out);

static bool expand_branches(struct inliner *in, const struct call *outer, Onnx__NodeProto *n);

static bool expand_call(struct call *c, struct node_list *out) {
    const Onnx__FunctionProto *f = c->function;
    struct inliner *in = c->in;
    if (!check_function(in, c->outer, f) || !bind_ports(c)) return false;
    bool *bound = arena_array(&c->scratch, c->node->n_output + 1, sizeof *bound);
    bind_outputs(c, bound);
    for (size_t i = 0; i < f->n_node; i++) {
        if (f->node[i]->op_type == NULL)
            return error_set(in->err, ERROR_INPUT, "a node of the function names no operator");
        Onnx__NodeProto *copy = copy_node(c, f->node[i]);
        if (in->err->code != ERROR_NONE || !expand(in, c, copy, out)) return false;
    }
    for (size_t i = 0; i < c->node->n_output; i++) {
        const char *to = c->node->output[i];
        if (!bound[i] && to[0] != '\0') append_identity(c, out, renamed(c, f->output[i]), to);
    }
    return true;
}

static bool expand(struct inliner *in, const struct call *outer, Onnx__NodeProto *n, struct node_list *out) {
    const Onnx__FunctionProto *f = find_function(in, n);
    if (!within_limits(in)) return false;
    if (f == NULL) {
        append(in, out, n);
        return expand_branches(in, outer, n);
    }
    struct call c = {.in = in, .outer = outer, .function = f, .node = n};
    c.names.arena = &c.scratch;
    c.label = unique_name(&in->labels, node_label(n));
    bool ok = expand_call(&c, out);
    arena_free(&c.scratch);
    if (!ok && !in->is_named)
        error_prefix(in->err, "node '%.100s' (function %.60s)", node_label(n), text_of(f->name));
    in->is_named = in->is_named || !ok;
    return ok;
}

static bool expand_graph(struct inliner *in, const struct call *outer, Onnx__GraphProto *g) {
    struct node_list out = {0};
    for (size_t i = 0; i < g->n_node; i++) {
        if (g->node[i]->op_type == NULL) return error_set(in->err, ERROR_INPUT, "a node names no operator");
        if (!expand(in, outer, g->node[i], &out)) return false;
    }
    g->node = out.list;
    g->n_node = out.count;
    return true;
}

static bool expand_branches(struct inliner *in, const struct call *outer, Onnx__NodeProto *n) {
    for (size_t i = 0; i < n->n_attribute; i++) {
        if (n->attribute[i]->g != NULL && !expand_graph(in, outer, n->attribute[i]->g)) return false;
    }
    return true;
}

bool functions_inline(struct onnx_model *model, struct error *err) {
    struct error own = {0};
    struct inliner in = {.model = model, .err = &own, .memory_start = model->arena.used};
    if (model->proto->n_functions == 0) return true;
    if (model->proto->n_functions > MAX_FUNCTIONS)
        return error_set(err, ERROR_MEMORY, "more than the limit of %d functions", MAX_FUNCTIONS);
    in.taken.arena = in.labels.arena = &model->arena;
    take_names(&in, model->proto->graph);
    return expand_graph(&in, NULL, model->proto->graph) || error_set(err, own.code, "%s", own.message);
}
