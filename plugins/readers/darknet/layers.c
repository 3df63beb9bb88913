/* Sections to layers: for each kind of section its output shape and the tensors it keeps in a .weights file.
 *
 * The rules are those of parse_KIND and make_KIND_layer in Darknet's sources, C's truncating division included; where its two forks
 * differ the comment says so. Numbers that Darknet's own int cannot hold are refused with the line. */
#include "layers.h"

#include <ggx_sdk/error.h>

void darknet_set_image(darknet_build *b, darknet_layer *l, int64_t w, int64_t h, int64_t c)
{
    if (w < 1 || h < 1 || c < 1)
        darknet_refuse(b, GGX_E_MALFORMED, "nothing is left of its %lld x %lld x %lld input", (long long)b->w,
                       (long long)b->h, (long long)b->c);
    l->w = w;
    l->h = h;
    l->c = c;
    l->outputs = darknet_times(b, darknet_times(b, w, h), c);
}

/* An output that is a plain vector: a layer that wants an image cannot follow. */
void darknet_set_vector(darknet_layer *l, int64_t outputs)
{
    l->w = l->h = l->c = 0;
    l->outputs = outputs;
}

void darknet_add_tensor(darknet_build *b, darknet_layer *l, const char *part, uint32_t rank, const int64_t *shape)
{
    int64_t floats = 1;
    darknet_tensor *t = &l->tensors[l->tensor_count];
    for (uint32_t i = 0; i < rank; i++) floats = darknet_times(b, floats, shape[i]);
    if (b->status != GGX_OK) return;
    *t = (darknet_tensor){.group = b->group, .part = part, .rank = rank, .floats = (uint64_t)floats};
    for (uint32_t i = 0; i < rank; i++) t->shape[i] = (uint64_t)shape[i];
    l->tensor_count++;
}

void darknet_add_vector(darknet_build *b, darknet_layer *l, const char *part, int64_t n)
{
    darknet_add_tensor(b, l, part, 1, &n);
}

void darknet_add_norms(darknet_build *b, darknet_layer *l, int64_t n)
{
    darknet_add_vector(b, l, "scales", n);
    darknet_add_vector(b, l, "rolling_mean", n);
    darknet_add_vector(b, l, "rolling_variance", n);
}

/* The last tensor lies in the file as the matrix's other way round: `columns` (its first axis) runs fastest. */
void darknet_store_transposed(darknet_build *b, darknet_layer *l)
{
    if (b->status != GGX_OK) return;
    darknet_tensor *t = &l->tensors[l->tensor_count - 1];
    uint64_t step = t->shape[0];
    t->stride[0] = 1;
    for (uint32_t i = t->rank; i-- > 1;) {
        t->stride[i] = (int64_t)step;
        step *= t->shape[i];
    }
}

/* ---- layers with weights ----------------------------------------------------------------------------------------------------- */

int64_t darknet_window(int64_t in, int64_t padding, int64_t size, int64_t stride)
{
    return (in + padding - size) / stride + 1;
}

/* AlexeyAB's antialiasing: the layer itself has stride 1, and a blur with the given stride, which is not in the file, stands between
 * it and the next layer. route and shortcut see the layer before the blur. */
static void set_blur(darknet_build *b, darknet_layer *l, int64_t stride_x, int64_t stride_y, int64_t antialiasing)
{
    int64_t size = antialiasing == 2 ? 2 : 3, padding = antialiasing == 2 ? 0 : 2;
    l->next_w = darknet_window(l->w, padding, size, stride_x);
    l->next_h = darknet_window(l->h, padding, size, stride_y);
    l->next_c = l->c;
    if (l->next_w < 1 || l->next_h < 1) darknet_refuse(b, GGX_E_MALFORMED, "nothing is left after its antialiasing");
    l->next_outputs = darknet_times(b, darknet_times(b, l->next_w, l->next_h), l->next_c);
}

typedef struct strides {
    int64_t x, y;
} strides;

/* stride_x and stride_y, each `stride` when it is not given. In [convolutional] values below 1 count as not given. */
static strides read_strides(darknet_build *b)
{
    int64_t stride = darknet_number(b, "stride", 1, 1, MAX_KERNEL);
    strides s = {darknet_number(b, "stride_x", stride, -1, MAX_KERNEL),
                 darknet_number(b, "stride_y", stride, -1, MAX_KERNEL)};
    if (s.x < 1) s.x = stride;
    if (s.y < 1) s.y = stride;
    return s;
}

