// What is done with a module from a stranger's file: the passes, each verified, to a plan in memory.
#ifndef WANC_TESTS_FUZZ_COMPILE_USE_H
#define WANC_TESTS_FUZZ_COMPILE_USE_H

#include "ir/ir.h"

// False: refused, with an error.
bool compile_use(struct ir_module **m, struct error *err);

#endif
