/* ggx fetch, and what other verbs do with the name of a remote model: they fetch it into the cache first. */
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "fetch/catalog.h"
#include "fetch/fetch.h"
#include "hash/hash.h"
#include "host/scan.h"
#include <errno.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MEMORY (256u << 20)
#define SEGMENT_LEAST (64u << 10) /* a request for less costs more than the bytes */

/* hf://ORG/REPO and --revision refs/pr/1 → hf://ORG/REPO@refs%2Fpr%2F1 */
static ggx_status with_revision(const ggx_cli *cli, ggx_arena *arena, const char **name, ggx_error *error)
{
    const char *revision = cli->arguments.revision, *slash, *end;
    ggx_text text = {0};
    if (!revision) return GGX_OK;
    if (strncmp(*name, "hf://", 5) != 0)
        return ggx_fail(error, GGX_E_USAGE, "--revision is for hf://ORG/REPO; %.120s is none", *name);
    slash = strchr(*name + 5, '/');
    end = slash ? slash + 1 + strcspn(slash + 1, "/@") : *name + strlen(*name);
    if (*end == '@') return ggx_fail(error, GGX_E_USAGE, "%.120s has its revision already", *name);
    ggx_text_format(&text, "%.*s@", (int)(end - *name), *name);
    for (; *revision; revision++) ggx_text_format(&text, *revision == '/' ? "%%2F" : "%c", *revision);
    ggx_text_format(&text, "%s", end);
    if (!text.failed) *name = ggx_arena_str(arena, (ggx_str){text.data, text.size}).data;
    const int failed = text.failed || !*name;
    ggx_text_free(&text);
    return failed ? ggx_fail(error, GGX_E_NOMEM, "out of memory") : GGX_OK;
}

static ggx_status fetch_operand(ggx_cli *cli, const char *name, const ggx_fetch_options *options, ggx_arena *arena,
                                ggx_fetched *out, ggx_error *error)
{
    ggx_status status = with_revision(cli, arena, &name, error);
    ggx_progress_label(&cli->progress, "fetch");
    return status == GGX_OK ? ggx_fetch(name, options, arena, out, error) : status;
}

ggx_status ggx_cli_endpoint(const ggx_cli *cli, ggx_error *error)
{
    const char *endpoint = cli->arguments.endpoint;
    if (endpoint && setenv("HF_ENDPOINT", endpoint, 1) != 0) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    return GGX_OK;
}

static const char *data_file(ggx_arena *arena, const char *name)
{
    const char *data = ggx_data_directory(arena);
    return data ? ggx_arena_format(arena, "%s/%s", data, name).data : NULL;
}

static ggx_fetch_options options_of(ggx_cli *cli, const ggx_catalog *catalog, ggx_arena *arena)
{
    const ggx_arguments *a = &cli->arguments;
    return (ggx_fetch_options){.sha256 = a->sha256,
                               .catalog = catalog,
                               .choice = a->all_files ? NULL : data_file(arena, "models/files.json"),
                               .form = a->form,
                               .timeout = a->timeout,
                               .connections = a->connections,
                               .segment = a->segment_size,
                               .rate = a->limit_rate,
                               .run = &cli->run};
}

/* What --catalog names has to be there; $GGX_CATALOG is a list of places to look at, like other paths of the environment. */
static ggx_status check_places(const ggx_catalog *catalog, ggx_error *error)
{
    struct stat st;
    for (uint32_t i = 0; i < catalog->count; i++)
        if (stat(catalog->places[i], &st) != 0)
            return ggx_fail(error, errno == ENOENT || errno == ENOTDIR ? GGX_E_NOTFOUND : GGX_E_DENIED,
                            "cannot read the catalogue %.200s: %s; --catalog takes a JSON file, or a folder of them",
                            catalog->places[i], strerror(errno));
    return GGX_OK;
}

