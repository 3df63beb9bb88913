/* functions.c - functions of values alone: numbers, lists, text. */
#include "base/math.h"
#include "base/text.h"
#include "recipe/value.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CALL(name)                                                                                             \
    static ggx_status call_##name(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count, \
                                  ggx_value *out)
#define UNUSED_CALL ((void)eval, (void)node, (void)args, (void)count, (void)out)

static ggx_status wrong(ggx_eval *eval, const ggx_node *node, const char *wanted, const ggx_value *given)
{
    return ggx_value_fail(eval, node, given, "%s() needs %s, not %s", node->function->name, wanted,
                          ggx_value_kind(given));
}

static int number(const ggx_value *v, double *out)
{
    *out = v->kind == GGX_VALUE_INT ? (double)v->integer : v->real;
    return v->kind == GGX_VALUE_INT || v->kind == GGX_VALUE_FLOAT;
}

/* --- numbers -------------------------------------------------------------------------------------------------------------- */

static double root(double x)
{
    return sqrt(x); /* rounded correctly by IEEE 754, unlike the C library's exp, log and pow */
}

static ggx_status whole(ggx_eval *eval, const ggx_node *node, double x, ggx_value *out)
{
    if (!(x >= -9223372036854775808.0 && x < 9223372036854775808.0))
        return ggx_value_fail(eval, node, out, "the result of %s() does not fit an int", node->function->name);
    *out = (ggx_value){.kind = GGX_VALUE_INT, .integer = (int64_t)x, .json = out->json};
    return GGX_OK;
}

static ggx_status with_number(ggx_eval *eval, const ggx_node *node, const ggx_value *args, double (*function)(double),
                              int to_integer, ggx_value *out)
{
    double x;
    if (!number(args, &x)) return wrong(eval, node, "a number", args);
    *out = to_integer && args->kind == GGX_VALUE_INT ? *args : ggx_value_real(function(x));
    out->json = args->json;
    return to_integer && args->kind == GGX_VALUE_FLOAT ? whole(eval, node, out->real, out) : GGX_OK;
}

CALL(floor)
{
    UNUSED_CALL;
    return with_number(eval, node, args, floor, 1, out);
}

CALL(ceil)
{
    UNUSED_CALL;
    return with_number(eval, node, args, ceil, 1, out);
}

CALL(round)
{
    UNUSED_CALL;
    return with_number(eval, node, args, round, 1, out);
}

CALL(sqrt)
{
    UNUSED_CALL;
    return with_number(eval, node, args, root, 0, out);
}

CALL(exp)
{
    UNUSED_CALL;
    return with_number(eval, node, args, ggx_exp, 0, out);
}

CALL(log)
{
    UNUSED_CALL;
    return with_number(eval, node, args, ggx_log, 0, out);
}

CALL(pow)
{
    UNUSED_CALL;
    double x, y;
    if (!number(&args[0], &x)) return wrong(eval, node, "numbers", &args[0]);
    if (!number(&args[1], &y)) return wrong(eval, node, "numbers", &args[1]);
    *out = ggx_value_real(ggx_pow(x, y));
    return GGX_OK;
}

CALL(abs)
{
    UNUSED_CALL;
    *out = *args;
    if (args->kind == GGX_VALUE_FLOAT) {
        out->real = fabs(args->real);
    } else if (args->kind != GGX_VALUE_INT || args->integer == INT64_MIN) {
        return wrong(eval, node, "a number", args);
    } else if (args->integer < 0) {
        out->integer = -args->integer;
    }
    return GGX_OK;
}

