#include "plan/bands.h"

#include "plan/winograd.h"

#include <string.h>

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

// ---- an operator of a plan

static struct plan_band_operand operand(const struct plan *p, uint32_t view, uint32_t scale, uint32_t halo) {
    const struct plan_view *v = &p->views[view];
    return (struct plan_band_operand){.buffer = v->space == PLAN_ARENA ? v->index : PLAN_NONE,
                                      .height = v->height,
                                      .scale = scale,
                                      .halo = halo};
}

static void add(struct plan_band_op *b, struct plan_band_operand in) { b->in[b->in_count++] = in; }

// Convolutions that work on blocks, and leave the height of the (enlarged) image as it is.
static bool conv_op(const struct plan *p, const struct plan_op *op, struct plan_band_op *b) {
    const struct plan_conv *c = &op->params.conv;
    uint32_t halo = c->kernel_h / 2, image = p->views[op->in[0]].height;
    if (c->algorithm == PLAN_CONV_DIRECT || c->pad_top != halo || c->pad_bottom != halo ||
        (uint64_t)image * c->upsample != b->height)
        return false;
    b->tile = plan_winograd_tile_rows(c);
    add(b, operand(p, op->in[PLAN_CONV_IMAGE], c->upsample, halo));
    if (op->in[PLAN_CONV_RESIDUAL] != PLAN_NONE) add(b, operand(p, op->in[PLAN_CONV_RESIDUAL], 1, 0));
    return true;
}

bool plan_band_op(const struct plan *p, const struct plan_op *op, struct plan_band_op *b) {
    const struct plan_view *out = &p->views[op->out];
    *b = (struct plan_band_op){
        .height = out->height, .tile = 1, .out = out->space == PLAN_ARENA ? out->index : PLAN_NONE};
    switch (op->kind) {
    case PLAN_OP_CONV: return conv_op(p, op, b);
    case PLAN_OP_BINARY: add(b, operand(p, op->in[1], 1, 0)); break;
    case PLAN_OP_NORM:
    case PLAN_OP_SCALE:
    case PLAN_OP_UNARY: break;
    default: return false;
    }
    add(b, operand(p, op->in[0], 1, 0));
    return true;
}

// ---- from rows of a result to rows of an operand, and back

static uint32_t lowest_read(const struct plan_band_operand *in, uint32_t row) {
    return row < in->halo ? 0 : (row - in->halo) / in->scale;
}

static uint32_t read_end(const struct plan_band_operand *in, uint32_t end) {
    return end == 0 ? 0 : smaller(in->height, (end - 1 + in->halo) / in->scale + 1);
}

// How many rows of a result can be computed of so many rows of an operand.
static uint32_t computable(const struct plan_band_op *op, const struct plan_band_operand *in, bool backward,
                           uint32_t available) {
    uint64_t scaled = (uint64_t)in->scale * (backward ? in->height - available : available);
    if (available >= in->height) return op->height;
    if (!backward) return scaled > in->halo ? (uint32_t)(scaled - in->halo) : 0;
    return scaled + in->halo < op->height ? op->height - (uint32_t)(scaled + in->halo) : 0;
}

// How many rows of a buffer of `height` rows an operator may overwrite that another one, which has done so many rows of
// its own, reads.
static uint32_t overwritable(const struct plan_band_op *reader, const struct plan_band_operand *in,
                             bool backward, uint32_t done) {
    if (done >= reader->height) return in->height;
    return backward ? in->height - read_end(in, reader->height - done) : lowest_read(in, done);
}

// Whole tiles, or all.
static uint32_t whole_tiles(const struct plan_band_op *op, bool backward, uint32_t rows) {
    if (rows >= op->height) return op->height;
    if (!backward) return rows / op->tile * op->tile;
    uint32_t first = (op->height - rows + op->tile - 1) / op->tile * op->tile;
    return first < op->height ? op->height - first : 0;
}

// ---- an iteration

void plan_bands_start(struct plan_bands *b, bool backward) {
    b->backward = backward;
    memset(b->before, 0, sizeof b->before);
    memset(b->done, 0, sizeof b->done);
}

// In front of operator `op`, the last one that writes a buffer; or count.
static uint32_t writer_of(const struct plan_bands *b, uint32_t op, uint32_t buffer) {
    for (uint32_t w = op; buffer != PLAN_NONE && w > 0; w--) {
        if (b->ops[w - 1].out == buffer) return w - 1;
    }
    return b->count;
}

// Its part of the iteration: rows in proportion to those of the first operator, whole tiles of them.
static uint32_t limit_by_part(const struct plan_bands *b, uint32_t index) {
    const struct plan_band_op *op = &b->ops[index];
    uint64_t part = (uint64_t)b->rows * op->height / b->ops[0].height;
    part = (part + op->tile - 1) / op->tile * op->tile + b->before[index];
    return part < op->height ? (uint32_t)part : op->height;
}

// Operands that the run does not make are all there.
static uint32_t limit_by_operands(const struct plan_bands *b, uint32_t index) {
    const struct plan_band_op *op = &b->ops[index];
    uint32_t limit = op->height;
    for (uint32_t i = 0; i < op->in_count; i++) {
        uint32_t w = writer_of(b, index, op->in[i].buffer);
        if (w < b->count) limit = smaller(limit, computable(op, &op->in[i], b->backward, b->done[w]));
    }
    return limit;
}

