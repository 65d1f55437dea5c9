#include "frontend/order.h"

#include "frontend/names.h"

#include <string.h>

const char *node_label(const Onnx__NodeProto *n) {
    if (n->name != NULL && n->name[0] != '\0') return n->name;
    for (size_t i = 0; i < n->n_output; i++) {
        if (n->output[i][0] != '\0') return n->output[i];
    }
    return "";
}

struct edges { // of node i: to[start[i]] up to to[start[i + 1]], the nodes that it reads from
    size_t *start, *to, count, capacity;
};

struct inner { // names defined in the branches around: they hide those of the graph
    struct name_map names;
    const struct inner *outer;
};

struct walk {
    const Onnx__GraphProto *graph;
    struct arena *arena;
    struct name_map producers; // name to index + 1
    struct edges edges;
};

static bool add_producers(struct walk *w, struct error *err) {
    for (size_t i = 0; i < w->graph->n_node; i++) {
        const Onnx__NodeProto *n = w->graph->node[i];
        for (size_t o = 0; o < n->n_output; o++) {
            if (n->output[o][0] == '\0') continue;
            void **slot = name_map_add(&w->producers, n->output[o]);
            if (*slot != NULL) {
                const Onnx__NodeProto *other = w->graph->node[(uintptr_t)*slot - 1];
                return error_set(err, ERROR_INPUT,
                                 "'%.100s' is produced twice: by node '%.100s' and by node '%.100s'",
                                 n->output[o], node_label(other), node_label(n));
            }
            *slot = (void *)(i + 1);
        }
    }
    return true;
}

static void add_edge(struct walk *w, const struct inner *inner, const char *name) {
    for (; inner != NULL; inner = inner->outer) {
        if (name_map_find(&inner->names, name) != NULL) return;
    }
    uintptr_t producer = (uintptr_t)name_map_find(&w->producers, name);
    if (producer == 0) return;
    struct edges *e = &w->edges;
    e->to = arena_grow(w->arena, e->to, e->count, &e->capacity, sizeof *e->to);
    e->to[e->count++] = producer - 1;
}

static void add_edges_of_graph(struct walk *w, const struct inner *outer, const Onnx__GraphProto *g);

static void add_edges(struct walk *w, const struct inner *inner, const Onnx__NodeProto *n) {
    for (size_t i = 0; i < n->n_input; i++) add_edge(w, inner, n->input[i]);
    for (size_t i = 0; i < n->n_attribute; i++) {
        if (n->attribute[i]->g != NULL) add_edges_of_graph(w, inner, n->attribute[i]->g);
    }
}

static void add_edges_of_graph(struct walk *w, const struct inner *outer, const Onnx__GraphProto *g) {
    struct inner inner = {.names = {.arena = w->arena}, .outer = outer};
    void *here = &inner;
    for (size_t i = 0; i < g->n_input; i++) *name_map_add(&inner.names, g->input[i]->name) = here;
    for (size_t i = 0; i < g->n_initializer; i++) *name_map_add(&inner.names, g->initializer[i]->name) = here;
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t o = 0; o < g->node[i]->n_output; o++) {
            *name_map_add(&inner.names, g->node[i]->output[o]) = here;
        }
    }
    for (size_t i = 0; i < g->n_node; i++) add_edges(w, &inner, g->node[i]);
    for (size_t i = 0; i < g->n_output; i++) add_edge(w, &inner, g->output[i]->name);
}

// Whether no node reads from a later one (or itself), so that the file's order will do.
static bool find_edges(struct walk *w) {
    bool sorted = true;
    struct edges *e = &w->edges;
    e->start = arena_array(w->arena, w->graph->n_node + 1, sizeof *e->start);
    for (size_t i = 0; i < w->graph->n_node; i++) {
        add_edges(w, NULL, w->graph->node[i]);
        e->start[i + 1] = e->count;
        for (size_t k = e->start[i]; k < e->count; k++) sorted = sorted && e->to[k] < i;
    }
    return sorted;
}

static bool report_cycle(const struct walk *w, size_t a, size_t b, struct error *err) {
    return error_set(err, ERROR_INPUT,
                     "nodes depend on themselves: node '%.100s' reads from node '%.100s', which needs it",
                     node_label(w->graph->node[a]), node_label(w->graph->node[b]));
}

// Depth first, with its own stack: a chain of nodes may be as long as the file.
static bool sort_from(const struct walk *w, size_t root, size_t *stack, size_t *next_edge, char *state,
                      size_t *order, size_t *done, struct error *err) {
    enum { NEW, OPEN, DONE };
    const struct edges *e = &w->edges;
    size_t depth = 0;
    if (state[root] != NEW) return true;
    state[root] = OPEN;
    next_edge[root] = e->start[root];
    stack[depth++] = root;
    while (depth > 0) {
        size_t i = stack[depth - 1];
        if (next_edge[i] == e->start[i + 1]) {
            state[i] = DONE;
            order[(*done)++] = i;
            depth--;
            continue;
        }
        size_t from = e->to[next_edge[i]++];
        if (state[from] == OPEN) return report_cycle(w, i, from, err);
        if (state[from] == DONE) continue;
        state[from] = OPEN;
        next_edge[from] = e->start[from];
        stack[depth++] = from;
    }
    return true;
}

bool order_nodes(const Onnx__GraphProto *g, struct arena *scratch, size_t *order, struct error *err) {
    struct walk w = {.graph = g, .arena = scratch, .producers = {.arena = scratch}};
    size_t n = g->n_node, done = 0;
    if (!add_producers(&w, err)) return false;
    if (find_edges(&w)) {
        for (size_t i = 0; i < n; i++) order[i] = i;
        return true;
    }
    size_t *stack = arena_array(scratch, n, sizeof *stack),
           *next_edge = arena_array(scratch, n, sizeof *next_edge);
    char *state = arena_alloc(scratch, n);
    for (size_t i = 0; i < n; i++) {
        if (!sort_from(&w, i, stack, next_edge, state, order, &done, err)) return false;
    }
    return true;
}
