/* Sources: files, directories, prefixes and memory; what names may not do; files that change; descriptors that stay few. */
#include "base/pool.h"
#include "base/text.h"
#include "scratch.h"
#include "source/open.h"
#include "unit.h"
#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static ggx_error error;

static ggx_source *open_source(const char *name)
{
    ggx_source *source = NULL;
    ggx_status status = ggx_source_open(scratch_path(name), &source, &error);
    if (status != GGX_OK) fail_msg("%s: %s", name, error.text);
    return source;
}

static ggx_status find(const ggx_source *source, const char *name, uint32_t *index)
{
    return source->find(source, ggx_str_of(name), index, &error);
}

static const char *member_name(const ggx_source *source, uint32_t index)
{
    ggx_member member = {.struct_size = sizeof member};
    assert_int_equal(source->member(source, index, &member, &error), GGX_OK);
    return member.name.data;
}

static void a_file_finds_its_siblings(void **unused)
{
    (void)unused;
    scratch_write("model.bin", "0123456789", 10);
    scratch_write("model.cfg", "cfg", 3);
    scratch_mkdir("below");
    scratch_write("below/shard.bin", "shard", 5);
    ggx_source *source = open_source("model.bin");
    uint32_t index = 9;
    char bytes[10];
    assert_int_equal(source->kind, GGX_SOURCE_FILE);
    assert_int_equal(source->count(source), 1);
    assert_string_equal(member_name(source, 0), "model.bin");
    assert_int_equal(find(source, "model.cfg", &index), GGX_OK);
    assert_int_equal(index, 1);
    assert_int_equal(find(source, "below/shard.bin", &index), GGX_OK);
    assert_int_equal(index, 2);
    assert_int_equal(find(source, "model.cfg", &index), GGX_OK);
    assert_int_equal(index, 1);
    assert_int_equal(find(source, "model.bin", &index), GGX_OK);
    assert_int_equal(index, 0);
    assert_int_equal(source->read_at(source, 2, 1, bytes, 4, &error), GGX_OK);
    assert_memory_equal(bytes, "hard", 4);
    assert_int_equal(source->read_at(source, 0, 0, bytes, 10, &error), GGX_OK);
    assert_int_equal(ggx_source_bytes_read(source), 14);
    assert_string_equal(ggx_source_path(source, 2), scratch_path("below/shard.bin"));
    assert_string_equal(ggx_source_path(source, GGX_NO_MEMBER), "");
    const void *mapped;
    assert_int_equal(source->map(source, 0, 0, 4, &mapped, &error), GGX_E_UNSUPPORTED);
    ggx_source_close(source);
}

static void names_cannot_leave_the_source(void **unused)
{
    (void)unused;
    scratch_mkdir("inner");
    scratch_mkdir("inner/sub");
    scratch_write("secret", "s", 1);
    scratch_write("inner/model.bin", "m", 1);
    scratch_write("inner/sub/a", "a", 1);
    assert_int_equal(symlink("..", scratch_path("inner/up")), 0);
    assert_int_equal(symlink("loop", scratch_path("inner/loop")), 0);
    assert_int_equal(mkfifo(scratch_path("inner/fifo"), 0600), 0);
    ggx_source *source = open_source("inner/model.bin");
    uint32_t index = 7;
    static const char *const bad[] = {"../secret", "/etc/passwd", "sub/../../secret", "./a", "sub//a", "sub/", "", "..",
                                      ".",         "sub/."};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (find(source, bad[i], &index) != GGX_E_MALFORMED) fail_msg("'%s': %s", bad[i], error.text);
    assert_int_equal(source->find(source, (ggx_str){"a\0b", 3}, &index, &error), GGX_E_MALFORMED);
    assert_int_equal(find(source, "up/secret", &index), GGX_E_NOTFOUND);
    assert_int_equal(find(source, "loop", &index), GGX_E_NOTFOUND);
    assert_int_equal(find(source, "sub", &index), GGX_E_UNSUPPORTED);
    alarm(20); /* opening a FIFO must not wait for a writer */
    assert_int_equal(find(source, "fifo", &index), GGX_E_UNSUPPORTED);
    ggx_source *other;
    assert_int_equal(ggx_source_open(scratch_path("inner/fifo"), &other, &error), GGX_E_UNSUPPORTED);
    alarm(0);
    assert_int_equal(index, 7);
    assert_int_equal(source->count(source), 1);
    assert_int_equal(find(source, "sub/a", &index), GGX_OK);
    ggx_source_close(source);
}

