/* The .cfg: text to sections and options, by the rules of Darknet's read_cfg and option_list.c.
 *
 * White space is removed everywhere, also inside a line; '#' and ';' begin a comment only as a line's first byte; a line without a
 * value counts for nothing; of two equal keys the first holds. Stricter than Darknet only where that crashes: an option before the first
 * section, bytes that are no text, sizes beyond the limits of darknet.h. */
#include "darknet.h"

#include <ggx_sdk/error.h>

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of the line that begins at `at`: the position of its newline, or `size`. */
static uint64_t line_end(const char *text, uint64_t size, uint64_t at)
{
    const char *newline = memchr(text + at, '\n', (size_t)(size - at));
    return newline ? (uint64_t)(newline - text) : size;
}

/* Removes the white space between two positions, in place. */
static ggx_str squeeze(char *text, uint64_t begin, uint64_t end)
{
    uint64_t to = begin;
    for (uint64_t i = begin; i < end; i++)
        if (!is_space(text[i])) text[to++] = text[i];
    return (ggx_str){text + begin, to - begin};
}

static ggx_status check_text(uint32_t member, const char *text, uint64_t size, ggx_error *error)
{
    for (uint64_t i = 0; i < size; i++)
        if (((unsigned char)text[i] < 0x20 && !is_space(text[i]) && text[i] != '\f' && text[i] != '\v') ||
            text[i] == 0x7f)
            return ggx_fail_at(error, GGX_E_MALFORMED, member, i,
                               "the cfg is not text: byte 0x%02x; name the right one with -O darknet.cfg=FILE",
                               (unsigned)(unsigned char)text[i]);
    return GGX_OK;
}

typedef struct cfg_counts {
    uint32_t sections, options;
} cfg_counts;

/* The upper bounds of what the text can hold, so that both tables are allocated once. */
static ggx_status count_lines(uint32_t member, const char *text, uint64_t size, cfg_counts *out, ggx_error *error)
{
    uint32_t line = 0;
    for (uint64_t at = 0; at < size; at = line_end(text, size, at) + 1) {
        uint64_t end = line_end(text, size, at);
        line++;
        if (end - at > DARKNET_CFG_LINE)
            return ggx_fail_at(error, GGX_E_MALFORMED, member, at, "line %u: longer than %d bytes", line,
                               DARKNET_CFG_LINE);
        out->sections += memchr(text + at, '[', (size_t)(end - at)) != NULL;
        out->options += memchr(text + at, '=', (size_t)(end - at)) != NULL;
        if (out->sections > DARKNET_LAYERS + 1 || out->options > DARKNET_CFG_OPTIONS)
            return ggx_fail_at(error, GGX_E_MALFORMED, member, at,
                               "line %u: the cfg has more than %d sections or %d options", line, DARKNET_LAYERS,
                               DARKNET_CFG_OPTIONS);
    }
    return GGX_OK;
}

/* "[name]", perhaps with a comment behind it. */
static int parse_section_name(ggx_str line, ggx_str *name)
{
    const char *close = memchr(line.data, ']', (size_t)line.size);
    if (!close || close == line.data + 1) return 0;
    uint64_t used = (uint64_t)(close - line.data) + 1;
    if (used < line.size && line.data[used] != '#' && line.data[used] != ';') return 0;
    *name = (ggx_str){line.data + 1, used - 2};
    return 1;
}

/* 0: the line has no '=' or nothing behind it, which Darknet passes over. */
static int parse_option(ggx_str line, darknet_option *out)
{
    const char *equals = memchr(line.data, '=', (size_t)line.size);
    if (!equals || equals + 1 == line.data + line.size) return 0;
    uint64_t key_size = (uint64_t)(equals - line.data);
    out->key = (ggx_str){line.data, key_size};
    out->value = (ggx_str){equals + 1, line.size - key_size - 1};
    return 1;
}

static void warn_line(const ggx_host *host, uint32_t line, ggx_str text)
{
    ggx_error message; /* ggx_fail turns bytes that a terminal would obey into '?' */
    (void)ggx_fail(&message, GGX_OK, "cfg line %u is no KEY=VALUE and is passed over: %.*s", line, GGX_STR_ARGS(text));
    host->log(host, GGX_LOG_WARNING, message.text);
}

