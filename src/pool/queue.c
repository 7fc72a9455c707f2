#include "pool/queue.h"

#include "pool/completions.h"

int ikv_queue_init(struct ikv_queue *queue, unsigned max_jobs)
{
    queue->max_jobs = max_jobs;
    if (pthread_mutex_init(&queue->lock, NULL) != 0)
        return -ENOMEM;
    if (pthread_cond_init(&queue->work, NULL) != 0)
        goto no_work;
    if (pthread_cond_init(&queue->room, NULL) != 0)
        goto no_room;
    if (pthread_cond_init(&queue->quiet, NULL) != 0)
        goto no_quiet;
    return 0;

no_quiet:
    (void)pthread_cond_destroy(&queue->room);
no_room:
    (void)pthread_cond_destroy(&queue->work);
no_work:
    (void)pthread_mutex_destroy(&queue->lock);
    return -ENOMEM;
}

void ikv_queue_destroy(struct ikv_queue *queue)
{
    (void)pthread_cond_destroy(&queue->work);
    (void)pthread_cond_destroy(&queue->room);
    (void)pthread_cond_destroy(&queue->quiet);
    (void)pthread_mutex_destroy(&queue->lock);
}

/* ---------------------------------------------------------------- pushing */

/* The lock is held. */
static int wait_for_room(struct ikv_queue *queue, bool may_wait)
{
    while (queue->state != IKV_QUEUE_CLOSED && queue->job_count >= queue->max_jobs) {
        if (!may_wait)
            return -EAGAIN;
        queue->waiters++;
        (void)pthread_cond_wait(&queue->room, &queue->lock);
        if (--queue->waiters == 0 && queue->state == IKV_QUEUE_CLOSED)
            (void)pthread_cond_broadcast(&queue->quiet);
    }
    return queue->state == IKV_QUEUE_CLOSED ? IKV_E_CANCELED : 0;
}

static void link_job(struct ikv_queue *queue, struct ikv_job *job)
{
    job->prev = NULL;
    job->next = queue->jobs;
    if (queue->jobs)
        queue->jobs->prev = job;
    queue->jobs = job;
    queue->job_count++;
}

static void unlink_job(struct ikv_queue *queue, struct ikv_job *job)
{
    if (job->prev)
        job->prev->next = job->next;
    else
        queue->jobs = job->next;
    if (job->next)
        job->next->prev = job->prev;
    queue->job_count--;
}

/* The lock is held. */
static void schedule_runs(struct ikv_queue *queue, struct ikv_job *job)
{
    ikv_schedule_push(&queue->schedule, &job->client->lane, job);
    if (job->run_count == 1)
        (void)pthread_cond_signal(&queue->work);
    else
        (void)pthread_cond_broadcast(&queue->work);
}

int ikv_queue_push(struct ikv_client *client, struct ikv_job *job, bool may_wait)
{
    struct ikv_queue *queue = client->queue;

    job->client = client;
    (void)pthread_mutex_lock(&queue->lock);
    int code = wait_for_room(queue, may_wait);
    if (client->is_closing)
        code = IKV_E_CANCELED;
    if (code == 0) {
        atomic_store_explicit(&job->busy, true, memory_order_release);
        client->job_count++;
        link_job(queue, job);
        schedule_runs(queue, job);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return code;
}

/* ---------------------------------------------------------------- ends of jobs */

/* Release the job, and report its end. */
static void report(struct ikv_job *job)
{
    const ikv_done_fn done = job->done;
    ikv_completions *const completions = job->completions;
    void *const user = job->user;
    ikv_result *const result = job->result;
    const int code = job->code;

    ikv_job_release(job);
    if (done)
        done(user, result, code);
    else if (completions)
        ikv_completions_push(completions, job);
}

static void end_job(struct ikv_job *job)
{
    struct ikv_client *client = job->client;
    struct ikv_queue *queue = client->queue;

    (void)pthread_mutex_lock(&queue->lock);
    unlink_job(queue, job);
    /* Every job that ends wakes a waiter: one that was woken before may not have run yet. */
    if (queue->waiters > 0)
        (void)pthread_cond_signal(&queue->room);
    (void)pthread_mutex_unlock(&queue->lock);

    report(job);

    (void)pthread_mutex_lock(&queue->lock);
    if (--client->job_count == 0)
        (void)pthread_cond_broadcast(&queue->quiet);
    (void)pthread_mutex_unlock(&queue->lock);
}

void ikv_queue_finish_run(struct ikv_run *run)
{
    struct ikv_job *job = ikv_job_of(run);
    struct ikv_queue *queue = job->client->queue;

    /* Release what this worker wrote, acquire what the others wrote. */
    if (atomic_fetch_sub_explicit(&job->runs_left, 1, memory_order_acq_rel) != 1)
        return;
    if (!job->ops->advance(job, queue->workers)) {
        end_job(job);
        return;
    }
    (void)pthread_mutex_lock(&queue->lock);
    schedule_runs(queue, job);
    (void)pthread_mutex_unlock(&queue->lock);
}

/* ---------------------------------------------------------------- closing */

/* Cancel the jobs of a client, or (NULL) all. The lock is held. */
static void cancel(struct ikv_queue *queue, const struct ikv_client *client)
{
    for (struct ikv_job *job = queue->jobs; job; job = job->next)
        if (!client || job->client == client)
            job->ops->cancel(job);
}

void ikv_queue_close(struct ikv_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->state = IKV_QUEUE_CLOSED;
    cancel(queue, NULL);
    (void)pthread_cond_broadcast(&queue->work);
    (void)pthread_cond_broadcast(&queue->room);
    while (queue->waiters > 0)
        (void)pthread_cond_wait(&queue->quiet, &queue->lock);
    (void)pthread_mutex_unlock(&queue->lock);
}

void ikv_queue_close_client(struct ikv_client *client)
{
    struct ikv_queue *queue = client->queue;

    (void)pthread_mutex_lock(&queue->lock);
    client->is_closing = true; /* callbacks may submit more */
    cancel(queue, client);
    while (client->job_count > 0)
        (void)pthread_cond_wait(&queue->quiet, &queue->lock);
    (void)pthread_mutex_unlock(&queue->lock);
}

void ikv_queue_release_files(struct ikv_client *client)
{
    struct ikv_queue *queue = client->queue;

    if (!atomic_load_explicit(&client->used_ring, memory_order_relaxed))
        return;
    (void)pthread_mutex_lock(&queue->lock);
    while (queue->releasing && queue->state == IKV_QUEUE_RUNNING)
        (void)pthread_cond_wait(&queue->quiet, &queue->lock);
    if (queue->state == IKV_QUEUE_RUNNING) { /* otherwise the rings are gone, or will be */
        queue->releasing = client->store;
        queue->release_left = queue->workers;
        atomic_fetch_add(&queue->release_count, 1);
        (void)pthread_cond_broadcast(&queue->work);
        while (queue->release_left > 0)
            (void)pthread_cond_wait(&queue->quiet, &queue->lock);
        queue->releasing = NULL;
        (void)pthread_cond_broadcast(&queue->quiet);
    }
    (void)pthread_mutex_unlock(&queue->lock);
}
