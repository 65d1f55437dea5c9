// The textual form, read. docs/ir.md is its specification; a recursive-descent parser with one token of
// lookahead. Types may be left out of node results: they are then inferred, which keeps hand-written tests
// short.
#include "base/size.h"
#include "ir/rearrange.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum token {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_VALUE,
    TOKEN_GLOBAL,
    TOKEN_PUNCTUATION
};

struct scope { // names of values, by open hashing
    struct ir_value **slots;
    size_t capacity, count;
};

struct parser {
    const char *file, *at, *line_start;
    int line;
    enum token kind;
    char text[1024]; // of the token, unquoted
    struct ir_module *m;
    const struct ir_module *donor;
    struct scope values, constants;
    struct error *err;
    bool failed;
    int depth;
};

// ---- tokens

static void fail(struct parser *p, const char *expected) {
    if (!p->failed) {
        error_set(p->err, ERROR_INPUT, "%s:%d: expected %s, found '%s'", p->file, p->line, expected,
                  p->kind == TOKEN_END ? "end of file" : p->text);
    }
    p->failed = true;
    p->kind = TOKEN_END;
}

static bool name_char(char c) { return isalnum((unsigned char)c) || strchr("_.$/-~", c) != NULL; }

static void skip_space(struct parser *p) {
    for (;; p->at++) {
        if (*p->at == '\n') p->line++;
        else if (*p->at == '#') p->at += strcspn(p->at, "\n") - 1;
        else if (*p->at == 0 || !isspace((unsigned char)*p->at)) return;
    }
}

static void take_while(struct parser *p, bool (*accept)(char)) {
    size_t n = 0;
    while (*p->at != 0 && accept(*p->at) && n + 1 < sizeof p->text) p->text[n++] = *p->at++;
    p->text[n] = 0;
}

static bool number_char(char c) { return isalnum((unsigned char)c) || strchr("+-.", c) != NULL; }

static void take_string(struct parser *p) {
    size_t n = 0;
    for (p->at++; *p->at != '"' && *p->at != 0 && n + 1 < sizeof p->text; p->at++) {
        if (*p->at == '\\' && p->at[1] != 0) {
            p->at++;
            p->text[n++] = *p->at == 'n' ? '\n' : *p->at;
        } else p->text[n++] = *p->at;
    }
    p->text[n] = 0;
    if (*p->at == '"') p->at++;
    else fail(p, "the end of a string");
}

static void advance(struct parser *p) {
    if (p->failed) return;
    skip_space(p);
    char c = *p->at, next = c ? p->at[1] : 0;
    p->text[0] = 0;
    if (c == 0) p->kind = TOKEN_END;
    else if (c == '"') {
        p->kind = TOKEN_STRING;
        take_string(p);
    } else if (c == '%' || c == '@') {
        p->kind = c == '%' ? TOKEN_VALUE : TOKEN_GLOBAL;
        p->at++;
        take_while(p, name_char);
    } else if (isdigit((unsigned char)c) ||
               (c == '-' && (isdigit((unsigned char)next) || next == 'i' || next == 'n'))) {
        p->kind = TOKEN_NUMBER;
        take_while(p, number_char);
    } else if (isalpha((unsigned char)c) || c == '_') {
        p->kind = TOKEN_WORD;
        take_while(p, name_char);
    } else {
        p->kind = TOKEN_PUNCTUATION;
        p->text[0] = *p->at++;
        p->text[1] = 0;
    }
}

static bool is(const struct parser *p, const char *text) {
    return (p->kind == TOKEN_WORD || p->kind == TOKEN_PUNCTUATION) && strcmp(p->text, text) == 0;
}

static bool accept(struct parser *p, const char *text) {
    if (!is(p, text)) return false;
    advance(p);
    return true;
}

static void expect(struct parser *p, const char *text) {
    if (!accept(p, text)) fail(p, text);
}

static char *take_text(struct parser *p, enum token kind, const char *what) {
    if (p->kind != kind) {
        fail(p, what);
        return arena_strdup(&p->m->arena, "");
    }
    char *s = arena_strdup(&p->m->arena, p->text);
    advance(p);
    return s;
}

