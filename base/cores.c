#define _GNU_SOURCE
#include "base/cores.h"

#include <sched.h>
#include <unistd.h>

unsigned cores_available(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (unsigned)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); // more cores than the set has room for
    return online < 1 ? 1 : (unsigned)online;
}
