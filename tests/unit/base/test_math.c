/* exp, log, pow and expf against the C library's long double functions, and against fixed bits that every machine must give. */
#include "base/math.h"
#include "unit.h"
#include <float.h>
#include <math.h>

/* Half an ulp, and what the reference itself is wrong by: the C library's 64-bit significand errs by up to 2 of its own ulp. */
#define MAX_ULP (0.5 + 0x1p-9)

static uint64_t state = 1;

static uint64_t next_random(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state ^ (state >> 33);
}

/* Uniform in [low, high). */
static double random_between(double low, double high)
{
    return low + (high - low) * ((double)(next_random() >> 11) * 0x1p-53);
}

static double ulp_error(double got, long double want)
{
    double size = fabs(got);
    if (got == (double)want && isinf(got)) return 0;
    if (size < DBL_MIN) return (double)(fabsl((long double)got - want) / 0x1p-1074L);
    return (double)(fabsl((long double)got - want) / (long double)(nextafter(size, INFINITY) - size));
}

static void exp_is_within_half_an_ulp(void **unused)
{
    (void)unused;
    double worst = 0;
    for (int i = 0; i < 100000; i++) {
        double x = i % 2 ? random_between(-708, 709) : random_between(-1, 1);
        double error = ulp_error(ggx_exp(x), expl((long double)x));
        if (error > worst) worst = error;
    }
    if (LDBL_MANT_DIG > 53) assert_true(worst <= MAX_ULP);
    for (int i = 0; i < 10000; i++) {
        double x = random_between(-745, -708);
        assert_true(ulp_error(ggx_exp(x), expl((long double)x)) <= 1);
    }
}

static void log_is_within_half_an_ulp(void **unused)
{
    (void)unused;
    double worst = 0;
    for (int i = 0; i < 100000; i++) {
        double x = i % 3 == 0   ? random_between(0.5, 2)
                   : i % 3 == 1 ? random_between(0, 1e300)
                                : random_between(0, 1e-300);
        if (x == 0) continue;
        double error = ulp_error(ggx_log(x), logl((long double)x));
        if (error > worst) worst = error;
    }
    for (double d = 0x1p-52; d < 0.1; d *= 1.7) { /* where ln x is close to 0 */
        double error = ulp_error(ggx_log(1 + d), logl((long double)(1 + d)));
        if (error > worst) worst = error;
        error = ulp_error(ggx_log(1 - d), logl((long double)(1 - d)));
        if (error > worst) worst = error;
    }
    if (LDBL_MANT_DIG > 53) assert_true(worst <= MAX_ULP);
}

static void pow_is_within_half_an_ulp(void **unused)
{
    (void)unused;
    double worst = 0;
    for (int i = 0; i < 100000; i++) {
        double x = random_between(0, i % 2 ? 2 : 20000), y = random_between(-50, 50);
        long double want = powl((long double)x, (long double)y);
        if (!(want > DBL_MIN && want < DBL_MAX)) continue;
        double error = ulp_error(ggx_pow(x, y), want);
        if (error > worst) worst = error;
    }
    if (LDBL_MANT_DIG > 53) assert_true(worst <= MAX_ULP);
}

static void pow_of_whole_numbers_is_exact(void **unused)
{
    (void)unused;
    for (int base = 2; base <= 31; base++) {
        double exact = 1;
        for (int power = 1; exact * base < 0x1p53; power++) {
            exact *= base;
            assert_true(ggx_pow(base, power) == exact);
            assert_true(ggx_pow(-base, power) == (power % 2 ? -exact : exact));
            assert_true(ggx_pow(1.0 / (double)(1u << (base % 20)), power) == ldexp(1, -(base % 20) * power));
        }
    }
}

