/* The hub's API: revision → commit → tree with sizes and digests. */
#include "fetch/hub.h"

#include "base/json.h"
#include "base/text.h"
#include "hash/hash.h"
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MAX (32u << 20)
#define HUB "hf://"
#define DEFAULT_ENDPOINT "https://huggingface.co"
#define NAME_LONGEST 230u /* with what ggx appends to names while they come to be, 255 at most */
#define PATH_LONGEST 1000u
#define PAGES_MAX 1000u /* of a repository's list of files */

int ggx_hub_is_name(const char *text)
{
    return !strncmp(text, HUB, 5) || !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8);
}

const char *ggx_hub_home(ggx_arena *arena, const char *below)
{
    static const struct {
        const char *variable, *rest;
    } places[] = {{"HF_HOME", ""}, {"XDG_CACHE_HOME", "/huggingface"}, {"HOME", "/.cache/huggingface"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value) return ggx_arena_format(arena, "%s%s%s", value, places[i].rest, below).data;
    }
    return NULL;
}

/* What can stand in a header, without the space around it. */
static const char *clean_token(char *token)
{
    size_t size = strlen(token);
    while (size && (unsigned char)token[size - 1] <= ' ') token[--size] = 0;
    while ((unsigned char)*token <= ' ' && *token) token++;
    for (const char *c = token; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c > '~') return NULL;
    return *token ? token : NULL;
}

const char *ggx_hub_token(const char *name, char room[GGX_HUB_TOKEN_MAX])
{
    const char *token = getenv("HF_TOKEN"), *path = getenv("HF_TOKEN_PATH");
    ggx_arena arena;
    if (strncmp(name, HUB, 5) != 0) return NULL;
    room[0] = 0;
    if (token && *token) {
        if (strlen(token) < GGX_HUB_TOKEN_MAX) memcpy(room, token, strlen(token) + 1);
        return clean_token(room);
    }
    ggx_arena_init(&arena, 1u << 16);
    if (!path || !*path) path = ggx_hub_home(&arena, "/token");
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    const ssize_t n = fd >= 0 ? read(fd, room, GGX_HUB_TOKEN_MAX - 1) : 0;
    if (fd >= 0) close(fd);
    room[n > 0 && n < GGX_HUB_TOKEN_MAX - 1 ? n : 0] = 0;
    ggx_arena_free(&arena);
    return clean_token(room);
}

int ggx_hub_is_plain(ggx_str part)
{
    if (!part.size || part.size > NAME_LONGEST || part.data[0] == '.') return 0;
    for (uint64_t i = 0; i < part.size; i++) {
        const char c = part.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.+", c)) || !c)
            return 0;
    }
    return 1;
}

int ggx_hub_is_plain_path(ggx_str path)
{
    uint64_t begin = 0;
    if (path.size > PATH_LONGEST) return 0;
    for (uint64_t i = 0; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '/') continue;
        if (!ggx_hub_is_plain((ggx_str){path.data + begin, i - begin})) return 0;
        begin = i + 1;
    }
    return 1;
}

/* "%2F" becomes '/'. */
static ggx_str revision_of(ggx_arena *arena, const char *text, size_t size)
{
    char *out = ggx_arena_alloc(arena, size + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < size; i++) {
        const int slash = i + 2 < size && text[i] == '%' && text[i + 1] == '2' && (text[i + 2] | 32) == 'f';
        out[n++] = slash ? '/' : text[i];
        if (slash) i += 2;
    }
    return (ggx_str){out, n};
}

static ggx_str quoted(ggx_arena *arena, ggx_str revision)
{
    ggx_text text = {0};
    for (uint64_t i = 0; i < revision.size; i++)
        ggx_text_bytes(&text, revision.data[i] == '/' ? "%2F" : revision.data + i, revision.data[i] == '/' ? 3 : 1);
    const ggx_str out = text.failed ? (ggx_str){NULL, 0} : ggx_arena_str(arena, (ggx_str){text.data, text.size});
    ggx_text_free(&text);
    return out;
}

