// Attributes: a short list on each node, looked up by key.
#include "ir/ir.h"

#include <string.h>

const char *const ir_key_name[IR_KEYS] = {
#define KEY(id, name) [IR_KEY_##id] = name,
#include "ir/keys.def"
#undef KEY
};

static struct arena *arena_of(const struct ir_node *n) { return &n->block->graph->module->arena; }

const struct ir_attr *ir_attr_find(const struct ir_node *n, enum ir_key key) {
    const struct ir_attr *a = n->attrs;
    while (a != NULL && a->key != key) a = a->next;
    return a;
}

int64_t ir_attr_int(const struct ir_node *n, enum ir_key key, int64_t otherwise) {
    const struct ir_attr *a = ir_attr_find(n, key);
    return a != NULL && a->kind == IR_ATTR_INT ? a->i : otherwise;
}

double ir_attr_float(const struct ir_node *n, enum ir_key key, double otherwise) {
    const struct ir_attr *a = ir_attr_find(n, key);
    if (a != NULL && a->kind == IR_ATTR_INT) return (double)a->i;
    return a != NULL && a->kind == IR_ATTR_FLOAT ? a->f : otherwise;
}

const char *ir_attr_string(const struct ir_node *n, enum ir_key key, const char *otherwise) {
    const struct ir_attr *a = ir_attr_find(n, key);
    return a != NULL && a->kind == IR_ATTR_STRING ? a->string : otherwise;
}

const int64_t *ir_attr_ints(const struct ir_node *n, enum ir_key key, int *count) {
    const struct ir_attr *a = ir_attr_find(n, key);
    bool found = a != NULL && a->kind == IR_ATTR_INTS;
    *count = found ? a->count : 0;
    return found ? a->ints : NULL;
}

struct ir_cache *ir_attr_cache(const struct ir_node *n) {
    const struct ir_attr *a = ir_attr_find(n, IR_KEY_CACHE);
    return a != NULL && a->kind == IR_ATTR_CACHE ? a->cache : NULL;
}

const struct ir_rearrange *ir_attr_rearrange(const struct ir_node *n) {
    const struct ir_attr *a = ir_attr_find(n, IR_KEY_PATTERN);
    return a != NULL && a->kind == IR_ATTR_REARRANGE ? a->rearrange : NULL;
}

// The attribute with this key, new or to be overwritten. Attributes stay in the order of their keys, so that
// equal nodes print equally.
static struct ir_attr *slot(struct ir_node *n, enum ir_key key) {
    struct ir_attr **p = &n->attrs;
    while (*p != NULL && (*p)->key < key) p = &(*p)->next;
    if (*p != NULL && (*p)->key == key) return *p;
    struct ir_attr *a = arena_alloc(arena_of(n), sizeof *a);
    a->key = key;
    a->next = *p;
    return *p = a;
}

void ir_attr_set_int(struct ir_node *n, enum ir_key key, int64_t i) {
    struct ir_attr *a = slot(n, key);
    a->kind = IR_ATTR_INT;
    a->i = i;
}

void ir_attr_set_float(struct ir_node *n, enum ir_key key, double f) {
    struct ir_attr *a = slot(n, key);
    a->kind = IR_ATTR_FLOAT;
    a->f = f;
}

void ir_attr_set_ints(struct ir_node *n, enum ir_key key, int count, const int64_t *ints) {
    struct ir_attr *a = slot(n, key);
    int64_t *copy = arena_array(arena_of(n), (size_t)count + 1, sizeof *copy);
    if (count > 0) memcpy(copy, ints, (size_t)count * sizeof *copy);
    a->kind = IR_ATTR_INTS;
    a->ints = copy;
    a->count = count;
}

void ir_attr_set_string(struct ir_node *n, enum ir_key key, const char *s) {
    struct ir_attr *a = slot(n, key);
    a->kind = IR_ATTR_STRING;
    a->string = arena_strdup(arena_of(n), s);
}

void ir_attr_set_cache(struct ir_node *n, struct ir_cache *c) {
    struct ir_attr *a = slot(n, IR_KEY_CACHE);
    a->kind = IR_ATTR_CACHE;
    a->cache = c;
}

void ir_attr_set_rearrange(struct ir_node *n, const struct ir_rearrange *r) {
    struct ir_attr *a = slot(n, IR_KEY_PATTERN);
    struct ir_rearrange *copy = arena_alloc(arena_of(n), sizeof *copy);
    *copy = *r;
    a->kind = IR_ATTR_REARRANGE;
    a->rearrange = copy;
}

void ir_attr_remove(struct ir_node *n, enum ir_key key) {
    struct ir_attr **p = &n->attrs;
    while (*p != NULL && (*p)->key != key) p = &(*p)->next;
    if (*p != NULL) *p = (*p)->next;
}

void ir_attr_copy_all(struct ir_node *to, const struct ir_node *from) {
    for (const struct ir_attr *a = from->attrs; a != NULL; a = a->next) {
        struct ir_attr *s = slot(to, a->key), *next = s->next;
        *s = *a; // payloads are immutable and may be shared
        s->next = next;
    }
}
