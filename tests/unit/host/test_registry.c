/* The registry, by manifests and plugins in a directory of the test's own: what is found, refused and why, shadowed, loaded, and
 * chosen for the CPU. SAMPLES is the folder of sample_N.so, sample_plugin.c built with FAULT=N. */
#include "base/text.h"
#include "host/cpu.h"
#include "host/registry.h"
#include "scratch.h"
#include "unit.h"

static ggx_error error;

#define HEAD(id) "{\"id\":\"" id "\",\"version\":\"1.2.3\",\"license\":\"MIT\",\"provides\":["
#define READER(name) \
    "{\"interface\":\"ggx.reader/1\",\"name\":\"" name "\",\"extensions\":[],\"head_want\":64,\"tail_want\":0}"
#define QUANT \
    "{\"interface\":\"ggx.quant.draft/1\",\"type\":\"s8_t\",\"block_elems\":1,\"block_bytes\":1,\"aliases\":[\"s8\"]}"
#define KERNELS(cpu, rank) \
    "{\"interface\":\"ggx.kernels.draft/1\",\"type\":\"s8_t\",\"cpu\":[" cpu "],\"rank\":" rank "}"
#define SAMPLE HEAD("multi-sample") READER("sample") "," QUANT "," KERNELS("", "5") ",{\"interface\":\"ggx.frob/9\"}]}"

static void write_pair(const char *directory, const char *id, const char *manifest)
{
    char name[128];
    snprintf(name, sizeof name, "%s/ggx-%s.json", directory, id);
    scratch_write(name, manifest, strlen(manifest));
    chmod(scratch_path(name), 0644);
    snprintf(name, sizeof name, "%s/ggx-%s.so", directory, id);
    scratch_write(name, "no ELF file", 11);
    chmod(scratch_path(name), 0644);
}

/* Copies sample_N.so to the scratch directory. */
static void write_sample(const char *directory, int fault)
{
    static char bytes[1u << 20];
    char name[512];
    write_pair(directory, "multi-sample", SAMPLE);
    snprintf(name, sizeof name, SAMPLES "/sample_%d.so", fault);
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_true(feof(file) && !fclose(file));
    snprintf(name, sizeof name, "%s/ggx-multi-sample.so", directory);
    scratch_write(name, bytes, size);
}

static ggx_status open_registry(ggx_registry *registry, const char *first, const char *second, const char *mask)
{
    const char *path[] = {scratch_path(first), second ? scratch_path(second) : NULL, NULL};
    ggx_registry_config config = {.plugin_path = path, .cpu_mask = mask};
    return ggx_registry_open(registry, &config, &error);
}

static ggx_plugin_entry *find_entry(ggx_registry *registry, const char *id, unsigned nth)
{
    for (uint32_t i = 0; i < registry->count; i++)
        if (!strcmp(registry->entries[i].id, id) && !nth--) return &registry->entries[i];
    fail_msg("no entry %s", id);
    return NULL;
}

/* The reason for the refusal, behind "refused: FILE: ". */
static void expect_refused(const ggx_plugin_entry *entry, const char *extension, const char *why)
{
    char wanted[1024];
    int stem = (int)strlen(entry->path) - 3;
    snprintf(wanted, sizeof wanted, "refused: %.*s%s: %s", stem, entry->path, extension, why);
    assert_int_equal(entry->state, GGX_STATE_REFUSED);
    assert_string_equal(entry->why, wanted);
}

static void a_plugin_is_found_listed_and_loaded(void **unused)
{
    (void)unused;
    ggx_registry registry;
    const void *vtable;
    const ggx_plugin_entry *entry;
    scratch_mkdir("good");
    write_sample("good", 0);
    assert_int_equal(open_registry(&registry, "good", NULL, NULL), GGX_OK);
    assert_int_equal(registry.directories[0].state, GGX_STATE_SEARCHED);
    assert_string_equal(registry.directories[0].origin, "option");
    ggx_plugin_entry *sample = find_entry(&registry, "multi-sample", 0);
    assert_true(sample->state == GGX_STATE_USABLE && !sample->loaded && sample->offer_count == 4);
    assert_string_equal(sample->version, "1.2.3");
    assert_int_equal(sample->offers[3].state, GGX_STATE_UNKNOWN);
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("sample"), &vtable, &entry, &error), GGX_OK);
    assert_ptr_equal(entry, sample);
    assert_int_equal(sample->loaded, 1);
    ggx_probe probe = {.struct_size = sizeof probe, .size = 4};
    assert_int_equal(((const ggx_reader *)vtable)->probe(&probe), 100);
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("absent"), &vtable, NULL, &error),
                     GGX_E_NOTFOUND);
    assert_non_null(strstr(error.text, "there is no reader 'absent' in a plugin here; there are: "));
    assert_non_null(strstr(error.text, "sample"));
    ggx_registry_close(&registry);
}

