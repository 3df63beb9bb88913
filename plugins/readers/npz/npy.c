/* npy.c - the header of an .npy array: a Python dict literal of three keys, read by its grammar (numpy: numpy/lib/_format_impl.py). */
#include "npy.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>

/* numpy's kind and size → type. What is not here has no number in it, or none that ggx names (f16 is the CPU's long double). */
static const struct {
    char descr[4], type[5];
    uint8_t bytes, unit;
} dtypes[] = {
    {"f2", "f16", 2, 2}, {"f4", "f32", 4, 4},  {"f8", "f64", 8, 8}, {"i1", "i8", 1, 1},     {"i2", "i16", 2, 2},
    {"i4", "i32", 4, 4}, {"i8", "i64", 8, 8},  {"u1", "u8", 1, 1},  {"u2", "u16", 2, 2},    {"u4", "u32", 4, 4},
    {"u8", "u64", 8, 8}, {"b1", "bool", 1, 1}, {"c8", "c64", 8, 4}, {"c16", "c128", 16, 8},
};

typedef struct parse {
    ggx_str text;
    uint64_t at;
    uint32_t member;
    uint64_t base; /* byte offset in the member of text.data[0] */
    ggx_error *error;
} parse;

static ggx_status refuse(const parse *p, ggx_status status, const char *what)
{
    return ggx_fail_at(p->error, status, p->member, p->base + p->at, "the .npy header: %s", what);
}

static char peek(parse *p)
{
    while (p->at < p->text.size && (p->text.data[p->at] == ' ' || p->text.data[p->at] == '\n')) p->at++;
    return p->at < p->text.size ? p->text.data[p->at] : 0;
}

static int take(parse *p, char c)
{
    if (peek(p) != c) return 0;
    p->at++;
    return 1;
}

static int take_word(parse *p, const char *word)
{
    size_t n = strlen(word);
    (void)peek(p);
    if (p->text.size - p->at < n || memcmp(p->text.data + p->at, word, n) != 0) return 0;
    p->at += n;
    return 1;
}

/* A string without escapes: numpy writes none into these. */
static ggx_status take_string(parse *p, ggx_str *out)
{
    char quote = peek(p);
    if (quote != '\'' && quote != '"') return refuse(p, GGX_E_MALFORMED, "a string must stand here");
    uint64_t begin = ++p->at;
    while (p->at < p->text.size && p->text.data[p->at] != quote && p->text.data[p->at] != '\\') p->at++;
    if (p->at >= p->text.size || p->text.data[p->at] != quote)
        return refuse(p, GGX_E_MALFORMED, "a string does not end");
    out->data = p->text.data + begin;
    out->size = p->at++ - begin;
    return GGX_OK;
}

int npy_dtype_find(ggx_str descr, npy_array *out)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (descr.size != strlen(dtypes[i].descr) || memcmp(descr.data, dtypes[i].descr, (size_t)descr.size) != 0)
            continue;
        out->kind = NPY_NUMBERS;
        out->type = ggx_type_make(dtypes[i].type, 1, dtypes[i].bytes);
        out->swap = dtypes[i].unit;
        return 1;
    }
    if (!descr.size || !memchr("OUSaMm", descr.data[0], 6)) return 0;
    out->kind = descr.data[0] == 'O' ? NPY_OBJECTS : NPY_WORDS;
    out->type = ggx_type_make("u8", 1, 1);
    return 1;
}

static ggx_status take_descr(parse *p, npy_array *a)
{
    ggx_str s;
    if (peek(p) == '[')
        return refuse(p, GGX_E_UNSUPPORTED, "arrays of records are no tensors; save their fields one by one");
    uint64_t at = p->at;
    ggx_status status = take_string(p, &s);
    if (status != GGX_OK) return status;
    p->at = at;
    if (s.size && memchr("|<>=", s.data[0], 4)) {
        a->byte_order = s.data[0] == '>' ? GGX_BIG_ENDIAN : GGX_LITTLE_ENDIAN;
        s.data++;
        s.size--;
    }
    if (npy_dtype_find(s, a)) return take_string(p, &s);
    if (s.size && s.data[0] == 'V')
        return refuse(p, GGX_E_UNSUPPORTED,
                      "its elements are bytes without a type (bfloat16 saved by jax looks so); save it as float32");
    return refuse(p, GGX_E_UNSUPPORTED, "its elements are no numbers that ggx knows");
}

