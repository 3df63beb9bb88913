/* expression.c - the grammar of expressions and templates (docs/recipes.md, "Values"), by recursive descent over bytes.
 *
 * There is no separate token list: the grammar is small, and every node keeps the byte it began at. */
#include "base/text.h"
#include "recipe/value.h"
#include <stdlib.h>

typedef struct parser {
    ggx_arena *arena;
    const ggx_origin *origin;
    ggx_str text;
    uint32_t at, depth;
    ggx_error *error;
} parser;

static const char *const keywords[] = {"if", "then", "else", "match", "for",  "in", "and",
                                       "or", "not",  "true", "false", "null", NULL};

#define FAIL(p, offset, ...) ggx_origin_fail((p)->origin, (offset), (p)->error, GGX_E_USAGE, __VA_ARGS__)

static ggx_status parse_any(parser *p, ggx_node **out);
static ggx_status parse_level(parser *p, uint32_t level, ggx_node **out);

static ggx_status no_memory(parser *p)
{
    return ggx_origin_fail(p->origin, GGX_WHOLE, p->error, GGX_E_NOMEM, "the recipe needs too much memory");
}

static ggx_node *new_node(parser *p, uint32_t kind, uint32_t offset, uint32_t room)
{
    ggx_node *node = ggx_arena_alloc(p->arena, sizeof *node);
    ggx_node **args = ggx_arena_array(p->arena, room, sizeof *args);
    if (!node || !args) return NULL;
    node->kind = kind;
    node->offset = offset;
    node->origin = p->origin;
    node->args = args;
    return node;
}

/* Adds an argument; the array grows by doubling in the arena. */
static ggx_status add_arg(parser *p, ggx_node *node, ggx_node *arg)
{
    if (node->count >= 4 && !(node->count & (node->count - 1))) {
        ggx_node **wider = ggx_arena_array(p->arena, node->count * 2ull, sizeof *wider);
        if (!wider) return no_memory(p);
        memcpy(wider, node->args, node->count * sizeof *wider);
        node->args = wider;
    }
    node->args[node->count++] = arg;
    return GGX_OK;
}

static char peek(const parser *p)
{
    return p->at < p->text.size ? p->text.data[p->at] : 0;
}

static char peek_next(const parser *p)
{
    return p->at + 1 < p->text.size ? p->text.data[p->at + 1] : 0;
}

