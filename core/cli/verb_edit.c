/* ggx edit: keys of a finished file. */
#include "base/pool.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "edit.h"
#include <errno.h>
#include <ggx_sdk/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE_MAX (16u << 20)
#define SYNC (256u << 20)

/* The key that programs look for; --chat-template is short for setting it. */
static const char template_key[] = "tokenizer.chat_template";

static ggx_status read_template(const char *path, char **text, uint64_t *size, ggx_error *error)
{
    FILE *file = fopen(path, "rb");
    *text = file ? malloc(TEMPLATE_MAX + 1) : NULL;
    if (!file) return ggx_fail(error, GGX_E_NOTFOUND, "--chat-template %.150s: %s", path, strerror(errno));
    *size = *text ? fread(*text, 1, TEMPLATE_MAX + 1, file) : 0;
    const int bad = ferror(file);
    fclose(file);
    if (!*text) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    if (bad) return ggx_fail(error, GGX_E_IO, "--chat-template %.150s cannot be read", path);
    if (*size > TEMPLATE_MAX) return ggx_fail(error, GGX_E_USAGE, "--chat-template %.150s is longer than 16 MiB", path);
    if (!ggx_str_utf8((ggx_str){*text, *size}))
        return ggx_fail(error, GGX_E_USAGE, "--chat-template %.150s is no text in UTF-8; name a file with the template",
                        path);
    return GGX_OK;
}

static void print_result(const ggx_arguments *a, const ggx_edited *done, ggx_text *out)
{
    const char *file = a->output ? a->output : a->operands[0];
    if (a->json) {
        ggx_text_format(out, "{\"output\": ");
        ggx_text_json(out, ggx_str_of(file));
        ggx_text_format(out, ", \"changes\": %u, \"in_place\": %s, \"undone\": %s, \"bytes_written\": %llu}\n",
                        a->edit_count, done->in_place ? "true" : "false", done->recovered ? "true" : "false",
                        (unsigned long long)done->bytes);
        return;
    }
    if (a->quiet) return;
    if (done->recovered) ggx_text_format(out, "%s: a change that had been cut off was undone\n", a->operands[0]);
    ggx_text_format(out, "%s: %u change%s, %s, %llu bytes\n", file, a->edit_count, a->edit_count == 1 ? "" : "s",
                    done->in_place ? "in place" : "written anew", (unsigned long long)done->bytes);
}

static ggx_status edit(ggx_cli *cli, ggx_registry *registry, ggx_flow *flow, ggx_edited *done, ggx_error *error)
{
    const ggx_arguments *a = &cli->arguments;
    ggx_conversion wanted = {.input = a->operands[0],
                             .output = a->output,
                             .reader = a->reader,
                             .memory = a->memory,
                             .sync_bytes = SYNC,
                             .threads = ggx_pool_cpus(),
                             .parts = 1};
    ggx_status status = ggx_edit_recover(a->operands[0], done, error);
    if (status == GGX_OK && !a->edit_count && !done->recovered)
        return ggx_fail(error, GGX_E_USAGE, "say what to change: --set, --unset, --rename or --chat-template");
    if (status == GGX_OK && !a->edit_count) {
        done->in_place = 1;
        return GGX_OK;
    }
    if (status == GGX_OK) status = ggx_edit_open(flow, registry, &wanted, &cli->run, error);
    return status == GGX_OK ? ggx_edit_file(flow, &wanted, a->edits, a->edit_count, done, error) : status;
}

int ggx_verb_edit(ggx_cli *cli)
{
    ggx_arguments *a = &cli->arguments;
    ggx_registry registry;
    ggx_flow flow = {0};
    ggx_edited done = {0};
    ggx_text out = {0};
    ggx_error error = {0};
    char *text = NULL;
    uint64_t size = 0;
    ggx_status status = ggx_cli_registry(cli, &registry, &error);
    if (status == GGX_OK && a->chat_template) {
        status = read_template(a->chat_template, &text, &size, &error);
        a->edits[a->edit_count++] = (ggx_edit){
            .kind = GGX_EDIT_SET, .key = ggx_str_of(template_key), .type = GGX_LIT("str"), .value = {text, size}};
    }
    if (status == GGX_OK) status = edit(cli, &registry, &flow, &done, &error);
    ggx_progress_close(&cli->progress);
    if (status == GGX_OK) print_result(a, &done, &out);
    int code = status == GGX_OK ? ggx_report_result(&out) : ggx_report_error(&error, flow.source);
    ggx_flow_close(&flow);
    ggx_registry_close(&registry);
    free(text);
    return code;
}
