/* ggx_sdk/json.h - a bounded pull parser for JSON (RFC 8259): no tree, no allocation, a position for every token.
 *
 * Strict: UTF-8 must be valid, no comments, no trailing commas, nothing after the value, depth at most GGX_JSON_DEPTH. Duplicate
 * keys are the caller's to find (it knows what it keeps). */
#ifndef GGX_SDK_JSON_H
#define GGX_SDK_JSON_H

#include <ggx/base.h>

#define GGX_JSON_DEPTH 64

#define GGX_JSON_END 0 /* after the one value */
#define GGX_JSON_OBJECT 1
#define GGX_JSON_OBJECT_END 2
#define GGX_JSON_ARRAY 3
#define GGX_JSON_ARRAY_END 4
#define GGX_JSON_KEY 5    /* text: the raw string */
#define GGX_JSON_STRING 6 /* text: the raw string */
#define GGX_JSON_INT 7    /* integer: a number without fraction or exponent that fits int64; text: as written */
#define GGX_JSON_REAL 8   /* real: any other number; text: as written */
#define GGX_JSON_TRUE 9
#define GGX_JSON_FALSE 10
#define GGX_JSON_NULL 11

typedef struct ggx_json_token {
    uint32_t kind;         /* GGX_JSON_* */
    uint32_t escaped;      /* 1: `text` has backslash escapes, see ggx_json_unescape */
    uint32_t line, column; /* of the token's first byte, from 1; columns count bytes */
    uint64_t offset;       /* bytes from the beginning */
    ggx_str text;          /* inside the input; for strings without the quotes */
    int64_t integer;
    double real; /* set for INT too */
} ggx_json_token;

typedef struct ggx_json_parser {
    const char *data;
    uint64_t size, at, line_start;
    uint32_t line, depth, expect;
    uint32_t
        lenient; /* set after ggx_json_init: NaN, Infinity and -Infinity are numbers, as Python's json writes them */
    uint8_t stack[GGX_JSON_DEPTH];
} ggx_json_parser;

void ggx_json_init(ggx_json_parser *parser, ggx_str text);

/* The next token. GGX_E_MALFORMED with the byte offset, line and column in the text when the input is not JSON. After
 * GGX_JSON_END it keeps giving GGX_JSON_END. */
ggx_status ggx_json_next(ggx_json_parser *parser, ggx_json_token *out, ggx_error *error);

/* Skips the value that begins with the token just returned (an object or array to its end; nothing to do for the others). */
ggx_status ggx_json_skip(ggx_json_parser *parser, const ggx_json_token *token, ggx_error *error);

/* Writes the string's bytes, escapes resolved (surrogate pairs to UTF-8), to `out` (capacity >= token->text.size) and gives the
 * length. Escapes were checked by ggx_json_next; a lone surrogate is GGX_E_MALFORMED there. */
uint64_t ggx_json_unescape(const ggx_json_token *token, char *out);

#endif
