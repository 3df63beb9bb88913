/* tests/abi/bad_reader.c - a reader with one fault, chosen by -DFAULT=…: what the host must refuse, and ggx-plugin-check must find.
 *
 * Without its fault it is sound: "BAD1", a count, and so many tensors of four floats. */
#include <ggx/reader.h>
#include <ggx_sdk/cursor.h>
#include <signal.h>

enum {
    NOTHING,
    /* the envelope and the tables */
    ID_LIES,
    NO_SYMBOL,
    TWO_SYMBOLS,
    SMALL_ENVELOPE,
    LARGE_ENVELOPE,
    SMALL_TABLE,
    LARGE_TABLE,
    NULL_TABLE,
    NULL_PROBE,
    UNKNOWN_BESIDE,
    UNKNOWN_ALONE,
    /* at work */
    PROBE_COUNTS,
    PROBE_GREEDY,
    PROBE_OVERREADS,
    PROBE_WRITES,
    SCORE_BEYOND,
    ODD_STATUS,
    NO_TEXT,
    EXTENT_OUT,
    PUSHES_ON,
    ALLOC_UNCHECKED,
    ALLOC_OVERRUN,
    CANCEL_IGNORED,
    READ_FAILURE_RENAMED,
    CRASHES_WHEN_CUT,
    HANGS_WHEN_CUT,
    FORGETS,
    CLOSE_CRASHES
};

typedef struct bad {
    const ggx_source *source;
    const ggx_host *host;
    uint64_t size;
    uint8_t *block;
    uint32_t count;
} bad;

/* NOLINTBEGIN(clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores): the faults are meant */
#define IS(fault) (FAULT == (fault))

static volatile int32_t counter; /* what a plugin must not have */

static int32_t bad_probe(const ggx_probe *probe) GGX_NOEXCEPT
{
    int magic = probe->head.size >= 4 && !memcmp(probe->head.data, "BAD1", 4);
    if (IS(PROBE_COUNTS)) return counter++ % 10;
    if (IS(PROBE_GREEDY)) return probe->head.size > 64 ? 75 : magic ? 100 : 0;
    if (IS(PROBE_OVERREADS) && probe->head.data[probe->head.size] == 'x') return 1;
    if (IS(PROBE_WRITES) && probe->head.size) memset((void *)(uintptr_t)probe->head.data, 0, 1);
    if (IS(SCORE_BEYOND)) return magic ? 120 : 0;
    return magic ? 100 : 0;
}

static ggx_status bad_open(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                           ggx_error *error) GGX_NOEXCEPT
{
    bad *b = self;
    ggx_member file = {.struct_size = sizeof file};
    ggx_cursor c;
    char magic[4];
    (void)options;
    b->source = source;
    b->host = host;
    ggx_status status = source->member(source, 0, &file, error);
    if (status != GGX_OK) return status;
    b->size = file.size;
    b->block = host->alloc(host, 32);
    if (!b->block && !IS(ALLOC_UNCHECKED)) return ggx_fail(error, GGX_E_NOMEM, "no memory for 32 bytes");
    b->block[IS(ALLOC_OVERRUN) ? 32 : 0] = 1;
    ggx_cursor_init(&c, source, 0, 0, file.size, error);
    ggx_cursor_bytes(&c, magic, 4, "the magic");
    b->count = ggx_cursor_u8(&c, "the count");
    if (c.status != GGX_OK) {
        if (IS(CRASHES_WHEN_CUT)) raise(SIGSEGV);
        while (IS(HANGS_WHEN_CUT)) counter++;
        if (IS(ODD_STATUS)) return 5;
        if (IS(NO_TEXT)) error->text[0] = 0;
        if (IS(READ_FAILURE_RENAMED)) return ggx_fail(error, GGX_E_MALFORMED, "something is wrong");
        return c.status;
    }
    return memcmp(magic, "BAD1", 4) ? ggx_fail(error, GGX_E_MALFORMED, "this does not begin with BAD1") : GGX_OK;
}

static ggx_status bad_index(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    bad *b = self;
    for (uint32_t i = 0; i < b->count; i++) {
        char name[8] = {'t', (char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10)};
        if (b->host->canceled(b->host) && !IS(CANCEL_IGNORED)) return ggx_fail(error, GGX_E_CANCELED, "stopped");
        ggx_tensor t = {.struct_size = sizeof t,
                        .rank = 1,
                        .name = {name, 4},
                        .type = {"f32", 1, 4},
                        .offset = 5 + 16 * (uint64_t)i,
                        .nbytes = 16,
                        .shape = {4}};
        if (IS(EXTENT_OUT)) t.nbytes = 1u << 20;
        if (IS(FORGETS) && counter++ % 5 == 4) continue;
        ggx_status status = sink->tensor(sink, &t, error);
        if (status != GGX_OK && !IS(PUSHES_ON)) return status;
    }
    return GGX_OK;
}

static void bad_close(void *self) GGX_NOEXCEPT
{
    bad *b = self;
    if (IS(CLOSE_CRASHES)) b->block[0] = 0; /* an open that failed before its allocation left NULL here */
}

/* Larger tables, as a later header might have them: the host must not look behind what it knows. */
static const struct {
    ggx_reader known;
    uint64_t later[8];
} reader = {{.struct_size = IS(SMALL_TABLE)   ? 40
                            : IS(LARGE_TABLE) ? sizeof(ggx_reader) + 64
                                              : sizeof(ggx_reader),
             .instance_size = sizeof(bad),
             .head_want = 512,
             .probe = IS(NULL_PROBE) ? NULL : bad_probe,
             .open = bad_open,
             .index = bad_index,
             .close = bad_close},
            {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}};

static const ggx_provide provides[] = {
    {IS(UNKNOWN_ALONE) ? "ggx.frob/9" : GGX_READER_ID, IS(NULL_TABLE) ? NULL : &reader}, {"ggx.frob/9", &reader}};

#if FAULT_HIDES_SYMBOL
#define ggx_plugin_1 ggx_plugin_0
extern GGX_EXPORT const ggx_plugin ggx_plugin_1;
#endif

GGX_EXPORT const ggx_plugin ggx_plugin_1 = {IS(SMALL_ENVELOPE)   ? 16
                                            : IS(LARGE_ENVELOPE) ? sizeof(ggx_plugin) + 8
                                                                 : sizeof(ggx_plugin),
                                            IS(UNKNOWN_BESIDE) ? 2 : 1,
                                            IS(ID_LIES) ? "reader-other" : "reader-bad",
                                            "1.0.0",
                                            "MIT",
                                            provides};

#if FAULT_ADDS_SYMBOL
GGX_EXPORT int bad_extra(void);
int bad_extra(void)
{
    return counter;
}
#endif
/* NOLINTEND(clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores) */
