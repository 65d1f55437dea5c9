// Which of a file's tensors the latents are.
#include "tools/latents/tensor.h"

#include <string.h>

enum { LISTED = 8 };

// With the channels in the first or the second place behind the 1 that may stand in front.
static bool could_be(const struct latents_tensor *t, uint64_t channels) {
    if (channels == 0) return true;
    bool batched = t->rank == 5 && t->shape[0] == 1;
    const uint64_t *s = t->shape + batched;
    return latents_type_is_float(t->type) && (t->rank == 4 || batched) &&
           (s[0] == channels || s[1] == channels);
}

// "'latents' float16 [16, 4, 3, 5], 'noise' float16 [16, 4, 3, 5]"
static void list_all(const struct latents_file *f, struct strbuf *out) {
    for (size_t i = 0; i < f->count && i < LISTED; i++) {
        const struct latents_tensor *t = &f->tensors[i];
        strbuf_printf(out, "%s'%.60s' %s ", i > 0 ? ", " : "", t->key, t->type_name);
        latents_tensor_print_shape(out, t);
    }
    if (f->count > LISTED) strbuf_printf(out, " and %zu more", f->count - LISTED);
}

static const struct latents_tensor *refuse(const struct latents_file *f, const char *expected,
                                           struct error *err) {
    struct strbuf all = {0};
    list_all(f, &all);
    error_set(err, ERROR_INPUT, "%s: expected %s, found %s", f->path, expected, strbuf_text(&all));
    strbuf_free(&all);
    return NULL;
}

static const struct latents_tensor *find(const struct latents_file *f, const char *key, struct error *err) {
    struct strbuf expected = {0};
    if (f->count == 1 && f->tensors[0].key == NULL) {
        error_set(err, ERROR_INPUT,
                  "%s: expected no key, because this file holds one array without a name, found '%.100s'",
                  f->path, key);
        return NULL;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->tensors[i].key, key) == 0) return &f->tensors[i];
    }
    strbuf_printf(&expected, "a tensor '%.100s'", key);
    refuse(f, strbuf_text(&expected), err);
    strbuf_free(&expected);
    return NULL;
}

const struct latents_tensor *latents_choose(const struct latents_file *f, const char *key, uint64_t channels,
                                            struct error *err) {
    const struct latents_tensor *found = NULL;
    if (key != NULL) return find(f, key, err);
    if (f->count == 1) return &f->tensors[0];
    for (size_t i = 0; i < f->count; i++) {
        if (!could_be(&f->tensors[i], channels)) continue;
        if (found != NULL)
            return refuse(f, "one tensor that could be the latents, or a choice (--key, or FILE:KEY)", err);
        found = &f->tensors[i];
    }
    return found != NULL ? found : refuse(f, "a tensor that could be the latents", err);
}