/* min and max: of the arguments, or of one list. */
static ggx_status extreme(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint64_t count, uint32_t sign,
                          ggx_value *out)
{
    if (count == 1 && args->kind == GGX_VALUE_LIST) {
        count = args->count;
        args = args->at.items;
    }
    if (!count) return GGX_NODE_FAIL(eval, node, "%s() of an empty list", node->function->name);
    ggx_node compare = *node;
    compare.operation = sign;
    *out = args[0];
    if (count == 1) return ggx_operate(eval, &compare, &args[0], &args[0], &(ggx_value){0});
    for (uint64_t i = 1; i < count; i++) {
        ggx_value better;
        ggx_status status = ggx_operate(eval, &compare, &args[i], out, &better);
        if (status != GGX_OK) return status;
        if (better.truth) *out = args[i];
    }
    return ggx_eval_work(eval, node, count);
}

CALL(min)
{
    return extreme(eval, node, args, count, '<', out);
}

CALL(max)
{
    return extreme(eval, node, args, count, '>', out);
}

CALL(int)
{
    UNUSED_CALL;
    if (args->kind == GGX_VALUE_STR) {
        int64_t integer;
        if (!ggx_str_int(args->text, &integer))
            return ggx_value_fail(eval, node, args, "'%.*s' is not an integer",
                                  (int)(args->text.size < 60 ? args->text.size : 60), args->text.data);
        *out = ggx_value_int(integer);
        return GGX_OK;
    }
    if (args->kind == GGX_VALUE_BOOL) {
        *out = ggx_value_int(args->truth);
        return GGX_OK;
    }
    return with_number(eval, node, args, trunc, 1, out);
}

CALL(float)
{
    UNUSED_CALL;
    double x;
    if (!number(args, &x)) return wrong(eval, node, "a number", args);
    *out = ggx_value_real(x);
    return GGX_OK;
}

CALL(f32)
{
    UNUSED_CALL;
    double x;
    if (!number(args, &x)) return wrong(eval, node, "a number", args);
    *out = ggx_value_real((double)(float)x);
    return GGX_OK;
}

CALL(kind)
{
    UNUSED_CALL;
    const char *name = ggx_value_kind(args);
    *out = ggx_value_text(ggx_str_of(name));
    return GGX_OK;
}

CALL(str)
{
    UNUSED_CALL;
    char digits[40], *data;
    int n;
    *out = *args;
    if (args->kind == GGX_VALUE_STR) return GGX_OK;
    if (args->kind == GGX_VALUE_INT) {
        n = snprintf(digits, sizeof digits, "%lld", (long long)args->integer);
    } else if (args->kind == GGX_VALUE_FLOAT) {
        for (int precision = 1; precision <= 17; precision++) { /* the shortest that reads back the same */
            n = snprintf(digits, sizeof digits, "%.*g", precision, args->real);
            if (strtod(digits, NULL) == args->real) break;
        }
    } else if (args->kind == GGX_VALUE_BOOL) {
        n = snprintf(digits, sizeof digits, "%s", args->truth ? "true" : "false");
    } else {
        return wrong(eval, node, "a number, string or bool", args);
    }
    ggx_status status = ggx_eval_bytes(eval, node, (uint64_t)n, &data);
    if (status != GGX_OK) return status;
    memcpy(data, digits, (size_t)n);
    *out = ggx_value_text((ggx_str){data, (uint64_t)n});
    return GGX_OK;
}

CALL(fixed)
{
    UNUSED_CALL;
    char text[400], *data; /* DBL_MAX has 309 digits */
    double x;
    if (!number(&args[0], &x)) return wrong(eval, node, "a number", &args[0]);
    if (args[1].kind != GGX_VALUE_INT || args[1].integer < 0 || args[1].integer > 20)
        return GGX_NODE_FAIL(eval, node, "fixed() needs from 0 to 20 digits");
    int n = snprintf(text, sizeof text, "%.*f", (int)args[1].integer, x);
    ggx_status status = ggx_eval_bytes(eval, node, (uint64_t)n, &data);
    if (status != GGX_OK) return status;
    memcpy(data, text, (size_t)n);
    *out = ggx_value_text((ggx_str){data, (uint64_t)n});
    return GGX_OK;
}

