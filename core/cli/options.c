/* options.c - the table of options, and what reads it. */
#include "cli/options.h"
#include "cli/kv_value.h"
#include <ggx_sdk/error.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define MAKES_PLAN (GGX_VERB_CONVERT | GGX_VERB_PLAN)
#define MAKES_RESULT (MAKES_PLAN | GGX_VERB_RECIPES)
#define OPENS_MODEL (MAKES_RESULT | GGX_VERB_INSPECT | GGX_VERB_HASH | GGX_VERB_FIT)
#define COMPARES (GGX_VERB_QUALITY | GGX_VERB_DIFF)
#define LOADS_PLUGINS (OPENS_MODEL | GGX_VERB_PLUGINS | GGX_VERB_TYPES | GGX_VERB_BENCH | GGX_VERB_EDIT | COMPARES)
#define TAKES_NAME (OPENS_MODEL | GGX_VERB_VERIFY | COMPARES | GGX_VERB_FETCH)
#define EVERY_VERB UINT32_MAX

#define DEFAULT_MEMORY (64u << 20)
#define THREADS_MAX 1024
#define PARTS_MAX 1000000
#define CONNECTIONS_MAX 32

typedef struct option option;
typedef ggx_status read_value(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error);

struct option {
    const char *name; /* without the dashes */
    char letter;      /* short form, or 0 */
    uint32_t verbs;   /* GGX_VERB_* that take it */
    const char *argument, *help;
    read_value *read;
    size_t field; /* offset in ggx_arguments */
};

static read_value read_timeout, read_flag, read_text, read_type, read_directory, read_setting, read_pre,
    read_vocab_only, read_override, read_kv, read_edit, read_unset, read_rename, read_bytes, read_positions,
    read_decimal, read_count, read_threads, read_part;
static read_value read_connections, read_age, read_portion;
static read_value read_catalog;

