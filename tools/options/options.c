// The parser: getopt_long on a list made from the table.
#include "tools/options/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPTIONS = 128, FIRST_LONG = 256 };

const struct option_row options_common[] = {
    {"help", 'h', .value = "FORMAT", .may_lack_value = true, .words = "text man bash zsh fish",
     .help = "print this help; or a man page, or the completions for a shell"},
    {"version", .help = "print the version"},
    {0},
};

const struct option_row *options_row(const struct option_program *p, unsigned i) {
    const struct option_row *row = p->rows;
    for (; row->name != NULL && i > 0; row++) i--;
    if (row->name == NULL) row = options_common + (i < 2 ? i : 2);
    return row->name != NULL ? row : NULL;
}

// Which of a list's words it is, from 0; -1: none.
static int word_number(const char *list, const char *word) {
    size_t length = strlen(word);
    for (int i = 0; *list != 0; i++) {
        size_t n = strcspn(list, " ");
        if (n == length && strncmp(list, word, n) == 0) return i;
        list += n + (list[n] == ' ');
    }
    return -1;
}

bool options_in_list(const char *list, const char *word) {
    return list == NULL || word_number(list, word) >= 0;
}

void options_forms(const struct option_row *row, struct strbuf *out) {
    if (row->letter != 0) strbuf_printf(out, "-%c, ", row->letter);
    strbuf_printf(out, "--%s", row->name);
    if (row->value == NULL) return;
    strbuf_printf(out, row->may_lack_value ? "[=%s]" : " %s", row->value);
}

// ---- sizes

bool options_parse_size(const char *option, const char *text, uint64_t most, uint64_t *bytes,
                        struct error *err) {
    static const char *const units[] = {"", "KiB", "MiB", "GiB"};
    char *end;
    double number = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units && text[0] >= '0' && text[0] <= '9'; i++) {
        double size = ldexp(number, 10 * (int)i);
        if (strcmp(end, units[i]) != 0 || !(size >= 1 && size <= (double)most)) continue;
        *bytes = (uint64_t)size;
        return true;
    }
    return error_set(err, ERROR_USAGE, "%s: expected a size such as 5GiB, 800MiB or 5000000000, found '%s'",
                     option, text);
}

// ---- parsing

struct parser {
    const struct option_program *p;
    struct option options[MOST_OPTIONS + 1];
    char letters[2 * MOST_OPTIONS + 3];
    bool seen[MOST_OPTIONS];
};

// getopt's lists: an option is number FIRST_LONG + its row.
static bool make_lists(struct parser *s, struct error *err) {
    char *letter = s->letters;
    const struct option_row *row;
    *letter++ = ':';
    for (unsigned i = 0; (row = options_row(s->p, i)) != NULL; i++) {
        if (i == MOST_OPTIONS) return error_set(err, ERROR_INTERNAL, "more than %d options", MOST_OPTIONS);
        int takes = row->value == NULL    ? no_argument
                    : row->may_lack_value ? optional_argument
                                          : required_argument;
        s->options[i] = (struct option){row->name, takes, NULL, FIRST_LONG + (int)i};
        if (row->letter != 0) *letter++ = row->letter;
        if (row->letter != 0 && takes == required_argument) *letter++ = ':';
    }
    return true;
}

static unsigned row_of_letter(const struct option_program *p, int c) {
    unsigned i = 0;
    while (options_row(p, i)->letter != c) i++;
    return i;
}

static bool set_number(const struct option_row *row, unsigned *to, const char *text, struct error *err) {
    char *end;
    if (text == NULL) {
        *to = row->lacking;
        return true;
    }
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    *to = (unsigned)n;
    if (text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0 && n >= 1 && n <= row->most) return true;
    return error_set(err, ERROR_USAGE, "--%s: expected a whole number from 1 to %u, found '%s'", row->name,
                     row->most, text);
}

// "--bands: expected auto, none or least, found 'some'"
static bool refuse_word(const struct option_row *row, const char *text, struct error *err) {
    struct strbuf words = {0};
    for (const char *at = row->words; *at != 0;) {
        int length = (int)strcspn(at, " ");
        bool is_last = at[length] == 0;
        strbuf_printf(&words, "%s%.*s", at == row->words ? "" : is_last ? " or " : ", ", length, at);
        at += length + !is_last;
    }
    error_set(err, ERROR_USAGE, "--%s: expected %s, found '%s'", row->name, strbuf_text(&words), text);
    strbuf_free(&words);
    return false;
}

