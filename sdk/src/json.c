/* json.c - the bounded pull parser of ggx_sdk/json.h.
 *
 * The parser is a small state machine over the input in place: `expect` says what may come next, `stack` whether each open level
 * is an object. A token is checked whole before the parser moves on, so a call that failed fails the same way when repeated. */
#include <ggx_sdk/error.h>
#include <ggx_sdk/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXPECT_VALUE,        /* a value, nothing else */
    EXPECT_FIRST_VALUE,  /* after '[': a value or ']' */
    EXPECT_FIRST_KEY,    /* after '{': a key or '}' */
    EXPECT_KEY,          /* after ',' in an object */
    EXPECT_COLON,        /* after a key */
    EXPECT_COMMA_OR_END, /* after a value inside an object or array */
    EXPECT_NOTHING       /* after the one value */
};

/* Beyond 768 significant digits no digit but "is there anything left" can change how a decimal rounds to a double. */
#define DIGITS_KEPT 770

void ggx_json_init(ggx_json_parser *parser, ggx_str text)
{
    memset(parser, 0, sizeof *parser);
    parser->data = text.size ? text.data : "";
    parser->size = text.size;
    parser->line = 1;
    parser->expect = EXPECT_VALUE;
}

static uint32_t column_of(const ggx_json_parser *p, uint64_t at)
{
    uint64_t column = at - p->line_start + 1;
    return column > UINT32_MAX ? UINT32_MAX : (uint32_t)column;
}

static ggx_status refuse(const ggx_json_parser *p, uint64_t at, ggx_error *error, const char *what)
{
    return ggx_fail_at(error, GGX_E_MALFORMED, GGX_NO_MEMBER, at, "JSON, line %u, column %u: %s%s", p->line,
                       column_of(p, at), at >= p->size ? "the text ends here; " : "", what);
}

static int is_digit(const ggx_json_parser *p, uint64_t at)
{
    return at < p->size && p->data[at] >= '0' && p->data[at] <= '9';
}

