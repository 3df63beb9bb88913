/* registry.c - looks plugins up by what they offer. */
#include "host/registry.h"
#include "base/text.h"
#include "host/cpu.h"
#include "host/scan.h"
#include <dlfcn.h>
#include <ggx_sdk/error.h>
#include <stdio.h>

#define MEMORY_CAP (64u << 20)

const char *ggx_state_name(uint32_t state)
{
    static const char *const names[] = {
        [GGX_STATE_USABLE] = "usable",     [GGX_STATE_UNKNOWN] = "unknown", [GGX_STATE_INELIGIBLE] = "ineligible",
        [GGX_STATE_SHADOWED] = "shadowed", [GGX_STATE_REFUSED] = "refused", [GGX_STATE_SEARCHED] = "searched",
        [GGX_STATE_MISSING] = "missing"};
    return state < sizeof names / sizeof names[0] ? names[state] : "";
}

ggx_status ggx_registry_open(ggx_registry *registry, const ggx_registry_config *config, ggx_error *error)
{
    memset(registry, 0, sizeof *registry);
    ggx_arena_init(&registry->arena, MEMORY_CAP);
    registry->run = config->run;
    ggx_status status = ggx_cpu_select(&registry->arena, config->cpu_mask, &registry->cpu, error);
    return status == GGX_OK ? ggx_registry_scan(registry, config, error) : status;
}

void ggx_registry_close(ggx_registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++)
        if (registry->entries[i].handle) dlclose(registry->entries[i].handle);
    ggx_arena_free(&registry->arena);
    memset(registry, 0, sizeof *registry);
}

/* Offers are numbered through, over all entries. */
int ggx_registry_next(const ggx_registry *registry, const char *interface_id, uint32_t *at,
                      const ggx_plugin_entry **entry, const ggx_offer **offer)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < registry->count; first += registry->entries[i++].offer_count) {
        const ggx_plugin_entry *e = &registry->entries[i];
        if (e->state != GGX_STATE_USABLE || *at >= first + e->offer_count) continue;
        for (uint32_t k = *at > first ? *at - first : 0; k < e->offer_count; k++) {
            if (e->offers[k].state != GGX_STATE_USABLE || strcmp(e->offers[k].interface_id, interface_id)) continue;
            *at = first + k + 1;
            *entry = e;
            *offer = &e->offers[k];
            return 1;
        }
    }
    return 0;
}

static int is_named(const ggx_offer *offer, ggx_str name)
{
    if (ggx_str_same(ggx_str_of(offer->name), name)) return 1;
    for (const char *const *alias = offer->aliases; *alias; alias++)
        if (ggx_str_same(ggx_str_of(*alias), name)) return 1;
    return 0;
}

/* "reader" of "ggx.reader/1". */
static ggx_str interface_kind(const char *interface_id)
{
    const char *begin = strchr(interface_id, '.');
    begin = begin ? begin + 1 : interface_id;
    return (ggx_str){begin, strcspn(begin, "./")};
}

/* The refused plugin that would have had the name: one whose manifest says so, or, when that could not be read, whose id does. */
static const ggx_plugin_entry *find_refused(const ggx_registry *registry, const char *interface_id, ggx_str name)
{
    ggx_str kind = interface_kind(interface_id);
    for (uint32_t i = 0; i < registry->count; i++) {
        const ggx_plugin_entry *e = &registry->entries[i];
        if (e->state != GGX_STATE_REFUSED) continue;
        for (uint32_t k = 0; k < e->offer_count; k++)
            if (!strcmp(e->offers[k].interface_id, interface_id) && is_named(&e->offers[k], name)) return e;
        ggx_str id = ggx_str_of(e->id), rest = {id.data + kind.size + 1, id.size - kind.size - 1};
        if (e->offer_count || id.size <= kind.size || !ggx_str_begins(id, kind) || id.data[kind.size] != '-') continue;
        if (ggx_str_same(rest, name) || !strcmp(interface_id, GGX_QUANT_ID))
            return e; /* quants are named after families */
    }
    return NULL;
}

