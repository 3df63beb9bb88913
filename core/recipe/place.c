/* place.c - where in a recipe something stands, and which word its author may have meant. */
#include "base/text.h"
#include "recipe/value.h"
#include <ggx_sdk/error.h>
#include <stdarg.h>
#include <stdio.h>

/* Bytes of the escape sequence at `raw`, and of the text that it stands for. */
static void escape_sizes(const char *raw, uint64_t left, uint64_t *raw_size, uint64_t *text_size)
{
    *raw_size = 2;
    *text_size = 1;
    if (left < 6 || raw[1] != 'u') return;
    uint32_t code = 0;
    for (int i = 2; i < 6; i++) {
        char c = raw[i];
        code = code * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    *raw_size = 6;
    *text_size = code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    if (code >= 0xd800 && code < 0xdc00) { /* a surrogate pair: the tree's parser has seen to the second half */
        *raw_size = 12;
        *text_size = 4;
    }
}

void ggx_origin_place(const ggx_origin *origin, uint32_t offset, uint32_t *line, uint32_t *column)
{
    const ggx_json *json = origin->json;
    *line = json->line;
    *column = json->column;
    if (offset == GGX_WHOLE || json->kind != GGX_JSON_STRING) return;
    uint64_t at = 0;
    for (uint32_t lines = 1; lines < json->line && at < origin->document.size; at++)
        if (origin->document.data[at] == '\n') lines++;
    at += json->column; /* columns count from 1, so this is behind the quote */
    *column += 1;
    for (uint64_t text = 0; text < offset && at < origin->document.size;) {
        uint64_t raw_size = 1, text_size = 1;
        if (origin->document.data[at] == '\\')
            escape_sizes(origin->document.data + at, origin->document.size - at, &raw_size, &text_size);
        at += raw_size;
        text += text_size;
        *column += (uint32_t)raw_size;
    }
}

#undef ggx_origin_fail
ggx_status ggx_origin_fail(const ggx_origin *origin, uint32_t offset, ggx_error *error, ggx_status status,
                           const char *format, ...)
{
    char text[sizeof((ggx_error *)0)->text];
    uint32_t line, column;
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0) text[0] = 0;
    va_end(args);
    ggx_origin_place(origin, offset, &line, &column);
    const char *file = origin->file;
    const size_t room = strlen(text) + 24 < sizeof text ? sizeof text - strlen(text) - 24 : 0;
    if (strlen(file) > 80 || strlen(file) > room) { /* the sentence, whose end is the advice, goes before the folder */
        const char *slash = strrchr(file, '/');
        file = slash ? slash + 1 : file;
        if (strlen(file) > 80) file += strlen(file) - 80;
    }
    return ggx_fail(error, status, "%s:%u:%u: %s", file, line, column, text);
}

/* Optimal string alignment: insert, delete, replace, or swap neighbours. */
uint32_t ggx_word_distance(ggx_str a, ggx_str b)
{
    enum { MOST = 96 };
    uint32_t rows[3][MOST + 1];
    uint32_t n = (uint32_t)(a.size < MOST ? a.size : MOST), m = (uint32_t)(b.size < MOST ? b.size : MOST);
    for (uint32_t j = 0; j <= m; j++) rows[0][j] = j;
    for (uint32_t i = 1; i <= n; i++) {
        const uint32_t *last = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];
        uint32_t *row = rows[i % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= m; j++) {
            uint32_t best = last[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1] &&
                second[j - 2] + 1 < best)
                best = second[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *ggx_word_nearest(const char *const *words, ggx_str word)
{
    const char *best = NULL;
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; words[i]; i++) {
        uint32_t distance = ggx_word_distance(ggx_str_of(words[i]), word);
        if (distance < least) {
            least = distance;
            best = words[i];
        }
    }
    /* "nearest" helps only with a slip: more edits than half the word make another word */
    return best && least <= 1 + word.size / 2 && least < strlen(best) ? best : NULL;
}
