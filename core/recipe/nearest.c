/* nearest.c - for a checkpoint that no recipe is for: the recipe whose rules take most of its tensors. Only names count; nothing is made. */
#include "base/text.h"
#include "recipe/model.h"
#include <dirent.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

#define MOST_RECIPES 4096
#define MOST_LEVELS 12u /* of "extends" */

typedef struct search {
    ggx_arena *arena; /* of what is returned */
    const char *directory;
    const ggx_recipe_env *env;
    ggx_str word, kin;
    const char *except;    /* id */
    ggx_recipe_near *near; /* of the recipes that could be it */
    const ggx_recipe **all;
    uint32_t near_count, all_count;
} search;

/* The text in quotes in the recipe's condition that is nearest to the word: most name what they are for there. */
static uint32_t distance_of(const struct ggx_recipe *recipe, ggx_str word)
{
    const ggx_json *when = recipe->when->origin->json;
    uint32_t least = UINT32_MAX;
    const char *at = when && when->kind == GGX_JSON_STRING ? when->text.data : "", *open, *close;
    while (word.size && (open = strchr(at, '\'')) && (close = strchr(open + 1, '\''))) {
        const uint32_t distance = ggx_word_distance((ggx_str){open + 1, (uint64_t)(close - open - 1)}, word);
        if (distance < least) least = distance;
        at = close + 1;
    }
    return least;
}

/* A rule that takes whatever comes says nothing of a family. */
static int takes_all(const ggx_rule *rule)
{
    const ggx_pattern *p = rule->kind == GGX_RULE_TAKE ? rule->sources[rule->leader].pattern : NULL;
    return p && p->part_count && p->parts[0].kind == GGX_PART_REST;
}

/* The first rule that wants the tensor; one whose condition cannot be computed does not, and none that is left out. */
static void claim(ggx_apply *apply, uint64_t tensor, const uint8_t *out, ggx_recipe_near *near)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    near->tensors++;
    for (uint32_t r = 0; r < apply->recipe->rule_count; r++) {
        int wanted = 0;
        if (out[r] || takes_all(&apply->recipe->rules[r]) ||
            ggx_apply_wants(apply, r, ggx_recipe_bare(apply->recipe, c->tensors[tensor].name), &wanted) != GGX_OK ||
            !wanted)
            continue;
        apply->claimed[tensor] = r + 1;
        apply->taken[r]++;
        near->is_taken[tensor] = 1;
        near->taken++;
        near->dropped += apply->recipe->rules[r].kind == GGX_RULE_DROP;
        return;
    }
}

static void claim_all(ggx_apply *apply, const uint8_t *out, ggx_recipe_near *near)
{
    const ggx_checkpoint *c = apply->env->checkpoint;
    near->tensors = near->taken = near->dropped = 0;
    if (apply->recipe->rule_count) memset(apply->taken, 0, apply->recipe->rule_count * sizeof *apply->taken);
    for (uint64_t i = 0; i < c->tensor_count && apply->steps <= 50ull * GGX_EVAL_STEPS; i++) {
        apply->claimed[i] = near->is_taken[i] = 0;
        if (!ggx_tensor_hidden(c, i) && !(c->tensors[i].flags & GGX_TENSOR_AUXILIARY)) claim(apply, i, out, near);
    }
}

/* `without` knows rules by their text: it leaves out all of that text. */
static void leave_out(const ggx_apply *apply, uint32_t rule, uint8_t *out, ggx_recipe_near *near)
{
    const ggx_rule *rules = apply->recipe->rules;
    near->missing[near->missing_count++] = rules[rule].key;
    for (uint32_t r = 0; r < apply->recipe->rule_count; r++)
        if (ggx_str_same(rules[r].key, rules[rule].key)) out[r] = 1;
}

/* A rule that misses a tensor is left out, and what it took is taken by another one or left over. One that took nothing waits until
 * those that took something are out: their tensors may be what it lacks. */
