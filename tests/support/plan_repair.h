// Checksums of a plan that a test has changed, so that what is tested is what looks behind them.
#ifndef WANC_TESTS_PLAN_REPAIR_H
#define WANC_TESTS_PLAN_REPAIR_H

#include <stddef.h>

// Of every section that lies in the file, and of the header. `size` is at least that of the header and the section table.
void plan_repair_checksums(unsigned char *data, size_t size);

#endif
