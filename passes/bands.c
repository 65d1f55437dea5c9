#include "passes/bands.h"

#include "passes/conv_node.h"
#include "passes/stream.h"
#include "plan/winograd.h"

static struct plan_band_operand operand(const struct ir_value *v, uint32_t scale, uint32_t halo) {
    return (struct plan_band_operand){.buffer =
                                          v->storage.place == IR_IN_BUFFER ? v->storage.buffer : PLAN_NONE,
                                      .height = (uint32_t)v->type.dims[1].first,
                                      .scale = scale,
                                      .halo = halo};
}

static bool conv_op(const struct ir_node *n, struct plan_band_op *b) {
    struct plan_conv c = conv_node_params(n);
    const struct ir_value *x = ir_in(n, 0),
                          *residual = n->op == IR_STREAM_CONV ? ir_in(n, STREAM_RESIDUAL) : NULL;
    uint32_t halo = c.kernel_h / 2;
    if (c.algorithm == PLAN_CONV_DIRECT || c.pad_top != halo || c.pad_bottom != halo ||
        x->type.dims[1].first * c.upsample != b->height)
        return false;
    b->tile = plan_winograd_tile_rows(&c);
    b->in[b->in_count++] = operand(x, c.upsample, halo);
    if (residual != NULL) b->in[b->in_count++] = operand(residual, 1, 0);
    return true;
}

static bool pixel_op(const struct ir_node *n, struct plan_band_op *b) {
    if (n->op != IR_FRAME_NORM && !(ir_info(n)->flags & IR_ELEMENTWISE)) return false;
    for (int i = 0; i < n->input_count; i++) {
        const struct ir_value *v = ir_in(n, i);
        if (v == NULL || v->constant != NULL) continue;
        if (!ir_type_equal(&v->type, &ir_out(n)->type) || b->in_count == PLAN_BAND_OPERANDS) return false;
        b->in[b->in_count++] = operand(v, 1, 0);
    }
    return true;
}

static bool band_op(const struct ir_node *n, struct plan_band_op *b) {
    if (n->output_count != 1 || ir_out(n)->type.rank != 4 || dim_is(ir_out(n)->type.dims[1], 0)) return false;
    struct plan_band_operand out = operand(ir_out(n), 1, 0);
    *b = (struct plan_band_op){.height = out.height, .tile = 1, .out = out.buffer};
    return n->op == IR_FRAME_CONV || n->op == IR_STREAM_CONV ? conv_op(n, b) : pixel_op(n, b);
}

uint32_t bands_tile(const struct ir_node *n) {
    struct plan_band_op b;
    return band_op(n, &b) ? b.tile : 0;
}

void bands_find(const struct ir_graph *g, struct bands_run *run) {
    struct ir_node *n = g->body.head;
    run->first = NULL;
    run->position = 0;
    for (; n != NULL && ir_attr_find(n, IR_KEY_BAND) == NULL; n = n->next) run->position++;
    if (n == NULL) return;
    run->first = n;
    run->bands.rows = (uint32_t)ir_attr_int(n, IR_KEY_BAND, 0);
    run->bands.count = 0;
    for (; n != NULL && ir_attr_find(n, IR_KEY_BAND) != NULL && run->bands.count < PLAN_MAX_BAND_OPS;
         n = n->next)
        band_op(n, &run->bands.ops[run->bands.count++]);
}

void bands_mark(struct ir_node *first, int count, int64_t rows) {
    for (struct ir_node *n = first; count > 0; n = n->next, count--) {
        if (rows > 0) ir_attr_set_int(n, IR_KEY_BAND, rows);
        else ir_attr_remove(n, IR_KEY_BAND);
    }
}