static ggx_status split_lines(const ggx_host *host, char *text, uint64_t size, darknet_cfg *cfg,
                              darknet_section *sections, darknet_option *options, ggx_error *error)
{
    uint32_t line = 0, option_count = 0;
    for (uint64_t at = 0, end; at < size; at = end + 1) {
        end = line_end(text, size, at);
        ggx_str s = squeeze(text, at, end);
        line++;
        if (!s.size || s.data[0] == '#' || s.data[0] == ';') continue;
        if (s.data[0] == '[') {
            darknet_section *next = &sections[cfg->section_count];
            *next = (darknet_section){.at = at, .line = line, .first = option_count};
            if (!parse_section_name(s, &next->name))
                return ggx_fail_at(error, GGX_E_MALFORMED, cfg->member, at, "line %u: %.*s is not a [section]", line,
                                   GGX_STR_ARGS(s));
            cfg->section_count++;
            continue;
        }
        if (!cfg->section_count)
            return ggx_fail_at(error, GGX_E_MALFORMED, cfg->member, at,
                               "line %u: %.*s stands before the first [section]; a Darknet cfg begins with [net]", line,
                               GGX_STR_ARGS(s));
        darknet_option option = {.line = line};
        if (!parse_option(s, &option)) {
            warn_line(host, line, s);
            continue;
        }
        options[option_count++] = option;
        sections[cfg->section_count - 1].count++;
    }
    return GGX_OK;
}

static int str_is(ggx_str s, const char *word)
{
    return s.size == strlen(word) && !memcmp(s.data, word, (size_t)s.size);
}

ggx_status darknet_cfg_read(const ggx_host *host, const ggx_source *source, uint32_t member, darknet_cfg *out,
                            ggx_error *error)
{
    ggx_member about = {.struct_size = sizeof about};
    cfg_counts counts = {0, 0};
    ggx_status status = source->member(source, member, &about, error);
    if (status != GGX_OK) return status;
    if (about.size > DARKNET_CFG_BYTES)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, 0,
                           "the cfg has %llu bytes, more than the %u that are read; is it a cfg?",
                           (unsigned long long)about.size, DARKNET_CFG_BYTES);
    char *text = host->alloc(host, about.size);
    if (!text) return ggx_fail(error, GGX_E_NOMEM, "no memory for a cfg of %llu bytes", (unsigned long long)about.size);
    status = source->read_at(source, member, 0, text, about.size, error);
    if (status == GGX_OK) status = check_text(member, text, about.size, error);
    if (status == GGX_OK) status = count_lines(member, text, about.size, &counts, error);
    if (status != GGX_OK) return status;

    darknet_section *sections = host->alloc(host, (uint64_t)counts.sections * sizeof *sections);
    darknet_option *options = host->alloc(host, (uint64_t)counts.options * sizeof *options);
    if (!sections || !options) return ggx_fail(error, GGX_E_NOMEM, "no memory for the cfg's %u lines", counts.options);
    *out = (darknet_cfg){.member = member, .sections = sections, .options = options};
    status = split_lines(host, text, about.size, out, sections, options, error);
    if (status != GGX_OK) return status;
    if (!out->section_count || !(str_is(sections[0].name, "net") || str_is(sections[0].name, "network")))
        return ggx_fail_at(error, GGX_E_MALFORMED, member, 0,
                           "the cfg's first section is not [net] or [network]; name the right file with "
                           "-O darknet.cfg=FILE");
    if (out->section_count == 1)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, 0, "the cfg has no layers: nothing follows its [net]");
    return GGX_OK;
}

const darknet_option *darknet_cfg_find(const darknet_cfg *cfg, const darknet_section *section, const char *key)
{
    for (uint32_t i = 0; i < section->count; i++)
        if (str_is(cfg->options[section->first + i].key, key)) return &cfg->options[section->first + i];
    return NULL;
}

int darknet_cfg_number(ggx_str *text, int64_t *out)
{
    uint64_t i = 0, digits = 0;
    int64_t value = 0;
    int negative = text->size && text->data[0] == '-';
    if (text->size && (text->data[0] == '-' || text->data[0] == '+')) i++;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++, digits++) {
        value = value * 10 + (text->data[i] - '0');
        if (value > INT32_MAX) return 0;
    }
    if (!digits) return 0;
    *out = negative ? -value : value;
    text->data += i;
    text->size -= i;
    return 1;
}

int darknet_cfg_begins(ggx_str head)
{
    for (uint64_t at = 0; at < head.size;) {
        if (is_space(head.data[at])) {
            at++;
        } else if (head.data[at] == '#' || head.data[at] == ';') {
            at = line_end(head.data, head.size, at);
        } else {
            uint64_t left = head.size - at;
            return (left >= 5 && !memcmp(head.data + at, "[net]", 5)) ||
                   (left >= 9 && !memcmp(head.data + at, "[network]", 9));
        }
    }
    return 0;
}
