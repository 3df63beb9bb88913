/* Digests of known texts; digests do not depend on how the bytes arrive; a stored SHA-256 goes on in another process' stead. */
#include "base/text.h"
#include "hash/hash.h"
#include "hash/signature.h"
#include <ggx_sdk/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* FIPS 180-4's and RFC 7693's examples; RFC 3720's CRC of 32 zero bytes is in tests/sdk. */
static const struct {
    uint32_t kind;
    const char *text, *digest;
} known[] = {
    {GGX_HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {GGX_HASH_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {GGX_HASH_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {GGX_HASH_BLAKE2B, "abc",
     "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
     "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
    {GGX_HASH_CRC32C, "123456789", "e3069283"},
    {GGX_HASH_XXH3, "", "2d06800538d394c2"}, /* xxhsum's */
    {GGX_HASH_XXH3, "abc", "78af5f94892f3950"},
    {GGX_HASH_XXH128, "abc", "06b05ab6733a618578af5f94892f3950"},
};

static void digest_text(uint32_t kind, const void *data, uint64_t size, uint64_t step, char out[GGX_HASH_TEXT])
{
    ggx_hash hash;
    uint8_t digest[GGX_HASH_MAX];
    ggx_hash_begin(&hash, kind, size);
    for (uint64_t at = 0; at < size; at += step)
        ggx_hash_update(&hash, (const char *)data + at, size - at < step ? size - at : step);
    assert_int_equal(hash.size, size);
    ggx_hash_text(digest, ggx_hash_end(&hash, digest), out);
}

static void known_digests_come_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        for (uint64_t step = 1; step <= 4; step++) {
            char text[GGX_HASH_TEXT];
            digest_text(known[i].kind, known[i].text, strlen(known[i].text), step, text);
            assert_string_equal(text, known[i].digest);
        }
}

static void git_names_a_file_so(void **state)
{
    ggx_hash hash;
    uint8_t digest[GGX_HASH_MAX];
    char text[GGX_HASH_TEXT];
    (void)state;
    ggx_hash_begin(&hash, GGX_HASH_GIT, 6);
    ggx_hash_update(&hash, "hello\n", 6);
    assert_int_equal(hash.size, 6);
    ggx_hash_text(digest, ggx_hash_end(&hash, digest), text);
    assert_string_equal(text, "ce013625030ba8dba906f756967f9e9ca394464a"); /* git hash-object */
}

static void a_stored_hash_goes_on_at_every_byte(void **state)
{
    unsigned char bytes[400];
    char whole[GGX_HASH_TEXT], text[GGX_HASH_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37 + (i >> 3));
    digest_text(GGX_HASH_SHA256, bytes, sizeof bytes, sizeof bytes, whole);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        ggx_hash first, second;
        uint8_t stored[GGX_HASH_STATE_BYTES], digest[GGX_HASH_MAX];
        ggx_hash_begin(&first, GGX_HASH_SHA256, 0);
        ggx_hash_update(&first, bytes, cut);
        ggx_hash_store(&first, stored);
        assert_true(ggx_hash_load(&second, stored));
        assert_int_equal(second.size, cut);
        ggx_hash_update(&second, bytes + cut, sizeof bytes - cut);
        ggx_hash_text(digest, ggx_hash_end(&second, digest), text);
        assert_string_equal(text, whole);
        stored[0] ^= 1;
        assert_false(ggx_hash_load(&second, stored));
    }
}

static void hexadecimal_goes_both_ways(void **state)
{
    uint8_t digest[4];
    char text[GGX_HASH_TEXT];
    (void)state;
    assert_true(ggx_hash_parse(GGX_LIT("E3069283"), digest, 4));
    ggx_hash_text(digest, 4, text);
    assert_string_equal(text, "e3069283");
    assert_false(ggx_hash_parse(GGX_LIT("e306928"), digest, 4));
    assert_false(ggx_hash_parse(GGX_LIT("e306928g"), digest, 4));
    assert_false(ggx_hash_parse(GGX_LIT("e306928300"), digest, 4));
}

static void what_is_no_signature_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "untrusted comment:",
                                        "untrusted comment:\nRUQ=\n",
                                        "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
                                        "{}"};
    ggx_signature signature;
    ggx_public_key key;
    ggx_error error;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(ggx_signature_parse(&signature, ggx_str_of(texts[i]), &error), GGX_E_MALFORMED);
    assert_int_equal(
        ggx_public_key_parse(&key, GGX_LIT("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"), &error),
        GGX_OK); /* minisign's author's */
    assert_int_equal(
        ggx_public_key_parse(&key, GGX_LIT("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO"), &error),
        GGX_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_come_out),
        cmocka_unit_test(git_names_a_file_so),
        cmocka_unit_test(a_stored_hash_goes_on_at_every_byte),
        cmocka_unit_test(hexadecimal_goes_both_ways),
        cmocka_unit_test(what_is_no_signature_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
