/* choose.c - which recipe is for this checkpoint. */
#include "base/text.h"
#include "recipe/model.h"
#include <dirent.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define MOST_RECIPES 4096

static int is_recipe(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 5 && !strcmp(entry->d_name + size - 5, ".json");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* bytes, not the locale: the same everywhere */
}

static ggx_status no_such(const char *directory, const char *name, ggx_error *error)
{
    struct dirent **entries = NULL;
    char near[128] = "";
    uint32_t least = UINT32_MAX;
    int n = scandir(directory, &entries, is_recipe, by_name);
    for (int i = 0; i < n; i++) {
        ggx_str id = {entries[i]->d_name, strlen(entries[i]->d_name) - 5};
        uint32_t distance = ggx_word_distance(id, ggx_str_of(name));
        if (distance < least && id.size < sizeof near && distance <= 1 + strlen(name) / 3) {
            least = distance;
            memcpy(near, id.data, (size_t)id.size);
            near[id.size] = 0;
        }
        free(entries[i]);
    }
    free(entries);
    return ggx_fail(error, GGX_E_NOTFOUND,
                    "there is no recipe '%s'%s%s%s; 'ggx recipes' lists them, a file's path names one of yours", name,
                    *near ? "; the nearest is '" : "", near, *near ? "'" : "");
}

static ggx_status choose_named(ggx_arena *arena, const char *directory, const char *name, ggx_recipe **out,
                               ggx_error *error)
{
    size_t size = strlen(name);
    if (strchr(name, '/') || (size > 5 && !strcmp(name + size - 5, ".json")))
        return ggx_recipe_load(arena, name, directory, out, error);
    ggx_str path = ggx_arena_format(arena, "%s/%s.json", directory, name);
    if (!path.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a recipe's path");
    ggx_status status = ggx_recipe_load(arena, path.data, directory, out, error);
    return status == GGX_E_NOTFOUND ? no_such(directory, name, error) : status;
}

typedef struct choice {
    ggx_recipe *best;
    int32_t score;
    const char *rival; /* another with the same score */
    ggx_recipe_shelf shelf;
} choice;

static ggx_status consider(ggx_arena *arena, const char *directory, const char *file, const ggx_recipe_env *env,
                           choice *found, ggx_error *error)
{
    ggx_recipe *recipe;
    int32_t score;
    ggx_str path = ggx_arena_format(arena, "%s/%s", directory, file);
    if (!path.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a recipe's path");
    ggx_status status = ggx_recipe_load_shelved(arena, path.data, &found->shelf, &recipe, error);
    if (status == GGX_OK) status = ggx_recipe_match(recipe, env, &score, error);
    if (status == GGX_OK && score) status = ggx_recipe_check_all(arena, recipe, error);
    if (status != GGX_OK || !score || score < found->score) return status;
    found->rival = score == found->score ? recipe->id : NULL;
    if (score > found->score) found->best = recipe;
    found->score = score;
    return GGX_OK;
}

static ggx_status consider_back(ggx_arena *arena, const char *directory, const char *file, const ggx_recipe_env *env,
                                choice *found, ggx_error *error)
{
    ggx_recipe *recipe;
    int made = 0;
    ggx_str path = ggx_arena_format(arena, "%s/%s", directory, file);
    if (!path.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a recipe's path");
    ggx_status status = ggx_recipe_load_shelved(arena, path.data, &found->shelf, &recipe, error);
    if (status == GGX_OK) status = ggx_recipe_made(recipe, env, &made, error);
    if (status == GGX_OK && made) status = ggx_recipe_check_all(arena, recipe, error);
    if (status != GGX_OK || !made) return status;
    found->rival = found->best ? recipe->id : NULL;
    if (!found->best) found->best = recipe;
    return GGX_OK;
}

/* The best of those looked at, parsed once more into `arena`: the others go with `scratch`, which is freed. */
static ggx_status keep_best(ggx_arena *arena, ggx_arena *scratch, const char *directory, const choice *found,
                            ggx_status status, ggx_recipe **out, ggx_error *error)
{
    *out = NULL;
    if (status == GGX_OK && found->best) status = ggx_recipe_load(arena, found->best->path, directory, out, error);
    ggx_arena_free(scratch);
    return status;
}

ggx_status ggx_recipe_choose_back(ggx_arena *arena, const char *directory, const ggx_recipe_env *env, ggx_recipe **out,
                                  ggx_error *error)
{
    struct dirent **entries = NULL;
    choice found = {0};
    ggx_arena scratch;
    ggx_status status = GGX_OK;
    ggx_arena_init(&scratch, GGX_EVAL_MEMORY);
    int n = env->checkpoint->tensor_count ? scandir(directory, &entries, is_recipe, by_name) : 0;
    for (int i = 0; i < n && i < MOST_RECIPES; i++)
        if (status == GGX_OK && !found.rival)
            status = consider_back(&scratch, directory, entries[i]->d_name, env, &found, error);
    for (int i = 0; i < n; i++) free(entries[i]);
    free(entries);
    if (status == GGX_OK && found.rival)
        status = ggx_fail(error, GGX_E_UNSUPPORTED,
                          "recipes %s and %s both lead back from this file; choose with --recipe, or --recipe none",
                          found.best->id, found.rival);
    return keep_best(arena, &scratch, directory, &found, status, out, error);
}

ggx_status ggx_recipe_choose(ggx_arena *arena, const char *directory, const char *name, const ggx_recipe_env *env,
                             ggx_recipe **out, ggx_error *error)
{
    struct dirent **entries = NULL;
    choice found = {0};
    ggx_arena scratch;
    ggx_status status = GGX_OK;
    *out = NULL;
    if (name) return choose_named(arena, directory, name, out, error);
    ggx_arena_init(&scratch, GGX_EVAL_MEMORY);
    int n = scandir(directory, &entries, is_recipe, by_name);
    if (n < 0)
        status = ggx_fail(error, GGX_E_NOTFOUND,
                          "there are no recipes at %s, so the names of no model are known; install ggx's data, or "
                          "--recipe none keeps all names",
                          directory);
    if (n > MOST_RECIPES)
        status = ggx_fail(error, GGX_E_UNSUPPORTED, "%s has more than %d recipes", directory, MOST_RECIPES);
    for (int i = 0; i < n; i++) {
        if (status == GGX_OK) status = consider(&scratch, directory, entries[i]->d_name, env, &found, error);
        free(entries[i]);
    }
    free(entries);
    if (status == GGX_OK && found.rival)
        status = ggx_fail(error, GGX_E_UNSUPPORTED,
                          "recipes %s and %s both fit this model equally well; choose with --recipe", found.best->id,
                          found.rival);
    return keep_best(arena, &scratch, directory, &found, status, out, error);
}
