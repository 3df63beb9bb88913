/* The pipeline's last two steps for a model that arrives meanwhile: tiles in the stream's order, a record of how far the hash has come
 * beside the journal, and the name only when every digest matched. */
#include "commit/stream_state.h"
#include "execute/stream.h"
#include "flow.h"
#include "source/keep.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>

typedef struct streamed {
    ggx_flow *flow;
    const ggx_conversion *wanted;
    ggx_stream_state_record record; /* as of the last round */
    uint64_t written;               /* position of the record on disk */
    ggx_keep keep;                  /* with --keep */
} streamed;

static ggx_status write_record(streamed *s, ggx_error *error)
{
    if (!s->record.position || s->record.position == s->written) return GGX_OK;
    ggx_status status = s->wanted->keep ? ggx_keep_sync(&s->keep, error) : GGX_OK;
    if (status == GGX_OK) status = ggx_stream_state_write(s->wanted->output, &s->record, error);
    if (status == GGX_OK) s->written = s->record.position;
    return status;
}

static ggx_status mark(void *context, ggx_stream *stream, uint64_t position, ggx_error *error)
{
    streamed *s = context;
    s->record.position = ggx_stream_state(stream, position, s->record.state);
    if (s->record.position < s->written + s->wanted->sync_bytes) return GGX_OK;
    ggx_status status = ggx_output_flush(&s->flow->output, error); /* first the tiles, then that they are behind us */
    return status == GGX_OK ? write_record(s, error) : status;
}

/* Where to go on: at the record's place when it is of this plan and of the same headers, and all tiles before it are done. What an earlier
 * run did behind that place came from bytes that no digest vouches for, and is done again. */
static ggx_status take_up(streamed *s, const ggx_streaming *streaming, ggx_error *error)
{
    ggx_output *o = &s->flow->output;
    const ggx_plan *plan = &s->flow->plan;
    ggx_stream_state_record found;
    int good = ggx_stream_state_read(s->wanted->output, &found) && found.position <= streaming->total &&
               !memcmp(found.digest, s->record.digest, sizeof found.digest) &&
               !memcmp(found.ahead, s->record.ahead, sizeof found.ahead);
    if (good && s->wanted->keep)
        good = ggx_keep_reaches(&s->keep, streaming->files, streaming->file_count, found.position);
    for (uint64_t i = 0; i < plan->tile_count && good; i++) {
        const ggx_need *need = &streaming->needs[i];
        if (need->high > found.position && need->low < found.position) good = 0;
        if (need->high && need->high <= found.position && !ggx_output_has(o, i)) good = 0;
    }
    if (!good) return ggx_output_forget(o, error);
    for (uint64_t i = 0; i < plan->tile_count; i++)
        if (streaming->needs[i].high > found.position) ggx_output_redo(o, i);
    s->record = found;
    s->written = found.position;
    return GGX_OK;
}

static ggx_status run(streamed *s, ggx_streaming *streaming, ggx_error *error)
{
    ggx_flow *flow = s->flow;
    const ggx_output_request request = {s->wanted->output,
                                        0,
                                        1,
                                        UINT64_MAX, /* journalled by `mark` */
                                        {s->wanted->imatrix, s->wanted->recipe, s->wanted->metadata, NULL},
                                        0};
    ggx_status status = ggx_output_open(&flow->output, &request, &flow->plan, flow->run, error);
    if (status != GGX_OK) return status;
    status = take_up(s, streaming, error);
    flow->resumed = flow->output.resumed;
    const ggx_tile_sink sink = ggx_output_sink(&flow->output);
    uint8_t state[GGX_STREAM_STATE_BYTES];
    memcpy(state, s->record.state, sizeof state);
    const ggx_stream_keeper keeper = ggx_keep_keeper(&s->keep);
    if (status == GGX_OK)
        status = ggx_streaming_run(streaming, &sink, s->wanted->memory / 2, s->record.position, state,
                                   s->wanted->keep ? &keeper : NULL, mark, s, flow->run, error);
    if (status == GGX_OK) {
        status = ggx_output_commit(&flow->output, error);
        ggx_stream_state_remove(s->wanted->output);
    } else if (status == GGX_E_NETWORK || status == GGX_E_CANCELED || status == GGX_E_NOSPACE) {
        ggx_error ignored;
        if (ggx_output_flush(&flow->output, &ignored) == GGX_OK) (void)write_record(s, &ignored);
        ggx_output_keep(&flow->output);
    } else {
        ggx_output_discard(&flow->output);
        ggx_stream_state_remove(s->wanted->output);
    }
    return status;
}

/* Tiles grow with memory, and what they need with them: a quarter more, in whole MiB. */
static uint64_t enough(uint64_t window)
{
    const uint64_t bytes = 2 * window + window / 2;
    return ((bytes >> 20) + 1) << 20;
}

static ggx_status check_window(const ggx_streaming *streaming, const ggx_conversion *wanted, ggx_error *error)
{
    if (streaming->window <= wanted->memory / 2) return GGX_OK;
    return ggx_fail(
        error, GGX_E_USAGE,
        "tensor '%.80s' needs %llu bytes of the stream at once, and half of --memory is %llu; give --memory "
        "%llu, or download the model",
        streaming->widest, (unsigned long long)streaming->window, (unsigned long long)(wanted->memory / 2),
        (unsigned long long)enough(streaming->window));
}

ggx_status ggx_flow_stream(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error)
{
    ggx_streaming streaming;
    streamed s = {.flow = flow, .wanted = wanted};
    ggx_status status = ggx_streaming_open(&streaming, &flow->plan, error);
    if (status == GGX_OK) status = check_window(&streaming, wanted, error);
    memcpy(s.record.digest, flow->plan.digest, sizeof s.record.digest);
    if (status == GGX_OK) ggx_source_ahead_digest(flow->model->source, s.record.ahead);
    const int keeps = status == GGX_OK && wanted->keep;
    if (keeps)
        status = ggx_keep_open(&s.keep, flow->model->source, streaming.files, streaming.file_count, flow->run, error);
    if (status == GGX_OK) status = run(&s, &streaming, error);
    if (keeps) ggx_keep_close(&s.keep, status != GGX_E_INTEGRITY);
    ggx_streaming_close(&streaming);
    return status;
}

void ggx_flow_stream_report(const ggx_flow *flow, const ggx_conversion *wanted, int json, ggx_text *out)
{
    ggx_streaming streaming;
    ggx_error error;
    ggx_status status = ggx_streaming_open(&streaming, &flow->plan, &error);
    if (status == GGX_OK) status = check_window(&streaming, wanted, &error);
    if (status == GGX_OK) {
        ggx_text_format(out,
                        json ? "{\"possible\": true, \"bytes\": %llu, \"files\": %u, \"at_once\": %llu}"
                             : "stream: yes, %llu bytes in %u files, at most %llu at once\n",
                        (unsigned long long)streaming.total, streaming.file_count,
                        (unsigned long long)streaming.window);
    } else if (json) {
        ggx_text_format(out, "{\"possible\": false, \"why\": ");
        ggx_text_json(out, ggx_str_of(error.text));
        ggx_text_format(out, "}");
    } else {
        ggx_text_format(out, "stream: no: %s\n", error.text);
    }
    ggx_streaming_close(&streaming);
}
