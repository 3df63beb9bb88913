/* ggx_sdk/zip.h - the directory of a zip archive, read with distrust: where each entry's bytes lie, nothing unpacked.
 *
 * Two programs that look at a zip differently can be shown different contents; so an archive must say everything once and alike:
 * the central directory fills the space in front of its end record, every entry's local header repeats what the directory says, entries do not
 * overlap, names do not repeat, and nothing is encrypted. Zip64 is read. Unpacking: inflate.h.
 * Source: PKWARE's APPNOTE.TXT 6.3.10. */
#ifndef GGX_SDK_ZIP_H
#define GGX_SDK_ZIP_H

#include <ggx/host.h>
#include <ggx/source.h>

#define GGX_ZIP_STORED 0
#define GGX_ZIP_DEFLATED 8

typedef struct ggx_zip_entry {
    ggx_str name;
    uint64_t header; /* byte offset in the member of the local header */
    uint64_t data;   /* byte offset in the member of the (packed) bytes */
    uint64_t packed; /* bytes in the archive */
    uint64_t size;   /* bytes unpacked */
    uint32_t crc;    /* CRC-32 of the unpacked bytes; 0 when the writer left it out */
    uint16_t method; /* GGX_ZIP_STORED, GGX_ZIP_DEFLATED, or another that the user of the entry must refuse */
    uint16_t flags;
} ggx_zip_entry;

typedef struct ggx_zip {
    const ggx_host *host;
    const ggx_source *source;
    uint32_t member;
    uint32_t reserved;
    uint64_t begin, end;     /* the archive's bytes in the member */
    uint64_t directory;      /* byte offset in the member of the central directory */
    ggx_zip_entry *entries;  /* in the directory's order */
    ggx_zip_entry **by_name; /* sorted by name */
    uint64_t count;
} ggx_zip;

/* Reads and checks the directory of the archive that takes the bytes [begin, end) of a member. Memory comes from `host` and lives as
 * long as its instance. GGX_E_MALFORMED with the byte offset; GGX_E_UNSUPPORTED for encryption and archives in several volumes. */
ggx_status ggx_zip_open(ggx_zip *zip, const ggx_host *host, const ggx_source *source, uint32_t member, uint64_t begin,
                        uint64_t end, ggx_error *error);

/* The entry with that name, or NULL. */
const ggx_zip_entry *ggx_zip_find(const ggx_zip *zip, ggx_str name);

#endif
