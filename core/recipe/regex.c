/* regex.c - regular expressions as patterns, "re:…": PCRE2, compiled into the recipe's arena, matched within limits. */
#include "base/text.h"
#include "recipe/model.h"

#if GGX_HAS_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 5000u /* calls of the matcher for one name: a pattern that needs more runs away */
#define HEAP_LIMIT 1024u  /* KiB for its backtracking */
#define CHARGE 1000u      /* steps that one match counts as */

static void *take(size_t size, void *arena)
{
    return ggx_arena_alloc(arena, size);
}

static void leave(void *memory, void *arena)
{
    (void)memory; /* the arena frees all at once */
    (void)arena;
}

/* A group's name becomes the placeholder of that name. */
static ggx_status name_slots(ggx_pattern *p, ggx_error *error)
{
    uint32_t count = 0, width = 0;
    PCRE2_SPTR table = NULL;
    pcre2_pattern_info(p->regex, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(p->regex, PCRE2_INFO_NAMEENTRYSIZE, &width);
    pcre2_pattern_info(p->regex, PCRE2_INFO_NAMETABLE, &table);
    if (count > GGX_MAX_PLACEHOLDERS)
        return ggx_origin_fail(&p->origin, GGX_WHOLE, error, GGX_E_USAGE, "a pattern has at most %d named groups",
                               GGX_MAX_PLACEHOLDERS);
    for (uint32_t i = 0; i < count; i++, table += width) { /* two bytes of number, then the name */
        const char *name = (const char *)table + 2;
        p->names[i] = (ggx_str){name, strlen(name)};
        p->integer[i] = p->names[i].size == 1;
        p->groups[i] = (uint32_t)table[0] << 8 | table[1];
        for (const char *c = name; *c; c++)
            if (!(*c >= 'a' && *c <= 'z') && (c == name || !((*c >= '0' && *c <= '9') || *c == '_')))
                return ggx_origin_fail(&p->origin, GGX_WHOLE, error, GGX_E_USAGE,
                                       "the group '%.40s' needs a name of lower-case letters, digits and _", name);
    }
    p->slot_count = count;
    return GGX_OK;
}

ggx_status ggx_regex_parse(ggx_arena *arena, ggx_pattern *p, ggx_str expression, ggx_error *error)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    char why[120] = "";
    pcre2_general_context *general = pcre2_general_context_create(take, leave, arena);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!context) return ggx_origin_fail(&p->origin, GGX_WHOLE, error, GGX_E_NOMEM, "the recipe needs too much memory");
    p->regex = pcre2_compile((PCRE2_SPTR)expression.data, (PCRE2_SIZE)expression.size,
                             PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_UTF |
                                 PCRE2_NEVER_BACKSLASH_C,
                             &code, &at, context);
    if (p->regex) return name_slots(p, error);
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return ggx_origin_fail(&p->origin, (uint32_t)(expression.data - p->text.data) + (uint32_t)at, error, GGX_E_USAGE,
                           "the regular expression is not one: %s", why);
}

/* Is it a number as {i} takes it? */
static int canonical(ggx_str digits)
{
    for (uint64_t i = 0; i < digits.size; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9') return 0;
    return digits.size && digits.size <= 18 && (digits.data[0] != '0' || digits.size == 1);
}

static int keep_groups(const ggx_pattern *p, ggx_str name, const PCRE2_SIZE *ends, ggx_match *match)
{
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const PCRE2_SIZE *end = ends + 2 * (size_t)p->groups[i];
        match->slot[i] = (ggx_str){"", 0}; /* a group that took no part */
        if (end[0] != PCRE2_UNSET && end[1] >= end[0]) match->slot[i] = (ggx_str){name.data + end[0], end[1] - end[0]};
        if (p->integer[i] && !canonical(match->slot[i])) return 0;
    }
    return 1;
}

int ggx_regex_match(const ggx_pattern *p, ggx_str name, ggx_match *match, uint64_t *steps)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(p->regex, NULL);
    int found = PCRE2_ERROR_NOMEMORY;
    if (limits && data) {
        pcre2_set_match_limit(limits, MATCH_LIMIT);
        pcre2_set_heap_limit(limits, HEAP_LIMIT);
        found = pcre2_match(p->regex, (PCRE2_SPTR)name.data, (PCRE2_SIZE)name.size, 0, 0, data, limits);
    }
    *steps += CHARGE;
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) *steps = UINT64_MAX / 2; /* a limit: the caller refuses */
    int good = found > 0 && keep_groups(p, name, pcre2_get_ovector_pointer(data), match);
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return good;
}

#else
ggx_status ggx_regex_parse(ggx_arena *arena, ggx_pattern *p, ggx_str expression, ggx_error *error)
{
    (void)arena;
    (void)expression;
    return ggx_origin_fail(&p->origin, GGX_WHOLE, error, GGX_E_UNSUPPORTED,
                           "this ggx was built without regular expressions; build it with PCRE2");
}

int ggx_regex_match(const ggx_pattern *p, ggx_str name, ggx_match *match, uint64_t *steps)
{
    (void)p;
    (void)name;
    (void)match;
    (void)steps;
    return 0;
}
#endif
