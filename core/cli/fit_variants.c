/* Variants by the rules by which files are fetched. */
#include "cli/fit_variants.h"

#include "base/text.h"
#include "fetch/choose.h"
#include <ggx_sdk/error.h>

typedef struct listing {
    ggx_arena *arena;
    const char *rules;
    ggx_hub hub; /* names and sizes only */
    uint8_t *keep, *weights;
    ggx_variant *out;
    uint32_t count;
    ggx_error *error;
} listing;

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

static ggx_status list_files(listing *l, const ggx_source *source)
{
    const uint32_t count = source->count(source);
    l->hub.files = ggx_arena_array(l->arena, count + 1ull, sizeof *l->hub.files);
    l->keep = ggx_arena_array(l->arena, count + 1ull, 1);
    l->weights = ggx_arena_array(l->arena, count + 1ull, 1);
    l->out = ggx_arena_array(l->arena, count + 16ull, sizeof *l->out); /* a file is of one form */
    if (!l->hub.files || !l->keep || !l->weights || !l->out) return no_memory(l->error);
    for (uint32_t i = 0; i < count; i++) {
        ggx_member member = {.struct_size = sizeof member};
        ggx_status status = source->member(source, i, &member, l->error);
        if (status != GGX_OK) return status;
        l->hub.files[i].name = member.name;
        l->hub.files[i].remote.size = member.size;
    }
    l->hub.count = count;
    return GGX_OK;
}

/* "NAME-00002-of-00005.EXT" is a part of the model whose first file is "NAME-00001-of-00005.EXT". */
static int is_part_of(ggx_str name, ggx_str first)
{
    static const char pattern[] = "-#####-of-#####";
    if (ggx_str_same(name, first)) return 1;
    if (name.size != first.size) return 0;
    for (uint64_t i = 0; i + sizeof pattern - 1 <= name.size; i++) {
        int fits = 1;
        for (uint64_t k = 0; k < sizeof pattern - 1 && fits; k++)
            fits =
                pattern[k] == '#' ? name.data[i + k] >= '0' && name.data[i + k] <= '9' : name.data[i + k] == pattern[k];
        if (!fits) continue;
        const uint64_t behind = i + 6; /* the part's number may differ */
        return !memcmp(name.data, first.data, i + 1) &&
               !memcmp(name.data + behind, first.data + behind, name.size - behind);
    }
    return 0;
}

/* Each set of parts of the form, with what is small beside it. */
static ggx_status add_each(listing *l, const char *form)
{
    uint64_t beside = 0;
    for (uint32_t i = 0; i < l->hub.count; i++)
        if (l->keep[i] && !l->weights[i]) beside += l->hub.files[i].remote.size;
    for (uint32_t i = 0; i < l->hub.count; i++) {
        const ggx_hub_file *first = &l->hub.files[i];
        ggx_variant *v = &l->out[l->count];
        if (!l->weights[i]) continue;
        *v = (ggx_variant){ggx_arena_str(l->arena, first->name).data, form, beside, 1};
        if (!v->name) return no_memory(l->error);
        l->count++;
        for (uint32_t k = i; k < l->hub.count; k++) {
            if (!l->weights[k] || !is_part_of(l->hub.files[k].name, first->name)) continue;
            v->download += l->hub.files[k].remote.size;
            l->weights[k] = 0;
        }
    }
    return GGX_OK;
}

static ggx_status add_form(listing *l, const ggx_choice_form *form)
{
    const char *chosen = NULL;
    ggx_error none;
    memset(l->keep, 0, l->hub.count);
    ggx_status status = ggx_choose_files(l->rules, form->name, &l->hub, l->arena, l->keep, &chosen, &none);
    if (status == GGX_E_NOTFOUND) return GGX_OK;
    if (status == GGX_OK) status = ggx_choose_weights(l->rules, form->name, &l->hub, l->arena, l->weights, &none);
    if (status != GGX_OK) {
        if (l->error) *l->error = none;
        return status;
    }
    if (form->each) return add_each(l, form->name);
    ggx_variant *v = &l->out[l->count++];
    *v = (ggx_variant){form->name, form->name, 0, 0};
    for (uint32_t i = 0; i < l->hub.count; i++)
        if (l->keep[i]) v->download += l->hub.files[i].remote.size;
    return GGX_OK;
}

ggx_status ggx_variants_list(const ggx_source *source, const char *rules, ggx_arena *arena, ggx_variant **out,
                             uint32_t *count, ggx_error *error)
{
    listing l = {.arena = arena, .rules = rules, .error = error};
    const ggx_choice_form *forms;
    uint32_t form_count = 0;
    *count = 0;
    if (source->kind != GGX_SOURCE_DIRECTORY) return GGX_OK;
    ggx_status status = ggx_choose_forms(rules, arena, &forms, &form_count, error);
    if (status == GGX_OK) status = list_files(&l, source);
    for (uint32_t i = 0; i < form_count && i < 16 && status == GGX_OK; i++) status = add_form(&l, &forms[i]);
    *out = l.out;
    *count = l.count;
    return status;
}
