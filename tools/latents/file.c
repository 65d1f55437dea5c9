// Opening files of latents: what they are, and which tensors they hold.
#include "base/size.h"
#include "tools/latents/tensor.h"
#include "tools/latents/zip.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct latents_reader *const readers[] = {
    &latents_npy,
    &latents_zip,
    &latents_safetensors,
};

enum { HEAD_BYTES = 16, INPUT_BYTES = 1 << 16 };

// ---- the list

struct latents_tensor *latents_add(struct latents_file *f, const char *key, struct error *err) {
    if (f->count == LATENTS_MAX_TENSORS) {
        error_set(err, ERROR_UNSUPPORTED, "%s: expected at most %d tensors, found more", f->path,
                  LATENTS_MAX_TENSORS);
        return NULL;
    }
    f->tensors = arena_grow(&f->arena, f->tensors, f->count, &f->capacity, sizeof *f->tensors);
    struct latents_tensor *t = &f->tensors[f->count++];
    *t = (struct latents_tensor){.key = key};
    return t;
}

void latents_set_dense(struct latents_tensor *t) {
    uint64_t stride = 1;
    for (int i = (int)t->rank - 1; i >= 0; i--) {
        t->stride[i] = stride;
        stride = size_times(stride, t->shape[i]); // of shapes that are refused afterwards, maybe
    }
}

void latents_tensor_print_shape(struct strbuf *out, const struct latents_tensor *t) {
    strbuf_add(out, "[");
    for (unsigned i = 0; i < t->rank; i++)
        strbuf_printf(out, "%s%llu", i > 0 ? ", " : "", (unsigned long long)t->shape[i]);
    strbuf_add(out, "]");
}

// ---- zip files

static bool recognises_zip(const struct bytes *b, const unsigned char *head, size_t size) {
    (void)b;
    return zip_recognises(head, size);
}

static bool list_zip(struct latents_file *f, struct error *err) {
    struct zip z = {0};
    if (!zip_list(&f->bytes, &f->arena, &z, err)) return false;
    const struct zip_member *pickle = pt_find_pickle(&z);
    return pickle != NULL ? pt_list(f, &z, pickle, err) : npz_list(f, &z, err);
}

const struct latents_reader latents_zip = {".npz, .pt", recognises_zip, list_zip};

// ---- opening

static bool open_regular(struct latents_file *f, struct error *err) {
    // O_NONBLOCK: a named pipe without a writer would block here, before we can see that it is one.
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return error_set(err, ERROR_IO, "%s: cannot open: %s", f->path, strerror(errno));
    struct stat st;
    bool ok =
        fstat(fd, &st) == 0 || error_set(err, ERROR_IO, "%s: cannot stat: %s", f->path, strerror(errno));
    ok = ok && (S_ISREG(st.st_mode) || error_set(err, ERROR_IO, "%s: not a regular file", f->path));
    if (!ok) {
        close(fd);
        return false;
    }
    f->bytes = (struct bytes){f->path, fd, 0, (uint64_t)st.st_size};
    return true;
}

// A frame is spread over all of most files: the standard input is kept as a whole, up to `most` bytes.
static bool open_input(struct latents_file *f, uint64_t most, struct error *err) {
    static unsigned char block[INPUT_BYTES];
    if (!spool_open(&f->input, f->path, err)) return false;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_set(err, ERROR_IO, "%s: cannot read: %s", f->path, strerror(errno));
        if (n == 0) break;
        if (!spool_write(&f->input, block, (size_t)n, err)) return false;
        if (f->input.size > most) break; // more than there should be, which a size says later
    }
    f->bytes = spool_bytes(&f->input);
    return true;
}

static bool list_raw(struct latents_file *f, const struct latents_raw *raw, struct error *err) {
    struct latents_tensor *t = latents_add(f, NULL, err);
    if (t == NULL) return false;
    t->type = raw->type;
    t->type_name = latents_type_name(raw->type);
    t->rank = raw->rank;
    memcpy(t->shape, raw->shape, raw->rank * sizeof *t->shape);
    latents_set_dense(t);
    t->numbers = f->bytes;
    return true;
}

static bool refuse_kind(const struct latents_file *f, const unsigned char *head, size_t size,
                        struct error *err) {
    static const unsigned char old_torch[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46};
    if (size >= sizeof old_torch && memcmp(head, old_torch, sizeof old_torch) == 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: a file of torch before 1.6: load it and save it again with torch.save",
                         f->path);
    struct strbuf names = {0};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        strbuf_printf(&names, "%s%s",
                      i == 0                                       ? ""
                      : i + 1 < sizeof readers / sizeof readers[0] ? ", "
                                                                   : " or ",
                      readers[i]->name);
    error_set(err, ERROR_INPUT, "%s: expected a %s file, found %s", f->path, strbuf_text(&names),
              size == 0 ? "an empty file" : "another kind of file (raw numbers need --shape)");
    strbuf_free(&names);
    return false;
}

static bool list(struct latents_file *f, struct error *err) {
    unsigned char head[HEAD_BYTES];
    size_t size = f->bytes.size < sizeof head ? (size_t)f->bytes.size : sizeof head;
    if (!bytes_read(&f->bytes, 0, head, size, err)) return false;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (readers[i]->recognises(&f->bytes, head, size)) return readers[i]->list(f, err);
    }
    return refuse_kind(f, head, size, err);
}

static uint64_t raw_bytes(const struct latents_raw *raw) {
    uint64_t bytes = latents_type_size(raw->type);
    bool fits = true;
    for (unsigned i = 0; i < raw->rank; i++) fits = fits && size_mul(bytes, raw->shape[i], &bytes);
    return fits ? bytes : UINT64_MAX;
}

bool latents_file_open(struct latents_file *f, const char *path, const struct latents_raw *raw,
                       struct error *err) {
    *f = (struct latents_file){.path = path, .bytes.fd = -1, .input.fd = -1};
    bool is_input = strcmp(path, "-") == 0;
    if (is_input) f->path = "standard input";
    if ((is_input ? open_input(f, raw != NULL ? raw_bytes(raw) : UINT64_MAX, err) : open_regular(f, err)) &&
        (raw != NULL ? list_raw(f, raw, err) : list(f, err)))
        return true;
    latents_file_close(f);
    return false;
}

void latents_file_close(struct latents_file *f) {
    if (f->bytes.fd >= 0 && f->bytes.fd != f->input.fd) close(f->bytes.fd);
    spool_close(&f->input);
    arena_free(&f->arena);
    *f = (struct latents_file){.bytes.fd = -1, .input.fd = -1};
}
