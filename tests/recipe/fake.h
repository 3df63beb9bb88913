/* tests/recipe/fake.h - checkpoints made from a few lines of text, opened through the real index. Header-only.
 *
 *     "w f32 2x3\n"     a tensor; element k of the n-th tensor is n * 4096 + k
 *     "s f32 -\n"       a scalar
 *     "@key 12\n"       a key/value: an integer (u32), a number with a point (f32), or a 'text'
 *     "!name {...}\n"   a file beside the model */
#ifndef GGX_TESTS_RECIPE_FAKE_H
#define GGX_TESTS_RECIPE_FAKE_H

#include "base/text.h"
#include "recipe/recipe.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef FAKE_FAIL /* a fuzz target has its own */
#include "unit.h"
#define FAKE_FAIL(...) fail_msg(__VA_ARGS__)
#endif

#define FAKE_TENSORS 1024
#define FAKE_STEP 4096

typedef struct fake {
    ggx_checkpoint checkpoint;
    ggx_source source;
    ggx_registry registry;
    ggx_plugin_entry entry;
    ggx_offer offer;
    ggx_provide provide;
    ggx_plugin plugin;
    ggx_reader reader;
    const char *text;
    ggx_str file_name, file;
    float data[FAKE_TENSORS * FAKE_STEP];
} fake;

static fake *fake_now; /* the reader's table has no room for a context before open */

static uint32_t fake_count(const ggx_source *source) GGX_NOEXCEPT
{
    return ((fake *)source->context)->file.data ? 2 : 1;
}

static ggx_status fake_member(const ggx_source *source, uint32_t index, ggx_member *out, ggx_error *error) GGX_NOEXCEPT
{
    fake *f = source->context;
    (void)error;
    out->size = index ? f->file.size : 1ull << 32; /* tensors beyond the data may be listed, not read */
    out->name = index ? f->file_name : GGX_LIT("model");
    return GGX_OK;
}

static ggx_status fake_find(const ggx_source *source, ggx_str name, uint32_t *index, ggx_error *error) GGX_NOEXCEPT
{
    fake *f = source->context;
    *index = 1;
    return f->file.data && ggx_str_same(name, f->file_name) ? GGX_OK : ggx_fail(error, GGX_E_NOTFOUND, "no such file");
}

static ggx_status fake_read_at(const ggx_source *source, uint32_t member, uint64_t offset, void *out, uint64_t size,
                               ggx_error *error) GGX_NOEXCEPT
{
    fake *f = source->context;
    uint64_t limit = member ? f->file.size : sizeof f->data;
    if (offset > limit || size > limit - offset) return ggx_fail(error, GGX_E_MALFORMED, "beyond the end");
    memcpy(out, (member ? f->file.data : (const char *)f->data) + offset, (size_t)size);
    return GGX_OK;
}

static ggx_status fake_map(const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size, const void **out,
                           ggx_error *error) GGX_NOEXCEPT
{
    (void)source, (void)member, (void)offset, (void)size, (void)out;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "not mapped");
}

static int32_t fake_probe(const ggx_probe *probe) GGX_NOEXCEPT
{
    (void)probe;
    return 0;
}

static ggx_status fake_open(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                            ggx_error *error) GGX_NOEXCEPT
{
    (void)self, (void)host, (void)source, (void)options, (void)error;
    return GGX_OK;
}

static ggx_status fake_kv(const ggx_sink *sink, const char *line, size_t size, ggx_error *error)
{
    const char *space = memchr(line, ' ', size);
    ggx_kv kv = {.struct_size = sizeof kv, .type = GGX_KV_U32, .count = 1, .key = {line, (uint64_t)(space - line)}};
    ggx_str text = {space + 1, (uint64_t)(line + size - space - 1)};
    uint32_t integer = (uint32_t)strtoul(text.data, NULL, 10);
    float real = strtof(text.data, NULL);
    kv.data = &integer;
    if (text.data[0] == '\'') {
        text.data++;
        text.size -= 2;
        kv.type = GGX_KV_STRING;
        kv.data = &text;
    } else if (memchr(text.data, '.', (size_t)text.size)) {
        kv.type = GGX_KV_F32;
        kv.data = &real;
    }
    kv.elem_type = kv.type;
    return sink->kv(sink, &kv, error);
}

static ggx_status fake_tensor(const ggx_sink *sink, const char *line, size_t size, uint64_t number, ggx_error *error)
{
    char type[16], shape[64], name[512];
    ggx_tensor t = {.struct_size = sizeof t, .access = GGX_ACCESS_RAW, .offset = number * FAKE_STEP * sizeof(float)};
    snprintf(name, sizeof name, "%.*s", (int)size, line);
    char *space = strrchr(name, ' ');
    snprintf(shape, sizeof shape, "%s", space + 1);
    *space = 0;
    space = strrchr(name, ' ');
    snprintf(type, sizeof type, "%s", space + 1);
    *space = 0;
    t.name = ggx_str_of(name);
    if (!strncmp(type, "aux-", 4)) t.flags = GGX_TENSOR_AUXILIARY;
    t.type = ggx_type_make(t.flags ? type + 4 : type, 1, 4);
    uint64_t elems = 1;
    for (char *at = shape; *at != '-' && *at; at += *at == 'x') {
        t.shape[t.rank] = strtoul(at, &at, 10);
        elems *= t.shape[t.rank++];
    }
    t.nbytes = elems * 4;
    return sink->tensor(sink, &t, error);
}

