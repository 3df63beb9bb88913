/* What the parts of the Darknet reader share: the parsed .cfg, and the network with the tensors that its layers keep in a file.
 *
 * cfg.c turns text into sections and options, layers.c, recurrent.c and network.c turn sections into layers with shapes, darknet.c is the reader.
 * Sources for what Darknet does: github.com/pjreddie/darknet and github.com/AlexeyAB/darknet, src/parser.c and src/NAME_layer.c. */
#ifndef GGX_READER_DARKNET_H
#define GGX_READER_DARKNET_H

#include <ggx/reader.h>

#define DARKNET_CFG_BYTES (1u << 20) /* the largest .cfg that is read */
#define DARKNET_CFG_LINE 16384       /* bytes of its longest line */
#define DARKNET_CFG_OPTIONS 65536    /* key=value lines */
#define DARKNET_LAYERS 4096          /* sections after [net] */

/* One key=value line, white space removed as Darknet does. */
typedef struct darknet_option {
    ggx_str key, value; /* inside the cfg's text */
    uint32_t line;      /* from 1 */
} darknet_option;

typedef struct darknet_section {
    ggx_str name;   /* without brackets, inside the cfg's text */
    uint64_t at;    /* byte offset of its line in the file */
    uint32_t line;  /* from 1 */
    uint32_t first; /* its options: options[first .. first + count - 1] */
    uint32_t count;
} darknet_section;

typedef struct darknet_cfg {
    uint32_t member; /* the cfg's index in the source */
    uint32_t section_count;
    const darknet_section *sections;
    const darknet_option *options;
} darknet_cfg;

/* Reads the member and splits it into sections; the first is [net] and another follows it. Errors: GGX_E_MALFORMED with the line,
 * GGX_E_NOMEM, or what the source returned. */
ggx_status darknet_cfg_read(const ggx_host *host, const ggx_source *source, uint32_t member, darknet_cfg *out,
                            ggx_error *error);

/* The section's option of that name, or NULL. Of several, the first: so does Darknet's option_find. */
const darknet_option *darknet_cfg_find(const darknet_cfg *cfg, const darknet_section *section, const char *key);

/* Reads a whole number as atoi does at the beginning of `text`, and moves `text` past it. 0: no digits, or not an int32. */
int darknet_cfg_number(ggx_str *text, int64_t *out);

/* Whether the bytes begin as a .cfg does: [net] or [network] after white space and comments. */
int darknet_cfg_begins(ggx_str head);

/* One tensor of a layer, in file order; all are f32. */
typedef struct darknet_tensor {
    const char *group; /* of a recurrent layer: which of its layers, "input", "wf" …; else NULL */
    const char *part;  /* "biases", "weights" … */
    uint32_t rank;
    uint64_t shape[4];
    int64_t stride[4]; /* elements; all 0: C order */
    uint64_t floats;
    int32_t alexey_only; /* 1: only files of AlexeyAB's fork have it (batchnorm's biases) */
} darknet_tensor;

struct darknet_kind;

typedef struct darknet_layer {
    const struct darknet_kind *kind;
    int64_t w, h, c, outputs; /* what route and shortcut see of it; w, h, c are 0 when it is no image */
    int64_t next_w, next_h, next_c, next_outputs; /* what the next layer gets: differs with antialiasing */
    int64_t in_c, filters, size;                  /* of a convolution, for share_index */
    uint32_t tensor_count;
    darknet_tensor *tensors;
} darknet_layer;

typedef struct darknet_network {
    int64_t width, height, channels, inputs;
    int64_t classes; /* of the last detection head; 0 without one */
    uint32_t layer_count;
    uint32_t reserved;
    darknet_layer *layers;
    uint64_t alexey_floats; /* how many of the floats are alexey_only */
    uint64_t floats;        /* all, those included */
} darknet_network;

/* What the header of a .weights says about the layers in it. */
typedef struct darknet_version {
    int32_t major, minor, revision;
    int32_t transposed; /* connected weights lie as (inputs, outputs) */
} darknet_version;

/* Lays out every layer as parse_network_cfg does in the Darknet that wrote a file of that version. Errors: GGX_E_MALFORMED or GGX_E_UNSUPPORTED with the line, GGX_E_NOMEM, GGX_E_CANCELED. */
ggx_status darknet_network_build(const ggx_host *host, const darknet_cfg *cfg, const darknet_version *version,
                                 darknet_network *out, ggx_error *error);

/* The layer's type, as "convolutional"; an alias in the cfg gives the long name. NUL-terminated. */
const char *darknet_layer_type(const darknet_layer *layer);

#endif
