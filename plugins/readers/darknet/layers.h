/* Between network.c, which goes from layer to layer, and layers.c and recurrent.c, which know each kind. */
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
    const char *group;       /* the layer inside a recurrent one that tensors are added for; NULL: the layer itself */
    int32_t transposed;
    int32_t alexey, before_2017; /* whose rules hold for recurrent layers */
    ggx_status status;
} darknet_build;

typedef struct darknet_kind {
    const char *name, *alias;
    void (*lay_out)(darknet_build *b, darknet_layer *l);
    int32_t wants_image;
    uint32_t most; /* tensors that a layer of it can have */
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

/* What the kinds are made of: an output shape, tensors in file order, the last of them turned round. */
void darknet_set_image(darknet_build *b, darknet_layer *l, int64_t w, int64_t h, int64_t c);
void darknet_set_vector(darknet_layer *l, int64_t outputs); /* a layer that wants an image cannot follow */
void darknet_add_tensor(darknet_build *b, darknet_layer *l, const char *part, uint32_t rank, const int64_t *shape);
void darknet_add_vector(darknet_build *b, darknet_layer *l, const char *part, int64_t n);
void darknet_add_norms(darknet_build *b, darknet_layer *l, int64_t n);
void darknet_store_transposed(darknet_build *b, darknet_layer *l);
int64_t darknet_window(int64_t in, int64_t padding, int64_t size, int64_t stride);

/* recurrent.c */
void darknet_lay_out_rnn(darknet_build *b, darknet_layer *l);
void darknet_lay_out_gru(darknet_build *b, darknet_layer *l);
void darknet_lay_out_lstm(darknet_build *b, darknet_layer *l);
void darknet_lay_out_crnn(darknet_build *b, darknet_layer *l);
void darknet_lay_out_conv_lstm(darknet_build *b, darknet_layer *l);

#endif
