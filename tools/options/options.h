// The options of a program, one table: from it come the parser, `--help`, the man page and the completions of shells.
//
//     static const struct option_row rows[] = {
//         {"threads", .value = "N", .help = "threads that decode", OPTION_SETS_NUMBER(struct arguments, threads, 1024)},
//         {"quiet", 'q', .help = "print nothing but errors", OPTION_SETS_FLAG(struct arguments, quiet)},
//     };
//
// Every program also has `-h, --help[=FORMAT]` and `--version`, which are no rows of its table. To add an option: a row, and
// what it sets.
#ifndef WANC_TOOLS_OPTIONS_H
#define WANC_TOOLS_OPTIONS_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind { OPTION_FLAG, OPTION_BITS, OPTION_TEXT, OPTION_NUMBER, OPTION_WORD, OPTION_CALL };
enum option_hint { OPTION_ANYTHING, OPTION_FILE, OPTION_FOLDER }; // what a shell offers as its value

// Sets what the option says in the program's `values`. `text` is NULL where a value may be left out and was.
typedef bool option_setter(void *values, const char *text, struct error *err);

// A list under an option: the i-th term and what it means; false behind the last one.
typedef bool option_items(unsigned i, const char **term, const char **text);

struct option_row {
    const char *name;  // without the dashes
    char letter;       // of its short form, or 0
    const char *value; // what it takes, as help shows it: "FILE"; NULL: nothing
    bool may_lack_value;
    const char *words; // the values that there are, separated by spaces: others are refused; or NULL
    enum option_hint hint;
    const char *commands; // those that take it, separated by spaces; NULL: all
    const char *help;     // one paragraph, without a dot at its end
    option_items *items;  // or NULL
    enum option_kind kind;
    // In `values`: of a bool for FLAG, of a const char * for TEXT, of an unsigned for BITS and NUMBER, for WORD of an
    // enumeration in the order of `words`.
    size_t at;
    unsigned bits;      // BITS: that are set
    unsigned most;      // NUMBER: from 1 to this
    unsigned lacking;   // NUMBER: what it is where the value is left out
    option_setter *set; // CALL
};
#define OPTION_SETS_FLAG(type, field) .kind = OPTION_FLAG, .at = offsetof(type, field)
#define OPTION_SETS_BITS(type, field, set) .kind = OPTION_BITS, .at = offsetof(type, field), .bits = set
#define OPTION_SETS_WORD(type, field) .kind = OPTION_WORD, .at = offsetof(type, field)
#define OPTION_SETS_TEXT(type, field) .kind = OPTION_TEXT, .at = offsetof(type, field)
#define OPTION_SETS_NUMBER(type, field, largest)                                                             \
    .kind = OPTION_NUMBER, .at = offsetof(type, field), .most = largest
#define OPTION_CALLS(function) .kind = OPTION_CALL, .set = function

// A command, as in `wanc compile`.
struct option_command {
    const char *name, *operands, *help;
};

struct option_example {
    const char *command, *help;
};

struct option_program {
    const char *name, *version;
    const char *summary;     // one line, for the head of a man page
    const char *description; // paragraphs, separated by an empty line
    const char *operands;    // where there are no commands: "PLAN LATENTS"
    option_items *operand_items;
    const struct option_command *commands; // ended by a row without a name; NULL: none
    const struct option_row *rows;         // ended by a row without a name
    const char *notes; // behind the options: paragraphs, or NULL. The exit status needs none
    const struct option_example *examples; // ended by a row without a command
};

// What the command line holds besides options: operands[0] is the command, where a program has commands.
struct option_result {
    char **operands;
    int count;
    bool done; // help or the version were printed, and nothing is left to do
};

// Fills `values`. argv is reordered: operands come last. An error is one of usage, and names the option.
bool options_parse(const struct option_program *p, int argc, char **argv, void *values,
                   struct option_result *result, struct error *err);

// A size such as 5GiB, 800MiB or 5000000000, from 1 to `most` bytes; `option` is for the error.
bool options_parse_size(const char *option, const char *text, uint64_t most, uint64_t *bytes,
                        struct error *err);

// ---- for the writers of --help=FORMAT

extern const struct option_row options_common[]; // --help and --version
// The i-th row, those of the program first; NULL behind the last one.
const struct option_row *options_row(const struct option_program *p, unsigned i);
// Is `word` one of `list`, whose words are separated by spaces? Every word is in NULL.
bool options_in_list(const char *list, const char *word);
// "-o, --output FILE": both forms and the value.
void options_forms(const struct option_row *row, struct strbuf *out);

void options_text(const struct option_program *p, struct strbuf *out);
void options_man(const struct option_program *p, struct strbuf *out);
void options_bash(const struct option_program *p, struct strbuf *out);
void options_zsh(const struct option_program *p, struct strbuf *out);
void options_fish(const struct option_program *p, struct strbuf *out);

#endif
