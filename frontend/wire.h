// A look at a serialized protobuf message before it is unpacked.
//
// protobuf-c recurses once per nested message and says only "no" when it does not like its input. This check
// walks the same bytes first: it bounds the nesting, so that a hostile file cannot exhaust the stack, and it
// says where a file is cut off or damaged.
#ifndef WANC_FRONTEND_WIRE_H
#define WANC_FRONTEND_WIRE_H

#include "base/error.h"

#include <protobuf-c/protobuf-c.h>

// Whether `data` is a well-formed message of the type `d` with at most `max_depth` messages inside each
// other.
bool wire_check(const ProtobufCMessageDescriptor *d, const unsigned char *data, size_t size, int max_depth,
                struct error *err);

#endif
