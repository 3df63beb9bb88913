/* core/base/json.h - a JSON document as a tree with positions, for small files that ggx itself trusts to be small: manifests,
 * recipes, model configurations. Built on the pull parser of the sdk; duplicate keys are refused. */
#ifndef GGX_CORE_JSON_H
#define GGX_CORE_JSON_H

#include "base/arena.h"
#include <ggx_sdk/json.h>

typedef struct ggx_json {
    uint32_t kind;         /* GGX_JSON_OBJECT, ARRAY, STRING, INT, REAL, TRUE, FALSE, NULL */
    uint32_t count;        /* members or elements */
    uint32_t line, column; /* from 1, of the value's first byte */
    ggx_str key;           /* unescaped; when this value is an object's member */
    uint32_t key_line, key_column;
    ggx_str text; /* STRING: unescaped, NUL-terminated; INT and REAL: as written */
    int64_t integer;
    double real;            /* set for INT too */
    struct ggx_json *first; /* members or elements, in the document's order, linked by next */
    struct ggx_json *next;
} ggx_json;

/* Parses the whole text. Lives in the arena (strings are copied). Errors: GGX_E_MALFORMED with line and column in the text and
 * `name` (of the file) before them; GGX_E_NOMEM. */
ggx_status ggx_json_parse(ggx_arena *arena, ggx_str text, const char *name, ggx_json **out, ggx_error *error);

/* The same of what Python's json reads: NaN and infinities are numbers, of a key that is there twice the last value counts. */
ggx_status ggx_json_parse_lenient(ggx_arena *arena, ggx_str text, const char *name, ggx_json **out, ggx_error *error);

/* An object's member, or NULL (also when `object` is NULL or no object). */
const ggx_json *ggx_json_get(const ggx_json *object, const char *key);
const ggx_json *ggx_json_get_str(const ggx_json *object, ggx_str key);

/* A member that is a string, or the fallback. */
const char *ggx_json_string(const ggx_json *object, const char *key, const char *fallback);

#endif
