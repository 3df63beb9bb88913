/* The JSON parser: what it accepts, what it refuses and where, and that it stays inside its input. */
#include <ggx_sdk/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct result {
    ggx_status status;
    ggx_error error;
    uint32_t tokens;
    ggx_json_token last; /* the last but END */
    char kinds[256];     /* one letter a token */
} result;

/* Parses a copy of exactly `size` bytes, so that a sanitizer sees a read beyond them. */
static result parse_as(const char *text, size_t size, uint32_t lenient)
{
    static const char letters[] = "E{}[]ksirtfn";
    result r;
    memset(&r, 0, sizeof r);
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    ggx_json_parser parser;
    ggx_json_init(&parser, (ggx_str){copy, size});
    parser.lenient = lenient;
    for (;;) {
        ggx_json_token token;
        r.status = ggx_json_next(&parser, &token, &r.error);
        if (r.status != GGX_OK || token.kind == GGX_JSON_END) break;
        if (r.tokens < sizeof r.kinds - 1) r.kinds[r.tokens] = letters[token.kind];
        r.tokens++;
        r.last = token;
        assert_true(token.offset < size && token.text.size <= size);
    }
    ggx_json_token again;
    ggx_error second;
    memset(&second, 0, sizeof second);
    assert_int_equal(ggx_json_next(&parser, &again, &second), r.status);
    if (r.status == GGX_OK)
        assert_int_equal(again.kind, GGX_JSON_END);
    else
        assert_int_equal(second.offset, r.error.offset);
    free(copy);
    return r;
}

static result parse(const char *text, size_t size)
{
    return parse_as(text, size, 0);
}

static void accepts(const char *text, const char *kinds)
{
    result r = parse(text, strlen(text));
    if (r.status != GGX_OK) fail_msg("%s: refused: %s", text, r.error.text);
    assert_string_equal(r.kinds, kinds);
}

/* What Python's json writes beyond JSON is read when it is asked for, and only then. */
static void test_lenient(void **state)
{
    (void)state;
    static const struct {
        const char *text, *kinds;
    } good[] = {{"NaN", "r"},
                {"Infinity", "r"},
                {"-Infinity", "r"},
                {"{\"a\":[0.0,Infinity],\"b\":NaN,\"b\":-1}", "{k[rr]krki}"}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        result r = parse_as(good[i].text, strlen(good[i].text), 1);
        if (r.status != GGX_OK) fail_msg("%s: %s", good[i].text, r.error.text);
        assert_string_equal(r.kinds, good[i].kinds);
    }
    result r = parse_as("-Infinity", 9, 1);
    assert_true(r.last.real < -1e308);
    r = parse_as("[NaN", 4, 1);
    assert_int_equal(r.status, GGX_E_MALFORMED);
    static const char *const bad[] = {"Nan", "Infinit", "-Inf", "+Infinity", "inf", "Infinity"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse_as(bad[i], strlen(bad[i]), i + 1 < sizeof bad / sizeof bad[0]).status, GGX_E_MALFORMED);
}

static void refuses(const char *text, uint64_t offset, const char *word)
{
    result r = parse(text, strlen(text));
    if (r.status != GGX_E_MALFORMED) fail_msg("%s: accepted", text);
    assert_int_equal(r.error.status, GGX_E_MALFORMED);
    if (r.error.offset != offset) fail_msg("%s: offset %u: %s", text, (unsigned)r.error.offset, r.error.text);
    if (!strstr(r.error.text, word)) fail_msg("%s: no \"%s\" in: %s", text, word, r.error.text);
}

static void test_grammar(void **state)
{
    (void)state;
    accepts("{}", "{}");
    accepts(" [ ] ", "[]");
    accepts("null", "n");
    accepts("\"x\"", "s");
    accepts("{\"a\":[1,2.5,{\"b\":null}],\"c\":{\"d\":true,\"e\":false}}\r\n\t ", "{k[ir{kn}]k{ktkf}}");
    refuses("", 0, "ends here");
    refuses("  ", 2, "ends here");
    refuses("{", 1, "key");
    refuses("{\"a\"", 4, "colon");
    refuses("{\"a\":", 5, "value");
    refuses("{\"a\":1", 6, "comma");
    refuses("{\"a\":1,}", 7, "key");
    refuses("{,}", 1, "key");
    refuses("{1:2}", 1, "key");
    refuses("{\"a\" 1}", 5, "colon");
    refuses("[1,]", 3, "value");
    refuses("[,1]", 1, "value");
    refuses("[1 2]", 3, "comma");
    refuses("[1}", 2, "comma");
    refuses("{\"a\":1]", 6, "comma");
    refuses("{]", 1, "key");
    refuses("[}", 1, "value");
    refuses("]", 0, "value");
    refuses("{} x", 3, "follows");
    refuses("1 2", 2, "follows");
    refuses("/* c */ 1", 0, "value");
    refuses("'a'", 0, "value");
    refuses("nul", 0, "value");
    refuses("True", 0, "value");
    refuses("NaN", 0, "value");
    refuses("\xef\xbb\xbf{}", 0, "value");
}

