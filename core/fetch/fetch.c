/* From a name to files: the cache, a folder, or what is there already. */
#include "fetch/fetch.h"

#include "base/text.h"
#include "commit/files.h"
#include "fetch/cache.h"
#include "fetch/catalog.h"
#include "fetch/choose.h"
#include "fetch/download.h"
#include "fetch/lock.h"
#include "fetch/offline.h"
#include "fetch/partial.h"
#include "hash/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT 30u
#define SIBLING_MOST (32u << 20) /* configurations and vocabularies are smaller, weights mostly larger */
#define COMMIT_SIZE 40
#define HOLDS_MOST 4096

/* A file by its name, and the download that it comes with: equal files of a repository are one blob. */
typedef struct piece {
    const ggx_hub_file *file;
    const char *path;
    uint32_t download;
} piece;

typedef struct fetching {
    const ggx_fetch_options *options;
    const char *name;
    ggx_arena *arena;
    ggx_range_client *client;
    ggx_hub hub;
    ggx_hub_reference reference;
    const char *folder;   /* of the repository in the cache, or NULL */
    const char *snapshot; /* where files get their names */
    uint8_t *needed;      /* for each file of the hub's list */
    piece *pieces;
    uint32_t piece_count;
    ggx_download *downloads;
    uint32_t download_count;
    ggx_fetched *out;
    int held; /* descriptor by which the repository is held, or -1 */
} fetching;

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

/* --- places ----------------------------------------------------------------------------------------------------------------------- */

int ggx_fetch_is_offline(void)
{
    static const char *const yes[] = {"1", "ON", "YES", "TRUE", "on", "yes", "true"};
    const char *value = getenv("HF_HUB_OFFLINE");
    for (size_t i = 0; value && i < sizeof yes / sizeof yes[0]; i++)
        if (!strcmp(value, yes[i])) return 1;
    return 0;
}

static const char *no_home(ggx_error *error)
{
    (void)ggx_fail(error, GGX_E_NOTFOUND,
                   "there is no place for a cache: set HOME or HF_HOME, or name a folder with -o");
    return NULL;
}

const char *ggx_cache_hub(ggx_arena *arena, ggx_error *error)
{
    static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"};
    for (size_t i = 0; i < 2; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value) return value;
    }
    const char *place = ggx_hub_home(arena, "/hub");
    return place ? place : no_home(error);
}

const char *ggx_cache_files(ggx_arena *arena, ggx_error *error)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *place = NULL;
    if (cache && *cache)
        place = ggx_arena_format(arena, "%s/ggx", cache).data;
    else if (home && *home)
        place = ggx_arena_format(arena, "%s/.cache/ggx", home).data;
    return place ? place : no_home(error);
}

const char *ggx_cache_folder(ggx_arena *arena, const char *hub, ggx_str repository, ggx_error *error)
{
    ggx_text text = {0};
    ggx_text_format(&text, "%s/models--", hub);
    for (uint64_t i = 0; i < repository.size; i++)
        ggx_text_bytes(&text, repository.data[i] == '/' ? "--" : repository.data + i,
                       repository.data[i] == '/' ? 2 : 1);
    const char *out = text.failed ? NULL : ggx_arena_str(arena, (ggx_str){text.data, text.size}).data;
    ggx_text_free(&text);
    if (!out) (void)no_memory(error);
    return out;
}

ggx_status ggx_make_directories(const char *path, ggx_error *error)
{
    char *copy = malloc(strlen(path) + 1);
    ggx_status status = copy ? GGX_OK : no_memory(error);
    if (copy) memcpy(copy, path, strlen(path) + 1);
    for (char *c = copy; status == GGX_OK && c && *c; c++) {
        if (c[1] && (c[1] != '/' || c == copy)) continue;
        if (*c == '/') continue;
        const char kept = c[1];
        c[1] = 0;
        const int failed = mkdir(copy, 0777) != 0 && errno != EEXIST && errno != EISDIR, code = errno;
        if (failed && (code != EROFS || access(copy, F_OK) != 0))
            status = ggx_fail_errno(error, code, "create the directory", copy);
        c[1] = kept;
    }
    free(copy);
    return status;
}