static void expf_is_rounded_correctly(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 1000000; i++) {
        uint32_t bits = i * 4289u + (uint32_t)(next_random() & 4095);
        float x, got;
        memcpy(&x, &bits, sizeof x);
        got = ggx_expf(x);
        if (isnan(x)) {
            assert_memory_equal(&got, &x, sizeof x);
            continue;
        }
        long double want = expl((long double)x);
        if ((float)want != (float)(want * (1 + 0x1p-58L)) || (float)want != (float)(want * (1 - 0x1p-58L))) continue;
        if (got != (float)want) fail_msg("expf(%a) is %a, not %a", (double)x, (double)got, (double)(float)want);
    }
    /* so near to a tie that plain double arithmetic cannot tell: the hardest of all floats */
    static const float hard[] = {-0x1.c1c4b8p-10f, -0x1.e1dbe2p-8f, -0x1.d2259ap+3f};
    for (size_t i = 0; i < COUNT_OF(hard); i++) assert_true(ggx_expf(hard[i]) == (float)expl((long double)hard[i]));
}

static void special_values_are_those_of_annex_f(void **unused)
{
    (void)unused;
    const double inf = INFINITY, values[] = {0.0,
                                             -0.0,
                                             1,
                                             -1,
                                             2,
                                             -2,
                                             0.5,
                                             -0.5,
                                             3,
                                             -3,
                                             inf,
                                             -inf,
                                             (double)NAN,
                                             1e308,
                                             -1e308,
                                             5e-324,
                                             -5e-324,
                                             0x1p53,
                                             0x1p52 + 1,
                                             1.5,
                                             -1.5,
                                             1e-30,
                                             0.99999999999999989};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (size_t k = 0; k < COUNT_OF(values); k++) {
            double got = ggx_pow(values[i], values[k]), want = pow(values[i], values[k]);
            int same = isnan(want)                ? isnan(got)
                       : isinf(want) || want == 0 ? got == want && !signbit(got) == !signbit(want)
                                                  : fabs(got - want) <= fabs(want) * 0x1p-52;
            if (!same) fail_msg("pow(%a, %a) is %a, not %a", values[i], values[k], got, want);
        }
    }
    assert_true(ggx_exp(-0.0) == 1 && ggx_exp(inf) == inf && ggx_exp(-inf) == 0 && isnan(ggx_exp((double)NAN)));
    assert_true(ggx_exp(709.782712893384) > 1.7e308 && ggx_exp(709.7827128933841) == inf);
    assert_true(ggx_exp(-745.1332191019411) == 5e-324 && ggx_exp(-745.1332191019412) == 0);
    assert_true(ggx_log(1) == 0 && !signbit(ggx_log(1)) && ggx_log(0.0) == -inf && ggx_log(-0.0) == -inf &&
                ggx_log(inf) == inf);
    assert_true(isnan(ggx_log(-1)) && isnan(ggx_log((double)NAN)));
    assert_true(ggx_expf(88.72283f) < INFINITY && ggx_expf(88.722840f) == INFINITY && ggx_expf(-103.97209f) == 0);
    assert_true(ggx_expf(-103.97207f) == 0x1p-149f);
}

/* The bits of ten thousand results, added up: this number is the same on every machine or outputs are not. */
static void results_have_the_same_bits_everywhere(void **unused)
{
    (void)unused;
    uint64_t digest = 0xcbf29ce484222325u;
    state = 7;
    for (int i = 0; i < 10000; i++) {
        double a = random_between(-740, 709), b = random_between(0, 10000), c = random_between(-3, 3);
        const double results[] = {ggx_exp(a), ggx_log(b), ggx_pow(b, c), (double)ggx_expf((float)(a / 8))};
        uint64_t bits[4];
        memcpy(bits, results, sizeof bits);
        for (int k = 0; k < 4; k++) digest = (digest ^ bits[k]) * 0x100000001b3u;
    }
    assert_int_equal(digest, 0x917a4d926fbc9afeu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_half_an_ulp),
        cmocka_unit_test(log_is_within_half_an_ulp),
        cmocka_unit_test(pow_is_within_half_an_ulp),
        cmocka_unit_test(pow_of_whole_numbers_is_exact),
        cmocka_unit_test(expf_is_rounded_correctly),
        cmocka_unit_test(special_values_are_those_of_annex_f),
        cmocka_unit_test(results_have_the_same_bits_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
