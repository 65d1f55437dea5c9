// Cells and tables of the HTML page.
#include "tools/report/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH = 128, FEW_ROWS = 10 };

static void begin(struct strbuf *out, const char *tag, const char *kind, const char *path) {
    strbuf_printf(out, "<%s class=\"%s\" data-path=\"%s\" data-value=\"", tag, kind, path);
}

static void finish(struct strbuf *out, const char *tag, const char *shown) {
    markup_text(out, shown);
    strbuf_printf(out, "</%s>", tag);
}

#define FORMAT_PATH(text, format)                                                                            \
    char text[PATH];                                                                                         \
    va_list args;                                                                                            \
    va_start(args, format);                                                                                  \
    vsnprintf(text, sizeof text, format, args);                                                              \
    va_end(args)

void html_number(struct strbuf *out, const char *tag, uint64_t value, const char *shown, const char *path,
                 ...) {
    FORMAT_PATH(text, path);
    begin(out, tag, "n", text);
    strbuf_printf(out, "%llu\">", (unsigned long long)value);
    finish(out, tag, shown);
}

void html_bytes(struct strbuf *out, const char *tag, uint64_t value, const char *path, ...) {
    char shown[32];
    FORMAT_PATH(text, path);
    begin(out, tag, "n", text);
    strbuf_printf(out, "%llu\" title=\"%llu bytes\">", (unsigned long long)value, (unsigned long long)value);
    finish(out, tag, format_bytes(shown, value));
}

void html_count(struct strbuf *out, const char *tag, uint64_t value, const char *path, ...) {
    char shown[32];
    FORMAT_PATH(text, path);
    begin(out, tag, "n", text);
    strbuf_printf(out, "%llu\">", (unsigned long long)value);
    snprintf(shown, sizeof shown, "%llu", (unsigned long long)value);
    finish(out, tag, shown);
}

void html_real(struct strbuf *out, const char *tag, double value, const char *shown, const char *path, ...) {
    FORMAT_PATH(text, path);
    begin(out, tag, "n", text);
    strbuf_printf(out, "%.9g\">", value);
    finish(out, tag, shown);
}

void html_flops(struct strbuf *out, const char *tag, double flops, const char *path, ...) {
    char shown[32];
    FORMAT_PATH(text, path);
    snprintf(shown, sizeof shown, "%.5g GFLOP", flops * 1e-9);
    html_real(out, tag, flops, shown, "%s", text);
}

void html_string(struct strbuf *out, const char *tag, const char *string, const char *path, ...) {
    FORMAT_PATH(text, path);
    begin(out, tag, strlen(string) > 44 ? "name" : "short", text);
    markup_text(out, string);
    strbuf_add(out, "\">");
    finish(out, tag, string[0] ? string : "\xe2\x80\x93");
}

void html_begin_table(struct strbuf *out, const char *id, const char *caption, const char *const *heads,
                      int count, uint32_t rows) {
    if (rows > FEW_ROWS)
        strbuf_printf(out,
                      "<div class=\"tools\"><label>Filter <input type=\"search\" data-table=\"%s\" "
                      "placeholder=\"words\"/></label></div>\n",
                      id);
    strbuf_printf(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table class=\"sortable\" "
        "id=\"%s\"><thead><tr>",
        caption, id);
    for (int i = 0; i < count; i++) {
        bool number = heads[i][0] == '#';
        strbuf_printf(out, "<th scope=\"col\"%s>%s</th>", number ? " class=\"n\"" : "", heads[i] + number);
    }
    strbuf_add(out, "</tr></thead><tbody>\n");
}

void html_end_table(struct strbuf *out) { strbuf_add(out, "</tbody></table></div>\n"); }
