/* Ranges over libcurl. */
#include "fetch/range.h"

#include "base/text.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <time.h>

#ifdef GGX_HAVE_CURL
#include <curl/curl.h>

#define TRIES 6             /* in a row without a byte */
#define FIRST_PAUSE 0.2     /* seconds; doubled each time */
#define LONGEST_PAUSE 60u   /* seconds that a server may ask to wait */
#define BUFFER (512L << 10) /* bytes of one read */

struct ggx_range_client {
    CURL *curl;
    const ggx_run *run;
    uint32_t timeout;
    char message[CURL_ERROR_SIZE];
    /* of the answer under way */
    const ggx_range_file *file;
    long code;
    uint64_t first, total; /* of Content-Range; UINT64_MAX: none */
    uint64_t length;
    char etag[128], modified[32];
    char reason[64]; /* X-Error-Code of the hub */
    char next[2048];
    char later[48];   /* Retry-After */
    int64_t date;     /* of the server's clock; -1: unknown */
    uint32_t refused; /* times that the place of a redirect refused */
    uint64_t offset, end, got;
    const atomic_int *halt;
    ggx_range_pace *pace;
    ggx_range_take *take;
    int (*whole)(void *context);
    void *context;
    ggx_status status;
    ggx_error error;
};

/* --- answers ----------------------------------------------------------------------------------------------------------------------- */

static int header_value(const char *line, size_t size, const char *name, ggx_str *out)
{
    const size_t n = strlen(name);
    if (size < n + 1 || line[n] != ':' || curl_strnequal(line, name, n) == 0) return 0;
    const char *from = line + n + 1, *end = line + size;
    while (from < end && (*from == ' ' || *from == '\t')) from++;
    while (end > from && (unsigned char)end[-1] <= ' ') end--;
    *out = (ggx_str){from, (uint64_t)(end - from)};
    return 1;
}

/* The number up to the character, which is passed; 0: there is none. */
static int take_number(ggx_str *text, char end, uint64_t *out)
{
    int64_t number;
    const char *at = text->size ? memchr(text->data, end, (size_t)text->size) : NULL;
    const uint64_t size = at ? (uint64_t)(at - text->data) : text->size;
    if ((!at && end) || !ggx_str_int((ggx_str){text->data, size}, &number) || number < 0) return 0;
    *out = (uint64_t)number;
    text->data += size + (at != NULL);
    text->size -= size + (at != NULL);
    return 1;
}

/* "bytes FIRST-LAST/TOTAL" */
static void read_content_range(ggx_range_client *c, ggx_str value)
{
    uint64_t first, last, total;
    if (!ggx_str_begins(value, GGX_LIT("bytes "))) return;
    value.data += 6;
    value.size -= 6;
    if (!take_number(&value, '-', &first) || !take_number(&value, '/', &last) || !take_number(&value, 0, &total) ||
        last < first || total <= last)
        return;
    c->first = first;
    c->total = total;
}

/* <URL>; rel="next" */
static void read_link(ggx_range_client *c, ggx_str value)
{
    const char *end = value.size && *value.data == '<' ? memchr(value.data, '>', (size_t)value.size) : NULL;
    const size_t size = end ? (size_t)(end - value.data - 1) : 0;
    ggx_str rest = {end, end ? (uint64_t)(value.data + value.size - end) : 0};
    if (!size || size >= sizeof c->next || !ggx_str_glob(rest, GGX_LIT("*rel=\"next\"*"))) return;
    memcpy(c->next, value.data + 1, size);
    c->next[size] = 0;
}

static void copy_value(char *out, size_t room, ggx_str value)
{
    const size_t size = value.size < room ? (size_t)value.size : 0; /* one that is too long is as good as none */
    memcpy(out, value.data, size);
    out[size] = 0;
}

