/* The ggx program: finds the verb, reads its arguments, runs it. */
#include "cli/report.h"
#include "cli/verbs.h"
#include "source/remote.h"
#include <ggx_sdk/error.h>
#include <signal.h>
#include <stdio.h>

typedef struct verb {
    uint32_t bit;
    const char *name, *operands, *help;
    int (*run)(ggx_cli *cli);
    uint32_t fewest, most; /* operands */
} verb;

/* The first is meant when no verb is given. */
static const verb verbs[] = {
    {GGX_VERB_CONVERT, "convert", "MODEL", "convert a model; meant when no verb is given", ggx_verb_convert, 1, 1},
    {GGX_VERB_INSPECT, "inspect", "MODEL", "list a model's tensors and metadata", ggx_verb_inspect, 1, 1},
    {GGX_VERB_PLAN, "plan", "MODEL", "show what convert would do; writes nothing", ggx_verb_plan, 1, 1},
    {GGX_VERB_FINISH, "finish", "FILE", "put together what convert --part has made", ggx_verb_finish, 1, 1},
    {GGX_VERB_PLUGINS, "plugins", "[NAME…]", "list plugins; of those named, show the options", ggx_verb_plugins, 0,
     1000},
    {GGX_VERB_TYPES, "types", "", "list the types that weights can be written as", ggx_verb_types, 0, 0},
    {GGX_VERB_RECIPES, "recipes", "[show|check|explain|new …]",
     "list recipes; show one, check a file, explain what one does, begin one", ggx_verb_recipes, 0, 1000},
    {GGX_VERB_FIT, "fit", "MODEL", "list what a model could become, and what fits the machine", ggx_verb_fit, 1, 1},
    {GGX_VERB_FETCH, "fetch", "NAME…", "fetch models from a server, resumed and verified", ggx_verb_fetch, 0, 1000},
    {GGX_VERB_CACHE, "cache", "ls|verify|rm|prune [NAME…]", "list, check or remove what was fetched", ggx_verb_cache, 1,
     1000},
    {GGX_VERB_HASH, "hash", "MODEL…", "print digests of files, or of the tensors in them", ggx_verb_hash, 1, 100000},
    {GGX_VERB_VERIFY, "verify", "FILE|DIR", "check files against digests or a signature", ggx_verb_verify, 1, 1},
    {GGX_VERB_QUALITY, "quality", "MODEL OTHER", "compare the weights of two models", ggx_verb_quality, 2, 2},
    {GGX_VERB_DIFF, "diff", "SOURCE FILE", "compare a file with what a recipe makes of its source", ggx_verb_diff, 2,
     2},
    {GGX_VERB_EDIT, "edit", "FILE", "set, remove or rename keys of a file", ggx_verb_edit, 1, 1},
    {GGX_VERB_BENCH, "bench", "", "measure how fast this machine quantizes", ggx_verb_bench, 0, 0},
    {GGX_VERB_VERSION, "version", "", "print the version", ggx_verb_version, 0, 0},
    {GGX_VERB_HELP, "help", "[VERB]", "print help", ggx_verb_help, 0, 1},
};
#define VERBS (sizeof verbs / sizeof verbs[0])

static atomic_int canceled; /* the signal handler's */

static void cancel(int signal_number)
{
    (void)signal_number;
    canceled = 1;
}

/* The first signal asks the run to stop, the second ends the process. SIGXFSZ would end it where a full disk is an error. */
static void set_signals(void)
{
    struct sigaction stop = {.sa_handler = cancel, .sa_flags = (int)SA_RESETHAND}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&stop.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

/* What stands in for the refused plugin, by its id, or NULL. */
static const char *stand_in(const ggx_registry *registry, const ggx_plugin_entry *refused)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const ggx_plugin_entry *e = &registry->entries[i];
        if (e->state == GGX_STATE_REFUSED || e->state == GGX_STATE_SHADOWED) continue;
        if (!strcmp(e->id, refused->id)) return e->path;
    }
    return NULL;
}

