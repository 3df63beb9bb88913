/* sdk/check/contract.c - what can be seen without driving a plugin: file, symbol, envelope, vtables, and the manifest beside it. */
#include "contract.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* First release of each record: the sizes that a plugin must reach. */
#define ENVELOPE_SIZE 40
#define READER_SIZE 80
#define WRITER_SIZE 88
#define QUANT_SIZE 72
#define KERNELS_SIZE 40
#define DECODER_SIZE 56
#define VOCAB_SIZE 32
#define INSTANCE_LIMIT (1u << 20)
#define WINDOW_LIMIT 65536
#define STRING_LIMIT 256

void check_symbols(check *c, const void *context)
{
    const plugin_file *f = context;
    elf_facts facts;
    const char *why = "";
    if (!elf_read(f->data, f->size, &facts, &why)) {
        check_fail(c, "%s", why);
        return;
    }
    if (!facts.has_plugin) check_fail(c, "symbol: found none, expected ggx_plugin_1");
    if (facts.exported > 1)
        check_fail(c, "symbols: found %u, with %s, expected ggx_plugin_1 alone", facts.exported, facts.first);
    if (!facts.is_data) check_fail(c, "ggx_plugin_1: found no data object, expected constant data");
    if (facts.plugin_size < ENVELOPE_SIZE)
        check_fail(c, "ggx_plugin_1: found %llu bytes, expected at least %d", (unsigned long long)facts.plugin_size,
                   ENVELOPE_SIZE);
}

void check_modes(check *c, const void *context)
{
    const plugin_file *f = context;
    const char *paths[] = {f->path, f->manifest_path};
    for (int i = 0; i < 2; i++) {
        struct stat st;
        if (stat(paths[i], &st)) continue;
        if (!S_ISREG(st.st_mode)) check_fail(c, "%s: kind: expected a regular file", paths[i]);
        if (st.st_mode & 022)
            check_fail(c, "%s: mode: found %04o, expected no write permission for group and others (chmod go-w)",
                       paths[i], (unsigned)st.st_mode & 07777);
    }
}

