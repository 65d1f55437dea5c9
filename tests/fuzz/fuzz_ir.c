// Textual IR: parsed, verified, printed and parsed again, which must give the same text. What verifies and is small goes through
// the passes: the text is no decoder then, mostly, and may be refused with any error.
#include "compile_use.h"
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

static void use(struct ir_module **m, size_t size) {
    struct error err = {0};
    struct strbuf context = {0};
    if (ir_verify(*m, &context, &err)) {
        read_back(*m);
        if (size <= MOST_TEXT && is_small(*m)) compile_use(m, &err);
    }
    strbuf_free(&context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    struct ir_module *m = ir_parse(text, "fuzz", NULL, &err);
    FUZZ_EXPECT(m != NULL || (err.code != ERROR_NONE && err.code != ERROR_INTERNAL), "%s", err.message);
    if (m != NULL) {
        use(&m, size);
        ir_module_free(m);
    }
    free(text);
    return 0;
}
