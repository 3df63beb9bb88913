/* eval.c - evaluates syntax trees. Every step is counted, so that an expression always ends. */
#include "base/text.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <stdio.h>

#define NODE_DEPTH 2048u /* of evaluation through values; one tree is bounded by check.c */

ggx_status ggx_eval_open(ggx_eval *eval, const struct ggx_recipe *recipe, const ggx_recipe_env *env, ggx_error *error)
{
    memset(eval, 0, sizeof *eval);
    ggx_arena_init(&eval->arena, GGX_EVAL_MEMORY);
    eval->recipe = recipe;
    eval->env = env;
    eval->error = error;
    eval->value_state = ggx_arena_array(&eval->arena, recipe ? recipe->value_count : 0, sizeof *eval->value_state);
    eval->values = ggx_arena_array(&eval->arena, recipe ? recipe->value_count : 0, sizeof *eval->values);
    if (eval->value_state && eval->values) return GGX_OK;
    ggx_eval_close(eval);
    return ggx_fail(error, GGX_E_NOMEM, "no memory to evaluate the recipe");
}

void ggx_eval_close(ggx_eval *eval)
{
    ggx_vocabularies_close(eval);
    ggx_arena_free(&eval->arena);
}

ggx_status ggx_eval_work(ggx_eval *eval, const ggx_node *node, uint64_t steps)
{
    eval->steps += steps < GGX_EVAL_STEPS ? steps : GGX_EVAL_STEPS;
    if (eval->steps <= GGX_EVAL_STEPS) return GGX_OK;
    return GGX_NODE_FAIL(eval, node, "the recipe takes more than %u steps; make its lists shorter", GGX_EVAL_STEPS);
}

static ggx_status no_memory(ggx_eval *eval, const ggx_node *node)
{
    return ggx_origin_fail(node->origin, node->offset, eval->error, GGX_E_NOMEM,
                           "the recipe's values take more than %llu MiB", GGX_EVAL_MEMORY >> 20);
}

ggx_status ggx_eval_items(ggx_eval *eval, const ggx_node *node, uint64_t count, ggx_value **out)
{
    if (count > GGX_EVAL_ITEMS)
        return GGX_NODE_FAIL(eval, node, "a list of %llu elements; at most %u are allowed", (unsigned long long)count,
                             GGX_EVAL_ITEMS);
    ggx_status status = ggx_eval_work(eval, node, count);
    if (status != GGX_OK) return status;
    *out = ggx_arena_array(&eval->arena, count, sizeof **out);
    return *out ? GGX_OK : no_memory(eval, node);
}

ggx_status ggx_eval_bytes(ggx_eval *eval, const ggx_node *node, uint64_t size, char **out)
{
    if (size > GGX_EVAL_TEXT)
        return GGX_NODE_FAIL(eval, node, "a string of %llu bytes; at most %u are allowed", (unsigned long long)size,
                             GGX_EVAL_TEXT);
    ggx_status status = ggx_eval_work(eval, node, size / 64);
    if (status != GGX_OK) return status;
    char *data = ggx_arena_alloc(&eval->arena, size + 1);
    if (!data) return no_memory(eval, node);
    *out = data;
    return GGX_OK;
}

/* --- one function for each kind of node --------------------------------------------------------------------------------- */

static ggx_status eval_value(ggx_eval *eval, const ggx_node *node, uint32_t index, ggx_value *out)
{
    if (eval->value_state[index] == 1)
        return GGX_NODE_FAIL(eval, node, "the value '%.*s' needs itself", GGX_STR_ARGS(node->text));
    if (!eval->value_state[index]) {
        const ggx_local *locals = eval->locals, *inner = eval->inner;
        const int of_inner = eval->of_inner && eval->of_inner[index];
        eval->value_state[index] = 1;
        eval->locals = of_inner ? inner : NULL; /* a value means the same everywhere */
        if (!of_inner) eval->inner = NULL;      /* so that it does not take up what holds for one tensor only */
        ggx_status status = ggx_eval_node(eval, eval->recipe->values[index].node, &eval->values[index]);
        eval->locals = locals;
        eval->inner = inner;
        eval->value_state[index] = status == GGX_OK ? 2 : 0;
        if (status != GGX_OK) return status;
    }
    *out = eval->values[index];
    return GGX_OK;
}

static int bound_value(const ggx_local *locals, ggx_str name, ggx_value *out)
{
    while (locals && !ggx_str_same(locals->name, name)) locals = locals->outer;
    if (locals) *out = locals->value;
    return locals != NULL;
}

