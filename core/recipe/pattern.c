/* pattern.c - patterns for tensor names: literal text, {i} for an integer, {name} for one segment, {name...} for the rest. */
#include "base/text.h"
#include "recipe/model.h"

static int name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

uint32_t ggx_pattern_slot(const ggx_pattern *pattern, ggx_str name)
{
    for (uint32_t i = 0; i < pattern->slot_count; i++)
        if (ggx_str_same(pattern->names[i], name)) return i;
    return UINT32_MAX;
}

/* One {…}, `at` behind its brace; afterwards behind the closing one. */
static ggx_status parse_placeholder(ggx_pattern *p, uint64_t *at, ggx_error *error)
{
    const uint32_t open = (uint32_t)*at - 1;
    uint64_t begin = *at;
    while (*at < p->text.size && name_byte(p->text.data[*at])) ++*at;
    ggx_str name = {p->text.data + begin, *at - begin};
    uint32_t kind = name.size == 1 ? GGX_PART_INTEGER : GGX_PART_SEGMENT;
    if (p->text.size - *at >= 3 && !memcmp(p->text.data + *at, "...", 3)) {
        kind = GGX_PART_REST;
        *at += 3;
    }
    if (!name.size || *at >= p->text.size || p->text.data[*at] != '}' || !(name.data[0] >= 'a' && name.data[0] <= 'z'))
        return ggx_origin_fail(
            &p->origin, open, error, GGX_E_USAGE,
            "a placeholder is {i}, {name} or {name...} with lower-case letters, digits and _; {{ is a brace");
    ++*at;
    uint32_t slot = ggx_pattern_slot(p, name);
    if (slot == UINT32_MAX) {
        if (p->slot_count == GGX_MAX_PLACEHOLDERS)
            return ggx_origin_fail(&p->origin, open, error, GGX_E_USAGE, "a pattern has at most %d placeholders",
                                   GGX_MAX_PLACEHOLDERS);
        slot = p->slot_count++;
        p->names[slot] = name;
        p->integer[slot] = kind == GGX_PART_INTEGER;
    }
    p->parts[p->part_count++] = (ggx_part){kind, slot, {NULL, 0}};
    return GGX_OK;
}

/* Literal text up to the next placeholder, doubled braces made single. */
static ggx_status parse_literal(ggx_arena *arena, ggx_pattern *p, uint64_t *at, ggx_error *error)
{
    char *text = ggx_arena_alloc(arena, p->text.size + 1);
    uint64_t size = 0;
    if (!text) return ggx_origin_fail(&p->origin, GGX_WHOLE, error, GGX_E_NOMEM, "the recipe needs too much memory");
    for (; *at < p->text.size; ++*at) {
        char c = p->text.data[*at];
        if (c == '{' || c == '}') {
            if (*at + 1 < p->text.size && p->text.data[*at + 1] == c) {
                ++*at;
            } else if (c == '{') {
                break;
            } else {
                return ggx_origin_fail(&p->origin, (uint32_t)*at, error, GGX_E_USAGE,
                                       "a lone '}'; write }} for a brace in a name");
            }
        }
        text[size++] = c;
    }
    if (size) p->parts[p->part_count++] = (ggx_part){GGX_PART_LITERAL, 0, {text, size}};
    return GGX_OK;
}

