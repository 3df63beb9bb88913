/* Segments, and the journal of them: 96 bytes, then 16 for each. */
#include "fetch/segments.h"
#include "base/bytes.h"

#include "commit/files.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/crc32c.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "GGXHAVE2"
#define HEAD 96u /* magic, size (u64), bytes of a segment (u64), identity (32), boot (16), zeros, CRC-32C */
#define SLOT 16u /* written, synced, index (u32 each), CRC-32C of these behind that of the head */
#define BOOT 16u

/* Another one after each start of the machine; 0 where the system does not say. */
static int read_boot(uint8_t out[BOOT])
{
    char text[64];
    int have = 0;
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, text, sizeof text) : 0;
    if (fd >= 0) close(fd);
    memset(out, 0, BOOT);
    for (int64_t i = 0; i < n && have < 2 * (int)BOOT; i++) {
        const char *digits = "0123456789abcdef", *at = text[i] ? strchr(digits, text[i]) : NULL;
        if (!at) continue;
        out[have / 2] = (uint8_t)(out[have / 2] << 4 | (at - digits));
        have++;
    }
    return have == 2 * (int)BOOT;
}

ggx_status ggx_segments_init(ggx_segments *s, uint64_t size, uint64_t bytes, ggx_error *error)
{
    const uint64_t least = size / GGX_SEGMENTS_MOST + 1;
    if (bytes < least) bytes = least;
    *s = (ggx_segments){.size = size, .bytes = bytes, .journal = -1};
    if (bytes > GGX_SEGMENT_LONGEST)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "files of %llu bytes are not fetched", (unsigned long long)size);
    s->count = (uint32_t)(size / bytes + (size % bytes != 0));
    s->list = calloc(s->count + 1, sizeof *s->list);
    return s->list ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

void ggx_segments_free(ggx_segments *s)
{
    if (s->journal >= 0) close(s->journal);
    free(s->list);
    s->list = NULL;
    s->journal = -1;
    s->count = 0;
}

uint32_t ggx_segment_size(const ggx_segments *s, uint32_t index)
{
    const uint64_t left = s->size - index * s->bytes;
    return (uint32_t)(left < s->bytes ? left : s->bytes);
}

void ggx_segments_clear(ggx_segments *s)
{
    memset(s->list, 0, s->count * sizeof *s->list);
}

uint64_t ggx_segments_written(const ggx_segments *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->count; i++) sum += s->list[i].written;
    return sum;
}

uint64_t ggx_segments_front(const ggx_segments *s, uint64_t from)
{
    uint64_t i = from / s->bytes;
    while (i < s->count && s->list[i].written == ggx_segment_size(s, (uint32_t)i)) i++;
    return i < s->count ? i * s->bytes + s->list[i].written : s->size;
}

/* --- the journal ------------------------------------------------------------------------------------------------------------------ */

static void fill_head(const ggx_segments *s, uint8_t out[HEAD])
{
    memset(out, 0, HEAD);
    memcpy(out, MAGIC, 8);
    ggx_le_put(out + 8, s->size, 8);
    ggx_le_put(out + 16, s->bytes, 8);
    memcpy(out + 24, s->identity, 32);
    (void)read_boot(out + 56);
    ggx_le_put(out + HEAD - 4, ggx_crc32c(0, out, HEAD - 4), 4);
}

static uint32_t seed_of(const ggx_segments *s)
{
    return ggx_crc32c(0, s->identity, sizeof s->identity);
}

static void fill_slot(const ggx_segments *s, uint32_t index, uint8_t out[SLOT])
{
    ggx_le_put(out, s->list[index].written, 4);
    ggx_le_put(out + 4, s->list[index].synced, 4);
    ggx_le_put(out + 8, index, 4);
    ggx_le_put(out + 12, ggx_crc32c(seed_of(s), out, 12), 4);
}

/* What a slot says, as far as it can be believed. */
static void read_slot(ggx_segments *s, uint32_t index, const uint8_t in[SLOT], int same_boot, uint64_t there)
{
    ggx_segment *segment = &s->list[index];
    const uint64_t begin = index * s->bytes, size = ggx_segment_size(s, index);
    const uint64_t written = ggx_le_get(in, 4), synced = ggx_le_get(in + 4, 4), sure = same_boot ? written : synced;
    *segment = (ggx_segment){0};
    if (ggx_le_get(in + 12, 4) != ggx_crc32c(seed_of(s), in, 12) || ggx_le_get(in + 8, 4) != index) return;
    if (written > size || synced > written || there < begin + sure) return;
    segment->written = segment->noted = (uint32_t)sure;
    segment->synced = (uint32_t)synced;
}

