// Frames per second, as people write them.
#include "tools/output/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RATE = 1000 };

// Television counts 1001 where 1000 would do, and is named by what that gives, rounded.
static const struct {
    const char *text;
    struct output_rate rate;
} television[] = {
    {"23.976", {24000, 1001}}, {"23.98", {24000, 1001}}, {"29.97", {30000, 1001}}, {"59.94", {60000, 1001}}};

// Digits, at most nine of them.
static const char *digits(const char *at, uint64_t *value) {
    const char *begin = at;
    for (*value = 0; *at >= '0' && *at <= '9' && at - begin < 9; at++)
        *value = *value * 10 + (uint64_t)(*at - '0');
    return at > begin ? at : NULL;
}

// "30", "30000/1001" or "12.5", as a fraction.
static bool parse(const char *text, uint64_t *num, uint64_t *den) {
    const char *at = digits(text, num);
    *den = 1;
    if (at == NULL || *at == 0) return at != NULL;
    if (*at == '/') {
        at = digits(at + 1, den);
        return at != NULL && *at == 0;
    }
    if (*at != '.' || strlen(at + 1) > 6) return false;
    uint64_t part;
    const char *begin = at + 1, *end = digits(begin, &part);
    if (end == NULL || *end != 0) return false;
    for (const char *c = begin; c < end; c++) *den *= 10;
    *num = *num * *den + part;
    return true;
}

static uint64_t gcd(uint64_t a, uint64_t b) { return b == 0 ? a : gcd(b, a % b); }

bool output_parse_rate(const char *text, struct output_rate *rate, struct error *err) {
    for (size_t i = 0; i < sizeof television / sizeof television[0]; i++) {
        if (strcmp(text, television[i].text) == 0) {
            *rate = television[i].rate;
            return true;
        }
    }
    uint64_t num, den;
    bool ok = parse(text, &num, &den) && num > 0 && den > 0;
    if (ok) {
        uint64_t common = gcd(num, den);
        num /= common, den /= common;
        ok = num <= MAX_RATE * den && num * MAX_RATE >= den && num <= INT32_MAX && den <= INT32_MAX;
    }
    if (!ok)
        return error_set(
            err, ERROR_USAGE,
            "--fps: expected a number such as 24, 23.976 or 30000/1001, from 0.001 to %d, found '%s'",
            MAX_RATE, text);
    *rate = (struct output_rate){(uint32_t)num, (uint32_t)den};
    return true;
}
