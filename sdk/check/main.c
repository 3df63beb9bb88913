/* sdk/check/main.c - ggx-plugin-check: drives a plugin through docs/abi.md, one line for each promise. */
#include "contract.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 16
#define SETTINGS 32
#define VALUED 6 /* options that take a value */

typedef struct arguments {
    const char *plugin, *against;
    uint32_t sample_count, setting_count, noise;
    sample samples[SAMPLES];
    setting settings[SETTINGS];
    report report;
} arguments;

static const char usage[] =
    "usage: ggx-plugin-check FILE.so [--sample PATH]... [-O NAME=VALUE]...\n"
    "\n"
    "Drives a plugin through the contract of docs/abi.md: symbol, envelope, manifest, tables, and each reader, writer "
    "and\n"
    "tensor type in it, on sound, damaged and hostile input. One line for each check; exit code 0 when all passed, 1 "
    "when one\n"
    "failed, 2 when it could not be run.\n"
    "\n"
    "  --sample PATH    an input for its readers: a file (with its neighbours), a directory, or the beginning of "
    "several names\n"
    "  -O NAME=VALUE    an option of the plugin; a file is named relative to the sample\n"
    "  --against FILE   the plugin that defines the tensor types of kernels: they must give the same bytes\n"
    "  --json           one JSON object instead of lines\n"
    "  --budget N       seconds after which a check with many inputs takes samples of them (5)\n"
    "  --timeout N      seconds after which a check counts as hanging (120)\n"
    "  --noise N        inputs made of each sample by overwriting parts of it by chance (4000); raise --budget with "
    "it\n"
    "  --no-fork        run the checks in this process, for a debugger\n";

static int refuse(const char *text, const char *word)
{
    fprintf(stderr, "ggx-plugin-check: %s%s\n", text, word);
    return 0;
}

static int take_setting(arguments *a, char *text)
{
    char *equals = strchr(text, '=');
    if (a->setting_count == SETTINGS) return refuse("too many options", "");
    if (equals) *equals = 0;
    a->settings[a->setting_count++] = (setting){text, equals ? equals + 1 : ""};
    return 1;
}

static int take_number(const char *text, uint32_t *out)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*end || n < 1 || n > 1000000000) return refuse("not a number from 1 to 1000000000: ", text);
    *out = (uint32_t)n;
    return 1;
}

static int take_value(arguments *a, const char *name, char *value)
{
    if (!strcmp(name, "--sample")) {
        if (a->sample_count == SAMPLES) return refuse("too many samples", "");
        return sample_load(&a->samples[a->sample_count], value) && ++a->sample_count;
    }
    if (!strcmp(name, "-O")) return take_setting(a, value);
    if (!strcmp(name, "--against")) return (a->against = value) != NULL;
    if (!strcmp(name, "--budget")) return take_number(value, &a->report.budget);
    return take_number(value, strcmp(name, "--noise") ? &a->report.timeout : &a->noise);
}

static int parse(arguments *a, int argc, char **argv)
{
    static const char *const valued[VALUED] = {"--sample", "-O", "--against", "--budget", "--timeout", "--noise"};
    for (int i = 1; i < argc; i++) {
        size_t v = 0;
        while (v < VALUED && strcmp(argv[i], valued[v])) v++;
        if (v < VALUED) {
            if (i + 1 == argc) return refuse("a value is missing after ", argv[i]);
            if (!take_value(a, valued[v], argv[i + 1])) return 0;
            i++;
        } else if (!strcmp(argv[i], "--json")) {
            a->report.json = 1;
        } else if (!strcmp(argv[i], "--no-fork")) {
            a->report.no_fork = 1;
        } else if (argv[i][0] == '-' || a->plugin) {
            return refuse("unknown argument ", argv[i]);
        } else {
            a->plugin = argv[i];
        }
    }
    return a->plugin || refuse("no plugin was named", "");
}

static void *read_whole(const char *path, uint64_t limit, uint64_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = file ? malloc((size_t)limit + 1) : NULL;
    *size = data ? fread(data, 1, (size_t)limit, file) : 0;
    if (file) fclose(file);
    return data;
}

static int open_file(plugin_file *f, const char *path)
{
    memset(f, 0, sizeof *f);
    f->path = path;
    f->data = read_whole(path, 64u << 20, &f->size);
    if (!f->data) return refuse("cannot read ", path);
    size_t n = strlen(path);
    if (n > 3 && !strcmp(path + n - 3, ".so")) n -= 3;
    if ((size_t)snprintf(f->manifest_path, sizeof f->manifest_path, "%.*s.json", (int)n, path) >=
        sizeof f->manifest_path)
        return refuse("too long a path: ", path);
    uint64_t size = 0;
    char *text = read_whole(f->manifest_path, 65537, &size);
    f->manifest_there = text != NULL;
    f->manifest_good = text && manifest_parse((ggx_str){text, size}, &f->manifest, &f->manifest_why);
    free(text);
    return 1;
}

