// Random decoders in textual IR: graphs `full` of canonical operators, as an import of a whole video's model leaves them.
#ifndef WANC_TESTS_FUZZ_GRAPH_TEXT_H
#define WANC_TESTS_FUZZ_GRAPH_TEXT_H

#include "base/strbuf.h"

#include <stdint.h>

// The same text for the same seed. Constants are opaque; the input is the latents.
void graph_text(uint64_t seed, struct strbuf *out);

#endif
