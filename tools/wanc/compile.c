// wanc compile, and the opening and importing of ONNX files that it shares with wanc inspect.
#include "frontend/forms.h"
#include "ir/canonical.h"
#include "passes/emit.h"
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <string.h>

void close_models(struct models *models) {
    while (models->count > 0) onnx_model_close(models->open[--models->count]);
}

bool open_models(const struct wanc_options *o, struct models *models, struct error *err) {
    for (int i = 0; i < o->file_count; i++) {
        models->open[i] = onnx_model_open(o->files[i], NULL, err);
        if (models->open[i] == NULL) return false;
        models->count++;
    }
    return true;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct ir_module *import(const struct wanc_options *o, const struct models *models, struct error *err) {
    struct import_options options = {.latent_height = o->latent_height, .latent_width = o->latent_width};
    struct ir_module *m = ir_module_new();
    m->conv = o->conv;
    m->model_name = arena_strdup(&m->arena, file_name(o->files[0]));
    const struct onnx_model *const list[] = {models->open[0], models->open[1]};
    if (import_decoder(m, list, models->count, o->first_as_is, &options, err)) return m;
    ir_module_free(m);
    return NULL;
}

static void print_notes(const struct ir_module *m, FILE *out) { fputs(strbuf_text(&m->notes), out); }

static bool write_module(struct ir_module *m, const struct wanc_options *o, struct error *err) {
    struct strbuf text = {0};
    if (o->canonical) ir_canonical(m);
    ir_print(m, &text);
    bool ok = write_text(o, strbuf_text(&text), err);
    strbuf_free(&text);
    return ok;
}

bool wanc_compile(const struct wanc_options *o, struct error *err) {
    if (o->output == NULL && o->passes.stop_after == NULL)
        return error_set(err, ERROR_USAGE, "compile: -o PLAN is missing");
    struct models models = {0};
    struct ir_module *m = NULL;
    bool ok = open_models(o, &models, err) && (m = import(o, &models, err)) != NULL &&
              pass_run_all(&m, &o->passes, err);
    if (ok && !o->quiet) print_notes(m, stderr);
    if (ok && o->passes.stop_after != NULL) ok = write_module(m, o, err);
    else if (ok) ok = emit_plan(m, o->output, err);
    if (!ok && strncmp(err->message, o->files[0], strlen(o->files[0])) != 0 && err->code != ERROR_USAGE &&
        err->code != ERROR_IO) {
        error_prefix(err, "%s", o->files[0]);
    }
    ir_module_free(m);
    close_models(&models);
    return ok;
}
