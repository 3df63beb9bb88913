/* ggx plugins: where plugins were looked for, which there are, what they offer, and why some are not used (docs/abi.md, section 6).
 * The list reads manifests only; a plugin that is named, or --check, is loaded. */
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include <ggx_sdk/error.h>

/* "reader" of "ggx.reader/1". */
static ggx_str kind_of(const ggx_offer *offer)
{
    const char *dot = strchr(offer->interface_id, '.'), *begin = dot ? dot + 1 : offer->interface_id;
    return (ggx_str){begin, strcspn(begin, "./")};
}

static int is_named(const ggx_plugin_entry *entry, const ggx_arguments *arguments)
{
    for (uint32_t i = 0; i < arguments->operand_count; i++) {
        if (!strcmp(arguments->operands[i], entry->id)) return 1;
        for (uint32_t k = 0; k < entry->offer_count; k++)
            if (!strcmp(arguments->operands[i], entry->offers[k].name)) return 1;
    }
    return arguments->operand_count == 0;
}

/* The options that an offer of a loaded plugin declares. Only readers and writers have any. */
static uint32_t options_of(const ggx_plugin_entry *entry, uint32_t offer, const ggx_option **out)
{
    if (!entry->loaded) return 0;
    const void *vtable = entry->plugin->provides[offer].vtable;
    const char *id = entry->offers[offer].interface_id;
    int reader = !strcmp(id, GGX_READER_ID);
    if (!reader && strcmp(id, GGX_WRITER_ID) != 0) return 0;
    *out = reader ? ((const ggx_reader *)vtable)->options : ((const ggx_writer *)vtable)->options;
    return reader ? ((const ggx_reader *)vtable)->option_count : ((const ggx_writer *)vtable)->option_count;
}

static const char *option_type(const ggx_option *option)
{
    static const char *const names[] = {
        [GGX_OPTION_BOOL] = "bool", [GGX_OPTION_INT] = "int", [GGX_OPTION_STRING] = "text", [GGX_OPTION_FILE] = "file"};
    return option->type >= 1 && option->type < sizeof names / sizeof names[0] ? names[option->type] : "unknown";
}

/* What a plugin offers, in few words: each interface with its names. */
static const char *describe_offers(ggx_arena *arena, const ggx_plugin_entry *entry)
{
    ggx_text text = {0};
    ggx_str last = {"", 0};
    for (uint32_t i = 0; i < entry->offer_count; i++) {
        const ggx_offer *offer = &entry->offers[i];
        ggx_str kind = offer->state == GGX_STATE_UNKNOWN ? ggx_str_of(offer->interface_id) : kind_of(offer);
        if (!ggx_str_same(kind, last)) ggx_text_format(&text, "%s%.*s", i ? "; " : "", GGX_STR_ARGS(kind));
        last = kind;
        if (offer->name[0]) ggx_text_format(&text, " %s", offer->name);
        if (offer->state != GGX_STATE_USABLE) ggx_text_format(&text, " (%s)", ggx_state_name(offer->state));
    }
    const char *kept = text.data ? ggx_arena_str(arena, ggx_str_of(text.data)).data : "";
    ggx_text_free(&text);
    return kept ? kept : "";
}

static void print_list(ggx_registry *registry, ggx_text *out)
{
    for (uint32_t d = 0; d < registry->directory_count; d++) {
        const ggx_plugin_directory *directory = &registry->directories[d];
        ggx_table table = {.arena = &registry->arena, .columns = 4};
        size_t size = strlen(directory->path);
        ggx_text_shown(out, ggx_str_of(directory->path));
        ggx_text_format(out, " (%s)", directory->origin);
        if (directory->state != GGX_STATE_SEARCHED) ggx_text_format(out, ": %s", ggx_state_name(directory->state));
        ggx_text_bytes(out, "\n", 1);
        if (*directory->why) {
            ggx_text_format(out, "  ");
            ggx_text_shown(out, ggx_str_of(directory->why));
            ggx_text_bytes(out, "\n", 1);
        }
        for (uint32_t i = 0; i < registry->count; i++) {
            const ggx_plugin_entry *entry = &registry->entries[i];
            if (strncmp(entry->path, directory->path, size) != 0 || strrchr(entry->path, '/') != entry->path + size)
                continue;
            const char **cells = ggx_table_add(&table);
            if (!cells) continue;
            int usable = entry->state == GGX_STATE_USABLE;
            cells[0] = entry->id;
            cells[1] = entry->version;
            cells[2] = entry->license;
            cells[3] =
                usable ? describe_offers(&registry->arena, entry)
                : entry->state == GGX_STATE_REFUSED
                    ? entry->why
                    : ggx_arena_format(&registry->arena, "%s: %s", ggx_state_name(entry->state), entry->why).data;
        }
        ggx_table_print(&table, 2, out);
    }
}