static void cover(ggx_apply *apply, uint8_t *out, ggx_recipe_near *near)
{
    const uint32_t n = apply->recipe->rule_count;
    for (uint32_t before = UINT32_MAX; before != near->missing_count;) {
        before = near->missing_count;
        claim_all(apply, out, near);
        if (!before) near->named = near->taken; /* nothing is left out yet */
        for (uint32_t r = 0; r < n; r++)
            if (!out[r] && apply->taken[r] && ggx_coverage_rule(apply, r) != GGX_OK) leave_out(apply, r, out, near);
    }
    for (uint32_t r = 0; r < n; r++)
        if (!out[r] && ggx_coverage_rule(apply, r) != GGX_OK) leave_out(apply, r, out, near);
}

#define SLIPS 2u /* so many edits away a word may still be meant */
enum { KIN_SAME, KIN_BEGINS, KIN_SLIP, KIN_NONE };

/* Is the id that name, or the name with a dash and what the recipe makes behind it? Is the word nearly one of its own? */
static uint32_t kinship(const struct ggx_recipe *recipe, ggx_str kin, uint32_t distance)
{
    const char *id = recipe->id;
    const int begins = kin.size && strlen(id) >= kin.size && !memcmp(id, kin.data, (size_t)kin.size);
    if (begins && !id[kin.size]) return KIN_SAME;
    if (begins && id[kin.size] == '-') return KIN_BEGINS;
    return distance <= SLIPS ? KIN_SLIP : KIN_NONE;
}

/* How many of the recipes build on this one: what many build on is plain, what none does may be made for one model alone. */
static uint32_t heirs_of(const search *s, const struct ggx_recipe *recipe)
{
    uint32_t heirs = 0;
    for (uint32_t i = 0; i < s->all_count; i++) {
        const char *base = s->all[i]->extends;
        for (uint32_t depth = 0; base && depth < MOST_LEVELS; depth++) {
            const char *next = NULL;
            heirs += !strcmp(base, recipe->id);
            for (uint32_t k = 0; k < s->all_count && !next; k++)
                if (!strcmp(s->all[k]->id, base)) next = s->all[k]->extends;
            base = next;
        }
    }
    return heirs;
}

/* Recipes of a part of the model drop the rest, and so take all of any model; one of any part takes none. */
static int is_of_portion(const struct ggx_recipe *recipe, const char *portion)
{
    const int any = recipe->portion && ggx_str_same(recipe->portion->text, GGX_LIT("*"));
    return !any && ggx_recipe_makes(recipe, portion);
}

static ggx_status cover_with(const search *s, const struct ggx_recipe *recipe, ggx_recipe_near *near, ggx_error *error)
{
    ggx_eval eval;
    ggx_error ignored;
    ggx_recipe_env env = *s->env;
    const uint64_t n = env.checkpoint->tensor_count;
    env.nested = 1;
    ggx_status status = ggx_eval_open(&eval, recipe, &env, error);
    if (status != GGX_OK) return status;
    eval.error = &ignored;
    ggx_apply apply = {.eval = &eval, .arena = &eval.arena, .recipe = recipe, .env = &env, .error = &ignored};
    apply.claimed = ggx_arena_array(&eval.arena, n, sizeof *apply.claimed);
    apply.used = ggx_arena_array(&eval.arena, n, 1);
    apply.taken = ggx_arena_array(&eval.arena, recipe->rule_count, sizeof *apply.taken);
    apply.domains = ggx_arena_array(&eval.arena, recipe->rule_count, GGX_MAX_PLACEHOLDERS * sizeof *apply.domains);
    uint8_t *out = ggx_arena_array(&eval.arena, recipe->rule_count + 1ull, 1);
    near->recipe = recipe;
    near->is_taken = ggx_arena_array(s->arena, n, 1);
    near->missing = ggx_arena_array(s->arena, recipe->rule_count + 1ull, sizeof *near->missing);
    near->distance = distance_of(recipe, s->word);
    near->kin = kinship(recipe, s->kin, near->distance);
    if (apply.claimed && apply.used && apply.taken && apply.domains && out && near->is_taken && near->missing)
        cover(&apply, out, near);
    else
        status = ggx_fail(error, GGX_E_NOMEM, "no memory to look for a recipe");
    ggx_eval_close(&eval);
    return status;
}