static size_t on_header(char *line, size_t one, size_t size, void *context)
{
    ggx_range_client *c = context;
    ggx_str value;
    int64_t number;
    (void)one;
    if (size > 5 && !memcmp(line, "HTTP/", 5)) { /* of the next hop */
        c->first = c->total = c->length = UINT64_MAX;
        c->etag[0] = c->modified[0] = c->reason[0] = c->next[0] = c->later[0] = 0;
        c->date = -1;
    } else if (header_value(line, size, "Content-Range", &value)) {
        read_content_range(c, value);
    } else if (header_value(line, size, "Content-Length", &value)) {
        if (ggx_str_int(value, &number) && number >= 0) c->length = (uint64_t)number;
    } else if (header_value(line, size, "Retry-After", &value)) {
        copy_value(c->later, sizeof c->later, value);
    } else if (header_value(line, size, "Date", &value)) {
        char date[48];
        copy_value(date, sizeof date, value);
        c->date = (int64_t)curl_getdate(date, NULL);
    } else if (header_value(line, size, "X-Error-Code", &value)) {
        copy_value(c->reason, sizeof c->reason, value);
    } else if (header_value(line, size, "Link", &value)) {
        read_link(c, value);
    } else if (header_value(line, size, "Last-Modified", &value)) {
        copy_value(c->modified, sizeof c->modified, value);
    } else if (header_value(line, size, "ETag", &value)) {
        copy_value(c->etag, sizeof c->etag, value);
    }
    return size;
}

static ggx_status changed(ggx_range_client *c, const char *what)
{
    return ggx_fail(&c->error, GGX_E_INTEGRITY,
                    "%.100s was changed on the server while it was read (%s); begin again when it is settled",
                    c->file->url, what);
}

/* A tag or date that is missing now says as much as another one, unless a digest has the last word. A weak tag only tells that bytes are
 * others, not that they are the same. */
static ggx_status check_version(ggx_range_client *c)
{
    const ggx_range_file *f = c->file;
    if (*f->etag && (*c->etag || !f->digested)) {
        if (strcmp(f->etag, c->etag) != 0) return changed(c, "its entity tag");
        if (strncmp(f->etag, "W/", 2) != 0) return GGX_OK;
    }
    if (*f->modified && (*c->modified || !f->digested) && strcmp(f->modified, c->modified) != 0)
        return changed(c, "its date");
    return GGX_OK;
}

/* Is this answer what was asked for, of the file that was asked for? */
static ggx_status check_answer(ggx_range_client *c)
{
    const ggx_range_file *f = c->file;
    const uint64_t wanted = c->offset + c->got;
    if (!f) return GGX_OK;
    if (c->code == 200 && wanted == 0) { /* all of it: as good, when the size is right */
        if (c->length != UINT64_MAX && c->length != f->size) return changed(c, "its size");
    } else if (c->code == 200) {
        return ggx_fail(&c->error, GGX_E_UNSUPPORTED, "%.120s: the server answers a range with the whole file", f->url);
    } else if (c->code == 206) {
        if (c->total != f->size) return changed(c, "its size");
        if (c->first != wanted)
            return ggx_fail(&c->error, GGX_E_NETWORK, "%.100s: the server answers from byte %llu instead of %llu",
                            f->url, (unsigned long long)c->first, (unsigned long long)wanted);
    }
    const ggx_status status = check_version(c);
    if (status != GGX_OK) return status;
    if (c->code == 200 && c->end < f->size && c->whole && c->whole(c->context)) c->end = f->size;
    return GGX_OK;
}

static int is_stopped(const ggx_range_client *c)
{
    return (c->run && c->run->canceled && *c->run->canceled) || (c->halt && *c->halt);
}

static void sleep_for(const ggx_range_client *c, double seconds)
{
    while (seconds > 0 && !is_stopped(c)) {
        const double piece = seconds < 0.1 ? seconds : 0.1;
        const struct timespec t = {0, (long)(piece * 999999999)};
        nanosleep(&t, NULL);
        seconds -= piece;
    }
}

/* Each connection has its turn in the order in which they come. What was not used for a while is lost. */
static void keep_pace(const ggx_range_client *c, uint64_t bytes)
{
    struct timespec t;
    if (!c->pace || !c->pace->rate) return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const double now = (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    pthread_mutex_lock(&c->pace->lock);
    if (c->pace->free < now) c->pace->free = now;
    c->pace->free += (double)bytes / (double)c->pace->rate;
    const double wait = c->pace->free - now;
    pthread_mutex_unlock(&c->pace->lock);
    sleep_for(c, wait);
}

static size_t on_bytes(char *data, size_t one, size_t size, void *context)
{
    ggx_range_client *c = context;
    (void)one;
    if (c->code == 0) {
        curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &c->code);
        if (c->code == 200 || c->code == 206) c->status = check_answer(c);
    }
    if (c->status != GGX_OK) return 0;
    if (c->code != 200 && c->code != 206) return size; /* an error's page */
    uint64_t n = size, left = c->end - c->offset - c->got;
    if (n > left && c->file) n = left;
    keep_pace(c, n);
    if (n && c->take) c->status = c->take(c->context, data, n, &c->error);
    if (c->status != GGX_OK) return 0;
    c->got += n;
    return n < size ? 0 : size;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    const ggx_range_client *c = context;
    (void)a, (void)b, (void)d, (void)e;
    return is_stopped(c);
}

