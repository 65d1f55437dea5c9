#include "tools/signals/cut_off.h"

#include "base/file.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const char *program_name;

// Only async-signal-safe calls here.
static void say(const char *text) {
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; // nobody to tell
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    (void)context;
    const char *path = file_map_at(info->si_addr);
    if (path == NULL) { // it is not about a file of ours
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    say(program_name);
    say(": ");
    say(path);
    say(": it was cut off while it was read [io]\n");
    file_remove_temporaries();
    _exit(1);
}

void cut_off_handle(const char *program) {
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    program_name = program;
    sigaction(SIGBUS, &action, NULL);
}
