// Models that are small, well-formed, and ask for much: of depth, of nodes, of memory, of time.
//
//     make_hostile KIND COUNT FILE.onnx
//
// chain      COUNT operators behind each other
// diamonds   each of COUNT operators reads the one in front of it twice: 2^COUNT ways to the input
// constants  COUNT constants, each of a million numbers that the file does not have
// moves      COUNT repetitions of a list, each by a number that the file only names
// nested     branches in branches, COUNT deep
// calls      COUNT functions, each of which calls the next one twice
#include "support/onnx_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MILLION = 1 << 20 };

static char names[2][32];
static const char *name(const char *prefix, int i) {
    char *text = names[i & 1];
    snprintf(text, sizeof names[0], "%s%d", prefix, i);
    return text;
}

static void chain(struct onnx_builder *b, int count) {
    build_node(b, b->graph, "Sigmoid", "frames", "v0");
    for (int i = 1; i <= count; i++) build_node(b, b->graph, "Sigmoid", name("v", i - 1), name("v", i));
    build_output(b, b->graph, name("v", count));
}

static void diamonds(struct onnx_builder *b, int count) {
    build_node(b, b->graph, "Sigmoid", "frames", "v0");
    for (int i = 1; i <= count; i++) {
        char both[64];
        snprintf(both, sizeof both, "v%d,v%d", i - 1, i - 1);
        build_node(b, b->graph, "Add", both, name("v", i));
    }
    build_output(b, b->graph, name("v", count));
}

// Their sums over all elements are added to the frames, so that somebody reads them.
static void constants(struct onnx_builder *b, int count) {
    const int64_t shape[] = {MILLION}, one[] = {1};
    build_ints(b, "million", 1, shape);
    build_ints(b, "one", 1, one);
    build_node(b, b->graph, "Identity", "frames", "v0");
    for (int i = 1; i <= count; i++) {
        char part[64], both[64];
        build_node(b, b->graph, "ConstantOfShape", "million", name("c", i));
        snprintf(part, sizeof part, "c%d", i);
        build_node(b, b->graph, "ReduceMax", part, name("m", i));
        snprintf(both, sizeof both, "v%d,m%d", i - 1, i);
        build_node(b, b->graph, "Add", both, name("v", i));
    }
    build_output(b, b->graph, name("v", count));
}

static void moves(struct onnx_builder *b, int count) {
    const int64_t many[] = {INT64_MAX / 4}, list[] = {1, 2, 3};
    build_ints(b, "many", 1, many);
    build_ints(b, "r0", 3, list);
    for (int i = 1; i <= count; i++) {
        char in[64];
        snprintf(in, sizeof in, "r%d,many", i - 1);
        build_node(b, b->graph, i % 2 ? "Tile" : "Expand", in, name("r", i));
    }
    char in[64];
    snprintf(in, sizeof in, "frames,r%d", count);
    build_node(b, b->graph, "Reshape", in, "out");
    build_output(b, b->graph, "out");
}

static void nested(struct onnx_builder *b, int count) {
    Onnx__GraphProto *g = b->graph;
    build_input(b, "flag", ONNX_BOOL, "1");
    for (int i = 0; i < count; i++) {
        Onnx__NodeProto *n = build_node(b, g, "If", "flag", name("v", i));
        Onnx__GraphProto *inner = build_graph(b);
        build_output(b, g, name("v", i));
        build_attr_graph(b, n, "then_branch", inner);
        g = inner;
    }
    build_node(b, g, "Sigmoid", "frames", "last");
    build_output(b, g, "last");
}

static void calls(struct onnx_builder *b, int count) {
    for (int i = 0; i < count; i++) {
        Onnx__FunctionProto *f = build_function(b, "pkg", name("F", i), "x", "y", 17);
        for (int k = 0; k < 2; k++) {
            Onnx__NodeProto *n = build_function_node(b, f, i + 1 < count ? name("F", i + 1) : "Sigmoid",
                                                     k ? "t" : "x", k ? "y" : "t");
            if (i + 1 < count) n->domain = "pkg";
        }
    }
    build_node(b, b->graph, "F0", "frames", "out")->domain = "pkg";
    build_output(b, b->graph, "out");
}

static const struct {
    const char *name;
    void (*make)(struct onnx_builder *b, int count);
} kinds[] = {{"chain", chain}, {"diamonds", diamonds}, {"constants", constants},
             {"moves", moves}, {"nested", nested},     {"calls", calls}};

int main(int argc, char **argv) {
    struct onnx_builder b = {0};
    if (argc != 4) return 2;
    build_small_decoder(&b, 17);
    b.graph->n_output = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, argv[1]) == 0) kinds[i].make(&b, atoi(argv[2]));
    }
    bool ok = b.graph->n_output > 0 && build_write(&b, argv[3]);
    build_free(&b);
    return !ok;
}
