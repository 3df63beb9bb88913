/* What ggx prints: errors with their place and exit code, progress away from a terminal, columns; nothing that a file says can
 * command the terminal. */
#include "base/pool.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/table.h"
#include "scratch.h"
#include "source/open.h"
#include "unit.h"

static char said[1u << 16];

/* Sends stderr to a file until `heard` brings it back. */
static int listen(void)
{
    fflush(stderr);
    int before = dup(STDERR_FILENO), file = open(scratch_path("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(before >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
    return before;
}

static const char *heard(int before)
{
    fflush(stderr);
    ssize_t n = pread(STDERR_FILENO, said, sizeof said - 1, 0);
    dup2(before, STDERR_FILENO);
    close(before);
    said[n > 0 ? n : 0] = 0;
    return said;
}

static void errors_have_place_and_exit_code(void **unused)
{
    (void)unused;
    static const struct {
        ggx_error error;
        int code;
        const char *text;
    } cases[] = {
        {{GGX_E_MALFORMED, 0, 20, "the header is cut short"},
         7,
         "ggx: \\x1b[31m.bin: the header is cut short (at byte 20)\n"},
        {{GGX_E_USAGE, GGX_NO_MEMBER, GGX_NO_OFFSET, "no"}, 2, "ggx: no\n"},
        {{GGX_E_NOTFOUND, 7, GGX_NO_OFFSET, "no"}, 3, "ggx: no\n"},
        {{GGX_E_CANCELED, GGX_NO_MEMBER, GGX_NO_OFFSET, ""}, 130, "ggx: stopped\n"},
        {{GGX_E_NOMEM, GGX_NO_MEMBER, GGX_NO_OFFSET, ""}, 1, "ggx: there is not enough memory\n"},
        {{GGX_E_IO, GGX_NO_MEMBER, GGX_NO_OFFSET, "x"}, 1, "ggx: x\n"},
        {{5, GGX_NO_MEMBER, GGX_NO_OFFSET, ""}, 10, "ggx: a plugin broke its contract: it returned the status 5\n"},
        {{-99, GGX_NO_MEMBER, GGX_NO_OFFSET, "odd"}, 10, "ggx: odd\n"},
    };
    ggx_source *source;
    ggx_error error;
    assert_int_equal(ggx_source_open_memory(GGX_LIT("\x1b[31m.bin"), GGX_LIT("x"), &source, &error), GGX_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int before = listen(), code = ggx_report_error(&cases[i].error, source);
        assert_string_equal(heard(before), cases[i].text);
        assert_int_equal(code, cases[i].code);
    }
    ggx_source_close(source);
}

static void logs_are_shown_by_level(void **unused)
{
    (void)unused;
    static const char *const wanted[3] = {
        "ggx: error: a\nggx: warning: b\\x07\n",
        "ggx: error: a\nggx: warning: b\\x07\nggx: c\nggx: d\n",
        "ggx: error: a\nggx: warning: b\\x07\n",
    };
    for (int i = 0; i < 3; i++) {
        ggx_progress progress;
        int before = listen();
        ggx_progress_open(&progress, i == 2, i == 1);
        ggx_progress_log(&progress, GGX_LOG_ERROR, "a");
        ggx_progress_log(&progress, GGX_LOG_WARNING, "b\a");
        ggx_progress_log(&progress, GGX_LOG_INFO, "c");
        ggx_progress_log(&progress, GGX_LOG_DEBUG, "d");
        ggx_progress_close(&progress);
        assert_string_equal(heard(before), wanted[i]);
    }
}

static void progress_is_few_lines_away_from_a_terminal(void **unused)
{
    (void)unused;
    ggx_progress progress;
    int before = listen();
    ggx_progress_open(&progress, 0, 0);
    ggx_progress_label(&progress, "converting");
    for (uint64_t i = 0; i <= 1000; i++)
        ggx_progress_update(&progress, i << 20, 1000u << 20); /* too quick to be told of */
    progress.shown -= 6;
    progress.begun -= 6;
    ggx_progress_update(&progress, 600u << 20, 1000u << 20);
    progress.shown -= 6;
    ggx_progress_update(&progress, 650u << 20, 1000u << 20); /* no further tenth */
    ggx_progress_update(&progress, 5, 0);
    ggx_progress_update(&progress, 6, 5);
    ggx_progress_close(&progress);
    const char *text = heard(before);
    assert_int_equal(strncmp(text, "converting:  60 %  600.00 MiB of 1000.00 MiB, ", 46), 0);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strchr(text, '\r'));
}

static void update_some(void *context, uint32_t worker)
{
    for (uint64_t i = 0; i < 1000; i++) ggx_progress_update(context, i, 1000);
    if (!worker) ggx_progress_log(context, GGX_LOG_WARNING, "from a thread");
}

static void threads_may_report_at_once(void **unused)
{
    (void)unused;
    ggx_progress progress;
    int before = listen();
    ggx_progress_open(&progress, 0, 0);
    assert_int_equal(ggx_pool_run(4, update_some, &progress), GGX_OK);
    ggx_progress_close(&progress);
    assert_string_equal(heard(before), "ggx: warning: from a thread\n");
}

static void columns_are_aligned(void **unused)
{
    (void)unused;
    ggx_arena arena;
    ggx_text out = {0};
    ggx_arena_init(&arena, 1u << 16);
    ggx_table table = {.arena = &arena, .columns = 3, .numbers = 2};
    static const char *const rows[][3] = {
        {"NAME", "N", "X"}, {"\xc3\xa9", "12", ""}, {"a\x1b", "", "z"}, {"", "7", ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) memcpy(ggx_table_add(&table), rows[i], sizeof rows[i]);
    ggx_table_print(&table, 1, &out);
    assert_string_equal(out.data, " NAME    N  X\n"
                                  " \xc3\xa9      12\n"
                                  " a\\x1b      z\n"
                                  "         7\n");
    ggx_text_free(&out);
    ggx_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_place_and_exit_code),
        cmocka_unit_test(logs_are_shown_by_level),
        cmocka_unit_test(progress_is_few_lines_away_from_a_terminal),
        cmocka_unit_test(threads_may_report_at_once),
        cmocka_unit_test(columns_are_aligned),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
