/* extend.c - "extends": a recipe laid over its base. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "the recipe and those it extends need too much memory");
}

ggx_status ggx_extend_values(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                             ggx_error *error)
{
    ggx_named_value *all = ggx_arena_array(arena, (uint64_t)recipe->value_count + base->value_count, sizeof *all);
    if (!all) return no_memory(error);
    uint32_t count = base->value_count;
    if (count) memcpy(all, base->values, count * sizeof *all);
    for (uint32_t i = 0; i < recipe->value_count; i++) {
        uint32_t at = 0;
        while (at < count && !ggx_str_same(all[at].name, recipe->values[i].name)) at++;
        all[at] = recipe->values[i];
        if (at == count) count++;
    }
    recipe->values = all;
    recipe->value_count = count;
    return GGX_OK;
}

/* One array of both, or NULL. */
static void *join(ggx_arena *arena, const void *first, uint32_t count, const void *second, uint32_t more, size_t size)
{
    uint8_t *all = ggx_arena_array(arena, (uint64_t)count + more, size);
    if (all && count) memcpy(all, first, count * size);
    if (all && more) memcpy(all + count * size, second, more * size);
    return all;
}

static ggx_status extend_demands(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                                 ggx_error *error)
{
    recipe->demands =
        join(arena, base->demands, base->demand_count, recipe->demands, recipe->demand_count, sizeof *recipe->demands);
    recipe->demand_count += base->demand_count;
    return recipe->demands ? GGX_OK : no_memory(error);
}

/* Marks in `gone` the base rules that "without" names. */
static ggx_status leave_out(const struct ggx_recipe *recipe, const struct ggx_recipe *base, uint8_t *gone,
                            ggx_error *error)
{
    for (uint32_t w = 0; w < recipe->without_count; w++) {
        int found = 0;
        for (uint32_t i = 0; i < base->rule_count; i++)
            if (ggx_str_same(base->rules[i].key, recipe->without[w])) gone[i] = (uint8_t)(found = 1);
        if (!found)
            return ggx_origin_fail(&recipe->without_origin[w], GGX_WHOLE, error, GGX_E_USAGE,
                                   "the recipe that this one extends has no rule '%.*s'",
                                   (int)(recipe->without[w].size < 80 ? recipe->without[w].size : 80),
                                   recipe->without[w].data);
    }
    return GGX_OK;
}

static ggx_status extend_rules(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                               ggx_error *error)
{
    ggx_rule *all = ggx_arena_array(arena, (uint64_t)recipe->rule_count + base->rule_count, sizeof *all);
    uint8_t *gone = ggx_arena_array(arena, base->rule_count, 1);
    const ggx_rule **instead = ggx_arena_array(arena, base->rule_count, sizeof *instead);
    if (!all || !gone || !instead) return no_memory(error);
    ggx_status status = leave_out(recipe, base, gone, error);
    if (status != GGX_OK) return status;
    uint32_t count = 0;
    for (uint32_t i = 0; i < recipe->rule_count; i++) {
        uint32_t at = 0;
        while (at < base->rule_count &&
               (instead[at] || gone[at] || !ggx_str_same(base->rules[at].key, recipe->rules[i].key)))
            at++;
        if (at < base->rule_count)
            instead[at] = &recipe->rules[i];
        else
            all[count++] = recipe->rules[i];
    }
    for (uint32_t i = 0; i < base->rule_count; i++) {
        if (gone[i]) continue;
        all[count] = instead[i] ? *instead[i] : base->rules[i];
        all[count++].group = recipe->group_count + base->rules[i].group;
    }
    recipe->rules = all;
    recipe->rule_count = count;
    recipe->group_count += base->group_count;
    return GGX_OK;
}

/* The base's ways of packing behind the recipe's own, which so win. */
static ggx_status extend_packed(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                                ggx_error *error)
{
    recipe->packed =
        join(arena, recipe->packed, recipe->packed_count, base->packed, base->packed_count, sizeof *recipe->packed);
    recipe->packed_count += base->packed_count;
    return recipe->packed ? GGX_OK : no_memory(error);
}

/* Likewise. */
static ggx_status extend_renames(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                                 ggx_error *error)
{
    recipe->renames =
        join(arena, recipe->renames, recipe->rename_count, base->renames, base->rename_count, sizeof *recipe->renames);
    recipe->rename_count += base->rename_count;
    return recipe->renames ? GGX_OK : no_memory(error);
}

static uint32_t field_place(const ggx_profile *profile, ggx_str key)
{
    uint32_t at = 0;
    while (at < profile->field_count && !ggx_str_same(profile->fields[at].key, key)) at++;
    return at;
}

/* One run of "sequence": its fields behind one another, from the foremost place of any of them. `space` has room for all fields. */
static ggx_status arrange_run(ggx_profile *profile, const ggx_json *run, ggx_field *space, ggx_error *error)
{
    uint32_t start = profile->field_count, count = 0;
    for (const ggx_json *name = run->first; name; name = name->next) {
        uint32_t at = field_place(profile, name->text);
        ggx_origin origin = profile->origin;
        origin.json = name;
        if (at == profile->field_count)
            return ggx_origin_fail(&origin, GGX_WHOLE, error, GGX_E_USAGE, "the header has no field '%.*s'",
                                   (int)(name->text.size < 80 ? name->text.size : 80), name->text.data);
        if (at < start) start = at;
    }
    for (uint32_t i = 0; i < start; i++) space[count++] = profile->fields[i];
    for (const ggx_json *name = run->first; name; name = name->next) {
        uint32_t at = field_place(profile, name->text);
        if (at == profile->field_count) { /* moved already */
            ggx_origin origin = profile->origin;
            origin.json = name;
            return ggx_origin_fail(&origin, GGX_WHOLE, error, GGX_E_USAGE, "'%.*s' is in this run already",
                                   (int)(name->text.size < 80 ? name->text.size : 80), name->text.data);
        }
        space[count++] = profile->fields[at];
        profile->fields[at].key = (ggx_str){"", 0};
    }
    for (uint32_t i = start; i < profile->field_count; i++)
        if (profile->fields[i].key.size) space[count++] = profile->fields[i];
    memcpy(profile->fields, space, count * sizeof *space);
    return GGX_OK;
}