static void types_have_aliases_and_kernels_are_completed(void **unused)
{
    (void)unused;
    ggx_registry registry;
    const ggx_quant *quant;
    const ggx_kernels *kernels;
    assert_int_equal(open_registry(&registry, "good", NULL, "portable"), GGX_OK);
    assert_int_equal(ggx_registry_quant(&registry, GGX_LIT("s8"), &quant, &error), GGX_OK);
    assert_string_equal(quant->type.name, "s8_t");
    assert_int_equal(ggx_registry_kernels(&registry, quant, &kernels, &error), GGX_OK);
    assert_int_equal(kernels->rank, 5);
    assert_non_null(kernels->quantize);
    assert_ptr_equal(kernels->dequantize, quant->kernels->dequantize);
    assert_int_equal(ggx_registry_quant(&registry, GGX_LIT("s9"), &quant, &error), GGX_E_NOTFOUND);
    ggx_registry_close(&registry);
}

static void kernels_are_chosen_by_features_and_rank(void **unused)
{
    (void)unused;
    ggx_registry registry;
    const ggx_quant *quant;
    const ggx_kernels *kernels;
    const ggx_plugin_entry *entry;
    scratch_mkdir("kernels");
    write_sample("kernels", 0);
    write_pair("kernels", "kernels-future", HEAD("kernels-future") KERNELS("\"avx4096\"", "90") "]}");
    write_pair("kernels", "kernels-broken", HEAD("kernels-broken") KERNELS("", "80") "]}");
    write_pair("kernels", "kernels-slow", HEAD("kernels-slow") KERNELS("", "-1") "]}");
    assert_int_equal(open_registry(&registry, "kernels", NULL, NULL), GGX_OK);
    assert_int_equal(find_entry(&registry, "kernels-future", 0)->state, GGX_STATE_INELIGIBLE);
    assert_string_equal(find_entry(&registry, "kernels-future", 0)->why, "avx4096");
    assert_int_equal(ggx_registry_best_kernels(&registry, "s8_t", &entry)->rank, 80);
    assert_int_equal(ggx_registry_quant(&registry, GGX_LIT("s8_t"), &quant, &error), GGX_OK);
    assert_int_equal(ggx_registry_kernels(&registry, quant, &kernels, &error), GGX_OK);
    assert_int_equal(kernels->rank, 5); /* that of rank 80 is no ELF file */
    assert_int_equal(find_entry(&registry, "kernels-broken", 0)->state, GGX_STATE_REFUSED);
    assert_null(find_entry(&registry, "kernels-future", 0)->handle);
    ggx_registry_close(&registry);
}