static int64_t read_padding(darknet_build *b, int64_t size)
{
    int64_t padding = darknet_number(b, "padding", 0, 0, MAX_KERNEL);
    return darknet_flag(b, "pad") ? size / 2 : padding;
}

/* share_index: the weights are those of an earlier convolution, and not in the file again. */
static int shares_weights(darknet_build *b, const darknet_layer *l)
{
    if (!darknet_cfg_find(b->cfg, b->section, "share_index")) return 0;
    int64_t index = darknet_number(b, "share_index", -1, -DARKNET_LAYERS, DARKNET_LAYERS);
    if (index < 0) index += b->index;
    if (b->status != GGX_OK) return 1;
    if (index < 0 || index >= b->index) {
        darknet_refuse(b, GGX_E_MALFORMED, "share_index names layer %lld, which is not an earlier one",
                       (long long)index);
        return 1;
    }
    const darknet_layer *other = &b->network->layers[index];
    if (!other->filters || other->filters != l->filters || other->size != l->size || other->in_c != l->in_c)
        darknet_refuse(b, GGX_E_MALFORMED, "share_index names layer %lld, which is no convolution of the same shape",
                       (long long)index);
    return 1;
}

static void add_convolution(darknet_build *b, darknet_layer *l, const int64_t *shape, int64_t filters)
{
    darknet_add_vector(b, l, "biases", filters);
    if ((darknet_flag(b, "batch_normalize") || darknet_flag(b, "cbn")) && !darknet_flag(b, "dontloadscales"))
        darknet_add_norms(b, l, filters);
    darknet_add_tensor(b, l, "weights", 4, shape);
    if (darknet_flag(b, "flipped"))
        darknet_store_transposed(b, l); /* load_convolutional_weights turns it round after reading */
}

static void lay_out_convolutional(darknet_build *b, darknet_layer *l)
{
    int64_t filters = darknet_number(b, "filters", 1, 1, MAX_CHANNELS);
    int64_t groups = darknet_number(b, "groups", 1, INT32_MIN, MAX_CHANNELS);
    int64_t size = darknet_number(b, "size", 1, 1, MAX_KERNEL);
    int64_t antialiasing = darknet_number(b, "antialiasing", 0, 0, 2);
    int64_t padding = read_padding(b, size), stored = darknet_number(b, "numload", 0, 0, filters);
    strides stride = read_strides(b), own = stride;
    if (groups < 1 || darknet_flag(b, "xnor")) groups = 1; /* as make_convolutional_layer does */
    if (!stored) stored = filters;                         /* pjreddie: a file that holds only the first filters */
    if (antialiasing) own = (strides){1, 1};
    if (b->c % groups || filters % groups)
        darknet_refuse(b, GGX_E_MALFORMED,
                       "groups=%lld does not divide the %lld channels that come in and filters=%lld", (long long)groups,
                       (long long)b->c, (long long)filters);
    l->filters = filters;
    l->size = size;
    l->in_c = b->c / groups;
    darknet_set_image(b, l, darknet_window(b->w, 2 * padding, size, own.x),
                      darknet_window(b->h, 2 * padding, size, own.y), filters);
    if (antialiasing) set_blur(b, l, stride.x, stride.y, antialiasing);
    int64_t shape[4] = {stored, l->in_c, size, size};
    if (!shares_weights(b, l)) add_convolution(b, l, shape, stored);
}

/* pjreddie only. Weights lie as (channels in, filters, size, size): forward_deconvolutional_layer multiplies their transpose. */
static void lay_out_deconvolutional(darknet_build *b, darknet_layer *l)
{
    int64_t filters = darknet_number(b, "filters", 1, 1, MAX_CHANNELS);
    int64_t size = darknet_number(b, "size", 1, 1, MAX_KERNEL);
    int64_t stride = darknet_number(b, "stride", 1, 1, MAX_KERNEL);
    int64_t padding = read_padding(b, size);
    darknet_set_image(b, l, (b->w - 1) * stride + size - 2 * padding, (b->h - 1) * stride + size - 2 * padding,
                      filters);
    int64_t shape[4] = {b->c, filters, size, size};
    if (darknet_flag(b, "flipped") || darknet_flag(b, "numload"))
        darknet_refuse(b, GGX_E_UNSUPPORTED, "flipped and numload are understood in [convolutional] only");
    add_convolution(b, l, shape, filters);
}

