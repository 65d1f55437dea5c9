// wanc opt: passes on textual IR.
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 256 << 20 }; // bytes

struct opt {
    const struct wanc_options *o;
    struct strbuf in, out, context;
};

static bool read_stream(FILE *f, const char *path, struct strbuf *out, struct error *err) {
    char block[4097];
    size_t n;
    while ((n = fread(block, 1, sizeof block - 1, f)) > 0) {
        block[n] = 0;
        if (strlen(block) < n)
            return error_set(err, ERROR_INPUT, "%s: expected text, found a byte of 0", path);
        if (out->size + n > MAX_TEXT)
            return error_set(err, ERROR_INPUT, "%s: expected at most %d bytes of text, found more", path,
                             MAX_TEXT);
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

static bool parse(struct opt *t, struct compilation *c, struct error *err) {
    if (!compilation_parse(c, strbuf_text(&t->in), t->in.size, err)) return false;
    if (ir_verify(c->modules[0], &t->context, err)) return true;
    fputs(strbuf_text(&t->context), stderr);
    err->code = ERROR_INPUT; // the text is the user's
    return false;
}

static bool work(void *context, struct compilation *c, struct error *err) {
    struct opt *t = context;
    if (!parse(t, c, err) || !pass_run_named(&c->modules[0], t->o->pass_list, &c->o->passes, err))
        return false;
    ir_print(c->modules[0], &t->out);
    return write_text(t->o, strbuf_text(&t->out), err);
}

bool wanc_opt(const struct wanc_options *o, struct error *err) {
    struct opt t = {.o = o};
    struct compile_options options = compile_options_of(o);
    struct compilation c = {.o = &options};
    if (o->pass_list == NULL) return error_set(err, ERROR_USAGE, "opt: --passes LIST is missing");
    bool ok = read_all(o->files[0], &t.in, err);
    ok = ok && compilation_close(&c, compilation_guard(&c, work, &t, err), err);
    strbuf_free(&t.in);
    strbuf_free(&t.out);
    strbuf_free(&t.context);
    return ok;
}