static void skip_space(ggx_json_parser *p)
{
    for (; p->at < p->size; p->at++) {
        char c = p->data[p->at];
        if (c == '\n') {
            p->line += p->line < UINT32_MAX;
            p->line_start = p->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

/* Value of four hexadecimal digits, or -1. */
static int32_t hex4(const char *s, uint64_t left)
{
    int32_t v = 0;
    if (left < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int32_t d = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* Length of the escape that begins with the backslash at `s`, 0 when it is not one; *code becomes its character. A low surrogate
 * alone, or a high one without its low one, stands for no character and is not an escape. */
static uint64_t parse_escape(const char *s, uint64_t left, uint32_t *code)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (left < 2) return 0;
    const char *letter = s[1] ? strchr(letters, s[1]) : NULL;
    if (letter) {
        *code = (uint8_t)values[letter - letters];
        return 2;
    }
    int32_t high = s[1] == 'u' ? hex4(s + 2, left - 2) : -1;
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff)) return 0;
    *code = (uint32_t)high;
    if (high < 0xd800 || high > 0xdbff) return 6;
    int32_t low = left >= 8 && s[6] == '\\' && s[7] == 'u' ? hex4(s + 8, left - 8) : -1;
    if (low < 0xdc00 || low > 0xdfff) return 0;
    *code = 0x10000u + (((uint32_t)high - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u);
    return 12;
}

/* Length of the UTF-8 sequence of two to four bytes at `s`, 0 when it is not one (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF; the bounds of the second byte say all of that). */
static uint64_t utf8_length(const uint8_t *s, uint64_t left)
{
    uint64_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    uint8_t low = 0x80, high = 0xbf;
    if (s[0] < 0xc2 || s[0] > 0xf4 || left < n) return 0;
    if (s[0] == 0xe0) low = 0xa0;
    if (s[0] == 0xed) high = 0x9f;
    if (s[0] == 0xf0) low = 0x90;
    if (s[0] == 0xf4) high = 0x8f;
    if (s[1] < low || s[1] > high) return 0;
    for (uint64_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf) return 0;
    return n;
}

static ggx_status parse_string(ggx_json_parser *p, ggx_json_token *out, ggx_error *error)
{
    uint64_t at = p->at + 1;
    while (at < p->size && p->data[at] != '"') {
        uint8_t c = (uint8_t)p->data[at];
        uint64_t n = 1;
        uint32_t code = 0;
        if (c < 0x20) return refuse(p, at, error, "a control character stands in a string; it must be escaped");
        if (c == '\\') {
            n = parse_escape(p->data + at, p->size - at, &code);
            if (!n) return refuse(p, at, error, "a string has a broken escape or half a surrogate pair");
            out->escaped = 1;
        } else if (c >= 0x80) {
            n = utf8_length((const uint8_t *)p->data + at, p->size - at);
            if (!n) return refuse(p, at, error, "a string is not valid UTF-8");
        }
        at += n;
    }
    if (at >= p->size) return refuse(p, at, error, "a string has no closing quote");
    out->text.data = p->data + p->at + 1;
    out->text.size = at - p->at - 1;
    p->at = at + 1;
    return GGX_OK;
}

/* The nearest double of a number that is known to be well-formed. The digits go to strtod without a decimal point, because what
 * strtod takes for one depends on the process's locale, and cut to a bounded length, because a number may be megabytes long. */
static double parse_real(const char *s, uint64_t size)
{
    char buffer[DIGITS_KEPT + 32];
    size_t kept = 0;
    uint64_t i = 0;
    int64_t exponent = 0, written = 0;
    int negative = s[0] == '-', fraction = 0, lost = 0, minus = 0;
    for (i = (uint64_t)negative; i < size && s[i] != 'e' && s[i] != 'E'; i++) {
        if (s[i] == '.') {
            fraction = 1;
            continue;
        }
        if (kept < DIGITS_KEPT) {
            if (kept || s[i] != '0') buffer[kept++] = s[i];
            exponent -= fraction;
        } else {
            lost |= s[i] != '0';
            exponent += !fraction;
        }
    }
    if (!kept) return negative ? -0.0 : 0.0;
    for (i++; i < size; i++) {
        if (s[i] == '-') minus = 1;
        if (s[i] >= '0' && s[i] <= '9' && written < INT64_MAX / 100) written = written * 10 + (s[i] - '0');
    }
    exponent += minus ? -written : written;
    if (lost) {
        buffer[kept++] = '1';
        exponent--;
    }
    snprintf(buffer + kept, sizeof buffer - kept, "e%lld", (long long)exponent);
    double value = strtod(buffer, NULL);
    return negative ? -value : value;
}

/* 1 when the digits fit int64. */
static int parse_int(const char *s, uint64_t size, int64_t *out)
{
    uint64_t i = s[0] == '-', v = 0, limit = (uint64_t)INT64_MAX + i;
    for (; i < size; i++) {
        uint64_t d = (uint64_t)(s[i] - '0');
        if (v > (limit - d) / 10) return 0;
        v = v * 10 + d;
    }
    *out = s[0] != '-' ? (int64_t)v : v ? -(int64_t)(v - 1) - 1 : 0;
    return 1;
}

static ggx_status parse_number(ggx_json_parser *p, ggx_json_token *out, ggx_error *error)
{
    uint64_t at = p->at;
    int whole = 1;
    if (p->data[at] == '-') at++;
    if (!is_digit(p, at)) return refuse(p, at, error, "a digit must stand here");
    if (p->data[at] == '0' && is_digit(p, at + 1)) return refuse(p, at, error, "a number must not begin with 0");
    while (is_digit(p, at)) at++;
    if (at < p->size && p->data[at] == '.') {
        whole = 0;
        if (!is_digit(p, ++at)) return refuse(p, at, error, "a digit must follow the decimal point");
        while (is_digit(p, at)) at++;
    }
    if (at < p->size && (p->data[at] == 'e' || p->data[at] == 'E')) {
        whole = 0;
        at++;
        if (at < p->size && (p->data[at] == '+' || p->data[at] == '-')) at++;
        if (!is_digit(p, at)) return refuse(p, at, error, "a digit must stand in the exponent");
        while (is_digit(p, at)) at++;
    }
    out->text.data = p->data + p->at;
    out->text.size = at - p->at;
    out->kind = whole && parse_int(out->text.data, out->text.size, &out->integer) ? GGX_JSON_INT : GGX_JSON_REAL;
    out->real = parse_real(out->text.data, out->text.size);
    if (isinf(out->real)) return refuse(p, p->at, error, "a number is too large for a double");
    p->at = at;
    return GGX_OK;
}

static ggx_status parse_word(ggx_json_parser *p, ggx_json_token *out, ggx_error *error)
{
    static const struct {
        const char *text;
        uint32_t kind;
    } words[] = {{"true", GGX_JSON_TRUE}, {"false", GGX_JSON_FALSE}, {"null", GGX_JSON_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i].text);
        if (p->size - p->at < n || memcmp(p->data + p->at, words[i].text, n)) continue;
        out->kind = words[i].kind;
        out->text.data = p->data + p->at;
        out->text.size = n;
        p->at += n;
        return GGX_OK;
    }
    return refuse(p, p->at, error, "a value must stand here");
}

/* What is no number of JSON but of Python's json; 1: it was one. */
static int parse_beyond(ggx_json_parser *p, ggx_json_token *out)
{
    static const struct {
        const char *text;
        double real;
    } words[] = {{"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", (double)-INFINITY}};
    for (size_t i = 0; p->lenient && i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i].text);
        if (p->size - p->at < n || memcmp(p->data + p->at, words[i].text, n)) continue;
        out->kind = GGX_JSON_REAL;
        out->real = words[i].real;
        out->text = (ggx_str){p->data + p->at, n};
        p->at += n;
        return 1;
    }
    return 0;
}