ggx_status ggx_pattern_parse(ggx_arena *arena, const ggx_origin *origin, ggx_pattern **out, ggx_error *error)
{
    ggx_pattern *p = ggx_arena_alloc(arena, sizeof *p);
    if (!p) return ggx_origin_fail(origin, GGX_WHOLE, error, GGX_E_NOMEM, "the recipe needs too much memory");
    p->origin = *origin;
    p->text = origin->json->text;
    if (!p->text.size)
        return ggx_origin_fail(origin, GGX_WHOLE, error, GGX_E_USAGE, "an empty pattern matches no name");
    if (p->text.size > 4096)
        return ggx_origin_fail(origin, GGX_WHOLE, error, GGX_E_USAGE,
                               "a pattern of %llu bytes; at most 4096 are allowed", (unsigned long long)p->text.size);
    *out = p;
    if (ggx_str_begins(p->text, GGX_LIT("re:")))
        return ggx_regex_parse(arena, p, (ggx_str){p->text.data + 3, p->text.size - 3}, error);
    p->parts = ggx_arena_array(arena, p->text.size, sizeof *p->parts);
    if (!p->parts) return ggx_origin_fail(origin, GGX_WHOLE, error, GGX_E_NOMEM, "the recipe needs too much memory");
    for (uint64_t at = 0; at < p->text.size;) {
        ggx_status status = parse_literal(arena, p, &at, error);
        if (status == GGX_OK && at < p->text.size) {
            at++;
            status = parse_placeholder(p, &at, error);
        }
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

/* The longest text at `name` that the part could take. */
static uint64_t longest(uint32_t kind, ggx_str name)
{
    uint64_t n = 0;
    switch (kind) {
    case GGX_PART_INTEGER:
        while (n < name.size && n < 18 && name.data[n] >= '0' && name.data[n] <= '9') n++;
        return n && name.data[0] == '0' ? 1 : n; /* 007 is not how 7 is written: it would not survive a round trip */
    case GGX_PART_SEGMENT:
        while (n < name.size && name.data[n] != '.' && name.data[n] != '/') n++;
        return n;
    default: return name.size;
    }
}

static int match_from(const ggx_pattern *p, uint32_t part, ggx_str rest, ggx_match *match, uint32_t bound,
                      uint64_t *steps)
{
    for (; part < p->part_count && p->parts[part].kind == GGX_PART_LITERAL; part++) {
        ggx_str text = p->parts[part].text;
        ++*steps;
        if (!ggx_str_begins(rest, text)) return 0;
        rest.data += text.size;
        rest.size -= text.size;
    }
    if (part == p->part_count) return !rest.size;
    const uint32_t slot = p->parts[part].slot, kind = p->parts[part].kind;
    if (bound >> slot & 1u) {
        ggx_str text = match->slot[slot];
        ++*steps;
        if (!ggx_str_begins(rest, text)) return 0;
        return match_from(p, part + 1, (ggx_str){rest.data + text.size, rest.size - text.size}, match, bound, steps);
    }
    for (uint64_t n = longest(kind, rest); n; n--) {
        match->slot[slot] = (ggx_str){rest.data, n};
        ++*steps;
        if (*steps > GGX_EVAL_STEPS) return 0; /* the caller counts on and refuses */
        if (match_from(p, part + 1, (ggx_str){rest.data + n, rest.size - n}, match, bound | 1u << slot, steps))
            return 1;
        if (kind == GGX_PART_INTEGER) break; /* an integer ends where its digits end */
    }
    return 0;
}

int ggx_pattern_match(const ggx_pattern *pattern, ggx_str name, ggx_match *match, uint64_t *steps)
{
    return pattern->regex ? ggx_regex_match(pattern, name, match, steps)
                          : match_from(pattern, 0, name, match, 0, steps);
}

ggx_str ggx_pattern_fill(ggx_arena *arena, const ggx_pattern *pattern, const ggx_pattern *from, const ggx_match *match)
{
    uint64_t size = 0;
    char *out = NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !(out = ggx_arena_alloc(arena, size + 1))) return (ggx_str){NULL, 0};
        size = 0;
        for (uint32_t i = 0; i < pattern->part_count; i++) {
            const ggx_part *part = &pattern->parts[i];
            ggx_str text = part->text;
            if (part->kind != GGX_PART_LITERAL) {
                uint32_t slot = ggx_pattern_slot(from, pattern->names[part->slot]);
                text = slot == UINT32_MAX ? (ggx_str){"", 0} : match->slot[slot];
            }
            if (pass && text.size) memcpy(out + size, text.data, (size_t)text.size);
            size += text.size;
        }
    }
    return (ggx_str){out, size};
}
