/* npy.h - the header of an .npy array, shared among the files of the npz reader alone. */
#ifndef GGX_READER_NPZ_NPY_H
#define GGX_READER_NPZ_NPY_H

#include <ggx/tensor.h>

#define NPY_PREFIX_BYTES 12u  /* magic, version, and a length of 2 or 4 bytes */
#define NPY_MAX_HEADER 65536u /* numpy itself refuses above 10000 unless told otherwise */

/* What the elements are. */
#define NPY_NUMBERS 0u
#define NPY_OBJECTS 1u /* Python objects: a pickle stands where the elements would */
#define NPY_WORDS 2u   /* text, dates and times, which no tensor holds */

typedef struct npy_array {
    uint32_t kind; /* NPY_*; of the latter two `type` and `nbytes` say nothing */
    ggx_type type;
    uint32_t byte_order;
    uint32_t swap; /* bytes of the unit that a byte order applies to */
    uint32_t rank;
    uint32_t fortran; /* 1: the first axis is the fastest */
    uint64_t shape[GGX_MAX_RANK];
    uint64_t data;   /* bytes from the beginning of the .npy to its first element */
    uint64_t nbytes; /* of all elements */
} npy_array;

/* The length of prefix and header together, from the first NPY_PREFIX_BYTES (or fewer). `at` is where they lie, for messages. */
ggx_status npy_header_size(const uint8_t *prefix, uint64_t size, uint32_t member, uint64_t at, uint64_t *out,
                           ggx_error *error);

/* Reads the header; `text` are the bytes that npy_header_size counted. */
ggx_status npy_header_parse(ggx_str text, uint32_t member, uint64_t at, npy_array *out, ggx_error *error);

/* The kind and type of 'f4', 'O', 'U12' …, without its byte order. 0: it is none that ggx knows. */
int npy_dtype_find(ggx_str descr, npy_array *out);

#endif
