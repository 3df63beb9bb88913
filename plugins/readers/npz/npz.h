/* npz.h - the parts of the npz reader, shared among its files alone: plugin.c has the files and their arrays, npy.c the header of one,
 * objects.c the arrays inside pickled dicts. */
#ifndef GGX_READER_NPZ_NPZ_H
#define GGX_READER_NPZ_NPZ_H

#include "npy.h"

#include <ggx/reader.h>
#include <ggx_sdk/inflate.h>
#include <ggx_sdk/names.h>

typedef struct npz_item {
    ggx_str name;
    const ggx_zip_entry *entry; /* NULL: an .npy file of its own, or out of a pickle */
    const uint8_t *memory;      /* its elements, when they were in a pickle; else NULL */
    npy_array array;
    uint64_t base; /* byte offset in the member of the .npy, where it is stored */
} npz_item;

typedef struct npz_reader {
    const ggx_host *host;
    const ggx_source *source;
    ggx_zip zip;
    npz_item *items;
    uint64_t item_count, item_room;
    uint64_t others; /* arrays of the archive that are none of numbers */
    ggx_names names;
    ggx_inflate_pool pool;
} npz_reader;

/* The bytes of an .npy that holds Python objects. */
typedef struct npz_pickle {
    ggx_str name;          /* what its arrays' names begin with; "" for none */
    ggx_str alone;         /* the name of an array that is all it holds */
    ggx_inflate *stream;   /* of the zip entry, or NULL: it is the file itself */
    uint64_t begin, end;   /* of the pickle in the entry or file */
    uint64_t base;         /* byte offset in the member of the entry or file, for messages */
    int32_t must_have_one; /* 1: refused when there is no array of numbers in it */
    int32_t reserved;
} npz_pickle;

/* plugin.c: a copy of the item at the list's end; its name is checked and copied. */
ggx_status npz_item_add(npz_reader *r, const npz_item *item, ggx_error *error);

/* objects.c: adds the arrays of numbers in the pickle to the list. */
ggx_status npz_objects_read(npz_reader *r, const npz_pickle *from, ggx_error *error);

#endif
