/* backwards.c - a recipe run backwards: from a file of its own making to the names, shapes and values of the source. */
#include "recipe/backwards.h"
#include "base/text.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

/* --- which rules run backwards ------------------------------------------------------------------------------------------------ */

const char *ggx_steps_one_way(const ggx_step *first)
{
    for (const ggx_step *step = first; step; step = step->next) {
        const char *inner = step->kind == GGX_DO_IF ? ggx_steps_one_way(step->body.first) : NULL;
        if (inner) return inner;
        switch (step->kind) { /* a slice may well cut nothing off */
        case GGX_DO_SPLIT: return "a part is cut out";
        case GGX_DO_REPEAT: return "elements are repeated";
        case GGX_DO_EXP: return "exp is not undone";
        case GGX_DO_TERNARY: return "what was rounded to three values is lost";
        case GGX_DO_SCALE: return "factors along an axis are not undone";
        default: break;
        }
    }
    return NULL;
}

/* Does each placeholder of the rule stand alone in the template? Then names can be matched with it. */
static int is_plain(const ggx_rule *rule, const ggx_node *to)
{
    const ggx_pattern *p = rule->sources[rule->leader].pattern;
    uint32_t seen = 0;
    if (to->kind == GGX_NODE_CONST) return p->slot_count == 0;
    if (to->kind != GGX_NODE_TEXT && to->kind != GGX_NODE_NAME) return 0;
    const ggx_node *self[] = {to};
    const ggx_node *const *args = to->kind == GGX_NODE_TEXT ? (const ggx_node *const *)to->args : self;
    for (uint32_t i = 0; i < (to->kind == GGX_NODE_TEXT ? to->count : 1); i++) {
        if (args[i]->kind == GGX_NODE_CONST) continue;
        uint32_t slot = args[i]->kind == GGX_NODE_NAME ? ggx_pattern_slot(p, args[i]->text) : UINT32_MAX;
        if (slot == UINT32_MAX) return 0;
        seen |= 1u << slot;
    }
    if (rule->over.size) seen |= 1u << ggx_pattern_slot(p, rule->over); /* counted, not read */
    return seen == (1u << p->slot_count) - 1;
}

static int is_listed(const ggx_rule *rule)
{
    return rule->domain_count + (rule->over.size != 0) == rule->sources[rule->leader].pattern->slot_count;
}

const char *ggx_rule_one_way(const ggx_rule *rule)
{
    if (rule->kind == GGX_RULE_DROP) return "dropped";
    if (rule->kind == GGX_RULE_CONST) return "made from nothing";
    if (rule->kind == GGX_RULE_DECODE) return "unpacked by a plugin";
    if (rule->join != GGX_JOIN_NONE && !rule->over.size && !rule->sizes && rule->join != GGX_JOIN_STACK)
        return "joined from several whose sizes are not said";
    if (rule->over.size && rule->sources->steps.first) return "changed before it is joined";
    for (uint32_t i = 0; i < rule->source_count; i++)
        if (rule->sources[i].pattern && rule->sources[i].pattern->regex) return "a regular expression makes no names";
    const char *reason = ggx_steps_one_way(rule->steps.first);
    for (uint32_t i = 0; i < rule->output_count && !reason; i++) {
        const ggx_step *first = rule->outputs[i].steps.first;
        reason = ggx_steps_one_way(ggx_rule_cuts(rule) ? first->next : first);
        if (!reason && !is_listed(rule) && !is_plain(rule, rule->outputs[i].to))
            reason = "its placeholders cannot be read off the name";
    }
    return reason;
}

/* --- views undone ------------------------------------------------------------------------------------------------------------- */

/* 1 when the view shows each element of a source of that many elements once. */
int ggx_back_digits(const ggx_view *view, ggx_digits *out)
{
    uint64_t run = 1;
    out->count = 0;
    if (view->piece_count != 1 || view->pieces[0].offset) return 0;
    for (uint32_t a = 0; a < view->rank; a++) {
        const ggx_axis *axis = &view->pieces[0].axis[a];
        if (axis->first) return 0;
        for (uint32_t f = 0; f < axis->factor_count; f++) {
            if (axis->factors[f].size == 1) continue;
            if (out->count == GGX_MAX_RANK) return 0;
            out->factor[out->count++] = axis->factors[f];
        }
    }
    for (uint32_t i = 0; i < out->count; i++) { /* few: insertion, the longest stride first */
        uint32_t at = i;
        for (; at && out->factor[out->order[at - 1]].stride < out->factor[i].stride; at--)
            out->order[at] = out->order[at - 1];
        out->order[at] = i;
    }
    for (uint32_t i = out->count; i-- > 0; run *= out->factor[out->order[i]].size)
        if (out->factor[out->order[i]].stride != (int64_t)run) return 0;
    return 1;
}

