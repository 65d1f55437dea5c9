// Nodes of the file to nodes of the IR, each by its row in the table (op_table.c).
#include "frontend/op_table.h"
#include "frontend/order.h"

#include <string.h>

static struct ir_value *import_constant(struct scope *s, const Onnx__NodeProto *n) {
    struct importer *im = s->im;
    const char *name = n->n_output == 1 ? n->output[0] : "";
    const Onnx__AttributeProto *a = n->n_attribute == 1 ? n->attribute[0] : NULL;
    const char *form = a != NULL ? a->name : NULL;
    if (name[0] == '\0') error_set(im->err, ERROR_INPUT, "it has no output");
    else if (a == NULL)
        error_set(im->err, ERROR_UNSUPPORTED, "a constant given by %zu attributes", n->n_attribute);
    else if (strcmp(form, "value") == 0 && a->t != NULL) return constant_of_tensor(im, a->t, name);
    else if (strcmp(form, "value_float") == 0) return constant_of_floats(im, name, true, 1, &a->f);
    else if (strcmp(form, "value_floats") == 0)
        return constant_of_floats(im, name, false, a->n_floats, a->floats);
    else if (strcmp(form, "value_int") == 0) return constant_of_ints(im, name, true, 1, &a->i);
    else if (strcmp(form, "value_ints") == 0) return constant_of_ints(im, name, false, a->n_ints, a->ints);
    else error_set(im->err, ERROR_UNSUPPORTED, "a constant given by '%.60s'", form);
    return NULL;
}

// Whether anything in the graph, or in branches of it, reads that name.
static bool is_read(const Onnx__GraphProto *g, const char *name) {
    for (size_t i = 0; i < g->n_output; i++) {
        if (strcmp(g->output[i]->name, name) == 0) return true;
    }
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        for (size_t k = 0; k < n->n_input; k++) {
            if (strcmp(n->input[k], name) == 0) return true;
        }
        for (size_t k = 0; k < n->n_attribute; k++) {
            if (n->attribute[k]->g != NULL && is_read(n->attribute[k]->g, name)) return true;
        }
    }
    return false;
}

// Outputs beyond those that we compute (a mask, a cache of keys) may be named if nobody wants them.
static bool count_outputs(const struct scope *s, const Onnx__NodeProto *n, enum ir_op op, int *count) {
    struct error *err = s->im->err;
    int fixed = ir_op_info[op].outputs;
    *count = fixed >= 0 ? fixed : (int)n->n_output;
    if (n->n_output < 1 || n->n_output < (size_t)*count)
        return error_set(err, ERROR_INPUT, "it has no output");
    for (size_t i = (size_t)*count; i < n->n_output; i++) {
        if (n->output[i][0] == '\0' || !is_read(s->graph, n->output[i])) continue;
        return error_set(err, ERROR_UNSUPPORTED, "its output '%.100s' is one too many", n->output[i]);
    }
    return true;
}

static bool check_operands(const struct ir_node *node, struct error *err) {
    const struct ir_op_info *info = ir_info(node);
    if (node->input_count < info->min_in || (info->max_in >= 0 && node->input_count > info->max_in)) {
        return error_set(err, ERROR_INPUT, "it has %d operands, %s %d are expected", node->input_count,
                         node->input_count < info->min_in ? "at least" : "at most",
                         node->input_count < info->min_in ? info->min_in : info->max_in);
    }
    for (int i = 0; i < node->input_count; i++) {
        bool needed = i < info->min_in || info->max_in < 0;
        if (needed && ir_in(node, i) == NULL)
            return error_set(err, ERROR_INPUT, "its operand %d is absent", i);
    }
    return true;
}

static const char *name_of_node(struct importer *im, const Onnx__NodeProto *n) {
    bool named = n->name != NULL && n->name[0] != '\0';
    const char *name = named ? n->name : arena_printf(&im->scratch, "%s_%.150s", n->op_type, node_label(n));
    return unique_name(&im->node_names, name);
}

struct ir_node *op_import(struct scope *s, const Onnx__NodeProto *n, int input_count,
                          struct ir_value **inputs, struct ir_value **value) {
    struct importer *im = s->im;
    struct op o = {.scope = s, .onnx = n, .row = op_row_find(n, im->model->opset)};
    int outputs;
    *value = NULL;
    if (o.row == NULL) {
        error_set(im->err, ERROR_INTERNAL, "an unsupported operator was overlooked");
        return NULL;
    }
    if (strcmp(n->op_type, "Constant") == 0) {
        *value = import_constant(s, n);
        return NULL;
    }
    if (!count_outputs(s, n, o.row->op, &outputs)) return NULL;
    o.node = ir_node_new(s->block, NULL, o.row->op, "v", input_count, inputs, outputs);
    o.node->name = name_of_node(im, n);
    bool ok = attrs_import(o.node, n, o.row->attrs, im->err) && (!o.row->handler || o.row->handler(&o)) &&
              check_operands(o.node, im->err);
    return ok ? o.node : NULL;
}
