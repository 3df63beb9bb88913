/* core/recipe/model.h - a parsed recipe: rules, operations, output profiles. Private to this room. */
#ifndef GGX_CORE_RECIPE_MODEL_H
#define GGX_CORE_RECIPE_MODEL_H

#include "checkpoint/decoded.h"
#include "recipe/value.h"

#define GGX_MAX_PLACEHOLDERS 8
#define GGX_MAX_OPS 64 /* pointwise operations on one output */

/* --- pattern.c --- */

enum { GGX_PART_LITERAL, GGX_PART_INTEGER, GGX_PART_SEGMENT, GGX_PART_REST };
typedef struct ggx_part {
    uint32_t kind, slot;
    ggx_str text; /* LITERAL */
} ggx_part;

typedef struct ggx_pattern {
    ggx_origin origin;
    ggx_str text; /* as written */
    ggx_part *parts;
    uint32_t part_count, slot_count;
    ggx_str names[GGX_MAX_PLACEHOLDERS];
    uint8_t integer[GGX_MAX_PLACEHOLDERS];
    void *regex;                           /* compiled, of a pattern that begins with "re:"; then there are no parts */
    uint32_t groups[GGX_MAX_PLACEHOLDERS]; /* its number for each slot */
} ggx_pattern;

typedef struct ggx_match {
    ggx_str slot[GGX_MAX_PLACEHOLDERS];
} ggx_match;

ggx_status ggx_pattern_parse(ggx_arena *arena, const ggx_origin *origin, ggx_pattern **out, ggx_error *error);
/* 1: the whole name matches; the slots point into it. `steps` counts work. */
int ggx_pattern_match(const ggx_pattern *pattern, ggx_str name, ggx_match *match, uint64_t *steps);
/* regex.c: `expression` is the text behind "re:". A match that reaches its limits sets *steps beyond every bound. */
ggx_status ggx_regex_parse(ggx_arena *arena, ggx_pattern *p, ggx_str expression, ggx_error *error);
int ggx_regex_match(const ggx_pattern *pattern, ggx_str name, ggx_match *match, uint64_t *steps);
/* The slot of that name, or UINT32_MAX. */
uint32_t ggx_pattern_slot(const ggx_pattern *pattern, ggx_str name);
/* The name with the placeholders filled in from `from`'s match by name; data NULL without memory. */
ggx_str ggx_pattern_fill(ggx_arena *arena, const ggx_pattern *pattern, const ggx_pattern *from, const ggx_match *match);

/* --- operations --- */

enum {
    GGX_DO_TRANSPOSE,
    GGX_DO_REVERSE,
    GGX_DO_PERMUTE,
    GGX_DO_RESHAPE,
    GGX_DO_SLICE,
    GGX_DO_SPLIT,
    GGX_DO_SQUEEZE,
    GGX_DO_UNSQUEEZE,
    GGX_DO_REPEAT,
    GGX_DO_CAST,
    GGX_DO_ADD,
    GGX_DO_MUL,
    GGX_DO_NEG,
    GGX_DO_EXP,
    GGX_DO_TERNARY,
    GGX_DO_SCALE,
    GGX_DO_IF
};

typedef struct ggx_step ggx_step;
typedef struct ggx_steps {
    ggx_step *first;
} ggx_steps;
struct ggx_step {
    uint32_t kind;
    ggx_origin origin;
    ggx_node *
        value; /* PERMUTE, RESHAPE, SCALE: list; SQUEEZE (may be NULL), UNSQUEEZE: axis; CAST … TERNARY; IF: condition */
    ggx_node *axis;         /* SLICE, SPLIT, REPEAT, SCALE */
    ggx_node *start, *stop; /* SLICE, may be NULL; SPLIT: parts or NULL, and sizes or NULL; REPEAT: times */
    ggx_node *take;         /* SPLIT */
    ggx_steps body;         /* IF */
    ggx_step *next;
};

/* --- rules --- */

