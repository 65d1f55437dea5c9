// Where the bytes of a format go: a file, which gets its name in the end, or the standard output.
#ifndef WANRUN_SINK_H
#define WANRUN_SINK_H

#include "base/file.h"

#include <stdbool.h>

struct sink {
    struct file_out file; // of the standard output only fd and path are set
    bool to_stdout;
};

// `path` "-" is the standard output, which must not be a terminal. On failure the sink is closed.
bool sink_open(struct sink *s, const char *path, struct error *err);
bool sink_write(struct sink *s, const void *data, size_t size, struct error *err);
bool sink_commit(struct sink *s, struct error *err);
// Removes a file that is not committed. Allowed at any time on an opened or zeroed sink.
void sink_close(struct sink *s);

#endif