static ggx_status eval_name(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    if (bound_value(eval->locals, node->text, out) || bound_value(eval->globals, node->text, out)) return GGX_OK;
    for (uint32_t i = 0; eval->recipe && i < eval->recipe->value_count; i++)
        if (ggx_str_same(eval->recipe->values[i].name, node->text)) return eval_value(eval, node, i, out);
    if (ggx_builtin_value(eval, node->text, out)) return GGX_OK;
    return GGX_NODE_FAIL(eval, node, "'%.*s' is not known here", GGX_STR_ARGS(node->text));
}

static ggx_status eval_args(ggx_eval *eval, const ggx_node *node, ggx_value **out)
{
    ggx_status status = ggx_eval_items(eval, node, node->count, out);
    for (uint32_t i = 0; i < node->count && status == GGX_OK; i++)
        status = ggx_eval_node(eval, node->args[i], *out + i);
    return status;
}

static ggx_status eval_list(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_value *items;
    ggx_status status = eval_args(eval, node, &items);
    if (status == GGX_OK) *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = node->count, .at.items = items};
    return status;
}

static ggx_status eval_text_node(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_value *parts;
    ggx_status status = eval_args(eval, node, &parts);
    uint64_t size = 0;
    for (uint32_t i = 0; i < node->count && status == GGX_OK; i++) {
        if (parts[i].kind == GGX_VALUE_INT) {
            char digits[24];
            int n = snprintf(digits, sizeof digits, "%lld", (long long)parts[i].integer);
            parts[i].text = ggx_arena_str(&eval->arena, (ggx_str){digits, (uint64_t)n});
            if (!parts[i].text.data) return no_memory(eval, node);
        } else if (parts[i].kind != GGX_VALUE_STR) {
            return ggx_value_fail(eval, node->args[i], &parts[i], "%s cannot be put into text; int and string can",
                                  ggx_value_kind(&parts[i]));
        }
        size += parts[i].text.size;
    }
    char *data = NULL;
    if (status == GGX_OK) status = ggx_eval_bytes(eval, node, size, &data);
    if (status != GGX_OK) return status;
    size = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        if (parts[i].text.size) memcpy(data + size, parts[i].text.data, (size_t)parts[i].text.size);
        size += parts[i].text.size;
    }
    *out = ggx_value_text((ggx_str){data, size});
    return GGX_OK;
}

static ggx_status eval_unary(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    if (node->operation == GGX_SIGN_NOT) {
        int truth;
        ggx_status status = ggx_eval_bool(eval, node->args[0], &truth);
        if (status == GGX_OK) *out = ggx_value_bool(!truth);
        return status;
    }
    ggx_value of;
    ggx_status status = ggx_eval_node(eval, node->args[0], &of);
    if (status != GGX_OK) return status;
    if (of.kind == GGX_VALUE_FLOAT) {
        *out = ggx_value_real(-of.real);
    } else if (of.kind == GGX_VALUE_INT && of.integer != INT64_MIN) {
        *out = ggx_value_int(-of.integer);
    } else {
        return ggx_value_fail(eval, node, &of, "there is no negative of this %s", ggx_value_kind(&of));
    }
    return GGX_OK;
}

static ggx_status eval_binary(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    if (node->operation == GGX_SIGN_AND || node->operation == GGX_SIGN_OR) {
        int truth;
        ggx_status status = ggx_eval_bool(eval, node->args[0], &truth);
        if (status == GGX_OK && truth == (node->operation == GGX_SIGN_AND))
            status = ggx_eval_bool(eval, node->args[1], &truth);
        if (status == GGX_OK) *out = ggx_value_bool(truth);
        return status;
    }
    ggx_value left, right;
    ggx_status status = ggx_eval_node(eval, node->args[0], &left);
    if (status == GGX_OK && node->operation == GGX_SIGN_ELSE) {
        *out = left;
        return left.kind == GGX_VALUE_NULL ? ggx_eval_node(eval, node->args[1], out) : GGX_OK;
    }
    if (status == GGX_OK) status = ggx_eval_node(eval, node->args[1], &right);
    return status == GGX_OK ? ggx_operate(eval, node, &left, &right, out) : status;
}

