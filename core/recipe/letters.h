/* letters.h - letters that have a case, beyond ASCII, too. */
#ifndef GGX_CORE_LETTERS_H
#define GGX_CORE_LETTERS_H

#include <stdint.h>

enum { GGX_LETTER_SMALL = 1, GGX_LETTER_CAPITAL = 2 };

/* Of a Unicode character: one of these, or 0 for one without case. Letters of a digraph that begins with a capital count as capitals. */
int ggx_letter_case(uint32_t c);

/* *c becomes what it is at the head of a word; a few become several characters, which are returned as UTF-8, NULL otherwise. */
const char *ggx_letter_title(uint32_t *c);

#endif
