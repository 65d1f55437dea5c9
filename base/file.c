#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool io_error(struct error *err, const char *what, const char *path) {
    enum error_code code = errno == ENOMEM ? ERROR_MEMORY : ERROR_IO;
    return error_set(err, code, "%s: cannot %s: %s", path, what, strerror(errno));
}

// ---- what is mapped, for file_map_at

enum { KNOWN_MAPS = 32 }; // more are mapped and not known

static struct known_map {
    _Atomic(const unsigned char *) data; // NULL: free; a place is taken by its first write
    size_t size;
    char path[256]; // the beginning of it
} known_maps[KNOWN_MAPS];

static void remember_map(const struct file_map *map, const char *path) {
    for (int i = 0; i < KNOWN_MAPS; i++) {
        struct known_map *k = &known_maps[i];
        const unsigned char *none = NULL;
        if (!atomic_compare_exchange_strong(&k->data, &none, map->data)) continue;
        k->size = map->size;
        snprintf(k->path, sizeof k->path, "%s", path);
        return;
    }
}

static void forget_map(const struct file_map *map) {
    for (int i = 0; i < KNOWN_MAPS; i++) {
        struct known_map *k = &known_maps[i];
        if (k->data != map->data) continue;
        k->size = 0;
        k->data = NULL;
        return;
    }
}

const char *file_map_at(const void *address) {
    const unsigned char *at = address;
    for (int i = 0; i < KNOWN_MAPS; i++) {
        const struct known_map *k = &known_maps[i];
        const unsigned char *data = k->data;
        if (data != NULL && at >= data && (size_t)(at - data) < k->size) return k->path;
    }
    return NULL;
}

// ---- mapped files

bool file_map_open(struct file_map *map, const char *path, uint64_t max_size, struct error *err) {
    *map = (struct file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe without a writer would wait for one
    if (fd < 0) return io_error(err, "open", path);
    struct stat st;
    bool ok = fstat(fd, &st) == 0 || io_error(err, "stat", path);
    if (ok && !S_ISREG(st.st_mode)) ok = error_set(err, ERROR_IO, "%s: not a regular file", path);
    if (ok && max_size != 0 && (uint64_t)st.st_size > max_size) {
        ok = error_set(err, ERROR_MEMORY, "%s: %llu bytes, the limit is %llu", path,
                       (unsigned long long)st.st_size, (unsigned long long)max_size);
    }
    if (ok && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) ok = io_error(err, "map", path);
        else {
            *map = (struct file_map){.data = p, .size = (size_t)st.st_size};
            remember_map(map, path);
        }
    }
    close(fd);
    return ok;
}

void file_map_close(struct file_map *map) {
    if (map->data != NULL) {
        forget_map(map);
        munmap((void *)map->data, map->size);
    }
    *map = (struct file_map){0};
}

bool file_is_same(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

// The folder that a path's name is in: "" is the root.
static int folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? -1 : (int)(slash - path);
}

static bool stat_folder(const char *path, struct stat *st) {
    char folder[PATH_MAX];
    int n = folder_length(path), length = n < 0 ? snprintf(folder, sizeof folder, ".")
                                                : snprintf(folder, sizeof folder, "%.*s/", n, path);
    return length >= 0 && length < (int)sizeof folder && stat(folder, st) == 0;
}

