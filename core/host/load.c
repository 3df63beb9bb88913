/* load.c - maps a plugin and compares it with its manifest and with the headers before anything of it is used (docs/abi.md,
 * section 6). */
#include "base/text.h"
#include "host/scan.h"
#include <dlfcn.h>
#include <errno.h>
#include <ggx_sdk/error.h>
#include <stdio.h>

#define INSTANCE_MAX (1u << 20) /* bytes of an instance; what depends on the input comes from host->alloc */
#define WINDOW_MAX 65536u
#define DECODER_MAX 4096u /* as decode.h says: nothing closes it, so it lies in the recipe's memory */

/* One plugin under examination. */
typedef struct exam {
    ggx_registry *registry;
    ggx_plugin_entry *entry;
    const ggx_offer *offer;
    char at[32]; /* "provides[3].", or "" */
} exam;

static ggx_status refuse(const exam *x, const char *field, const char *found, const char *expected)
{
    ggx_entry_refuse(x->entry,
                     ggx_refusal_make(&x->registry->arena, x->entry->path, "%s%s: found %.64s, expected %.200s", x->at,
                                      field, found ? found : "NULL", expected));
    return GGX_E_PLUGIN;
}

static ggx_status expect_text(const exam *x, const char *field, const char *found, const char *expected)
{
    return found && !strcmp(found, expected) ? GGX_OK : refuse(x, field, found, expected);
}

static ggx_status expect_number(const exam *x, const char *field, int64_t found, int64_t expected)
{
    char a[24], b[24];
    if (found == expected) return GGX_OK;
    snprintf(a, sizeof a, "%lld", (long long)found);
    snprintf(b, sizeof b, "%lld", (long long)expected);
    return refuse(x, field, a, b);
}

static ggx_status expect_at_most(const exam *x, const char *field, uint64_t found, uint64_t limit)
{
    char a[24], b[40];
    if (found <= limit) return GGX_OK;
    snprintf(a, sizeof a, "%llu", (unsigned long long)found);
    snprintf(b, sizeof b, "at most %llu", (unsigned long long)limit);
    return refuse(x, field, a, b);
}

static ggx_status expect_size(const exam *x, const char *field, uint32_t found, size_t smallest)
{
    char a[24], b[40];
    if (found >= smallest) return GGX_OK;
    snprintf(a, sizeof a, "%u", found);
    snprintf(b, sizeof b, "at least %u", (unsigned)smallest);
    return refuse(x, field, a, b);
}

static ggx_status expect_function(const exam *x, const char *field, int there)
{
    return there ? GGX_OK : refuse(x, field, NULL, "a function");
}

static ggx_status check_options(const exam *x, const ggx_option *options, uint32_t count)
{
    char field[48], expected[48];
    size_t size = strlen(x->offer->name);
    ggx_status status = expect_at_most(x, "option_count", count, 256);
    if (status == GGX_OK && count && !options) status = refuse(x, "options", NULL, "a table of options");
    for (uint32_t i = 0; i < count && status == GGX_OK; i++) {
        const ggx_option *o = &options[i];
        snprintf(field, sizeof field, "options[%u].struct_size", i);
        status = expect_number(x, field, o->struct_size, sizeof *o); /* a table's stride cannot grow */
        snprintf(field, sizeof field, "options[%u].name", i);
        snprintf(expected, sizeof expected, "%.32s.…", x->offer->name);
        if (status == GGX_OK && (!o->name || strncmp(o->name, x->offer->name, size) || o->name[size] != '.'))
            status = refuse(x, field, o->name, expected);
        snprintf(field, sizeof field, "options[%u].help", i);
        if (status == GGX_OK && !o->help) status = refuse(x, field, NULL, "a line of help");
    }
    return status;
}

static ggx_status check_reader(const exam *x, const void *vtable)
{
    const ggx_reader *r = vtable;
    ggx_status status = expect_number(x, "head_want", r->head_want, x->offer->head_want);
    if (status == GGX_OK) status = expect_number(x, "tail_want", r->tail_want, x->offer->tail_want);
    if (status == GGX_OK) status = expect_at_most(x, "instance_size", r->instance_size, INSTANCE_MAX);
    if (status == GGX_OK) status = expect_function(x, "probe", r->probe != NULL);
    if (status == GGX_OK) status = expect_function(x, "open", r->open != NULL);
    if (status == GGX_OK) status = expect_function(x, "index", r->index != NULL);
    return status == GGX_OK ? check_options(x, r->options, r->option_count) : status;
}

