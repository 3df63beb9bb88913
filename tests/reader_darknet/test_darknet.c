/* The Darknet reader, driven in memory: where each tensor lies, what is refused and how it is said. */
#include "drive.h"

/* Counted by hand: conv 3→4 k3 with norms 4*4+108, conv 4→2 k1 2+8, connected 2*2*2=8→5 5+40. */
static const char small_cfg[] = "# a small network\n[net]\nwidth = 4\nheight=4\nchannels=3\n\n"
                                "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\n\n"
                                "[maxpool]\nsize=2\nstride=2\n\n"
                                "[convolutional]\r\nfilters=2\r\nsize=1\r\n\n"
                                "[connected]\noutput=5\n\n[softmax]\n";
#define SMALL_FLOATS (124 + 10 + 45)

static void assert_tensor(const run *r, const char *name, uint64_t offset, uint32_t rank, const uint64_t *shape)
{
    const ggx_tensor *t = reader_harness_tensor(&r->h, name);
    uint64_t floats = 1;
    if (!t) print_error("no tensor %s\n", name);
    assert_non_null(t);
    assert_int_equal(t->offset, offset);
    assert_int_equal(t->rank, rank);
    for (uint32_t i = 0; i < rank; i++) {
        assert_int_equal(t->shape[i], shape[i]);
        floats *= shape[i];
    }
    assert_int_equal(t->nbytes, floats * 4);
    assert_string_equal(t->type.name, "f32");
    assert_int_equal(t->access, GGX_ACCESS_RAW);
    assert_int_equal(t->byte_order, GGX_LITTLE_ENDIAN);
}

#define SHAPE(...)                                                  \
    (uint32_t)(sizeof((uint64_t[]){__VA_ARGS__}) / 8), (uint64_t[]) \
    {                                                               \
        __VA_ARGS__                                                 \
    }

static uint64_t kv_u32(const run *r, const char *key)
{
    const ggx_kv *kv = reader_harness_kv(&r->h, key);
    assert_non_null(kv);
    assert_int_equal(kv->type, GGX_KV_U32);
    return *(const uint32_t *)kv->data;
}

static void tensors_lie_in_the_layers_order(void **state)
{
    run r;
    weights w;
    (void)state;
    run_cfg(&r, &w, small_cfg, SMALL_FLOATS);
    assert_int_equal(r.status, GGX_OK);
    assert_int_equal(r.h.score, GGX_PROBE_MAGIC);
    assert_int_equal(r.h.tensor_count, 9);
    assert_tensor(&r, "l0_biases", 20, SHAPE(4));
    assert_tensor(&r, "l0_scales", 36, SHAPE(4));
    assert_tensor(&r, "l0_rolling_mean", 52, SHAPE(4));
    assert_tensor(&r, "l0_rolling_variance", 68, SHAPE(4));
    assert_tensor(&r, "l0_weights", 84, SHAPE(4, 3, 3, 3));
    assert_tensor(&r, "l2_biases", 516, SHAPE(2));
    assert_tensor(&r, "l2_weights", 524, SHAPE(2, 4, 1, 1));
    assert_tensor(&r, "l3_biases", 556, SHAPE(5));
    assert_tensor(&r, "l3_weights", 576, SHAPE(5, 8));
    assert_int_equal(kv_u32(&r, "darknet.width"), 4);
    assert_int_equal(kv_u32(&r, "darknet.height"), 4);
    assert_int_equal(kv_u32(&r, "darknet.channels"), 3);
    assert_int_equal(kv_u32(&r, "darknet.classes"), 0);
    assert_int_equal(kv_u32(&r, "darknet.layers"), 5);
    assert_int_equal(*(const uint64_t *)reader_harness_kv(&r.h, "darknet.seen")->data, 1000);
    assert_string_equal(((const ggx_str *)reader_harness_kv(&r.h, "darknet.version")->data)->data, "0.2.5");
    const ggx_kv *types = reader_harness_kv(&r.h, "darknet.layer_types");
    assert_int_equal(types->count, 5);
    assert_string_equal(((const ggx_str *)types->data)[4].data, "softmax");
    assert_null(reader_harness_kv(&r.h, "darknet.partial"));
    end(&r, &w);
}

