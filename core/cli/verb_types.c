/* ggx types: the tensor types that plugins offer, and what makes them on this machine; and the mixtures. Reads manifests and data only. */
#include "cli/mixtures.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include <ggx_sdk/error.h>

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

static void print_mixtures(const ggx_mixture_list *list, ggx_arena *arena, ggx_text *out)
{
    ggx_table table = {.arena = arena, .columns = 2};
    const char **cells = list->count ? ggx_table_add(&table) : NULL;
    if (!cells) return;
    cells[0] = "MIXTURE";
    cells[1] = "WHAT IT MAKES";
    for (uint32_t i = 0; i < list->count && (cells = ggx_table_add(&table)); i++) {
        cells[0] = list->names[i];
        cells[1] = ggx_mixture_about(list->mixtures[i]);
    }
    ggx_text_format(out, "\n");
    ggx_table_print(&table, 0, out);
}

static void print_mixtures_json(const ggx_mixture_list *list, ggx_text *out)
{
    ggx_text_format(out, "],\n \"mixtures\": [");
    for (uint32_t i = 0; i < list->count; i++) {
        ggx_text_format(out, "%s\n  {\"name\": \"%s\", \"type\": ", i ? "," : "", list->names[i]);
        ggx_text_json(out, ggx_mixture_type(list->mixtures[i]));
        ggx_text_format(out, ", \"about\": ");
        ggx_text_json(out, ggx_str_of(ggx_mixture_about(list->mixtures[i])));
        ggx_text_format(out, "}");
    }
    ggx_text_format(out, "%s]}\n", list->count ? "\n" : "");
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

static void print_json(ggx_registry *registry, const ggx_mixture_list *mixtures, ggx_text *out)
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
    if (n) ggx_text_format(out, "\n");
    print_mixtures_json(mixtures, out);
}

int ggx_verb_types(ggx_cli *cli)
{
    ggx_registry registry;
    ggx_text out = {0};
    ggx_error error;
    int code;
    ggx_mixture_list mixtures = {0};
    if (ggx_cli_registry(cli, &registry, &error) != GGX_OK ||
        ggx_cli_mixtures(&registry.arena, &mixtures, &error) != GGX_OK) {
        code = ggx_report_error(&error, NULL);
    } else {
        if (cli->arguments.json)
            print_json(&registry, &mixtures, &out);
        else
            print_table(&registry, &out);
        if (!cli->arguments.json) print_mixtures(&mixtures, &registry.arena, &out);
        code = ggx_report_result(&out);
    }
    ggx_registry_close(&registry);
    return code;
}