static ggx_status eval_match(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_value subject, key;
    ggx_status status = ggx_eval_node(eval, node->args[0], &subject);
    for (uint32_t i = 1; i + 1 < node->count && status == GGX_OK; i += 2) {
        status = ggx_eval_node(eval, node->args[i], &key);
        if (status == GGX_OK && ggx_value_equal(&subject, &key)) return ggx_eval_node(eval, node->args[i + 1], out);
    }
    if (status != GGX_OK) return status;
    if (node->count % 2 == 0) return ggx_eval_node(eval, node->args[node->count - 1], out);
    if (subject.kind == GGX_VALUE_INT)
        return ggx_value_fail(eval, node, &subject, "'match' has nothing for %lld; add it, or an 'else'",
                              (long long)subject.integer);
    return ggx_value_fail(eval, node, &subject, "'match' has nothing for %s '%.*s'; add it, or an 'else'",
                          ggx_value_kind(&subject), GGX_STR_ARGS(subject.text));
}

static ggx_status eval_each(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_value list, *items;
    ggx_status status = ggx_eval_list(eval, node->args[1], &list);
    if (status == GGX_OK) status = ggx_eval_items(eval, node, list.count, &items);
    if (status != GGX_OK) return status;
    const ggx_local *outer = eval->locals;
    ggx_local local = {node->text, {0}, outer};
    uint64_t count = 0;
    eval->locals = &local;
    for (uint64_t i = 0; i < list.count && status == GGX_OK; i++) {
        int wanted = 1;
        local.value = list.at.items[i];
        if (node->count > 2) status = ggx_eval_bool(eval, node->args[2], &wanted);
        if (status == GGX_OK && wanted) status = ggx_eval_node(eval, node->args[0], &items[count++]);
    }
    eval->locals = outer;
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = count, .at.items = items};
    return status;
}

static ggx_status member(ggx_eval *eval, const ggx_node *node, const ggx_value *of, ggx_str key, ggx_value *out)
{
    ggx_status status = ggx_eval_work(eval, node, of->at.map->count);
    if (status == GGX_OK) status = ggx_json_value(eval, node, ggx_json_get_str(of->at.map, key), out);
    if (!out->json) *out = (ggx_value){.text = key, .json = of->at.map};
    return status;
}

static ggx_status eval_index(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_value of, index;
    uint64_t at;
    ggx_status status = ggx_eval_node(eval, node->args[0], &of);
    if (status == GGX_OK) status = ggx_eval_node(eval, node->args[1], &index);
    if (status != GGX_OK) return status;
    *out = (ggx_value){0};
    if (of.kind == GGX_VALUE_NULL) return GGX_OK;
    if (of.kind == GGX_VALUE_MAP && index.kind == GGX_VALUE_STR) return member(eval, node, &of, index.text, out);
    if ((of.kind != GGX_VALUE_LIST && of.kind != GGX_VALUE_STR) || index.kind != GGX_VALUE_INT)
        return ggx_value_fail(eval, node, of.kind == GGX_VALUE_LIST ? &index : &of, "%s cannot be indexed with %s",
                              ggx_value_kind(&of), ggx_value_kind(&index));
    uint64_t count = of.kind == GGX_VALUE_LIST ? of.count : of.text.size;
    if (!ggx_value_position(&index, count, &at))
        return ggx_value_fail(eval, node, index.json ? &index : &of, "index %lld is outside of %llu elements",
                              (long long)index.integer, (unsigned long long)count);
    *out = of.kind == GGX_VALUE_LIST ? of.at.items[at] : ggx_value_text((ggx_str){of.text.data + at, 1});
    return GGX_OK;
}

static ggx_status eval_slice(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_status status = ggx_eval_node(eval, node->args[0], out);
    if (status != GGX_OK || out->kind == GGX_VALUE_NULL) return status;
    if (out->kind != GGX_VALUE_LIST && out->kind != GGX_VALUE_STR)
        return ggx_value_fail(eval, node, out, "%s has no parts", ggx_value_kind(out));
    int64_t count = (int64_t)(out->kind == GGX_VALUE_LIST ? out->count : out->text.size), end[2] = {0, count};
    for (int i = 0; i < 2; i++) {
        if (!node->args[i + 1]) continue;
        status = ggx_eval_int(eval, node->args[i + 1], &end[i]);
        if (status != GGX_OK) return status;
        if (end[i] < 0) end[i] = end[i] < -count ? -1 : end[i] + count;
        if (end[i] < 0 || end[i] > count)
            return GGX_NODE_FAIL(eval, node->args[i + 1], "the part leaves the %lld elements", (long long)count);
    }
    uint64_t start = (uint64_t)end[0], length = end[1] > end[0] ? (uint64_t)(end[1] - end[0]) : 0;
    if (out->kind == GGX_VALUE_LIST) {
        out->at.items += start;
        out->count = length;
    } else {
        out->text.data += start;
        out->text.size = length;
    }
    return GGX_OK;
}

