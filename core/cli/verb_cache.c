/* ggx cache: what was fetched, whether it still is what it was, and away with it. */
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "fetch/cache.h"
#include <ggx_sdk/error.h>

#define MEMORY (256u << 20)
#define PRUNE_AGE (7u * 86400) /* seconds */

typedef struct caching {
    ggx_cli *cli;
    ggx_arena arena;
    ggx_cache cache;
    ggx_text out;
    uint64_t bad, printed, freed;
    ggx_error error;
} caching;

static const char *number(ggx_arena *arena, uint64_t n)
{
    const char *text = ggx_arena_format(arena, "%llu", (unsigned long long)n).data;
    return text ? text : "";
}

/* Named by what ls prints, or by the folder. */
static int is_meant(const caching *c, const ggx_cached *entry)
{
    const ggx_arguments *a = &c->cli->arguments;
    for (uint32_t i = 1; i < a->operand_count; i++)
        if (!strcmp(a->operands[i], entry->name) || !strcmp(a->operands[i], entry->folder)) return 1;
    return 0;
}

static ggx_status list(caching *c)
{
    static const char *const head[] = {"NAME", "FILES", "BYTES", "UNFINISHED", "FOLDER"};
    ggx_table table = {.arena = &c->arena, .columns = 5, .numbers = 0xe};
    if (c->cli->arguments.json) ggx_text_format(&c->out, "[");
    for (uint32_t i = 0; i < c->cache.count; i++) {
        const ggx_cached *e = &c->cache.entries[i];
        if (c->cli->arguments.json) {
            ggx_text_format(&c->out, "%s\n  {\"name\": ", i ? "," : "");
            ggx_text_json(&c->out, ggx_str_of(e->name));
            ggx_text_format(&c->out, ", \"files\": %llu, \"bytes\": %llu, \"unfinished\": %llu, \"folder\": ",
                            (unsigned long long)e->files, (unsigned long long)e->bytes,
                            (unsigned long long)e->unfinished);
            ggx_text_json(&c->out, ggx_str_of(e->folder));
            ggx_text_format(&c->out, "}");
            continue;
        }
        const char **cells = i ? NULL : ggx_table_add(&table);
        if (cells) memcpy(cells, head, sizeof head);
        cells = ggx_table_add(&table);
        if (!cells) return ggx_fail(&c->error, GGX_E_NOMEM, "out of memory");
        cells[0] = e->name;
        cells[1] = number(&c->arena, e->files);
        cells[2] = number(&c->arena, e->bytes);
        cells[3] = number(&c->arena, e->unfinished);
        cells[4] = e->folder;
    }
    if (c->cli->arguments.json) ggx_text_format(&c->out, "]\n");
    ggx_table_print(&table, 0, &c->out);
    return GGX_OK;
}

static void report(void *context, const char *path, int good)
{
    caching *c = context;
    c->bad += !good;
    if (c->cli->arguments.json) {
        ggx_text_format(&c->out, "%s\n  {\"file\": ", c->printed++ ? "," : "");
        ggx_text_json(&c->out, ggx_str_of(path));
        ggx_text_format(&c->out, ", \"result\": \"%s\"}", good ? "ok" : "other bytes than its name says");
    } else if (!good || !c->cli->arguments.quiet) {
        ggx_text_shown(&c->out, ggx_str_of(path));
        ggx_text_format(&c->out, ": %s\n", good ? "ok" : "other bytes than its name says");
    }
}

static ggx_status verify(caching *c)
{
    ggx_status status = GGX_OK;
    if (c->cli->arguments.json) ggx_text_format(&c->out, "[");
    for (uint32_t i = 0; i < c->cache.count && status == GGX_OK; i++)
        if (c->cli->arguments.operand_count == 1 || is_meant(c, &c->cache.entries[i]))
            status = ggx_cache_check(&c->cache.entries[i], &c->arena, &c->cli->run, report, c, &c->error);
    if (c->cli->arguments.json) ggx_text_format(&c->out, "]\n");
    if (status == GGX_OK && c->bad)
        status = ggx_fail(&c->error, GGX_E_INTEGRITY, "%llu files are damaged; fetch them again, which replaces them",
                          (unsigned long long)c->bad);
    return status;
}

