/* Instances and options: memory is capped, values are read by their declared types, what nobody declares is found. */
#include "base/text.h"
#include "host/instance.h"
#include "scratch.h"
#include "source/open.h"
#include "unit.h"

static ggx_error error;

static const ggx_option declared[] = {
    {sizeof(ggx_option), GGX_OPTION_BOOL, "x.flag", "a flag"},
    {sizeof(ggx_option), GGX_OPTION_INT, "x.count", "a count"},
    {sizeof(ggx_option), GGX_OPTION_STRING, "x.text", "a text"},
    {sizeof(ggx_option), GGX_OPTION_FILE, "x.cfg", "a file"},
    {sizeof(ggx_option), 77, "x.future", "of a type to come"},
};

static ggx_status read_options(ggx_instance *instance, ggx_setting *settings, uint32_t count, ggx_source *source)
{
    assert_int_equal(ggx_instance_open(instance, NULL, 4096, 16, &error), GGX_OK);
    return ggx_instance_options(instance, declared, COUNT_OF(declared), settings, count, source, &error);
}

static ggx_status read_one(const char *name, const char *value, int64_t *number)
{
    ggx_instance instance;
    ggx_setting setting = {name, value, 0};
    ggx_status status = read_options(&instance, &setting, 1, NULL);
    if (status == GGX_OK && instance.options.count) *number = instance.options.values[0].number;
    ggx_instance_close(&instance);
    return status;
}

static void values_are_read_by_type(void **unused)
{
    (void)unused;
    int64_t n = 9;
    static const struct {
        const char *name, *value;
        int64_t number;
    } good[] = {{"x.flag", NULL, 1},
                {"x.flag", "off", 0},
                {"x.flag", "yes", 1},
                {"x.count", "-12", -12},
                {"x.count", "0x10", 16}};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(read_one(good[i].name, good[i].value, &n), GGX_OK);
        assert_int_equal(n, good[i].number);
    }
    static const char *const bad[][2] = {{"x.flag", "maybe"}, {"x.flag", ""},   {"x.count", NULL}, {"x.count", "1.5"},
                                         {"x.count", ""},     {"x.text", NULL}, {"x.cfg", NULL}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(read_one(bad[i][0], bad[i][1], &n), GGX_E_USAGE);
        assert_non_null(strstr(error.text, bad[i][0]));
    }
    assert_int_equal(read_one("x.cfg", "file", &n), GGX_E_UNSUPPORTED);
    assert_int_equal(read_one("x.future", "1", &n), GGX_E_PLUGIN);
}

static void files_become_members_and_the_last_value_counts(void **unused)
{
    (void)unused;
    ggx_source *source;
    ggx_instance instance;
    scratch_write("a.cfg", "a", 1);
    scratch_write("m.bin", "m", 1);
    assert_int_equal(ggx_source_open(scratch_path("m.bin"), &source, &error), GGX_OK);
    ggx_setting settings[] = {
        {"x.cfg", scratch_path("a.cfg"), 0}, {"y.other", "1", 0}, {"x.count", "1", 0}, {"x.count", "2", 0}};
    assert_int_equal(read_options(&instance, settings, COUNT_OF(settings), source), GGX_OK);
    assert_int_equal(instance.options.count, 2);
    const ggx_option_value *count = &instance.options.values[0], *cfg = &instance.options.values[1];
    assert_string_equal(count->name, "x.count");
    assert_int_equal(count->number, 2);
    assert_int_equal(cfg->number, 1);
    assert_string_equal(ggx_source_path(source, 1), scratch_path("a.cfg"));
    assert_ptr_equal(ggx_settings_unused(settings, COUNT_OF(settings)), &settings[1]);
    settings[1].used = 1;
    assert_null(ggx_settings_unused(settings, COUNT_OF(settings)));
    ggx_instance_close(&instance);
    settings[0].value = scratch_path("absent");
    assert_int_equal(read_options(&instance, settings, COUNT_OF(settings), source), GGX_E_NOTFOUND);
    ggx_instance_close(&instance);
    ggx_source_close(source);
}

static void memory_is_capped_and_zeroed(void **unused)
{
    (void)unused;
    ggx_instance instance;
    assert_int_equal(ggx_instance_open(&instance, NULL, 1000, 2000, &error), GGX_E_NOMEM);
    ggx_instance_close(&instance); /* closing what did not open is harmless */
    assert_int_equal(ggx_instance_open(&instance, NULL, 1000, 100, &error), GGX_OK);
    const ggx_host *host = &instance.host;
    unsigned char *memory = host->alloc(host, 800);
    assert_non_null(memory);
    for (int i = 0; i < 800; i++) assert_int_equal(memory[i], 0);
    assert_null(host->alloc(host, 800));
    assert_null(host->alloc(host, UINT64_MAX));
    assert_int_equal(host->canceled(host), 0);
    assert_null(host->extension(host, "ggx.none/1"));
    ggx_instance_close(&instance);
    ggx_instance_close(&instance);
}

static void hear(void *context, int32_t level, const char *text)
{
    snprintf(context, 64, "%d %s", (int)level, text);
}

static void the_run_is_reached(void **unused)
{
    (void)unused;
    char heard[64] = "";
    atomic_int canceled = 0;
    ggx_run run = {.canceled = &canceled, .log = hear, .context = heard};
    ggx_instance instance;
    assert_int_equal(ggx_instance_open(&instance, &run, 1000, 0, &error), GGX_OK);
    const ggx_host *host = &instance.host;
    host->log(host, GGX_LOG_WARNING, "careful");
    host->progress(host, 1, 2); /* nobody listens */
    assert_string_equal(heard, "1 careful");
    canceled = 1;
    assert_int_equal(host->canceled(host), 1);
    ggx_instance_close(&instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_by_type),
        cmocka_unit_test(files_become_members_and_the_last_value_counts),
        cmocka_unit_test(memory_is_capped_and_zeroed),
        cmocka_unit_test(the_run_is_reached),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
