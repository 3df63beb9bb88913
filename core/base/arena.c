/* arena.c - chunks of zeroed memory, handed out from the front of the newest one. */
#include "base/arena.h"
#include <ggx_sdk/checked.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ALIGN 16u /* of max_align_t on the machines that ggx builds for */
GGX_STATIC_ASSERT(ALIGN % _Alignof(max_align_t) == 0, "arena memory fits any type");

#define SMALLEST_CHUNK 4096u
#define LARGEST_CHUNK (1u << 20)

struct ggx_arena_chunk {
    struct ggx_arena_chunk *next;
    uint64_t used, size; /* bytes of payload */
    uint64_t reserved;   /* the payload begins behind this header, aligned */
};
GGX_STATIC_ASSERT(sizeof(struct ggx_arena_chunk) % ALIGN == 0, "the payload behind the header is aligned");

void ggx_arena_init(ggx_arena *arena, uint64_t cap)
{
    memset(arena, 0, sizeof *arena);
    arena->cap = cap;
}

void ggx_arena_free(ggx_arena *arena)
{
    for (struct ggx_arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    ggx_arena_init(arena, arena->cap);
}

/* A new chunk with room for `size` bytes. One that the request fills alone goes behind the newest, whose rest stays in use. */
static struct ggx_arena_chunk *add_chunk(ggx_arena *arena, uint64_t size)
{
    struct ggx_arena_chunk *newest = arena->chunks;
    uint64_t room = newest ? newest->size * 2 : SMALLEST_CHUNK;
    if (room > LARGEST_CHUNK) room = LARGEST_CHUNK;
    int alone = size >= room;
    if (alone) room = size;
    if (room > SIZE_MAX - sizeof *newest) return NULL;
    struct ggx_arena_chunk *chunk = calloc(1, sizeof *chunk + (size_t)room);
    if (!chunk) return NULL;
    chunk->size = room;
    if (alone && newest) {
        chunk->next = newest->next;
        newest->next = chunk;
    } else {
        chunk->next = newest;
        arena->chunks = chunk;
    }
    return chunk;
}

void *ggx_arena_alloc(ggx_arena *arena, uint64_t size)
{
    uint64_t left = arena->cap - arena->used;
    if (!size) size = 1;
    if (size > left || size > UINT64_MAX - ALIGN) return NULL;
    uint64_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    struct ggx_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < rounded) chunk = add_chunk(arena, rounded);
    if (!chunk) return NULL;
    void *memory = (char *)(chunk + 1) + chunk->used;
    chunk->used += rounded;
    arena->used += rounded < left ? rounded : left;
    return memory;
}

void *ggx_arena_array(ggx_arena *arena, uint64_t count, uint64_t size)
{
    uint64_t bytes;
    return ggx_mul_u64(count, size, &bytes) ? ggx_arena_alloc(arena, bytes) : NULL;
}

ggx_str ggx_arena_str(ggx_arena *arena, ggx_str text)
{
    ggx_str copy = {NULL, 0};
    char *data = text.size < UINT64_MAX ? ggx_arena_alloc(arena, text.size + 1) : NULL;
    if (!data) return copy;
    if (text.size) memcpy(data, text.data, (size_t)text.size);
    copy.data = data;
    copy.size = text.size;
    return copy;
}

ggx_str ggx_arena_format(ggx_arena *arena, const char *format, ...)
{
    ggx_str text = {NULL, 0};
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *data = size < 0 ? NULL : ggx_arena_alloc(arena, (uint64_t)size + 1);
    if (data) {
        vsnprintf(data, (size_t)size + 1, format, again);
        text.data = data;
        text.size = (uint64_t)size;
    }
    va_end(again);
    va_end(args);
    return text;
}