bool file_is_same_place(const char *a, const char *b) {
    struct stat x, y;
    return strcmp(a + folder_length(a) + 1, b + folder_length(b) + 1) == 0 && stat_folder(a, &x) &&
           stat_folder(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool file_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_has_suffix(const char *name, const char *suffix) {
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

// ---- what is being written, for those who end without coming to its end

enum { KNOWN_FILES = 64 }; // more are written and not known

static struct known_file {
    _Atomic(char *) temporary;    // NULL: free
    _Atomic(const void *) thread; // that began it; NULL before it is known
    int fd;
} known_files[KNOWN_FILES];

static const void *this_thread(void) {
    static _Thread_local char here;
    return &here;
}

// Before it is created: a signal that comes with its first moment finds it.
static struct known_file *remember_file(const struct file_out *f) {
    for (int i = 0; i < KNOWN_FILES; i++) {
        struct known_file *k = &known_files[i];
        char *none = NULL;
        if (!atomic_compare_exchange_strong(&k->temporary, &none, f->temporary)) continue;
        k->fd = -1;
        k->thread = this_thread();
        return k;
    }
    return NULL;
}

// Before the path is freed.
static void forget_file(const char *temporary) {
    for (int i = 0; i < KNOWN_FILES && temporary != NULL; i++) {
        struct known_file *k = &known_files[i];
        if (k->temporary != temporary) continue;
        k->thread = NULL; // first: who takes the place next is not taken for the last one
        k->temporary = NULL;
    }
}

void file_remove_temporaries(void) {
    for (int i = 0; i < KNOWN_FILES; i++) {
        const char *path = known_files[i].temporary;
        if (path != NULL) unlink(path);
    }
}

void file_abandon(void) {
    for (int i = 0; i < KNOWN_FILES; i++) {
        struct known_file *k = &known_files[i];
        char *path = k->temporary;
        if (path == NULL || k->thread != this_thread()) continue;
        k->thread = NULL;
        k->temporary = NULL;
        if (k->fd >= 0) close(k->fd);
        unlink(path);
        free(path);
    }
}

// ---- files that are written

// Renaming over a folder fails at the end, over a device it succeeds: refuse both at the beginning.
static bool check_target(const char *path, struct error *err) {
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode)) return true;
    return error_set(err, ERROR_IO, "%s: cannot create: it exists and is not a regular file", path);
}

bool file_create(struct file_out *f, const char *path, struct error *err) {
    *f = (struct file_out){.fd = -1};
    if (!check_target(path, err)) return false;
    if (asprintf(&f->temporary, "%s.tmp-%ld", path, (long)getpid()) < 0) f->temporary = NULL;
    f->path = strdup(path);
    if (f->temporary == NULL || f->path == NULL) {
        file_discard(f);
        return error_set(err, ERROR_MEMORY, "%s: out of memory", path);
    }
    struct known_file *known = remember_file(f);
    f->fd = open(f->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (known != NULL) known->fd = f->fd;
    if (f->fd >= 0) return true;
    io_error(err, "create", path);
    forget_file(f->temporary);
    free(f->temporary);
    f->temporary = NULL; // nothing to remove
    file_discard(f);
    return false;
}

bool file_can_be_created(const char *path, struct error *err) {
    struct file_out f;
    if (!file_create(&f, path, err)) return false;
    file_discard(&f);
    return true;
}

bool file_create_in_memory(struct file_out *f, struct error *err) {
    *f = (struct file_out){.fd = memfd_create("wanc", MFD_CLOEXEC), .path = strdup("(in memory)")};
    if (f->fd < 0 || asprintf(&f->temporary, "/proc/self/fd/%d", f->fd) < 0) f->temporary = NULL;
    if (f->temporary != NULL && f->path != NULL) return true;
    file_discard(f);
    return error_set(err, ERROR_MEMORY, "out of memory for a file in memory");
}

static bool write_all(int fd, const char *data, size_t size, int64_t at) {
    while (size > 0) {
        ssize_t n = at < 0 ? write(fd, data, size) : pwrite(fd, data, size, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        data += n;
        size -= (size_t)n;
        if (at >= 0) at += n;
    }
    return true;
}

bool file_write(struct file_out *f, const void *data, size_t size, struct error *err) {
    if (!write_all(f->fd, data, size, -1)) return io_error(err, "write", f->path);
    f->size += size;
    return true;
}

bool file_write_at(struct file_out *f, uint64_t offset, const void *data, size_t size, struct error *err) {
    if (!write_all(f->fd, data, size, (int64_t)offset)) return io_error(err, "write", f->path);
    return true;
}

bool file_commit(struct file_out *f, struct error *err) {
    bool ok = fsync(f->fd) == 0 || errno == EINVAL || io_error(err, "write", f->path);
    int closed = close(f->fd);
    f->fd = -1;
    if (ok && closed != 0) ok = io_error(err, "write", f->path);
    if (ok && rename(f->temporary, f->path) != 0) ok = io_error(err, "rename into place", f->path);
    if (ok) {
        forget_file(f->temporary);
        free(f->temporary);
        f->temporary = NULL;
    }
    file_discard(f);
    return ok;
}

void file_discard(struct file_out *f) {
    if (f->fd >= 0) close(f->fd);
    if (f->temporary != NULL) unlink(f->temporary);
    forget_file(f->temporary);
    free(f->temporary);
    free(f->path);
    *f = (struct file_out){.fd = -1};
}

bool file_save(const char *path, const void *data, size_t size, struct error *err) {
    struct file_out f;
    if (!file_create(&f, path, err)) return false;
    if (file_write(&f, data, size, err)) return file_commit(&f, err);
    file_discard(&f);
    return false;
}
