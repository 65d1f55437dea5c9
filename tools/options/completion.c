// --help=bash, =zsh, =fish: what a shell offers behind the program's name.
#include "tools/options/options.h"

#include <stdio.h>
#include <string.h>

// Text between single quotes of a shell.
static void quoted(const char *text, struct strbuf *out) {
    strbuf_add(out, "'");
    for (; *text != 0; text++) {
        if (*text == '\'') strbuf_add(out, "'\\''");
        else strbuf_printf(out, "%c", *text);
    }
    strbuf_add(out, "'");
}

// Up to the first clause's end, without what a shell's list takes for itself.
static void brief(const char *text, struct strbuf *out) {
    for (; *text != 0 && *text != ';' && *text != '\n'; text++) {
        if (strchr("[]:'\\", *text) == NULL) strbuf_printf(out, "%c", *text);
        else if (*text == ':') strbuf_add(out, ",");
    }
}

static void command_names(const struct option_program *p, struct strbuf *out) {
    for (const struct option_command *c = p->commands; c->name != NULL; c++)
        strbuf_printf(out, "%s%s", c > p->commands ? " " : "", c->name);
}

// ---- bash

static void bash_value(const struct option_row *row, struct strbuf *out) {
    if (row->value == NULL || row->may_lack_value) return;
    strbuf_printf(out, "    --%s", row->name);
    if (row->letter != 0) strbuf_printf(out, "|-%c", row->letter);
    strbuf_add(out, ") ");
    if (row->words != NULL) strbuf_printf(out, "COMPREPLY=($(compgen -W '%s' -- \"$current\"))", row->words);
    else if (row->hint == OPTION_ANYTHING) strbuf_add(out, "COMPREPLY=()");
    else
        strbuf_printf(out, "COMPREPLY=($(compgen -%c -- \"$current\"))",
                      row->hint == OPTION_FILE ? 'f' : 'd');
    strbuf_add(out, "; return ;;\n");
}

void options_bash(const struct option_program *p, struct strbuf *out) {
    const struct option_row *row;
    strbuf_printf(out, "# bash completion of %s\n_%s() {\n", p->name, p->name);
    strbuf_add(out, "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                    "  case $previous in\n");
    for (unsigned i = 0; (row = options_row(p, i)) != NULL; i++) bash_value(row, out);
    strbuf_add(out, "  esac\n  case $current in\n    -*) COMPREPLY=($(compgen -W '");
    for (unsigned i = 0; (row = options_row(p, i)) != NULL; i++)
        strbuf_printf(out, "%s--%s", i > 0 ? " " : "", row->name);
    strbuf_add(out, "' -- \"$current\")) ;;\n    *) ");
    if (p->commands != NULL) {
        strbuf_add(out, "if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W '");
        command_names(p, out);
        strbuf_add(out, "' -- \"$current\")); return; fi\n       ");
    }
    strbuf_printf(
        out, "COMPREPLY=($(compgen -f -- \"$current\")) ;;\n  esac\n}\ncomplete -o filenames -F _%s %s\n",
        p->name, p->name);
}

// ---- zsh

static void zsh_option(const struct option_row *row, struct strbuf *out) {
    struct strbuf spec = {0};
    if (row->letter != 0) strbuf_printf(&spec, "(-%c --%s)", row->letter, row->name);
    strbuf_printf(&spec, "--%s", row->name);
    if (row->value != NULL) strbuf_add(&spec, row->may_lack_value ? "=-" : "=");
    strbuf_add(&spec, "[");
    brief(row->help, &spec);
    strbuf_add(&spec, "]");
    if (row->value != NULL) {
        strbuf_printf(&spec, row->may_lack_value ? "::" : ":");
        brief(row->value, &spec);
        if (row->words != NULL) strbuf_printf(&spec, ":(%s)", row->words);
        else
            strbuf_add(&spec, row->hint == OPTION_FILE     ? ":_files"
                              : row->hint == OPTION_FOLDER ? ":_files -/"
                                                           : ": ");
    }
    strbuf_add(out, "  ");
    quoted(strbuf_text(&spec), out);
    strbuf_add(out, " \\\n");
    strbuf_free(&spec);
}

void options_zsh(const struct option_program *p, struct strbuf *out) {
    const struct option_row *row;
    strbuf_printf(out, "#compdef %s\n# zsh completion of %s\n_arguments \\\n", p->name, p->name);
    for (unsigned i = 0; (row = options_row(p, i)) != NULL; i++) zsh_option(row, out);
    if (p->commands != NULL) {
        strbuf_add(out, "  '1:command:(");
        command_names(p, out);
        strbuf_add(out, ")' \\\n");
    }
    strbuf_add(out, "  '*:file:_files'\n");
}

// ---- fish

static void fish_option(const struct option_program *p, const struct option_row *row, struct strbuf *out) {
    struct strbuf help = {0};
    strbuf_printf(out, "complete -c %s -l %s", p->name, row->name);
    if (row->letter != 0) strbuf_printf(out, " -s %c", row->letter);
    if (row->value != NULL && !row->may_lack_value) strbuf_add(out, " -r");
    if (row->words != NULL) strbuf_printf(out, " -f -a '%s'", row->words);
    else if (row->hint == OPTION_FOLDER) strbuf_add(out, " -f -a '(__fish_complete_directories)'");
    if (p->commands != NULL && row->commands != NULL)
        strbuf_printf(out, " -n '__fish_seen_subcommand_from %s'", row->commands);
    brief(row->help, &help);
    strbuf_add(out, " -d ");
    quoted(strbuf_text(&help), out);
    strbuf_add(out, "\n");
    strbuf_free(&help);
}

void options_fish(const struct option_program *p, struct strbuf *out) {
    const struct option_row *row;
    strbuf_printf(out, "# fish completion of %s\n", p->name);
    for (const struct option_command *c = p->commands; c != NULL && c->name != NULL; c++) {
        struct strbuf help = {0};
        brief(c->help, &help);
        strbuf_printf(out, "complete -c %s -n __fish_use_subcommand -a %s -d ", p->name, c->name);
        quoted(strbuf_text(&help), out);
        strbuf_add(out, "\n");
        strbuf_free(&help);
    }
    for (unsigned i = 0; (row = options_row(p, i)) != NULL; i++) fish_option(p, row, out);
}
