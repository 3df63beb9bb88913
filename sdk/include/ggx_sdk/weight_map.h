/* ggx_sdk/weight_map.h - a checkpoint in several files: the index that says which tensor lies in which, and what a folder holds.
 *
 * An index is NAME.index.json as transformers writes it beside its shards: {"metadata": {…}, "weight_map": {TENSOR: FILE, …}}. The map
 * decides: what a file holds beyond it is not part of the checkpoint; what it names must be there. */
#ifndef GGX_SDK_WEIGHT_MAP_H
#define GGX_SDK_WEIGHT_MAP_H

#include <ggx/host.h>
#include <ggx/source.h>

#define GGX_WEIGHT_MAP_BYTES 100000000u /* the largest index that is read */

/* One line of the map. */
typedef struct ggx_weight {
    ggx_str name, file_name;
    uint64_t place; /* byte offset in the index, for messages */
    uint32_t file;  /* index into ggx_weight_map.files */
    uint32_t found; /* 1: the file has the tensor */
} ggx_weight;

typedef struct ggx_weight_map {
    const ggx_host *host;
    const ggx_source *source;
    ggx_weight *weights; /* sorted by name */
    uint64_t count;
    uint32_t *files; /* source members, sorted by the names that the index gives them */
    uint32_t file_count;
    uint32_t member; /* the index */
} ggx_weight_map;

/* Reads the index that is `member`, and finds its files. Memory comes from `host` and lives as long as its instance. GGX_E_MALFORMED,
 * GGX_E_NOTFOUND for a file that is not beside the index, GGX_E_NOMEM. */
ggx_status ggx_weight_map_read(ggx_weight_map *map, const ggx_host *host, const ggx_source *source, uint32_t member,
                               ggx_error *error);

/* 1 when the map puts the tensor into files[file]; that line is then marked found. */
int ggx_weight_map_take(ggx_weight_map *map, ggx_str name, uint32_t file);

/* When all files' tensors were taken: refuses a line that was not found. */
ggx_status ggx_weight_map_check(const ggx_weight_map *map, ggx_error *error);

/* What to look for at the top of a folder. */
typedef struct ggx_folder_names {
    const char *index_end;        /* what the name of an index ends in */
    const char *main_index;       /* the index to take when there are several; its name */
    const char *main_file;        /* the file to take when there are several; its name */
    const char *const *file_ends; /* what the names of files end in */
    uint32_t file_end_count;
    uint32_t reserved; /* 0 */
} ggx_folder_names;

typedef struct ggx_folder {
    uint32_t index_count, file_count; /* the main ones included */
    uint32_t index, file;             /* the members to take: those with the main name, else the first */
    uint32_t has_main_index, has_main_file;
} ggx_folder;

/* Counts what lies at the top of a folder or prefix; files below are no part of it. */
ggx_status ggx_folder_look(const ggx_source *source, const ggx_folder_names *names, ggx_folder *out, ggx_error *error);

/* 1 when `name` lies at the top and is a file by `names`. */
int ggx_folder_is_file(const ggx_folder_names *names, ggx_str name);

#endif
