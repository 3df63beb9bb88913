/* Remote sources before the stream: members from the hub's list, ranges in blocks that are kept. */
#include "source/remote.h"

#include "base/text.h"
#include "fetch/catalog.h"
#include "source/ahead.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <time.h>

int ggx_source_is_remote_name(const char *name)
{
    return ggx_hub_is_name(name);
}

int ggx_source_is_remote(const ggx_source *source)
{
    const ggx_files *files = source->context;
    return files->remote != NULL;
}

/* --- blocks ----------------------------------------------------------------------------------------------------------------------- */

uint32_t ggx_ahead_find(const ggx_remote *r, uint32_t member, uint64_t index)
{
    uint32_t low = 0, high = r->block_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const ggx_ahead_block *b = &r->blocks[middle];
        if (b->member < member || (b->member == member && b->index < index))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const ggx_ahead_block *block_at(const ggx_remote *r, uint32_t member, uint64_t index)
{
    const uint32_t at = ggx_ahead_find(r, member, index);
    const ggx_ahead_block *b = &r->blocks[at];
    return at < r->block_count && b->member == member && b->index == index ? b : NULL;
}

static ggx_status keep_block(ggx_remote *r, uint32_t member, uint64_t index, const char *bytes, uint64_t size,
                             ggx_error *error)
{
    if (r->block_count == GGX_AHEAD_BLOCKS)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "the headers of this model are larger than 512 MiB; download it, then convert it");
    if (r->block_count == r->block_capacity) {
        const uint32_t capacity = r->block_capacity ? 2 * r->block_capacity : 64;
        ggx_ahead_block *grown = realloc(r->blocks, capacity * sizeof *grown);
        if (!grown) return ggx_fail(error, GGX_E_NOMEM, "no memory for the model's headers");
        r->blocks = grown;
        r->block_capacity = capacity;
    }
    char *copy = malloc((size_t)size);
    if (!copy) return ggx_fail(error, GGX_E_NOMEM, "no memory for the model's headers");
    memcpy(copy, bytes, (size_t)size);
    const uint32_t at = ggx_ahead_find(r, member, index);
    memmove(r->blocks + at + 1, r->blocks + at, (r->block_count - at) * sizeof *r->blocks);
    r->blocks[at] = (ggx_ahead_block){member, index, size, copy};
    r->block_count++;
    return GGX_OK;
}

/* Fetches the blocks [first, last] of a member, none of which is there, in one range. */
static ggx_status fetch_blocks(ggx_remote *r, uint32_t member, uint64_t first, uint64_t last, ggx_error *error)
{
    const ggx_range_file *file = &r->hub.files[member].remote;
    const uint64_t from = first * GGX_AHEAD_BLOCK;
    uint64_t end = (last + 1) * GGX_AHEAD_BLOCK;
    if (end > file->size) end = file->size;
    char *bytes = malloc((size_t)(end - from));
    if (!bytes) return ggx_fail(error, GGX_E_NOMEM, "no memory for the model's headers");
    ggx_status status = ggx_range_get(r->client, file, from, bytes, end - from, error);
    for (uint64_t i = first; i <= last && status == GGX_OK; i++) {
        const uint64_t at = i * GGX_AHEAD_BLOCK, n = end - at < GGX_AHEAD_BLOCK ? end - at : GGX_AHEAD_BLOCK;
        status = keep_block(r, member, i, bytes + (at - from), n, error);
    }
    free(bytes);
    return status;
}

/* In pieces of at most 4 MiB, missing blocks that lie together in one range. */
static ggx_status ensure(ggx_remote *r, uint32_t member, uint64_t first, uint64_t last, ggx_error *error)
{
    for (uint64_t i = first; i <= last; i++) {
        uint64_t run = i;
        if (block_at(r, member, i)) continue;
        while (run < last && run - i < 63 && !block_at(r, member, run + 1)) run++;
        ggx_status status = fetch_blocks(r, member, i, run, error);
        if (status != GGX_OK) return status;
        i = run;
    }
    return GGX_OK;
}

