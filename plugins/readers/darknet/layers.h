/* Between network.c, which goes from layer to layer, and layers.c, which knows each kind. */
#ifndef GGX_READER_DARKNET_LAYERS_H
#define GGX_READER_DARKNET_LAYERS_H

#include "darknet.h"

#define MAX_CHANNELS (1 << 24) /* filters, outputs, channels: far above any network, far below overflow */
#define MAX_SIDE (1 << 16)     /* width, height */
#define MAX_KERNEL (1 << 12)   /* size, stride, padding */
#define MAX_INPUTS 1024        /* layers that one route or shortcut names */

/* The layer being laid out. The first failure sticks; later calls keep it and give harmless values. */
typedef struct darknet_build {
    const ggx_host *host;
    const darknet_cfg *cfg;
    const darknet_section *section;
    darknet_network *network;
    ggx_error *error;
    int64_t w, h, c, inputs; /* what comes in */
    uint32_t index;          /* of the layer */
    int32_t transposed;
    ggx_status status;
} darknet_build;

typedef struct darknet_kind {
    const char *name, *alias;
    void (*lay_out)(darknet_build *b, darknet_layer *l); /* NULL: refused */
    int32_t wants_image;
} darknet_kind;

/* The kind of section with that name or alias, or NULL. */
const darknet_kind *darknet_kind_find(ggx_str name);

/* Fails the build at the section's line, unless it has failed already. */
GGX_PRINTF(3, 4) void darknet_refuse(darknet_build *b, ggx_status status, const char *format, ...);

/* The option's number, or `otherwise` when it is not given. Darknet's atoi takes "abc" as 0; here that is refused. */
int64_t darknet_number(darknet_build *b, const char *key, int64_t otherwise, int64_t least, int64_t most);

/* Whether the option is given and not 0. */
int darknet_flag(darknet_build *b, const char *key);

/* Product of two counts; what Darknet's int cannot hold, or a negative count, is refused. */
int64_t darknet_times(darknet_build *b, int64_t x, int64_t y);

#endif