static ggx_status arrange_fields(ggx_arena *arena, ggx_profile *profile, ggx_error *error)
{
    if (!profile->sequence || !profile->field_count) return GGX_OK;
    ggx_field *space = ggx_arena_array(arena, profile->field_count, sizeof *space);
    if (!space) return no_memory(error);
    ggx_status status = GGX_OK;
    for (const ggx_json *run = profile->sequence->first; run && status == GGX_OK; run = run->next)
        status = arrange_run(profile, run, space, error);
    return status;
}

static ggx_status extend_fields(ggx_arena *arena, ggx_profile *profile, const ggx_profile *base, ggx_error *error)
{
    ggx_field *all = ggx_arena_array(arena, (uint64_t)profile->field_count + base->field_count, sizeof *all);
    if (!all) return no_memory(error);
    uint32_t count = base->field_count;
    if (count) memcpy(all, base->fields, count * sizeof *all);
    for (uint32_t i = 0; i < profile->field_count; i++) {
        uint32_t at = 0;
        while (at < count && !ggx_str_same(all[at].key, profile->fields[i].key)) at++;
        all[at] = profile->fields[i];
        if (at == count) count++;
    }
    profile->fields = all;
    profile->field_count = count;
    if (!profile->order && !profile->ordered) {
        profile->order = base->order;
        profile->ordered = base->ordered;
    }
    if (!profile->has_layout) profile->layout = base->layout;
    profile->has_layout |= base->has_layout;
    if (!profile->rounding.size) profile->rounding = base->rounding;
    if (!profile->via) profile->via = base->via;
    if (!profile->fallback) profile->fallback = base->fallback;
    if (!profile->vectors) profile->vectors = base->vectors;
    if (!profile->matrices) profile->matrices = base->matrices;
    if (!profile->type) profile->type = base->type;
    if (!profile->label) profile->label = base->label;
    return arrange_fields(arena, profile, error);
}

static ggx_status extend_profiles(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                                  ggx_error *error)
{
    ggx_profile *all = ggx_arena_array(arena, (uint64_t)recipe->profile_count + base->profile_count, sizeof *all);
    if (!all) return no_memory(error);
    uint32_t count = base->profile_count;
    if (count) memcpy(all, base->profiles, count * sizeof *all);
    for (uint32_t i = 0; i < recipe->profile_count; i++) {
        uint32_t at = 0;
        while (at < count && !ggx_str_same(all[at].writer, recipe->profiles[i].writer)) at++;
        ggx_profile below = all[at];
        all[at] = recipe->profiles[i];
        ggx_status status = at < count ? extend_fields(arena, &all[at], &below, error) : GGX_OK;
        if (status != GGX_OK) return status;
        if (at == count) count++;
    }
    recipe->profiles = all;
    recipe->profile_count = count;
    return GGX_OK;
}

static ggx_status extend_backwards(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                                   ggx_error *error)
{
    struct ggx_recipe own = {.values = recipe->turned_values, .value_count = recipe->turned_count};
    const struct ggx_recipe under = {.values = base->turned_values, .value_count = base->turned_count};
    ggx_status status = ggx_extend_values(arena, &own, &under, error);
    recipe->turned_values = own.values;
    recipe->turned_count = own.value_count;
    return status == GGX_OK ? extend_fields(arena, &recipe->backwards, &base->backwards, error) : status;
}

ggx_status ggx_recipe_extend(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                             ggx_error *error)
{
    if (!recipe->adapter) recipe->adapter = base->adapter;
    if (!recipe->portion) recipe->portion = base->portion;
    if (!recipe->when) recipe->when = base->when;
    if (!*recipe->about) recipe->about = base->about;
    if (!recipe->prefixes) recipe->prefixes = base->prefixes;
    if (!recipe->options) recipe->options = base->options;
    if (!recipe->config) recipe->config = base->config;
    if (!recipe->specificity) recipe->specificity = base->specificity;
    ggx_status status = ggx_extend_values(arena, recipe, base, error);
    if (status == GGX_OK) status = extend_demands(arena, recipe, base, error);
    if (status == GGX_OK) status = extend_rules(arena, recipe, base, error);
    if (status == GGX_OK) status = extend_packed(arena, recipe, base, error);
    if (status == GGX_OK) status = extend_renames(arena, recipe, base, error);
    if (status == GGX_OK) status = extend_backwards(arena, recipe, base, error);
    return status == GGX_OK ? extend_profiles(arena, recipe, base, error) : status;
}

ggx_status ggx_recipe_turn(ggx_arena *arena, struct ggx_recipe *recipe, ggx_error *error)
{
    struct ggx_recipe turned = {.values = recipe->turned_values, .value_count = recipe->turned_count};
    ggx_status status = ggx_extend_values(arena, &turned, recipe, error);
    recipe->values = turned.values;
    recipe->value_count = turned.value_count;
    return status;
}
