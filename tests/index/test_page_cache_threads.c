/*
 * The cache of index pages used by many threads, and after a fork. The first word of a copy states
 * its page and version, and all other words follow from it. Readers check copies when they pin them
 * and before they release them.
 */
#include "core/index/page_cache.h"

#include "platform.h"
#include "rng.h"
#include "scale.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS_MAX 8
#define WORDS_MAX   512
#define GOOD        0u /* version of a page; the other versions are damaged copies */
#define VERSIONS    4u

/* Threads other than the test's own cannot use assertions, which leave by longjmp. */
typedef struct cache_thread {
    pthread_t thread;
    struct ikv_page_cache *cache;
    uint64_t pages;
    uint32_t words; /* of 8 bytes, in a page */
    size_t steps;
    atomic_bool *stop; /* ends the thread early; may be NULL */
    rng_state rng;
    size_t hits;
    size_t kept;
    char failure[128]; /* description of the first failure, or "" */
} cache_thread;

static uint64_t word_of(uint64_t first, uint32_t i)
{
    rng_state rng = {first * WORDS_MAX + i};

    return i == 0 ? first : rng_next(&rng);
}

static uint64_t first_word(uint64_t page, unsigned version)
{
    return page * VERSIONS + version;
}

static bool is_whole(const unsigned char *bytes, uint64_t page, uint32_t words, unsigned *version)
{
    uint64_t first;
    uint64_t word;

    memcpy(&first, bytes, sizeof first);
    *version = (unsigned)(first % VERSIONS);
    for (uint32_t i = 1; i < words; i++) {
        memcpy(&word, bytes + 8 * (size_t)i, sizeof word);
        if (word != word_of(first, i))
            return false;
    }
    return first / VERSIONS == page;
}

static void failed(cache_thread *worker, const char *what, uint64_t page)
{
    if (worker->failure[0] == '\0')
        snprintf(worker->failure, sizeof worker->failure, "page %llu: %s", (unsigned long long)page,
                 what);
}

static void put_page(cache_thread *worker, uint64_t page)
{
    const unsigned version =
        rng_below(&worker->rng, 8) ? GOOD : (unsigned)rng_below(&worker->rng, VERSIONS);
    const bool verified = version == GOOD && rng_below(&worker->rng, 2);
    uint64_t words[WORDS_MAX];

    for (uint32_t i = 0; i < worker->words; i++)
        words[i] = word_of(first_word(page, version), i);
    worker->kept += ikv_page_cache_put(worker->cache, page, words, 8 * worker->words, verified);
}

/* Drops damaged copies, and sometimes good ones. Puts the page if it is not cached. */
static void get_page(cache_thread *worker, uint64_t page)
{
    struct ikv_page_pin pin;
    unsigned version;
    unsigned again;
    const unsigned char *bytes = ikv_page_cache_get(worker->cache, page, &pin);

    if (!bytes) {
        put_page(worker, page);
        return;
    }
    worker->hits++;
    if (!is_whole(bytes, page, worker->words, &version))
        failed(worker, "a hit has wrong bytes", page);
    if (version != GOOD && pin.verified)
        failed(worker, "a damaged copy is marked as verified", page);
    if (rng_below(&worker->rng, 8) == 0)
        sched_yield();
    if (version != GOOD || rng_below(&worker->rng, 64) == 0)
        ikv_page_cache_drop(worker->cache, &pin);
    else if (!pin.verified)
        ikv_page_cache_set_verified(&pin);
    if (!is_whole(bytes, page, worker->words, &again) || again != version)
        failed(worker, "a pinned page changed", page);
    ikv_page_cache_release(&pin);
}

static void *run_at_random(void *argument)
{
    cache_thread *worker = argument;

    for (size_t step = 0; step < worker->steps && !worker->failure[0]; step++) {
        uint64_t page = rng_below(&worker->rng, worker->pages);
        if (worker->stop && atomic_load(worker->stop))
            break;
        if (rng_below(&worker->rng, 4) == 0)
            put_page(worker, page);
        else
            get_page(worker, page);
    }
    return NULL;
}