/* The directories above a file. */
static ggx_status make_room(const char *path, ggx_arena *arena, ggx_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *above = ggx_arena_str(arena, (ggx_str){path, slash ? (uint64_t)(slash - path) : 0}).data;
    if (!above) return no_memory(error);
    return *above ? ggx_make_directories(above, error) : GGX_OK;
}

/* --- one file ---------------------------------------------------------------------------------------------------------------------- */

/* snapshots/COMMIT/a/b.bin → ../../../blobs/DIGEST. A link is made beside and renamed, so that no moment is without it. */
static ggx_status link_blob(const fetching *f, const char *path, ggx_str name, const char *digest, ggx_error *error)
{
    ggx_text up = {0};
    char had[512];
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < name.size; i++)
        if (name.data[i] == '/') ggx_text_format(&up, "../");
    ggx_text_format(&up, "../../blobs/%s", digest);
    const char *beside = ggx_arena_format(f->arena, "%s.ggx-link%ld", path, (long)getpid()).data;
    if (up.failed || !beside) {
        ggx_text_free(&up);
        return no_memory(error);
    }
    const ssize_t n = readlink(path, had, sizeof had);
    if (n < 0 || (uint64_t)n != up.size || memcmp(had, up.data, (size_t)n) != 0) {
        (void)unlink(beside);
        if (symlink(up.data, beside) != 0 || rename(beside, path) != 0)
            status = ggx_fail_errno(error, errno, "create", path);
        if (status != GGX_OK) (void)unlink(beside);
    }
    ggx_text_free(&up);
    return status;
}

/* Where the bytes go: a blob is named by its digest. */
static const char *name_target(const fetching *f, const piece *p)
{
    char digest[GGX_HASH_TEXT];
    if (!f->folder) return p->path;
    ggx_hash_text(p->file->digest, ggx_hash_size(p->file->hash), digest);
    return ggx_arena_format(f->arena, "%s/blobs/%s", f->folder, digest).data;
}

static ggx_status add_piece(fetching *f, const ggx_hub_file *file, ggx_error *error)
{
    piece *p = &f->pieces[f->piece_count];
    if (!file->known && f->folder)
        return ggx_fail(error, GGX_E_MALFORMED, "the hub publishes no digest of %.150s", file->name.data);
    *p = (piece){file, ggx_arena_format(f->arena, "%s/%s", f->snapshot, file->name.data).data, f->download_count};
    const char *target = p->path ? name_target(f, p) : NULL;
    if (!target) return no_memory(error);
    f->piece_count++;
    for (uint32_t i = 0; i < f->download_count; i++)
        if (!strcmp(f->downloads[i].path, target)) return (void)(p->download = i), GGX_OK;
    /* in ggx's own cache the folder's name has the version in it */
    const int versioned = !f->options->directory && !file->known && ggx_range_is_pinned(&file->remote);
    f->downloads[f->download_count++] = (ggx_download){.file = file, .path = target, .versioned = versioned};
    return make_room(target, f->arena, error);
}

/* A blob gets its names as soon as it is there: a run that breaks off later has done something. */
static ggx_status link_pieces(void *context, uint32_t download, ggx_error *error)
{
    const fetching *f = context;
    char digest[GGX_HASH_TEXT];
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < f->piece_count && status == GGX_OK && f->folder; i++) {
        const piece *p = &f->pieces[i];
        if (p->download != download) continue;
        ggx_hash_text(p->file->digest, ggx_hash_size(p->file->hash), digest);
        status = make_room(p->path, f->arena, error);
        if (status == GGX_OK) status = link_blob(f, p->path, p->file->name, digest, error);
    }
    return status;
}

