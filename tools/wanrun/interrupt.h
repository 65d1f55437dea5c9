// Ctrl-C and friends: the first signal asks to stop after the current step, the second one kills, and removes what is half written.
#ifndef WANRUN_INTERRUPT_H
#define WANRUN_INTERRUPT_H

#include <stdbool.h>

// Catches SIGINT, SIGTERM and SIGHUP (unless nohup ignores it); SIGPIPE and SIGXFSZ become errors of write.
// With `notice`, the first one says on stderr that a second one would not wait.
void interrupt_install(bool notice);
bool interrupt_requested(void);

#endif
