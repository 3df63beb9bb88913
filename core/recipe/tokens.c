/* tokens.c - functions for vocabularies in plain files: lines of text, base64, the byte-level alphabet, tokens by rank. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>

#define CALL(name)                                                                                             \
    static ggx_status call_##name(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count, \
                                  ggx_value *out)
#define UNUSED_CALL ((void)eval, (void)node, (void)args, (void)count, (void)out)

static ggx_status wrong(ggx_eval *eval, const ggx_node *node, const char *wanted, const ggx_value *given)
{
    return ggx_value_fail(eval, node, given, "%s() needs %s, not %s", node->function->name, wanted,
                          ggx_value_kind(given));
}

/* The lines of a file beside the model, without their ends; null when it is not there. */
CALL(lines)
{
    UNUSED_CALL;
    ggx_str text, rest;
    ggx_value *items;
    uint64_t n = 0;
    if (args->kind != GGX_VALUE_STR) return wrong(eval, node, "a string", args);
    ggx_status status = ggx_eval_file(eval, node, args->text, &text);
    if (status != GGX_OK || !text.data) return status;
    for (uint64_t i = 0; i < text.size; i++) n += text.data[i] == '\n' || i + 1 == text.size;
    status = ggx_eval_items(eval, node, n, &items);
    if (status != GGX_OK) return status;
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = n, .at.items = items};
    for (rest = text; rest.size;) {
        const char *end = memchr(rest.data, '\n', (size_t)rest.size);
        uint64_t size = end ? (uint64_t)(end - rest.data) : rest.size, gone = size + (end != NULL);
        if (size && rest.data[size - 1] == '\r') size--;
        *items++ = ggx_value_text((ggx_str){rest.data, size});
        rest = (ggx_str){rest.data + gone, rest.size - gone};
    }
    return GGX_OK;
}

static int digit64(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The bytes that a base64 text (RFC 4648, padded) stands for. */
CALL(base64)
{
    UNUSED_CALL;
    char *bytes;
    if (args->kind != GGX_VALUE_STR) return wrong(eval, node, "a string", args);
    ggx_str text = args->text;
    uint64_t size = 0, padding = 0;
    if (text.size % 4)
        return GGX_NODE_FAIL(eval, node, "base64 text comes in fours; this has %llu characters",
                             (unsigned long long)text.size);
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=') padding++;
    ggx_status status = ggx_eval_bytes(eval, node, text.size / 4 * 3, &bytes);
    for (uint64_t i = 0; i < text.size && status == GGX_OK; i += 4) {
        uint32_t bits = 0;
        for (uint64_t k = i; k < i + 4; k++) {
            int digit = k >= text.size - padding ? 0 : digit64(text.data[k]);
            if (digit < 0)
                return GGX_NODE_FAIL(eval, node, "'%.*s' is no base64", (int)(text.size < 60 ? text.size : 60),
                                     text.data);
            bits = bits << 6 | (uint32_t)digit;
        }
        for (int shift = 16; shift >= 0; shift -= 8) bytes[size++] = (char)(bits >> shift & 255u);
    }
    if (status == GGX_OK) *out = ggx_value_text((ggx_str){bytes, size - padding});
    return status;
}

/* One character of the byte-level alphabet as its byte; -1: not of it. Printable bytes of Latin-1 are themselves, the other 68 are
 * U+0100 to U+0143 in rising order (the table that its encoders call bytes_to_unicode). */
static int alphabet_byte(uint32_t c)
{
    if ((c >= '!' && c <= '~') || (c >= 0xa1 && c <= 0xac) || (c >= 0xae && c <= 0xff)) return (int)c;
    if (c < 0x100 || c > 0x143) return -1;
    uint32_t n = c - 0x100;
    return (int)(n < 33 ? n : n < 67 ? n - 33 + 127 : 0xad); /* 0 to 32, 127 to 160, 173 */
}

/* The bytes that a token in the byte-level alphabet stands for; null when one of its characters is not of it. */
CALL(byte_level)
{
    UNUSED_CALL;
    char *bytes;
    uint64_t size = 0;
    if (args->kind != GGX_VALUE_STR) return wrong(eval, node, "a string", args);
    ggx_str text = args->text;
    ggx_status status = ggx_eval_bytes(eval, node, text.size, &bytes);
    for (uint64_t i = 0; i < text.size && status == GGX_OK; i++) {
        uint32_t c = (uint8_t)text.data[i];
        if (c >= 0xc2 && c <= 0xc5 && i + 1 < text.size) /* all that is not ASCII has two bytes here */
            c = (c & 31u) << 6 | ((uint8_t)text.data[++i] & 63u);
        else if (c >= 0x80)
            return GGX_OK;
        int byte = alphabet_byte(c);
        if (byte < 0) return GGX_OK;
        bytes[size++] = (char)byte;
    }
    if (status == GGX_OK) *out = ggx_value_text((ggx_str){bytes, size});
    return status;
}

/* Keys of a map by their values, which are the integers from `first` on without a gap; smaller ones are left out. */
CALL(ranked)
{
    UNUSED_CALL;
    if (args[0].kind == GGX_VALUE_NULL) {
        *out = (ggx_value){.kind = GGX_VALUE_LIST};
        return GGX_OK;
    }
    if (args[0].kind != GGX_VALUE_MAP) return wrong(eval, node, "a map", &args[0]);
    if (args[1].kind != GGX_VALUE_INT) return wrong(eval, node, "an integer", &args[1]);
    const int64_t first = args[1].integer;
    ggx_value *items;
    uint64_t n = 0;
    for (const ggx_json *at = args[0].at.map->first; at; at = at->next) {
        if (at->kind != GGX_JSON_INT)
            return GGX_NODE_FAIL(eval, node, "ranked: the value of '%.*s' is no integer",
                                 (int)(at->key.size < 60 ? at->key.size : 60), at->key.data);
        n += at->integer >= first;
    }
    ggx_status status = ggx_eval_items(eval, node, n, &items);
    if (status != GGX_OK) return status;
    for (const ggx_json *at = args[0].at.map->first; at; at = at->next) {
        if (at->integer < first) continue;
        uint64_t rank = (uint64_t)at->integer - (uint64_t)first;
        if (rank >= n || items[rank].kind == GGX_VALUE_STR)
            return GGX_NODE_FAIL(
                eval, node, "ranked: the values from %lld on are not %llu integers without a gap: see '%.*s', %lld",
                (long long)first, (unsigned long long)n, (int)(at->key.size < 60 ? at->key.size : 60), at->key.data,
                (long long)at->integer);
        items[rank] = ggx_value_text(at->key);
    }
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = n, .at.items = items};
    return GGX_OK;
}

