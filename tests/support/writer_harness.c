/* The harness of writer_harness.h. */
#include "writer_harness.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void blame(writer_harness *h, const char *what)
{
    if (!h->violation[0]) snprintf(h->violation, sizeof h->violation, "%s", what);
}

static void *take_memory(const ggx_host *host, uint64_t size) GGX_NOEXCEPT
{
    writer_harness *h = host->context;
    h->alloc_count++;
    if (h->alloc_count == h->fail_alloc || size > h->memory_cap - h->memory_used) return NULL;
    void **blocks = realloc(h->blocks, (size_t)(h->block_count + 1) * sizeof *blocks);
    void *block = calloc(1, (size_t)(size ? size : 1));
    if (blocks) h->blocks = blocks;
    if (!blocks || !block) {
        free(block);
        return NULL;
    }
    h->blocks[h->block_count++] = block;
    h->memory_used += size;
    return block;
}

static int32_t not_canceled(const ggx_host *host) GGX_NOEXCEPT
{
    (void)host;
    return 0;
}

static void no_progress(const ggx_host *host, uint64_t done, uint64_t total) GGX_NOEXCEPT
{
    (void)host, (void)done, (void)total;
}

static void no_log(const ggx_host *host, int32_t level, const char *text) GGX_NOEXCEPT
{
    (void)host, (void)level, (void)text;
}

static const void *no_extension(const ggx_host *host, const char *id) GGX_NOEXCEPT
{
    (void)host, (void)id;
    return NULL;
}

static int add_range(writer_harness *h, uint64_t offset, uint64_t nbytes)
{
    if (offset > h->size || nbytes > h->size - offset) {
        blame(h, "a range lies outside the file");
        return 0;
    }
    if (!nbytes) return 1;
    if (h->range_count == h->range_room) {
        uint64_t room = h->range_room ? 2 * h->range_room : 64;
        writer_harness_range *ranges = realloc(h->ranges, (size_t)room * sizeof *ranges);
        if (!ranges) return 0;
        h->ranges = ranges;
        h->range_room = room;
    }
    h->ranges[h->range_count].offset = offset;
    h->ranges[h->range_count++].nbytes = nbytes;
    return 1;
}

static ggx_status take_bytes(const ggx_emit *emit, uint32_t output, uint64_t offset, const void *data, uint64_t size,
                             ggx_error *error) GGX_NOEXCEPT
{
    writer_harness *h = emit->context;
    if (++h->emit_count == h->fail_emit) {
        error->status = GGX_E_NOSPACE;
        snprintf(error->text, sizeof error->text, "the test's disk is full");
        return GGX_E_NOSPACE;
    }
    if (output) blame(h, "a range lies in an output that is not there");
    if (output || !add_range(h, offset, size)) return GGX_E_PLUGIN;
    if (size) memcpy(h->file + offset, data, (size_t)size);
    return GGX_OK;
}

void writer_harness_init(writer_harness *h)
{
    memset(h, 0, sizeof *h);
    h->memory_cap = (uint64_t)256 << 20;
    h->options.struct_size = sizeof h->options;
    h->options.values = h->values;
    h->host.struct_size = sizeof h->host;
    h->host.context = h;
    h->host.alloc = take_memory;
    h->host.canceled = not_canceled;
    h->host.progress = no_progress;
    h->host.log = no_log;
    h->host.extension = no_extension;
    h->emit.struct_size = sizeof h->emit;
    h->emit.context = h;
    h->emit.bytes = take_bytes;
}

const ggx_writer *writer_harness_load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const ggx_plugin *plugin = library ? dlsym(library, "ggx_plugin_1") : NULL;
    for (uint32_t i = 0; plugin && i < plugin->provide_count; i++)
        if (!strcmp(plugin->provides[i].id, GGX_WRITER_ID)) return plugin->provides[i].vtable;
    return NULL;
}

static ggx_option_value *add_option(writer_harness *h, const char *name, uint32_t type)
{
    if (h->options.count == WRITER_HARNESS_OPTIONS) h->options.count--; /* a test never gives so many */
    ggx_option_value *value = &h->values[h->options.count++];
    memset(value, 0, sizeof *value);
    value->struct_size = sizeof *value;
    value->type = type;
    value->name = name;
    return value;
}

void writer_harness_option_int(writer_harness *h, const char *name, int64_t number)
{
    add_option(h, name, GGX_OPTION_INT)->number = number;
}

void writer_harness_option_string(writer_harness *h, const char *name, const char *text)
{
    ggx_option_value *value = add_option(h, name, GGX_OPTION_STRING);
    value->text.data = text;
    value->text.size = strlen(text);
}