static void test_positions(void **state)
{
    (void)state;
    const char *text = "{\n  \"a\": [\n\t1e3 ]}";
    ggx_json_parser parser;
    ggx_json_token token;
    ggx_error error;
    static const struct {
        uint32_t kind, line, column;
        uint64_t offset;
    } want[] = {{GGX_JSON_OBJECT, 1, 1, 0}, {GGX_JSON_KEY, 2, 3, 4},        {GGX_JSON_ARRAY, 2, 8, 9},
                {GGX_JSON_REAL, 3, 2, 12},  {GGX_JSON_ARRAY_END, 3, 6, 16}, {GGX_JSON_OBJECT_END, 3, 7, 17}};
    ggx_json_init(&parser, (ggx_str){text, strlen(text)});
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(ggx_json_next(&parser, &token, &error), GGX_OK);
        assert_int_equal(token.kind, want[i].kind);
        assert_int_equal(token.line, want[i].line);
        assert_int_equal(token.column, want[i].column);
        assert_int_equal(token.offset, want[i].offset);
    }
    result r = parse("[1,\n  x]", 8);
    assert_non_null(strstr(r.error.text, "line 2, column 3"));
    assert_int_equal(r.error.offset, 6);
}

static void is_int(const char *text, int64_t value)
{
    result r = parse(text, strlen(text));
    if (r.status != GGX_OK || r.last.kind != GGX_JSON_INT || r.last.integer != value) fail_msg("%s", text);
    assert_int_equal(r.last.text.size, strlen(text));
}

static void is_real(const char *text)
{
    result r = parse(text, strlen(text));
    double value = strtod(text, NULL);
    if (r.status != GGX_OK || r.last.kind != GGX_JSON_REAL) fail_msg("%s: not a real", text);
    if (memcmp(&r.last.real, &value, sizeof value)) fail_msg("%s: %a, not %a", text, r.last.real, value);
}

static void test_numbers(void **state)
{
    (void)state;
    is_int("0", 0);
    is_int("-0", 0);
    is_int("9223372036854775807", INT64_MAX);
    is_int("-9223372036854775808", INT64_MIN);
    is_int("-9223372036854775807", -INT64_MAX);
    static const char *reals[] = {"9223372036854775808",
                                  "-9223372036854775809",
                                  "18446744073709551616",
                                  "0.0",
                                  "-0.0",
                                  "1.5e0",
                                  "1E5",
                                  "1e-5",
                                  "4.9e-324",
                                  "2.4703282292062327e-324",
                                  "2.4703282292062328e-324",
                                  "1.7976931348623157e308",
                                  "2.2250738585072011e-308",
                                  "9007199254740993.0",
                                  "0.1",
                                  "123456789012345678901234567890.5",
                                  "1e-400",
                                  "0.000000000000000000000000000000000001e36",
                                  "10000000000000000000000e-22",
                                  "-1e-99999999999999999999999999"};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) is_real(reals[i]);
    refuses("01", 0, "begin with 0");
    refuses("-", 1, "digit");
    refuses("-a", 1, "digit");
    refuses("+1", 0, "value");
    refuses(".5", 0, "value");
    refuses("1.", 2, "decimal point");
    refuses("1.e5", 2, "decimal point");
    refuses("1e", 2, "exponent");
    refuses("1e+", 3, "exponent");
    refuses("0x10", 1, "follows");
    refuses("1e309", 0, "too large");
    refuses("1e99999999999999999999999999", 0, "too large");
}

