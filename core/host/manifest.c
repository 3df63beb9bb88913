/* manifest.c - reads ggx-ID.json (docs/abi.md, section 4). */
#include "base/text.h"
#include "host/cpu.h"
#include "host/scan.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <unistd.h>

#define MANIFEST_MAX 65536u
#define PROVIDES_MAX 256u
#define WINDOW_MAX 65536

typedef struct manifest {
    ggx_registry *registry;
    ggx_plugin_entry *entry;
    const char *path;
    char at[32]; /* "provides[3].", or "" */
} manifest;

/* Refuses for the key: `found` and `expected` as docs/abi.md says. */
static ggx_status refuse(const manifest *m, const char *key, const char *found, const char *expected)
{
    ggx_entry_refuse(m->entry, ggx_refusal_make(&m->registry->arena, m->path, "%s%s: found %.64s, expected %s", m->at,
                                                key, found, expected));
    return GGX_E_PLUGIN;
}

static const char *kind_name(const ggx_json *value)
{
    static const char *const names[] = {
        [GGX_JSON_OBJECT] = "an object", [GGX_JSON_ARRAY] = "a list",    [GGX_JSON_STRING] = "a string",
        [GGX_JSON_INT] = "a number",     [GGX_JSON_REAL] = "a fraction", [GGX_JSON_TRUE] = "true",
        [GGX_JSON_FALSE] = "false",      [GGX_JSON_NULL] = "null"};
    return value ? names[value->kind] : "none";
}

/* A string without NUL bytes, of 1 to `longest` bytes. */
static int is_text(const ggx_json *value, uint64_t longest)
{
    return value && value->kind == GGX_JSON_STRING && value->text.size && value->text.size <= longest &&
           strlen(value->text.data) == value->text.size;
}

static ggx_status read_text(const manifest *m, const ggx_json *object, const char *key, const char **out)
{
    const ggx_json *value = ggx_json_get(object, key);
    if (!is_text(value, 256)) return refuse(m, key, kind_name(value), "a string of 1 to 256 bytes");
    *out = value->text.data;
    return GGX_OK;
}

/* A text of 1 to `longest` of a-z, 0-9 and `extra`. */
static ggx_status read_name(const manifest *m, const ggx_json *object, const char *key, uint64_t longest, char extra,
                            const char **out)
{
    char expected[64];
    const ggx_json *value = ggx_json_get(object, key);
    snprintf(expected, sizeof expected, "1 to %u of a-z, 0-9 and %c", (unsigned)longest, extra);
    if (!value || value->kind != GGX_JSON_STRING) return refuse(m, key, kind_name(value), expected);
    int good = is_text(value, longest);
    for (const char *c = value->text.data; *c && good; c++)
        good = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == extra;
    if (!good) return refuse(m, key, value->text.data, expected);
    *out = value->text.data;
    return GGX_OK;
}

static ggx_status read_int(const manifest *m, const ggx_json *object, const char *key, int64_t low, int64_t high,
                           int64_t *out)
{
    char expected[64];
    const ggx_json *value = ggx_json_get(object, key);
    snprintf(expected, sizeof expected, "a number from %lld to %lld", (long long)low, (long long)high);
    if (!value || value->kind != GGX_JSON_INT) return refuse(m, key, kind_name(value), expected);
    if (value->integer < low || value->integer > high) return refuse(m, key, value->text.data, expected);
    *out = value->integer;
    return GGX_OK;
}

static ggx_status read_u32(const manifest *m, const ggx_json *object, const char *key, int64_t low, int64_t high,
                           uint32_t *out)
{
    int64_t value = 0;
    ggx_status status = read_int(m, object, key, low, high, &value);
    *out = (uint32_t)value;
    return status;
}

/* A list of strings, ended by NULL. */
static ggx_status read_list(const manifest *m, const ggx_json *object, const char *key, int needed,
                            const char *const **out)
{
    const ggx_json *value = ggx_json_get(object, key);
    if (!value && !needed) return GGX_OK;
    if (!value || value->kind != GGX_JSON_ARRAY) return refuse(m, key, kind_name(value), "a list of strings");
    const char **list = ggx_arena_array(&m->registry->arena, (uint64_t)value->count + 1, sizeof *list);
    if (!list) return refuse(m, key, "no memory", "a shorter list");
    uint32_t n = 0;
    for (const ggx_json *item = value->first; item; item = item->next) {
        if (!is_text(item, 64)) return refuse(m, key, kind_name(item), "strings of 1 to 64 bytes");
        list[n++] = item->text.data;
    }
    *out = list;
    return GGX_OK;
}

