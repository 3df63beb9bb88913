/* Without libcurl: every remote name is refused. */
#include "fetch/range.h"

#include <ggx_sdk/error.h>

#ifndef GGX_HAVE_CURL

const char *ggx_range_next(const ggx_range_client *client)
{
    (void)client;
    return "";
}

ggx_status ggx_range_open(ggx_range_client **out, const char *token, uint32_t timeout, const ggx_run *run,
                          ggx_error *error)
{
    (void)token, (void)timeout, (void)run;
    *out = NULL;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "this ggx was built without libcurl: it reads no remote files");
}

void ggx_range_close(ggx_range_client *client)
{
    (void)client;
}

ggx_status ggx_range_look(ggx_range_client *client, ggx_range_file *file, ggx_error *error)
{
    (void)client, (void)file;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "no libcurl");
}

ggx_status ggx_range_get(ggx_range_client *client, const ggx_range_file *file, uint64_t offset, void *out,
                         uint64_t size, ggx_error *error)
{
    (void)client, (void)file, (void)offset, (void)out, (void)size;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "no libcurl");
}

ggx_status ggx_range_clone(ggx_range_client **out, const ggx_range_client *client, ggx_error *error)
{
    (void)client;
    *out = NULL;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "no libcurl");
}

void ggx_range_share(ggx_range_client *client, const atomic_int *halt, ggx_range_pace *pace)
{
    (void)client, (void)halt, (void)pace;
}

ggx_status ggx_range_part(ggx_range_client *client, const ggx_range_file *file, uint64_t offset, uint64_t end,
                          ggx_range_take *take, int (*whole)(void *context), void *context, ggx_error *error)
{
    (void)client, (void)file, (void)offset, (void)end, (void)take, (void)whole, (void)context;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "no libcurl");
}

ggx_status ggx_range_stream(ggx_range_client *client, const ggx_range_file *file, uint64_t offset, ggx_range_take *take,
                            void *context, ggx_error *error)
{
    (void)client, (void)file, (void)offset, (void)take, (void)context;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "no libcurl");
}

ggx_status ggx_range_text(ggx_range_client *client, const char *url, uint64_t most, ggx_arena *arena, ggx_str *out,
                          ggx_error *error)
{
    (void)client, (void)url, (void)most, (void)arena, (void)out;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "no libcurl");
}

#endif
