// What an ONNX file says about itself, before any pass has looked at it. Gathered once, for text and for JSON.
#ifndef WANC_FRONTEND_INSPECT_H
#define WANC_FRONTEND_INSPECT_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "frontend/onnx_load.h"

enum { ONNX_NAMED_NODES = 3 };

struct onnx_dim {
    int64_t size;     // 0: open
    const char *name; // of an open one, "" if it has none
};

enum onnx_role { ONNX_ROLE_LATENTS, ONNX_ROLE_CACHE, ONNX_ROLE_FLAG, ONNX_ROLE_OTHER };

struct onnx_port {           // an input or an output of the graph
    const char *name, *type; // type: "FLOAT"; NULL if it is not a tensor
    int rank;                // -1: of unknown shape
    struct onnx_dim *dims;
    enum onnx_role role; // of inputs
};

struct onnx_count {
    const char *name;
    uint64_t count;
};

struct onnx_missing { // an operator that is not supported
    const char *type; // with its domain, unless that is ONNX's own
    size_t count;
    const char *nodes[ONNX_NAMED_NODES]; // the first of them
    // Where the first of them stands.
    const char *feeds; // the operator that reads it, or "an output"
    const char *before,
        *after; // what it reads and what reads it: "'node' (Op)"; before: NULL if it is constants alone
    const char *scope;  // the path in front of its name, NULL if there is none
    const char *branch; // the branches around it, NULL in the main graph
    struct onnx_missing *next;
};

struct onnx_facts {
    const char *path, *producer, *producer_version;
    int64_t ir_version, opset;
    struct onnx_port *inputs, *outputs; // initializers that are listed as inputs are not among them
    size_t input_count, output_count;
    struct onnx_count *operators; // the most frequent first; also those inside of branches
    size_t operator_count, node_count;
    size_t weight_count;
    uint64_t weight_bytes;
    struct onnx_count *weights, *external; // bytes by element type, and of each file of external data
    size_t weight_types, external_count;
    struct onnx_missing *missing;
    size_t missing_count;
    int time_axis; // of the latents: 2, or 1 where the declared shape tells; a pass may know better
};

const char *onnx_role_name(enum onnx_role role);

// Names in the facts are clean: one line of UTF-8.
struct onnx_facts onnx_inspect(const struct onnx_model *model, struct arena *arena);
// Lines for people.
void onnx_facts_print(const struct onnx_facts *f, struct strbuf *out);
// One operator, on one line without its end.
void unsupported_print(const struct onnx_missing *m, struct strbuf *out);

#endif