static int64_t take_int(struct parser *p) {
    char *end = p->text;
    errno = 0;
    int64_t v = p->kind == TOKEN_NUMBER ? strtoll(p->text, &end, 10) : 0;
    if (end == p->text || *end != 0 || errno == ERANGE) fail(p, "an integer of 64 bits");
    else advance(p);
    return v;
}

// Also inf and nan, which are words.
static double take_double(struct parser *p) {
    char *end = p->text;
    double d = p->kind == TOKEN_NUMBER || p->kind == TOKEN_WORD ? strtod(p->text, &end) : 0;
    if (end == p->text || *end != 0) fail(p, "a number");
    else advance(p);
    return d;
}

static struct ir_dim take_dim(struct parser *p, bool *stream) {
    struct ir_dim d = dim_const(take_int(p));
    *stream = accept(p, "|");
    if (*stream) d.steady = take_int(p);
    return d;
}

// ---- scopes

WRAPS static size_t hash(const char *s) {
    size_t h = 5381;
    for (; *s; s++) h = h * 33 + (unsigned char)*s;
    return h;
}

static struct ir_value **slot(struct scope *s, const char *name) {
    size_t i = hash(name) & (s->capacity - 1);
    while (s->slots[i] != NULL && strcmp(s->slots[i]->name, name) != 0) i = (i + 1) & (s->capacity - 1);
    return &s->slots[i];
}

static void scope_add(struct parser *p, struct scope *s, struct ir_value *v) {
    if (2 * (s->count + 1) > s->capacity) {
        struct scope bigger = {.capacity = s->capacity ? 2 * s->capacity : 256, .count = s->count};
        bigger.slots = arena_array(&p->m->arena, bigger.capacity, sizeof *bigger.slots);
        for (size_t i = 0; i < s->capacity; i++) {
            if (s->slots[i] != NULL) *slot(&bigger, s->slots[i]->name) = s->slots[i];
        }
        *s = bigger;
    }
    struct ir_value **at = slot(s, v->name);
    if (*at != NULL) fail(p, "a new name (this one is taken)");
    *at = v;
    s->count++;
    const char *id = strchr(v->name, '~');
    unsigned n = id ? (unsigned)strtoul(id + 1, NULL, 10) : 0;
    if (id && n >= p->m->next_id) p->m->next_id = n + 1;
}

static struct ir_value *scope_find(struct scope *s, const char *name) {
    return s->capacity ? *slot(s, name) : NULL;
}

// ---- types and storage

static enum ir_dtype take_dtype(struct parser *p) {
    for (int i = 0; i < IR_DTYPES; i++) {
        if (p->kind == TOKEN_WORD && strcmp(p->text, ir_dtype_name(i)) == 0) {
            advance(p);
            return i;
        }
    }
    fail(p, "an element type");
    return IR_F32;
}

static struct ir_type take_type(struct parser *p) {
    struct ir_type t = {.dtype = take_dtype(p), .rank = -1, .time_axis = -1};
    if (accept(p, "?")) return t;
    expect(p, "[");
    t.rank = 0;
    while (!p->failed && !is(p, "]")) {
        if (t.rank > 0) expect(p, ",");
        if (t.rank == IR_MAX_RANK) {
            fail(p, "at most 8 dimensions");
            break;
        }
        bool stream;
        t.dims[t.rank] = take_dim(p, &stream);
        if (stream && t.time_axis >= 0) fail(p, "one time axis");
        if (stream) t.time_axis = t.rank;
        t.rank++;
    }
    expect(p, "]");
    return t;
}

static void take_storage(struct parser *p, struct ir_storage *s) {
    if (!accept(p, "in")) return;
    if (accept(p, "input")) s->place = IR_IN_INPUT;
    else if (accept(p, "output")) s->place = IR_IN_OUTPUT;
    else if (p->kind == TOKEN_WORD && p->text[0] == 'b') {
        s->place = IR_IN_BUFFER;
        s->buffer = (uint32_t)strtoul(p->text + 1, NULL, 10);
        advance(p);
    } else fail(p, "a buffer, input or output");
    expect(p, "+");
    s->offset = (uint64_t)take_int(p);
    uint64_t *stride[] = {&s->frame_stride, &s->row_stride, &s->pixel_stride, &s->channel_stride};
    for (int i = 0; i < 4; i++) {
        expect(p, i ? "," : "(");
        *stride[i] = (uint64_t)take_int(p);
    }
    expect(p, ")");
}

