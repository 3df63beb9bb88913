/* ggx hash: digests of files, in the form of sha256sum, or of tensors through any reader. */
#include "base/pool.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "flow.h"
#include "hash/files.h"
#include <ggx_sdk/error.h>

typedef struct hashing {
    ggx_cli *cli;
    ggx_arena arena;
    uint32_t kind, threads;
    ggx_text out;
    uint64_t printed;
    ggx_error error;
} hashing;

static void print_one(hashing *h, const char *what, ggx_str name, const ggx_hashed *hashed, const ggx_tensor *tensor)
{
    char text[GGX_HASH_TEXT];
    ggx_hash_text(hashed->digest, ggx_hash_size(h->kind), text);
    if (!h->cli->arguments.json) {
        ggx_text_format(&h->out, "%s  ", text);
        ggx_text_shown(&h->out, name);
        ggx_text_format(&h->out, "\n");
        return;
    }
    ggx_text_format(&h->out, "%s\n  {\"%s\": ", h->printed++ ? "," : "", what);
    ggx_text_json(&h->out, name);
    if (tensor) ggx_text_format(&h->out, ", \"type\": \"%s\"", tensor->type.name);
    ggx_text_format(&h->out, ", \"bytes\": %llu, \"%s\": \"%s\"}", (unsigned long long)hashed->bytes,
                    ggx_hash_name(h->kind), text);
}

/* All files of what was named. */
static int hash_files(hashing *h, const char *path)
{
    ggx_source *source = NULL;
    ggx_status status = ggx_source_open(path, &source, &h->error);
    const uint32_t count = status == GGX_OK ? source->count(source) : 0;
    ggx_hashed *files = ggx_arena_array(&h->arena, count + 1ull, sizeof *files);
    if (status == GGX_OK && !files) status = ggx_fail(&h->error, GGX_E_NOMEM, "no memory for the list of files");
    for (uint32_t i = 0; i < count && files; i++) files[i] = (ggx_hashed){.source = source, .member = i};
    if (status == GGX_OK) status = ggx_hash_files(files, count, h->kind, h->threads, &h->cli->run, &h->error);
    for (uint32_t i = 0; i < count && status == GGX_OK; i++)
        print_one(h, "file", ggx_str_of(ggx_source_path(source, i)), &files[i], NULL);
    ggx_progress_close(&h->cli->progress);
    const int code = status == GGX_OK ? 0 : ggx_report_error(&h->error, source);
    ggx_source_close(source);
    return code;
}

static int hash_tensors(hashing *h, ggx_registry *registry, const char *path)
{
    const ggx_arguments *a = &h->cli->arguments;
    const ggx_conversion wanted = {
        .input = path, .reader = a->reader, .settings = a->settings, .setting_count = a->setting_count};
    ggx_flow flow = {0};
    ggx_status status = ggx_flow_open(&flow, registry, &wanted, &h->cli->run, &h->error);
    const uint64_t count = status == GGX_OK ? flow.checkpoint.tensor_count : 0;
    ggx_hashed *tensors = ggx_arena_array(&h->arena, count + 1, sizeof *tensors);
    if (status == GGX_OK && !tensors) status = ggx_fail(&h->error, GGX_E_NOMEM, "no memory for the list of tensors");
    for (uint64_t i = 0; i < count && tensors; i++) tensors[i] = (ggx_hashed){.tensor = i};
    if (status == GGX_OK)
        status = ggx_hash_tensors(&flow.checkpoint, tensors, count, h->kind, h->threads, &h->cli->run, &h->error);
    for (uint64_t i = 0; i < count && status == GGX_OK; i++)
        print_one(h, "tensor", flow.checkpoint.tensors[i].name, &tensors[i], &flow.checkpoint.tensors[i]);
    ggx_progress_close(&h->cli->progress);
    const int code = status == GGX_OK ? 0 : ggx_report_error(&h->error, flow.source);
    ggx_flow_close(&flow);
    return code;
}

static ggx_status check(hashing *h)
{
    const ggx_arguments *a = &h->cli->arguments;
    if (a->tensors) h->kind = GGX_HASH_XXH128; /* which tensor it is, not who made it */
    if (a->algorithm && !ggx_hash_kind_of(a->algorithm, &h->kind))
        return ggx_fail(&h->error, GGX_E_USAGE,
                        "--algorithm %.40s: there are sha256, blake2b, sha1, git, crc32c, xxh3 and xxh128",
                        a->algorithm);
    if (!a->tensors && (a->reader || a->setting_count))
        return ggx_fail(&h->error, GGX_E_USAGE, "--reader and -O are for --tensors: files are hashed as they are");
    return GGX_OK;
}

int ggx_verb_hash(ggx_cli *cli)
{
    hashing h = {.cli = cli, .threads = cli->arguments.threads ? cli->arguments.threads : ggx_pool_cpus()};
    ggx_registry registry;
    ggx_status status = check(&h);
    if (status != GGX_OK) return ggx_report_error(&h.error, NULL);
    status = ggx_cli_registry(cli, &registry, &h.error);
    int code = status == GGX_OK ? 0 : ggx_report_error(&h.error, NULL);
    ggx_arena_init(&h.arena, 1ull << 30);
    if (cli->arguments.json) ggx_text_format(&h.out, "[");
    for (uint32_t i = 0; i < cli->arguments.operand_count && !code; i++) {
        const char *path = cli->arguments.operands[i];
        ggx_progress_label(&cli->progress, path);
        code = cli->arguments.tensors ? hash_tensors(&h, &registry, path) : hash_files(&h, path);
    }
    if (cli->arguments.json) ggx_text_format(&h.out, "\n]\n");
    ggx_registry_close(&registry);
    ggx_arena_free(&h.arena);
    if (!code) return ggx_report_result(&h.out);
    ggx_text_free(&h.out);
    return code;
}
