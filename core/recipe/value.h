/* core/recipe/value.h - values of the expression language, and the syntax trees that compute them. */
#ifndef GGX_CORE_RECIPE_VALUE_H
#define GGX_CORE_RECIPE_VALUE_H

#include "base/json.h"
#include "recipe/recipe.h"

#define GGX_VALUE_NULL 0
#define GGX_VALUE_BOOL 1
#define GGX_VALUE_INT 2
#define GGX_VALUE_FLOAT 3
#define GGX_VALUE_STR 4
#define GGX_VALUE_LIST 5
#define GGX_VALUE_MAP 6 /* an object of a JSON file, seen as it lies there */

typedef struct ggx_value {
    uint32_t kind;
    int32_t truth;   /* BOOL */
    int64_t integer; /* INT */
    double real;     /* FLOAT */
    ggx_str text;    /* STR; NULL with `json`: the key that the map does not have */
    uint64_t count;  /* LIST */
    union {
        const struct ggx_value *items; /* LIST */
        const ggx_json *map;           /* MAP */
    } at;
    const ggx_json *json; /* where it stands in a file beside the model, for messages; NULL: computed */
} ggx_value;

/* Where a text of a recipe stands, for messages: a file, its bytes, and a JSON value in it. */
typedef struct ggx_origin {
    const char *file;
    ggx_str document;
    const ggx_json *json;
} ggx_origin;

/* Kinds of nodes. */
enum {
    GGX_NODE_CONST,  /* literal */
    GGX_NODE_NAME,   /* text */
    GGX_NODE_LIST,   /* args */
    GGX_NODE_TEXT,   /* args are joined to one string */
    GGX_NODE_CALL,   /* text(args), `function` */
    GGX_NODE_UNARY,  /* operation, args[0] */
    GGX_NODE_BINARY, /* operation, args[0], args[1] */
    GGX_NODE_IF,     /* args: condition, then, else */
    GGX_NODE_MATCH,  /* args: subject, key, result, key, result …, and the else when the number is even */
    GGX_NODE_EACH,   /* [args[0] for text in args[1] if args[2]] */
    GGX_NODE_INDEX,  /* args[0][args[1]] */
    GGX_NODE_SLICE,  /* args[0][args[1]:args[2]], each may be NULL */
    GGX_NODE_MEMBER  /* args[0].text */
};

typedef struct ggx_node {
    uint32_t kind, operation; /* UNARY, BINARY: GGX_SIGN_* or the operator's one byte */
    uint32_t offset;          /* bytes into the origin's string */
    uint32_t count;           /* of args */
    const ggx_origin *origin;
    ggx_value literal;
    ggx_str text;
    const struct ggx_function *function;
    struct ggx_node **args;
} ggx_node;

/* Operators; those of one byte are their character. */
#define GGX_SIGN_EQUAL 'e'
#define GGX_SIGN_UNEQUAL 'n'
#define GGX_SIGN_AT_MOST 'l'
#define GGX_SIGN_AT_LEAST 'g'
#define GGX_SIGN_FLOOR_DIVIDE 'f'
#define GGX_SIGN_RANGE 'r'
#define GGX_SIGN_ELSE '?'
#define GGX_SIGN_AND 'a'
#define GGX_SIGN_OR 'o'
#define GGX_SIGN_NOT '!'
#define GGX_SIGN_IN 'i'

/* Bounds that docs/recipes.md promises. */
#define GGX_EVAL_STEPS 10000000u
#define GGX_EVAL_DEPTH 64u
#define GGX_EVAL_ITEMS 1048576u
#define GGX_EVAL_TEXT (16u << 20)
#define GGX_EVAL_MEMORY (512ull << 20)
#define GGX_EVAL_JSON (64ull << 20)

/* A name that a rule or a comprehension binds. Innermost first. */
typedef struct ggx_local {
    ggx_str name;
    ggx_value value;
    const struct ggx_local *outer;
} ggx_local;

typedef struct ggx_json_file {
    ggx_str name;
    const ggx_json *json; /* NULL: not there */
    struct ggx_json_file *next;
} ggx_json_file;

/* What evaluation needs, for one application of one recipe. */
typedef struct ggx_eval {
    const struct ggx_recipe *recipe;
    const ggx_recipe_env *env;
    ggx_arena arena; /* of all values */
    ggx_error *error;
    uint64_t steps;
    uint32_t depth;
    const ggx_local *locals;
    uint8_t *value_state; /* for each of the recipe's values: 0 not computed, 1 being computed, 2 computed */
    ggx_value *values;
    const ggx_local *globals;      /* seen everywhere; NULL in recipes */
    const ggx_local *inner;        /* what values marked in of_inner see: those of a mixture that hold for one tensor */
    const uint8_t *of_inner;       /* for each value, or NULL */
    const ggx_recipe_result *made; /* mixtures: what the recipe made; else NULL */
    const struct ggx_recipe *family; /* headers of adapters: the base model's recipe, and what it sees; else NULL */
    const ggx_recipe_env *family_env;
    ggx_json_file *files;
    struct ggx_vocabulary *vocabularies; /* read so far */
} ggx_eval;

typedef ggx_status (*ggx_function_call)(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                                        ggx_value *out);
typedef struct ggx_function {
    const char *name;
    uint32_t least, most; /* arguments */
    ggx_function_call call;
} ggx_function;

/* --- text.c of this room: places and words --- */

/* GGX_OK never: "file:line:column: …" with the place of the byte at `offset` in the origin's string, or of the value itself when
 * `offset` is UINT32_MAX. Returns `status`. */
GGX_PRINTF(5, 6)
ggx_status ggx_origin_fail(const ggx_origin *origin, uint32_t offset, ggx_error *error, ggx_status status,
                           const char *format, ...);
