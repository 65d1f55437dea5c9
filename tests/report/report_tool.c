// What the tests of reports look into files with.
//
//     report_tool json FILE PATH...            the values at these paths ("programs.0.caches.bytes"), one a line
//     report_tool count FILE PATH              how many elements the array there has
//     report_tool names FILE                   the names of all fields, each once
//     report_tool csv FILE ROW NAME            the cell of a data row (from 0) under the head NAME
//     report_tool shape FILE                   "ROWS COLUMNS" of a CSV, whose rows must all have as many cells
//     report_tool page FILE JSON               every data-path of a page names a value of the JSON, and data-value is it;
//                                              prints how many there are
//     report_tool attribute FILE NAME          the value of the first attribute of that name
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) return NULL;
    size_t size = 0, capacity = 1 << 16;
    char *data = malloc(capacity);
    for (size_t n; data != NULL && (n = fread(data + size, 1, capacity - size - 1, f)) > 0;) {
        size += n;
        if (capacity - size < 2) data = realloc(data, capacity *= 2);
    }
    fclose(f);
    if (data != NULL) data[size] = 0;
    return data;
}

static int fail(const char *what, const char *which) {
    printf("%s: %s\n", what, which);
    return 1;
}

// ---- JSON

static const json_t *at(const json_t *value, const char *path) {
    char part[64];
    while (value != NULL && *path != 0) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof part) return NULL;
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
        path += n + (path[n] != 0);
    }
    return value;
}

static void print_value(const json_t *v) {
    if (json_is_string(v)) puts(json_string_value(v));
    else if (json_is_integer(v)) printf("%lld\n", (long long)json_integer_value(v));
    else if (json_is_real(v)) printf("%.9g\n", json_real_value(v));
    else
        puts(v == NULL          ? "absent"
             : json_is_null(v)  ? "null"
             : json_is_true(v)  ? "true"
             : json_is_false(v) ? "false"
                                : "more");
}

static json_t *load(const char *path) {
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) printf("%s: line %d: %s\n", path, error.line, error.text);
    return root;
}

static int print_paths(const json_t *root, char **paths, int count) {
    for (int i = 0; i < count; i++) print_value(at(root, paths[i]));
    return 0;
}

// Adds the names of a value's fields, at any depth, to a set.
static void add_names(const json_t *value, json_t *set) {
    const char *name;
    const json_t *field;
    json_object_foreach((json_t *)value, name, field) {
        json_object_set_new(set, name, json_true());
        add_names(field, set);
    }
    for (size_t i = 0; i < json_array_size(value); i++) add_names(json_array_get(value, i), set);
}

static int print_names(const json_t *root) {
    json_t *set = json_object();
    const char *name;
    const json_t *field;
    add_names(root, set);
    json_object_foreach(set, name, field) puts(name);
    json_decref(set);
    return 0;
}

// ---- CSV

// Takes one cell; returns what ended it: ',', '\n', or 0 at the end of the file, -1 for a cell that is malformed.
static int take_cell(char **at, char *cell, size_t size) {
    size_t n = 0;
    char *c = *at;
    bool quoted = *c == '"';
    if (quoted) c++;
    for (; quoted ? *c != 0 : *c != 0 && *c != ',' && *c != '\n'; c++) {
        if (!quoted && *c == '"') return -1;
        if (quoted && *c == '"' && *++c != '"') break;
        if (n + 1 < size) cell[n++] = *c;
    }
    cell[n] = 0;
    int end = *c;
    if (end != 0 && end != ',' && end != '\n') return -1;
    *at = c + (end != 0);
    return end;
}

enum { MOST_CELLS = 64, CELL = 512 };

// A row's cells; their number, 0 at the end of the file, -1 for one that is malformed.
static int take_row(char **at, char cells[MOST_CELLS][CELL]) {
    int count = 0, end = ',';
    if (**at == 0) return 0;
    while (end == ',' && count < MOST_CELLS) end = take_cell(at, cells[count++], CELL);
    return end == '\n' ? count : -1;
}

