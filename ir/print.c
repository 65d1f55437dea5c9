// The textual form, written. docs/ir.md is its specification; ir/parse.c reads it.
#include "ir/rearrange.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INLINE_FLOATS = 8 }; // longer float constants are named, not written out

static void print_string(const char *s, struct strbuf *out) {
    strbuf_add(out, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') strbuf_printf(out, "\\%c", *s);
        else if (*s == '\n') strbuf_add(out, "\\n");
        else strbuf_printf(out, "%c", *s);
    }
    strbuf_add(out, "\"");
}

static void print_double(double d, struct strbuf *out) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", d);
    for (int digits = 6; digits < 17; digits++) { // the shortest text that reads back as the same number
        char shorter[40];
        snprintf(shorter, sizeof shorter, "%.*g", digits, d);
        if (strtod(shorter, NULL) == d) {
            memcpy(text, shorter, sizeof text);
            break;
        }
    }
    strbuf_add(out, text);
    if (isfinite(d) && strcspn(text, ".e") == strlen(text)) strbuf_add(out, ".0");
}

static void print_value_name(const struct ir_value *v, struct strbuf *out) {
    if (v == NULL) strbuf_add(out, "_");
    else strbuf_printf(out, "%c%s", v->constant ? '@' : '%', v->name);
}

static void print_attr(const struct ir_attr *a, struct strbuf *out) {
    strbuf_printf(out, "%s=", ir_key_name[a->key]);
    switch (a->kind) {
    case IR_ATTR_INT: strbuf_printf(out, "%" PRId64, a->i); break;
    case IR_ATTR_FLOAT: print_double(a->f, out); break;
    case IR_ATTR_STRING: print_string(a->string, out); break;
    case IR_ATTR_CACHE: strbuf_printf(out, "@%s", a->cache->name); break;
    case IR_ATTR_INTS:
        strbuf_add(out, "[");
        for (int i = 0; i < a->count; i++) strbuf_printf(out, "%s%" PRId64, i ? "," : "", a->ints[i]);
        strbuf_add(out, "]");
        break;
    case IR_ATTR_REARRANGE:
        strbuf_add(out, "\"");
        rearrange_print(a->rearrange, out);
        strbuf_add(out, "\"");
        break;
    }
}

static void print_storage(const struct ir_storage *s, struct strbuf *out) {
    if (s->place == IR_NOWHERE) return;
    if (s->place == IR_IN_BUFFER) strbuf_printf(out, " in b%" PRIu32, s->buffer);
    else strbuf_add(out, s->place == IR_IN_INPUT ? " in input" : " in output");
    strbuf_printf(out, "+%" PRIu64 "(%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ")", s->offset,
                  s->frame_stride, s->row_stride, s->pixel_stride, s->channel_stride);
}

static void print_definition(const struct ir_value *v, struct strbuf *out) {
    strbuf_printf(out, "%%%s: ", v->name);
    ir_type_print(&v->type, out);
    if (v->declared.rank >= 0) {
        strbuf_add(out, " as ");
        ir_type_print(&v->declared, out);
    }
    print_storage(&v->storage, out);
}

static void print_block(const struct ir_block *b, int indent, struct strbuf *out);

static void print_node(const struct ir_node *n, int indent, struct strbuf *out) {
    strbuf_printf(out, "%*s", indent, "");
    for (int i = 0; i < n->output_count; i++) {
        if (i) strbuf_add(out, ", ");
        print_definition(n->outputs[i], out);
    }
    strbuf_printf(out, "%s%s", n->output_count ? " = " : "", ir_info(n)->name);
    for (int i = 0; i < n->input_count; i++) {
        strbuf_add(out, i ? ", " : " ");
        print_value_name(ir_in(n, i), out);
    }
    for (const struct ir_attr *a = n->attrs; a != NULL; a = a->next) {
        strbuf_add(out, a == n->attrs ? " {" : ", ");
        print_attr(a, out);
    }
    if (n->attrs) strbuf_add(out, "}");
    if (n->name[0]) {
        strbuf_add(out, " ");
        print_string(n->name, out);
    }
    for (int i = 0; i < 2 && n->blocks[i] != NULL; i++) {
        strbuf_add(out, i ? " else {\n" : " then {\n");
        print_block(n->blocks[i], indent + 2, out);
        strbuf_printf(out, "%*s}", indent, "");
    }
    strbuf_add(out, "\n");
}

