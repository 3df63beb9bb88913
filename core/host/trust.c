/* trust.c - who may have written a plugin, and how a refusal reads. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "base/text.h"
#include "host/scan.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#define REFUSAL_BYTES 1024

const char *ggx_refusal_make(ggx_arena *arena, const char *file, const char *format, ...)
{
    char rest[REFUSAL_BYTES];
    va_list args;
    va_start(args, format);
    if (vsnprintf(rest, sizeof rest, format, args) < 0) rest[0] = 0;
    va_end(args);
    for (char *c = rest; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    const char *why = ggx_arena_format(arena, "refused: %s: %s", file, rest).data;
    return why ? why : "refused: no memory to say why";
}

const char *ggx_refusal_of_mode(ggx_arena *arena, const char *file, const struct stat *st)
{
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return ggx_refusal_make(arena, file,
                                "mode: found %04o, expected no write permission for group and others (chmod go-w)",
                                (unsigned)st->st_mode & 07777u);
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        char expected[32] = "0";
        if (geteuid()) snprintf(expected, sizeof expected, "0 or %lu", (unsigned long)geteuid());
        return ggx_refusal_make(arena, file, "owner: found uid %lu, expected %s", (unsigned long)st->st_uid, expected);
    }
    return NULL;
}

ggx_status ggx_entry_refuse(ggx_plugin_entry *entry, const char *why)
{
    entry->state = GGX_STATE_REFUSED;
    entry->why = why;
    return GGX_E_PLUGIN;
}

int ggx_privileged(void)
{
    return getauxval(AT_SECURE) != 0;
}

const char *ggx_directory_from_program(ggx_arena *arena, const char *relative)
{
    char program[4096];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size <= 0) return "";
    program[size] = 0;
    char *slash = strrchr(program, '/');
    if (!slash) return "";
    slash[1] = 0;
    const char *joined = ggx_arena_format(arena, "%s%s", program, relative).data;
    char *resolved = joined ? realpath(joined, NULL) : NULL;
    const char *path = resolved ? ggx_arena_str(arena, ggx_str_of(resolved)).data : joined;
    free(resolved);
    return path ? path : "";
}

const char *ggx_data_directory(ggx_arena *arena)
{
    const char *given = ggx_privileged() ? NULL : getenv("GGX_DATA");
    return given && *given ? given : ggx_directory_from_program(arena, GGX_DATA_FROM_BIN);
}
