/* ggx bench: how fast each type's kernels are on this machine, level by level: portable C, and each plugin of faster kernels that
 * the CPU can run. One thread; the input is normally distributed and lies in the second-level cache. */
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <time.h>

#define ROWS 32u
#define COLS 2048u
#define ELEMS (ROWS * COLS)
#define LEVELS 16u
#define TYPES 256u
#define SPAN 0.03 /* seconds of a turn */
#define TURNS 3

typedef struct level {
    const char *plugin; /* id; "portable" */
    const char *mask;   /* CPU features it may use */
    ggx_registry registry;
} level;

typedef struct result {
    const char *type, *plugin;
    double encode, decode;             /* MB of f32 a second; 0: the kernels have no such function */
    double encode_ratio, decode_ratio; /* to portable C */
} result;

typedef struct bench {
    ggx_cli *cli;
    ggx_arena arena;
    level levels[LEVELS];
    uint32_t level_count;
    result results[LEVELS * TYPES];
    uint32_t count;
    double clock; /* cycles a second */
    float *values, *decoded, *weights;
    uint8_t *blocks;
    void *scratch;
    ggx_error error;
} bench;

/* The thread's own time: what others do on the machine does not count. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Cycles a second, from a chain of operations that take one cycle each on every CPU we know; counters of cycles need privileges. */
static double measure_clock(void)
{
    enum { STEPS = 1000000 };
    volatile uint64_t seed = 0x9e3779b97f4a7c15u;
    const uint64_t mask = seed, more = seed >> 7;
    double best = 0;
    for (int turn = 0; turn < 5; turn++) {
        uint64_t x = seed;
        const double start = now();
        for (int i = 0; i < STEPS; i++) x = (x ^ mask) + more;
        seed = x;
        const double rate = 2.0 * STEPS / (now() - start);
        if (rate > best) best = rate;
    }
    return best;
}

/* Sums of uniform numbers of a fixed generator: near enough to a normal distribution, and the same everywhere. */
static void fill(float *values, uint32_t count)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < count; i++) {
        double sum = -4;
        for (int k = 0; k < 8; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(state >> 40) / 16777216.0;
        }
        values[i] = (float)(0.02 * sum);
    }
}

static void run(const bench *b, const ggx_quant *quant, const ggx_kernels *k, int decode)
{
    if (decode)
        k->dequantize(b->blocks, b->decoded, ELEMS);
    else
        k->quantize(b->values, b->blocks, ROWS, COLS, quant->imatrix == GGX_IMATRIX_NEEDS ? b->weights : NULL,
                    b->scratch);
}

/* The best of some turns, each long enough to be measured. */
static double speed(const bench *b, const ggx_quant *quant, const ggx_kernels *k, int decode)
{
    double best = 0;
    run(b, quant, k, decode);
    for (int turn = 0; turn < TURNS; turn++) {
        const double start = now();
        double took;
        uint64_t n = 0;
        do {
            run(b, quant, k, decode);
            n++;
            took = now() - start;
        } while (took < SPAN);
        const double rate = (double)n * ELEMS * sizeof(float) / took / 1e6;
        if (rate > best) best = rate;
    }
    return best;
}

static ggx_status open_level(bench *b, const char *plugin, const char *mask)
{
    level *l = &b->levels[b->level_count];
    const ggx_arguments *a = &b->cli->arguments;
    const ggx_registry_config config = {
        .plugin_path = a->plugin_path, .user_plugins = a->user_plugins, .cpu_mask = mask, .run = &b->cli->run};
    l->plugin = plugin;
    l->mask = mask;
    b->level_count++;
    return ggx_registry_open(&l->registry, &config, &b->error);
}

/* The features that the plugin's kernels need, as --cpu takes them. */
static const char *mask_of(bench *b, const ggx_plugin_entry *entry)
{
    const char *seen[64];
    uint32_t n = 0;
    ggx_str mask = {"", 0};
    for (uint32_t i = 0; i < entry->offer_count; i++)
        for (uint32_t k = 0; entry->offers[i].cpu[k] && n < 64; k++) {
            uint32_t at = 0;
            while (at < n && strcmp(seen[at], entry->offers[i].cpu[k]) != 0) at++;
            if (at < n) continue;
            seen[n++] = entry->offers[i].cpu[k];
            mask = ggx_arena_format(&b->arena, "%s%s%s", mask.data ? mask.data : "", n > 1 ? "," : "", seen[n - 1]);
        }
    return mask.data && mask.size ? mask.data : "portable";
}