ggx_status ggx_hub_parse(const char *name, ggx_hub_reference *r, ggx_arena *arena, ggx_error *error)
{
    const char *at = name + 5, *slash = strchr(at, '/'), *end = slash ? slash + 1 + strcspn(slash + 1, "/@") : NULL;
    *r = (ggx_hub_reference){.revision = GGX_LIT("main"), .path = GGX_LIT("")};
    if (slash) r->repository = ggx_arena_str(arena, (ggx_str){at, (uint64_t)(end - at)});
    if (end && *end == '@') {
        const char *revision = end + 1;
        end = revision + strcspn(revision, "/");
        r->revision = revision_of(arena, revision, (size_t)(end - revision));
    }
    if (end && *end == '/') r->path = ggx_arena_str(arena, ggx_str_of(end + 1));
    if (slash && (!r->repository.data || !r->revision.data || !r->path.data))
        return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (slash && ggx_hub_is_plain_path(r->repository) && ggx_hub_is_plain_path(r->revision) &&
        (!r->path.size || ggx_hub_is_plain_path(r->path)))
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
    if (!ggx_hub_is_plain_path(path->text))
        return (void)hub->passed_over++, GGX_OK; /* hidden files, and names that nobody should have */
    file->name = path->text;
    file->remote.size = (uint64_t)size->integer;
    file->remote.url = ggx_arena_format(arena, "%s/%s", base, path->text.data).data;
    file->hash = lfs ? GGX_HASH_SHA256 : GGX_HASH_GIT;
    file->known =
        oid && oid->kind == GGX_JSON_STRING && ggx_hash_parse(oid->text, file->digest, ggx_hash_size(file->hash));
    if (oid ? !file->known : lfs != NULL)
        return ggx_fail(error, GGX_E_MALFORMED, "the hub's digest of %.150s is none", path->text.data);
    file->remote.digested = file->known;
    hub->count++;
    return file->remote.url ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

static int by_name(const void *a, const void *b)
{
    return ggx_str_order(((const ggx_hub_file *)a)->name, ((const ggx_hub_file *)b)->name);
}

void ggx_hub_sort(ggx_hub *hub)
{
    if (hub->count) qsort(hub->files, hub->count, sizeof *hub->files, by_name);
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

static ggx_status ask_json(ggx_range_client *client, ggx_arena *arena, ggx_str url, ggx_json **out, ggx_error *error)
{
    ggx_str text;
    if (!url.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_status status = ggx_range_text(client, url.data, ANSWER_MAX, arena, &text, error);
    return status == GGX_OK ? ggx_json_parse(arena, text, url.data, out, error) : status;
}

static ggx_status add_page(ggx_hub *hub, ggx_arena *arena, const ggx_json *tree, const char *base, ggx_error *error)
{
    ggx_status status = GGX_OK;
    if (tree->kind != GGX_JSON_ARRAY) return ggx_fail(error, GGX_E_MALFORMED, "the hub's answer is no list of files");
    ggx_hub_file *files = ggx_arena_array(arena, hub->count + tree->count + 1ull, sizeof *hub->files);
    if (!files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (hub->count) memcpy(files, hub->files, hub->count * sizeof *files);
    hub->files = files;
    for (const ggx_json *e = tree->first; e && status == GGX_OK; e = e->next)
        status = add_file(hub, arena, base, e, error);
    return status;
}

/* Long lists come in pages; the next one has to be the endpoint's own, as it is asked with the token. */
static ggx_status list_files(ggx_hub *hub, ggx_range_client *client, ggx_arena *arena, ggx_str url,
                             const char *endpoint, const char *base, ggx_error *error)
{
    ggx_status status = url.data ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
    for (uint32_t page = 0; status == GGX_OK && url.size; page++) {
        ggx_json *tree;
        if (page && (strncmp(url.data, endpoint, strlen(endpoint)) != 0 || url.data[strlen(endpoint)] != '/'))
            return ggx_fail(error, GGX_E_MALFORMED, "the hub's list of files goes on at another place: %.100s",
                            url.data);
        if (page == PAGES_MAX) return ggx_fail(error, GGX_E_UNSUPPORTED, "the hub's list of files has no end");
        status = ask_json(client, arena, url, &tree, error);
        if (status == GGX_OK) status = add_page(hub, arena, tree, base, error);
        url = ggx_arena_str(arena, ggx_str_of(ggx_range_next(client)));
        if (status == GGX_OK && !url.data) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    }
    ggx_hub_sort(hub);
    return status;
}

/* Without TLS, nobody but this machine itself is asked. */
static ggx_status check_scheme(const char *url, ggx_error *error)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    if (!strncmp(url, "https://", 8)) return GGX_OK;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        const size_t n = strlen(hosts[i]);
        if (!strncmp(url, hosts[i], n) && (!url[n] || strchr(":/", url[n])) && !strchr(url, '@')) return GGX_OK;
    }
    return ggx_fail(error, GGX_E_USAGE, "%.150s: expected https:// (http:// is for servers on this machine only)", url);
}

static ggx_status resolve_hub(ggx_hub *hub, ggx_range_client *client, const char *name, ggx_arena *arena,
                              ggx_error *error)
{
    const char *endpoint = getenv("HF_ENDPOINT");
    ggx_hub_reference r;
    ggx_json *answer;
    if (!endpoint || !*endpoint) endpoint = DEFAULT_ENDPOINT;
    ggx_status status = check_scheme(endpoint, error);
    if (status == GGX_OK) status = ggx_hub_parse(name, &r, arena, error);
    if (status != GGX_OK) return status;
    const ggx_str repository = r.repository, revision = quoted(arena, r.revision);
    if (!repository.data || !revision.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    const char *api = ggx_arena_format(arena, "%s/api/models/%s", endpoint, repository.data).data;
    if (!api) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    status = ask_json(client, arena, ggx_arena_format(arena, "%s/revision/%s", api, revision.data), &answer, error);
    if (status != GGX_OK) return status;
    const ggx_str commit = ggx_str_of(ggx_json_string(answer, "sha", ""));
    if (!ggx_hub_is_plain(commit)) return ggx_fail(error, GGX_E_MALFORMED, "the hub's answer has no commit");
    hub->pin = commit.data;
    const char *base = ggx_arena_format(arena, "%s/%s/resolve/%s", endpoint, repository.data, commit.data).data;
    if (status == GGX_OK && !base) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (status == GGX_OK)
        status = list_files(hub, client, arena, ggx_arena_format(arena, "%s/tree/%s?recursive=true", api, commit.data),
                            endpoint, base, error);
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
    ggx_status status = check_scheme(name, error);
    if (status != GGX_OK) return status;
    hub->files = ggx_arena_array(arena, 1, sizeof *hub->files);
    if (!hub->files) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    while (base > name && base[-1] != '/') base--;
    ggx_hub_file *file = hub->files;
    file->name = ggx_arena_str(arena, (ggx_str){base, (uint64_t)(name + size - base)});
    file->remote.url = ggx_arena_str(arena, ggx_str_of(name)).data;
    if (!file->name.data || !file->remote.url) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (!ggx_hub_is_plain(file->name))
        return ggx_fail(error, GGX_E_USAGE, "%.150s does not end in the name of a file", name);
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
