// ONNX files of any operators and inputs, through the passes that do not ask for a decoder: mostly ONNX's own tests, mutated.
#include "fuzz.h"
#include "onnx_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    onnx_use_operators(data, size, onnx_use_path("model.onnx"));
    return 0;
}
