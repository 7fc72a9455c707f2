/* The pipeline of lookup.h with threads. */
#include "base/exit_status.h"
#include "base/numbers.h"
#include "base/platform.h"
#include "base/signals.h"
#include "lookup/lookup.h"

#include <signal.h>
#include <time.h>

static void lock(struct lookup *lookup)
{
    (void)pthread_mutex_lock(&lookup->pipeline.mutex);
}

static void unlock(struct lookup *lookup)
{
    (void)pthread_mutex_unlock(&lookup->pipeline.mutex);
}

static void changed(struct lookup *lookup)
{
    (void)pthread_cond_broadcast(&lookup->pipeline.changed);
}

/* What one thread waits for: every change allows at most one more to read. */
static void pass_turn(struct lookup *lookup)
{
    (void)pthread_cond_signal(&lookup->pipeline.turn);
}

static void end_turns(struct lookup *lookup)
{
    (void)pthread_cond_broadcast(&lookup->pipeline.turn);
}

static void wait_for_change(struct lookup *lookup)
{
    (void)pthread_cond_wait(&lookup->pipeline.changed, &lookup->pipeline.mutex);
}

/* ---------------------------------------------------------------- a thread */

/* For input.h: errors are reported after the answers to all lines before. */
static bool drain(void *user)
{
    struct lookup *lookup = user;
    lock(lookup);
    while (!lookup->pipeline.stop && !(lookup->in_use == 0 && lookup->pipeline.idle))
        wait_for_change(lookup);
    const bool more = !lookup->pipeline.stop;
    unlock(lookup);
    return more;
}

static bool stopping(void *user)
{
    struct lookup *lookup = user;
    lock(lookup);
    const bool stop = lookup->pipeline.stop;
    unlock(lookup);
    return stop;
}

/* Whether another batch may be begun. One thread more than allowed has batches that the engine
 * looks up, so that the engine has another one while answers are formatted. */
static bool is_turn(const struct lookup *lookup)
{
    const struct pipeline *pipeline = &lookup->pipeline;
    const unsigned limit = lookup->options.threads + (lookup->in_memory ? 0 : 1);
    return !pipeline->reading && pipeline->active < limit && lookup->in_use < lookup->max_in_use;
}

/* With the lock held: wait for the turn to read. False: no more lines. */
static bool wait_for_turn(struct lookup *lookup)
{
    const struct pipeline *pipeline = &lookup->pipeline;
    while (!pipeline->stop && !pipeline->ended && !is_turn(lookup))
        (void)pthread_cond_wait(&lookup->pipeline.turn, &lookup->pipeline.mutex);
    return !pipeline->stop && !pipeline->ended;
}

/* With the lock held, except while lines are read. NULL: no more batches. */
static struct slot *read_batch(struct lookup *lookup)
{
    struct pipeline *pipeline = &lookup->pipeline;
    if (!wait_for_turn(lookup))
        return NULL;
    /* It stays the same slot while older ones are finished. */
    struct slot *slot = &lookup->slots[(lookup->oldest + lookup->in_use) % lookup->slot_count];
    slot->limit = lookup->batch_size;
    pipeline->reading = true;
    unlock(lookup);
    const int result = slot_read(slot, lookup->reader);
    lock(lookup);
    pipeline->reading = false;
    if (result == INPUT_FAILED)
        lookup_add_status(lookup, lookup->reader->status);
    if (result != INPUT_MORE) {
        pipeline->ended = true;
        changed(lookup);
        end_turns(lookup);
    }
    if (result != INPUT_MORE || pipeline->stop)
        return NULL;
    slot->done = false;
    slot->by_engine = !lookup->in_memory && slot->limit > SLOT_INLINE_MAX;
    pipeline->idle = false;
    pipeline->active++;
    lookup->in_use++;
    pass_turn(lookup);
    return slot;
}

static void *run_thread(void *user)
{
    struct lookup *lookup = user;
    const bool format = !lookup->answers.writer.output->terminal;
    struct slot *slot;
    lock(lookup);
    while ((slot = read_batch(lookup)) != NULL) {
        unlock(lookup);
        slot_look_up(slot, &lookup->reader->format);
        if (format)
            slot_format(slot);
        lock(lookup);
        slot->done = true;
        lookup->pipeline.active--;
        if (slot == &lookup->slots[lookup->oldest])
            changed(lookup);
        pass_turn(lookup);
    }
    lookup->pipeline.running--;
    changed(lookup);
    unlock(lookup);
    return NULL;
}