// ": type as declared in storage", each part optional after the colon's type.
static void take_annotations(struct parser *p, struct ir_value *v) {
    v->mark = accept(p, ":"); // written, though it may be open
    if (v->mark) v->type = take_type(p);
    if (accept(p, "as")) v->declared = take_type(p);
    take_storage(p, &v->storage);
}

// ---- constants, caches, symbols

static void take_literal(struct parser *p, struct ir_value *v) {
    size_t count = v->constant->count, n = 0;
    bool floats = ir_dtype_is_float(v->type.dtype), stream;
    if (count > 1 << 20) fail(p, "a smaller constant");
    if (p->failed) return;
    float *f = floats ? arena_array(&p->m->arena, count + 1, sizeof *f) : NULL;
    struct ir_dim *ints = floats ? NULL : arena_array(&p->m->arena, count + 1, sizeof *ints);
    for (; !p->failed && !is(p, "]"); n++) {
        if (n > 0) expect(p, ",");
        if (n == count) fail(p, "as many elements as the type has");
        else if (floats) f[n] = (float)take_double(p);
        else ints[n] = take_dim(p, &stream);
    }
    if (n != count) fail(p, "as many elements as the type has");
    v->constant->data = f;
    v->constant->ints = ints;
    v->constant->stored = floats ? IR_F32 : v->type.dtype;
    expect(p, "]");
}

static void borrow_data(struct parser *p, struct ir_value *v) {
    const struct ir_value *d = p->donor ? p->donor->constants : NULL;
    while (d != NULL && strcmp(d->name, v->name) != 0) d = d->next;
    if (d != NULL && ir_type_equal(&d->type, &v->type)) *v->constant = *d->constant;
}

static void take_const(struct parser *p) {
    char *name = take_text(p, TOKEN_GLOBAL, "@name");
    expect(p, ":");
    struct ir_type t = take_type(p);
    int64_t count;
    if (!p->failed && !ir_type_count(&t, &count)) fail(p, "a static shape");
    expect(p, "=");
    if (p->failed) return;
    struct ir_value *v = ir_constant_new(p->m, name, t);
    scope_add(p, &p->constants, v);
    if (accept(p, "[")) take_literal(p, v);
    else if (accept(p, "data")) borrow_data(p, v);
    else expect(p, "opaque");
}

static void take_cache(struct parser *p) {
    char *name = take_text(p, TOKEN_GLOBAL, "@name");
    expect(p, ":");
    struct ir_type t = take_type(p);
    char *producer = take_text(p, TOKEN_STRING, "the producer as a string");
    struct ir_cache *c = p->failed ? NULL : ir_cache_new(p->m, name, t, producer);
    if (c && accept(p, "at")) c->offset = take_int(p);
}

static void take_symbol(struct parser *p) {
    char *value = take_text(p, TOKEN_VALUE, "%name");
    char *shape = take_text(p, TOKEN_STRING, "a shape as a string");
    char *graph = !p->failed && accept(p, "of") ? take_text(p, TOKEN_GLOBAL, "@name") : NULL;
    if (!p->failed) ir_symbol_add(p->m, value, shape, graph);
}

static void take_first_kept(struct parser *p) {
    int64_t frames = p->kind == TOKEN_NUMBER ? strtoll(p->text, NULL, 10) : 0;
    if (frames < 1 || frames > IR_MAX_FIRST_FRAMES) fail(p, "a number of frames");
    p->m->first_kept = (int)take_int(p);
}

// ---- nodes

static enum ir_op take_op(struct parser *p) {
    for (int i = 0; p->kind == TOKEN_WORD && i < IR_OPS; i++) {
        if (strcmp(p->text, ir_op_info[i].name) == 0) {
            advance(p);
            return i;
        }
    }
    fail(p, "an operator");
    return IR_RETURN;
}

static struct ir_value *take_operand(struct parser *p) {
    struct ir_value *v = NULL;
    if (accept(p, "_")) return NULL;
    if (p->kind == TOKEN_VALUE) v = scope_find(&p->values, p->text);
    else if (p->kind == TOKEN_GLOBAL) v = scope_find(&p->constants, p->text);
    if (v == NULL) fail(p, "a value that was defined before");
    else advance(p);
    return v;
}