static ggx_status read_reader(const manifest *m, const ggx_json *json, ggx_offer *offer)
{
    ggx_status status = read_name(m, json, "name", 32, '-', &offer->name);
    if (status == GGX_OK) status = read_list(m, json, "extensions", 1, &offer->extensions);
    if (status == GGX_OK) status = read_u32(m, json, "head_want", 0, WINDOW_MAX, &offer->head_want);
    if (status == GGX_OK) status = read_u32(m, json, "tail_want", 0, WINDOW_MAX, &offer->tail_want);
    return status;
}

static ggx_status read_writer(const manifest *m, const ggx_json *json, ggx_offer *offer)
{
    ggx_status status = read_name(m, json, "name", 32, '-', &offer->name);
    return status == GGX_OK ? read_list(m, json, "extensions", 1, &offer->extensions) : status;
}

static ggx_status read_named(const manifest *m, const ggx_json *json, ggx_offer *offer)
{
    return read_name(m, json, "name", 32, '-', &offer->name);
}

static ggx_status read_quant(const manifest *m, const ggx_json *json, ggx_offer *offer)
{
    ggx_status status = read_name(m, json, "type", sizeof((ggx_type *)0)->name - 1, '_', &offer->name);
    if (status == GGX_OK) status = read_u32(m, json, "block_elems", 1, UINT32_MAX, &offer->block_elems);
    if (status == GGX_OK) status = read_u32(m, json, "block_bytes", 1, UINT32_MAX, &offer->block_bytes);
    if (status == GGX_OK) status = read_list(m, json, "aliases", 0, &offer->aliases);
    return status;
}

static ggx_status read_kernels(const manifest *m, const ggx_json *json, ggx_offer *offer)
{
    int64_t rank = 0;
    ggx_status status = read_name(m, json, "type", sizeof((ggx_type *)0)->name - 1, '_', &offer->name);
    if (status == GGX_OK) status = read_list(m, json, "cpu", 1, &offer->cpu);
    if (status == GGX_OK) status = read_int(m, json, "rank", INT32_MIN, INT32_MAX, &rank);
    offer->rank = (int32_t)rank;
    if (status == GGX_OK && ggx_cpu_missing(offer->cpu, m->registry->cpu)) offer->state = GGX_STATE_INELIGIBLE;
    return status;
}

static const struct {
    const char *id;
    ggx_status (*read)(const manifest *m, const ggx_json *json, ggx_offer *offer);
} interfaces[] = {
    {GGX_READER_ID, read_reader},   {GGX_WRITER_ID, read_writer}, {GGX_QUANT_ID, read_quant},
    {GGX_KERNELS_ID, read_kernels}, {GGX_DECODER_ID, read_named}, {GGX_VOCAB_ID, read_named},
};
#define INTERFACES (sizeof interfaces / sizeof interfaces[0])

static ggx_status read_offer(const manifest *m, const ggx_json *json, ggx_offer *offer)
{
    static const char *const none[] = {NULL};
    *offer = (ggx_offer){.name = "", .extensions = none, .cpu = none, .aliases = none, .json = json};
    if (json->kind != GGX_JSON_OBJECT) return refuse(m, "interface", kind_name(json), "an object");
    ggx_status status = read_text(m, json, "interface", &offer->interface_id);
    if (status != GGX_OK) return status;
    for (size_t i = 0; i < INTERFACES; i++)
        if (!strcmp(interfaces[i].id, offer->interface_id)) return interfaces[i].read(m, json, offer);
    offer->state = GGX_STATE_UNKNOWN;
    return GGX_OK;
}

static ggx_status refuse_unknown(const manifest *m, const ggx_offer *first)
{
    char expected[256] = "one of";
    size_t used = strlen(expected);
    for (size_t i = 0; i < INTERFACES && used < sizeof expected; i++)
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s %s", i ? "," : "", interfaces[i].id);
    return refuse(m, "provides", first->interface_id, expected);
}

