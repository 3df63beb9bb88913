/* Promise: any composition of view operations, read box by box through any stage size, gives the elements that doing the same
 * operations on a dense array gives. Views and dense arrays are driven side by side by a seeded generator. */
#include "execute/gather.h"

#include "unit.h"

/* --- dense arrays, done the obvious way -------------------------------------------------------------------------------------- */

typedef struct dense {
    uint32_t rank;
    uint64_t shape[GGX_MAX_RANK];
    float *v;
} dense;

static uint64_t count_of(const dense *d)
{
    uint64_t n = 1;
    for (uint32_t a = 0; a < d->rank; a++) n *= d->shape[a];
    return n;
}

static dense like(uint32_t rank, const uint64_t *shape)
{
    dense d = {rank, {0}, NULL};
    for (uint32_t a = 0; a < rank; a++) d.shape[a] = shape[a];
    d.v = calloc((size_t)count_of(&d) + 1, sizeof(float));
    assert_non_null(d.v);
    return d;
}

static void unravel(const dense *d, uint64_t i, uint64_t *index)
{
    for (uint32_t a = d->rank; a-- > 0;) {
        index[a] = i % d->shape[a];
        i /= d->shape[a];
    }
}

static uint64_t ravel(const dense *d, const uint64_t *index)
{
    uint64_t i = 0;
    for (uint32_t a = 0; a < d->rank; a++) i = i * d->shape[a] + index[a];
    return i;
}

static dense dense_permute(const dense *d, const uint32_t *order)
{
    uint64_t shape[GGX_MAX_RANK], from[GGX_MAX_RANK], to[GGX_MAX_RANK];
    for (uint32_t a = 0; a < d->rank; a++) shape[a] = d->shape[order[a]];
    dense out = like(d->rank, shape);
    for (uint64_t i = 0; i < count_of(&out); i++) {
        unravel(&out, i, to);
        for (uint32_t a = 0; a < d->rank; a++) from[order[a]] = to[a];
        out.v[i] = d->v[ravel(d, from)];
    }
    return out;
}

static dense dense_slice(const dense *d, uint32_t axis, uint64_t start, uint64_t stop)
{
    uint64_t shape[GGX_MAX_RANK], index[GGX_MAX_RANK];
    for (uint32_t a = 0; a < d->rank; a++) shape[a] = a == axis ? stop - start : d->shape[a];
    dense out = like(d->rank, shape);
    for (uint64_t i = 0; i < count_of(&out); i++) {
        unravel(&out, i, index);
        index[axis] += start;
        out.v[i] = d->v[ravel(d, index)];
    }
    return out;
}

static dense dense_concat(const dense *a, const dense *b, uint32_t axis)
{
    uint64_t shape[GGX_MAX_RANK], index[GGX_MAX_RANK];
    for (uint32_t x = 0; x < a->rank; x++) shape[x] = a->shape[x] + (x == axis ? b->shape[x] : 0);
    dense out = like(a->rank, shape);
    for (uint64_t i = 0; i < count_of(&out); i++) {
        unravel(&out, i, index);
        if (index[axis] < a->shape[axis]) {
            out.v[i] = a->v[ravel(a, index)];
        } else {
            index[axis] -= a->shape[axis];
            out.v[i] = b->v[ravel(b, index)];
        }
    }
    return out;
}

/* --- the generator ----------------------------------------------------------------------------------------------------------- */

static uint64_t state = 88172645463325252ull;
static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (state >> 11) % below : 0;
}

#define SIZE 96 /* elements of the source tensor: many factorizations */

static uint32_t random_shape(uint64_t elems, uint64_t *shape)
{
    uint32_t rank = (uint32_t)draw(5);
    for (uint32_t a = 0; a < rank; a++) {
        static const uint64_t tried[] = {1, 2, 3, 4, 6, 8, 12};
        uint64_t f = tried[draw(7)];
        shape[a] = elems % f == 0 ? f : 1;
        elems /= shape[a];
    }
    shape[rank] = elems;
    return rank + 1;
}

static ggx_status random_step(ggx_arena *arena, ggx_view *view, dense *d)
{
    ggx_error error;
    ggx_view other;
    dense old = *d;
    ggx_status status = GGX_OK;
    uint64_t shape[GGX_MAX_RANK];
    uint32_t order[GGX_MAX_RANK];
    uint32_t axis = d->rank ? (uint32_t)draw(d->rank) : 0;
    switch (draw(6)) {
    case 0: /* permute */
        for (uint32_t a = 0; a < d->rank; a++) order[a] = a;
        for (uint32_t a = d->rank; a-- > 1;) {
            uint32_t b = (uint32_t)draw(a + 1), t = order[a];
            order[a] = order[b];
            order[b] = t;
        }
        status = ggx_view_permute(arena, view, order, &error);
        *d = dense_permute(&old, order);
        break;
    case 1:
    case 2: { /* reshape */
        uint32_t rank = random_shape(count_of(d), shape);
        status = ggx_view_reshape(arena, view, shape, rank, &error);
        *d = like(rank, shape);
        memcpy(d->v, old.v, (size_t)count_of(d) * sizeof(float));
        break;
    }
    case 3: { /* slice */
        if (!d->rank) return GGX_OK;
        uint64_t start = draw(d->shape[axis]), stop = start + 1 + draw(d->shape[axis] - start);
        status = ggx_view_slice(arena, view, axis, start, stop, &error);
        *d = dense_slice(&old, axis, start, stop);
        break;
    }
    case 4: { /* concat with itself */
        if (!d->rank || count_of(d) > 4 * SIZE) return GGX_OK;
        ggx_view both[2] = {*view, *view};
        status = ggx_view_concat(arena, both, 2, axis, &other, &error);
        *view = other;
        *d = dense_concat(&old, &old, axis);
        break;
    }
    default: /* repeat */
        if (!d->rank || count_of(d) > 4 * SIZE) return GGX_OK;
        status = ggx_view_repeat(arena, view, axis, 2, &error);
        *d = dense_concat(&old, &old, axis);
    }
    free(old.v);
    return status;
}

