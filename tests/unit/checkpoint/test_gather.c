/* Promise: boxes of views over every kind of source (big-endian, blocks, a reader that decodes, one that wants rising order) hold
 * the elements that the tensor has there. */
#include "execute/gather.h"

#include "source/open.h"
#include "unit.h"
#include <ggx_sdk/checked.h>

#define ROWS 12
#define COLS 64
#define BLOCK 8

/* A made-up type: 8 elements in 9 bytes, a scale and eight signed bytes. */
static void decode_toy(const void *in, float *out, uint64_t elems) GGX_NOEXCEPT
{
    const int8_t *b = in;
    for (uint64_t i = 0; i < elems; i++) out[i] = (float)(b[i / BLOCK * 9] * b[i / BLOCK * 9 + 1 + i % BLOCK]);
}

static const ggx_kernels toy = {sizeof toy, 0, "toy8", NULL, NULL, decode_toy};

static float wanted(uint64_t row, uint64_t col)
{
    uint64_t i = row * COLS + col;
    return (float)((int)(i / BLOCK % 7 + 1) * ((int)(i * 37 % 200) - 100));
}

static uint64_t boxes;      /* that the reader was asked for */
static uint64_t last_start; /* of the boxes that the reader was asked for */
static int rising;

static ggx_status read_box(void *self, uint64_t cookie, const ggx_box *box, void *out, uint64_t size,
                           ggx_error *error) GGX_NOEXCEPT
{
    float *to = out;
    (void)self;
    (void)error;
    assert_true(cookie == 77);
    assert_true(size == box->count[0] * box->count[1] * sizeof(float));
    uint64_t start = box->start[0] * COLS + box->start[1];
    boxes++;
    if (start < last_start) rising = 0;
    last_start = start;
    for (uint64_t r = 0; r < box->count[0]; r++)
        for (uint64_t c = 0; c < box->count[1]; c++) *to++ = wanted(box->start[0] + r, box->start[1] + c);
    return GGX_OK;
}

typedef struct fixture {
    ggx_checkpoint checkpoint;
    ggx_tensor tensor;
    ggx_reader reader;
    ggx_arena arena;
    uint8_t bytes[ROWS * COLS * 8];
} fixture;

static void open_fixture(fixture *f, ggx_type type, uint32_t access, uint32_t byte_order, uint64_t nbytes)
{
    ggx_error error;
    memset(&f->checkpoint, 0, sizeof f->checkpoint);
    f->tensor = (ggx_tensor){.struct_size = sizeof f->tensor,
                             .rank = 2,
                             .name = {"t", 1},
                             .type = type,
                             .byte_order = byte_order,
                             .access = access,
                             .offset = 16,
                             .nbytes = nbytes,
                             .cookie = 77,
                             .shape = {ROWS, COLS},
                             .stride = {COLS, 1}};
    f->reader = (ggx_reader){.struct_size = sizeof f->reader, .read = read_box};
    f->checkpoint.reader = &f->reader;
    f->checkpoint.tensors = &f->tensor;
    f->checkpoint.tensor_count = 1;
    ggx_arena_init(&f->arena, 1 << 20);
    assert_int_equal(ggx_source_open_memory((ggx_str){"m", 1}, (ggx_str){(const char *)f->bytes, sizeof f->bytes},
                                            &f->checkpoint.source, &error),
                     GGX_OK);
}

static void close_fixture(fixture *f)
{
    ggx_source_close(f->checkpoint.source);
    ggx_arena_free(&f->arena);
}

