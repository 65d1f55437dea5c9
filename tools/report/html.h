// Inside of the HTML page: cells that say which number of the JSON they show, and the sections.
//
// The page is XML as well. Every number and name in it that stands in the JSON has an attribute data-path, where it stands
// there ("programs.0.caches.slots.3.bytes"), and data-value, what it is there; tests compare.
#ifndef WANC_REPORT_HTML_H
#define WANC_REPORT_HTML_H

#include "tools/report/markup.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

// An element of `tag` that shows a number of the JSON as `shown`. The rest is the path.
void html_number(struct strbuf *out, const char *tag, uint64_t value, const char *shown, const char *path,
                 ...) __attribute__((format(printf, 5, 6)));
void html_bytes(struct strbuf *out, const char *tag, uint64_t value, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
void html_count(struct strbuf *out, const char *tag, uint64_t value, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
void html_real(struct strbuf *out, const char *tag, double value, const char *shown, const char *path, ...)
    __attribute__((format(printf, 5, 6)));
// The attribute's value is in floating-point operations, what is shown in GFLOP.
void html_flops(struct strbuf *out, const char *tag, double flops, const char *path, ...)
    __attribute__((format(printf, 4, 5)));
// A string of the JSON; one that is empty is null there and a dash here.
void html_string(struct strbuf *out, const char *tag, const char *string, const char *path, ...)
    __attribute__((format(printf, 4, 5)));

// A table with these heads; a head that begins with '#' is one of numbers. With more than a few rows it has a filter.
void html_begin_table(struct strbuf *out, const char *id, const char *caption, const char *const *heads,
                      int count, uint32_t rows);
void html_end_table(struct strbuf *out);

void html_shapes(const struct report_program *g, uint32_t p, struct strbuf *out);
void html_caches(const struct report_program *g, uint32_t p, struct strbuf *out);
void html_memory(const struct report *r, const struct report_program *g, uint32_t p, struct strbuf *out);
void html_ops(const struct report *r, const struct report_program *g, uint32_t p, struct strbuf *out);
void html_graph(const struct report_program *g, uint32_t p, struct strbuf *out);

#endif
