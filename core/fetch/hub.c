/* The hub's API: revision → commit → tree with sizes and digests. */
#include "fetch/hub.h"

#include "base/json.h"
#include "base/text.h"
#include "hash/hash.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define ANSWER_MAX (32u << 20)
#define HUB "hf://"
#define DEFAULT_ENDPOINT "https://huggingface.co"

typedef struct reference {
    ggx_str repository, revision, path;
} reference;

int ggx_hub_is_name(const char *text)
{
    return !strncmp(text, HUB, 5) || !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8);
}

const char *ggx_hub_token(const char *name)
{
    return strncmp(name, HUB, 5) ? NULL : getenv("HF_TOKEN");
}

/* Letters, digits, '-', '_' and '.', but no name that begins with a dot. */
static int is_plain(ggx_str part)
{
    if (!part.size || part.size > 255 || part.data[0] == '.') return 0;
    for (uint64_t i = 0; i < part.size; i++) {
        const char c = part.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.", c)) || !c)
            return 0;
    }
    return 1;
}

static int is_plain_path(ggx_str path)
{
    uint64_t begin = 0;
    for (uint64_t i = 0; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '/') continue;
        if (!is_plain((ggx_str){path.data + begin, i - begin})) return 0;
        begin = i + 1;
    }
    return 1;
}

static ggx_status parse(const char *name, reference *r, ggx_error *error)
{
    const char *at = name + 5, *slash = strchr(at, '/'), *end = slash ? slash + 1 + strcspn(slash + 1, "/@") : NULL;
    *r = (reference){.revision = GGX_LIT("main")};
    if (slash) r->repository = (ggx_str){at, (uint64_t)(end - at)};
    if (end && *end == '@') {
        const char *revision = end + 1;
        end = revision + strcspn(revision, "/");
        r->revision = (ggx_str){revision, (uint64_t)(end - revision)};
    }
    if (end && *end == '/') r->path = ggx_str_of(end + 1);
    if (slash && is_plain_path(r->repository) && is_plain(r->revision) && (!r->path.size || is_plain_path(r->path)))
        return GGX_OK;
    return ggx_fail(error, GGX_E_USAGE, "%.150s: expected hf://ORG/REPO[@REVISION][/PATH]", name);
}

