#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *next;
    struct arena_scope *scope;         // in whose list it is; NULL: in none
    struct arena_block *after, **link; // in that list
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

static _Thread_local struct arena_scope *current; // of this thread; NULL: none

_Noreturn void arena_out_of_memory(size_t size) {
    if (current != NULL) longjmp(current->target, 1);
    fprintf(stderr, "wanc: out of memory: %zu bytes were asked for\n", size);
    exit(1);
}

// ---- scopes

jmp_buf *arena_scope_enter(struct arena_scope *scope) {
    scope->blocks = NULL;
    scope->bytes = scope->most = 0;
    scope->exceeded = false;
    scope->outer = current;
    current = scope;
    return &scope->target;
}

// Bytes that a block takes count for every scope that the thread is in.
static void charge(size_t bytes) {
    for (struct arena_scope *s = current; s != NULL; s = s->outer) {
        if (s->limit == 0 || (bytes <= s->limit && s->bytes <= s->limit - bytes)) continue;
        s->exceeded = true;
        arena_out_of_memory(bytes);
    }
    for (struct arena_scope *s = current; s != NULL; s = s->outer) {
        s->bytes += bytes;
        if (s->bytes > s->most) s->most = s->bytes;
    }
}

static void discharge(const struct arena_block *b) {
    for (struct arena_scope *s = b->scope; s != NULL; s = s->outer) s->bytes -= sizeof *b + b->size;
}

static void link_block(struct arena_block *b) {
    if (current == NULL) return;
    b->scope = current;
    b->link = &current->blocks;
    b->after = current->blocks;
    if (b->after != NULL) b->after->link = &b->after;
    current->blocks = b;
}

static void free_block(struct arena_block *b) {
    if (b->scope != NULL) *b->link = b->after;
    if (b->scope != NULL && b->after != NULL) b->after->link = b->link;
    discharge(b);
    free(b);
}

void arena_scope_leave(struct arena_scope *scope) {
    for (struct arena_block *b = scope->blocks, *after; b != NULL; b = after) {
        after = b->after;
        discharge(b);
        free(b);
    }
    current = scope->outer;
}

// ---- arenas

static struct arena_block *new_block(size_t size) {
    charge(sizeof(struct arena_block) + size);
    struct arena_block *b = calloc(1, sizeof *b + size);
    if (b == NULL) arena_out_of_memory(size);
    b->size = size;
    link_block(b);
    return b;
}

void *arena_alloc(struct arena *a, size_t size) {
    // No object is larger than that.
    if (size > PTRDIFF_MAX - sizeof(struct arena_block) - ALIGNMENT) arena_out_of_memory(size);
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *b = a->head;
    if (b == NULL || b->size - b->used < size) {
        b = new_block(size > BLOCK_BYTES / 4 ? size : BLOCK_BYTES);
        if (size > BLOCK_BYTES / 4 && a->head != NULL) { // keep filling the current block
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
    }
    void *p = b->data + b->used;
    b->used += size;
    a->used += size;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t element_size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, element_size, &bytes)) arena_out_of_memory(SIZE_MAX);
    return arena_alloc(a, bytes);
}

char *arena_strdup(struct arena *a, const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n), s, n);
}

char *arena_vprintf(struct arena *a, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *s = arena_alloc(a, n < 0 ? 1 : (size_t)n + 1);
    if (n >= 0) vsnprintf(s, (size_t)n + 1, format, args);
    return s;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *s = arena_vprintf(a, format, args);
    va_end(args);
    return s;
}

void *arena_grow(struct arena *a, void *array, size_t count, size_t *capacity, size_t element_size) {
    if (count < *capacity) return array;
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *bigger = arena_array(a, wanted, element_size);
    if (count > 0) memcpy(bigger, array, count * element_size);
    *capacity = wanted;
    return bigger;
}

void arena_free(struct arena *a) {
    for (struct arena_block *b = a->head; b != NULL;) {
        struct arena_block *next = b->next;
        free_block(b);
        b = next;
    }
    *a = (struct arena){0};
}
