// Writes a plan whose names are what a stranger might choose: markup, quotes, control characters, and bytes that are no
// UTF-8. It is one copy of the latent to memory, one to a cache, and one to the frames.
//
//     make_hostile PLAN
#include "plan/write.h"

#include <stdio.h>

#define MARKUP "</script><script>document.title='broken'</script>"
#define QUOTES "\"quote' & <b> ]]> -->\\"
#define CONTROLS "line\nbreak\ttab\x1b[31m\x7f\xe2\x80\xae\xc2\x85"
#define NOT_UTF8 "bad \xff\xfe \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82"
#define FORMULA "=cmd|'/c calc'!A1"

static struct plan_view view(enum plan_space space) {
    bool planar = space == PLAN_INPUT || space == PLAN_OUTPUT;
    return (struct plan_view){.space = space,
                              .frames = 1,
                              .height = 2,
                              .width = 3,
                              .channels = 4,
                              .frame_stride = 24,
                              .row_stride = planar ? 3 : 12,
                              .pixel_stride = planar ? 1 : 4,
                              .channel_stride = planar ? 6 : 1};
}

static void add_copy(struct plan_writer *w, const char *name, enum plan_space from, enum plan_space to) {
    plan_writer_op(w, PLAN_FIRST,
                   (struct plan_op){.kind = PLAN_OP_COPY,
                                    .name = plan_writer_string(w, name),
                                    .in = {plan_writer_view(w, view(from)), PLAN_NONE, PLAN_NONE},
                                    .out = plan_writer_view(w, view(to)),
                                    .scratch = PLAN_NONE,
                                    .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}});
}

static void add_tables(struct plan_writer *w) {
    uint32_t markup = plan_writer_string(w, MARKUP), quotes = plan_writer_string(w, QUOTES),
             controls = plan_writer_string(w, CONTROLS), bytes = plan_writer_string(w, NOT_UTF8),
             formula = plan_writer_string(w, FORMULA);
    plan_writer_cache(w, (struct plan_cache){quotes, markup, 1, 2, 3, 4, PLAN_F32, 0, 0, 96});
    plan_writer_buffer(w, PLAN_FIRST,
                       (struct plan_buffer){.name = markup, .first_op = 0, .last_op = 2, .bytes = 96});
    plan_writer_shape(w, (struct plan_shape){markup, quotes, controls, bytes, formula, controls, quotes, 0});
    plan_writer_shape(
        w, (struct plan_shape){formula, bytes, quotes, markup, controls, bytes, markup, PLAN_NONE});
    plan_writer_pass(w, (struct plan_pass){.name = markup, .nodes = {3, 0}});
    plan_writer_note(w, CONTROLS);
    plan_writer_note(w, MARKUP);
}

int main(int argc, char **argv) {
    struct arena arena = {0};
    struct error err = {0};
    struct plan_writer *w = plan_writer_new(&arena);
    plan_writer_info(w)->model_name = plan_writer_string(w, MARKUP NOT_UTF8);
    plan_writer_info(w)->form = plan_writer_string(w, QUOTES CONTROLS);
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = 4,
                                                        .latent_height = 2,
                                                        .latent_width = 3,
                                                        .frame_channels = 4,
                                                        .frame_height = 2,
                                                        .frame_width = 3,
                                                        .cache_bytes = 96,
                                                        .variant = {{.frames = 1, .arena_bytes = 96}}};
    add_tables(w);
    add_copy(w, MARKUP, PLAN_INPUT, PLAN_ARENA);
    add_copy(w, NOT_UTF8 "/" QUOTES, PLAN_ARENA, PLAN_CACHE);
    add_copy(w, CONTROLS, PLAN_ARENA, PLAN_OUTPUT);
    bool ok = argc == 2 && plan_writer_save(w, argv[1], &err);
    if (!ok) fprintf(stderr, "make_hostile: %s\n", err.message);
    arena_free(&arena);
    return !ok;
}