/* Plugins that were named by hand and are not used: a line each. */
static void warn_of_refused(const ggx_cli *cli, ggx_registry *registry)
{
    for (uint32_t i = 0; i < registry->count && cli->run.log; i++) {
        const ggx_plugin_entry *e = &registry->entries[i];
        if (e->state != GGX_STATE_REFUSED || strcmp(e->origin, "option") != 0) continue;
        const char *other = stand_in(registry, e);
        ggx_str line = ggx_arena_format(&registry->arena, "--plugin-path: %.400s; %s%.200s", e->why,
                                        other ? "used in its place: " : "nothing takes its place", other ? other : "");
        if (line.data) cli->run.log(cli->run.context, GGX_LOG_WARNING, line.data);
    }
}

ggx_status ggx_cli_registry(const ggx_cli *cli, ggx_registry *registry, ggx_error *error)
{
    const ggx_registry_config config = {.plugin_path = cli->arguments.plugin_path,
                                        .user_plugins = cli->arguments.user_plugins,
                                        .cpu_mask = cli->arguments.cpu_mask,
                                        .run = &cli->run};
    ggx_status status = ggx_registry_open(registry, &config, error);
    if (status == GGX_OK) warn_of_refused(cli, registry);
    for (uint32_t i = 0; status == GGX_OK && i < registry->directory_count; i++) {
        const ggx_plugin_directory *d =
            &registry->directories[i]; /* what was named by hand should not fail in silence */
        if (strcmp(d->origin, "option") || d->state == GGX_STATE_SEARCHED) continue;
        ggx_str line = ggx_arena_format(&registry->arena, "--plugin-path %.200s is not searched: %.200s", d->path,
                                        d->state == GGX_STATE_MISSING ? "there is no such directory" : d->why);
        if (line.data && cli->run.log) cli->run.log(cli->run.context, GGX_LOG_WARNING, line.data);
    }
    return status;
}

static const verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (!strcmp(verbs[i].name, name)) return &verbs[i];
    return NULL;
}

static void print_verb_help(const verb *v, ggx_text *out)
{
    ggx_text_format(out, "ggx %s: %s\n\nUsage: ggx %s [OPTION…]%s%s\n\n", v->name, v->help, v->name,
                    *v->operands ? " " : "", v->operands);
    ggx_options_help(v->bit, out);
}

