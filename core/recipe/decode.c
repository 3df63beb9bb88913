/* decode.c - packed weights: several tensors that a decoder plugin makes one, before rules see them ("packed") or by a rule ("decode"). */
#include "base/text.h"
#include "hash/digest.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <stdio.h>

#define OPTIONS_MAX 16u

static ggx_status no_memory(ggx_apply *apply)
{
    return ggx_fail(apply->error, GGX_E_NOMEM, "no memory for the packed tensors");
}

/* The recipe's word for the decoder's input, or NULL. */
static const ggx_rule_source *source_named(const ggx_rule *rule, const char *name)
{
    for (uint32_t i = 0; i < rule->source_count; i++)
        if (ggx_str_same(rule->sources[i].name, ggx_str_of(name))) return &rule->sources[i];
    return NULL;
}

/* Every input that the recipe names is one of the decoder's, and those that the decoder needs are named. */
static ggx_status check_inputs(ggx_apply *apply, const ggx_rule *rule, const ggx_decoder *decoder)
{
    const char *names[GGX_DECODER_INPUTS + 1] = {NULL};
    for (uint32_t i = 0; i < decoder->input_count; i++) {
        names[i] = decoder->inputs[i].name;
        if (!(decoder->inputs[i].flags & GGX_INPUT_OPTIONAL) && !source_named(rule, names[i]))
            return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                                   "decoder '%.*s' needs an input '%s'", GGX_STR_ARGS(rule->decoder), names[i]);
    }
    for (uint32_t s = 0; s < rule->source_count; s++) {
        uint32_t i = 0;
        while (i < decoder->input_count && !ggx_str_same(rule->sources[s].name, ggx_str_of(names[i]))) i++;
        if (i < decoder->input_count) continue;
        const char *near = ggx_word_nearest(names, rule->sources[s].name);
        return ggx_origin_fail(&rule->sources[s].pattern->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                               "decoder '%.*s' has no input '%.*s'; did you mean '%s'?", GGX_STR_ARGS(rule->decoder),
                               GGX_STR_ARGS(rule->sources[s].name), near ? near : names[0]);
    }
    return GGX_OK;
}

static ggx_status find_inputs(ggx_apply *apply, const ggx_rule *rule, const ggx_match *match, ggx_decoded *d,
                              ggx_packed *packed)
{
    const ggx_checkpoint *base = apply->overlay->base;
    const ggx_pattern *leader = rule->sources[rule->leader].pattern;
    for (uint32_t i = 0; i < d->decoder->input_count; i++) {
        const ggx_decoder_input *input = &d->decoder->inputs[i];
        const ggx_rule_source *source = source_named(rule, input->name);
        ggx_error inner = {0};
        packed[i] = (ggx_packed){.struct_size = sizeof *packed};
        d->inputs[i] = UINT64_MAX;
        if (!source) continue;
        ggx_str name = ggx_pattern_fill(&apply->eval->arena, source->pattern, leader, match);
        if (!name.data) return no_memory(apply);
        const uint64_t at = ggx_recipe_find(&apply->eval->arena, apply->recipe, base, name);
        if (at == UINT64_MAX && input->flags & GGX_INPUT_OPTIONAL) continue;
        if (at == UINT64_MAX)
            return ggx_origin_fail(&source->pattern->origin, GGX_WHOLE, apply->error, GGX_E_MALFORMED,
                                   "the checkpoint has no tensor '%.*s', which '%.*s' is packed with",
                                   GGX_STR_ARGS(name), GGX_STR_ARGS(apply->current));
        const ggx_tensor *t = &base->tensors[at];
        d->inputs[i] = at;
        packed[i].rank = t->rank;
        packed[i].type = t->type;
        memcpy(packed[i].shape, t->shape, sizeof packed[i].shape);
        ggx_status status = ggx_view_tensor(apply->arena, base, at, &d->views[i], &inner);
        if (status != GGX_OK) return ggx_apply_view_fail(apply, &rule->origin, status, &inner);
    }
    return GGX_OK;
}