/* --- opening ---------------------------------------------------------------------------------------------------------------------- */

static void set_pointers(ggx_range_client *c)
{
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->message);
    curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, (void *)c);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, (void *)c);
    curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, (void *)c);
}

/* The library leaves to its users what the program curl reads. */
static void set_authorities(CURL *curl)
{
    const char *file = getenv("CURL_CA_BUNDLE"), *folder = getenv("SSL_CERT_DIR");
    if (!file || !*file) file = getenv("SSL_CERT_FILE");
    if (file && *file) curl_easy_setopt(curl, CURLOPT_CAINFO, file);
    if (folder && *folder) curl_easy_setopt(curl, CURLOPT_CAPATH, folder);
}

ggx_status ggx_range_open(ggx_range_client **out, const char *token, uint32_t timeout, const ggx_run *run,
                          ggx_error *error)
{
    ggx_range_client *c = calloc(1, sizeof *c);
    *out = NULL;
    if (c) c->curl = curl_easy_init();
    if (!c || !c->curl) {
        free(c);
        return ggx_fail(error, GGX_E_NOMEM, "no memory for a connection");
    }
    c->run = run;
    c->timeout = timeout;
    CURL *h = c->curl;
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, 8L);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_USERAGENT, "ggx/" GGX_VERSION);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)timeout);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)timeout);
    curl_easy_setopt(h, CURLOPT_BUFFERSIZE, BUFFER);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    set_pointers(c);
    set_authorities(h);
    if (token && *token) { /* curl itself keeps it from other hosts, which it would not do for a header */
        curl_easy_setopt(h, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(h, CURLOPT_XOAUTH2_BEARER, token);
    }
    *out = c;
    return GGX_OK;
}

ggx_status ggx_range_clone(ggx_range_client **out, const ggx_range_client *client, ggx_error *error)
{
    ggx_range_client *c = calloc(1, sizeof *c);
    *out = NULL;
    if (c) c->curl = curl_easy_duphandle(client->curl);
    if (!c || !c->curl) {
        free(c);
        return ggx_fail(error, GGX_E_NOMEM, "no memory for a connection");
    }
    c->run = client->run;
    c->timeout = client->timeout;
    set_pointers(c);
    *out = c;
    return GGX_OK;
}

/* With a limit, bytes come in such pieces that no connection waits long for its turn. */
void ggx_range_share(ggx_range_client *client, const atomic_int *halt, ggx_range_pace *pace)
{
    const uint64_t rate = pace ? pace->rate : 0, piece = rate / 16 < 1024 ? 1024 : rate / 16;
    client->halt = halt;
    client->pace = pace;
    curl_easy_setopt(client->curl, CURLOPT_BUFFERSIZE, rate && piece < BUFFER ? (long)piece : BUFFER);
}

void ggx_range_close(ggx_range_client *client)
{
    if (!client) return;
    curl_easy_cleanup(client->curl);
    free(client);
}

/* --- one request, and requests again ---------------------------------------------------------------------------------------------- */

