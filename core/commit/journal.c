/* The journal; see journal.h for its bytes. */
#include "commit/journal.h"
#include "base/bytes.h"

#include "commit/files.h"
#include "hash/digest.h"
#include <ggx_sdk/error.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = {'G', 'G', 'X', 'J', 'R', 'N', 'L', '1'};

static uint64_t check_of(const void *data, uint64_t size, const uint64_t digest[2])
{
    ggx_digest d = GGX_DIGEST_START;
    ggx_digest_u64(&d, digest[0]);
    ggx_digest_u64(&d, digest[1]);
    ggx_digest_bytes(&d, data, size);
    return d.a ^ d.b;
}

void ggx_journal_pack_header(const ggx_journal_header *h, uint8_t out[GGX_JOURNAL_HEADER])
{
    memcpy(out, magic, sizeof magic);
    ggx_le_put(out + 8, h->digest[0], 8);
    ggx_le_put(out + 16, h->digest[1], 8);
    ggx_le_put(out + 24, h->file_size, 8);
    ggx_le_put(out + 32, h->tile_count, 8);
    ggx_le_put(out + 40, h->part, 8);
    ggx_le_put(out + 48, h->parts | h->files << 32, 8);
    ggx_le_put(out + 56, check_of(out, 56, h->digest), 8);
}

int ggx_journal_unpack_header(const uint8_t in[GGX_JOURNAL_HEADER], ggx_journal_header *h)
{
    *h = (ggx_journal_header){{ggx_le_get(in + 8, 8), ggx_le_get(in + 16, 8)},
                              ggx_le_get(in + 24, 8),
                              ggx_le_get(in + 32, 8),
                              ggx_le_get(in + 40, 8),
                              ggx_le_get(in + 48, 8) & UINT32_MAX,
                              ggx_le_get(in + 48, 8) >> 32};
    return !memcmp(in, magic, sizeof magic) && ggx_le_get(in + 56, 8) == check_of(in, 56, h->digest);
}

ggx_status ggx_journal_append(int fd, const ggx_journal_header *header, const uint64_t *tiles, uint64_t count,
                              ggx_error *error)
{
    uint8_t block[256 * GGX_JOURNAL_RECORD];
    struct stat st;
    if (fstat(fd, &st) != 0) return ggx_fail(error, GGX_E_IO, "the journal cannot be examined");
    uint64_t at = (uint64_t)st.st_size;
    while (count) {
        uint64_t n = count < 256 ? count : 256;
        for (uint64_t i = 0; i < n; i++) {
            uint8_t *record = block + i * GGX_JOURNAL_RECORD;
            ggx_le_put(record, tiles[i], 8);
            ggx_le_put(record + 8, check_of(record, 8, header->digest), 8);
        }
        ggx_status status = ggx_write_all(fd, at, block, n * GGX_JOURNAL_RECORD, "the journal", error);
        if (status != GGX_OK) return status;
        at += n * GGX_JOURNAL_RECORD;
        tiles += n;
        count -= n;
    }
    return GGX_OK;
}

ggx_status ggx_journal_read(int fd, ggx_journal_header *header, void (*tile)(void *context, uint64_t tile),
                            void *context, uint64_t *end, ggx_error *error)
{
    uint8_t block[256 * GGX_JOURNAL_RECORD];
    if (ggx_read_some(fd, 0, block, GGX_JOURNAL_HEADER) != GGX_JOURNAL_HEADER ||
        !ggx_journal_unpack_header(block, header))
        return ggx_fail(error, GGX_E_NOTFOUND, "no journal");
    *end = GGX_JOURNAL_HEADER;
    for (;;) {
        int64_t n = ggx_read_some(fd, *end, block, sizeof block);
        if (n < 0) return ggx_fail(error, GGX_E_IO, "the journal cannot be read");
        for (int64_t i = 0; i + GGX_JOURNAL_RECORD <= n; i += GGX_JOURNAL_RECORD) {
            uint64_t t = ggx_le_get(block + i, 8);
            if (ggx_le_get(block + i + 8, 8) != check_of(block + i, 8, header->digest) || t >= header->tile_count)
                return GGX_OK;
            tile(context, t);
            *end += GGX_JOURNAL_RECORD;
        }
        if (n < (int64_t)sizeof block) return GGX_OK;
    }
}
