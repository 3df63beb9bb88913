/* ggx_sdk/log.h - a line for the host's log, from a format. Names out of a file may hold anything, and a log is lines of text: control characters
 * become '?'. Header-only. */
#ifndef GGX_SDK_LOG_H
#define GGX_SDK_LOG_H

#include "error.h"
#include <ggx/host.h>
#include <stdarg.h>
#include <stdio.h>

#define GGX_LOG_BYTES 240u

static inline GGX_PRINTF(3, 4) void ggx_log(const ggx_host *host, int32_t level, const char *format, ...)
{
    char text[GGX_LOG_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    host->log(host, level, text);
}

#endif