/* --- lists ---------------------------------------------------------------------------------------------------------------- */

CALL(len)
{
    UNUSED_CALL;
    if (args->kind == GGX_VALUE_STR)
        *out = ggx_value_int((int64_t)args->text.size);
    else if (args->kind == GGX_VALUE_LIST)
        *out = ggx_value_int((int64_t)args->count);
    else if (args->kind == GGX_VALUE_MAP)
        *out = ggx_value_int((int64_t)args->at.map->count);
    else
        return wrong(eval, node, "a string, list or map", args);
    return GGX_OK;
}

CALL(sum)
{
    UNUSED_CALL;
    if (args->kind != GGX_VALUE_LIST) return wrong(eval, node, "a list", args);
    ggx_node add = *node;
    add.operation = '+';
    *out = ggx_value_int(0);
    for (uint64_t i = 0; i < args->count; i++) {
        double x;
        if (!number(&args->at.items[i], &x)) return wrong(eval, node, "numbers in its list", &args->at.items[i]);
        ggx_status status = ggx_operate(eval, &add, out, &args->at.items[i], out);
        if (status != GGX_OK) return status;
    }
    return ggx_eval_work(eval, node, args->count);
}

static ggx_status copy_items(ggx_eval *eval, const ggx_node *node, const ggx_value *list, ggx_value **items,
                             ggx_value *out)
{
    if (list->kind != GGX_VALUE_LIST) return wrong(eval, node, "a list", list);
    ggx_status status = ggx_eval_items(eval, node, list->count, items);
    if (status != GGX_OK) return status;
    if (list->count) memcpy(*items, list->at.items, (size_t)(list->count * sizeof **items));
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = list->count, .at.items = *items};
    return GGX_OK;
}

static int by_number(const void *left, const void *right)
{
    const ggx_value *a = left, *b = right;
    if (a->kind == GGX_VALUE_STR) return ggx_str_order(a->text, b->text);
    if (a->kind == GGX_VALUE_INT && b->kind == GGX_VALUE_INT)
        return (a->integer > b->integer) - (a->integer < b->integer);
    double x = a->kind == GGX_VALUE_INT ? (double)a->integer : a->real,
           y = b->kind == GGX_VALUE_INT ? (double)b->integer : b->real;
    return (x > y) - (x < y);
}

CALL(sort)
{
    UNUSED_CALL;
    ggx_value *items;
    ggx_status status = copy_items(eval, node, args, &items, out);
    if (status == GGX_OK) status = ggx_eval_work(eval, node, args->count * 20);
    for (uint64_t i = 0; i < out->count && status == GGX_OK; i++) {
        double x;
        int text = items[0].kind == GGX_VALUE_STR;
        if (text ? items[i].kind != GGX_VALUE_STR : !number(&items[i], &x))
            return wrong(eval, node, "a list of numbers or a list of strings", &items[i]);
    }
    if (status == GGX_OK && out->count) qsort(items, (size_t)out->count, sizeof *items, by_number);
    return status;
}

CALL(reverse)
{
    UNUSED_CALL;
    ggx_value *items;
    ggx_status status = copy_items(eval, node, args, &items, out);
    for (uint64_t i = 0, j = status == GGX_OK ? out->count : 0; i + 1 < j; i++) {
        ggx_value swap = items[--j];
        items[j] = items[i];
        items[i] = swap;
    }
    return status;
}

CALL(unique)
{
    UNUSED_CALL;
    ggx_value *items;
    ggx_status status = copy_items(eval, node, args, &items, out);
    uint64_t kept = 0;
    for (uint64_t i = 0; status == GGX_OK && i < args->count; i++) {
        uint64_t j = 0;
        while (j < kept && !ggx_value_equal(&items[j], &args->at.items[i])) j++;
        if (j == kept) items[kept++] = args->at.items[i];
        status = ggx_eval_work(eval, node, kept);
    }
    out->count = kept;
    return status;
}

