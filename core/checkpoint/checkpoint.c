/* Opening a checkpoint: reader, options, index; and the sink that checks everything the reader pushes. */
#include "checkpoint/checkpoint.h"

#include "base/text.h"
#include "checkpoint/decoded.h"
#include "source/open.h"
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define MEMORY_BASE \
    (64ull << 20) /* metadata memory: base + 4 × file size, at most the limit (docs/security: hostile headers) */
#define MEMORY_LIMIT (512ull << 20)
#define NAME_LIMIT 65535
#define POINTERS_SOUGHT 256u /* files */

static uint64_t hash_name(ggx_str name)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */
    for (uint64_t i = 0; i < name.size; i++) h = (h ^ (unsigned char)name.data[i]) * 1099511628211ull;
    return h ^ h >> 29;
}

/* --- name → index ----------------------------------------------------------------------------------------------------------- */

static ggx_str tensor_name(const ggx_checkpoint *c, uint64_t i)
{
    return c->tensors[i].name;
}

static ggx_str kv_name(const ggx_checkpoint *c, uint64_t i)
{
    return c->kvs[i].key;
}

typedef ggx_str (*name_of)(const ggx_checkpoint *c, uint64_t i);

static uint64_t find_slot(const ggx_checkpoint *c, const uint32_t *table, uint64_t slots, name_of name, ggx_str wanted)
{
    uint64_t at = hash_name(wanted) & (slots - 1);
    while (table[at] && !ggx_str_same(name(c, table[at] - 1), wanted)) at = (at + 1) & (slots - 1);
    return at;
}

/* Makes room for one more entry: a table at most half full, so that every probe sequence ends. */
static ggx_status grow_table(ggx_checkpoint *c, uint32_t **table, uint64_t *slots, uint64_t count, name_of name,
                             ggx_error *error)
{
    if (count + 1 < *slots / 2) return GGX_OK;
    uint64_t wider = *slots ? *slots * 2 : 64;
    uint32_t *fresh = count < UINT32_MAX / 4 ? calloc((size_t)wider, sizeof *fresh) : NULL;
    if (!fresh)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the names of %llu tensors", (unsigned long long)count);
    free(*table);
    *table = fresh;
    *slots = wider;
    for (uint64_t i = 0; i < count; i++) fresh[find_slot(c, fresh, wider, name, name(c, i))] = (uint32_t)(i + 1);
    return GGX_OK;
}

static ggx_status grow_array(void **array, uint64_t *capacity, uint64_t count, uint64_t size, uint64_t cap,
                             ggx_error *error)
{
    if (count < *capacity) return GGX_OK;
    uint64_t wider = *capacity ? *capacity * 2 : 64;
    void *fresh = wider * size <= cap ? realloc(*array, (size_t)(wider * size)) : NULL;
    if (!fresh)
        return ggx_fail(error, GGX_E_NOMEM, "the index needs more than %llu MiB of memory; is the file damaged?",
                        (unsigned long long)(cap >> 20));
    *array = fresh;
    *capacity = wider;
    return GGX_OK;
}

/* --- what a reader may push -------------------------------------------------------------------------------------------------- */

static int type_valid(const ggx_type *type)
{
    size_t n = 0;
    while (n < sizeof type->name && type->name[n]) {
        char ch = type->name[n++];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_')) return 0;
    }
    if (!n || n == sizeof type->name) return 0;
    for (size_t i = n; i < sizeof type->name; i++)
        if (type->name[i]) return 0;
    return type->block_elems >= 1 && type->block_bytes >= 1 && type->block_elems <= 65536 &&
           type->block_bytes <= 1u << 20;
}

