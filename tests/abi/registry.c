/* tests/abi/registry.c - prints what the host makes of plugin directories, as `ggx plugins --check --json` does, without the program
 * around it: registry [--get ID NAME] DIR… */
#include "host/registry.h"
#include <stdio.h>
#include <string.h>

static void print_text(const char *key, const char *text, const char *end)
{
    printf("\"%s\": \"", key);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    printf("\"%s", end);
}

static void print_entry(const ggx_plugin_entry *e, const char *end)
{
    printf("    { ");
    print_text("id", e->id, ", ");
    print_text("version", e->version, ", ");
    print_text("file", e->path, ", ");
    print_text("origin", e->origin, ", ");
    print_text("state", ggx_state_name(e->state), ", ");
    print_text("why", e->why, ", \"provides\": [");
    for (uint32_t i = 0; i < e->offer_count; i++) {
        printf("%s{ ", i ? ", " : "");
        print_text("interface", e->offers[i].interface_id, ", ");
        print_text("name", e->offers[i].name, ", ");
        print_text("state", ggx_state_name(e->offers[i].state), " }");
    }
    printf("] }%s\n", end);
}

static void print_registry(const ggx_registry *r)
{
    printf("{ \"plugins\": [\n");
    for (uint32_t i = 0; i < r->count; i++) print_entry(&r->entries[i], i + 1 < r->count ? "," : "");
    printf("  ], \"directories\": [\n");
    for (uint32_t i = 0; i < r->directory_count; i++) {
        const ggx_plugin_directory *d = &r->directories[i];
        printf("    { ");
        print_text("path", d->path, ", ");
        print_text("origin", d->origin, ", ");
        print_text("state", ggx_state_name(d->state), ", ");
        print_text("why", d->why, i + 1 < r->directory_count ? " },\n" : " }\n");
    }
    printf("  ] }\n");
}

/* The exit code of asking for one vtable by name; its message on stderr. */
static int get(ggx_registry *r, const char *interface_id, const char *name)
{
    const void *vtable = NULL;
    ggx_error error;
    memset(&error, 0, sizeof error);
    ggx_status status = ggx_registry_get(r, interface_id, (ggx_str){name, strlen(name)}, &vtable, NULL, &error);
    if (status != GGX_OK) fprintf(stderr, "%s\n", error.text);
    return status == GGX_OK && !vtable ? 99 : -status;
}

int main(int argc, char **argv)
{
    ggx_registry registry;
    ggx_error error;
    int code = 0, asks = argc > 3 && !strcmp(argv[1], "--get"), refused = 0;
    ggx_registry_config config = {.plugin_path = (const char *const *)argv + (asks ? 4 : 1)};
    memset(&error, 0, sizeof error);
    if (ggx_registry_open(&registry, &config, &error) != GGX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 99;
    }
    if (asks) {
        code = get(&registry, argv[2], argv[3]);
    } else {
        for (uint32_t i = 0; i < registry.count; i++) {
            ggx_plugin_entry *e = &registry.entries[i];
            if (e->state == GGX_STATE_USABLE) (void)ggx_registry_load(&registry, e, &error);
            refused |= e->state == GGX_STATE_REFUSED;
        }
        print_registry(&registry);
        code = refused ? 10 : 0;
    }
    ggx_registry_close(&registry);
    return code;
}
