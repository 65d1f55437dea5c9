// An inspection as JSON: docs/inspect.md names the fields. Strings are UTF-8, because the names in an inspection are.
#include "tools/wanc/inspect.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *count_list(const struct onnx_count *list, size_t count, const char *name, const char *number) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:I}", name, list[i].name, number, (json_int_t)list[i].count));
    return array;
}

static json_t *string_list(const char *const *list, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, json_string(list[i]));
    return array;
}

// ---- files

// A number, or the name of an open dimension, "" if it has none.
static json_t *shape_json(const struct onnx_port *p) {
    if (p->rank < 0) return json_null();
    json_t *array = json_array();
    for (int i = 0; i < p->rank; i++) {
        bool fixed = p->dims[i].size > 0;
        json_array_append_new(array, fixed ? json_integer(p->dims[i].size) : json_string(p->dims[i].name));
    }
    return array;
}

static json_t *ports_json(const struct onnx_port *ports, size_t count, bool inputs) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct onnx_port *p = &ports[i];
        json_t *port =
            json_pack("{s:s, s:s?, s:o}", "name", p->name, "type", p->type, "shape", shape_json(p));
        if (inputs) json_object_set_new(port, "role", json_string(onnx_role_name(p->role)));
        json_array_append_new(array, port);
    }
    return array;
}

static json_t *missing_json(const struct onnx_facts *f) {
    json_t *array = json_array();
    for (const struct onnx_missing *m = f->missing; m != NULL; m = m->next) {
        size_t named = m->count < ONNX_NAMED_NODES ? m->count : ONNX_NAMED_NODES;
        json_array_append_new(
            array, json_pack("{s:s, s:I, s:o, s:s, s:s?, s:s, s:s?, s:s?}", "operator", m->type, "count",
                             (json_int_t)m->count, "nodes", string_list(m->nodes, named), "feeds", m->feeds,
                             "before", m->before, "after", m->after, "scope", m->scope, "branch", m->branch));
    }
    return array;
}

static json_t *weights_json(const struct onnx_facts *f) {
    return json_pack("{s:I, s:I, s:o, s:o}", "tensors", (json_int_t)f->weight_count, "bytes",
                     (json_int_t)f->weight_bytes, "types",
                     count_list(f->weights, f->weight_types, "type", "bytes"), "external",
                     count_list(f->external, f->external_count, "file", "bytes"));
}

static json_t *file_json(const struct onnx_facts *f) {
    json_t *file = json_pack("{s:s, s:s, s:s, s:I, s:I}", "path", f->path, "producer", f->producer,
                             "producer_version", f->producer_version, "ir_version", (json_int_t)f->ir_version,
                             "opset", (json_int_t)f->opset);
    json_object_set_new(file, "inputs", ports_json(f->inputs, f->input_count, true));
    json_object_set_new(file, "outputs", ports_json(f->outputs, f->output_count, false));
    json_object_set_new(file, "nodes", json_integer((json_int_t)f->node_count));
    json_object_set_new(file, "operators", count_list(f->operators, f->operator_count, "operator", "count"));
    json_object_set_new(file, "weights", weights_json(f));
    json_object_set_new(file, "unsupported", missing_json(f));
    return file;
}

// ---- the form

static json_t *form_json(const struct inspection *in) {
    json_t *form = json_pack("{s:s?, s:s?, s:b, s:s?}", "name", in->form, "title", in->title, "proven",
                             in->proof != NULL, "proof", in->proof);
    json_object_set_new(form, "fixed_frames", in->frames ? json_integer(in->frames) : json_null());
    json_object_set_new(form, "steps", in->steps ? json_integer(in->steps) : json_null());
    json_object_set_new(form, "flag",
                        in->flag ? json_pack("{s:s, s:i}", "input", in->flag, "first", in->first_flag)
                                 : json_null());
    return form;
}

static json_t *axes_json(const struct inspection *in) {
    json_t *array = json_array();
    for (size_t i = 0; i < in->axis_count; i++) {
        const struct inspected_axis *a = &in->axes[i];
        json_t *axis = json_pack("{s:s, s:s}", "of", a->port, "axis", a->axis);
        if (a->size > 0) json_object_set_new(axis, "size", json_integer(a->size));
        else json_object_set_new(axis, "name", json_string(a->name));
        json_array_append_new(array, axis);
    }
    return array;
}

static json_t *size_json(const struct inspection *in) {
    if (in->latent_height == 0) return json_null();
    return json_pack("{s:I, s:I, s:s}", "height", (json_int_t)in->latent_height, "width",
                     (json_int_t)in->latent_width, "from", in->size_from);
}

// ---- the stream

static json_t *caches_json(const struct inspection *in) {
    json_t *array = json_array();
    for (size_t i = 0; i < in->cache_count; i++) {
        const struct inspected_cache *c = &in->caches[i];
        json_array_append_new(array, json_pack("{s:i, s:s, s:s, s:s?, s:s?, s:s?}", "slot", (int)i, "shape",
                                               c->shape, "convolution", c->conv, "input", c->input, "output",
                                               c->output, "first", c->first));
    }
    return array;
}

static json_t *stages_json(const struct inspection *in) {
    json_t *array = json_array();
    for (size_t i = 0; i < in->stage_count; i++) {
        const struct inspected_stage *s = &in->stages[i];
        json_array_append_new(array, json_pack("{s:I, s:I, s:I, s:I, s:i, s:i}", "height",
                                               (json_int_t)s->height, "width", (json_int_t)s->width, "first",
                                               (json_int_t)s->first, "steady", (json_int_t)s->steady,
                                               "convolutions", s->convs, "caches", s->caches));
    }
    return array;
}

static json_t *result_json(const struct inspection *in) {
    if (in->result_frames == NULL) return json_null();
    json_t *result =
        json_pack("{s:s?, s:I, s:I, s:s}", "shape", in->result_shape, "first", (json_int_t)in->result_first,
                  "steady", (json_int_t)in->result_steady, "frames", in->result_frames);
    json_object_set_new(result, "first_kept", in->first_kept ? json_integer(in->first_kept) : json_null());
    return result;
}

static json_t *stream_json(const struct inspection *in) {
    if (!in->streams) return json_null();
    return json_pack("{s:o, s:o, s:o}", "stages", stages_json(in), "result", result_json(in), "caches",
                     caches_json(in));
}

static json_t *refused_json(const struct inspection *in) {
    if (in->refused.message == NULL) return json_null();
    return json_pack("{s:s, s:s?, s:s}", "pass", in->refused.pass, "node", in->refused.node, "message",
                     in->refused.message);
}

bool inspection_json(const struct inspection *in, struct strbuf *out) {
    json_t *files = json_array();
    for (int i = 0; i < in->file_count; i++) json_array_append_new(files, file_json(&in->files[i]));
    json_t *root =
        json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version", INSPECT_VERSION, "files", files,
                  "form", form_json(in), "axes", axes_json(in), "latent_size", size_json(in), "stream",
                  stream_json(in), "notes", string_list(in->notes, in->note_count), "warnings",
                  string_list(in->warnings, in->warning_count), "refused", refused_json(in));
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    if (text != NULL) strbuf_printf(out, "%s\n", text);
    free(text);
    json_decref(root);
    return text != NULL;
}
