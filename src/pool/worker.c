/*
 * A worker's loop: take shards, keep their reads in flight, finish them.
 *
 *     take     shards from the queue, while there is room in the windows
 *     plan     a read of each shard in turn, until the windows are full, or reads have finished
 *     reap     one finished read, which makes the next ones possible
 *     retire   shards that have nothing left to do
 *
 * Since every shard in flight plans one read in turn, a shard of a huge batch and one of a small
 * batch share the window evenly. While the window is full, or there are finished reads to look at
 * soon after a shard was taken, only batches that nobody has begun are taken beside those in
 * flight.
 */
#include "backends.h"
#include "core/base/clock.h"
#include "core/io/io_pread.h"
#include "core/lookup/fetch.h"
#include "core/resident/resident.h"
#include "pool/engine.h"

#include <errno.h>

/* Shards in flight in one worker; more wait in the queue. */
#define ACTIVE_MAX 64

/* Reads with pread for each time that the ring is waited for, if there are both. */
#define PLAIN_READS 16

/* Reads from the page cache in about the time that it takes another worker to wake up. */
#define WAKING_READS 256

/* A ring that could not be had is tried again after so many nanoseconds. */
#define RING_RETRY UINT64_C(1000000000)

/* ---------------------------------------------------------------- windows */

static void set_ring_code(struct ikv_worker *worker, int code)
{
    worker->ring_code = code;
    worker->ring_tried = ikv_clock();
    atomic_store_explicit(&worker->engine->ring_code, code, memory_order_relaxed);
}

/* A worker's share of the bytes in flight; 0: no limit. */
static uint64_t max_bytes(const ikv_engine_options *options)
{
    return options->max_bytes_in_flight
               ? ikv_max(options->max_bytes_in_flight / options->threads, 1)
               : 0;
}

static bool is_broken(const struct ikv_window *ring)
{
    return ring->backend->is_broken && ring->backend->is_broken(ring->io);
}

/* A ring that was opened for reads through the page cache is opened anew for direct ones, and one
 * that the kernel serves no more in any case; but not while it is in use. */
static bool is_to_be_opened(const struct ikv_window *ring, bool direct)
{
    if (!ring->backend)
        return true;
    return ikv_window_is_idle(ring) && (is_broken(ring) || (direct && !ring->direct));
}

static int open_ring(struct ikv_worker *worker, bool direct)
{
    const ikv_engine_options *options = &worker->engine->options;
    const struct ikv_io_backend *backend = ikv_io_ring();
    const struct ikv_window_options wanted = {
        .depth = options->depth,
        .max_bytes = max_bytes(options),
        .direct = direct || worker->ring.direct,
    };
    struct ikv_window ring;

    if (!backend)
        return IKV_E_UNSUPPORTED;
    if (!is_to_be_opened(&worker->ring, direct))
        return is_broken(&worker->ring) ? -EIO : 0;
    if (worker->ring_code && ikv_clock() - worker->ring_tried < RING_RETRY)
        return worker->ring_code;
    int code = ikv_window_open(&ring, backend, &wanted);
    if (code < 0 && worker->ring.backend && !is_broken(&worker->ring))
        return 0; /* the one there is will do */
    set_ring_code(worker, code);
    ikv_window_close(&worker->ring);
    if (code == 0)
        worker->ring = ring;
    return code;
}

static int open_plain(struct ikv_worker *worker)
{
    const struct ikv_window_options window = {.max_bytes = max_bytes(&worker->engine->options)};

    return worker->plain.backend ? 0 : ikv_window_open(&worker->plain, &ikv_io_pread, &window);
}

static struct ikv_job *job_of(const struct ikv_run *run)
{
    return run->owner;
}

/* The window for a shard's reads. *ret_fallback: why it is not the ring that was wanted. */
static int choose_window(struct ikv_worker *worker, const struct ikv_run *run,
                         struct ikv_window **ret_window, int *ret_fallback)
{
    const struct ikv_store *store = run->batch->store;

    *ret_fallback = 0;
    if (store->backend_wanted == IKV_BACKEND_AUTO || store->backend_wanted == IKV_BACKEND_URING) {
        int code = open_ring(worker, store->reads->direct);
        if (code == 0) {
            *ret_window = &worker->ring;
            atomic_store_explicit(&job_of(run)->attachment->used_ring, true, memory_order_relaxed);
            return 0;
        }
        *ret_fallback = code;
        if (store->backend_wanted == IKV_BACKEND_URING)
            return code;
    }
    *ret_window = &worker->plain;
    return open_plain(worker);
}

static bool has_room(const struct ikv_window *window)
{
    return !window->backend || !ikv_window_is_full(window);
}

/* Whether it may take one more shard of a batch that is begun. While it has enough to do the shard
 * is another worker's, who may just be waking up; but not for long. */
static bool has_time(const struct ikv_worker *worker)
{
    return (!worker->is_busy || !worker->active || worker->reaped >= WAKING_READS) &&
           has_room(&worker->ring) && has_room(&worker->plain);
}

/* ---------------------------------------------------------------- shards in flight */

static void activate(struct ikv_worker *worker, struct ikv_run *run)
{
    if (worker->active) {
        run->next = worker->active->next;
        worker->active->next = run;
    } else {
        run->next = run;
    }
    worker->active = run;
    worker->active_count++;
}

/* The run behind `before` in the ring leaves it. */
static struct ikv_run *deactivate(struct ikv_worker *worker, struct ikv_run *before)
{
    struct ikv_run *run = before->next;

    before->next = run->next;
    worker->active = before == run ? NULL : before;
    worker->active_count--;
    return run;
}

static unsigned number_of(const struct ikv_worker *worker)
{
    return (unsigned)(worker - worker->engine->workers);
}