static ggx_status remove_entries(caching *c)
{
    const ggx_arguments *a = &c->cli->arguments;
    uint32_t removed = 0;
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < c->cache.count && status == GGX_OK; i++) {
        if (!is_meant(c, &c->cache.entries[i])) continue;
        status = ggx_cache_remove(&c->cache.entries[i], &c->arena, &c->error);
        removed++;
    }
    if (status == GGX_OK && !removed)
        status = ggx_fail(&c->error, GGX_E_NOTFOUND, "the cache has no %.100s; ggx cache ls lists what it has",
                          a->operand_count > 1 ? a->operands[1] : "such model");
    return status;
}

static void report_pruned(void *context, const char *path, const char *why, uint64_t bytes)
{
    caching *c = context;
    c->freed += bytes;
    if (c->cli->arguments.json) {
        ggx_text_format(&c->out, "%s\n  {\"path\": ", c->printed++ ? "," : "");
        ggx_text_json(&c->out, ggx_str_of(path));
        ggx_text_format(&c->out, ", \"bytes\": %llu, \"why\": \"%s\"}", (unsigned long long)bytes, why);
    } else if (!c->cli->arguments.quiet) {
        ggx_text_shown(&c->out, ggx_str_of(path));
        ggx_text_format(&c->out, ": %s, %llu bytes\n", why, (unsigned long long)bytes);
    }
}

static void report_busy(void *context, const char *folder)
{
    caching *c = context;
    if (c->cli->arguments.json || c->cli->arguments.quiet) return;
    ggx_text_shown(&c->out, ggx_str_of(folder));
    ggx_text_format(&c->out, ": left out, a download is at work on it\n");
}

static ggx_status prune(caching *c)
{
    const ggx_arguments *a = &c->cli->arguments;
    const ggx_prune options = {a->older_than ? a->older_than - 1 : PRUNE_AGE, a->dry_run, report_pruned, c,
                               report_busy};
    if (a->operand_count > 1)
        return ggx_fail(&c->error, GGX_E_USAGE, "ggx cache prune takes no names; ggx cache rm does");
    if (a->json) ggx_text_format(&c->out, "[");
    ggx_status status = ggx_cache_prune(&c->cache, &options, &c->arena, &c->error);
    if (a->json) ggx_text_format(&c->out, "]\n");
    if (!a->json && !a->quiet)
        ggx_text_format(&c->out, "%llu bytes %s\n", (unsigned long long)c->freed,
                        a->dry_run ? "would be free" : "are free");
    return status;
}

int ggx_verb_cache(ggx_cli *cli)
{
    static const struct {
        const char *name;
        ggx_status (*run)(caching *c);
    } actions[] = {{"ls", list}, {"verify", verify}, {"rm", remove_entries}, {"prune", prune}};
    const size_t count = sizeof actions / sizeof actions[0];
    caching c = {.cli = cli};
    size_t i = 0;
    while (i < count && strcmp(cli->arguments.operands[0], actions[i].name)) i++;
    ggx_arena_init(&c.arena, MEMORY);
    ggx_status status = i < count ? ggx_cache_list(&c.cache, &c.arena, &c.error)
                                  : ggx_fail(&c.error, GGX_E_USAGE, "ggx cache %.80s: expected ls, verify, rm or prune",
                                             cli->arguments.operands[0]);
    if (status == GGX_OK) status = actions[i].run(&c);
    int code = c.out.size ? ggx_report_result(&c.out) : 0;
    if (status != GGX_OK) code = ggx_report_error(&c.error, NULL);
    ggx_arena_free(&c.arena);
    return code;
}