static ggx_status read_provides(manifest *m, const ggx_json *root)
{
    const ggx_json *list = ggx_json_get(root, "provides");
    char found[32];
    if (!list || list->kind != GGX_JSON_ARRAY) return refuse(m, "provides", kind_name(list), "a list of interfaces");
    snprintf(found, sizeof found, "%u entries", list->count);
    if (!list->count || list->count > PROVIDES_MAX) return refuse(m, "provides", found, "1 to 256");
    ggx_offer *offers = ggx_arena_array(&m->registry->arena, list->count, sizeof *offers);
    if (!offers) return refuse(m, "provides", "no memory", "a shorter list");
    uint32_t n = 0, known = 0, eligible = 0;
    for (const ggx_json *item = list->first; item; item = item->next, n++) {
        snprintf(m->at, sizeof m->at, "provides[%u].", n);
        ggx_status status = read_offer(m, item, &offers[n]);
        if (status != GGX_OK) return status;
        known += offers[n].state != GGX_STATE_UNKNOWN;
        eligible += offers[n].state == GGX_STATE_USABLE;
    }
    m->at[0] = 0;
    if (!known) return refuse_unknown(m, &offers[0]);
    m->entry->offers = offers;
    m->entry->offer_count = n;
    for (uint32_t i = 0; i < n && !eligible; i++) {
        if (offers[i].state != GGX_STATE_INELIGIBLE) continue;
        m->entry->state = GGX_STATE_INELIGIBLE;
        m->entry->why = ggx_cpu_missing(offers[i].cpu, m->registry->cpu);
    }
    return GGX_OK;
}

/* The file's text, of at most MANIFEST_MAX bytes; `text` has room for one more. */
static ggx_status read_file(const manifest *m, char *text, uint64_t *size)
{
    ggx_arena *arena = &m->registry->arena;
    struct stat st;
    int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st)) {
        int why = errno;
        if (fd >= 0) close(fd);
        return refuse(m, "file", strerror(why), "a manifest that can be read");
    }
    const char *fault = ggx_refusal_of_mode(arena, m->path, &st);
    ggx_status status = GGX_OK;
    if (!S_ISREG(st.st_mode))
        status = refuse(m, "kind", S_ISDIR(st.st_mode) ? "a directory" : "a device or pipe", "a regular file");
    else if (fault)
        status = ggx_entry_refuse(m->entry, fault);
    for (ssize_t n = 1; status == GGX_OK && n && *size <= MANIFEST_MAX;) {
        n = read(fd, text + *size, (size_t)(MANIFEST_MAX + 1 - *size));
        if (n > 0)
            *size += (uint64_t)n;
        else if (n < 0 && errno != EINTR)
            status = refuse(m, "file", strerror(errno), "a manifest that can be read");
    }
    close(fd);
    if (status != GGX_OK || *size <= MANIFEST_MAX) return status;
    char found[32];
    snprintf(found, sizeof found, "%lld bytes", (long long)st.st_size);
    return refuse(m, "size", found, "at most 65536");
}

ggx_status ggx_manifest_read(ggx_registry *registry, ggx_plugin_entry *entry, const char *path)
{
    manifest m = {registry, entry, path, ""};
    char text[MANIFEST_MAX + 1];
    uint64_t size = 0;
    ggx_json *root = NULL;
    ggx_error error;
    const char *id = "";
    ggx_status status = read_file(&m, text, &size);
    if (status != GGX_OK) return status;
    if (ggx_json_parse(&registry->arena, (ggx_str){text, size}, "", &root, &error) != GGX_OK)
        return ggx_entry_refuse(entry, ggx_refusal_make(&registry->arena, path,
                                                        "json: found%s, expected a manifest (docs/abi.md)",
                                                        error.text + 1)); /* behind the empty name's colon */
    if (root->kind != GGX_JSON_OBJECT) return refuse(&m, "json", kind_name(root), "an object");
    status = read_text(&m, root, "id", &id);
    if (status == GGX_OK && strcmp(id, entry->id)) status = refuse(&m, "id", id, entry->id);
    if (status == GGX_OK) status = read_text(&m, root, "version", &entry->version);
    if (status == GGX_OK) status = read_text(&m, root, "license", &entry->license);
    entry->description = ggx_json_string(root, "description", "");
    return status == GGX_OK ? read_provides(&m, root) : status;
}