#define FIELD(name) offsetof(ggx_arguments, name)
static const option options[] = {
    {"output", 'o', MAKES_PLAN, "FILE", "the file to make", read_text, FIELD(output)},
    {"output", 'o', GGX_VERB_FETCH, "DIR", "where the files go; else the cache", read_text, FIELD(output)},
    {"revision", 0, GGX_VERB_FETCH, "NAME", "the branch, tag or commit; main if not given", read_text, FIELD(revision)},
    {"catalog", 0, TAKES_NAME, "DIR|FILE", "look names of models up there first; repeatable", read_catalog, 0},
    {"list", 0, GGX_VERB_FETCH, NULL, "list the names of the catalogue", read_flag, FIELD(list)},
    {"endpoint", 0, TAKES_NAME, "URL", "the hub of hf:// names; else $HF_ENDPOINT or huggingface.co", read_text,
     FIELD(endpoint)},
    {"reader", 0, OPENS_MODEL | GGX_VERB_DIFF | GGX_VERB_EDIT, "NAME", "the source's format, if its bytes do not tell",
     read_text, FIELD(reader)},
    {"writer", 0, MAKES_RESULT | GGX_VERB_FIT, "NAME[-TYPE]", "the output's format; else its name decides", read_text,
     FIELD(writer)},
    {"type", 0, MAKES_RESULT | GGX_VERB_BENCH | GGX_VERB_DIFF, "TYPE[,TYPE]",
     "the weights' type (ggx types); of several, an output each", read_type, FIELD(type)},
    {"tensor-type", 0, MAKES_RESULT, "GLOB=TYPE", "another type for tensors of that name; repeatable", read_override,
     0},
    {"pure", 0, MAKES_RESULT, NULL, "--type for the matrices that a recipe excepts, too", read_flag, FIELD(pure)},
    {"output-tensor-type", 0, MAKES_RESULT, "TYPE", "with a mixture: the type of the output matrix", read_text,
     FIELD(output_type)},
    {"token-embedding-type", 0, MAKES_RESULT, "TYPE", "with a mixture: the type of the token embeddings", read_text,
     FIELD(embedding_type)},
    {"leave-output-tensor", 0, MAKES_RESULT, NULL, "with a mixture: the output matrix stays as it is", read_flag,
     FIELD(leave_output)},
    {"imatrix", 0, MAKES_PLAN | GGX_VERB_FIT, "FILE", "importance matrix: quantize with its weights", read_text,
     FIELD(imatrix)},
    {"allow-requantize", 0, MAKES_PLAN | GGX_VERB_FIT, NULL, "quantize again what is quantized already", read_flag,
     FIELD(requantize)},
    {"via", 0, MAKES_PLAN | GGX_VERB_DIFF, "TYPE", "round weights to this type before quantizing", read_text,
     FIELD(via)},
    {"layout", 0, MAKES_PLAN, "NAME", "source, or that of the mixture, the default", read_text, FIELD(layout)},
    {"vocab-only", 0, MAKES_PLAN, NULL, "the header with its vocabulary, no tensors", read_vocab_only,
     FIELD(vocab_only)},
    {"keep-split", 0, MAKES_PLAN, NULL, "several files, as the model's are", read_flag, FIELD(keep_split)},
    {"split-max-size", 0, MAKES_PLAN, "SIZE", "several files of at most that many bytes of tensors, as 500M or 2G",
     read_decimal, FIELD(split_bytes)},
    {"split-max-tensors", 0, MAKES_PLAN, "N", "several files of at most that many tensors", read_count,
     FIELD(split_tensors)},
    {"override-kv", 0, MAKES_RESULT, "KEY=TYPE:VALUE", "set a key; TYPE is int, float, bool or str; repeatable",
     read_kv, 0},
    {"mmproj", 0, MAKES_PLAN | GGX_VERB_DIFF | GGX_VERB_RECIPES, NULL, "the model's towers for images, not the model",
     read_portion, 0},
    {"mtp", 0, MAKES_PLAN | GGX_VERB_DIFF | GGX_VERB_RECIPES, NULL,
     "the model's head that predicts more tokens, not the model", read_portion, 0},
    {"no-mtp", 0, MAKES_PLAN | GGX_VERB_DIFF | GGX_VERB_RECIPES, NULL, "the model without that head", read_portion, 0},
    {"compat", 0, MAKES_PLAN | GGX_VERB_DIFF, "NAME", "the program whose bytes are meant, as PROGRAM@VERSION",
     read_text, FIELD(compat)},
    {"base", 0, MAKES_PLAN | GGX_VERB_DIFF, "DIR", "the folder of the model that an adapter is for", read_text,
     FIELD(base)},
    {"metadata", 0, MAKES_RESULT | GGX_VERB_DIFF, "FILE", "JSON with keys that go before those of the model's card",
     read_text, FIELD(metadata)},
    {"output", 'o', GGX_VERB_EDIT, "FILE", "make a changed copy; else FILE itself is changed", read_text,
     FIELD(output)},
    {"output", 'o', GGX_VERB_RECIPES, "FILE", "where new puts the recipe; else it is printed", read_text,
     FIELD(output)},
    {"set", 0, GGX_VERB_EDIT, "KEY=[TYPE:]VALUE",
     "set a key; TYPE (as u32, str, f32[]) is needed for a new one; repeatable", read_edit, 0},
    {"unset", 0, GGX_VERB_EDIT, "KEY", "remove a key; repeatable", read_unset, 0},
    {"rename", 0, GGX_VERB_EDIT, "KEY=NEW", "give a key another name; repeatable", read_rename, 0},
    {"chat-template", 0, GGX_VERB_EDIT, "FILE", "set the chat template to the file's text", read_text,
     FIELD(chat_template)},
    {"recipe", 0, OPENS_MODEL | COMPARES, "NAME|FILE|none",
     "how files are read, tensors named and arranged; else what fits", read_text, FIELD(recipe)},
    {"html", 0, GGX_VERB_QUALITY, "FILE", "write a page with plots, too", read_text, FIELD(html)},
    {NULL, 'O', OPENS_MODEL | COMPARES, "NAME=VALUE", "an option of a reader or writer (ggx plugins NAME)",
     read_setting, 0},
    {"pre", 0, MAKES_RESULT | COMPARES | GGX_VERB_FIT, "NAME", "how the vocabulary splits text, when that is not known",
     read_pre, 0},
    {"memory", 0, MAKES_PLAN | GGX_VERB_EDIT, "BYTES", "for tensors in work, as 64M or 2G; 64M if not given",
     read_bytes, FIELD(memory)},
    {"threads", 0, MAKES_PLAN | GGX_VERB_HASH | GGX_VERB_VERIFY, "N", "else one for each CPU", read_threads,
     FIELD(threads)},
    {"part", 0, MAKES_PLAN, "I/N", "do only part I (from 0) of N; then ggx finish", read_part, 0},
    {"sync", 0, GGX_VERB_CONVERT, "BYTES", "make progress last after so many bytes", read_bytes, FIELD(sync_bytes)},
    {"tensor", 0, GGX_VERB_INSPECT, "NAME", "show this tensor", read_text, FIELD(tensor)},
    {"tensors", 0, GGX_VERB_HASH, NULL, "the tensors' digests, not the files'", read_flag, FIELD(tensors)},
    {"algorithm", 0, GGX_VERB_HASH, "NAME",
     "sha256, blake2b, sha1, git, crc32c, xxh3 or xxh128; else sha256, of tensors xxh128", read_text, FIELD(algorithm)},
    {"manifest", 0, GGX_VERB_CONVERT | GGX_VERB_VERIFY, "FILE", "digests of inputs and output; see ggx help verify",
     read_text, FIELD(manifest)},
    {"signature", 'S', GGX_VERB_VERIFY, "FILE", "a signature of minisign; needs --key", read_text, FIELD(signature)},
    {"key", 'K', GGX_VERB_VERIFY, "FILE|KEY", "the signer's public key", read_text, FIELD(key)},
    {"stream", 0, MAKES_PLAN, NULL, "convert a remote model while it arrives; it never touches the disk", read_flag,
     FIELD(stream)},
    {"keep", 0, GGX_VERB_CONVERT, NULL, "with --stream: leave a copy of the model in the cache", read_flag,
     FIELD(keep)},
    {"timeout", 0, TAKES_NAME, "SECONDS", "give up on a server that is silent for so long; 30 if not given",
     read_timeout, 0},
    {"connections", 0, TAKES_NAME, "N", "that a download has at a time; 4 if not given", read_connections,
     FIELD(connections)},
    {"limit-rate", 0, TAKES_NAME, "BYTES", "a second, that a download has over all connections, as 10M", read_bytes,
     FIELD(limit_rate)},
    {"segment-size", 0, GGX_VERB_FETCH, "BYTES", "that one connection fetches in a piece; 16M if not given", read_bytes,
     FIELD(segment_size)},
    {"form", 0, TAKES_NAME, "NAME", "the form of a repository's weights to fetch (docs/fetch.md)", read_text,
     FIELD(form)},
    {"all", 0, GGX_VERB_FETCH, NULL, "all files of a repository, not only those that are needed", read_flag,
     FIELD(all_files)},
    {"older-than", 0, GGX_VERB_CACHE, "AGE", "prune: what nobody touched for so long, as 12h; else 7d", read_age,
     FIELD(older_than)},
    {"dry-run", 0, GGX_VERB_CACHE, NULL, "prune: only say what would be removed", read_flag, FIELD(dry_run)},
    {"sha256", 0, MAKES_PLAN | GGX_VERB_VERIFY | GGX_VERB_FETCH, "DIGEST", "what the file's SHA-256 has to be",
     read_text, FIELD(sha256)},
    {"ram", 0, GGX_VERB_FIT, "BYTES", "memory to run the model in, as 8G", read_bytes, FIELD(ram)},
    {"vram", 0, GGX_VERB_FIT, "BYTES", "memory of the graphics card", read_bytes, FIELD(vram)},
    {"disk", 0, GGX_VERB_FIT, "BYTES", "disk for the conversion; else what is free here", read_bytes, FIELD(disk)},
    {"context", 0, GGX_VERB_FIT, "N", "positions to keep in memory, as 8192 or 8K; 4096 if not given", read_positions,
     FIELD(context)},
    {"pick", 0, GGX_VERB_FIT, NULL, "print only the name of the best that fits", read_flag, FIELD(pick)},
    {"stats", 0, GGX_VERB_INSPECT, NULL, "with minimum, maximum and mean of the elements", read_flag, FIELD(stats)},
    {"check", 0, GGX_VERB_PLUGINS, NULL, "load all plugins, too; exit code 10 if one is refused", read_flag,
     FIELD(check)},
    {"cpu", 0, LOADS_PLUGINS, "LIST", "CPU features that may be used, as avx2,f16c; portable: none", read_text,
     FIELD(cpu_mask)},
    {"plugin-path", 0, LOADS_PLUGINS, "DIR", "look for plugins there first; repeatable", read_directory, 0},
    {"user-plugins", 0, LOADS_PLUGINS, NULL, "look for plugins in ~/.local/lib/ggx, too", read_flag,
     FIELD(user_plugins)},
    {"json", 0, EVERY_VERB & ~GGX_VERB_HELP, NULL, "print JSON", read_flag, FIELD(json)},
    {"quiet", 'q', EVERY_VERB, NULL, "print only errors and warnings", read_flag, FIELD(quiet)},
    {"verbose", 'v', EVERY_VERB, NULL, "print more on what is done", read_flag, FIELD(verbose)},
    {"help", 'h', EVERY_VERB, NULL, "print this", read_flag, FIELD(help)},
};
#define OPTIONS (sizeof options / sizeof options[0])

