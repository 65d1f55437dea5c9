#define _GNU_SOURCE
#include "onnx_use.h"

#include "compile_use.h"
#include "compiler/compile.h"
#include "frontend/forms.h"
#include "frontend/inspect.h"
#include "frontend/onnx_model.h"
#include "fuzz.h"
#include "passes/pass.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_INPUTS = 16 };
#define MOST_NUMBERS ((int64_t)1 << 16)
#define MOST_MEMORY ((uint64_t)512 << 20) // of arenas

static const struct onnx_limits limits = {.file_bytes = 1 << 20,
                                          .external_bytes = 4 << 20,
                                          .memory_bytes = 16 << 20,
                                          .tensor_bytes = 1 << 20,
                                          .nodes = 2000,
                                          .tensors = 2000,
                                          .ports = 100};

// ---- a folder

static char folder[] = "/tmp/wanc-fuzz-XXXXXX";

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *f) {
    (void)s, (void)type, (void)f;
    return remove(path);
}

static void remove_folder(void) { nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

const char *onnx_use_path(const char *name) {
    static char paths[2][128];
    static int which;
    static bool made;
    if (!made) {
        FUZZ_EXPECT(mkdtemp(folder) != NULL, "no folder in /tmp");
        atexit(remove_folder);
        made = true;
    }
    which ^= 1;
    snprintf(paths[which], sizeof paths[which], "%s/%s", folder, name);
    return paths[which];
}

// ---- models

static void inspect(const struct onnx_model *model) {
    struct arena arena = {0};
    struct strbuf text = {0};
    struct onnx_facts facts = onnx_inspect(model, &arena);
    onnx_facts_print(&facts, &text);
    strbuf_free(&text);
    arena_free(&arena);
}

static struct ir_module *new_module(struct compilation *c) {
    c->scope.limit = MOST_MEMORY;
    return c->modules[c->count++] = ir_module_new();
}

static bool compile(void *model, struct compilation *c, struct error *err) {
    const struct onnx_model *const list[] = {model};
    const struct import_options options = {.latent_height = 2, .latent_width = 3};
    return import_decoder(new_module(c), list, 1, false, &options, err) && compile_use(&c->modules[0], err);
}

// ---- models of single operators

static bool is_initialized(const Onnx__GraphProto *g, const char *name) {
    for (size_t i = 0; i < g->n_initializer; i++) {
        if (strcmp(g->initializer[i]->name, name) == 0) return true;
    }
    return false;
}

// As it is declared, open lengths being 2.
static bool declared_type(const Onnx__ValueInfoProto *info, struct ir_type *type) {
    if (info->type == NULL || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return false;
    const Onnx__TypeProto__Tensor *t = info->type->tensor_type;
    int64_t count = 1;
    *type = (struct ir_type){.time_axis = -1};
    if (!onnx_dtype(t->elem_type, &type->dtype) || t->shape == NULL || t->shape->n_dim > IR_MAX_RANK)
        return false;
    for (size_t i = 0; i < t->shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = t->shape->dim[i];
        bool fixed = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        int64_t n = fixed ? d->dim_value : 2;
        if (n < 0 || n > MOST_NUMBERS || (count *= n) > MOST_NUMBERS) return false;
        type->dims[type->rank++] = dim_const(n);
    }
    return true;
}

// Integers are constants, as in shape arithmetic, whose values are small.
static struct ir_value *constant_of(struct ir_module *m, const struct ir_type *type) {
    int64_t count = 1;
    ir_type_count(type, &count);
    struct ir_dim *ints = arena_array(&m->arena, (size_t)count + 1, sizeof *ints);
    for (int64_t i = 0; i < count; i++) ints[i] = dim_const(i % 3 + (type->dtype != IR_BOOL && count == 1));
    return ir_constant_ints(m, "input", type->dtype, type->rank, type->dims, ints);
}

static bool import(struct ir_module *m, const struct onnx_model *model, struct error *err) {
    const Onnx__GraphProto *g = model->proto->graph;
    struct import_input inputs[MOST_INPUTS];
    struct ir_graph *graph;
    size_t count = 0;
    for (size_t i = 0; i < g->n_input; i++) {
        if (is_initialized(g, g->input[i]->name)) continue;
        if (count == MOST_INPUTS || !declared_type(g->input[i], &inputs[count].type))
            return error_set(err, ERROR_UNSUPPORTED, "an input of another type");
        const struct ir_type *type = &inputs[count].type;
        inputs[count++].constant = ir_dtype_is_float(type->dtype) ? NULL : constant_of(m, type);
    }
    return import_graph_with_inputs(m, model, "full", count, inputs, &graph, err);
}

static bool evaluate(void *model, struct compilation *c, struct error *err) {
    static const char names[] =
        "resolve share_constants simplify fold_rearranges merge_slices fold_pads recognise_rms_norm "
        "recognise_silu recognise_attention eliminate_common eliminate_dead";
    const struct pass_options options = {.verify_each = true};
    return import(new_module(c), model, err) && pass_run_named(&c->modules[0], names, &options, err);
}

// ---- both

static void use(const uint8_t *data, size_t size, const char *path, compilation_work *run) {
    const struct compile_options options = {.sources[0].path = path};
    struct compilation c = {.o = &options};
    struct error err = {0};
    unsigned char *copy = fuzz_copy(data, size, 1);
    struct onnx_model *model = onnx_model_open_memory(copy, size, path, &limits, &err);
    free(copy);
    bool ok = model != NULL;
    if (ok) {
        inspect(model);
        ok = compilation_close(&c, compilation_guard(&c, run, model, &err), &err);
    }
    FUZZ_EXPECT(ok || (err.code != ERROR_NONE && err.code != ERROR_INTERNAL), "%s", err.message);
    onnx_model_close(model);
}

void onnx_use(const uint8_t *data, size_t size, const char *path) { use(data, size, path, compile); }
void onnx_use_operators(const uint8_t *data, size_t size, const char *path) {
    use(data, size, path, evaluate);
}