/* Start as many threads as possible. Signals are for the calling thread, whose writes they
 * interrupt. Returns the number of threads. */
static unsigned start_threads(struct lookup *lookup)
{
    struct pipeline *pipeline = &lookup->pipeline;
    sigset_t all, before;
    unsigned count = 0;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    lock(lookup); /* `running` is right when the first one ends */
    while (count < lookup->options.threads + 1 &&
           pthread_create(&pipeline->threads[count], NULL, run_thread, lookup) == 0)
        count++;
    pipeline->running = count;
    unlock(lookup);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

/* ---------------------------------------------------------------- the calling thread */

/* With the lock held: everything read so far is answered. Whoever writes the keys may wait for the
 * answers. */
static void become_idle(struct lookup *lookup)
{
    unlock(lookup);
    output_flush(lookup->answers.writer.output);
    lock(lookup);
    lookup->pipeline.idle = lookup->in_use == 0;
    changed(lookup);
}

/* With the lock held, except while answers are written. */
static void write_answers(struct lookup *lookup)
{
    while (lookup_can_continue(lookup) && !signals_caught()) {
        struct slot *slot = &lookup->slots[lookup->oldest];
        if (lookup->in_use > 0 && slot->done) {
            unlock(lookup);
            const int status = lookup_finish(lookup, slot);
            lock(lookup);
            lookup_add_status(lookup, status);
            if (!lookup->stopped)
                lookup_adapt(lookup, slot);
            lookup->oldest = (lookup->oldest + 1) % lookup->slot_count;
            lookup->in_use--;
            pass_turn(lookup);
        } else if (lookup->in_use == 0 && !lookup->pipeline.idle) {
            become_idle(lookup);
        } else if (lookup->in_use == 0 && lookup->pipeline.ended) {
            break;
        } else {
            platform_cond_wait_briefly(&lookup->pipeline.changed, &lookup->pipeline.mutex);
        }
    }
    if (signals_caught())
        lookup_add_status(lookup, STATUS_INTERRUPTED);
}

/* With the lock held: end all threads. What they are looking up is canceled. */
static void stop_threads(struct lookup *lookup)
{
    lookup->pipeline.stop = true;
    changed(lookup);
    end_turns(lookup);
    while (lookup->pipeline.running > 0) {
        for (unsigned i = 0; i < lookup->slot_count; i++)
            slot_cancel(&lookup->slots[i]);
        platform_cond_wait_briefly(&lookup->pipeline.changed, &lookup->pipeline.mutex);
    }
}

/* False: there is nothing to destroy. */
static bool init_pipeline(struct pipeline *pipeline)
{
    if (pthread_mutex_init(&pipeline->mutex, NULL) != 0)
        return false;
    const bool turn = pthread_cond_init(&pipeline->turn, NULL) == 0;
    if (turn && platform_cond_init(&pipeline->changed) == 0)
        return true;
    if (turn)
        (void)pthread_cond_destroy(&pipeline->turn);
    (void)pthread_mutex_destroy(&pipeline->mutex);
    return false;
}

bool lookup_run_threaded(struct lookup *lookup)
{
    struct pipeline *pipeline = &lookup->pipeline;
    struct input *input = &lookup->reader->input;
    if (!init_pipeline(pipeline))
        return false;
    pipeline->idle = true;
    input->drain = drain;
    input->stopping = stopping;
    input->drain_user = lookup;
    const unsigned threads = start_threads(lookup);
    if (threads > 0) {
        lock(lookup);
        write_answers(lookup);
        stop_threads(lookup);
        unlock(lookup);
    }
    for (unsigned i = 0; i < threads; i++)
        (void)pthread_join(pipeline->threads[i], NULL);
    input->stopping = NULL;
    (void)pthread_cond_destroy(&pipeline->changed);
    (void)pthread_cond_destroy(&pipeline->turn);
    (void)pthread_mutex_destroy(&pipeline->mutex);
    return threads > 0;
}