static ggx_status fail_code(const ggx_range_client *c, const char *url, ggx_error *error)
{
    static const struct {
        const char *reason;
        ggx_status status;
        const char *text;
    } reasons[] = {
        {"GatedRepo", GGX_E_DENIED, "the model is gated: accept its terms on its page, and set HF_TOKEN"},
        {"RepoNotFound", GGX_E_DENIED,
         "there is no such repository, or it is private and HF_TOKEN is not of its readers"},
        {"RevisionNotFound", GGX_E_NOTFOUND, "there is no such revision"},
        {"EntryNotFound", GGX_E_NOTFOUND, "there is no such file"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (!strcmp(c->reason, reasons[i].reason))
            return ggx_fail(error, c->code == 404 ? GGX_E_NOTFOUND : reasons[i].status, "%.120s: %s (%ld)", url,
                            reasons[i].text, c->code);
    switch (c->code) {
    case 401:
    case 403:
        return ggx_fail(error, GGX_E_DENIED, "%.120s: the server refuses (%ld); is a token needed (HF_TOKEN)?", url,
                        c->code);
    case 404:
    case 410: return ggx_fail(error, GGX_E_NOTFOUND, "%.160s: there is no such file (%ld)", url, c->code);
    default: return ggx_fail(error, GGX_E_NETWORK, "%.160s: the server answers %ld", url, c->code);
    }
}

/* Addresses behind a redirect are signed for a time only: once refused there, the way is asked again from its beginning. */
static int is_expired(ggx_range_client *c)
{
    long redirects = 0;
    curl_easy_getinfo(c->curl, CURLINFO_REDIRECT_COUNT, &redirects);
    return c->code == 403 && redirects && c->refused++ < 2;
}

/* The same the next time. */
static int is_final(CURLcode code)
{
    static const CURLcode codes[] = {CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
                                     CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_TOO_MANY_REDIRECTS};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] == code) return 1;
    return 0;
}

/* `again` becomes 1 for a failure that may be gone the next time. */
static ggx_status ask(ggx_range_client *c, const char *url, int *again, ggx_error *error)
{
    char range[64];
    *again = 0;
    c->code = 0;
    c->status = GGX_OK;
    c->first = c->total = c->length = UINT64_MAX;
    c->message[0] = 0;
    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    /* from https never to http */
    curl_easy_setopt(c->curl, CURLOPT_REDIR_PROTOCOLS_STR, strncmp(url, "https:", 6) ? "http,https" : "https");
    const unsigned long long from = c->offset + c->got, last = c->end ? c->end - 1 : 0;
    snprintf(range, sizeof range, "%llu-%llu", from, last);
    curl_easy_setopt(c->curl, CURLOPT_RANGE, c->file ? range : NULL);
    CURLcode code = curl_easy_perform(c->curl);
    if (is_stopped(c)) return ggx_fail(error, GGX_E_CANCELED, "stopped");
    if (c->status != GGX_OK) {
        if (error) *error = c->error;
        return c->status;
    }
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &c->code);
    const int good = c->code == 200 || c->code == 206;
    if (c->file && good && c->offset + c->got == c->end) return GGX_OK;
    if (code == CURLE_OK && good && !c->file) return GGX_OK;
    *again = (code != CURLE_OK && !is_final(code)) || good || c->code == 429 || c->code >= 500 || is_expired(c);
    if (code == CURLE_OK && !good) return fail_code(c, url, error);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ggx_fail(error, GGX_E_NETWORK, "%.140s: nothing came for %u seconds", url, c->timeout);
    return ggx_fail(error, GGX_E_NETWORK, "%.110s: %.100s", url,
                    *c->message        ? c->message
                    : code == CURLE_OK ? "the connection ended early"
                                       : curl_easy_strerror(code));
}

/* Seconds, or a date. That is by the server's clock, and so is its Date: this machine's may be wrong. */
static double wanted_pause(const ggx_range_client *c)
{
    int64_t seconds;
    if (!*c->later) return -1;
    if (!ggx_str_int(ggx_str_of(c->later), &seconds)) {
        const int64_t at = (int64_t)curl_getdate(c->later, NULL);
        seconds = at >= 0 && c->date >= 0 ? at - c->date : -1;
    }
    return seconds < 0 ? -1 : seconds < (int64_t)LONGEST_PAUSE ? (double)seconds : (double)LONGEST_PAUSE;
}

static void pause_for(const ggx_range_client *c, uint32_t try)
{
    const double wanted = wanted_pause(c);
    sleep_for(c, wanted > 0 ? wanted : FIRST_PAUSE * (double)(1u << try));
}

static ggx_status refuse_to_go_on(const ggx_range_file *file, ggx_error *error)
{
    return ggx_fail(error, GGX_E_NETWORK,
                    "%.100s: the connection broke, and without a tag, a date or a digest nothing tells whether what "
                    "follows is of the same file; begin again, or give --sha256",
                    file->url);
}