static void lay_out_connected(darknet_build *b, darknet_layer *l)
{
    int64_t output = darknet_number(b, "output", 1, 1, MAX_CHANNELS);
    int64_t shape[2] = {output, b->inputs};
    darknet_set_image(b, l, 1, 1, output);
    darknet_add_vector(b, l, "biases", output);
    darknet_add_tensor(b, l, "weights", 2, shape);
    if (b->transposed) darknet_store_transposed(b, l);
    if (darknet_flag(b, "batch_normalize") && !darknet_flag(b, "dontloadscales")) darknet_add_norms(b, l, output);
}

/* One filter bank for every place of the output; `size` counts only when the input is not padded. */
static void lay_out_local(darknet_build *b, darknet_layer *l)
{
    int64_t filters = darknet_number(b, "filters", 1, 1, MAX_CHANNELS);
    int64_t size = darknet_number(b, "size", 1, 1, MAX_KERNEL);
    int64_t stride = darknet_number(b, "stride", 1, 1, MAX_KERNEL);
    int64_t cut = darknet_flag(b, "pad") ? 1 : size;
    darknet_set_image(b, l, darknet_window(b->w, 0, cut, stride), darknet_window(b->h, 0, cut, stride), filters);
    int64_t shape[3] = {darknet_times(b, l->w, l->h), filters, darknet_times(b, darknet_times(b, size, size), b->c)};
    darknet_add_vector(b, l, "biases", l->outputs);
    darknet_add_tensor(b, l, "weights", 3, shape);
}

/* AlexeyAB's fork keeps biases too, pjreddie's does not: which it was shows only in the file's size (darknet.c). */
static void lay_out_batchnorm(darknet_build *b, darknet_layer *l)
{
    darknet_set_image(b, l, b->w, b->h, b->c);
    darknet_add_vector(b, l, "biases", b->c);
    if (b->status == GGX_OK) l->tensors[0].alexey_only = 1;
    darknet_add_norms(b, l, b->c);
}

/* The layer that an index of route, shortcut, scale_channels or sam means: absolute, or counted back when negative. */
static const darknet_layer *input_layer(darknet_build *b, ggx_str *text)
{
    int64_t index = 0;
    if (b->status != GGX_OK) return NULL;
    int good = darknet_cfg_number(text, &index);
    if (good && index < 0) index += b->index;
    if (!good || index < 0 || index >= b->index) {
        darknet_refuse(b, GGX_E_MALFORMED, "it names a layer that is not an earlier one (it is itself layer %u)",
                       b->index);
        return NULL;
    }
    return &b->network->layers[index];
}

/* Moves past a comma; 0 when the list is over, and a refusal when something else follows. */
static int next_in_list(darknet_build *b, ggx_str *text)
{
    if (b->status != GGX_OK || !text->size || text->data[0] == '#' || text->data[0] == ';') return 0;
    if (text->data[0] != ',') {
        darknet_refuse(b, GGX_E_MALFORMED, "its list of layers has %.*s in it", GGX_STR_ARGS(*text));
        return 0;
    }
    text->data++;
    text->size--;
    return text->size != 0;
}

static ggx_str required(darknet_build *b, const char *key)
{
    const darknet_option *option = darknet_cfg_find(b->cfg, b->section, key);
    if (option) return option->value;
    darknet_refuse(b, GGX_E_MALFORMED, "it has no %s=", key);
    return (ggx_str){0};
}

static int option_is(const darknet_build *b, const char *key, const char *word)
{
    const darknet_option *option = darknet_cfg_find(b->cfg, b->section, key);
    return option && option->value.size == strlen(word) && !memcmp(option->value.data, word, strlen(word));
}

