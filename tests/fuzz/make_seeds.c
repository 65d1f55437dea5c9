// Seeds of models that are easier to build than to take from somewhere: small decoders of several versions of ONNX.
//
//     make_seeds FOLDER
#include "support/onnx_builder.h"

#include <stdio.h>

int main(int argc, char **argv) {
    static const int opsets[] = {9, 13, 17, 23};
    bool ok = argc == 2;
    for (size_t i = 0; i < sizeof opsets / sizeof *opsets && ok; i++) {
        struct onnx_builder b;
        char path[4096];
        build_small_decoder(&b, opsets[i]);
        snprintf(path, sizeof path, "%s/small_%d.onnx", argv[1], opsets[i]);
        ok = build_write(&b, path);
        build_free(&b);
    }
    return !ok;
}
