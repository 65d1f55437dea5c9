// Pieces of SVG and HTML: escaped text, and the two pictures of a report.
#ifndef WANC_REPORT_MARKUP_H
#define WANC_REPORT_MARKUP_H

#include "tools/report/report.h"

struct svg_size {
    uint32_t width, height;
};

// Text and attribute values in double quotes.
void markup_text(struct strbuf *out, const char *text);
// At most `most` characters of it, the last one an ellipsis if it is longer; nothing where fewer than four fit.
void markup_short(struct strbuf *out, const char *text, uint32_t most);
// The same with its end kept, where names differ.
void markup_end(struct strbuf *out, const char *text, uint32_t most);
// Begins an SVG element of this size; `label` is read out by screen readers.
void markup_begin_svg(struct strbuf *out, struct svg_size size, const char *label);

// The scratch arena of each variant over its operators, and all memory of the program to one scale. (svg_memory.c)
struct svg_size svg_memory_size(const struct report_program *g);
void svg_memory(const struct report_program *g, struct strbuf *out);

// Operators [first, first + count) of a variant below each other: edges with shapes, caches beside them. (svg_graph.c)
// Its arrows refer to a marker, which a document has once.
extern const char svg_graph_marker[];
struct svg_size svg_graph_size(const struct report_variant *v, uint32_t first, uint32_t count);
void svg_graph(const struct report_program *g, const struct report_variant *v, uint32_t first, uint32_t count,
               struct strbuf *out);

#endif
