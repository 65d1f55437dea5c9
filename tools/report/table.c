#include "tools/report/table.h"

#include <string.h>

static void pad(struct strbuf *out, const char *text, size_t width) {
    size_t n = strlen(text);
    strbuf_add(out, text);
    for (; n < width; n++) strbuf_add(out, " ");
}

void table_row(struct strbuf *out, const char *const *cells, const size_t *widths, int count) {
    for (int i = 0; i < count; i++) {
        strbuf_add(out, "  ");
        if (i + 1 < count) pad(out, cells[i], widths[i]);
        else strbuf_add(out, cells[i]);
    }
    strbuf_add(out, "\n");
}

void table_widen(size_t *widths, const char *const *cells, int count) {
    for (int i = 0; i < count; i++) {
        size_t n = strlen(cells[i]);
        if (n > widths[i]) widths[i] = n;
    }
}