/* --- the comparison ------------------------------------------------------------------------------------------------------------ */

static void compare_box(const ggx_gather *g, const ggx_view *view, const dense *d)
{
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    uint64_t elems = 1, index[GGX_MAX_RANK];
    for (uint32_t a = 0; a < view->rank; a++) {
        box.start[a] = draw(d->shape[a]);
        box.count[a] = 1 + draw(d->shape[a] - box.start[a]);
        elems *= box.count[a];
    }
    float *out = malloc((size_t)elems * sizeof *out), *raw = malloc((size_t)elems * sizeof *raw);
    ggx_error error;
    assert_int_equal(ggx_gather_f32(g, view, &box, NULL, out, &error), GGX_OK);
    assert_int_equal(ggx_gather_raw(g, view, &box, raw, &error), GGX_OK);
    dense shape = {view->rank, {0}, NULL};
    memcpy(shape.shape, box.count, sizeof shape.shape);
    for (uint64_t i = 0; i < elems; i++) {
        unravel(&shape, i, index);
        for (uint32_t a = 0; a < view->rank; a++) index[a] += box.start[a];
        assert_true(out[i] == d->v[ravel(d, index)]);
        assert_true(raw[i] == out[i]);
    }
    free(out);
    free(raw);
}

static void compositions_read_like_dense_arrays(void **unused)
{
    (void)unused;
    static float values[SIZE];
    static float stage[4096];
    for (int i = 0; i < SIZE; i++) values[i] = (float)(i + 1);
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    uint64_t built = 0, refused = 0;
    for (int round = 0; round < 4000; round++) {
        ggx_arena arena;
        ggx_view view;
        uint64_t shape[GGX_MAX_RANK];
        ggx_error error;
        ggx_arena_init(&arena, 64 << 20);
        uint32_t rank = random_shape(SIZE, shape);
        dense d = like(rank, shape);
        memcpy(d.v, values, sizeof values);
        assert_int_equal(ggx_view_const(&arena, values, shape, rank, &view, &error), GGX_OK);
        ggx_status status = GGX_OK;
        for (int step = 0; step < 6 && status == GGX_OK; step++) status = random_step(&arena, &view, &d);
        if (status == GGX_OK) {
            built++;
            assert_int_equal(view.rank, d.rank);
            for (uint32_t a = 0; a < d.rank; a++) assert_true(view.shape[a] == d.shape[a]);
            for (int i = 0; i < 4; i++) {
                ggx_gather g = {NULL, &lock, (uint8_t *)stage, 4 + draw(200), NULL, NULL};
                compare_box(&g, &view, &d);
            }
        } else {
            refused++; /* a reshape that strides cannot express */
        }
        free(d.v);
        ggx_arena_free(&arena);
    }
    assert_true(built > 2000);
    assert_true(refused > 0);
}

static void reshapes_that_need_no_copy_are_never_refused(void **unused)
{
    (void)unused;
    static float values[24];
    ggx_arena arena;
    ggx_view view;
    ggx_error error;
    uint64_t flat[] = {24}, cube[] = {2, 3, 4}, wide[] = {1, 6, 1, 4, 1}, bad[] = {5, 5};
    ggx_arena_init(&arena, 1 << 20);
    assert_int_equal(ggx_view_const(&arena, values, cube, 3, &view, &error), GGX_OK);
    assert_int_equal(ggx_view_reshape(&arena, &view, wide, 5, &error), GGX_OK);
    assert_int_equal(ggx_view_reshape(&arena, &view, flat, 1, &error), GGX_OK);
    assert_int_equal(ggx_view_reshape(&arena, &view, cube, 3, &error), GGX_OK);
    uint64_t tensor, offset;
    assert_true(ggx_view_contiguous(&view, &tensor, &offset));
    assert_int_equal(ggx_view_reshape(&arena, &view, bad, 2, &error), GGX_E_USAGE);
    assert_non_null(strstr(error.text, "2×3×4"));
    uint32_t order[] = {0, 2, 1};
    assert_int_equal(ggx_view_permute(&arena, &view, order, &error), GGX_OK);
    assert_false(ggx_view_contiguous(&view, &tensor, &offset));
    ggx_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compositions_read_like_dense_arrays),
        cmocka_unit_test(reshapes_that_need_no_copy_are_never_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