void check_loads(check *c, const void *context)
{
    const plugin_file *f = context;
    void *handle = dlopen(f->path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        check_fail(c, "load: %s", dlerror());
    else if (!dlsym(handle, "ggx_plugin_1"))
        check_fail(c, "symbol: found none, expected ggx_plugin_1");
}

void check_manifest(check *c, const void *context)
{
    const plugin_file *f = context;
    if (!f->manifest_there)
        check_fail(c, "manifest: found none, expected %s", f->manifest_path);
    else if (!f->manifest_good)
        check_fail(c, "%s: %s", f->manifest_path, f->manifest_why.text);
}

/* A string of the envelope: there, ended, printable. */
static int string_good(check *c, const char *field, const char *text)
{
    if (!text) {
        check_fail(c, "%s: found NULL, expected a string", field);
        return 0;
    }
    size_t n = 0;
    while (n < STRING_LIMIT && text[n] >= 0x20 && text[n] < 0x7f) n++;
    if (!n || n == STRING_LIMIT || text[n]) {
        check_fail(c, "%s: expected 1 to 255 printable ASCII bytes", field);
        return 0;
    }
    return 1;
}

static int version_good(const char *v)
{
    for (int part = 0; part < 3; part++) {
        if (!isdigit((unsigned char)*v)) return 0;
        while (isdigit((unsigned char)*v)) v++;
        if (part < 2 && *v++ != '.') return 0;
    }
    return !*v || *v == '-' || *v == '+';
}

static int id_good(const char *id)
{
    size_t n = strlen(id);
    return n >= 1 && n <= 64 && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* The id that the file's name stands for: "" when the name is not ggx-ID.so. */
static void id_of_path(const char *path, char *out, size_t capacity)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(base);
    out[0] = 0;
    if (n > 7 && !strncmp(base, "ggx-", 4) && !strcmp(base + n - 3, ".so"))
        snprintf(out, capacity, "%.*s", (int)(n - 7), base + 4);
}

void check_envelope(check *c, const void *context)
{
    const plugin_file *f = context;
    const ggx_plugin *p = f->plugin;
    char id[128];
    id_of_path(f->path, id, sizeof id);
    if (p->struct_size < ENVELOPE_SIZE) {
        check_fail(c, "struct_size: found %u, expected at least %d", p->struct_size, ENVELOPE_SIZE);
        return;
    }
    if (p->struct_size > sizeof *p) check_note(c, "struct_size %u is larger than this checker knows", p->struct_size);
    if (!string_good(c, "id", p->id) || !string_good(c, "version", p->version) ||
        !string_good(c, "license", p->license))
        return;
    if (!id_good(p->id)) check_fail(c, "id: found %s, expected [a-z0-9-], 1 to 64 bytes", p->id);
    if (strcmp(p->id, id))
        check_fail(c, "id: found %s, expected %s from the file's name", p->id, *id ? id : "a file named ggx-ID.so");
    if (!version_good(p->version)) check_fail(c, "version: found %s, expected a semantic version (1.2.3)", p->version);
    if (!p->provides || !p->provide_count || p->provide_count > MANIFEST_OFFERS) {
        check_fail(c, "provides: found %u entries%s, expected 1 to %d", p->provide_count, p->provides ? "" : " at NULL",
                   MANIFEST_OFFERS);
        return;
    }
    for (uint32_t i = 0; i < p->provide_count; i++)
        if (!string_good(c, "provides[].id", p->provides[i].id) || !p->provides[i].vtable)
            check_fail(c, "provides[%u]: the id or the vtable is NULL or no string", i);
}

void check_identity(check *c, const void *context)
{
    const plugin_file *f = context;
    const manifest *m = &f->manifest;
    const struct {
        const char *field, *found, *expected;
    } pairs[] = {{"id", f->plugin->id, m->id},
                 {"version", f->plugin->version, m->version},
                 {"license", f->plugin->license, m->license}};
    for (int i = 0; i < 3; i++)
        if (strcmp(pairs[i].found, pairs[i].expected))
            check_fail(c, "%s: found %s in the binary, expected %s from the manifest", pairs[i].field, pairs[i].found,
                       pairs[i].expected);
    if (f->plugin->provide_count != m->offer_count)
        check_fail(c, "provides: found %u interfaces, expected %u from the manifest", f->plugin->provide_count,
                   m->offer_count);
    for (uint32_t i = 0; i < f->plugin->provide_count && i < m->offer_count; i++)
        if (strcmp(f->plugin->provides[i].id, m->offers[i].interface_id))
            check_fail(c, "provides[%u].interface: found %s, expected %s from the manifest", i,
                       f->plugin->provides[i].id, m->offers[i].interface_id);
}

static void number_agrees(check *c, const char *field, int64_t found, int64_t expected)
{
    if (expected == -1)
        check_fail(c, "%s: found none in the manifest, expected %lld", field, (long long)found);
    else if (found != expected)
        check_fail(c, "%s: found %lld in the binary, expected %lld from the manifest", field, (long long)found,
                   (long long)expected);
}

static int size_good(check *c, const void *vtable, uint32_t least)
{
    uint32_t size;
    memcpy(&size, vtable, sizeof size);
    if (size < least) check_fail(c, "struct_size: found %u, expected at least %u", size, least);
    return size >= least;
}

static void functions_there(check *c, const char *const *names, const int *there, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!there[i]) check_fail(c, "%s: found NULL, expected a function", names[i]);
}

static void options_good(check *c, const char *name, const ggx_option *options, uint32_t count)
{
    if (count && !options) {
        check_fail(c, "options: found NULL, expected %u of them", count);
        return;
    }
    for (uint32_t i = 0; i < count && !c->failed; i++) {
        const ggx_option *o = &options[i];
        if (o->struct_size != sizeof *o)
            check_fail(c, "options[%u].struct_size: found %u, expected %zu", i, o->struct_size, sizeof *o);
        if (o->type < GGX_OPTION_BOOL || o->type > GGX_OPTION_FILE)
            check_fail(c, "options[%u].type: found %u, expected 1 to 4", i, o->type);
        if (!string_good(c, "options[].name", o->name) || !string_good(c, "options[].help", o->help)) return;
        size_t n = strlen(name);
        if (strncmp(o->name, name, n) || o->name[n] != '.')
            check_fail(c, "option %s: expected a name that begins with %s.", o->name, name);
    }
}

static void name_good(check *c, const manifest_offer *o)
{
    if (!o->name[0] || strlen(o->name) > 32 || !id_good(o->name))
        check_fail(c, "name: expected [a-z0-9-], 1 to 32 bytes, in the manifest");
}