ggx_status ggx_back_try(ggx_walk *w, const ggx_shape *shape, const ggx_steps *const *steps, uint32_t count,
                        ggx_view *view, ggx_op_list *ops)
{
    ggx_tensor tensor = w->apply.env->checkpoint->tensors[0];
    ggx_checkpoint source = *w->apply.env->checkpoint;
    int64_t stride = 1;
    ggx_error inner = {0};
    tensor.rank = shape->rank;
    for (uint32_t i = shape->rank; i-- > 0; stride *= (int64_t)shape->shape[i]) {
        tensor.shape[i] = shape->shape[i];
        tensor.stride[i] = stride;
    }
    source.tensors = &tensor;
    source.tensor_count = 1;
    ops->count = 0;
    ggx_status status = ggx_view_tensor(w->apply.arena, &source, 0, view, &inner);
    for (uint32_t i = 0; i < count && status == GGX_OK; i++)
        if (steps[i]) status = ggx_steps_run(&w->apply, steps[i], view, ops);
    return status;
}

ggx_status ggx_back_undo(ggx_walk *w, ggx_view *view, const ggx_digits *d, const ggx_shape *shape)
{
    uint64_t sizes[GGX_MAX_RANK];
    ggx_error inner = {0};
    for (uint32_t i = 0; i < d->count; i++) sizes[i] = d->factor[i].size;
    ggx_status status = ggx_view_reshape(w->apply.arena, view, sizes, d->count, &inner);
    if (status == GGX_OK) status = ggx_view_permute(w->apply.arena, view, d->order, &inner);
    return status == GGX_OK ? ggx_view_reshape(w->apply.arena, view, shape->shape, shape->rank, &inner) : status;
}

/* The operations undone, the last one first. Rounding is not: a cast is passed over. */
ggx_status ggx_back_ops(ggx_walk *w, const ggx_op_list *ops, ggx_recipe_tensor *t)
{
    ggx_op *undone = ggx_arena_array(w->apply.arena, ops->count, sizeof *undone);
    if (!undone) return GGX_E_NOMEM;
    for (uint32_t i = ops->count; i-- > 0;) {
        ggx_op op = ops->op[i];
        if (op.kind == GGX_OP_CAST) continue;
        if (op.kind == GGX_OP_MUL && op.value == 0.0f) return GGX_E_UNSUPPORTED;
        if (op.kind == GGX_OP_ADD) op.value = -op.value;
        if (op.kind == GGX_OP_MUL) op.value = 1.0f / op.value;
        undone[t->op_count++] = op;
    }
    t->ops = undone;
    return GGX_OK;
}

/* --- one tensor --------------------------------------------------------------------------------------------------------------- */

void ggx_back_forms(const uint64_t *shape, uint32_t rank, ggx_shape *out)
{
    for (uint32_t k = 0; k < 3; k++) {
        out[k].rank = rank;
        for (uint32_t i = 0; i < rank; i++) out[k].shape[i] = shape[k == 2 ? rank - 1 - i : i];
    }
    if (rank >= 2) {
        out[1].shape[rank - 2] = shape[rank - 1];
        out[1].shape[rank - 1] = shape[rank - 2];
    }
}

/* Shapes that the source may have had: the one that the rule names, the file's, that with its last axes swapped, reversed. */
static uint32_t guesses(ggx_walk *w, const ggx_rule *rule, const ggx_tensor *t, ggx_shape *out)
{
    ggx_value list;
    if (rule->shape && rule->join == GGX_JOIN_NONE && ggx_eval_list(w->apply.eval, rule->shape, &list) == GGX_OK &&
        list.count <= GGX_MAX_RANK) {
        int whole = 1;
        for (uint64_t i = 0; i < list.count; i++) {
            whole &= list.at.items[i].kind == GGX_VALUE_INT && list.at.items[i].integer > 0;
            out[0].shape[i] = (uint64_t)list.at.items[i].integer;
        }
        out[0].rank = (uint32_t)list.count;
        if (whole) return 1; /* what is known is not guessed */
    }
    ggx_back_forms(t->shape, t->rank, out);
    return 3;
}

