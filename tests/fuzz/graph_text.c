#include "graph_text.h"

#include "fuzz.h"

#include <stdio.h>

// The value that the next block reads: [1, channels, first|steady, height, width].
struct value {
    int name; // %v<name>
    int channels, height, width, first, steady;
};

struct writer {
    uint64_t random;
    struct strbuf *body, constants;
    int names, constant_names;
};

enum { MOST_CHANNELS = 12, MOST_SIDE = 9, MOST_PIXELS = 20 * 20, MOST_FRAMES = 4, MOST_BLOCKS = 6 };

static int below(struct writer *w, int n) { return (int)(fuzz_random(&w->random) % (uint32_t)n); }
static bool chance(struct writer *w, int of) { return below(w, of) == 0; }

static struct value fresh(struct writer *w, struct value like) {
    like.name = w->names++;
    return like;
}

#define EMIT(w, ...) strbuf_printf((w)->body, __VA_ARGS__)

// ---- constants

static int constant(struct writer *w, const char *dims) {
    strbuf_printf(&w->constants, "const @w%d: f32[%s] = opaque\n", w->constant_names, dims);
    return w->constant_names++;
}

static int vector(struct writer *w, int n) {
    char dims[32];
    snprintf(dims, sizeof dims, "%d", n);
    return constant(w, dims);
}

static int kernel(struct writer *w, int out, int in, int t, int s) {
    char dims[96];
    snprintf(dims, sizeof dims, "%d,%d,%d,%d,%d", out, in, t, s, s);
    return constant(w, dims);
}

// ---- operators

static struct value unary(struct writer *w, struct value x, const char *op) {
    struct value y = fresh(w, x);
    EMIT(w, "  %%v%d = %s %%v%d\n", y.name, op, x.name);
    return y;
}

static struct value binary(struct writer *w, struct value x, struct value z, const char *op) {
    struct value y = fresh(w, x);
    EMIT(w, "  %%v%d = %s %%v%d, %%v%d\n", y.name, op, x.name, z.name);
    return y;
}

// A causal convolution, whose zeros in front are a pad of its own or an operator, as an exporter has it.
static struct value conv(struct writer *w, struct value x, int channels, int t, int s) {
    struct value y = fresh(w, x);
    int side = s / 2, weight = kernel(w, channels, x.channels, t, s), front = t - 1, padded = x.name;
    y.channels = channels;
    if (front > 0 && chance(w, 2)) {
        padded = w->names++;
        EMIT(w, "  %%v%d = pad %%v%d {pads=[0,0,%d,0,0,0,0,0,0,0]}\n", padded, x.name, front);
        front = 0;
    }
    EMIT(w, "  %%v%d = conv %%v%d, @w%d", y.name, padded, weight);
    if (chance(w, 2)) EMIT(w, ", @w%d", vector(w, channels));
    EMIT(w, " {pads=[%d,%d,%d,0,%d,%d], strides=[1,1,1]} \"conv%d\"\n", front, side, side, side, side,
         y.name);
    return y;
}

static struct value any_conv(struct writer *w, struct value x, int channels) {
    return conv(w, x, channels, 1 + below(w, 3), chance(w, 3) ? 1 : 3);
}

static struct value norm(struct writer *w, struct value x) {
    struct value y = fresh(w, x);
    EMIT(w, "  %%v%d = rms_norm %%v%d", y.name, x.name);
    if (!chance(w, 3)) EMIT(w, ", @w%d", vector(w, x.channels));
    EMIT(w, " {axis=1, epsilon=1e-6, scale=%d.5}\n", below(w, 3));
    return y;
}

static struct value silu(struct writer *w, struct value x) {
    return chance(w, 3) ? binary(w, x, unary(w, x, "sigmoid"), "mul") : unary(w, x, "silu");
}

static struct value clamp(struct writer *w, struct value x) {
    struct value y = fresh(w, x);
    EMIT(w, "  %%v%d = clamp %%v%d {max=%d.5, min=-1.25}\n", y.name, x.name, below(w, 2));
    return y;
}

