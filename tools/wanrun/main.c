// wanrun: decodes latents to a video with a plan made by `wanc compile`.
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

int main(int argc, char **argv) {
    struct arguments a;
    struct error err = {0};
    occupy_standard_streams();
    cut_off_handle("wanrun");
    bool ok = arguments_parse(&a, argc, argv, &err) && (a.done || batch_run(&a, &err));
    ok = flush_stdout(&err) && ok;
    return ok ? 0 : complain(&err);
}
