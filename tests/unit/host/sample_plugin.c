/* A plugin to load in tests of the registry, whole when FAULT is 0 and with one fault otherwise. */
#include <ggx/draft/quant.h>
#include <ggx/ggx.h>

#define FAULT_NONE 0
#define FAULT_SYMBOL 1
#define FAULT_ID 2
#define FAULT_COUNT 3
#define FAULT_VTABLE 4
#define FAULT_SIZE 5
#define FAULT_FUNCTION 6
#define FAULT_WINDOW 7
#define FAULT_OPTION 8
#define FAULT_INSTANCE 9
#define FAULT_BLOCK 10
#define FAULT_CPU 11

#define UNLESS(fault, good, bad) (FAULT == (fault) ? (bad) : (good))

static int32_t probe(const ggx_probe *p)
{
    return p->size == 4 ? 100 : 0;
}

static ggx_status open(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                       ggx_error *error)
{
    (void)self, (void)host, (void)source, (void)options, (void)error;
    return GGX_OK;
}

static ggx_status list(void *self, const ggx_sink *sink, ggx_error *error)
{
    (void)self, (void)sink, (void)error;
    return GGX_OK;
}

static void quantize(const float *in, void *out, uint64_t rows, uint64_t cols, const float *imatrix, void *scratch)
{
    (void)imatrix, (void)scratch;
    for (uint64_t i = 0; i < rows * cols; i++) ((uint8_t *)out)[i] = (uint8_t)in[i];
}

static void dequantize(const void *in, float *out, uint64_t elems)
{
    for (uint64_t i = 0; i < elems; i++) out[i] = ((const uint8_t *)in)[i];
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_INT, UNLESS(FAULT_OPTION, "sample.level", "other.level"), "a level"}};

static const ggx_reader reader = {.struct_size = UNLESS(FAULT_SIZE, sizeof(ggx_reader), 40),
                                  .instance_size = UNLESS(FAULT_INSTANCE, 16, 1u << 30),
                                  .head_want = UNLESS(FAULT_WINDOW, 64, 100),
                                  .options = options,
                                  .option_count = 1,
                                  .probe = UNLESS(FAULT_FUNCTION, probe, NULL),
                                  .open = open,
                                  .index = list};

static const ggx_kernels portable = {
    .struct_size = sizeof(ggx_kernels), .type = "s8_t", .quantize = quantize, .dequantize = dequantize};
static const ggx_quant quant = {.struct_size = sizeof(ggx_quant),
                                .type = {"s8_t", 1, UNLESS(FAULT_BLOCK, 1, 2)},
                                .type_code = GGX_NO_CODE,
                                .file_type = GGX_NO_CODE,
                                .legacy_file_type = GGX_NO_CODE,
                                .kernels = &portable};

/* The faster ones can only quantize, and every CPU can run them. */
static const char *const needs[] = {"neon", NULL};
static const ggx_kernels fast = {.struct_size = sizeof(ggx_kernels),
                                 .rank = 5,
                                 .type = "s8_t",
                                 .cpu = UNLESS(FAULT_CPU, NULL, needs),
                                 .quantize = quantize};

static const ggx_provide provides[] = {{GGX_READER_ID, UNLESS(FAULT_VTABLE, &reader, NULL)},
                                       {GGX_QUANT_ID, &quant},
                                       {GGX_KERNELS_ID, &fast},
                                       {"ggx.frob/9", NULL}};

#if FAULT != FAULT_SYMBOL
GGX_EXPORT const ggx_plugin ggx_plugin_1 = {sizeof(ggx_plugin),
                                            UNLESS(FAULT_COUNT, 4, 3),
                                            UNLESS(FAULT_ID, "multi-sample", "multi-other"),
                                            "1.2.3",
                                            "MIT",
                                            provides};
#else
extern GGX_EXPORT const ggx_provide *const other_symbol;
const ggx_provide *const other_symbol = provides;
#endif