static ggx_status add_file(ggx_hub *hub, ggx_arena *arena, const char *base, const ggx_json *entry, ggx_error *error)
{
    const ggx_json *path = ggx_json_get(entry, "path"), *lfs = ggx_json_get(entry, "lfs"),
                   *size = ggx_json_get(lfs ? lfs : entry, "size"), *oid = ggx_json_get(lfs ? lfs : entry, "oid");
    ggx_hub_file *file = &hub->files[hub->count];
    if (strcmp(ggx_json_string(entry, "type", ""), "file") != 0) return GGX_OK;
    if (!path || path->kind != GGX_JSON_STRING || !size || size->kind != GGX_JSON_INT || size->integer < 0)
        return ggx_fail(error, GGX_E_MALFORMED, "the hub's list of files has an entry without path or size");
    if (!is_plain_path(path->text)) return GGX_OK; /* hidden files, and names that nobody should have */
    file->name = path->text;
    file->remote.size = (uint64_t)size->integer;
    file->remote.url = ggx_arena_format(arena, "%s/%s", base, path->text.data).data;
    file->hash = lfs ? GGX_HASH_SHA256 : GGX_HASH_GIT;
    file->known =
        oid && oid->kind == GGX_JSON_STRING && ggx_hash_parse(oid->text, file->digest, ggx_hash_size(file->hash));
    hub->count++;
    return file->remote.url ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

static int by_name(const void *a, const void *b)
{
    return ggx_str_order(((const ggx_hub_file *)a)->name, ((const ggx_hub_file *)b)->name);
}

/* The named file to the front; the others stay sorted. */
static ggx_status bring_forward(ggx_hub *hub, ggx_str path, ggx_error *error)
{
    for (uint32_t i = 0; i < hub->count; i++) {
        if (!ggx_str_same(hub->files[i].name, path)) continue;
        const ggx_hub_file first = hub->files[i];
        memmove(hub->files + 1, hub->files, i * sizeof first);
        hub->files[0] = first;
        return GGX_OK;
    }
    return ggx_fail(error, GGX_E_NOTFOUND, "the repository has no file %.*s", GGX_STR_ARGS(path));
}

static ggx_status list_files(ggx_hub *hub, ggx_arena *arena, const ggx_json *tree, const char *base, ggx_error *error)
{
    ggx_status status = GGX_OK;
    if (tree->kind != GGX_JSON_ARRAY) return ggx_fail(error, GGX_E_MALFORMED, "the hub's answer is no list of files");
    hub->files = ggx_arena_array(arena, tree->count + 1ull, sizeof *hub->files);
    if (!hub->files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (const ggx_json *e = tree->first; e && status == GGX_OK; e = e->next)
        status = add_file(hub, arena, base, e, error);
    qsort(hub->files, hub->count, sizeof *hub->files, by_name);
    return status;
}

static ggx_status ask_json(ggx_range_client *client, ggx_arena *arena, ggx_str url, ggx_json **out, ggx_error *error)
{
    ggx_str text;
    if (!url.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_status status = ggx_range_text(client, url.data, ANSWER_MAX, arena, &text, error);
    return status == GGX_OK ? ggx_json_parse(arena, text, url.data, out, error) : status;
}

static ggx_status resolve_hub(ggx_hub *hub, ggx_range_client *client, const char *name, ggx_arena *arena,
                              ggx_error *error)
{
    const char *endpoint = getenv("HF_ENDPOINT");
    reference r;
    ggx_json *answer;
    if (!endpoint || !*endpoint) endpoint = DEFAULT_ENDPOINT;
    ggx_status status = parse(name, &r, error);
    if (status != GGX_OK) return status;
    const ggx_str repository = ggx_arena_str(arena, r.repository), revision = ggx_arena_str(arena, r.revision);
    if (!repository.data || !revision.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    const char *api = ggx_arena_format(arena, "%s/api/models/%s", endpoint, repository.data).data;
    if (!api) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    status = ask_json(client, arena, ggx_arena_format(arena, "%s/revision/%s", api, revision.data), &answer, error);
    if (status != GGX_OK) return status;
    const ggx_str commit = ggx_str_of(ggx_json_string(answer, "sha", ""));
    if (!is_plain(commit)) return ggx_fail(error, GGX_E_MALFORMED, "the hub's answer has no commit");
    hub->pin = commit.data;
    status =
        ask_json(client, arena, ggx_arena_format(arena, "%s/tree/%s?recursive=true", api, commit.data), &answer, error);
    const char *base = ggx_arena_format(arena, "%s/%s/resolve/%s", endpoint, repository.data, commit.data).data;
    if (status == GGX_OK && !base) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK) status = list_files(hub, arena, answer, base, error);
    hub->directory = !r.path.size;
    hub->name = repository.data;
    if (status == GGX_OK && r.path.size) status = bring_forward(hub, r.path, error);
    if (status == GGX_OK && !hub->count) status = ggx_fail(error, GGX_E_NOTFOUND, "the repository has no files");
    return status;
}

static ggx_status resolve_url(ggx_hub *hub, ggx_range_client *client, const char *name, ggx_arena *arena,
                              ggx_error *error)
{
    const size_t size = strcspn(name, "?#");
    const char *base = name + size;
    hub->files = ggx_arena_array(arena, 1, sizeof *hub->files);
    if (!hub->files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    while (base > name && base[-1] != '/') base--;
    ggx_hub_file *file = hub->files;
    file->name = ggx_arena_str(arena, (ggx_str){base, (uint64_t)(name + size - base)});
    file->remote.url = ggx_arena_str(arena, ggx_str_of(name)).data;
    if (!file->name.data || !file->remote.url) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (!is_plain(file->name)) return ggx_fail(error, GGX_E_USAGE, "%.150s does not end in the name of a file", name);
    hub->name = file->name.data;
    hub->count = 1;
    return ggx_range_look(client, &file->remote, error);
}

ggx_status ggx_hub_resolve(ggx_hub *hub, ggx_range_client *client, const char *name, ggx_arena *arena, ggx_error *error)
{
    memset(hub, 0, sizeof *hub);
    hub->pin = "";
    return strncmp(name, HUB, 5) ? resolve_url(hub, client, name, arena, error)
                                 : resolve_hub(hub, client, name, arena, error);
}
