/* ggx_sdk/pickle.h - reads a Python pickle as data. Nothing is imported, called or built: a global is a symbol, a call a record of
 * its symbol and arguments.
 *
 * Which globals may occur is the caller's to say; the first other one is refused by name. Opcodes: those that PyTorch's weights-only
 * unpickler knows, and protocol 4's counterparts of them. Work and memory grow with the pickle's bytes alone: values are shared, never
 * copied, and there is no recursion. Values may contain themselves: who walks them bounds depth and number of steps. */
#ifndef GGX_SDK_PICKLE_H
#define GGX_SDK_PICKLE_H

#include <ggx/host.h>

#define GGX_PICKLE_NONE 0u
#define GGX_PICKLE_BOOL 1u    /* integer */
#define GGX_PICKLE_INT 2u     /* integer */
#define GGX_PICKLE_LONG 3u    /* text: an integer beyond 64 bits, little-endian two's complement */
#define GGX_PICKLE_REAL 4u    /* real */
#define GGX_PICKLE_TEXT 5u    /* text: str (UTF-8 or surrogates, unchecked) or bytes */
#define GGX_PICKLE_TUPLE 6u   /* items */
#define GGX_PICKLE_LIST 7u    /* items; sets too */
#define GGX_PICKLE_DICT 8u    /* items: key, value, key, value … */
#define GGX_PICKLE_GLOBAL 9u  /* text: "module name"; integer: its role */
#define GGX_PICKLE_CALL 10u   /* items: the global, its arguments (TUPLE), the state that was set or NULL */
#define GGX_PICKLE_PERSID 11u /* items: the persistent id */

/* Roles of globals. From GGX_PICKLE_ROLE_OWN on they are the caller's, and calls of them are CALLs. */
#define GGX_PICKLE_ROLE_FORBIDDEN 0
#define GGX_PICKLE_ROLE_DICT 1 /* a call gives a DICT: OrderedDict, defaultdict */
#define GGX_PICKLE_ROLE_LIST 2 /* a call gives a LIST: set */
#define GGX_PICKLE_ROLE_OWN 16

typedef struct ggx_pickle_value {
    uint32_t kind;   /* GGX_PICKLE_* */
    uint32_t room;   /* LIST, DICT: items allocated */
    uint64_t offset; /* bytes from the pickle's beginning to the opcode that made it */
    union {
        int64_t integer;
        double real;
        uint64_t count; /* of items */
    };
    union {
        ggx_str text;
        struct ggx_pickle_value **items;
    };
    int64_t role; /* GLOBAL */
} ggx_pickle_value;

typedef struct ggx_pickle {
    const ggx_host *host;
    void *context; /* of the two functions */
    /* Copies `size` bytes at `offset` of the pickle's bytes. */
    ggx_status (*read)(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error);
    /* The role of a global. */
    int64_t (*role)(void *context, ggx_str module, ggx_str name);
    uint64_t at;     /* where to begin; afterwards behind STOP */
    uint64_t end;    /* no byte from here on is read */
    uint32_t member; /* for messages: errors carry the member and `base` + offset */
    uint32_t reserved;
    uint64_t base;
} ggx_pickle;

/* Reads one pickle from `at` on, up to its STOP. *out lives as long as the host's instance. GGX_E_MALFORMED for what no pickler
 * writes, GGX_E_UNSUPPORTED for forbidden globals and opcodes. */
ggx_status ggx_pickle_load(ggx_pickle *pickle, ggx_pickle_value **out, ggx_error *error);

/* 1 when the value is TEXT and equals `text`. */
int ggx_pickle_is(const ggx_pickle_value *value, const char *text);

/* The value of a text key of a DICT, the last when it occurs several times; NULL when there is none. */
ggx_pickle_value *ggx_pickle_get(const ggx_pickle_value *dict, const char *key);

#endif
