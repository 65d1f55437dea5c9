#include "compiler/timing_cache.h"

#include "runtime/packed.h"
#include "tools/json/file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { VERSION = 1, LAYOUT_TEXT = 17 };

struct timing_cache {
    const char *path;
    json_t *root, *times; // times: of this machine, borrowed from root
    bool changed;
};

// ---- the machine

static bool cpu_name(char *text, size_t size) {
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        char *value = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (value == NULL) continue;
        value[strcspn(value, "\n")] = 0;
        found = snprintf(text, size, "%s", value + 1 + (value[1] == ' ')) > 0;
    }
    if (f != NULL) fclose(f);
    return found;
}

bool timing_key_here(struct timing_key *key, unsigned threads, struct error *err) {
    struct utsname u;
    *key = (struct timing_key){.threads = threads};
    if (!cpu_name(key->cpu, sizeof key->cpu) && uname(&u) == 0)
        snprintf(key->cpu, sizeof key->cpu, "%s", u.machine);
    return rt_packed_layout(&key->layout, err);
}

// ---- the file

static bool is_machine(const json_t *m, const struct timing_key *key, const char *layout) {
    const char *cpu = json_string_value(json_object_get(m, "cpu")),
               *packing = json_string_value(json_object_get(m, "layout"));
    return strcmp(cpu, key->cpu) == 0 && strcmp(packing, layout) == 0 &&
           json_integer_value(json_object_get(m, "threads")) == (json_int_t)key->threads;
}

static bool check_times(const json_t *times) {
    const char *shape, *algorithm;
    json_t *of_shape, *seconds;
    json_object_foreach((json_t *)times, shape, of_shape) {
        if (!json_is_object(of_shape)) return false;
        json_object_foreach(of_shape, algorithm, seconds) {
            if (!json_is_real(seconds) || !(json_real_value(seconds) > 0)) return false;
        }
    }
    return true;
}

static bool check_machine(const json_t *m) {
    const json_t *times = json_object_get(m, "seconds");
    return json_is_string(json_object_get(m, "cpu")) && json_is_string(json_object_get(m, "layout")) &&
           json_is_integer(json_object_get(m, "threads")) && json_is_object(times) && check_times(times);
}

static bool check_file(const json_t *root) {
    const json_t *machines = json_object_get(root, "machines");
    if (json_integer_value(json_object_get(root, "timing_cache")) != VERSION || !json_is_array(machines))
        return false;
    for (size_t i = 0; i < json_array_size(machines); i++) {
        if (!check_machine(json_array_get(machines, i))) return false;
    }
    return true;
}

static json_t *read_file(const char *path, struct error *err) {
    json_error_t e;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return json_pack("{s:i, s:[]}", "timing_cache", VERSION, "machines");
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (root == NULL)
        error_set(err, ERROR_INPUT, "%s: cannot be read as a timing cache: %s (line %d)", path, e.text,
                  e.line);
    else if (!check_file(root)) {
        error_set(err, ERROR_INPUT, "%s: not a timing cache of version %d", path, VERSION);
        json_decref(root);
        root = NULL;
    }
    return root;
}

static json_t *find_times(json_t *root, const struct timing_key *key) {
    json_t *machines = json_object_get(root, "machines"), *m;
    char layout[LAYOUT_TEXT];
    size_t i;
    snprintf(layout, sizeof layout, "%016llx", (unsigned long long)key->layout);
    json_array_foreach(machines, i, m) {
        if (is_machine(m, key, layout)) return json_object_get(m, "seconds");
    }
    m = json_pack("{s:s, s:s, s:i, s:{}}", "cpu", key->cpu, "layout", layout, "threads", (int)key->threads,
                  "seconds");
    return json_array_append_new(machines, m) == 0 ? json_object_get(m, "seconds") : NULL;
}

struct timing_cache *timing_cache_open(const char *path, const struct timing_key *key, struct error *err) {
    json_t *root = read_file(path, err);
    if (root == NULL) return NULL;
    struct timing_cache *c = calloc(1, sizeof *c);
    json_t *times = find_times(root, key);
    if (c != NULL && times != NULL) {
        *c = (struct timing_cache){.path = path, .root = root, .times = times};
        return c;
    }
    error_set(err, ERROR_MEMORY, "%s: out of memory", path);
    json_decref(root);
    free(c);
    return NULL;
}

void timing_cache_close(struct timing_cache *c) {
    if (c == NULL) return;
    json_decref(c->root);
    free(c);
}

bool timing_cache_save(struct timing_cache *c, struct error *err) {
    if (!c->changed) return true;
    c->changed = false;
    return json_file_write(json_incref(c->root), c->path, err);
}

// ---- its times

bool timing_cache_get(const struct timing_cache *c, const struct plan_conv_shape *s, uint32_t algorithm,
                      double *seconds) {
    char text[PLAN_CONV_SHAPE_TEXT];
    const json_t *of_shape = json_object_get(c->times, plan_conv_shape_text(s, text));
    const json_t *value = json_object_get(of_shape, plan_conv_algorithm_name(algorithm));
    if (value != NULL) *seconds = json_real_value(value);
    return value != NULL;
}

bool timing_cache_put(struct timing_cache *c, const struct plan_conv_shape *s, uint32_t algorithm,
                      double seconds) {
    char text[PLAN_CONV_SHAPE_TEXT];
    json_t *of_shape = json_object_get(c->times, plan_conv_shape_text(s, text));
    if (of_shape == NULL && json_object_set_new(c->times, text, of_shape = json_object()) != 0) return false;
    c->changed = true;
    return json_object_set_new(of_shape, plan_conv_algorithm_name(algorithm), json_real(seconds)) == 0;
}