// ---- blocks

static struct value residual(struct writer *w, struct value x) {
    int channels = chance(w, 2) ? x.channels : 1 + below(w, MOST_CHANNELS);
    struct value y = any_conv(w, silu(w, norm(w, x)), channels), shortcut = x;
    if (chance(w, 2)) y = any_conv(w, silu(w, norm(w, y)), channels);
    if (channels != x.channels) shortcut = conv(w, x, channels, 1, 1);
    return chance(w, 2) ? binary(w, shortcut, y, "add") : binary(w, y, shortcut, "add");
}

static struct value gate(struct writer *w, struct value x) {
    static const char *const ops[] = {"mul", "sub", "add"};
    return binary(w, x, unary(w, any_conv(w, x, x.channels), "sigmoid"), ops[below(w, 3)]);
}

static struct value enlarge(struct writer *w, struct value x) {
    struct value y = fresh(w, x);
    int factor = chance(w, 4) ? 3 : 2;
    if (x.height * x.width * factor * factor > MOST_PIXELS) return silu(w, x);
    EMIT(w, "  %%v%d = rearrange %%v%d {pattern=\"1 a b c d -> 1 a b (c e:%d) (d f:%d)\"}\n", y.name, x.name,
         factor, factor);
    y.height *= factor;
    y.width *= factor;
    return chance(w, 4) ? y : conv(w, y, 1 + below(w, MOST_CHANNELS), 1, 3);
}

// The first frame stays one, each of the others becomes two.
static struct value more_frames(struct writer *w, struct value x) {
    struct value head = fresh(w, x), rest = fresh(w, x), y;
    if (x.first != 1 || x.steady * 2 > MOST_FRAMES) return gate(w, x);
    EMIT(w, "  %%v%d = slice %%v%d {axis=2, end=1, start=0}\n", head.name, x.name);
    EMIT(w, "  %%v%d = slice %%v%d {axis=2, end=1, start=1, steady_end=%d}\n", rest.name, x.name, x.steady);
    struct value wide = conv(w, rest, 2 * x.channels, 1 + 2 * below(w, 2), 1);
    y = fresh(w, wide);
    y.channels = x.channels;
    EMIT(w, "  %%v%d = rearrange %%v%d {pattern=\"1 (a:2 b:%d) c d e -> 1 b (c a) d e\"}\n", y.name,
         wide.name, x.channels);
    struct value all = fresh(w, y);
    EMIT(w, "  %%v%d = concat %%v%d, %%v%d {axis=2}\n", all.name, head.name, y.name);
    all.steady *= 2;
    return all;
}

static int flat(struct writer *w, struct value x) {
    struct value y = conv(w, x, x.channels, 1, 1);
    int name = w->names++;
    EMIT(w, "  %%v%d = rearrange %%v%d {pattern=\"1 a b c d -> b (c d) a\"}\n", name, y.name);
    return name;
}

// Of the pixels of each frame, and added to it.
static struct value attention(struct writer *w, struct value x) {
    struct value n = norm(w, x), y = fresh(w, x);
    int q = flat(w, n), k = flat(w, n), v = flat(w, n), a = w->names++;
    EMIT(w, "  %%v%d = attention %%v%d, %%v%d, %%v%d {scale=0.%d}\n", a, q, k, v, 1 + below(w, 9));
    if (x.height == 1 || x.width == 1)
        EMIT(w, "  %%v%d = rearrange %%v%d {pattern=\"%s\"}\n", y.name, a,
             x.height > 1  ? "a b c -> 1 c a b 1"
             : x.width > 1 ? "a b c -> 1 c a 1 b"
                           : "a 1 c -> 1 c a 1 1");
    else
        EMIT(w, "  %%v%d = rearrange %%v%d {pattern=\"a (b:%d c:%d) d -> 1 d a b c\"}\n", y.name, a, x.height,
             x.width);
    return binary(w, x, y, "add");
}

