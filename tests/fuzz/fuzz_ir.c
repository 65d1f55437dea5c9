// Textual IR: parsed, verified, printed and parsed again, which must give the same text. What verifies and is small goes through
// the passes: the text is no decoder then, mostly, and may be refused with any error.
#include "compile_use.h"
#include "compiler/compile.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 1 << 14 };
#define MOST_ELEMENTS ((int64_t)1 << 24)

// Passes plan the memory of any size, but evaluate constants: these are small.
static bool is_small(const struct ir_module *m) {
    for (const struct ir_value *v = m->constants; v != NULL; v = v->next) {
        int64_t count;
        if (!ir_type_count(&v->type, &count) || count > MOST_ELEMENTS) return false;
    }
    return true;
}

static char *print(const struct ir_module *m) {
    struct strbuf text = {0};
    ir_print(m, &text);
    return text.data;
}

static void read_back(const struct ir_module *m) {
    struct error err = {0};
    char *first = print(m);
    struct ir_module *again = ir_parse(first, "printed", m, &err);
    FUZZ_EXPECT(again != NULL, "what is printed does not parse: %s\n%s", err.message, first);
    char *second = print(again);
    FUZZ_EXPECT(strcmp(first, second) == 0, "printed again it is another text:\n%s\n%s", first, second);
    free(first);
    free(second);
    ir_module_free(again);
}

struct text {
    char *bytes; // with a 0 behind it
    size_t size;
};

static bool use(void *context, struct compilation *c, struct error *err) {
    const struct text *text = context;
    struct strbuf why = {0};
    bool ok = compilation_parse(c, text->bytes, text->size, err);
    FUZZ_EXPECT(ok || (err->code != ERROR_NONE && err->code != ERROR_INTERNAL), "%s", err->message);
    if (!ok) return false;
    ok = ir_verify(c->modules[0], &why, err);
    strbuf_free(&why);
    if (!ok) return false;
    read_back(c->modules[0]);
    return text->size > MOST_TEXT || !is_small(c->modules[0]) || compile_use(&c->modules[0], err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct compile_options options = {.sources[0].path = "fuzz"};
    struct compilation c = {.o = &options};
    struct error err = {0};
    struct text text = {malloc(size + 1), size};
    memcpy(text.bytes, data, size);
    text.bytes[size] = 0;
    compilation_close(&c, compilation_guard(&c, use, &text, &err), &err);
    free(text.bytes);
    return 0;
}
