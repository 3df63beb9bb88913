/* CRC-32C, eight bytes a step (Kounavis and Berry, "slicing-by-8"): the portable definition. x86-64 has an instruction for the same function,
 * four times as fast, which is used where the CPU has it. */
#include <ggx_sdk/crc32c.h>
#include <string.h>

/* tables[k][n] is what byte n does k bytes later. The function is linear over xor, so each table follows from its eight
 * one-bit entries; the preprocessor writes them out. */
#define BIT(n, b, v) (((n) >> (b)&1u) ? (v) : 0u)
#define ENTRY(n, ...) ENTRY_(n, __VA_ARGS__)
#define ENTRY_(n, b0, b1, b2, b3, b4, b5, b6, b7)                                                                    \
    (BIT(n, 0, b0) ^ BIT(n, 1, b1) ^ BIT(n, 2, b2) ^ BIT(n, 3, b3) ^ BIT(n, 4, b4) ^ BIT(n, 5, b5) ^ BIT(n, 6, b6) ^ \
     BIT(n, 7, b7))
#define FOUR(n, ...)                                                                          \
    ENTRY((n) + 0u, __VA_ARGS__), ENTRY((n) + 1u, __VA_ARGS__), ENTRY((n) + 2u, __VA_ARGS__), \
        ENTRY((n) + 3u, __VA_ARGS__)
#define SIXTEEN(n, ...) \
    FOUR((n) + 0u, __VA_ARGS__), FOUR((n) + 4u, __VA_ARGS__), FOUR((n) + 8u, __VA_ARGS__), FOUR((n) + 12u, __VA_ARGS__)
#define SIXTY_FOUR(n, ...)                                                                            \
    SIXTEEN((n) + 0u, __VA_ARGS__), SIXTEEN((n) + 16u, __VA_ARGS__), SIXTEEN((n) + 32u, __VA_ARGS__), \
        SIXTEEN((n) + 48u, __VA_ARGS__)
#define TABLE(...)                                                                                \
    {                                                                                             \
        SIXTY_FOUR(0u, __VA_ARGS__), SIXTY_FOUR(64u, __VA_ARGS__), SIXTY_FOUR(128u, __VA_ARGS__), \
            SIXTY_FOUR(192u, __VA_ARGS__)                                                         \
    }

static const uint32_t tables[8][256] = {
    TABLE(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u),
    TABLE(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u),
    TABLE(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u),
    TABLE(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu),
    TABLE(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu),
    TABLE(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u),
    TABLE(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u),
    TABLE(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u),
};

static uint32_t in_c(uint32_t c, const uint8_t *b, uint64_t size)
{
    for (; size >= 8; size -= 8, b += 8) {
        c ^= (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        c = tables[7][c & 255u] ^ tables[6][c >> 8 & 255u] ^ tables[5][c >> 16 & 255u] ^ tables[4][c >> 24] ^
            tables[3][b[4]] ^ tables[2][b[5]] ^ tables[1][b[6]] ^ tables[0][b[7]];
    }
    for (; size; size--, b++) c = c >> 8 ^ tables[0][(c ^ *b) & 255u];
    return c;
}

uint32_t ggx_crc32c_portable(uint32_t crc, const void *data, uint64_t size)
{
    return ~in_c(~crc, (const uint8_t *)data, size);
}

/* --- joining ------------------------------------------------------------------------------------------------------------------ */

/* Polynomials over GF(2) modulo the CRC's own; bit 31 is the coefficient of x^0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = b & 1 ? (b >> 1) ^ 0x82f63b78u : b >> 1;
    }
    return product;
}

/* x^(8 * 2^k) */
static const uint32_t powers[64] = {
    0x00800000u, 0x00008000u, 0x82f63b78u, 0x6ea2d55cu, 0x18b8ea18u, 0x510ac59au, 0xb82be955u, 0xb8fdb1e7u,
    0x88e56f72u, 0x74c360a4u, 0xe4172b16u, 0x0d65762au, 0x35d73a62u, 0x28461564u, 0xbf455269u, 0xe2ea32dcu,
    0xfe7740e6u, 0xf946610bu, 0x3c204f8fu, 0x538586e3u, 0x59726915u, 0x734d5309u, 0xbc1ac763u, 0x7d0722ccu,
    0xd289cabeu, 0xe94ca9bcu, 0x05b74f3fu, 0xa51e1f42u, 0x40000000u, 0x20000000u, 0x08000000u, 0x00800000u,
    0x00008000u, 0x82f63b78u, 0x6ea2d55cu, 0x18b8ea18u, 0x510ac59au, 0xb82be955u, 0xb8fdb1e7u, 0x88e56f72u,
    0x74c360a4u, 0xe4172b16u, 0x0d65762au, 0x35d73a62u, 0x28461564u, 0xbf455269u, 0xe2ea32dcu, 0xfe7740e6u,
    0xf946610bu, 0x3c204f8fu, 0x538586e3u, 0x59726915u, 0x734d5309u, 0xbc1ac763u, 0x7d0722ccu, 0xd289cabeu,
    0xe94ca9bcu, 0x05b74f3fu, 0xa51e1f42u, 0x40000000u, 0x20000000u, 0x08000000u, 0x00800000u, 0x00008000u,
};

uint32_t ggx_crc32c_before(uint32_t crc, uint64_t size)
{
    for (uint32_t k = 0; size; k++, size >>= 1)
        if (size & 1) crc = multiply(powers[k], crc);
    return crc;
}

/* --- with the instruction -------------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__) && defined(__GNUC__)
#define LANE \
    8192u /* bytes: the instruction takes three cycles, and a new one can begin each cycle: so three runs side by side */

__attribute__((target("sse4.2"))) static uint32_t with_sse42(uint32_t c, const uint8_t *b, uint64_t size)
{
    uint64_t wide = c, word[3];
    for (; size >= 3 * LANE; size -= 3 * LANE, b += 3 * LANE) {
        uint64_t second = 0, third = 0;
        for (uint32_t i = 0; i < LANE; i += 8) {
            for (uint32_t k = 0; k < 3; k++) memcpy(&word[k], b + k * LANE + i, 8);
            wide = __builtin_ia32_crc32di(wide, word[0]);
            second = __builtin_ia32_crc32di(second, word[1]);
            third = __builtin_ia32_crc32di(third, word[2]);
        }
        wide = ggx_crc32c_before((uint32_t)wide, LANE) ^ second;
        wide = ggx_crc32c_before((uint32_t)wide, LANE) ^ third;
    }
    for (; size >= 8; size -= 8, b += 8) {
        memcpy(word, b, 8);
        wide = __builtin_ia32_crc32di(wide, word[0]);
    }
    c = (uint32_t)wide;
    for (; size; size--, b++) c = __builtin_ia32_crc32qi(c, *b);
    return c;
}

uint32_t ggx_crc32c(uint32_t crc, const void *data, uint64_t size)
{
    return ~(__builtin_cpu_supports("sse4.2") ? with_sse42 : in_c)(~crc, (const uint8_t *)data, size);
}
#else
uint32_t ggx_crc32c(uint32_t crc, const void *data, uint64_t size)
{
    return ~in_c(~crc, (const uint8_t *)data, size);
}
#endif
