// Copying a graph: specialisation starts from two copies of the streaming graph.
#include "ir/ir.h"

static struct ir_value *mapped(struct ir_value *v) { return v == NULL || v->constant ? v : v->map; }

struct ir_node *ir_node_clone(const struct ir_node *from, struct ir_block *to) {
    struct arena *a = &to->graph->module->arena;
    struct ir_value **inputs = arena_array(a, (size_t)from->input_count + 1, sizeof *inputs);
    for (int i = 0; i < from->input_count; i++) inputs[i] = mapped(from->inputs[i].value);
    struct ir_node *n = ir_node_new(to, NULL, from->op, "v", from->input_count, inputs, from->output_count);
    n->name = from->name;
    ir_attr_copy_all(n, from);
    for (int i = 0; i < from->output_count; i++) {
        struct ir_value *old = from->outputs[i], *v = n->outputs[i];
        v->name = old->name;
        v->type = old->type;
        v->declared = old->declared;
        old->map = v;
    }
    return n;
}

struct ir_graph *ir_graph_clone(struct ir_graph *from, const char *name) {
    struct ir_graph *g = ir_graph_new(from->module, name);
    for (int i = 0; i < from->input_count; i++) {
        struct ir_value *old = from->inputs[i];
        old->map = ir_graph_add_input(g, old->name, old->type);
        old->map->declared = old->declared;
    }
    for (const struct ir_node *n = from->body.head; n != NULL; n = n->next) ir_node_clone(n, &g->body);
    return g;
}
