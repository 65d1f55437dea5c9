#include "frontend/onnx_load.h"

#include "frontend/functions.h"
#include "frontend/names.h"
#include "frontend/onnx_model.h"
#include "frontend/wire.h"

#include <stdio.h>
#include <string.h>

// Messages inside of messages: an `If` inside of another adds three (attribute, graph, node).
enum { MAX_DEPTH = 60 };

// ---- unpacking

// protobuf-c allocates each message by itself. All of it goes into the model's arena, up to a limit: a few
// bytes of a file can ask for hundreds.
struct budget {
    struct arena *arena;
    uint64_t limit;
    bool exceeded;
};

static void *budget_alloc(void *data, size_t size) {
    struct budget *b = data;
    if (b->exceeded || size > b->limit || b->arena->used > b->limit - size) {
        b->exceeded = true;
        return NULL;
    }
    return arena_alloc(b->arena, size);
}

static void budget_free(void *data, void *p) { (void)data, (void)p; } // the arena goes as a whole

static bool unpack(struct onnx_model *model, const struct file_map *map, struct error *err) {
    struct budget budget = {.arena = &model->arena, .limit = model->limits.memory_bytes};
    ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    if (map->size == 0) return error_set(err, ERROR_INPUT, "the file is empty");
    if (map->size > 40 && memcmp(map->data, "version https://git-lfs", 23) == 0) {
        return error_set(err, ERROR_INPUT, "a Git LFS pointer, not the model: run `git lfs pull`");
    }
    if (!wire_check(&onnx__model_proto__descriptor, map->data, map->size, MAX_DEPTH, err)) {
        return error_prefix(err, "not an ONNX file, or one that is cut off or damaged");
    }
    model->proto = onnx__model_proto__unpack(&allocator, map->size, map->data);
    if (model->proto != NULL) return true;
    if (budget.exceeded) {
        return error_set(err, ERROR_MEMORY,
                         "unpacking it takes more than the limit of %llu bytes (--limit-memory changes it)",
                         (unsigned long long)budget.limit);
    }
    return error_set(err, ERROR_INPUT, "not an ONNX file, or a damaged one");
}

// ---- checking

static bool check_graph(struct onnx_model *model, Onnx__GraphProto *g, const char *where, struct error *err);

static bool check_tensor(struct onnx_model *model, Onnx__TensorProto *t, const char *where,
                         struct error *err) {
    if (++model->tensor_count > model->limits.tensors) {
        return error_set(err, ERROR_MEMORY, "more than the limit of %u tensors (--limit-nodes changes it)",
                         model->limits.tensors);
    }
    char what[400];
    snprintf(what, sizeof what, "tensor '%.100s'%s", t->name ? t->name : "", where);
    return onnx_tensor_normalise(model, t, what, err);
}

static bool check_attribute(struct onnx_model *model, Onnx__AttributeProto *a, const char *where,
                            struct error *err) {
    if (a->name == NULL) return error_set(err, ERROR_INPUT, "an attribute without a name%s", where);
    if (a->n_tensors > 0 || a->sparse_tensor != NULL || a->n_sparse_tensors > 0 || a->n_graphs > 0) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "attribute '%.60s'%s: lists of tensors or graphs, and sparse tensors", a->name,
                         where);
    }
    if (a->t != NULL && !check_tensor(model, a->t, where, err)) return false;
    return a->g == NULL || check_graph(model, a->g, where, err);
}

static bool check_node(struct onnx_model *model, Onnx__NodeProto *n, struct error *err) {
    if (++model->node_count > model->limits.nodes) {
        return error_set(err, ERROR_MEMORY, "more than the limit of %u nodes (--limit-nodes changes it)",
                         model->limits.nodes);
    }
    const char *name = n->name && n->name[0] ? n->name : n->n_output > 0 ? n->output[0] : "";
    if (n->op_type == NULL) return error_set(err, ERROR_INPUT, "node '%.100s' names no operator", name);
    char where[256];
    snprintf(where, sizeof where, " of node '%.100s' (%.40s)", name, n->op_type);
    for (size_t i = 0; i < n->n_attribute; i++) {
        if (!check_attribute(model, n->attribute[i], where, err)) return false;
    }
    return true;
}

static bool check_graph(struct onnx_model *model, Onnx__GraphProto *g, const char *where, struct error *err) {
    if (g->n_input > model->limits.ports || g->n_output > model->limits.ports) {
        return error_set(err, ERROR_MEMORY, "more than the limit of %u inputs or outputs%s",
                         model->limits.ports, where);
    }
    if (g->n_sparse_initializer > 0) {
        return error_set(err, ERROR_UNSUPPORTED, "sparse initializers are not supported%s", where);
    }
    for (size_t i = 0; i < g->n_input + g->n_output; i++) {
        const Onnx__ValueInfoProto *v = i < g->n_input ? g->input[i] : g->output[i - g->n_input];
        if (v->name == NULL || v->name[0] == '\0') {
            return error_set(err, ERROR_INPUT, "an input or output without a name%s", where);
        }
    }
    for (size_t i = 0; i < g->n_initializer; i++) {
        Onnx__TensorProto *t = g->initializer[i];
        if (t->name == NULL || t->name[0] == '\0') {
            return error_set(err, ERROR_INPUT, "an initializer without a name%s", where);
        }
        if (!check_tensor(model, t, where, err)) return false;
    }
    for (size_t i = 0; i < g->n_node; i++) {
        if (!check_node(model, g->node[i], err)) return false;
    }
    return true;
}

