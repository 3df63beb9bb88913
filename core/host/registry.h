/* core/host/registry.h - which plugins there are, and getting at their vtables.
 *
 * Scanning reads manifests only; a shared object is mapped when something in it is first needed, checked against its manifest
 * and against docs/abi.md, and stays mapped until the registry closes. Everything here is data about plugins: this room names
 * none of them. Safe to use from one thread; the vtables it gives out follow their own tags. */
#ifndef GGX_CORE_HOST_REGISTRY_H
#define GGX_CORE_HOST_REGISTRY_H

#include "base/arena.h"
#include "base/json.h"
#include "host/instance.h"
#include <ggx/draft/decode.h>
#include <ggx/draft/quant.h>
#include <ggx/draft/vocab.h>
#include <ggx/reader.h>
#include <ggx/writer.h>

/* What has become of a directory, a plugin, or an entry of its manifest. */
#define GGX_STATE_USABLE 0
#define GGX_STATE_UNKNOWN 1    /* entry: an interface that this host does not know */
#define GGX_STATE_INELIGIBLE 2 /* kernels: a CPU feature is missing or masked. Plugin: all its entries are */
#define GGX_STATE_SHADOWED 3   /* another of that id or name was found before */
#define GGX_STATE_REFUSED 4
#define GGX_STATE_SEARCHED 5 /* directory */
#define GGX_STATE_MISSING 6  /* directory */
const char *ggx_state_name(uint32_t state);

/* One entry of a manifest's "provides". */
typedef struct ggx_offer {
    const char *interface_id; /* "ggx.reader/1" */
    const char *name; /* reader, writer, vocab: its name; quant, kernels: the tensor type; "" of unknown interfaces */
    const char *const *extensions;     /* file name extensions without the dot, ended by NULL; never NULL itself */
    const char *const *cpu;            /* CPU features needed, ended by NULL; never NULL itself */
    const char *const *aliases;        /* quant: short names of the type, ended by NULL; never NULL itself */
    uint32_t head_want, tail_want;     /* readers */
    uint32_t block_elems, block_bytes; /* quants */
    int32_t rank;                      /* kernels */
    uint32_t state;                    /* GGX_STATE_* */
    const ggx_json *json;              /* the entry as written */
} ggx_offer;

typedef struct ggx_plugin_entry {
    const char *id;                              /* from the file's name */
    const char *version, *license, *description; /* "" when they could not be read */
    const char *path;                            /* of the .so */
    const char *origin;                          /* of its directory */
    uint32_t state;                              /* GGX_STATE_* */
    const char *why;     /* "" when usable; the refusal, the file that shadows, or the missing CPU feature */
    const char *shadows; /* file of a plugin of the installation that this one replaces, or NULL */
    ggx_offer *offers;
    uint32_t offer_count;
    int32_t loaded; /* 1: mapped and checked */
    void *handle;
    const ggx_plugin *plugin;
} ggx_plugin_entry;

typedef struct ggx_plugin_directory {
    const char *path;   /* without a slash at its end */
    const char *origin; /* "option", "environment", "user", "system" */
    uint32_t state;     /* GGX_STATE_SEARCHED, _MISSING, _REFUSED */
    const char *why;    /* the refusal, or "" */
} ggx_plugin_directory;

typedef struct ggx_registry {
    ggx_arena arena;
    ggx_plugin_entry *entries; /* in search order, refused ones too */
    uint32_t count, capacity;
    ggx_plugin_directory *directories; /* in search order */
    uint32_t directory_count, directory_capacity;
    const char *const *cpu; /* features that kernels may use: detected ∩ mask; ended by NULL */
    const ggx_run *run;     /* takes warnings; may be NULL */
} ggx_registry;

typedef struct ggx_registry_config {
    const char *const *plugin_path; /* --plugin-path: each one directory or several with ':', ended by NULL, or NULL */
    int32_t user_plugins;           /* also search the user's directory */
    const char *cpu_mask; /* --cpu: comma-separated features, "portable" for none, or NULL for all that were detected */
    const ggx_run *run;   /* takes warnings; may be NULL; borrowed until close */
} ggx_registry_config;

/* Scans the search path of docs/abi.md. Faulty plugins become refused entries, never an error. Errors: GGX_E_NOMEM, GGX_E_USAGE (an
 * unknown word in the mask). Close the registry after an error too. */
ggx_status ggx_registry_open(ggx_registry *registry, const ggx_registry_config *config, ggx_error *error);
void ggx_registry_close(ggx_registry *registry);

/* The vtable with that interface id and name (or alias), its plugin loaded and checked. Errors: GGX_E_NOTFOUND (naming what there
 * is), GGX_E_PLUGIN (refused: why). `entry` may be NULL. */
ggx_status ggx_registry_get(ggx_registry *registry, const char *interface_id, ggx_str name, const void **vtable,
                            const ggx_plugin_entry **entry, ggx_error *error);

/* Walks the usable offers of one interface: *at starts at 0; returns 0 at the end. */
int ggx_registry_next(const ggx_registry *registry, const char *interface_id, uint32_t *at,
                      const ggx_plugin_entry **entry, const ggx_offer **offer);

/* The refused plugin that offers the interface for files with that name's extension, or NULL. */
const ggx_plugin_entry *ggx_registry_refused(const ggx_registry *registry, const char *interface_id, ggx_str file_name);

/* Loads and checks one plugin, for listings. GGX_E_PLUGIN: refused, see its `why`. */
ggx_status ggx_registry_load(ggx_registry *registry, ggx_plugin_entry *entry, ggx_error *error);

/* The tensor type of that name (GGX_E_NOTFOUND: no plugin has it), and the best kernels for it that this CPU and the mask allow; a
 * function that they lack is that of the portable ones. */
ggx_status ggx_registry_quant(ggx_registry *registry, ggx_str type, const ggx_quant **out, ggx_error *error);
ggx_status ggx_registry_kernels(ggx_registry *registry, const ggx_quant *quant, const ggx_kernels **out,
                                ggx_error *error);

/* The offer whose kernels ggx_registry_kernels would try first, by manifests alone; NULL: the type's own, portable ones. */
const ggx_offer *ggx_registry_best_kernels(const ggx_registry *registry, const char *type,
                                           const ggx_plugin_entry **entry);

/* The directory of ggx's data files (recipes …), found relative to the executable; $GGX_DATA overrides it. */
const char *ggx_data_directory(ggx_arena *arena);

#endif
