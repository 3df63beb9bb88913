/* math.c - exp, log and pow by series in double-double arithmetic (T. J. Dekker, "A floating-point technique for extending the
 * available precision", 1971): a value is the unevaluated sum of two doubles, about 104 bits. Built with -ffp-contract=off. */
#include "base/math.h"
#include <float.h>
#include <ggx/base.h>
#include <math.h>
#include <string.h>

GGX_STATIC_ASSERT(FLT_EVAL_METHOD == 0, "double arithmetic rounds to double");

typedef struct wide {
    double hi, lo;
} wide;

/* ln 2 in parts; a product of the first two with an integer below 2^21 is exact. */
static const double ln2_a = 0x1.62e42feep-1, ln2_b = 0x1.a39ef356p-33, ln2_c = 0x1.93c7673007e5fp-65;

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^k for a normal result. */
static double power_of_two(int k)
{
    return of_bits((uint64_t)(k + 1023) << 52);
}

/* Needs |a| >= |b|. */
static wide sum_ordered(double a, double b)
{
    double s = a + b;
    return (wide){s, b - (s - a)};
}

static wide sum(double a, double b)
{
    double s = a + b, t = s - a;
    return (wide){s, (a - (s - t)) + (b - t)};
}

static wide product(double a, double b)
{
    double p = a * b, split = 134217729.0; /* 2^27 + 1 */
    double ah = a * split, bh = b * split;
    ah = ah - (ah - a);
    bh = bh - (bh - b);
    double al = a - ah, bl = b - bh;
    return (wide){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static wide add(wide a, wide b)
{
    wide s = sum(a.hi, b.hi), t = sum(a.lo, b.lo);
    s = sum_ordered(s.hi, s.lo + t.hi);
    return sum_ordered(s.hi, s.lo + t.lo);
}

static wide multiply(wide a, wide b)
{
    wide p = product(a.hi, b.hi);
    return sum_ordered(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static wide divide(wide a, wide b)
{
    double q = a.hi / b.hi;
    wide p = product(q, b.hi);
    double rest = (((a.hi - p.hi) - p.lo) + a.lo - q * b.lo) / b.hi;
    return sum_ordered(q, rest);
}

/* e^x as a wide value in (0.7, 1.42) times 2^*k. |x| < 2^20. */
static wide exp_wide(wide x, int *k)
{
    *k = (int)(x.hi * 1.4426950408889634 + (x.hi < 0 ? -0.5 : 0.5));
    double n = *k;
    wide r = add(sum(x.hi - n * ln2_a, -n * ln2_b), sum(x.lo, -n * ln2_c));
    wide e = {1, 0};
    for (int i = 27; i > 0; i--) /* 0.35^28 / 28! < 2^-140 */
        e = add((wide){1, 0}, multiply(r, divide(e, (wide){i, 0})));
    return e;
}

/* ln x for a positive finite x, by 2 atanh((m - 1) / (m + 1)) with x = m 2^k and m within a factor √2 of 1. */
static wide log_wide(double x)
{
    int k = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    uint64_t bits = bits_of(x);
    k += (int)(bits >> 52) - 1023;
    double m = of_bits((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        k++;
    }
    wide s = divide((wide){m - 1, 0}, sum(m, 1)), square = multiply(s, s), series = {0, 0};
    for (int i = 43; i > 0; i -= 2) /* 0.172^44 < 2^-111 */
        series = add(divide((wide){1, 0}, (wide){i, 0}), multiply(square, series));
    wide part = multiply((wide){2 * s.hi, 2 * s.lo}, series);
    double n = k;
    return add(add(sum_ordered(n * ln2_a, n * ln2_b), (wide){n * ln2_c, 0}), part);
}

/* e^x rounded to double. */
static double exp_rounded(wide x)
{
    if (x.hi > 710) return INFINITY;
    if (x.hi < -746) return 0;
    int k;
    wide e = exp_wide(x, &k);
    double y = e.hi + e.lo;
    if (k > 1000) return y * 0x1p1000 * power_of_two(k - 1000);
    if (k < -1000) return y * 0x1p-1000 * power_of_two(k + 1000);
    return y * power_of_two(k);
}

double ggx_exp(double x)
{
    if (x != x) return x;
    if (x > 710) return INFINITY;
    if (x < -746) return 0;
    return exp_rounded((wide){x, 0});
}

double ggx_log(double x)
{
    if (x != x || x == INFINITY) return x;
    if (x < 0) return of_bits(0x7ff8000000000000u);
    if (x == 0) return -INFINITY;
    wide y = log_wide(x);
    return y.hi + y.lo;
}

/* 0: no integer, 1: odd, 2: even. */
static int integer_parity(double y)
{
    double size = y < 0 ? -y : y;
    if (size >= 0x1p53) return 2;
    uint64_t whole = (uint64_t)size;
    if ((double)whole != size) return 0;
    return whole & 1 ? 1 : 2;
}

/* |x|^y for y other than 0, and x neither 1 nor NaN. */
static double pow_positive(double x, double y)
{
    int grows = (x > 1) == (y > 0);
    if (x == 0 || x == INFINITY || y > 1e20 || y < -1e20) return grows ? INFINITY : 0; /* |ln x| > 2^-54, so e^±5000 */
    if (y > -1e-20 && y < 1e-20) return 1;                                             /* |ln x| < 746 */
    wide log = log_wide(x);
    wide p = multiply(log, (wide){y, 0});
    return exp_rounded(p);
}

double ggx_pow(double x, double y)
{
    if (y == 0 || x == 1) return 1;
    if (x != x) return x;
    if (y != y) return y;
    int parity = integer_parity(y), negative = (int)(bits_of(x) >> 63);
    if (x == -1) return parity == 1 ? -1 : parity ? 1 : of_bits(0x7ff8000000000000u);
    if (negative && !parity && x != 0 && x != -INFINITY) return of_bits(0x7ff8000000000000u);
    double result = pow_positive(negative ? -x : x, y);
    return negative && parity == 1 ? -result : result;
}

/* Rounds the exact sum hi + lo > 0 to float. Only the last bit of a double can stand between it and a float's tie, so it is made
 * odd whenever something lies beyond it ("round to odd"), and the conversion rounds once. */
static float round_to_float(wide x)
{
    uint64_t bits = bits_of(x.hi);
    if (x.lo != 0 && !(bits & 1)) bits = x.lo > 0 ? bits | 1 : bits - 1;
    return (float)of_bits(bits);
}

float ggx_expf(float x)
{
    if (x != x) return x;
    if (x > 89) return INFINITY;
    if (x < -104) return 0;
    if (x > -0x1p-26f && x < 0x1p-26f) return 1;
    double wide_x = x, n = (int)(wide_x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    double r = (wide_x - n * ln2_a) - n * ln2_b;
    double e = 1.0 / 6227020800;
    static const double factors[] = {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                                     1.0 / 40320,     1.0 / 5040,     1.0 / 720,     1.0 / 120,
                                     1.0 / 24,        1.0 / 6,        0.5,           1};
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) e = e * r + factors[i];
    double scale = power_of_two((int)n);
    float low = (float)((1 + (e * r - 0x1p-50)) * scale), high = (float)((1 + (e * r + 0x1p-50)) * scale);
    if (low == high) return low;
    int k; /* too near to a tie for plain doubles */
    wide exact = exp_wide((wide){wide_x, 0}, &k);
    scale = power_of_two(k);
    return round_to_float((wide){exact.hi * scale, exact.lo * scale});
}
