/* sdk/check/reader_harness.c - the in-memory host of reader_harness.h: source, arena, sink, and the checks on each step. */
#include "reader_harness.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define SIBLING_HEAD 512

static GGX_PRINTF(2, 3) void breach(reader_harness *h, const char *format, ...)
{
    if (h->violation[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(h->violation, sizeof h->violation, format, args);
    va_end(args);
}

static ggx_str str_of(const char *text)
{
    ggx_str s = {text, strlen(text)};
    return s;
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

static void *keep(reader_harness *h, uint64_t size)
{
    void **grown = realloc(h->blocks, (size_t)(h->block_count + 1) * sizeof *grown);
    if (!grown) return NULL;
    h->blocks = grown;
    void *block = calloc(1, size ? (size_t)size : 1);
    if (block) h->blocks[h->block_count++] = block;
    return block;
}

static void *host_alloc(const ggx_host *host, uint64_t size) GGX_NOEXCEPT
{
    reader_harness *h = host->context;
    h->alloc_count++;
    if (h->fail_alloc && h->alloc_count == h->fail_alloc) return NULL;
    if (size > h->memory_cap - h->memory_used) return NULL;
    void *block = keep(h, size);
    if (block) h->memory_used += size;
    return block;
}

static int32_t host_canceled(const ggx_host *host) GGX_NOEXCEPT
{
    reader_harness *h = host->context;
    h->questions++;
    return h->cancel_after && h->questions >= h->cancel_after;
}

static void host_progress(const ggx_host *host, uint64_t done, uint64_t total) GGX_NOEXCEPT
{
    if (total && done > total) breach(host->context, "progress: done beyond total");
}

static void host_log(const ggx_host *host, int32_t level, const char *text) GGX_NOEXCEPT
{
    reader_harness *h = host->context;
    h->log_count++;
    snprintf(h->last_log, sizeof h->last_log, "%s", text ? text : "");
    if (level < GGX_LOG_ERROR || level > GGX_LOG_DEBUG) breach(h, "log: level %d", (int)level);
    if (!text || strchr(text, '\n')) breach(h, "log: no text, or a newline in it");
}

static const void *host_extension(const ggx_host *host, const char *id) GGX_NOEXCEPT
{
    if (!id) breach(host->context, "extension: no id");
    return NULL;
}

/* ---- source ---------------------------------------------------------------------------------------------------------------- */

static uint32_t source_count(const ggx_source *source) GGX_NOEXCEPT
{
    return ((const reader_harness *)source->context)->opened_count;
}

static const reader_harness_member *opened_member(const reader_harness *h, uint32_t index)
{
    return index < h->opened_count ? &h->members[h->opened[index]] : NULL;
}

static ggx_status source_member(const ggx_source *source, uint32_t index, ggx_member *out,
                                ggx_error *error) GGX_NOEXCEPT
{
    reader_harness *h = source->context;
    const reader_harness_member *m = opened_member(h, index);
    if (!GGX_HAS(out, name)) breach(h, "member: struct_size %u", out->struct_size);
    if (!m) return ggx_fail(error, GGX_E_NOTFOUND, "there is no member %u", index);
    out->size = m->size;
    out->name = str_of(m->name);
    return GGX_OK;
}

/* Relative, with '/', without empty, '.' or '..' parts. */
static int name_is_clean(ggx_str name)
{
    uint64_t begin = 0;
    for (uint64_t i = 0; i <= name.size; i++) {
        if (i < name.size && name.data[i] == 0) return 0;
        if (i < name.size && name.data[i] != '/') continue;
        uint64_t n = i - begin;
        if (!n || (n <= 2 && !memcmp(name.data + begin, "..", n))) return 0;
        begin = i + 1;
    }
    return 1;
}

static ggx_status source_find(const ggx_source *source, ggx_str name, uint32_t *index, ggx_error *error) GGX_NOEXCEPT
{
    reader_harness *h = source->context;
    if (!name_is_clean(name)) return ggx_fail(error, GGX_E_MALFORMED, "%.*s is not a clean name", GGX_STR_ARGS(name));
    for (uint32_t m = 0; m < h->member_count; m++) {
        if (strlen(h->members[m].name) != name.size || memcmp(h->members[m].name, name.data, (size_t)name.size))
            continue;
        for (uint32_t i = 0; i < h->opened_count; i++)
            if (h->opened[i] == m) return *index = i, GGX_OK;
        h->opened[ *index = h->opened_count++] = m;
        return GGX_OK;
    }
    return ggx_fail(error, GGX_E_NOTFOUND, "there is no %.*s", GGX_STR_ARGS(name));
}

static ggx_status source_range(const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size,
                               const void **out, ggx_error *error)
{
    const reader_harness_member *m = opened_member(source->context, member);
    if (!m) return ggx_fail(error, GGX_E_NOTFOUND, "there is no member %u", member);
    if (offset > m->size || size > m->size - offset)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, offset, "%llu bytes are wanted beyond the end",
                           (unsigned long long)size);
    *out = size ? (const char *)m->data + offset : (const void *)"";
    return GGX_OK;
}

static ggx_status source_read_at(const ggx_source *source, uint32_t member, uint64_t offset, void *out, uint64_t size,
                                 ggx_error *error) GGX_NOEXCEPT
{
    const void *from = NULL;
    ggx_status status = source_range(source, member, offset, size, &from, error);
    if (status != GGX_OK) return status;
    memcpy(out, from, (size_t)size);
    ((reader_harness *)source->context)->read_bytes += size;
    return GGX_OK;
}

static ggx_status source_map(const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size,
                             const void **out, ggx_error *error) GGX_NOEXCEPT
{
    if (((const reader_harness *)source->context)->no_map)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "this source does not map");
    return source_range(source, member, offset, size, out, error);
}

/* ---- sink ------------------------------------------------------------------------------------------------------------------ */

static char *copy_bytes(reader_harness *h, const void *data, uint64_t size)
{
    char *copy = keep(h, size + 1); /* one more, so that tests can print names */
    if (copy && size) memcpy(copy, data, (size_t)size);
    return copy;
}

/* The extent that shape and strides reach, in bytes. */
static int reach_bytes(const ggx_tensor *t, uint64_t *out)
{
    uint64_t elems = 0, far = 0;
    int dense = 1;
    if (!ggx_product_u64(t->shape, t->rank, &elems)) return 0;
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->stride[i]) dense = 0;
    if (dense || !elems) return ggx_type_bytes(&t->type, elems, out);
    if (t->type.block_elems != 1) return 0;
    for (uint32_t i = 0; i < t->rank; i++) {
        uint64_t step;
        if (t->stride[i] < 0 || !ggx_mul_u64(t->shape[i] - 1, (uint64_t)t->stride[i], &step)) return 0;
        if (!ggx_add_u64(far, step, &far)) return 0;
    }
    return ggx_add_u64(far, 1, &far) && ggx_type_bytes(&t->type, far, out);
}

