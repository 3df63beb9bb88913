/* operate.c - operators on values: checked integer arithmetic, comparison, equality. */
#include "base/text.h"
#include "recipe/value.h"
#include <math.h>

ggx_value ggx_value_int(int64_t integer)
{
    return (ggx_value){.kind = GGX_VALUE_INT, .integer = integer};
}

ggx_value ggx_value_real(double real)
{
    return (ggx_value){.kind = GGX_VALUE_FLOAT, .real = real};
}

ggx_value ggx_value_bool(int truth)
{
    return (ggx_value){.kind = GGX_VALUE_BOOL, .truth = truth};
}

ggx_value ggx_value_text(ggx_str text)
{
    return (ggx_value){.kind = GGX_VALUE_STR, .text = text};
}

const char *ggx_value_kind(const ggx_value *value)
{
    static const char *const names[] = {"null", "bool", "int", "float", "string", "list", "map"};
    return names[value->kind];
}

int ggx_value_position(const ggx_value *index, uint64_t count, uint64_t *out)
{
    int64_t i = index->integer;
    if (index->kind != GGX_VALUE_INT || count > INT64_MAX) return 0;
    if (i < 0) i += (int64_t)count;
    if (i < 0 || (uint64_t)i >= count) return 0;
    *out = (uint64_t)i;
    return 1;
}

static int is_number(const ggx_value *v)
{
    return v->kind == GGX_VALUE_INT || v->kind == GGX_VALUE_FLOAT;
}

static double real_of(const ggx_value *v)
{
    return v->kind == GGX_VALUE_INT ? (double)v->integer : v->real;
}

/* An integer and a float by value: a conversion of the integer could round. Returns -1, 0, 1, or 2 for NaN. */
static int order_mixed(int64_t integer, double real)
{
    if (isnan(real)) return 2;
    if (real >= 9223372036854775808.0) return -1;
    if (real < -9223372036854775808.0) return 1;
    int64_t whole = (int64_t)real;
    if (integer != whole) return integer < whole ? -1 : 1;
    double rest = real - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static int order_numbers(const ggx_value *a, const ggx_value *b)
{
    if (a->kind == GGX_VALUE_INT && b->kind == GGX_VALUE_INT)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->kind == GGX_VALUE_INT) return order_mixed(a->integer, b->real);
    if (b->kind == GGX_VALUE_INT) {
        int order = order_mixed(b->integer, a->real);
        return order == 2 ? 2 : -order;
    }
    if (isnan(a->real) || isnan(b->real)) return 2;
    return (a->real > b->real) - (a->real < b->real);
}

/* The depth of lists is bounded: the JSON tree's and the expressions' own. */
int ggx_value_equal(const ggx_value *a, const ggx_value *b)
{
    if (is_number(a) && is_number(b)) return order_numbers(a, b) == 0;
    if (a->kind != b->kind) return 0;
    switch (a->kind) {
    case GGX_VALUE_NULL: return 1;
    case GGX_VALUE_BOOL: return a->truth == b->truth;
    case GGX_VALUE_STR: return ggx_str_same(a->text, b->text);
    case GGX_VALUE_MAP: return a->at.map == b->at.map;
    default: break;
    }
    if (a->count != b->count) return 0;
    for (uint64_t i = 0; i < a->count; i++)
        if (!ggx_value_equal(&a->at.items[i], &b->at.items[i])) return 0;
    return 1;
}

/* The one of two values that a message is about: the first that is no number and comes from a file, else the first from a file. */
static const ggx_value *given(const ggx_value *a, const ggx_value *b)
{
    if (a->json && (!is_number(a) || !b->json || is_number(b))) return a;
    return b->json ? b : a;
}

static ggx_status overflow(ggx_eval *eval, const ggx_node *node, const ggx_value *of)
{
    return ggx_value_fail(eval, node, of, "the result does not fit 64 bits; convert with float() first");
}