static void begin(struct ikv_worker *worker, struct ikv_run *run)
{
    struct ikv_window *window = NULL;
    int fallback = 0;

    if (run->is_resident) {
        ikv_run_check_map(run);
        ikv_resident_run(run);
        if (run->fatal)
            ikv_batch_cancel(run->batch);
        ikv_job_run_finished(job_of(run));
        return;
    }
    int code = choose_window(worker, run, &window, &fallback);
    run->stats.fallback = fallback;
    if (code < 0) {
        run->fatal = code;
        ikv_batch_cancel(run->batch);
        ikv_job_run_finished(job_of(run));
        return;
    }
    ikv_fetch_begin(run, window);
    ikv_run_check_map(run);
    ikv_store *store = job_of(run)->attachment->store;
    run->file = ikv_own_file(&store->own_files, store->reads, number_of(worker));
    activate(worker, run);
    worker->reaped = 0;
}

static void finish(struct ikv_run *run)
{
    if (run->fatal)
        ikv_batch_cancel(run->batch);
    else
        ikv_fetch_finish(run);
    ikv_job_run_finished(job_of(run));
}

/* ---------------------------------------------------------------- the loop */

static void plan_in_turn(struct ikv_worker *worker)
{
    unsigned idle = 0; /* runs one after another that had nothing to plan */

    while (idle < worker->active_count && !ikv_window_has_finished(&worker->ring)) {
        idle = ikv_fetch_plan(worker->active) ? 0 : idle + 1;
        worker->active = worker->active->next;
    }
    worker->is_busy = idle < worker->active_count;
}

static void reap(struct ikv_worker *worker)
{
    struct ikv_window *plain = &worker->plain;
    struct ikv_window *ring = &worker->ring;

    worker->reaped++;
    /* Waiting for the ring may take as long as many reads from the page cache. */
    for (unsigned n = 0; n < PLAIN_READS && plain->backend && !ikv_window_is_idle(plain); n++) {
        ikv_fetch_complete(ikv_window_reap(plain));
        if (!ring->backend || ikv_window_is_idle(ring))
            return;
        plan_in_turn(worker);
    }
    if (ring->backend && !ikv_window_is_idle(ring))
        ikv_fetch_complete(ikv_window_reap(ring));
}

static void retire(struct ikv_worker *worker)
{
    struct ikv_run *before = worker->active;

    for (unsigned left = worker->active_count; left > 0; left--) {
        if (ikv_fetch_is_done(before->next))
            finish(deactivate(worker, before));
        else
            before = before->next;
    }
}

/* Something to be looked at in the engine, with its lock. Hints are enough: what was missed now is
 * seen after the next read. */
static bool is_wanted(const struct ikv_worker *worker)
{
    struct ikv_engine *engine = worker->engine;

    if (atomic_load_explicit(&engine->forget_number, memory_order_relaxed) != worker->forgotten)
        return true;
    if (worker->active_count >= ACTIVE_MAX)
        return false;
    if (atomic_load_explicit(&engine->schedule.fresh, memory_order_relaxed) > 0)
        return true;
    return has_time(worker) &&
           atomic_load_explicit(&engine->schedule.shards, memory_order_relaxed) > 0;
}

static void drive(struct ikv_worker *worker)
{
    while (worker->active) {
        plan_in_turn(worker); /* first: what is in flight fills the room that it left itself */
        if (is_wanted(worker))
            return;
        reap(worker);
        retire(worker);
    }
}

/* Let go of the files of a store that is being closed. The lock is held. */
static void forget(struct ikv_worker *worker)
{
    struct ikv_engine *engine = worker->engine;
    const struct ikv_window *ring = &worker->ring;

    if (engine->forget_number == worker->forgotten)
        return;
    worker->forgotten = engine->forget_number;
    if (ring->backend && ring->backend->forget_file) {
        ring->backend->forget_file(ring->io, &engine->forget->file);
        ring->backend->forget_file(ring->io, &engine->forget->direct);
        const struct ikv_io_file *own =
            ikv_own_file_if_open(&engine->forget->own_files, number_of(worker));
        if (own)
            ring->backend->forget_file(ring->io, own);
    }
    if (--engine->forget_left == 0)
        (void)pthread_cond_broadcast(&engine->quiet);
}

/* The lock is held when it is called, and when it returns. */
static void take(struct ikv_worker *worker)
{
    struct ikv_engine *engine = worker->engine;

    while (worker->active_count < ACTIVE_MAX) {
        struct ikv_run *run = ikv_schedule_take(&engine->schedule, !has_time(worker));
        if (!run)
            return;
        (void)pthread_mutex_unlock(&engine->lock);
        begin(worker, run);
        if (worker->active)
            plan_in_turn(worker);
        (void)pthread_mutex_lock(&engine->lock);
    }
}

void *ikv_worker_main(void *argument)
{
    struct ikv_worker *worker = argument;
    struct ikv_engine *engine = worker->engine;

    atomic_store_explicit(&worker->number, ikv_thread_number(), memory_order_relaxed);
    (void)pthread_mutex_lock(&engine->lock);
    for (;;) {
        forget(worker);
        take(worker);
        if (worker->active) {
            (void)pthread_mutex_unlock(&engine->lock);
            drive(worker);
            (void)pthread_mutex_lock(&engine->lock);
        } else if (engine->forget_number == worker->forgotten && !engine->schedule.turn) {
            if (engine->state == IKV_ENGINE_CLOSED)
                break;
            (void)pthread_cond_wait(&engine->work, &engine->lock);
        }
    }
    (void)pthread_mutex_unlock(&engine->lock);
    ikv_window_close(&worker->ring);
    ikv_window_close(&worker->plain);
    return NULL;
}
