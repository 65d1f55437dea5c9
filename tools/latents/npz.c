// .npz files of numpy: a zip file of .npy files. numpy.savez stores them, numpy.savez_compressed deflates them.
#include "base/file.h"
#include "tools/latents/tensor.h"
#include "tools/latents/zip.h"

#include <string.h>

static const char suffix[] = ".npy";

// numpy says "latents" of the member latents.npy.
static const char *key_of(struct latents_file *f, const struct zip_member *m) {
    return arena_printf(&f->arena, "%.*s", (int)(strlen(m->name) - (sizeof suffix - 1)), m->name);
}

static bool list_stored(const struct bytes *data, struct latents_tensor *t, struct error *err) {
    uint64_t skip;
    return npy_list_header(data, t, &skip, err) && bytes_part(data, skip, data->size - skip, &t->numbers);
}

// Inflated is only the header: the numbers follow when the tensor is chosen and fits.
static bool list_deflated(const struct bytes *data, const struct zip_member *m, struct latents_tensor *t,
                          struct error *err) {
    struct spool spool;
    if (!spool_open(&spool, data->path, err)) return false;
    bool ok = zip_inflate(data, m, m->size < NPY_HEAD_BYTES ? m->size : NPY_HEAD_BYTES, &spool, err);
    struct bytes head = spool_bytes(&spool);
    ok = ok && npy_list_header(&head, t, &t->skip, err);
    spool_close(&spool);
    t->packed = m;
    t->numbers = *data;
    return ok;
}

static bool list_member(struct latents_file *f, const struct zip_member *m, struct error *err) {
    struct bytes data;
    struct latents_tensor *t = latents_add(f, key_of(f, m), err);
    if (t == NULL || !zip_locate(&f->bytes, m, &data, err)) return false;
    return m->method == ZIP_STORED ? list_stored(&data, t, err) : list_deflated(&data, m, t, err);
}

bool npz_list(struct latents_file *f, const struct zip *z, struct error *err) {
    for (size_t i = 0; i < z->count; i++) {
        const struct zip_member *m = &z->members[i];
        if (file_has_suffix(m->name, suffix) && !list_member(f, m, err))
            return error_prefix(err, "member '%.100s'", m->name);
    }
    return f->count > 0 ||
           error_set(err, ERROR_INPUT,
                     "%s: expected .npy files or a data.pkl in this zip file, found neither", f->path);
}
