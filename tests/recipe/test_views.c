/* Promise: operations, one by one and in any composition, give the elements that the same operations on a dense array give. */
#include "base/json.h"
#include "execute/gather.h"
#include "fake.h"

#define MOST 4096

/* A dense array, the naive way. */
typedef struct dense {
    uint32_t rank;
    uint64_t shape[GGX_MAX_RANK];
    float values[MOST];
} dense;

static uint64_t size_of(const dense *d)
{
    uint64_t n = 1;
    for (uint32_t a = 0; a < d->rank; a++) n *= d->shape[a];
    return n;
}

/* Calls for each index of `to`: the value comes from `from` at the index that `map` makes of it. */
static void fill(dense *to, const dense *from, void (*map)(const uint64_t *index, uint64_t *out, const int64_t *arg),
                 const int64_t *arg)
{
    for (uint64_t k = 0; k < size_of(to); k++) {
        uint64_t index[GGX_MAX_RANK] = {0}, at[GGX_MAX_RANK] = {0}, rest = k, flat = 0;
        for (uint32_t a = to->rank; a-- > 0; rest /= to->shape[a]) index[a] = rest % to->shape[a];
        map(index, at, arg);
        for (uint32_t a = 0; a < from->rank; a++) flat = flat * from->shape[a] + at[a];
        to->values[k] = from->values[flat];
    }
}

static void map_permute(const uint64_t *index, uint64_t *out, const int64_t *order)
{
    for (int a = 0; order[a] >= 0; a++) out[order[a]] = index[a];
}

static void map_shift(const uint64_t *index, uint64_t *out, const int64_t *arg) /* axis, offset */
{
    memcpy(out, index, GGX_MAX_RANK * sizeof *out);
    out[arg[0]] += (uint64_t)arg[1];
}

static void map_wrap(const uint64_t *index, uint64_t *out, const int64_t *arg) /* axis, length */
{
    memcpy(out, index, GGX_MAX_RANK * sizeof *out);
    out[arg[0]] %= (uint64_t)arg[1];
}

static void dense_permute(dense *d, const int64_t *order)
{
    dense from = *d;
    for (uint32_t a = 0; a < d->rank; a++) d->shape[a] = from.shape[order[a]];
    fill(d, &from, map_permute, order);
}

static void dense_slice(dense *d, int64_t axis, uint64_t start, uint64_t stop)
{
    dense from = *d;
    d->shape[axis] = stop - start;
    fill(d, &from, map_shift, (const int64_t[]){axis, (int64_t)start});
}

static void dense_repeat(dense *d, int64_t axis, uint64_t times)
{
    dense from = *d;
    d->shape[axis] *= times;
    fill(d, &from, map_wrap, (const int64_t[]){axis, (int64_t)from.shape[axis]});
}

/* --- random chains ---------------------------------------------------------------------------------------------------------- */

