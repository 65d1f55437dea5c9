// --help: for a terminal, in lines of at most WIDTH characters.
#include "tools/options/options.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 100, OPTION_COLUMN = 29, ITEM_COLUMN = 42 };

// Paragraphs, their words in lines that begin at `column`; the first line already has `used` characters.
static void wrap(const char *text, int column, int used, struct strbuf *out) {
    int at = used;
    for (const char *word = text; *word != 0;) {
        int length = (int)strcspn(word, " \n"), gap = strspn(word + length, "\n") > 1 ? 2 : 0;
        bool begins = at <= column;
        if (!begins && at + 1 + length > WIDTH) strbuf_add(out, "\n"), at = 0, begins = true;
        if (begins) strbuf_printf(out, "%*s", column - at, ""), at = column;
        strbuf_printf(out, "%s%.*s", begins ? "" : " ", length, word);
        at += length + !begins;
        word += length + strspn(word + length, " \n");
        if (gap != 0) strbuf_add(out, "\n\n"), at = 0;
    }
    strbuf_add(out, "\n");
}

// A term, then its text from `column` on; on a line of its own if the term is too long.
static void define(const char *indent, const char *term, const char *text, int column, struct strbuf *out) {
    int used = (int)(strlen(indent) + strlen(term));
    strbuf_printf(out, "%s%s", indent, term);
    if (used > column - 2) strbuf_add(out, "\n"), used = 0;
    wrap(text, column, used, out);
}

static void define_all(option_items *items, const char *indent, int column, struct strbuf *out) {
    const char *term, *text;
    for (unsigned i = 0; items != NULL && items(i, &term, &text); i++)
        define(indent, term, text, column, out);
}

static void text_synopsis(const struct option_program *p, struct strbuf *out) {
    strbuf_printf(out, "usage: %s %s [options]\n\n", p->name,
                  p->commands == NULL ? p->operands : "COMMAND FILE..");
    wrap(p->description, 0, 0, out);
}

static void text_commands(const struct option_program *p, struct strbuf *out) {
    strbuf_add(out, "\ncommands:\n");
    for (const struct option_command *c = p->commands; c->name != NULL; c++) {
        struct strbuf term = {0};
        strbuf_printf(&term, "%s %s", c->name, c->operands);
        define("  ", strbuf_text(&term), c->help, OPTION_COLUMN, out);
        strbuf_free(&term);
    }
}

static void text_option(const struct option_row *row, struct strbuf *out) {
    struct strbuf term = {0}, help = {0};
    options_forms(row, &term);
    if (row->commands != NULL) strbuf_printf(&help, "%s: ", row->commands);
    for (char *c = help.data; c != NULL && *c != 0; c++) {
        if (*c == ' ' && c[1] != 0) *c = '|';
    }
    strbuf_add(&help, row->help);
    define(row->letter != 0 ? "  " : "      ", strbuf_text(&term), strbuf_text(&help), OPTION_COLUMN, out);
    define_all(row->items, "                               ", ITEM_COLUMN, out);
    strbuf_free(&term);
    strbuf_free(&help);
}

void options_text(const struct option_program *p, struct strbuf *out) {
    const struct option_row *row;
    text_synopsis(p, out);
    if (p->commands != NULL) text_commands(p, out);
    if (p->operand_items != NULL) strbuf_add(out, "\n");
    define_all(p->operand_items, "  ", 11, out);
    strbuf_add(out, "\noptions:\n");
    for (unsigned i = 0; (row = options_row(p, i)) != NULL; i++) text_option(row, out);
    strbuf_add(out, "\n");
    if (p->notes != NULL) wrap(p->notes, 0, 0, out), strbuf_add(out, "\n");
    wrap("Exit status: 0 success, 1 failure, 2 wrong usage.", 0, 0, out);
    strbuf_add(out, "\nexamples:\n");
    for (const struct option_example *e = p->examples; e->command != NULL; e++)
        define("  ", e->command, e->help, 62, out);
}
