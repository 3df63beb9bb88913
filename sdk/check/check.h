/* sdk/check/check.h - what the parts of ggx-plugin-check share.
 *
 * A check is a function that says nothing when the promise in its name holds and calls check_fail when it does not. Each runs in
 * a child process of its own, so that a plugin that crashes, hangs or damages memory fails that check and no other. */
#ifndef GGX_SDK_CHECK_H
#define GGX_SDK_CHECK_H

#include <ggx/draft/decode.h>
#include <ggx/draft/quant.h>
#include <ggx/draft/vocab.h>
#include <ggx/ggx.h>

/* ---- report.c: running checks and counting them ---- */

typedef struct check {
    int32_t failed;
    double until; /* monotonic seconds: a check with many inputs goes over to samples of them after this */
    char text[400];
    char note[120];
} check;

/* Keeps the first failure. check_note says how much was tried. */
void check_fail(check *c, const char *format, ...) GGX_PRINTF(2, 3);
void check_note(check *c, const char *format, ...) GGX_PRINTF(2, 3);
int check_late(const check *c); /* 1: the time for this check is used up */

typedef struct report {
    uint32_t passed, failed;
    uint32_t budget;  /* seconds after which a check with many inputs takes samples */
    uint32_t timeout; /* seconds after which a check counts as hanging */
    int32_t json;
    int32_t no_fork; /* run checks in this process: for a debugger */
} report;

typedef void (*check_body)(check *c, const void *subject);

void report_begin(report *r);
/* Runs a check in a child process and prints its line. Returns 1 when it passed. `name` is printed after `scope` ("reader toy"). */
int report_check(report *r, const char *scope, const char *name, check_body body, const void *subject);
/* A fact that is neither: "skipped". */
void report_note(report *r, const char *scope, const char *text);
/* Prints the summary and gives the exit code. */
int report_end(report *r);

/* ---- memory.c: bytes with a guard page behind them, random numbers, digests ---- */

/* A copy of `size` bytes, read-only, whose last byte is the last before an unmapped page. NULL: no memory. */
typedef struct guarded {
    void *base, *data;
    uint64_t mapped, size;
} guarded;
int guarded_make(guarded *g, const void *data, uint64_t size);
void guarded_free(guarded *g);

uint64_t random_u64(uint64_t *state); /* splitmix64 */
void random_fill(uint64_t *state, void *out, uint64_t size);
uint64_t digest_bytes(uint64_t digest, const void *data, uint64_t size); /* FNV-1a; begin with DIGEST_BEGIN */
#define DIGEST_BEGIN 0xcbf29ce484222325u

/* ---- sample.c: inputs given with --sample ---- */

#define SAMPLE_FILES 64

typedef struct sample_file {
    char *name; /* as the source will call it */
    void *data;
    uint64_t size;
} sample_file;

/* FILE: files[0] is the sample, the others lie in its directory. DIRECTORY, PREFIX: the members. */
typedef struct sample {
    const char *path;
    uint32_t kind; /* GGX_SOURCE_* */
    uint32_t count;
    sample_file files[SAMPLE_FILES];
} sample;

/* Loads a file, a directory, or a prefix of several files. 0: it could not be read; says so on stderr. */
int sample_load(sample *s, const char *path);
void sample_free(sample *s);

/* ---- elf.c ---- */

typedef struct elf_facts {
    uint32_t exported;    /* defined dynamic symbols that are global or weak */
    char first[64];       /* one that is not ggx_plugin_1, for the message */
    int32_t has_plugin;   /* ggx_plugin_1 is among them */
    int32_t is_data;      /* and is an object, not a function */
    uint64_t plugin_size; /* its size in bytes */
} elf_facts;

/* Reads the dynamic symbol table of an ELF file. 0: it is none, or is damaged; `why` says what. */
int elf_read(const void *data, uint64_t size, elf_facts *out, const char **why);

/* ---- manifest.c ---- */

#define MANIFEST_OFFERS 256
#define MANIFEST_WORDS 16

typedef struct manifest_offer {
    char interface_id[64], name[40], type[16];
    int64_t head_want, tail_want, block_elems, block_bytes, rank; /* -1: not there */
    uint32_t extension_count, cpu_count;
    char extensions[MANIFEST_WORDS][32], cpu[MANIFEST_WORDS][32];
    int32_t has_extensions, has_cpu;
    uint32_t example_count; /* "example": what a decoder can be driven with */
    struct {
        char name[32], value[64]; /* an input's "i32 16x64"; behind "with.": an option's value */
    } example[MANIFEST_WORDS];
} manifest_offer;

typedef struct manifest {
    char id[80], version[64], license[80];
    uint32_t offer_count;
    manifest_offer offers[MANIFEST_OFFERS];
} manifest;

/* Reads a manifest's text. 0: it is not one; `why` says what. */
int manifest_parse(ggx_str text, manifest *out, ggx_error *why);

/* ---- the subjects ---- */

typedef struct setting {
    const char *name, *value;
} setting;

typedef struct reader_subject {
    const ggx_reader *vtable;
    const char *name; /* from the manifest */
    const manifest_offer *offer;
    const sample *samples; /* those that this reader is to read */
    uint32_t sample_count;
    const setting *settings;
    uint32_t setting_count;
    uint32_t noise; /* damaged inputs made of each sample by chance */
} reader_subject;

typedef struct writer_subject {
    const ggx_writer *vtable;
    const char *name;
    const setting *settings;
    uint32_t setting_count;
} writer_subject;

typedef struct quant_subject {
    const ggx_quant *quant;     /* the definition */
    const ggx_kernels *kernels; /* those under test */
} quant_subject;

typedef struct decoder_subject {
    const ggx_decoder *vtable;
    const manifest_offer *offer;
} decoder_subject;

void check_decoder(report *r, const decoder_subject *subject);
void check_reader(report *r, const reader_subject *subject); /* reader.c, with the next two */
void check_reader_probe(report *r, const char *scope, const reader_subject *subject);
void check_reader_sample(report *r, const char *scope, const reader_subject *subject, const sample *s);
void check_writer(report *r, const writer_subject *subject);
void check_quant(report *r, const quant_subject *subject);
void check_vocab(report *r, const reader_subject *subject, const ggx_vocab *vocab); /* the subject without its vtable */

/* Fills values from settings by the declared options (FILE options resolved through `source`, or refused without one). Returns the
 * number of values; names that the plugin does not declare are passed over. */
uint32_t settings_values(const setting *settings, uint32_t count, const ggx_option *declared, uint32_t declared_count,
                         const ggx_source *source, ggx_option_value *out, uint32_t capacity);

/* Checks a status and error against base.h: "" when they agree, else what is wrong. */
const char *status_fault(ggx_status status, const ggx_error *error);

#endif
