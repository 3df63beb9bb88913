/* Choosing by patterns. */
#include "fetch/choose.h"

#include "base/json.h"
#include "base/text.h"
#include "hash/files.h"
#include <ggx_sdk/error.h>

#define RULES_BYTES (1u << 20)

static int is_list(const ggx_json *value, uint32_t kind)
{
    if (!value) return 1;
    if (value->kind != GGX_JSON_ARRAY) return 0;
    for (const ggx_json *e = value->first; e; e = e->next)
        if (e->kind != kind) return 0;
    return 1;
}

static int is_form(const ggx_json *form)
{
    const ggx_json *instead = ggx_json_get(form, "instead");
    if (!*ggx_json_string(form, "name", "") || !ggx_json_get(form, "weights") ||
        !is_list(ggx_json_get(form, "weights"), GGX_JSON_STRING) || !is_list(instead, GGX_JSON_OBJECT))
        return 0;
    for (const ggx_json *i = instead ? instead->first : NULL; i; i = i->next)
        if (!is_list(ggx_json_get(i, "of"), GGX_JSON_STRING) || !is_list(ggx_json_get(i, "leave"), GGX_JSON_STRING))
            return 0;
    return 1;
}

static ggx_status read_rules(const char *path, ggx_arena *arena, ggx_json **out, ggx_error *error)
{
    ggx_str text;
    ggx_status status = ggx_read_whole(arena, path, RULES_BYTES, &text, error);
    if (status == GGX_OK) status = ggx_json_parse(arena, text, path, out, error);
    if (status != GGX_OK) return status;
    const ggx_json *forms = ggx_json_get(*out, "forms");
    int good = forms && is_list(forms, GGX_JSON_OBJECT) && is_list(ggx_json_get(*out, "leave"), GGX_JSON_STRING);
    for (const ggx_json *f = good ? forms->first : NULL; f; f = f->next) good &= is_form(f);
    if (good) return GGX_OK;
    return ggx_fail(error, GGX_E_MALFORMED,
                    "%.150s: expected \"forms\" with \"name\" and \"weights\", and \"leave\": lists of patterns", path);
}

static int matches(ggx_str name, const ggx_json *patterns)
{
    for (const ggx_json *e = patterns ? patterns->first : NULL; e; e = e->next)
        if (ggx_str_glob(name, e->text)) return 1;
    return 0;
}

static int has_any(const ggx_hub *hub, const ggx_json *patterns, const ggx_json *but)
{
    for (uint32_t i = 0; i < hub->count; i++)
        if (matches(hub->files[i].name, patterns) && !matches(hub->files[i].name, but)) return 1;
    return 0;
}

static ggx_status find_form(const ggx_json *rules, const char *name, const ggx_hub *hub, const ggx_json **out,
                            ggx_error *error)
{
    const ggx_json *leave = ggx_json_get(rules, "leave");
    int known = 0;
    char had[120] = "";
    *out = NULL;
    for (const ggx_json *f = ggx_json_get(rules, "forms")->first; f; f = f->next) {
        const int there = has_any(hub, ggx_json_get(f, "weights"), leave);
        const int meant = !name || !strcmp(ggx_json_string(f, "name", ""), name);
        const size_t n = strlen(had);
        known |= meant;
        if (there && meant && !*out) *out = f;
        if (there) snprintf(had + n, sizeof had - n, "%s%s", n ? ", " : "", ggx_json_string(f, "name", ""));
    }
    if (*out || !name) return GGX_OK;
    return ggx_fail(error, known ? GGX_E_NOTFOUND : GGX_E_USAGE, "--form %.60s: the repository has %s", name,
                    *had ? had : "no weights in a form of a name");
}

static void leave_other_forms(const ggx_json *rules, const ggx_json *form, const ggx_hub *hub, uint8_t *keep)
{
    for (uint32_t i = 0; i < hub->count; i++) {
        const ggx_str name = hub->files[i].name;
        if (matches(name, ggx_json_get(form, "weights"))) continue;
        for (const ggx_json *f = ggx_json_get(rules, "forms")->first; f; f = f->next)
            if (f != form && matches(name, ggx_json_get(f, "weights"))) keep[i] = 0;
    }
}

/* The same weights once more, under other names. */
static void leave_doubles(const ggx_json *form, const ggx_hub *hub, uint8_t *keep)
{
    const ggx_json *instead = ggx_json_get(form, "instead");
    for (const ggx_json *rule = instead ? instead->first : NULL; rule; rule = rule->next) {
        if (!has_any(hub, ggx_json_get(rule, "of"), NULL)) continue;
        for (uint32_t i = 0; i < hub->count; i++)
            if (matches(hub->files[i].name, ggx_json_get(rule, "leave"))) keep[i] = 0;
    }
}

ggx_status ggx_choose_files(const char *path, const char *name, const ggx_hub *hub, ggx_arena *arena, uint8_t *keep,
                            const char **chosen, ggx_error *error)
{
    ggx_json *rules = NULL;
    const ggx_json *form = NULL;
    ggx_status status = read_rules(path, arena, &rules, error);
    if (status == GGX_OK) status = find_form(rules, name, hub, &form, error);
    if (status != GGX_OK) return status;
    for (uint32_t i = 0; i < hub->count; i++) keep[i] = !matches(hub->files[i].name, ggx_json_get(rules, "leave"));
    if (form) {
        leave_other_forms(rules, form, hub, keep);
        leave_doubles(form, hub, keep);
    }
    *chosen = form ? ggx_json_string(form, "name", "") : NULL;
    return GGX_OK;
}

ggx_status ggx_choose_forms(const char *path, ggx_arena *arena, const ggx_choice_form **out, uint32_t *count,
                            ggx_error *error)
{
    ggx_json *rules = NULL;
    ggx_status status = read_rules(path, arena, &rules, error);
    if (status != GGX_OK) return status;
    const ggx_json *forms = ggx_json_get(rules, "forms");
    ggx_choice_form *list = ggx_arena_array(arena, forms->count + 1ull, sizeof *list);
    if (!list) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    *count = 0;
    for (const ggx_json *f = forms->first; f; f = f->next) {
        const ggx_json *each = ggx_json_get(f, "each");
        list[(*count)++] = (ggx_choice_form){ggx_json_string(f, "name", ""), each && each->kind == GGX_JSON_TRUE};
    }
    *out = list;
    return GGX_OK;
}

ggx_status ggx_choose_weights(const char *path, const char *name, const ggx_hub *hub, ggx_arena *arena, uint8_t *is,
                              ggx_error *error)
{
    ggx_json *rules = NULL;
    const ggx_json *form = NULL;
    ggx_status status = read_rules(path, arena, &rules, error);
    if (status == GGX_OK) status = find_form(rules, name, hub, &form, error);
    for (uint32_t i = 0; i < hub->count && status == GGX_OK; i++) {
        const ggx_str file = hub->files[i].name;
        is[i] = form && matches(file, ggx_json_get(form, "weights")) && !matches(file, ggx_json_get(rules, "leave"));
    }
    return status;
}
