// Seeds of models that are easier to build than to take from somewhere: small decoders of several versions of ONNX, and models
// with functions.
//
//     make_seeds FOLDER
#include "support/onnx_builder.h"

#include <stdio.h>

static bool save(struct onnx_builder *b, const char *folder, const char *name, int number) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s_%d.onnx", folder, name, number);
    bool ok = build_write(b, path);
    build_free(b);
    return ok;
}

static bool make_small(const char *folder, int opset) {
    struct onnx_builder b;
    build_small_decoder(&b, opset);
    return save(&b, folder, "small", opset);
}

// Functions: one that calls another in a branch, and one whose node takes an attribute of the call.
static bool make_functions(const char *folder, int opset) {
    struct onnx_builder b;
    static const int64_t none[1];
    build_start(&b, opset);
    build_input(&b, "x", ONNX_FLOAT, "1,4,T,2,3");
    build_output(&b, b.graph, "y");
    Onnx__FunctionProto *twice = build_function(&b, "pkg", "Twice", "v", "w", opset);
    build_function_node(&b, twice, "Add", "v,v", "w");
    Onnx__FunctionProto *maybe = build_function(&b, "pkg", "Maybe", "c,a", "r", opset);
    Onnx__NodeProto *branches = build_function_node(&b, maybe, "If", "c", "r");
    static const char *const names[] = {"then_branch", "else_branch"};
    for (int i = 0; i < 2; i++) {
        Onnx__GraphProto *branch = build_graph(&b);
        build_node(&b, branch, i ? "Neg" : "Twice", "a", "out")->domain = i ? "" : "pkg";
        build_output(&b, branch, "out");
        build_attr_graph(&b, branches, names[i], branch);
    }
    Onnx__FunctionProto *soft = build_function(&b, "pkg", "Soft", "a", "r", opset);
    build_attr_reference(&b, build_function_node(&b, soft, "Softmax", "a", "r"), "axis",
                         ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, "axis");
    Onnx__TensorProto *yes = build_tensor(&b, "yes", ONNX_BOOL, 0, none);
    build_raw(&b, yes, "\1", 1);
    build_initializer(&b, b.graph, yes);
    build_node(&b, b.graph, "Maybe", "yes,x", "z")->domain = "pkg";
    Onnx__NodeProto *call = build_node(&b, b.graph, "Soft", "z", "y");
    call->domain = "pkg";
    build_attr_int(&b, call, "axis", 1);
    return save(&b, folder, "functions", opset);
}

int main(int argc, char **argv) {
    static const int opsets[] = {9, 13, 17, 23};
    bool ok = argc == 2;
    for (size_t i = 0; i < sizeof opsets / sizeof *opsets && ok; i++) ok = make_small(argv[1], opsets[i]);
    return !(ok && make_functions(argv[1], 18) && make_functions(argv[1], 23));
}