static bool at_operand(const struct parser *p) {
    return p->kind == TOKEN_VALUE || p->kind == TOKEN_GLOBAL || is(p, "_");
}

static void take_attr_value(struct parser *p, struct ir_node *n, enum ir_key key) {
    int64_t ints[64];
    int count = 0;
    if (key == IR_KEY_PATTERN && p->kind == TOKEN_STRING) {
        struct ir_rearrange r;
        if (!ir_in(n, 0) || !rearrange_parse(&ir_in(n, 0)->type, p->text, &r)) {
            fail(p, "a pattern that fits the input");
            return;
        }
        ir_attr_set_rearrange(n, &r);
        advance(p);
    } else if (p->kind == TOKEN_STRING) {
        ir_attr_set_string(n, key, p->text);
        advance(p);
    } else if (p->kind == TOKEN_GLOBAL) {
        struct ir_cache *c = p->m->caches;
        while (c != NULL && strcmp(c->name, p->text) != 0) c = c->next;
        if (c == NULL) fail(p, "a cache that was declared");
        else ir_attr_set_cache(n, c);
        advance(p);
    } else if (accept(p, "[")) {
        while (!p->failed && !is(p, "]") && count < 64) {
            if (count > 0) expect(p, ",");
            ints[count++] = take_int(p);
        }
        expect(p, "]");
        ir_attr_set_ints(n, key, count, ints);
    } else if (p->kind == TOKEN_WORD || strpbrk(p->text, ".eni") != NULL) {
        ir_attr_set_float(n, key, take_double(p));
    } else ir_attr_set_int(n, key, take_int(p));
}

static void take_attrs(struct parser *p, struct ir_node *n) {
    do {
        int key = 0;
        while (key < IR_KEYS && strcmp(p->text, ir_key_name[key]) != 0) key++;
        if (p->kind != TOKEN_WORD || key == IR_KEYS) {
            fail(p, "an attribute name");
            return;
        }
        advance(p);
        expect(p, "=");
        take_attr_value(p, n, (enum ir_key)key);
    } while (accept(p, ","));
    expect(p, "}");
}

static void take_block(struct parser *p, struct ir_block *b);

static void take_branches(struct parser *p, struct ir_node *n) {
    static const char *const word[] = {"then", "else"};
    for (int i = 0; i < 2; i++) {
        expect(p, word[i]);
        expect(p, "{");
        n->blocks[i] = ir_block_new(n->block->graph);
        if (!p->failed) take_block(p, n->blocks[i]);
        expect(p, "}");
    }
}

// The results on the left of `=`, parsed before the node exists.
struct result {
    char *name;
    struct ir_value annotations;
};

static int take_results(struct parser *p, struct result *results, int most) {
    int count = 0;
    while (!p->failed && p->kind == TOKEN_VALUE && count < most) {
        struct result *r = &results[count++];
        *r =
            (struct result){.annotations = {.type = {.rank = -1, .time_axis = -1}, .declared = {.rank = -1}}};
        r->name = take_text(p, TOKEN_VALUE, "%name");
        take_annotations(p, &r->annotations);
        if (!accept(p, ",")) break;
    }
    if (count > 0) expect(p, "=");
    return count;
}

static void define_results(struct parser *p, struct ir_node *n, const struct result *results, bool typed) {
    for (int i = 0; i < n->output_count; i++) {
        struct ir_value *v = n->outputs[i];
        v->name = results[i].name;
        if (typed) v->type = results[i].annotations.type;
        v->declared = results[i].annotations.declared;
        v->storage = results[i].annotations.storage;
        scope_add(p, &p->values, v);
    }
}

// Imported graphs, in front of `resolve`, hold operators whose operands have no types yet: nor have their
// results.
static bool can_infer(const struct ir_node *n) {
    if (n->output_count != ir_info(n)->outputs) return false; // the verifier will say so
    for (int i = 0; i < n->input_count; i++) {
        const struct ir_value *v = ir_in(n, i);
        if (v != NULL && v->def != NULL && v->type.rank < 0) return false;
    }
    return ir_info(n)->level != IR_LEVEL_ONNX && n->op != IR_RETURN;
}

