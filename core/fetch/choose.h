/* core/fetch/choose.h - which files of a repository are needed: its weights in one form, and what is small beside them.
 *
 * Names of formats are data here too: forms, in the order in which they are preferred, each with patterns of its files' names; and patterns of what is
 * never needed (plugins/models/files.json). */
#ifndef GGX_CORE_CHOOSE_H
#define GGX_CORE_CHOOSE_H

#include "fetch/hub.h"

typedef struct ggx_choice_form {
    const char *name;
    int32_t each; /* 1: each of its files, or of its sets of parts, is a model by itself */
} ggx_choice_form;

/* The forms that the rules know, in their order. */
ggx_status ggx_choose_forms(const char *rules, ggx_arena *arena, const ggx_choice_form **out, uint32_t *count,
                            ggx_error *error);

/* Sets is[i] to 1 for each file of the list that has weights in that form. */
ggx_status ggx_choose_weights(const char *rules, const char *form, const ggx_hub *hub, ggx_arena *arena, uint8_t *is,
                              ggx_error *error);

/* Sets keep[i] to 1 for each needed file of the list. `rules`: path of the JSON file. `form`: the name of the form that is wanted, or NULL: the first
 * that the repository has; *chosen becomes its name, or NULL when it has none: then only what is never needed is left out. Errors:
 * GGX_E_NOTFOUND for a form that the repository does not have, GGX_E_USAGE for one that nobody knows, GGX_E_MALFORMED for a file that has no
 * such rules. */
ggx_status ggx_choose_files(const char *rules, const char *form, const ggx_hub *hub, ggx_arena *arena, uint8_t *keep,
                            const char **chosen, ggx_error *error);

#endif