/* Every box of a grid, straight, transposed and cut to heads, through a small stage and a large one. */
static void read_all(fixture *f, const ggx_kernels *decode)
{
    static float stage[4096], decoded[4096], out[ROWS * COLS];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_error error;
    for (int form = 0; form < 3; form++) {
        ggx_view view;
        uint32_t swap[] = {1, 0}, heads[] = {0, 2, 1};
        uint64_t split[] = {ROWS, 4, COLS / 4};
        assert_int_equal(ggx_view_tensor(&f->arena, &f->checkpoint, 0, &view, &error), GGX_OK);
        if (form == 1) assert_int_equal(ggx_view_permute(&f->arena, &view, swap, &error), GGX_OK);
        if (form == 2) {
            assert_int_equal(ggx_view_reshape(&f->arena, &view, split, 3, &error), GGX_OK);
            assert_int_equal(ggx_view_permute(&f->arena, &view, heads, &error), GGX_OK);
        }
        for (uint64_t capacity = 40; capacity <= 1024; capacity += 984)
            for (uint64_t s = 0; s < 8; s++) {
                ggx_gather g = {&f->checkpoint, &lock, (uint8_t *)stage, capacity, decoded, NULL};
                ggx_box box = {.struct_size = sizeof box, .rank = view.rank};
                uint64_t n = 1;
                for (uint32_t a = 0; a < view.rank; a++) {
                    box.start[a] = s % view.shape[a];
                    box.count[a] = (s * 5 + a) % (view.shape[a] - box.start[a]) + 1;
                    n *= box.count[a];
                }
                assert_int_equal(ggx_gather_f32(&g, &view, &box, decode, out, &error), GGX_OK);
                for (uint64_t i = 0; i < n; i++) {
                    uint64_t x[3] = {0}, rest = i;
                    for (uint32_t a = view.rank; a-- > 0;) {
                        x[a] = box.start[a] + rest % box.count[a];
                        rest /= box.count[a];
                    }
                    uint64_t row = form == 1 ? x[1] : x[0], col = form == 0   ? x[1]
                                                                  : form == 1 ? x[0]
                                                                              : x[2] * (COLS / 4) + x[1];
                    assert_true(out[i] == wanted(row, col));
                }
            }
    }
}

static void big_endian_floats_are_swapped(void **unused)
{
    static fixture f;
    (void)unused;
    for (uint64_t i = 0; i < ROWS * COLS; i++) {
        float v = wanted(i / COLS, i % COLS);
        uint32_t bits;
        memcpy(&bits, &v, 4);
        for (int b = 0; b < 4; b++) f.bytes[16 + i * 4 + (uint64_t)b] = (uint8_t)(bits >> (24 - 8 * b));
    }
    open_fixture(&f, ggx_type_make("f32", 1, 4), GGX_ACCESS_RAW, GGX_BIG_ENDIAN, ROWS * COLS * 4);
    read_all(&f, NULL);
    close_fixture(&f);
}

static void complex_numbers_are_swapped_by_halves(void **unused)
{
    static fixture f;
    static uint8_t stage[4096], out[8 * 4];
    (void)unused;
    for (int i = 0; i < 32; i++) f.bytes[16 + i] = (uint8_t)i;
    open_fixture(&f, ggx_type_make("c64", 1, 8), GGX_ACCESS_RAW, GGX_BIG_ENDIAN_PAIRS, ROWS * COLS * 8);
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_gather g = {&f.checkpoint, &lock, stage, 100, NULL, NULL};
    ggx_view view;
    ggx_error error;
    ggx_box box = {.struct_size = sizeof box, .rank = 2, .count = {1, 4}};
    f.tensor.nbytes = sizeof f.bytes - 16;
    assert_int_equal(ggx_view_tensor(&f.arena, &f.checkpoint, 0, &view, &error), GGX_OK);
    assert_int_equal(ggx_gather_raw(&g, &view, &box, out, &error), GGX_OK);
    for (int i = 0; i < 32; i++) assert_int_equal(out[i], i / 4 * 4 + 3 - i % 4);
    close_fixture(&f);
}