#ifdef __clang_analyzer__ /* as in ggx_sdk/error.h: that a failure is never GGX_OK */
#define ggx_origin_fail(origin, offset, error, status, ...) \
    (ggx_origin_fail((origin), (offset), (error), (status), __VA_ARGS__), (status))
#endif
#define GGX_WHOLE UINT32_MAX

/* Line and column of that byte. */
void ggx_origin_place(const ggx_origin *origin, uint32_t offset, uint32_t *line, uint32_t *column);

/* The word of the list (ended by NULL) that is nearest to `word`, or NULL when none is near. */
const char *ggx_word_nearest(const char *const *words, ggx_str word);
/* Number of edits (insert, delete, replace a byte, swap two) between the two, of which at most the first 96 bytes are looked at. */
uint32_t ggx_word_distance(ggx_str a, ggx_str b);

/* --- expression.c --- */

/* Parses an expression: the origin's string from byte `offset` on. */
ggx_status ggx_expression_parse(ggx_arena *arena, const ggx_origin *origin, uint32_t offset, ggx_node **out,
                                ggx_error *error);
/* Parses a template: the origin's string with {expression} parts. */
ggx_status ggx_template_parse(ggx_arena *arena, const ggx_origin *origin, ggx_node **out, ggx_error *error);

/* --- eval.c --- */

ggx_status ggx_eval_open(ggx_eval *eval, const struct ggx_recipe *recipe, const ggx_recipe_env *env, ggx_error *error);
void ggx_eval_close(ggx_eval *eval);
ggx_status ggx_eval_node(ggx_eval *eval, const ggx_node *node, ggx_value *out);
ggx_status ggx_eval_bool(ggx_eval *eval, const ggx_node *node, int *out);
ggx_status ggx_eval_int(ggx_eval *eval, const ggx_node *node, int64_t *out);
ggx_status ggx_eval_real(ggx_eval *eval, const ggx_node *node, double *out); /* integers too */
ggx_status ggx_eval_text(ggx_eval *eval, const ggx_node *node, ggx_str *out);
ggx_status ggx_eval_list(ggx_eval *eval, const ggx_node *node, ggx_value *out);

/* An error at the node. */
#define GGX_NODE_FAIL(eval, node, ...) \
    ggx_origin_fail((node)->origin, (node)->offset, (eval)->error, GGX_E_MALFORMED, __VA_ARGS__)
/* The same, of a value: the file beside the model and the key go before the sentence when the value comes from there. */
GGX_PRINTF(4, 5)
ggx_status ggx_value_fail(ggx_eval *eval, const ggx_node *node, const ggx_value *value, const char *format, ...);
#ifdef __clang_analyzer__
#define ggx_value_fail(eval, node, value, ...) (ggx_value_fail((eval), (node), (value), __VA_ARGS__), GGX_E_MALFORMED)
#endif
/* provenance.c: the file beside the model and the key that an expression's value hangs on, as what goes before a sentence
 * ("config.json, key num_hidden_layers (2): "); empty when it hangs on none. `item`: of a list, that one of its elements. */
#define GGX_SOURCE_BYTES 160
#define GGX_SOURCE_WHOLE UINT64_MAX
void ggx_node_source(ggx_eval *eval, const ggx_node *node, uint64_t item, char out[GGX_SOURCE_BYTES]);
/* Counts work; an error when the conversion has done too much. */
ggx_status ggx_eval_work(ggx_eval *eval, const ggx_node *node, uint64_t steps);
ggx_status ggx_eval_items(ggx_eval *eval, const ggx_node *node, uint64_t count, ggx_value **out);
ggx_status ggx_eval_bytes(ggx_eval *eval, const ggx_node *node, uint64_t size, char **out);

/* --- operate.c --- */
ggx_status ggx_operate(ggx_eval *eval, const ggx_node *node, const ggx_value *a, const ggx_value *b, ggx_value *out);
int ggx_value_equal(const ggx_value *a, const ggx_value *b);
/* Integer index into `count` things, negative from the end; 0 when out of range. */
int ggx_value_position(const ggx_value *index, uint64_t count, uint64_t *out);
const char *ggx_value_kind(const ggx_value *value);
ggx_value ggx_value_int(int64_t integer);
ggx_value ggx_value_real(double real);
ggx_value ggx_value_bool(int truth);
ggx_value ggx_value_text(ggx_str text);

/* --- functions.c, lookups.c --- */
const ggx_function *ggx_function_find(ggx_str name);
extern const ggx_function ggx_pure_functions[], ggx_lookup_functions[], ggx_token_functions[], ggx_vocab_functions[],
    ggx_made_functions[], ggx_card_functions[], ggx_near_functions[],
    ggx_adapter_functions[]; /* ended by a NULL name */
void ggx_vocabularies_close(ggx_eval *eval);
/* names.c */
ggx_status ggx_call_model_parts(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                                ggx_value *out);
ggx_status ggx_call_title(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count, ggx_value *out);
const char *const *ggx_function_names(const char **space, uint32_t capacity);
ggx_status ggx_json_value(ggx_eval *eval, const ggx_node *node, const ggx_json *json, ggx_value *out); /* NULL: null */
ggx_status ggx_kv_value(ggx_eval *eval, const ggx_node *node, const ggx_kv *kv, ggx_value *out);       /* NULL: null */
/* The bytes of a file beside the model; data NULL: it is not there. */
ggx_status ggx_eval_file(ggx_eval *eval, const ggx_node *node, ggx_str name, ggx_str *out);
/* One of the names that ggx gives (reader, type …); 0 when it is none. */
int ggx_builtin_value(ggx_eval *eval, ggx_str name, ggx_value *out);
extern const char *const ggx_builtin_names[]; /* ended by NULL */

#endif