/* Fills in C-order strides when the reader gave none, and computes the bytes the extent must have. */
static int extent_bytes(ggx_tensor *t, uint64_t elems, uint64_t *bytes)
{
    int given = 0;
    for (uint32_t i = 0; i < t->rank; i++) given |= t->stride[i] != 0;
    uint64_t c_stride[GGX_MAX_RANK] = {0}, run = 1;
    for (uint32_t i = t->rank; i-- > 0;) {
        if (run > INT64_MAX) return 0;
        c_stride[i] = run;
        if (t->shape[i] && !ggx_mul_u64(run, t->shape[i], &run)) return 0;
    }
    if (!given || t->access != GGX_ACCESS_RAW) {
        for (uint32_t i = 0; i < t->rank; i++) t->stride[i] = (int64_t)c_stride[i];
        return ggx_type_bytes(&t->type, elems, bytes);
    }
    uint64_t last = 0; /* storage index of the last element */
    for (uint32_t i = 0; i < t->rank; i++) {
        uint64_t reach;
        if (t->stride[i] < 0) return 0;
        if (t->type.block_elems > 1 && t->shape[i] > 1 && (uint64_t)t->stride[i] != c_stride[i]) return 0;
        if (t->shape[i] > 1 &&
            (!ggx_mul_u64((uint64_t)t->stride[i], t->shape[i] - 1, &reach) || !ggx_add_u64(last, reach, &last)))
            return 0;
    }
    if (!elems) {
        *bytes = 0;
        return 1;
    }
    return ggx_add_u64(last, 1, &last) && ggx_type_bytes(&t->type, last, bytes);
}

static ggx_status check_tensor(const ggx_checkpoint *c, ggx_tensor *t, ggx_error *error)
{
    const uint64_t at = t->access == GGX_ACCESS_RAW ? t->offset : GGX_NO_OFFSET;
#define REFUSE(status, ...) return ggx_fail_at(error, (status), t->member, at, __VA_ARGS__)
    if (!t->name.size || t->name.size > NAME_LIMIT || !t->name.data || memchr(t->name.data, 0, (size_t)t->name.size))
        REFUSE(GGX_E_MALFORMED, "a tensor's name is empty, longer than %d bytes, or has a NUL in it", NAME_LIMIT);
    if (t->rank > GGX_MAX_RANK)
        REFUSE(GGX_E_UNSUPPORTED, "tensor '%.*s' has %u axes; ggx handles %d", GGX_STR_ARGS(t->name), t->rank,
               GGX_MAX_RANK);
    if (!type_valid(&t->type))
        REFUSE(GGX_E_PLUGIN, "tensor '%.*s': the reader gave an invalid element type", GGX_STR_ARGS(t->name));
    if (t->byte_order > GGX_BIG_ENDIAN_PAIRS || t->access > GGX_ACCESS_SEQUENTIAL)
        REFUSE(GGX_E_PLUGIN, "tensor '%.*s': the reader gave an unknown byte order or access", GGX_STR_ARGS(t->name));
    if (t->byte_order != GGX_LITTLE_ENDIAN && t->type.block_elems > 1)
        REFUSE(GGX_E_UNSUPPORTED, "tensor '%.*s' has big-endian %s blocks, which ggx does not swap",
               GGX_STR_ARGS(t->name), t->type.name);
    uint64_t elems, bytes;
    if (!ggx_product_u64(t->shape, t->rank, &elems) || elems > INT64_MAX / 32)
        REFUSE(GGX_E_MALFORMED, "the shape of tensor '%.*s' overflows", GGX_STR_ARGS(t->name));
    if (!extent_bytes(t, elems, &bytes))
        REFUSE(GGX_E_MALFORMED, "tensor '%.*s': its shape, strides and %s blocks do not fit together",
               GGX_STR_ARGS(t->name), t->type.name);
    if (t->type.block_elems > 1 && (!t->rank || t->shape[t->rank - 1] % t->type.block_elems))
        REFUSE(GGX_E_MALFORMED, "tensor '%.*s': its rows are not whole %s blocks of %u elements", GGX_STR_ARGS(t->name),
               t->type.name, t->type.block_elems);
    if (t->access != GGX_ACCESS_RAW) {
        if (!c->reader->read && !c->decoded)
            REFUSE(GGX_E_PLUGIN, "reader %s has no read function but tensor '%.*s' needs it", c->reader_name,
                   GGX_STR_ARGS(t->name));
        if (t->access != GGX_ACCESS_READER) t->flags &= ~GGX_TENSOR_IN_PLACE;
        if (!(t->flags & GGX_TENSOR_IN_PLACE)) t->nbytes = bytes;
        if (!(t->flags & GGX_TENSOR_IN_PLACE)) return GGX_OK;
    }
    ggx_member member = {.struct_size = sizeof member};
    uint64_t end;
    ggx_status status = c->source->member(c->source, t->member, &member, error);
    if (status != GGX_OK) return status;
    if (bytes > t->nbytes || !ggx_add_u64(t->offset, t->nbytes, &end) || end > member.size)
        REFUSE(GGX_E_MALFORMED, "tensor '%.*s' takes %llu bytes from byte %llu on, but the file has only %llu",
               GGX_STR_ARGS(t->name), (unsigned long long)(bytes > t->nbytes ? bytes : t->nbytes),
               (unsigned long long)t->offset, (unsigned long long)member.size);
    return GGX_OK;
#undef REFUSE
}