static void blocks_are_decoded_whole_and_picked_from(void **unused)
{
    static fixture f;
    (void)unused;
    for (uint64_t b = 0; b < ROWS * COLS / BLOCK; b++) {
        f.bytes[16 + b * 9] = (uint8_t)(b % 7 + 1);
        for (uint64_t i = 0; i < BLOCK; i++)
            f.bytes[16 + b * 9 + 1 + i] = (uint8_t)(int8_t)((int)((b * BLOCK + i) * 37 % 200) - 100);
    }
    open_fixture(&f, ggx_type_make("toy8", BLOCK, 9), GGX_ACCESS_RAW, GGX_LITTLE_ENDIAN, ROWS * COLS / BLOCK * 9);
    read_all(&f, &toy);

    /* Raw boxes exist where blocks stay whole: the matrix itself and a permutation of its rows, not its transpose. */
    ggx_view view;
    ggx_error error;
    uint32_t swap[] = {1, 0}, rows[] = {1, 0, 2};
    uint64_t cube[] = {3, 4, COLS};
    assert_int_equal(ggx_view_tensor(&f.arena, &f.checkpoint, 0, &view, &error), GGX_OK);
    assert_true(ggx_gather_keeps_blocks(&view));
    assert_int_equal(ggx_view_permute(&f.arena, &view, swap, &error), GGX_OK);
    assert_false(ggx_gather_keeps_blocks(&view));
    assert_int_equal(ggx_view_tensor(&f.arena, &f.checkpoint, 0, &view, &error), GGX_OK);
    assert_int_equal(ggx_view_reshape(&f.arena, &view, cube, 3, &error), GGX_OK);
    assert_int_equal(ggx_view_permute(&f.arena, &view, rows, &error), GGX_OK);
    assert_true(ggx_gather_keeps_blocks(&view));
    static uint8_t raw[ROWS * COLS / BLOCK * 9], stage[4096];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_gather g = {&f.checkpoint, &lock, stage, 100, NULL, NULL};
    ggx_box box = {.struct_size = sizeof box, .rank = 3, .count = {4, 3, COLS}};
    assert_int_equal(ggx_gather_raw(&g, &view, &box, raw, &error), GGX_OK);
    for (uint64_t r = 0; r < ROWS; r++) {
        uint64_t from = r % 3 * 4 + r / 3, row = COLS / BLOCK * 9;
        assert_memory_equal(raw + r * row, f.bytes + 16 + from * row, row);
    }
    close_fixture(&f);
}

static void a_reader_decodes_the_boxes_it_is_asked_for(void **unused)
{
    static fixture f;
    (void)unused;
    open_fixture(&f, ggx_type_make("f32", 1, 4), GGX_ACCESS_READER, GGX_LITTLE_ENDIAN, ROWS * COLS * 4);
    read_all(&f, NULL);
    close_fixture(&f);
}

static void a_transposed_tile_is_one_box_for_the_reader(void **unused)
{
    static fixture f;
    static float stage[4096], out[ROWS * COLS];
    (void)unused;
    open_fixture(&f, ggx_type_make("f32", 1, 4), GGX_ACCESS_READER, GGX_LITTLE_ENDIAN, ROWS * COLS * 4);
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_gather g = {&f.checkpoint, &lock, (uint8_t *)stage, 1024, NULL, NULL};
    ggx_view view;
    ggx_error error;
    uint32_t swap[] = {1, 0};
    ggx_box box = {.struct_size = sizeof box, .rank = 2, .start = {8, 1}, .count = {40, 9}};
    assert_int_equal(ggx_view_tensor(&f.arena, &f.checkpoint, 0, &view, &error), GGX_OK);
    assert_int_equal(ggx_view_permute(&f.arena, &view, swap, &error), GGX_OK);
    boxes = 0;
    assert_int_equal(ggx_gather_f32(&g, &view, &box, NULL, out, &error), GGX_OK);
    assert_int_equal(boxes, 1);
    for (uint64_t c = 0; c < 40; c++)
        for (uint64_t r = 0; r < 9; r++) assert_true(out[c * 9 + r] == wanted(r + 1, c + 8));
    close_fixture(&f);
}

static void sequential_tensors_read_straight_come_in_rising_order(void **unused)
{
    static fixture f;
    static float stage[4096], out[ROWS * COLS];
    (void)unused;
    open_fixture(&f, ggx_type_make("f32", 1, 4), GGX_ACCESS_SEQUENTIAL, GGX_LITTLE_ENDIAN, ROWS * COLS * 4);
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_gather g = {&f.checkpoint, &lock, (uint8_t *)stage, 40, NULL, NULL};
    ggx_view view;
    ggx_error error;
    assert_int_equal(ggx_view_tensor(&f.arena, &f.checkpoint, 0, &view, &error), GGX_OK);
    rising = 1;
    last_start = 0;
    for (uint64_t r = 0; r < ROWS; r += 3) {
        ggx_box box = {.struct_size = sizeof box, .rank = 2, .start = {r, 0}, .count = {3, COLS}};
        assert_int_equal(ggx_gather_f32(&g, &view, &box, NULL, out, &error), GGX_OK);
    }
    assert_true(rising);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_endian_floats_are_swapped),
        cmocka_unit_test(complex_numbers_are_swapped_by_halves),
        cmocka_unit_test(blocks_are_decoded_whole_and_picked_from),
        cmocka_unit_test(a_reader_decodes_the_boxes_it_is_asked_for),
        cmocka_unit_test(a_transposed_tile_is_one_box_for_the_reader),
        cmocka_unit_test(sequential_tensors_read_straight_come_in_rising_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
