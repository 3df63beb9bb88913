/* ggx verify: files against a manifest, a list of digests, one digest, or a signature. */
#include "base/pool.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "hash/files.h"
#include "hash/manifest.h"
#include "hash/signature.h"
#include "source/open.h"
#include <ggx_sdk/error.h>

#define TEXT_MAX (64u << 10) /* of a key, of a signature */

typedef struct verifying {
    ggx_cli *cli;
    const char *path;
    ggx_source *source;
    ggx_arena arena;
    uint32_t threads;
    ggx_text out;
    uint64_t printed;
    ggx_error error;
} verifying;

static void print_one(verifying *v, ggx_str name, const char *verdict)
{
    if (v->cli->arguments.json) {
        ggx_text_format(&v->out, "%s\n  {\"file\": ", v->printed++ ? "," : "");
        ggx_text_json(&v->out, name);
        ggx_text_format(&v->out, ", \"result\": \"%s\"}", verdict);
    } else if (!v->cli->arguments.quiet || strcmp(verdict, "ok") != 0) {
        ggx_text_shown(&v->out, name);
        ggx_text_format(&v->out, ": %s\n", verdict);
    }
}

static ggx_str name_of(const verifying *v, uint32_t index)
{
    ggx_member member = {.struct_size = sizeof member};
    ggx_error ignored;
    return v->source->member(v->source, index, &member, &ignored) == GGX_OK ? member.name : (ggx_str){"", 0};
}

/* --- digests --------------------------------------------------------------------------------------------------------------------- */

/* A file to look at and what it should be. */
typedef struct expected {
    const ggx_manifest_file **files;
    ggx_hashed *hashed;
    uint64_t count;
    uint64_t missing;
} expected;

static void expect(expected *e, const verifying *v, uint32_t member, const ggx_manifest_file *file)
{
    e->hashed[e->count] = (ggx_hashed){.source = v->source, .member = member};
    e->files[e->count++] = file;
}

/* Of a directory all files of the manifest, but outputs only where they are: those often lie elsewhere. */
static ggx_status expect_directory(verifying *v, const ggx_manifest *m, expected *e)
{
    for (uint64_t i = 0; i < m->input_count + m->output_count; i++) {
        const int output = i >= m->input_count;
        const ggx_manifest_file *file = output ? &m->outputs[i - m->input_count] : &m->inputs[i];
        uint32_t member;
        ggx_status status = v->source->find(v->source, file->name, &member, &v->error);
        if (status == GGX_OK) {
            expect(e, v, member, file);
        } else if (status != GGX_E_NOTFOUND) {
            return status;
        } else if (!output) {
            print_one(v, file->name, "missing");
            e->missing++;
        }
    }
    return GGX_OK;
}

static ggx_status expect_files(verifying *v, const ggx_manifest *m, expected *e)
{
    const uint64_t most = m->input_count + m->output_count + 1;
    e->files = ggx_arena_array(&v->arena, most, sizeof(const ggx_manifest_file *));
    e->hashed = ggx_arena_array(&v->arena, most, sizeof *e->hashed);
    if (!e->files || !e->hashed) return ggx_fail(&v->error, GGX_E_NOMEM, "no memory for the list of files");
    if (v->source->kind == GGX_SOURCE_DIRECTORY) return expect_directory(v, m, e);
    const ggx_str name = name_of(v, 0);
    const ggx_manifest_file *file = ggx_manifest_find(m->outputs, m->output_count, name);
    if (!file) file = ggx_manifest_find(m->inputs, m->input_count, name);
    if (!file)
        return ggx_fail(&v->error, GGX_E_NOTFOUND, "the manifest has no file of the name %.*s", GGX_STR_ARGS(name));
    expect(e, v, 0, file);
    return GGX_OK;
}

static ggx_status verify_digests(verifying *v, const ggx_manifest *m)
{
    expected e = {0};
    ggx_error first = {0}, each;
    ggx_status status = expect_files(v, m, &e), result = GGX_OK;
    if (status == GGX_OK)
        status = ggx_hash_files(e.hashed, e.count, GGX_HASH_SHA256, v->threads, &v->cli->run, &v->error);
    ggx_progress_close(&v->cli->progress);
    if (status != GGX_OK) return status;
    for (uint64_t i = 0; i < e.count; i++) {
        const ggx_manifest_file *file = e.files[i];
        status = ggx_manifest_compare(file, e.hashed[i].bytes, e.hashed[i].digest, &each);
        print_one(v, file->name, status == GGX_OK ? "ok" : "differs");
        if (status == GGX_OK || result != GGX_OK) continue;
        result = status;
        first = each;
    }
    v->error = first;
    if (result == GGX_OK && e.missing)
        return ggx_fail(&v->error, GGX_E_NOTFOUND, "%llu of the manifest's files are not there",
                        (unsigned long long)e.missing);
    if (result == GGX_OK && !e.count)
        return ggx_fail(&v->error, GGX_E_NOTFOUND, "none of the manifest's files is there: nothing was verified");
    return result;
}

static ggx_status verify_manifest(verifying *v, const char *path)
{
    ggx_manifest manifest;
    ggx_str text;
    ggx_status status = ggx_read_whole(&v->arena, path, GGX_MANIFEST_BYTES, &text, &v->error);
    if (status == GGX_OK) status = ggx_manifest_parse(&v->arena, text, path, &manifest, &v->error);
    return status == GGX_OK ? verify_digests(v, &manifest) : status;
}