/* Keeps the shape of the layer before it. AlexeyAB's weights_type gives each added layer a weight, or one per channel. */
static void lay_out_shortcut(darknet_build *b, darknet_layer *l)
{
    ggx_str from = required(b, "from");
    int64_t added = 0;
    do {
        (void)input_layer(b, &from);
        if (++added > MAX_INPUTS) darknet_refuse(b, GGX_E_MALFORMED, "it names more than %d layers", MAX_INPUTS);
    } while (next_in_list(b, &from));
    darknet_set_image(b, l, b->w, b->h, b->c);
    int64_t shape[2] = {added + 1, b->c};
    if (option_is(b, "weights_type", "per_feature") || option_is(b, "weights_type", "per_layer"))
        darknet_add_tensor(b, l, "weights", 1, shape);
    else if (option_is(b, "weights_type", "per_channel"))
        darknet_add_tensor(b, l, "weights", 2, shape);
    else if (darknet_cfg_find(b->cfg, b->section, "weights_type") && !option_is(b, "weights_type", "none"))
        darknet_refuse(b, GGX_E_MALFORMED, "weights_type is none of none, per_feature, per_layer and per_channel");
}

static void lay_out_implicit(darknet_build *b, darknet_layer *l)
{
    int64_t shape[2] = {darknet_number(b, "filters", 128, 1, MAX_CHANNELS),
                        darknet_number(b, "atoms", 1, 1, MAX_CHANNELS)};
    darknet_set_image(b, l, 1, shape[1], shape[0]);
    darknet_add_tensor(b, l, "weights", 2, shape);
}

/* ---- layers without weights -------------------------------------------------------------------------------------------------- */

static void lay_out_maxpool(darknet_build *b, darknet_layer *l)
{
    int64_t stride = darknet_number(b, "stride", 1, 1, MAX_KERNEL);
    strides blur = {darknet_number(b, "stride_x", stride, 1, MAX_KERNEL),
                    darknet_number(b, "stride_y", stride, 1, MAX_KERNEL)};
    int64_t size = darknet_number(b, "size", stride, 1, MAX_KERNEL);
    int64_t padding = darknet_number(b, "padding", size - 1, 0, MAX_KERNEL);
    int64_t antialiasing = darknet_number(b, "antialiasing", 0, 0, 2);
    strides own = antialiasing ? (strides){1, 1} : blur;
    if (darknet_flag(b, "maxpool_depth"))
        darknet_set_image(b, l, b->w, b->h, darknet_number(b, "out_channels", 1, 1, MAX_CHANNELS));
    else
        darknet_set_image(b, l, darknet_window(b->w, padding, size, own.x), darknet_window(b->h, padding, size, own.y),
                          b->c);
    if (antialiasing) set_blur(b, l, blur.x, blur.y, antialiasing);
}

static void lay_out_local_avgpool(darknet_build *b, darknet_layer *l)
{
    int64_t stride = darknet_number(b, "stride", 1, 1, MAX_KERNEL),
            size = darknet_number(b, "size", stride, 1, MAX_KERNEL);
    int64_t padding = darknet_number(b, "padding", size - 1, 0, MAX_KERNEL);
    darknet_set_image(b, l, darknet_window(b->w, padding, size, darknet_number(b, "stride_x", stride, 1, MAX_KERNEL)),
                      darknet_window(b->h, padding, size, darknet_number(b, "stride_y", stride, 1, MAX_KERNEL)), b->c);
}

static void lay_out_avgpool(darknet_build *b, darknet_layer *l)
{
    darknet_set_image(b, l, 1, 1, b->c);
}

static void lay_out_crop(darknet_build *b, darknet_layer *l)
{
    darknet_set_image(b, l, darknet_number(b, "crop_width", 1, 1, MAX_SIDE),
                      darknet_number(b, "crop_height", 1, 1, MAX_SIDE), b->c);
}

static void lay_out_reorg(darknet_build *b, darknet_layer *l)
{
    int64_t stride = darknet_number(b, "stride", 1, 1, MAX_KERNEL),
            extra = darknet_number(b, "extra", 0, 0, MAX_CHANNELS);
    if (extra) /* pjreddie: appends `extra` zeros and is no image any more */
        darknet_set_vector(l, b->inputs + extra);
    else if (darknet_flag(b, "reverse"))
        darknet_set_image(b, l, b->w * stride, b->h * stride, b->c / (stride * stride));
    else
        darknet_set_image(b, l, b->w / stride, b->h / stride, darknet_times(b, b->c, stride * stride));
}

