/* Digests. SHA-256 and SHA-1 are libcrypto's (with the CPU's own instructions), through the calls whose state is a plain record: EVP,
 * which the library prefers, runs the same code but keeps its state to itself. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hash/hash.h"

#include "base/text.h"
#include <ggx_sdk/bytes.h>
#include <ggx_sdk/crc32c.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#define XXH_INLINE_ALL /* its header is all of it */
#include <xxhash.h>

#define ONE_UPDATE (1u << 30)
#define STATE_MAGIC "GGXSHA2\1"

static const struct {
    const char *name;
    uint32_t size;
} kinds[GGX_HASH_KINDS] = {{"sha256", 32}, {"blake2b", 64}, {"sha1", 20},  {"crc32c", 4},
                           {"git", 20},    {"xxh3", 8},     {"xxh128", 16}};

_Static_assert(sizeof(SHA256_CTX) <= sizeof(((ggx_hash *)0)->state), "room for SHA-256");
_Static_assert(sizeof(SHA_CTX) <= sizeof(((ggx_hash *)0)->state), "room for SHA-1");
_Static_assert(sizeof(crypto_generichash_state) <= sizeof(((ggx_hash *)0)->state), "room for BLAKE2b");
_Static_assert(sizeof(XXH3_state_t) <= sizeof(((ggx_hash *)0)->state), "room for XXH3");

/* The state is the library's record, stored as bytes that are aligned for it. */
static SHA256_CTX *sha256_of(ggx_hash *hash)
{
    return (SHA256_CTX *)(void *)hash->state;
}

static SHA_CTX *sha1_of(ggx_hash *hash)
{
    return (SHA_CTX *)(void *)hash->state;
}

static crypto_generichash_state *blake_of(ggx_hash *hash)
{
    return (crypto_generichash_state *)(void *)hash->state;
}

static XXH3_state_t *xxh3_of(ggx_hash *hash)
{
    return (XXH3_state_t *)(void *)hash->state;
}

const char *ggx_hash_name(uint32_t kind)
{
    return kind < GGX_HASH_KINDS ? kinds[kind].name : "";
}

uint32_t ggx_hash_size(uint32_t kind)
{
    return kind < GGX_HASH_KINDS ? kinds[kind].size : 0;
}

int ggx_hash_kind_of(const char *name, uint32_t *kind)
{
    for (*kind = 0; *kind < GGX_HASH_KINDS; ++*kind)
        if (!strcmp(kinds[*kind].name, name)) return 1;
    return 0;
}

void ggx_hash_begin(ggx_hash *hash, uint32_t kind, uint64_t size)
{
    memset(hash, 0, sizeof *hash);
    hash->kind = kind;
    if (kind == GGX_HASH_SHA256) SHA256_Init(sha256_of(hash));
    if (kind == GGX_HASH_SHA1 || kind == GGX_HASH_GIT) SHA1_Init(sha1_of(hash));
    if (kind == GGX_HASH_BLAKE2B) crypto_generichash_init(blake_of(hash), NULL, 0, 64);
    if (kind == GGX_HASH_XXH3) XXH3_64bits_reset(xxh3_of(hash));
    if (kind == GGX_HASH_XXH128) XXH3_128bits_reset(xxh3_of(hash));
    if (kind != GGX_HASH_GIT) return;
    char head[32];
    int n = snprintf(head, sizeof head, "blob %llu", (unsigned long long)size);
    SHA1_Update(sha1_of(hash), head, (size_t)n + 1);
}

