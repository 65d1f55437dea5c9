// Models, modules and passes: compile.h, the steps.
#include "compiler/compile.h"

#include "base/file.h"
#include "base/strbuf.h"
#include "compiler/fit.h"
#include "frontend/forms.h"

#include <string.h>

// ---- latent sizes

static bool has_size(const struct compile_options *o, struct latent_size size) {
    for (int i = 0; i < o->size_count; i++) {
        if (o->sizes[i].height == size.height && o->sizes[i].width == size.width) return true;
    }
    return false;
}

bool compile_add_size(struct compile_options *o, struct latent_size size, const char *name,
                      struct error *err) {
    long long height = size.height, width = size.width;
    if (height < 1 || width < 1 || height > COMPILE_MAX_SIDE || width > COMPILE_MAX_SIDE)
        return error_set(err, ERROR_USAGE, "%s: expected HxW with numbers from 1 to %d, found %lldx%lld",
                         name, COMPILE_MAX_SIDE, height, width);
    if (has_size(o, size))
        return error_set(err, ERROR_USAGE, "%s: %lldx%lld is given twice", name, height, width);
    if (o->size_count == PLAN_MAX_PROGRAMS)
        return error_set(err, ERROR_USAGE, "%s: more than %d sizes", name, PLAN_MAX_PROGRAMS);
    o->sizes[o->size_count++] = size;
    return true;
}

// ---- models

static struct onnx_model *open_model(const struct compile_source *from, const struct onnx_limits *limits,
                                     struct error *err) {
    return from->data == NULL ? onnx_model_open(from->path, limits, err)
                              : onnx_model_open_memory(from->data, from->bytes, from->path, limits, err);
}

// What earlier models take is not there for the next one.
static struct onnx_limits limits_of(const struct compilation *c) {
    const uint64_t limit = c->o->limit_memory, taken = c->scope.bytes;
    return (struct onnx_limits){.memory_bytes = limit == 0      ? 0
                                                : limit > taken ? limit - taken
                                                                : 1,
                                .nodes = c->o->limit_nodes,
                                .tensors = c->o->limit_nodes};
}

// What the inputs let it take, without limit_memory: docs/reliability.md.
static uint64_t limit_for(const struct compilation *c, uint64_t input_bytes) {
    enum { FIXED = 512 << 20 };
    return c->o->limit_memory ? c->o->limit_memory : FIXED + c->scope.bytes + input_bytes;
}

static uint64_t bytes_for_models(const struct compilation *c) {
    enum { NODE = 32 << 10, FILES = 4 };
    uint64_t a_size = 0; // all summands are far below 2^56: nodes have bytes in files, and those are mapped
    for (int i = 0; i < c->model_count; i++)
        a_size += NODE * onnx_model_nodes(c->models[i]) + FILES * onnx_model_file_bytes(c->models[i]);
    return a_size * (c->o->size_count > 0 ? (uint64_t)c->o->size_count : 1);
}

bool compilation_open_models(struct compilation *c, struct error *err) {
    for (; c->model_count < c->o->source_count; c->model_count++) {
        const struct onnx_limits limits = limits_of(c);
        c->models[c->model_count] = open_model(&c->o->sources[c->model_count], &limits, err);
        if (c->models[c->model_count] == NULL) return false;
    }
    // Opening has limits of its own, so that it is not left with a file mapped.
    c->scope.limit = limit_for(c, bytes_for_models(c));
    return true;
}

