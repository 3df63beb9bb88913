/* core/recipe/recipe.h - recipes: models as data.
 *
 * A recipe is a JSON file (docs/recipes.md) that says for one model family and one output which source tensors become which output
 * tensors, under which names, through which views and pointwise operations, and what stands in the header. This room parses
 * recipes, evaluates their value expressions, and applies one to a checkpoint; it knows no model. What it returns is data for
 * core/plan. */
#ifndef GGX_CORE_RECIPE_H
#define GGX_CORE_RECIPE_H

#include "checkpoint/view.h"

/* A pointwise operation on f32 elements, in order after the view's elements were read. */
#define GGX_OP_CAST 1 /* round through `type` (quantize and dequantize): what an intermediate file would have done */
#define GGX_OP_ADD 2  /* + value */
#define GGX_OP_MUL 3  /* × value */
#define GGX_OP_NEG 4
#define GGX_OP_EXP 5     /* e^x, by core/base/math.h: the same bytes on every machine */
#define GGX_OP_TERNARY 6 /* to -1, 0 or 1 times the mean magnitude of a whole tensor */
#define GGX_OP_SCALE 7   /* × a factor that the place on one axis of the view decides */

/* What a pass over a whole tensor finds before its tiles are made (execute/measure.h). */
typedef struct ggx_measure {
    ggx_view over; /* its elements after the operations before this one are measured */
    float mean;    /* of their magnitudes */
    int32_t state; /* GGX_MEASURE_* */
} ggx_measure;
#define GGX_MEASURE_NONE 0
#define GGX_MEASURE_CLAIMED 1 /* somebody is at it */
#define GGX_MEASURE_KNOWN 2

typedef struct ggx_op {
    uint32_t kind;        /* GGX_OP_* */
    float value;          /* ADD, MUL; TERNARY: the least mean that counts */
    ggx_str type;         /* CAST: name of a tensor type */
    ggx_measure *measure; /* TERNARY; plans of one result share it */
    const float *factors; /* SCALE: one for each place on the axis */
    uint32_t axis;
} ggx_op;

/* One output tensor as a rule made it. */
typedef struct ggx_recipe_tensor {
    ggx_str name;
    ggx_view view;
    const ggx_op *ops;
    uint32_t op_count;
    uint32_t
        row_axes; /* >0: when quantized to blocks that do not divide the last axis, axes from this one on are one row */
    ggx_str type; /* fixed type; empty: --type decides, and "float" below holds when it is not given */
    ggx_str default_type;            /* type when --type is not given; empty: the source's own */
    ggx_str label;                   /* the type that the file is to say, whatever the bytes are; empty: the truth */
    uint32_t rule_line, rule_column; /* in rule_file; 0 for --recipe none */
    const char *rule_file; /* the recipe's own or one that it extends; lives as long as the recipe; may be NULL */
    int32_t quantize;      /* 1: --type applies to it; 0: it keeps default_type (a norm, a bias) */
} ggx_recipe_tensor;

/* A source tensor and the rule that consumed or dropped it, for `ggx recipes explain`. */
typedef struct ggx_recipe_use {
    uint64_t tensor; /* index in the checkpoint */
    uint32_t rule_line;
    int32_t dropped;
    const char *rule_file; /* as above */
} ggx_recipe_use;

typedef struct ggx_recipe_result {
    ggx_recipe_tensor *tensors; /* in output order */
    uint64_t tensor_count;
    ggx_kv *kvs; /* header fields or key/values, in output order */
    uint64_t kv_count;
    ggx_recipe_use *uses; /* one for each use of a source tensor */
    uint64_t use_count;
    const ggx_checkpoint *checkpoint; /* that views and uses count in: the given one, or one laid over it */
    int32_t identity;                 /* 1: no recipe; the key/values are the checkpoint's own */
    ggx_str via;                      /* type that every quantized tensor is rounded through first; empty: none */
    ggx_str fallback;                 /* type where blocks of the --type do not divide rows; empty: the type's own */
    const char **
        lost; /* of a recipe run backwards or an adapter's: what could not be restored or was left out, a phrase each */
    uint64_t lost_count;
} ggx_recipe_result;

