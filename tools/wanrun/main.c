// wanrun: decodes latents to a video with a plan made by `wanc compile`.
#include "base/arena.h"
#include "base/file.h"
#include "tools/signals/cut_off.h"
#include "tools/wanrun/batch.h"
#include "tools/wanrun/complain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A closed stdout or stderr leaves its number to the next file that is opened: messages would end up in
// there.
static void occupy_standard_streams(void) {
    int fd;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0 && fd <= STDERR_FILENO) continue;
    if (fd >= 0) close(fd);
}

static bool flush_stdout(struct error *err) {
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           error_set(err, ERROR_IO, "standard output: cannot write: %s", strerror(errno));
}

// Readers keep lists in arenas, whose functions do not come back when memory is out.
static bool run(struct arguments *a, struct error *err) {
    struct arena_scope scope = {0};
    bool ok;
    if (setjmp(*arena_scope_enter(&scope)) == 0) {
        ok = batch_run(a, err);
    } else {
        file_abandon();
        *err = (struct error){0};
        ok = error_set(err, ERROR_MEMORY, "out of memory");
    }
    arena_scope_leave(&scope);
    return ok;
}

int main(int argc, char **argv) {
    struct arguments a;
    struct error err = {0};
    occupy_standard_streams();
    cut_off_handle("wanrun");
    bool ok = arguments_parse(&a, argc, argv, &err) && (a.done || run(&a, &err));
    ok = flush_stdout(&err) && ok;
    return ok ? 0 : complain(&err);
}