CALL(flat)
{
    UNUSED_CALL;
    if (args->kind != GGX_VALUE_LIST) return wrong(eval, node, "a list", args);
    uint64_t total = 0;
    for (uint64_t i = 0; i < args->count; i++) {
        if (args->at.items[i].kind != GGX_VALUE_LIST) return wrong(eval, node, "a list of lists", &args->at.items[i]);
        total += args->at.items[i].count; /* at most 2^20 lists of at most 2^20 */
    }
    ggx_value *items;
    ggx_status status = ggx_eval_items(eval, node, total, &items);
    if (status != GGX_OK) return status;
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = total, .at.items = items};
    for (uint64_t i = 0; i < args->count; i++) {
        const ggx_value *list = &args->at.items[i];
        if (list->count) memcpy(items, list->at.items, (size_t)(list->count * sizeof *items));
        items += list->count;
    }
    return GGX_OK;
}

CALL(index)
{
    UNUSED_CALL;
    if (args->kind != GGX_VALUE_LIST) return wrong(eval, node, "a list", args);
    for (uint64_t i = 0; i < args->count; i++)
        if (ggx_value_equal(&args->at.items[i], &args[1])) {
            *out = ggx_value_int((int64_t)i);
            break;
        }
    return ggx_eval_work(eval, node, args->count);
}

CALL(keys)
{
    UNUSED_CALL;
    if (args->kind != GGX_VALUE_MAP) return wrong(eval, node, "a map", args);
    ggx_value *items;
    ggx_status status = ggx_eval_items(eval, node, args->at.map->count, &items);
    if (status != GGX_OK) return status;
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = args->at.map->count, .at.items = items};
    for (const ggx_json *at = args->at.map->first; at; at = at->next) *items++ = ggx_value_text(at->key);
    return GGX_OK;
}

/* --- text ----------------------------------------------------------------------------------------------------------------- */

static ggx_status texts(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (args[i].kind != GGX_VALUE_STR) return wrong(eval, node, "strings", &args[i]);
    return GGX_OK;
}

/* Where `part` begins in text from `at` on, or UINT64_MAX. */
static uint64_t find(ggx_str text, ggx_str part, uint64_t at)
{
    for (; at <= text.size && part.size <= text.size - at; at++)
        if (!memcmp(text.data + at, part.data, (size_t)part.size)) return at;
    return UINT64_MAX;
}

/* The characters of a text in UTF-8; a byte that belongs to none counts as one. */
static ggx_status split_characters(ggx_eval *eval, const ggx_node *node, ggx_str text, ggx_value *out)
{
    uint64_t count = 0;
    ggx_value *items;
    for (uint64_t i = 0; i < text.size; i++) count += !i || (text.data[i] & 0xc0) != 0x80;
    ggx_status status = ggx_eval_items(eval, node, count, &items);
    if (status != GGX_OK) return status;
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = count, .at.items = items};
    for (uint64_t i = 0, end; i < text.size; i = end) {
        for (end = i + 1; end < text.size && (text.data[end] & 0xc0) == 0x80;) end++;
        *items++ = ggx_value_text((ggx_str){text.data + i, end - i});
    }
    return GGX_OK;
}

CALL(split)
{
    ggx_status status = texts(eval, node, args, count);
    if (status != GGX_OK) return status;
    ggx_str text = args[0].text, separator = args[1].text;
    if (!separator.size) return split_characters(eval, node, text, out);
    uint64_t parts = 1;
    for (uint64_t at = 0; (at = find(text, separator, at)) != UINT64_MAX; at += separator.size) parts++;
    ggx_value *items;
    status = ggx_eval_items(eval, node, parts, &items);
    if (status == GGX_OK) status = ggx_eval_work(eval, node, text.size / 16);
    if (status != GGX_OK) return status;
    for (uint64_t i = 0, at = 0; i < parts; i++) {
        uint64_t end = find(text, separator, at);
        if (end == UINT64_MAX) end = text.size;
        items[i] = ggx_value_text((ggx_str){text.data + at, end - at});
        at = end + separator.size;
    }
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = parts, .at.items = items};
    return GGX_OK;
}

