#include "mmap/populate.h"

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/thread.h"
#include "core/platform/platform.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

/* A block that was resident in part may be entered again after this time. */
#define AGAIN_NS UINT64_C(1000000000)

/* Or once this many of its pages in a row were resident, but not entered: the rest of it may be,
 * too. If it is half, that happens every 64th time. */
#define AGAIN_STREAK 6

/* Seconds without work after which the thread ends. */
#define IDLE_SECONDS 1

#define NO_BLOCK UINT64_MAX

enum state { STATE_NONE, STATE_RUNNING, STATE_ENDED };

struct ikv_populator {
    struct ikv_background *background;
    struct ikv_process process;   /* that created it */
    struct ikv_populator *parent; /* of the process that forked this one; NULL: none */

    uint64_t words;           /* of the bitmaps, a bit for each block */
    _Atomic uint64_t *wanted; /* to be entered */
    _Atomic uint64_t *done;   /* entered since `done_since` */
    _Atomic uint64_t done_since;
    atomic_uchar *streak; /* of each block: pages in a row found resident since it was entered */
    _Atomic uint64_t waiting; /* bits set in `wanted`, or about to be */
    atomic_bool stop;

    pthread_mutex_t lock; /* for the rest */
    pthread_cond_t work;
    enum state state;
    pthread_t thread; /* unless STATE_NONE */
};

/* ---------------------------------------------------------------- the thread */

/* Take a wanted block, searching from *cursor on. */
static uint64_t take_block(struct ikv_populator *populator, uint64_t *cursor)
{
    for (uint64_t n = 0; n <= populator->words; n++) {
        const uint64_t word = *cursor / 64;
        const uint64_t bits =
            atomic_load(&populator->wanted[word]) & (UINT64_MAX << (*cursor % 64));
        if (bits) {
            const unsigned bit = (unsigned)__builtin_ctzll(bits);
            const uint64_t block = word * 64 + bit;
            /* First: who sees neither bit would want it again. */
            atomic_fetch_or(&populator->done[word], (uint64_t)1 << bit);
            atomic_fetch_and(&populator->wanted[word], ~((uint64_t)1 << bit));
            *cursor = block;
            return block;
        }
        *cursor = word + 1 < populator->words ? (word + 1) * 64 : 0;
    }
    return NO_BLOCK;
}

static void enter_blocks(struct ikv_populator *populator, uint64_t *cursor)
{
    const struct ikv_background *background = populator->background;

    while (atomic_load(&populator->waiting) > 0 && !atomic_load(&populator->stop)) {
        const uint64_t block = take_block(populator, cursor);
        if (block == NO_BLOCK) { /* its bit is about to be set */
            (void)sched_yield();
            continue;
        }
        background->enter(background->user, block, &populator->stop);
        atomic_fetch_sub(&populator->waiting, 1);
    }
}

/* Wait for work. False: the thread ends. The lock is held. */
static bool wait_for_work(struct ikv_populator *populator)
{
    struct timespec until;
    int code = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_SECONDS;
    while (code == 0 && atomic_load(&populator->waiting) == 0 && !atomic_load(&populator->stop))
        code = pthread_cond_timedwait(&populator->work, &populator->lock, &until);
    return atomic_load(&populator->waiting) > 0 && !atomic_load(&populator->stop);
}

static void *populator_main(void *argument)
{
    struct ikv_populator *populator = argument;
    uint64_t cursor = 0;

    ikv_platform_lower_priority(); /* batches that read meanwhile are faster than those that wait */
    (void)pthread_mutex_lock(&populator->lock);
    while (wait_for_work(populator)) {
        (void)pthread_mutex_unlock(&populator->lock);
        enter_blocks(populator, &cursor);
        (void)pthread_mutex_lock(&populator->lock);
    }
    populator->state = STATE_ENDED;
    (void)pthread_mutex_unlock(&populator->lock);
    return NULL;
}

/* Make sure that a thread sees new work. False: none can be started. */
static bool wake(struct ikv_populator *populator)
{
    (void)pthread_mutex_lock(&populator->lock);
    if (populator->state == STATE_ENDED) {
        (void)pthread_join(populator->thread, NULL);
        populator->state = STATE_NONE;
    }
    if (populator->state == STATE_NONE &&
        ikv_thread_create(&populator->thread, populator_main, populator) == 0)
        populator->state = STATE_RUNNING;
    const bool is_running = populator->state == STATE_RUNNING;
    if (is_running)
        (void)pthread_cond_signal(&populator->work);
    (void)pthread_mutex_unlock(&populator->lock);
    return is_running;
}

/* ---------------------------------------------------------------- life */

static void destroy(struct ikv_populator *populator)
{
    /* In a forked child the lock may be held for ever, and there is no thread. */
    if (!ikv_process_is_forked(&populator->process)) {
        atomic_store(&populator->stop, true);
        (void)pthread_mutex_lock(&populator->lock);
        (void)pthread_cond_signal(&populator->work);
        const bool has_thread = populator->state != STATE_NONE;
        (void)pthread_mutex_unlock(&populator->lock);
        if (has_thread)
            (void)pthread_join(populator->thread, NULL);
        (void)pthread_cond_destroy(&populator->work);
        (void)pthread_mutex_destroy(&populator->lock);
    }
    ikv_process_unmark(&populator->process);
    free((void *)populator->wanted);
    free((void *)populator->done);
    free((void *)populator->streak);
    free(populator);
}