static void *field_of(ggx_arguments *arguments, const option *o)
{
    return (char *)arguments + o->field;
}

static ggx_status refuse(const option *o, const char *value, const char *expected, ggx_error *error)
{
    if (o->name) return ggx_fail(error, GGX_E_USAGE, "--%s %.80s: expected %s", o->name, value, expected);
    return ggx_fail(error, GGX_E_USAGE, "-%c %.80s: expected %s", o->letter, value, expected);
}

static ggx_status read_flag(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    (void)value, (void)error;
    *(int32_t *)field_of(arguments, o) = 1;
    return GGX_OK;
}

static ggx_status read_text(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    if (!*value) return refuse(o, value, "a value that is not empty", error);
    *(const char **)field_of(arguments, o) = value;
    return GGX_OK;
}

/* Names of types are lower case here; other tools write them in capitals, too. */
static const char *lower_case(ggx_arguments *arguments, const char *value)
{
    char *copy = ggx_arena_alloc(&arguments->arena, strlen(value) + 1);
    for (size_t i = 0; copy && value[i]; i++)
        copy[i] = value[i] >= 'A' && value[i] <= 'Z' ? (char)(value[i] - 'A' + 'a') : value[i];
    return copy;
}

static ggx_status read_type(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    if (!*value) return refuse(o, value, "the name of a type", error);
    const char *name = lower_case(arguments, value);
    if (!name) return ggx_fail(error, GGX_E_NOMEM, "no memory for the command line");
    *(const char **)field_of(arguments, o) = name;
    return GGX_OK;
}

