// The command line of wanc.
#ifndef WANC_TOOLS_ARGUMENTS_H
#define WANC_TOOLS_ARGUMENTS_H

#include "tools/options/options.h"
#include "tools/wanc/wanc.h"

// Fills the options of `o`; result->operands are the command and its files.
bool arguments_parse(struct wanc_options *o, struct option_result *result, int argc, char **argv,
                     struct error *err);

#endif
