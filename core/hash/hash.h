/* core/hash/hash.h - digests of bytes that arrive piece by piece.
 *
 * This room computes digests, checks signatures, and reads and writes the lists of digests that are called manifests here. Input comes
 * through core/source. The state of a hash is plain bytes: it may be copied, and that of SHA-256 may be stored and taken up by
 * another process, so that a stream that broke off need not be hashed again from its beginning. */
#ifndef GGX_CORE_HASH_H
#define GGX_CORE_HASH_H

#include <ggx/base.h>

#define GGX_HASH_SHA256 0u
#define GGX_HASH_BLAKE2B 1u /* of 512 bits, without a key: what b2sum prints and what signatures are made of */
#define GGX_HASH_SHA1 2u    /* only because git names files by it: it no longer withstands an enemy */
#define GGX_HASH_CRC32C 3u  /* against accidents only */
#define GGX_HASH_GIT 4u     /* SHA-1 behind git's header: the name of a file in git */
#define GGX_HASH_XXH3 5u    /* 64 bits; as fast as memory, and against accidents only, like the next */
#define GGX_HASH_XXH128 6u  /* its form of 128 bits: tells tensors apart, however many there are */
#define GGX_HASH_KINDS 7u

#define GGX_HASH_MAX 64          /* bytes of the longest digest */
#define GGX_HASH_TEXT 130        /* bytes of its text with a NUL */
#define GGX_HASH_STATE_BYTES 112 /* of a stored state */

typedef struct ggx_hash {
    uint32_t kind;
    uint32_t crc;
    uint64_t size; /* bytes so far */
    _Alignas(64) uint8_t state[576];
} ggx_hash;

const char *ggx_hash_name(uint32_t kind);               /* "sha256" … */
uint32_t ggx_hash_size(uint32_t kind);                  /* bytes of a digest */
int ggx_hash_kind_of(const char *name, uint32_t *kind); /* 0: there is none of that name */

/* `size`: how many bytes will follow; only GGX_HASH_GIT asks, whose header says it ("blob SIZE" and a NUL). */
void ggx_hash_begin(ggx_hash *hash, uint32_t kind, uint64_t size);
void ggx_hash_update(ggx_hash *hash, const void *data, uint64_t size);
/* Gives the digest's size. The hash must begin anew before it is used again. */
uint32_t ggx_hash_end(ggx_hash *hash, uint8_t out[GGX_HASH_MAX]);

/* The state of a SHA-256, SHA-1 or git's digest under way, in a form that any machine reads; zeros for other kinds. load gives 0 for bytes
 * that are no such state. */
void ggx_hash_store(const ggx_hash *hash, uint8_t out[GGX_HASH_STATE_BYTES]);
int ggx_hash_load(ggx_hash *hash, const uint8_t in[GGX_HASH_STATE_BYTES]);

/* Lower-case hexadecimal, NUL-terminated; and back from either case: 0 unless it is exactly `size` bytes. */
void ggx_hash_text(const uint8_t *digest, uint32_t size, char out[GGX_HASH_TEXT]);
int ggx_hash_parse(ggx_str text, uint8_t *digest, uint32_t size);

#endif