static int read_head(ggx_segments *s, const uint8_t in[HEAD], int *same_boot)
{
    uint8_t boot[BOOT];
    const uint64_t bytes = ggx_le_get(in + 16, 8), count = bytes ? s->size / bytes + (s->size % bytes != 0) : 0;
    *same_boot = read_boot(boot) && !memcmp(boot, in + 56, BOOT);
    if (memcmp(in, MAGIC, 8) != 0 || ggx_le_get(in + HEAD - 4, 4) != ggx_crc32c(0, in, HEAD - 4)) return 0;
    if (ggx_le_get(in + 8, 8) != s->size || memcmp(in + 24, s->identity, 32) != 0) return 0;
    if (!bytes || bytes > GGX_SEGMENT_LONGEST || count > GGX_SEGMENTS_MOST) return 0;
    ggx_segment *list = calloc((size_t)count + 1, sizeof *list);
    if (!list) return 0;
    free(s->list);
    s->list = list;
    s->bytes = bytes;
    s->count = (uint32_t)count;
    return 1;
}

int ggx_segments_read(ggx_segments *s, const char *path, uint64_t there)
{
    uint8_t head[HEAD], *slots = NULL;
    int same_boot = 0, good = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return 0;
    if (ggx_read_some(fd, 0, head, HEAD) == HEAD && read_head(s, head, &same_boot)) {
        const uint64_t size = (uint64_t)SLOT * s->count;
        slots = malloc((size_t)size + 1);
        good = slots && ggx_read_some(fd, HEAD, slots, size) == (int64_t)size;
    }
    for (uint32_t i = 0; good && i < s->count; i++) read_slot(s, i, slots + (size_t)SLOT * i, same_boot, there);
    free(slots);
    close(fd);
    return good;
}

ggx_status ggx_segments_write(ggx_segments *s, const char *path, ggx_error *error)
{
    const size_t size = HEAD + (size_t)SLOT * s->count;
    uint8_t *bytes = malloc(size);
    if (!bytes) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    fill_head(s, bytes);
    for (uint32_t i = 0; i < s->count; i++) fill_slot(s, i, bytes + HEAD + (size_t)SLOT * i);
    ggx_status status = ggx_write_file(path, (ggx_str){(const char *)bytes, size}, error);
    free(bytes);
    if (status != GGX_OK) return status;
    s->journal = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return s->journal >= 0 ? GGX_OK : ggx_fail_errno(error, errno, "open", path);
}

ggx_status ggx_segments_note(ggx_segments *s, uint32_t index, const char *path, ggx_error *error)
{
    uint8_t slot[SLOT];
    s->list[index].noted = s->list[index].written;
    if (s->journal < 0) return GGX_OK;
    fill_slot(s, index, slot);
    return ggx_write_all(s->journal, HEAD + (uint64_t)SLOT * index, slot, SLOT, path, error);
}

ggx_status ggx_segments_sync(ggx_segments *s, int fd, pthread_mutex_t *lock, const char *path, ggx_error *error)
{
    ggx_status status = GGX_OK;
    if (s->journal < 0) return GGX_OK;
    uint32_t *written = malloc((s->count + 1) * sizeof *written);
    if (!written) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    pthread_mutex_lock(lock);
    for (uint32_t i = 0; i < s->count; i++) written[i] = s->list[i].written;
    pthread_mutex_unlock(lock);
    if (fdatasync(fd) != 0) status = ggx_fail_errno(error, errno, "write", path);
    pthread_mutex_lock(lock);
    for (uint32_t i = 0; i < s->count && status == GGX_OK; i++) {
        ggx_segment *segment = &s->list[i];
        if (segment->written < written[i]) continue; /* it began anew meanwhile */
        if (segment->synced == written[i] && segment->noted == segment->written) continue;
        segment->synced = written[i];
        status = ggx_segments_note(s, i, path, error);
    }
    pthread_mutex_unlock(lock);
    if (status == GGX_OK && fdatasync(s->journal) != 0) status = ggx_fail_errno(error, errno, "write", path);
    free(written);
    return status;
}