/* One value of "with", under the name that the decoder declares it by. */
static ggx_status option(ggx_apply *apply, const ggx_decoded *d, const ggx_named_value *given, ggx_option_value *out,
                         int *there)
{
    ggx_value value;
    char name[80];
    const char *names[OPTIONS_MAX + 1] = {NULL};
    const size_t skip = strlen(d->name) + 1;
    uint32_t i = 0;
    snprintf(name, sizeof name, "%s.%.*s", d->name, (int)(given->name.size < 40 ? given->name.size : 40),
             given->name.data);
    for (char *c = name; *c; c++) /* names of values have no '-' */
        if (*c == '_') *c = '-';
    while (i < d->decoder->option_count && strcmp(d->decoder->options[i].name, name)) i++;
    if (i == d->decoder->option_count) {
        for (uint32_t k = 0; k < d->decoder->option_count && k < OPTIONS_MAX; k++)
            names[k] = d->decoder->options[k].name + skip;
        const char *near = ggx_word_nearest(names, given->name);
        return ggx_origin_fail(&given->origin, GGX_WHOLE, apply->error, GGX_E_USAGE,
                               "decoder %s has no option '%.*s'%s%s%s", d->name, GGX_STR_ARGS(given->name),
                               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    ggx_status status = ggx_eval_node(apply->eval, given->node, &value);
    *there = value.kind != GGX_VALUE_NULL;
    if (status != GGX_OK || !*there) return status;
    *out = (ggx_option_value){
        .struct_size = sizeof *out, .type = d->decoder->options[i].type, .name = d->decoder->options[i].name};
    if (out->type == GGX_OPTION_BOOL && value.kind == GGX_VALUE_BOOL)
        out->number = value.truth;
    else if (out->type == GGX_OPTION_INT && value.kind == GGX_VALUE_INT)
        out->number = value.integer;
    else if (out->type == GGX_OPTION_STRING && value.kind == GGX_VALUE_STR)
        out->text = value.text;
    else
        return GGX_NODE_FAIL(apply->eval, given->node, "decoder %s takes another kind of value as '%.*s', not %s",
                             d->name, GGX_STR_ARGS(given->name), ggx_value_kind(&value));
    return GGX_OK;
}

/* What the decoder makes of them, and the digest of what decides its bytes. */
static ggx_status open_decoder(ggx_apply *apply, const ggx_rule *rule, ggx_decoded *d, const ggx_packed *packed,
                               ggx_packed *made)
{
    ggx_option_value values[OPTIONS_MAX];
    ggx_options options = {.struct_size = sizeof options, .values = values};
    ggx_digest digest = GGX_DIGEST_START;
    ggx_error inner = {0};
    ggx_digest_bytes(&digest, d->name, strlen(d->name));
    for (uint32_t i = 0; i < rule->with_count && options.count < OPTIONS_MAX; i++) {
        ggx_option_value *v = &values[options.count];
        int there = 0;
        ggx_status status = option(apply, d, &rule->with[i], v, &there);
        if (status != GGX_OK) return status;
        if (!there) continue;
        options.count++;
        ggx_digest_bytes(&digest, v->name, strlen(v->name));
        ggx_digest_u64(&digest, (uint64_t)v->number);
        ggx_digest_bytes(&digest, v->text.data, v->text.size);
    }
    for (uint32_t i = 0; i < d->decoder->input_count; i++) {
        const int there = d->inputs[i] != UINT64_MAX;
        const ggx_tensor *t = there ? &apply->overlay->base->tensors[d->inputs[i]] : NULL;
        ggx_digest_u64(&digest, d->inputs[i]);
        if (there) ggx_digest_u64(&digest, t->offset);
        if (there) ggx_digest_u64(&digest, t->member);
    }
    d->digest[0] = digest.a;
    d->digest[1] = digest.b;
    *made = (ggx_packed){.struct_size = sizeof *made};
    ggx_status status = d->decoder->open(d->self, packed, &options, made, &inner);
    if (status == GGX_OK) return made->rank <= GGX_MAX_RANK ? GGX_OK : GGX_E_PLUGIN;
    return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, status, "tensor '%.*s': %s",
                           GGX_STR_ARGS(apply->current), inner.text);
}

/* The inputs are no tensors of their own any more. */
static ggx_status hide_inputs(ggx_apply *apply, const ggx_rule *rule, const ggx_decoded *d)
{
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < d->decoder->input_count && status == GGX_OK; i++) {
        const uint64_t at = d->inputs[i];
        if (at == UINT64_MAX) continue;
        if (!apply->overlay->decoded[at]) apply->overlay->hidden[at] = 1;
        status = ggx_apply_use_at(apply, at, &rule->origin, 0);
    }
    return status;
}