static ggx_status read_directory(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    (void)o, (void)error;
    arguments->plugin_path[arguments->plugin_path_count++] = value;
    return GGX_OK;
}

static ggx_status read_catalog(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    (void)o, (void)error;
    arguments->catalog[arguments->catalog_count++] = value;
    return GGX_OK;
}

static ggx_status read_setting(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    const char *equals = strchr(value, '=');
    size_t size = equals ? (size_t)(equals - value) : strlen(value);
    if (!size) return refuse(o, value, "NAME=VALUE", error);
    const char *name = ggx_arena_str(&arguments->arena, (ggx_str){value, size}).data;
    if (!name) return ggx_fail(error, GGX_E_NOMEM, "no memory for the command line");
    arguments->settings[arguments->setting_count++] = (ggx_setting){name, equals ? equals + 1 : NULL, 0};
    return GGX_OK;
}

/* The option of that name of whichever plugin reads the vocabulary. */
static ggx_status read_pre(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    if (!value[0]) return refuse(o, value, "NAME", error);
    arguments->settings[arguments->setting_count++] = (ggx_setting){"*.pre", value, 0};
    return GGX_OK;
}

/* The writer has to know that what it gets is all. */
static ggx_status read_vocab_only(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    arguments->settings[arguments->setting_count++] = (ggx_setting){"*.header-only", NULL, 0};
    return read_flag(arguments, o, value, error);
}

