/* ggx types: the tensor types that plugins offer, and what makes them on this machine. Reads manifests only. */
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"

/* What there is to say of one type. */
typedef struct type_row {
    const ggx_offer *offer, *kernels; /* kernels: NULL for portable C */
    const char *plugin, *kernels_plugin;
    double bits; /* per weight */
} type_row;

static int next_type(const ggx_registry *registry, uint32_t *at, type_row *out)
{
    const ggx_plugin_entry *entry;
    if (!ggx_registry_next(registry, GGX_QUANT_ID, at, &entry, &out->offer)) return 0;
    out->plugin = entry->id;
    out->kernels = ggx_registry_best_kernels(registry, out->offer->name, &entry);
    out->kernels_plugin = out->kernels ? entry->id : "portable";
    out->bits = 8.0 * out->offer->block_bytes / out->offer->block_elems;
    return 1;
}

static ggx_str join(ggx_arena *arena, const char *const *words)
{
    ggx_str all = {"", 0};
    for (; *words && all.data; words++) all = ggx_arena_format(arena, "%s%s%s", all.data, all.size ? " " : "", *words);
    return all.data ? all : (ggx_str){"", 0};
}

static void print_table(ggx_registry *registry, ggx_text *out)
{
    ggx_arena *arena = &registry->arena;
    ggx_table table = {.arena = arena, .columns = 7, .numbers = 1u << 2 | 1u << 3 | 1u << 4};
    static const char *const head[] = {"TYPE", "SHORT", "BITS/WEIGHT", "BLOCK", "BYTES", "PLUGIN", "KERNELS"};
    const char **cells = ggx_table_add(&table);
    if (cells) memcpy(cells, head, sizeof head);
    type_row row;
    for (uint32_t at = 0; next_type(registry, &at, &row) && (cells = ggx_table_add(&table));) {
        cells[0] = row.offer->name;
        cells[1] = join(arena, row.offer->aliases).data;
        cells[2] = ggx_arena_format(arena, "%g", row.bits).data;
        cells[3] = ggx_arena_format(arena, "%u", row.offer->block_elems).data;
        cells[4] = ggx_arena_format(arena, "%u", row.offer->block_bytes).data;
        cells[5] = row.plugin;
        cells[6] = row.kernels_plugin;
    }
    ggx_table_print(&table, 0, out);
}

static void print_json(ggx_registry *registry, ggx_text *out)
{
    type_row row;
    uint32_t n = 0;
    ggx_text_format(out, "{\"types\": [");
    for (uint32_t at = 0; next_type(registry, &at, &row); n++) {
        ggx_text_format(out, "%s\n  {\"name\": \"%s\", \"aliases\": [", n ? "," : "", row.offer->name);
        for (uint32_t i = 0; row.offer->aliases[i]; i++) {
            if (i) ggx_text_format(out, ", ");
            ggx_text_json(out, ggx_str_of(row.offer->aliases[i]));
        }
        ggx_text_format(out,
                        "], \"bits_per_weight\": %g, \"block_elems\": %u, \"block_bytes\": %u, \"plugin\": \"%s\", ",
                        row.bits, row.offer->block_elems, row.offer->block_bytes, row.plugin);
        ggx_text_format(out, "\"kernels\": \"%s\"}", row.kernels_plugin);
    }
    ggx_text_format(out, "%s]}\n", n ? "\n" : "");
}

int ggx_verb_types(ggx_cli *cli)
{
    ggx_registry registry;
    ggx_text out = {0};
    ggx_error error;
    int code;
    if (ggx_cli_registry(cli, &registry, &error) != GGX_OK) {
        code = ggx_report_error(&error, NULL);
    } else {
        if (cli->arguments.json)
            print_json(&registry, &out);
        else
            print_table(&registry, &out);
        code = ggx_report_result(&out);
    }
    ggx_registry_close(&registry);
    return code;
}
