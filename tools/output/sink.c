#include "tools/output/sink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool open_stdout(struct sink *s, struct error *err) {
    if (isatty(STDOUT_FILENO))
        return error_set(err, ERROR_USAGE, "standard output: expected a pipe or a file, found a terminal");
    s->file.path = strdup("standard output");
    if (s->file.path == NULL) return error_set(err, ERROR_MEMORY, "standard output: out of memory");
    s->to_stdout = true;
    s->file.fd = STDOUT_FILENO;
    return true;
}

bool sink_open(struct sink *s, const char *path, struct error *err) {
    *s = (struct sink){.file.fd = -1};
    return strcmp(path, "-") == 0 ? open_stdout(s, err) : file_create(&s->file, path, err);
}

bool sink_write(struct sink *s, const void *data, size_t size, struct error *err) {
    return file_write(&s->file, data, size, err);
}

bool sink_commit(struct sink *s, struct error *err) { return s->to_stdout || file_commit(&s->file, err); }

void sink_close(struct sink *s) {
    if (s->file.path == NULL) return;  // never opened
    if (s->to_stdout) s->file.fd = -1; // not ours to close
    file_discard(&s->file);
}
