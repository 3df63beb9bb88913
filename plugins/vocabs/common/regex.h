/* plugins/vocabs/common/regex.h - the regular expressions of tokenizers: written for Oniguruma, matched by PCRE2 within limits. */
#ifndef GGX_VOCABS_REGEX_H
#define GGX_VOCABS_REGEX_H

#include <ggx/host.h>

#define REGEX_LONGEST 65536u /* bytes of an expression */

typedef struct vocab_regex vocab_regex;

/* Compiles an expression in Oniguruma's (Ruby's) syntax. Errors: GGX_E_UNSUPPORTED, with what is wrong; GGX_E_NOMEM. */
ggx_status vocab_regex_open(const ggx_host *host, ggx_str expression, vocab_regex **out, ggx_error *error);

/* The first match from `at` on: 1 and its ends, or 0. A match that runs away: 0, and the status is GGX_E_UNSUPPORTED. */
int vocab_regex_find(vocab_regex *regex, ggx_str text, uint64_t at, uint64_t ends[2], ggx_status *status,
                     ggx_error *error);

#endif
