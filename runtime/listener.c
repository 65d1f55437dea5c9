#include "runtime/listener.h"

#include <stdio.h>

_Static_assert(sizeof((struct wan_error *)NULL)->name == ERROR_NAME_SIZE, "names fit");

static wan_status status_of(enum error_code code) {
    switch (code) {
    case ERROR_NONE: return WAN_OK;
    case ERROR_USAGE: return WAN_ERROR_ARGUMENT;
    case ERROR_INPUT: return WAN_ERROR_INPUT;
    case ERROR_UNSUPPORTED: return WAN_ERROR_UNSUPPORTED;
    case ERROR_IO: return WAN_ERROR_IO;
    case ERROR_MEMORY: return WAN_ERROR_MEMORY;
    case ERROR_CANCELLED: return WAN_ERROR_CANCELLED;
    default: return WAN_ERROR_INTERNAL;
    }
}

static wan_status tell(const struct api_listener *l, struct wan_error *out, wan_status status,
                       const struct error *err) {
    if (l != NULL && l->log != NULL) l->log(l->context, WAN_LOG_ERROR, err->message);
    if (out == NULL) return status;
    out->status = status;
    error_name(err, out->name);
    snprintf(out->message, sizeof out->message, "%s", err->message);
    return status;
}

wan_status api_report(const struct api_listener *l, struct wan_error *out, const struct error *err) {
    return tell(l, out, status_of(err->code), err);
}

wan_status api_fail(const struct api_listener *l, struct wan_error *out, wan_status status,
                    const char *message) {
    struct error err = {0};
    error_set(&err, status == WAN_ERROR_MEMORY ? ERROR_MEMORY : ERROR_USAGE, "%s", message);
    return tell(l, out, status, &err);
}