static void value_ended(ggx_json_parser *p)
{
    p->expect = p->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static ggx_status open_level(ggx_json_parser *p, ggx_json_token *out, ggx_error *error)
{
    int object = p->data[p->at] == '{';
    if (p->depth == GGX_JSON_DEPTH) return refuse(p, p->at, error, "objects and arrays are nested deeper than 64");
    p->stack[p->depth++] = (uint8_t)object;
    p->expect = object ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
    out->kind = object ? GGX_JSON_OBJECT : GGX_JSON_ARRAY;
    p->at++;
    return GGX_OK;
}

static ggx_status close_level(ggx_json_parser *p, ggx_json_token *out)
{
    out->kind = p->stack[--p->depth] ? GGX_JSON_OBJECT_END : GGX_JSON_ARRAY_END;
    p->at++;
    value_ended(p);
    return GGX_OK;
}

static ggx_status parse_value(ggx_json_parser *p, ggx_json_token *out, ggx_error *error)
{
    char c = p->at < p->size ? p->data[p->at] : 0;
    ggx_status status;
    if (c == '{' || c == '[') return open_level(p, out, error);
    if (c == '"') {
        out->kind = GGX_JSON_STRING;
        status = parse_string(p, out, error);
    } else if (parse_beyond(p, out)) {
        status = GGX_OK;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        status = parse_number(p, out, error);
    } else {
        status = parse_word(p, out, error);
    }
    if (status == GGX_OK) value_ended(p);
    return status;
}

static ggx_status parse_key(ggx_json_parser *p, ggx_json_token *out, ggx_error *error)
{
    if (p->at >= p->size || p->data[p->at] != '"') return refuse(p, p->at, error, "a key in quotes must stand here");
    out->kind = GGX_JSON_KEY;
    ggx_status status = parse_string(p, out, error);
    if (status == GGX_OK) p->expect = EXPECT_COLON;
    return status;
}

/* Steps over the ',' or ':' that must come first; 1 when the level is closed instead. */
static ggx_status parse_separator(ggx_json_parser *p, int *closed, ggx_error *error)
{
    char c = p->at < p->size ? p->data[p->at] : 0;
    char closing = p->depth && p->stack[p->depth - 1] ? '}' : ']';
    *closed = p->expect != EXPECT_COLON && p->expect != EXPECT_KEY && p->expect != EXPECT_VALUE && c == closing;
    if (*closed) return GGX_OK;
    if (p->expect == EXPECT_COLON) {
        if (c != ':') return refuse(p, p->at, error, "a colon must follow the key");
        p->expect = EXPECT_VALUE;
    } else if (p->expect == EXPECT_COMMA_OR_END) {
        if (c != ',') return refuse(p, p->at, error, "a comma or the end of the object or array must stand here");
        p->expect = p->stack[p->depth - 1] ? EXPECT_KEY : EXPECT_VALUE;
    } else {
        return GGX_OK;
    }
    p->at++;
    skip_space(p);
    return GGX_OK;
}

ggx_status ggx_json_next(ggx_json_parser *parser, ggx_json_token *out, ggx_error *error)
{
    int closed = 0;
    memset(out, 0, sizeof *out);
    skip_space(parser);
    if (parser->expect == EXPECT_NOTHING) {
        if (parser->at < parser->size) return refuse(parser, parser->at, error, "something follows the value");
        out->kind = GGX_JSON_END;
    } else {
        ggx_status status = parse_separator(parser, &closed, error);
        if (status != GGX_OK) return status;
    }
    out->line = parser->line;
    out->column = column_of(parser, parser->at);
    out->offset = parser->at;
    if (parser->expect == EXPECT_NOTHING) return GGX_OK;
    if (closed) return close_level(parser, out);
    if (parser->expect == EXPECT_KEY || parser->expect == EXPECT_FIRST_KEY) return parse_key(parser, out, error);
    return parse_value(parser, out, error);
}

ggx_status ggx_json_skip(ggx_json_parser *parser, const ggx_json_token *token, ggx_error *error)
{
    if (token->kind != GGX_JSON_OBJECT && token->kind != GGX_JSON_ARRAY) return GGX_OK;
    uint32_t outside = parser->depth - 1;
    while (parser->depth > outside) {
        ggx_json_token inner;
        ggx_status status = ggx_json_next(parser, &inner, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

static uint64_t write_utf8(char *out, uint32_t code)
{
    uint64_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (uint64_t i = n - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[n] | code);
    return n;
}

uint64_t ggx_json_unescape(const ggx_json_token *token, char *out)
{
    const char *s = token->text.data;
    uint64_t size = token->text.size, written = 0;
    for (uint64_t i = 0; i < size;) {
        uint32_t code = 0;
        uint64_t n = s[i] == '\\' ? parse_escape(s + i, size - i, &code) : 0;
        if (n) {
            written += write_utf8(out + written, code);
            i += n;
        } else {
            out[written++] = s[i++];
        }
    }
    return written;
}
