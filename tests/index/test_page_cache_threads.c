/*
 * The cache of index pages in many threads, and after a fork. Every copy of a page says what it is
 * in its first word and follows from that, so a reader can tell a whole copy of the right page from
 * anything else; he looks at it at the beginning and at the end of his pin.
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
#define GOOD        0u /* versions of a page; the others stand for damaged ones */
#define VERSIONS    4u

/* What a thread works on and what it has to say. cmocka's assertions leave by longjmp and so may
 * not be used outside of the test's own thread. */
typedef struct cache_thread {
    pthread_t thread;
    struct ikv_page_cache *cache;
    uint64_t pages;
    uint32_t words; /* of 8 bytes, in a page */
    size_t steps;
    atomic_bool *stop; /* NULL: not before all steps are done */
    rng_state rng;
    size_t hits;
    size_t kept;
    char failure[128]; /* "": none */
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

static void offer(cache_thread *worker, uint64_t page)
{
    const unsigned version =
        rng_below(&worker->rng, 8) ? GOOD : (unsigned)rng_below(&worker->rng, VERSIONS);
    const bool verified = version == GOOD && rng_below(&worker->rng, 2);
    uint64_t words[WORDS_MAX];

    for (uint32_t i = 0; i < worker->words; i++)
        words[i] = word_of(first_word(page, version), i);
    worker->kept += ikv_page_cache_put(worker->cache, page, words, 8 * worker->words, verified);
}

/* Damaged copies are dropped, now and then good ones, too. */
static void use(cache_thread *worker, uint64_t page)
{
    struct ikv_page_pin pin;
    unsigned version;
    unsigned again;
    const unsigned char *bytes = ikv_page_cache_get(worker->cache, page, &pin);

    if (!bytes) {
        offer(worker, page);
        return;
    }
    worker->hits++;
    if (!is_whole(bytes, page, worker->words, &version))
        failed(worker, "a hit has not its bytes", page);
    if (version != GOOD && pin.verified)
        failed(worker, "a damaged copy counts as verified", page);
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
            offer(worker, page);
        else
            use(worker, page);
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

/* Ends the test if any has something to say; adds up hits and kept pages in *task. */
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

/* How many pages are there; all are dropped. A page that is there twice would be there still. */
static uint64_t drop_all(struct ikv_page_cache *cache, uint64_t pages, uint64_t *ret_twice)
{
    struct ikv_page_pin pin;
    uint64_t there = 0;

    *ret_twice = 0;
    for (uint64_t page = 0; page < pages; page++) {
        if (!ikv_page_cache_get(cache, page, &pin))
            continue;
        there++;
        ikv_page_cache_drop(cache, &pin);
        ikv_page_cache_release(&pin);
        if (ikv_page_cache_get(cache, page, &pin)) {
            ++*ret_twice;
            ikv_page_cache_release(&pin);
        }
    }
    return there;
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
        offer(&task, page);
    assert_int_equal(task.kept, frames); /* no place is lost */
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

/* With all threads at one page at once, each get is a hit. */
static void *run_at_one_page(void *argument)
{
    cache_thread *worker = argument;
    struct ikv_page_pin pin;
    unsigned version;

    for (size_t step = 0; step < worker->steps; step++) {
        const unsigned char *bytes = ikv_page_cache_get(worker->cache, 3, &pin);
        if (!bytes) {
            failed(worker, "it is there, but was not found", 3);
            break;
        }
        if (!is_whole(bytes, 3, worker->words, &version))
            failed(worker, "a hit has not its bytes", 3);
        ikv_page_cache_release(&pin);
    }
    return NULL;
}

static void one_page_that_all_want(void **state)
{
    struct ikv_page_cache *cache = cache_new(7, 7, 16);
    cache_thread task = {.cache = cache, .pages = 7, .words = 2, .steps = test_scaled(100000)};
    cache_thread workers[THREADS_MAX];

    (void)state;
    offer(&task, 3);
    assert_int_equal(task.kept, 1);
    start(workers, THREADS_MAX, &task, run_at_one_page);
    join(workers, THREADS_MAX, &task);
    ikv_page_cache_free(cache);
}

/* Put and dropped, as fast as can be, while others look it up: gets meet every change of a way. */
static void *run_coming_and_going(void *argument)
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
            failed(worker, "a hit has not its bytes", page);
        ikv_page_cache_drop(worker->cache, &pin);
        ikv_page_cache_release(&pin);
        worker->hits++;
    }
    return NULL;
}

static void pages_that_come_and_go(void **state)
{
    struct ikv_page_cache *cache = cache_new(7, 7, 16);
    cache_thread task = {.cache = cache, .pages = 2, .words = 2, .steps = test_scaled(200000)};
    cache_thread workers[THREADS_MAX];
    uint64_t twice;

    (void)state;
    start(workers, 4, &task, run_coming_and_going);
    join(workers, 4, &task);
    (void)drop_all(cache, 2, &twice);
    assert_int_equal(twice, 0);
    task.kept = 0;
    for (uint64_t page = 0; page < 7; page++)
        offer(&task, page);
    assert_int_equal(task.kept, 7); /* no pin is left behind */
    ikv_page_cache_free(cache);
}

/* All threads put the same pages, in steps: of each page there must be one copy. Copying takes a
 * while, so that one thread meets what the other has not done yet. */
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

static void pages_put_by_all_at_once(void **state)
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
        const uint64_t there = drop_all(same.cache, 7, &twice);
        wrong += twice > 0 || there != info.pages || there != same.kept;
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

/* In the child. 0: all is well. */
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
    /* A thread that was left behind holds a way, or the turn of a set. */
    worker.kept = 0;
    for (uint64_t page = 0; page < FORK_FRAMES; page++)
        offer(&worker, page);
    return worker.kept >= FORK_FRAMES - 7 * FORK_THREADS ? 0 : 4;
}

static void forked_in_the_midst(void **state)
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
    /* Nothing is asserted while the threads use what lies here. */
    while (forks-- > 0 && status == 0) {
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(60); /* a hang ends as a failure */
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

/* What the parent had pinned stays so in the child, and in the way of nothing else. */
static void forked_with_pages_pinned(void **state)
{
    struct ikv_page_cache *cache = cache_new(14, 100, 64);
    cache_thread task = {.cache = cache, .pages = 100, .words = 8, .steps = 3000};
    struct ikv_page_pin pins[7];

    (void)state;
    for (uint64_t page = 0; page < 14; page++)
        offer(&task, page);
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
            offer(&task, page);
        if (task.kept != 43 / 8) /* of the second set */
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
        cmocka_unit_test(one_page_that_all_want),
        cmocka_unit_test(pages_that_come_and_go),
        cmocka_unit_test(pages_put_by_all_at_once),
        cmocka_unit_test(forked_in_the_midst),
        cmocka_unit_test(forked_with_pages_pinned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