/* NULL: no memory. */
static struct ikv_populator *create(struct ikv_background *background, struct ikv_populator *parent)
{
    struct ikv_populator *populator = calloc(1, sizeof *populator);

    if (!populator)
        return NULL;
    populator->background = background;
    populator->parent = parent;
    populator->words = (background->blocks - 1) / 64 + 1;
    populator->wanted = calloc((size_t)populator->words, sizeof *populator->wanted);
    populator->done = calloc((size_t)populator->words, sizeof *populator->done);
    populator->streak = calloc((size_t)background->blocks, sizeof *populator->streak);
    if (populator->wanted && populator->done && populator->streak &&
        pthread_mutex_init(&populator->lock, NULL) == 0) {
        if (pthread_cond_init(&populator->work, NULL) == 0) {
            ikv_process_mark(&populator->process);
            return populator;
        }
        (void)pthread_mutex_destroy(&populator->lock);
    }
    free((void *)populator->wanted);
    free((void *)populator->done);
    free((void *)populator->streak);
    free(populator);
    return NULL;
}

/* This process' own. NULL: there is none, and no memory. */
static struct ikv_populator *current(struct ikv_background *background)
{
    struct ikv_populator *populator = atomic_load(&background->populator);

    while (!populator || ikv_process_is_forked(&populator->process)) {
        struct ikv_populator *created = create(background, populator);
        if (!created)
            return NULL;
        if (atomic_compare_exchange_strong(&background->populator, &populator, created))
            return created;
        destroy(created); /* another thread was faster */
    }
    return populator;
}

void ikv_background_stop(struct ikv_background *background)
{
    struct ikv_populator *populator = atomic_load(&background->populator);

    while (populator) {
        struct ikv_populator *parent = populator->parent;
        destroy(populator);
        populator = parent;
    }
    atomic_store(&background->populator, NULL);
}

/* ---------------------------------------------------------------- wants */

static void forget_done(struct ikv_populator *populator)
{
    for (uint64_t i = 0; i < populator->words; i++)
        atomic_store_explicit(&populator->done[i], 0, memory_order_relaxed);
}

void ikv_background_reset(struct ikv_background *background)
{
    struct ikv_populator *populator = atomic_load(&background->populator);

    if (populator)
        forget_done(populator);
}

bool ikv_background_is_wanted(const struct ikv_background *background, uint64_t block)
{
    const struct ikv_populator *populator = atomic_load(&background->populator);

    return populator && !ikv_process_is_forked(&populator->process) &&
           (atomic_load_explicit(&populator->wanted[block / 64], memory_order_relaxed) >>
                (block % 64) &
            1);
}

uint64_t ikv_background_waiting(const struct ikv_background *background)
{
    const struct ikv_populator *populator = atomic_load(&background->populator);

    return populator && !ikv_process_is_forked(&populator->process)
               ? atomic_load(&populator->waiting)
               : 0;
}

void ikv_background_note_absent(const struct ikv_background *background, uint64_t block)
{
    struct ikv_populator *populator = atomic_load(&background->populator);

    if (populator && !ikv_process_is_forked(&populator->process) &&
        atomic_load_explicit(&populator->streak[block], memory_order_relaxed) > 0)
        atomic_store_explicit(&populator->streak[block], 0, memory_order_relaxed);
}

/* Whether a block that was entered is to stay so. Concurrent updates may count as one. */
static bool is_done(struct ikv_populator *populator, uint64_t block)
{
    const uint64_t bit = (uint64_t)1 << (block % 64);
    const unsigned streak =
        atomic_load_explicit(&populator->streak[block], memory_order_relaxed) + 1u;

    if (!(atomic_load(&populator->done[block / 64]) & bit))
        return false;
    atomic_store_explicit(&populator->streak[block],
                          (unsigned char)(streak < AGAIN_STREAK ? streak : 0),
                          memory_order_relaxed);
    return streak < AGAIN_STREAK;
}

enum ikv_want ikv_background_want(struct ikv_background *background, uint64_t block, uint64_t now)
{
    struct ikv_populator *populator = current(background);
    const uint64_t bit = (uint64_t)1 << (block % 64);

    if (!populator)
        return IKV_WANT_FAILS;
    uint64_t since = atomic_load_explicit(&populator->done_since, memory_order_relaxed);
    if (now - since > AGAIN_NS &&
        atomic_compare_exchange_strong(&populator->done_since, &since, now))
        forget_done(populator);
    if (atomic_load(&populator->wanted[block / 64]) & bit)
        return IKV_WANT_WAITS;
    if (is_done(populator, block))
        return IKV_WANT_DONE;
    /* Before the bit is set, so that the thread never counts below zero. */
    const bool is_first = atomic_fetch_add(&populator->waiting, 1) == 0;
    if (atomic_fetch_or(&populator->wanted[block / 64], bit) & bit)
        atomic_fetch_sub(&populator->waiting, 1); /* another thread was faster */
    return is_first && !wake(populator) ? IKV_WANT_FAILS : IKV_WANT_WAITS;
}