static ggx_status take_order(parse *p, npy_array *a)
{
    if (take_word(p, "True"))
        a->fortran = 1;
    else if (!take_word(p, "False"))
        return refuse(p, GGX_E_MALFORMED, "fortran_order must be True or False");
    return GGX_OK;
}

static ggx_status take_shape(parse *p, npy_array *a)
{
    if (!take(p, '(')) return refuse(p, GGX_E_MALFORMED, "shape must be a tuple");
    while (!take(p, ')')) {
        char c = peek(p);
        uint64_t v = 0;
        if (c < '0' || c > '9') return refuse(p, GGX_E_MALFORMED, "shape must hold whole numbers");
        if (a->rank == GGX_MAX_RANK) return refuse(p, GGX_E_UNSUPPORTED, "an array of more than 8 axes");
        for (; p->at < p->text.size && p->text.data[p->at] >= '0' && p->text.data[p->at] <= '9'; p->at++)
            if (!ggx_mul_u64(v, 10, &v) || !ggx_add_u64(v, (uint64_t)(p->text.data[p->at] - '0'), &v) || v > INT64_MAX)
                return refuse(p, GGX_E_MALFORMED, "an axis is too long");
        if (p->at < p->text.size && p->text.data[p->at] == 'L') p->at++; /* a long of Python 2 */
        a->shape[a->rank++] = v;
        if (!take(p, ',') && peek(p) != ')') return refuse(p, GGX_E_MALFORMED, "a comma must stand in shape");
    }
    return GGX_OK;
}

ggx_status npy_header_size(const uint8_t *prefix, uint64_t size, uint32_t member, uint64_t at, uint64_t *out,
                           ggx_error *error)
{
    if (size < 10 || memcmp(prefix, "\x93NUMPY", 6) != 0)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, at,
                           "this is no .npy array: it does not begin with \\x93NUMPY");
    if (prefix[6] < 1 || prefix[6] > 3 || prefix[7])
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, member, at + 6,
                           ".npy version %u.%u is unknown; 1.0 to 3.0 are read", prefix[6], prefix[7]);
    uint64_t width = prefix[6] == 1 ? 2 : 4, length = 0;
    for (uint64_t i = 0; i < width && 8 + i < size; i++) length |= (uint64_t)prefix[8 + i] << (8 * i);
    if (length > NPY_MAX_HEADER || size < 8 + width)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, at + 8,
                           "the .npy header claims %llu bytes; this reader allows 65536", (unsigned long long)length);
    *out = 8 + width + length;
    return GGX_OK;
}

ggx_status npy_header_parse(ggx_str text, uint32_t member, uint64_t at, npy_array *out, ggx_error *error)
{
    static const struct {
        const char *key;
        ggx_status (*take)(parse *p, npy_array *a);
    } keys[] = {{"descr", take_descr}, {"fortran_order", take_order}, {"shape", take_shape}};
    parse p = {text, (uint8_t)text.data[6] == 1 ? 10 : 12, member, at, error};
    uint32_t seen = 0;
    uint64_t elems = 0;
    memset(out, 0, sizeof *out);
    out->data = text.size;
    if (!take(&p, '{')) return refuse(&p, GGX_E_MALFORMED, "it must be a dict");
    while (!take(&p, '}')) {
        ggx_str key;
        uint32_t i = 0;
        ggx_status status = take_string(&p, &key);
        if (status != GGX_OK) return status;
        while (i < 3 && (strlen(keys[i].key) != key.size || memcmp(keys[i].key, key.data, (size_t)key.size) != 0)) i++;
        if (i == 3 || (seen & 1u << i))
            return refuse(&p, GGX_E_MALFORMED, "it has a key twice, or one that .npy does not have");
        seen |= 1u << i;
        if (!take(&p, ':')) return refuse(&p, GGX_E_MALFORMED, "a colon must follow the key");
        status = keys[i].take(&p, out);
        if (status != GGX_OK) return status;
        if (!take(&p, ',') && peek(&p) != '}') return refuse(&p, GGX_E_MALFORMED, "a comma must stand here");
    }
    if (seen != 7) return refuse(&p, GGX_E_MALFORMED, "it lacks descr, fortran_order or shape");
    if (peek(&p)) return refuse(&p, GGX_E_MALFORMED, "something follows the dict");
    if (!ggx_product_u64(out->shape, out->rank, &elems) || elems > INT64_MAX ||
        !ggx_type_bytes(&out->type, elems, &out->nbytes))
        return refuse(&p, GGX_E_MALFORMED, "its shape overflows");
    return GGX_OK;
}
