/* regex.c - PCRE2 in the host's memory. */
#include "regex.h"
#include "onig.h"
#include <ggx_sdk/error.h>

#if GGX_HAS_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 200000u
#define DEPTH_LIMIT 20000u
#define HEAP_LIMIT (16u << 10) /* KiB */

struct vocab_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static void *take(size_t size, void *host)
{
    return ((const ggx_host *)host)->alloc(host, size);
}

static void leave(void *memory, void *host)
{
    (void)memory; /* the host frees all at once */
    (void)host;
}

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
}

static ggx_status compile(const ggx_host *host, ggx_str rewritten, vocab_regex *r, ggx_error *error)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    char why[120] = "";
    union {
        const ggx_host *given;
        void *taken;
    } memory = {host};
    pcre2_general_context *general = pcre2_general_context_create(take, leave, memory.taken);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!context) return no_memory(error);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    r->code = pcre2_compile((PCRE2_SPTR)rewritten.data, (PCRE2_SIZE)rewritten.size,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    if (!r->code && code == PCRE2_ERROR_HEAP_FAILED) return no_memory(error);
    if (!r->code) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return ggx_fail(error, GGX_E_UNSUPPORTED, "the regular expression '%.*s' is not understood: %s",
                        GGX_STR_ARGS(rewritten), why);
    }
    r->data = pcre2_match_data_create(1, general);
    r->limits = pcre2_match_context_create(general);
    if (!r->data || !r->limits) return no_memory(error);
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_LIMIT);
    return GGX_OK;
}

ggx_status vocab_regex_open(const ggx_host *host, ggx_str expression, vocab_regex **out, ggx_error *error)
{
    vocab_buffer rewritten = {.host = host};
    vocab_regex *r = host->alloc(host, sizeof *r);
    if (!r) return no_memory(error);
    const char *wrong = expression.size > REGEX_LONGEST ? "too long" : vocab_onig_rewrite(expression, &rewritten);
    if (rewritten.failed) return no_memory(error);
    if (wrong)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "the regular expression '%.*s' is not understood: %s",
                        GGX_STR_ARGS(expression), wrong);
    *out = r;
    return compile(host, vocab_buffer_str(&rewritten), r, error);
}

int vocab_regex_find(vocab_regex *r, ggx_str text, uint64_t at, uint64_t ends[2], ggx_status *status, ggx_error *error)
{
    int found =
        pcre2_match(r->code, (PCRE2_SPTR)text.data, (PCRE2_SIZE)text.size, (PCRE2_SIZE)at, 0, r->data, r->limits);
    if (found < 0) {
        if (found == PCRE2_ERROR_NOMEMORY)
            *status = no_memory(error);
        else if (found != PCRE2_ERROR_NOMATCH)
            *status = ggx_fail(error, GGX_E_UNSUPPORTED, "a regular expression takes too many steps for the text");
        return 0;
    }
    const PCRE2_SIZE *both = pcre2_get_ovector_pointer(r->data);
    ends[0] = both[0];
    ends[1] = both[1];
    return both[1] >= both[0];
}

#else
ggx_status vocab_regex_open(const ggx_host *host, ggx_str expression, vocab_regex **out, ggx_error *error)
{
    (void)host;
    (void)expression;
    (void)out;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "this ggx was built without regular expressions; build it with PCRE2");
}

int vocab_regex_find(vocab_regex *r, ggx_str text, uint64_t at, uint64_t ends[2], ggx_status *status, ggx_error *error)
{
    (void)r;
    (void)text;
    (void)at;
    (void)ends;
    *status = ggx_fail(error, GGX_E_UNSUPPORTED, "this ggx was built without regular expressions");
    return 0;
}
#endif