static ggx_status open_levels(bench *b)
{
    ggx_registry all;
    ggx_status status = open_level(b, "portable", "portable");
    if (status == GGX_OK)
        status = ggx_cli_registry(b->cli, &all, &b->error);
    else
        return status;
    const ggx_plugin_entry *entry, *last = NULL;
    const ggx_offer *offer;
    for (uint32_t at = 0; status == GGX_OK && ggx_registry_next(&all, GGX_KERNELS_ID, &at, &entry, &offer);) {
        if (entry == last || b->level_count == LEVELS) continue;
        last = entry;
        ggx_str id = ggx_arena_str(&b->arena, ggx_str_of(entry->id));
        status =
            id.data ? open_level(b, id.data, mask_of(b, entry)) : ggx_fail(&b->error, GGX_E_NOMEM, "out of memory");
    }
    ggx_registry_close(&all);
    return status;
}

/* One type at one level; nothing when the level has no kernels of its own for it. `portable` is that type's first result. */
static ggx_status measure(bench *b, level *l, const char *type, const result **portable)
{
    const ggx_quant *quant;
    const ggx_kernels *kernels;
    const ggx_plugin_entry *entry;
    ggx_status status = ggx_registry_quant(&l->registry, ggx_str_of(type), &quant, &b->error);
    if (status == GGX_OK) status = ggx_registry_kernels(&l->registry, quant, &kernels, &b->error);
    const ggx_offer *offer = ggx_registry_best_kernels(&l->registry, type, &entry);
    if (status != GGX_OK || (*portable && (!offer || strcmp(entry->id, l->plugin) != 0))) return status;
    if (ELEMS % quant->type.block_elems || COLS % quant->type.block_elems ||
        quant->type.block_bytes > 8ull * quant->type.block_elems)
        return GGX_OK;
    const uint64_t scratch = quant->scratch ? quant->scratch(COLS) : 0;
    b->scratch = NULL;
    if (scratch && posix_memalign(&b->scratch, 64, (size_t)(scratch + 63) / 64 * 64) != 0)
        return ggx_fail(&b->error, GGX_E_NOMEM, "no memory for the kernels of %s", type);
    if (scratch) memset(b->scratch, 0, GGX_SCRATCH_HEAD);
    result *r = &b->results[b->count++];
    *r = (result){.type = quant->type.name, .plugin = l->plugin};
    memset(b->blocks, 0, (size_t)ELEMS * 8);
    if (kernels->quantize) r->encode = speed(b, quant, kernels, 0);
    if (kernels->dequantize) r->decode = speed(b, quant, kernels, 1);
    free(b->scratch);
    if (!*portable) *portable = r;
    r->encode_ratio = (*portable)->encode > 0 ? r->encode / (*portable)->encode : 0;
    r->decode_ratio = (*portable)->decode > 0 ? r->decode / (*portable)->decode : 0;
    return GGX_OK;
}

static ggx_status measure_all(bench *b)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    const char *only = b->cli->arguments.type;
    uint32_t types = 0;
    ggx_status status = GGX_OK;
    if (only) {
        const ggx_quant *quant;
        status = ggx_registry_quant(&b->levels[0].registry, ggx_str_of(only), &quant, &b->error);
        if (status == GGX_OK) only = quant->type.name;
    }
    for (uint32_t at = 0; status == GGX_OK && types < TYPES &&
                          ggx_registry_next(&b->levels[0].registry, GGX_QUANT_ID, &at, &entry, &offer);) {
        const result *portable = NULL;
        if (only && strcmp(only, offer->name) != 0) continue;
        types++;
        for (uint32_t i = 0; i < b->level_count && status == GGX_OK; i++) {
            if (b->cli->run.canceled && *b->cli->run.canceled) return ggx_fail(&b->error, GGX_E_CANCELED, "stopped");
            status = measure(b, &b->levels[i], offer->name, &portable);
        }
    }
    return status;
}

