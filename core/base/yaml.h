/* core/base/yaml.h - a YAML document as the tree that JSON becomes, too (base/json.h): for the small head of a text file, not for data.
 *
 * Scalars are told apart by the rules of PyYAML's SafeLoader (YAML 1.1), because model cards are written for programs that read them
 * with it: yes and no are booleans, 1_000 and 0x1f are integers, ~ and nothing are null. A date is an object of one
 * member, 'date', with its text: neither text nor a number. Anchors, aliases and
 * merge keys ("<<") work; a key that is no text is left out, because nobody can ask for it; of a key that is there twice the last
 * counts. Needs libyaml: without it every document is refused. */
#ifndef GGX_CORE_YAML_H
#define GGX_CORE_YAML_H

#include "base/json.h"

#define GGX_YAML_BYTES (4u << 20)
#define GGX_YAML_DEPTH 64u
#define GGX_YAML_NODES 262144u /* with those that aliases repeat */

/* Parses the whole text, which is one document; none at all gives NULL. `line` is the number of its first line, for messages. The tree lives
 * in the arena. Errors: GGX_E_MALFORMED with the line and `name` (of the file), also beyond the bounds; GGX_E_UNSUPPORTED without
 * libyaml; GGX_E_NOMEM. */
ggx_status ggx_yaml_parse(ggx_arena *arena, ggx_str text, const char *name, uint32_t line, ggx_json **out,
                          ggx_error *error);

/* The kind (GGX_JSON_*) that a scalar without quotes and tag has; its number goes to *out. OBJECT: a date. Part of ggx_yaml_parse. */
uint32_t ggx_yaml_scalar(ggx_str text, ggx_json *out);

#endif