/* What the hub says and what the catalogue says are of two kinds: the second needs a pass of its own. */
static ggx_status check_also(const fetching *f, ggx_error *error)
{
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < f->piece_count && status == GGX_OK; i++) {
        ggx_hub_file other = *f->pieces[i].file;
        if (!other.also) continue;
        other.hash = other.also_hash;
        memcpy(other.digest, other.also_digest, sizeof other.digest);
        status = ggx_partial_check(&other, f->pieces[i].path, f->options->run, NULL, error);
        if (status == GGX_E_INTEGRITY)
            status =
                ggx_fail(error, status, "%.120s is what the hub publishes, but its %s is not that of the catalogue",
                         other.name.data, ggx_hash_name(other.hash));
    }
    return status;
}

static void list_fetched(const fetching *f)
{
    for (uint32_t i = 0; i < f->piece_count; i++) {
        const ggx_hub_file *file = f->pieces[i].file;
        ggx_fetched_file *done = &f->out->files[i];
        *done = (ggx_fetched_file){
            f->pieces[i].path, file->remote.size, file->known, file->known ? file->hash : GGX_HASH_SHA256, {0}};
        memcpy(done->digest, file->known ? file->digest : f->downloads[f->pieces[i].download].sha256, 32);
    }
    f->out->count = f->piece_count;
}

/* --- names ------------------------------------------------------------------------------------------------------------------------- */

/* A given digest binds what the hub publishes, too. */
static ggx_status expect_digest(fetching *f, ggx_error *error)
{
    uint8_t digest[32];
    ggx_hub_file *file = f->hub.files;
    if (!f->options->sha256) return GGX_OK;
    if (f->hub.directory) return ggx_fail(error, GGX_E_USAGE, "--sha256 is of one file; name it");
    if (!ggx_hash_parse(ggx_str_of(f->options->sha256), digest, 32))
        return ggx_fail(error, GGX_E_USAGE, "--sha256 takes 64 hexadecimal digits");
    if (file->known && file->hash == GGX_HASH_SHA256 && memcmp(digest, file->digest, 32) != 0)
        return ggx_fail(error, GGX_E_INTEGRITY, "%.120s: the hub publishes another SHA-256 than --sha256 says",
                        file->name.data);
    if (file->known && file->hash == GGX_HASH_GIT)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "%.120s: the hub knows this small file by git's name; check it with ggx verify --sha256",
                        file->name.data);
    memcpy(file->digest, digest, 32);
    file->hash = GGX_HASH_SHA256;
    file->known = file->remote.digested = 1;
    return GGX_OK;
}

/* The address that was asked for, with what follows '?': it may name another file. */
static ggx_status name_url_folder(fetching *f, ggx_error *error)
{
    char text[GGX_HASH_TEXT];
    uint8_t digest[GGX_HASH_MAX];
    ggx_hash hash;
    const char *cache = ggx_cache_files(f->arena, error);
    if (!cache) return error ? error->status : GGX_E_NOTFOUND;
    ggx_hash_begin(&hash, GGX_HASH_SHA256, 0);
    for (uint32_t i = 0; i < f->hub.count; i++) {
        const ggx_hub_file *file = &f->hub.files[i];
        ggx_hash_update(&hash, file->remote.url, strcspn(file->remote.url, "#"));
        ggx_hash_update(&hash, &file->remote.size, sizeof file->remote.size);
        ggx_hash_update(&hash, file->remote.etag, strlen(file->remote.etag));
        if (!*file->remote.etag || !strncmp(file->remote.etag, "W/", 2))
            ggx_hash_update(&hash, file->remote.modified, strlen(file->remote.modified));
    }
    ggx_hash_text(digest, ggx_hash_end(&hash, digest), text);
    f->snapshot = ggx_arena_format(f->arena, "%s/%.32s", cache, text).data;
    return f->snapshot ? GGX_OK : no_memory(error);
}

static ggx_status name_snapshot(fetching *f, ggx_error *error)
{
    const char *cache = ggx_cache_hub(f->arena, error);
    if (!cache) return error ? error->status : GGX_E_NOTFOUND;
    f->folder = ggx_cache_folder(f->arena, cache, f->reference.repository, error);
    if (!f->folder) return GGX_E_NOMEM;
    f->snapshot = ggx_arena_format(f->arena, "%s/snapshots/%s", f->folder, f->hub.pin).data;
    return f->snapshot ? GGX_OK : no_memory(error);
}

