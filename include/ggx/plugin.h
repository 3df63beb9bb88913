/* ggx/plugin.h - the envelope of every plugin: one exported data symbol, `ggx_plugin_1`.
 *
 *     static const ggx_reader my_reader = { ... };
 *     static const ggx_provide provides[] = { { GGX_READER_ID, &my_reader } };
 *     GGX_PLUGIN("reader-my", "1.0.0", "MIT", provides);
 *
 * This envelope never changes. What a plugin can do grows by interface ids: each id names one vtable layout for ever
 * ("ggx.reader/1"); a new layout gets a new id ("ggx.reader/2") beside it, and while an interface is not yet settled its id says
 * so ("ggx.quant.draft/1") and its header lies in draft/. The host uses the ids it knows and skips the others.
 *
 * There is no init and no teardown: loading a plugin runs none of its code. Lookup tables are built at compile time.
 * Beside `ggx-NAME.so` lies `ggx-NAME.json`, its manifest (docs/abi.md), from which the host learns what the plugin offers
 * without loading it. Since 0.1. */
#ifndef GGX_PLUGIN_H
#define GGX_PLUGIN_H

#include "base.h"

GGX_EXTERN_C_BEGIN

/* One interface that the plugin offers. */
typedef struct ggx_provide {
    const char *id;     /* NUL-terminated interface id */
    const void *vtable; /* the record that the id stands for; constant */
} ggx_provide;

typedef struct ggx_plugin {
    uint32_t struct_size;   /* bytes */
    uint32_t provide_count; /* number of entries in `provides` */
    const char *id;         /* NUL-terminated; the file is ggx-<id>.so: "reader-darknet" */
    const char *version;    /* NUL-terminated, semantic version */
    const char *license;    /* NUL-terminated, SPDX expression */
    const ggx_provide *provides;
} ggx_plugin;

/* The one symbol. Constant data, never a function. */
extern GGX_EXPORT const ggx_plugin ggx_plugin_1;

#define GGX_PLUGIN(id, version, license, provides)                                                    \
    GGX_EXPORT const ggx_plugin ggx_plugin_1 = {(uint32_t)sizeof(ggx_plugin),                         \
                                                (uint32_t)(sizeof(provides) / sizeof((provides)[0])), \
                                                id,                                                   \
                                                version,                                              \
                                                license,                                              \
                                                provides}

GGX_EXTERN_C_END
#endif