static int csv(char *text, int row, const char *name) {
    static char head[MOST_CELLS][CELL], cells[MOST_CELLS][CELL];
    int columns = take_row(&text, head), rows = 0, n;
    for (; (n = take_row(&text, cells)) > 0; rows++) {
        if (n != columns) return fail("row of another length", cells[0]);
        for (int i = 0; i < n && rows == row; i++) {
            if (strcmp(head[i], name) == 0) return puts(cells[i]) < 0;
        }
    }
    if (n < 0) return fail("malformed row", cells[0]);
    if (row >= 0) return fail("no such cell", name);
    printf("%d %d\n", rows, columns);
    return 0;
}

// ---- the page

// The value of the attribute `name` that follows `from`, references replaced. Returns where it ends, NULL if there is none.
static const char *attribute(const char *from, const char *name, char *value, size_t size) {
    static const struct {
        const char *reference;
        char character;
    } references[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    char begin[64];
    snprintf(begin, sizeof begin, " %s=\"", name);
    const char *c = strstr(from, begin);
    if (c == NULL) return NULL;
    size_t n = 0;
    for (c += strlen(begin); *c != '"' && *c != 0; c++) {
        char character = *c;
        for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
            size_t length = strlen(references[i].reference);
            if (strncmp(c, references[i].reference, length) != 0) continue;
            character = references[i].character;
            c += length - 1;
            break;
        }
        if (n + 1 < size) value[n++] = character;
    }
    value[n] = 0;
    return c;
}

static bool equal(const json_t *v, const char *text) {
    if (json_is_null(v)) return text[0] == 0;
    if (json_is_string(v)) return strcmp(json_string_value(v), text) == 0;
    if (!json_is_number(v)) return false;
    double x = json_number_value(v), y = strtod(text, NULL);
    return fabs(x - y) <= 1e-8 * fabs(x);
}

static int page(const char *text, const json_t *root) {
    static char path[1 << 10], value[1 << 16];
    int count = 0;
    while ((text = attribute(text, "data-path", path, sizeof path)) != NULL) {
        text = attribute(text, "data-value", value, sizeof value);
        if (text == NULL) return fail("no data-value", path);
        if (!equal(at(root, path), value)) {
            printf("%s: the page has '%s', the JSON ", path, value);
            print_value(at(root, path));
            return 1;
        }
        count++;
    }
    printf("%d\n", count);
    return 0;
}

int main(int argc, char **argv) {
    static char value[1 << 16];
    const char *command = argc > 2 ? argv[1] : "";
    bool json =
        strcmp(command, "json") == 0 || strcmp(command, "count") == 0 || strcmp(command, "names") == 0;
    char *text = argc > 2 ? read_file(argv[2]) : NULL;
    if (text == NULL) return fail("cannot read", argc > 2 ? argv[2] : "nothing");
    json_t *root = json ? load(argv[2]) : strcmp(command, "page") == 0 && argc > 3 ? load(argv[3]) : NULL;
    int status = 2;
    if (strcmp(command, "json") == 0 && root != NULL) status = print_paths(root, argv + 3, argc - 3);
    else if (strcmp(command, "names") == 0 && root != NULL) status = print_names(root);
    else if (strcmp(command, "count") == 0 && root != NULL && argc > 3)
        status = printf("%zu\n", json_array_size(at(root, argv[3]))) < 0;
    else if (strcmp(command, "csv") == 0 && argc > 4) status = csv(text, atoi(argv[3]), argv[4]);
    else if (strcmp(command, "shape") == 0) status = csv(text, -1, "");
    else if (strcmp(command, "page") == 0 && root != NULL) status = page(text, root);
    else if (strcmp(command, "attribute") == 0 && argc > 3)
        status =
            attribute(text, argv[3], value, sizeof value) ? puts(value) < 0 : fail("no attribute", argv[3]);
    json_decref(root);
    free(text);
    return status;
}
