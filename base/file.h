// Files: mapped for reading; written beside their final name and renamed, so that nobody ever sees half a
// file.
#ifndef WANC_BASE_FILE_H
#define WANC_BASE_FILE_H

#include "base/error.h"

#include <stdint.h>

struct file_map {
    const unsigned char *data; // NULL for an empty file
    size_t size;
};

// Maps a regular file read-only. `max_size` 0 means no limit. The error names the path.
bool file_map_open(struct file_map *map, const char *path, uint64_t max_size, struct error *err);
void file_map_close(struct file_map *map);
// For signal handlers: the path of the mapped file in which this address lies; NULL where that is not known. Somebody who cuts
// off a file while it is mapped makes its end unreadable (SIGBUS).
const char *file_map_at(const void *address);

// Whether both paths name one existing file: writing one would destroy the other.
bool file_is_same(const char *a, const char *b);

// Whether both are one name in one folder, of a file that may not be there yet. (What is committed replaces a link, not what it
// points to.)
bool file_is_same_place(const char *a, const char *b);
// Whether a file can be created there, which is then not there: for those who write it after a long time.
bool file_can_be_created(const char *path, struct error *err);

bool file_is_folder(const char *path); // one that exists
// Whether a name ends so, and is more than that: ".npy" is no name of a .npy file.
bool file_has_suffix(const char *name, const char *suffix);

// A file being written: "PATH.tmp-PID" until file_commit renames it over PATH; file_discard removes it.
struct file_out {
    int fd;
    uint64_t size;
    char *path, *temporary;
};

bool file_create(struct file_out *f, const char *path, struct error *err);
// A file in memory only: it can be opened by the name `temporary` until file_discard, and never committed.
bool file_create_in_memory(struct file_out *f, struct error *err);
bool file_write(struct file_out *f, const void *data, size_t size, struct error *err);
// Overwrites bytes already written (headers that are known last).
bool file_write_at(struct file_out *f, uint64_t offset, const void *data, size_t size, struct error *err);
// Flushes to the disk, renames, and closes. After a failure the temporary file is gone.
bool file_commit(struct file_out *f, struct error *err);
void file_discard(struct file_out *f);
// A whole file: created, written and committed.
bool file_save(const char *path, const void *data, size_t size, struct error *err);
// For signal handlers that end the process: removes the temporaries of all files that are being written.
void file_remove_temporaries(void);
// For those who leave their functions by longjmp: discards what this thread has created, and neither committed nor discarded.
// Nobody may use those files again.
void file_abandon(void);

#endif
