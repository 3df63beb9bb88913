/* Recurrent layers of the Darknet reader: what lies inside them, in which order, for each version of a file. */
#include "drive.h"

/* The order of tensors, and how many floats each has, were compared with files that save_weights of both forks wrote. */
static void recurrent_layers_lie_as_their_fork_keeps_them(void **state)
{
#define FLAT "[net]\ninputs=3\n"
#define IMAGE "[net]\nwidth=4\nheight=6\nchannels=2\n"
    static const struct {
        const char *cfg, *tensors;
        int32_t minor, revision;
    } cases[] = {
        {FLAT "[rnn]\nhidden=4\noutput=2\n",
         "input_biases4 input_weights12 self_biases4 self_weights16 output_biases2 output_weights8 ", 2, 5},
        {FLAT "[rnn]\nhidden=4\noutput=2\n",
         "input_biases2 input_weights6 self_biases2 self_weights4 output_biases2 output_weights4 ", 2, 0},
        {FLAT "[rnn]\nhidden=4\noutput=2\n",
         "input_biases4 input_weights12 self_biases4 self_weights16 output_biases2 output_weights8 ", 1, 0},
        {FLAT "[gru]\noutput=2\n",
         "input_z_biases2 input_z_weights6 input_r_biases2 input_r_weights6 input_h_biases2 input_h_weights6 "
         "state_z_biases2 state_z_weights4 state_r_biases2 state_r_weights4 state_h_biases2 state_h_weights4 ",
         2, 5},
        {FLAT "[gru]\noutput=2\n",
         "state_z_biases2 state_z_weights4 state_r_biases2 state_r_weights4 state_h_biases2 state_h_weights4 "
         "input_z_biases2 input_z_weights6 input_r_biases2 input_r_weights6 input_h_biases2 input_h_weights6 ",
         2, 0},
        {FLAT "[lstm]\noutput=2\n",
         "wf_biases2 wf_weights4 wi_biases2 wi_weights4 wg_biases2 wg_weights4 wo_biases2 wo_weights4 "
         "uf_biases2 uf_weights6 ui_biases2 ui_weights6 ug_biases2 ug_weights6 uo_biases2 uo_weights6 ",
         2, 5},
        {FLAT "[lstm]\noutput=2\n",
         "wi_biases2 wi_weights4 wf_biases2 wf_weights4 wo_biases2 wo_weights4 wg_biases2 wg_weights4 "
         "ui_biases2 ui_weights6 uf_biases2 uf_weights6 uo_biases2 uo_weights6 ug_biases2 ug_weights6 ",
         2, 0},
        {FLAT "[lstm]\nbatch_normalize=1\ndontload=1\n[connected]\n", "biases1 weights1 ", 2, 5},
        {IMAGE "[crnn]\nhidden=3\noutput=2\npad=1\n",
         "input_biases3 input_weights54 self_biases3 self_weights81 output_biases2 output_weights54 ", 2, 5},
        {IMAGE "[crnn]\nhidden=4\noutput=2\nsize=1\ngroups=2\n",
         "input_biases4 input_weights4 self_biases4 self_weights8 output_biases2 output_weights4 ", 2, 5},
        {IMAGE "[crnn]\nhidden_filters=3\noutput_filters=2\nsize=1\n",
         "input_biases3 input_weights54 self_biases3 self_weights81 output_biases2 output_weights54 ", 2, 0},
        {IMAGE "[conv_lstm]\noutput=1\nsize=1\npeephole=1\n",
         "vf_biases1 vf_weights1 vi_biases1 vi_weights1 vo_biases1 vo_weights1 "
         "wf_biases1 wf_weights1 wi_biases1 wi_weights1 wg_biases1 wg_weights1 wo_biases1 wo_weights1 "
         "uf_biases1 uf_weights2 ui_biases1 ui_weights2 ug_biases1 ug_weights2 uo_biases1 uo_weights2 ",
         2, 5},
        {IMAGE "[conv_lstm]\noutput=1\nsize=1\nbottleneck=1\n",
         "wf_biases1 wf_weights2 uf_biases1 uf_weights2 ui_biases1 ui_weights2 ug_biases1 ug_weights2 "
         "uo_biases1 uo_weights2 ",
         2, 5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char listed[1024] = "";
        size_t floats = 0, at = 0;
        size_t header = cases[i].minor > 1 ? 20 : 16;
        for (const char *c = cases[i].tensors; *c; c++)
            if (*c >= '0' && *c <= '9' && (c[-1] < '0' || c[-1] > '9')) floats += (size_t)atoi(c);
        run r;
        weights w = make_weights(0, cases[i].minor, cases[i].revision, header, floats);
        start(&r, w.data, w.size, cases[i].cfg, strlen(cases[i].cfg));
        finish(&r);
        if (r.status != GGX_OK) fail_msg("case %zu: %s", i, r.error.text);
        uint64_t next = header;
        for (uint64_t k = 0; k < r.h.tensor_count; k++) {
            const ggx_tensor *t = &r.h.tensors[k];
            at += (size_t)snprintf(listed + at, sizeof listed - at, "%.*s%llu ", (int)t->name.size - 3,
                                   t->name.data + 3, (unsigned long long)t->nbytes / 4);
            assert_int_equal(t->offset, next);
            next += t->nbytes;
        }
        assert_string_equal(listed, cases[i].tensors);
        end(&r, &w);
    }
}

static void recurrent_layers_that_darknet_could_not_run_are_refused(void **state)
{
    static const char *const cases[] = {
        IMAGE "[crnn]\nsize=3\n", IMAGE "[crnn]\nsize=1\nstride=2\n", IMAGE "[crnn]\nsize=1\nhidden=3\ngroups=2\n",
        FLAT "[crnn]\n",          FLAT "[lstm]\noutput=16777216\n",   FLAT "[gru]\noutput=0\n"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run r;
        weights w;
        run_cfg(&r, &w, cases[i], 100);
        assert_int_equal(r.status, GGX_E_MALFORMED);
        end(&r, &w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recurrent_layers_lie_as_their_fork_keeps_them),
        cmocka_unit_test(recurrent_layers_that_darknet_could_not_run_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