static void lay_out_upsample(darknet_build *b, darknet_layer *l)
{
    int64_t stride = darknet_number(b, "stride", 2, -MAX_KERNEL, MAX_KERNEL);
    if (!stride)
        darknet_refuse(b, GGX_E_MALFORMED, "its stride is 0");
    else if (stride < 0) /* a negative stride samples down */
        darknet_set_image(b, l, b->w / -stride, b->h / -stride, b->c);
    else
        darknet_set_image(b, l, b->w * stride, b->h * stride, b->c);
}

static void lay_out_route(darknet_build *b, darknet_layer *l)
{
    ggx_str layers = required(b, "layers");
    int64_t groups = darknet_number(b, "groups", 1, 1, MAX_CHANNELS), outputs = 0, channels = 0, n = 0;
    const darknet_layer *first = NULL;
    int same = 1;
    do {
        const darknet_layer *from = input_layer(b, &layers);
        if (!from) return;
        if (!first) first = from;
        same &= from->w == first->w && from->h == first->h;
        channels += from->c;
        outputs += from->outputs;
        if (++n > MAX_INPUTS) darknet_refuse(b, GGX_E_MALFORMED, "it names more than %d layers", MAX_INPUTS);
    } while (next_in_list(b, &layers));
    if (!same || !first->w) /* inputs of different sizes make a vector */
        darknet_set_vector(l, outputs / groups);
    else
        darknet_set_image(b, l, first->w, first->h, channels / groups);
    if (outputs > INT32_MAX || channels > INT32_MAX)
        darknet_refuse(b, GGX_E_MALFORMED, "its inputs are more than Darknet can count");
    l->outputs = outputs / groups;
    (void)darknet_number(b, "group_id", 0, 0, groups - 1);
}

/* [scale_channels] and [sam]: the shape of the layer that `from` names. */
static void lay_out_like_from(darknet_build *b, darknet_layer *l)
{
    ggx_str from = required(b, "from");
    const darknet_layer *other = input_layer(b, &from);
    if (other) darknet_set_image(b, l, other->w, other->h, other->c);
}

static void lay_out_history(darknet_build *b, darknet_layer *l)
{
    darknet_set_image(b, l, b->w, b->h, darknet_times(b, b->c, darknet_number(b, "history_size", 4, 1, MAX_KERNEL)));
}

/* Passes on what comes in, image or not. */
static void lay_out_same(darknet_build *b, darknet_layer *l)
{
    l->w = b->w;
    l->h = b->h;
    l->c = b->c;
    l->outputs = b->inputs;
}

static void lay_out_normalization(darknet_build *b, darknet_layer *l)
{
    darknet_set_image(b, l, b->w, b->h, b->c);
}

/* [cost], [softmax], [contrastive]: as many numbers as come in, no image. */
static void lay_out_vector(darknet_build *b, darknet_layer *l)
{
    darknet_set_vector(l, b->inputs);
}

/* The detection heads: Darknet stops when the layer before does not give what they expect. */
static void check_head(darknet_build *b, int64_t expected)
{
    if (expected != b->inputs)
        darknet_refuse(b, GGX_E_MALFORMED,
                       "it wants %lld inputs and gets %lld: filters= before it does not fit classes= and num=",
                       (long long)expected, (long long)b->inputs);
}

static void lay_out_grid_head(darknet_build *b, darknet_layer *l, int64_t boxes, int64_t per_box)
{
    darknet_set_image(b, l, b->w, b->h, darknet_times(b, boxes, per_box));
    check_head(b, l->outputs);
}

/* How many anchors a yolo head uses: the entries of `mask`, or all of `num`. */
static int64_t read_mask(darknet_build *b)
{
    const darknet_option *mask = darknet_cfg_find(b->cfg, b->section, "mask");
    int64_t entries = 1;
    if (!mask) return darknet_number(b, "num", 1, 1, MAX_KERNEL);
    for (uint64_t i = 0; i < mask->value.size && mask->value.data[i] != '#'; i++) entries += mask->value.data[i] == ',';
    return entries;
}

static int64_t read_classes(darknet_build *b, int64_t otherwise)
{
    return b->network->classes = darknet_number(b, "classes", otherwise, 0, MAX_CHANNELS);
}

static void lay_out_yolo(darknet_build *b, darknet_layer *l)
{
    lay_out_grid_head(b, l, read_mask(b), read_classes(b, 20) + 4 + 1);
}

static void lay_out_gaussian_yolo(darknet_build *b, darknet_layer *l)
{
    lay_out_grid_head(b, l, read_mask(b), read_classes(b, 20) + 8 + 1);
}

