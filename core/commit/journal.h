/* core/commit/journal.h - the journal's bytes: which tiles of which plan are on disk.
 *
 * Header, 64 bytes, little-endian: "GGXJRNL1", digest (2 × u64), bytes of all files, tile count, part (u64 each), parts, files (u32 each),
 * check. Then records of 16 bytes: tile, check. A check is a hash of what it stands behind and the digest, so that a torn or foreign record ends the
 * journal instead of being believed. */
#ifndef GGX_CORE_JOURNAL_H
#define GGX_CORE_JOURNAL_H

#include <ggx/base.h>

#define GGX_JOURNAL_HEADER 64
#define GGX_JOURNAL_RECORD 16

typedef struct ggx_journal_header {
    uint64_t digest[2], file_size, tile_count, part, parts, files;
} ggx_journal_header;

void ggx_journal_pack_header(const ggx_journal_header *header, uint8_t out[GGX_JOURNAL_HEADER]);
int ggx_journal_unpack_header(const uint8_t in[GGX_JOURNAL_HEADER], ggx_journal_header *out); /* 0: not a journal */

/* Appends records for the tiles. Errors: GGX_E_NOSPACE, GGX_E_IO. */
ggx_status ggx_journal_append(int fd, const ggx_journal_header *header, const uint64_t *tiles, uint64_t count,
                              ggx_error *error);

/* Reads the header, and calls `tile` for every good record. GGX_E_NOTFOUND when the file holds no journal. `end` gets the offset
 * behind the last good record. */
ggx_status ggx_journal_read(int fd, ggx_journal_header *header, void (*tile)(void *context, uint64_t tile),
                            void *context, uint64_t *end, ggx_error *error);

#endif
