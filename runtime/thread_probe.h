// Whether the system starts so many threads. pthreadpool does not look at what pthread_create says, and waits for ever for a
// thread that was refused.
#ifndef WANC_RUNTIME_THREAD_PROBE_H
#define WANC_RUNTIME_THREAD_PROBE_H

// Starts `count` threads, lets all of them exist at once, and ends them. Returns how many could be had.
unsigned thread_probe(unsigned count);

#endif