static ggx_status take_tensor(const ggx_sink *sink, const ggx_tensor *given, ggx_error *error)
{
    ggx_checkpoint *c = sink->context;
    if (!GGX_HAS(given, chunk))
        return ggx_fail(error, GGX_E_PLUGIN, "the reader pushed a tensor record that is too short");
    ggx_tensor t = *given;
    t.struct_size = sizeof t;
    for (uint32_t i = t.rank; i < GGX_MAX_RANK; i++) {
        t.shape[i] = 0;
        t.stride[i] = 0;
        t.chunk[i] = 0;
    }
    ggx_status status = check_tensor(c, &t, error);
    if (status == GGX_OK)
        status = grow_table(c, &c->tensor_index, &c->tensor_slots, c->tensor_count, tensor_name, error);
    if (status == GGX_OK)
        status = grow_array((void **)&c->tensors, &c->tensor_capacity, c->tensor_count, sizeof t, c->arena.cap, error);
    if (status != GGX_OK) return status;
    uint64_t slot = find_slot(c, c->tensor_index, c->tensor_slots, tensor_name, t.name);
    if (c->tensor_index[slot])
        return ggx_fail_at(error, GGX_E_MALFORMED, t.member, GGX_NO_OFFSET, "two tensors are named '%.*s'",
                           GGX_STR_ARGS(t.name));
    t.name = ggx_arena_str(&c->arena, t.name);
    if (!t.name.data)
        return ggx_fail(error, GGX_E_NOMEM, "the tensors' names need more memory than a file of this size may use");
    c->tensors[c->tensor_count++] = t;
    c->tensor_index[slot] = (uint32_t)c->tensor_count;
    return GGX_OK;
}

/* Bytes of one element of a key/value in memory; 0 for types that do not exist. */
static uint64_t kv_elem_size(uint32_t type)
{
    static const uint8_t size[] = {1, 1, 2, 2, 4, 4, 4, 1, sizeof(ggx_str), 0, 8, 8, 8};
    return type < sizeof size ? size[type] : 0;
}

static ggx_status copy_kv(ggx_checkpoint *c, ggx_kv *kv, ggx_error *error)
{
    uint64_t size = kv_elem_size(kv->elem_type);
    void *data = ggx_arena_array(&c->arena, kv->count, size);
    kv->key = ggx_arena_str(&c->arena, kv->key);
    if (!data || !kv->key.data) goto no_memory;
    if (kv->count) memcpy(data, kv->data, (size_t)(kv->count * size));
    kv->data = data;
    if (kv->elem_type == GGX_KV_STRING)
        for (uint64_t i = 0; i < kv->count; i++) {
            ggx_str *s = (ggx_str *)data + i;
            if (s->size && !s->data) return ggx_fail(error, GGX_E_PLUGIN, "the reader pushed a string without bytes");
            *s = ggx_arena_str(&c->arena, *s);
            if (!s->data) goto no_memory;
        }
    return GGX_OK;
no_memory:
    return ggx_fail(error, GGX_E_NOMEM, "the key/values need more memory than a file of this size may use");
}

