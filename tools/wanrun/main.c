// wanrun: decodes latents to a video with a plan made by `wanc compile`.
#define _GNU_SOURCE
#include "base/error.h"
#include "tools/wanrun/arguments.h"
#include "tools/wanrun/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

// LATENTS' name without folder and suffix, with ".mp4".
static char *default_output(const char *latents) {
    const char *slash = strrchr(latents, '/');
    const char *name = slash == NULL ? latents : slash + 1;
    const char *dot = strrchr(name, '.');
    int n = dot == NULL || dot == name ? (int)strlen(name) : (int)(dot - name);
    char *out;
    return asprintf(&out, "%.*s.mp4", n, name) < 0 ? NULL : out;
}

// One line, whatever the names of files hold.
static int fail(const struct error *err) {
    char line[sizeof err->message], name[ERROR_NAME_SIZE];
    memcpy(line, err->message, sizeof line);
    for (char *c = line; *c != 0; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    }
    bool usage = err->code == ERROR_USAGE;
    fprintf(stderr, "wanrun: %s%s [%s]\n", line, usage ? " (see wanrun --help)" : "", error_name(err, name));
    return usage ? EXIT_USAGE : EXIT_FAILED;
}

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

static bool benchmark(const struct arguments *a, struct error *err) {
    return decode_benchmark(&a->decode, &a->benchmark, err) && flush_stdout(err);
}

static bool decode_video(struct decode_params *p, struct error *err) {
    bool has_other = p->verify.path != NULL || p->taps.reference != NULL || p->taps.folder != NULL;
    char *chosen = p->output == NULL && !has_other ? default_output(p->latents) : NULL;
    if (p->output == NULL) p->output = chosen;
    interrupt_install(!p->quiet && isatty(STDERR_FILENO));
    bool ok = p->output != NULL || has_other ? decode(p, err) : error_set(err, ERROR_MEMORY, "out of memory");
    free(chosen);
    return flush_stdout(err) && ok;
}

int main(int argc, char **argv) {
    struct arguments a;
    struct error err = {0};
    occupy_standard_streams();
    bool ok = arguments_parse(&a, argc, argv, &err) &&
              (a.done || (a.is_benchmark ? benchmark(&a, &err) : decode_video(&a.decode, &err)));
    return ok ? 0 : fail(&err);
}