/* [offset, end) of the file, again from where it broke off. */
ggx_status ggx_range_part(ggx_range_client *c, const ggx_range_file *file, uint64_t offset, uint64_t end,
                          ggx_range_take *take, int (*whole)(void *context), void *context, ggx_error *error)
{
    ggx_status status = GGX_OK;
    c->file = file;
    c->offset = offset;
    c->end = end;
    c->got = c->refused = 0;
    c->take = take;
    c->whole = whole;
    c->context = context;
    for (uint32_t try = 0; try < TRIES && offset < end; try++) {
        const uint64_t before = c->got;
        int again;
        status = ask(c, file->url, &again, error);
        if (status == GGX_OK || !again) break;
        if (c->got && !ggx_range_is_pinned(file)) {
            status = refuse_to_go_on(file, error);
            break;
        }
        if (c->got > before) try = c->refused = 0;
        pause_for(c, try);
    }
    c->take = NULL;
    c->whole = NULL;
    c->context = NULL;
    return status;
}

ggx_status ggx_range_look(ggx_range_client *c, ggx_range_file *file, ggx_error *error)
{
    ggx_range_file any = {.url = file->url, .size = UINT64_MAX};
    ggx_status status = GGX_OK;
    int again = 1;
    for (uint32_t try = 0; try < TRIES && again; try++) {
        if (try) pause_for(c, try - 1);
        c->file = &any;
        c->offset = c->got = 0;
        c->end = 1;
        c->take = NULL;
        c->code = 0;
        any.size = UINT64_MAX;
        curl_easy_setopt(c->curl, CURLOPT_NOBODY, 1L);
        status = ask(c, file->url, &again, error);
        curl_easy_setopt(c->curl, CURLOPT_NOBODY, 0L);
        curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
        if (c->code == 200 || c->code == 206) {
            status = GGX_OK;
            break;
        }
    }
    if (status != GGX_OK) return status;
    file->size = c->code == 206 ? c->total : c->length;
    memcpy(file->etag, c->etag, sizeof file->etag);
    memcpy(file->modified, c->modified, sizeof file->modified);
    if (file->size != UINT64_MAX) return GGX_OK;
    return ggx_fail(error, GGX_E_UNSUPPORTED, "%.140s: the server does not say how large the file is", file->url);
}

typedef struct filling {
    char *at;
} filling;

static ggx_status fill(void *context, const void *data, uint64_t size, ggx_error *error)
{
    filling *f = context;
    (void)error;
    memcpy(f->at, data, (size_t)size);
    f->at += size;
    return GGX_OK;
}

ggx_status ggx_range_get(ggx_range_client *c, const ggx_range_file *file, uint64_t offset, void *out, uint64_t size,
                         ggx_error *error)
{
    filling f = {out};
    return ggx_range_part(c, file, offset, offset + size, fill, NULL, &f, error);
}

ggx_status ggx_range_stream(ggx_range_client *c, const ggx_range_file *file, uint64_t offset, ggx_range_take *take,
                            void *context, ggx_error *error)
{
    return ggx_range_part(c, file, offset, file->size, take, NULL, context, error);
}

typedef struct growing {
    ggx_text text;
    uint64_t most;
} growing;

static ggx_status grow(void *context, const void *data, uint64_t size, ggx_error *error)
{
    growing *g = context;
    if (size > g->most - g->text.size) return ggx_fail(error, GGX_E_UNSUPPORTED, "the server's answer is too long");
    ggx_text_bytes(&g->text, data, size);
    return g->text.failed ? ggx_fail(error, GGX_E_NOMEM, "out of memory") : GGX_OK;
}

ggx_status ggx_range_text(ggx_range_client *c, const char *url, uint64_t most, ggx_arena *arena, ggx_str *out,
                          ggx_error *error)
{
    growing g = {.most = most};
    ggx_status status = GGX_OK;
    int again = 1;
    for (uint32_t try = 0; try < TRIES && again; try++) {
        if (try) pause_for(c, try - 1);
        g.text.size = 0;
        c->file = NULL;
        c->offset = c->got = 0;
        c->end = UINT64_MAX;
        c->take = grow;
        c->context = &g;
        status = ask(c, url, &again, error);
    }
    c->take = NULL;
    c->context = NULL;
    if (status == GGX_OK) *out = ggx_arena_str(arena, (ggx_str){g.text.data, g.text.size});
    if (status == GGX_OK && !out->data) status = ggx_fail(error, GGX_E_NOMEM, "out of memory");
    ggx_text_free(&g.text);
    return status;
}

const char *ggx_range_next(const ggx_range_client *c)
{
    return c->next;
}

#endif