enum { GGX_RULE_TAKE, GGX_RULE_DROP, GGX_RULE_CONST, GGX_RULE_DECODE };
enum { GGX_JOIN_NONE, GGX_JOIN_CONCAT, GGX_JOIN_STACK };

typedef struct ggx_rule_source {
    ggx_origin origin;
    ggx_str name;         /* DECODE: of the decoder's input */
    ggx_pattern *pattern; /* NULL: a constant */
    ggx_node *constant, *shape;
    ggx_steps steps;
} ggx_rule_source;

typedef struct ggx_rule_output {
    ggx_origin origin;
    ggx_node *to, *type, *fallback, *label, *rows, *when;
    int32_t last; /* behind all outputs that are not */
    ggx_steps steps;
} ggx_rule_output;

typedef struct ggx_domain { /* "for": a name and the values it takes */
    ggx_str name;
    ggx_node *list;
} ggx_domain;

typedef struct ggx_rule {
    uint32_t kind, join, group;
    int32_t last;
    ggx_origin origin;
    ggx_str key; /* how "extends" and "without" know it */
    ggx_rule_source *sources;
    uint32_t source_count, leader;
    ggx_str over;      /* joined along this placeholder; empty: none */
    uint32_t together; /* 1 + index of the domain whose outputs stand together; 0: none */
    ggx_node *axis, *count;
    ggx_node *sizes; /* of the joined, along the axis; may be NULL */
    ggx_domain *domains;
    uint32_t domain_count;
    ggx_node *when, *shape, *optional;
    ggx_node *beside;    /* CONST: names a source tensor; stands behind the output that begins with it */
    int32_t early, keep; /* of "packed": what is made of it comes before all else; has its type whatever --type says */
    ggx_steps steps;
    ggx_rule_output *outputs;
    uint32_t output_count;
    ggx_str decoder;
    struct ggx_named_value *with; /* DECODE: the decoder's options */
    uint32_t with_count;
} ggx_rule;

typedef struct ggx_field {
    ggx_origin origin;
    ggx_str key;
    ggx_node *name, *value, *when;
    int32_t optional;
    uint32_t type; /* GGX_KV_* */
    ggx_pattern *copy;
    ggx_domain domain; /* name empty: none */
} ggx_field;

enum { GGX_ORDER_NONE, GGX_ORDER_SOURCE, GGX_ORDER_RECIPE, GGX_ORDER_NAME, GGX_ORDER_SOURCE_NAME };
typedef struct ggx_profile {
    ggx_origin origin;
    ggx_str writer;
    int32_t order;     /* GGX_ORDER_* */
    ggx_node *ordered; /* instead: an expression that gives its word */
    int32_t has_layout;
    ggx_steps layout;
    ggx_node *via, *vectors, *matrices, *type, *label, *fallback;
    ggx_str rounding;         /* operations on elements of this type round to it; empty: none */
    const ggx_json *sequence; /* list of lists of fields' names, or NULL */
    ggx_field *fields;
    uint32_t field_count;
} ggx_profile;

typedef struct ggx_named_value {
    ggx_str name;
    ggx_origin origin;
    ggx_node *node;
} ggx_named_value;

typedef struct ggx_rename { /* of "renames": the name that a source tensor has for all else */
    ggx_pattern *from;
    ggx_node *to, *when;
} ggx_rename;

typedef struct ggx_demand { /* of "require" */
    ggx_node *that, *otherwise;
} ggx_demand;

/* "adapter": tensors that are factors of a base model's weights */
typedef struct ggx_adapter_pair {
    ggx_pattern *a, *b, *as;
    int32_t turned; /* 1: the weight is the product's transpose */
} ggx_adapter_pair;

typedef struct ggx_adapter {
    ggx_origin origin;
    ggx_node *base; /* the base model's folder, or NULL */
    ggx_adapter_pair *pairs;
    uint32_t pair_count, plain_count, needed_count;
    ggx_pattern **plain;  /* tensors that are the base's own, changed as a whole */
    ggx_pattern **needed; /* weights whose change is not left out where the base's recipe leaves them out */
    ggx_str suffix[2];
} ggx_adapter;

