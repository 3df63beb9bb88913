/* scan.c - goes through the directories of docs/abi.md, section 5, and makes an entry of each pair of files. */
#include "host/scan.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PREFIX "ggx-"
#define ID_MAX 64
#define IDS_MAX 4096u /* plugins in one directory */

typedef struct pair {
    char id[ID_MAX + 1];
    int32_t json, so; /* 1: the file is there */
} pair;

typedef struct pairs {
    pair *items;
    uint32_t count, capacity;
} pairs;

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "no memory for the list of plugins");
}

/* The id in "ggx-ID.json" or "ggx-ID.so"; 0 for other names. */
static int parse_name(const char *name, pair *out)
{
    const char *dot = strrchr(name, '.');
    memset(out, 0, sizeof *out);
    if (!dot || strncmp(name, PREFIX, strlen(PREFIX))) return 0;
    out->json = !strcmp(dot, ".json");
    out->so = !strcmp(dot, ".so");
    name += strlen(PREFIX);
    if ((!out->json && !out->so) || dot <= name || dot - name > ID_MAX) return 0;
    memcpy(out->id, name, (size_t)(dot - name));
    return strspn(out->id, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(out->id);
}

static int id_order(const void *a, const void *b)
{
    return strcmp(((const pair *)a)->id, ((const pair *)b)->id);
}

/* The plugins of a directory, sorted by id. */
static ggx_status list_pairs(ggx_arena *arena, DIR *stream, pairs *out, ggx_error *error)
{
    pair one;
    for (struct dirent *entry; (entry = readdir(stream)) && out->count < 2 * IDS_MAX;) {
        if (!parse_name(entry->d_name, &one)) continue;
        if (out->count == out->capacity) {
            uint32_t capacity = out->capacity ? out->capacity * 2 : 64;
            pair *items = ggx_arena_array(arena, capacity, sizeof *items);
            if (!items) return no_memory(error);
            if (out->count) memcpy(items, out->items, out->count * sizeof *items);
            out->items = items;
            out->capacity = capacity;
        }
        out->items[out->count++] = one;
    }
    if (!out->count) return GGX_OK;
    qsort(out->items, out->count, sizeof *out->items, id_order);
    uint32_t n = 0;
    for (uint32_t i = 1; i < out->count; i++) {
        if (strcmp(out->items[n].id, out->items[i].id)) {
            out->items[++n] = out->items[i];
        } else {
            out->items[n].json |= out->items[i].json;
            out->items[n].so |= out->items[i].so;
        }
    }
    out->count = n + 1;
    return GGX_OK;
}

static void check_so(ggx_registry *registry, ggx_plugin_entry *entry)
{
    struct stat st;
    ggx_arena *arena = &registry->arena;
    const char *fault = NULL;
    if (stat(entry->path, &st))
        fault = ggx_refusal_make(arena, entry->path, "file: found %s, expected a shared object", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        fault = ggx_refusal_make(arena, entry->path, "kind: found a %s, expected a regular file",
                                 S_ISDIR(st.st_mode) ? "directory" : "device or pipe");
    else
        fault = ggx_refusal_of_mode(arena, entry->path, &st);
    if (fault) ggx_entry_refuse(entry, fault);
}

static void read_pair(ggx_registry *registry, const char *directory, const pair *files, ggx_plugin_entry *entry)
{
    ggx_arena *arena = &registry->arena;
    const char *json = ggx_arena_format(arena, "%s/" PREFIX "%s.json", directory, entry->id).data;
    if (!files->json) {
        ggx_entry_refuse(entry,
                         ggx_refusal_make(arena, entry->path,
                                          "manifest: found none, expected " PREFIX "%s.json beside it", entry->id));
    } else if (!json || ggx_manifest_read(registry, entry, json) != GGX_OK) {
        if (!json) ggx_entry_refuse(entry, "refused: no memory");
    } else if (!files->so) {
        ggx_entry_refuse(entry,
                         ggx_refusal_make(arena, entry->path,
                                          "file: found none, expected the plugin that " PREFIX "%s.json describes",
                                          entry->id));
    } else {
        check_so(registry, entry);
    }
}

/* Marks the entry, or those of its offers, that an earlier plugin has taken the id or name of. Kernels are chosen by rank. */
static void mark_shadowed(ggx_registry *registry, ggx_plugin_entry *entry)
{
    int installed = !strcmp(entry->origin, "system");
    for (uint32_t i = 0; i < registry->count; i++) {
        ggx_plugin_entry *earlier = &registry->entries[i];
        if (earlier->state == GGX_STATE_REFUSED || earlier->state == GGX_STATE_SHADOWED) continue;
        if (!strcmp(earlier->id, entry->id)) {
            entry->state = GGX_STATE_SHADOWED;
            entry->why = earlier->path;
            if (installed && strcmp(earlier->origin, "system")) earlier->shadows = entry->path;
            return;
        }
        for (uint32_t k = 0; k < entry->offer_count; k++) {
            ggx_offer *offer = &entry->offers[k];
            for (uint32_t n = 0; n < earlier->offer_count && offer->state == GGX_STATE_USABLE; n++) {
                const ggx_offer *other = &earlier->offers[n];
                if (!strcmp(offer->interface_id, GGX_KERNELS_ID) || strcmp(offer->interface_id, other->interface_id) ||
                    strcmp(offer->name, other->name))
                    continue;
                offer->state = GGX_STATE_SHADOWED;
                if (installed && strcmp(earlier->origin, "system")) earlier->shadows = entry->path;
            }
        }
    }
}

static ggx_status add_pair(ggx_registry *registry, const ggx_plugin_directory *directory, const pair *files,
                           ggx_error *error)
{
    ggx_arena *arena = &registry->arena;
    if (registry->count == registry->capacity) {
        uint32_t capacity = registry->capacity ? registry->capacity * 2 : 64;
        ggx_plugin_entry *entries = ggx_arena_array(arena, capacity, sizeof *entries);
        if (!entries) return no_memory(error);
        if (registry->count) memcpy(entries, registry->entries, registry->count * sizeof *entries);
        registry->entries = entries;
        registry->capacity = capacity;
    }
    ggx_plugin_entry *entry = &registry->entries[registry->count];
    *entry =
        (ggx_plugin_entry){.version = "", .license = "", .description = "", .why = "", .origin = directory->origin};
    entry->id = ggx_arena_str(arena, ggx_str_of(files->id)).data;
    entry->path = ggx_arena_format(arena, "%s/" PREFIX "%s.so", directory->path, files->id).data;
    if (!entry->id || !entry->path) return no_memory(error);
    read_pair(registry, directory->path, files, entry);
    if (entry->state != GGX_STATE_REFUSED) mark_shadowed(registry, entry);
    registry->count++;
    return GGX_OK;
}

/* Opens the directory, or says in it why it is not searched. */
static DIR *open_directory(ggx_registry *registry, ggx_plugin_directory *directory)
{
    ggx_arena *arena = &registry->arena;
    struct stat st;
    int fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = NULL;
    directory->state = GGX_STATE_REFUSED;
    if (fd < 0 && errno == ENOENT) {
        directory->state = GGX_STATE_MISSING;
    } else if (fd < 0 || fstat(fd, &st)) {
        directory->why = ggx_refusal_make(arena, directory->path,
                                          "path: found %s, expected a directory that can be listed", strerror(errno));
    } else {
        const char *fault = ggx_refusal_of_mode(arena, directory->path, &st);
        if (fault)
            directory->why = fault;
        else
            stream = fdopendir(fd);
    }
    if (stream)
        directory->state = GGX_STATE_SEARCHED;
    else if (fd >= 0)
        close(fd);
    return stream;
}

static ggx_status search(ggx_registry *registry, ggx_plugin_directory *directory, ggx_error *error)
{
    pairs found = {0};
    if (directory->path[0] != '/' && strcmp(directory->origin, "option")) {
        directory->state = GGX_STATE_REFUSED;
        directory->why = ggx_refusal_make(&registry->arena, directory->path,
                                          "path: found %.64s, expected an absolute path", directory->path);
        return GGX_OK;
    }
    DIR *stream = open_directory(registry, directory);
    if (!stream) return GGX_OK;
    ggx_status status = list_pairs(&registry->arena, stream, &found, error);
    closedir(stream);
    for (uint32_t i = 0; status == GGX_OK && i < found.count; i++)
        status = add_pair(registry, directory, &found.items[i], error);
    return status;
}

/* Searches one directory, unless that was done; `path` with or without a slash at its end. */
static ggx_status add_directory(ggx_registry *registry, ggx_str path, const char *origin, ggx_error *error)
{
    ggx_plugin_directory *directories = registry->directories;
    ggx_plugin_directory added = {.origin = origin, .why = ""};
    if (!path.size) return GGX_OK;
    while (path.size > 1 && path.data[path.size - 1] == '/') path.size--;
    added.path = ggx_arena_str(&registry->arena, path).data;
    if (!added.path) return no_memory(error);
    for (uint32_t i = 0; i < registry->directory_count; i++)
        if (!strcmp(directories[i].path, added.path)) return GGX_OK;
    if (registry->directory_count == registry->directory_capacity) {
        uint32_t capacity = registry->directory_capacity ? registry->directory_capacity * 2 : 8;
        directories = ggx_arena_array(&registry->arena, capacity, sizeof *directories);
        if (!directories) return no_memory(error);
        if (registry->directory_count)
            memcpy(directories, registry->directories, registry->directory_count * sizeof *directories);
        registry->directories = directories;
        registry->directory_capacity = capacity;
    }
    directories[registry->directory_count] = added;
    return search(registry, &directories[registry->directory_count++], error);
}

/* Each directory of a list separated by ':'. */
static ggx_status add_list(ggx_registry *registry, const char *list, const char *origin, ggx_error *error)
{
    ggx_status status = GGX_OK;
    for (const char *at = list; status == GGX_OK && at && *at;) {
        size_t size = strcspn(at, ":");
        status = add_directory(registry, (ggx_str){at, size}, origin, error);
        at += size + (at[size] == ':');
    }
    return status;
}

static ggx_status add_user(ggx_registry *registry, ggx_error *error)
{
    const char *home = getenv("HOME");
    if (!home || !*home) return GGX_OK;
    ggx_str path = ggx_arena_format(&registry->arena, "%s/.local/lib/ggx", home);
    return path.data ? add_directory(registry, path, "user", error) : no_memory(error);
}

ggx_status ggx_registry_scan(ggx_registry *registry, const ggx_registry_config *config, ggx_error *error)
{
    ggx_status status = GGX_OK;
    if (!ggx_privileged()) {
        for (const char *const *at = config->plugin_path; status == GGX_OK && at && *at; at++)
            status = add_list(registry, *at, "option", error);
        if (status == GGX_OK) status = add_list(registry, getenv("GGX_PLUGIN_PATH"), "environment", error);
        if (status == GGX_OK && config->user_plugins) status = add_user(registry, error);
    }
    if (status != GGX_OK) return status;
    return add_directory(registry, ggx_str_of(ggx_directory_from_program(&registry->arena, GGX_PLUGINS_FROM_BIN)),
                         "system", error);
}
