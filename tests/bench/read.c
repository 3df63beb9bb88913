/* bench_read FILE: reads every tensor of a checkpoint once, in order, through the host as a conversion does, in tiles of 256 Ki elements
 * into one buffer, and does nothing with them: the speed of reading alone. tests/bench/readers.py compares it with cat. */
#include "execute/gather.h"
#include "source/open.h"
#include <stdio.h>
#include <stdlib.h>

#define TILE_ELEMS (256u << 10)
#define VIEW_MEMORY (64u << 20)

static uint8_t out[TILE_ELEMS * 16]; /* c128 is the widest type */

/* Trailing axes whole while they fit. */
static void choose_steps(const ggx_view *view, uint64_t *step)
{
    uint64_t inner = 1;
    for (uint32_t a = view->rank; a-- > 0;) {
        uint64_t room = TILE_ELEMS / inner;
        step[a] = view->shape[a] < room ? view->shape[a] : room;
        if (!step[a]) step[a] = 1;
        inner *= step[a];
    }
}

static ggx_status read_tensor(const ggx_gather *gather, const ggx_view *view, ggx_error *error)
{
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    uint64_t step[GGX_MAX_RANK] = {0};
    choose_steps(view, step);
    for (;;) {
        for (uint32_t a = 0; a < box.rank; a++) {
            uint64_t left = view->shape[a] - box.start[a];
            box.count[a] = left < step[a] ? left : step[a];
        }
        ggx_status status = ggx_gather_raw(gather, view, &box, out, error);
        if (status != GGX_OK) return status;
        uint32_t a = box.rank;
        for (;;) {
            if (!a) return GGX_OK;
            a--;
            box.start[a] += step[a];
            if (box.start[a] < view->shape[a]) break;
            box.start[a] = 0;
        }
    }
}

static ggx_status read_all(const ggx_checkpoint *c, ggx_arena *arena, ggx_error *error)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_gather gather = {.checkpoint = c, .sequential = &lock, .stage_elems = TILE_ELEMS};
    ggx_status status = GGX_OK;
    gather.stage = malloc(sizeof out);
    if (!gather.stage) return GGX_E_NOMEM;
    for (uint64_t i = 0; status == GGX_OK && i < c->tensor_count; i++) {
        ggx_view view;
        status = ggx_view_tensor(arena, c, i, &view, error);
        if (status == GGX_OK) status = read_tensor(&gather, &view, error);
    }
    free(gather.stage);
    return status;
}

int main(int argc, char **argv)
{
    ggx_registry registry;
    ggx_checkpoint checkpoint = {0};
    ggx_source *source = NULL;
    ggx_arena arena;
    ggx_error error = {0};
    const ggx_registry_config config = {0};
    if (argc != 2) return 2;
    ggx_arena_init(&arena, VIEW_MEMORY);
    ggx_status status = ggx_registry_open(&registry, &config, &error);
    if (status == GGX_OK) status = ggx_source_open(argv[1], &source, &error);
    if (status == GGX_OK) {
        status = ggx_checkpoint_open(&checkpoint, &registry, source, NULL, NULL, 0, NULL, &error);
        if (status == GGX_OK) status = read_all(&checkpoint, &arena, &error);
        ggx_checkpoint_close(&checkpoint);
    }
    if (status != GGX_OK) fprintf(stderr, "bench_read: %s\n", error.text);
    ggx_source_close(source);
    ggx_registry_close(&registry);
    ggx_arena_free(&arena);
    return status != GGX_OK;
}
