/* The pool runs every worker, at the same time, and without signals. Run under -fsanitize=thread too. */
#include "base/pool.h"
#include "unit.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

typedef struct shared {
    atomic_uint next, seen[64];
    atomic_int signals_open;
    pthread_t caller;
    uint32_t caller_worker;
    pthread_barrier_t barrier;
} shared;

static void take_tiles(void *context, uint32_t worker)
{
    shared *s = context;
    atomic_fetch_add(&s->seen[worker], 1);
    if (pthread_equal(pthread_self(), s->caller)) {
        s->caller_worker = worker;
    } else {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        if (!sigismember(&mask, SIGINT)) atomic_store(&s->signals_open, 1);
    }
    while (atomic_fetch_add(&s->next, 1) < 10000) {
    }
}

static void meet(void *context, uint32_t worker)
{
    (void)worker;
    pthread_barrier_wait(&((shared *)context)->barrier); /* returns only when all are here at once */
}

static void each_worker_runs_once(void **unused)
{
    (void)unused;
    for (uint32_t threads = 0; threads <= 8; threads++) {
        shared s = {0};
        s.caller = pthread_self();
        assert_int_equal(ggx_pool_run(threads, take_tiles, &s), GGX_OK);
        uint32_t workers = threads ? threads : 1;
        for (uint32_t i = 0; i < COUNT_OF(s.seen); i++) assert_int_equal(s.seen[i], i < workers);
        assert_int_equal(s.caller_worker, workers - 1);
        assert_int_equal(s.signals_open, 0);
    }
}

static void workers_run_at_the_same_time(void **unused)
{
    (void)unused;
    shared s = {0};
    pthread_barrier_init(&s.barrier, NULL, 5);
    assert_int_equal(ggx_pool_run(5, meet, &s), GGX_OK);
    pthread_barrier_destroy(&s.barrier);
}

static void the_callers_signals_stay_as_they_were(void **unused)
{
    (void)unused;
    shared s = {0};
    s.caller = pthread_self();
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(ggx_pool_run(3, take_tiles, &s), GGX_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++) assert_int_equal(sigismember(&before, i), sigismember(&after, i));
    assert_true(ggx_pool_cpus() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_runs_once),
        cmocka_unit_test(workers_run_at_the_same_time),
        cmocka_unit_test(the_callers_signals_stay_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