/* Recipes know a part of a model by the option's name. */
static ggx_status read_portion(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    (void)value;
    if (arguments->portion && strcmp(arguments->portion, o->name))
        return ggx_fail(error, GGX_E_USAGE, "--%s and --%s ask for different files; make one after the other",
                        arguments->portion, o->name);
    arguments->portion = o->name;
    return GGX_OK;
}

static ggx_status read_override(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    const char *equals = strrchr(value, '='); /* names may hold one, types do not */
    if (!equals || equals == value || !equals[1]) return refuse(o, value, "GLOB=TYPE", error);
    arguments->overrides[arguments->override_count++] =
        (ggx_type_override){{value, (uint64_t)(equals - value)}, ggx_str_of(lower_case(arguments, equals + 1))};
    return GGX_OK;
}

static ggx_status read_kv(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    const char *equals = strchr(value, '='), *colon = equals ? strchr(equals, ':') : NULL;
    ggx_kv kv = {.struct_size = sizeof kv};
    if (!colon || equals == value ||
        !ggx_cli_kv_value(&arguments->arena, (ggx_str){equals + 1, (uint64_t)(colon - equals - 1)}, colon + 1, &kv))
        return refuse(o, value, "KEY=TYPE:VALUE, as general.name=str:tiny or a.key=int:8", error);
    kv.key = ggx_arena_str(&arguments->arena, (ggx_str){value, (uint64_t)(equals - value)});
    if (!kv.key.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for the command line");
    arguments->kvs[arguments->kv_count++] = kv;
    return GGX_OK;
}

static const char *const edit_types[] = {"u8",  "i8",  "u16", "i16", "u32",  "i32",
                                         "u64", "i64", "f32", "f64", "bool", "str"};

/* How many bytes of the value name a type: those before the first colon, if they are one. */
static uint64_t type_size(ggx_str value)
{
    const char *colon = memchr(value.data, ':', (size_t)value.size);
    ggx_str type = {value.data, colon ? (uint64_t)(colon - value.data) : 0};
    if (ggx_str_ends(type, GGX_LIT("[]"))) type.size -= 2;
    for (size_t i = 0; i < sizeof edit_types / sizeof edit_types[0]; i++)
        if (type.size && ggx_str_same(type, ggx_str_of(edit_types[i]))) return (uint64_t)(colon - value.data);
    return 0;
}

static ggx_status read_edit(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    const char *equals = strchr(value, '=');
    if (!equals || equals == value) return refuse(o, value, "KEY=VALUE or KEY=TYPE:VALUE, as general.name=tiny", error);
    ggx_edit *edit = &arguments->edits[arguments->edit_count++];
    const ggx_str all = ggx_str_of(equals + 1);
    const uint64_t type = type_size(all), skipped = type ? type + 1 : 0;
    *edit = (ggx_edit){.kind = GGX_EDIT_SET,
                       .key = ggx_arena_str(&arguments->arena, (ggx_str){value, (uint64_t)(equals - value)}),
                       .type = {all.data, type},
                       .value = {all.data + skipped, all.size - skipped}};
    return edit->key.data ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for the command line");
}

static ggx_status read_unset(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    if (!*value) return refuse(o, value, "a key", error);
    arguments->edits[arguments->edit_count++] = (ggx_edit){.kind = GGX_EDIT_UNSET, .key = ggx_str_of(value)};
    return GGX_OK;
}

static ggx_status read_rename(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    const char *equals = strchr(value, '=');
    if (!equals || equals == value || !equals[1]) return refuse(o, value, "KEY=NEW", error);
    ggx_edit *edit = &arguments->edits[arguments->edit_count++];
    *edit = (ggx_edit){.kind = GGX_EDIT_RENAME,
                       .key = ggx_arena_str(&arguments->arena, (ggx_str){value, (uint64_t)(equals - value)}),
                       .value = ggx_str_of(equals + 1)};
    return edit->key.data ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for the command line");
}

static ggx_status read_bytes(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    uint64_t *field = field_of(arguments, o);
    if (!ggx_str_bytes(ggx_str_of(value), field) || !*field)
        return refuse(o, value, "a number of bytes, as 512K, 64M or 1.5G", error);
    return GGX_OK;
}

static ggx_status read_positions(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    uint64_t *field = field_of(arguments, o);
    if (!ggx_str_bytes(ggx_str_of(value), field) || !*field)
        return refuse(o, value, "a number of positions from 1 on, as 8192 or 8K", error);
    return GGX_OK;
}

/* In powers of 1000, as other tools that split count. */
static ggx_status read_decimal(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    const char *units = "KMGT", *unit = *value ? strchr(units, value[strlen(value) - 1]) : NULL;
    ggx_str digits = {value, strlen(value) - (unit != NULL)};
    uint64_t *field = field_of(arguments, o), scale = 1;
    int64_t n;
    for (const char *u = units; unit && u <= unit; u++) scale *= 1000;
    if (!ggx_str_int(digits, &n) || n < 1 || (uint64_t)n > INT64_MAX / scale)
        return refuse(o, value, "a whole number of bytes, as 500M or 2G (powers of 1000)", error);
    *field = (uint64_t)n * scale;
    return GGX_OK;
}

static ggx_status read_count(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    int64_t n;
    if (!ggx_str_int(ggx_str_of(value), &n) || n < 1) return refuse(o, value, "a number from 1 on", error);
    *(uint64_t *)field_of(arguments, o) = (uint64_t)n;
    return GGX_OK;
}

static ggx_status read_threads(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    int64_t n;
    if (!ggx_str_int(ggx_str_of(value), &n) || n < 1 || n > THREADS_MAX)
        return refuse(o, value, "a number from 1 to 1024", error);
    arguments->threads = (uint32_t)n;
    return GGX_OK;
}

static ggx_status read_timeout(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    int64_t n;
    if (!ggx_str_int(ggx_str_of(value), &n) || n < 1 || n > 86400) return refuse(o, value, "seconds, from 1", error);
    arguments->timeout = (uint32_t)n;
    return GGX_OK;
}

static ggx_status read_connections(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    int64_t n;
    if (!ggx_str_int(ggx_str_of(value), &n) || n < 1 || n > CONNECTIONS_MAX)
        return refuse(o, value, "a number from 1 to 32", error);
    *(uint32_t *)field_of(arguments, o) = (uint32_t)n;
    return GGX_OK;
}

/* One more than the seconds: 0 stands for "not given". */
static ggx_status read_age(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    const size_t digits = strspn(value, "0123456789");
    int64_t n, scale = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (value[digits] == units[i].letter && !value[digits + 1]) scale = units[i].seconds;
    if (!strcmp(value, "0")) scale = 1;
    if (!scale || !ggx_str_int((ggx_str){value, digits}, &n) || n > INT32_MAX)
        return refuse(o, value, "a number and s, m, h, d or w, as 12h", error);
    *(uint64_t *)field_of(arguments, o) = (uint64_t)(n * scale) + 1;
    return GGX_OK;
}

static ggx_status read_part(ggx_arguments *arguments, const option *o, const char *value, ggx_error *error)
{
    const char *slash = strchr(value, '/');
    ggx_str first = {value, slash ? (uint64_t)(slash - value) : 0};
    int64_t i, n;
    if (!slash || !ggx_str_int(first, &i) || !ggx_str_int(ggx_str_of(slash + 1), &n) || i < 0 || n < 1 || i >= n ||
        n > PARTS_MAX)
        return refuse(o, value, "I/N with I from 0 to N-1", error);
    arguments->part = (uint32_t)i;
    arguments->parts = (uint32_t)n;
    return GGX_OK;
}

uint32_t ggx_edit_distance(const char *a, const char *b)
{
    uint32_t row[64];
    size_t size = strlen(b);
    if (size >= 64 || strlen(a) >= 64) return UINT32_MAX;
    for (uint32_t k = 0; k <= size; k++) row[k] = k;
    for (uint32_t i = 0; a[i]; i++) {
        uint32_t diagonal = i;
        row[0] = i + 1;
        for (uint32_t k = 0; k < size; k++) {
            uint32_t best = diagonal + (a[i] != b[k]);
            diagonal = row[k + 1];
            if (row[k] + 1 < best) best = row[k] + 1;
            if (diagonal + 1 < best) best = diagonal + 1;
            row[k + 1] = best;
        }
    }
    return row[size];
}

static ggx_status refuse_name(uint32_t verb, const char *name, ggx_error *error)
{
    const option *nearest = NULL;
    uint32_t least = strlen(name) > 4 ? 4 : 3;
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!options[i].name) continue;
        if (!strcmp(options[i].name, name))
            return ggx_fail(error, GGX_E_USAGE, "--%s is an option of other verbs; see ggx help", name);
        uint32_t distance = ggx_edit_distance(name, options[i].name);
        if (!(options[i].verbs & verb) || distance >= least) continue;
        nearest = &options[i];
        least = distance;
    }
    if (nearest)
        return ggx_fail(error, GGX_E_USAGE, "there is no option --%.80s; did you mean --%s?", name, nearest->name);
    return ggx_fail(error, GGX_E_USAGE, "there is no option --%.80s; --help lists them", name);
}

