// What the tests of wanc inspect need of its JSON:
//
//     inspect_tool get JSON PATH         the value at a path like stream.caches.11.first; of an array its length
//     inspect_tool compare TEXT JSON     whether the text says what the JSON says; complains with exit status 1
#include <jansson.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *load(const char *path) {
    json_error_t err;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
    if (root == NULL) fprintf(stderr, "%s:%d: %s\n", path, err.line, err.text);
    return root;
}

// ---- get

static json_t *at(json_t *value, char *path) {
    for (char *key = strtok(path, "."); key != NULL && value != NULL; key = strtok(NULL, "."))
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key)) : json_object_get(value, key);
    return value;
}

static int get(json_t *root, char *path) {
    json_t *v = at(root, path);
    if (v == NULL) puts("absent");
    else if (json_is_string(v)) puts(json_string_value(v));
    else if (json_is_array(v)) printf("%zu\n", json_array_size(v));
    else if (json_is_object(v)) puts("object");
    else json_dumpf(v, stdout, JSON_ENCODE_ANY), putchar('\n');
    return 0;
}

// ---- compare

static char *text; // each run of white space is one space
static int wrong;

static char *read_squeezed(const char *path) {
    FILE *f = fopen(path, "r");
    char *out = calloc(1, 1 << 22);
    size_t n = 0;
    for (int c; f != NULL && (c = getc(f)) != EOF && n + 2 < 1 << 22;) {
        bool space = isspace(c);
        if (!space || (n > 0 && out[n - 1] != ' ')) out[n++] = space ? ' ' : (char)c;
    }
    if (f != NULL) fclose(f);
    return out;
}

