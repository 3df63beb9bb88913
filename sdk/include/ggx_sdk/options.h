/* ggx_sdk/options.h - finds the value of an option among those that the user gave. Header-only. */
#ifndef GGX_SDK_OPTIONS_H
#define GGX_SDK_OPTIONS_H

#include <ggx/options.h>
#include <string.h>

/* The value of the option with that name, or NULL when it was not given. */
static inline const ggx_option_value *ggx_option_find(const ggx_options *options, const char *name)
{
    for (uint32_t i = 0; options && i < options->count; i++)
        if (!strcmp(options->values[i].name, name)) return &options->values[i];
    return NULL;
}

#endif