static void extensions_good(check *c, const manifest_offer *o)
{
    if (!o->has_extensions) check_fail(c, "extensions: found none in the manifest, expected a list");
    for (uint32_t i = 0; i < o->extension_count; i++)
        if (o->extensions[i][0] == '.' || strpbrk(o->extensions[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ/"))
            check_fail(c, "extensions: found %s, expected it without its dot, in lower case", o->extensions[i]);
}

static void reader_good(check *c, const void *vtable, const manifest_offer *o)
{
    static const char *const names[] = {"probe", "open", "index"};
    const ggx_reader *v = vtable;
    if (!size_good(c, v, READER_SIZE)) return;
    int there[] = {v->probe != NULL, v->open != NULL, v->index != NULL};
    functions_there(c, names, there, 3);
    if (v->head_want > WINDOW_LIMIT || v->tail_want > WINDOW_LIMIT)
        check_fail(c, "head_want %u, tail_want %u: expected at most %d", v->head_want, v->tail_want, WINDOW_LIMIT);
    if (v->instance_size > INSTANCE_LIMIT)
        check_fail(c, "instance_size: found %llu, expected at most 1 MiB", (unsigned long long)v->instance_size);
    if (v->flags || v->reserved) check_fail(c, "flags and reserved: expected 0");
    number_agrees(c, "head_want", v->head_want, o->head_want);
    number_agrees(c, "tail_want", v->tail_want, o->tail_want);
    name_good(c, o);
    extensions_good(c, o);
    options_good(c, o->name, v->options, v->option_count);
}

static void writer_good(check *c, const void *vtable, const manifest_offer *o)
{
    static const char *const names[] = {"open", "kv", "tensor", "layout", "place", "render"};
    const ggx_writer *v = vtable;
    if (!size_good(c, v, WRITER_SIZE)) return;
    int there[] = {v->open != NULL,   v->kv != NULL,    v->tensor != NULL,
                   v->layout != NULL, v->place != NULL, v->render != NULL};
    functions_there(c, names, there, 6);
    if (v->instance_size > INSTANCE_LIMIT)
        check_fail(c, "instance_size: found %llu, expected at most 1 MiB", (unsigned long long)v->instance_size);
    if (v->flags & ~(GGX_WRITER_FIELDS | GGX_WRITER_SPLITS) || v->reserved)
        check_fail(c, "flags: only GGX_WRITER_FIELDS and GGX_WRITER_SPLITS are known; reserved: expected 0");
    name_good(c, o);
    extensions_good(c, o);
    options_good(c, o->name, v->options, v->option_count);
}

static void vocab_good(check *c, const void *vtable, const manifest_offer *o)
{
    static const char *const names[] = {"read"};
    const ggx_vocab *v = vtable;
    if (!size_good(c, v, VOCAB_SIZE)) return;
    int there[] = {v->read != NULL};
    functions_there(c, names, there, 1);
    if (v->flags || v->reserved) check_fail(c, "flags and reserved: expected 0");
    name_good(c, o);
    options_good(c, o->name, v->options, v->option_count);
}

static int words_good(check *c, const char *field, const char *const *words)
{
    for (uint32_t i = 0; words && i < MANIFEST_WORDS; i++) {
        if (!words[i]) return 1;
        if (!string_good(c, field, words[i])) return 0;
    }
    if (words) check_fail(c, "%s: expected at most 15 names, ended by NULL", field);
    return !words;
}

static void kernels_good(check *c, const void *vtable, const manifest_offer *o)
{
    const ggx_kernels *v = vtable;
    if (!size_good(c, v, KERNELS_SIZE) || !string_good(c, "type", v->type) || !words_good(c, "cpu", v->cpu)) return;
    if (!v->quantize && !v->dequantize)
        check_fail(c, "quantize, dequantize: found NULL, expected at least one function");
    if (!o) return;
    if (strcmp(v->type, o->type))
        check_fail(c, "type: found %s in the binary, expected %s from the manifest", v->type, o->type);
    number_agrees(c, "rank", v->rank, o->rank);
    uint32_t n = 0;
    for (; v->cpu && v->cpu[n]; n++)
        if (n >= o->cpu_count || strcmp(v->cpu[n], o->cpu[n]))
            check_fail(c, "cpu: found %s at place %u, expected the manifest's list", v->cpu[n], n);
    if (!o->has_cpu || n != o->cpu_count)
        check_fail(c, "cpu: found %u names in the binary, %u in the manifest", n, o->cpu_count);
}

static void quant_good(check *c, const void *vtable, const manifest_offer *o)
{
    const ggx_quant *v = vtable;
    if (!size_good(c, v, QUANT_SIZE)) return;
    size_t n = strnlen(v->type.name, sizeof v->type.name);
    if (!n || n == sizeof v->type.name || strspn(v->type.name, "abcdefghijklmnopqrstuvwxyz0123456789_") != n) {
        check_fail(c, "type: expected a name of [a-z0-9_], 1 to 15 bytes");
        return;
    }
    for (size_t i = n; i < sizeof v->type.name; i++)
        if (v->type.name[i]) check_fail(c, "type: the name is not NUL-padded to its end");
    if (!v->type.block_elems || !v->type.block_bytes || v->type.block_elems > 65536 || v->type.block_bytes > 1u << 20)
        check_fail(c, "block_elems %u, block_bytes %u: expected at least 1, and a block of sensible size",
                   v->type.block_elems, v->type.block_bytes);
    if (strcmp(v->type.name, o->type))
        check_fail(c, "type: found %s in the binary, expected %s from the manifest", v->type.name, o->type);
    number_agrees(c, "block_elems", v->type.block_elems, o->block_elems);
    number_agrees(c, "block_bytes", v->type.block_bytes, o->block_bytes);
    if (v->imatrix > GGX_IMATRIX_NEEDS) check_fail(c, "imatrix: found %u, expected 0 to 2", v->imatrix);
    if (v->flags & ~(GGX_QUANT_LOSSY | GGX_QUANT_WHOLE_ROW | GGX_QUANT_FLOAT))
        check_fail(c, "flags: found %#x, with unknown bits", v->flags);
    if (v->type_code < -1 || v->file_type < -1 || v->legacy_file_type < -1)
        check_fail(c, "codes: expected -1 (none) or a number from 0 up");
    words_good(c, "fallback", v->fallback);
    if (!v->kernels) {
        check_fail(c, "kernels: found NULL, expected the portable kernels");
        return;
    }
    kernels_good(c, v->kernels, NULL);
    if (c->failed) return;
    if (strcmp(v->kernels->type, v->type.name))
        check_fail(c, "kernels.type: found %s, expected %s", v->kernels->type, v->type.name);
    if (v->kernels->rank || (v->kernels->cpu && v->kernels->cpu[0]))
        check_fail(c, "kernels: the portable ones have rank 0 and need no CPU feature");
}

static void decoder_good(check *c, const void *vtable, const manifest_offer *o)
{
    static const char *const names[] = {"open", "need", "decode"};
    const ggx_decoder *v = vtable;
    if (!size_good(c, v, DECODER_SIZE)) return;
    int there[] = {v->open != NULL, v->need != NULL, v->decode != NULL};
    functions_there(c, names, there, 3);
    if (v->instance_size > 4096) check_fail(c, "instance_size: found %u, expected at most 4096", v->instance_size);
    if (!v->input_count || v->input_count > GGX_DECODER_INPUTS || !v->inputs) {
        check_fail(c, "inputs: found %u, expected a table of 1 to %u", v->input_count, GGX_DECODER_INPUTS);
        return;
    }
    if (v->inputs[0].flags & GGX_INPUT_OPTIONAL) check_fail(c, "inputs[0]: the first one must not be optional");
    for (uint32_t i = 0; i < v->input_count; i++)
        if (!string_good(c, "inputs[].name", v->inputs[i].name)) return;
    if (!o->name[0] || strlen(o->name) > 32 || !id_good(o->name))
        check_fail(c, "name: expected [a-z0-9-], 1 to 32 bytes, in the manifest");
    options_good(c, o->name, v->options, v->option_count);
}

static const struct {
    const char *id;
    void (*good)(check *c, const void *vtable, const manifest_offer *o);
} interfaces[] = {{GGX_READER_ID, reader_good},   {GGX_WRITER_ID, writer_good},   {GGX_QUANT_ID, quant_good},
                  {GGX_KERNELS_ID, kernels_good}, {GGX_DECODER_ID, decoder_good},

                  {GGX_VOCAB_ID, vocab_good}};

int interface_known(const char *id)
{
    for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++)
        if (!strcmp(id, interfaces[i].id)) return 1;
    return 0;
}

void check_offer(check *c, const void *context)
{
    const offer_subject *s = context;
    const ggx_provide *p = &s->file->plugin->provides[s->index];
    for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++)
        if (!strcmp(p->id, interfaces[i].id)) interfaces[i].good(c, p->vtable, &s->file->manifest.offers[s->index]);
}
