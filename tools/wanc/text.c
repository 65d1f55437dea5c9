// wanc dump, passes and opt: text out.
#include "plan/plan.h"
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool write_text(const struct wanc_options *o, const char *text, struct error *err) {
    if (o->output == NULL || strcmp(o->output, "-") == 0) return fputs(text, stdout) >= 0;
    return file_save(o->output, text, strlen(text), err);
}

bool wanc_dump(const struct wanc_options *o, struct error *err) {
    struct plan plan;
    struct strbuf text = {0};
    if (!plan_open(&plan, o->files[0], err)) return false;
    plan_dump(&plan, &text);
    bool ok = write_text(o, strbuf_text(&text), err);
    strbuf_free(&text);
    plan_close(&plan);
    return ok;
}

bool wanc_passes(const struct wanc_options *o, struct error *err) {
    struct strbuf text = {0};
    for (int i = 0; i < pass_count; i++)
        strbuf_printf(&text, "%-20s %s\n", passes[i].name, passes[i].summary);
    bool ok = write_text(o, strbuf_text(&text), err);
    strbuf_free(&text);
    return ok;
}

static bool read_stream(FILE *f, const char *path, struct strbuf *out, struct error *err) {
    char block[4097];
    size_t n;
    while ((n = fread(block, 1, sizeof block - 1, f)) > 0) {
        block[n] = 0;
        strbuf_add(out, block);
    }
    return !ferror(f) || error_set(err, ERROR_IO, "%s: cannot read", path);
}

static bool read_all(const char *path, struct strbuf *out, struct error *err) {
    if (strcmp(path, "-") == 0) return read_stream(stdin, path, out, err);
    FILE *f = fopen(path, "r");
    if (f == NULL) return error_set(err, ERROR_IO, "%s: cannot open", path);
    bool ok = read_stream(f, path, out, err);
    fclose(f);
    return ok;
}

bool wanc_opt(const struct wanc_options *o, struct error *err) {
    struct strbuf in = {0}, out = {0};
    struct ir_module *m = NULL;
    if (o->pass_list == NULL) return error_set(err, ERROR_USAGE, "opt: --passes LIST is missing");
    bool ok =
        read_all(o->files[0], &in, err) && (m = ir_parse(strbuf_text(&in), o->files[0], NULL, err)) != NULL;
    struct strbuf context = {0};
    if (ok && !ir_verify(m, &context, err)) {
        ok = false;
        fputs(strbuf_text(&context), stderr);
        error_prefix(err, "%s", o->files[0]);
        err->code = ERROR_INPUT; // the text is the user's
    }
    if (ok) m->choice = conv_choice_new(&m->arena, &o->compile.choice);
    ok = ok && pass_run_named(&m, o->pass_list, &o->compile.passes, err);
    if (ok) {
        ir_print(m, &out);
        ok = write_text(o, strbuf_text(&out), err);
    }
    strbuf_free(&context);
    strbuf_free(&in);
    strbuf_free(&out);
    ir_module_free(m);
    return ok;
}