static void print_line(ggx_text *out, const char *key, const char *value)
{
    if (!*value) return;
    ggx_text_format(out, "  %-12s ", key);
    ggx_text_shown(out, ggx_str_of(value));
    ggx_text_bytes(out, "\n", 1);
}

/* All about one plugin. */
static void print_details(ggx_registry *registry, const ggx_plugin_entry *entry, ggx_text *out)
{
    ggx_text_format(out, "%s\n", entry->id);
    print_line(out, "about", entry->description);
    print_line(out, "version", entry->version);
    print_line(out, "license", entry->license);
    print_line(out, "file", entry->path);
    print_line(out, "found", entry->origin);
    print_line(out, "state", ggx_state_name(entry->state));
    print_line(out, "why", entry->why);
    for (uint32_t i = 0; i < entry->offer_count; i++) {
        const ggx_offer *offer = &entry->offers[i];
        const ggx_option *options = NULL;
        ggx_table table = {.arena = &registry->arena, .columns = 3};
        const char *space = *offer->name ? " " : "", *comma = offer->state == GGX_STATE_USABLE ? "" : ", ";
        const char *state = *comma ? ggx_state_name(offer->state) : "";
        const char *line =
            ggx_arena_format(&registry->arena, "%s%s%s%s%s", offer->interface_id, space, offer->name, comma, state)
                .data;
        print_line(out, "provides", line ? line : "");
        uint32_t count = options_of(entry, i, &options);
        for (uint32_t k = 0; k < count; k++) {
            const char **cells = ggx_table_add(&table);
            if (!cells) break;
            cells[0] = ggx_arena_format(&registry->arena, "-O %s", options[k].name).data;
            cells[1] = option_type(&options[k]);
            cells[2] = options[k].help;
        }
        ggx_table_print(&table, 15, out);
    }
}

static void print_pair(ggx_text *out, const char *key, const char *value, const char *end)
{
    ggx_text_format(out, "\"%s\": ", key);
    ggx_text_json(out, ggx_str_of(value));
    ggx_text_format(out, "%s", end);
}

static void print_options_json(const ggx_plugin_entry *entry, uint32_t offer, ggx_text *out)
{
    const ggx_option *options = NULL;
    uint32_t count = options_of(entry, offer, &options);
    if (!entry->loaded) return;
    ggx_text_format(out, ", \"options\": [");
    for (uint32_t i = 0; i < count; i++) {
        ggx_text_format(out, "%s{", i ? ", " : "");
        print_pair(out, "name", options[i].name, ", ");
        print_pair(out, "type", option_type(&options[i]), ", ");
        print_pair(out, "help", options[i].help, "}");
    }
    ggx_text_format(out, "]");
}

