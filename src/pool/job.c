/* The way of a batch through an engine: pushed, run by workers, completed. */
#include "pool/engine.h"

#include <errno.h>

int ikv_job_init(struct ikv_job *job, ikv_result *result)
{
    *job = (struct ikv_job){.result = result};
    if (pthread_mutex_init(&job->lock, NULL) != 0)
        return -ENOMEM;
    if (pthread_cond_init(&job->finished, NULL) != 0) {
        (void)pthread_mutex_destroy(&job->lock);
        return -ENOMEM;
    }
    return 0;
}

bool ikv_job_is_busy(struct ikv_job *job)
{
    return atomic_load_explicit(&job->busy, memory_order_acquire);
}

static void wait_for(struct ikv_job *job)
{
    (void)pthread_mutex_lock(&job->lock);
    while (ikv_job_is_busy(job))
        (void)pthread_cond_wait(&job->finished, &job->lock);
    (void)pthread_mutex_unlock(&job->lock);
}

void ikv_job_destroy(struct ikv_job *job)
{
    ikv_cancel(job->result);
    wait_for(job);
    (void)pthread_cond_destroy(&job->finished);
    (void)pthread_mutex_destroy(&job->lock);
}

void ikv_cancel(ikv_result *result)
{
    if (result && ikv_job_is_busy(&result->job))
        atomic_store_explicit(&result->batch.canceled, true, memory_order_relaxed);
}

/* ---------------------------------------------------------------- pushing */

/* Wait for a place in the queue; the lock is held. */
static int wait_for_room(struct ikv_engine *engine, bool may_wait)
{
    while (engine->state != IKV_ENGINE_CLOSED && engine->batches >= engine->options.max_batches) {
        if (!may_wait)
            return -EAGAIN;
        engine->waiters++;
        (void)pthread_cond_wait(&engine->room, &engine->lock);
        if (--engine->waiters == 0 && engine->state == IKV_ENGINE_CLOSED)
            (void)pthread_cond_broadcast(&engine->quiet);
    }
    return engine->state == IKV_ENGINE_CLOSED ? IKV_E_CANCELED : 0;
}

static void link_job(struct ikv_engine *engine, struct ikv_job *job)
{
    job->prev = NULL;
    job->next = engine->jobs;
    if (engine->jobs)
        engine->jobs->prev = job;
    engine->jobs = job;
}

static void unlink_job(struct ikv_engine *engine, struct ikv_job *job)
{
    if (job->prev)
        job->prev->next = job->next;
    else
        engine->jobs = job->next;
    if (job->next)
        job->next->prev = job->prev;
}

/* The runs that are to be run now. */
static void set_runs(struct ikv_job *job)
{
    struct ikv_result *result = job->result;

    job->next_run = result->run_first;
    atomic_store_explicit(&job->left, result->run_count - result->run_first, memory_order_relaxed);
    for (unsigned i = result->run_first; i < result->run_count; i++)
        result->runs[i]->owner = job;
}

/* The lock is held. */
static void push_runs(struct ikv_engine *engine, struct ikv_job *job)
{
    ikv_schedule_push(&engine->schedule, &job->attachment->lane, job);
    if (job->result->run_count - job->result->run_first == 1)
        (void)pthread_cond_signal(&engine->work);
    else
        (void)pthread_cond_broadcast(&engine->work);
}

/* Hand a batch over to the workers. From here on it is theirs. */
static int push(struct ikv_attachment *attachment, struct ikv_result *result, bool may_wait)
{
    struct ikv_engine *engine = attachment->engine;
    struct ikv_job *job = &result->job;

    job->attachment = attachment;
    set_runs(job);
    (void)pthread_mutex_lock(&engine->lock);
    int code = wait_for_room(engine, may_wait);
    if (attachment->is_closing)
        code = IKV_E_CANCELED;
    if (code == 0) {
        atomic_store_explicit(&job->busy, true, memory_order_release);
        engine->batches++;
        attachment->batches++;
        link_job(engine, job);
        push_runs(engine, job);
    }
    (void)pthread_mutex_unlock(&engine->lock);
    return code;
}

void ikv_jobs_cancel(struct ikv_engine *engine, const struct ikv_attachment *attachment)
{
    for (struct ikv_job *job = engine->jobs; job; job = job->next)
        if (!attachment || job->attachment == attachment)
            atomic_store_explicit(&job->result->batch.canceled, true, memory_order_relaxed);
}

/* ---------------------------------------------------------------- completing */

