/* Lock files. */
#include "fetch/lock.h"

#include "commit/files.h"
#include "commit/names.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/error.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEAD "ggx-lock 1\n"
#define BEAT 5.0   /* seconds between two */
#define LEASE 60.0 /* without one, the owner counts as gone */
#define TORN 2.0   /* a lock that was never written whole: its owner was killed in between */

/* Where and who: equal `boot` and `space` mean that process numbers can be compared. */
typedef struct owner {
    char boot[40], space[40], host[64];
    long process;
    unsigned long long
        start; /* of the process, as the system counts: another one with its number began at another time */
} owner;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void read_word(const char *path, char *out, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, out, room - 1) : 0;
    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, " \n")] = 0;
    if (!*out) snprintf(out, room, "?");
}

/* The 22nd word of /proc/N/stat; the second is a name in brackets, which may hold spaces. 0: there is no such process. */
static unsigned long long start_of(long process)
{
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *at = strrchr(text, ')');
    for (int word = 2; at && word < 22; word++) at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

static void describe(owner *out)
{
    char host[64] = "";
    memset(out, 0, sizeof *out);
    read_word("/proc/sys/kernel/random/boot_id", out->boot, sizeof out->boot);
    const ssize_t n = readlink("/proc/self/ns/pid", out->space, sizeof out->space - 1);
    if (n <= 0) snprintf(out->space, sizeof out->space, "?");
    if (gethostname(host, sizeof host - 1) != 0 || !*host) snprintf(host, sizeof host, "?");
    for (size_t i = 0; host[i]; i++) out->host[i] = host[i] > ' ' && host[i] < 127 ? host[i] : '?';
    out->process = (long)getpid();
    out->start = start_of(out->process);
}

/* Always GGX_LOCK_TEXT bytes, so that it can be written over. */
static void print_owner(const owner *o, uint64_t count, char out[GGX_LOCK_TEXT])
{
    memset(out, ' ', GGX_LOCK_TEXT);
    const int n = snprintf(out, GGX_LOCK_TEXT, HEAD "%s %s %s %ld %llu\n%llu\n", o->boot, o->space, o->host, o->process,
                           o->start, (unsigned long long)count);
    out[n] = ' ';
    out[GGX_LOCK_TEXT - 1] = '\n';
}

/* The word that `at` stands on, and on to the next one. */
static void take_word(const char **at, char *out, size_t room)
{
    const size_t size = strcspn(*at, " \n"), kept = size < room ? size : room - 1;
    memcpy(out, *at, kept);
    out[kept] = 0;
    *at += size + ((*at)[size] != 0);
}

static int parse_owner(const char text[GGX_LOCK_TEXT], owner *out)
{
    char copy[GGX_LOCK_TEXT + 1], number[24];
    const char *at = copy + strlen(HEAD);
    memset(out, 0, sizeof *out);
    memcpy(copy, text, GGX_LOCK_TEXT);
    copy[GGX_LOCK_TEXT] = 0;
    if (strncmp(copy, HEAD, strlen(HEAD)) != 0) return 0;
    take_word(&at, out->boot, sizeof out->boot);
    take_word(&at, out->space, sizeof out->space);
    take_word(&at, out->host, sizeof out->host);
    take_word(&at, number, sizeof number);
    out->process = strtol(number, NULL, 10);
    take_word(&at, number, sizeof number);
    out->start = strtoull(number, NULL, 10);
    return *out->boot && *out->space && *out->host && *number;
}

/* 1: the process that it names is not there any more. 0 also when that cannot be told. */
static int is_gone(const owner *o)
{
    owner self;
    describe(&self);
    if (!strcmp(self.boot, "?") || strcmp(self.boot, o->boot) != 0 || strcmp(self.space, o->space) != 0) return 0;
    if (o->process <= 0 || (kill((pid_t)o->process, 0) != 0 && errno == ESRCH)) return 1;
    const unsigned long long start = start_of(o->process);
    return start && o->start && start != o->start;
}

/* 0: there is no lock. What is shorter than a lock is filled up with zeros. */
static int read_lock(const char *path, char text[GGX_LOCK_TEXT])
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    memset(text, 0, GGX_LOCK_TEXT);
    if (fd < 0) return errno != ENOENT;
    (void)ggx_read_some(fd, 0, text, GGX_LOCK_TEXT);
    close(fd);
    return 1;
}