static void lay_out_region(darknet_build *b, darknet_layer *l)
{
    int64_t coords = darknet_number(b, "coords", 4, 0, MAX_KERNEL);
    lay_out_grid_head(b, l, darknet_number(b, "num", 1, 1, MAX_KERNEL), read_classes(b, 20) + coords + 1);
}

static void lay_out_iseg(darknet_build *b, darknet_layer *l)
{
    lay_out_grid_head(
        b, l, 1, darknet_number(b, "classes", 20, 0, MAX_CHANNELS) + darknet_number(b, "ids", 32, 0, MAX_CHANNELS));
}

static void lay_out_detection(darknet_build *b, darknet_layer *l)
{
    int64_t side = darknet_number(b, "side", 7, 1, MAX_KERNEL), boxes = darknet_number(b, "num", 1, 1, MAX_KERNEL);
    int64_t per_box = 1 + darknet_number(b, "coords", 1, 0, MAX_KERNEL);
    check_head(b, darknet_times(b, side * side, darknet_times(b, per_box, boxes) + read_classes(b, 1)));
    darknet_set_vector(l, b->inputs);
}

/* ---- the table --------------------------------------------------------------------------------------------------------------- */

/* Every name that string_to_layer_type of either fork knows, in its spelling. docs/formats/darknet.md shows this table. */
static const darknet_kind kinds[] = {
    {"convolutional", "conv", lay_out_convolutional, 1, 5},
    {"deconvolutional", "deconv", lay_out_deconvolutional, 1, 5},
    {"connected", "conn", lay_out_connected, 0, 5},
    {"local", NULL, lay_out_local, 1, 2},
    {"batchnorm", NULL, lay_out_batchnorm, 1, 4},
    {"shortcut", NULL, lay_out_shortcut, 1, 1},
    {"implicit", NULL, lay_out_implicit, 0, 1},
    {"maxpool", "max", lay_out_maxpool, 1, 0},
    {"local_avgpool", "local_avg", lay_out_local_avgpool, 1, 0},
    {"avgpool", "avg", lay_out_avgpool, 1, 0},
    {"route", NULL, lay_out_route, 0, 0},
    {"upsample", NULL, lay_out_upsample, 1, 0},
    {"reorg", NULL, lay_out_reorg, 1, 0},
    {"reorg3d", NULL, lay_out_reorg, 1, 0},
    {"crop", NULL, lay_out_crop, 1, 0},
    {"scale_channels", NULL, lay_out_like_from, 1, 0},
    {"sam", NULL, lay_out_like_from, 1, 0},
    {"history", NULL, lay_out_history, 1, 0},
    {"normalization", "lrn", lay_out_normalization, 1, 0},
    {"dropout", NULL, lay_out_same, 0, 0},
    {"activation", NULL, lay_out_same, 0, 0},
    {"empty", "silence", lay_out_same, 0, 0},
    {"l2norm", NULL, lay_out_same, 0, 0},
    {"logistic", NULL, lay_out_same, 0, 0},
    {"softmax", "soft", lay_out_vector, 0, 0},
    {"cost", NULL, lay_out_vector, 0, 0},
    {"contrastive", NULL, lay_out_vector, 0, 0},
    {"yolo", NULL, lay_out_yolo, 1, 0},
    {"Gaussian_yolo", NULL, lay_out_gaussian_yolo, 1, 0},
    {"region", NULL, lay_out_region, 1, 0},
    {"detection", NULL, lay_out_detection, 0, 0},
    {"iseg", NULL, lay_out_iseg, 1, 0},
    {"rnn", NULL, darknet_lay_out_rnn, 0, 15},
    {"gru", NULL, darknet_lay_out_gru, 0, 30},
    {"lstm", NULL, darknet_lay_out_lstm, 0, 40},
    {"crnn", NULL, darknet_lay_out_crnn, 1, 15},
    {"conv_lstm", NULL, darknet_lay_out_conv_lstm, 1, 55},
};

static int name_is(ggx_str name, const char *word)
{
    return word && name.size == strlen(word) && !memcmp(name.data, word, (size_t)name.size);
}

const darknet_kind *darknet_kind_find(ggx_str name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (name_is(name, kinds[i].name) || name_is(name, kinds[i].alias)) return &kinds[i];
    return NULL;
}
