// --help=man: a page in man(7), as groff and mandoc read it.
#include "tools/options/options.h"

#include <stdio.h>
#include <string.h>

// Text in which nothing is special: a dash that can be copied, a backslash, and a dot or an apostrophe that begins a line.
static void plain(const char *text, struct strbuf *out) {
    if (*text == '.' || *text == '\'') strbuf_add(out, "\\&");
    for (; *text != 0; text++) {
        if (*text == '\\') strbuf_add(out, "\\e");
        else if (*text == '-') strbuf_add(out, "\\-");
        else if (*text == '\n') strbuf_add(out, text[1] == '\n' ? (text++, "\n.PP\n") : "\n");
        else strbuf_printf(out, "%c", *text);
    }
}

static void upper(const char *text, struct strbuf *out) {
    for (; *text != 0; text++) strbuf_printf(out, "%c", *text >= 'a' && *text <= 'z' ? *text - 32 : *text);
}

// A term in bold, and its text indented.
static void define(const char *term, const char *text, struct strbuf *out) {
    strbuf_add(out, ".TP\n\\fB");
    plain(term, out);
    strbuf_add(out, "\\fR\n");
    plain(text, out);
    strbuf_add(out, "\n");
}

static void define_all(option_items *items, struct strbuf *out) {
    const char *term, *text;
    for (unsigned i = 0; items != NULL && items(i, &term, &text); i++) define(term, text, out);
}

static void head(const struct option_program *p, struct strbuf *out) {
    strbuf_add(out, ".TH ");
    upper(p->name, out);
    strbuf_printf(out, " 1 \"\" \"%s %s\" \"User Commands\"\n.SH NAME\n%s \\- ", p->name, p->version,
                  p->name);
    plain(p->summary, out);
    strbuf_printf(out, "\n.SH SYNOPSIS\n.B %s\n", p->name);
    plain(p->commands == NULL ? p->operands : "COMMAND FILE...", out);
    strbuf_add(out, " [options]\n.SH DESCRIPTION\n");
    plain(p->description, out);
    strbuf_add(out, "\n");
    define_all(p->operand_items, out);
}

static void commands(const struct option_program *p, struct strbuf *out) {
    strbuf_add(out, ".SH COMMANDS\n");
    for (const struct option_command *c = p->commands; c->name != NULL; c++) {
        struct strbuf term = {0};
        strbuf_printf(&term, "%s %s", c->name, c->operands);
        define(strbuf_text(&term), c->help, out);
        strbuf_free(&term);
    }
}

static void option(const struct option_row *row, struct strbuf *out) {
    struct strbuf term = {0}, help = {0};
    options_forms(row, &term);
    if (row->commands != NULL) strbuf_printf(&help, "(%s) ", row->commands);
    strbuf_add(&help, row->help);
    define(strbuf_text(&term), strbuf_text(&help), out);
    if (row->items != NULL) strbuf_add(out, ".RS\n");
    define_all(row->items, out);
    if (row->items != NULL) strbuf_add(out, ".RE\n");
    strbuf_free(&term);
    strbuf_free(&help);
}

void options_man(const struct option_program *p, struct strbuf *out) {
    const struct option_row *row;
    head(p, out);
    if (p->commands != NULL) commands(p, out);
    strbuf_add(out, ".SH OPTIONS\n");
    for (unsigned i = 0; (row = options_row(p, i)) != NULL; i++) option(row, out);
    if (p->notes != NULL) {
        strbuf_add(out, ".SH NOTES\n");
        plain(p->notes, out);
        strbuf_add(out, "\n");
    }
    strbuf_add(out, ".SH EXIT STATUS\n0 on success, 1 on failure, 2 on wrong usage.\n.SH EXAMPLES\n");
    for (const struct option_example *e = p->examples; e->command != NULL; e++)
        define(e->command, e->help, out);
}
