/* Reading the data directory. */
#include "cli/mixtures.h"
#include <dirent.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

static int is_mixture(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 5 && !strcmp(entry->d_name + size - 5, ".json");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

ggx_status ggx_cli_mixtures(ggx_arena *arena, ggx_mixture_list *out, ggx_error *error)
{
    struct dirent **entries = NULL;
    const char *data = ggx_data_directory(arena);
    ggx_str directory = ggx_arena_format(arena, "%s/mixtures", data ? data : "");
    if (!data || !directory.data) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    int n = scandir(directory.data, &entries, is_mixture, by_name);
    out->names = ggx_arena_array(arena, n > 0 ? (uint64_t)n : 1, sizeof *out->names);
    out->mixtures = ggx_arena_array(arena, n > 0 ? (uint64_t)n : 1, sizeof *out->mixtures);
    ggx_status status =
        out->names && out->mixtures ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "no memory for the list of mixtures");
    for (int i = 0; i < n; i++) {
        ggx_mixture *mixture = NULL;
        ggx_str id = {entries[i]->d_name, strlen(entries[i]->d_name) - 5};
        if (status == GGX_OK) status = ggx_mixture_find(arena, directory.data, id, &mixture, error);
        if (status == GGX_OK && mixture) {
            id = ggx_arena_str(arena, id);
            out->names[out->count] = id.data ? id.data : "";
            out->mixtures[out->count++] = mixture;
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}