static const char *tensor_fault(const reader_harness *h, const ggx_tensor *t)
{
    uint64_t reach = 0;
    if (t->struct_size < sizeof *t) return "its struct_size is too small";
    if (t->rank > GGX_MAX_RANK) return "its rank is too high";
    if (!t->name.size || t->name.size > 65535 || memchr(t->name.data, 0, (size_t)t->name.size)) return "its name";
    if (!t->type.name[0] || t->type.name[15] || !t->type.block_elems || !t->type.block_bytes) return "its type";
    if (t->byte_order > GGX_BIG_ENDIAN_PAIRS || t->access > GGX_ACCESS_SEQUENTIAL) return "its byte order or access";
    for (uint32_t i = t->rank; i < GGX_MAX_RANK; i++)
        if (t->shape[i] || t->stride[i]) return "an axis beyond its rank";
    if (!reach_bytes(t, &reach)) return "its shape overflows, or is not whole blocks";
    if (t->access == GGX_ACCESS_RAW) {
        const reader_harness_member *m = opened_member(h, t->member);
        if (!m) return "its member is not there";
        if (t->offset > m->size || t->nbytes > m->size - t->offset) return "its extent ends beyond the member";
        if (reach > t->nbytes) return "its shape needs more than its extent";
    }
    for (uint64_t i = 0; i < h->tensor_count; i++)
        if (h->tensors[i].name.size == t->name.size &&
            !memcmp(h->tensors[i].name.data, t->name.data, (size_t)t->name.size))
            return "its name occurs twice";
    return NULL;
}