static const char *source_name(const struct compile_options *o) {
    return o->sources[0].path != NULL ? o->sources[0].path : "model in memory";
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct ir_module *compilation_import(const struct compilation *c, struct latent_size size,
                                     struct error *err) {
    const struct compile_options *o = c->o;
    struct import_options options = {.latent_height = size.height, .latent_width = size.width};
    struct ir_module *m = ir_module_new();
    m->choice = conv_choice_new(&m->arena, &o->choice);
    m->model_name = arena_strdup(&m->arena, file_name(source_name(o)));
    m->cache_dtype = o->cache_dtype;
    m->bands = o->bands;
    m->threads = o->threads;
    const struct onnx_model *const list[] = {c->models[0], c->models[1]};
    if (import_decoder(m, list, c->model_count, o->first_as_is, &options, err)) return m;
    ir_module_free(m);
    return NULL;
}

bool compilation_parse(struct compilation *c, const char *text, size_t bytes, struct error *err) {
    enum { TEXT = 1 << 10 };                               // the shortest operators take some 32 characters
    c->scope.limit = limit_for(c, (uint64_t)TEXT * bytes); // it is mapped, or was read: far below 2^54
    struct ir_module *m = ir_parse(text, source_name(c->o), NULL, err);
    if (m == NULL) return false;
    m->choice = conv_choice_new(&m->arena, &c->o->choice);
    c->modules[c->count++] = m;
    return true;
}

// ---- notes

static bool has_line(const struct ir_module *m, const char *line, size_t length) {
    for (const char *at = strbuf_text(&m->notes); *at != 0; at += strcspn(at, "\n") + 1) {
        if (strncmp(at, line, length) == 0) return true;
    }
    return false;
}

static void pass_line_on(const struct compile_options *o, const char *line, size_t length) {
    struct strbuf text = {0};
    strbuf_printf(&text, "%.*s", (int)length - 1, line);
    o->note(o->note_context, strbuf_text(&text));
    strbuf_free(&text);
}

// What the modules before it have not said yet.
static void pass_notes_on(const struct compilation *c, int index) {
    for (const char *line = strbuf_text(&c->modules[index]->notes); *line != 0;) {
        size_t length = strcspn(line, "\n") + 1; // every note ends its line
        bool said = false;
        for (int i = 0; i < index && !said; i++) said = has_line(c->modules[i], line, length);
        if (!said) pass_line_on(c->o, line, length);
        line += length;
    }
}

// ---- passes

const char *compilation_size_comment(const struct compilation *c, int index, char text[64]) {
    const struct compile_options *o = c->o;
    text[0] = 0;
    if (o->size_count > 1)
        snprintf(text, 64, "# latent size %dx%d\n", (int)o->sizes[index].height, (int)o->sizes[index].width);
    return text;
}

static void apply_setting(struct ir_module *m, const struct fit_setting *s) {
    struct conv_choice_options *o = &m->choice->options;
    m->bands = s->bands;
    o->conv = s->conv;
    o->byte_price = s->byte_price;
    o->byte_slack = s->byte_slack;
    o->threads = s->threads;
}

static bool compile_size(struct compilation *c, int index, struct error *err) {
    const struct compile_options *o = c->o;
    char comment[64];
    struct ir_module *m = compilation_import(c, o->sizes[index], err);
    if (m == NULL) return false;
    if (c->settings != NULL) apply_setting(m, &c->settings[index]);
    c->modules[c->count++] = m;
    if (o->passes.print_after != NULL || o->passes.timings)
        fputs(compilation_size_comment(c, index, comment), o->passes.out);
    if (!pass_run_all(&c->modules[index], &o->passes, err)) return false;
    if (o->note != NULL) pass_notes_on(c, index);
    return true;
}

static bool names_the_source(const struct compile_options *o, const struct error *err) {
    return strncmp(err->message, source_name(o), strlen(source_name(o))) == 0;
}

bool compilation_run(struct compilation *c, struct error *err) {
    const struct compile_options *o = c->o;
    if (!compilation_open_models(c, err)) return false;
    for (int i = 0; i == 0 || i < o->size_count; i++) { // none given: the model's own
        if (compile_size(c, i, err)) continue;
        if (o->size_count > 1 && !names_the_source(o, err))
            error_prefix(err, "latent size %dx%d", (int)o->sizes[i].height, (int)o->sizes[i].width);
        return false;
    }
    return true;
}

// What a function was doing when memory was out is lost: it never returns.
bool compilation_guard(struct compilation *c, compilation_work *work, void *context, struct error *err) {
    char limit[32];
    c->guarded = true;
    c->scope.limit = 0;
    if (setjmp(*arena_scope_enter(&c->scope)) == 0) return work(context, c, err);
    file_abandon();
    *err = (struct error){0};
    if (!c->scope.exceeded) return error_set(err, ERROR_MEMORY, "%s: out of memory", source_name(c->o));
    return error_set(err, ERROR_MEMORY, "%s: it takes more than the limit of %s (--limit-memory changes it)",
                     source_name(c->o), format_bytes(limit, c->scope.limit));
}

bool compilation_failed(const struct compilation *c, struct error *err) {
    bool named = names_the_source(c->o, err) || err->code == ERROR_USAGE || err->code == ERROR_IO;
    return named ? false : error_prefix(err, "%s", source_name(c->o));
}

bool compilation_close(struct compilation *c, bool ok, struct error *err) {
    if (!ok) compilation_failed(c, err);
    prepack_free(&c->prepack);
    while (c->count > 0) ir_module_free(c->modules[--c->count]);
    while (c->model_count > 0) onnx_model_close(c->models[--c->model_count]);
    if (c->guarded) arena_scope_leave(&c->scope);
    c->guarded = false;
    return ok;
}