struct ggx_recipe {
    const ggx_adapter *adapter; /* or NULL */
    const char *id, *about, *path, *config;
    const ggx_json *portion; /* a string, a list of strings, or NULL */
    int32_t specificity;     /* 0 not given */
    ggx_origin origin;
    ggx_node *when;
    ggx_named_value *values;
    uint32_t value_count;
    ggx_demand *demands;
    uint32_t demand_count;
    ggx_rule *rules;
    uint32_t rule_count, group_count;
    ggx_rule
        *packed; /* of "packed": of kind DECODE, with one output, whose `to` is the name that the result stands for */
    uint32_t packed_count;
    ggx_rename *renames;
    uint32_t rename_count;
    ggx_profile *profiles;
    uint32_t profile_count;
    ggx_origin extends_origin;
    const char *extends;
    const ggx_json *prefixes; /* list of strings, or NULL */
    const ggx_json *options;  /* name → string, or NULL */
    ggx_str *without;
    ggx_origin *without_origin;
    uint32_t without_count;
    ggx_named_value *turned_values; /* of "backwards": they replace values when the recipe runs backwards */
    uint32_t turned_count;
    ggx_profile backwards; /* of "backwards": only its fields are used */
    int32_t forth_only;    /* "backwards": false */
};

/* --- reader.c: JSON with places --- */

/* What all parsing functions share. */
typedef struct ggx_recipe_parser {
    ggx_arena *arena;
    const char *file;
    ggx_str document;
    ggx_error *error;
} ggx_recipe_parser;

ggx_origin ggx_parser_origin(const ggx_recipe_parser *parser, const ggx_json *json);
/* An error at a value. */
#define GGX_PARSER_FAIL(parser, at_json, ...)                                                                 \
    ggx_origin_fail((&(ggx_origin){(parser)->file, (parser)->document, at_json}), GGX_WHOLE, (parser)->error, \
                    GGX_E_USAGE, __VA_ARGS__)
ggx_status ggx_parser_words(const ggx_recipe_parser *parser, const ggx_json *object, const char *const *words,
                            const char *what);
ggx_status ggx_parser_kind(const ggx_recipe_parser *parser, const ggx_json *json, uint32_t kind, const char *what);
/* A value: a literal, a list, or an expression. NULL json gives NULL. */
ggx_status ggx_parser_value(const ggx_recipe_parser *parser, const ggx_json *json, ggx_node **out);
ggx_status ggx_parser_template(const ggx_recipe_parser *parser, const ggx_json *json, ggx_node **out);
ggx_status ggx_parser_pattern(const ggx_recipe_parser *parser, const ggx_json *json, ggx_pattern **out);
ggx_status ggx_parser_axis(const ggx_recipe_parser *parser, const ggx_json *json, ggx_node **out);
ggx_status ggx_parser_no_memory(const ggx_recipe_parser *parser);
extern const char *const ggx_recipe_words[],
    *const ggx_rule_words[], *const ggx_step_words[], *const ggx_profile_words[], *const ggx_field_words[];

ggx_status ggx_parse_steps(const ggx_recipe_parser *parser, const ggx_json *list, ggx_steps *out);
ggx_status ggx_parse_rules(const ggx_recipe_parser *parser, const ggx_json *list, struct ggx_recipe *recipe);
ggx_status ggx_parse_packed(const ggx_recipe_parser *parser, const ggx_json *list, struct ggx_recipe *recipe);
ggx_status ggx_parse_named(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_named_value **values,
                           uint32_t *count);
ggx_status ggx_parse_outputs(const ggx_recipe_parser *parser, const ggx_json *object, struct ggx_recipe *recipe);
ggx_status ggx_parse_domain(const ggx_recipe_parser *parser, const ggx_json *member, ggx_domain *out);

