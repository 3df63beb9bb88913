/* ggx_sdk/memory.h - bytes in memory as a source, so that a cursor reads an unpacked block as it reads a file. Header-only.
 *
 * It has one member, whose number and first offset are the caller's choice: messages then name the place in the real file. */
#ifndef GGX_SDK_MEMORY_H
#define GGX_SDK_MEMORY_H

#include "error.h"
#include <ggx/source.h>

typedef struct ggx_memory {
    ggx_source source; /* hand out &memory.source; the record must not move meanwhile */
    const uint8_t *data;
    uint64_t base, size; /* data[0] has offset `base` */
    uint32_t member;
} ggx_memory;

static inline uint32_t ggx_memory_count(const ggx_source *source) GGX_NOEXCEPT
{
    return ((const ggx_memory *)source->context)->member + 1;
}

static inline ggx_status ggx_memory_member(const ggx_source *source, uint32_t index, ggx_member *out,
                                           ggx_error *error) GGX_NOEXCEPT
{
    const ggx_memory *m = (const ggx_memory *)source->context;
    if (index != m->member) return ggx_fail(error, GGX_E_NOTFOUND, "there is no member %u in memory", index);
    out->size = m->base + m->size;
    out->name.data = "";
    out->name.size = 0;
    return GGX_OK;
}

static inline ggx_status ggx_memory_find(const ggx_source *source, ggx_str name, uint32_t *index,
                                         ggx_error *error) GGX_NOEXCEPT
{
    (void)source;
    (void)index;
    return ggx_fail(error, GGX_E_NOTFOUND, "there is no '%.*s' in memory", GGX_STR_ARGS(name));
}

static inline ggx_status ggx_memory_read(const ggx_source *source, uint32_t member, uint64_t offset, void *out,
                                         uint64_t size, ggx_error *error) GGX_NOEXCEPT
{
    const ggx_memory *m = (const ggx_memory *)source->context;
    if (member != m->member || offset < m->base || offset - m->base > m->size || size > m->size - (offset - m->base))
        return ggx_fail_at(error, GGX_E_MALFORMED, member, offset, "%llu bytes are read beyond the end of %llu",
                           (unsigned long long)size, (unsigned long long)m->size);
    if (size) memcpy(out, m->data + (offset - m->base), (size_t)size);
    return GGX_OK;
}

static inline ggx_status ggx_memory_map(const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size,
                                        const void **out, ggx_error *error) GGX_NOEXCEPT
{
    (void)source;
    (void)size;
    (void)out;
    return ggx_fail_at(error, GGX_E_UNSUPPORTED, member, offset, "bytes in memory are read, not mapped");
}

/* `data` is borrowed for as long as the source is used. base + size must not overflow. */
static inline void ggx_memory_init(ggx_memory *m, const void *data, uint64_t size, uint64_t base, uint32_t member)
{
    memset(m, 0, sizeof *m);
    m->data = (const uint8_t *)data;
    m->size = size;
    m->base = base;
    m->member = member;
    m->source.struct_size = sizeof m->source;
    m->source.kind = GGX_SOURCE_FILE;
    m->source.context = m;
    m->source.count = ggx_memory_count;
    m->source.member = ggx_memory_member;
    m->source.find = ggx_memory_find;
    m->source.read_at = ggx_memory_read;
    m->source.map = ggx_memory_map;
}

#endif