static ggx_status name_places(fetching *f, ggx_error *error)
{
    if (f->options->directory) {
        f->snapshot = f->options->directory;
        return GGX_OK;
    }
    return f->reference.repository.size ? name_snapshot(f, error) : name_url_folder(f, error);
}

/* Does the file hold this and nothing else? What is right already need not be written, as into a cache that is read-only. */
static int holds(const char *path, ggx_str text)
{
    char have[HOLDS_MOST + 1];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, have, sizeof have) : -1;
    if (fd >= 0) close(fd);
    return n >= 0 && (uint64_t)n == text.size && !memcmp(have, text.data, (size_t)n);
}

/* refs/main holds the commit that main was at. */
static ggx_status write_ref(const fetching *f, ggx_error *error)
{
    const char *revision = f->reference.revision.data;
    if (!f->folder || !strcmp(revision, f->hub.pin)) return GGX_OK;
    const char *path = ggx_arena_format(f->arena, "%s/refs/%s", f->folder, revision).data;
    if (!path) return no_memory(error);
    if (holds(path, ggx_str_of(f->hub.pin))) return GGX_OK;
    ggx_status status = make_room(path, f->arena, error);
    return status == GGX_OK ? ggx_write_file(path, ggx_str_of(f->hub.pin), error) : status;
}

static int is_wanted(const fetching *f, uint32_t i)
{
    const ggx_hub_file *file = &f->hub.files[i], *named = f->hub.files;
    const char *slash = strrchr(named->name.data, '/');
    const uint64_t n = slash ? (uint64_t)(slash + 1 - named->name.data) : 0;
    if (f->hub.directory) return f->needed[i];
    if (f->hub.together) return 1;
    if (i == 0) return 1;
    return f->options->siblings && file->remote.size <= SIBLING_MOST && file->name.size > n &&
           !memcmp(file->name.data, named->name.data, n) && !memchr(file->name.data + n, '/', file->name.size - n);
}

/* Of a repository, what is needed; of everything else, all. */
static ggx_status choose(fetching *f, ggx_error *error)
{
    const ggx_fetch_options *o = f->options;
    const int repository = f->hub.directory && f->reference.repository.size;
    if (o->form && !repository)
        return ggx_fail(error, GGX_E_USAGE, "--form is for a repository; %.150s is none", f->name);
    f->needed = ggx_arena_array(f->arena, f->hub.count, 1);
    if (!f->needed) return no_memory(error);
    memset(f->needed, 1, f->hub.count);
    if (!repository || !o->choice) return GGX_OK;
    ggx_status status = ggx_choose_files(o->choice, o->form, &f->hub, f->arena, f->needed, &f->out->form, error);
    for (uint32_t i = 0; i < f->hub.count; i++) f->out->left_out += !f->needed[i];
    return status;
}

static ggx_status list_pieces(fetching *f, ggx_error *error)
{
    ggx_status status = GGX_OK;
    f->out->files = ggx_arena_array(f->arena, f->hub.count, sizeof *f->out->files);
    f->pieces = ggx_arena_array(f->arena, f->hub.count, sizeof *f->pieces);
    f->downloads = ggx_arena_array(f->arena, f->hub.count, sizeof *f->downloads);
    if (!f->out->files || !f->pieces || !f->downloads) return no_memory(error);
    for (uint32_t i = 0; i < f->hub.count && status == GGX_OK; i++)
        if (is_wanted(f, i)) status = add_piece(f, &f->hub.files[i], error);
    if (status == GGX_OK && !f->piece_count)
        status = ggx_fail(error, GGX_E_NOTFOUND, "%.150s has no files that are needed; --all fetches all", f->name);
    return status;
}

/* In ggx's own cache, so that older versions of an address can be told from the newest. Without what follows '?' and what stands before '@':
 * both may be secrets. */
