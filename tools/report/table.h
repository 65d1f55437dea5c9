// Tables in the text of reports: a pass over all rows finds the widths, another prints them.
#ifndef WANC_REPORT_TABLE_H
#define WANC_REPORT_TABLE_H

#include "base/strbuf.h"

#include <stdint.h>

void table_widen(size_t *widths, const char *const *cells, int count);
void table_row(struct strbuf *out, const char *const *cells, const size_t *widths, int count);

enum { TABLE_COLUMNS = 16 }; // at most
// Fills `row`, a structure with the texts of a row and pointers to them, from number i of `rows`.
typedef void table_cells_fn(const void *rows, uint32_t i, void *row);
// Heads and rows; `cells` are the pointers in `row`, which `fill` sets.
void table_print(const char *const *head, int columns, const void *rows, uint32_t count, table_cells_fn *fill,
                 void *row, const char *const *cells, struct strbuf *out);

#endif
