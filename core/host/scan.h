/* core/host/scan.h - what the files of this room share: trusting files, refusing plugins, reading manifests. */
#ifndef GGX_CORE_HOST_SCAN_H
#define GGX_CORE_HOST_SCAN_H

#include "host/registry.h"
#include <sys/stat.h>

/* "refused: FILE: " and the formatted rest, "FIELD: found X, expected Y"; never NULL. */
GGX_PRINTF(3, 4)
const char *ggx_refusal_make(ggx_arena *arena, const char *file, const char *format, ...);

/* The refusal of a file or directory that somebody else could have written, or NULL. */
const char *ggx_refusal_of_mode(ggx_arena *arena, const char *file, const struct stat *st);

/* 0: the file is no ELF file, or ends before the segments that its program headers promise. */
int ggx_elf_whole(const char *path);

/* Marks the entry refused for the reason; returns GGX_E_PLUGIN. */
ggx_status ggx_entry_refuse(ggx_plugin_entry *entry, const char *why);

/* Reads the manifest at `path` into the entry, whose id is set. Returns GGX_E_PLUGIN when the entry was refused. */
ggx_status ggx_manifest_read(ggx_registry *registry, ggx_plugin_entry *entry, const char *path);

/* Fills directories and entries. Errors: GGX_E_NOMEM. */
ggx_status ggx_registry_scan(ggx_registry *registry, const ggx_registry_config *config, ggx_error *error);

/* A directory named from the program's own; "" when there is none. */
const char *ggx_directory_from_program(ggx_arena *arena, const char *relative);

/* 1 when the program has privileges that its caller lacks: then the environment is not obeyed. */
int ggx_privileged(void);

#endif
