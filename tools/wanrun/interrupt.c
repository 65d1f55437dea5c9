#define _GNU_SOURCE
#include "tools/wanrun/interrupt.h"

#include "base/file.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const char NOTICE[] = "\r\033[Kinterrupted: finishing this step (once more to stop at once)";

static volatile sig_atomic_t requested, has_notice;

// Only async-signal-safe calls here.
static void on_signal(int number) {
    if (requested) {
        file_remove_temporaries();
        signal(number, SIG_DFL);
        raise(number); // delivered when this handler returns
        return;
    }
    requested = 1;
    if (!has_notice) return;
    ssize_t written = write(STDERR_FILENO, NOTICE, sizeof NOTICE - 1);
    (void)written; // nobody to tell
}

void interrupt_install(bool notice) {
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    has_notice = notice;
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        struct sigaction old;
        sigaction(caught[i], &action, &old);
        // nohup's wish is respected. An ignored SIGINT only means that a shell script started us with &.
        if (caught[i] == SIGHUP && old.sa_handler == SIG_IGN) sigaction(SIGHUP, &old, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool interrupt_requested(void) { return requested != 0; }
