#include "frontend/proto_fields.h"

#include "frontend/wire.h"

#include <string.h>

enum { NODE_OVERLOAD = 8, FUNCTION_DEFAULTS = 11, FUNCTION_OVERLOAD = 13, MAX_DEPTH = 30 };

struct bytes {
    const uint8_t *data;
    size_t size;
};

// What an unknown field holds, without the length in front; nothing when it is of another kind.
static struct bytes payload(const ProtobufCMessageUnknownField *f) {
    size_t at = 0, length = 0;
    if (f->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) return (struct bytes){0};
    for (int shift = 0; at < f->len && shift < 35; shift += 7) {
        length |= (size_t)(f->data[at] & 0x7f) << shift;
        if (!(f->data[at++] & 0x80)) break;
    }
    if (length != f->len - at) return (struct bytes){0};
    return (struct bytes){.data = f->data + at, .size = length};
}

// ---- overloads

static struct bytes string_field(const ProtobufCMessage *m, unsigned tag) {
    const ProtobufCFieldDescriptor *d = protobuf_c_message_descriptor_get_field(m->descriptor, tag);
    struct bytes found = {0};
    if (d != NULL) {
        const char *s = *(const char *const *)((const char *)m + d->offset);
        return s != NULL ? (struct bytes){(const uint8_t *)s, strlen(s)} : found;
    }
    for (unsigned i = 0; i < m->n_unknown_fields; i++) {
        if (m->unknown_fields[i].tag == tag) found = payload(&m->unknown_fields[i]); // the last one counts
    }
    return found;
}

bool overload_fits(const Onnx__FunctionProto *f, const Onnx__NodeProto *n) {
    struct bytes a = string_field(&f->base, FUNCTION_OVERLOAD), b = string_field(&n->base, NODE_OVERLOAD);
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

// ---- defaults

static void *alloc_in_arena(void *arena, size_t size) { return arena_alloc(arena, size); }
static void free_nothing(void *arena, void *p) { (void)arena, (void)p; }

static const Onnx__AttributeProto *unpack_attribute(struct bytes b, struct arena *arena, struct error *err) {
    ProtobufCAllocator allocator = {.alloc = alloc_in_arena, .free = free_nothing, .allocator_data = arena};
    if (!wire_check(&onnx__attribute_proto__descriptor, b.data, b.size, MAX_DEPTH, err)) return NULL;
    const Onnx__AttributeProto *a = onnx__attribute_proto__unpack(&allocator, b.size, b.data);
    if (a == NULL) error_set(err, ERROR_INPUT, "a default of the function is damaged");
    return a;
}

static bool is_named(const Onnx__AttributeProto *a, const char *name) {
    return a != NULL && a->name != NULL && strcmp(a->name, name) == 0;
}

const Onnx__AttributeProto *function_default(const Onnx__FunctionProto *f, const char *name,
                                             struct arena *arena, struct error *err) {
    const ProtobufCFieldDescriptor *d =
        protobuf_c_message_descriptor_get_field(f->base.descriptor, FUNCTION_DEFAULTS);
    size_t count = d != NULL ? *(const size_t *)((const char *)f + d->quantifier_offset) : 0;
    for (size_t i = 0; i < count; i++) {
        const Onnx__AttributeProto *a =
            (*(Onnx__AttributeProto *const *const *)((const char *)f + d->offset))[i];
        if (is_named(a, name)) return a;
    }
    for (unsigned i = 0; i < f->base.n_unknown_fields; i++) {
        if (f->base.unknown_fields[i].tag != FUNCTION_DEFAULTS) continue;
        const Onnx__AttributeProto *a = unpack_attribute(payload(&f->base.unknown_fields[i]), arena, err);
        if (a == NULL || is_named(a, name)) return a;
    }
    return NULL;
}
