/* The pipeline of lookup.h with a thread that reads keys. */
#include "base/exit_status.h"
#include "base/numbers.h"
#include "base/platform.h"
#include "base/signals.h"
#include "lookup/lookup.h"

#include <signal.h>
#include <time.h>

static void lock(struct lookup *lookup)
{
    (void)pthread_mutex_lock(&lookup->reading.mutex);
}

static void unlock(struct lookup *lookup)
{
    (void)pthread_mutex_unlock(&lookup->reading.mutex);
}

static void changed(struct lookup *lookup)
{
    (void)pthread_cond_broadcast(&lookup->reading.changed);
}

static void wait_for_change(struct lookup *lookup)
{
    (void)pthread_cond_wait(&lookup->reading.changed, &lookup->reading.mutex);
}

/* ---------------------------------------------------------------- the reading thread */

/* For input.h: errors are reported after the answers to all keys before. */
static bool drain(void *user)
{
    struct lookup *lookup = user;
    lock(lookup);
    while (!lookup->reading.stop && !(lookup->in_flight == 0 && lookup->reading.idle))
        wait_for_change(lookup);
    const bool more = !lookup->reading.stop;
    unlock(lookup);
    return more;
}

static bool stopping(void *user)
{
    struct lookup *lookup = user;
    lock(lookup);
    const bool stop = lookup->reading.stop;
    unlock(lookup);
    return stop;
}

/* With the lock held: wait until fewer than `limit` slots are in use. False: stop. */
static bool wait_for_room(struct lookup *lookup, const unsigned *limit)
{
    while (!lookup->reading.stop && lookup->in_flight >= *limit)
        wait_for_change(lookup);
    return !lookup->reading.stop;
}

/* With the lock held, except while keys are read. False: no more batches. */
static bool read_batch(struct lookup *lookup)
{
    static const unsigned slots = LOOKUP_SLOTS;
    if (!wait_for_room(lookup, &slots))
        return false;
    /* It stays the same slot while older ones are finished. */
    struct lookup_slot *slot = lookup_next_slot(lookup);
    slot->limit = lookup->batch_size;
    unlock(lookup);
    const int result = lookup_read_keys(lookup, slot);
    lock(lookup);
    if (result == INPUT_FAILED)
        lookup_add_status(lookup, lookup->reader->status);
    if (result != INPUT_MORE || !wait_for_room(lookup, &lookup->max_in_flight))
        return false;
    unlock(lookup);
    lookup_start_batch(lookup, slot);
    lock(lookup);
    lookup->in_flight++;
    lookup->reading.idle = false;
    changed(lookup);
    return true;
}

static void *read_keys(void *user)
{
    struct lookup *lookup = user;
    lock(lookup);
    while (read_batch(lookup))
        ;
    lookup->reading.ended = true;
    changed(lookup);
    unlock(lookup);
    return NULL;
}

/* Signals are for the calling thread, whose writes they interrupt. */
static int start_thread(struct lookup *lookup)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&lookup->reading.thread, NULL, read_keys, lookup);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* ---------------------------------------------------------------- the calling thread */

/* With the lock held: wait for a change, but at most 0.1 s, to notice a signal. */
static void wait_a_little(struct lookup *lookup)
{
    const double start = seconds_now();
    struct timespec limit;
    clock_gettime(PLATFORM_COND_CLOCK, &limit);
    limit.tv_nsec += 100000000;
    if (limit.tv_nsec >= 1000000000) {
        limit.tv_nsec -= 1000000000;
        limit.tv_sec++;
    }
    (void)pthread_cond_timedwait(&lookup->reading.changed, &lookup->reading.mutex, &limit);
    lookup->waits.reading += seconds_now() - start;
}

/* With the lock held: everything read so far is answered. Whoever writes the keys may wait for the
 * answers. */
static void become_idle(struct lookup *lookup)
{
    unlock(lookup);
    output_flush(lookup->answers.writer.output);
    lock(lookup);
    lookup->reading.idle = lookup->in_flight == 0;
    changed(lookup);
}

/* With the lock held, except while answers are written. */
static void write_answers(struct lookup *lookup)
{
    while (lookup_can_continue(lookup)) {
        if (lookup->in_flight == 0) {
            if (!lookup->reading.idle)
                become_idle(lookup);
            else if (lookup->reading.ended)
                break;
            else
                wait_a_little(lookup);
            continue;
        }
        struct lookup_slot *slot = &lookup->slots[lookup->oldest];
        unlock(lookup);
        const int status = lookup_finish_batch(lookup, slot);
        lock(lookup);
        lookup_add_status(lookup, status);
        if (!lookup->stopped)
            lookup_adapt_batch_size(lookup, slot);
        lookup->oldest = (lookup->oldest + 1) % LOOKUP_SLOTS;
        lookup->in_flight--;
        changed(lookup);
    }
    lookup->reading.stop = true;
    changed(lookup);
}

bool lookup_run_threaded(struct lookup *lookup)
{
    struct reading_thread *reading = &lookup->reading;
    struct input *input = &lookup->reader->input;
    if (pthread_mutex_init(&reading->mutex, NULL) != 0)
        return false;
    if (platform_cond_init(&reading->changed) != 0) {
        (void)pthread_mutex_destroy(&reading->mutex);
        return false;
    }
    reading->idle = true;
    input->drain = drain;
    input->stopping = stopping;
    input->drain_user = lookup;
    const bool started = start_thread(lookup) == 0;
    if (started) {
        lock(lookup);
        write_answers(lookup);
        unlock(lookup);
        (void)pthread_join(reading->thread, NULL);
    }
    input->stopping = NULL;
    (void)pthread_cond_destroy(&reading->changed);
    (void)pthread_mutex_destroy(&reading->mutex);
    return started;
}
