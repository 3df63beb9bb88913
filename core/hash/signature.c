/* minisign's formats over libsodium's Ed25519. */
#include "hash/signature.h"

#include "base/text.h"
#include "hash/hash.h"
#include <ggx_sdk/error.h>
#include <sodium.h>

#define TRUSTED "trusted comment: "
#define KEY_BYTES 42
#define SIGNATURE_BYTES 74
#define COMMENT_MAX 8192 /* minisign's own limit */

/* The next line without its end; both may be empty. */
static ggx_str take_line(ggx_str *text)
{
    const char *end = text->size ? memchr(text->data, '\n', (size_t)text->size) : NULL;
    ggx_str line = {text->data, end ? (uint64_t)(end - text->data) : text->size};
    const uint64_t taken = line.size + (end != NULL);
    text->data += taken;
    text->size -= taken;
    if (line.size && line.data[line.size - 1] == '\r') line.size--;
    return line;
}

/* Exactly `size` bytes of base64 with padding. */
static int decode(ggx_str line, uint8_t *out, size_t size)
{
    size_t n;
    const char *end;
    return !sodium_base642bin(out, size, line.data, (size_t)line.size, NULL, &n, &end,
                              sodium_base64_VARIANT_ORIGINAL) &&
           n == size && end == line.data + line.size;
}

ggx_status ggx_public_key_parse(ggx_public_key *key, ggx_str text, ggx_error *error)
{
    uint8_t bytes[KEY_BYTES];
    ggx_str line = take_line(&text);
    if (ggx_str_begins(line, GGX_LIT("untrusted comment:"))) line = take_line(&text);
    if (!line.size || !decode(line, bytes, sizeof bytes) || memcmp(bytes, "Ed", 2) != 0)
        return ggx_fail(error, GGX_E_USAGE, "this is not a public key of minisign: 42 bytes in base64 that begin RW");
    memcpy(key->id, bytes + 2, 8);
    memcpy(key->key, bytes + 10, 32);
    return GGX_OK;
}

ggx_status ggx_signature_parse(ggx_signature *s, ggx_str text, ggx_error *error)
{
    uint8_t bytes[SIGNATURE_BYTES];
    memset(s, 0, sizeof *s);
    ggx_str line = take_line(&text);
    if (!ggx_str_begins(line, GGX_LIT("untrusted comment:")))
        return ggx_fail(error, GGX_E_MALFORMED,
                        "a signature of minisign begins with an untrusted comment; this does not");
    line = take_line(&text);
    if (!line.size || !decode(line, bytes, sizeof bytes) || bytes[0] != 'E' || (bytes[1] != 'd' && bytes[1] != 'D'))
        return ggx_fail(error, GGX_E_MALFORMED, "line 2 is not a signature of minisign: 74 bytes in base64");
    s->prehashed = bytes[1] == 'D';
    memcpy(s->id, bytes + 2, 8);
    memcpy(s->signature, bytes + 10, 64);
    line = take_line(&text);
    if (!ggx_str_begins(line, GGX_LIT(TRUSTED)) || line.size > COMMENT_MAX)
        return ggx_fail(error, GGX_E_MALFORMED, "line 3 is not a trusted comment");
    s->comment = (ggx_str){line.data + sizeof TRUSTED - 1, line.size - (sizeof TRUSTED - 1)};
    line = take_line(&text);
    if (!line.size || !decode(line, s->global, sizeof s->global))
        return ggx_fail(error, GGX_E_MALFORMED, "line 4 is not the signature of the trusted comment");
    return GGX_OK;
}

ggx_status ggx_signature_check(const ggx_signature *s, const ggx_public_key *key, ggx_str message, ggx_error *error)
{
    uint8_t global[64 + COMMENT_MAX];
    char mine[GGX_HASH_TEXT], theirs[GGX_HASH_TEXT];
    if (memcmp(s->id, key->id, sizeof s->id) != 0) {
        ggx_hash_text(s->id, 8, theirs);
        ggx_hash_text(key->id, 8, mine);
        return ggx_fail(error, GGX_E_INTEGRITY, "the signature was made with key %s, and the key given is %s", theirs,
                        mine);
    }
    if (crypto_sign_verify_detached(s->signature, (const uint8_t *)message.data, message.size, key->key) != 0)
        return ggx_fail(error, GGX_E_INTEGRITY,
                        "the signature is not of this file: the file was changed, or it is another one");
    memcpy(global, s->signature, 64);
    memcpy(global + 64, s->comment.data, (size_t)s->comment.size);
    if (crypto_sign_verify_detached(s->global, global, 64 + s->comment.size, key->key) != 0)
        return ggx_fail(error, GGX_E_INTEGRITY, "the signature's trusted comment was changed");
    return GGX_OK;
}
