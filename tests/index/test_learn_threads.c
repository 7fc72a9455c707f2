/* Several threads use one learner: each takes snapshots, adds pages and gives snapshots back. Also
 * in a child process that is forked meanwhile. */
#include "learn_lists.h"

#include "scale.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 4, PAGES = 3000, WORDS = 2, ROOM = 50 };

typedef struct shared {
    struct ikv_learner *learner;
    uint64_t memory;
    size_t rounds;   /* 0: until `stop` */
    bool wrong_keys; /* add pages with wrong keys, too */
    atomic_bool stop;
    atomic_uint next_seed;
    atomic_uint wrong; /* only the main thread can use cmocka's assertions */
} shared;

/* A snapshot with wrong keys may stay unnoticed for a while, but it ascends. */
static bool snapshot_is_right(const struct ikv_fences *fences, bool wrong_keys)
{
    uint64_t key[WORDS];

    for (uint64_t i = 0; i < fences->count; i++) {
        dummy_key(WORDS, ikv_fence_page(fences, i), key);
        if (!wrong_keys && memcmp(key, ikv_fence(fences, i), sizeof(key)) != 0)
            return false;
        if (i > 0 && (ikv_fence_page(fences, i - 1) >= ikv_fence_page(fences, i) ||
                      ikv_words_compare(ikv_fence(fences, i - 1), ikv_fence(fences, i), WORDS) > 0))
            return false;
    }
    return true;
}

/* list_add without assertions. */
static void add_page(struct ikv_learned *list, uint64_t page)
{
    uint64_t *entry = list->entries + (size_t)list->count++ * list->words;

    entry[0] = page;
    dummy_key(WORDS, page, entry + 1);
}

static void *use_learner(void *argument)
{
    shared *all = argument;
    uint64_t memory[ROOM * (1 + WORDS)];
    struct ikv_learned list = {.entries = memory, .words = 1 + WORDS, .room = ROOM};
    rng_state rng = {atomic_fetch_add(&all->next_seed, 1)};
    struct ikv_learner_info info;

    for (size_t round = 0; all->rounds ? round < all->rounds : !atomic_load(&all->stop); round++) {
        const struct ikv_fences *fences = ikv_learner_acquire(all->learner);
        const struct ikv_fences *other = ikv_learner_acquire(all->learner);

        if (rng_below(&rng, 20) == 0 && !snapshot_is_right(fences, all->wrong_keys))
            atomic_fetch_add(&all->wrong, 1);
        if (other->count < fences->count && other->count > 0)
            atomic_fetch_add(&all->wrong, 1);
        ikv_learner_release(all->learner, other);
        list.count = 0;
        for (uint64_t i = rng_below(&rng, ROOM); i > 0; i--)
            add_page(&list, rng_below(&rng, PAGES));
        if (all->wrong_keys && list.count > 0 && rng_below(&rng, 40) == 0)
            memory[1] = UINT64_MAX;
        ikv_learner_add(all->learner, &list, 100);
        ikv_learner_get_info(all->learner, &info);
        if (info.bytes > all->memory || info.max_bytes > all->memory)
            atomic_fetch_add(&all->wrong, 1);
        ikv_learner_release(all->learner, fences);
    }
    return NULL;
}

static void make(shared *ret, uint64_t memory, size_t rounds)
{
    struct ikv_geometry index;

    memset(ret, 0, sizeof(*ret));
    ret->memory = memory;
    ret->rounds = rounds;
    dummy_index(&index, WORDS, PAGES);
    assert_int_equal(ikv_learner_new(&index, memory, &ret->learner), 0);
    assert_non_null(ret->learner);
}

static void run_threads(shared *all)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_learner, all), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&all->wrong), 0);
}

/* Add all pages. No snapshot is in use, so they need not wait. */
static void add_all(struct ikv_learner *learner)
{
    struct ikv_learned list;

    list_make(&list, WORDS, PAGES);
    for (uint64_t page = 0; page < PAGES; page++)
        list_add(&list, page);
    ikv_learner_add(learner, &list, PAGES);
    list_free(&list);
}

static void threads_learn_together(void **state)
{
    (void)state;
    for (size_t round = 0; round < test_scaled(40); round++) {
        shared all;

        make(&all, 1 << 20, 1 + 50 * (round % 8));
        atomic_store(&all.next_seed, (unsigned)(100 * round));
        run_threads(&all);
        add_all(all.learner);
        assert_int_equal(known_pages(all.learner, WORDS, PAGES), PAGES);
        assert_false(ikv_learner_learns(all.learner));
        ikv_learner_free(all.learner);
    }
}

static void threads_reach_memory_limit(void **state)
{
    (void)state;
    for (size_t round = 0; round < test_scaled(40); round++) {
        shared all;

        make(&all, 20000, 500);
        run_threads(&all);
        add_all(all.learner);
        assert_in_range(known_pages(all.learner, WORDS, PAGES), 200, PAGES / 2);
        assert_false(ikv_learner_learns(all.learner));
        ikv_learner_free(all.learner);
    }
}

static void threads_find_contradictions(void **state)
{
    size_t discarded = 0;

    (void)state;
    for (size_t round = 0; round < test_scaled(40); round++) {
        shared all;

        make(&all, 1 << 20, 200);
        all.wrong_keys = true;
        atomic_store(&all.next_seed, (unsigned)(100 * round));
        run_threads(&all);
        discarded +=
            known_pages(all.learner, WORDS, PAGES) == 0 && !ikv_learner_learns(all.learner);
        ikv_learner_free(all.learner);
    }
    assert_true(discarded > 0);
}

/* The child has only one thread, though other threads of the parent may have been inside the
 * learner. It must not block. */
static void forked_child_never_blocks(void **state)
{
    pthread_t threads[2];
    shared all;

    (void)state;
    if (test_is_sanitized()) /* the locks of the thread sanitizer do not survive a fork */
        skip();
    make(&all, 1 << 20, 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_learner, &all), 0);
    for (size_t i = 0; i < test_scaled(60); i++) {
        const pid_t child = fork();
        int status = 0;

        assert_true(child >= 0);
        if (child == 0) {
            (void)alarm(20);
            all.rounds = 50;
            (void)use_learner(&all);
            ikv_learner_free(all.learner);
            _exit(atomic_load(&all.wrong) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        if (!ikv_learner_learns(all.learner)) { /* all pages are known: start again */
            atomic_store(&all.stop, true);
            for (size_t t = 0; t < 2; t++)
                assert_int_equal(pthread_join(threads[t], NULL), 0);
            ikv_learner_free(all.learner);
            make(&all, 1 << 20, 0);
            for (size_t t = 0; t < 2; t++)
                assert_int_equal(pthread_create(&threads[t], NULL, use_learner, &all), 0);
        }
    }
    atomic_store(&all.stop, true);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&all.wrong), 0);
    ikv_learner_free(all.learner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_learn_together),
        cmocka_unit_test(threads_reach_memory_limit),
        cmocka_unit_test(threads_find_contradictions),
        cmocka_unit_test(forked_child_never_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