ggx_status ggx_cli_catalog(const ggx_cli *cli, ggx_catalog *catalog, ggx_arena *arena, ggx_error *error)
{
    const char *data = ggx_data_directory(arena), *more = ggx_privileged() ? NULL : getenv("GGX_CATALOG");
    ggx_status status = GGX_OK;
    catalog->count = 0;
    for (uint32_t i = 0; i < cli->arguments.catalog_count && status == GGX_OK; i++)
        status = ggx_catalog_add(catalog, cli->arguments.catalog[i], arena, error);
    if (status == GGX_OK) status = check_places(catalog, error);
    if (status == GGX_OK) status = ggx_catalog_add(catalog, more, arena, error);
    const char *own = data ? ggx_arena_format(arena, "%s/catalog", data).data : NULL;
    if (status == GGX_OK && own && catalog->count < GGX_CATALOG_PLACES) catalog->places[catalog->count++] = own;
    return status;
}

/* What lies on the disk goes before names of the catalogue. A broken catalogue is an error only for who uses it. */
static int is_in_catalog(const char *name, const ggx_catalog *catalog, ggx_arena *arena, ggx_catalog_entry *entry)
{
    struct stat st;
    ggx_error ignored;
    return stat(name, &st) != 0 && ggx_catalog_find(catalog, name, arena, entry, &ignored) == GGX_OK;
}

/* Verbs that need headers only, and --stream, leave the model where it is. */
static ggx_status leave_remote(ggx_cli *cli, uint32_t i, const ggx_catalog_entry *found, ggx_error *error)
{
    ggx_arguments *a = &cli->arguments;
    ggx_status status = GGX_OK;
    if (!found->from) return with_revision(cli, &a->arena, &a->operands[i], error);
    ggx_catalog_entry *entry = ggx_arena_alloc(&a->arena, sizeof *entry);
    if (!entry) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    *entry = *found;
    status = entry->folder ? GGX_OK : with_revision(cli, &a->arena, &entry->from, error);
    a->entry = entry;
    return status;
}

ggx_status ggx_cli_fetch_operands(ggx_cli *cli, uint32_t verb, ggx_error *error)
{
    ggx_arguments *a = &cli->arguments;
    ggx_catalog catalog = {0};
    ggx_fetch_options options = options_of(cli, &catalog, &a->arena);
    options.siblings = 1;
    if (verb == GGX_VERB_VERIFY) options.sha256 = NULL;
    /* these verbs fetch headers themselves */
    options.headers = (verb & (GGX_VERB_PLAN | GGX_VERB_INSPECT | GGX_VERB_FIT)) != 0;
    const int headers = options.headers && !ggx_fetch_is_offline();
    ggx_status status = ggx_cli_catalog(cli, &catalog, &a->arena, error);
    for (uint32_t i = 0; i < a->operand_count && status == GGX_OK; i++) {
        ggx_fetched fetched;
        ggx_catalog_entry entry = {0};
        if (!ggx_hub_is_name(a->operands[i]) && !is_in_catalog(a->operands[i], &catalog, &a->arena, &entry)) continue;
        if (i == 0) a->recommended = entry.recipe;
        if (i == 0 && strncmp(a->operands[i], "hf://", 5) != 0) a->called = entry.from ? entry.name : "";
        if (a->stream && ggx_fetch_is_offline())
            return ggx_fail(error, GGX_E_NETWORK,
                            "%.150s cannot be streamed: HF_HUB_OFFLINE is set; leave --stream out", a->operands[i]);
        if (headers || a->stream) {
            status = leave_remote(cli, i, &entry, error);
            continue;
        }
        if (verb == GGX_VERB_CONVERT && a->output) {
            a->entry = entry.from ? &entry : NULL;
            options.more = ggx_cli_output_bytes;
            options.more_context = cli;
            options.more_path = a->output;
        }
        status = fetch_operand(cli, a->operands[i], &options, &a->arena, &fetched, error);
        a->entry = NULL;
        if (status != GGX_OK) return status;
        a->operands[i] = fetched.path;
        if (verb != GGX_VERB_VERIFY) a->sha256 = NULL; /* it was compared */
    }
    return status;
}

static const char *digest_of(const ggx_fetched_file *file, char text[GGX_HASH_TEXT])
{
    ggx_hash_text(file->digest, ggx_hash_size(file->hash), text);
    return text;
}

