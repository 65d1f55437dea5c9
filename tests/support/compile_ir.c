// Textual IR to a plan, for decoders that are easier to write than to export: one file for each latent size.
//
//     compile_ir PLAN [--note TEXT] [--conv ALGORITHM] FILE.ir...
#include "base/file.h"
#include "passes/conv_choice.h"
#include "passes/emit.h"
#include "passes/pass.h"

#include <stdio.h>
#include <string.h>

enum { MAX_FILES = 8 };

struct settings {
    const char *note, *conv; // NULL: none
};

static struct ir_module *compile(const char *path, const struct settings *s, struct error *err) {
    struct file_map map;
    struct strbuf text = {0};
    struct pass_options options = {.verify_each = true};
    if (!file_map_open(&map, path, 0, err)) return NULL;
    strbuf_printf(&text, "%.*s", (int)map.size, (const char *)map.data);
    file_map_close(&map);
    struct ir_module *m = ir_parse(strbuf_text(&text), path, NULL, err);
    strbuf_free(&text);
    if (m == NULL) return NULL;
    if (s->note != NULL) ir_note(m, "%s", s->note);
    m->choice = conv_choice_new(&m->arena, &(struct conv_choice_options){.conv = s->conv});
    if (pass_run_all(&m, &options, err)) return m;
    ir_module_free(m);
    return NULL;
}

// Takes the options behind the plan's name; returns where the files begin.
static int take_options(int argc, char **argv, struct settings *s) {
    int i = 2;
    for (; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--note") == 0) s->note = argv[i + 1];
        else if (strcmp(argv[i], "--conv") == 0) s->conv = argv[i + 1];
        else break;
    }
    return i;
}

int main(int argc, char **argv) {
    struct ir_module *modules[MAX_FILES] = {0};
    struct settings settings = {0};
    struct error err = {0};
    int count = 0;
    bool ok = argc > 2;
    for (int i = take_options(argc, argv, &settings); ok && i < argc && count < MAX_FILES; i++) {
        modules[count] = compile(argv[i], &settings, &err);
        ok = modules[count] != NULL;
        count += ok;
    }
    ok = ok && emit_plan(modules, count, argv[1], NULL, &err);
    if (!ok) fprintf(stderr, "compile_ir: %s\n", err.message);
    while (count > 0) ir_module_free(modules[--count]);
    return !ok;
}
