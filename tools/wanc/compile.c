// wanc compile: the compiler (compiler/compile.h), and what it says on the way.
#include "base/strbuf.h"
#include "ir/canonical.h"
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <string.h>

static void print_note(void *context, const char *line) {
    (void)context;
    fprintf(stderr, "%s\n", line);
}

struct compile_options compile_options_of(const struct wanc_options *o) {
    struct compile_options c = o->compile;
    c.source_count = o->file_count;
    for (int i = 0; i < o->file_count; i++) c.sources[i].path = o->files[i];
    if (c.choice.conv != NULL && strcmp(c.choice.conv, "auto") == 0) c.choice.conv = NULL;
    if (o->keep_taps) c.bands = IR_BANDS_NONE;
    if (!o->quiet) c.note = print_note;
    return c;
}

// ---- the IR on the way

static bool write_modules(const struct wanc_options *o, const struct compilation *c, struct error *err) {
    struct strbuf text = {0};
    char comment[64];
    for (int i = 0; i < c->count; i++) {
        strbuf_add(&text, compilation_size_comment(c, i, comment));
        if (o->canonical) ir_canonical(c->modules[i]);
        ir_print(c->modules[i], &text);
    }
    bool ok = write_text(o, strbuf_text(&text), err);
    strbuf_free(&text);
    return ok;
}

static bool run_to_ir(void *context, struct compilation *c, struct error *err) {
    return compilation_run(c, err) && write_modules(context, c, err);
}

static bool compile_to_ir(const struct wanc_options *o, const struct compile_options *options,
                          struct error *err) {
    struct compilation c = {.o = options};
    return compilation_close(&c, compilation_guard(&c, run_to_ir, (void *)o, err), err);
}

// ---- a plan

void print_outcome(const struct compile_options *o, const struct compile_outcome *r) {
    char limit[32], peak[32];
    for (int i = 0; i < r->fitted; i++) {
        fprintf(stderr, "wanc: ");
        if (r->fitted > 1)
            fprintf(stderr, "latents of %dx%d: ", (int)o->sizes[i].height, (int)o->sizes[i].width);
        fprintf(stderr, "%s of %s to expect, with %u thread%s; ", format_bytes(peak, r->peak[i]),
                format_bytes(limit, o->max_memory), r->threads, r->threads == 1 ? "" : "s");
        fprintf(stderr, "convolutions take %.2f times as long as without the limit\n", r->slower[i]);
    }
    if (r->timed)
        fprintf(stderr,
                "wanc: times of %u shapes of convolutions measured in %.1f s, of %u from the timing cache, "
                "of %u by the model\n",
                r->measured, r->seconds, r->cached, r->modelled);
}

bool wanc_compile(const struct wanc_options *o, struct error *err) {
    struct compile_options options = compile_options_of(o);
    struct compile_outcome outcome;
    if (o->keep_taps && o->compile.bands == IR_BANDS_LEAST)
        return error_set(err, ERROR_USAGE, "--keep-taps: allows no bands, which --bands=least asks for");
    if (options.passes.stop_after != NULL) return compile_to_ir(o, &options, err);
    if (o->output == NULL) return error_set(err, ERROR_USAGE, "compile: -o PLAN is missing");
    if (!compile_to_file(&options, o->output, &outcome, err)) return false;
    if (!o->quiet) print_outcome(&options, &outcome);
    return true;
}