static ggx_status take_kv(const ggx_sink *sink, const ggx_kv *given, ggx_error *error)
{
    ggx_checkpoint *c = sink->context;
    if (!GGX_HAS(given, data))
        return ggx_fail(error, GGX_E_PLUGIN, "the reader pushed a key/value record that is too short");
    ggx_kv kv = *given;
    kv.struct_size = sizeof kv;
    int array = kv.type == GGX_KV_ARRAY;
    if (!kv_elem_size(kv.elem_type) || (!array && (kv.type != kv.elem_type || kv.count != 1)) ||
        (kv.count && !kv.data) || !kv.key.data)
        return ggx_fail(error, GGX_E_PLUGIN, "the reader pushed a key/value '%.*s' that contradicts itself",
                        GGX_STR_ARGS(kv.key));
    ggx_status status = grow_table(c, &c->kv_index, &c->kv_slots, c->kv_count, kv_name, error);
    if (status == GGX_OK)
        status = grow_array((void **)&c->kvs, &c->kv_capacity, c->kv_count, sizeof kv, c->arena.cap, error);
    if (status != GGX_OK) return status;
    uint64_t slot = find_slot(c, c->kv_index, c->kv_slots, kv_name, kv.key);
    if (c->kv_index[slot])
        return ggx_fail(error, GGX_E_MALFORMED, "two key/values are named '%.*s'", GGX_STR_ARGS(kv.key));
    status = copy_kv(c, &kv, error);
    if (status != GGX_OK) return status;
    c->kvs[c->kv_count++] = kv;
    c->kv_index[slot] = (uint32_t)c->kv_count;
    return GGX_OK;
}

/* --- opening ------------------------------------------------------------------------------------------------------------------ */

static uint64_t memory_cap(const ggx_source *source)
{
    uint64_t total = 0;
    for (uint32_t i = 0, n = source->count(source); i < n; i++) {
        ggx_member member = {.struct_size = sizeof member};
        if (source->member(source, i, &member, NULL) == GGX_OK && !ggx_add_u64(total, member.size, &total))
            return MEMORY_LIMIT;
    }
    return total > (MEMORY_LIMIT - MEMORY_BASE) / 4 ? MEMORY_LIMIT : MEMORY_BASE + 4 * total;
}

/* In a folder that nobody knows: a file whose place a pointer holds. */
static ggx_status find_pointer(const ggx_checkpoint *c, ggx_error *error)
{
    const ggx_source *source = c->source;
    const uint32_t count = source->count(source);
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < count && i < POINTERS_SOUGHT && status != GGX_E_UNSUPPORTED; i++) {
        ggx_member member = {.struct_size = sizeof member};
        ggx_error found = {0};
        char first;
        if (source->member(source, i, &member, NULL) != GGX_OK || !member.size || member.size > GGX_POINTER_MOST)
            continue;
        status = source->read_at(source, i, 0, &first, 1, &found);
        if (status == GGX_E_UNSUPPORTED && error) *error = found;
    }
    return status == GGX_E_UNSUPPORTED ? status : GGX_OK;
}

/* Nobody knows the file: perhaps because the plugin that claims its extension was refused, or there is no reader at all. */
static ggx_status unknown_file(const ggx_checkpoint *c, ggx_error *error)
{
    const ggx_plugin_entry *entry = NULL;
    const ggx_offer *offer;
    ggx_member member = {.struct_size = sizeof member};
    uint32_t at = 0, where = c->source->kind == GGX_SOURCE_FILE ? 0 : GGX_NO_MEMBER;
    if (where == 0 && c->source->member(c->source, 0, &member, NULL) == GGX_OK)
        entry = ggx_registry_refused(c->registry, GGX_READER_ID, member.name);
    if (entry)
        return ggx_fail_at(error, GGX_E_PLUGIN, where, GGX_NO_OFFSET, "%s, which reads such files, is not used: %s",
                           entry->id, entry->why);
    if (!ggx_registry_next(c->registry, GGX_READER_ID, &at, &entry, &offer))
        return ggx_fail_at(error, GGX_E_PLUGIN, where, GGX_NO_OFFSET, "there is no reader plugin; see ggx plugins");
    if (find_pointer(c, error) != GGX_OK) return GGX_E_UNSUPPORTED;
    if (where == 0 && !member.size)
        return ggx_fail_at(error, GGX_E_MALFORMED, where, GGX_NO_OFFSET, "the file is empty");
    const char *folder = c->source->kind == GGX_SOURCE_DIRECTORY ? ggx_source_folder(c->source) : NULL;
    return ggx_fail_at(error, GGX_E_UNSUPPORTED, where, GGX_NO_OFFSET,
                       "no reader knows this %s%s%.150s;%s ggx plugins lists them, --reader NAME insists on one",
                       c->source->kind == GGX_SOURCE_FILE        ? "file"
                       : c->source->kind == GGX_SOURCE_DIRECTORY ? "folder"
                                                                 : "group of files",
                       folder ? ", " : "", folder ? folder : "",
                       folder ? " it holds no weights in a format that is read here;" : "");
}

