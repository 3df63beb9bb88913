/* core/recipe/backwards.h - what the two halves of running a recipe backwards share. Private to this room.
 *
 * A rule is undone by doing it to a source of a guessed shape: when that gives the file's shape, the view that it made is turned around. Parts that a
 * rule cut out of one tensor are undone one by one and put together (backwards_parts.c); what it joined is undone whole and cut. */
#ifndef GGX_CORE_RECIPE_BACKWARDS_H
#define GGX_CORE_RECIPE_BACKWARDS_H

#include "recipe/model.h"

typedef struct ggx_walk {
    ggx_apply apply;
    const struct ggx_recipe *recipe;
    ggx_recipe_tensor *restored;
    uint64_t restored_count, restored_capacity;
    const char **lost;
    uint64_t lost_count, lost_capacity;
} ggx_walk;

typedef struct ggx_digits { /* the factors of a view, outermost first, and their order in the source */
    ggx_factor factor[GGX_MAX_RANK];
    uint32_t order[GGX_MAX_RANK], count;
} ggx_digits;

typedef struct ggx_shape {
    uint64_t shape[GGX_MAX_RANK];
    uint32_t rank;
} ggx_shape;

/* Is the rule one that cuts its source into parts, each an output that begins with a slice or a split? */
int ggx_rule_cuts(const ggx_rule *rule);
/* Why the operations do not run backwards, or NULL. */
const char *ggx_steps_one_way(const ggx_step *first);

/* A view of a tensor of that shape, as if there were one, with the operations done to it. */
ggx_status ggx_back_try(ggx_walk *w, const ggx_shape *shape, const ggx_steps *const *steps, uint32_t count,
                        ggx_view *view, ggx_op_list *ops);
/* 1 when the view shows each element of such a tensor once. */
int ggx_back_digits(const ggx_view *view, ggx_digits *out);
/* Turns the view around: its elements as the source of that shape has them. */
ggx_status ggx_back_undo(ggx_walk *w, ggx_view *view, const ggx_digits *d, const ggx_shape *shape);
/* The shape itself, with its last axes swapped, reversed; the number of them is 3. */
void ggx_back_forms(const uint64_t *shape, uint32_t rank, ggx_shape *out);
ggx_status ggx_back_ops(ggx_walk *w, const ggx_op_list *ops, ggx_recipe_tensor *t);
int ggx_back_taken(const ggx_walk *w, ggx_str name);
ggx_status ggx_back_keep(ggx_walk *w, const ggx_recipe_tensor *made);

/* All parts of one source, when all are in the file; `match` and the locals are bound. */
ggx_status ggx_back_parts(ggx_walk *w, const ggx_rule *rule, const ggx_match *match);
/* The tensors that were joined to `made`, which has the joined shape. GGX_E_UNSUPPORTED: it does not cut that way. */
ggx_status ggx_back_cut(ggx_walk *w, const ggx_rule *rule, const ggx_match *match, const ggx_recipe_tensor *made);

#endif
