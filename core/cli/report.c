/* report.c - errors as sentences with a place, results as one write. */
#include "cli/report.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
    ggx_status status;
    int code;
    const char *text; /* for an error that came without */
} outcomes[] = {
    {GGX_E_USAGE, 2, "the command line asks for something that makes no sense"},
    {GGX_E_NOTFOUND, 3, "something was not found"},
    {GGX_E_DENIED, 4, "permission was denied"},
    {GGX_E_NETWORK, 5, "the network failed"},
    {GGX_E_INTEGRITY, 6, "a checksum does not match"},
    {GGX_E_MALFORMED, 7, "the input breaks its own format"},
    {GGX_E_UNSUPPORTED, 8, "this is not supported"},
    {GGX_E_NOSPACE, 9, "there is no room on the disk"},
    {GGX_E_PLUGIN, 10, "a plugin broke its contract"},
    {GGX_E_CANCELED, 130, "stopped"},
    {GGX_E_NOMEM, 1, "there is not enough memory"},
    {GGX_E_IO, 1, "reading or writing failed"},
};
#define OUTCOMES (sizeof outcomes / sizeof outcomes[0])

int ggx_report_colors(int descriptor)
{
    const char *off = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(descriptor) && !(off && *off) && terminal && strcmp(terminal, "dumb") != 0;
}

int ggx_report_error(const ggx_error *error, const ggx_source *source)
{
    size_t i = 0;
    while (i < OUTCOMES - 1 && outcomes[i].status != error->status) i++;
    int known = outcomes[i].status == error->status;
    const char *path = source && error->member != GGX_NO_MEMBER ? ggx_source_path(source, error->member) : "";
    ggx_text out = {0};
    ggx_text_format(&out, "%s ", ggx_report_colors(STDERR_FILENO) ? "\033[1;31mggx:\033[0m" : "ggx:");
    if (*path) {
        ggx_text_shown(&out, ggx_str_of(path));
        ggx_text_format(&out, ": ");
    }
    if (error->text[0])
        ggx_text_shown(&out, ggx_str_of(error->text));
    else if (known)
        ggx_text_format(&out, "%s", outcomes[i].text);
    else
        ggx_text_format(&out, "a plugin broke its contract: it returned the status %d", (int)error->status);
    if (error->offset != GGX_NO_OFFSET && error->offset)
        ggx_text_format(&out, " (at byte %llu)", (unsigned long long)error->offset);
    fprintf(stderr, "%s\n", out.failed ? "ggx: there is not enough memory" : out.data);
    ggx_text_free(&out);
    return known ? outcomes[i].code : 10;
}

int ggx_report_result(ggx_text *text)
{
    int code = 0;
    if (text->failed) {
        fprintf(stderr, "ggx: there is not enough memory\n");
        code = 1;
    } else if (text->size != fwrite(text->data ? text->data : "", 1, text->size, stdout) || fflush(stdout)) {
        perror("ggx: cannot write to standard output");
        code = 1;
    }
    ggx_text_free(text);
    return code;
}