static void start(cache_thread *workers, unsigned count, const cache_thread *task,
                  void *(*run)(void *))
{
    for (unsigned i = 0; i < count; i++) {
        workers[i] = *task;
        workers[i].rng.state = 100 * i + 1;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, run, &workers[i]), 0);
    }
}

/* Fails the test if a thread failed; adds up hits and kept pages in *task. */
static void join(cache_thread *workers, unsigned count, cache_thread *task)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (unsigned i = 0; i < count; i++) {
        assert_string_equal(workers[i].failure, "");
        task->hits += workers[i].hits;
        task->kept += workers[i].kept;
    }
}

/* Drops all pages and returns their number. A page that is still found after that was cached
 * twice. */
static uint64_t drop_all(struct ikv_page_cache *cache, uint64_t pages, uint64_t *ret_twice)
{
    struct ikv_page_pin pin;
    uint64_t count = 0;

    *ret_twice = 0;
    for (uint64_t page = 0; page < pages; page++) {
        if (!ikv_page_cache_get(cache, page, &pin))
            continue;
        count++;
        ikv_page_cache_drop(cache, &pin);
        ikv_page_cache_release(&pin);
        if (ikv_page_cache_get(cache, page, &pin)) {
            ++*ret_twice;
            ikv_page_cache_release(&pin);
        }
    }
    return count;
}

static struct ikv_page_cache *cache_new(uint64_t frames, uint64_t pages, uint32_t page_size)
{
    struct ikv_page_cache_info info;
    struct ikv_page_cache *cache = NULL;

    for (uint64_t memory = frames * page_size;; memory += 64) {
        assert_int_equal(ikv_page_cache_new(memory, pages, page_size, &cache), 0);
        ikv_page_cache_info(cache, &info);
        if (info.pages_max >= frames)
            break;
        ikv_page_cache_free(cache);
    }
    assert_int_equal(info.pages_max, frames);
    return cache;
}

/* ---------------------------------------------------------------- tests */

static void run_threads(unsigned threads, uint64_t frames, uint64_t pages, uint32_t words,
                        size_t steps)
{
    struct ikv_page_cache *cache = cache_new(frames, pages, 8 * words);
    cache_thread task = {
        .cache = cache, .pages = pages, .words = words, .steps = test_scaled(steps)};
    cache_thread workers[THREADS_MAX];
    struct ikv_page_cache_info info;
    uint64_t twice;

    start(workers, threads, &task, run_at_random);
    join(workers, threads, &task);
    assert_true(task.hits > task.steps / 100 && task.kept > task.steps / 100);

    ikv_page_cache_info(cache, &info);
    assert_true(info.pages <= frames);
    assert_int_equal(drop_all(cache, pages, &twice), info.pages);
    assert_int_equal(twice, 0);
    ikv_page_cache_info(cache, &info);
    assert_int_equal(info.pages, 0);
    task.hits = task.kept = 0;
    for (uint64_t page = 0; page < frames; page++)
        put_page(&task, page);
    assert_int_equal(task.kept, frames); /* no frame is lost */
    ikv_page_cache_free(cache);
}

static void small_cache(void **state)
{
    (void)state;
    run_threads(8, 14, 40, 64, 60000);
}

static void single_set(void **state)
{
    (void)state;
    run_threads(5, 7, 12, 512, 20000);
}

static void whole_index(void **state)
{
    (void)state;
    run_threads(4, 50, 50, 100, 30000);
}

/* If all threads only get one page, each get is a hit. */
static void *run_at_one_page(void *argument)
{
    cache_thread *worker = argument;
    struct ikv_page_pin pin;
    unsigned version;

    for (size_t step = 0; step < worker->steps; step++) {
        const unsigned char *bytes = ikv_page_cache_get(worker->cache, 3, &pin);
        if (!bytes) {
            failed(worker, "a cached page was not found", 3);
            break;
        }
        if (!is_whole(bytes, 3, worker->words, &version))
            failed(worker, "a hit has wrong bytes", 3);
        ikv_page_cache_release(&pin);
    }
    return NULL;
}

