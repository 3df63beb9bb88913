/* yaml_scalar.c - what a scalar without quotes is: the implicit types of YAML 1.1 as PyYAML's resolver.py (MIT) writes them as regular
 * expressions, and the numbers as its constructor.py reads them. */
#include "base/text.h"
#include "base/yaml.h"
#include <math.h>
#include <stdlib.h>

#define NUMBER_MOST 64u /* longer ones are taken as text: nobody writes them */

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_one_of(ggx_str text, const char *const *words)
{
    for (; *words; words++)
        if (ggx_str_same(text, ggx_str_of(*words))) return 1;
    return 0;
}

/* Behind characters of the set. */
static const char *skip(const char *at, const char *set)
{
    while (*at && strchr(set, *at)) at++;
    return at;
}

#define DECIMAL "0123456789_"

/* (:[0-5]?[0-9])+ - NULL when there is none. */
static const char *skip_sixties(const char *at)
{
    if (*at != ':') return NULL;
    while (*at == ':') {
        if (!is_digit(at[1])) return NULL;
        at += at[1] <= '5' && is_digit(at[2]) ? 3 : 2;
    }
    return at;
}

/* [-+]?0b[0-1_]+ | [-+]?0[0-7_]+ | [-+]?(0|[1-9][0-9_]*) | [-+]?0x[0-9a-fA-F_]+ | [-+]?[1-9][0-9_]*(:[0-5]?[0-9])+
 * Gives the base, 60 for the last; 0: no integer. */
static int integer_base(const char *at)
{
    at += *at == '-' || *at == '+';
    if (at[0] == '0' && at[1] == 'b') return at[2] && !*skip(at + 2, "01_") ? 2 : 0;
    if (at[0] == '0' && at[1] == 'x') return at[2] && !*skip(at + 2, "0123456789abcdefABCDEF_") ? 16 : 0;
    if (at[0] == '0') return at[1] ? !*skip(at + 1, "01234567_") ? 8 : 0 : 10;
    if (!is_digit(*at)) return 0;
    at = skip(at, DECIMAL);
    if (!*at) return 10;
    at = skip_sixties(at);
    return at && !*at ? 60 : 0;
}

/* [eE][-+][0-9]+ or nothing, and the end. */
static int ends_with_exponent(const char *at)
{
    if (!*at) return 1;
    if ((*at != 'e' && *at != 'E') || (at[1] != '-' && at[1] != '+') || !is_digit(at[2])) return 0;
    return !*skip(at + 2, "0123456789");
}

/* [-+]?[0-9][0-9_]*\.[0-9_]*(exponent)? | \.[0-9][0-9_]*(exponent)? | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]* */
static int is_float(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    if (*at == '.') return at == text && is_digit(at[1]) && ends_with_exponent(skip(at + 1, DECIMAL));
    if (!is_digit(*at)) return 0;
    at = skip(at, DECIMAL);
    if (*at == '.') return ends_with_exponent(skip(at + 1, DECIMAL));
    at = skip_sixties(at);
    return at && *at == '.' && !*skip(at + 1, DECIMAL);
}

/* Behind from `least` to `most` digits; NULL: there are fewer. */
static const char *skip_digits(const char *at, int least, int most)
{
    int n = 0;
    while (at && n < most && is_digit(at[n])) n++;
    return at && n >= least ? at + n : NULL;
}

static const char *skip_char(const char *at, char c)
{
    return at && *at == c ? at + 1 : NULL;
}

/* [0-9]{4}-[0-9]{2}-[0-9]{2} | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?
 * ([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))? */
static int is_date(const char *text)
{
    const char *at = skip_char(skip_digits(text, 4, 4), '-'), *day;
    at = skip_digits(skip_char(skip_digits(at, 1, 2), '-'), 1, 2);
    if (!at) return 0;
    if (!*at) return at - text == 10;
    day = at;
    at = *at == 'T' || *at == 't' ? at + 1 : skip(at, " \t");
    if (at == day) return 0;
    at = skip_char(skip_digits(at, 1, 2), ':');
    at = skip_digits(skip_char(skip_digits(at, 2, 2), ':'), 2, 2);
    if (at && *at == '.') at = skip(at + 1, "0123456789");
    if (!at || !*at) return at != NULL;
    at = skip(at, " \t");
    if (*at == 'Z') return !at[1];
    at = *at == '-' || *at == '+' ? skip_digits(at + 1, 1, 2) : NULL;
    if (at && *at == ':') at = skip_digits(at + 1, 2, 2);
    return at && !*at;
}

/* Digits of the base without their underlines; sixties by colons. */
static double read_digits(const char *at, int base)
{
    double whole = 0, part = 0;
    for (; *at; at++) {
        int digit = is_digit(*at) ? *at - '0' : (*at | 0x20) - 'a' + 10;
        if (*at == ':') {
            whole = 60 * (whole + part);
            part = 0;
        } else if (*at != '_') {
            part = (base == 60 ? 10 : base) * part + digit;
        }
    }
    return whole + part;
}

static double read_float(const char *text)
{
    char plain[NUMBER_MOST];
    size_t n = 0;
    const char *colon = strrchr(text, ':');
    for (const char *at = colon ? colon + 1 : text; *at; at++)
        if (*at != '_') plain[n++] = *at;
    plain[n] = 0;
    double value = strtod(plain, NULL);
    if (!colon) return value;
    n = (size_t)(colon - text);
    memcpy(plain, text, n);
    plain[n] = 0;
    return 60 * read_digits(plain + (*plain == '-' || *plain == '+'), 60) + value; /* the sign: the caller's */
}

uint32_t ggx_yaml_scalar(ggx_str text, ggx_json *out)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const truths[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    static const char *const lies[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    static const char *const infinities[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
    static const char *const depths[] = {"-.inf", "-.Inf", "-.INF", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    if (is_one_of(text, nulls)) return GGX_JSON_NULL;
    if (is_one_of(text, truths)) return GGX_JSON_TRUE;
    if (is_one_of(text, lies)) return GGX_JSON_FALSE;
    out->real = is_one_of(text, infinities) ? (double)INFINITY
                : is_one_of(text, depths)   ? -(double)INFINITY
                : is_one_of(text, nans)     ? (double)NAN
                                            : 0;
    if (out->real != 0) return GGX_JSON_REAL;
    char digits[NUMBER_MOST];
    if (text.size >= sizeof digits || !strchr("+-.0123456789", text.data[0]) || memchr(text.data, 0, (size_t)text.size))
        return GGX_JSON_STRING;
    memcpy(digits, text.data, (size_t)text.size);
    digits[text.size] = 0;
    const char *unsigned_digits = digits + (*digits == '-' || *digits == '+');
    double sign = *digits == '-' ? -1 : 1;
    if (is_float(digits)) {
        out->real = sign * fabs(read_float(digits));
        return GGX_JSON_REAL;
    }
    if (is_date(digits)) return GGX_JSON_OBJECT;
    int base = integer_base(digits);
    if (!base) return GGX_JSON_STRING;
    out->real = sign * read_digits(unsigned_digits + (base == 2 || base == 16 ? 2 : 0), base);
    if (fabs(out->real) >= 9007199254740992.0) return GGX_JSON_REAL; /* what a double counts exactly */
    out->integer = (int64_t)out->real;
    return GGX_JSON_INT;
}
