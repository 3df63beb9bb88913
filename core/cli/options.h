/* core/cli/options.h - the command line as data: one table of options serves parsing and --help, for every verb.
 *
 * This room alone prints, and holds the program's state: everything below it returns values. */
#ifndef GGX_CORE_CLI_OPTIONS_H
#define GGX_CORE_CLI_OPTIONS_H

#include "edit.h"

/* Verbs, as bits: an option says which ones take it. */
#define GGX_VERB_CONVERT 1u
#define GGX_VERB_INSPECT 2u
#define GGX_VERB_PLAN 4u
#define GGX_VERB_FINISH 8u
#define GGX_VERB_PLUGINS 16u
#define GGX_VERB_TYPES 32u
#define GGX_VERB_RECIPES 64u
#define GGX_VERB_VERSION 128u
#define GGX_VERB_HELP 256u
#define GGX_VERB_BENCH 512u
#define GGX_VERB_QUALITY 1024u
#define GGX_VERB_HASH 4096u
#define GGX_VERB_VERIFY 8192u
#define GGX_VERB_FIT 16384u
#define GGX_VERB_FETCH 32768u
#define GGX_VERB_CACHE 65536u
#define GGX_VERB_DIFF 131072u
#define GGX_VERB_EDIT 262144u

/* What the user wrote. Strings are argv's or live in the arena; NULL, 0 and an empty list mean "not given", but for `memory` and
 * `parts`, which have their defaults. */
typedef struct ggx_arguments {
    ggx_arena arena;
    const char **operands; /* ended by NULL */
    uint32_t operand_count;
    const char *reader, *writer, *recipe, *type, *output, *cpu_mask, *tensor;
    const char *output_type, *embedding_type, *imatrix, *via, *layout, *html, *metadata;
    const char *algorithm, *manifest, *signature, *key, *sha256, *endpoint, *revision, *chat_template, *base, *compat;
    const char **catalog; /* --catalog; ended by NULL */
    uint32_t catalog_count;
    const struct ggx_catalog_entry *entry; /* that the first operand is a name of, when it was not fetched; or NULL */
    const char *recommended;               /* recipe of the catalogue for the first operand, or NULL */
    const char *called; /* name of the first operand's model, where its folder in the cache has none; or NULL */
    ggx_kv *kvs;        /* --override-kv */
    uint64_t kv_count;
    ggx_edit *edits; /* --set, --unset, --rename, --chat-template */
    uint32_t edit_count;
    const char **plugin_path; /* ended by NULL */
    uint32_t plugin_path_count;
    ggx_type_override *overrides; /* --tensor-type */
    uint32_t override_count;
    ggx_setting *settings; /* -O */
    uint32_t setting_count;
    uint64_t ram, vram, disk, context;
    uint64_t memory, sync_bytes, split_bytes, split_tensors;
    uint64_t limit_rate, segment_size, older_than;
    const char *form;
    uint32_t timeout, connections;
    uint32_t threads, part, parts;
    const char *portion; /* the option that asks for a part of the model, without its dashes, or NULL */
    int32_t stream, keep;
    int32_t list, pure, leave_output, requantize, keep_split, vocab_only, user_plugins, json, quiet, verbose, help,
        stats, check, tensors, pick, all_files, dry_run;
} ggx_arguments;

/* Reads the words behind the verb. Errors: GGX_E_USAGE, with the nearest option's name. Free the arguments after an error too. */
ggx_status ggx_arguments_parse(ggx_arguments *arguments, uint32_t verb, int count, char **words, ggx_error *error);
void ggx_arguments_free(ggx_arguments *arguments);

/* Index of the first word that is neither an option nor an option's value, as far as any verb knows them; `count` when there is none. */
int ggx_arguments_first_operand(int count, char **words);

/* The verb's options, one a line. */
void ggx_options_help(uint32_t verb, ggx_text *out);

/* How many single edits lie between two words; for "did you mean". */
uint32_t ggx_edit_distance(const char *a, const char *b);

#endif