static ggx_status check_writer(const exam *x, const void *vtable)
{
    const ggx_writer *w = vtable;
    const struct {
        const char *field;
        int there;
    } functions[] = {{"open", w->open != NULL},     {"kv", w->kv != NULL},       {"tensor", w->tensor != NULL},
                     {"layout", w->layout != NULL}, {"place", w->place != NULL}, {"render", w->render != NULL}};
    ggx_status status = expect_at_most(x, "instance_size", w->instance_size, INSTANCE_MAX);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && status == GGX_OK; i++)
        status = expect_function(x, functions[i].field, functions[i].there);
    return status == GGX_OK ? check_options(x, w->options, w->option_count) : status;
}

static ggx_status check_quant(const exam *x, const void *vtable)
{
    const ggx_quant *q = vtable;
    if (!memchr(q->type.name, 0, sizeof q->type.name)) return refuse(x, "type", "no end", "a name that ends with NUL");
    ggx_status status = expect_text(x, "type", q->type.name, x->offer->name);
    if (status == GGX_OK) status = expect_number(x, "block_elems", q->type.block_elems, x->offer->block_elems);
    if (status == GGX_OK) status = expect_number(x, "block_bytes", q->type.block_bytes, x->offer->block_bytes);
    if (status == GGX_OK && !q->kernels) status = refuse(x, "kernels", NULL, "the type's portable kernels");
    if (status == GGX_OK) status = expect_size(x, "kernels.struct_size", q->kernels->struct_size, sizeof *q->kernels);
    if (status == GGX_OK)
        status = expect_function(x, "kernels.quantize", q->kernels->quantize || q->kernels->dequantize);
    return status;
}

static ggx_status check_kernels(const exam *x, const void *vtable)
{
    static const char *const none[] = {NULL};
    const ggx_kernels *k = vtable;
    const char *const *found = k->cpu ? k->cpu : none, *const *wanted = x->offer->cpu;
    ggx_status status = expect_text(x, "type", k->type, x->offer->name);
    if (status == GGX_OK) status = expect_number(x, "rank", k->rank, x->offer->rank);
    for (; status == GGX_OK && *found && *wanted; found++, wanted++) status = expect_text(x, "cpu", *found, *wanted);
    if (status == GGX_OK && (*found || *wanted))
        status = refuse(x, "cpu", *found ? *found : "the end of the list", *wanted ? *wanted : "the end of the list");
    return status == GGX_OK ? expect_function(x, "quantize", k->quantize || k->dequantize) : status;
}

static ggx_status check_decoder(const exam *x, const void *vtable)
{
    const ggx_decoder *d = vtable;
    char field[48];
    ggx_status status = expect_at_most(x, "instance_size", d->instance_size, DECODER_MAX);
    if (status == GGX_OK && !d->input_count) status = refuse(x, "input_count", "0", "at least 1");
    if (status == GGX_OK) status = expect_at_most(x, "input_count", d->input_count, GGX_DECODER_INPUTS);
    if (status == GGX_OK && !d->inputs) status = refuse(x, "inputs", NULL, "a table of inputs");
    for (uint32_t i = 0; status == GGX_OK && i < d->input_count; i++) {
        snprintf(field, sizeof field, "inputs[%u].struct_size", i);
        status = expect_number(x, field, d->inputs[i].struct_size, sizeof *d->inputs);
        snprintf(field, sizeof field, "inputs[%u].name", i);
        if (status == GGX_OK && !d->inputs[i].name) status = refuse(x, field, NULL, "a name");
    }
    if (status == GGX_OK) status = expect_function(x, "open", d->open != NULL);
    if (status == GGX_OK) status = expect_function(x, "need", d->need != NULL);
    if (status == GGX_OK) status = expect_function(x, "decode", d->decode != NULL);
    return status == GGX_OK ? check_options(x, d->options, d->option_count) : status;
}

static ggx_status check_vocab(const exam *x, const void *vtable)
{
    const ggx_vocab *v = vtable;
    ggx_status status = expect_function(x, "read", v->read != NULL);
    return status == GGX_OK ? check_options(x, v->options, v->option_count) : status;
}

