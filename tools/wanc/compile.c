// wanc compile and wanc inspect: both open ONNX files; inspect goes as far as it can without writing
// anything.
#include "frontend/forms.h"
#include "frontend/inspect.h"
#include "ir/canonical.h"
#include "passes/emit.h"
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <string.h>

struct models {
    struct onnx_model *open[2];
    int count;
};

static void close_models(struct models *models) {
    while (models->count > 0) onnx_model_close(models->open[--models->count]);
}

static bool open_models(const struct wanc_options *o, struct models *models, struct error *err) {
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

static struct ir_module *import(const struct wanc_options *o, const struct models *models,
                                struct error *err) {
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

// ---- inspect

static void print_type(const char *label, const char *name, const struct ir_type *t) {
    struct strbuf text = {0};
    ir_type_print(t, &text);
    printf("%s %s%s%s\n", label, name, name[0] ? ": " : "", strbuf_text(&text));
    strbuf_free(&text);
}

static void print_stream(const struct ir_module *m) {
    static const char *const names[] = {"first", "steady"};
    printf("caches      %d, each the last frames of the input of a convolution\n", m->cache_count);
    for (const struct ir_cache *c = m->caches; c != NULL; c = c->next) print_type(" ", c->producer, &c->type);
    for (int i = 0; i < 2; i++) {
        struct ir_graph *g = ir_graph_find(m, names[i]);
        struct ir_node *results = g ? ir_return_of(g) : NULL;
        if (results && results->input_count == 1)
            print_type(i ? "later steps" : "first step ", "give", &ir_in(results, 0)->type);
    }
}

// What the compiler makes of the graph: its form and its stream, or why it has none.
static bool inspect_stream(const struct wanc_options *o, const struct models *models, struct error *err) {
    struct wanc_options with_size = *o; // any size shows the structure
    struct pass_options passes = {.stop_after = "specialise"};
    if (o->latent_height == 0) with_size.latent_height = 4, with_size.latent_width = 6;
    struct error retry = {0};
    struct ir_module *m = import(&with_size, models, &retry);
    if (m == NULL && o->latent_height == 0) m = import(o, models, err); // the model's size is fixed
    else if (m == NULL) *err = retry;
    bool ok = m != NULL && pass_run_all(&m, &passes, err);
    if (ok) {
        const struct ir_type *latents = &ir_graph_find(m, "steady")->inputs[0]->type;
        printf("form        %s\n", m->form);
        print_type(o->latent_height ? "stream      of latents" : "stream      for example of latents", "",
                   latents);
        print_notes(m, stdout);
        print_stream(m);
    } else printf("not streamed: %s\n", err->message);
    ir_module_free(m);
    return ok;
}

bool wanc_inspect(const struct wanc_options *o, struct error *err) {
    struct models models = {0};
    bool ok = open_models(o, &models, err);
    for (int i = 0; ok && i < models.count; i++) {
        struct strbuf text = {0};
        onnx_inspect(models.open[i], &text);
        fputs(strbuf_text(&text), stdout);
        strbuf_free(&text);
    }
    ok = ok && inspect_stream(o, &models, err);
    close_models(&models);
    return ok;
}
