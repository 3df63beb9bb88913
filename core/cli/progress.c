/* progress.c - the bar and the log. */
#include "cli/progress.h"
#include "base/text.h"
#include "cli/report.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BAR 28
#define BETWEEN_BARS 0.1 /* seconds */
#define BETWEEN_LINES 5.0

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void ggx_progress_open(ggx_progress *progress, int32_t quiet, int32_t verbose)
{
    memset(progress, 0, sizeof *progress);
    pthread_mutex_init(&progress->lock, NULL);
    progress->terminal = isatty(STDERR_FILENO);
    progress->colors = ggx_report_colors(STDERR_FILENO);
    progress->quiet = quiet;
    progress->verbose = verbose;
    ggx_progress_label(progress, "reading");
    progress->bytes = 0; /* plugins count in units of their own */
}

static void clear(ggx_progress *progress)
{
    if (progress->drawn) fputs("\r\033[K", stderr);
    progress->drawn = 0;
}

void ggx_progress_label(ggx_progress *progress, const char *label)
{
    pthread_mutex_lock(&progress->lock);
    clear(progress);
    snprintf(progress->label, sizeof progress->label, "%s", label);
    progress->begun = progress->shown = now();
    progress->first = UINT64_MAX;
    progress->printed = 0;
    progress->bytes = 1;
    pthread_mutex_unlock(&progress->lock);
}

/* "1.50 GiB" */
static void print_bytes(char out[24], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, 24, unit ? "%.2f %s" : "%.0f %s", bytes, units[unit]);
}

/* "  42 %  1.2 GiB of 2.9 GiB, 312 MiB/s, 0:05 left" */
static void print_amounts(const ggx_progress *progress, char *out, size_t room, double done, double total, double time)
{
    char a[24], b[24], rate[24];
    double seconds = time - progress->begun, speed = seconds > 0.5 ? (done - (double)progress->first) / seconds : 0;
    print_bytes(a, done);
    print_bytes(b, total);
    print_bytes(rate, speed);
    int n = snprintf(out, room, "%3.0f %%", done * 100 / total);
    if (!progress->bytes) return;
    n += snprintf(out + n, room - (size_t)n, "  %s of %s", a, b);
    if (speed <= 0) return;
    double left = (total - done) / speed;
    snprintf(out + n, room - (size_t)n, ", %s/s, %.0f:%02.0f left", rate, (double)(uint64_t)(left / 60),
             (double)((uint64_t)left % 60));
}

static void draw_bar(ggx_progress *progress, uint64_t done, uint64_t total, double time)
{
    char bar[BAR + 1], amounts[128];
    size_t full = (size_t)((double)done / (double)total * BAR);
    for (size_t i = 0; i < BAR; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR] = 0;
    print_amounts(progress, amounts, sizeof amounts, (double)done, (double)total, time);
    fprintf(stderr, "\r%s %s%s%s %s\033[K", progress->label, progress->colors ? "\033[32m" : "", bar,
            progress->colors ? "\033[0m" : "", amounts);
    progress->drawn = 1;
    progress->shown = time;
}

/* A line for each further tenth, but not many a minute. */
static void print_line(ggx_progress *progress, uint64_t done, uint64_t total, double time)
{
    char amounts[128];
    uint64_t tenths = (uint64_t)((double)done / (double)total * 10);
    if (tenths <= progress->printed || time - progress->shown < BETWEEN_LINES) return;
    print_amounts(progress, amounts, sizeof amounts, (double)done, (double)total, time);
    fprintf(stderr, "%s: %s\n", progress->label, amounts);
    progress->printed = tenths;
    progress->shown = time;
}

void ggx_progress_update(void *context, uint64_t done, uint64_t total)
{
    ggx_progress *progress = context;
    if (progress->quiet || !total || done > total) return;
    pthread_mutex_lock(&progress->lock);
    double time = now();
    if (progress->first == UINT64_MAX) progress->first = done; /* a resumed run does not begin at 0 */
    if (!progress->terminal)
        print_line(progress, done, total, time);
    else if (done < total && (!progress->drawn || time - progress->shown >= BETWEEN_BARS))
        draw_bar(progress, done, total, time);
    pthread_mutex_unlock(&progress->lock);
}

void ggx_progress_log(void *context, int32_t level, const char *text)
{
    ggx_progress *progress = context;
    if (level > GGX_LOG_WARNING && (!progress->verbose || progress->quiet)) return;
    ggx_text shown = {0};
    ggx_text_shown(&shown, ggx_str_of(text));
    const char *kind = level == GGX_LOG_ERROR ? "error: " : level == GGX_LOG_WARNING ? "warning: " : "";
    int colored = progress->colors && level <= GGX_LOG_WARNING;
    pthread_mutex_lock(&progress->lock);
    clear(progress);
    fprintf(stderr, "%sggx: %s%s%s\n", colored ? "\033[33m" : "", kind, colored ? "\033[0m" : "",
            shown.data ? shown.data : "");
    pthread_mutex_unlock(&progress->lock);
    ggx_text_free(&shown);
}

void ggx_progress_close(ggx_progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    clear(progress);
    pthread_mutex_unlock(&progress->lock);
}