static int same_shape(const ggx_view *view, const ggx_tensor *t)
{
    int same = view->rank == t->rank;
    for (uint32_t i = 0; same && i < t->rank; i++) same = view->shape[i] == t->shape[i];
    return same;
}

int ggx_back_taken(const ggx_walk *w, ggx_str name)
{
    for (uint64_t i = 0; i < w->restored_count; i++)
        if (ggx_str_same(w->restored[i].name, name)) return 1;
    return 0;
}

ggx_status ggx_back_keep(ggx_walk *w, const ggx_recipe_tensor *made)
{
    if (w->restored_count == w->restored_capacity) {
        uint64_t wider = w->restored_capacity ? 2 * w->restored_capacity : 64;
        ggx_recipe_tensor *fresh = ggx_arena_array(w->apply.arena, wider, sizeof *fresh);
        if (!fresh) return GGX_E_NOMEM;
        if (w->restored_count) memcpy(fresh, w->restored, (size_t)(w->restored_count * sizeof *fresh));
        w->restored = fresh;
        w->restored_capacity = wider;
    }
    w->restored[w->restored_count++] = *made;
    return GGX_OK;
}

/* Undoes one output of a rule whose placeholders are bound. A tensor that does not fit is left for other rules. */
static ggx_status restore(ggx_walk *w, const ggx_rule *rule, const ggx_rule_output *output, const ggx_match *match,
                          uint64_t tensor)
{
    const ggx_tensor *t = &w->apply.env->checkpoint->tensors[tensor];
    const ggx_pattern *pattern = rule->sources[rule->leader].pattern;
    ggx_recipe_tensor made = {0};
    ggx_shape guess[3] = {{{0}, 0}};
    ggx_op_list ops;
    ggx_view view;
    ggx_digits d;
    int wanted = 1;
    if (w->apply.used[tensor]) return GGX_OK;
    if (ggx_rule_cuts(rule)) return ggx_back_parts(w, rule, match);
    if (rule->when && ggx_eval_bool(w->apply.eval, rule->when, &wanted) != GGX_OK) return GGX_OK;
    if (wanted && output->when && ggx_eval_bool(w->apply.eval, output->when, &wanted) != GGX_OK) return GGX_OK;
    if (!wanted) return GGX_OK;
    made.name = ggx_pattern_fill(w->apply.arena, pattern, pattern, match);
    if (!made.name.data) return GGX_E_NOMEM;
    if (ggx_back_taken(w, made.name)) { /* written twice, as tied weights are */
        w->apply.used[tensor] = 2;
        return GGX_OK;
    }
    w->apply.current = t->name;
    uint32_t n = guesses(w, rule, t, guess);
    for (uint32_t g = 0; g < n; g++) {
        const ggx_steps *const steps[] = {rule->join ? NULL : &rule->sources[rule->leader].steps, &rule->steps,
                                          &output->steps, w->apply.profile ? &w->apply.profile->layout : NULL};
        ggx_error inner = {0};
        if (ggx_back_try(w, &guess[g], steps, 4, &view, &ops) != GGX_OK) continue;
        if (!same_shape(&view, t) || !ggx_back_digits(&view, &d)) continue;
        if (ggx_view_tensor(w->apply.arena, w->apply.env->checkpoint, tensor, &made.view, &inner) != GGX_OK) continue;
        if (ggx_back_undo(w, &made.view, &d, &guess[g]) != GGX_OK) continue;
        made.op_count = 0;
        ggx_status status = ggx_back_ops(w, &ops, &made);
        if (status == GGX_E_NOMEM) return status;
        if (status != GGX_OK) continue;
        ggx_origin_place(&output->origin, GGX_WHOLE, &made.rule_line, &made.rule_column);
        made.quantize = made.view.rank >= 2;
        if (t->type.block_elems > 1) made.default_type = GGX_LIT("f32");
        status = rule->join ? ggx_back_cut(w, rule, match, &made) : ggx_back_keep(w, &made);
        if (status == GGX_E_UNSUPPORTED) continue;
        w->apply.used[tensor] = 1;
        return status;
    }
    return GGX_OK;
}

/* --- the rules' names --------------------------------------------------------------------------------------------------------- */