static ggx_status eval_member(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_value of;
    ggx_status status = ggx_eval_node(eval, node->args[0], &of);
    *out = (ggx_value){0};
    if (status != GGX_OK || of.kind == GGX_VALUE_NULL) return status;
    if (of.kind != GGX_VALUE_MAP)
        return ggx_value_fail(eval, node, &of, "%s has no key '%.*s'; only maps have keys", ggx_value_kind(&of),
                              GGX_STR_ARGS(node->text));
    return member(eval, node, &of, node->text, out);
}

static ggx_status eval_if(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    int truth;
    ggx_status status = ggx_eval_bool(eval, node->args[0], &truth);
    return status == GGX_OK ? ggx_eval_node(eval, node->args[truth ? 1 : 2], out) : status;
}

static ggx_status eval_call(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    ggx_value *args;
    ggx_status status = eval_args(eval, node, &args);
    return status == GGX_OK ? node->function->call(eval, node, args, node->count, out) : status;
}

static ggx_status eval_const(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    (void)eval;
    *out = node->literal;
    return GGX_OK;
}

ggx_status ggx_eval_node(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    static ggx_status (*const kinds[])(ggx_eval *, const ggx_node *, ggx_value *) = {
        [GGX_NODE_CONST] = eval_const,    [GGX_NODE_NAME] = eval_name,   [GGX_NODE_LIST] = eval_list,
        [GGX_NODE_TEXT] = eval_text_node, [GGX_NODE_CALL] = eval_call,   [GGX_NODE_UNARY] = eval_unary,
        [GGX_NODE_BINARY] = eval_binary,  [GGX_NODE_IF] = eval_if,       [GGX_NODE_MATCH] = eval_match,
        [GGX_NODE_EACH] = eval_each,      [GGX_NODE_INDEX] = eval_index, [GGX_NODE_SLICE] = eval_slice,
        [GGX_NODE_MEMBER] = eval_member,
    };
    ggx_status status = ggx_eval_work(eval, node, 1);
    if (status != GGX_OK) return status;
    if (eval->depth >= NODE_DEPTH) return GGX_NODE_FAIL(eval, node, "the values are nested too deeply in each other");
    eval->depth++;
    memset(out, 0, sizeof *out);
    status = kinds[node->kind](eval, node, out);
    eval->depth--;
    return status;
}

/* --- values of a wanted kind ---------------------------------------------------------------------------------------------- */

static ggx_status eval_kind(ggx_eval *eval, const ggx_node *node, uint32_t kind, const char *wanted, ggx_value *out)
{
    ggx_status status = ggx_eval_node(eval, node, out);
    if (status != GGX_OK || out->kind == kind) return status;
    return ggx_value_fail(eval, node, out, "%s is needed here, this is %s", wanted, ggx_value_kind(out));
}

ggx_status ggx_eval_bool(ggx_eval *eval, const ggx_node *node, int *out)
{
    ggx_value value;
    ggx_status status = eval_kind(eval, node, GGX_VALUE_BOOL, "true or false", &value);
    *out = status == GGX_OK && value.truth;
    return status;
}

ggx_status ggx_eval_int(ggx_eval *eval, const ggx_node *node, int64_t *out)
{
    ggx_value value;
    ggx_status status = eval_kind(eval, node, GGX_VALUE_INT, "an int", &value);
    *out = status == GGX_OK ? value.integer : 0;
    return status;
}

ggx_status ggx_eval_text(ggx_eval *eval, const ggx_node *node, ggx_str *out)
{
    ggx_value value;
    ggx_status status = eval_kind(eval, node, GGX_VALUE_STR, "a string", &value);
    *out = status == GGX_OK ? value.text : (ggx_str){NULL, 0};
    return status;
}

ggx_status ggx_eval_list(ggx_eval *eval, const ggx_node *node, ggx_value *out)
{
    return eval_kind(eval, node, GGX_VALUE_LIST, "a list", out);
}

ggx_status ggx_eval_real(ggx_eval *eval, const ggx_node *node, double *out)
{
    ggx_value value;
    ggx_status status = ggx_eval_node(eval, node, &value);
    *out = 0;
    if (status != GGX_OK) return status;
    if (value.kind == GGX_VALUE_INT) value.real = (double)value.integer;
    if (value.kind != GGX_VALUE_INT && value.kind != GGX_VALUE_FLOAT)
        return ggx_value_fail(eval, node, &value, "a number is needed here, this is %s", ggx_value_kind(&value));
    *out = value.real;
    return GGX_OK;
}