ggx_status ggx_lock_init(ggx_lock *lock, const char *path, ggx_error *error)
{
    *lock = (ggx_lock){.fd = -1, .path = ggx_output_beside(path, ".ggx-lock")};
    return lock->path ? GGX_OK : ggx_fail(error, GGX_E_NOMEM, "out of memory");
}

void ggx_lock_free(ggx_lock *lock)
{
    ggx_lock_release(lock);
    free(lock->path);
    lock->path = NULL;
}

static ggx_status write_lock(ggx_lock *lock, ggx_error *error)
{
    owner self;
    char text[GGX_LOCK_TEXT];
    describe(&self);
    print_owner(&self, ++lock->count, text);
    lock->beaten = now();
    ggx_status status = ggx_write_all(lock->fd, 0, text, sizeof text, lock->path, error);
    (void)fdatasync(lock->fd); /* for those on other machines */
    return status;
}

/* Is the lock that lies there stale, by its process or by having been watched for long enough? */
static int is_stale(ggx_lock *lock, const char text[GGX_LOCK_TEXT])
{
    owner other;
    const int whole = parse_owner(text, &other);
    snprintf(lock->owner, sizeof lock->owner, whole ? "process %ld on %s" : "another process", other.process,
             other.host);
    if (whole && is_gone(&other)) return 1;
    if (!*lock->owner || !lock->since || memcmp(text, lock->seen, GGX_LOCK_TEXT) != 0) {
        memcpy(lock->seen, text, GGX_LOCK_TEXT);
        lock->since = now();
    }
    return now() - lock->since > (whole ? LEASE : TORN);
}

/* Two may find it stale at the same time, and the second one rename the first one's new lock away: then it is put back. */
static void break_lock(const ggx_lock *lock, const char stale[GGX_LOCK_TEXT])
{
    char text[GGX_LOCK_TEXT];
    const size_t room = strlen(lock->path) + 32;
    char *aside = malloc(room);
    if (!aside) return;
    snprintf(aside, room, "%s.%ld", lock->path, (long)getpid());
    if (rename(lock->path, aside) == 0) {
        if (read_lock(aside, text) && memcmp(text, stale, GGX_LOCK_TEXT) != 0) (void)!link(aside, lock->path);
        (void)unlink(aside);
    }
    free(aside);
}

int ggx_lock_try(ggx_lock *lock, ggx_error *error)
{
    char text[GGX_LOCK_TEXT];
    for (int i = 0; i < 2; i++) {
        lock->fd = open(lock->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (lock->fd >= 0) {
            if (write_lock(lock, error) == GGX_OK) return 1;
            ggx_lock_release(lock);
            return -1;
        }
        if (errno != EEXIST) return (void)ggx_fail_errno(error, errno, "create", lock->path), -1;
        if (!read_lock(lock->path, text)) continue; /* released just now */
        if (!is_stale(lock, text)) return 0;
        break_lock(lock, text);
    }
    return 0;
}

static int is_ours(const ggx_lock *lock)
{
    struct stat ours, named;
    return fstat(lock->fd, &ours) == 0 && lstat(lock->path, &named) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

ggx_status ggx_lock_beat(ggx_lock *lock, ggx_error *error)
{
    if (lock->fd < 0 || now() - lock->beaten < BEAT) return GGX_OK;
    if (!is_ours(lock))
        return ggx_fail(error, GGX_E_IO, "another process took %.150s over; run this again", lock->path);
    return write_lock(lock, error);
}

void ggx_lock_release(ggx_lock *lock)
{
    if (lock->fd < 0) return;
    if (is_ours(lock)) (void)unlink(lock->path);
    close(lock->fd);
    lock->fd = -1;
}

int ggx_lock_is_live(const char *path)
{
    char text[GGX_LOCK_TEXT];
    owner other;
    if (!read_lock(path, text)) return 0;
    return !parse_owner(text, &other) || !is_gone(&other);
}

int ggx_lock_folder(const char *path, int shared)
{
    struct stat ours, named;
    for (;;) {
        const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return -1;
        int failed;
        do failed = flock(fd, shared ? LOCK_SH : LOCK_EX | LOCK_NB) != 0;
        while (failed && errno == EINTR);
        const int busy = failed && errno == EWOULDBLOCK;
        const int same = fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
                         ours.st_dev == named.st_dev;
        if (!failed && same) return fd;
        close(fd);
        if (busy) return -2;
        if (failed) return -1;
        if (!same && shared && mkdir(path, 0777) != 0 && errno != EEXIST) return -1; /* removed meanwhile */
    }
}
