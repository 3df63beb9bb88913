/* sdk/check/memory.c - guarded bytes, random numbers that are the same in every run, digests, and small shared judgements. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "check.h"

#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int guarded_make(guarded *g, const void *data, uint64_t size)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t body = (size + page - 1) / page * page;
    g->size = size;
    g->mapped = body + page;
    g->base = mmap(NULL, (size_t)g->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->base == MAP_FAILED) return 0;
    g->data = (char *)g->base + (body - size);
    if (size) memcpy(g->data, data, (size_t)size);
    mprotect((char *)g->base + body, (size_t)page, PROT_NONE);
    if (body) mprotect(g->base, (size_t)body, PROT_READ);
    return 1;
}

void guarded_free(guarded *g)
{
    munmap(g->base, (size_t)g->mapped);
}

uint64_t random_u64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_fill(uint64_t *state, void *out, uint64_t size)
{
    uint8_t *to = out;
    for (uint64_t i = 0; i < size; i += 8) {
        uint64_t v = random_u64(state);
        memcpy(to + i, &v, (size_t)(size - i < 8 ? size - i : 8));
    }
}

uint64_t digest_bytes(uint64_t digest, const void *data, uint64_t size)
{
    const uint8_t *from = data;
    for (uint64_t i = 0; i < size; i++) digest = (digest ^ from[i]) * 0x100000001b3u;
    return digest;
}

const char *status_fault(ggx_status status, const ggx_error *error)
{
    if (status == GGX_OK) return "";
    if (status > 0 || status == -1 || status < GGX_E_IO) return "it is none of the status codes of base.h";
    if (error->status != status) return "the error's status is another one";
    if (!memchr(error->text, 0, sizeof error->text)) return "the error's text has no end";
    if (!error->text[0]) return "the error has no text";
    for (const char *c = error->text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return "the error's text has control bytes in it";
    return "";
}

static int value_number(const char *text, uint32_t type, int64_t *out)
{
    static const char *const yes[] = {"true", "yes", "on", "1", ""}, *const no[] = {"false", "no", "off", "0"};
    if (type == GGX_OPTION_BOOL) {
        for (uint32_t i = 0; i < 5; i++)
            if (!strcmp(text, yes[i])) return *out = 1, 1;
        *out = 0;
        for (uint32_t i = 0; i < 4; i++)
            if (!strcmp(text, no[i])) return 1;
        return 0;
    }
    char *end;
    *out = strtoll(text, &end, 0);
    return *text && !*end;
}

uint32_t settings_values(const setting *settings, uint32_t count, const ggx_option *declared, uint32_t declared_count,
                         const ggx_source *source, ggx_option_value *out, uint32_t capacity)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count && n < capacity; i++)
        for (uint32_t d = 0; d < declared_count; d++) {
            const ggx_option *option = &declared[d];
            if (strcmp(option->name, settings[i].name)) continue;
            ggx_option_value v = {sizeof v, option->type, option->name, 0, {NULL, 0}};
            ggx_str text = {settings[i].value, strlen(settings[i].value)};
            if (option->type == GGX_OPTION_STRING || option->type == GGX_OPTION_FILE) v.text = text;
            uint32_t member = 0;
            ggx_error error;
            if (option->type == GGX_OPTION_FILE && (!source || source->find(source, text, &member, &error) != GGX_OK))
                continue;
            v.number = member;
            if (option->type <= GGX_OPTION_INT && !value_number(settings[i].value, option->type, &v.number)) continue;
            out[n++] = v;
            break;
        }
    return n;
}