/* Half-way cases with far more digits than a double holds, where only the last digit decides. */
static void test_long_numbers(void **state)
{
    (void)state;
    char text[3000];
    static const char *tails[] = {"", "1", "5"};
    for (size_t zeros = 700; zeros < 900; zeros += 7) {
        for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
            int n = snprintf(text, sizeof text, "9007199254740993.");
            memset(text + n, '0', zeros);
            snprintf(text + (size_t)n + zeros, 8, "0%s", tails[i]);
            is_real(text);
        }
    }
    memset(text, '7', 305);
    snprintf(text + 305, 8, ".125");
    is_real(text);
    snprintf(text, 8, "0.");
    memset(text + 2, '0', 1200);
    snprintf(text + 1202, 16, "25e1200");
    is_real(text);
}

static void test_random_numbers(void **state)
{
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        double value;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &seed, sizeof value);
        if (value != value || value - value != 0) continue;
        snprintf(text, sizeof text, "%.*e", 1 + (int)(seed >> 60), value);
        if (strtod(text, NULL) - strtod(text, NULL) != 0) continue;
        is_real(text);
    }
}

static void unescapes(const char *text, const char *want, size_t size)
{
    char out[64];
    result r;
    memset(&r, 0, sizeof r);
    ggx_json_parser parser;
    ggx_json_init(&parser, (ggx_str){text, strlen(text)});
    r.status = ggx_json_next(&parser, &r.last, &r.error);
    if (r.status != GGX_OK) fail_msg("%s: %s", text, r.error.text);
    assert_int_equal(r.last.escaped, strchr(text, '\\') != NULL);
    assert_int_equal(ggx_json_unescape(&r.last, out), size);
    assert_memory_equal(out, want, size);
    assert_true(size <= r.last.text.size);
}