static void all_threads_get_one_page(void **state)
{
    struct ikv_page_cache *cache = cache_new(7, 7, 16);
    cache_thread task = {.cache = cache, .pages = 7, .words = 2, .steps = test_scaled(100000)};
    cache_thread workers[THREADS_MAX];

    (void)state;
    put_page(&task, 3);
    assert_int_equal(task.kept, 1);
    start(workers, THREADS_MAX, &task, run_at_one_page);
    join(workers, THREADS_MAX, &task);
    ikv_page_cache_free(cache);
}

/* Put and drop a page repeatedly while other threads get it, so that gets see every state of a
 * way. */
static void *put_and_drop(void *argument)
{
    cache_thread *worker = argument;
    const uint64_t page = rng_below(&worker->rng, worker->pages);
    const uint64_t words[2] = {word_of(first_word(page, GOOD), 0),
                               word_of(first_word(page, GOOD), 1)};
    struct ikv_page_pin pin;
    unsigned version;

    for (size_t step = 0; step < worker->steps; step++) {
        const unsigned char *bytes = ikv_page_cache_get(worker->cache, page, &pin);
        if (!bytes) {
            worker->kept += ikv_page_cache_put(worker->cache, page, words, 16, false);
            continue;
        }
        if (!is_whole(bytes, page, 2, &version))
            failed(worker, "a hit has wrong bytes", page);
        ikv_page_cache_drop(worker->cache, &pin);
        ikv_page_cache_release(&pin);
        worker->hits++;
    }
    return NULL;
}

static void pages_put_and_dropped(void **state)
{
    struct ikv_page_cache *cache = cache_new(7, 7, 16);
    cache_thread task = {.cache = cache, .pages = 2, .words = 2, .steps = test_scaled(200000)};
    cache_thread workers[THREADS_MAX];
    uint64_t twice;

    (void)state;
    start(workers, 4, &task, put_and_drop);
    join(workers, 4, &task);
    (void)drop_all(cache, 2, &twice);
    assert_int_equal(twice, 0);
    task.kept = 0;
    for (uint64_t page = 0; page < 7; page++)
        put_page(&task, page);
    assert_int_equal(task.kept, 7); /* no pin is left */
    ikv_page_cache_free(cache);
}

/* All threads put the same pages at the same time: only one copy of each may be cached. Pages are
 * large, so that a thread finds copies that another has not finished. */
#define SLOW_PAGE_SIZE 65536u

struct same_pages {
    struct test_barrier barrier;
    struct ikv_page_cache *cache;
    size_t rounds;
    atomic_size_t kept;
};

static void *put_same_pages(void *argument)
{
    static const unsigned char zero[SLOW_PAGE_SIZE];
    struct same_pages *same = argument;

    for (size_t round = 0; round < same->rounds; round++) {
        test_barrier_wait(&same->barrier);
        for (uint64_t page = 0; page < 4; page++)
            same->kept += ikv_page_cache_put(same->cache, page, zero, sizeof zero, false);
        test_barrier_wait(&same->barrier);
    }
    return NULL;
}

static void same_pages_put_by_all_threads(void **state)
{
    struct same_pages same = {.cache = cache_new(7, 7, SLOW_PAGE_SIZE),
                              .rounds = test_scaled(2000)};
    pthread_t threads[2];
    size_t wrong = 0;

    (void)state;
    assert_int_equal(test_barrier_init(&same.barrier, 3), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_same_pages, &same), 0);
    for (size_t round = 0; round < same.rounds; round++) {
        struct ikv_page_cache_info info;
        uint64_t twice;
        same.kept = 0;
        test_barrier_wait(&same.barrier);
        test_barrier_wait(&same.barrier);
        ikv_page_cache_info(same.cache, &info);
        const uint64_t count = drop_all(same.cache, 7, &twice);
        wrong += twice > 0 || count != info.pages || count != same.kept;
        while (drop_all(same.cache, 7, &twice) > 0)
            ;
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    test_barrier_destroy(&same.barrier);
    assert_int_equal(wrong, 0);
    ikv_page_cache_free(same.cache);
}