static ggx_status divide(ggx_eval *eval, const ggx_node *node, const ggx_value *of, int64_t a, int64_t b,
                         ggx_value *out)
{
    if (!b) return ggx_value_fail(eval, node, of, "%lld is divided by zero", (long long)a);
    if (a == INT64_MIN && b == -1) return overflow(eval, node, of);
    int64_t quotient = a / b, rest = a % b;
    if (node->operation == '/') {
        if (rest)
            return ggx_value_fail(eval, node, of, "%lld / %lld is not whole; use // to round down, or float()",
                                  (long long)a, (long long)b);
    } else if (rest && (rest < 0) != (b < 0)) { /* towards minus infinity, as in Python */
        quotient--;
        rest += b;
    }
    *out = ggx_value_int(node->operation == '%' ? rest : quotient);
    return GGX_OK;
}

static ggx_status integers(ggx_eval *eval, const ggx_node *node, const ggx_value *of, int64_t a, int64_t b,
                           ggx_value *out)
{
    int64_t result = 0;
    int fits = 1;
    switch (node->operation) {
    case '+':
        fits = !((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b));
        result = fits ? a + b : 0;
        break;
    case '-':
        fits = !((b < 0 && a > INT64_MAX + b) || (b > 0 && a < INT64_MIN + b));
        result = fits ? a - b : 0;
        break;
    case '*':
        if (a && b) {
            uint64_t left = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, right = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
            uint64_t limit = (uint64_t)INT64_MAX + ((a < 0) != (b < 0));
            fits = left <= limit / right;
            if (fits) result = (a < 0) != (b < 0) ? (int64_t)(0 - left * right) : (int64_t)(left * right);
        }
        break;
    default: return divide(eval, node, of, a, b, out);
    }
    if (!fits) return overflow(eval, node, of);
    *out = ggx_value_int(result);
    return GGX_OK;
}

static ggx_status reals(ggx_eval *eval, const ggx_node *node, const ggx_value *of, double a, double b, ggx_value *out)
{
    switch (node->operation) {
    case '+': *out = ggx_value_real(a + b); return GGX_OK;
    case '-': *out = ggx_value_real(a - b); return GGX_OK;
    case '*': *out = ggx_value_real(a * b); return GGX_OK;
    default: break;
    }
    if (b == 0) return ggx_value_fail(eval, node, of, "a number is divided by zero");
    if (node->operation == '/') {
        *out = ggx_value_real(a / b);
    } else if (node->operation == GGX_SIGN_FLOOR_DIVIDE) {
        *out = ggx_value_real(floor(a / b));
    } else {
        double rest = fmod(a, b);
        *out = ggx_value_real(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
    return GGX_OK;
}

static ggx_status join(ggx_eval *eval, const ggx_node *node, const ggx_value *a, const ggx_value *b, ggx_value *out)
{
    if (a->kind == GGX_VALUE_STR) {
        char *data;
        ggx_status status = ggx_eval_bytes(eval, node, a->text.size + b->text.size, &data);
        if (status != GGX_OK) return status;
        if (a->text.size) memcpy(data, a->text.data, (size_t)a->text.size);
        if (b->text.size) memcpy(data + a->text.size, b->text.data, (size_t)b->text.size);
        *out = ggx_value_text((ggx_str){data, a->text.size + b->text.size});
        return GGX_OK;
    }
    ggx_value *items;
    ggx_status status = ggx_eval_items(eval, node, a->count + b->count, &items);
    if (status != GGX_OK) return status;
    if (a->count) memcpy(items, a->at.items, (size_t)(a->count * sizeof *items));
    if (b->count) memcpy(items + a->count, b->at.items, (size_t)(b->count * sizeof *items));
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = a->count + b->count, .at.items = items};
    return GGX_OK;
}

static ggx_status compare(ggx_eval *eval, const ggx_node *node, const ggx_value *a, const ggx_value *b, ggx_value *out)
{
    int order;
    if (is_number(a) && is_number(b)) {
        order = order_numbers(a, b);
    } else if (a->kind == GGX_VALUE_STR && b->kind == GGX_VALUE_STR) {
        order = ggx_str_order(a->text, b->text); /* of any size */
        order = (order > 0) - (order < 0);
    } else {
        return ggx_value_fail(eval, node, given(a, b),
                              "%s and %s cannot be ordered; numbers with numbers and strings with strings can",
                              ggx_value_kind(a), ggx_value_kind(b));
    }
    switch (node->operation) {
    case '<': *out = ggx_value_bool(order < 0); break;
    case '>': *out = ggx_value_bool(order == 1); break;
    case GGX_SIGN_AT_MOST: *out = ggx_value_bool(order <= 0); break;
    default: *out = ggx_value_bool(order == 0 || order == 1); break; /* 2: a NaN has no order */
    }
    return GGX_OK;
}

static ggx_status contains(ggx_eval *eval, const ggx_node *node, const ggx_value *a, const ggx_value *b, ggx_value *out)
{
    *out = ggx_value_bool(0);
    if (b->kind == GGX_VALUE_MAP && a->kind == GGX_VALUE_STR) {
        *out = ggx_value_bool(ggx_json_get_str(b->at.map, a->text) != NULL);
        return ggx_eval_work(eval, node, b->at.map->count);
    }
    if (b->kind != GGX_VALUE_LIST)
        return ggx_value_fail(eval, node, given(b, a), "'in' needs a list, or a string and a map, not %s and %s",
                              ggx_value_kind(a), ggx_value_kind(b));
    for (uint64_t i = 0; i < b->count && !out->truth; i++) out->truth = ggx_value_equal(a, &b->at.items[i]);
    return ggx_eval_work(eval, node, b->count);
}

static ggx_status range(ggx_eval *eval, const ggx_node *node, const ggx_value *a, const ggx_value *b, ggx_value *out)
{
    if (a->kind != GGX_VALUE_INT || b->kind != GGX_VALUE_INT)
        return ggx_value_fail(eval, node, given(b, a), "a range goes from an int to an int, not from %s to %s",
                              ggx_value_kind(a), ggx_value_kind(b));
    uint64_t count = a->integer < b->integer ? (uint64_t)b->integer - (uint64_t)a->integer : 0;
    ggx_value *items;
    if (count > GGX_EVAL_ITEMS)
        return ggx_value_fail(eval, node, given(b, a), "a list of %llu elements; at most %u are allowed",
                              (unsigned long long)count, GGX_EVAL_ITEMS);
    ggx_status status = ggx_eval_items(eval, node, count, &items);
    if (status != GGX_OK) return status;
    for (uint64_t i = 0; i < count; i++) items[i] = ggx_value_int(a->integer + (int64_t)i);
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = count, .at.items = items};
    return GGX_OK;
}

