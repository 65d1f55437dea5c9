// The table of ONNX operators, one row each, and the functions behind its rows.
#ifndef WANC_FRONTEND_OP_TABLE_H
#define WANC_FRONTEND_OP_TABLE_H

#include "frontend/importer.h"

enum { OP_MAX_ATTRS = 12 };

struct op {
    struct scope *scope;
    const Onnx__NodeProto *onnx;
    const struct op_row *row;
    struct ir_node *node; // already made, with the operands of the file and the attributes of the row
};

typedef bool op_handler(struct op *o);

struct op_row {
    const char *type;
    enum ir_op op;
    op_handler *handler; // changes the node into the newest form
    int since, until;    // versions of ONNX's operators; 0: no bound
    const char *kind;    // of a reduction
    struct attr_row attrs[OP_MAX_ATTRS + 1];
    const char *note; // for docs/operators.md: what is refused, or only done with constants; NULL: nothing
};

extern const struct op_row op_rows[]; // in alphabetical order
extern const size_t op_row_count;

// ---- op_spellings.c: attributes that became operands, implied defaults
op_handler do_axes, do_reduce, do_clip, do_pad, do_slice, do_split, do_resize, do_cast, do_cast_like,
    do_constant_of_shape, do_dropout, do_softmax, do_if;

// ---- op_compose.c: operators that are made of others
op_handler do_attention, do_gemm, do_lp_normalization, do_mean, do_reciprocal, do_relu, do_rms_normalization,
    do_sum, do_swish;

// A name for a constant that the import makes for a node.
const char *op_constant_name(const struct op *o, const char *what);

#endif
