/* sdk/check/contract.h - the checks of a plugin's file, envelope and tables, in the order in which they must pass. */
#ifndef GGX_SDK_CHECK_CONTRACT_H
#define GGX_SDK_CHECK_CONTRACT_H

#include "check.h"

typedef struct plugin_file {
    const char *path;
    char manifest_path[4096];
    void *data; /* the file's bytes */
    uint64_t size;
    int32_t manifest_there, manifest_good;
    ggx_error manifest_why;
    manifest manifest;
    const ggx_plugin *plugin; /* after check_loads */
} plugin_file;

/* One entry of `provides`. */
typedef struct offer_subject {
    const plugin_file *file;
    uint32_t index;
} offer_subject;

/* Bodies for report_check; the subject is a plugin_file. */
void check_symbols(check *c, const void *file);
void check_modes(check *c, const void *file);
void check_manifest(check *c, const void *file);
void check_loads(check *c, const void *file);
void check_envelope(check *c, const void *file);
void check_identity(check *c, const void *file);

/* The subject is an offer_subject: its vtable, and the manifest's entry for it. */
void check_offer(check *c, const void *offer);

/* 1: this checker knows the interface. */
int interface_known(const char *id);

#endif
