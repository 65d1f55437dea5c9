// A growing string: the printer, the reports and error lists are built in one.
#ifndef WANC_BASE_STRBUF_H
#define WANC_BASE_STRBUF_H

#include <stddef.h>

struct strbuf {
    char *data; // NUL-terminated once something was added; NULL before
    size_t size, capacity;
};

void strbuf_printf(struct strbuf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(2)));
void strbuf_add(struct strbuf *b, const char *text);
// The text so far, "" when nothing was added. Owned by the buffer.
const char *strbuf_text(const struct strbuf *b);
void strbuf_free(struct strbuf *b);

// "1.50 GiB", "37.0 MiB", "812 B": the one way in which tools print sizes. Returns `out`.
char *format_bytes(char out[32], unsigned long long bytes);

#endif