static const struct {
    const char *id;
    size_t size; /* of the vtable's first release */
    ggx_status (*check)(const exam *x, const void *vtable);
} interfaces[] = {
    {GGX_READER_ID, sizeof(ggx_reader), check_reader},    {GGX_WRITER_ID, sizeof(ggx_writer), check_writer},
    {GGX_QUANT_ID, sizeof(ggx_quant), check_quant},       {GGX_KERNELS_ID, sizeof(ggx_kernels), check_kernels},
    {GGX_DECODER_ID, sizeof(ggx_decoder), check_decoder}, {GGX_VOCAB_ID, sizeof(ggx_vocab), check_vocab},
};

static ggx_status check_provide(const exam *x, const ggx_provide *provide)
{
    char expected[96];
    ggx_status status = expect_text(x, "interface", provide->id, x->offer->interface_id);
    if (status != GGX_OK) return status;
    snprintf(expected, sizeof expected, "a %.64s table", provide->id);
    for (size_t i = 0; i < sizeof interfaces / sizeof interfaces[0]; i++) {
        if (strcmp(interfaces[i].id, provide->id)) continue;
        if (!provide->vtable) return refuse(x, "vtable", NULL, expected);
        uint32_t size;
        memcpy(&size, provide->vtable, sizeof size); /* every record begins with its struct_size */
        status = expect_size(x, "struct_size", size, interfaces[i].size);
        return status == GGX_OK ? interfaces[i].check(x, provide->vtable) : status;
    }
    return GGX_OK;
}

static ggx_status check_plugin(exam *x, const ggx_plugin *plugin)
{
    const ggx_plugin_entry *entry = x->entry;
    char found[32], expected[32];
    ggx_status status = expect_size(x, "struct_size", plugin->struct_size, sizeof *plugin);
    if (status == GGX_OK) status = expect_text(x, "id", plugin->id, entry->id);
    if (status == GGX_OK) status = expect_text(x, "version", plugin->version, entry->version);
    if (status == GGX_OK) status = expect_text(x, "license", plugin->license, entry->license);
    if (status == GGX_OK && plugin->provide_count != entry->offer_count) {
        snprintf(found, sizeof found, "%u interfaces", plugin->provide_count);
        snprintf(expected, sizeof expected, "%u", entry->offer_count);
        status = refuse(x, "provides", found, expected);
    }
    if (status == GGX_OK && !plugin->provides) status = refuse(x, "provides", NULL, "a table of interfaces");
    for (uint32_t i = 0; i < entry->offer_count && status == GGX_OK; i++) {
        x->offer = &entry->offers[i];
        snprintf(x->at, sizeof x->at, "provides[%u].", i);
        status = check_provide(x, &plugin->provides[i]);
    }
    return status;
}

static ggx_status map_plugin(exam *x)
{
    ggx_plugin_entry *entry = x->entry;
    struct stat st;
    const char *fault = NULL;
    if (!stat(entry->path, &st))
        fault = ggx_refusal_of_mode(&x->registry->arena, entry->path, &st); /* it may have changed since */
    if (fault) return ggx_entry_refuse(entry, fault);
    int whole = ggx_elf_whole(entry->path);
    entry->handle = whole ? dlopen(entry->path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!entry->handle) {
        const char *why = whole ? dlerror() : "no ELF file, or cut short";
        return ggx_entry_refuse(entry,
                                ggx_refusal_make(&x->registry->arena, entry->path,
                                                 "load: found \"%.400s\", expected a shared object for this machine",
                                                 why ? why : "no reason given"));
    }
    const ggx_plugin *plugin = dlsym(entry->handle, "ggx_plugin_1");
    ggx_status status = plugin ? check_plugin(x, plugin) : refuse(x, "symbol", "none", "ggx_plugin_1");
    if (status == GGX_OK) {
        entry->plugin = plugin;
        entry->loaded = 1;
    } else {
        dlclose(entry->handle);
        entry->handle = NULL;
    }
    return status;
}

ggx_status ggx_registry_load(ggx_registry *registry, ggx_plugin_entry *entry, ggx_error *error)
{
    exam x = {registry, entry, NULL, ""};
    if (entry->loaded) return GGX_OK;
    if (entry->state == GGX_STATE_REFUSED || map_plugin(&x) != GGX_OK)
        return ggx_fail(error, GGX_E_PLUGIN, "%s", entry->why);
    if (entry->shadows && registry->run && registry->run->log) {
        const char *text =
            ggx_arena_format(&registry->arena, "%s is used in place of %s", entry->path, entry->shadows).data;
        registry->run->log(registry->run->context, GGX_LOG_WARNING, text ? text : entry->path);
    }
    return GGX_OK;
}
