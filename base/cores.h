// How many cores there are for this process.
#ifndef WANC_BASE_CORES_H
#define WANC_BASE_CORES_H

// Those that this process may run on, not those of the machine: threads that share a core wait for each other.
// At least 1.
unsigned cores_available(void);

#endif
