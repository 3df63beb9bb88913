/* core/base/text.h - byte strings: comparison, literals, a growable buffer for output. */
#ifndef GGX_CORE_TEXT_H
#define GGX_CORE_TEXT_H

#include <ggx/base.h>
#include <string.h>

/* A ggx_str from a string literal, and from a NUL-terminated string. */
#define GGX_LIT(literal) ((ggx_str){(literal), sizeof(literal) - 1})
static inline ggx_str ggx_str_of(const char *text)
{
    ggx_str s = {text, text ? strlen(text) : 0};
    return s;
}

static inline int ggx_str_same(ggx_str a, ggx_str b)
{
    return a.size == b.size && (!a.size || !memcmp(a.data, b.data, (size_t)a.size));
}

/* The same as a C string, whose length is not looked for first. */
static inline int ggx_str_is(ggx_str text, const char *word)
{
    for (uint64_t i = 0; i < text.size; i++)
        if (text.data[i] != word[i] || !word[i]) return 0;
    return !word[text.size];
}

/* Order by bytes: <0, 0, >0. */
int ggx_str_order(ggx_str a, ggx_str b);

int ggx_str_begins(ggx_str text, ggx_str prefix);
int ggx_str_ends(ggx_str text, ggx_str suffix);

/* Glob match of the whole text: '*' any run of bytes, '?' one byte, everything else itself. The time is at most text × pattern. */
int ggx_str_glob(ggx_str text, ggx_str pattern);

/* Decimal, 0x-hexadecimal; returns 0 unless the whole text is a number that fits. */
int ggx_str_int(ggx_str text, int64_t *out);

/* Bytes with an optional suffix K M G T (powers of 1024; KiB etc. too): "64M", "1.5G". */
int ggx_str_bytes(ggx_str text, uint64_t *out);

/* A growable text. `failed` sticks when memory ran out; check it once at the end. */
typedef struct ggx_text {
    char *data; /* NUL-terminated when size > 0 */
    uint64_t size, capacity;
    int32_t failed;
} ggx_text;

void ggx_text_free(ggx_text *text);
void ggx_text_bytes(ggx_text *text, const void *data, uint64_t size);
GGX_PRINTF(2, 3) void ggx_text_format(ggx_text *text, const char *format, ...);
/* 1: the value is UTF-8 without NUL. */
int ggx_str_utf8(ggx_str value);

/* The value for a terminal: control bytes and bytes that are not UTF-8 become \xNN, because names come from files. */
void ggx_text_shown(ggx_text *text, ggx_str value);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void ggx_text_json(ggx_text *text, ggx_str value);

#endif
