/* plugins/vocabs/common/onig.h - an expression of Oniguruma's, rewritten for PCRE2. */
#ifndef GGX_VOCABS_ONIG_H
#define GGX_VOCABS_ONIG_H

#include "text.h"

/* Writes it anew. NULL when it did, else what the expression has that is not known here. */
const char *vocab_onig_rewrite(ggx_str expression, vocab_buffer *out);

#endif