static void a_directory_is_listed_in_order(void **unused)
{
    (void)unused;
    static const char *const dirs[] = {"d", "d/b", "d/b/c", "d/b/c/d", "d/b/c/d/e", "d/.hidden"};
    static const char *const files[] = {"d/z",       "d/b-file",    "d/b/2",  "d/b/c/3",
                                        "d/b/c/d/4", "d/b/c/d/e/5", "d/.dot", "d/.hidden/x"};
    static const char *const wanted[] = {"b-file", "b/2", "b/c/3", "b/c/d/4", "link", "z"};
    for (size_t i = 0; i < COUNT_OF(dirs); i++) scratch_mkdir(dirs[i]);
    for (size_t i = 0; i < COUNT_OF(files); i++) scratch_write(files[i], "x", 1);
    scratch_write("outside", "outside", 7);
    assert_int_equal(symlink("../outside", scratch_path("d/link")), 0);
    assert_int_equal(symlink(".", scratch_path("d/self")), 0);
    assert_int_equal(symlink("nowhere", scratch_path("d/broken")), 0);
    assert_int_equal(mkfifo(scratch_path("d/fifo"), 0600), 0);
    ggx_source *source = open_source("d/");
    assert_int_equal(source->kind, GGX_SOURCE_DIRECTORY);
    assert_int_equal(source->count(source), COUNT_OF(wanted));
    for (uint32_t i = 0; i < COUNT_OF(wanted); i++) {
        uint32_t index = 99;
        assert_string_equal(member_name(source, i), wanted[i]);
        assert_int_equal(find(source, wanted[i], &index), GGX_OK);
        assert_int_equal(index, i);
    }
    uint32_t index;
    char bytes[7];
    assert_int_equal(find(source, ".dot", &index), GGX_E_NOTFOUND);
    assert_int_equal(source->read_at(source, 4, 0, bytes, 7, &error), GGX_OK);
    assert_memory_equal(bytes, "outside", 7);
    assert_int_equal(ggx_source_add_file(source, scratch_path("outside"), &index, &error), GGX_OK);
    assert_int_equal(index, COUNT_OF(wanted));
    assert_int_equal(find(source, "outside", &index), GGX_E_NOTFOUND);
    ggx_source_close(source);
}

static void a_prefix_takes_the_files_that_go_on_with_a_dot(void **unused)
{
    (void)unused;
    scratch_write("model.ckpt.index", "i", 1);
    scratch_write("model.ckpt.data-00000-of-00001", "data", 4);
    scratch_write("model.ckpt2", "x", 1);
    scratch_write("hparams.json", "{}", 2);
    ggx_source *source = open_source("model.ckpt");
    uint32_t index;
    assert_int_equal(source->kind, GGX_SOURCE_PREFIX);
    assert_int_equal(source->count(source), 2);
    assert_string_equal(member_name(source, 0), "model.ckpt.data-00000-of-00001");
    assert_string_equal(member_name(source, 1), "model.ckpt.index");
    assert_int_equal(find(source, "hparams.json", &index), GGX_OK);
    assert_int_equal(index, 2);
    ggx_source_close(source);
    assert_int_equal(ggx_source_open(scratch_path("model.ck"), &source, &error), GGX_E_NOTFOUND);
    assert_null(source);
    assert_int_equal(ggx_source_open("", &source, &error), GGX_E_NOTFOUND);
}