static ggx_status write_source(const fetching *f, ggx_error *error)
{
    const char *url = f->hub.files[0].remote.url, *scheme = strstr(url, "://");
    if (f->folder || f->options->directory || !scheme) return GGX_OK;
    const char *host = scheme + 3, *at = memchr(host, '@', strcspn(host, "/?#"));
    if (at) host = at + 1;
    const ggx_str text =
        ggx_arena_format(f->arena, "%.*s%.*s\n", (int)(scheme + 3 - url), url, (int)strcspn(host, "?#"), host);
    const char *path = ggx_arena_format(f->arena, "%s/" GGX_CACHE_SOURCE, f->snapshot).data;
    if (!text.data || !path) return no_memory(error);
    return holds(path, text) ? GGX_OK : ggx_write_file(path, text, error);
}

/* Nothing of the repository is removed while this run is at work on it. The list of its files tells later, without a network, whether all is
 * there. */
static ggx_status hold(fetching *f, ggx_error *error)
{
    if (!f->folder) return GGX_OK;
    ggx_status status = ggx_make_directories(f->folder, error);
    if (status != GGX_OK) return status;
    f->held = ggx_lock_folder(f->folder, 1);
    return f->hub.directory ? ggx_offline_note(f->folder, f->hub.pin, &f->hub, f->arena, error) : GGX_OK;
}

static ggx_status fetch_all(fetching *f, ggx_error *error)
{
    const ggx_fetch_options *o = f->options;
    const ggx_download_options options = {o->connections, o->segment,      o->rate,     o->run, link_pieces, f,
                                          o->more,        o->more_context, o->more_path};
    ggx_status status = expect_digest(f, error);
    if (status == GGX_OK) status = name_places(f, error);
    if (status == GGX_OK) status = hold(f, error);
    if (status == GGX_OK) status = choose(f, error);
    if (status == GGX_OK) status = list_pieces(f, error);
    if (status == GGX_OK) status = ggx_download_all(f->client, f->downloads, f->download_count, &options, error);
    if (status == GGX_OK) status = check_also(f, error);
    if (status == GGX_OK) status = write_ref(f, error);
    if (status == GGX_OK) status = write_source(f, error);
    if (status != GGX_OK) return status;
    list_fetched(f);
    f->out->path = f->hub.directory ? f->snapshot : f->out->files[0].path;
    f->out->pin = f->hub.pin;
    f->out->passed_over = f->hub.passed_over;
    return GGX_OK;
}

/* --- what is there already ---------------------------------------------------------------------------------------------------------- */

