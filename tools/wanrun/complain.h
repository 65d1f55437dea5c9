// How wanrun says that something went wrong.
#ifndef WANRUN_COMPLAIN_H
#define WANRUN_COMPLAIN_H

#include "base/error.h"

// One line on stderr, whatever the names of files hold. Returns the exit status.
int complain(const struct error *err);

#endif