static void print_help(ggx_text *out)
{
    ggx_text_format(
        out, "ggx converts published model weights into files that other programs load, quantized on the way.\n\n"
             "Usage: ggx [VERB] [OPTION…] …\n\n"
             "  ggx MODEL -o OUT.EXTENSION --type TYPE\n  ggx inspect MODEL\n\n");
    for (size_t i = 0; i < VERBS; i++) ggx_text_format(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    ggx_text_format(out, "\nWithout a verb, %s is meant. ggx VERB --help lists the options of a verb.\n",
                    verbs[0].name);
}

int ggx_verb_help(ggx_cli *cli)
{
    const char *name = cli->arguments.operand_count ? cli->arguments.operands[0] : NULL;
    const verb *v = name ? find_verb(name) : NULL;
    ggx_text out = {0};
    ggx_error error;
    if (name && !v) {
        ggx_fail(&error, GGX_E_USAGE, "there is no verb %.80s; ggx help lists them", name);
        return ggx_report_error(&error, NULL);
    }
    if (v)
        print_verb_help(v, &out);
    else
        print_help(&out);
    return ggx_report_result(&out);
}

int ggx_verb_version(ggx_cli *cli)
{
    ggx_text out = {0};
    ggx_text_format(&out, cli->arguments.json ? "{\"version\": \"%s\"}\n" : "ggx %s\n", GGX_VERSION);
    return ggx_report_result(&out);
}

/* The first word that is no option, when it is a verb, else the first verb of the table; *at is its place, -1 when it was not written. */
static const verb *choose_verb(int count, char **words, int *at)
{
    *at = count > 0 ? 0 : -1;
    if (count < 1 || !strcmp(words[0], "--help") || !strcmp(words[0], "-h")) return find_verb("help");
    if (!strcmp(words[0], "--version")) return find_verb("version");
    *at = ggx_arguments_first_operand(count, words);
    const verb *named = *at < count ? find_verb(words[*at]) : NULL;
    if (!named) *at = -1;
    return named ? named : &verbs[0];
}

static ggx_status check_operands(const verb *v, const ggx_arguments *arguments, ggx_error *error)
{
    if (arguments->help || (arguments->operand_count >= v->fewest && arguments->operand_count <= v->most))
        return GGX_OK;
    if (arguments->operand_count < v->fewest)
        return ggx_fail(error, GGX_E_USAGE, "ggx %s needs %s; see ggx %s --help", v->name, v->operands, v->name);
    for (size_t i = 0; v == &verbs[0] && i < VERBS;
         i++) /* a slip in the verb makes it the model, and the model one too many */
        if (ggx_edit_distance(arguments->operands[0], verbs[i].name) <= 2)
            return ggx_fail(error, GGX_E_USAGE, "there is no verb '%.80s'; did you mean %s?", arguments->operands[0],
                            verbs[i].name);
    return ggx_fail(error, GGX_E_USAGE, "ggx %s does not take '%.80s'; see ggx %s --help", v->name,
                    arguments->operands[v->most], v->name);
}

/* A word that is neither a verb nor anything that can be opened may be a slip in either. */
static ggx_status check_model(const ggx_arguments *a, ggx_error *error)
{
    const char *word = a->operands[0], *nearest = NULL;
    ggx_source *source = NULL;
    ggx_error cause;
    if (a->entry || ggx_source_is_remote_name(word)) return GGX_OK;
    ggx_status status = ggx_source_open(word, &source, &cause);
    ggx_source_close(source);
    if (status != GGX_E_NOTFOUND) return GGX_OK; /* convert says what is wrong with it */
    if (strpbrk(word, "/.")) {
        *error = cause;
        return status;
    }
    for (size_t i = 0; i < VERBS && !nearest; i++)
        if (ggx_edit_distance(word, verbs[i].name) <= 2) nearest = verbs[i].name;
    return ggx_fail(error, status,
                    "%.100s is neither a verb nor a file, a directory or a name of the catalogue; %s%s%s", word,
                    nearest ? "did you mean " : "ggx help lists the verbs, ggx cache ls what was fetched",
                    nearest ? nearest : "", nearest ? "?" : "");
}

static int run_verb(const verb *v, ggx_cli *cli, int named)
{
    ggx_text out = {0};
    if (cli->arguments.help && v->bit != GGX_VERB_HELP) {
        print_verb_help(v, &out);
        return ggx_report_result(&out);
    }
    ggx_progress_open(&cli->progress, cli->arguments.quiet, cli->arguments.verbose);
    cli->run = (ggx_run){&canceled, ggx_progress_log, ggx_progress_update, &cli->progress};
    ggx_error error = {0};
    const uint32_t models = GGX_VERB_CONVERT | GGX_VERB_HASH | GGX_VERB_VERIFY | GGX_VERB_QUALITY | GGX_VERB_PLAN |
                            GGX_VERB_INSPECT | GGX_VERB_FIT | GGX_VERB_DIFF;
    ggx_status status = ggx_cli_endpoint(cli, &error);
    if (status == GGX_OK && (v->bit & models)) status = ggx_cli_fetch_operands(cli, v->bit, &error);
    if (status == GGX_OK && !named && v == &verbs[0]) status = check_model(&cli->arguments, &error);
    int code = status == GGX_OK ? v->run(cli) : ggx_report_error(&error, NULL);
    ggx_progress_close(&cli->progress);
    return code;
}

int main(int argc, char **argv)
{
    ggx_cli cli;
    ggx_error error = {0};
    int count = argc > 1 ? argc - 1 : 0;
    char **words = argv + 1;
    int at;
    const verb *v = choose_verb(count, words, &at);
    if (at >= 0) memmove(words + at, words + at + 1, (size_t)(--count - at) * sizeof *words);
    set_signals();
    ggx_status status = ggx_arguments_parse(&cli.arguments, v->bit, count, words, &error);
    if (status == GGX_OK) status = check_operands(v, &cli.arguments, &error);
    int code = status == GGX_OK ? run_verb(v, &cli, at >= 0) : ggx_report_error(&error, NULL);
    ggx_arguments_free(&cli.arguments);
    return code;
}