/* The n strings of a list with the fewest edits between them and a word; among equals the first. */
CALL(nearest)
{
    UNUSED_CALL;
    ggx_value *items;
    if (args[0].kind != GGX_VALUE_STR) return wrong(eval, node, "a string", &args[0]);
    if (args[1].kind != GGX_VALUE_LIST) return wrong(eval, node, "a list", &args[1]);
    if (args[2].kind != GGX_VALUE_INT || args[2].integer < 0) return wrong(eval, node, "a number of them", &args[2]);
    const uint64_t n = (uint64_t)args[2].integer < args[1].count ? (uint64_t)args[2].integer : args[1].count;
    ggx_status status = ggx_eval_items(eval, node, n, &items);
    if (status == GGX_OK) status = ggx_eval_work(eval, node, args[1].count * (1 + n) * 64);
    uint32_t past = 0; /* the distance and place of the last one found: the next lies behind it */
    uint64_t last = UINT64_MAX;
    for (uint64_t i = 0; i < n && status == GGX_OK; i++) {
        uint32_t least = UINT32_MAX;
        uint64_t found = 0;
        for (uint64_t k = 0; k < args[1].count; k++) {
            const ggx_value *item = &args[1].at.items[k];
            if (item->kind != GGX_VALUE_STR) return wrong(eval, node, "a list of strings", item);
            const uint32_t distance = ggx_word_distance(args[0].text, item->text);
            if (distance >= least || distance < past || (distance == past && last != UINT64_MAX && k <= last)) continue;
            least = distance;
            found = k;
        }
        items[i] = args[1].at.items[found];
        past = least;
        last = found;
    }
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = n, .at.items = items};
    return status;
}

const ggx_function ggx_token_functions[] = {
    {"base64", 1, 1, call_base64},   {"byte_level", 1, 1, call_byte_level}, {"lines", 1, 1, call_lines},
    {"nearest", 3, 3, call_nearest}, {"ranked", 2, 2, call_ranked},         {NULL, 0, 0, NULL},
};
