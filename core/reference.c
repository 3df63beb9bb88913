/* Which references there are is the names of their files; what is in one matters only for the default. */
#include "reference.h"

#include "base/json.h"
#include "base/text.h"
#include "recipe/model.h"
#include <dirent.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

static int is_reference(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ggx_str_ends(ggx_str_of(entry->d_name), GGX_LIT(".json"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Is the file that of the reference asked for? A leading v of the version is not told apart. */
static ggx_status look(ggx_arena *arena, const char *path, ggx_str known, ggx_str name, int *is, ggx_error *error)
{
    const char *at = memchr(name.data, '@', (size_t)name.size), *mark = memchr(known.data, '@', (size_t)known.size);
    const uint64_t program = mark ? (uint64_t)(mark - known.data) : known.size;
    *is = ggx_str_same(known, name);
    if (*is) return GGX_OK;
    if (at && mark && at[1] == 'v')
        *is = ggx_str_same((ggx_str){name.data, (uint64_t)(at - name.data)}, (ggx_str){known.data, program}) &&
              ggx_str_same((ggx_str){at + 2, name.size - (uint64_t)(at + 2 - name.data)},
                           (ggx_str){mark + 1, known.size - program - 1});
    if (at || *is || !ggx_str_same(name, (ggx_str){known.data, program})) return GGX_OK;
    ggx_str text;
    ggx_json *root;
    ggx_status status = ggx_recipe_text(arena, "reference", path, &text, error);
    if (status == GGX_OK) status = ggx_json_parse(arena, text, path, &root, error);
    const ggx_json *preferred = status == GGX_OK ? ggx_json_get(root, "default") : NULL;
    *is = preferred && preferred->kind == GGX_JSON_TRUE;
    return status;
}

ggx_status ggx_reference_find(ggx_arena *arena, const char *directory, const char *name, const char **out,
                              ggx_error *error)
{
    struct dirent **entries = NULL;
    ggx_str folder = ggx_arena_format(arena, "%s/references", directory), known = {"", 0};
    ggx_status status = folder.data ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
    int n = status == GGX_OK ? scandir(folder.data, &entries, is_reference, by_name) : 0;
    *out = NULL;
    for (int i = 0; i < n; i++) {
        int is = 0;
        ggx_str one = ggx_arena_str(arena, (ggx_str){entries[i]->d_name, strlen(entries[i]->d_name) - 5}),
                path = ggx_arena_format(arena, "%s/%s", folder.data, entries[i]->d_name);
        if (status == GGX_OK && (!one.data || !path.data)) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
        if (status == GGX_OK && !*out) status = look(arena, path.data, one, ggx_str_of(name), &is, error);
        if (status == GGX_OK && is) *out = one.data;
        if (status == GGX_OK) known = ggx_arena_format(arena, "%s%s%s", known.data, known.size ? ", " : "", one.data);
        free(entries[i]);
    }
    free(entries);
    if (status != GGX_OK || *out) return status;
    return ggx_fail(error, GGX_E_USAGE, "--compat %.60s is not known; known are: %.150s", name,
                    known.data && known.size ? known.data : "none");
}