static ggx_status verify_sha256(verifying *v, const char *digest)
{
    ggx_manifest_file file = {.name = name_of(v, 0), .bytes = UINT64_MAX};
    const ggx_manifest manifest = {.inputs = &file, .input_count = 1};
    if (!ggx_hash_parse(ggx_str_of(digest), file.digest, 32))
        return ggx_fail(&v->error, GGX_E_USAGE, "--sha256 takes 64 hexadecimal digits");
    return verify_digests(v, &manifest);
}

/* --- signatures ------------------------------------------------------------------------------------------------------------------ */

/* A file, or the key itself. */
static ggx_status read_key(verifying *v, const char *given, ggx_public_key *key)
{
    ggx_str text = ggx_str_of(given);
    if (text.size == 56 && ggx_str_begins(text, GGX_LIT("RW"))) return ggx_public_key_parse(key, text, &v->error);
    ggx_status status = ggx_read_whole(&v->arena, given, TEXT_MAX, &text, &v->error);
    return status == GGX_OK ? ggx_public_key_parse(key, text, &v->error) : status;
}

/* What was signed: the file's BLAKE2b, or all of it. */
static ggx_status read_message(verifying *v, const ggx_signature *signature, ggx_str *message)
{
    ggx_hashed hashed = {.source = v->source};
    if (!signature->prehashed) return ggx_read_whole(&v->arena, v->path, GGX_SIGNED_WHOLE_MAX, message, &v->error);
    ggx_status status = ggx_hash_files(&hashed, 1, GGX_HASH_BLAKE2B, 1, &v->cli->run, &v->error);
    if (status != GGX_OK) return status;
    *message = ggx_arena_str(&v->arena, (ggx_str){(const char *)hashed.digest, 64});
    return message->data ? GGX_OK : ggx_fail(&v->error, GGX_E_NOMEM, "out of memory");
}

static ggx_status verify_signature(verifying *v, const char *path, const char *key_given)
{
    ggx_signature signature;
    ggx_public_key key;
    ggx_str text, message = {0};
    ggx_status status = read_key(v, key_given, &key);
    if (status == GGX_OK) status = ggx_read_whole(&v->arena, path, TEXT_MAX, &text, &v->error);
    if (status == GGX_OK) status = ggx_signature_parse(&signature, text, &v->error);
    if (status == GGX_OK) status = read_message(v, &signature, &message);
    ggx_progress_close(&v->cli->progress);
    if (status != GGX_OK) return status;
    status = ggx_signature_check(&signature, &key, message, &v->error);
    print_one(v, name_of(v, 0), status == GGX_OK ? "signature ok" : "signature wrong");
    if (status != GGX_OK || v->cli->arguments.json || v->cli->arguments.quiet) return status;
    ggx_text_format(&v->out, "trusted comment: ");
    ggx_text_shown(&v->out, signature.comment);
    ggx_text_format(&v->out, "\n");
    return status;
}

static ggx_status check(verifying *v)
{
    const ggx_arguments *a = &v->cli->arguments;
    if (!a->manifest && !a->signature && !a->sha256)
        return ggx_fail(&v->error, GGX_E_USAGE,
                        "say what to verify with: --manifest, --sha256, or --signature and --key");
    if (!a->signature != !a->key)
        return ggx_fail(&v->error, GGX_E_USAGE,
                        "--signature and --key go together: a signature proves nothing without a "
                        "key that you trust");
    ggx_status status = ggx_source_open(v->path, &v->source, &v->error);
    if (status == GGX_OK && v->source->kind != GGX_SOURCE_FILE && (a->signature || a->sha256))
        status =
            ggx_fail(&v->error, GGX_E_USAGE, "--signature and --sha256 are of one file, and %.100s is none", v->path);
    if (status == GGX_OK && v->source->kind == GGX_SOURCE_PREFIX)
        status = ggx_fail(&v->error, GGX_E_NOTFOUND, "there is no file or directory %.150s", v->path);
    return status;
}

int ggx_verb_verify(ggx_cli *cli)
{
    const ggx_arguments *a = &cli->arguments;
    verifying v = {.cli = cli, .path = a->operands[0], .threads = a->threads ? a->threads : ggx_pool_cpus()};
    ggx_arena_init(&v.arena, 1ull << 30);
    ggx_progress_label(&cli->progress, v.path);
    if (a->json) ggx_text_format(&v.out, "[");
    ggx_status status = check(&v);
    if (status == GGX_OK && a->sha256) status = verify_sha256(&v, a->sha256);
    if (status == GGX_OK && a->manifest) status = verify_manifest(&v, a->manifest);
    if (status == GGX_OK && a->signature) status = verify_signature(&v, a->signature, a->key);
    if (a->json) ggx_text_format(&v.out, "\n]\n");
    ggx_progress_close(&cli->progress);
    const int printed = ggx_report_result(&v.out),
              code = status == GGX_OK ? printed : ggx_report_error(&v.error, v.source);
    ggx_source_close(v.source);
    ggx_arena_free(&v.arena);
    return code;
}