void ggx_hash_update(ggx_hash *hash, const void *data, uint64_t size)
{
    const uint8_t *from = data;
    hash->size += size;
    while (size) {
        const size_t n = size < ONE_UPDATE ? (size_t)size : ONE_UPDATE;
        switch (hash->kind) {
        case GGX_HASH_SHA256: SHA256_Update(sha256_of(hash), from, n); break;
        case GGX_HASH_GIT:
        case GGX_HASH_SHA1: SHA1_Update(sha1_of(hash), from, n); break;
        case GGX_HASH_BLAKE2B: crypto_generichash_update(blake_of(hash), from, n); break;
        case GGX_HASH_XXH3: XXH3_64bits_update(xxh3_of(hash), from, n); break;
        case GGX_HASH_XXH128: XXH3_128bits_update(xxh3_of(hash), from, n); break;
        default: hash->crc = ggx_crc32c(hash->crc, from, n); break;
        }
        from += n;
        size -= n;
    }
}

uint32_t ggx_hash_end(ggx_hash *hash, uint8_t out[GGX_HASH_MAX])
{
    switch (hash->kind) {
    case GGX_HASH_SHA256: SHA256_Final(out, sha256_of(hash)); break;
    case GGX_HASH_GIT:
    case GGX_HASH_SHA1: SHA1_Final(out, sha1_of(hash)); break;
    case GGX_HASH_BLAKE2B: crypto_generichash_final(blake_of(hash), out, 64); break;
    case GGX_HASH_XXH3:
        XXH64_canonicalFromHash((XXH64_canonical_t *)(void *)out, XXH3_64bits_digest(xxh3_of(hash)));
        break;
    case GGX_HASH_XXH128:
        XXH128_canonicalFromHash((XXH128_canonical_t *)(void *)out, XXH3_128bits_digest(xxh3_of(hash)));
        break;
    default:
        for (int i = 0; i < 4; i++) out[i] = (uint8_t)(hash->crc >> (24 - 8 * i)); /* as it is written */
    }
    return ggx_hash_size(hash->kind);
}

/* --- a stored state: magic, size, 8 words, 64 bytes that wait for their block; all little-endian ------------------------------- */

void ggx_hash_store(const ggx_hash *hash, uint8_t out[GGX_HASH_STATE_BYTES])
{
    SHA256_CTX c;
    memcpy(&c, hash->state, sizeof c);
    memset(out, 0, GGX_HASH_STATE_BYTES);
    memcpy(out, STATE_MAGIC, 8);
    for (int i = 0; i < 8; i++) out[8 + i] = (uint8_t)(hash->size >> (8 * i));
    for (int i = 0; i < 32; i++) out[16 + i] = (uint8_t)(c.h[i / 4] >> (8 * (i % 4)));
    memcpy(out + 48, c.data, hash->size % 64);
}

int ggx_hash_load(ggx_hash *hash, const uint8_t in[GGX_HASH_STATE_BYTES])
{
    uint64_t size = 0;
    if (memcmp(in, STATE_MAGIC, 8) != 0) return 0;
    ggx_hash_begin(hash, GGX_HASH_SHA256, 0);
    for (int i = 0; i < 8; i++) size |= (uint64_t)in[8 + i] << (8 * i);
    SHA256_CTX *c = sha256_of(hash);
    for (int i = 0; i < 8; i++) c->h[i] = 0;
    for (int i = 0; i < 32; i++) c->h[i / 4] |= (SHA_LONG)in[16 + i] << (8 * (i % 4));
    memcpy(c->data, in + 48, size % 64);
    c->num = (unsigned)(size % 64);
    c->Nl = (SHA_LONG)(size << 3 & 0xffffffffu);
    c->Nh = (SHA_LONG)(size >> 29);
    hash->size = size;
    return 1;
}

/* --- text ------------------------------------------------------------------------------------------------------------------------ */

void ggx_hash_text(const uint8_t *digest, uint32_t size, char out[GGX_HASH_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    for (uint32_t i = 0; i < size; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[2 * (uint64_t)size] = 0;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int ggx_hash_parse(ggx_str text, uint8_t *digest, uint32_t size)
{
    if (text.size != 2 * (uint64_t)size) return 0;
    for (uint32_t i = 0; i < size; i++) {
        const int high = digit_of(text.data[2 * i]), low = digit_of(text.data[2 * i + 1]);
        if (high < 0 || low < 0) return 0;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return 1;
}
