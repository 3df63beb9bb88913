/* Recurrent sections: layers made of connected or convolutional ones, whose tensors follow each other in the file.
 *
 * The two forks keep them in different orders, and measure some otherwise: revision 5 and above is AlexeyAB's, anything else pjreddie's
 * (save_weights_upto in both, make_KIND_layer, parse_KIND). */
#include "layers.h"

/* save_connected_weights of a layer inside; `dontloadscales` is the outer layer's own and changes nothing here. */
static void add_connected(darknet_build *b, darknet_layer *l, const char *group, int64_t inputs, int64_t outputs)
{
    int64_t shape[2] = {outputs, inputs};
    b->group = group;
    darknet_add_vector(b, l, "biases", outputs);
    darknet_add_tensor(b, l, "weights", 2, shape);
    if (b->transposed) darknet_store_transposed(b, l);
    if (darknet_flag(b, "batch_normalize")) darknet_add_norms(b, l, outputs);
    b->group = NULL;
}

/* AlexeyAB's rnn and lstm say that they are images of one place, so that a convolution may follow; the others do not. */
static void set_output(darknet_build *b, darknet_layer *l, int64_t outputs, int image)
{
    if (image)
        darknet_set_image(b, l, 1, 1, outputs);
    else
        darknet_set_vector(l, outputs);
}

/* `hidden` was an option until pjreddie left it out in 2017: in his later cfgs it is as wide as the output. */
void darknet_lay_out_rnn(darknet_build *b, darknet_layer *l)
{
    int64_t output = darknet_number(b, "output", 1, 1, MAX_CHANNELS);
    int64_t hidden = darknet_number(b, "hidden", b->alexey || b->before_2017 ? 1 : output, 1, MAX_CHANNELS);
    if (!b->alexey && !b->before_2017) hidden = output;
    add_connected(b, l, "input", b->inputs, hidden);
    add_connected(b, l, "self", hidden, hidden);
    add_connected(b, l, "output", hidden, output);
    set_output(b, l, output, b->alexey);
}

typedef struct inner {
    const char *name;
    int32_t of_state; /* 1: its input is the layer's own output */
} inner;

static void add_inner(darknet_build *b, darknet_layer *l, const inner *list, uint32_t count, int64_t output)
{
    for (uint32_t i = 0; i < count; i++)
        add_connected(b, l, list[i].name, list[i].of_state ? output : b->inputs, output);
}

/* pjreddie's "Fix GRU" of June 2017, just before version 0.2.0, put the state's layers first. */
void darknet_lay_out_gru(darknet_build *b, darknet_layer *l)
{
    static const inner inputs[] = {{"input_z", 0}, {"input_r", 0}, {"input_h", 0}},
                       states[] = {{"state_z", 1}, {"state_r", 1}, {"state_h", 1}};
    int64_t output = darknet_number(b, "output", 1, 1, MAX_CHANNELS);
    int state_first = !b->alexey && !b->before_2017;
    add_inner(b, l, state_first ? states : inputs, 3, output);
    add_inner(b, l, state_first ? inputs : states, 3, output);
    set_output(b, l, output, 0);
}

void darknet_lay_out_lstm(darknet_build *b, darknet_layer *l)
{
    static const inner alexey[] = {{"wf", 1}, {"wi", 1}, {"wg", 1}, {"wo", 1},
                                   {"uf", 0}, {"ui", 0}, {"ug", 0}, {"uo", 0}},
                       pjreddie[] = {{"wi", 1}, {"wf", 1}, {"wo", 1}, {"wg", 1},
                                     {"ui", 0}, {"uf", 0}, {"uo", 0}, {"ug", 0}};
    int64_t output = darknet_number(b, "output", 1, 1, MAX_CHANNELS);
    add_inner(b, l, b->alexey ? alexey : pjreddie, 8, output);
    set_output(b, l, output, b->alexey);
}

/* ---- convolutions inside --------------------------------------------------------------------------------------------------- */

