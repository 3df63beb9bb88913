/* text.c - comparison, glob, numbers, and the growable output text. */
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int ggx_str_order(ggx_str a, ggx_str b)
{
    uint64_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, (size_t)common) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

int ggx_str_begins(ggx_str text, ggx_str prefix)
{
    return text.size >= prefix.size && ggx_str_same((ggx_str){text.data, prefix.size}, prefix);
}

int ggx_str_ends(ggx_str text, ggx_str suffix)
{
    if (text.size < suffix.size) return 0;
    return !suffix.size || !memcmp(text.data + (text.size - suffix.size), suffix.data, (size_t)suffix.size);
}

/* Only the last '*' is ever tried again: what an earlier one took is settled once the text between them has matched, so the time is
 * at most text × pattern, never exponential. */
int ggx_str_glob(ggx_str text, ggx_str pattern)
{
    uint64_t t = 0, p = 0, star = UINT64_MAX, retry = 0;
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.size && (pattern.data[p] == '?' || pattern.data[p] == text.data[t])) {
            p++;
            t++;
        } else if (star != UINT64_MAX) {
            p = star + 1;
            t = ++retry;
        } else {
            return 0;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') p++;
    return p == pattern.size;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 16;
}

int ggx_str_int(ggx_str text, int64_t *out)
{
    uint64_t i = 0, value = 0;
    int negative = text.size && text.data[0] == '-';
    i += (uint64_t)negative;
    uint64_t base = 10, limit = (uint64_t)INT64_MAX + (uint64_t)negative;
    if (text.size - i > 2 && text.data[i] == '0' && (text.data[i + 1] | 32) == 'x') {
        base = 16;
        i += 2;
    }
    if (i == text.size) return 0;
    for (; i < text.size; i++) {
        uint64_t digit = (uint64_t)digit_of(text.data[i]);
        if (digit >= base || value > (limit - digit) / base) return 0;
        value = value * base + digit;
    }
    *out = !negative ? (int64_t)value : value ? -(int64_t)(value - 1) - 1 : 0;
    return 1;
}

int ggx_str_bytes(ggx_str text, uint64_t *out)
{
    static const char *const suffixes[] = {"", "k", "m", "g", "t"};
    uint64_t whole = 0, fraction = 0, scale = 1, i = 0, digits = 0;
    for (; i < text.size && digit_of(text.data[i]) < 10; i++, digits++) {
        if (whole > UINT64_MAX / 16) return 0;
        whole = whole * 10 + (uint64_t)digit_of(text.data[i]);
    }
    if (i < text.size && text.data[i] == '.')
        for (i++; i < text.size && digit_of(text.data[i]) < 10; i++, digits++) {
            if (scale >= 1000000) return 0; /* a millionth of a TiB is fine enough */
            fraction = fraction * 10 + (uint64_t)digit_of(text.data[i]);
            scale *= 10;
        }
    if (!digits) return 0;
    char rest[4] = {0};
    if (text.size - i >= sizeof rest) return 0;
    for (size_t k = 0; i < text.size; i++, k++) rest[k] = (char)(text.data[i] | 32);
    size_t power = 0;
    while (power < 5 && (!suffixes[power][0] || rest[0] != suffixes[power][0])) power++;
    if (power == 5) power = 0;
    const char *unit = rest + (power > 0);
    if (strcmp(unit, "") && strcmp(unit, "b") && (!power || strcmp(unit, "ib"))) return 0;
    if (!power && scale > 1) return 0;
    unsigned shift = (unsigned)power * 10;
    if (whole > (UINT64_MAX >> shift) - 1) return 0;
    *out = (whole << shift) + (fraction << shift) / scale;
    return 1;
}

void ggx_text_free(ggx_text *text)
{
    free(text->data);
    memset(text, 0, sizeof *text);
}

/* Room for `more` bytes and the NUL. */
static int reserve(ggx_text *text, uint64_t more)
{
    if (text->failed) return 0;
    if (more < text->capacity - text->size) return 1;
    uint64_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < SIZE_MAX / 2 && capacity - text->size <= more) capacity *= 2;
    char *data = capacity - text->size > more ? realloc(text->data, (size_t)capacity) : NULL;
    if (!data) {
        text->failed = 1;
        return 0;
    }
    text->data = data;
    text->capacity = capacity;
    return 1;
}

void ggx_text_bytes(ggx_text *text, const void *data, uint64_t size)
{
    if (!size || !reserve(text, size)) return;
    memcpy(text->data + text->size, data, (size_t)size);
    text->size += size;
    text->data[text->size] = 0;
}

void ggx_text_format(ggx_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size < 0) {
        text->failed = 1;
    } else if (reserve(text, (uint64_t)size)) {
        vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
        text->size += (uint64_t)size;
    }
    va_end(again);
    va_end(args);
}

/* Length of the UTF-8 sequence at `s`, 0 when it is none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static uint64_t utf8_length(const uint8_t *s, uint64_t left)
{
    if (s[0] < 0x80) return 1;
    uint64_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint8_t low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[0] < 0xc2 || s[0] > 0xf4 || left < n || s[1] < low || s[1] > high) return 0;
    for (uint64_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf) return 0;
    return n;
}

int ggx_str_utf8(ggx_str value)
{
    for (uint64_t i = 0; i < value.size;) {
        const uint8_t *at = (const uint8_t *)value.data + i;
        const uint64_t n = *at ? utf8_length(at, value.size - i) : 0;
        if (!n) return 0;
        i += n;
    }
    return 1;
}

void ggx_text_shown(ggx_text *text, ggx_str value)
{
    for (uint64_t i = 0; i < value.size;) {
        const uint8_t *at = (const uint8_t *)value.data + i;
        uint64_t n = utf8_length(at, value.size - i);
        int control = at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && n && at[1] < 0xa0); /* U+0080 to U+009F too */
        if (n && !control) {
            ggx_text_bytes(text, at, n);
        } else {
            n = n ? n : 1;
            for (uint64_t k = 0; k < n; k++) ggx_text_format(text, "\\x%02x", at[k]);
        }
        i += n;
    }
}

void ggx_text_json(ggx_text *text, ggx_str value)
{
    ggx_text_bytes(text, "\"", 1);
    for (uint64_t i = 0; i < value.size;) {
        uint8_t c = (uint8_t)value.data[i];
        uint64_t n = utf8_length((const uint8_t *)value.data + i, value.size - i);
        if (!n) {
            ggx_text_bytes(text, "\xef\xbf\xbd", 3);
        } else if (c == '"' || c == '\\') {
            ggx_text_format(text, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            ggx_text_format(text, "\\u%04x", c);
        } else {
            ggx_text_bytes(text, value.data + i, n);
        }
        i += n ? n : 1;
    }
    ggx_text_bytes(text, "\"", 1);
}
