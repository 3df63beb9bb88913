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
#define STATE_MAGIC "GGXSHA\2"

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

/* --- a stored state: magic, kind, size, words, 64 bytes that wait for their block; all little-endian ------------------------------- */

/* git's header counts for SHA-1's blocks, not for `size`: so its own counter is stored, too. */
static void store_words(uint8_t *out, const SHA_LONG *words, int count)
{
    for (int i = 0; i < 4 * count; i++) out[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
}

static void load_words(const uint8_t *in, SHA_LONG *words, int count)
{
    for (int i = 0; i < count; i++) words[i] = 0;
    for (int i = 0; i < 4 * count; i++) words[i / 4] |= (SHA_LONG)in[i] << (8 * (i % 4));
}

void ggx_hash_store(const ggx_hash *hash, uint8_t out[GGX_HASH_STATE_BYTES])
{
    ggx_hash copy = *hash;
    memset(out, 0, GGX_HASH_STATE_BYTES);
    if (hash->kind != GGX_HASH_SHA256 && hash->kind != GGX_HASH_SHA1 && hash->kind != GGX_HASH_GIT) return;
    memcpy(out, STATE_MAGIC, 7);
    out[7] = (uint8_t)hash->kind;
    for (int i = 0; i < 8; i++) out[8 + i] = (uint8_t)(hash->size >> (8 * i));
    if (hash->kind == GGX_HASH_SHA256) {
        const SHA256_CTX *c = sha256_of(&copy);
        store_words(out + 16, c->h, 8);
        memcpy(out + 48, c->data, hash->size % 64);
    } else {
        const SHA_CTX *c = sha1_of(&copy);
        const SHA_LONG words[7] = {c->h0, c->h1, c->h2, c->h3, c->h4, c->Nl, c->Nh};
        store_words(out + 16, words, 7);
        memcpy(out + 48, c->data, c->num < 64 ? c->num : 0);
    }
}

int ggx_hash_load(ggx_hash *hash, const uint8_t in[GGX_HASH_STATE_BYTES])
{
    uint64_t size = 0;
    const uint32_t kind = in[7];
    if (memcmp(in, STATE_MAGIC, 7) != 0) return 0;
    if (kind != GGX_HASH_SHA256 && kind != GGX_HASH_SHA1 && kind != GGX_HASH_GIT) return 0;
    for (int i = 0; i < 8; i++) size |= (uint64_t)in[8 + i] << (8 * i);
    ggx_hash_begin(hash, kind, 0);
    hash->size = size;
    if (kind == GGX_HASH_SHA256) {
        SHA256_CTX *c = sha256_of(hash);
        load_words(in + 16, c->h, 8);
        memcpy(c->data, in + 48, size % 64);
        c->num = (unsigned)(size % 64);
        c->Nl = (SHA_LONG)(size << 3 & 0xffffffffu);
        c->Nh = (SHA_LONG)(size >> 29);
    } else {
        SHA_CTX *c = sha1_of(hash);
        SHA_LONG words[7];
        load_words(in + 16, words, 7);
        c->h0 = words[0], c->h1 = words[1], c->h2 = words[2], c->h3 = words[3], c->h4 = words[4];
        c->Nl = words[5], c->Nh = words[6];
        c->num = (unsigned)(words[5] >> 3) % 64;
        memcpy(c->data, in + 48, c->num);
    }
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