/* All combinations of the rule's "for"; each names its output. */
static ggx_status restore_listed(ggx_walk *w, uint32_t index, uint32_t into, uint32_t domain, const ggx_local *locals)
{
    const ggx_rule *rule = &w->recipe->rules[index];
    const ggx_pattern *pattern = rule->sources[rule->leader].pattern;
    ggx_value list;
    if (domain == rule->domain_count) {
        ggx_match match = {0};
        ggx_str name;
        for (const ggx_local *local = locals; local; local = local->outer) {
            uint32_t slot = ggx_pattern_slot(pattern, local->name);
            match.slot[slot] = local->value.text;
            if (local->value.kind == GGX_VALUE_INT)
                match.slot[slot] = ggx_arena_format(&w->apply.eval->arena, "%lld", (long long)local->value.integer);
        }
        w->apply.eval->locals = locals;
        ggx_status status = ggx_eval_text(w->apply.eval, rule->outputs[into].to, &name);
        uint64_t tensor = status == GGX_OK ? ggx_checkpoint_find(w->apply.env->checkpoint, name) : UINT64_MAX;
        status = tensor == UINT64_MAX ? GGX_OK : restore(w, rule, &rule->outputs[into], &match, tensor);
        w->apply.eval->locals = NULL;
        return status;
    }
    if (ggx_apply_domain(&w->apply, index, domain, &list) != GGX_OK) return GGX_OK;
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < list.count && status == GGX_OK; i++) {
        ggx_local local = {rule->domains[domain].name, list.at.items[i], locals};
        status = restore_listed(w, index, into, domain + 1, &local);
    }
    return status;
}

/* The template as a pattern, its slots in the order of the source's. */
static ggx_pattern *pattern_of(ggx_walk *w, const ggx_rule *rule, const ggx_node *to)
{
    const ggx_pattern *source = rule->sources[rule->leader].pattern;
    ggx_pattern *p = ggx_arena_alloc(w->apply.arena, sizeof *p);
    const uint32_t count = to->kind == GGX_NODE_TEXT ? to->count : 1;
    ggx_part *parts = p ? ggx_arena_array(w->apply.arena, count, sizeof *parts) : NULL;
    if (!parts) return NULL;
    *p = *source;
    p->parts = parts;
    p->part_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const ggx_node *arg = to->kind == GGX_NODE_TEXT ? to->args[i] : to;
        uint32_t slot = arg->kind == GGX_NODE_NAME ? ggx_pattern_slot(source, arg->text) : 0;
        parts[i] = (ggx_part){GGX_PART_LITERAL, slot, arg->literal.text};
        for (uint32_t k = 0; arg->kind == GGX_NODE_NAME && k < source->part_count; k++)
            if (source->parts[k].kind != GGX_PART_LITERAL && source->parts[k].slot == slot)
                parts[i].kind = source->parts[k].kind;
    }
    return p;
}

static ggx_status restore_matching(ggx_walk *w, uint32_t index, uint32_t into)
{
    const ggx_rule *rule = &w->recipe->rules[index];
    const ggx_pattern *p = pattern_of(w, rule, rule->outputs[into].to);
    ggx_status status = p ? GGX_OK : GGX_E_NOMEM;
    for (uint64_t i = 0; i < w->apply.env->checkpoint->tensor_count && status == GGX_OK; i++) {
        ggx_local space[GGX_MAX_PLACEHOLDERS];
        ggx_match match = {0};
        int within = 1;
        if (!ggx_pattern_match(p, w->apply.env->checkpoint->tensors[i].name, &match, &w->apply.steps)) continue;
        w->apply.eval->locals = ggx_match_bind(p, &match, NULL, space);
        if (ggx_apply_within(&w->apply, index, &within) == GGX_OK && within)
            status = restore(w, rule, &rule->outputs[into], &match, i);
        w->apply.eval->locals = NULL;
        if (w->apply.steps > 50ull * GGX_EVAL_STEPS) break;
    }
    return status;
}

/* --- what is lost ------------------------------------------------------------------------------------------------------------- */

static ggx_status lose(ggx_walk *w, ggx_str text)
{
    if (!text.data) return GGX_E_NOMEM;
    if (w->lost_count == w->lost_capacity) {
        uint64_t wider = w->lost_capacity ? 2 * w->lost_capacity : 16;
        const char **fresh = ggx_arena_array(w->apply.arena, wider, sizeof *fresh);
        if (!fresh) return GGX_E_NOMEM;
        if (w->lost_count) memcpy(fresh, w->lost, (size_t)(w->lost_count * sizeof *fresh));
        w->lost = fresh;
        w->lost_capacity = wider;
    }
    w->lost[w->lost_count++] = text.data;
    return GGX_OK;
}

/* Rules of a file that is extended speak of many models: what they drop may never have been in this one, and the others count only when a
 * tensor of the file did not find its way back. */
