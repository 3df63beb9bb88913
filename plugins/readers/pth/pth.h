/* pth.h - the parts of the PyTorch reader, shared among its files alone.
 *
 * shards.c finds the files that make up the checkpoint, mostly one; container.c opens each (a zip, or the stream of before PyTorch 1.6; tar.c
 * the archive of before 0.1.10) and loads its pickles as data, by the list of harmless names in names.c; walk.c goes through the values and names what is a tensor; tensor.c says where its bytes are. */
#ifndef GGX_READER_PTH_H
#define GGX_READER_PTH_H

#include <ggx/reader.h>
#include <ggx_sdk/inflate.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/pickle.h>
#include <ggx_sdk/weight_map.h>

#define PTH_MAX_PATH 4096u /* bytes of a dotted name */
#define PTH_MAX_DEPTH 200u /* of values inside each other; a module inside a module takes four */

/* What a harmless name stands for. Rows of names.c. */
#define PTH_ROLE_IGNORED 16   /* its value is data that no tensor needs */
#define PTH_ROLE_STORAGE 17   /* a storage class; its type is by name */
#define PTH_ROLE_DTYPE 18     /* torch.float32 … */
#define PTH_ROLE_TENSOR 19    /* _rebuild_tensor, _v2: storage, offset, size, stride … */
#define PTH_ROLE_TENSOR_V3 20 /* the same, with a dtype as argument 6 */
#define PTH_ROLE_FIRST 21     /* the tensor is its first argument */
#define PTH_ROLE_FROM_TYPE 22 /* _rebuild_from_type_v2(function, type, arguments, state) */
#define PTH_ROLE_SIZE 23      /* torch.Size(tuple) */
#define PTH_ROLE_UNREAD 24    /* a kind of tensor that is refused: quantized, sparse, without data … */
#define PTH_ROLE_OBJECT 25    /* a class whose attributes are data: nn.Module's, TorchScript's */

typedef struct pth_dtype {
    char torch[20]; /* torch.NAME */
    char storage[24];
    char type[12];
    uint8_t bytes, unit; /* of what PyTorch counts as an element, and of what a byte order turns */
    uint8_t elems;       /* 2: what PyTorch counts is a pair of elements of half a byte each */
} pth_dtype;

/* One storage of the older stream. */
typedef struct pth_storage {
    ggx_str key;
    uint64_t offset, count; /* of its data in the file; elements */
    const pth_dtype *dtype;
} pth_storage;

/* One pickle with the storages that it refers to. */
typedef struct pth_part {
    ggx_pickle_value *root;
    ggx_str storages; /* zip: the folder with the storages, "archive/data/" */
    const char *name; /* what comes before its tensors' names, "" for data.pkl */
    uint64_t bytes;   /* of the pickle: what bounds the walk */
} pth_part;

struct pth_placed;

typedef struct pth_tensor {
    ggx_str name;
    const pth_dtype *dtype;
    const ggx_zip_entry *entry; /* NULL: in the older stream */
    uint64_t base;              /* byte offset of the storage in the member */
    uint64_t storage;           /* number of the storage, from 1 */
    uint64_t first, reach;      /* bytes from the storage's beginning; bytes from its first to its last element */
    uint64_t alias;             /* storage_id to hand on */
    uint64_t shape[GGX_MAX_RANK];
    int64_t stride[GGX_MAX_RANK]; /* all 0: C order */
    uint32_t rank, flags;
    uint32_t dropped;   /* 1: the index assigns the name to another file */
    uint32_t broadcast; /* 1: all elements are the one at `first` */
    uint32_t big;       /* 1: the high byte first */
} pth_tensor;

/* One file of a checkpoint. */
typedef struct pth_file {
    const ggx_host *host;
    const ggx_source *source;
    uint64_t size; /* bytes of the file */
    ggx_zip zip;   /* count 0: the older stream */
    uint32_t member;
    uint32_t big, is_zip, is_tar;
    pth_part parts[2]; /* data.pkl and, of TorchScript, constants.pkl */
    uint32_t part_count;
    pth_storage *storages; /* older stream, sorted by key */
    uint64_t storage_count;
    struct pth_placed *placed; /* tar: the tensors by their numbers */
    uint64_t placed_count;
    ggx_str inner;   /* the entry of the outer zip that is the checkpoint, "" for none */
    ggx_str select;  /* only what lies below this name, "" for all */
    ggx_names *keys; /* of all shards; NULL when there is one file */
    pth_tensor *tensors;
    uint64_t tensor_count, tensor_room;
    ggx_inflate_pool pool;
} pth_file;

typedef struct pth_reader {
    const ggx_host *host;
    const ggx_source *source;
    pth_file *files;
    uint32_t file_count;
    uint32_t reserved;
    ggx_weight_map map; /* count 0: there is no index */
    ggx_names keys;
} pth_reader;

/* shards.c: how far the beginning of a file, or what a folder holds, is PyTorch's. */
int32_t pth_probe(const ggx_probe *probe);

/* shards.c: finds the files and gives them their members. */
ggx_status pth_shards_find(pth_reader *r, ggx_error *error);

/* shards.c: after all tensors are listed: every name in one file only, and where the index says. */
ggx_status pth_shards_check(pth_reader *r, ggx_error *error);

/* names.c: the role of a global (a ggx_pickle.role), the types, and their rows. */
int64_t pth_name_role(void *context, ggx_str module, ggx_str name);
const pth_dtype *pth_dtype_of_storage(ggx_str global);
const pth_dtype *pth_dtype_of_global(ggx_str global);
int pth_storage_is_untyped(ggx_str global);

/* container.c: opens the file and fills `parts` and the storages. */
ggx_status pth_container_open(pth_file *r, ggx_error *error);
/* container.c: sorts the storages by key, and refuses one that occurs twice; then they can be found. */
ggx_status pth_storages_sort(pth_file *r, ggx_error *error);
const pth_storage *pth_storage_find(const pth_file *r, ggx_str key);

/* tar.c: opens the archive. pth_tar_find: 1 when the persistent id names one of its tensors, which `out` then describes, or one of its
 * storages, and `out` has no dtype. */
int pth_tar_is(const uint8_t *head, uint64_t size);
ggx_status pth_tar_open(pth_file *r, ggx_error *error);
int pth_tar_find(const pth_file *r, ggx_str id, pth_tensor *out);

/* tensor.c: of a tensor whose dtype, rank and shape are set, places the rest: `strides` and `first` in PyTorch's elements. NULL, or what is
 * wrong. */
const char *pth_tensor_lay(pth_tensor *out, const uint64_t *strides, uint64_t first, uint64_t storage_bytes);

/* tensor.c: 1 in *found when the value is a tensor, which `out` then describes (but for its name). `path` is for messages. */
ggx_status pth_tensor_resolve(pth_file *r, const pth_part *part, const ggx_pickle_value *v, ggx_str path,
                              pth_tensor *out, int *found, ggx_error *error);

/* walk.c: walks all parts. Without a sink: fills r->tensors. With it: pushes the scalars among them as key/values. */
ggx_status pth_walk(pth_file *r, const ggx_sink *sink, ggx_error *error);

#endif
