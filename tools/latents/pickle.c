#include "tools/latents/pickle.h"

#include "tools/latents/bytes.h"

#include <string.h>

enum { MAX_TEXT = 4096 };

struct machine {
    const unsigned char *data;
    size_t size, at, start; // of the instruction
    const char *path;
    struct arena *arena;
    struct pickle_value **stack, **memo;
    size_t depth, stack_capacity, memo_size;
    bool done;
    struct error *err;
};

static bool refuse(struct machine *m, const char *what) {
    return error_set(m->err, ERROR_UNSUPPORTED, "%s: byte %zu of its pickle: %s", m->path, m->start, what);
}

static bool malformed(struct machine *m, const char *what) {
    return error_set(m->err, ERROR_INPUT, "%s: byte %zu of its pickle: malformed: %s", m->path, m->start,
                     what);
}

// ---- the stack

static struct pickle_value *new_value(struct machine *m, enum pickle_kind kind) {
    struct pickle_value *v = arena_alloc(m->arena, sizeof *v);
    v->kind = kind;
    return v;
}

static bool push(struct machine *m, struct pickle_value *v) {
    m->stack = arena_grow(m->arena, m->stack, m->depth, &m->stack_capacity, sizeof *m->stack);
    m->stack[m->depth++] = v;
    return true;
}

static bool push_new(struct machine *m, enum pickle_kind kind) { return push(m, new_value(m, kind)); }

static bool push_int(struct machine *m, int64_t i) {
    struct pickle_value *v = new_value(m, PICKLE_INT);
    v->i = i;
    return push(m, v);
}

// NULL, with an error, at the bottom or at a mark.
static struct pickle_value *pop(struct machine *m) {
    if (m->depth > 0 && m->stack[m->depth - 1]->kind != PICKLE_MARK) return m->stack[--m->depth];
    malformed(m, "nothing on the stack");
    return NULL;
}