static void faults_of_manifests_are_refused_by_name(void **unused)
{
    (void)unused;
    static const struct {
        const char *manifest, *why;
    } cases[] = {
        {"{\"version\":\"1\"}", "id: found none, expected a string of 1 to 256 bytes"},
        {HEAD("b") READER("x") "]}", "id: found b, expected a"},
        {"{\"id\":\"a\",\"version\":1}", "version: found a number, expected a string of 1 to 256 bytes"},
        {"{\"id\":\"a\",\"version\":\"1\",\"license\":\"MIT\"}", "provides: found none, expected a list of interfaces"},
        {HEAD("a") "]}", "provides: found 0 entries, expected 1 to 256"},
        {HEAD("a") "{\"interface\":\"ggx.frob/9\"}]}", "provides: found ggx.frob/9, expected one of ggx.reader/1, "
                                                       "ggx.writer/1, ggx.quant.draft/1, ggx.kernels.draft/1, "
                                                       "ggx.decoder.draft/1, ggx.vocab.draft/1"},
        {HEAD("a") "{\"interface\":\"ggx.reader/1\",\"name\":\"X\"}]}",
         "provides[0].name: found X, expected 1 to 32 of a-z, 0-9 and -"},
        {HEAD("a")
             READER("x") ",{\"interface\":\"ggx.reader/1\",\"name\":\"y\",\"extensions\":[],\"head_want\":70000}]}",
         "provides[1].head_want: found 70000, expected a number from 0 to 65536"},
        {HEAD("a") "{\"interface\":\"ggx.reader/1\",\"name\":\"y\",\"extensions\":[1]}]}",
         "provides[0].extensions: found a number, expected strings of 1 to 64 bytes"},
        {HEAD("a") "{\"interface\":\"ggx.quant.draft/1\",\"type\":\"y\",\"block_elems\":0}]}",
         "provides[0].block_elems: found 0, expected a number from 1 to 4294967295"},
        {"{\n  \"id\" 1}",
         "json: found JSON, line 2, column 8: a colon must follow the key, expected a manifest (docs/abi.md)"},
        {"{\"id\":\"a\\u0000\"}", "id: found a string, expected a string of 1 to 256 bytes"},
    };
    scratch_mkdir("faulty");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ggx_registry registry;
        write_pair("faulty", "a", cases[i].manifest);
        assert_int_equal(open_registry(&registry, "faulty", NULL, NULL), GGX_OK);
        expect_refused(find_entry(&registry, "a", 0), ".json", cases[i].why);
        ggx_registry_close(&registry);
    }
}

static void files_that_others_could_have_written_are_refused(void **unused)
{
    (void)unused;
    ggx_registry registry;
    const void *vtable;
    scratch_mkdir("modes");
    write_sample("modes", 0);
    const char *json = "modes/ggx-multi-sample.json", *so = "modes/ggx-multi-sample.so";
    chmod(scratch_path(json), 0664);
    assert_int_equal(open_registry(&registry, "modes", NULL, NULL), GGX_OK);
    expect_refused(find_entry(&registry, "multi-sample", 0), ".json",
                   "mode: found 0664, expected no write permission for group and others (chmod go-w)");
    ggx_registry_close(&registry);
    chmod(scratch_path(json), 0644);
    chmod(scratch_path(so), 0757);
    assert_int_equal(open_registry(&registry, "modes", NULL, NULL), GGX_OK);
    expect_refused(find_entry(&registry, "multi-sample", 0), ".so",
                   "mode: found 0757, expected no write permission for group and others (chmod go-w)");
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("sample"), &vtable, NULL, &error),
                     GGX_E_PLUGIN);
    ggx_registry_close(&registry);
    chmod(scratch_path(so), 0644);
    chmod(scratch_path("modes"), 01777);
    assert_int_equal(open_registry(&registry, "modes", NULL, NULL), GGX_OK);
    assert_int_equal(registry.directories[0].state, GGX_STATE_REFUSED);
    assert_non_null(strstr(registry.directories[0].why, "mode: found 1777, expected no write permission"));
    for (uint32_t i = 0; i < registry.count; i++) assert_string_not_equal(registry.entries[i].id, "multi-sample");
    ggx_registry_close(&registry);
    chmod(scratch_path("modes"), 0755);
    assert_int_equal(open_registry(&registry, "modes", NULL, NULL), GGX_OK); /* changed between scan and load */
    chmod(scratch_path(so), 0666);
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("sample"), &vtable, NULL, &error),
                     GGX_E_PLUGIN);
    ggx_registry_close(&registry);
}