ggx_status ggx_parse_renames(const ggx_recipe_parser *parser, const ggx_json *list, struct ggx_recipe *recipe);
ggx_status ggx_parse_adapter(const ggx_recipe_parser *parser, const ggx_json *json, struct ggx_recipe *recipe);
/* adapter.c: instead of ggx_recipe_apply for a recipe with "adapter". */
ggx_status ggx_adapter_apply(ggx_arena *arena, const struct ggx_recipe *recipe, const ggx_profile *profile,
                             const ggx_recipe_env *env, ggx_recipe_result *out, ggx_error *error);

/* The fields of a header, added to the profile; NULL: none. */
ggx_status ggx_parse_header(const ggx_recipe_parser *parser, const ggx_json *json, ggx_profile *profile);
/* The bytes of a recipe's file. */
/* Recipes of one folder that others extend, parsed once; the first link is the caller's and empty. */
typedef struct ggx_recipe_shelf {
    ggx_recipe *recipe;
    struct ggx_recipe_shelf *next;
} ggx_recipe_shelf;
/* As ggx_recipe_load, but unchecked: ggx_recipe_check_all does that. */
ggx_status ggx_recipe_load_shelved(ggx_arena *arena, const char *path, ggx_recipe_shelf *shelf, ggx_recipe **out,
                                   ggx_error *error);
ggx_status ggx_recipe_check_all(ggx_arena *arena, const ggx_recipe *recipe, ggx_error *error);
ggx_status ggx_recipe_text(ggx_arena *arena, const char *what, const char *path, ggx_str *out, ggx_error *error);

/* --- extend.c, check.c --- */
ggx_status ggx_recipe_extend(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                             ggx_error *error);
ggx_status ggx_extend_values(ggx_arena *arena, struct ggx_recipe *recipe, const struct ggx_recipe *base,
                             ggx_error *error);
/* backwards.c, extend.c: the recipe with the values that it has backwards; why a rule does not run backwards, or NULL. */
ggx_status ggx_recipe_turn(ggx_arena *arena, struct ggx_recipe *recipe, ggx_error *error);
const char *ggx_rule_one_way(const ggx_rule *rule);
/* Every name in every expression is known; no values in a circle. */
ggx_status ggx_recipe_check(const struct ggx_recipe *recipe, ggx_error *error);

/* --- apply.c and its parts --- */

#define GGX_MARK_EARLY 1u /* what begins with it comes before all else */
#define GGX_MARK_KEEP 2u  /* what begins with it keeps its type */

/* An output on its way: its view and what else is known. */
typedef struct ggx_made {
    ggx_recipe_tensor tensor;
    uint64_t position;   /* in source order: index + 1 of a source tensor; 0 first, UINT64_MAX last */
    uint32_t rule, into; /* indices */
    ggx_match match;     /* of the leader, for recipe order */
    uint64_t turn;       /* among outputs that stand together: place in the list */
    uint64_t sequence;
    int32_t late; /* 0: before all those that have 1 */
} ggx_made;

typedef struct ggx_apply {
    ggx_eval *eval;
    ggx_arena *arena; /* of the results */
    const struct ggx_recipe *recipe;
    const ggx_recipe_env *env;
    ggx_checkpoint *overlay;    /* env's checkpoint, when the recipe decodes; else NULL */
    const ggx_profile *profile; /* NULL: none */
    ggx_made *made;
    uint64_t made_count, made_capacity;
    ggx_recipe_use *uses;
    uint64_t use_count, use_capacity;
    uint32_t *claimed;  /* for each source tensor: rule + 1 */
    uint8_t *used;      /* for each source tensor */
    uint64_t *taken;    /* for each rule */
    uint8_t *marks;     /* for each source tensor: GGX_MARK_* of a decoded one */
    ggx_value *domains; /* for each rule, GGX_MAX_PLACEHOLDERS lists of its "for", computed when first needed */
    int32_t order;      /* GGX_ORDER_*, as the profile says */
    uint64_t *ranks;    /* of the source tensors, or NULL: as they come */
    uint64_t steps;     /* of matching */
    ggx_str current;    /* the tensor being made, for messages */
    ggx_error *error;
} ggx_apply;