static void copy_blocks(const ggx_remote *r, uint32_t member, uint64_t offset, char *out, uint64_t size)
{
    while (size) {
        const uint64_t index = offset / GGX_AHEAD_BLOCK, skip = offset % GGX_AHEAD_BLOCK;
        const ggx_ahead_block *b = block_at(r, member, index);
        const uint64_t n = b->size - skip < size ? b->size - skip : size;
        memcpy(out, b->bytes + skip, (size_t)n);
        out += n;
        offset += n;
        size -= n;
    }
}

static int have_all(const ggx_remote *r, uint32_t member, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++)
        if (!block_at(r, member, i)) return 0;
    return 1;
}

ggx_status ggx_remote_read(ggx_remote *r, uint32_t member, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    const uint64_t first = offset / GGX_AHEAD_BLOCK, last = (offset + size - 1) / GGX_AHEAD_BLOCK;
    ggx_status status = GGX_OK;
    if (r->stream && ggx_stream_read(r->stream, member, offset, out, size)) return GGX_OK;
    pthread_mutex_lock(&r->lock);
    if (!r->stream)
        status = ensure(r, member, first, last, error);
    else if (!have_all(r, member, first, last))
        status = ggx_fail_at(error, GGX_E_UNSUPPORTED, member, offset,
                             "the stream has passed this place or not come to it; download the model, then convert it");
    if (status == GGX_OK) copy_blocks(r, member, offset, out, size);
    pthread_mutex_unlock(&r->lock);
    return status;
}

void ggx_source_ahead_digest(const ggx_source *source, uint8_t out[32])
{
    const ggx_files *files = source->context;
    const ggx_remote *r = files->remote;
    ggx_hash hash;
    uint8_t digest[GGX_HASH_MAX];
    ggx_hash_begin(&hash, GGX_HASH_SHA256, 0);
    for (uint32_t i = 0; i < r->block_count; i++) {
        const uint64_t place[2] = {r->blocks[i].member, r->blocks[i].index};
        ggx_hash_update(&hash, place, sizeof place);
        ggx_hash_update(&hash, r->blocks[i].bytes, r->blocks[i].size);
    }
    ggx_hash_end(&hash, digest);
    memcpy(out, digest, 32);
}

/* --- opening and closing ----------------------------------------------------------------------------------------------------------- */

