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

void table_print(const char *const *head, int columns, const void *rows, uint32_t count, table_cells_fn *fill,
                 void *row, const char *const *cells, struct strbuf *out) {
    size_t widths[TABLE_COLUMNS] = {0};
    table_widen(widths, head, columns);
    for (uint32_t i = 0; i < count; i++) {
        fill(rows, i, row);
        table_widen(widths, cells, columns);
    }
    table_row(out, head, widths, columns);
    for (uint32_t i = 0; i < count; i++) {
        fill(rows, i, row);
        table_row(out, cells, widths, columns);
    }
}