static bool check_word(const struct option_row *row, const char *text, struct error *err) {
    return text == NULL || options_in_list(row->words, text) || refuse_word(row, text, err);
}

static bool set(const struct option_row *row, void *values, const char *text, struct error *err) {
    char *at = (char *)values + row->at;
    switch (row->kind) {
    case OPTION_FLAG: *(bool *)at = true; return true;
    case OPTION_BITS: *(unsigned *)at |= row->bits; return true;
    case OPTION_WORD: *(unsigned *)at = (unsigned)word_number(row->words, text); return true;
    case OPTION_TEXT: *(const char **)at = text; return true;
    case OPTION_NUMBER: return set_number(row, (unsigned *)at, text, err);
    case OPTION_CALL: break;
    }
    return row->set(values, text, err);
}

static void write_help(const struct option_program *p, const char *format, struct strbuf *out) {
    static void (*const writers[])(const struct option_program *p, struct strbuf *out) = {
        options_text, options_man, options_bash, options_zsh, options_fish}; // in the order of the words
    writers[format == NULL ? 0 : word_number(options_common->words, format)](p, out);
}

// Help or the version, to the standard output.
static bool print(const struct option_program *p, const struct option_row *row, const char *format,
                  struct error *err) {
    struct strbuf out = {0};
    if (row == options_common) write_help(p, format, &out);
    else strbuf_printf(&out, "%s %s\n", p->name, p->version);
    fputs(strbuf_text(&out), stdout);
    strbuf_free(&out);
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           error_set(err, ERROR_IO, "standard output: cannot write: %s", strerror(errno));
}

// getopt has moved past `text` unless it is a bundle of short options, where `optopt` is the one it stopped at.
static bool refuse(int c, const char *text, struct error *err) {
    char letter[] = {'-', (char)optopt, 0};
    bool is_long = strncmp(text, "--", 2) == 0 && text[2] != 0;
    if (c == ':') return error_set(err, ERROR_USAGE, "%s: expected a value, found none", text);
    return error_set(err, ERROR_USAGE, "%s: unknown or malformed option", is_long ? text : letter);
}

static bool parse_all(struct parser *s, int argc, char **argv, void *values, struct option_result *result,
                      struct error *err) {
    int c;
    while ((c = getopt_long(argc, argv, s->letters, s->options, NULL)) != -1) {
        if (c == ':' || c == '?') return refuse(c, argv[optind - 1], err);
        unsigned i = c >= FIRST_LONG ? (unsigned)(c - FIRST_LONG) : row_of_letter(s->p, c);
        const struct option_row *row = options_row(s->p, i);
        s->seen[i] = true;
        if (!check_word(row, optarg, err)) return false;
        result->done = row == options_common || row == options_common + 1;
        if (result->done) return print(s->p, row, optarg, err);
        if (!set(row, values, optarg, err)) return false;
    }
    result->operands = argv + optind;
    result->count = argc - optind;
    return true;
}

// ---- commands

static bool find_command(const struct parser *s, const struct option_result *result, struct error *err) {
    if (result->count == 0) return error_set(err, ERROR_USAGE, "expected a command, found none");
    for (const struct option_command *c = s->p->commands; c->name != NULL; c++) {
        if (strcmp(c->name, result->operands[0]) == 0) return true;
    }
    return error_set(err, ERROR_USAGE, "%s: unknown command", result->operands[0]);
}

// An option of another command would be one that does nothing.
static bool check_commands(const struct parser *s, const struct option_result *result, struct error *err) {
    const struct option_row *row;
    for (unsigned i = 0; (row = options_row(s->p, i)) != NULL; i++) {
        if (!s->seen[i] || options_in_list(row->commands, result->operands[0])) continue;
        return error_set(err, ERROR_USAGE, "--%s: expected with the command %s, found with %s", row->name,
                         row->commands, result->operands[0]);
    }
    return true;
}

bool options_parse(const struct option_program *p, int argc, char **argv, void *values,
                   struct option_result *result, struct error *err) {
    struct parser s = {.p = p};
    *result = (struct option_result){0};
    if (!make_lists(&s, err) || !parse_all(&s, argc, argv, values, result, err)) return false;
    if (result->done || p->commands == NULL) return true;
    return find_command(&s, result, err) && check_commands(&s, result, err);
}