typedef struct ggx_recipe ggx_recipe; /* parsed; lives in its arena */

/* A JSON file of key/values that go before what a recipe finds itself, for recipes that ask metadata(). */
typedef struct ggx_metadata_file {
    const char *path;
    int32_t used; /* the recipe has asked */
} ggx_metadata_file;

/* What expressions can see besides the checkpoint. */
typedef struct ggx_recipe_env {
    const ggx_checkpoint *checkpoint;
    const char *writer;     /* name of the output's writer */
    const ggx_quant *type;  /* the --type, or NULL when not given */
    const char *type_name;  /* its name, or "" */
    const char *via;        /* the --via, or NULL when not given */
    const char *version;    /* of ggx */
    const char *model_name; /* of the folder that the model lies in, or NULL */
    ggx_setting *settings;  /* -O of the user, for vocabulary plugins */
    uint32_t setting_count;
    int32_t header_only;         /* 1: no tensors are made, and none is missed */
    ggx_metadata_file *metadata; /* or NULL */
    const ggx_run *run;          /* may be NULL */
    int32_t nested;              /* 1: the recipe is only compared with another one */
    int32_t
        partial; /* 1: only some of the model's tensors are there, as in an adapter: none is missed, nothing is added, no header is made */
    const char *base;      /* folder of the model that an adapter is for, or NULL */
    const char *directory; /* of ggx's recipes, or NULL: the recipe's own */
    const char *compat;    /* the reference that was named, or NULL */
    const char *portion;   /* the part of the model that is wanted, or NULL: the model itself */
} ggx_recipe_env;

/* Parses a recipe from text; `path` is for messages ("file:line:column: …"). `search` is the recipe directory for `extends`. The
 * recipe lives in the arena. Errors: GGX_E_USAGE for every word that is not of the language. */
ggx_status ggx_recipe_parse(ggx_arena *arena, ggx_str text, const char *path, const char *search, ggx_recipe **out,
                            ggx_error *error);

/* Reads the file and parses it. */
ggx_status ggx_recipe_load(ggx_arena *arena, const char *path, const char *search, ggx_recipe **out, ggx_error *error);

/* The recipe's id, its file, one line of description, and the writers it is for: index counts from 0, NULL is the end ("*" stands for
 * every other; no writer at all: it is for all). */
const char *ggx_recipe_id(const ggx_recipe *recipe);
const char *ggx_recipe_path(const ggx_recipe *recipe);
const char *ggx_recipe_about(const ggx_recipe *recipe);
const char *ggx_recipe_writer(const ggx_recipe *recipe, uint32_t index);

/* Option number `index` that its files are read with: a name and a value. 0 when there is no such one. */
int ggx_recipe_option(const ggx_recipe *recipe, uint32_t index, const char **name, const char **value);

/* Does it make files of that part of a model (NULL: of the model itself)? */
int ggx_recipe_makes(const ggx_recipe *recipe, const char *portion);

/* How well the recipe's "when" fits: 0 does not apply, else its specificity (1..100). Errors only when the recipe itself is at fault. */
ggx_status ggx_recipe_match(const ggx_recipe *recipe, const ggx_recipe_env *env, int32_t *score, ggx_error *error);

/* Is the config file beside the model, which most recipes are found by, one that can be read? GGX_OK too when there is none. */
ggx_status ggx_recipe_config(const ggx_recipe_env *env, ggx_error *error);

/* Applies the recipe: every source tensor is consumed or dropped, or the first leftover is named. Results live in `arena`. Errors:
 * GGX_E_MALFORMED (a tensor missing, of the wrong shape, left over: with its name, the recipe and the line), GGX_E_USAGE. When only
 * the coverage check failed, `out` holds outputs and uses all the same, for `ggx recipes explain`. */
ggx_status ggx_recipe_apply(ggx_arena *arena, const ggx_recipe *recipe, const ggx_recipe_env *env,
                            ggx_recipe_result *out, ggx_error *error);