/* ---------------------------------------------------------------- fork */

#define FORK_THREADS 3u
#define FORK_FRAMES  70u

/* Returns the exit status of the child, 0 if everything worked. */
static int use_in_child(const cache_thread *task)
{
    cache_thread worker = *task;
    uint64_t twice;

    worker.stop = NULL;
    worker.steps = 2000;
    worker.rng.state = 7;
    (void)run_at_random(&worker);
    if (worker.failure[0] != '\0')
        return 1;
    if (worker.hits == 0 || worker.kept == 0)
        return 2;
    (void)drop_all(worker.cache, worker.pages, &twice);
    if (twice != 0)
        return 3;
    /* Threads of the parent may have held a way, or the lock of a set, in the child's copy. */
    worker.kept = 0;
    for (uint64_t page = 0; page < FORK_FRAMES; page++)
        put_page(&worker, page);
    return worker.kept >= FORK_FRAMES - 7 * FORK_THREADS ? 0 : 4;
}

static void fork_while_threads_use_cache(void **state)
{
    struct ikv_page_cache *cache = cache_new(FORK_FRAMES, 200, 4096);
    atomic_bool stop = false;
    cache_thread task = {
        .cache = cache, .pages = 200, .words = 512, .steps = SIZE_MAX, .stop = &stop};
    cache_thread workers[FORK_THREADS];
    size_t forks = test_scaled(40);
    int status = 0;

    (void)state;
    start(workers, FORK_THREADS, &task, run_at_random);
    /* No assertions while the threads use variables of this function. */
    while (forks-- > 0 && status == 0) {
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(60); /* so that a deadlock fails the test */
            _exit(use_in_child(&task));
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            status = -1;
    }
    atomic_store(&stop, true);
    join(workers, FORK_THREADS, &task);
    assert_int_equal(status, 0);
    ikv_page_cache_free(cache);
}

/* Pages pinned by the parent stay pinned in the child and do not affect other pages. */
static void fork_with_pinned_pages(void **state)
{
    struct ikv_page_cache *cache = cache_new(14, 100, 64);
    cache_thread task = {.cache = cache, .pages = 100, .words = 8, .steps = 3000};
    struct ikv_page_pin pins[7];

    (void)state;
    for (uint64_t page = 0; page < 14; page++)
        put_page(&task, page);
    for (uint64_t page = 0; page < 14; page += 2) /* all of the first set */
        assert_non_null(ikv_page_cache_get(cache, page, &pins[page / 2]));
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsigned version;
        struct ikv_page_pin pin;
        const unsigned char *bytes;

        alarm(60);
        task.rng.state = 3;
        task.kept = 0;
        for (uint64_t page = 14; page < 100; page++)
            put_page(&task, page);
        if (task.kept != 43 / 8) /* in the second set only */
            _exit(1);
        for (uint64_t page = 0; page < 14; page += 2) {
            bytes = ikv_page_cache_get(cache, page, &pin);
            if (!bytes || !is_whole(bytes, page, 8, &version))
                _exit(2);
            ikv_page_cache_release(&pin);
        }
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < 7; i++)
        ikv_page_cache_release(&pins[i]);
    ikv_page_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cache),
        cmocka_unit_test(single_set),
        cmocka_unit_test(whole_index),
        cmocka_unit_test(all_threads_get_one_page),
        cmocka_unit_test(pages_put_and_dropped),
        cmocka_unit_test(same_pages_put_by_all_threads),
        cmocka_unit_test(fork_while_threads_use_cache),
        cmocka_unit_test(fork_with_pinned_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
