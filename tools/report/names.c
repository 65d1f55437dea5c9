// Clean names: what a stranger's file calls its nodes may hold any bytes. What is no printable UTF-8 becomes visible, as
// `\n`, `\xff` or `\u202e`; a backslash is doubled, so that nothing else looks like that.
#include "tools/report/report.h"

#include <string.h>

// The bytes of the character at `s` and its code point; 0 where it is not UTF-8.
static int decode(const unsigned char *s, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int length = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (length <= 1) {
        *code = s[0];
        return length;
    }
    *code = s[0] & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if (s[i] >> 6 != 2) return 0;
        *code = *code << 6 | (s[i] & 0x3fu);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code < least[length] || *code > 0x10ffff || surrogate ? 0 : length;
}

// Controls, what reorders text or breaks lines, and what XML does not allow.
static bool is_invisible(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
           (c & 0xfffe) == 0xfffe;
}

static void add_escaped(struct strbuf *out, uint32_t c) {
    switch (c) {
    case '\n': strbuf_add(out, "\\n"); break;
    case '\r': strbuf_add(out, "\\r"); break;
    case '\t': strbuf_add(out, "\\t"); break;
    case '\\': strbuf_add(out, "\\\\"); break;
    default: strbuf_printf(out, c < 0x80 ? "\\x%02x" : c > 0xffff ? "\\U%08x" : "\\u%04x", c);
    }
}

const char *report_name(struct report *r, const char *text) {
    struct strbuf out = {0};
    for (const unsigned char *s = (const unsigned char *)text; *s != 0;) {
        uint32_t code;
        int length = decode(s, &code);
        if (length == 0) strbuf_printf(&out, "\\x%02x", *s++);
        else if (is_invisible(code) || code == '\\') add_escaped(&out, code);
        else strbuf_printf(&out, "%.*s", length, (const char *)s);
        s += length;
    }
    const char *clean = arena_strdup(&r->arena, strbuf_text(&out));
    strbuf_free(&out);
    return clean;
}