/* `--recipe none`: every tensor with its name, shape and type, key/values as they are; auxiliary tensors left out. */
ggx_status ggx_recipe_identity(ggx_arena *arena, const ggx_recipe_env *env, ggx_recipe_result *out, ggx_error *error);

/* Can this recipe only be meant backwards: it makes files of the format that is read, and none of the one that is written? */
int ggx_recipe_leads_back(const ggx_recipe *recipe, const ggx_recipe_env *env);
/* Was the file made by this recipe: its header has the recipe's fields, and every tensor has a rule that leads back from it? */
ggx_status ggx_recipe_made(const ggx_recipe *recipe, const ggx_recipe_env *env, int *made, ggx_error *error);
/* Runs the recipe backwards: the source's names, shapes and values, and what is lost. Results live in `arena`. GGX_E_MALFORMED when
 * no tensor of the file has a rule that leads back from it. */
ggx_status ggx_recipe_backwards(ggx_arena *arena, const ggx_recipe *recipe, const ggx_recipe_env *env,
                                ggx_recipe_result *out, ggx_error *error);
/* Rule number `index`: its file and line, the name it goes by, and why it does not run backwards, or NULL. 0 when there is no such rule. */
int ggx_recipe_rule(const ggx_recipe *recipe, uint32_t index, const char **file, uint32_t *line, ggx_str *key,
                    const char **one_way);

/* Finds a recipe by id or path, or by matching when `name` is NULL: the best score of all *.json in `directory`; none: *out = NULL.
 * A tie is GGX_E_UNSUPPORTED and names the candidates. `env` may be NULL when `name` is not. */
ggx_status ggx_recipe_choose(ggx_arena *arena, const char *directory, const char *name, const ggx_recipe_env *env,
                             ggx_recipe **out, ggx_error *error);
/* How much of a checkpoint a recipe's rules take, by names alone: with those that are `missing` (named: how families are told), and without. */
#define GGX_NEAR_RIVALS 4

typedef struct ggx_recipe_near {
    const ggx_recipe *recipe; /* NULL: none takes anything */
    uint64_t named;
    uint64_t tensors, taken, dropped; /* of the checkpoint; how many of them a rule takes; of these, to drop them */
    uint8_t *is_taken;                /* for each tensor */
    ggx_str *missing; /* rules that need a tensor that is not there, by the text that `without` knows them by */
    uint32_t missing_count;
    uint32_t distance; /* edits between `word` and the nearest text in the recipe's condition */
    uint32_t kin;   /* 0: `kin` is its id … 3: neither the id nor a text of the condition is like `kin` and `word` */
    uint32_t heirs; /* recipes in the directory that build on it */
    uint32_t rival_count;
    const char *rivals[GGX_NEAR_RIVALS]; /* ids of recipes that are as near but for their names */
} ggx_recipe_near;

/* Of the recipes in `directory` for this writer, but the one of id `except`: the one that takes all, else most, of the tensors; among equals the one
 * of id `kin` (may be empty) or whose condition has nearly `word`, else the one that most others build on, else the one nearest to `word`.
 * Lives in the arena. */
ggx_status ggx_recipe_nearest(ggx_arena *arena, const char *directory, const ggx_recipe_env *env, ggx_str word,
                              ggx_str kin, const char *except, ggx_recipe_near *out, ggx_error *error);

/* Is the recipe for this writer? NULL or "": any. */
int ggx_recipe_is_for(const ggx_recipe *recipe, const char *writer);

/* The recipe's value of that name as a text; data NULL when it has none. */
ggx_status ggx_recipe_value(ggx_arena *arena, const ggx_recipe *recipe, const ggx_recipe_env *env, const char *name,
                            ggx_str *out, ggx_error *error);

/* The one recipe in `directory` that made the file and leads back from it, or NULL. */
ggx_status ggx_recipe_choose_back(ggx_arena *arena, const char *directory, const ggx_recipe_env *env, ggx_recipe **out,
                                  ggx_error *error);

#endif
