// Rebuilds the external weights of a random decoder from its recipe, without Python.
//
//     make_weights RECIPE.txt OUT.data
//
// A test decoder of full width has 290 MB of weights; what is stored is the recipe that
// tools/export_decoder.py --recipe wrote:
//
//     wanc-weights 1 seed SEED bytes SIZE
//     byte_offset count stream_start scale shift          (one line per tensor, in file order)
//
// Element j of a tensor is  shift + scale * u(stream_start + j)  in float32: a rounded multiplication,
// then a rounded addition, never fused.  u is a hash of the seed and the index (see uniform()), so the
// file is the same bytes on every machine.  Gaps between tensors are zeros; values are little-endian.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536 // floats made and written at a time

typedef struct {
    uint64_t offset; // bytes, where the tensor starts in the file
    uint64_t count;  // elements
    uint64_t start;  // index of its first element in the stream
    float scale, shift;
} tensor_recipe;

typedef struct {
    FILE *file;
    const char *name;  // what messages call it
    uint64_t position; // bytes written so far
} output;

static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("make_weights: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

// u(i) in [-1, 1): the output function of splitmix64 on a counter, its upper 24 bits as a float.
static float uniform(uint64_t seed, uint64_t i) {
    uint64_t z = seed * 0xD1342543DE82EF95u + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (float)((int32_t)(z >> 40) - (1 << 23)) / (float)(1 << 23);
}

// Stores one float as little-endian bytes.
static void store(unsigned char *to, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(bits >> (8 * i));
}

static int append(output *out, const void *bytes, size_t size) {
    if (fwrite(bytes, 1, size, out->file) != size) {
        complain("%s: %s", out->name, strerror(errno));
        return -1;
    }
    out->position += size;
    return 0;
}

static int append_zeros(output *out, uint64_t size) {
    static const unsigned char zeros[4096];
    while (size > 0) {
        size_t part = size < sizeof zeros ? (size_t)size : sizeof zeros;
        if (append(out, zeros, part) < 0) return -1;
        size -= part;
    }
    return 0;
}

static int append_tensor(output *out, uint64_t seed, const tensor_recipe *t) {
    static unsigned char buffer[4 * CHUNK];
    for (uint64_t done = 0; done < t->count;) {
        size_t part = t->count - done < CHUNK ? (size_t)(t->count - done) : CHUNK;
        for (size_t j = 0; j < part; j++) {
            // volatile: the product must be rounded to float before the addition
            volatile float product = t->scale * uniform(seed, t->start + done + j);
            store(buffer + 4 * j, t->shift + product);
        }
        if (append(out, buffer, 4 * part) < 0) return -1;
        done += part;
    }
    return 0;
}

// Writes every tensor of the recipe. Returns 0, or -1 after a message.
static int write_tensors(FILE *recipe, const char *name, output *out) {
    char line[256];
    uint64_t seed, size;
    if (!fgets(line, sizeof line, recipe) ||
        sscanf(line, "wanc-weights 1 seed %" SCNu64 " bytes %" SCNu64, &seed, &size) != 2) {
        complain("%s: the first line is not 'wanc-weights 1 seed SEED bytes SIZE'", name);
        return -1;
    }
    for (int number = 2; fgets(line, sizeof line, recipe); number++) {
        tensor_recipe t;
        if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %f %f", &t.offset, &t.count, &t.start, &t.scale,
                   &t.shift) != 5) {
            complain("%s:%d: expected 'byte_offset count stream_start scale shift'", name, number);
            return -1;
        }
        if (t.offset < out->position || t.offset > size || t.count > (size - t.offset) / 4) {
            complain("%s:%d: the tensor overlaps the one before it or the end of the file", name, number);
            return -1;
        }
        if (append_zeros(out, t.offset - out->position) < 0 || append_tensor(out, seed, &t) < 0) return -1;
    }
    if (ferror(recipe)) {
        complain("%s: %s", name, strerror(errno));
        return -1;
    }
    if (out->position != size) {
        complain("%s: tensors end at byte %" PRIu64 ", the first line says %" PRIu64, name, out->position,
                 size);
        return -1;
    }
    return 0;
}

// Writes to a temporary name beside the target and renames, so that a broken run leaves no half a file.
static int build(FILE *recipe, const char *recipe_name, const char *target, const char *temporary) {
    output out = {.file = fopen(temporary, "wb"), .name = temporary};
    if (!out.file) {
        complain("%s: %s", temporary, strerror(errno));
        return -1;
    }
    int status = write_tensors(recipe, recipe_name, &out);
    if (fclose(out.file) != 0 && status == 0) {
        complain("%s: %s", temporary, strerror(errno));
        status = -1;
    }
    if (status == 0 && rename(temporary, target) != 0) {
        complain("%s: %s", target, strerror(errno));
        status = -1;
    }
    if (status != 0) remove(temporary);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("usage: make_weights RECIPE.txt OUT.data\n", stderr);
        return 2;
    }
    FILE *recipe = fopen(argv[1], "r");
    if (!recipe) {
        complain("%s: %s", argv[1], strerror(errno));
        return 1;
    }
    size_t size = strlen(argv[2]) + sizeof ".part";
    char *temporary = malloc(size);
    int status = -1;
    if (temporary) {
        snprintf(temporary, size, "%s.part", argv[2]);
        status = build(recipe, argv[1], argv[2], temporary);
    } else {
        complain("out of memory");
    }
    free(temporary);
    fclose(recipe);
    return status == 0 ? 0 : 1;
}