static int concerns(const ggx_walk *w, const ggx_rule *rule, uint64_t unused)
{
    const int own = !strcmp(rule->origin.file, w->recipe->path);
    return own || (rule->kind != GGX_RULE_DROP && unused);
}

static ggx_status list_lost(ggx_walk *w)
{
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < w->apply.env->checkpoint->tensor_count && status == GGX_OK; i++)
        if (!w->apply.used[i])
            status =
                lose(w, ggx_arena_format(w->apply.arena, "tensor '%.*s' of the file, which no rule leads back from",
                                         GGX_STR_ARGS(w->apply.env->checkpoint->tensors[i].name)));
    const uint64_t unused = w->lost_count;
    for (uint32_t r = 0; r < w->recipe->rule_count && status == GGX_OK; r++) {
        const ggx_rule *rule = &w->recipe->rules[r];
        const char *reason = rule->kind == GGX_RULE_CONST ? NULL : ggx_rule_one_way(rule);
        uint32_t line, column;
        int wanted = 1; /* a condition that looks at the source's tensors cannot be computed: the rule is listed */
        if (reason && rule->when) {
            ggx_status known = ggx_eval_bool(w->apply.eval, rule->when, &wanted);
            if (known != GGX_OK) wanted = 1;
        }
        if (!reason || !wanted || !concerns(w, rule, unused)) continue;
        const char *file = rule->origin.file, *slash = strrchr(file, '/');
        ggx_origin_place(&rule->origin, GGX_WHOLE, &line, &column);
        status = lose(w, ggx_arena_format(w->apply.arena, "'%.*s': %s (%s, line %u)", GGX_STR_ARGS(rule->key), reason,
                                          slash ? slash + 1 : file, line));
    }
    return status;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------------- */

static const ggx_profile *made_profile(const struct ggx_recipe *recipe, const ggx_recipe_env *env)
{
    for (uint32_t i = 0; i < recipe->profile_count; i++)
        if (ggx_str_same(recipe->profiles[i].writer, ggx_str_of(env->checkpoint->reader_name)))
            return &recipe->profiles[i];
    return NULL;
}

int ggx_recipe_leads_back(const ggx_recipe *recipe, const ggx_recipe_env *env)
{
    if (recipe->forth_only) return 0;
    for (uint32_t i = 0; i < recipe->profile_count; i++)
        if (ggx_str_same(recipe->profiles[i].writer, ggx_str_of(env->writer)) ||
            ggx_str_same(recipe->profiles[i].writer, GGX_LIT("*")))
            return 0;
    return made_profile(recipe, env) != NULL;
}

static ggx_status keep(ggx_walk *w, ggx_recipe_result *out)
{
    out->tensors = w->restored;
    out->tensor_count = w->restored_count;
    out->lost = w->lost;
    out->lost_count = w->lost_count;
    w->apply.profile = &w->recipe->backwards;
    return ggx_header_make(&w->apply, out);
}

/* What a rule makes from nothing needs no way back. */
static ggx_status pass_constant(ggx_walk *w, const ggx_rule *rule)
{
    ggx_str name;
    if (rule->domain_count || ggx_eval_text(w->apply.eval, rule->outputs[0].to, &name) != GGX_OK) return GGX_OK;
    uint64_t tensor = ggx_checkpoint_find(w->apply.env->checkpoint, name);
    if (tensor != UINT64_MAX && !w->apply.used[tensor]) w->apply.used[tensor] = 2;
    return GGX_OK;
}

static ggx_status run(ggx_walk *w, ggx_recipe_result *out)
{
    ggx_error ignored = {0}, *error = w->apply.error;
    ggx_status status = GGX_OK;
    w->apply.error = w->apply.eval->error = &ignored; /* what cannot be computed here is not undone */
    for (uint32_t r = 0; r < w->recipe->rule_count && status == GGX_OK; r++) {
        const ggx_rule *rule = &w->recipe->rules[r];
        if (rule->kind == GGX_RULE_CONST) status = pass_constant(w, rule);
        if (ggx_rule_one_way(rule)) continue;
        for (uint32_t i = 0; i < rule->output_count && status == GGX_OK; i++)
            status = is_listed(rule) ? restore_listed(w, r, i, 0, NULL) : restore_matching(w, r, i);
    }
    if (status == GGX_OK) status = list_lost(w);
    w->apply.error = w->apply.eval->error = error;
    if (status == GGX_OK) status = keep(w, out);
    return status == GGX_E_NOMEM ? ggx_fail(error, status, "the recipe's outputs need too much memory") : status;
}