// Channels taken apart, and put together in the other order.
static struct value swap_halves(struct writer *w, struct value x) {
    if (x.channels < 2) return silu(w, x);
    int half = 1 + below(w, x.channels - 1);
    struct value a = fresh(w, x), b = fresh(w, x), y = fresh(w, x);
    EMIT(w, "  %%v%d = slice %%v%d {axis=1, end=%d, start=0}\n", a.name, x.name, half);
    EMIT(w, "  %%v%d = slice %%v%d {axis=1, end=%d, start=%d}\n", b.name, x.name, x.channels, half);
    a.channels = half;
    b.channels = x.channels - half;
    if (chance(w, 2)) b = silu(w, b);
    EMIT(w, "  %%v%d = concat %%v%d, %%v%d {axis=1}\n", y.name, b.name, a.name);
    return y;
}

// A part of the rows or the columns.
static struct value crop(struct writer *w, struct value x) {
    bool rows = chance(w, 2);
    int side = rows ? x.height : x.width, start = below(w, side), end = start + 1 + below(w, side - start);
    struct value y = fresh(w, x);
    EMIT(w, "  %%v%d = slice %%v%d {axis=%d, end=%d, start=%d}\n", y.name, x.name, rows ? 3 : 4, end, start);
    *(rows ? &y.height : &y.width) = end - start;
    return chance(w, 2) ? y : any_conv(w, y, x.channels);
}

// Every other pixel of a convolution with pads on two sides, as encoders have it.
static struct value shrink(struct writer *w, struct value x) {
    struct value y = fresh(w, x);
    if (x.height < 2 || x.width < 2) return gate(w, x);
    int weight = kernel(w, x.channels, x.channels, 1, 3);
    EMIT(w, "  %%v%d = conv %%v%d, @w%d {pads=[0,0,0,0,1,1], strides=[1,2,2]} \"conv%d\"\n", y.name, x.name,
         weight, y.name);
    y.height = (x.height + 1 - 3) / 2 + 1;
    y.width = (x.width + 1 - 3) / 2 + 1;
    return y;
}

static struct value block(struct writer *w, struct value x) {
    switch (below(w, 13)) {
    case 10: return crop(w, x);
    case 11: return shrink(w, x);
    case 0: return any_conv(w, x, 1 + below(w, MOST_CHANNELS));
    case 1: return gate(w, x);
    case 2: return enlarge(w, x);
    case 3: return more_frames(w, x);
    case 4: return attention(w, x);
    case 5: return swap_halves(w, x);
    case 6: return clamp(w, x);
    case 7: return silu(w, chance(w, 2) ? norm(w, x) : x);
    default: return residual(w, x);
    }
}

void graph_text(uint64_t seed, struct strbuf *out) {
    struct strbuf body = {0};
    struct writer w = {.random = (seed + 1) * 0x9e3779b97f4a7c15u | 1, .body = &body, .names = 1};
    for (int i = 0; i < 4; i++) fuzz_random(&w.random);
    struct value x = {.channels = 1 + below(&w, MOST_CHANNELS), .first = 1, .steady = 1};
    x.height = 1 + below(&w, MOST_SIDE);
    x.width = 1 + below(&w, MOST_SIDE);
    // Without a convolution nothing says which axis is which: such a graph may be refused.
    struct value y = chance(&w, 16) ? x : any_conv(&w, x, 1 + below(&w, MOST_CHANNELS));
    for (int blocks = 1 + below(&w, MOST_BLOCKS); blocks > 0; blocks--) y = block(&w, y);
    y = any_conv(&w, y, 3);
    if (chance(&w, 2)) y = clamp(&w, y);
    strbuf_printf(out,
                  "module \"full\" \"random_%llu.ir\"\n%sgraph @full(%%v0: f32[1,%d,1|1,%d,%d]) {\n%s  "
                  "return %%v%d\n}\n",
                  (unsigned long long)seed, strbuf_text(&w.constants), x.channels, x.height, x.width,
                  strbuf_text(&body), y.name);
    strbuf_free(&w.constants);
    strbuf_free(&body);
}
