/* cpu.c - asks the CPU once; no code that needs a feature runs to find out. */
#include "host/cpu.h"
#include "base/text.h"
#include <ggx_sdk/error.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

const char *const ggx_cpu_names[] = {"avx2",     "fma",      "f16c", "avx512f", "avx512bw",
                                     "avx512dq", "avx512vl", "neon", NULL};

#if defined(__x86_64__)
/* Where CPUID says so (Intel's manual, volume 2A), and which of the compiler's own names tells whether the operating system saves the
 * registers: it looks at XCR0 too. The compilers do not know all the features themselves (clang 14 has no f16c). */
static const struct {
    const char *name;
    uint32_t leaf, reg, bit; /* reg: 1 EBX, 2 ECX */
    int wide;                /* 1: ZMM registers */
} features[] = {
    {"avx2", 7, 1, 5, 0},      {"fma", 1, 2, 12, 0},      {"f16c", 1, 2, 29, 0},     {"avx512f", 7, 1, 16, 1},
    {"avx512bw", 7, 1, 30, 1}, {"avx512dq", 7, 1, 17, 1}, {"avx512vl", 7, 1, 31, 1},
};

int ggx_cpu_has(const char *name)
{
    __builtin_cpu_init();
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        if (strcmp(features[i].name, name)) continue;
        uint32_t regs[4] = {0};
        if (!__get_cpuid_count(features[i].leaf, 0, &regs[0], &regs[1], &regs[2], &regs[3])) return 0;
        int saved = features[i].wide ? __builtin_cpu_supports("avx512f") : __builtin_cpu_supports("avx");
        return saved && (regs[features[i].reg] >> features[i].bit & 1);
    }
    return 0;
}
#elif defined(__aarch64__)
#define HWCAP_ASIMD_BIT (1ul << 1) /* linux/arch/arm64/include/uapi/asm/hwcap.h */

int ggx_cpu_has(const char *name)
{
    return !strcmp(name, "neon") && (getauxval(AT_HWCAP) & HWCAP_ASIMD_BIT);
}
#else
int ggx_cpu_has(const char *name)
{
    (void)name;
    return 0;
}
#endif

static int mask_allows(const char *mask, const char *name)
{
    if (!mask) return 1;
    size_t size = strlen(name);
    for (const char *at = mask; (at = strstr(at, name)); at += size)
        if ((at == mask || at[-1] == ',') && (!at[size] || at[size] == ',')) return 1;
    return 0;
}

static ggx_status check_mask(const char *mask, ggx_error *error)
{
    for (const char *at = mask; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        ggx_str word = {at, strcspn(at, ",")};
        int known = ggx_str_same(word, GGX_LIT("portable")) && !strcmp(mask, "portable");
        for (size_t i = 0; ggx_cpu_names[i] && !known; i++) known = ggx_str_same(word, ggx_str_of(ggx_cpu_names[i]));
        if (known) continue;
        char names[128] = "";
        for (size_t i = 0, used = 0; ggx_cpu_names[i]; i++)
            used += (size_t)snprintf(names + used, sizeof names - used, " %s", ggx_cpu_names[i]);
        return ggx_fail(error, GGX_E_USAGE, "'%.*s' is no CPU feature; there are:%s, or portable alone for none",
                        GGX_STR_ARGS(word), names);
    }
    return GGX_OK;
}

ggx_status ggx_cpu_select(ggx_arena *arena, const char *mask, const char *const **out, ggx_error *error)
{
    ggx_status status = check_mask(mask, error);
    if (status != GGX_OK) return status;
    const char **list = ggx_arena_alloc(arena, sizeof ggx_cpu_names);
    if (!list) return ggx_fail(error, GGX_E_NOMEM, "no memory for the list of CPU features");
    size_t n = 0;
    for (size_t i = 0; ggx_cpu_names[i]; i++)
        if (mask_allows(mask, ggx_cpu_names[i]) && ggx_cpu_has(ggx_cpu_names[i])) list[n++] = ggx_cpu_names[i];
    *out = list;
    return GGX_OK;
}

const char *ggx_cpu_missing(const char *const *needed, const char *const *available)
{
    for (; *needed; needed++) {
        const char *const *at = available;
        while (*at && strcmp(*at, *needed)) at++;
        if (!*at) return *needed;
    }
    return NULL;
}