static void print_json(const ggx_fetched *f, const char *name, ggx_text *out)
{
    char digest[GGX_HASH_TEXT];
    ggx_text_format(out, "{\"name\": ");
    ggx_text_json(out, ggx_str_of(name));
    ggx_text_format(out, ", \"commit\": ");
    ggx_text_json(out, ggx_str_of(f->pin));
    ggx_text_format(out, ", \"path\": ");
    ggx_text_json(out, ggx_str_of(f->path));
    ggx_text_format(out, ", \"files\": [");
    for (uint32_t i = 0; i < f->count; i++) {
        ggx_text_format(out, "%s\n  {\"path\": ", i ? "," : "");
        ggx_text_json(out, ggx_str_of(f->files[i].path));
        ggx_text_format(out, ", \"bytes\": %llu, \"%s\": \"%s\", \"published\": %s}",
                        (unsigned long long)f->files[i].bytes, ggx_hash_name(f->files[i].hash),
                        digest_of(&f->files[i], digest), f->files[i].known ? "true" : "false");
    }
    ggx_text_format(out, "]}");
}

static void print_text(const ggx_cli *cli, const ggx_fetched *f, ggx_text *out)
{
    char digest[GGX_HASH_TEXT];
    for (uint32_t i = 0; i < f->count && !cli->arguments.quiet; i++) {
        ggx_text_shown(out, ggx_str_of(f->files[i].path));
        ggx_text_format(out, ": %llu bytes, %s %s%s\n", (unsigned long long)f->files[i].bytes,
                        ggx_hash_name(f->files[i].hash), digest_of(&f->files[i], digest),
                        f->files[i].known ? ", as published" : " (nothing is published to compare it with)");
    }
    if (*f->pin && !cli->arguments.quiet) ggx_text_format(out, "commit %s\n", f->pin);
    if (f->left_out && !cli->arguments.quiet)
        ggx_text_format(out, "%u files that are not needed%s%s were left out; --all fetches them\n", f->left_out,
                        f->form ? " beside the weights as " : "", f->form ? f->form : "");
    if (f->passed_over && !cli->arguments.quiet)
        ggx_text_format(out, "%u files were left out: hidden, or with names that are not taken\n", f->passed_over);
    ggx_text_shown(out, ggx_str_of(f->path));
    ggx_text_format(out, "\n");
}

/* Of all files, as far as the catalogue says; 0: it does not. */
static uint64_t bytes_of(const ggx_catalog_entry *entry)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < entry->file_count; i++) {
        if (!entry->files[i].bytes) return 0;
        sum += entry->files[i].bytes;
    }
    return sum;
}

static void list_json(const ggx_catalog_entry *entries, uint32_t count, ggx_text *out)
{
    char digest[GGX_HASH_TEXT];
    for (uint32_t i = 0; i < count; i++) {
        const ggx_catalog_entry *e = &entries[i];
        ggx_text_format(out, "%s\n  {\"name\": ", i ? "," : "[");
        ggx_text_json(out, ggx_str_of(e->name));
        ggx_text_format(out, ", \"about\": ");
        ggx_text_json(out, ggx_str_of(e->about));
        ggx_text_format(out, ", \"recipe\": ");
        e->recipe ? ggx_text_json(out, ggx_str_of(e->recipe)) : ggx_text_format(out, "null");
        ggx_text_format(out, e->memory ? ", \"memory\": %llu, \"files\": [" : ", \"memory\": null, \"files\": [",
                        (unsigned long long)e->memory);
        for (uint32_t k = 0; k < e->file_count; k++) {
            const ggx_catalog_file *f = &e->files[k];
            ggx_text_format(out, "%s{\"from\": ", k ? ", " : "");
            ggx_text_json(out, ggx_str_of(f->url));
            if (f->bytes) ggx_text_format(out, ", \"bytes\": %llu", (unsigned long long)f->bytes);
            ggx_hash_text(f->digest, ggx_hash_size(f->hash), digest);
            if (f->known) ggx_text_format(out, ", \"%s\": \"%s\"", ggx_hash_name(f->hash), digest);
            ggx_text_format(out, "}");
        }
        ggx_text_format(out, "]}");
    }
    ggx_text_format(out, count ? "\n]\n" : "[]\n");
}

