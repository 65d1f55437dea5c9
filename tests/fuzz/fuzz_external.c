// External data: a small decoder whose weights lie in another file. The input is five lines, of what the model says of it (location,
// offset, length, and any other key with its value); behind them the bytes of the file `weights`.
#include "fuzz.h"
#include "onnx_use.h"
#include "support/onnx_builder.h"

#include <string.h>

enum { LINES = 5, LINE = 256 };

// The next line, without its end; what is too long is cut.
static const uint8_t *take_line(const uint8_t *at, const uint8_t *end, char line[LINE]) {
    const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
    size_t n = (size_t)((stop != NULL ? stop : end) - at);
    if (n >= LINE) n = LINE - 1;
    memcpy(line, at, n);
    line[n] = 0;
    return stop != NULL ? stop + 1 : end;
}

static void build(struct onnx_builder *b, char lines[LINES][LINE]) {
    static const char *const keys[] = {"location", "offset", "length"};
    static const int64_t dims[] = {4, 4, 3, 1, 1};
    build_start(b, 17);
    build_input(b, "latents", ONNX_FLOAT, "1,4,T,2,3");
    Onnx__TensorProto *w = build_tensor(b, "w", ONNX_FLOAT, 5, dims);
    for (int i = 0; i < 3; i++) {
        if (lines[i][0] != 0) build_external(b, w, keys[i], lines[i]);
    }
    if (lines[3][0] != 0) build_external(b, w, lines[3], lines[4]);
    build_initializer(b, b->graph, w);
    static const int64_t pads[] = {2, 0, 0, 0, 0, 0};
    build_attr_ints(b, build_node(b, b->graph, "Conv", "latents,w", "y"), "pads", 6, pads);
    build_output(b, b->graph, "y");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char lines[LINES][LINE];
    const uint8_t *at = data, *end = data + size;
    struct onnx_builder b;
    size_t packed;
    if (size == 0) return 0;
    for (int i = 0; i < LINES; i++) at = take_line(at, end, lines[i]);
    build(&b, lines);
    FUZZ_EXPECT(write_bytes(onnx_use_path("weights"), at, (size_t)(end - at)), "cannot write the weights");
    const unsigned char *model = build_pack(&b, &packed);
    onnx_use(model, packed, onnx_use_path("model.onnx"));
    build_free(&b);
    return 0;
}