bool onnx_domain_is_standard(const char *domain) {
    return domain == NULL || domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

static bool check_opset(struct onnx_model *model, struct error *err) {
    for (size_t i = 0; i < model->proto->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = model->proto->opset_import[i];
        if (onnx_domain_is_standard(o->domain)) model->opset = o->version;
    }
    if (model->opset >= ONNX_MIN_OPSET && model->opset <= ONNX_MAX_OPSET) return true;
    if (model->opset == 0)
        return error_set(err, ERROR_INPUT, "it does not say which version of ONNX's operators it uses");
    return error_set(err, ERROR_UNSUPPORTED,
                     "it uses version %lld of ONNX's operators, supported are %d to %d",
                     (long long)model->opset, ONNX_MIN_OPSET, ONNX_MAX_OPSET);
}

static bool check_model(struct onnx_model *model, struct error *err) {
    const Onnx__ModelProto *p = model->proto;
    if (!p->has_ir_version || p->graph == NULL) {
        return error_set(err, ERROR_INPUT, "not an ONNX file, or one that is cut off: it has no %s",
                         p->has_ir_version ? "graph" : "IR version");
    }
    if (!check_opset(model, err)) return false;
    if (p->graph->n_output == 0) return error_set(err, ERROR_INPUT, "its graph has no outputs");
    return functions_inline(model, err) && check_graph(model, p->graph, "", err);
}

// ---- opening

static void fill_limits(struct onnx_limits *l, const struct onnx_limits *wanted) {
    const uint64_t gib = 1ull << 30;
    *l = wanted ? *wanted : (struct onnx_limits){0};
    if (l->file_bytes == 0) l->file_bytes = 2 * gib;
    if (l->external_bytes == 0) l->external_bytes = 64 * gib;
    if (l->tensor_bytes == 0) l->tensor_bytes = 16 * gib;
    if (l->nodes == 0) l->nodes = 250000;
    if (l->tensors == 0) l->tensors = 250000;
    if (l->ports == 0) l->ports = 4096;
}

static bool load_bytes(struct onnx_model *model, const struct file_map *bytes, struct error *err) {
    if (bytes->size > model->limits.file_bytes)
        return error_set(err, ERROR_MEMORY, "%s: %zu bytes, the limit is %llu", model->path, bytes->size,
                         (unsigned long long)model->limits.file_bytes);
    if (model->limits.memory_bytes == 0)
        model->limits.memory_bytes = (64u << 20) + 16 * (uint64_t)bytes->size; // a file is below 2 GiB
    model->file_bytes = bytes->size;
    return (unpack(model, bytes, err) && check_model(model, err)) || error_prefix(err, "%s", model->path);
}

static bool load_file(struct onnx_model *model, struct error *err) {
    struct file_map map;
    if (!file_map_open(&map, model->path, model->limits.file_bytes, err)) return false;
    bool ok = load_bytes(model, &map, err);
    file_map_close(&map); // protobuf-c has copied what it needs
    return ok;
}

static struct onnx_model *new_model(const char *path, const struct onnx_limits *limits) {
    struct arena arena = {0};
    struct onnx_model *model = arena_alloc(&arena, sizeof *model);
    model->arena = arena;
    model->path = path == NULL ? "model in memory" : arena_strdup(&model->arena, path);
    fill_limits(&model->limits, limits);
    if (path == NULL) return model;
    const char *slash = strrchr(path, '/');
    model->folder = arena_printf(&model->arena, "%.*s", slash ? (int)(slash - path + 1) : 0, path);
    return model;
}

// The model if it could be loaded.
static struct onnx_model *finish_open(struct onnx_model *model, bool loaded, struct error *err) {
    if (loaded) return model;
    if (err != NULL) clean_text(err->message);
    onnx_model_close(model);
    return NULL;
}

struct onnx_model *onnx_model_open(const char *path, const struct onnx_limits *limits, struct error *err) {
    struct onnx_model *model = new_model(path, limits);
    return finish_open(model, load_file(model, err), err);
}

struct onnx_model *onnx_model_open_memory(const void *data, size_t size, const char *path,
                                          const struct onnx_limits *limits, struct error *err) {
    struct onnx_model *model = new_model(path, limits);
    const struct file_map bytes = {data, size};
    return finish_open(model, load_bytes(model, &bytes, err), err);
}

void onnx_model_close(struct onnx_model *model) {
    if (model == NULL) return;
    for (struct onnx_external *e = model->external; e != NULL; e = e->next) file_map_close(&e->map);
    struct arena arena = model->arena; // the model lives in its own arena
    arena_free(&arena);
}

int64_t onnx_model_opset(const struct onnx_model *model) { return model->opset; }

uint64_t onnx_model_nodes(const struct onnx_model *model) { return model->node_count; }

uint64_t onnx_model_file_bytes(const struct onnx_model *model) { return model->file_bytes; }