/* steps.c: does the steps to the view; pointwise operations are added to ops (NULL: not allowed here). */
typedef struct ggx_op_list {
    ggx_op op[GGX_MAX_OPS];
    uint32_t count;
} ggx_op_list;
ggx_status ggx_steps_run(ggx_apply *apply, const ggx_steps *steps, ggx_view *view, ggx_op_list *ops);
ggx_status ggx_steps_axis(ggx_eval *eval, const ggx_node *node, uint32_t rank, uint32_t *out);
/* make.c: the outputs of one match of a rule. */
ggx_status ggx_rule_make(ggx_apply *apply, uint32_t rule, uint64_t tensor, const ggx_match *match);
ggx_status ggx_rule_make_const(ggx_apply *apply, uint32_t rule, const ggx_local *locals);
ggx_status ggx_apply_use_at(ggx_apply *apply, uint64_t tensor, const ggx_origin *origin, int dropped);
ggx_status ggx_apply_use(ggx_apply *apply, uint64_t tensor, uint32_t rule, int dropped);
/* apply.c: the list of a rule's "for" number `domain`. */
ggx_status ggx_apply_domain(ggx_apply *apply, uint32_t rule, uint32_t domain, ggx_value *out);
/* Does the rule want the tensor of that bare name? */
ggx_status ggx_apply_wants(ggx_apply *apply, uint32_t rule, ggx_str name, int *wanted);
/* Are the bound placeholders among the values of the rule's "for"? */
ggx_status ggx_apply_within(ggx_apply *apply, uint32_t rule, int *within);
/* The name without the first of the recipe's prefixes that it begins with. */
ggx_str ggx_recipe_bare(const struct ggx_recipe *recipe, ggx_str name);
/* The source tensor of that name, or of that name behind one of the prefixes; UINT64_MAX: none. */
uint64_t ggx_recipe_find(ggx_arena *arena, const struct ggx_recipe *recipe, const ggx_checkpoint *checkpoint,
                         ggx_str name);
/* Binds the match's placeholders; `space` has GGX_MAX_PLACEHOLDERS entries. */
const ggx_local *ggx_match_bind(const ggx_pattern *pattern, const ggx_match *match, const ggx_local *outer,
                                ggx_local *space);
/* decode.c: what the match makes is put into the overlay under `name`; `lead` is the tensor that matched. ggx_packed_make does that for
 * all of "packed". */
ggx_status ggx_decode_make(ggx_apply *apply, const ggx_rule *rule, const ggx_match *match, ggx_str name, uint64_t lead);
ggx_status ggx_packed_make(ggx_apply *apply);
int ggx_recipe_decodes(const struct ggx_recipe *recipe);
/* rename.c: env's checkpoint becomes one with the names that "renames" gives its tensors; it stays when it gives none. */
ggx_status ggx_rename_make(ggx_arena *arena, const struct ggx_recipe *recipe, ggx_recipe_env *env, ggx_error *error);
/* header.c, order.c, coverage.c */
int32_t ggx_order_word(ggx_str word); /* GGX_ORDER_NONE: none of them */
ggx_status ggx_header_make(ggx_apply *apply, ggx_recipe_result *out);
ggx_status ggx_order_outputs(ggx_apply *apply, ggx_recipe_result *out);
/* Fills apply->ranks where the profile wants the source's tensors by name. */
ggx_status ggx_order_sources(ggx_apply *apply);
ggx_status ggx_coverage_check(ggx_apply *apply);
/* Did the rule find what it needs? */
ggx_status ggx_coverage_rule(ggx_apply *apply, uint32_t rule);
/* A copy of a view's error text at a place of the recipe, as a fault of the checkpoint. */
ggx_status ggx_apply_view_fail(ggx_apply *apply, const ggx_origin *origin, ggx_status status, const ggx_error *inner);

#endif