static void skip_space(parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\n' || peek(p) == '\t' || peek(p) == '\r') p->at++;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

/* The word at the cursor, without moving it; empty when there is none. */
static ggx_str word_ahead(parser *p)
{
    skip_space(p);
    uint32_t end = p->at;
    if (is_digit(peek(p))) return (ggx_str){NULL, 0};
    while (end < p->text.size && is_word_byte(p->text.data[end])) end++;
    return (ggx_str){p->text.data + p->at, end - p->at};
}

static int take_word(parser *p, const char *word)
{
    ggx_str ahead = word_ahead(p);
    if (!ggx_str_is(ahead, word)) return 0;
    p->at += (uint32_t)ahead.size;
    return 1;
}

static int take_byte(parser *p, char c)
{
    skip_space(p);
    if (peek(p) != c) return 0;
    p->at++;
    return 1;
}

static ggx_status expect(parser *p, char c, const char *after)
{
    if (take_byte(p, c)) return GGX_OK;
    if (p->at >= p->text.size) return FAIL(p, p->at, "the expression ends where a '%c' is missing, %s", c, after);
    return FAIL(p, p->at, "'%c' is missing here, %s", c, after);
}

static int is_keyword(ggx_str word)
{
    for (size_t i = 0; keywords[i]; i++)
        if (ggx_str_is(word, keywords[i])) return 1;
    return 0;
}

static ggx_status parse_number(parser *p, ggx_node **out)
{
    uint32_t begin = p->at;
    int whole = 1;
    while (is_digit(peek(p))) p->at++;
    if (peek(p) == '.' && is_digit(peek_next(p))) { /* 0..n is a range */
        whole = 0;
        p->at++;
        while (is_digit(peek(p))) p->at++;
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        whole = 0;
        p->at++;
        if (peek(p) == '+' || peek(p) == '-') p->at++;
        if (!is_digit(peek(p))) return FAIL(p, begin, "the number's exponent has no digits");
        while (is_digit(peek(p))) p->at++;
    }
    if (is_word_byte(peek(p))) return FAIL(p, p->at, "a number and a word run into each other");
    ggx_str digits = {p->text.data + begin, p->at - begin};
    if (!(*out = new_node(p, GGX_NODE_CONST, begin, 0))) return no_memory(p);
    if (whole) {
        int64_t integer;
        if (!ggx_str_int(digits, &integer)) return FAIL(p, begin, "the integer does not fit 64 bits");
        (*out)->literal = (ggx_value){.kind = GGX_VALUE_INT, .integer = integer};
        return GGX_OK;
    }
    char copy[64];
    if (digits.size >= sizeof copy) return FAIL(p, begin, "a number of more than %zu characters", sizeof copy - 1);
    memcpy(copy, digits.data, (size_t)digits.size);
    copy[digits.size] = 0;
    (*out)->literal =
        (ggx_value){.kind = GGX_VALUE_FLOAT, .real = strtod(copy, NULL)}; /* ggx never leaves the C locale */
    if ((*out)->literal.real > 1.7976931348623157e308) return FAIL(p, begin, "the number is too large for a float");
    return GGX_OK;
}

/* Text with {expression} parts, up to `end` (a quote) or, when that is 0, to the end of the string. */
static ggx_status parse_text(parser *p, char end, uint32_t begin, ggx_node **out)
{
    ggx_node *node = new_node(p, GGX_NODE_TEXT, begin, 4);
    char *literal = NULL;
    uint64_t size = 0;
    if (!node) return no_memory(p);
    for (;;) {
        char c = peek(p);
        int last = p->at >= p->text.size || (end && c == end && peek_next(p) != end);
        int open = !last && c == '{' && peek_next(p) != '{';
        if (p->at >= p->text.size && end) return FAIL(p, begin, "the text that begins here has no closing quote");
        if ((last || open) && size) {
            ggx_node *part = new_node(p, GGX_NODE_CONST, begin, 0);
            if (!part || add_arg(p, node, part) != GGX_OK) return no_memory(p);
            part->literal = (ggx_value){.kind = GGX_VALUE_STR, .text = {literal, size}};
            literal = NULL;
            size = 0;
        }
        if (last) break;
        if (open) {
            ggx_node *part;
            uint32_t brace = p->at++;
            ggx_status status = parse_any(p, &part);
            if (status == GGX_OK) status = add_arg(p, node, part);
            if (status != GGX_OK) return status;
            if (!take_byte(p, '}')) return FAIL(p, brace, "the '{' here has no '}'; write {{ for a brace in text");
            continue;
        }
        if (c == '}' && peek_next(p) != '}') return FAIL(p, p->at, "a lone '}'; write }} for a brace in text");
        p->at += c == '{' || c == '}' || (end && c == end) ? 2u : 1u;
        if (!literal && !(literal = ggx_arena_alloc(p->arena, p->text.size - p->at + 2))) return no_memory(p);
        literal[size++] = c;
    }
    if (end) p->at++;
    *out = node;
    if (node->count == 0) {
        node->kind = GGX_NODE_CONST;
        node->literal = (ggx_value){.kind = GGX_VALUE_STR, .text = {"", 0}};
    } else if (node->count == 1 && node->args[0]->kind == GGX_NODE_CONST) {
        *out = node->args[0];
    }
    return GGX_OK;
}

/* [a, b] or [e for x in list if c], behind the bracket. */
static ggx_status parse_list(parser *p, uint32_t begin, ggx_node **out)
{
    ggx_node *node = new_node(p, GGX_NODE_LIST, begin, 4), *item;
    if (!node) return no_memory(p);
    *out = node;
    if (take_byte(p, ']')) return GGX_OK;
    ggx_status status = parse_any(p, &item);
    if (status == GGX_OK) status = add_arg(p, node, item);
    if (status == GGX_OK && take_word(p, "for")) {
        node->kind = GGX_NODE_EACH;
        node->text = word_ahead(p);
        if (!node->text.size || is_keyword(node->text)) return FAIL(p, p->at, "a name is missing behind 'for'");
        p->at += (uint32_t)node->text.size;
        if (!take_word(p, "in"))
            return FAIL(p, p->at, "'in' is missing behind 'for %.*s'",
                        (int)(node->text.size < 40 ? node->text.size : 40), node->text.data);
        status = parse_any(p, &item);
        if (status == GGX_OK) status = add_arg(p, node, item);
        if (status == GGX_OK && take_word(p, "if")) {
            status = parse_any(p, &item);
            if (status == GGX_OK) status = add_arg(p, node, item);
        }
        return status == GGX_OK ? expect(p, ']', "to close the list") : status;
    }
    while (status == GGX_OK && take_byte(p, ',')) {
        status = parse_any(p, &item);
        if (status == GGX_OK) status = add_arg(p, node, item);
    }
    return status == GGX_OK ? expect(p, ']', "to close the list") : status;
}

/* match subject {key: result, …, else: result}, behind the word. */
static ggx_status parse_match(parser *p, uint32_t begin, ggx_node **out)
{
    ggx_node *node = new_node(p, GGX_NODE_MATCH, begin, 4), *item;
    if (!node) return no_memory(p);
    *out = node;
    ggx_status status = parse_any(p, &item);
    if (status == GGX_OK) status = add_arg(p, node, item);
    if (status == GGX_OK) status = expect(p, '{', "to open what 'match' chooses from");
    do {
        int otherwise = status == GGX_OK && take_word(p, "else");
        if (status == GGX_OK && !otherwise) {
            status = parse_any(p, &item);
            if (status == GGX_OK) status = add_arg(p, node, item);
        }
        if (status == GGX_OK) status = expect(p, ':', "between what is compared and the result");
        if (status == GGX_OK) status = parse_any(p, &item);
        if (status == GGX_OK) status = add_arg(p, node, item);
        if (otherwise) break;
    } while (status == GGX_OK && take_byte(p, ','));
    return status == GGX_OK ? expect(p, '}', "to close 'match'; 'else' comes last") : status;
}

static ggx_status parse_call(parser *p, ggx_str name, uint32_t begin, ggx_node **out)
{
    ggx_node *node = new_node(p, GGX_NODE_CALL, begin, 4), *item;
    if (!node) return no_memory(p);
    *out = node;
    node->text = name;
    node->function = ggx_function_find(name);
    if (!node->function) {
        const char *names[96];
        const char *near = ggx_word_nearest(ggx_function_names(names, 96), name);
        return FAIL(p, begin, "there is no function '%.*s'%s%s%s", (int)(name.size < 60 ? name.size : 60), name.data,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    ggx_status status = GGX_OK;
    if (!take_byte(p, ')')) {
        do {
            status = parse_any(p, &item);
            if (status == GGX_OK) status = add_arg(p, node, item);
        } while (status == GGX_OK && take_byte(p, ','));
        if (status == GGX_OK) status = expect(p, ')', "to close the arguments");
    }
    if (status == GGX_OK && (node->count < node->function->least || node->count > node->function->most))
        return FAIL(p, begin, "%s() takes %u to %u arguments, not %u", node->function->name, node->function->least,
                    node->function->most, node->count);
    return status;
}

static ggx_status parse_word(parser *p, ggx_str word, uint32_t begin, ggx_node **out)
{
    static const ggx_value values[] = {
        {.kind = GGX_VALUE_BOOL, .truth = 1}, {.kind = GGX_VALUE_BOOL}, {.kind = GGX_VALUE_NULL}};
    static const char *const names[] = {"true", "false", "null"};
    p->at += (uint32_t)word.size;
    for (int i = 0; i < 3; i++) {
        if (!ggx_str_is(word, names[i])) continue;
        if (!(*out = new_node(p, GGX_NODE_CONST, begin, 0))) return no_memory(p);
        (*out)->literal = values[i];
        return GGX_OK;
    }
    if (ggx_str_same(word, GGX_LIT("match"))) return parse_match(p, begin, out);
    if (is_keyword(word)) return FAIL(p, begin, "a value is missing before '%.*s'", (int)word.size, word.data);
    if (take_byte(p, '(')) return parse_call(p, word, begin, out);
    if (!(*out = new_node(p, GGX_NODE_NAME, begin, 0))) return no_memory(p);
    (*out)->text = word;
    return GGX_OK;
}

static ggx_status parse_primary(parser *p, ggx_node **out)
{
    skip_space(p);
    uint32_t begin = p->at;
    char c = peek(p);
    if (is_digit(c)) return parse_number(p, out);
    if (c == '\'') {
        p->at++;
        return parse_text(p, '\'', begin, out);
    }
    if (take_byte(p, '[')) return parse_list(p, begin, out);
    if (take_byte(p, '(')) {
        ggx_status status = parse_any(p, out);
        return status == GGX_OK ? expect(p, ')', "to close the parenthesis") : status;
    }
    ggx_str word = word_ahead(p);
    if (word.size) return parse_word(p, word, begin, out);
    if (p->at >= p->text.size) return FAIL(p, begin, "the expression ends where a value is missing");
    if (c == '"') return FAIL(p, begin, "text in expressions stands in single quotes");
    return FAIL(p, begin, "a value is missing before '%c'", c);
}

/* a[k], a[b:c], behind the bracket. */
static ggx_status parse_index(parser *p, ggx_node *of, uint32_t begin, ggx_node **out)
{
    ggx_node *node = new_node(p, GGX_NODE_INDEX, begin, 4), *item = NULL;
    if (!node) return no_memory(p);
    *out = node;
    ggx_status status = add_arg(p, node, of);
    skip_space(p);
    if (status == GGX_OK && peek(p) != ':') status = parse_any(p, &item);
    if (status == GGX_OK) status = add_arg(p, node, item);
    if (status == GGX_OK && take_byte(p, ':')) {
        node->kind = GGX_NODE_SLICE;
        item = NULL;
        skip_space(p);
        if (peek(p) != ']') status = parse_any(p, &item);
        if (status == GGX_OK) status = add_arg(p, node, item);
    }
    return status == GGX_OK ? expect(p, ']', "to close the index") : status;
}

static ggx_status parse_postfix(parser *p, ggx_node **out)
{
    ggx_status status = parse_primary(p, out);
    while (status == GGX_OK) {
        skip_space(p);
        uint32_t begin = p->at;
        if (peek(p) == '.' && peek_next(p) != '.') {
            p->at++;
            ggx_node *node = new_node(p, GGX_NODE_MEMBER, begin, 4);
            ggx_str word = word_ahead(p);
            if (!node) return no_memory(p);
            if (!word.size) return FAIL(p, begin, "a key's name is missing behind '.'");
            p->at += (uint32_t)word.size;
            node->text = word;
            status = add_arg(p, node, *out);
            *out = node;
        } else if (take_byte(p, '[')) {
            status = parse_index(p, *out, begin, out);
        } else {
            break;
        }
    }
    return status;
}

/* Binary operators by level, loosest first; `not` and unary minus have levels of their own in between. */
#define LEVEL_NOT 3u
#define LEVEL_MINUS 8u
static const struct {
    uint32_t level, sign;
    const char *text;
} operators[] = {
    {0, GGX_SIGN_ELSE, "??"},
    {1, GGX_SIGN_OR, "or"},
    {2, GGX_SIGN_AND, "and"},
    {4, GGX_SIGN_EQUAL, "=="},
    {4, GGX_SIGN_UNEQUAL, "!="},
    {4, GGX_SIGN_AT_MOST, "<="},
    {4, GGX_SIGN_AT_LEAST, ">="},
    {4, '<', "<"},
    {4, '>', ">"},
    {4, GGX_SIGN_IN, "in"},
    {5, GGX_SIGN_RANGE, ".."},
    {6, '+', "+"},
    {6, '-', "-"},
    {7, '*', "*"},
    {7, GGX_SIGN_FLOOR_DIVIDE, "//"},
    {7, '/', "/"},
    {7, '%', "%"},
};

static uint32_t take_operator(parser *p, uint32_t level)
{
    skip_space(p);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        const char *text = operators[i].text;
        if (operators[i].level != level || text[0] != peek(p)) continue;
        if (is_word_byte(text[0])) {
            if (take_word(p, text)) return operators[i].sign;
        } else if (!text[1] || text[1] == peek_next(p)) {
            p->at += text[1] ? 2 : 1;
            return operators[i].sign;
        }
    }
    return 0;
}

static ggx_status unary(parser *p, uint32_t sign, uint32_t begin, uint32_t level, ggx_node **out)
{
    ggx_node *node = new_node(p, GGX_NODE_UNARY, begin, 4), *of;
    if (!node) return no_memory(p);
    if (++p->depth > GGX_EVAL_DEPTH) return FAIL(p, begin, "more than %u levels of nesting", GGX_EVAL_DEPTH);
    node->operation = sign;
    *out = node;
    ggx_status status = parse_level(p, level, &of);
    p->depth--;
    return status == GGX_OK ? add_arg(p, node, of) : status;
}

static ggx_status parse_level(parser *p, uint32_t level, ggx_node **out)
{
    skip_space(p);
    uint32_t begin = p->at;
    if (level == LEVEL_NOT)
        return take_word(p, "not") ? unary(p, GGX_SIGN_NOT, begin, level, out) : parse_level(p, level + 1, out);
    if (level == LEVEL_MINUS) return take_byte(p, '-') ? unary(p, '-', begin, level, out) : parse_postfix(p, out);
    ggx_status status = parse_level(p, level + 1, out);
    for (uint32_t chain = 1; status == GGX_OK; chain++) {
        skip_space(p);
        begin = p->at;
        uint32_t sign = take_operator(p, level);
        if (!sign) break;
        if (chain > 1 && (level == 4 || level == 5))
            return FAIL(p, begin, "comparisons and ranges are not chained; use 'and' or parentheses");
        if (chain > 1000) return FAIL(p, begin, "more than 1000 operators in a row");
        ggx_node *node = new_node(p, GGX_NODE_BINARY, begin, 4), *right;
        if (!node) return no_memory(p);
        node->operation = sign;
        status = parse_level(p, level + 1, &right);
        if (status == GGX_OK) status = add_arg(p, node, *out);
        if (status == GGX_OK) status = add_arg(p, node, right);
        *out = node;
    }
    return status;
}

static ggx_status parse_any(parser *p, ggx_node **out)
{
    skip_space(p);
    uint32_t begin = p->at;
    if (++p->depth > GGX_EVAL_DEPTH) return FAIL(p, begin, "more than %u levels of nesting", GGX_EVAL_DEPTH);
    ggx_status status = GGX_OK;
    if (take_word(p, "if")) {
        static const char *const before[] = {NULL, "then", "else"};
        ggx_node *node = new_node(p, GGX_NODE_IF, begin, 4), *part;
        if (!node) return no_memory(p);
        *out = node;
        for (int i = 0; i < 3 && status == GGX_OK; i++) {
            if (before[i] && !take_word(p, before[i])) return FAIL(p, p->at, "'%s' is missing here", before[i]);
            status = parse_any(p, &part);
            if (status == GGX_OK) status = add_arg(p, node, part);
        }
    } else {
        status = parse_level(p, 0, out);
    }
    p->depth--;
    return status;
}

ggx_status ggx_expression_parse(ggx_arena *arena, const ggx_origin *origin, uint32_t offset, ggx_node **out,
                                ggx_error *error)
{
    parser p = {arena, origin, origin->json->text, offset, 0, error};
    if (p.text.size > 65536) return FAIL(&p, GGX_WHOLE, "an expression of more than 65536 bytes");
    ggx_status status = parse_any(&p, out);
    skip_space(&p);
    if (status == GGX_OK && p.at < p.text.size) return FAIL(&p, p.at, "the expression should end here");
    return status;
}

ggx_status ggx_template_parse(ggx_arena *arena, const ggx_origin *origin, ggx_node **out, ggx_error *error)
{
    parser p = {arena, origin, origin->json->text, 0, 0, error};
    if (p.text.size > 65536) return FAIL(&p, GGX_WHOLE, "a template of more than 65536 bytes");
    return parse_text(&p, 0, 0, out);
}
