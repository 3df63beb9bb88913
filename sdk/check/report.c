/* sdk/check/report.c - runs each check in a child process, prints one line for it, and counts. */
#include "check.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void check_fail(check *c, const char *format, ...)
{
    if (c->failed) return;
    va_list args;
    va_start(args, format);
    c->failed = 1;
    vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
}

void check_note(check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->note, sizeof c->note, format, args);
    va_end(args);
}

int check_late(const check *c)
{
    return now() > c->until;
}

static void print_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar((unsigned char)*text < 0x20 ? '?' : *text);
    }
    putchar('"');
}

static void print_line(report *r, const char *scope, const char *name, const char *state, const char *text)
{
    int fail = !strcmp(state, "FAIL");
    if (r->json) {
        printf("%s\n    { \"scope\": ", r->passed + r->failed > 1 ? "," : "");
        print_json_string(scope);
        printf(", \"check\": ");
        print_json_string(name);
        printf(", \"state\": \"%s\", \"text\": ", state);
        print_json_string(text);
        printf(" }");
    } else if (fail) {
        printf("FAIL: %s: %s: %s\n", scope, name, text);
    } else {
        printf("%s: %s: %s%s%s%s\n", state, scope, name, *text ? " (" : "", text, *text ? ")" : "");
    }
    fflush(stdout);
}

void report_begin(report *r)
{
    if (r->json) printf("{ \"checks\": [");
}

/* Waits for the child's result; a child that does not end in time is killed. */
static void collect(const report *r, pid_t child, int from, check *c)
{
    double end = now() + r->timeout;
    size_t got = 0;
    int hung = 0, status = 0;
    check result;
    while (got < sizeof result) {
        struct pollfd waiting = {from, POLLIN, 0};
        double left = end - now();
        if (left <= 0 || poll(&waiting, 1, (int)(left * 1000) + 1) == 0) {
            hung = 1;
            kill(child, SIGKILL);
            break;
        }
        ssize_t n = read(from, (char *)&result + got, sizeof result - got);
        if (n <= 0) break;
        got += (size_t)n;
    }
    while (waitpid(child, &status, 0) < 0) continue;
    if (hung)
        check_fail(c, "no end after %u s", r->timeout);
    else if (WIFSIGNALED(status))
        check_fail(c, "crashed with signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (got < sizeof result || WEXITSTATUS(status))
        check_fail(c, "the process ended early, exit code %d", WEXITSTATUS(status));
    else
        *c = result;
}

static void run_forked(const report *r, check *c, check_body body, const void *subject)
{
    int ends[2];
    if (pipe(ends)) {
        check_fail(c, "no pipe for the child process");
        return;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        body(c, subject);
        const char *from = (const char *)c;
        size_t left = sizeof *c;
        while (left) {
            ssize_t n = write(ends[1], from, left);
            if (n <= 0) _exit(3);
            from += n;
            left -= (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    if (child < 0)
        check_fail(c, "no child process");
    else
        collect(r, child, ends[0], c);
    close(ends[0]);
}

int report_check(report *r, const char *scope, const char *name, check_body body, const void *subject)
{
    check c;
    memset(&c, 0, sizeof c);
    c.until = now() + r->budget;
    if (r->no_fork)
        body(&c, subject);
    else
        run_forked(r, &c, body, subject);
    *(c.failed ? &r->failed : &r->passed) += 1;
    print_line(r, scope, name, c.failed ? "FAIL" : "ok", c.failed ? c.text : c.note);
    return !c.failed;
}

void report_note(report *r, const char *scope, const char *text)
{
    if (!r->json) printf("note: %s: %s\n", scope, text);
}

int report_end(report *r)
{
    if (r->json)
        printf("\n  ], \"passed\": %u, \"failed\": %u }\n", r->passed, r->failed);
    else
        printf("%u passed, %u failed\n", r->passed, r->failed);
    return r->failed ? 1 : 0;
}
