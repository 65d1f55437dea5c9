#include "tools/report/markup.h"

#include <string.h>

static void add_character(struct strbuf *out, const char *c, int length) {
    switch (*c) {
    case '&': strbuf_add(out, "&amp;"); break;
    case '<': strbuf_add(out, "&lt;"); break;
    case '>': strbuf_add(out, "&gt;"); break;
    case '"': strbuf_add(out, "&quot;"); break;
    case '\'': strbuf_add(out, "&#39;"); break;
    default: strbuf_printf(out, "%.*s", length, c);
    }
}

// The bytes of a character; the text is valid UTF-8 (names.c).
static int length_of(const char *c) {
    int n = 1;
    while ((c[n] & 0xc0) == 0x80) n++;
    return n;
}

void markup_text(struct strbuf *out, const char *text) {
    for (int n; *text != 0; text += n) {
        n = length_of(text);
        add_character(out, text, n);
    }
}

static uint32_t count_characters(const char *text) {
    uint32_t count = 0;
    for (; *text != 0; text += length_of(text)) count++;
    return count;
}

// `count` characters; returns what is behind them.
static const char *add_characters(struct strbuf *out, const char *text, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        int n = length_of(text);
        if (out != NULL) add_character(out, text, n);
        text += n;
    }
    return text;
}

#define ELLIPSIS "\xe2\x80\xa6"

void markup_short(struct strbuf *out, const char *text, uint32_t most) {
    uint32_t count = count_characters(text);
    if (count > most && most < 4) return;
    add_characters(out, text, count > most ? most - 1 : count);
    if (count > most) strbuf_add(out, ELLIPSIS);
}

void markup_end(struct strbuf *out, const char *text, uint32_t most) {
    uint32_t count = count_characters(text);
    if (count > most && most < 4) return;
    if (count > most) strbuf_add(out, ELLIPSIS);
    markup_text(out, count > most ? add_characters(NULL, text, count - most + 1) : text);
}

void markup_begin_svg(struct strbuf *out, struct svg_size size, const char *label) {
    strbuf_printf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" height=\"%u\" "
        "font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"#1f2933\" role=\"img\" aria-label=\"",
        size.width, size.height, size.width, size.height);
    markup_text(out, label);
    strbuf_add(out, "\">\n");
}
