// wanc inspect: opens the files, runs the pipeline without writing a plan, and says what it found, or what stood in the
// way.
#include "tools/wanc/inspect.h"

#include "frontend/names.h"
#include "tools/wanc/wanc.h"

#include <string.h>

enum { EXAMPLE_HEIGHT = 4, EXAMPLE_WIDTH = 6, FRAME_AXIS = 2 };

static const char before_layout[] =
    "eliminate_dead"; // the last pass of "a stream": caches, @first and @steady

// ---- the axes of the inputs

static void add_axis(struct inspection *in, size_t *capacity, struct inspected_axis a) {
    for (size_t i = 0; i < in->axis_count; i++) {
        const struct inspected_axis *b = &in->axes[i];
        if (strcmp(a.port, b->port) == 0 && strcmp(a.axis, b->axis) == 0 && a.size == b->size &&
            strcmp(a.name, b->name) == 0)
            return;
    }
    in->axes = arena_grow(&in->arena, in->axes, in->axis_count, capacity, sizeof *in->axes);
    in->axes[in->axis_count++] = a;
}

static void add_axes(struct inspection *in, size_t *capacity, const struct onnx_facts *f, bool open) {
    static const char *const names[] = {"batch", "channels", "frames", "height", "width"};
    for (size_t i = 0; i < f->input_count; i++) {
        const struct onnx_port *p = &f->inputs[i];
        bool latents = p->role == ONNX_ROLE_LATENTS, swapped = latents && f->time_axis == 1;
        if ((!latents && p->role != ONNX_ROLE_CACHE) || p->rank != 5) continue;
        for (int k = 0; k < p->rank; k++) {
            const struct onnx_dim *d = &p->dims[k];
            if ((d->size == 0) != open) continue;
            if (!latents && k != FRAME_AXIS) continue; // the others follow from the latents
            int axis = swapped && (k == 1 || k == 2) ? 3 - k : k;
            add_axis(in, capacity,
                     (struct inspected_axis){latents ? "latents" : "caches", names[axis], d->size, d->name});
        }
    }
}

static void list_axes(struct inspection *in) {
    size_t capacity = 0;
    for (int open = 1; open >= 0; open--) {
        for (int i = 0; i < in->file_count; i++) add_axes(in, &capacity, &in->files[i], open);
    }
}

// The form as far as the inputs tell: what an import would take the files for.
static const char *form_of_ports(const struct inspection *in) {
    const struct onnx_facts *f = &in->files[0];
    bool latents = false, flag = false, cache = false;
    for (size_t i = 0; i < f->input_count; i++) {
        latents = latents || f->inputs[i].role == ONNX_ROLE_LATENTS;
        flag = flag || f->inputs[i].role == ONNX_ROLE_FLAG;
        cache = cache || f->inputs[i].role == ONNX_ROLE_CACHE;
    }
    return in->file_count == 2 ? "pair" : !latents ? NULL : flag ? "flagged" : cache ? "step" : "full";
}

// ---- the latent size

static const struct onnx_port *latents_of(const struct onnx_facts *f) {
    for (size_t i = 0; i < f->input_count; i++) {
        if (f->inputs[i].role == ONNX_ROLE_LATENTS && f->inputs[i].rank == 5) return &f->inputs[i];
    }
    return NULL;
}

// The size asked for, else the file's own, and an example where that is open: any size shows the structure.
static struct latent_size choose_size(struct inspection *in, const struct wanc_options *o) {
    const struct onnx_port *p = latents_of(&in->files[0]);
    int64_t height = p ? p->dims[3].size : 0, width = p ? p->dims[4].size : 0;
    bool asked = o->compile.size_count > 0;
    in->size_from = asked ? "option" : height && width ? "file" : "example";
    return asked ? o->compile.sizes[0]
                 : (struct latent_size){height ? height : EXAMPLE_HEIGHT, width ? width : EXAMPLE_WIDTH};
}

// ---- what is in the way