static void test_strings(void **state)
{
    (void)state;
    unescapes("\"\"", "", 0);
    unescapes("\"plain\"", "plain", 5);
    unescapes("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    unescapes("\"a\\u0000b\"", "a\0b", 3);
    unescapes("\"\\u00e9\\u20AC\\ud83d\\uDE00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9);
    unescapes("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11);
    unescapes("\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4);
    unescapes("\"\xc3\xa9\xf0\x9f\x98\x80\"", "\xc3\xa9\xf0\x9f\x98\x80", 6);
    refuses("\"abc", 4, "closing quote");
    refuses("\"a\nb\"", 2, "control");
    refuses("\"a\\\"", 4, "closing quote");
    refuses("\"\\x\"", 1, "escape");
    refuses("\"\\u12\"", 1, "escape");
    refuses("\"\\u12g4\"", 1, "escape");
    refuses("\"\\ud800\"", 1, "surrogate");
    refuses("\"\\udc00\"", 1, "surrogate");
    refuses("\"\\ud800\\u0041\"", 1, "surrogate");
    refuses("\"\\ud800\\ud800\"", 1, "surrogate");
}

/* Every pair and triple of bytes inside a string is judged as the definition in RFC 3629, written out bit by bit, judges it. */
static int is_utf8(const uint8_t *s, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint32_t code = s[i];
        size_t n = code < 0x80             ? 1
                   : (code & 0xe0) == 0xc0 ? 2
                   : (code & 0xf0) == 0xe0 ? 3
                   : (code & 0xf8) == 0xf0 ? 4
                                           : 0;
        if (!n || i + n > size) return 0;
        if (n > 1) code &= 0xffu >> (n + 1);
        for (size_t k = 1; k < n; k++) {
            if ((s[i + k] & 0xc0) != 0x80) return 0;
            code = code << 6 | (s[i + k] & 0x3fu);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
        i += n;
    }
    return 1;
}

static void test_utf8(void **state)
{
    (void)state;
    for (uint32_t v = 0x8000; v < 0x1000000; v++) {
        char text[6] = {'"'};
        size_t n = v < 0x10000 ? 2 : 3;
        if (n == 3 && (v >> 16) < 0xc0) continue;
        if (n == 3 && ((v & 0xff) % 5) && ((v & 0xff) != 0xbf)) continue;
        for (size_t k = 0; k < n; k++) text[1 + k] = (char)(v >> (8 * (n - 1 - k)));
        text[1 + n] = '"';
        int plain = 1; /* quotes, backslashes and control characters are another test's */
        for (size_t k = 0; k < n; k++)
            plain &= (uint8_t)text[1 + k] >= 0x20 && text[1 + k] != '"' && text[1 + k] != '\\';
        if (!plain) continue;
        ggx_json_parser parser;
        ggx_json_token token;
        ggx_json_init(&parser, (ggx_str){text, n + 2});
        ggx_status status = ggx_json_next(&parser, &token, NULL);
        if ((status == GGX_OK) != is_utf8((const uint8_t *)text + 1, n)) fail_msg("%06x: %d", v, status);
    }
    refuses("\"\xf4\x90\x80\x80\"", 1, "UTF-8");
    refuses("\"\xf0\x8f\xbf\xbf\"", 1, "UTF-8");
    refuses("\"\xf5\x80\x80\x80\"", 1, "UTF-8");
    refuses("\"\xf0\x9f\x98\"", 1, "UTF-8");
    accepts("\"\xf4\x8f\xbf\xbf\"", "s");
}

static void test_depth(void **state)
{
    (void)state;
    char text[300];
    for (size_t depth = GGX_JSON_DEPTH; depth <= GGX_JSON_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        result r = parse(text, 2 * depth);
        assert_int_equal(r.status, depth <= GGX_JSON_DEPTH ? GGX_OK : GGX_E_MALFORMED);
        if (depth > GGX_JSON_DEPTH) assert_int_equal(r.error.offset, GGX_JSON_DEPTH);
        size_t n = 0;
        for (size_t i = 0; i + 1 < depth; i++) n += (size_t)snprintf(text + n, sizeof text - n, "{\"\":");
        n += (size_t)snprintf(text + n, sizeof text - n, "{");
        assert_int_equal(parse(text, n).error.offset, depth <= GGX_JSON_DEPTH ? n : n - 1);
    }
}

static const char document[] =
    "{\"a\\u00e9\": [1, -2.5e3, true, false, null, \"x\\ud83d\\ude00\xc3\xa9\"], \"b\": {\"c\": {}, \"d\": []}}";

static void test_truncation(void **state)
{
    (void)state;
    assert_int_equal(parse(document, sizeof document - 1).status, GGX_OK);
    for (size_t n = 0; n < sizeof document - 1; n++) {
        result r = parse(document, n);
        assert_int_equal(r.status, GGX_E_MALFORMED);
        assert_true(r.error.offset <= n);
    }
}

static void test_byte_changes(void **state)
{
    (void)state;
    char text[sizeof document];
    uint32_t refused = 0;
    for (size_t i = 0; i + 1 < sizeof document; i++) {
        for (int b = 0; b < 256; b++) {
            memcpy(text, document, sizeof document);
            text[i] = (char)b;
            refused += parse(text, sizeof document - 1).status != GGX_OK;
        }
    }
    assert_true(refused > 10000);
}

static void test_skip(void **state)
{
    (void)state;
    const char *text = "{\"a\":{\"x\":[1,{}]},\"b\":[[],[2]],\"c\":3}";
    ggx_json_parser parser;
    ggx_json_token token;
    char keys[4] = "";
    ggx_json_init(&parser, (ggx_str){text, strlen(text)});
    assert_int_equal(ggx_json_next(&parser, &token, NULL), GGX_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ggx_json_next(&parser, &token, NULL), GGX_OK);
        assert_int_equal(token.kind, GGX_JSON_KEY);
        keys[i] = token.text.data[0];
        assert_int_equal(ggx_json_next(&parser, &token, NULL), GGX_OK);
        assert_int_equal(ggx_json_skip(&parser, &token, NULL), GGX_OK);
    }
    assert_string_equal(keys, "abc");
    assert_int_equal(ggx_json_next(&parser, &token, NULL), GGX_OK);
    assert_int_equal(token.kind, GGX_JSON_OBJECT_END);
    ggx_json_init(&parser, (ggx_str){"[[1,x]]", 7});
    assert_int_equal(ggx_json_next(&parser, &token, NULL), GGX_OK);
    assert_int_equal(ggx_json_skip(&parser, &token, NULL), GGX_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),    cmocka_unit_test(test_lenient),      cmocka_unit_test(test_positions),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_long_numbers), cmocka_unit_test(test_random_numbers),
        cmocka_unit_test(test_strings),    cmocka_unit_test(test_utf8),         cmocka_unit_test(test_depth),
        cmocka_unit_test(test_truncation), cmocka_unit_test(test_byte_changes), cmocka_unit_test(test_skip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