static int grow(void **items, uint64_t *capacity, uint64_t count, size_t size)
{
    if (count < *capacity) return 1;
    uint64_t wider = *capacity ? *capacity * 2 : 64;
    void *grown = realloc(*items, (size_t)wider * size);
    if (!grown) return 0;
    *items = grown;
    *capacity = wider;
    return 1;
}

static ggx_status sink_tensor(const ggx_sink *sink, const ggx_tensor *t, ggx_error *error) GGX_NOEXCEPT
{
    reader_harness *h = sink->context;
    if (h->refused) breach(h, "index went on after the sink refused something");
    const char *fault = tensor_fault(h, t);
    if (fault) {
        h->refused++;
        return ggx_fail_at(error, GGX_E_MALFORMED, t->member, t->offset, "tensor %.*s: %s", GGX_STR_ARGS(t->name),
                           fault);
    }
    if (!grow((void **)&h->tensors, &h->pushed_capacity, h->tensor_count, sizeof *h->tensors))
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the tensor list");
    ggx_tensor *copy = &h->tensors[h->tensor_count];
    *copy = *t;
    copy->name.data = copy_bytes(h, t->name.data, t->name.size);
    if (!copy->name.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a name");
    h->tensor_count++;
    return GGX_OK;
}

/* Bytes of one element of each GGX_KV_*; 0: not an element (ARRAY) or no such type. */
static uint64_t kv_elem_size(uint32_t type)
{
    static const uint8_t sizes[13] = {1, 1, 2, 2, 4, 4, 4, 1, (uint8_t)sizeof(ggx_str), 0, 8, 8, 8};
    return type < 13 ? sizes[type] : 0;
}

static const char *kv_fault(const reader_harness *h, const ggx_kv *kv)
{
    if (kv->struct_size < sizeof *kv) return "its struct_size is too small";
    if (!kv->key.size) return "its key is empty";
    if (!kv_elem_size(kv->elem_type)) return "its element type";
    if (kv->type != GGX_KV_ARRAY && (kv->type != kv->elem_type || kv->count != 1)) return "a scalar with another count";
    if (kv->count && !kv->data) return "it has no data";
    for (uint64_t i = 0; kv->elem_type == GGX_KV_BOOL && i < kv->count; i++)
        if (((const uint8_t *)kv->data)[i] > 1) return "a bool that is neither 0 nor 1";
    for (uint64_t i = 0; i < h->kv_count; i++)
        if (h->kvs[i].key.size == kv->key.size && !memcmp(h->kvs[i].key.data, kv->key.data, (size_t)kv->key.size))
            return "its key occurs twice";
    return NULL;
}

static ggx_status sink_kv(const ggx_sink *sink, const ggx_kv *kv, ggx_error *error) GGX_NOEXCEPT
{
    reader_harness *h = sink->context;
    if (h->refused) breach(h, "index went on after the sink refused something");
    const char *fault = kv_fault(h, kv);
    if (fault) {
        h->refused++;
        return ggx_fail(error, GGX_E_MALFORMED, "key %.*s: %s", GGX_STR_ARGS(kv->key), fault);
    }
    if (!grow((void **)&h->kvs, &h->kv_capacity, h->kv_count, sizeof *h->kvs))
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the key/values");
    ggx_kv *copy = &h->kvs[h->kv_count];
    *copy = *kv;
    copy->key.data = copy_bytes(h, kv->key.data, kv->key.size);
    void *data = copy_bytes(h, kv->data, kv->count * kv_elem_size(kv->elem_type));
    if (!copy->key.data || !data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a key/value");
    copy->data = data;
    for (uint64_t i = 0; kv->elem_type == GGX_KV_STRING && i < kv->count; i++) {
        ggx_str *s = (ggx_str *)data + i;
        s->data = copy_bytes(h, s->data, s->size);
        if (!s->data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a string");
    }
    h->kv_count++;
    return GGX_OK;
}

/* ---- set-up ---------------------------------------------------------------------------------------------------------------- */

void reader_harness_init(reader_harness *h, uint32_t kind)
{
    memset(h, 0, sizeof *h);
    h->memory_cap = 64u << 20;
    h->no_map = 1;
    h->kind = kind;
    h->options = (ggx_options){sizeof h->options, 0, h->values};
    h->host = (ggx_host){.struct_size = sizeof h->host,
                         .context = h,
                         .alloc = host_alloc,
                         .canceled = host_canceled,
                         .progress = host_progress,
                         .log = host_log,
                         .extension = host_extension};
    h->source = (ggx_source){.struct_size = sizeof h->source,
                             .kind = kind,
                             .context = h,
                             .count = source_count,
                             .member = source_member,
                             .find = source_find,
                             .read_at = source_read_at,
                             .map = source_map};
    h->sink = (ggx_sink){.struct_size = sizeof h->sink, .context = h, .tensor = sink_tensor, .kv = sink_kv};
}

int reader_harness_add(reader_harness *h, const char *name, const void *data, uint64_t size)
{
    if (h->member_count == READER_HARNESS_MEMBERS) return 0;
    h->members[h->member_count] = (reader_harness_member){name, data, size};
    if (h->kind != GGX_SOURCE_FILE || h->member_count == 0) h->opened[h->opened_count++] = h->member_count;
    h->member_count++;
    return 1;
}

static int add_option(reader_harness *h, uint32_t type, const char *name, int64_t number, ggx_str text)
{
    if (h->options.count == READER_HARNESS_OPTIONS) return 0;
    h->values[h->options.count++] = (ggx_option_value){sizeof *h->values, type, name, number, text};
    return 1;
}

int reader_harness_option_bool(reader_harness *h, const char *name, int on)
{
    return add_option(h, GGX_OPTION_BOOL, name, on != 0, (ggx_str){0});
}

int reader_harness_option_int(reader_harness *h, const char *name, int64_t value)
{
    return add_option(h, GGX_OPTION_INT, name, value, (ggx_str){0});
}

int reader_harness_option_string(reader_harness *h, const char *name, const char *text)
{
    return add_option(h, GGX_OPTION_STRING, name, 0, str_of(text));
}

int reader_harness_option_file(reader_harness *h, const char *name, const char *text)
{
    uint32_t index = 0;
    if (h->source.find(&h->source, str_of(text), &index, NULL) != GGX_OK) return 0;
    return add_option(h, GGX_OPTION_FILE, name, index, str_of(text));
}

#ifndef READER_HARNESS_NO_PLUGIN /* ggx-plugin-check loads its plugins instead of linking one */
const ggx_reader *reader_harness_vtable(void)
{
    for (uint32_t i = 0; i < ggx_plugin_1.provide_count; i++)
        if (!strcmp(ggx_plugin_1.provides[i].id, GGX_READER_ID)) return ggx_plugin_1.provides[i].vtable;
    return NULL;
}
#endif

/* ---- steps ----------------------------------------------------------------------------------------------------------------- */

static void clear_error(ggx_error *error)
{
    memset(error, 0, sizeof *error);
    error->member = GGX_NO_MEMBER;
    error->offset = GGX_NO_OFFSET;
}

static ggx_status check_status(reader_harness *h, const char *step, ggx_status status, const ggx_error *error)
{
    if (status > 0 || status == -1 || status < GGX_E_IO) breach(h, "%s returned %d", step, (int)status);
    if (status < 0 && (error->status != status || !error->text[0]))
        breach(h, "%s returned %d, but the error says %d and \"%s\"", step, (int)status, (int)error->status,
               error->text);
    if (status < 0 && !memchr(error->text, 0, sizeof error->text)) breach(h, "%s: the error's text has no end", step);
    return status;
}

int32_t reader_harness_probe(reader_harness *h, const ggx_reader *reader)
{
    ggx_sibling siblings[READER_HARNESS_MEMBERS];
    ggx_probe probe = {.struct_size = sizeof probe, .kind = h->kind, .siblings = siblings};
    uint32_t first = h->kind == GGX_SOURCE_FILE ? 1 : 0;
    for (uint32_t m = first; m < h->member_count; m++) {
        const reader_harness_member *from = &h->members[m];
        uint64_t n = from->size < SIBLING_HEAD ? from->size : SIBLING_HEAD;
        siblings[probe.sibling_count++] = (ggx_sibling){str_of(from->name), {from->data, n}};
    }
    probe.name = str_of("checkpoint");
    if (first && h->member_count) {
        const reader_harness_member *m = &h->members[0];
        uint64_t head = m->size < reader->head_want ? m->size : reader->head_want;
        uint64_t tail = m->size < reader->tail_want ? m->size : reader->tail_want;
        probe.name = str_of(m->name);
        probe.size = m->size;
        probe.head = (ggx_str){m->data, head};
        probe.tail = (ggx_str){m->size ? (const char *)m->data + (m->size - tail) : NULL, tail};
    }
    h->score = reader->probe(&probe);
    if (h->score < 0 || h->score > 100) breach(h, "probe scored %d", (int)h->score);
    if (reader->probe(&probe) != h->score) breach(h, "probe gave two scores for one window");
    return h->score;
}

ggx_status reader_harness_open(reader_harness *h, const ggx_reader *reader, ggx_error *error)
{
    clear_error(error);
    h->self = keep(h, reader->instance_size);
    if (!h->self) return ggx_fail(error, GGX_E_NOMEM, "no memory for the instance");
    h->memory_used += reader->instance_size;
    h->open_state = 1;
    ggx_status status = reader->open(h->self, &h->host, &h->source, &h->options, error);
    if (status == GGX_OK) h->open_state = 2;
    return check_status(h, "open", status, error);
}

ggx_status reader_harness_index(reader_harness *h, const ggx_reader *reader, ggx_error *error)
{
    clear_error(error);
    if (h->open_state != 2) return ggx_fail(error, GGX_E_USAGE, "the reader is not open");
    ggx_status status = check_status(h, "index", reader->index(h->self, &h->sink, error), error);
    if (status == GGX_OK && h->refused) breach(h, "index hid the sink's refusal");
    return status;
}

ggx_status reader_harness_read(reader_harness *h, const ggx_reader *reader, const ggx_tensor *tensor,
                               const ggx_box *box, void *out, uint64_t out_size, ggx_error *error)
{
    clear_error(error);
    if (h->open_state != 2 || !reader->read)
        return ggx_fail(error, GGX_E_USAGE, "the reader is not open, or has no read");
    return check_status(h, "read", reader->read(h->self, tensor->cookie, box, out, out_size, error), error);
}

void reader_harness_close(reader_harness *h, const ggx_reader *reader)
{
    if (h->open_state && reader->close) reader->close(h->self);
    h->open_state = 0;
}

ggx_status reader_harness_run(reader_harness *h, const ggx_reader *reader, ggx_error *error)
{
    reader_harness_probe(h, reader);
    ggx_status status = reader_harness_open(h, reader, error);
    if (status == GGX_OK) status = reader_harness_index(h, reader, error);
    reader_harness_close(h, reader);
    return status;
}

const ggx_tensor *reader_harness_tensor(const reader_harness *h, const char *name)
{
    for (uint64_t i = 0; i < h->tensor_count; i++)
        if (h->tensors[i].name.size == strlen(name) && !memcmp(h->tensors[i].name.data, name, strlen(name)))
            return &h->tensors[i];
    return NULL;
}

const ggx_kv *reader_harness_kv(const reader_harness *h, const char *key)
{
    for (uint64_t i = 0; i < h->kv_count; i++)
        if (h->kvs[i].key.size == strlen(key) && !memcmp(h->kvs[i].key.data, key, strlen(key))) return &h->kvs[i];
    return NULL;
}

const void *reader_harness_extent(const reader_harness *h, const ggx_tensor *tensor)
{
    const reader_harness_member *m = opened_member(h, tensor->member);
    return m && tensor->access == GGX_ACCESS_RAW ? (const char *)m->data + tensor->offset : NULL;
}

void reader_harness_free(reader_harness *h)
{
    for (uint64_t i = 0; i < h->block_count; i++) free(h->blocks[i]);
    free(h->blocks);
    free(h->tensors);
    free(h->kvs);
    memset(h, 0, sizeof *h);
}