static void take_node(struct parser *p, struct ir_block *b) {
    static const int most_results = 64, most_operands = 4096;
    struct result results[64];
    int line = p->line;
    int result_count = take_results(p, results, most_results), count = 0;
    enum ir_op op = take_op(p);
    struct ir_value **operands = NULL;
    size_t capacity = 0;
    if (at_operand(p)) {
        do {
            operands =
                arena_grow(&p->m->arena, operands, (size_t)count, &capacity, sizeof(struct ir_value *));
            operands[count++] = take_operand(p);
        } while (accept(p, ",") && count < most_operands);
    }
    if (p->failed) return;
    struct ir_node *n = ir_node_new(b, NULL, op, "v", count, operands, result_count);
    if (accept(p, "{")) take_attrs(p, n);
    if (p->kind == TOKEN_STRING) n->name = take_text(p, TOKEN_STRING, "a name");
    if (op == IR_ONNX_IF) take_branches(p, n);
    if (p->failed) return;
    bool infer = (result_count == 0 || !results[0].annotations.mark) && can_infer(n);
    struct error err = {0};
    if (infer && !ir_infer_node(n, &err)) {
        error_set(p->err, ERROR_INPUT, "%s:%d: %s", p->file, line, err.message);
        p->failed = true;
    }
    define_results(p, n, results, !infer);
}

static void take_block(struct parser *p, struct ir_block *b) {
    if (++p->depth > 16) fail(p, "fewer nested blocks");
    while (!p->failed && !is(p, "}")) take_node(p, b);
    p->depth--;
}

static void take_buffers(struct parser *p, struct ir_graph *g) {
    size_t capacity = 0;
    if (accept(p, "arena")) {
        g->arena_bytes = (uint64_t)take_int(p);
        expect(p, "lower_bound");
        g->lower_bound_bytes = (uint64_t)take_int(p);
    }
    while (accept(p, "buffer")) {
        g->buffers =
            arena_grow(&p->m->arena, g->buffers, (size_t)g->buffer_count, &capacity, sizeof *g->buffers);
        struct ir_buffer *b = &g->buffers[g->buffer_count++];
        take_text(p, TOKEN_WORD, "the buffer's name");
        b->bytes = (uint64_t)take_int(p);
        expect(p, "at");
        b->offset = (uint64_t)take_int(p);
        expect(p, "nodes");
        b->first_node = (int)take_int(p);
        b->last_node = (int)take_int(p);
        if (accept(p, "rows")) b->rows = (uint32_t)take_int(p);
        b->name = take_text(p, TOKEN_STRING, "a name");
    }
}

static void take_graph(struct parser *p) {
    struct ir_graph *g = ir_graph_new(p->m, take_text(p, TOKEN_GLOBAL, "@name"));
    p->values = (struct scope){0};
    expect(p, "(");
    while (!p->failed && p->kind == TOKEN_VALUE) {
        char *name = take_text(p, TOKEN_VALUE, "%name");
        struct ir_value *v = ir_graph_add_input(g, name, (struct ir_type){.rank = -1, .time_axis = -1});
        take_annotations(p, v);
        scope_add(p, &p->values, v);
        if (!accept(p, ",")) break;
    }
    expect(p, ")");
    expect(p, "{");
    take_buffers(p, g);
    if (!p->failed) take_block(p, &g->body);
    expect(p, "}");
}

struct ir_module *ir_parse(const char *text, const char *file_name, const struct ir_module *donor,
                           struct error *err) {
    struct error local = {0};
    struct parser p = {.file = file_name, .at = text, .line = 1, .donor = donor, .err = err ? err : &local};
    p.m = ir_module_new();
    advance(&p);
    if (accept(&p, "module")) {
        p.m->form = take_text(&p, TOKEN_STRING, "the form as a string");
        p.m->model_name = take_text(&p, TOKEN_STRING, "the model's name as a string");
    }
    while (!p.failed && p.kind != TOKEN_END) {
        if (accept(&p, "symbol")) take_symbol(&p);
        else if (accept(&p, "cache")) take_cache(&p);
        else if (accept(&p, "caches")) p.m->cache_bytes = (uint64_t)take_int(&p);
        else if (accept(&p, "first_kept")) take_first_kept(&p);
        else if (accept(&p, "const")) take_const(&p);
        else if (accept(&p, "graph")) take_graph(&p);
        else fail(&p, "symbol, cache, caches, first_kept, const or graph");
    }
    if (!p.failed) return p.m;
    ir_module_free(p.m);
    return NULL;
}