static ggx_status refuse_name(const ggx_registry *registry, const char *interface_id, ggx_str name, ggx_error *error)
{
    const ggx_plugin_entry *entry = find_refused(registry, interface_id, name);
    const ggx_offer *offer;
    if (entry) return ggx_fail(error, GGX_E_PLUGIN, "%s", entry->why);
    ggx_text names = {0};
    for (uint32_t at = 0; ggx_registry_next(registry, interface_id, &at, &entry, &offer);)
        ggx_text_format(&names, "%s%s", names.size ? " " : "", offer->name);
    ggx_str kind = !strcmp(interface_id, GGX_QUANT_ID) ? GGX_LIT("tensor type") : interface_kind(interface_id);
    ggx_status status =
        names.size ? ggx_fail(error, GGX_E_NOTFOUND, "there is no %.*s '%.*s' in a plugin here; there are: %s",
                              GGX_STR_ARGS(kind), GGX_STR_ARGS(name), names.data)
                   : ggx_fail(error, GGX_E_NOTFOUND,
                              "there is no %.*s '%.*s': no plugin for any is found; ggx plugins lists those that are",
                              GGX_STR_ARGS(kind), GGX_STR_ARGS(name));
    ggx_text_free(&names);
    return status;
}

ggx_status ggx_registry_get(ggx_registry *registry, const char *interface_id, ggx_str name, const void **vtable,
                            const ggx_plugin_entry **entry, ggx_error *error)
{
    const ggx_plugin_entry *found;
    const ggx_offer *offer;
    uint32_t at = 0;
    while (ggx_registry_next(registry, interface_id, &at, &found, &offer)) {
        if (!is_named(offer, name)) continue;
        ggx_status status = ggx_registry_load(registry, &registry->entries[found - registry->entries], error);
        if (status != GGX_OK) return status;
        *vtable = found->plugin->provides[offer - found->offers].vtable;
        if (entry) *entry = found;
        return GGX_OK;
    }
    return refuse_name(registry, interface_id, name, error);
}

ggx_status ggx_registry_quant(ggx_registry *registry, ggx_str type, const ggx_quant **out, ggx_error *error)
{
    const void *vtable = NULL;
    ggx_status status = ggx_registry_get(registry, GGX_QUANT_ID, type, &vtable, NULL, error);
    if (status == GGX_OK) *out = vtable;
    return status;
}

const ggx_offer *ggx_registry_best_kernels(const ggx_registry *registry, const char *type,
                                           const ggx_plugin_entry **entry)
{
    const ggx_plugin_entry *found;
    const ggx_offer *offer, *best = NULL;
    int32_t rank = 0; /* of portable kernels */
    for (uint32_t at = 0; ggx_registry_next(registry, GGX_KERNELS_ID, &at, &found, &offer);) {
        if (strcmp(offer->name, type) || offer->rank <= rank) continue;
        best = offer;
        rank = offer->rank;
        if (entry) *entry = found;
    }
    return best;
}

ggx_status ggx_registry_kernels(ggx_registry *registry, const ggx_quant *quant, const ggx_kernels **out,
                                ggx_error *error)
{
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    *out = quant->kernels;
    while ((offer = ggx_registry_best_kernels(registry, quant->type.name, &entry))) {
        if (ggx_registry_load(registry, &registry->entries[entry - registry->entries], error) != GGX_OK)
            continue; /* now refused, so the next best comes */
        const ggx_kernels *best = entry->plugin->provides[offer - entry->offers].vtable;
        *out = best;
        if (best->quantize && best->dequantize) return GGX_OK;
        ggx_kernels *joined = ggx_arena_alloc(&registry->arena, sizeof *joined);
        if (!joined) return ggx_fail(error, GGX_E_NOMEM, "no memory for the kernels of %.15s", quant->type.name);
        memcpy(joined, best, sizeof *joined);
        joined->struct_size = sizeof *joined;
        if (!joined->quantize) joined->quantize = quant->kernels->quantize;
        if (!joined->dequantize) joined->dequantize = quant->kernels->dequantize;
        *out = joined;
        return GGX_OK;
    }
    return GGX_OK;
}

const ggx_plugin_entry *ggx_registry_refused(const ggx_registry *registry, const char *interface_id, ggx_str file_name)
{
    for (uint32_t i = 0; i < registry->count; i++) {
        const ggx_plugin_entry *e = &registry->entries[i];
        for (uint32_t k = 0; e->state == GGX_STATE_REFUSED && k < e->offer_count; k++) {
            const ggx_offer *o = &e->offers[k];
            for (uint32_t x = 0; !strcmp(o->interface_id, interface_id) && o->extensions[x]; x++) {
                ggx_str extension = ggx_str_of(o->extensions[x]);
                if (file_name.size > extension.size + 1 && ggx_str_ends(file_name, extension) &&
                    file_name.data[file_name.size - extension.size - 1] == '.')
                    return e;
            }
        }
    }
    return NULL;
}
