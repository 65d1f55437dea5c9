#include "frontend/inspect.h"

#include "frontend/importer.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_WIDTH = 100, MAX_DTYPES = 24 };

// ---- inputs and outputs

static void print_port(const Onnx__ValueInfoProto *info, struct strbuf *out) {
    strbuf_printf(out, "%.100s: ", info->name);
    const Onnx__TypeProto *type = info->type;
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        strbuf_add(out, "not a tensor");
        return;
    }
    strbuf_add(out, onnx_type_name(type->tensor_type->elem_type));
    if (type->tensor_type->shape != NULL) onnx_shape_print(type->tensor_type->shape, out);
    else strbuf_add(out, " of unknown shape");
}

static void print_ports(const char *title, size_t count, Onnx__ValueInfoProto *const *infos,
                        const struct name_map *skip, struct strbuf *out) {
    const char *lead = title;
    for (size_t i = 0; i < count; i++) {
        if (skip != NULL && name_map_find(skip, infos[i]->name) != NULL) continue;
        strbuf_printf(out, "%-12s", lead);
        print_port(infos[i], out);
        strbuf_add(out, "\n");
        lead = "";
    }
}

// ---- operators

struct tally {
    const char *type;
    size_t count;
};

struct histogram {
    struct arena arena;
    struct name_map types; // to struct tally
    struct tally **list;
    size_t count, capacity, nodes;
};

static void count_nodes(struct histogram *h, const Onnx__GraphProto *g) {
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        void **slot = name_map_add(&h->types, n->op_type);
        if (*slot == NULL) {
            struct tally *t = *slot = arena_alloc(&h->arena, sizeof *t);
            t->type = n->op_type;
            h->list = arena_grow(&h->arena, h->list, h->count, &h->capacity, sizeof(struct tally *));
            h->list[h->count++] = t;
        }
        ((struct tally *)*slot)->count++;
        h->nodes++;
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL) count_nodes(h, n->attribute[k]->g);
        }
    }
}

static int more_often(const void *a, const void *b) {
    const struct tally *x = *(struct tally *const *)a, *y = *(struct tally *const *)b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->type, y->type);
}

static void print_operators(const struct onnx_model *model, struct strbuf *out) {
    struct histogram h = {0};
    h.types.arena = &h.arena;
    count_nodes(&h, model->proto->graph);
    if (h.count > 0) qsort(h.list, h.count, sizeof *h.list, more_often);
    strbuf_printf(out, "%-12s%zu:", "operators", h.nodes);
    size_t line_start = out->size;
    for (size_t i = 0; i < h.count; i++) {
        if (out->size - line_start > LINE_WIDTH - 24) {
            strbuf_printf(out, "\n%-12s", "");
            line_start = out->size;
        }
        strbuf_printf(out, " %.60s %zu%s", h.list[i]->type, h.list[i]->count, i + 1 < h.count ? "," : "");
    }
    strbuf_add(out, "\n");
    arena_free(&h.arena);
}

// ---- weights

static void print_weights(const struct onnx_model *model, struct strbuf *out) {
    const Onnx__GraphProto *g = model->proto->graph;
    uint64_t bytes[MAX_DTYPES] = {0}, total = 0;
    char text[32];
    for (size_t i = 0; i < g->n_initializer; i++) {
        struct onnx_tensor t = onnx_tensor_of(g->initializer[i]);
        if (t.type >= 0 && t.type < MAX_DTYPES) bytes[t.type] += t.bytes;
        total += t.bytes;
    }
    strbuf_printf(out, "%-12s%zu tensors, %s", "weights", g->n_initializer, format_bytes(text, total));
    const char *separator = ": ";
    for (int i = 0; i < MAX_DTYPES; i++) {
        if (bytes[i] == 0) continue;
        strbuf_printf(out, "%s%s %s", separator, onnx_type_name(i), format_bytes(text, bytes[i]));
        separator = ", ";
    }
    strbuf_add(out, "\n");
    for (const struct onnx_external *e = model->external; e != NULL; e = e->next) {
        strbuf_printf(out, "%-12sin %.200s, %s\n", "", e->location, format_bytes(text, e->map.size));
    }
}

// ---- all of it

static void print_unsupported(const struct onnx_model *model, struct strbuf *out) {
    struct strbuf lines = {0};
    size_t count = unsupported_list(model, NULL, &lines);
    if (count == 0) strbuf_printf(out, "%-12snone\n", "unsupported");
    else
        strbuf_printf(out, "%-12s%zu operator%s\n%s", "unsupported", count, count == 1 ? "" : "s",
                      strbuf_text(&lines));
    strbuf_free(&lines);
}

void onnx_inspect(const struct onnx_model *model, struct strbuf *out) {
    const Onnx__ModelProto *p = model->proto;
    const Onnx__GraphProto *g = p->graph;
    size_t start = out->size; // of what is ours
    struct arena scratch = {0};
    struct name_map initializers = {.arena = &scratch};
    for (size_t i = 0; i < g->n_initializer; i++) {
        *name_map_add(&initializers, g->initializer[i]->name) = g->initializer[i];
    }
    bool by = p->producer_name != NULL && p->producer_name[0] != '\0';
    strbuf_printf(out, "%-12s%s\n", "model", model->path);
    strbuf_printf(out, "%-12s%.60s %.60s\n", "producer", by ? p->producer_name : "unknown",
                  p->producer_version ? p->producer_version : "");
    strbuf_printf(out, "%-12sIR version %lld, opset %lld\n", "format", (long long)p->ir_version,
                  (long long)model->opset);
    print_ports("inputs", g->n_input, g->input, &initializers, out);
    print_ports("outputs", g->n_output, g->output, NULL, out);
    print_operators(model, out);
    print_weights(model, out);
    print_unsupported(model, out);
    clean_text(out->data + start);
    arena_free(&scratch);
}
