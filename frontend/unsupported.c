// Which operators of a model have no row in the table: all of them at once, so that nobody fixes them one by one, each
// with the places where it stands.
#include "frontend/importer.h"
#include "frontend/order.h"

#include <string.h>

enum { MAX_TYPES = 64 };

struct place {                    // of a node: the graphs around it, from the inside out
    const Onnx__NodeProto *owner; // NULL: the main graph
    const char *branch;           // which attribute of it
    const struct place *outer;
};

struct listing {
    const struct onnx_model *model;
    struct arena *arena, scratch;
    struct name_map types;             // to struct onnx_missing
    struct name_map consumers;         // of values: to the first Onnx__NodeProto that reads it
    struct name_map producers;         // of values: to the Onnx__NodeProto that gives it
    struct onnx_missing *found, **end; // in the order of the file
    size_t count;
};

static const char *full_type(struct listing *l, const Onnx__NodeProto *n) {
    if (onnx_domain_is_standard(n->domain)) return arena_printf(l->arena, "%.60s", n->op_type);
    return arena_printf(l->arena, "%.60s::%.60s", n->domain, n->op_type);
}

// ---- where a node stands

static const char *quoted_label(struct listing *l, const Onnx__NodeProto *n) {
    return clean_copy(l->arena, arena_printf(&l->scratch, "'%.80s' (%.40s)", node_label(n), n->op_type));
}

// What it reads: the first operand that is computed, or an input of the graph. NULL: constants alone.
static const char *what_is_before(struct listing *l, const Onnx__NodeProto *n) {
    const Onnx__GraphProto *g = l->model->proto->graph;
    for (size_t i = 0; i < n->n_input; i++) {
        const Onnx__NodeProto *from = name_map_find(&l->producers, n->input[i]);
        if (from != NULL && strcmp(from->op_type, "Constant") != 0) return quoted_label(l, from);
    }
    for (size_t i = 0; i < n->n_input; i++) {
        for (size_t k = 0; k < g->n_input; k++) {
            if (strcmp(g->input[k]->name, n->input[i]) != 0) continue;
            return clean_copy(l->arena, arena_printf(&l->scratch, "the input '%.80s'", n->input[i]));
        }
    }
    return NULL;
}

static const Onnx__NodeProto *reader_of(const struct listing *l, const Onnx__NodeProto *n) {
    for (size_t i = 0; i < n->n_output; i++) {
        const Onnx__NodeProto *reader = name_map_find(&l->consumers, n->output[i]);
        if (reader != NULL) return reader;
    }
    return NULL;
}

// "/decoder/mid_block" of "/decoder/mid_block/Erf": exporters write the module's path in front of the node's name.
static const char *scope_of(struct listing *l, const Onnx__NodeProto *n) {
    const char *name = node_label(n), *slash = strrchr(name, '/');
    if (slash == NULL || slash == name) return NULL;
    return clean_copy(
        l->arena, arena_printf(&l->scratch, "%.*s", (int)(slash - name < 120 ? slash - name : 120), name));
}

// "the then_branch of 'node_if', in ..", NULL in the main graph.
static const char *branch_of(struct listing *l, const struct place *p) {
    struct strbuf text = {0};
    for (; p->owner != NULL; p = p->outer)
        strbuf_printf(&text, "%sthe %.40s of '%.80s'", text.size ? ", in " : "", p->branch,
                      node_label(p->owner));
    const char *branch = text.size ? clean_copy(l->arena, strbuf_text(&text)) : NULL;
    strbuf_free(&text);
    return branch;
}

static void locate(struct listing *l, struct onnx_missing *m, const Onnx__NodeProto *n,
                   const struct place *p) {
    const Onnx__NodeProto *reader = reader_of(l, n);
    m->feeds =
        reader ? clean_copy(l->arena, arena_printf(&l->scratch, "%.40s", reader->op_type)) : "an output";
    m->before = what_is_before(l, n);
    m->after = reader ? quoted_label(l, reader) : "an output";
    m->scope = scope_of(l, n);
    m->branch = branch_of(l, p);
}

// ---- the search

