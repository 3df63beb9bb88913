/* core/base/arena.h - memory that is freed all at once, with a cap.
 *
 * Everything that lives as long as a checkpoint, a recipe or a plan comes from an arena: there is one owner and one free. Not
 * thread-safe; the host's instances put a lock around theirs. */
#ifndef GGX_CORE_ARENA_H
#define GGX_CORE_ARENA_H

#include <ggx/base.h>

typedef struct ggx_arena {
    struct ggx_arena_chunk *chunks; /* newest first */
    uint64_t used;                  /* bytes handed out */
    uint64_t cap;                   /* bytes that may be handed out */
} ggx_arena;

void ggx_arena_init(ggx_arena *arena, uint64_t cap);
void ggx_arena_free(ggx_arena *arena);

/* Zeroed bytes, aligned for any type; NULL beyond the cap or without memory. size 0 gives a valid pointer. */
void *ggx_arena_alloc(ggx_arena *arena, uint64_t size);

/* count × size, overflow-checked. */
void *ggx_arena_array(ggx_arena *arena, uint64_t count, uint64_t size);

/* A copy of the bytes followed by a NUL that the length does not count. `.data` is NULL when there is no memory. */
ggx_str ggx_arena_str(ggx_arena *arena, ggx_str text);

/* A formatted string, NUL-terminated. `.data` is NULL when there is no memory. */
GGX_PRINTF(2, 3) ggx_str ggx_arena_format(ggx_arena *arena, const char *format, ...);

#endif
