#include "frontend/wire.h"

#include <stdint.h>

struct reader {
    const unsigned char *start, *at, *end; // `end` is that of the message being read, not of the file
    int depth_left;
    struct error *err;
};

static bool bad(struct reader *r, const ProtobufCMessageDescriptor *d, const char *what) {
    return error_set(r->err, ERROR_INPUT, "byte %zu, in a %s: %s", (size_t)(r->at - r->start), d->short_name,
                     what);
}

static bool read_varint(struct reader *r, uint64_t *out) {
    *out = 0;
    for (int shift = 0; shift < 70 && r->at < r->end; shift += 7) {
        unsigned char byte = *r->at++;
        if (shift < 64) *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

static bool check_message(struct reader *r, const ProtobufCMessageDescriptor *d);

// The bytes of a length-delimited field: only those that are themselves messages are looked into.
static bool check_delimited(struct reader *r, const ProtobufCMessageDescriptor *d, uint64_t number) {
    uint64_t length;
    if (!read_varint(r, &length)) return bad(r, d, "a length is cut off");
    if (length > (uint64_t)(r->end - r->at)) {
        return error_set(r->err, ERROR_INPUT, "byte %zu, in a %s: %llu bytes should follow, %zu are left",
                         (size_t)(r->at - r->start), d->short_name, (unsigned long long)length,
                         (size_t)(r->end - r->at));
    }
    const unsigned char *end = r->end, *next = r->at + length;
    const ProtobufCFieldDescriptor *f =
        number <= INT32_MAX ? protobuf_c_message_descriptor_get_field(d, (unsigned)number) : NULL;
    if (f != NULL && f->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (r->depth_left == 0) return bad(r, d, "messages are nested too deeply");
        r->end = next;
        r->depth_left--;
        if (!check_message(r, f->descriptor)) return false;
        r->depth_left++;
        r->end = end;
    }
    r->at = next;
    return true;
}

static bool check_fixed(struct reader *r, const ProtobufCMessageDescriptor *d, ptrdiff_t size) {
    if (r->end - r->at < size) return bad(r, d, "a number is cut off");
    r->at += size;
    return true;
}

static bool check_field(struct reader *r, const ProtobufCMessageDescriptor *d) {
    uint64_t tag, number;
    if (!read_varint(r, &tag) || tag >> 3 == 0) return bad(r, d, "not a field");
    switch (tag & 7) {
    case 0: return read_varint(r, &number) || bad(r, d, "a number is cut off");
    case 1: return check_fixed(r, d, 8);
    case 2: return check_delimited(r, d, tag >> 3);
    case 5: return check_fixed(r, d, 4);
    default: return bad(r, d, "not a field");
    }
}

static bool check_message(struct reader *r, const ProtobufCMessageDescriptor *d) {
    while (r->at < r->end) {
        if (!check_field(r, d)) return false;
    }
    return true;
}

bool wire_check(const ProtobufCMessageDescriptor *d, const unsigned char *data, size_t size, int max_depth,
                struct error *err) {
    if (size == 0) return true;
    struct reader r = {.start = data, .at = data, .end = data + size, .depth_left = max_depth, .err = err};
    return check_message(&r, d);
}