/* The operator as it is written, for messages. */
static const char *operator_text(uint32_t operation)
{
    static const char *const texts[][2] = {{"+", "+"}, {"-", "-"}, {"*", "*"}, {"/", "/"}, {"%", "%"}, {"f", "//"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if ((uint32_t)texts[i][0][0] == operation) return texts[i][1];
    return "?";
}

ggx_status ggx_operate(ggx_eval *eval, const ggx_node *node, const ggx_value *a, const ggx_value *b, ggx_value *out)
{
    switch (node->operation) {
    case GGX_SIGN_EQUAL: *out = ggx_value_bool(ggx_value_equal(a, b)); return ggx_eval_work(eval, node, a->count);
    case GGX_SIGN_UNEQUAL: *out = ggx_value_bool(!ggx_value_equal(a, b)); return ggx_eval_work(eval, node, a->count);
    case '<':
    case '>':
    case GGX_SIGN_AT_MOST:
    case GGX_SIGN_AT_LEAST: return compare(eval, node, a, b, out);
    case GGX_SIGN_IN: return contains(eval, node, a, b, out);
    case GGX_SIGN_RANGE: return range(eval, node, a, b, out);
    default: break;
    }
    if (is_number(a) && is_number(b)) {
        const ggx_value *of = b->json ? b : a;
        const ggx_json *only = !a->json ? b->json : !b->json ? a->json : NULL;
        ggx_status status = a->kind == GGX_VALUE_INT && b->kind == GGX_VALUE_INT
                                ? integers(eval, node, of, a->integer, b->integer, out)
                                : reals(eval, node, of, real_of(a), real_of(b), out);
        out->json = only; /* what is computed from one key is told of that key */
        return status;
    }
    if (node->operation == '+' && a->kind == b->kind && (a->kind == GGX_VALUE_STR || a->kind == GGX_VALUE_LIST))
        return join(eval, node, a, b, out);
    return ggx_value_fail(eval, node, given(a, b), "%s %s %s has no meaning", ggx_value_kind(a),
                          operator_text(node->operation), ggx_value_kind(b));
}