/* Each character that is none of `keep`, which is ASCII, becomes `instead`; a character of several bytes counts once. */
CALL(only)
{
    ggx_status status = texts(eval, node, args, count);
    if (status != GGX_OK) return status;
    ggx_str text = args[0].text, keep = args[1].text, instead = args[2].text;
    uint64_t size = 0;
    char *data;
    if (instead.size > 1) return GGX_NODE_FAIL(eval, node, "only() puts one byte or none instead of another");
    status = ggx_eval_bytes(eval, node, text.size, &data);
    for (uint64_t i = 0; i < text.size && status == GGX_OK; i++) {
        const uint8_t byte = (uint8_t)text.data[i];
        if (byte < 0x80 && keep.size && memchr(keep.data, byte, (size_t)keep.size))
            data[size++] = text.data[i];
        else if (instead.size && (byte & 0xc0) != 0x80)
            data[size++] = instead.data[0];
    }
    if (status == GGX_OK) *out = ggx_value_text((ggx_str){data, size});
    return status;
}

static ggx_status join_texts(ggx_eval *eval, const ggx_node *node, const ggx_value *list, ggx_str separator,
                             ggx_value *out)
{
    uint64_t size = 0;
    for (uint64_t i = 0; i < list->count; i++) {
        if (list->at.items[i].kind != GGX_VALUE_STR) return wrong(eval, node, "a list of strings", &list->at.items[i]);
        size += list->at.items[i].text.size + (i ? separator.size : 0);
    }
    char *data;
    ggx_status status = ggx_eval_bytes(eval, node, size, &data);
    if (status == GGX_OK) status = ggx_eval_work(eval, node, list->count);
    if (status != GGX_OK) return status;
    *out = ggx_value_text((ggx_str){data, size});
    for (uint64_t i = 0; i < list->count; i++) {
        ggx_str part = list->at.items[i].text;
        if (i && separator.size) memcpy(data, separator.data, (size_t)separator.size);
        data += i ? separator.size : 0;
        if (part.size) memcpy(data, part.data, (size_t)part.size);
        data += part.size;
    }
    return GGX_OK;
}

CALL(join)
{
    UNUSED_CALL;
    if (args[0].kind != GGX_VALUE_LIST) return wrong(eval, node, "a list", &args[0]);
    if (args[1].kind != GGX_VALUE_STR) return wrong(eval, node, "a string between", &args[1]);
    return join_texts(eval, node, &args[0], args[1].text, out);
}

CALL(replace)
{
    ggx_value parts;
    ggx_status status = texts(eval, node, args, count);
    if (status == GGX_OK) status = call_split(eval, node, args, 2, &parts);
    return status == GGX_OK ? join_texts(eval, node, &parts, args[2].text, out) : status;
}

static ggx_status recase(ggx_eval *eval, const ggx_node *node, const ggx_value *args, char first, ggx_value *out)
{
    char *data;
    ggx_status status = texts(eval, node, args, 1);
    if (status == GGX_OK) status = ggx_eval_bytes(eval, node, args->text.size, &data);
    if (status != GGX_OK) return status;
    for (uint64_t i = 0; i < args->text.size; i++) {
        char c = args->text.data[i];
        data[i] = c >= first && c < first + 26 ? (char)(c ^ 0x20) : c;
    }
    *out = ggx_value_text((ggx_str){data, args->text.size});
    return GGX_OK;
}

CALL(lower)
{
    UNUSED_CALL;
    return recase(eval, node, args, 'A', out);
}

CALL(upper)
{
    UNUSED_CALL;
    return recase(eval, node, args, 'a', out);
}