/* A failure must say what is wrong. */
static ggx_status checked(writer_harness *h, ggx_status status, const ggx_error *error)
{
    if (status != GGX_OK && (error->status != status || !error->text[0])) blame(h, "an error without status or text");
    return status;
}

ggx_status writer_harness_open(writer_harness *h, ggx_error *error)
{
    memset(error, 0, sizeof *error);
    h->self = calloc(1, (size_t)h->writer->instance_size);
    if (!h->self) return GGX_E_NOMEM;
    return checked(h, h->writer->open(h->self, &h->host, &h->options, error), error);
}

ggx_status writer_harness_kv(writer_harness *h, const ggx_kv *kv, ggx_error *error)
{
    memset(error, 0, sizeof *error);
    return checked(h, h->writer->kv(h->self, kv, error), error);
}

ggx_status writer_harness_tensor(writer_harness *h, const ggx_out_tensor *tensor, const void *payload, ggx_error *error)
{
    memset(error, 0, sizeof *error);
    const void **payloads = realloc(h->payloads, (size_t)(h->tensor_count + 1) * sizeof *payloads);
    if (!payloads) return GGX_E_NOMEM;
    h->payloads = payloads;
    ggx_status status = checked(h, h->writer->tensor(h->self, tensor, error), error);
    if (status == GGX_OK) h->payloads[h->tensor_count++] = payload;
    return status;
}

static int compare_ranges(const void *left, const void *right)
{
    const writer_harness_range *a = left, *b = right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void check_ranges(writer_harness *h)
{
    if (h->range_count) qsort(h->ranges, (size_t)h->range_count, sizeof *h->ranges, compare_ranges);
    for (uint64_t i = 1; i < h->range_count; i++)
        if (h->ranges[i].offset < h->ranges[i - 1].offset + h->ranges[i - 1].nbytes) blame(h, "two ranges meet");
}

static ggx_status render_once(writer_harness *h, ggx_error *error)
{
    memset(error, 0, sizeof *error);
    memset(h->file, 0, (size_t)h->size);
    h->range_count = 0;
    for (uint64_t i = 0; i < h->tensor_count; i++) {
        if (!add_range(h, h->places[i].offset, h->places[i].nbytes)) return GGX_E_PLUGIN;
        if (h->places[i].nbytes) memcpy(h->file + h->places[i].offset, h->payloads[i], (size_t)h->places[i].nbytes);
    }
    ggx_status status = checked(h, h->writer->render(h->self, &h->emit, error), error);
    check_ranges(h);
    return status;
}

ggx_status writer_harness_finish(writer_harness *h, ggx_error *error)
{
    ggx_layout layout = {.struct_size = sizeof layout}, again = {.struct_size = sizeof again};
    memset(error, 0, sizeof *error);
    ggx_status status = checked(h, h->writer->layout(h->self, &layout, error), error);
    if (status != GGX_OK) return status;
    if (h->writer->layout(h->self, &again, error) != GGX_OK || again.total_size != layout.total_size)
        blame(h, "a second layout differs");
    if (layout.output_count != 1) blame(h, "more than one output");
    h->size = layout.total_size;
    h->file = calloc(1, (size_t)(h->size ? h->size : 1));
    h->places = calloc((size_t)(h->tensor_count ? h->tensor_count : 1), sizeof *h->places);
    uint8_t *first = malloc((size_t)(h->size ? h->size : 1));
    if (!h->file || !h->places || !first) status = GGX_E_NOMEM;
    for (uint64_t i = 0; status == GGX_OK && i < h->tensor_count; i++) {
        h->places[i].struct_size = sizeof *h->places;
        status = checked(h, h->writer->place(h->self, i, &h->places[i], error), error);
    }
    if (status == GGX_OK && h->writer->place(h->self, h->tensor_count, &(ggx_place){.struct_size = sizeof(ggx_place)},
                                             &(ggx_error){0}) == GGX_OK)
        blame(h, "a place for a tensor that is not there");
    if (status == GGX_OK) status = render_once(h, error);
    if (status == GGX_OK) {
        memcpy(first, h->file, (size_t)h->size);
        status = render_once(h, error);
        if (memcmp(first, h->file, (size_t)h->size)) blame(h, "a second render differs");
    }
    free(first);
    return status;
}

void writer_harness_free(writer_harness *h)
{
    if (h->self && h->writer->close) h->writer->close(h->self);
    for (uint64_t i = 0; i < h->block_count; i++) free(h->blocks[i]);
    free(h->blocks);
    free(h->self);
    free(h->file);
    free(h->places);
    free(h->payloads);
    free(h->ranges);
    memset(h, 0, sizeof *h);
}