static ggx_status choose_reader(ggx_checkpoint *c, const char *named, ggx_error *error)
{
    const void *vtable;
    ggx_probe_result results[16];
    if (!named) {
        ggx_error looking = {0};
        uint32_t n = ggx_checkpoint_probe(c->registry, c->source, results, 16, &looking);
        if (!n && (looking.status == GGX_E_NETWORK || looking.status == GGX_E_CANCELED ||
                   looking.status == GGX_E_INTEGRITY || looking.status == GGX_E_UNSUPPORTED)) {
            if (error) *error = looking; /* not unknown: not seen */
            return looking.status;
        }
        if (!n || results[0].score < GGX_PROBE_NAME) return unknown_file(c, error);
        if (n > 1 && results[1].score == results[0].score)
            return ggx_fail(error, GGX_E_UNSUPPORTED,
                            "readers %s and %s both claim this file with score %d; choose with --reader",
                            results[0].reader, results[1].reader, results[0].score);
        named = results[0].reader;
    }
    const ggx_plugin_entry *entry;
    ggx_status status = ggx_registry_get(c->registry, GGX_READER_ID, ggx_str_of(named), &vtable, &entry, error);
    if (status != GGX_OK) return status;
    ggx_str name = ggx_arena_str(&c->arena, ggx_str_of(named));
    if (!name.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    c->reader = vtable;
    c->reader_name = name.data;
    return GGX_OK;
}

/* -O READER.x where the reader has no such option: said before open complains of what the option was to mend. */
static ggx_status check_settings(const ggx_checkpoint *c, const ggx_setting *settings, uint32_t count, ggx_error *error)
{
    const size_t size = strlen(c->reader_name);
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    for (uint32_t i = 0; i < count; i++) {
        int known = strncmp(settings[i].name, c->reader_name, size) != 0 || settings[i].name[size] != '.';
        for (uint32_t k = 0; k < c->reader->option_count && !known; k++)
            known = !strcmp(c->reader->options[k].name, settings[i].name);
        for (uint32_t at = 0; !known && ggx_registry_next(c->registry, GGX_WRITER_ID, &at, &entry, &offer);)
            known = !strcmp(offer->name, c->reader_name); /* its options begin alike */
        if (!known)
            return ggx_fail(error, GGX_E_USAGE, "reader %s has no option '%.80s'; see ggx plugins %s", c->reader_name,
                            settings[i].name, c->reader_name);
    }
    return GGX_OK;
}

ggx_status ggx_checkpoint_open(ggx_checkpoint *c, ggx_registry *registry, ggx_source *source, const char *reader,
                               ggx_setting *settings, uint32_t setting_count, const ggx_run *run, ggx_error *error)
{
    memset(c, 0, sizeof *c);
    c->source = source;
    c->registry = registry;
    ggx_source_refuse_pointers(source);
    uint64_t cap = memory_cap(source);
    ggx_arena_init(&c->arena, cap);
    ggx_status status = grow_table(c, &c->tensor_index, &c->tensor_slots, 0, tensor_name, error);
    if (status == GGX_OK) status = grow_table(c, &c->kv_index, &c->kv_slots, 0, kv_name, error);
    if (status == GGX_OK) status = choose_reader(c, reader, error);
    if (status == GGX_OK) status = ggx_instance_open(&c->instance, run, cap, c->reader->instance_size, error);
    if (status != GGX_OK) {
        c->reader = NULL; /* no instance to close yet */
        ggx_checkpoint_close(c);
        return status;
    }
    status = check_settings(c, settings, setting_count, error);
    if (status == GGX_OK)
        status = ggx_instance_options(&c->instance, c->reader->options, c->reader->option_count, settings,
                                      setting_count, source, error);
    if (status == GGX_OK) {
        ggx_sink sink = {sizeof sink, 0, c, take_tensor, take_kv};
        c->opened = 1;
        status = c->reader->open(c->instance.self, &c->instance.host, source, &c->instance.options, error);
        if (status == GGX_OK) status = c->reader->index(c->instance.self, &sink, error);
    }
    if (status != GGX_OK) ggx_checkpoint_close(c);
    return status;
}

ggx_status ggx_checkpoint_vocab(ggx_checkpoint *c, ggx_registry *registry, ggx_source *source, ggx_str plugin,
                                ggx_setting *settings, uint32_t setting_count, const ggx_run *run, int *absent,
                                ggx_error *error)
{
    const void *vtable;
    *absent = 0;
    memset(c, 0, sizeof *c);
    c->source = source;
    c->registry = registry;
    ggx_arena_init(&c->arena, MEMORY_LIMIT);
    ggx_status status = ggx_registry_get(registry, GGX_VOCAB_ID, plugin, &vtable, NULL, error);
    if (status == GGX_OK) status = grow_table(c, &c->tensor_index, &c->tensor_slots, 0, tensor_name, error);
    if (status == GGX_OK) status = grow_table(c, &c->kv_index, &c->kv_slots, 0, kv_name, error);
    if (status == GGX_OK) status = ggx_instance_open(&c->instance, run, MEMORY_LIMIT, 0, error);
    if (status == GGX_OK) {
        const ggx_vocab *vocab = vtable;
        const ggx_sink sink = {sizeof sink, 0, c, NULL, take_kv};
        status = ggx_instance_options(&c->instance, vocab->options, vocab->option_count, settings, setting_count,
                                      source, error);
        if (status == GGX_OK) {
            status = vocab->read(&c->instance.host, source, &c->instance.options, &sink, error);
            *absent = status == GGX_E_NOTFOUND;
        }
        ggx_instance_close(&c->instance); /* what was pushed is in the checkpoint's own arena */
    }
    if (status != GGX_OK) ggx_checkpoint_close(c);
    return status;
}

void ggx_checkpoint_close(ggx_checkpoint *c)
{
    if (c->opened && c->reader && c->reader->close) c->reader->close(c->instance.self);
    c->opened = 0;
    if (c->reader) ggx_instance_close(&c->instance);
    c->reader = NULL;
    free(c->tensors);
    free(c->kvs);
    free(c->tensor_index);
    free(c->kv_index);
    c->tensors = NULL;
    c->kvs = NULL;
    c->tensor_index = c->kv_index = NULL;
    c->tensor_count = c->kv_count = 0;
    ggx_arena_free(&c->arena);
}

ggx_status ggx_checkpoint_rename(ggx_arena *arena, const ggx_checkpoint *base, const ggx_str *names,
                                 ggx_checkpoint **out, ggx_error *error)
{
    ggx_checkpoint *c = ggx_arena_alloc(arena, sizeof *c);
    if (c) {
        *c = *base;
        c->base = base;
        c->opened = 0; /* nothing is owed to its reader */
        c->tensor_capacity = base->tensor_count;
        c->tensors = ggx_arena_array(arena, base->tensor_count, sizeof *c->tensors);
        c->tensor_index = ggx_arena_array(arena, base->tensor_slots, sizeof *c->tensor_index);
    }
    if (!c || !c->tensors || !c->tensor_index)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for %llu tensors", (unsigned long long)base->tensor_count);
    for (uint64_t i = 0; i < c->tensor_count; i++) {
        uint32_t *slot = &c->tensor_index[find_slot(c, c->tensor_index, c->tensor_slots, tensor_name, names[i])];
        if (*slot)
            return ggx_fail(error, GGX_E_MALFORMED, "tensors '%.*s' and '%.*s' would both be named '%.*s'",
                            GGX_STR_ARGS(base->tensors[*slot - 1].name), GGX_STR_ARGS(base->tensors[i].name),
                            GGX_STR_ARGS(names[i]));
        c->tensors[i] = base->tensors[i];
        c->tensors[i].name = names[i];
        *slot = (uint32_t)(i + 1);
    }
    *out = c;
    return GGX_OK;
}

/* --- overlays ------------------------------------------------------------------------------------------------------------------- */

ggx_status ggx_overlay_make(ggx_arena *arena, const ggx_checkpoint *base, uint64_t room, ggx_checkpoint **out,
                            ggx_error *error)
{
    const uint64_t most = base->tensor_count + room;
    uint64_t slots = 64;
    while (slots / 2 <= most) slots *= 2;
    ggx_checkpoint *c = ggx_arena_alloc(arena, sizeof *c);
    if (c) {
        *c = *base;
        c->base = base;
        c->opened = 0; /* nothing is owed to an overlay's reader */
        c->tensor_capacity = most;
        c->tensor_slots = slots;
        c->tensors = ggx_arena_array(arena, most, sizeof *c->tensors);
        c->tensor_index = ggx_arena_array(arena, slots, sizeof *c->tensor_index);
        c->decoded = ggx_arena_array(arena, most, sizeof(*c->decoded));
        c->hidden = ggx_arena_array(arena, most, 1);
    }
    if (!c || !c->tensors || !c->tensor_index || !c->decoded || !c->hidden || most >= UINT32_MAX / 4)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for %llu packed tensors", (unsigned long long)most);
    if (base->tensor_count) memcpy(c->tensors, base->tensors, (size_t)base->tensor_count * sizeof *c->tensors);
    for (uint64_t i = 0; i < c->tensor_count; i++)
        c->tensor_index[find_slot(c, c->tensor_index, slots, tensor_name, tensor_name(c, i))] = (uint32_t)(i + 1);
    *out = c;
    return GGX_OK;
}

ggx_status ggx_overlay_put(ggx_checkpoint *c, const ggx_tensor *given, const ggx_decoded *decoded, uint64_t *index,
                           ggx_error *error)
{
    ggx_tensor t = *given;
    t.access = GGX_ACCESS_READER;
    ggx_status status = check_tensor(c, &t, error);
    if (status != GGX_OK) return status;
    const uint64_t slot = find_slot(c, c->tensor_index, c->tensor_slots, tensor_name, t.name);
    uint64_t at = c->tensor_index[slot] ? c->tensor_index[slot] - 1 : c->tensor_count;
    if (at == c->tensor_capacity) return ggx_fail(error, GGX_E_NOMEM, "more packed tensors than there is room for");
    if (at < c->tensor_count && c->decoded[at])
        return ggx_fail(error, GGX_E_MALFORMED, "two packed tensors make '%.*s'", GGX_STR_ARGS(t.name));
    if (at == c->tensor_count) c->tensor_index[slot] = (uint32_t)++c->tensor_count;
    c->tensors[at] = t;
    c->decoded[at] = decoded;
    c->hidden[at] = 0;
    *index = at;
    return GGX_OK;
}

uint64_t ggx_checkpoint_find(const ggx_checkpoint *c, ggx_str name)
{
    if (!c->tensor_slots) return UINT64_MAX;
    uint32_t found = c->tensor_index[find_slot(c, c->tensor_index, c->tensor_slots, tensor_name, name)];
    return found ? found - 1 : UINT64_MAX;
}

const ggx_kv *ggx_checkpoint_kv(const ggx_checkpoint *c, ggx_str key)
{
    if (!c->kv_slots) return NULL;
    uint32_t found = c->kv_index[find_slot(c, c->kv_index, c->kv_slots, kv_name, key)];
    return found ? &c->kvs[found - 1] : NULL;
}

ggx_status ggx_checkpoint_read(const ggx_checkpoint *c, uint64_t tensor, uint64_t offset, void *out, uint64_t size,
                               ggx_error *error)
{
    const ggx_tensor *t = &c->tensors[tensor];
    uint64_t end;
    if (!ggx_add_u64(offset, size, &end) || end > t->nbytes)
        return ggx_fail_at(error, GGX_E_MALFORMED, t->member, t->offset, "a read of tensor '%.*s' leaves its extent",
                           GGX_STR_ARGS(t->name));
    return c->source->read_at(c->source, t->member, t->offset + offset, out, size, error);
}
