/* Probing: every reader is asked about the same window, so that neither order nor the set of installed readers changes a score. */
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "source/open.h"

static int better(const ggx_probe_result *a, const ggx_probe_result *b)
{
    if (a->score != b->score) return a->score > b->score;
    return ggx_str_order(ggx_str_of(a->reader), ggx_str_of(b->reader)) < 0;
}

uint32_t ggx_checkpoint_probe(ggx_registry *registry, const ggx_source *source, ggx_probe_result *results,
                              uint32_t capacity, ggx_error *error)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    uint32_t head = 512, tail = 0, at = 0, count = 0;
    while (ggx_registry_next(registry, GGX_READER_ID, &at, &entry, &offer)) {
        if (offer->head_want > head) head = offer->head_want;
        if (offer->tail_want > tail) tail = offer->tail_want;
    }
    ggx_probe_window window;
    if (ggx_probe_window_open(source, head, tail, &window, error) != GGX_OK) return 0;
    at = 0;
    while (ggx_registry_next(registry, GGX_READER_ID, &at, &entry, &offer)) {
        const void *vtable;
        if (ggx_registry_get(registry, GGX_READER_ID, ggx_str_of(offer->name), &vtable, NULL, error) != GGX_OK)
            continue;
        ggx_probe_result result = {offer->name, ((const ggx_reader *)vtable)->probe(&window.probe)};
        if (result.score <= 0) continue;
        if (result.score > 100) result.score = 100;
        uint32_t place = count < capacity ? count++ : capacity;
        while (place > 0 && better(&result, &results[place - 1])) {
            if (place < capacity) results[place] = results[place - 1];
            place--;
        }
        if (place < capacity) results[place] = result;
    }
    ggx_probe_window_free(&window);
    return count;
}
