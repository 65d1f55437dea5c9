#include "tools/wanrun/complain.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

int complain(const struct error *err) {
    char line[sizeof err->message], name[ERROR_NAME_SIZE];
    memcpy(line, err->message, sizeof line);
    for (char *c = line; *c != 0; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    }
    bool usage = err->code == ERROR_USAGE;
    fprintf(stderr, "wanrun: %s%s [%s]\n", line, usage ? " (see wanrun --help)" : "", error_name(err, name));
    return usage ? EXIT_USAGE : EXIT_FAILED;
}