static ggx_status list_catalog(const ggx_cli *cli, const ggx_catalog *catalog, ggx_arena *arena, ggx_text *out,
                               ggx_error *error)
{
    static const char *const head[] = {"NAME", "BYTES", "MEMORY", "RECIPE", "ABOUT"};
    ggx_table table = {.arena = arena, .columns = 5, .numbers = 6};
    ggx_catalog_entry *entries;
    uint32_t count;
    ggx_status status = ggx_catalog_list(catalog, arena, &entries, &count, error);
    const char **cells = status == GGX_OK ? ggx_table_add(&table) : NULL;
    if (cells) memcpy(cells, head, sizeof head);
    if (status == GGX_OK && cli->arguments.json) return list_json(entries, count, out), GGX_OK;
    for (uint32_t i = 0; cells && i < count && (cells = ggx_table_add(&table)); i++) {
        const ggx_catalog_entry *e = &entries[i];
        const uint64_t bytes = bytes_of(e);
        cells[0] = e->name;
        cells[1] = bytes ? ggx_arena_format(arena, "%llu", (unsigned long long)bytes).data : "";
        cells[2] = e->memory ? ggx_arena_format(arena, "%llu", (unsigned long long)e->memory).data : "";
        cells[3] = e->recipe ? e->recipe : "";
        cells[4] = e->about;
    }
    if (status == GGX_OK) ggx_table_print(&table, 0, out);
    return status;
}

/* Where a source that is one file goes below -o; "" for others. */
static ggx_str target_of(const char *name)
{
    const char *slash, *base;
    if (!ggx_hub_is_name(name)) return GGX_LIT("");
    if (!strncmp(name, "hf://", 5)) {
        slash = strchr(name + 5, '/');
        slash = slash ? strchr(slash + 1, '/') : NULL;
        return ggx_str_of(slash ? slash + 1 : "");
    }
    const size_t size = strcspn(name, "?#");
    for (base = name + size; base > name && base[-1] != '/';) base--;
    return (ggx_str){base, (uint64_t)(name + size - base)};
}

/* What can be told before anything is fetched. */
static ggx_status check_fetch(const ggx_arguments *a, ggx_error *error)
{
    if (a->list != (a->operand_count == 0))
        return ggx_fail(error, GGX_E_USAGE, a->list ? "--list takes no names" : "ggx fetch needs NAME…, or --list");
    if (a->segment_size && a->segment_size < SEGMENT_LEAST)
        return ggx_fail(error, GGX_E_USAGE, "--segment-size takes 64K or more");
    for (uint32_t i = 0; a->output && i < a->operand_count; i++)
        for (uint32_t k = 0; k < i; k++) {
            const ggx_str one = target_of(a->operands[k]), other = target_of(a->operands[i]);
            if (one.size && ggx_str_same(one, other) && strcmp(a->operands[i], a->operands[k]) != 0)
                return ggx_fail(error, GGX_E_USAGE,
                                "%.100s and %.100s would both become %.*s; fetch them into two folders", a->operands[k],
                                a->operands[i], GGX_STR_ARGS(one));
        }
    return GGX_OK;
}

int ggx_verb_fetch(ggx_cli *cli)
{
    const ggx_arguments *a = &cli->arguments;
    ggx_arena arena;
    ggx_catalog catalog;
    ggx_text out = {0};
    ggx_error error = {0};
    ggx_status status = GGX_OK;
    ggx_arena_init(&arena, MEMORY);
    status = ggx_cli_catalog(cli, &catalog, &arena, &error);
    if (status == GGX_OK) status = check_fetch(a, &error);
    if (status == GGX_OK && a->list) status = list_catalog(cli, &catalog, &arena, &out, &error);
    ggx_fetch_options options = options_of(cli, &catalog, &arena);
    options.directory = a->output;
    if (a->json && !a->list) ggx_text_format(&out, "[");
    for (uint32_t i = 0; i < a->operand_count && status == GGX_OK; i++) {
        ggx_fetched fetched;
        if (status == GGX_OK) status = fetch_operand(cli, a->operands[i], &options, &arena, &fetched, &error);
        if (status != GGX_OK) break;
        if (a->json && i) ggx_text_format(&out, ",\n");
        if (a->json)
            print_json(&fetched, a->operands[i], &out);
        else
            print_text(cli, &fetched, &out);
    }
    if (a->json && !a->list) ggx_text_format(&out, "]\n");
    ggx_progress_close(&cli->progress);
    ggx_arena_free(&arena);
    if (status == GGX_OK) return ggx_report_result(&out);
    ggx_text_free(&out);
    return ggx_report_error(&error, NULL);
}
