/* test_kernels.c - every kernel of every quant plugin of the build, without the reference at hand: the digests that oracle.py made
 * from it, guard bytes, the same result twice, rows that do not see each other. */
#include "fills.h"
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above before it */
#include <cmocka.h>
#include <dlfcn.h>
#include <ggx/draft/quant.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 7u /* these three as in oracle.py */
#define ROWS 3u
#define COLS 768u
#define GUARD 64u
#define MAX_TYPES 64
#define MAX_BYTES (ROWS * COLS * 8u)

static const ggx_quant *types[MAX_TYPES];
static int type_count;

/* Plugins stay open: their records are in use until the end. */
static int load_types(void **state GGX_UNUSED)
{
    glob_t found;
    if (glob(KERNELS_PLUGINS "/ggx-quant-*.so", 0, NULL, &found) != 0) return -1;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        void *handle = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
        const ggx_plugin *plugin = handle ? dlsym(handle, "ggx_plugin_1") : NULL;
        if (!plugin) {
            print_error("%s: %s\n", found.gl_pathv[i], dlerror());
            return -1;
        }
        for (uint32_t k = 0; k < plugin->provide_count; k++)
            if (!strcmp(plugin->provides[k].id, GGX_QUANT_ID) && type_count < MAX_TYPES)
                types[type_count++] = plugin->provides[k].vtable;
    }
    globfree(&found);
    return 0;
}

static int writes(const ggx_quant *type)
{
    return type->kernels->quantize != NULL && type->kernels->dequantize != NULL;
}

/* Quantizes between guards into `out`, which has room for them. */
static uint8_t *quantize(const ggx_quant *type, const float *in, uint8_t *out, uint64_t rows, const float *imatrix)
{
    uint64_t size = rows * COLS / type->type.block_elems * type->type.block_bytes;
    uint64_t need = type->scratch ? type->scratch(COLS) : 0;
    uint8_t *scratch = need ? aligned_alloc(64, (size_t)((need + GUARD + 63) / 64 * 64)) : NULL;
    assert_true(!need || scratch);
    memset(out, FILL_GUARD, (size_t)(size + 2 * GUARD));
    if (need) {
        memset(scratch, 0, GGX_SCRATCH_HEAD);
        memset(scratch + need, FILL_GUARD, GUARD);
        type->kernels->quantize(in, out + GUARD, 1, COLS, imatrix, scratch); /* what it leaves there must not count */
    }
    type->kernels->quantize(in, out + GUARD, rows, COLS, imatrix, scratch);
    assert_true(guard_is_whole(out, GUARD) && guard_is_whole(out + GUARD + size, GUARD));
    assert_true(!need || guard_is_whole(scratch + need, GUARD));
    free(scratch);
    return out + GUARD;
}

static uint32_t first_imatrix(const ggx_quant *type)
{
    return type->imatrix == GGX_IMATRIX_NEEDS ? 1 : 0;
}

static uint32_t last_imatrix(const ggx_quant *type)
{
    return type->imatrix == GGX_IMATRIX_NONE ? 0 : 2;
}

static void print_line(const ggx_quant *type, const char *fill, uint32_t kind, const uint8_t *blocks,
                       const float *floats, char *line, size_t size)
{
    snprintf(line, size, "%s %s %" PRIu32 " %016" PRIx64 " %016" PRIx64, type->type.name, fill, kind,
             digest_bytes(blocks, ROWS * COLS / type->type.block_elems * type->type.block_bytes),
             digest_floats(floats, ROWS * COLS));
}

/* One line of digests.txt, as oracle.py writes it. */
static void describe(const ggx_quant *type, uint32_t fill, uint32_t kind, char *line, size_t size)
{
    static float in[ROWS * COLS], imatrix[COLS], back[ROWS * COLS];
    static uint8_t out[MAX_BYTES + 2 * GUARD];
    fill_floats(fill, SEED, in, ROWS * COLS);
    if (kind) fill_imatrix(kind, SEED, imatrix, COLS);
    uint8_t *blocks = quantize(type, in, out, ROWS, kind ? imatrix : NULL);
    type->kernels->dequantize(blocks, back, ROWS * COLS);
    print_line(type, fill_name(fill), kind, blocks, back, line, size);
}

/* The one line of a type that is only read. */
static void describe_read(const ggx_quant *type, char *line, size_t size)
{
    static uint8_t blocks[MAX_BYTES];
    static float back[ROWS * COLS];
    fill_bytes(SEED, blocks, ROWS * COLS / type->type.block_elems * type->type.block_bytes);
    type->kernels->dequantize(blocks, back, ROWS * COLS);
    print_line(type, "bytes", 0, blocks, back, line, size);
}

