// Tables in the text of reports: a pass over all rows finds the widths, another prints them.
#ifndef WANC_REPORT_TABLE_H
#define WANC_REPORT_TABLE_H

#include "base/strbuf.h"

void table_widen(size_t *widths, const char *const *cells, int count);
void table_row(struct strbuf *out, const char *const *cells, const size_t *widths, int count);

#endif