static ggx_status fake_index(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    (void)self;
    uint64_t number = 0;
    ggx_status status = GGX_OK;
    for (const char *line = fake_now->text, *end; *line && status == GGX_OK; line = end + 1) {
        end = strchr(line, '\n');
        if (*line == '@')
            status = fake_kv(sink, line + 1, (size_t)(end - line - 1), error);
        else if (*line != '!')
            status = fake_tensor(sink, line, (size_t)(end - line), number++, error);
    }
    return status;
}

/* A checkpoint of those lines; free with fake_free. */
static fake *fake_make(const char *text)
{
    fake *f = calloc(1, sizeof *f);
    ggx_error error = {0};
    static const char *const none[] = {NULL};
    f->text = text;
    for (uint64_t i = 0; i < FAKE_TENSORS * FAKE_STEP; i++) f->data[i] = (float)i;
    const char *file = strchr(text, '!');
    if (file) {
        const char *space = strchr(file, ' ');
        f->file_name = (ggx_str){file + 1, (uint64_t)(space - file - 1)};
        f->file = (ggx_str){space + 1, (uint64_t)(strchr(space, '\n') - space - 1)};
    }
    f->source =
        (ggx_source){sizeof f->source, GGX_SOURCE_FILE, f, fake_count, fake_member, fake_find, fake_read_at, fake_map};
    f->reader =
        (ggx_reader){.struct_size = sizeof f->reader, .probe = fake_probe, .open = fake_open, .index = fake_index};
    f->provide = (ggx_provide){GGX_READER_ID, &f->reader};
    f->plugin =
        (ggx_plugin){.struct_size = sizeof f->plugin, .id = "reader-fake", .provide_count = 1, .provides = &f->provide};
    f->offer = (ggx_offer){.interface_id = GGX_READER_ID, .name = "fake", .extensions = none, .cpu = none};
    f->entry = (ggx_plugin_entry){
        .id = "reader-fake", .path = "fake", .offers = &f->offer, .offer_count = 1, .loaded = 1, .plugin = &f->plugin};
    f->registry = (ggx_registry){.entries = &f->entry, .count = 1, .capacity = 1, .cpu = none};
    ggx_arena_init(&f->registry.arena, 1 << 20);
    fake_now = f;
    if (ggx_checkpoint_open(&f->checkpoint, &f->registry, &f->source, "fake", NULL, 0, NULL, &error) != GGX_OK)
        FAKE_FAIL("the fake checkpoint: %s", error.text);
    return f;
}

static inline void fake_free(fake *f)
{
    ggx_checkpoint_close(&f->checkpoint);
    ggx_arena_free(&f->registry.arena);
    free(f);
}

static ggx_recipe_env fake_env(const fake *f, const char *writer)
{
    return (ggx_recipe_env){.checkpoint = &f->checkpoint, .writer = writer, .type_name = "", .version = "1.2.3"};
}

/* Parses the recipe and applies it. The arena is the caller's. */
static inline ggx_status fake_apply(ggx_arena *arena, const fake *f, const char *recipe, const char *writer,
                                    ggx_recipe_result *out, ggx_error *error)
{
    ggx_recipe *parsed;
    ggx_recipe_env env = fake_env(f, writer);
    memset(error, 0, sizeof *error);
    ggx_status status = ggx_recipe_parse(arena, ggx_str_of(recipe), "r.json", NULL, &parsed, error);
    return status == GGX_OK ? ggx_recipe_apply(arena, parsed, &env, out, error) : status;
}

/* Each output as name:shape, then "=type" fixed or "?type" by default, "q" when --type applies, "/axis" of rows, "*pieces", "+operations". */
static inline void fake_describe(const ggx_recipe_result *r, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (uint64_t i = 0; i < r->tensor_count && n + 200 < size; i++) {
        const ggx_recipe_tensor *t = &r->tensors[i];
        n += (size_t)snprintf(out + n, size - n, "%s%.*s:", i ? " " : "", (int)t->name.size, t->name.data);
        for (uint32_t a = 0; a < t->view.rank; a++)
            n += (size_t)snprintf(out + n, size - n, "%s%llu", a ? "x" : "", (unsigned long long)t->view.shape[a]);
        if (t->type.size)
            n += (size_t)snprintf(out + n, size - n, "=%.*s", (int)t->type.size, t->type.data);
        else if (t->default_type.size)
            n += (size_t)snprintf(out + n, size - n, "?%.*s", (int)t->default_type.size, t->default_type.data);
        if (t->quantize) n += (size_t)snprintf(out + n, size - n, "q");
        if (t->row_axes) n += (size_t)snprintf(out + n, size - n, "/%u", t->row_axes);
        if (t->view.piece_count > 1) n += (size_t)snprintf(out + n, size - n, "*%u", t->view.piece_count);
        if (t->op_count) n += (size_t)snprintf(out + n, size - n, "+%u", t->op_count);
    }
}

#endif