/* Whether the file has the line; the one with the same beginning is put to `other`. */
static int find_line(FILE *file, const char *line, char *other, size_t size)
{
    char read[160];
    size_t key = strlen(line) - 2 * 17;
    *other = 0;
    rewind(file);
    while (fgets(read, sizeof read, file)) {
        read[strcspn(read, "\n")] = 0;
        if (!strcmp(read, line)) return 1;
        if (!strncmp(read, line, key)) snprintf(other, size, "%s", read);
    }
    return 0;
}

static int count_wrong(FILE *file, const char *line)
{
    char other[160];
    if (find_line(file, line, other, sizeof other)) return 0;
    print_error("got  %s\nwant %s\n", line, *other ? other : "(no such line)");
    return 1;
}

static void kernels_give_the_reference_bytes(void **state GGX_UNUSED)
{
    FILE *file = fopen(KERNELS_DIGESTS, "r");
    char line[160];
    int wrong = 0;
    assert_non_null(file);
    for (int t = 0; t < type_count; t++) {
        if (!writes(types[t])) {
            describe_read(types[t], line, sizeof line);
            wrong += count_wrong(file, line);
            continue;
        }
        for (uint32_t kind = first_imatrix(types[t]); kind <= last_imatrix(types[t]); kind++)
            for (uint32_t fill = 0; fill_name(fill); fill++) {
                describe(types[t], fill, kind, line, sizeof line);
                wrong += count_wrong(file, line);
            }
    }
    fclose(file);
    assert_int_equal(wrong, 0);
}

static void rows_do_not_see_each_other(void **state GGX_UNUSED)
{
    static float in[ROWS * COLS], imatrix[COLS];
    static uint8_t all[MAX_BYTES + 2 * GUARD], one[MAX_BYTES + 2 * GUARD];
    fill_imatrix(1, SEED, imatrix, COLS);
    for (int t = 0; t < type_count; t++)
        for (uint32_t fill = 0; writes(types[t]) && fill_name(fill); fill++) {
            const float *weights = types[t]->imatrix == GGX_IMATRIX_NONE ? NULL : imatrix;
            size_t size = COLS / types[t]->type.block_elems * types[t]->type.block_bytes;
            fill_floats(fill, SEED + 1, in, ROWS * COLS);
            const uint8_t *blocks = quantize(types[t], in, all, ROWS, weights);
            for (uint32_t row = 0; row < ROWS; row++)
                if (memcmp(blocks + row * size, quantize(types[t], in + row * COLS, one, 1, weights), size) != 0)
                    fail_msg("%s: row %u of fill %s depends on its neighbours or on chance", types[t]->type.name, row,
                             fill_name(fill));
        }
}

static void any_bytes_dequantize(void **state GGX_UNUSED)
{
    static uint8_t bytes[MAX_BYTES + 1];
    static float first[COLS + 2], second[COLS + 2];
    for (int t = 0; t < type_count; t++) {
        if (!types[t]->kernels->dequantize) continue;
        for (uint64_t seed = 0; seed < 50; seed++) {
            fill_bytes(seed, bytes + 1, MAX_BYTES);
            memset(first, FILL_GUARD, sizeof first);
            memset(second, FILL_GUARD, sizeof second);
            types[t]->kernels->dequantize(bytes + 1, first + 1, COLS); /* at an odd address */
            types[t]->kernels->dequantize(bytes + 1, second + 1, COLS);
            assert_true(guard_is_whole((const uint8_t *)first, 4) &&
                        guard_is_whole((const uint8_t *)(first + COLS + 1), 4));
            assert_int_equal(count_float_differences(first + 1, second + 1, COLS, 0), 0);
        }
    }
}

static void records_are_sound(void **state GGX_UNUSED)
{
    assert_true(type_count > 0);
    for (int t = 0; t < type_count; t++) {
        const ggx_quant *type = types[t];
        assert_true(GGX_HAS(type, scratch) && GGX_HAS(type->kernels, dequantize));
        assert_string_equal(type->type.name, type->kernels->type);
        assert_int_equal(type->kernels->rank, 0);
        assert_null(type->kernels->cpu);
        /* llama-quantize has another type for rows that do not fit, but for this one */
        assert_true((type->fallback != NULL) == (strcmp(type->type.name, "q1_0") != 0));
        assert_true(type->type.block_elems >= 1 && COLS % type->type.block_elems == 0);
        assert_true(type->type.block_bytes >= 1 && type->type.block_bytes <= 8 * type->type.block_elems);
        for (int other = 0; other < t; other++) assert_string_not_equal(type->type.name, types[other]->type.name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_sound),
        cmocka_unit_test(kernels_give_the_reference_bytes),
        cmocka_unit_test(rows_do_not_see_each_other),
        cmocka_unit_test(any_bytes_dequantize),
    };
    return cmocka_run_group_tests_name("kernels", tests, load_types, NULL);
}