static int is_better(const ggx_recipe_near *a, const ggx_recipe_near *b)
{
    const int whole = a->named == a->tensors && !a->missing_count,
              other = b->recipe && b->named == b->tensors && !b->missing_count;
    if (!a->named || !b->recipe) return a->named != 0;
    if (whole != other) return whole;
    if (a->named != b->named) return a->named > b->named;
    if (a->missing_count != b->missing_count) return a->missing_count < b->missing_count;
    if (a->dropped != b->dropped) return a->dropped < b->dropped;
    if (a->kin != b->kin) return a->kin < b->kin;
    if (a->heirs != b->heirs) return a->heirs > b->heirs;
    return a->distance < b->distance;
}

/* As near as the other, but for names. */
static int is_rival(const ggx_recipe_near *a, const ggx_recipe_near *b)
{
    return a->named && b->recipe && a->named == b->named && a->missing_count == b->missing_count &&
           a->dropped == b->dropped;
}

/* The better of the two is kept; what is as near is told beside it. */
static void keep(ggx_recipe_near *best, ggx_recipe_near *near)
{
    const int better = is_better(near, best);
    if (is_rival(near, best)) {
        const ggx_recipe_near old = *best;
        const struct ggx_recipe *loser = better ? old.recipe : near->recipe;
        if (better) *best = *near;
        memcpy(best->rivals, old.rivals, sizeof best->rivals);
        best->rival_count = old.rival_count;
        if (best->rival_count < GGX_NEAR_RIVALS) best->rivals[best->rival_count++] = loser->id;
    } else if (better) {
        *best = *near;
    }
}

