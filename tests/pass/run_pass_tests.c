// Runs the pass tests: files of textual IR, each with the passes to run and what must come out.
//
//     # RUN: fuse_silu eliminate_dead
//     graph @steady(%x: f32[1,4,4,8]) { .. }
//     # >>> expect            the IR that must come out, as printed
//     # >>> no change         or: exactly what went in
//     # >>> error             or: the message, as plain text
//
// A line `# MAX-ERROR: E` sets the limit of choose_convs. Comments and blank lines do not count. Beside what the file says, every case must verify before and after, a second run
// of the same passes must change nothing, and the result must read back from its own text.
//
//     run_pass_tests [--update] DIR..       every .ir file of these folders, in the order of their names
//     run_pass_tests --values DIR..         and the graphs must compute what they did, as the reference sees it
//     run_pass_tests --every-pass DIR       that there is a folder with cases for each pass of the pipeline
#include "pass/same_values.h"
#include "passes/conv_choice.h"
#include "passes/pass.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum expectation { EXPECT_IR, EXPECT_NO_CHANGE, EXPECT_ERROR, EXPECT_NOTHING };

struct test_case {
    const char *path;
    char *text, *passes, *input, *expected; // parts of `text`, each ended by a 0
    size_t head;                            // bytes in front of the expected text: what --update keeps
    enum expectation kind;
    struct conv_choice_options choice;
};

// ---- text

static char *read_file(const char *path) {
    struct strbuf b = {0};
    char block[4097];
    FILE *f = fopen(path, "r");
    for (size_t n; f && (n = fread(block, 1, sizeof block - 1, f)) > 0;) {
        block[n] = 0;
        strbuf_add(&b, block);
    }
    if (f) fclose(f);
    if (b.data == NULL) strbuf_add(&b, "");
    return b.data;
}

// Lines that count: not empty, not a comment, not the first line of a module without a name.
static bool counts(const char *line, size_t n) {
    static const char unnamed[] = "module \"\" \"\"";
    size_t indent = strspn(line, " \t");
    return indent < n && line[indent] != '#' && !(n == sizeof unnamed - 1 && memcmp(line, unnamed, n) == 0);
}

static char *relevant(const char *text) {
    struct strbuf b = {0};
    strbuf_add(&b, "");
    while (*text != 0) {
        size_t n = strcspn(text, "\n");
        if (counts(text, n)) strbuf_printf(&b, "%.*s\n", (int)n, text);
        text += n + (text[n] != 0);
    }
    return b.data;
}

static void report(const struct test_case *t, const char *format, const char *detail) {
    printf("not ok - %s\n", t->path);
    printf(format, detail);
}

// Compares what counts of two texts; prints the first line in which they differ.
static bool same_text(const struct test_case *t, const char *what, const char *expected, const char *found) {
    char *a = relevant(expected), *b = relevant(found), *x = a, *y = b;
    bool same = strcmp(a, b) == 0;
    while (!same) {
        size_t n = strcspn(x, "\n"), k = strcspn(y, "\n");
        if (n != k || memcmp(x, y, n) != 0) {
            report(t, "  %s\n", what);
            printf("  expected: %.*s\n     found: %.*s\n", (int)n, x, (int)k, y);
            break;
        }
        x += n + 1;
        y += k + 1;
    }
    free(a);
    free(b);
    return same;
}

// ---- one file

static bool read_case(const char *path, struct test_case *t) {
    static const struct {
        const char *text;
        enum expectation kind;
    } kinds[] = {{"expect", EXPECT_IR}, {"no change", EXPECT_NO_CHANGE}, {"error", EXPECT_ERROR}};
    *t = (struct test_case){.path = path, .text = read_file(path), .kind = EXPECT_NOTHING};
    char *run = strstr(t->text, "# RUN:"), *mark = strstr(t->text, "\n# >>> "),
         *max_error = strstr(t->text, "\n# MAX-ERROR:");
    if (run == NULL || mark == NULL || run > mark) return false;
    char *kind = mark + strlen("\n# >>> "), *end = kind + strcspn(kind, "\n");
    t->passes = run + strlen("# RUN:");
    t->input = t->passes + strcspn(t->passes, "\n") + 1;
    t->expected = end + (*end != 0);
    t->head = (size_t)(t->expected - t->text);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strlen(kinds[i].text) == (size_t)(end - kind) &&
            strncmp(kind, kinds[i].text, strlen(kinds[i].text)) == 0)
            t->kind = kinds[i].kind;
    }
    if (max_error != NULL) t->choice.max_error = strtod(strchr(max_error, ':') + 1, NULL);
    mark[0] = t->input[-1] = 0;
    return t->kind != EXPECT_NOTHING && t->input <= mark + 1;
}

static char *print_module(const struct ir_module *m) {
    struct strbuf b = {0};
    ir_print(m, &b);
    return b.data;
}

static bool verify(const struct test_case *t, const struct ir_module *m, const char *when) {
    struct strbuf context = {0};
    struct error err = {0};
    bool ok = ir_verify(m, &context, &err);
    if (!ok) {
        report(t, "  the IR does not verify %s\n", when);
        printf("  %s\n%s", err.message, strbuf_text(&context));
    }
    strbuf_free(&context);
    return ok;
}