// What operators in front of it have yet to read or to write in the buffer that it writes.
static uint32_t limit_by_buffer(const struct plan_bands *b, uint32_t index) {
    const struct plan_band_op *op = &b->ops[index];
    uint32_t limit = op->height;
    for (uint32_t k = 0; k < index && op->out != PLAN_NONE; k++) {
        const struct plan_band_op *other = &b->ops[k];
        if (other->out == op->out) limit = smaller(limit, b->done[k]);
        for (uint32_t i = 0; i < other->in_count; i++) {
            if (other->in[i].buffer != op->out) continue;
            limit = smaller(limit, overwritable(other, &other->in[i], b->backward, b->done[k]));
        }
    }
    return limit;
}

bool plan_bands_next(struct plan_bands *b) {
    bool moved = false;
    memcpy(b->before, b->done, b->count * sizeof *b->done);
    for (uint32_t k = 0; k < b->count; k++) {
        uint32_t rows = smaller(limit_by_part(b, k), smaller(limit_by_operands(b, k), limit_by_buffer(b, k)));
        b->done[k] = larger(b->done[k], whole_tiles(&b->ops[k], b->backward, rows));
        moved = moved || b->done[k] > b->before[k];
    }
    return moved;
}

static struct plan_rows part(const struct plan_band_op *op, bool backward, uint32_t before, uint32_t done) {
    return backward ? (struct plan_rows){op->height - done, op->height - before}
                    : (struct plan_rows){before, done};
}

struct plan_rows plan_bands_rows(const struct plan_bands *b, uint32_t op) {
    return part(&b->ops[op], b->backward, b->before[op], b->done[op]);
}

// ---- windows

static void include(struct plan_rows *w, uint32_t first, uint32_t end) {
    if (first >= end) return;
    *w = w->first >= w->end ? (struct plan_rows){first, end}
                            : (struct plan_rows){smaller(w->first, first), larger(w->end, end)};
}

// Of an operator: what it reads and writes now, and the edge at which it goes on: rows behind that wait for it.
static void include_op(const struct plan_bands *b, uint32_t index, uint32_t buffer, struct plan_rows *w) {
    const struct plan_band_op *op = &b->ops[index];
    if (b->before[index] >= op->height) return;
    struct plan_rows rows = plan_bands_rows(b, index);
    if (op->out == buffer) include(w, rows.first, rows.end);
    for (uint32_t i = 0; i < op->in_count; i++) {
        const struct plan_band_operand *in = &op->in[i];
        uint32_t writer = writer_of(b, index, buffer);
        if (in->buffer != buffer || writer == b->count) continue;
        struct plan_rows made = part(&b->ops[writer], b->backward, 0, b->done[writer]);
        if (b->backward)
            include(w, made.first, smaller(made.end, read_end(in, op->height - b->before[index])));
        else include(w, larger(made.first, lowest_read(in, b->before[index])), made.end);
    }
}

struct plan_rows plan_bands_window(const struct plan_bands *b, uint32_t buffer) {
    struct plan_rows w = {0, 0};
    for (uint32_t k = 0; k < b->count; k++) include_op(b, k, buffer, &w);
    return w;
}

// ---- over all iterations

// The most rows that `rows_of` gives for `index` in an iteration, in either direction.
static uint32_t most_rows(struct plan_bands *b,
                          struct plan_rows (*rows_of)(const struct plan_bands *, uint32_t), uint32_t index) {
    uint32_t most = 0;
    for (int backward = 0; backward < 2; backward++) {
        plan_bands_start(b, backward);
        while (plan_bands_next(b)) {
            struct plan_rows r = rows_of(b, index);
            most = larger(most, r.end - r.first);
        }
    }
    return most;
}

uint32_t plan_bands_capacity(struct plan_bands *b, uint32_t buffer) {
    return most_rows(b, plan_bands_window, buffer);
}

uint32_t plan_bands_most_rows(struct plan_bands *b, uint32_t op) { return most_rows(b, plan_bands_rows, op); }

// ---- of a variant

bool plan_bands_of(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                   struct plan_bands *b) {
    const struct plan_variant_info *i = &g->variant[v];
    if (i->band_rows == 0 || i->band_count > PLAN_MAX_BAND_OPS) return false;
    b->rows = i->band_rows;
    b->count = i->band_count;
    for (uint32_t k = 0; k < b->count; k++) {
        if (!plan_band_op(p, &p->ops[i->first_op + i->band_first + k], &b->ops[k])) return false;
    }
    plan_bands_start(b, false);
    return true;
}

uint32_t plan_rows_at_once(const struct plan *p, const struct plan_program *g, enum plan_variant v,
                           uint32_t op) {
    const struct plan_variant_info *i = &g->variant[v];
    struct plan_bands b;
    bool in_run = op >= i->band_first && op - i->band_first < i->band_count && plan_bands_of(p, g, v, &b);
    return in_run ? plan_bands_most_rows(&b, op - i->band_first)
                  : p->views[p->ops[i->first_op + op].out].height;
}
