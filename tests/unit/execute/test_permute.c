/* Strided copies: what each loop says, element by element, for every unit and for lengths that no square divides. */
#include "execute/permute.h"
#include "unit.h"

#define MOST 4096u

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Three loops over an array in C order, in an order of their own on the other side. */
static void check(const uint64_t count[3], const uint32_t order[3], uint32_t unit)
{
    static uint8_t in[MOST * 8], out[MOST * 8], wanted[MOST * 8];
    ggx_loop loops[3];
    int64_t from = 1, to = 1;
    for (uint32_t i = 3; i-- > 0; from *= (int64_t)count[i]) loops[i] = (ggx_loop){count[i], from, 0};
    for (uint32_t i = 3; i-- > 0; to *= (int64_t)count[order[i]]) loops[order[i]].to = to;
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i * 2654435761u >> 13);
    memset(out, 0x55, sizeof out);
    memset(wanted, 0x55, sizeof wanted);
    for (uint64_t a = 0; a < count[0]; a++)
        for (uint64_t b = 0; b < count[1]; b++)
            for (uint64_t c = 0; c < count[2]; c++) {
                int64_t f = (int64_t)a * loops[0].from + (int64_t)b * loops[1].from + (int64_t)c * loops[2].from,
                        t = (int64_t)a * loops[0].to + (int64_t)b * loops[1].to + (int64_t)c * loops[2].to;
                memcpy(wanted + t * unit, in + f * unit, unit);
            }
    ggx_permute(out, in, unit, loops, 3);
    if (memcmp(out, wanted, sizeof out) != 0)
        fail_msg("%u bytes, %llu x %llu x %llu, order %u %u %u", unit, (unsigned long long)count[0],
                 (unsigned long long)count[1], (unsigned long long)count[2], order[0], order[1], order[2]);
}

static void every_order_of_axes_is_what_the_loops_say(void **unused)
{
    (void)unused;
    static const uint32_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}},
                          units[] = {1, 2, 3, 4, 8};
    static const uint64_t fixed[][3] = {{1, 1, 1},   {1, 4, 4}, {1, 8, 8},    {3, 16, 16},  {1, 64, 64}, {1, 63, 65},
                                        {2, 33, 31}, {5, 7, 9}, {1, 1, 4096}, {1, 4096, 1}, {4, 1, 17}};
    uint32_t seed = 5;
    for (size_t u = 0; u < COUNT_OF(units); u++)
        for (size_t o = 0; o < COUNT_OF(orders); o++) {
            for (size_t s = 0; s < COUNT_OF(fixed); s++) check(fixed[s], orders[o], units[u]);
            for (int n = 0; n < 200; n++) {
                const uint64_t count[3] = {1 + next(&seed) % 4, 1 + next(&seed) % 32, 1 + next(&seed) % 32};
                check(count, orders[o], units[u]);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_order_of_axes_is_what_the_loops_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
