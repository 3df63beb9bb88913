/* boxes.c - a box of a tensor that lies in several pieces, or whose numbers are not in the file as they are. */
#include "tf.h"

int tf_host_little(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first;
}

void tf_swap(uint8_t *bytes, uint64_t count, uint32_t unit)
{
    for (; count; count--, bytes += unit)
        for (uint32_t i = 0; i < unit / 2; i++) {
            uint8_t b = bytes[i];
            bytes[i] = bytes[unit - 1 - i];
            bytes[unit - 1 - i] = b;
        }
}

/* int4 and int2 take a byte each, whose upper bits are no part of them. */
static void spread_sign(uint8_t *bytes, uint64_t count, uint32_t bits)
{
    const uint8_t sign = (uint8_t)(1u << (bits - 1)), mask = (uint8_t)((1u << bits) - 1);
    for (uint64_t i = 0; i < count; i++) bytes[i] = (uint8_t)(((bytes[i] & mask) ^ sign) - sign);
}

/* `count` elements of a piece, from its element `at` on. */
static ggx_status fetch(tf_reader *r, const tf_tensor *t, const tf_piece *piece, uint64_t at, uint64_t count,
                        uint8_t *out, ggx_error *error)
{
    const tf_dtype *d = t->dtype;
    ggx_status status = GGX_OK;
    if (r->format == TF_BUNDLE) {
        uint64_t begin = at * d->bytes, size = count * d->bytes;
        status = piece->check ? tf_verify_read(r, t->name, piece, begin, out, size, error)
                              : r->source->read_at(r->source, piece->member, piece->offset + begin, out, size, error);
        if (r->big == tf_host_little()) tf_swap(out, count * d->units, d->bytes / d->units);
    } else {
        uint64_t number = 1 + (uint64_t)(piece - r->pieces), units = at * d->units;
        if (r->reading != number || units < r->values.at) {
            r->reading = 0;
            status = r->format == TF_SLICES
                         ? tf_slices_stream(r, t, piece, error)
                         : tf_values_begin(&r->values, r->source, piece->member, piece->offset, piece->size, d, error);
            if (status != GGX_OK) return status;
            r->reading = number;
        }
        status = tf_values_take(&r->values, units - r->values.at, NULL, error);
        if (status == GGX_OK) status = tf_values_take(&r->values, count * d->units, out, error);
        if (status != GGX_OK) r->reading = 0;
    }
    if (status == GGX_OK && d->bits) spread_sign(out, count, d->bits);
    return status;
}

/* The part of a box that a piece holds. */
typedef struct meeting {
    uint64_t start[GGX_MAX_RANK], count[GGX_MAX_RANK];
    uint32_t rank;
} meeting;

static int meet(const ggx_box *box, const tf_piece *piece, meeting *m)
{
    memset(m, 0, sizeof *m);
    m->rank = box->rank;
    for (uint32_t i = 0; i < box->rank; i++) {
        uint64_t a = box->start[i], b = piece->start[i], a_end = a + box->count[i], b_end = b + piece->count[i];
        m->start[i] = a > b ? a : b;
        uint64_t end = a_end < b_end ? a_end : b_end;
        if (m->start[i] >= end) return 0;
        m->count[i] = end - m->start[i];
    }
    return 1;
}

/* Where an element lies in C order inside a box that begins at `start` and has `count` elements an axis. */
static uint64_t index_in(const uint64_t *at, const uint64_t *start, const uint64_t *count, uint32_t rank)
{
    uint64_t index = 0;
    for (uint32_t i = 0; i < rank; i++) index = index * count[i] + (at[i] - start[i]);
    return index;
}

/* Copies in runs: as many of the last axes as are whole on both sides, and one more. */
static ggx_status copy_meeting(tf_reader *r, const tf_tensor *t, const tf_piece *piece, const ggx_box *box,
                               const meeting *m, uint8_t *out, ggx_error *error)
{
    uint64_t at[GGX_MAX_RANK], run = 1;
    uint32_t loops = m->rank;
    while (loops) {
        run *= m->count[--loops];
        if (m->count[loops] != piece->count[loops] || m->count[loops] != box->count[loops]) break;
    }
    memcpy(at, m->start, sizeof at);
    for (;;) {
        uint8_t *to = out + index_in(at, box->start, box->count, m->rank) * t->dtype->bytes;
        ggx_status status = fetch(r, t, piece, index_in(at, piece->start, piece->count, m->rank), run, to, error);
        if (status != GGX_OK) return status;
        if (r->host->canceled(r->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while reading a tensor");
        uint32_t axis = loops;
        while (axis && ++at[axis - 1] == m->start[axis - 1] + m->count[axis - 1]) {
            at[axis - 1] = m->start[axis - 1];
            axis--;
        }
        if (!axis) return GGX_OK;
    }
}

ggx_status tf_box_read(tf_reader *r, uint64_t number, const ggx_box *box, uint8_t *out, ggx_error *error)
{
    const tf_tensor *t = &r->tensors[number];
    for (uint64_t i = 0; i < t->piece_count; i++) {
        meeting m;
        if (!meet(box, &t->pieces[i], &m)) continue;
        ggx_status status = copy_meeting(r, t, &t->pieces[i], box, &m, out, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}