__attribute__((format(printf, 1, 2))) static void expect(const char *format, ...) {
    char line[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (strstr(text, line) != NULL) return;
    fprintf(stderr, "not in the text: '%s'\n", line);
    wrong = 1;
}

static const char *str(json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}
static long long num(json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static void compare_unsupported(json_t *list) {
    size_t i, k;
    json_t *m, *node;
    if (json_array_size(list) == 0) expect(" unsupported none ");
    else expect(" unsupported %zu operator", json_array_size(list));
    json_array_foreach(list, i, m) {
        expect(" %s, %lld time", str(m, "operator"), num(m, "count"));
        json_array_foreach(json_object_get(m, "nodes"), k, node) expect("'%s'", json_string_value(node));
        expect("it feeds %s; ", str(m, "feeds"));
        if (str(m, "before") != NULL) expect("between %s and %s", str(m, "before"), str(m, "after"));
        if (str(m, "scope") != NULL) expect(", in %s", str(m, "scope"));
        if (str(m, "branch") != NULL) expect(", in %s", str(m, "branch"));
    }
}

static void compare_file(json_t *file) {
    size_t i;
    json_t *value;
    expect("model %s producer %s", str(file, "path"), str(file, "producer"));
    expect(" format IR version %lld, opset %lld ", num(file, "ir_version"), num(file, "opset"));
    json_array_foreach(json_object_get(file, "inputs"), i, value)
        expect(" %s: %s", str(value, "name"), str(value, "type"));
    json_array_foreach(json_object_get(file, "outputs"), i, value) expect(" %s: ", str(value, "name"));
    expect(" operators %lld: ", num(file, "nodes"));
    json_array_foreach(json_object_get(file, "operators"), i, value)
        expect(" %s %lld", str(value, "operator"), num(value, "count"));
    expect(" weights %lld tensors, ", num(json_object_get(file, "weights"), "tensors"));
    compare_unsupported(json_object_get(file, "unsupported"));
}

static void compare_form(json_t *form) {
    bool proven = json_is_true(json_object_get(form, "proven"));
    if (proven) expect(" form %s proof %s ", str(form, "title"), str(form, "proof"));
    else if (str(form, "name") != NULL) expect(" form %s, by its inputs; not proven ", str(form, "name"));
    else expect(" form not known");
}

static void compare_axes(json_t *root) {
    size_t i;
    json_t *axis, *size = json_object_get(root, "latent_size");
    json_array_foreach(json_object_get(root, "axes"), i, axis) {
        const char *of = strcmp(str(axis, "of"), "caches") == 0 ? " of caches" : "";
        if (str(axis, "name") == NULL) expect("%s%s %lld", str(axis, "axis"), of, num(axis, "size"));
        else expect("%s%s '%s'", str(axis, "axis"), of, str(axis, "name")[0] ? str(axis, "name") : "?");
    }
    if (json_is_object(size))
        expect(" inspected latents of %lldx%lld, ", num(size, "height"), num(size, "width"));
}

static void compare_cache(json_t *c) {
    const char *first = str(c, "first"), *convolution = str(c, "convolution");
    char ports[600] = "", filled[400] = "";
    if (str(c, "input") != NULL)
        snprintf(ports, sizeof ports, ", input '%s' -> output '%s'", str(c, "input"), str(c, "output"));
    if (first == NULL) snprintf(filled, sizeof filled, ", zero after the first step");
    else if (strcmp(first, convolution) != 0)
        snprintf(filled, sizeof filled, ", first filled by '%s'", first);
    expect(" %lld %s in front of '%s'%s%s ", num(c, "slot"), str(c, "shape"), convolution, ports, filled);
}

static void compare_stream(json_t *stream) {
    size_t i;
    json_t *value, *result = json_object_get(stream, "result"), *caches = json_object_get(stream, "caches");
    json_array_foreach(json_object_get(stream, "stages"), i, value)
        expect(" %lldx%lld %lld %lld %lld %lld ", num(value, "height"), num(value, "width"),
               num(value, "first"), num(value, "steady"), num(value, "convolutions"), num(value, "caches"));
    if (json_is_object(result)) {
        expect(" result %s; %lld frame", str(result, "shape"), num(result, "first"));
        if (num(result, "steady"))
            expect(", %lld in a later one, %s of T", num(result, "steady"), str(result, "frames"));
        if (num(result, "first_kept")) expect("(the last %lld kept)", num(result, "first_kept"));
    }
    expect(" caches %zu ", json_array_size(caches));
    json_array_foreach(caches, i, value) compare_cache(value);
}

static void compare_lines(json_t *root, const char *key) {
    size_t i;
    json_t *line, *list = json_object_get(root, key);
    if (json_array_size(list) == 0) expect(" %s none ", key);
    json_array_foreach(list, i, line) expect(" %s ", json_string_value(line));
}

static int compare(json_t *root) {
    size_t i;
    json_t *file, *refused = json_object_get(root, "refused"), *stream = json_object_get(root, "stream");
    json_array_foreach(json_object_get(root, "files"), i, file) compare_file(file);
    compare_form(json_object_get(root, "form"));
    compare_axes(root);
    if (json_is_object(stream)) compare_stream(stream);
    else if (strstr(text, " stages ") != NULL) expect("no stages");
    compare_lines(root, "notes");
    compare_lines(root, "warnings");
    if (json_is_object(refused)) expect(" refused by %s ", str(refused, "pass"));
    if (json_is_object(refused)) expect(" %s ", str(refused, "message"));
    else if (strstr(text, " refused by ") != NULL) expect("no refusal");
    return wrong;
}

int main(int argc, char **argv) {
    bool comparing = argc == 4 && strcmp(argv[1], "compare") == 0;
    if (argc != 4 || (!comparing && strcmp(argv[1], "get") != 0)) return 2;
    json_t *root = load(argv[comparing ? 3 : 2]);
    if (root == NULL) return 1;
    if (comparing) text = read_squeezed(argv[2]);
    int status = comparing ? compare(root) : get(root, argv[3]);
    free(text);
    json_decref(root);
    return status;
}