static void print_entry_json(const ggx_plugin_entry *entry, ggx_text *out)
{
    ggx_text_format(out, "    {");
    print_pair(out, "id", entry->id, ", ");
    print_pair(out, "version", entry->version, ", ");
    print_pair(out, "license", entry->license, ", ");
    print_pair(out, "description", entry->description, ",\n     ");
    print_pair(out, "file", entry->path, ", ");
    print_pair(out, "origin", entry->origin, ", ");
    print_pair(out, "state", ggx_state_name(entry->state), ", ");
    print_pair(out, "why", entry->why, ",\n     ");
    ggx_text_format(out, "\"provides\": [");
    for (uint32_t i = 0; i < entry->offer_count; i++) {
        const ggx_offer *offer = &entry->offers[i];
        ggx_text_format(out, "%s{", i ? ",\n                  " : "");
        print_pair(out, "interface", offer->interface_id, ", ");
        print_pair(out, "name", offer->name, ", ");
        print_pair(out, "state", ggx_state_name(offer->state), "");
        print_options_json(entry, i, out);
        ggx_text_format(out, "}");
    }
    ggx_text_format(out, "]}");
}

static void print_json(const ggx_registry *registry, const ggx_arguments *arguments, ggx_text *out)
{
    ggx_text_format(out, "{\n  \"plugins\": [");
    for (uint32_t i = 0, n = 0; i < registry->count; i++) {
        if (!is_named(&registry->entries[i], arguments)) continue;
        ggx_text_format(out, n++ ? ",\n" : "\n");
        print_entry_json(&registry->entries[i], out);
    }
    ggx_text_format(out, "\n  ],\n  \"directories\": [");
    for (uint32_t i = 0; i < registry->directory_count; i++) {
        const ggx_plugin_directory *directory = &registry->directories[i];
        ggx_text_format(out, i ? ",\n    {" : "\n    {");
        print_pair(out, "path", directory->path, ", ");
        print_pair(out, "origin", directory->origin, ", ");
        print_pair(out, "state", ggx_state_name(directory->state), ", ");
        print_pair(out, "why", directory->why, "}");
    }
    ggx_text_format(out, "\n  ]\n}\n");
}

/* Loads what was named, or all with --check; returns the exit code that the state of plugins asks for. */
static int load(ggx_registry *registry, const ggx_arguments *arguments)
{
    int code = 0;
    for (uint32_t i = 0; i < registry->count; i++) {
        ggx_plugin_entry *entry = &registry->entries[i];
        ggx_error error;
        if (!is_named(entry, arguments)) continue;
        if (entry->state == GGX_STATE_USABLE) ggx_registry_load(registry, entry, &error);
        if (entry->state == GGX_STATE_REFUSED) code = 10;
    }
    for (uint32_t i = 0; i < registry->directory_count && arguments->check; i++)
        if (registry->directories[i].state == GGX_STATE_REFUSED) code = 10;
    return code;
}

/* GGX_E_NOTFOUND for the first name that no plugin has. */
static ggx_status check_names(const ggx_registry *registry, const ggx_arguments *arguments, ggx_error *error)
{
    for (uint32_t i = 0; i < arguments->operand_count; i++) {
        ggx_arguments one = {.operands = arguments->operands + i, .operand_count = 1};
        uint32_t k = 0;
        while (k < registry->count && !is_named(&registry->entries[k], &one)) k++;
        if (k == registry->count)
            return ggx_fail(error, GGX_E_NOTFOUND, "there is no plugin %.80s; ggx plugins lists them",
                            arguments->operands[i]);
    }
    return GGX_OK;
}

int ggx_verb_plugins(ggx_cli *cli)
{
    const ggx_arguments *arguments = &cli->arguments;
    ggx_registry registry;
    ggx_text out = {0};
    ggx_error error;
    int code = 0;
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK) status = check_names(&registry, arguments, &error);
    if (status != GGX_OK) {
        code = ggx_report_error(&error, NULL);
    } else {
        if (arguments->operand_count || arguments->check) code = load(&registry, arguments);
        if (arguments->json)
            print_json(&registry, arguments, &out);
        else if (!arguments->operand_count)
            print_list(&registry, &out);
        for (uint32_t i = 0; i < registry.count && arguments->operand_count && !arguments->json; i++)
            if (is_named(&registry.entries[i], arguments)) print_details(&registry, &registry.entries[i], &out);
        int written = ggx_report_result(&out);
        if (written) code = written;
    }
    ggx_registry_close(&registry);
    return code;
}
