/* The network: shapes handed from section to section, because a layer's weights depend on how many channels come in. */
#include "layers.h"

#include <ggx_sdk/error.h>

void darknet_refuse(darknet_build *b, ggx_status status, const char *format, ...)
{
    if (b->status != GGX_OK) return;
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    b->status =
        ggx_fail_at(b->error, status, b->cfg->member, b->section->at, "line %u, [%.*s]: %s", b->section->line,
                    (int)(b->section->name.size < 32 ? b->section->name.size : 32), b->section->name.data, text);
}

int64_t darknet_number(darknet_build *b, const char *key, int64_t otherwise, int64_t least, int64_t most)
{
    const darknet_option *option = darknet_cfg_find(b->cfg, b->section, key);
    if (!option || b->status != GGX_OK) return otherwise;
    ggx_str text = option->value;
    int64_t value = otherwise;
    int good = darknet_cfg_number(&text, &value);
    if (good && text.size && !memchr("#;.,", text.data[0], 4)) good = 0;
    if (!good || value < least || value > most) {
        b->status = ggx_fail_at(b->error, GGX_E_MALFORMED, b->cfg->member, b->section->at,
                                "line %u: %s=%.*s is not a whole number from %lld to %lld", option->line, key,
                                GGX_STR_ARGS(option->value), (long long)least, (long long)most);
        return otherwise;
    }
    return value;
}

int darknet_flag(darknet_build *b, const char *key)
{
    return darknet_number(b, key, 0, INT32_MIN, INT32_MAX) != 0;
}

int64_t darknet_times(darknet_build *b, int64_t x, int64_t y)
{
    if (x >= 0 && y >= 0 && x <= INT32_MAX && y <= INT32_MAX && x * y <= INT32_MAX) return x * y;
    darknet_refuse(b, GGX_E_MALFORMED, "%lld times %lld is more than Darknet can count (2147483647)", (long long)x,
                   (long long)y);
    return 0;
}

const char *darknet_layer_type(const darknet_layer *layer)
{
    return layer->kind->name;
}

static void lay_out_net(darknet_build *b)
{
    darknet_network *n = b->network;
    n->height = darknet_number(b, "height", 0, 0, MAX_SIDE);
    n->width = darknet_number(b, "width", 0, 0, MAX_SIDE);
    n->channels = darknet_number(b, "channels", 0, 0, MAX_CHANNELS);
    n->inputs =
        darknet_number(b, "inputs", darknet_times(b, darknet_times(b, n->height, n->width), n->channels), 0, INT32_MAX);
    if (!n->inputs) darknet_refuse(b, GGX_E_MALFORMED, "it gives neither inputs nor width, height and channels");
    b->w = n->width;
    b->h = n->height;
    b->c = n->channels;
    b->inputs = n->inputs;
}

static void lay_out_layer(darknet_build *b, darknet_layer *l)
{
    l->kind = darknet_kind_find(b->section->name);
    if (!l->kind) {
        darknet_refuse(b, GGX_E_UNSUPPORTED, "no layer of that name is known");
    } else if (l->kind->wants_image && !(b->w && b->h && b->c)) {
        darknet_refuse(b, GGX_E_MALFORMED, "the layer before it gives no image");
    } else {
        l->tensors = b->host->alloc(b->host, l->kind->most * sizeof *l->tensors);
        if (l->tensors)
            l->kind->lay_out(b, l);
        else
            darknet_refuse(b, GGX_E_NOMEM, "no memory for its tensors");
        if (darknet_flag(b, "dontload"))
            l->tensor_count = 0; /* Darknet reads nothing for it: the file goes on with the next */
    }
    int blurred = l->next_outputs != 0;
    b->w = blurred ? l->next_w : l->w;
    b->h = blurred ? l->next_h : l->h;
    b->c = blurred ? l->next_c : l->c;
    b->inputs = blurred ? l->next_outputs : l->outputs;
}

ggx_status darknet_network_build(const ggx_host *host, const darknet_cfg *cfg, const darknet_version *version,
                                 darknet_network *out, ggx_error *error)
{
    darknet_build b = {.host = host,
                       .cfg = cfg,
                       .section = &cfg->sections[0],
                       .network = out,
                       .error = error,
                       .transposed = version->transposed,
                       .alexey = version->revision >= 5,
                       .before_2017 = version->major * 10 + version->minor < 2,
                       .status = GGX_OK};
    *out = (darknet_network){.layer_count = cfg->section_count - 1};
    out->layers = host->alloc(host, (uint64_t)out->layer_count * sizeof *out->layers);
    if (!out->layers) return ggx_fail(error, GGX_E_NOMEM, "no memory for %u layers", out->layer_count);
    lay_out_net(&b);
    for (b.index = 0; b.index < out->layer_count && b.status == GGX_OK; b.index++) {
        if (host->canceled(host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while reading the cfg");
        darknet_layer *l = &out->layers[b.index];
        b.section = &cfg->sections[b.index + 1];
        lay_out_layer(&b, l);
        for (uint32_t i = 0; i < l->tensor_count; i++) { /* cannot overflow: 4096 layers of 55 tensors below 2^31 */
            out->floats += l->tensors[i].floats;
            if (l->tensors[i].alexey_only) out->alexey_floats += l->tensors[i].floats;
        }
    }
    return b.status;
}
