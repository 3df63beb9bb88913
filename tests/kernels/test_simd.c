/* test_simd.c - every kernel of the kernels plugins of the build against portable C, byte for byte: fills × importance matrices × numbers
 * of rows and columns, guards around outputs, inputs at odd addresses. A kernel whose CPU features this machine lacks is named as not
 * run here. */
#include "fills.h"
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above before it */
#include "host/cpu.h"
#include <cmocka.h>
#include <dlfcn.h>
#include <ggx/draft/quant.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GUARD 64u
#define MAX_KERNELS 256
#define MAX_ELEMS (40u * 256u)
#define MAX_BYTES (MAX_ELEMS * 8u)
#define SEEDS 2u

typedef struct subject {
    const char *plugin;
    const ggx_quant *type;
    const ggx_kernels *kernels;
} subject;

static const ggx_quant *types[MAX_KERNELS];
static subject subjects[MAX_KERNELS];
static size_t type_count, subject_count;

static const ggx_quant *find_type(const char *name)
{
    for (size_t i = 0; i < type_count; i++)
        if (!strcmp(types[i]->type.name, name)) return types[i];
    return NULL;
}

static const char *find_missing(const ggx_kernels *kernels)
{
    for (const char *const *cpu = kernels->cpu; cpu && *cpu; cpu++)
        if (!ggx_cpu_has(*cpu)) return *cpu;
    return NULL;
}

static void take_provide(const ggx_plugin *plugin, const ggx_provide *provide)
{
    if (!strcmp(provide->id, GGX_QUANT_ID) && type_count < MAX_KERNELS) types[type_count++] = provide->vtable;
    if (strcmp(provide->id, GGX_KERNELS_ID) != 0 || subject_count == MAX_KERNELS) return;
    const ggx_kernels *kernels = provide->vtable;
    const char *missing = find_missing(kernels);
    const ggx_quant *type = find_type(kernels->type);
    if (missing)
        print_message("%s %s: not run here, the CPU lacks %s\n", plugin->id, kernels->type, missing);
    else if (!type)
        print_message("%s %s: not run here, the build has no such type\n", plugin->id, kernels->type);
    else
        subjects[subject_count++] = (subject){plugin->id, type, kernels};
}

/* Plugins stay open: their records are in use until the end. */
static int load_plugins(const char *pattern)
{
    glob_t found;
    int status = glob(pattern, 0, NULL, &found);
    if (status == GLOB_NOMATCH) return 0;
    if (status != 0) return -1;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        void *handle = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
        const ggx_plugin *plugin = handle ? dlsym(handle, "ggx_plugin_1") : NULL;
        if (!plugin) {
            print_error("%s: %s\n", found.gl_pathv[i], dlerror());
            return -1;
        }
        for (uint32_t k = 0; k < plugin->provide_count; k++) take_provide(plugin, &plugin->provides[k]);
    }
    globfree(&found);
    return 0;
}

static int load_all(void **state GGX_UNUSED)
{
    return load_plugins(KERNELS_PLUGINS "/ggx-quant-*.so") || load_plugins(KERNELS_PLUGINS "/ggx-kernels-*.so");
}

typedef struct shape {
    uint64_t rows, blocks;
} shape;

/* Around the number of lanes of every instruction set, in one row and in several. */
static const shape shapes[] = {{1, 1}, {1, 7}, {3, 5}, {5, 3}, {1, 17}, {2, 16}, {7, 1}, {1, 33}};

static uint64_t count_bytes(const ggx_quant *type, uint64_t elems)
{
    return elems / type->type.block_elems * type->type.block_bytes;
}

/* Quantizes between guards into `out`. */
static void run_quantize(const subject *s, const ggx_kernels *kernels, const float *in, uint8_t *out, uint64_t rows,
                         uint64_t cols, const float *imatrix)
{
    uint64_t size = count_bytes(s->type, rows * cols), need = s->type->scratch ? s->type->scratch(cols) : 0;
    uint8_t *scratch = need ? aligned_alloc(64, (size_t)((need + GUARD + 63) / 64 * 64)) : NULL;
    assert_true(!need || scratch);
    if (need) {
        memset(scratch, 0, GGX_SCRATCH_HEAD);
        memset(scratch + need, FILL_GUARD, GUARD);
    }
    memset(out, FILL_GUARD, (size_t)(size + 2 * GUARD));
    kernels->quantize(in, out + GUARD, rows, cols, imatrix, scratch);
    if (!guard_is_whole(out, GUARD) || !guard_is_whole(out + GUARD + size, GUARD))
        fail_msg("%s %s: quantize wrote outside its output", s->plugin, kernels->type);
    assert_true(!need || guard_is_whole(scratch + need, GUARD));
    free(scratch);
}

static void compare_floats(const subject *s, const uint8_t *blocks, uint64_t elems, const char *what)
{
    static float mine[MAX_ELEMS + 2 * GUARD], portable[MAX_ELEMS];
    memset(mine, FILL_GUARD, sizeof mine);
    s->kernels->dequantize(blocks, mine + GUARD, elems);
    s->type->kernels->dequantize(blocks, portable, elems);
    assert_true(guard_is_whole((const uint8_t *)mine, GUARD * sizeof(float)));
    assert_true(guard_is_whole((const uint8_t *)(mine + GUARD + elems), GUARD * sizeof(float)));
    uint64_t different = count_float_differences(mine + GUARD, portable, elems, 1);
    if (different)
        fail_msg("%s %s: dequantize of %s: %" PRIu64 " of %" PRIu64 " floats differ from portable C", s->plugin,
                 s->kernels->type, what, different, elems);
}