static bool reads_back(const struct test_case *t, const struct ir_module *m, const char *printed) {
    struct error err = {0};
    struct ir_module *again = ir_parse(printed, t->path, m, &err);
    if (again == NULL) {
        report(t, "  the result does not parse: %s\n", err.message);
        return false;
    }
    char *text = print_module(again);
    bool same = same_text(t, "the result prints differently after it is read back", printed, text);
    free(text);
    ir_module_free(again);
    return same;
}

static bool at_fixpoint(const struct test_case *t, struct ir_module **m, const char *printed) {
    struct pass_options options = {.verify_each = false};
    struct error err = {0};
    if (!pass_run_named(m, t->passes, &options, &err)) {
        report(t, "  the second run fails: %s\n", err.message);
        return false;
    }
    char *text = print_module(*m);
    bool same = same_text(t, "a second run changes the result", printed, text);
    free(text);
    return same;
}

static void write_expected(const struct test_case *t, const char *found) {
    char *original = read_file(t->path), *text = relevant(found);
    FILE *f = fopen(t->path, "w");
    if (f) {
        fwrite(original, 1, t->head, f);
        if (t->kind != EXPECT_NO_CHANGE) fputs(text, f);
        fclose(f);
    }
    free(text);
    free(original);
}

static bool keeps_values(const struct test_case *t, const struct ir_module *m) {
    struct error err = {0};
    struct ir_module *before = ir_parse(t->input, t->path, NULL, &err);
    bool ok = before != NULL && same_values(before, m, &err);
    if (!ok) report(t, "  another meaning: %s\n", err.message);
    ir_module_free(before);
    return ok;
}

struct options {
    bool update, values;
};

static bool check_result(const struct test_case *t, struct ir_module **m, const char *before, bool ran,
                         const struct error *err, const struct options *o) {
    bool update = o->update;
    if (!ran) {
        if (t->kind != EXPECT_ERROR) report(t, "  unexpected error: %s\n", err->message);
        else if (update) write_expected(t, err->message);
        return t->kind == EXPECT_ERROR &&
               (update || same_text(t, "another message", t->expected, err->message));
    }
    if (t->kind == EXPECT_ERROR) {
        report(t, "  no error, expected: %s\n", t->expected);
        return false;
    }
    char *found = print_module(*m);
    const char *expected = t->kind == EXPECT_NO_CHANGE ? before : t->expected;
    if (update) write_expected(t, found);
    bool ok = verify(t, *m, "after the passes") &&
              ((update && t->kind == EXPECT_IR) || same_text(t, "another result", expected, found)) &&
              reads_back(t, *m, found) && at_fixpoint(t, m, found) && (!o->values || keeps_values(t, *m));
    free(found);
    return ok;
}

static bool run_case(const char *path, const struct options *o) {
    struct test_case t;
    struct pass_options options = {.verify_each = false};
    struct error err = {0};
    struct ir_module *m = NULL;
    bool ok = read_case(path, &t);
    if (!ok)
        report(&t, "%s",
               "  it needs a line '# RUN: PASS..', IR, and '# >>> expect', '# >>> no change' or '# >>> "
               "error'\n");
    else if ((m = ir_parse(t.input, path, NULL, &err)) == NULL) {
        report(&t, "  the input does not parse: %s\n", err.message);
        ok = false;
    }
    if (ok && verify(&t, m, "before the passes")) {
        char *before = print_module(m);
        m->choice = conv_choice_new(&m->arena, &t.choice);
        bool ran = pass_run_named(&m, t.passes, &options, &err);
        ok = check_result(&t, &m, before, ran, &err, o);
        free(before);
    } else ok = false;
    if (ok) printf("ok - %s\n", path);
    ir_module_free(m);
    free(t.text);
    return ok;
}

// ---- folders

static int is_case(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 3 && strcmp(d->d_name + n - 3, ".ir") == 0;
}

static void run_folder(const char *dir, const struct options *o, int *passed, int *failed) {
    struct dirent **entries = NULL;
    int count = scandir(dir, &entries, is_case, alphasort);
    if (count <= 0) {
        printf("not ok - %s\n  no case in this folder\n", dir);
        ++*failed;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        ++*(run_case(path, o) ? passed : failed);
        free(entries[i]);
    }
    free(entries);
}

static void check_every_pass(const char *dir, int *passed, int *failed) {
    for (int i = 0; i < pass_count; i++) {
        char path[4096];
        struct dirent **entries = NULL;
        snprintf(path, sizeof path, "%s/%s", dir, passes[i].name);
        int count = scandir(path, &entries, is_case, alphasort);
        printf("%sok - pass %s has %d cases\n", count >= 2 ? "" : "not ", passes[i].name,
               count < 0 ? 0 : count);
        ++*(count >= 2 ? passed : failed);
        for (int k = 0; k < count; k++) free(entries[k]);
        free(entries);
    }
}

int main(int argc, char **argv) {
    struct options options = {0};
    bool every = false;
    int passed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--update") == 0) options.update = true;
        else if (strcmp(argv[i], "--values") == 0) options.values = true;
        else if (strcmp(argv[i], "--every-pass") == 0) every = true;
        else if (every) check_every_pass(argv[i], &passed, &failed);
        else run_folder(argv[i], &options, &passed, &failed);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