void ggx_remote_close(ggx_remote *r)
{
    if (!r) return;
    for (uint32_t i = 0; i < r->block_count; i++) free(r->blocks[i].bytes);
    free(r->blocks);
    free(r->name);
    ggx_range_close(r->client);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* What tells the file from itself after a change: its digest, or its entity tag and date. Where nothing does, it is another one each time, so that no run
 * goes on with it. */
static uint64_t version_of(const ggx_hub_file *file)
{
    uint8_t digest[GGX_HASH_MAX];
    uint64_t version = 0;
    ggx_hash hash;
    ggx_hash_begin(&hash, GGX_HASH_SHA256, 0);
    ggx_hash_update(&hash, file->remote.url, strlen(file->remote.url));
    if (file->known) {
        ggx_hash_update(&hash, file->digest, sizeof file->digest);
    } else {
        ggx_hash_update(&hash, file->remote.etag, strlen(file->remote.etag) + 1);
        ggx_hash_update(&hash, file->remote.modified, strlen(file->remote.modified));
    }
    if (!file->known && !ggx_range_is_pinned(&file->remote)) {
        struct timespec now = {0};
        clock_gettime(CLOCK_REALTIME, &now);
        ggx_hash_update(&hash, &now.tv_sec, sizeof now.tv_sec);
        ggx_hash_update(&hash, &now.tv_nsec, sizeof now.tv_nsec);
    }
    ggx_hash_end(&hash, digest);
    memcpy(&version, digest, sizeof version);
    return version;
}

static ggx_status add_members(ggx_files *files, ggx_remote *r, ggx_error *error)
{
    ggx_status status = GGX_OK;
    uint32_t index;
    for (uint32_t i = 0; i < r->hub.count && status == GGX_OK; i++) {
        const ggx_hub_file *file = &r->hub.files[i];
        ggx_file member = {.name = file->name, .path = file->remote.url, .below = 1, .slot = -1};
        member.state.size = file->remote.size;
        member.state.mtime = version_of(file);
        status = ggx_files_add(files, &member, &index, error);
    }
    if (r->hub.directory) files->sorted = files->count;
    files->base = r->hub.name;
    return status;
}

/* As its files are called that were downloaded before. */
static ggx_status call(ggx_files *files, const char *name, const ggx_catalog_entry *entry, ggx_error *error)
{
    ggx_hub_reference reference;
    files->called = entry ? entry->name : "";
    if (entry || strncmp(name, "hf://", 5) != 0) return GGX_OK;
    ggx_status status = ggx_hub_parse(name, &reference, &files->arena, error);
    const char *slash = status == GGX_OK ? strrchr(reference.repository.data, '/') : NULL;
    if (slash) files->called = slash + 1;
    return status;
}

static ggx_status expect_digest(ggx_remote *r, ggx_error *error)
{
    ggx_hub_file *file = r->hub.files;
    if (!r->options.sha256) return GGX_OK;
    uint8_t digest[32];
    if (r->hub.directory) return ggx_fail(error, GGX_E_USAGE, "--sha256 is of one file; name it");
    if (!ggx_hash_parse(ggx_str_of(r->options.sha256), digest, 32))
        return ggx_fail(error, GGX_E_USAGE, "--sha256 takes 64 hexadecimal digits");
    if (file->known && file->hash == GGX_HASH_SHA256 && memcmp(digest, file->digest, 32) != 0)
        return ggx_fail(error, GGX_E_INTEGRITY, "%.*s: another SHA-256 is published than --sha256 says",
                        GGX_STR_ARGS(file->name));
    if (file->known && file->hash != GGX_HASH_SHA256) { /* what was published is compared, too */
        file->also = 1;
        file->also_hash = file->hash;
        memcpy(file->also_digest, file->digest, sizeof file->also_digest);
    }
    file->hash = GGX_HASH_SHA256;
    file->known = file->remote.digested = 1;
    memcpy(file->digest, digest, 32);
    return GGX_OK;
}

ggx_status ggx_source_open_remote(const char *name, const ggx_remote_options *options, ggx_source **out,
                                  ggx_error *error)
{
    char token[GGX_HUB_TOKEN_MAX];
    ggx_files *files = NULL;
    ggx_remote *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    pthread_mutex_init(&r->lock, NULL);
    r->options = *options;
    if (options->entry) name = options->entry->from; /* whose token it is */
    if (!r->options.timeout) r->options.timeout = GGX_REMOTE_TIMEOUT;
    r->name = malloc(strlen(name) + 1);
    if (r->name) memcpy(r->name, name, strlen(name) + 1);
    ggx_status status = r->name ? ggx_files_make(GGX_SOURCE_FILE, &files, error) : GGX_E_NOMEM;
    if (status != GGX_OK) {
        ggx_remote_close(r);
        return ggx_fail(error, status, "out of memory");
    }
    files->remote = r;
    status = ggx_range_open(&r->client, ggx_hub_token(r->name, token), r->options.timeout, options->run, error);
    if (status == GGX_OK)
        status = options->entry ? ggx_catalog_resolve(options->entry, &r->hub, r->client, &files->arena, error)
                                : ggx_hub_resolve(&r->hub, r->client, name, &files->arena, error);
    if (status == GGX_OK) status = expect_digest(r, error);
    if (status == GGX_OK) status = add_members(files, r, error);
    if (status == GGX_OK) status = call(files, name, options->entry, error);
    files->source.kind = r->hub.directory ? GGX_SOURCE_DIRECTORY : GGX_SOURCE_FILE;
    if (status == GGX_OK)
        *out = &files->source;
    else
        ggx_source_close(&files->source);
    return status;
}
