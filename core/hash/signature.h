/* core/hash/signature.h - minisign signatures: Ed25519 over a file, or over its BLAKE2b-512 ("prehashed", minisign's default).
 *
 * A public key is 42 bytes in base64 ("Ed", key id, key), below a comment line in a file. A signature file has four lines: an untrusted
 * comment; base64 of "Ed" or "ED", key id and signature; a trusted comment; base64 of a signature over signature and trusted
 * comment. Source: the description at jedisct1.github.io/minisign. */
#ifndef GGX_CORE_SIGNATURE_H
#define GGX_CORE_SIGNATURE_H

#include "base/arena.h"

#define GGX_SIGNED_WHOLE_MAX (256ull << 20) /* of a file signed without prehashing: it has to be in memory at once */

typedef struct ggx_public_key {
    uint8_t id[8], key[32];
} ggx_public_key;

typedef struct ggx_signature {
    int32_t prehashed;
    uint8_t id[8], signature[64], global[64];
    ggx_str comment; /* the trusted one; borrowed from the text */
} ggx_signature;

/* From a key file's text, or from the base64 alone. GGX_E_USAGE for what is no such key. */
ggx_status ggx_public_key_parse(ggx_public_key *key, ggx_str text, ggx_error *error);

/* From a signature file's text. GGX_E_MALFORMED for what is none. */
ggx_status ggx_signature_parse(ggx_signature *signature, ggx_str text, ggx_error *error);

/* GGX_OK when `message` (the file, or its BLAKE2b-512 when prehashed) and the trusted comment were signed with the key;
 * else GGX_E_INTEGRITY and which of them was not. */
ggx_status ggx_signature_check(const ggx_signature *signature, const ggx_public_key *key, ggx_str message,
                               ggx_error *error);

#endif