ggx_status ggx_recipe_backwards(ggx_arena *arena, const ggx_recipe *recipe, const ggx_recipe_env *env,
                                ggx_recipe_result *out, ggx_error *error)
{
    struct ggx_recipe turned = *recipe;
    ggx_eval eval;
    memset(out, 0, sizeof *out);
    ggx_walk w = {.apply = {.eval = &eval, .arena = arena, .recipe = &turned, .env = env, .error = error},
                  .recipe = &turned};
    w.apply.profile = made_profile(recipe, env);
    ggx_status status = ggx_recipe_turn(arena, &turned, error);
    if (status == GGX_OK) status = ggx_eval_open(&eval, &turned, env, error);
    if (status != GGX_OK) return status;
    w.apply.used = ggx_arena_array(&eval.arena, env->checkpoint->tensor_count, 1);
    w.apply.domains = ggx_arena_array(&eval.arena, turned.rule_count, GGX_MAX_PLACEHOLDERS * sizeof(ggx_value));
    status = w.apply.used && w.apply.domains ? run(&w, out) : ggx_fail(error, GGX_E_NOMEM, "no memory for the recipe");
    ggx_eval_close(&eval);
    if (status == GGX_OK && !out->tensor_count)
        return ggx_fail(error, GGX_E_MALFORMED,
                        "recipe %s leads back from none of this file's tensors; was it made by another?", recipe->id);
    return status;
}

/* What the node gives whatever the source is: it is a constant, or names a value of the recipe that is one. NULL: it depends. */
static const ggx_value *fixed_value(const struct ggx_recipe *recipe, const ggx_node *node)
{
    if (node->kind == GGX_NODE_CONST) return &node->literal;
    for (uint32_t i = 0; node->kind == GGX_NODE_NAME && i < recipe->value_count; i++)
        if (ggx_str_same(recipe->values[i].name, node->text))
            return recipe->values[i].node->kind == GGX_NODE_CONST ? &recipe->values[i].node->literal : NULL;
    return NULL;
}

/* Every field that the recipe always writes is there, and those that it fixes have their value. */
static int header_fits(ggx_eval *eval, const ggx_profile *profile)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < profile->field_count; i++) {
        const ggx_field *field = &profile->fields[i];
        ggx_value value = {0};
        if (field->when || field->optional || field->copy || field->domain.name.size) continue;
        ggx_str key;
        if (ggx_eval_text(eval, field->name, &key) != GGX_OK) continue; /* it takes its name from the source */
        const ggx_kv *kv = ggx_checkpoint_kv(eval->env->checkpoint, key);
        const ggx_value *fixed = fixed_value(eval->recipe, field->value);
        if (!kv) return 0;
        found++;
        if (fixed && (ggx_kv_value(eval, field->value, kv, &value) != GGX_OK || !ggx_value_equal(&value, fixed)))
            return 0;
    }
    return found > 0;
}

ggx_status ggx_recipe_made(const ggx_recipe *recipe, const ggx_recipe_env *env, int *made, ggx_error *error)
{
    const ggx_profile *profile = made_profile(recipe, env);
    ggx_error ignored = {0};
    ggx_arena arena;
    ggx_eval eval;
    ggx_recipe_result result;
    *made = 0;
    /* one that is only used by name is only led back by name */
    if (!profile || !recipe->when || recipe->when->kind == GGX_NODE_CONST || !ggx_recipe_leads_back(recipe, env))
        return GGX_OK;
    ggx_recipe_env any = *env;
    int32_t score = 0;
    any.writer = "";
    ggx_status status = ggx_recipe_match(recipe, &any, &score, error);
    if (status != GGX_OK || score) return status; /* it takes such files, and did not make this one */
    status = ggx_eval_open(&eval, recipe, env, error);
    if (status != GGX_OK) return status;
    eval.error = &ignored;
    int fits = header_fits(&eval, profile);
    ggx_eval_close(&eval);
    if (!fits) return GGX_OK;
    ggx_arena_init(&arena, GGX_EVAL_MEMORY);
    if (ggx_recipe_backwards(&arena, recipe, env, &result, &ignored) == GGX_OK) {
        uint64_t used = 0;
        for (uint64_t i = 0; i < result.lost_count; i++) used += !strncmp(result.lost[i], "tensor ", 7);
        *made = !used;
    }
    ggx_arena_free(&arena);
    return GGX_OK;
}