/* One input through the kernel and through portable C. Returns the number of differing blocks. */
static uint64_t compare_blocks(const subject *s, uint32_t fill, uint32_t kind, uint64_t seed, shape size)
{
    static float in[MAX_ELEMS], imatrix[MAX_ELEMS];
    static uint8_t mine[MAX_BYTES + 2 * GUARD], portable[MAX_BYTES + 2 * GUARD];
    uint64_t elems = s->type->type.block_elems, cols = size.blocks * elems, apart;
    if (elems == 1) cols = size.blocks * 5;
    fill_floats(fill, seed, in, size.rows * cols);
    if (kind) fill_imatrix(kind, seed, imatrix, cols);
    run_quantize(s, s->type->kernels, in, portable, size.rows, cols, kind ? imatrix : NULL);
    run_quantize(s, s->kernels, in, mine, size.rows, cols, kind ? imatrix : NULL);
    compare_floats(s, portable + GUARD, size.rows * cols, fill_name(fill));
    uint64_t different = count_differences(mine + GUARD, portable + GUARD, size.rows * cols / elems,
                                           s->type->type.block_bytes, NULL, elems, &apart);
    if (different)
        print_error("%s %s: fill %s, imatrix %" PRIu32 ", seed %" PRIu64 ", %" PRIu64 " rows of %" PRIu64 ": %" PRIu64
                    " blocks differ from portable C\n",
                    s->plugin, s->kernels->type, fill_name(fill), kind, seed, size.rows, cols, different);
    return different;
}

static void kernels_give_the_bytes_of_portable_c(void **state GGX_UNUSED)
{
    uint64_t different = 0;
    for (size_t i = 0; i < subject_count; i++) {
        const subject *s = &subjects[i];
        if (!s->kernels->quantize) continue;
        uint32_t first = s->type->imatrix == GGX_IMATRIX_NEEDS, last = s->type->imatrix == GGX_IMATRIX_NONE ? 0 : 2;
        uint64_t seeds = s->type->scratch ? 1 : SEEDS; /* those that search a grid are slow */
        for (uint32_t kind = first; kind <= last; kind++)
            for (uint32_t fill = 0; fill_name(fill); fill++)
                for (uint64_t seed = 0; seed < seeds; seed++)
                    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
                        different += compare_blocks(s, fill, kind, seed, shapes[k]);
    }
    assert_int_equal(different, 0);
}

static void kernels_read_any_bytes_as_portable_c_does(void **state GGX_UNUSED)
{
    static uint8_t bytes[MAX_BYTES + 1];
    for (size_t i = 0; i < subject_count; i++) {
        const subject *s = &subjects[i];
        if (!s->kernels->dequantize) continue;
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
                uint64_t elems = shapes[k].rows * shapes[k].blocks * s->type->type.block_elems;
                fill_bytes(seed, bytes + 1, count_bytes(s->type, elems)); /* at an odd address */
                compare_floats(s, bytes + 1, elems, "any bytes");
            }
    }
}

static void half_floats_convert_exhaustively(void **state GGX_UNUSED)
{
    static uint16_t all[65536], back[2][65536];
    static float floats[2][65536];
    for (uint32_t i = 0; i < 65536; i++) all[i] = (uint16_t)i;
    for (size_t i = 0; i < subject_count; i++) {
        const subject *s = &subjects[i];
        if (s->type->type.block_elems != 1 || s->type->type.block_bytes != 2) continue;
        s->type->kernels->dequantize(all, floats[0], 65536);
        s->kernels->dequantize(all, floats[1], 65536);
        assert_int_equal(count_float_differences(floats[0], floats[1], 65536, 1), 0);
        s->type->kernels->quantize(floats[0], back[0], 1, 65536, NULL, NULL);
        s->kernels->quantize(floats[0], back[1], 1, 65536, NULL, NULL);
        assert_memory_equal(back[0], back[1], sizeof back[0]);
    }
}

static void records_are_sound(void **state GGX_UNUSED)
{
    for (size_t i = 0; i < subject_count; i++) {
        const ggx_kernels *kernels = subjects[i].kernels;
        assert_true(GGX_HAS(kernels, dequantize) && kernels->rank > 0 && kernels->cpu && kernels->cpu[0]);
        assert_true(kernels->quantize || kernels->dequantize);
        assert_true(!kernels->quantize || subjects[i].type->kernels->quantize);
        for (size_t k = 0; k < i; k++)
            assert_false(!strcmp(subjects[k].plugin, subjects[i].plugin) && subjects[k].type == subjects[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_sound),
        cmocka_unit_test(kernels_give_the_bytes_of_portable_c),
        cmocka_unit_test(kernels_read_any_bytes_as_portable_c_does),
        cmocka_unit_test(half_floats_convert_exhaustively),
    };
    return cmocka_run_group_tests_name("simd", tests, load_all, NULL);
}