// "pass resolve: node 'x' (matmul): why": the pass, the node, and the message without the pass.
static void refuse(struct inspection *in, const struct error *err) {
    struct arena *a = &in->arena;
    const char *message = clean_copy(a, err->message), *colon = strstr(message, ": ");
    in->refused.pass = "import";
    if (strncmp(message, "pass ", 5) == 0 && colon != NULL) {
        in->refused.pass = arena_printf(a, "%.*s", (int)(colon - message - 5), message + 5);
        message = colon + 2;
    }
    in->refused.message = message;
    for (int i = 0; i < in->file_count; i++) {
        if (in->files[i].missing_count > 0) return; // the message names several
    }
    const char *node = strstr(message, "node '"), *end = node ? strchr(node + 6, '\'') : NULL;
    if (end != NULL) in->refused.node = arena_printf(a, "%.*s", (int)(end - node - 6), node + 6);
}

static void split_notes(struct inspection *in, const struct ir_module *m) {
    static const char mark[] = "warning: ";
    size_t notes = 0, warnings = 0;
    char *text = arena_strdup(&in->arena, strbuf_text(&m->notes));
    for (char *line = text, *end; *line != '\0'; line = end) {
        end = line + strcspn(line, "\n");
        if (*end != '\0') *end++ = '\0';
        bool warning = strncmp(line, mark, sizeof mark - 1) == 0;
        const char *clean = clean_copy(&in->arena, warning ? line + sizeof mark - 1 : line);
        const char ***list = warning ? &in->warnings : &in->notes;
        size_t *count = warning ? &in->warning_count : &in->note_count;
        *list = arena_grow(&in->arena, *list, *count, warning ? &warnings : &notes, sizeof **list);
        (*list)[(*count)++] = clean;
    }
}

// ---- the pipeline

static bool run_rest(struct ir_module **m, struct error *err) {
    struct strbuf names = {0};
    const struct pass_options quiet = {0};
    int i = 0;
    while (strcmp(passes[i].name, before_layout) != 0) i++;
    while (++i < pass_count) strbuf_printf(&names, "%s ", passes[i].name);
    bool ok = pass_run_named(m, strbuf_text(&names), &quiet, err);
    strbuf_free(&names);
    return ok;
}

// Everything that compiling does, but for the plan.
static bool inspect_module(struct inspection *in, const struct wanc_options *o, struct ir_module **m,
                           struct error *err) {
    const struct pass_options up_to = {.stop_after = before_layout};
    bool ok = pass_run_all(m, &up_to, err);
    in->form = clean_copy(&in->arena, (*m)->form);
    if (ok) inspect_stream(in, *m, o->compile.first_as_is);
    ok = ok && run_rest(m, err);
    if (ok) inspect_result(in, *m);
    split_notes(in, *m);
    return ok;
}

static bool inspect_models(struct inspection *in, const struct wanc_options *o, const struct compilation *c,
                           struct error *err) {
    in->file_count = c->model_count;
    for (int i = 0; i < c->model_count; i++) in->files[i] = onnx_inspect(c->models[i], &in->arena);
    struct latent_size chosen = choose_size(in, o);
    struct ir_module *m = compilation_import(c, chosen, err);
    in->form = form_of_ports(in);
    if (m != NULL) in->latent_height = chosen.height, in->latent_width = chosen.width;
    bool ok = m != NULL && inspect_module(in, o, &m, err);
    ir_module_free(m);
    list_axes(in);
    if (!ok) refuse(in, err);
    return ok;
}

static bool write(const struct inspection *in, const struct wanc_options *o, struct error *err) {
    struct strbuf text = {0};
    struct error io = {0};
    bool ok = true;
    if (!o->json) inspection_text(in, &text);
    else ok = inspection_json(in, &text) || error_set(&io, ERROR_MEMORY, "inspect: no memory for the JSON");
    ok = ok && write_text(o, strbuf_text(&text), &io);
    strbuf_free(&text);
    if (!ok && io.code != ERROR_NONE) *err = io; // counts more than what the text says
    return ok;
}

static bool inspect(void *context, struct compilation *c, struct error *err) {
    const struct wanc_options *o = context;
    struct inspection in = {0};
    if (!compilation_open_models(c, err)) return false;
    bool ok = inspect_models(&in, o, c, err);
    ok = write(&in, o, err) && ok;
    arena_free(&in.arena);
    return ok;
}

bool wanc_inspect(const struct wanc_options *o, struct error *err) {
    struct compile_options options = compile_options_of(o);
    struct compilation c = {.o = &options};
    bool ok = compilation_guard(&c, inspect, (void *)o, err);
    compilation_close(&c, true, err);
    return ok;
}
