#include "pool/worker.h"

#include "core/base/thread.h"
#include "core/lookup/fetch.h"
#include "core/resident/resident.h"

/* Runs in flight in one worker; more stay in the queue. */
#define ACTIVE_MAX 64

/* Reads with pread for each wait for the ring, if runs use both. */
#define PLAIN_READS 16

/* Reads from the page cache in about the time that waking another worker takes. */
#define WAKING_READS 256

/* ---------------------------------------------------------------- runs in flight */

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

/* Remove the run after `before` from the ring. */
static struct ikv_run *deactivate(struct ikv_worker *worker, struct ikv_run *before)
{
    struct ikv_run *run = before->next;

    before->next = run->next;
    worker->active = before == run ? NULL : before;
    worker->active_count--;
    return run;
}

/* The run was executed, or can't be. */
static void end(struct ikv_run *run)
{
    if (run->fatal)
        ikv_batch_cancel(run->batch);
    ikv_queue_finish_run(run);
}

static void begin(struct ikv_worker *worker, struct ikv_run *run)
{
    struct ikv_client *client = ikv_job_of(run)->client;
    struct ikv_store *store = client->store;
    struct ikv_window *window = NULL;

    if (run->is_resident) {
        ikv_run_check_map(run);
        ikv_resident_run(run);
        end(run);
        return;
    }
    int code = ikv_windows_choose(&worker->windows, store, &window, &run->stats.fallback);
    if (code < 0) {
        run->fatal = code;
        end(run);
        return;
    }
    if (window == &worker->windows.ring)
        atomic_store_explicit(&client->used_ring, true, memory_order_relaxed);
    ikv_fetch_begin(run, window);
    ikv_run_check_map(run);
    run->file = ikv_thread_file(&store->thread_files, store->reads, worker->number);
    activate(worker, run);
    worker->reaped = 0;
}

/* ---------------------------------------------------------------- the loop */

/* Whether it may take another run of a begun job. While it has enough to do, such runs are for
 * other workers, which may just be waking up; but not for long. */
static bool has_time(const struct ikv_worker *worker)
{
    return (!worker->is_busy || !worker->active || worker->reaped >= WAKING_READS) &&
           ikv_windows_have_room(&worker->windows);
}

static void plan_in_turn(struct ikv_worker *worker)
{
    unsigned idle = 0; /* consecutive runs that had nothing to plan */

    while (idle < worker->active_count && !ikv_window_has_finished(&worker->windows.ring) &&
           !ikv_window_has_finished(&worker->windows.remote)) {
        idle = ikv_fetch_plan(worker->active) ? 0 : idle + 1;
        worker->active = worker->active->next;
    }
    worker->is_busy = idle < worker->active_count;
}

static bool is_idle(const struct ikv_window *window)
{
    return !window->backend || ikv_window_is_idle(window);
}

static void reap(struct ikv_worker *worker)
{
    struct ikv_window *plain = &worker->windows.plain;
    struct ikv_window *ring = &worker->windows.ring;
    struct ikv_window *remote = &worker->windows.remote;

    worker->reaped++;
    /* Waiting for the network is for when nothing else is left. */
    if (!is_idle(remote) &&
        (ikv_window_has_finished(remote) || (is_idle(plain) && is_idle(ring)))) {
        ikv_fetch_complete(ikv_window_reap(remote));
        return;
    }
    /* Waiting for the ring may take as long as many reads from the page cache. */
    for (unsigned n = 0; n < PLAIN_READS && !is_idle(plain); n++) {
        ikv_fetch_complete(ikv_window_reap(plain));
        if (is_idle(ring))
            return;
        plan_in_turn(worker);
    }
    if (!is_idle(ring))
        ikv_fetch_complete(ikv_window_reap(ring));
}

static void retire(struct ikv_worker *worker)
{
    struct ikv_run *before = worker->active;

    for (unsigned left = worker->active_count; left > 0; left--) {
        if (!ikv_fetch_is_done(before->next)) {
            before = before->next;
            continue;
        }
        struct ikv_run *run = deactivate(worker, before);
        if (!run->fatal)
            ikv_fetch_finish(run);
        end(run);
    }
}

/* Whether the queue has something for it: hints, read without the lock. What is missed now is seen
 * after the next read. */
static bool is_wanted(const struct ikv_worker *worker)
{
    const struct ikv_queue *queue = worker->queue;

    if (atomic_load_explicit(&queue->release_count, memory_order_relaxed) != worker->release_count)
        return true;
    if (worker->active_count >= ACTIVE_MAX)
        return false;
    if (atomic_load_explicit(&queue->schedule.fresh, memory_order_relaxed) > 0)
        return true;
    return has_time(worker) &&
           atomic_load_explicit(&queue->schedule.runs, memory_order_relaxed) > 0;
}

static void drive(struct ikv_worker *worker)
{
    while (worker->active) {
        plan_in_turn(worker); /* first: runs in flight fill the slots that they have freed */
        if (is_wanted(worker))
            return;
        reap(worker);
        retire(worker);
    }
}

/* Release the files of a store that is being closed. The lock is held. */
static void release_files(struct ikv_worker *worker)
{
    struct ikv_queue *queue = worker->queue;
    const struct ikv_window *ring = &worker->windows.ring;

    if (queue->release_count == worker->release_count)
        return;
    worker->release_count = queue->release_count;
    if (ring->backend && ring->backend->unregister_file) {
        const struct ikv_store *store = queue->releasing;
        ring->backend->unregister_file(ring->io, &store->file);
        ring->backend->unregister_file(ring->io, &store->direct);
        const struct ikv_io_file *own =
            ikv_thread_file_if_open(&store->thread_files, worker->number);
        if (own)
            ring->backend->unregister_file(ring->io, own);
    }
    if (--queue->release_left == 0)
        (void)pthread_cond_broadcast(&queue->quiet);
}

/* The lock is held when it is called and when it returns. */
static void take(struct ikv_worker *worker)
{
    struct ikv_queue *queue = worker->queue;

    while (worker->active_count < ACTIVE_MAX) {
        struct ikv_run *run = ikv_schedule_take(&queue->schedule, !has_time(worker));
        if (!run)
            return;
        (void)pthread_mutex_unlock(&queue->lock);
        begin(worker, run);
        if (worker->active)
            plan_in_turn(worker);
        (void)pthread_mutex_lock(&queue->lock);
    }
}

void *ikv_worker_main(void *argument)
{
    struct ikv_worker *worker = argument;
    struct ikv_queue *queue = worker->queue;

    atomic_store_explicit(&worker->thread_number, ikv_thread_number(), memory_order_relaxed);
    (void)pthread_mutex_lock(&queue->lock);
    for (;;) {
        release_files(worker);
        take(worker);
        if (worker->active) {
            (void)pthread_mutex_unlock(&queue->lock);
            drive(worker);
            (void)pthread_mutex_lock(&queue->lock);
        } else if (queue->release_count == worker->release_count && !queue->schedule.turn) {
            if (queue->state == IKV_QUEUE_CLOSED)
                break;
            (void)pthread_cond_wait(&queue->work, &queue->lock);
        }
    }
    (void)pthread_mutex_unlock(&queue->lock);
    ikv_windows_close(&worker->windows);
    return NULL;
}