static void ranges_beyond_the_end_are_malformed(void **unused)
{
    (void)unused;
    scratch_write("ten", "0123456789", 10);
    ggx_source *source = open_source("ten");
    char bytes[16];
    static const uint64_t bad[][2] = {{0, 11},         {10, 1},         {11, 0},
                                      {UINT64_MAX, 1}, {5, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        memset(&error, 0, sizeof error);
        assert_int_equal(source->read_at(source, 0, bad[i][0], bytes, bad[i][1], &error), GGX_E_MALFORMED);
        assert_int_equal(error.member, 0);
        assert_int_equal(error.offset, bad[i][0]);
    }
    assert_int_equal(source->read_at(source, 0, 10, bytes, 0, &error), GGX_OK);
    assert_int_equal(source->read_at(source, 1, 0, bytes, 1, &error), GGX_E_NOTFOUND);
    assert_int_equal(ggx_source_bytes_read(source), 0);
    ggx_source_close(source);
}

static uint32_t open_descriptors(void)
{
    uint32_t n = 0;
    DIR *stream = opendir("/proc/self/fd");
    assert_non_null(stream);
    while (readdir(stream)) n++;
    closedir(stream);
    return n;
}

static void descriptors_stay_few_and_changes_are_noticed(void **unused)
{
    (void)unused;
    char name[32], byte;
    scratch_mkdir("many");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "many/%03d", i);
        scratch_write(name, &"abcdefgh"[i % 8], 1);
    }
    uint32_t before = open_descriptors();
    ggx_source *source = open_source("many");
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 200; i++) {
            assert_int_equal(source->read_at(source, i, 0, &byte, 1, &error), GGX_OK);
            assert_int_equal(byte, 'a' + (int)i % 8);
        }
    }
    assert_true(open_descriptors() <= before + 65);
    scratch_write("many/new", "a", 1); /* same size and byte, another inode */
    assert_int_equal(rename(scratch_path("many/new"), scratch_path("many/000")), 0);
    assert_int_equal(source->read_at(source, 0, 0, &byte, 1, &error), GGX_E_INTEGRITY);
    assert_int_equal(unlink(scratch_path("many/001")), 0);
    assert_int_equal(source->read_at(source, 1, 0, &byte, 1, &error), GGX_E_INTEGRITY);
    scratch_write("many/002", "longer", 6);
    assert_int_equal(source->read_at(source, 2, 0, &byte, 1, &error), GGX_E_INTEGRITY);
    assert_int_equal(source->read_at(source, 199, 0, &byte, 1, &error), GGX_OK); /* still open */
    assert_int_equal(truncate(scratch_path("many/199"), 0), 0);
    assert_int_equal(source->read_at(source, 199, 0, &byte, 1, &error), GGX_E_INTEGRITY);
    ggx_source_close(source);
    assert_int_equal(open_descriptors(), before);
}

static void identity_tells_a_changed_file(void **unused)
{
    (void)unused;
    scratch_write("id", "one", 3);
    ggx_source *source = open_source("id");
    uint64_t first[3], second[3];
    assert_int_equal(ggx_source_identity(source, 0, first, &error), GGX_OK);
    assert_int_equal(ggx_source_identity(source, 0, second, &error), GGX_OK);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(first[1], 3);
    scratch_write("id", "four", 4);
    assert_int_equal(ggx_source_identity(source, 0, second, &error), GGX_E_INTEGRITY);
    ggx_source_close(source);
}

static void memory_can_be_mapped(void **unused)
{
    (void)unused;
    static const char bytes[] = "hello";
    ggx_source *source;
    const void *mapped = NULL;
    uint32_t index;
    assert_int_equal(ggx_source_open_memory(GGX_LIT("m.bin"), (ggx_str){bytes, 5}, &source, &error), GGX_OK);
    assert_int_equal(source->map(source, 0, 1, 4, &mapped, &error), GGX_OK);
    assert_ptr_equal(mapped, bytes + 1);
    assert_int_equal(source->map(source, 0, 2, 4, &mapped, &error), GGX_E_MALFORMED);
    assert_int_equal(find(source, "m.bin", &index), GGX_OK);
    assert_int_equal(find(source, "other", &index), GGX_E_NOTFOUND);
    ggx_source_close(source);
}

