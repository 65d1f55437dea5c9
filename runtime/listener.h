// How errors leave the libraries: to the caller's log, and to the caller's wan_error.
#ifndef WANC_RUNTIME_LISTENER_H
#define WANC_RUNTIME_LISTENER_H

#include "base/error.h"
#include "wan/wan.h"

struct api_listener {
    wan_log *log; // NULL: nobody listens
    void *context;
};

// `l` and `out` may be NULL. Return the status.
wan_status api_report(const struct api_listener *l, struct wan_error *out, const struct error *err);
// For what no function of ours refused: a call at the wrong time, no memory for a handle.
wan_status api_fail(const struct api_listener *l, struct wan_error *out, wan_status status,
                    const char *message);

#endif
