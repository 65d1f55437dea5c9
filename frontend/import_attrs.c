// Attributes of ONNX nodes: each is known by its operator's list, or refused, because one that we overlook
// could change what the operator means.
#include "frontend/importer.h"

#include <string.h>

enum { MAX_TEXT = 64 }; // of a string attribute: modes

const Onnx__AttributeProto *attr_find(const Onnx__NodeProto *n, const char *name) {
    for (size_t i = 0; i < n->n_attribute; i++) {
        if (strcmp(n->attribute[i]->name, name) == 0) return n->attribute[i];
    }
    return NULL;
}

static const struct attr_row *find_row(const struct attr_row *rows, const char *name) {
    while (rows->name != NULL && strcmp(rows->name, name) != 0) rows++;
    return rows->name != NULL ? rows : NULL;
}

static bool kind_fits(const Onnx__AttributeProto *a, enum attr_kind kind) {
    static const int type[] = {
        [ATTR_INT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
        [ATTR_FLOAT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
        [ATTR_INTS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
        [ATTR_STRING] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
        [ATTR_TENSOR] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR,
        [ATTR_GRAPH] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH,
        [ATTR_FLOATS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS,
    };
    if (kind == ATTR_ANY) return true;
    if (kind == ATTR_TENSOR && a->t == NULL) return false;
    if (kind == ATTR_GRAPH && a->g == NULL) return false;
    return !a->has_type || (int)a->type == type[kind]; // very old files have no type
}

static bool text_equal(const Onnx__AttributeProto *a, const char *text) {
    return a->s.len == strlen(text) && memcmp(a->s.data, text, a->s.len) == 0;
}

static bool has_default_value(const Onnx__AttributeProto *a, const struct attr_row *row) {
    if (row->kind == ATTR_STRING) return text_equal(a, row->text);
    if (row->kind == ATTR_FLOAT) return a->f == (float)row->number;
    return a->i == row->number;
}

static bool keep_text(struct ir_node *node, const Onnx__AttributeProto *a, const struct attr_row *row,
                      struct error *err) {
    char text[MAX_TEXT + 1] = "";
    if (a->s.len > MAX_TEXT)
        return error_set(err, ERROR_UNSUPPORTED, "attribute '%s' is too long", row->name);
    if (a->s.len > 0) memcpy(text, a->s.data, a->s.len);
    ir_attr_set_string(node, row->key, text);
    return true;
}

static bool keep(struct ir_node *node, const Onnx__AttributeProto *a, const struct attr_row *row,
                 struct error *err) {
    switch (row->kind) {
    case ATTR_INT: ir_attr_set_int(node, row->key, a->i); return true;
    case ATTR_FLOAT: ir_attr_set_float(node, row->key, a->f); return true;
    case ATTR_STRING: return keep_text(node, a, row, err);
    default: break;
    }
    if (a->n_ints > 1000) return error_set(err, ERROR_UNSUPPORTED, "attribute '%s' is too long", row->name);
    ir_attr_set_ints(node, row->key, (int)a->n_ints, a->ints);
    return true;
}

static bool import_one(struct ir_node *node, const Onnx__AttributeProto *a, const struct attr_row *rows,
                       struct error *err) {
    const struct attr_row *row = find_row(rows, a->name);
    if (row == NULL) return error_set(err, ERROR_UNSUPPORTED, "unknown attribute '%.60s'", a->name);
    if (!kind_fits(a, row->kind)) {
        return error_set(err, ERROR_INPUT, "attribute '%s' has the wrong type (%d)", row->name, (int)a->type);
    }
    if (row->use == ATTR_ONLY && !has_default_value(a, row)) {
        if (row->kind == ATTR_STRING) {
            return error_set(err, ERROR_UNSUPPORTED, "attribute '%s' is '%.*s', supported is '%s'", row->name,
                             (int)(a->s.len < MAX_TEXT ? a->s.len : MAX_TEXT), (const char *)a->s.data,
                             row->text);
        }
        return error_set(err, ERROR_UNSUPPORTED, "attribute '%s' is %g, supported is %lld", row->name,
                         row->kind == ATTR_FLOAT ? (double)a->f : (double)a->i, (long long)row->number);
    }
    return (row->use != ATTR_KEEP && row->use != ATTR_NEED) || keep(node, a, row, err);
}

static bool set_default(struct ir_node *node, const struct attr_row *row, struct error *err) {
    if (row->use == ATTR_NEED) return error_set(err, ERROR_INPUT, "attribute '%s' is missing", row->name);
    if (row->use != ATTR_KEEP || !row->has_default) return true;
    if (row->kind == ATTR_STRING) ir_attr_set_string(node, row->key, row->text);
    else ir_attr_set_int(node, row->key, row->number);
    return true;
}

bool attrs_import(struct ir_node *node, const Onnx__NodeProto *n, const struct attr_row *rows,
                  struct error *err) {
    for (size_t i = 0; i < n->n_attribute; i++) {
        if (!import_one(node, n->attribute[i], rows, err)) return false;
    }
    for (const struct attr_row *row = rows; row->name != NULL; row++) {
        if (attr_find(n, row->name) == NULL && !set_default(node, row, err)) return false;
    }
    return true;
}
