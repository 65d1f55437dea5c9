// A file that somebody cuts off while it is mapped: reading its end raises SIGBUS. For programs; libraries install no handlers.
#ifndef WANC_TOOLS_CUT_OFF_H
#define WANC_TOOLS_CUT_OFF_H

// From now on, that ends the process with a message, "PROGRAM: FILE: it was cut off while it was read [io]", and exit status 1,
// and leaves no half file. `program` is kept.
void cut_off_handle(const char *program);

#endif
