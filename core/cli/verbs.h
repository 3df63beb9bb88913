/* core/cli/verbs.h - the verbs. Each has its file, prints its own result and error, and returns the exit code. */
#ifndef GGX_CORE_CLI_VERBS_H
#define GGX_CORE_CLI_VERBS_H

#include "cli/options.h"
#include "cli/progress.h"
#include "fetch/catalog.h"

/* What a verb is called with. */
typedef struct ggx_cli {
    ggx_arguments arguments;
    ggx_progress progress;
    ggx_run run; /* reaches the signal handler's flag and `progress` */
} ggx_cli;

/* Opens the registry as the arguments say. Close it after an error too. */
ggx_status ggx_cli_registry(const ggx_cli *cli, ggx_registry *registry, ggx_error *error);

/* Puts files of this machine in the place of operands that name remote models: fetches them into the cache. --stream, and verbs that need
 * headers only, leave them; then arguments.entry is what a name of the catalogue stands for. */
ggx_status ggx_cli_fetch_operands(ggx_cli *cli, uint32_t verb, ggx_error *error);

/* How many bytes `convert` with these arguments will write, by the headers of its model, which may be remote; 0: unknown. Takes the ggx_cli, as
 * ggx_fetch_options wants it. */
uint64_t ggx_cli_output_bytes(void *cli);

/* Where names of models are looked up: --catalog, $GGX_CATALOG, ggx's own. */
ggx_status ggx_cli_catalog(const ggx_cli *cli, ggx_catalog *catalog, ggx_arena *arena, ggx_error *error);

/* --endpoint stands for $HF_ENDPOINT. */
ggx_status ggx_cli_endpoint(const ggx_cli *cli, ggx_error *error);

int ggx_verb_convert(ggx_cli *cli);
int ggx_verb_inspect(ggx_cli *cli);
int ggx_verb_plan(ggx_cli *cli);
int ggx_verb_finish(ggx_cli *cli);
int ggx_verb_plugins(ggx_cli *cli);
int ggx_verb_types(ggx_cli *cli);
int ggx_verb_recipes(ggx_cli *cli);
int ggx_verb_bench(ggx_cli *cli);
int ggx_verb_quality(ggx_cli *cli);
int ggx_verb_diff(ggx_cli *cli);
int ggx_verb_edit(ggx_cli *cli);
int ggx_verb_fit(ggx_cli *cli);
int ggx_verb_hash(ggx_cli *cli);
int ggx_verb_verify(ggx_cli *cli);
int ggx_verb_fetch(ggx_cli *cli);
int ggx_verb_cache(ggx_cli *cli);
int ggx_verb_version(ggx_cli *cli);
int ggx_verb_help(ggx_cli *cli);

#endif