static const option *find_long(uint32_t verb, const char *name)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].name && (options[i].verbs & verb) && !strcmp(options[i].name, name)) return &options[i];
    return NULL;
}

static const option *find_short(uint32_t verb, char letter)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (letter && options[i].letter == letter && (options[i].verbs & verb)) return &options[i];
    return NULL;
}

/* The words that are left. */
typedef struct words {
    char **at;
    int left;
} words;

/* The value of an option that wants one: what is attached to the option's word, else the next word. */
static ggx_status take_value(words *w, const char *option_name, const char *attached, const char **value,
                             ggx_error *error)
{
    *value = attached;
    if (attached) return GGX_OK;
    if (!w->left) return ggx_fail(error, GGX_E_USAGE, "%s needs a value", option_name);
    *value = *w->at++;
    w->left--;
    return GGX_OK;
}

static ggx_status parse_long(ggx_arguments *arguments, uint32_t verb, const char *word, words *w, ggx_error *error)
{
    char name[64];
    const char *equals = strchr(word, '='), *value = NULL;
    size_t size = equals ? (size_t)(equals - word) : strlen(word);
    snprintf(name, sizeof name, "%.*s", size < sizeof name ? (int)size : (int)sizeof name - 1, word);
    const option *o = find_long(verb, name + 2);
    if (!o) return refuse_name(verb, name + 2, error);
    if (!o->argument && equals) return ggx_fail(error, GGX_E_USAGE, "%s takes no value", name);
    ggx_status status = o->argument ? take_value(w, name, equals ? equals + 1 : NULL, &value, error) : GGX_OK;
    return status == GGX_OK ? o->read(arguments, o, value, error) : status;
}