static ggx_status find_cached(fetching *f, ggx_error *error)
{
    ggx_str commit = f->reference.revision;
    char text[COMMIT_SIZE + 1] = "";
    f->hub.pin = "";
    ggx_status status = name_snapshot(f, error);
    if (status != GGX_OK) return status;
    const char *ref = ggx_arena_format(f->arena, "%s/refs/%s", f->folder, commit.data).data;
    const int fd = ref ? open(ref, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd >= 0) {
        if (ggx_read_some(fd, 0, text, COMMIT_SIZE) == COMMIT_SIZE) commit = (ggx_str){text, COMMIT_SIZE};
        close(fd);
    }
    if (!ggx_hub_is_plain(commit)) return ggx_fail(error, GGX_E_NOTFOUND, "%.150s is not in the cache", f->name);
    f->out->pin = ggx_arena_str(f->arena, commit).data;
    f->out->path = ggx_arena_format(f->arena, "%s%s%s%s", f->snapshot, f->out->pin ? f->out->pin : "",
                                    f->reference.path.size ? "/" : "", f->reference.path.data)
                       .data;
    if (!f->out->path || !f->out->pin) return no_memory(error);
    if (access(f->out->path, R_OK) == 0) {
        const char *snapshot = ggx_arena_format(f->arena, "%s%s", f->snapshot, f->out->pin).data;
        const ggx_offline offline = {f->name, f->folder, snapshot, f->out->pin, f->reference.path, f->options};
        return snapshot ? ggx_offline_check(&offline, f->arena, error) : no_memory(error);
    }
    return ggx_fail(error, GGX_E_NOTFOUND, "%.150s is not in the cache, and HF_HUB_OFFLINE is set", f->name);
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------------- */

ggx_status ggx_fetch(const char *name, const ggx_fetch_options *options, ggx_arena *arena, ggx_fetched *out,
                     ggx_error *error)
{
    char token[GGX_HUB_TOKEN_MAX];
    ggx_catalog_entry entry = {0};
    ggx_status status = GGX_OK;
    memset(out, 0, sizeof *out);
    if (!ggx_hub_is_name(name) && options->catalog) {
        status = ggx_catalog_find(options->catalog, name, arena, &entry, error);
        if (status != GGX_OK) return status;
        if (!entry.folder) name = entry.from;
    }
    fetching f = {.options = options, .name = name, .arena = arena, .out = out, .held = -1};
    const int hub = !strncmp(name, "hf://", 5);
    if (hub) status = ggx_hub_parse(name, &f.reference, arena, error);
    if (status != GGX_OK) return status;
    if (ggx_fetch_is_offline()) {
        if (hub && !options->directory) return find_cached(&f, error);
        return ggx_fail(error, GGX_E_NETWORK, "%.150s cannot be fetched: HF_HUB_OFFLINE is set", name);
    }
    status = ggx_range_open(&f.client, ggx_hub_token(name, token), options->timeout ? options->timeout : TIMEOUT,
                            options->run, error);
    if (status == GGX_OK)
        status = entry.from ? ggx_catalog_resolve(&entry, &f.hub, f.client, arena, error)
                            : ggx_hub_resolve(&f.hub, f.client, name, arena, error);
    if (status == GGX_OK) status = fetch_all(&f, error);
    if (f.held >= 0) close(f.held);
    ggx_range_close(f.client);
    return status;
}

/* --- for who has the bytes already ---------------------------------------------------------------------------------------------------- */

static ggx_status begin_place(fetching *f, const ggx_hub *hub, ggx_error *error)
{
    f->hub = *hub;
    ggx_status status = strncmp(f->name, "hf://", 5) ? GGX_OK : ggx_hub_parse(f->name, &f->reference, f->arena, error);
    return status == GGX_OK ? name_places(f, error) : status;
}

ggx_status ggx_fetch_find_place(const char *name, const ggx_hub *hub, uint32_t index, ggx_arena *arena,
                                const char **bytes, ggx_error *error)
{
    const ggx_fetch_options options = {0};
    fetching f = {.options = &options, .name = name, .arena = arena};
    ggx_status status = begin_place(&f, hub, error);
    if (status != GGX_OK) return status;
    piece p = {.file = &hub->files[index]};
    if (!p.file->known && f.folder)
        return ggx_fail(error, GGX_E_MALFORMED, "the hub publishes no digest of %.150s", p.file->name.data);
    p.path = ggx_arena_format(arena, "%s/%s", f.snapshot, p.file->name.data).data;
    *bytes = p.path ? name_target(&f, &p) : NULL;
    return *bytes ? make_room(*bytes, arena, error) : no_memory(error);
}

ggx_status ggx_fetch_settle(const char *name, const ggx_hub *hub, uint32_t index, ggx_arena *arena, ggx_error *error)
{
    const ggx_fetch_options options = {0};
    fetching f = {.options = &options, .name = name, .arena = arena};
    const ggx_hub_file *file = &hub->files[index];
    char digest[GGX_HASH_TEXT];
    ggx_status status = begin_place(&f, hub, error);
    if (status == GGX_OK && f.folder) {
        const char *path = ggx_arena_format(arena, "%s/%s", f.snapshot, file->name.data).data;
        ggx_hash_text(file->digest, ggx_hash_size(file->hash), digest);
        status = path ? make_room(path, arena, error) : no_memory(error);
        if (status == GGX_OK) status = link_blob(&f, path, file->name, digest, error);
    }
    if (status == GGX_OK) status = write_ref(&f, error);
    return status == GGX_OK ? write_source(&f, error) : status;
}