static uint64_t state = 88172645463325252ull;
static uint64_t random_below(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

/* Appends one operation as JSON and does it to the array. */
static void random_step(dense *d, char *json)
{
    int64_t order[GGX_MAX_RANK + 1];
    uint64_t axis = d->rank ? random_below(d->rank) : 0, length = d->rank ? d->shape[axis] : 1;
    char *at = json + strlen(json);
    switch (random_below(9)) {
    case 0:
        for (uint32_t a = 0; a < d->rank; a++) order[a] = a;
        for (uint32_t a = d->rank; a > 1; a--) {
            uint64_t b = random_below(a);
            int64_t swap = order[a - 1];
            order[a - 1] = order[b];
            order[b] = swap;
        }
        order[d->rank] = -1;
        at += sprintf(at, "{\"permute\": [");
        for (uint32_t a = 0; a < d->rank; a++) at += sprintf(at, "%s%lld", a ? ", " : "", (long long)order[a]);
        sprintf(at, "]},");
        dense_permute(d, order);
        return;
    case 1:
        for (uint32_t a = 0; a < d->rank; a++) order[a] = a;
        if (d->rank > 1) {
            order[d->rank - 1] = d->rank - 2;
            order[d->rank - 2] = d->rank - 1;
        }
        order[d->rank] = -1;
        sprintf(at, "\"transpose\",");
        dense_permute(d, order);
        return;
    case 2: /* split an axis in two by reshape */
        for (uint64_t f = 2; d->rank && d->rank < 6 && f < length; f++) {
            if (length % f) continue;
            at += sprintf(at, "{\"reshape\": [");
            memmove(&d->shape[axis + 1], &d->shape[axis], (d->rank - axis) * sizeof *d->shape);
            d->shape[axis] = f;
            d->shape[axis + 1] = length / f;
            d->rank++;
            for (uint32_t a = 0; a < d->rank; a++)
                at += sprintf(at, "%s%lld", a ? ", " : "", a == axis ? -1ll : (long long)d->shape[a]);
            sprintf(at, "]},");
            return;
        }
        return;
    case 3: /* join two axes */
        if (d->rank < 2 || axis + 1 == d->rank) return;
        d->shape[axis] *= d->shape[axis + 1];
        memmove(&d->shape[axis + 1], &d->shape[axis + 2], (d->rank - axis - 2) * sizeof *d->shape);
        d->rank--;
        at += sprintf(at, "{\"reshape\": [");
        for (uint32_t a = 0; a < d->rank; a++)
            at += sprintf(at, "%s%llu", a ? ", " : "", (unsigned long long)d->shape[a]);
        sprintf(at, "]},");
        return;
    case 4: {
        if (length < 3) return;
        uint64_t start = random_below(length - 1), stop = start + 1 + random_below(length - start - 1);
        sprintf(at, "{\"slice\": {\"axis\": %lld, \"start\": %llu, \"stop\": %lld}},",
                (long long)axis - (long long)d->rank, (unsigned long long)start,
                (long long)stop - (stop < length ? (long long)length : 0));
        dense_slice(d, (int64_t)axis, start, stop);
        return;
    }
    case 5: {
        uint64_t parts = 2 + random_below(3);
        if (!d->rank || length % parts) return;
        uint64_t take = random_below(parts);
        sprintf(at, "{\"split\": {\"axis\": %llu, \"parts\": %llu, \"take\": %llu}},", (unsigned long long)axis,
                (unsigned long long)parts, (unsigned long long)take);
        dense_slice(d, (int64_t)axis, length / parts * take, length / parts * (take + 1));
        return;
    }
    case 6:
        if (!d->rank || size_of(d) * 2 > 1024) return;
        sprintf(at, "{\"repeat\": {\"axis\": %llu, \"times\": 2}},", (unsigned long long)axis);
        dense_repeat(d, (int64_t)axis, 2);
        return;
    case 7:
        if (d->rank > 5) return;
        axis = random_below(d->rank + 1);
        memmove(&d->shape[axis + 1], &d->shape[axis], (d->rank - axis) * sizeof *d->shape);
        d->shape[axis] = 1;
        d->rank++;
        sprintf(at, "{\"unsqueeze\": %llu},", (unsigned long long)axis);
        return;
    default: {
        uint32_t kept = 0;
        for (uint32_t a = 0; a < d->rank; a++)
            if (d->shape[a] != 1) d->shape[kept++] = d->shape[a];
        d->rank = kept;
        sprintf(at, "\"squeeze\",");
    }
    }
}

/* All elements of the view, gathered from the file's bytes. */
static void assert_same(const fake *f, const ggx_view *view, const dense *wanted, const char *what)
{
    static float stage[4096], decoded[4096], out[MOST];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ggx_gather gather = {&f->checkpoint, &lock, (uint8_t *)stage, 4096, decoded, NULL};
    ggx_box box = {.struct_size = sizeof box, .rank = view->rank};
    ggx_error error;
    if (view->rank != wanted->rank) fail_msg("%s: %u axes, not %u", what, view->rank, wanted->rank);
    for (uint32_t a = 0; a < view->rank; a++) {
        if (view->shape[a] != wanted->shape[a])
            fail_msg("%s: axis %u has %llu", what, a, (unsigned long long)view->shape[a]);
        box.count[a] = view->shape[a];
    }
    if (ggx_gather_f32(&gather, view, &box, NULL, out, &error) != GGX_OK) fail_msg("%s: %s", what, error.text);
    for (uint64_t k = 0; k < size_of(wanted); k++)
        if (memcmp(&out[k], &wanted->values[k], sizeof *out))
            fail_msg("%s: element %llu is %g, not %g", what, (unsigned long long)k, (double)out[k],
                     (double)wanted->values[k]);
}

static dense source(const fake *f, uint64_t tensor)
{
    dense d = {.rank = f->checkpoint.tensors[tensor].rank};
    memcpy(d.shape, f->checkpoint.tensors[tensor].shape, sizeof d.shape);
    for (uint64_t k = 0; k < size_of(&d); k++) d.values[k] = (float)(tensor * FAKE_STEP + k);
    return d;
}

static void chains_of_operations_equal_dense_ones(void **unused)
{
    (void)unused;
    fake *f = fake_make("w f32 4x6x10\n");
    int done = 0, refused = 0;
    for (int round = 0; round < 3000; round++) {
        ggx_arena arena;
        ggx_recipe_result result;
        ggx_error error;
        char steps[2048] = "", recipe[2400];
        dense wanted = source(f, 0);
        for (uint64_t n = 1 + random_below(6); n; n--) random_step(&wanted, steps);
        if (!*steps) continue;
        steps[strlen(steps) - 1] = 0;
        snprintf(recipe, sizeof recipe,
                 "{\"id\": \"r\", \"tensors\": [{\"from\": \"w\", \"to\": \"w\", \"do\": [%s]}]}", steps);
        ggx_arena_init(&arena, 64 << 20);
        ggx_status status = fake_apply(&arena, f, recipe, "out", &result, &error);
        if (status == GGX_OK) {
            assert_same(f, &result.tensors[0].view, &wanted, steps);
            done++;
        } else { /* only a reshape across what strides cannot express may be refused */
            if (!strstr(error.text, "reshape")) fail_msg("%s: %s", steps, error.text);
            refused++;
        }
        ggx_arena_free(&arena);
    }
    if (done < 20 * refused) fail_msg("%d chains done, %d refused", done, refused);
    fake_free(f);
}

static void joins_equal_dense_ones(void **unused)
{
    (void)unused;
    fake *f = fake_make("e.0.w f32 3x4\ne.1.w f32 3x4\ne.2.w f32 3x4\n");
    for (int stacked = 0; stacked < 2; stacked++)
        for (int axis = 0; axis < 2 + stacked; axis++) {
            ggx_arena arena;
            ggx_recipe_result result;
            ggx_error error;
            char recipe[512];
            dense wanted = {.rank = 2 + (uint32_t)stacked}, parts[3];
            for (uint64_t e = 0; e < 3; e++) { /* each part is transposed before the join */
                parts[e] = source(f, e);
                dense_permute(&parts[e], (const int64_t[]){1, 0, -1});
            }
            uint32_t a = 0;
            for (uint32_t from = 0; a < wanted.rank; a++)
                wanted.shape[a] =
                    stacked && (int)a == axis ? 3 : parts[0].shape[from++] * (!stacked && (int)a == axis ? 3 : 1);
            for (uint64_t k = 0; k < size_of(&wanted); k++) {
                uint64_t index[3] = {0}, rest = k, part;
                for (uint32_t b = wanted.rank; b-- > 0; rest /= wanted.shape[b]) index[b] = rest % wanted.shape[b];
                if (stacked) {
                    part = index[axis];
                    memmove(&index[axis], &index[axis + 1], (2 - (size_t)axis) * sizeof *index);
                } else {
                    part = index[axis] / parts[0].shape[axis];
                    index[axis] %= parts[0].shape[axis];
                }
                wanted.values[k] = parts[part].values[index[0] * 3 + index[1]];
            }
            snprintf(recipe, sizeof recipe,
                     "{\"id\": \"r\", \"tensors\": [{\"from\": [{\"from\": \"e.0.w\", \"do\": [\"transpose\"]}, "
                     "{\"from\": \"e.1.w\", \"do\": "
                     "[\"reverse\"]}, {\"from\": \"e.2.w\", \"do\": [{\"permute\": [-1, -2]}]}], \"%s\": %d, \"to\": "
                     "\"w\"}]}",
                     stacked ? "stack" : "concat", axis);
            ggx_arena_init(&arena, 64 << 20);
            if (fake_apply(&arena, f, recipe, "out", &result, &error) != GGX_OK) fail_msg("%s", error.text);
            assert_same(f, &result.tensors[0].view, &wanted, recipe);
            ggx_arena_free(&arena);
        }
    fake_free(f);
}

static void a_padded_tensor_ends_in_its_constant(void **unused)
{
    (void)unused;
    ggx_arena arena;
    ggx_recipe_result result;
    ggx_error error;
    fake *f = fake_make("w f32 2x3\n");
    dense wanted = {.rank = 2, .shape = {4, 3}, .values = {0, 1, 2, 3, 4, 5, 7, 8, 9, 7, 8, 9}};
    ggx_arena_init(&arena, 64 << 20);
    if (fake_apply(&arena, f,
                   "{\"id\": \"r\", \"tensors\": [{\"from\": [\"w\", {\"const\": [7, 8, 9], \"do\": [{\"unsqueeze\": "
                   "0}, {\"repeat\": "
                   "{\"axis\": 0, \"times\": 2}}]}], \"concat\": 0, \"to\": \"w\"}]}",
                   "out", &result, &error) != GGX_OK)
        fail_msg("%s", error.text);
    assert_same(f, &result.tensors[0].view, &wanted, "padding");
    fake_free(f);
    ggx_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_operations_equal_dense_ones),
        cmocka_unit_test(joins_equal_dense_ones),
        cmocka_unit_test(a_padded_tensor_ends_in_its_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