static void append(struct machine *m, struct pickle_value *list, struct pickle_value *item) {
    list->items = arena_grow(m->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = item;
}

// ---- operands of instructions

static const unsigned char *take(struct machine *m, size_t n) {
    if (n <= m->size - m->at) {
        m->at += n;
        return m->data + m->at - n;
    }
    malformed(m, "it ends early");
    return NULL;
}

static bool take_number(struct machine *m, unsigned bytes, uint64_t *out) {
    const unsigned char *b = take(m, bytes);
    if (b == NULL) return false;
    *out = bytes_little_endian(b, bytes);
    return true;
}

static bool read_int(struct machine *m, unsigned bytes) {
    uint64_t x;
    return take_number(m, bytes, &x) && push_int(m, bytes == 4 ? (int32_t)x : (int64_t)x);
}

// As many bytes as there are, two's complement.
static bool read_long(struct machine *m) {
    uint64_t n;
    if (!take_number(m, 1, &n)) return false;
    if (n > 8) return refuse(m, "an integer of more than 8 bytes");
    const unsigned char *b = take(m, (size_t)n);
    if (b == NULL) return false;
    uint64_t x = bytes_little_endian(b, (unsigned)n);
    if (n > 0 && n < 8 && (b[n - 1] & 0x80)) x |= ~(uint64_t)0 << 8 * n;
    return push_int(m, (int64_t)x);
}

static bool read_text(struct machine *m) {
    uint64_t n;
    if (!take_number(m, 4, &n)) return false;
    const unsigned char *b = take(m, (size_t)n);
    if (b == NULL) return false;
    if (n > MAX_TEXT || memchr(b, 0, (size_t)n) != NULL) return push_new(m, PICKLE_OTHER);
    struct pickle_value *v = new_value(m, PICKLE_TEXT);
    v->text = arena_printf(m->arena, "%.*s", (int)n, (const char *)b);
    return push(m, v);
}

static const char *read_line(struct machine *m) {
    const unsigned char *b = m->data + m->at, *end = memchr(b, '\n', m->size - m->at);
    if (end == NULL || end - b > 100) {
        malformed(m, "a name without an end");
        return NULL;
    }
    m->at += (size_t)(end - b) + 1;
    return arena_printf(m->arena, "%.*s", (int)(end - b), (const char *)b);
}

// The classes of storages end in "Storage".
static bool is_storage(const char *name) {
    size_t n = strlen(name), k = strlen("Storage");
    return strncmp(name, "torch ", 6) == 0 && n > 6 + k && strcmp(name + n - k, "Storage") == 0 &&
           strspn(name + 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == n - 6;
}

static bool read_name(struct machine *m) {
    const char *module = read_line(m), *name = module ? read_line(m) : NULL;
    if (name == NULL) return false;
    struct pickle_value *v = new_value(m, PICKLE_NAME);
    v->text = arena_printf(m->arena, "%s %s", module, name);
    if (strcmp(v->text, "torch._utils _rebuild_tensor_v2") == 0 ||
        strcmp(v->text, "collections OrderedDict") == 0 || is_storage(v->text))
        return push(m, v);
    return error_set(
        m->err, ERROR_UNSUPPORTED,
        "%s: byte %zu of its pickle: refused: it names %s.%s, expected only tensors, in dicts or lists (of a "
        "tensor x save x.detach())",
        m->path, m->start, module, name);
}

// ---- the memo

static bool put(struct machine *m, unsigned bytes) {
    uint64_t i;
    if (!take_number(m, bytes, &i)) return false;
    if (i >= m->size) return malformed(m, "a memo beyond what it can hold");
    if (m->depth == 0 || m->stack[m->depth - 1]->kind == PICKLE_MARK) return malformed(m, "nothing to keep");
    m->memo[i] = m->stack[m->depth - 1];
    return true;
}

static bool get(struct machine *m, unsigned bytes) {
    uint64_t i;
    if (!take_number(m, bytes, &i)) return false;
    if (i >= m->size || m->memo[i] == NULL) return malformed(m, "a memo that was not kept");
    return push(m, m->memo[i]);
}

// ---- tuples, lists, dicts

static bool make_tuple(struct machine *m, size_t count) {
    struct pickle_value *v = new_value(m, PICKLE_LIST);
    if (count > m->depth) return malformed(m, "nothing on the stack");
    for (size_t i = m->depth - count; i < m->depth; i++) {
        if (m->stack[i]->kind == PICKLE_MARK) return malformed(m, "a tuple over a mark");
        append(m, v, m->stack[i]);
    }
    m->depth -= count;
    return push(m, v);
}

// How many values are above the last mark; SIZE_MAX with an error.
static size_t above_mark(struct machine *m) {
    for (size_t n = 0; n < m->depth; n++) {
        if (m->stack[m->depth - 1 - n]->kind == PICKLE_MARK) return n;
    }
    malformed(m, "no mark");
    return SIZE_MAX;
}

static bool make_marked_tuple(struct machine *m) {
    size_t n = above_mark(m);
    if (n == SIZE_MAX || !make_tuple(m, n)) return false;
    m->stack[m->depth - 2] = m->stack[m->depth - 1]; // over the mark
    m->depth--;
    return true;
}

// The upper `count` values, and with `mark` the mark below them, go into the container below.
static bool extend(struct machine *m, enum pickle_kind kind, size_t count, bool mark) {
    if (count == SIZE_MAX) return false;
    size_t below = count + mark;
    if (m->depth <= below || m->stack[m->depth - 1 - below]->kind != kind ||
        (kind == PICKLE_DICT && count % 2 != 0))
        return malformed(m, "items without a list or dict to hold them");
    struct pickle_value *to = m->stack[m->depth - 1 - below];
    for (size_t i = m->depth - count; i < m->depth; i++) {
        if (m->stack[i]->kind == PICKLE_MARK) return malformed(m, "a mark as an item");
        append(m, to, m->stack[i]);
    }
    m->depth -= below;
    return true;
}

// ---- tensors

// ('storage', torch.FloatStorage, '0', 'cpu', 960)
static bool make_storage(struct machine *m) {
    const struct pickle_value *id = pop(m);
    if (id == NULL) return false;
    struct pickle_value *const *i = id->items;
    if (id->kind != PICKLE_LIST || id->count != 5 || i[0]->kind != PICKLE_TEXT ||
        strcmp(i[0]->text, "storage") != 0 || i[1]->kind != PICKLE_NAME || !is_storage(i[1]->text) ||
        i[2]->kind != PICKLE_TEXT || i[4]->kind != PICKLE_INT || i[4]->i < 0)
        return refuse(m, "a persistent id that is not of a storage");
    struct pickle_value *v = new_value(m, PICKLE_STORAGE);
    v->tensor = arena_alloc(m->arena, sizeof *v->tensor);
    v->tensor->storage = i[1]->text;
    v->tensor->key = i[2]->text;
    v->tensor->count = i[4]->i;
    return push(m, v);
}

static bool read_axes(const struct pickle_value *from, uint64_t *out) {
    for (size_t i = 0; i < from->count; i++) {
        if (from->items[i]->kind != PICKLE_INT || from->items[i]->i < 0) return false;
        out[i] = (uint64_t)from->items[i]->i;
    }
    return true;
}

// _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks): the hooks are an empty OrderedDict
static bool make_tensor(struct machine *m, const struct pickle_value *args) {
    struct pickle_value *const *a = args->items;
    if (args->count != 6 || a[0]->kind != PICKLE_STORAGE || a[1]->kind != PICKLE_INT || a[1]->i < 0 ||
        a[2]->kind != PICKLE_LIST || a[3]->kind != PICKLE_LIST || a[2]->count != a[3]->count ||
        a[2]->count > PICKLE_MAX_AXES || a[5]->kind != PICKLE_DICT || a[5]->count != 0)
        return refuse(m, "a tensor that is not a plain one");
    struct pickle_value *v = new_value(m, PICKLE_TENSOR);
    v->tensor = arena_alloc(m->arena, sizeof *v->tensor);
    *v->tensor = *a[0]->tensor;
    v->tensor->offset = a[1]->i;
    v->tensor->rank = (unsigned)a[2]->count;
    if (!read_axes(a[2], v->tensor->shape) || !read_axes(a[3], v->tensor->stride))
        return refuse(m, "a tensor whose shape or strides are not whole numbers");
    return push(m, v);
}

static bool call(struct machine *m) {
    const struct pickle_value *args = pop(m), *name = args ? pop(m) : NULL;
    if (name == NULL) return false;
    if (args->kind != PICKLE_LIST || name->kind != PICKLE_NAME)
        return malformed(m, "a call of something else than a function");
    if (strcmp(name->text, "torch._utils _rebuild_tensor_v2") == 0) return make_tensor(m, args);
    if (strcmp(name->text, "collections OrderedDict") == 0 && args->count == 0)
        return push_new(m, PICKLE_DICT);
    return refuse(m, "a call that torch.save does not write");
}

// ---- instructions

static bool unknown(struct machine *m, unsigned char op) {
    return error_set(m->err, ERROR_UNSUPPORTED,
                     "%s: byte %zu of its pickle: refused: instruction 0x%02x, which torch.save does not "
                     "write for tensors",
                     m->path, m->start, op);
}

static bool begin(struct machine *m) {
    uint64_t version;
    if (!take_number(m, 1, &version)) return false;
    return version == 2 || refuse(m, "expected pickle protocol 2, which torch.save writes by default");
}

static bool run(struct machine *m, unsigned char op) {
    switch (op) {
    case 0x80: return begin(m);
    case 'c': return read_name(m);
    case 'q': return put(m, 1);
    case 'r': return put(m, 4);
    case 'h': return get(m, 1);
    case 'j': return get(m, 4);
    case '(': return push_new(m, PICKLE_MARK);
    case 't': return make_marked_tuple(m);
    case ')': return make_tuple(m, 0);
    case 0x85: return make_tuple(m, 1);
    case 0x86: return make_tuple(m, 2);
    case 0x87: return make_tuple(m, 3);
    case 'X': return read_text(m);
    case 'K': return read_int(m, 1);
    case 'M': return read_int(m, 2);
    case 'J': return read_int(m, 4);
    case 0x8a: return read_long(m);
    case 'G': return take(m, 8) != NULL && push_new(m, PICKLE_OTHER);
    case 'N':
    case 0x88:
    case 0x89: return push_new(m, PICKLE_OTHER);
    case '}': return push_new(m, PICKLE_DICT);
    case ']': return push_new(m, PICKLE_LIST);
    case 's': return extend(m, PICKLE_DICT, 2, false);
    case 'u': return extend(m, PICKLE_DICT, above_mark(m), true);
    case 'a': return extend(m, PICKLE_LIST, 1, false);
    case 'e': return extend(m, PICKLE_LIST, above_mark(m), true);
    case 'Q': return make_storage(m);
    case 'R': return call(m);
    case '.': m->done = true; return true;
    default: return unknown(m, op);
    }
}

const struct pickle_value *pickle_read(const unsigned char *data, size_t size, const char *path,
                                       struct arena *arena, struct error *err) {
    struct machine m = {.data = data, .size = size, .path = path, .arena = arena, .err = err};
    m.memo = arena_array(arena, size + 1, sizeof *m.memo);
    while (!m.done) {
        m.start = m.at;
        const unsigned char *op = take(&m, 1);
        if (op == NULL || !run(&m, *op)) return NULL;
    }
    if (m.depth == 1 && m.stack[0]->kind != PICKLE_MARK) return m.stack[0];
    malformed(&m, "it ends with other than one value");
    return NULL;
}