static void add_edges(struct listing *l, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        for (size_t k = 0; k < n->n_input; k++) {
            void **slot = name_map_add(&l->consumers, n->input[k]);
            if (*slot == NULL) *slot = (void *)n;
        }
        for (size_t k = 0; k < n->n_output; k++) {
            if (n->output[k][0] != '\0') *name_map_add(&l->producers, n->output[k]) = (void *)n;
        }
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL) add_edges(l, n->attribute[k]->g);
        }
    }
}

static void add_missing(struct listing *l, const Onnx__NodeProto *n, const struct place *p) {
    const char *type = clean_copy(l->arena, full_type(l, n));
    struct onnx_missing **slot = (struct onnx_missing **)name_map_add(&l->types, type), *m = *slot;
    if (m == NULL) {
        if (l->count++ == 0) add_edges(l, l->model->proto->graph); // only now does anybody want to know
        m = *slot = *l->end = arena_alloc(l->arena, sizeof *m);
        l->end = &m->next;
        m->type = type;
        locate(l, m, n, p);
    }
    const char *label = arena_printf(&l->scratch, "%.80s", node_label(n));
    if (m->count < ONNX_NAMED_NODES) m->nodes[m->count] = clean_copy(l->arena, label);
    m->count++;
}

static void search_graph(struct listing *l, const Onnx__GraphProto *g, const struct place *p) {
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (op_row_find(n, l->model->opset) == NULL) add_missing(l, n, p);
        for (size_t k = 0; k < n->n_attribute; k++) {
            struct place inner = {n, n->attribute[k]->name, p};
            if (n->attribute[k]->g != NULL) search_graph(l, n->attribute[k]->g, &inner);
        }
    }
}

struct onnx_missing *unsupported_list(const struct onnx_model *model, struct arena *arena, size_t *count) {
    struct listing l = {.model = model, .arena = arena};
    const struct place main_graph = {0};
    l.types.arena = l.consumers.arena = l.producers.arena = &l.scratch;
    l.end = &l.found;
    search_graph(&l, model->proto->graph, &main_graph);
    arena_free(&l.scratch);
    *count = l.count;
    return l.found;
}

// ---- as text

void unsupported_print(const struct onnx_missing *m, struct strbuf *out) {
    strbuf_printf(out, "%s, %zu time%s: node%s ", m->type, m->count, m->count == 1 ? "" : "s",
                  m->count == 1 ? "" : "s");
    for (size_t i = 0; i < ONNX_NAMED_NODES && i < m->count; i++)
        strbuf_printf(out, "%s'%s'", i ? ", " : "", m->nodes[i]);
    strbuf_printf(out, "%s; it feeds %s; ", m->count > ONNX_NAMED_NODES ? ", ..." : "", m->feeds);
    if (m->count > 1) strbuf_add(out, "the first ");
    if (m->before != NULL) strbuf_printf(out, "between %s and %s", m->before, m->after);
    else strbuf_printf(out, "in front of %s", m->after);
    if (m->scope != NULL) strbuf_printf(out, ", in %s", m->scope);
    if (m->branch != NULL) strbuf_printf(out, ", in %s", m->branch);
}

// All that is missing in one line: the types first, because the message has an end.
bool check_supported(const struct onnx_model *model, struct error *err) {
    struct arena scratch = {0};
    struct strbuf types = {0}, nodes = {0};
    size_t count, i = 0;
    for (const struct onnx_missing *m = unsupported_list(model, &scratch, &count); m != NULL;
         m = m->next, i++) {
        if (i < MAX_TYPES) strbuf_printf(&types, "%s%s (%zu)", i ? ", " : "", m->type, m->count);
        if (i == MAX_TYPES) strbuf_add(&types, ", ...");
        strbuf_add(&nodes, ". ");
        unsupported_print(m, &nodes);
    }
    if (count > 0) {
        error_set(err, ERROR_UNSUPPORTED, "%zu unsupported operator%s: %s%s", count, count == 1 ? "" : "s",
                  strbuf_text(&types), strbuf_text(&nodes));
    }
    strbuf_free(&types);
    strbuf_free(&nodes);
    arena_free(&scratch);
    return count == 0;
}
