// Which operators of a model have no row in the table: all of them at once, so that nobody fixes them one by
// one.
#include "frontend/importer.h"
#include "frontend/order.h"

#include <string.h>

enum { NAMED_NODES = 3, MAX_TYPES = 64 };

struct missing {
    const char *type; // with its domain, unless that is ONNX's own
    const Onnx__NodeProto *nodes[NAMED_NODES];
    const char *feeds;
    size_t count;
};

struct listing {
    const struct onnx_model *model;
    struct arena arena;
    struct name_map types;     // to struct missing
    struct name_map consumers; // of values: to the first Onnx__NodeProto that reads it
    struct missing **found;    // in the order of the file
    size_t count, capacity;
};

static const char *full_type(struct listing *l, const Onnx__NodeProto *n) {
    bool standard = n->domain == NULL || n->domain[0] == '\0' || strcmp(n->domain, "ai.onnx") == 0;
    if (standard) return arena_printf(&l->arena, "%.60s", n->op_type);
    return arena_printf(&l->arena, "%.60s::%.60s", n->domain, n->op_type);
}

static const char *what_it_feeds(const struct listing *l, const Onnx__NodeProto *n) {
    for (size_t i = 0; i < n->n_output; i++) {
        const Onnx__NodeProto *reader = name_map_find(&l->consumers, n->output[i]);
        if (reader != NULL) return reader->op_type;
    }
    return "an output";
}

static void add_missing(struct listing *l, const Onnx__NodeProto *n) {
    void **slot = name_map_add(&l->types, full_type(l, n));
    struct missing *m = *slot;
    if (m == NULL) {
        m = *slot = arena_alloc(&l->arena, sizeof *m);
        m->type = full_type(l, n);
        l->found = arena_grow(&l->arena, l->found, l->count, &l->capacity, sizeof(struct missing *));
        l->found[l->count++] = m;
    }
    if (m->count < NAMED_NODES) m->nodes[m->count] = n;
    m->count++;
}

static void add_consumers(struct listing *l, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        for (size_t k = 0; k < n->n_input; k++) {
            void **slot = name_map_add(&l->consumers, n->input[k]);
            if (*slot == NULL) *slot = (void *)n;
        }
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL) add_consumers(l, n->attribute[k]->g);
        }
    }
}

static void search_graph(struct listing *l, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (op_row_find(n, l->model->opset) == NULL) add_missing(l, n);
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL) search_graph(l, n->attribute[k]->g);
        }
    }
}

static void print_missing(const struct missing *m, struct strbuf *out) {
    strbuf_printf(out, "  %s, %zu time%s: node%s ", m->type, m->count, m->count == 1 ? "" : "s",
                  m->count == 1 ? "" : "s");
    for (size_t i = 0; i < NAMED_NODES && i < m->count; i++) {
        strbuf_printf(out, "%s'%.60s'", i ? ", " : "", node_label(m->nodes[i]));
    }
    strbuf_printf(out, "%s; it feeds %.40s\n", m->count > NAMED_NODES ? ", ..." : "", m->feeds);
}

size_t unsupported_list(const struct onnx_model *model, struct strbuf *types, struct strbuf *lines) {
    struct listing l = {.model = model};
    l.types.arena = l.consumers.arena = &l.arena;
    search_graph(&l, model->proto->graph);
    if (l.count > 0 && lines != NULL) add_consumers(&l, model->proto->graph);
    for (size_t i = 0; i < l.count; i++) {
        struct missing *m = l.found[i];
        m->feeds = what_it_feeds(&l, m->nodes[0]); // now that consumers are known
        if (types != NULL && i < MAX_TYPES)
            strbuf_printf(types, "%s%s (%zu)", i ? ", " : "", m->type, m->count);
        if (types != NULL && i == MAX_TYPES) strbuf_add(types, ", ...");
        if (lines != NULL && i < MAX_TYPES) print_missing(m, lines);
    }
    size_t count = l.count;
    arena_free(&l.arena);
    return count;
}