static void header_length_follows_the_version(void **state)
{
    static const int32_t cases[][4] = {{0, 1, 0, 16},    {0, 1, 99, 16},   {0, 2, 0, 20},
                                       {0, 2, 5, 20},    {1, 0, 0, 20},    {0, 999, 0, 20},
                                       {0, 1000, 0, 16}, {0, 1001, 0, 16}, {1001, 2, 5, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int32_t *c = cases[i];
        run r;
        weights w = make_weights(c[0], c[1], c[2], (size_t)c[3], SMALL_FLOATS);
        start(&r, w.data, w.size, small_cfg, strlen(small_cfg));
        finish(&r);
        assert_int_equal(r.status, GGX_OK);
        assert_tensor(&r, "l0_biases", (uint64_t)c[3], SHAPE(4));
        const ggx_tensor *t = reader_harness_tensor(&r.h, "l3_weights");
        int transposed = c[0] > 1000 || c[1] > 1000;
        assert_int_equal(t->stride[0], transposed ? 1 : 0);
        assert_int_equal(t->stride[1], transposed ? 5 : 0);
        end(&r, &w);
    }
}

static void every_cut_and_every_addition_is_refused(void **state)
{
    weights w = make_weights(0, 2, 5, 20, SMALL_FLOATS);
    (void)state;
    for (size_t size = 0; size <= w.size + 8; size++) {
        run r;
        char *exact = malloc(size ? size : 1); /* so that a sanitizer sees a read beyond the cut */
        memcpy(exact, w.data, size);
        start(&r, exact, size, small_cfg, strlen(small_cfg));
        finish(&r);
        assert_int_equal(r.status, size == w.size ? GGX_OK : GGX_E_MALFORMED);
        if (size != w.size) assert_int_equal(r.error.member, 0);
        if (size >= 20 && size != w.size) assert_non_null(strstr(r.error.text, "cfg needs 736 bytes, file has "));
        reader_harness_free(&r.h);
        free(exact);
    }
    free(w.data);
}

static void partial_files_are_cut_between_layers(void **state)
{
    static const struct {
        size_t floats, tensors;
    } whole[] = {{124, 5}, {134, 7}, {179, 9}};
    (void)state;
    for (size_t floats = 0; floats <= SMALL_FLOATS + 1; floats++) {
        size_t expected = 0;
        for (size_t i = 0; i < 3; i++)
            if (whole[i].floats == floats) expected = whole[i].tensors;
        for (int allow = 0; allow < 2; allow++) {
            run r;
            weights w = make_weights(0, 2, 0, 20, floats);
            start(&r, w.data, w.size, small_cfg, strlen(small_cfg));
            if (allow) reader_harness_option_bool(&r.h, "darknet.allow-partial", 1);
            finish(&r);
            int good = expected && (allow || floats == SMALL_FLOATS);
            assert_int_equal(r.status, good ? GGX_OK : GGX_E_MALFORMED);
            assert_int_equal(r.h.tensor_count, good ? expected : 0);
            if (good && allow)
                assert_int_equal(*(const uint8_t *)reader_harness_kv(&r.h, "darknet.partial")->data,
                                 floats != SMALL_FLOATS);
            if (expected && !good) assert_non_null(strstr(r.error.text, "-O darknet.allow-partial"));
            end(&r, &w);
        }
    }
}

static void a_missing_cfg_is_asked_for(void **state)
{
    run r;
    weights w = make_weights(0, 2, 5, 20, SMALL_FLOATS);
    (void)state;
    start(&r, w.data, w.size, NULL, 0);
    finish(&r);
    assert_int_equal(r.h.score, 40);
    assert_int_equal(r.status, GGX_E_NOTFOUND);
    assert_non_null(strstr(r.error.text, "no n.cfg beside it"));
    assert_non_null(strstr(r.error.text, "-O darknet.cfg=FILE"));
    reader_harness_free(&r.h);

    start(&r, w.data, w.size, NULL, 0);
    reader_harness_add(&r.h, "elsewhere/other.txt", small_cfg, strlen(small_cfg));
    assert_true(reader_harness_option_file(&r.h, "darknet.cfg", "elsewhere/other.txt"));
    finish(&r);
    assert_int_equal(r.status, GGX_OK);
    assert_int_equal(r.h.tensor_count, 9);
    end(&r, &w);
}

static void another_networks_cfg_is_told_by_the_size(void **state)
{
    run r;
    weights w;
    (void)state;
    run_cfg(&r, &w, "[net]\nwidth=4\nheight=4\nchannels=3\n[convolutional]\nfilters=6\n", SMALL_FLOATS);
    assert_int_equal(r.status, GGX_E_MALFORMED);
    assert_string_equal(r.error.text,
                        "cfg needs 116 bytes, file has 736; is it cut short, or the cfg of another network?");
    end(&r, &w);
}

/* Each is one fault; the message must name the line, and nothing may overflow on the way. */
static void absurd_values_are_refused_with_their_line(void **state)
{
#define NET "[net]\nwidth=64\nheight=64\nchannels=3\n"
    static const struct {
        const char *cfg, *says;
    } cases[] = {
        {NET "[convolutional]\nfilters=2000000000\n", "line 6: filters=2000000000"},
        {NET "[convolutional]\nfilters=99999999999999999999\n", "line 6: filters=99999999999999999999"},
        {NET "[convolutional]\nfilters=-1\n", "line 6: filters=-1"},
        {NET "[convolutional]\nfilters=0\n", "line 6: filters=0"},
        {NET "[convolutional]\nfilters=many\n", "line 6: filters=many"},
        {NET "[convolutional]\nfilters=3x\n", "line 6: filters=3x"},
        {NET "[convolutional]\nfilters=16777216\nsize=64\npad=1\n", "line 5, [convolutional]"},
        {NET "[convolutional]\nstride=0\n", "line 6: stride=0"},
        {NET "[convolutional]\nsize=0\n", "line 6: size=0"},
        {NET "[convolutional]\nsize=65\n", "nothing is left"},
        {NET "[convolutional]\npadding=-7\n", "line 6: padding=-7"},
        {NET "[convolutional]\ngroups=2\nfilters=4\n", "groups=2 does not divide the 3 channels"},
        {NET "[convolutional]\nshare_index=-1\n", "share_index names layer -1"},
        {NET "[convolutional]\nshare_index=0\n", "share_index names layer 0"},
        {NET "[connected]\noutput=16000000\n", "more than Darknet can count"},
        {NET "[upsample]\nstride=4096\n[upsample]\nstride=4096\n[upsample]\nstride=4096\n", "more than Darknet"},
        {NET "[upsample]\nstride=0\n", "its stride is 0"},
        {NET "[reorg]\nstride=4096\n", "nothing is left"},
        {NET "[route]\nlayers=-1\n", "an earlier one"},
        {NET "[route]\nlayers=0\n", "an earlier one"},
        {NET "[maxpool]\n[route]\nlayers=0,1\n", "an earlier one"},
        {NET "[maxpool]\n[route]\nlayers=-1x\n", "its list of layers has x"},
        {NET "[route]\n", "it has no layers="},
        {NET "[shortcut]\n", "it has no from="},
        {NET "[maxpool]\n[shortcut]\nfrom=-1\nweights_type=some\n", "weights_type"},
        {NET "[yolo]\nclasses=80\nnum=3\n", "wants 1044480 inputs and gets 12288"},
        {NET "[softmax]\n[convolutional]\n", "line 6, [convolutional]: the layer before it gives no image"},
        {NET, "the cfg has no layers"},
        {"[net]\n[convolutional]\n", "neither inputs nor width"},
        {"[net]\nwidth=70000\nheight=1\nchannels=1\n[maxpool]\n", "line 2: width=70000"},
        {"[net]\nwidth=65536\nheight=65536\nchannels=1\n[maxpool]\n", "more than Darknet can count"},
        {"[convolutional]\nfilters=1\n", "first section is not [net]"},
        {"width=3\n[net]\n", "line 1: width=3 stands before"},
        {NET "[maxpool\n", "line 5: [maxpool is not a [section]"},
        {NET "[maxpool]\nsize=\001\n", "not text: byte 0x01"},
        {"", "first section is not [net]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run r;
        weights w;
        run_cfg(&r, &w, cases[i].cfg, 100);
        if (r.status != GGX_E_MALFORMED || !strstr(r.error.text, cases[i].says))
            fail_msg("case %zu: %d %s", i, (int)r.status, r.error.text);
        if (cases[i].cfg[0]) assert_int_equal(r.error.member, 1);
        end(&r, &w);
    }
}

static void unknown_layers_are_refused_by_name(void **state)
{
    static const char *const names[] = {"scale", "transformer", "Convolutional", "net"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        run r;
        weights w;
        char cfg[128], says[64];
        snprintf(cfg, sizeof cfg, NET "[%s]\n", names[i]);
        snprintf(says, sizeof says, "line 5, [%s]: ", names[i]);
        run_cfg(&r, &w, cfg, 100);
        assert_int_equal(r.status, GGX_E_UNSUPPORTED);
        assert_non_null(strstr(r.error.text, says));
        end(&r, &w);
    }
}

/* Shapes by hand from Darknet's sources, 64 x 64 x 3 coming in; `floats` is all that the file holds. */
static void every_kind_of_section_is_laid_out(void **state)
{
#define CONV8 "[convolutional]\nfilters=8\n" /* 64x64x8, 8 + 24 floats */
    static const struct {
        const char *cfg;
        size_t floats;
        const char *last; /* a tensor that must be there */
        uint32_t rank;
        uint64_t shape[4];
    } cases[] = {
        {CONV8 "[convolutional]\ngroups=4\nfilters=12\nsize=3\n", 32 + 12 + 12 * 2 * 9, "l1_weights", 4, {12, 2, 3, 3}},
        {CONV8 "[convolutional]\nxnor=1\ngroups=4\nfilters=12\n", 32 + 12 + 96, "l1_weights", 4, {12, 8, 1, 1}},
        {CONV8 "[convolutional]\nbatch_normalize=1\ndontloadscales=1\n", 32 + 1 + 8, "l1_weights", 4, {1, 8, 1, 1}},
        {CONV8 "[convolutional]\ncbn=1\n", 32 + 4 + 8, "l1_rolling_variance", 1, {1}},
        {CONV8 "[conv]\ndontload=1\nfilters=5\n[conv]\n", 32 + 1 + 5, "l2_weights", 4, {1, 5, 1, 1}},
        {CONV8 "[conv]\nfilters=8\n[conv]\nfilters=8\nshare_index=-1\n", 32 + 8 + 64, "l1_weights", 4, {8, 8, 1, 1}},
        {"[convolutional]\nfilters=8\nnumload=2\n[connected]\n", 2 + 6 + 1 + 32768, "l0_weights", 4, {2, 3, 1, 1}},
        {"[convolutional]\nstride_x=2\nstride_y=4\n[connected]\n", 4 + 1 + 512, "l1_weights", 2, {1, 512}},
        {"[convolutional]\nsize=3\nstride=2\ndilation=2\n[conn]\n", 28 + 1 + 961, "l1_weights", 2, {1, 961}},
        {"[convolutional]\nsize=3\nstride=2\nantialiasing=1\npad=1\n[conn]\n",
         28 + 1 + 1024,
         "l1_weights",
         2,
         {1, 1024}},
        {"[max]\nsize=2\nstride=2\nantialiasing=2\n[conn]\n", 1 + 3 * 32 * 32, "l1_weights", 2, {1, 3072}},
        {"[maxpool]\nmaxpool_depth=1\nout_channels=2\n[conv]\n", 3, "l1_weights", 4, {1, 2, 1, 1}},
        {"[maxpool]\nsize=3\nstride=2\npadding=0\n[conn]\n", 1 + 31 * 31 * 3, "l1_weights", 2, {1, 2883}},
        {"[local_avgpool]\nsize=2\nstride=2\n[conn]\n", 1 + 3072, "l1_weights", 2, {1, 3072}},
        {"[avg]\n[conn]\noutput=2\nbatch_normalize=1\n", 2 + 6 + 6, "l1_rolling_variance", 1, {2}},
        {"[crop]\ncrop_width=8\ncrop_height=4\n[conn]\n", 1 + 96, "l1_weights", 2, {1, 96}},
        {"[local]\nsize=3\nstride=2\nfilters=2\n", 31 * 31 * 2 + 31 * 31 * 54, "l0_weights", 3, {961, 2, 27}},
        {"[local]\nsize=3\nstride=2\npad=1\n", 32 * 32 + 32 * 32 * 27, "l0_weights", 3, {1024, 1, 27}},
        {"[deconvolutional]\nfilters=2\nsize=4\nstride=2\npadding=1\n[conn]\n",
         2 + 96 + 1 + 128 * 128 * 2,
         "l0_weights",
         4,
         {3, 2, 4, 4}},
        {CONV8 "[route]\nlayers = -1\ngroups=2\ngroup_id=1\n[conv]\n", 32 + 1 + 4, "l2_weights", 4, {1, 4, 1, 1}},
        {CONV8 "[maxpool]\n[route]\nlayers = 0, -1\n[conv]\n", 32 + 1 + 16, "l3_weights", 4, {1, 16, 1, 1}},
        {CONV8 "[maxpool]\nstride=2\n[route]\nlayers=0,1\n[conn]\n", 32 + 1 + 40960, "l3_weights", 2, {1, 40960}},
        {CONV8 "[conv]\nfilters=8\n[shortcut]\nfrom=-2\nweights_type=per_feature\n", 32 + 72 + 2, "l2_weights", 1, {2}},
        {CONV8 "[conv]\n[shortcut]\nfrom=-2,-1\nweights_type=per_channel\n", 32 + 9 + 3, "l2_weights", 2, {3, 1}},
        {CONV8 "[shortcut]\nfrom=-1\n[conv]\n", 32 + 9, "l2_weights", 4, {1, 8, 1, 1}},
        {"[implicit]\nfilters=4\natoms=3\n", 12, "l0_weights", 2, {4, 3}},
        {"[reorg]\nstride=2\n[conv]\n", 13, "l1_weights", 4, {1, 12, 1, 1}},
        {CONV8 "[reorg3d]\nstride=2\nreverse=1\n[conv]\n", 32 + 3, "l2_weights", 4, {1, 2, 1, 1}},
        {"[upsample]\nstride=-2\n[conn]\n", 1 + 3072, "l1_weights", 2, {1, 3072}},
        {CONV8 "[avg]\n[scale_channels]\nfrom=0\n[conn]\n", 32 + 1 + 32768, "l3_weights", 2, {1, 32768}},
        {CONV8 "[sam]\nfrom=0\n[lrn]\n[dropout]\n[activation]\n[empty]\n[l2norm]\n[logistic]\n[conv]\n",
         32 + 9,
         "l8_weights",
         4,
         {1, 8, 1, 1}},
        {"[history]\nhistory_size=2\n[conv]\n", 7, "l1_weights", 4, {1, 6, 1, 1}},
        {"[softmax]\n[cost]\n[connected]\n", 1 + 12288, "l2_weights", 2, {1, 12288}},
        {"[conv]\nfilters=21\n[yolo]\nmask=0,1 ,2\nclasses=2\nnum=9\n[conv]\n",
         84 + 22,
         "l2_weights",
         4,
         {1, 21, 1, 1}},
        {"[conv]\nfilters=22\n[Gaussian_yolo]\nmask=0,1\nclasses=2\n", 88, "l0_weights", 4, {22, 3, 1, 1}},
        {"[conv]\nfilters=14\n[region]\nnum=2\nclasses=2\n", 56, "l0_weights", 4, {14, 3, 1, 1}},
        {"[connected]\noutput=48\n[detection]\nside=2\nnum=2\ncoords=4\nclasses=2\n",
         48 + 48 * 12288,
         "l0_weights",
         2,
         {48, 12288}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run r;
        weights w;
        char cfg[512];
        snprintf(cfg, sizeof cfg, NET "%s", cases[i].cfg);
        run_cfg(&r, &w, cfg, cases[i].floats);
        if (r.status != GGX_OK) fail_msg("case %zu: %s", i, r.error.text);
        const ggx_tensor *t = reader_harness_tensor(&r.h, cases[i].last);
        if (!t || t->rank != cases[i].rank || memcmp(t->shape, cases[i].shape, cases[i].rank * 8))
            fail_msg("case %zu: %s is missing or has another shape", i, cases[i].last);
        end(&r, &w);
    }
}

static void batchnorm_has_biases_in_one_fork_only(void **state)
{
    static const char cfg[] = NET "[batchnorm]\n[convolutional]\n";
    run r;
    weights w;
    (void)state;
    run_cfg(&r, &w, cfg, 12 + 4);
    assert_int_equal(r.status, GGX_OK);
    assert_tensor(&r, "l0_biases", 20, SHAPE(3));
    assert_tensor(&r, "l0_scales", 32, SHAPE(3));
    end(&r, &w);
    run_cfg(&r, &w, cfg, 9 + 4);
    assert_int_equal(r.status, GGX_OK);
    assert_null(reader_harness_tensor(&r.h, "l0_biases"));
    assert_tensor(&r, "l0_scales", 20, SHAPE(3));
    assert_tensor(&r, "l1_biases", 56, SHAPE(1));
    end(&r, &w);
}

static void flipped_weights_are_a_strided_view(void **state)
{
    run r;
    weights w;
    (void)state;
    run_cfg(&r, &w, NET "[convolutional]\nfilters=5\nsize=2\nflipped=1\n", 5 + 60);
    assert_int_equal(r.status, GGX_OK);
    const ggx_tensor *t = reader_harness_tensor(&r.h, "l0_weights");
    const int64_t expected[4] = {1, 20, 10, 5};
    for (int i = 0; i < 4; i++) assert_int_equal(t->stride[i], expected[i]);
    end(&r, &w);
}

static void probe_scores_what_it_sees(void **state)
{
    static const struct {
        const char *name, *cfg_name, *cfg;
        int header, score;
    } cases[] = {
        {"n.weights", "n.cfg", "[net]\n", 1, 75},
        {"n.weights", "n.cfg", " \r\n# a comment\n;another\n[network]\n", 1, 75},
        {"n.weights", "n.cfg", "[convolutional]\n", 1, 40},
        {"n.weights", "m.cfg", "[net]\n", 1, 40},
        {"n.weights", "n.cfg", "[net]\n", 0, 25},
        {"n.1.weights", "n.1.cfg", "[net]\n", 1, 75},
        {"n.conv.15", "n.cfg", "[net]\n", 1, 75},
        {"n.backup", "n.cfg", "[net]\n", 1, 75},
        {"n.bin", "n.cfg", "[net]\n", 1, 50},
        {"n.bin", "n.cfg", "[net]\n", 0, 0},
        {"n.bin", "m.cfg", "[net]\n", 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reader_harness h;
        weights w = make_weights(0, 2, cases[i].header ? 5 : -5, 20, 3);
        reader_harness_init(&h, GGX_SOURCE_FILE);
        reader_harness_add(&h, cases[i].name, w.data, w.size);
        reader_harness_add(&h, cases[i].cfg_name, cases[i].cfg, strlen(cases[i].cfg));
        assert_int_equal(reader_harness_probe(&h, reader_harness_vtable()), cases[i].score);
        assert_string_equal(h.violation, "");
        reader_harness_free(&h);
        free(w.data);
    }
}

/* A small generator, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void junk_is_refused(void **state)
{
    uint32_t seed = 1;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        char cfg[sizeof small_cfg];
        run r;
        weights w = make_weights(0, 2, 5, 20, SMALL_FLOATS);
        memcpy(cfg, small_cfg, sizeof cfg);
        if (i < 1000) { /* random weights: never more than the name's score; random cfg: never accepted */
            for (size_t k = 0; k < w.size; k++) w.data[k] = (uint8_t)next_random(&seed);
            for (size_t k = 0; k < sizeof cfg; k++) cfg[k] = (char)next_random(&seed);
        } else { /* a damaged cfg: accepted or refused, never a crash */
            for (int k = 0; k < 3; k++)
                cfg[next_random(&seed) % (sizeof cfg - 1)] = (char)(next_random(&seed) % 96 + 32);
        }
        start(&r, w.data, w.size, cfg, sizeof cfg - 1);
        finish(&r);
        if (i < 1000) {
            assert_true(r.h.score <= 25);
            assert_int_equal(r.status, GGX_E_MALFORMED);
        }
        end(&r, &w);
    }
}

static void no_memory_and_a_stop_are_errors(void **state)
{
    weights w = make_weights(0, 2, 5, 20, SMALL_FLOATS);
    run r;
    (void)state;
    start(&r, w.data, w.size, small_cfg, strlen(small_cfg));
    finish(&r);
    uint64_t allocations = r.h.alloc_count, questions = r.h.questions;
    reader_harness_free(&r.h);
    assert_true(allocations > 3 && questions > 5);
    for (uint64_t i = 1; i <= allocations; i++) {
        start(&r, w.data, w.size, small_cfg, strlen(small_cfg));
        r.h.fail_alloc = i;
        finish(&r);
        assert_int_equal(r.status, GGX_E_NOMEM);
        reader_harness_free(&r.h);
    }
    for (uint64_t i = 1; i <= questions; i++) {
        start(&r, w.data, w.size, small_cfg, strlen(small_cfg));
        r.h.cancel_after = i;
        finish(&r);
        assert_int_equal(r.status, GGX_E_CANCELED);
        reader_harness_free(&r.h);
    }
    free(w.data);
}

static void cfg_sizes_are_capped(void **state)
{
    static const char layer[] = "[dropout]\n";
    const size_t room = (1u << 20) + 64;
    char *cfg = malloc(room + 1);
    run r;
    weights w;
    (void)state;
    assert_non_null(cfg);
    memset(cfg, '\n', room); /* too many bytes, though all of them empty lines */
    cfg[room] = 0;
    memcpy(cfg, NET "[convolutional]\n", strlen(NET "[convolutional]\n"));
    run_cfg(&r, &w, cfg, 4);
    assert_int_equal(r.status, GGX_E_MALFORMED);
    assert_non_null(strstr(r.error.text, "more than the 1048576"));
    end(&r, &w);

    cfg[1u << 20] = 0; /* just as many as are read */
    run_cfg(&r, &w, cfg, 4);
    assert_int_equal(r.status, GGX_OK);
    end(&r, &w);

    char *to = cfg + sprintf(cfg, "%s", NET);
    for (int i = 0; i < 4096; i++) to += sprintf(to, "%s", layer);
    run_cfg(&r, &w, cfg, 0);
    assert_int_equal(r.status, GGX_OK);
    end(&r, &w);
    sprintf(to, "%s", layer);
    run_cfg(&r, &w, cfg, 0);
    assert_int_equal(r.status, GGX_E_MALFORMED);
    assert_non_null(strstr(r.error.text, "more than 4096 sections"));
    end(&r, &w);

    to = cfg + sprintf(cfg, "%s[dropout]\nx=", NET);
    memset(to, 'a', 20000);
    to[20000] = 0;
    run_cfg(&r, &w, cfg, 0);
    assert_int_equal(r.status, GGX_E_MALFORMED);
    assert_non_null(strstr(r.error.text, "line 6: longer than"));
    end(&r, &w);
    free(cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_lie_in_the_layers_order),
        cmocka_unit_test(header_length_follows_the_version),
        cmocka_unit_test(every_cut_and_every_addition_is_refused),
        cmocka_unit_test(partial_files_are_cut_between_layers),
        cmocka_unit_test(a_missing_cfg_is_asked_for),
        cmocka_unit_test(another_networks_cfg_is_told_by_the_size),
        cmocka_unit_test(absurd_values_are_refused_with_their_line),
        cmocka_unit_test(unknown_layers_are_refused_by_name),
        cmocka_unit_test(every_kind_of_section_is_laid_out),
        cmocka_unit_test(batchnorm_has_biases_in_one_fork_only),
        cmocka_unit_test(flipped_weights_are_a_strided_view),
        cmocka_unit_test(probe_scores_what_it_sees),
        cmocka_unit_test(junk_is_refused),
        cmocka_unit_test(no_memory_and_a_stop_are_errors),
        cmocka_unit_test(cfg_sizes_are_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
