// .pt and .pth files of torch.save since torch 1.6: a zip file of one folder, in it a pickle that says which tensors there
// are (data.pkl), the numbers of each storage (data/0, ..) and their order of bytes. A storage may be shared by several
// tensors, which see it through an offset and strides.
#include "base/size.h"
#include "tools/latents/pickle.h"
#include "tools/latents/tensor.h"
#include "tools/latents/zip.h"

#include <string.h>

enum { MAX_PICKLE = 1 << 18 };

static const struct {
    const char *name;
    enum latents_type type;
} storages[] = {
    {"torch FloatStorage", LATENTS_F32},     {"torch HalfStorage", LATENTS_F16},
    {"torch BFloat16Storage", LATENTS_BF16}, {"torch DoubleStorage", LATENTS_F64},
    {"torch ByteStorage", LATENTS_U8},
};

struct checkpoint {
    struct latents_file *file;
    const struct zip *zip;
    const char *folder; // with the slash
};

static const struct zip_member *member(const struct checkpoint *c, const char *name) {
    return zip_find(c->zip, arena_printf(&c->file->arena, "%s%s", c->folder, name));
}

static void set_type(const struct checkpoint *c, struct latents_tensor *t, const char *storage) {
    t->type = LATENTS_OTHER;
    t->type_name = arena_strdup(&c->file->arena, strchr(storage, ' ') + 1); // "LongStorage"
    for (size_t i = 0; i < sizeof storages / sizeof storages[0]; i++) {
        if (strcmp(storage, storages[i].name) != 0) continue;
        t->type = storages[i].type;
        t->type_name = latents_type_name(t->type);
    }
}

// From its first number on to the end of the storage.
static bool set_place(const struct checkpoint *c, struct latents_tensor *t, const struct pickle_tensor *v,
                      struct error *err) {
    const char *path = c->file->path;
    const struct zip_member *m = member(c, arena_printf(&c->file->arena, "data/%s", v->key));
    uint64_t skip, bytes, size = latents_type_size(t->type);
    if (m == NULL)
        return error_set(err, ERROR_INPUT, "%s: its storage '%.100s' is not in the file", path, v->key);
    if (!size_mul((uint64_t)v->count, size, &bytes) || bytes > m->size ||
        !size_mul((uint64_t)v->offset, size, &skip) || skip > bytes)
        return error_set(err, ERROR_INPUT, "%s: truncated: storage '%.100s' has %llu bytes, expected more",
                         path, v->key, (unsigned long long)m->size);
    t->is_part = true;
    if (!zip_locate(&c->file->bytes, m, &t->numbers, err)) return false;
    if (m->method == ZIP_STORED) return bytes_part(&t->numbers, skip, bytes - skip, &t->numbers);
    t->packed = m;
    t->skip = skip;
    return true;
}

static bool add_tensor(const struct checkpoint *c, const char *key, const struct pickle_tensor *v,
                       struct error *err) {
    struct latents_tensor *t = latents_add(c->file, key, err);
    if (t == NULL) return false;
    t->rank = v->rank;
    memcpy(t->shape, v->shape, v->rank * sizeof *t->shape);
    memcpy(t->stride, v->stride, v->rank * sizeof *t->stride);
    set_type(c, t, v->storage);
    return t->type == LATENTS_OTHER || set_place(c, t, v, err);
}

static bool add_tensors(const struct checkpoint *c, const struct pickle_value *v, struct error *err) {
    if (v->kind == PICKLE_TENSOR) return add_tensor(c, NULL, v->tensor, err);
    bool is_dict = v->kind == PICKLE_DICT;
    for (size_t i = is_dict; i < v->count; i += 1 + is_dict) {
        const char *key = is_dict ? v->items[i - 1]->text : arena_printf(&c->file->arena, "%zu", i);
        if (v->items[i]->kind != PICKLE_TENSOR || (is_dict && v->items[i - 1]->kind != PICKLE_TEXT)) continue;
        if (!add_tensor(c, key, v->items[i]->tensor, err)) return false;
    }
    return c->file->count > 0 ||
           error_set(err, ERROR_INPUT, "%s: expected a tensor, or a dict or list of tensors, found none",
                     c->file->path);
}

static bool check_order(const struct checkpoint *c, struct error *err) {
    const struct zip_member *m = member(c, "byteorder"); // since torch 2.1
    const unsigned char *text = m != NULL ? zip_read(&c->file->bytes, m, 16, &c->file->arena, err) : NULL;
    if (m == NULL || (text != NULL && strcmp((const char *)text, "little") == 0)) return true;
    return error_set(err, ERROR_UNSUPPORTED, "%s: expected little-endian numbers, found '%.16s'",
                     c->file->path, text != NULL ? (const char *)text : "");
}

// torch.save puts everything into one folder, whose name is that of the file.
const struct zip_member *pt_find_pickle(const struct zip *z) {
    for (size_t i = 0; i < z->count; i++) {
        const char *slash = strchr(z->members[i].name, '/');
        if (slash != NULL && strcmp(slash, "/data.pkl") == 0) return &z->members[i];
    }
    return NULL;
}

bool pt_list(struct latents_file *f, const struct zip *z, const struct zip_member *pickle,
             struct error *err) {
    struct checkpoint c = {.file = f, .zip = z};
    int folder = (int)strcspn(pickle->name, "/") + 1;
    c.folder = arena_printf(&f->arena, "%.*s", folder, pickle->name);
    const unsigned char *data = zip_read(&f->bytes, pickle, MAX_PICKLE, &f->arena, err);
    const struct pickle_value *root =
        data != NULL ? pickle_read(data, (size_t)pickle->size, f->path, &f->arena, err) : NULL;
    return root != NULL && check_order(&c, err) && add_tensors(&c, root, err);
}