/* Cycles for each weight, at so many MB a second. */
static double cycles(const bench *b, double mb)
{
    return mb > 0 ? b->clock * sizeof(float) / (mb * 1e6) : 0;
}

static void print_json(const bench *b, ggx_text *out)
{
    ggx_text_format(out, "{\"rows\": %u, \"columns\": %u, \"clock_hz\": %.0f, \"results\": [", ROWS, COLS, b->clock);
    for (uint32_t i = 0; i < b->count; i++) {
        const result *r = &b->results[i];
        ggx_text_format(
            out,
            "%s\n  {\"type\": \"%s\", \"kernels\": \"%s\", \"quantize_mb_s\": %.1f, \"quantize_cycles\": %.2f, "
            "\"quantize_ratio\": %.2f, \"dequantize_mb_s\": %.1f, \"dequantize_cycles\": %.2f, \"dequantize_ratio\": "
            "%.2f}",
            i ? "," : "", r->type, r->plugin, r->encode, cycles(b, r->encode), r->encode_ratio, r->decode,
            cycles(b, r->decode), r->decode_ratio);
    }
    ggx_text_format(out, "]}\n");
}

static const char *number(bench *b, const char *format, double value)
{
    return value > 0 ? ggx_arena_format(&b->arena, format, value).data : "-";
}

static void print_table(bench *b, ggx_text *out)
{
    ggx_table table = {.arena = &b->arena, .columns = 8, .numbers = 0xfc};
    static const char *const head[] = {"TYPE",  "KERNELS",         "QUANTIZE MB/S", "CYCLES",
                                       "RATIO", "DEQUANTIZE MB/S", "CYCLES",        "RATIO"};
    const char **cells = ggx_table_add(&table);
    if (cells) memcpy(cells, head, sizeof head);
    for (uint32_t i = 0; i < b->count && (cells = ggx_table_add(&table)); i++) {
        const result *r = &b->results[i];
        cells[0] = r->type;
        cells[1] = r->plugin;
        cells[2] = number(b, "%.1f", r->encode);
        cells[3] = number(b, "%.2f", cycles(b, r->encode));
        cells[4] = number(b, "%.2f", r->encode_ratio);
        cells[5] = number(b, "%.1f", r->decode);
        cells[6] = number(b, "%.2f", cycles(b, r->decode));
        cells[7] = number(b, "%.2f", r->decode_ratio);
    }
    ggx_table_print(&table, 0, out);
    ggx_text_format(
        out, "\nMB of f32, one thread, %u rows of %u; cycles for each weight, at %.2f GHz; ratio to portable C\n", ROWS,
        COLS, b->clock / 1e9);
}

static ggx_status open_buffers(bench *b)
{
    b->values = malloc(ELEMS * sizeof(float));
    b->decoded = malloc(ELEMS * sizeof(float));
    b->weights = malloc(COLS * sizeof(float));
    b->blocks = malloc(ELEMS * 8ul);
    if (!b->values || !b->decoded || !b->weights || !b->blocks)
        return ggx_fail(&b->error, GGX_E_NOMEM, "out of memory");
    fill(b->values, ELEMS);
    for (uint32_t i = 0; i < COLS; i++) b->weights[i] = 0.5f + (float)(i % 7);
    return GGX_OK;
}

int ggx_verb_bench(ggx_cli *cli)
{
    bench *b = calloc(1, sizeof *b);
    ggx_text out = {0};
    ggx_error error;
    if (!b) return ggx_report_error((ggx_fail(&error, GGX_E_NOMEM, "out of memory"), &error), NULL);
    b->cli = cli;
    ggx_arena_init(&b->arena, 64u << 20);
    ggx_status status = open_buffers(b);
    if (status == GGX_OK) status = open_levels(b);
    b->clock = measure_clock();
    if (status == GGX_OK) status = measure_all(b);
    if (status == GGX_OK && cli->arguments.json)
        print_json(b, &out);
    else if (status == GGX_OK)
        print_table(b, &out);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&b->error, NULL);
    for (uint32_t i = 0; i < b->level_count; i++) ggx_registry_close(&b->levels[i].registry);
    free(b->values);
    free(b->decoded);
    free(b->weights);
    free(b->blocks);
    ggx_arena_free(&b->arena);
    free(b);
    return code;
}