typedef struct convolution {
    int64_t size, stride, padding, groups;
} convolution;

static convolution read_convolution(darknet_build *b)
{
    convolution v = {.size = darknet_number(b, "size", 3, 1, MAX_KERNEL),
                     .stride = darknet_number(b, "stride", 1, 1, MAX_KERNEL),
                     .padding = darknet_number(b, "padding", 0, 0, MAX_KERNEL),
                     .groups = darknet_number(b, "groups", 1, INT32_MIN, MAX_CHANNELS)};
    if (darknet_flag(b, "pad")) v.padding = v.size / 2;
    if (v.groups < 1 || darknet_flag(b, "xnor")) v.groups = 1; /* as make_convolutional_layer does */
    return v;
}

static void add_convolution(darknet_build *b, darknet_layer *l, const char *group, const convolution *v, int64_t in,
                            int64_t filters)
{
    if (in % v->groups || filters % v->groups)
        darknet_refuse(b, GGX_E_MALFORMED, "groups=%lld does not divide the %lld and %lld channels of its layers",
                       (long long)v->groups, (long long)in, (long long)filters);
    int64_t shape[4] = {filters, in / v->groups, v->size, v->size};
    b->group = group;
    darknet_add_vector(b, l, "biases", filters);
    if (darknet_flag(b, "batch_normalize")) darknet_add_norms(b, l, filters);
    darknet_add_tensor(b, l, "weights", 4, shape);
    b->group = NULL;
}

/* pjreddie's is always of size 3 and has other names for its widths; it also hands width and height over the wrong way round. */
void darknet_lay_out_crnn(darknet_build *b, darknet_layer *l)
{
    convolution v = {3, 1, 1, 1};
    if (b->alexey) v = read_convolution(b);
    int64_t output = darknet_number(b, b->alexey ? "output" : "output_filters", 1, 1, MAX_CHANNELS);
    int64_t hidden = darknet_number(b, b->alexey ? "hidden" : "hidden_filters", 1, 1, MAX_CHANNELS);
    int64_t w = darknet_window(b->w, 2 * v.padding, v.size, v.stride),
            h = darknet_window(b->h, 2 * v.padding, v.size, v.stride);
    if (w != b->w || h != b->h) /* make_crnn_layer asserts as much */
        darknet_refuse(b, GGX_E_MALFORMED, "its convolutions must keep the image's %lld x %lld", (long long)b->w,
                       (long long)b->h);
    add_convolution(b, l, "input", &v, b->c, hidden);
    add_convolution(b, l, "self", &v, hidden, hidden);
    add_convolution(b, l, "output", &v, hidden, output);
    darknet_set_image(b, l, b->alexey ? w : h, b->alexey ? h : w, output);
}

/* AlexeyAB only. */
void darknet_lay_out_conv_lstm(darknet_build *b, darknet_layer *l)
{
    static const char *const peepholes[] = {"vf", "vi", "vo"}, *const states[] = {"wf", "wi", "wg", "wo"},
                             *const inputs[] = {"uf", "ui", "ug", "uo"};
    convolution v = read_convolution(b);
    int64_t output = darknet_number(b, "output", 1, 1, MAX_CHANNELS);
    int bottleneck = darknet_flag(b, "bottleneck");
    for (uint32_t i = 0; i < 3 && darknet_flag(b, "peephole"); i++)
        add_convolution(b, l, peepholes[i], &v, output, output);
    for (uint32_t i = 0; i < (bottleneck ? 1u : 4u); i++)
        add_convolution(b, l, states[i], &v, bottleneck ? 2 * output : output, output);
    for (uint32_t i = 0; i < 4; i++) add_convolution(b, l, inputs[i], &v, b->c, output);
    darknet_set_image(b, l, darknet_window(b->w, 2 * v.padding, v.size, v.stride),
                      darknet_window(b->h, 2 * v.padding, v.size, v.stride), output);
}