/* Say that it is done. Then the result, and the job in it, are the caller's again. */
static void make_known(struct ikv_job *job)
{
    struct ikv_result *result = job->result;
    const ikv_done_fn done = job->done;
    void *const user = job->user;
    const int code = result->code;
    ikv_completions *const completions = job->completions;

    (void)pthread_mutex_lock(&job->lock);
    atomic_store_explicit(&job->busy, false, memory_order_release);
    (void)pthread_cond_broadcast(&job->finished);
    (void)pthread_mutex_unlock(&job->lock);
    if (done)
        done(user, result, code);
    else if (completions)
        ikv_completions_push(completions, result);
}

void ikv_job_run_finished(struct ikv_job *job)
{
    struct ikv_attachment *attachment = job->attachment;
    struct ikv_engine *engine = attachment->engine;
    int code = 0;

    /* Release what this shard's worker wrote, acquire what the others' did. */
    if (atomic_fetch_sub_explicit(&job->left, 1, memory_order_acq_rel) != 1)
        return;
    if (ikv_lookup_goes_on(job->result, engine->started, &code)) {
        set_runs(job);
        (void)pthread_mutex_lock(&engine->lock);
        push_runs(engine, job);
        (void)pthread_mutex_unlock(&engine->lock);
        return;
    }
    ikv_lookup_end(job->result, code);

    (void)pthread_mutex_lock(&engine->lock);
    unlink_job(engine, job);
    engine->batches--;
    /* Each place that gets free wakes one: the one before may not have come yet to take its own. */
    if (engine->waiters > 0)
        (void)pthread_cond_signal(&engine->room);
    (void)pthread_mutex_unlock(&engine->lock);

    make_known(job);

    (void)pthread_mutex_lock(&engine->lock);
    if (--attachment->batches == 0)
        (void)pthread_cond_broadcast(&engine->quiet);
    (void)pthread_mutex_unlock(&engine->lock);
}

/* ---------------------------------------------------------------- calls */

int ikv_execute(struct ikv_attachment *attachment, ikv_result *result)
{
    struct ikv_job *job = &result->job;

    attachment = ikv_attachment_here(attachment);
    if (!attachment)
        return -ENOMEM;
    if (ikv_engine_is_worker(attachment->engine))
        return IKV_E_STATE;
    job->done = NULL;
    job->completions = NULL;
    job->to_be_waited_for = false;
    int code = push(attachment, result, true);
    if (code < 0)
        return code;
    wait_for(job);
    return 0;
}

static int check_submit(const ikv_submit_options *options, ikv_submit_options *known,
                        ikv_error *err)
{
    int code = ikv_options_copy(known, sizeof *known, options, err);

    if (code < 0)
        return code;
    if (known->on_done && known->completions)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE,
                        "submit options: on_done and completions exclude each other");
    if (known->flags & ~(uint32_t)IKV_SUBMIT_NONBLOCK)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "submit options: unknown flags");
    return 0;
}

int ikv_submit(ikv_store *store, const void *keys, size_t count, const ikv_get_options *options,
               const ikv_submit_options *submit_options, ikv_result *result, ikv_error *err)
{
    ikv_submit_options known = {0};

    int code = check_submit(submit_options, &known, err);
    if (code == 0)
        code = ikv_lookup_begin(store, keys, count, options, result, err);
    if (code < 0)
        return code;

    struct ikv_attachment *attachment = ikv_attachment_here(store->attachment);
    struct ikv_job *job = &result->job;
    const unsigned workers = attachment ? ikv_attachment_workers(attachment) : 0;
    if (workers == 0)
        code = attachment ? -EAGAIN : -ENOMEM;
    else
        code = ikv_lookup_cut(result, workers);
    job->done = known.on_done;
    job->user = known.user;
    job->completions = known.completions;
    job->to_be_waited_for = !known.on_done && !known.completions;
    if (code == 0)
        code =
            push(attachment, result,
                 !(known.flags & IKV_SUBMIT_NONBLOCK) && !ikv_engine_is_worker(attachment->engine));
    if (code < 0) {
        job->to_be_waited_for = false;
        ikv_lookup_end(result, code);
        if (err)
            *err = result->error;
    }
    return code;
}

int ikv_wait(ikv_result *result, ikv_error *err)
{
    if (!result || !result->job.to_be_waited_for)
        return ikv_fail(err, IKV_E_STATE, IKV_NOWHERE, "waiting: no batch was submitted for it");
    wait_for(&result->job);
    result->job.to_be_waited_for = false;
    if (result->code < 0 && err)
        *err = result->error;
    return result->code;
}