static void halves_and_odd_files_are_refused(void **unused)
{
    (void)unused;
    ggx_registry registry;
    const void *vtable;
    scratch_mkdir("halves");
    scratch_write("halves/ggx-reader-so.so", "x", 1);
    scratch_write("halves/ggx-reader-json.json", HEAD("reader-json") READER("json") "]}",
                  strlen(HEAD("reader-json") READER("json") "]}"));
    scratch_write("halves/ggx-UPPER.so", "x", 1);
    scratch_write("halves/other.so", "x", 1);
    scratch_mkdir("halves/ggx-reader-dir.json");
    scratch_write("halves/ggx-reader-big.json", scratch_directory, 200);
    assert_int_equal(truncate(scratch_path("halves/ggx-reader-big.json"), 70000), 0);
    assert_int_equal(mkfifo(scratch_path("halves/ggx-reader-pipe.json"), 0600), 0);
    alarm(20);
    assert_int_equal(open_registry(&registry, "halves", NULL, NULL), GGX_OK);
    alarm(0);
    expect_refused(find_entry(&registry, "reader-so", 0), ".so",
                   "manifest: found none, expected ggx-reader-so.json beside it");
    expect_refused(find_entry(&registry, "reader-json", 0), ".so",
                   "file: found none, expected the plugin that ggx-reader-json.json describes");
    expect_refused(find_entry(&registry, "reader-dir", 0), ".json", "kind: found a directory, expected a regular file");
    expect_refused(find_entry(&registry, "reader-pipe", 0), ".json",
                   "kind: found a device or pipe, expected a regular file");
    expect_refused(find_entry(&registry, "reader-big", 0), ".json", "size: found 70000 bytes, expected at most 65536");
    for (uint32_t i = 0; i < registry.count; i++) assert_null(strstr(registry.entries[i].path, "UPPER"));
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("so"), &vtable, NULL, &error), GGX_E_PLUGIN);
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("json"), &vtable, NULL, &error), GGX_E_PLUGIN);
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("other"), &vtable, NULL, &error),
                     GGX_E_NOTFOUND);
    ggx_registry_close(&registry);
}

static void faults_of_binaries_are_refused_by_name(void **unused)
{
    (void)unused;
    static const char *const why[] = {
        [1] = "symbol: found none, expected ggx_plugin_1",
        [2] = "id: found multi-other, expected multi-sample",
        [3] = "provides: found 3 interfaces, expected 4",
        [4] = "provides[0].vtable: found NULL, expected a ggx.reader/1 table",
        [5] = "provides[0].struct_size: found 40, expected at least 80",
        [6] = "provides[0].probe: found NULL, expected a function",
        [7] = "provides[0].head_want: found 100, expected 64",
        [8] = "provides[0].options[0].name: found other.level, expected sample.…",
        [9] = "provides[0].instance_size: found 1073741824, expected at most 1048576",
        [10] = "provides[1].block_bytes: found 2, expected 1",
        [11] = "provides[2].cpu: found neon, expected the end of the list",
    };
    char wanted[64];
    for (int fault = 1; fault < (int)COUNT_OF(why); fault++) {
        ggx_registry registry;
        const void *vtable;
        snprintf(wanted, sizeof wanted, "binary%d", fault); /* the loader knows a file by its path */
        scratch_mkdir(wanted);
        write_sample(wanted, fault);
        assert_int_equal(open_registry(&registry, wanted, NULL, NULL), GGX_OK);
        assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("sample"), &vtable, NULL, &error),
                         GGX_E_PLUGIN);
        ggx_plugin_entry *entry = find_entry(&registry, "multi-sample", 0);
        expect_refused(entry, ".so", why[fault]);
        assert_null(entry->handle);
        ggx_registry_close(&registry);
    }
}

static void what_is_no_shared_object_is_refused(void **unused)
{
    (void)unused;
    ggx_registry registry;
    const void *vtable;
    scratch_mkdir("elf");
    write_pair("elf", "reader-text", HEAD("reader-text") READER("text") "]}");
    assert_int_equal(open_registry(&registry, "elf", NULL, NULL), GGX_OK);
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("text"), &vtable, NULL, &error), GGX_E_PLUGIN);
    assert_non_null(strstr(find_entry(&registry, "reader-text", 0)->why, ": load: found \""));
    assert_int_equal(ggx_registry_get(&registry, GGX_READER_ID, GGX_LIT("text"), &vtable, NULL, &error), GGX_E_PLUGIN);
    ggx_registry_close(&registry);
}