/* One word of short options: -qv, -oFILE, -o FILE. */
static ggx_status parse_short(ggx_arguments *arguments, uint32_t verb, const char *word, words *w, ggx_error *error)
{
    for (const char *c = word + 1; *c; c++) {
        const char name[3] = {'-', *c, 0}, *value = NULL;
        const option *o = find_short(verb, *c);
        if (!o) return ggx_fail(error, GGX_E_USAGE, "there is no option -%c; --help lists them", *c);
        ggx_status status = o->argument ? take_value(w, name, c[1] ? c + 1 : NULL, &value, error) : GGX_OK;
        if (status == GGX_OK) status = o->read(arguments, o, value, error);
        if (status != GGX_OK || o->argument) return status;
    }
    return GGX_OK;
}

int ggx_arguments_first_operand(int count, char **list)
{
    int i = 0;
    while (i < count && list[i][0] == '-' && list[i][1] && strcmp(list[i], "--")) {
        const char *word = list[i++];
        const option *o = word[1] == '-' ? find_long(EVERY_VERB, word + 2) : find_short(EVERY_VERB, word[1]);
        if (o && o->argument && (word[1] == '-' || !word[2])) i++; /* its value is the next word */
    }
    return i < count ? i : count;
}

ggx_status ggx_arguments_parse(ggx_arguments *arguments, uint32_t verb, int count, char **list, ggx_error *error)
{
    ggx_arguments *a = arguments;
    memset(a, 0, sizeof *a);
    ggx_arena_init(&a->arena, 16u << 20);
    a->memory = DEFAULT_MEMORY;
    a->parts = 1;
    uint64_t room = (uint64_t)count + 1; /* no list can hold more than all words */
    a->operands = ggx_arena_array(&a->arena, room, sizeof *a->operands);
    a->plugin_path = ggx_arena_array(&a->arena, room, sizeof *a->plugin_path);
    a->catalog = ggx_arena_array(&a->arena, room, sizeof *a->catalog);
    a->overrides = ggx_arena_array(&a->arena, room, sizeof *a->overrides);
    a->settings = ggx_arena_array(&a->arena, room, sizeof *a->settings);
    a->kvs = ggx_arena_array(&a->arena, room, sizeof *a->kvs);
    a->edits = ggx_arena_array(&a->arena, room, sizeof *a->edits);
    if (!a->edits || !a->operands || !a->catalog || !a->plugin_path || !a->overrides || !a->settings || !a->kvs)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the command line");
    ggx_status status = GGX_OK;
    words w = {list, count};
    for (int operands_only = 0; status == GGX_OK && w.left;) {
        const char *word = *w.at++;
        w.left--;
        if (operands_only || word[0] != '-' || !word[1])
            a->operands[a->operand_count++] = word;
        else if (!strcmp(word, "--"))
            operands_only = 1;
        else if (word[1] == '-')
            status = parse_long(a, verb, word, &w, error);
        else
            status = parse_short(a, verb, word, &w, error);
    }
    return status;
}

void ggx_arguments_free(ggx_arguments *arguments)
{
    ggx_arena_free(&arguments->arena);
    memset(arguments, 0, sizeof *arguments);
}

void ggx_options_help(uint32_t verb, ggx_text *out)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        char letter[4] = "  ", name[64] = "";
        if (!(o->verbs & verb)) continue;
        if (o->letter) snprintf(letter, sizeof letter, "-%c", o->letter);
        if (o->name) snprintf(name, sizeof name, "%s--%s", o->letter ? ", " : "  ", o->name);
        int width = 26 - (int)strlen(name);
        ggx_text_format(out, "  %s%s %-*s %s\n", letter, name, width > 0 ? width : 0, o->argument ? o->argument : "",
                        o->help);
    }
}
