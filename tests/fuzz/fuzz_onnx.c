// ONNX files: opened, inspected, imported, and through all passes to a plan. External data is there, as many bytes as seeds ask for.
#include "fuzz.h"
#include "onnx_use.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum { WEIGHTS = 2 << 20, BYTE = 0x3d }; // floats of 0.046

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool made;
    if (!made) {
        struct error err = {0};
        unsigned char *weights = malloc(WEIGHTS);
        memset(weights, BYTE, WEIGHTS);
        FUZZ_EXPECT(file_save(onnx_use_path("weights.data"), weights, WEIGHTS, &err), "%s", err.message);
        free(weights);
        made = true;
    }
    onnx_use(data, size, onnx_use_path("model.onnx"));
    return 0;
}