static void the_window_shows_ends_and_siblings(void **unused)
{
    (void)unused;
    ggx_probe_window window;
    scratch_mkdir("w");
    scratch_write("w/model.bin", "0123456789", 10);
    scratch_write("w/b.json", "{}", 2);
    scratch_write("w/a.json", "[]", 2);
    scratch_mkdir("w/sub");
    scratch_write("w/sub/c", "c", 1);
    ggx_source *source = open_source("w/model.bin");
    assert_int_equal(ggx_probe_window_open(source, 4, 3, &window, &error), GGX_OK);
    const ggx_probe *probe = &window.probe;
    assert_true(ggx_str_same(probe->name, GGX_LIT("model.bin")) && probe->size == 10 && probe->kind == GGX_SOURCE_FILE);
    assert_true(ggx_str_same(probe->head, GGX_LIT("0123")) && ggx_str_same(probe->tail, GGX_LIT("789")));
    assert_int_equal(probe->sibling_count, 2);
    assert_true(ggx_str_same(probe->siblings[0].name, GGX_LIT("a.json")));
    assert_true(ggx_str_same(probe->siblings[1].head, GGX_LIT("{}")));
    ggx_probe_window_free(&window);
    assert_int_equal(ggx_probe_window_open(source, 1u << 20, 1u << 20, &window, &error), GGX_OK);
    assert_true(ggx_str_same(window.probe.head, window.probe.tail) && window.probe.head.size == 10);
    ggx_probe_window_free(&window);
    ggx_source_close(source);
    source = open_source("w");
    assert_int_equal(ggx_probe_window_open(source, 4, 3, &window, &error), GGX_OK);
    assert_true(!window.probe.head.size && !window.probe.size && window.probe.sibling_count == 4);
    assert_true(ggx_str_same(window.probe.name, GGX_LIT("w")));
    assert_true(ggx_str_same(window.probe.siblings[3].name, GGX_LIT("sub/c")));
    ggx_probe_window_free(&window);
    ggx_source_close(source);
}

typedef struct readers {
    const ggx_source *source;
    atomic_uint next;
    atomic_int failed;
} readers;

static void read_many(void *context, uint32_t worker)
{
    readers *r = context;
    (void)worker;
    for (uint32_t tile; (tile = atomic_fetch_add(&r->next, 1)) < 4000;) {
        char byte = 0, name[16];
        uint32_t i = tile * 7919u % 100, index = 0;
        ggx_error mine;
        snprintf(name, sizeof name, "%03u", i);
        if (r->source->find(r->source, ggx_str_of(name), &index, &mine) != GGX_OK ||
            r->source->read_at(r->source, index, 0, &byte, 1, &mine) != GGX_OK || byte != (char)('a' + i % 8))
            atomic_store(&r->failed, 1);
    }
}

static void threads_read_and_find_at_once(void **unused)
{
    (void)unused;
    char name[32];
    scratch_mkdir("threads");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "threads/%03d", i);
        scratch_write(name, &"abcdefgh"[i % 8], 1);
    }
    ggx_source *source = open_source("threads/000");
    readers r = {.source = source};
    assert_int_equal(ggx_pool_run(8, read_many, &r), GGX_OK);
    assert_int_equal(r.failed, 0);
    assert_int_equal(source->count(source), 100);
    assert_int_equal(ggx_source_bytes_read(source), 4000);
    ggx_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_finds_its_siblings),
        cmocka_unit_test(names_cannot_leave_the_source),
        cmocka_unit_test(a_directory_is_listed_in_order),
        cmocka_unit_test(a_prefix_takes_the_files_that_go_on_with_a_dot),
        cmocka_unit_test(ranges_beyond_the_end_are_malformed),
        cmocka_unit_test(descriptors_stay_few_and_changes_are_noticed),
        cmocka_unit_test(identity_tells_a_changed_file),
        cmocka_unit_test(memory_can_be_mapped),
        cmocka_unit_test(the_window_shows_ends_and_siblings),
        cmocka_unit_test(threads_read_and_find_at_once),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