/* The file's checks; 1 when the plugin may be driven. Each step needs those before it. */
static int check_file(report *r, plugin_file *f)
{
    report_check(r, "file", "no write permission for group and others", check_modes, f);
    int symbols = report_check(r, "file", "one exported symbol, ggx_plugin_1, constant data", check_symbols, f);
    int described = report_check(r, "manifest", "is there and well-formed", check_manifest, f);
    if (!symbols || !report_check(r, "file", "loads", check_loads, f)) return 0;
    void *handle = dlopen(f->path, RTLD_NOW | RTLD_LOCAL);
    f->plugin = handle ? dlsym(handle, "ggx_plugin_1") : NULL;
    if (!f->plugin || !report_check(r, "envelope", "its fields are sound", check_envelope, f) || !described) return 0;
    return report_check(r, "manifest", "agrees with the envelope", check_identity, f);
}

static int features_there(const char *const *cpu)
{
    char line[8192];
    int there = 1;
    FILE *file = cpu && cpu[0] ? fopen("/proc/cpuinfo", "r") : NULL;
    if (!file) return !(cpu && cpu[0]);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "flags", 5) || !strncmp(line, "Features", 8)) break;
    fclose(file);
    line[strcspn(line, "\n")] = ' ';
    for (; *cpu; cpu++) {
        char word[40];
        snprintf(word, sizeof word, " %.30s ", strcmp(*cpu, "neon") ? *cpu : "asimd");
        if (!strstr(line, word)) there = 0;
    }
    return there;
}

static const ggx_quant *find_quant(const ggx_plugin *p, const char *type)
{
    for (uint32_t i = 0; p && i < p->provide_count; i++) {
        const ggx_quant *q = p->provides[i].vtable;
        if (!strcmp(p->provides[i].id, GGX_QUANT_ID) && !strcmp(q->type.name, type)) return q;
    }
    return NULL;
}

static void drive_kernels(arguments *a, const ggx_plugin *definitions, const ggx_kernels *k)
{
    char scope[64];
    snprintf(scope, sizeof scope, "type %.15s", k->type);
    quant_subject s = {find_quant(definitions, k->type), k};
    if (!s.quant)
        report_note(&a->report, scope,
                    "its definition is in another plugin: give that with --against to drive the kernels");
    else if (!features_there(k->cpu))
        report_note(&a->report, scope, "this CPU lacks a feature that the kernels need: they were not run");
    else
        check_quant(&a->report, &s);
}

static void drive_offer(arguments *a, const plugin_file *f, const ggx_plugin *definitions, uint32_t i)
{
    const ggx_provide *p = &f->plugin->provides[i];
    const manifest_offer *o = &f->manifest.offers[i];
    char scope[96];
    snprintf(scope, sizeof scope, "provides[%u] %.64s", i, p->id);
    if (!interface_known(p->id)) {
        report_note(&a->report, scope, "this checker does not know the interface; skipped");
        return;
    }
    offer_subject s = {f, i};
    if (!report_check(&a->report, scope, "table and manifest", check_offer, &s)) return;
    if (!strcmp(p->id, GGX_READER_ID)) {
        reader_subject reader = {p->vtable,   o->name,          o,       a->samples, a->sample_count,
                                 a->settings, a->setting_count, a->noise};
        check_reader(&a->report, &reader);
    } else if (!strcmp(p->id, GGX_WRITER_ID)) {
        writer_subject writer = {p->vtable, o->name, a->settings, a->setting_count};
        check_writer(&a->report, &writer);
    } else if (!strcmp(p->id, GGX_QUANT_ID)) {
        const ggx_quant *q = p->vtable;
        quant_subject quant = {q, q->kernels};
        check_quant(&a->report, &quant);
    } else if (!strcmp(p->id, GGX_DECODER_ID)) {
        decoder_subject decoder = {p->vtable, o};
        check_decoder(&a->report, &decoder);
    } else if (!strcmp(p->id, GGX_VOCAB_ID)) {
        reader_subject vocab = {NULL, o->name, o, a->samples, a->sample_count, a->settings, a->setting_count, a->noise};
        check_vocab(&a->report, &vocab, p->vtable);
    } else {
        drive_kernels(a, definitions, p->vtable);
    }
}

int main(int argc, char **argv)
{
    static arguments a;
    static plugin_file file;
    a.report.budget = 5;
    a.report.timeout = 120;
    a.noise = 4000;
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) return fputs(usage, stdout), 0;
    if (!parse(&a, argc, argv)) return fputs(usage, stderr), 2;
    /* dlopen searches the system's directories for a name without a slash */
    static char path[4096];
    snprintf(path, sizeof path, "%s%s", strchr(a.plugin, '/') ? "" : "./", a.plugin);
    if (!open_file(&file, path)) return 2;
    void *other = a.against ? dlopen(a.against, RTLD_NOW | RTLD_LOCAL) : NULL;
    const ggx_plugin *definitions = other ? dlsym(other, "ggx_plugin_1") : NULL;
    if (a.against && !definitions) return refuse("cannot load ", a.against), 2;
    report_begin(&a.report);
    if (check_file(&a.report, &file))
        for (uint32_t i = 0; i < file.plugin->provide_count; i++) drive_offer(&a, &file, definitions, i);
    for (uint32_t i = 0; i < a.sample_count; i++) sample_free(&a.samples[i]);
    free(file.data);
    return report_end(&a.report);
}