static ggx_status consider(search *s, const char *file, ggx_error *error)
{
    ggx_recipe *recipe;
    int takes = 0;
    ggx_str path = ggx_arena_format(s->arena, "%s/%s", s->directory, file);
    if (!path.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a recipe's path");
    ggx_status status = ggx_recipe_load(s->arena, path.data, s->directory, &recipe, error);
    if (status != GGX_OK) return status;
    s->all[s->all_count++] = recipe;
    for (uint32_t r = 0; r < recipe->rule_count; r++) takes |= recipe->rules[r].kind == GGX_RULE_TAKE;
    if (!recipe->when || !takes || !is_of_portion(recipe, s->env->portion) || !strcmp(recipe->id, s->except) ||
        !ggx_recipe_is_for(recipe, s->env->writer))
        return GGX_OK;
    return cover_with(s, recipe, &s->near[s->near_count++], error);
}

static int is_recipe(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ggx_str_ends(ggx_str_of(entry->d_name), GGX_LIT(".json"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

ggx_status ggx_recipe_nearest(ggx_arena *arena, const char *directory, const ggx_recipe_env *env, ggx_str word,
                              ggx_str kin, const char *except, ggx_recipe_near *out, ggx_error *error)
{
    search s = {arena, directory, env, word, kin, except, NULL, NULL, 0, 0};
    struct dirent **entries = NULL;
    ggx_status status = GGX_OK;
    memset(out, 0, sizeof *out);
    int n = scandir(directory, &entries, is_recipe, by_name);
    const uint64_t most = (uint64_t)(n < 0 ? 0 : n < MOST_RECIPES ? n : MOST_RECIPES);
    s.near = ggx_arena_array(arena, most + 1, sizeof *s.near);
    s.all = ggx_arena_array(arena, most + 1, sizeof *s.all);
    if (!s.near || !s.all) status = ggx_fail(error, GGX_E_NOMEM, "no memory to look for a recipe");
    for (int i = 0; i < n; i++) {
        if (status == GGX_OK && i < MOST_RECIPES) status = consider(&s, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    for (uint32_t i = 0; i < s.near_count && status == GGX_OK; i++) s.near[i].heirs = heirs_of(&s, s.near[i].recipe);
    for (uint32_t i = 0; i < s.near_count && status == GGX_OK; i++) keep(out, &s.near[i]);
    return status;
}

ggx_status ggx_recipe_value(ggx_arena *arena, const ggx_recipe *recipe, const ggx_recipe_env *env, const char *name,
                            ggx_str *out, ggx_error *error)
{
    ggx_eval eval;
    ggx_str text = {NULL, 0};
    const ggx_named_value *value = NULL;
    *out = text;
    for (uint32_t i = 0; i < recipe->value_count; i++)
        if (ggx_str_same(recipe->values[i].name, ggx_str_of(name))) value = &recipe->values[i];
    if (!value) return GGX_OK;
    ggx_status status = ggx_eval_open(&eval, recipe, env, error);
    if (status != GGX_OK) return status;
    status = ggx_eval_text(&eval, value->node, &text);
    if (status == GGX_OK) *out = ggx_arena_str(arena, text);
    ggx_eval_close(&eval);
    return status == GGX_OK && !out->data ? ggx_fail(error, GGX_E_NOMEM, "no memory for a value") : status;
}

/* nearest_recipe(word, kin): [id, tensors that it takes, tensors, ids of others as near], or null. */
static ggx_status call_nearest(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                               ggx_value *out)
{
    ggx_recipe_near near;
    ggx_arena arena;
    ggx_value *items, *rivals;
    for (uint32_t i = 0; i < count; i++)
        if (args[i].kind != GGX_VALUE_STR)
            return GGX_NODE_FAIL(eval, node, "nearest_recipe() needs a string, not %s", ggx_value_kind(&args[i]));
    if (eval->env->nested)
        return GGX_NODE_FAIL(eval, node, "nearest_recipe() is not for recipes that another one is compared with");
    const char *path = eval->recipe->path, *slash = strrchr(path, '/');
    ggx_arena_init(&arena, GGX_EVAL_MEMORY);
    ggx_str directory = ggx_arena_str(&arena, slash ? (ggx_str){path, (uint64_t)(slash - path)} : GGX_LIT("."));
    ggx_status status = directory.data ? ggx_recipe_nearest(&arena, directory.data, eval->env, args->text,
                                                            count > 1 ? args[1].text : (ggx_str){NULL, 0},
                                                            eval->recipe->id, &near, eval->error)
                                       : ggx_fail(eval->error, GGX_E_NOMEM, "no memory to look for a recipe");
    if (status == GGX_OK && near.recipe) status = ggx_eval_items(eval, node, 4, &items);
    if (status == GGX_OK && near.recipe) status = ggx_eval_items(eval, node, near.rival_count, &rivals);
    if (status == GGX_OK && near.recipe) {
        items[0] = ggx_value_text(ggx_arena_str(&eval->arena, ggx_str_of(near.recipe->id)));
        items[1] = ggx_value_int((int64_t)near.taken);
        items[2] = ggx_value_int((int64_t)near.tensors);
        for (uint32_t i = 0; i < near.rival_count; i++)
            rivals[i] = ggx_value_text(ggx_arena_str(&eval->arena, ggx_str_of(near.rivals[i])));
        items[3] = (ggx_value){.kind = GGX_VALUE_LIST, .count = near.rival_count, .at.items = rivals};
        *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = 4, .at.items = items};
    }
    ggx_arena_free(&arena);
    return status;
}

const ggx_function ggx_near_functions[] = {
    {"nearest_recipe", 1, 2, call_nearest},
    {NULL, 0, 0, NULL},
};