static void print_block(const struct ir_block *b, int indent, struct strbuf *out) {
    for (const struct ir_node *n = b->head; n != NULL; n = n->next) print_node(n, indent, out);
}

void ir_print_node(const struct ir_node *n, struct strbuf *out) { print_node(n, 2, out); }

static void print_constant(const struct ir_value *v, struct strbuf *out) {
    const struct ir_constant *c = v->constant;
    char text[48];
    strbuf_printf(out, "const @%s: ", v->name);
    ir_type_print(&v->type, out);
    strbuf_add(out, " = ");
    if (c->ints != NULL) {
        strbuf_add(out, "[");
        for (size_t i = 0; i < c->count; i++)
            strbuf_printf(out, "%s%s", i ? "," : "", dim_format(text, c->ints[i], false));
        strbuf_add(out, "]\n");
    } else if (c->data != NULL && c->count <= INLINE_FLOATS) {
        strbuf_add(out, "[");
        for (size_t i = 0; i < c->count; i++) {
            if (i) strbuf_add(out, ",");
            print_double(ir_constant_float(c, i), out);
        }
        strbuf_add(out, "]\n");
    } else strbuf_add(out, c->data != NULL ? "data\n" : "opaque\n");
}

static void print_graph(const struct ir_graph *g, struct strbuf *out) {
    strbuf_printf(out, "\ngraph @%s(", g->name);
    for (int i = 0; i < g->input_count; i++) {
        if (i) strbuf_add(out, ", ");
        print_definition(g->inputs[i], out);
    }
    strbuf_add(out, ") {\n");
    if (g->buffer_count > 0) {
        strbuf_printf(out, "  arena %" PRIu64 " lower_bound %" PRIu64 "\n", g->arena_bytes,
                      g->lower_bound_bytes);
    }
    for (int i = 0; i < g->buffer_count; i++) {
        const struct ir_buffer *b = &g->buffers[i];
        strbuf_printf(out, "  buffer b%d %" PRIu64 " at %" PRIu64 " nodes %d %d ", i, b->bytes, b->offset,
                      b->first_node, b->last_node);
        if (b->rows > 0) strbuf_printf(out, "rows %" PRIu32 " ", b->rows);
        print_string(b->name, out);
        strbuf_add(out, "\n");
    }
    print_block(&g->body, 2, out);
    strbuf_add(out, "}\n");
}

void ir_print(const struct ir_module *m, struct strbuf *out) {
    strbuf_add(out, "module ");
    print_string(m->form, out);
    strbuf_add(out, " ");
    print_string(m->model_name, out);
    strbuf_add(out, "\n");
    for (const struct ir_symbol *s = m->symbols; s != NULL; s = s->next) {
        strbuf_printf(out, "symbol %%%s ", s->value);
        print_string(s->shape, out);
        if (s->graph != NULL) strbuf_printf(out, " of @%s", s->graph);
        strbuf_add(out, "\n");
    }
    for (const struct ir_cache *c = m->caches; c != NULL; c = c->next) {
        strbuf_printf(out, "cache @%s: ", c->name);
        ir_type_print(&c->type, out);
        strbuf_add(out, " ");
        print_string(c->producer, out);
        if (c->offset >= 0) strbuf_printf(out, " at %" PRId64, c->offset);
        strbuf_add(out, "\n");
    }
    if (m->first_kept > 0) strbuf_printf(out, "first_kept %d\n", m->first_kept);
    if (m->cache_bytes > 0) strbuf_printf(out, "caches %" PRIu64 "\n", m->cache_bytes);
    for (const struct ir_value *v = m->constants; v != NULL; v = v->next) {
        if (v->uses != NULL) print_constant(v, out); // unused ones are dead
    }
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) print_graph(g, out);
}
