/* ggx/options.h - the settings that a plugin declares and the values that the user gave.
 *
 * On the command line `-O NAME=VALUE`, with the name as declared ("darknet.cfg"). `ggx plugins ID` shows them. Since 0.1. */
#ifndef GGX_OPTIONS_H
#define GGX_OPTIONS_H

#include "base.h"

GGX_EXTERN_C_BEGIN

#define GGX_OPTION_BOOL 1   /* true false yes no on off 1 0; the bare name means true */
#define GGX_OPTION_INT 2    /* decimal or 0x… */
#define GGX_OPTION_STRING 3 /* bytes */
#define GGX_OPTION_FILE 4   /* a path; the host opens it as a member of the source and hands over the index */

/* One declared option. Tables of these are constant and live as long as the plugin is loaded. */
typedef struct ggx_option {
    uint32_t struct_size; /* bytes */
    uint32_t type;        /* GGX_OPTION_* */
    const char *name;     /* NUL-terminated, "plugin.word-word" */
    const char *help;     /* NUL-terminated, one line */
} ggx_option;

/* One given value. Options that were not given do not occur. */
typedef struct ggx_option_value {
    uint32_t struct_size; /* bytes */
    uint32_t type;        /* GGX_OPTION_* */
    const char *name;     /* NUL-terminated, as declared */
    int64_t number;       /* BOOL: 0 or 1; INT: the value; FILE: the member's index */
    ggx_str text;         /* STRING and FILE: as given; otherwise empty */
} ggx_option_value;

/* The values for one instance. Lives until the instance is closed. */
typedef struct ggx_options {
    uint32_t struct_size; /* bytes */
    uint32_t count;       /* number of values */
    const ggx_option_value *values;
} ggx_options;

GGX_EXTERN_C_END
#endif