CALL(starts)
{
    ggx_status status = texts(eval, node, args, count);
    if (status == GGX_OK) *out = ggx_value_bool(ggx_str_begins(args[0].text, args[1].text));
    return status;
}

CALL(ends)
{
    ggx_status status = texts(eval, node, args, count);
    if (status == GGX_OK) *out = ggx_value_bool(ggx_str_ends(args[0].text, args[1].text));
    return status;
}

CALL(like)
{
    ggx_status status = texts(eval, node, args, count);
    if (status == GGX_OK) *out = ggx_value_bool(ggx_str_glob(args[0].text, args[1].text));
    return status == GGX_OK ? ggx_eval_work(eval, node, args[0].text.size / 16) : status;
}

/* As C's sscanf reads %d: blanks, a sign, digits, whatever follows; an int keeps the low 32 bits. */
CALL(leading_int)
{
    UNUSED_CALL;
    ggx_status status = texts(eval, node, args, 1);
    if (status != GGX_OK) return status;
    const ggx_str s = args->text;
    uint64_t i = 0, value = 0;
    while (i < s.size && (s.data[i] == ' ' || (s.data[i] >= '\t' && s.data[i] <= '\r'))) i++;
    const int negative = i < s.size && s.data[i] == '-';
    if (i < s.size && (negative || s.data[i] == '+')) i++;
    const uint64_t first = i, limit = (uint64_t)INT64_MAX + (uint64_t)negative;
    for (; i < s.size && s.data[i] >= '0' && s.data[i] <= '9'; i++) {
        const uint64_t digit = (uint64_t)(s.data[i] - '0');
        value = value > (limit - digit) / 10 ? limit : value * 10 + digit;
    }
    const uint32_t low = (uint32_t)(negative ? 0u - value : value);
    if (i > first) *out = ggx_value_int(low > INT32_MAX ? (int64_t)low - ((int64_t)1 << 32) : (int64_t)low);
    return GGX_OK;
}

CALL(error)
{
    UNUSED_CALL;
    ggx_status status = texts(eval, node, args, 1);
    return status == GGX_OK ? GGX_NODE_FAIL(eval, node, "%.*s", (int)(args->text.size < 200 ? args->text.size : 200),
                                            args->text.data)
                            : status;
}

const ggx_function ggx_pure_functions[] = {
    {"abs", 1, 1, call_abs},         {"ceil", 1, 1, call_ceil},
    {"ends", 2, 2, call_ends},       {"error", 1, 1, call_error},
    {"exp", 1, 1, call_exp},         {"f32", 1, 1, call_f32},
    {"fixed", 2, 2, call_fixed},     {"flat", 1, 1, call_flat},
    {"float", 1, 1, call_float},     {"floor", 1, 1, call_floor},
    {"index", 2, 2, call_index},     {"int", 1, 1, call_int},
    {"join", 2, 2, call_join},       {"keys", 1, 1, call_keys},
    {"kind", 1, 1, call_kind},       {"leading_int", 1, 1, call_leading_int},
    {"len", 1, 1, call_len},         {"like", 2, 2, call_like},
    {"log", 1, 1, call_log},         {"lower", 1, 1, call_lower},
    {"max", 1, 64, call_max},        {"min", 1, 64, call_min},
    {"only", 3, 3, call_only},       {"pow", 2, 2, call_pow},
    {"replace", 3, 3, call_replace}, {"reverse", 1, 1, call_reverse},
    {"round", 1, 1, call_round},     {"sort", 1, 1, call_sort},
    {"split", 2, 2, call_split},     {"sqrt", 1, 1, call_sqrt},
    {"starts", 2, 2, call_starts},   {"str", 1, 1, call_str},
    {"sum", 1, 1, call_sum},         {"unique", 1, 1, call_unique},
    {"upper", 1, 1, call_upper},     {NULL, 0, 0, NULL},
};