ggx_status ggx_decode_make(ggx_apply *apply, const ggx_rule *rule, const ggx_match *match, ggx_str name, uint64_t lead)
{
    const void *vtable;
    ggx_packed packed[GGX_DECODER_INPUTS], made;
    ggx_error inner = {0};
    uint64_t at;
    ggx_status status =
        ggx_registry_get(apply->env->checkpoint->registry, GGX_DECODER_ID, rule->decoder, &vtable, NULL, &inner);
    if (status != GGX_OK)
        return ggx_origin_fail(&rule->origin, GGX_WHOLE, apply->error, status, "tensor '%.*s' is packed: %s",
                               GGX_STR_ARGS(apply->current), inner.text);
    ggx_decoded *d = ggx_arena_alloc(apply->arena, sizeof *d);
    if (!d) return no_memory(apply);
    d->decoder = vtable;
    d->name = ggx_arena_str(apply->arena, rule->decoder).data;
    d->self = ggx_arena_alloc(apply->arena, d->decoder->instance_size + 1ull);
    if (!d->name || !d->self) return no_memory(apply);
    status = check_inputs(apply, rule, d->decoder);
    if (status == GGX_OK) status = find_inputs(apply, rule, match, d, packed);
    if (status == GGX_OK) status = open_decoder(apply, rule, d, packed, &made);
    if (status != GGX_OK) return status;
    ggx_tensor t = apply->overlay->base->tensors[lead];
    t.name = ggx_arena_str(apply->arena, name);
    t.type = made.type;
    t.rank = made.rank;
    t.byte_order = GGX_LITTLE_ENDIAN;
    t.flags = 0;
    t.storage_id = 0;
    memset(t.stride, 0, sizeof t.stride);
    memset(t.shape, 0, sizeof t.shape);
    memcpy(t.shape, made.shape, made.rank * sizeof *t.shape);
    if (!t.name.data) return no_memory(apply);
    status = hide_inputs(apply, rule, d);
    if (status == GGX_OK) status = ggx_overlay_put(apply->overlay, &t, d, &at, &inner);
    if (status == GGX_OK)
        apply->marks[at] = (uint8_t)((rule->early ? GGX_MARK_EARLY : 0) | (rule->keep ? GGX_MARK_KEEP : 0));
    return status == GGX_OK || !inner.status ? status : ggx_apply_view_fail(apply, &rule->origin, status, &inner);
}

/* The first of "packed" that the tensor leads makes the one that it stands for. */
static ggx_status unpack(ggx_apply *apply, uint64_t lead)
{
    const ggx_str whole = apply->overlay->base->tensors[lead].name, name = ggx_recipe_bare(apply->recipe, whole);
    ggx_local space[GGX_MAX_PLACEHOLDERS];
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < apply->recipe->packed_count && status == GGX_OK; i++) {
        const ggx_rule *rule = &apply->recipe->packed[i];
        const ggx_pattern *leader = rule->sources[rule->leader].pattern;
        ggx_match match = {0};
        ggx_str as = {NULL, 0};
        int wanted = 1;
        if (!ggx_pattern_match(leader, name, &match, &apply->steps)) continue;
        apply->current = whole;
        apply->eval->locals = ggx_match_bind(leader, &match, NULL, space);
        if (rule->when) status = ggx_eval_bool(apply->eval, rule->when, &wanted);
        if (status == GGX_OK && wanted) status = ggx_eval_text(apply->eval, rule->outputs->to, &as);
        if (status == GGX_OK && wanted) {
            ggx_str full = ggx_arena_format(apply->arena, "%.*s%.*s", (int)(whole.size - name.size), whole.data,
                                            (int)as.size, as.data);
            status = full.data ? ggx_decode_make(apply, rule, &match, full, lead) : no_memory(apply);
        }
        apply->eval->locals = NULL;
        if (wanted) break;
    }
    return status;
}

ggx_status ggx_packed_make(ggx_apply *apply)
{
    const uint64_t count = apply->overlay ? apply->overlay->base->tensor_count : 0;
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < count && status == GGX_OK && apply->recipe->packed_count; i++) status = unpack(apply, i);
    return status;
}

int ggx_recipe_decodes(const struct ggx_recipe *recipe)
{
    int decodes = recipe->packed_count != 0;
    for (uint32_t r = 0; r < recipe->rule_count && !decodes; r++) decodes = recipe->rules[r].kind == GGX_RULE_DECODE;
    return decodes;
}