static void what_was_found_first_shadows_the_rest(void **unused)
{
    (void)unused;
    ggx_registry registry;
    const ggx_plugin_entry *entry;
    const ggx_offer *offer;
    scratch_mkdir("first");
    scratch_mkdir("second");
    write_pair("first", "reader-one", HEAD("reader-one") READER("one") "]}");
    write_pair("second", "reader-one", HEAD("reader-one") READER("one") "]}");
    write_pair("second", "reader-two", HEAD("reader-two") READER("one") "," READER("two") "]}");
    write_pair("first", "reader-bad", "{}");
    write_pair("second", "reader-bad", HEAD("reader-bad") READER("bad") "]}");
    assert_int_equal(open_registry(&registry, "first", "second", NULL), GGX_OK);
    assert_int_equal(find_entry(&registry, "reader-one", 0)->state, GGX_STATE_USABLE);
    assert_int_equal(find_entry(&registry, "reader-one", 1)->state, GGX_STATE_SHADOWED);
    assert_string_equal(find_entry(&registry, "reader-one", 1)->why, find_entry(&registry, "reader-one", 0)->path);
    assert_int_equal(find_entry(&registry, "reader-two", 0)->offers[0].state, GGX_STATE_SHADOWED);
    assert_int_equal(find_entry(&registry, "reader-two", 0)->offers[1].state, GGX_STATE_USABLE);
    assert_int_equal(find_entry(&registry, "reader-bad", 1)->state,
                     GGX_STATE_USABLE); /* a refused one takes no place */
    unsigned ones = 0, twos = 0;
    for (uint32_t at = 0; ggx_registry_next(&registry, GGX_READER_ID, &at, &entry, &offer);) {
        ones += !strcmp(offer->name, "one");
        twos += !strcmp(offer->name, "two");
    }
    assert_true(ones == 1 && twos == 1);
    ggx_registry_close(&registry);
}

static void the_environment_wants_absolute_paths(void **unused)
{
    (void)unused;
    ggx_registry registry;
    char list[600];
    snprintf(list, sizeof list, "plugins::%s/:%s", scratch_path("first"), scratch_path("absent"));
    setenv("GGX_PLUGIN_PATH", list, 1);
    assert_int_equal(open_registry(&registry, "second", "first", NULL), GGX_OK);
    unsetenv("GGX_PLUGIN_PATH");
    assert_int_equal(registry.directory_count, 5); /* second, first, plugins, absent, the installation's */
    assert_non_null(strstr(registry.directories[2].why, "plugins: path: found plugins, expected an absolute path"));
    assert_int_equal(registry.directories[3].state, GGX_STATE_MISSING);
    assert_string_equal(registry.directories[4].origin, "system");
    ggx_registry_close(&registry);
}

static void the_mask_leaves_detected_features(void **unused)
{
    (void)unused;
    ggx_arena arena;
    const char *const *list;
    ggx_arena_init(&arena, 10000);
    assert_int_equal(ggx_cpu_select(&arena, "portable", &list, &error), GGX_OK);
    assert_null(list[0]);
    assert_int_equal(ggx_cpu_select(&arena, NULL, &list, &error), GGX_OK);
    for (size_t i = 0; list[i]; i++) assert_true(ggx_cpu_has(list[i]));
    assert_int_equal(ggx_cpu_select(&arena, "f16c,neon", &list, &error), GGX_OK);
    for (size_t i = 0; list[i]; i++) assert_true(!strcmp(list[i], "f16c") || !strcmp(list[i], "neon"));
    static const char *const bad[] = {"avx3", "avx", "avx2,", "", "avx2 ", "portable,avx2", "AVX2"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (ggx_cpu_select(&arena, bad[i], &list, &error) != GGX_E_USAGE) fail_msg("mask '%s' was taken", bad[i]);
    assert_false(ggx_cpu_has("avx4096"));
    ggx_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_is_found_listed_and_loaded),
        cmocka_unit_test(types_have_aliases_and_kernels_are_completed),
        cmocka_unit_test(kernels_are_chosen_by_features_and_rank),
        cmocka_unit_test(faults_of_manifests_are_refused_by_name),
        cmocka_unit_test(files_that_others_could_have_written_are_refused),
        cmocka_unit_test(halves_and_odd_files_are_refused),
        cmocka_unit_test(faults_of_binaries_are_refused_by_name),
        cmocka_unit_test(what_is_no_shared_object_is_refused),
        cmocka_unit_test(what_was_found_first_shadows_the_rest),
        cmocka_unit_test(the_environment_wants_absolute_paths),
        cmocka_unit_test(the_mask_leaves_detected_features),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
