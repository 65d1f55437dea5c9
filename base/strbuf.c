#include "base/strbuf.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct strbuf *b, size_t extra) {
    if (b->capacity - b->size > extra) return;
    size_t capacity = (b->size + extra + 1) * 2;
    char *data = realloc(b->data, capacity);
    if (data == NULL) arena_out_of_memory(capacity);
    b->data = data;
    b->capacity = capacity;
}

void strbuf_add(struct strbuf *b, const char *text) {
    size_t n = strlen(text);
    reserve(b, n);
    memcpy(b->data + b->size, text, n + 1);
    b->size += n;
}

void strbuf_printf(struct strbuf *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n > 0) {
        reserve(b, (size_t)n);
        vsnprintf(b->data + b->size, (size_t)n + 1, format, args);
        b->size += (size_t)n;
    }
    va_end(args);
}

const char *strbuf_text(const struct strbuf *b) { return b->data == NULL ? "" : b->data; }

void strbuf_free(struct strbuf *b) {
    free(b->data);
    *b = (struct strbuf){0};
}

char *format_bytes(char out[32], unsigned long long bytes) {
    const char *unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    int u = 0;
    while (v >= 1024 && u < 4) v /= 1024, u++;
    if (u == 0) snprintf(out, 32, "%llu B", bytes);
    else snprintf(out, 32, v < 10 ? "%.2f %s" : v < 100 ? "%.1f %s" : "%.0f %s", v, unit[u]);
    return out;
}
